//! Whether the process lives, and whether a load balancer may send players here.

use std::{
    fmt::{self, Display},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    live::{Channel, Live},
    serve::Heartbeat,
};

/// The whole path, looked at from its end: not draining, and something to play.
///
/// It exists only once the store is open, so an appliance without one is never ready.
#[derive(Debug)]
pub struct Readiness {
    live: Arc<Live>,
    is_draining: AtomicBool,
    heartbeat: Option<Arc<Heartbeat>>,
}

/// Why players should go elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// The appliance is shutting down.
    Draining,
    /// Channels are configured, but no rendition of any is on air.
    NothingOnAir,
    /// The channel asked for has no rendition on air.
    ChannelOffAir,
}

impl Display for NotReady {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Draining => "shutting down",
            Self::NothingOnAir => "no channel is on air",
            Self::ChannelOffAir => "the channel is not on air",
        })
    }
}

impl Readiness {
    /// Judges by the channels of `live`.
    pub fn new(live: Arc<Live>) -> Self {
        Self {
            live,
            is_draining: AtomicBool::new(false),
            heartbeat: None,
        }
    }

    /// Has the process live as long as this heart beats.
    #[must_use]
    pub fn beating(self, heartbeat: Arc<Heartbeat>) -> Self {
        let heartbeat = Some(heartbeat);
        Self { heartbeat, ..self }
    }

    /// Whether the process is alive, whatever it could serve.
    pub fn is_alive(&self) -> bool {
        self.heartbeat.as_ref().is_none_or(|it| it.is_alive())
    }

    /// Declares that the appliance is shutting down; there is no way back.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// The judgement at this moment.
    ///
    /// # Errors
    /// The first reason why players should go elsewhere.
    pub fn check(&self) -> Result<(), NotReady> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(NotReady::Draining);
        }
        let channels = self.live.channels();
        if channels.is_empty() || channels.iter().any(|channel| is_on_air(channel)) {
            Ok(())
        } else {
            Err(NotReady::NothingOnAir)
        }
    }

    /// Share of the channels that are on air, at least 1; 100 without channels.
    pub fn weight_percent(&self) -> usize {
        let channels = self.live.channels();
        let active = channels.iter().filter(|channel| is_on_air(channel)).count();
        (active * 100)
            .checked_div(channels.len())
            .map_or(100, |share| share.max(1))
    }

    /// The judgement of the channel called `id` alone; `None` if there is none.
    pub fn check_channel(&self, id: &str) -> Option<Result<(), NotReady>> {
        let channel = self.live.channel(id)?;
        Some(if self.is_draining.load(Ordering::Relaxed) {
            Err(NotReady::Draining)
        } else if is_on_air(&channel) {
            Ok(())
        } else {
            Err(NotReady::ChannelOffAir)
        })
    }
}

fn is_on_air(channel: &Channel) -> bool {
    let mut renditions = channel.renditions.iter();
    renditions.any(|rendition| rendition.report().state.is_on_air())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Channel, Rendition, Report, State};

    fn live_with_two_channels() -> Arc<Live> {
        let channel = |id: &str| {
            let renditions = vec![Arc::new(Rendition::new("HD".to_owned()))];
            Arc::new(Channel::new(id.to_owned(), id.to_owned(), renditions))
        };
        let live = Arc::new(Live::default());
        live.set(vec![channel("one"), channel("two")]);
        live
    }

    #[test]
    fn is_ready_without_channels() {
        assert_eq!(Readiness::new(Arc::default()).check(), Ok(()));
    }

    #[test]
    fn is_ready_once_one_rendition_is_on_air() {
        let live = live_with_two_channels();
        let readiness = Readiness::new(Arc::clone(&live));
        assert_eq!(readiness.check(), Err(NotReady::NothingOnAir));
        for state in [State::OnAir, State::NoClock] {
            live.channels()[1].renditions[0].tell(Report {
                state,
                ..Report::default()
            });
            assert_eq!(readiness.check(), Ok(()));
        }
        assert_eq!(readiness.check_channel("two"), Some(Ok(())));
        let off_air = Some(Err(NotReady::ChannelOffAir));
        assert_eq!(readiness.check_channel("one"), off_air);
        assert_eq!(readiness.check_channel("three"), None);
        readiness.drain();
        let draining = Some(Err(NotReady::Draining));
        assert_eq!(readiness.check_channel("two"), draining);
    }

    #[test]
    fn is_never_ready_again_once_draining() {
        let readiness = Readiness::new(Arc::default());
        readiness.drain();
        assert_eq!(readiness.check(), Err(NotReady::Draining));
    }
}
