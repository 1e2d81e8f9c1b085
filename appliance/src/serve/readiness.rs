//! Whether a load balancer may send players here.

use std::{
    fmt::{self, Display},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::live::{Live, State};

/// The whole path, looked at from its end: not draining, and something to play.
///
/// It exists only once the store is open, so an appliance without one is never ready.
#[derive(Debug)]
pub struct Readiness {
    live: Arc<Live>,
    is_draining: AtomicBool,
}

/// Why players should go elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// The appliance is shutting down.
    Draining,
    /// Channels are configured, but no rendition of any is on air.
    NothingOnAir,
}

impl Display for NotReady {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Draining => "shutting down",
            Self::NothingOnAir => "no channel is on air",
        })
    }
}

impl Readiness {
    /// Judges by the channels of `live`.
    pub fn new(live: Arc<Live>) -> Self {
        Self {
            live,
            is_draining: AtomicBool::new(false),
        }
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
        let is_on_air = channels
            .iter()
            .flat_map(|channel| &channel.renditions)
            .any(|rendition| rendition.report().state == State::OnAir);
        if channels.is_empty() || is_on_air {
            Ok(())
        } else {
            Err(NotReady::NothingOnAir)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Channel, Rendition, Report};

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
        live.channels()[1].renditions[0].tell(Report {
            state: State::OnAir,
            ..Report::default()
        });
        assert_eq!(readiness.check(), Ok(()));
    }

    #[test]
    fn is_never_ready_again_once_draining() {
        let readiness = Readiness::new(Arc::default());
        readiness.drain();
        assert_eq!(readiness.check(), Err(NotReady::Draining));
    }
}
