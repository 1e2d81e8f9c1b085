//! Tells `HAProxy` how much of its load this box may have: `[management] agent_check`.
//!
//! Whoever connects is sent one line and no more: `ready up 75%`, where the weight is the share of
//! channels on air; `down` while nothing is; `drain` while the appliance shuts down. `ready` takes
//! a `drain` back, which `HAProxy` would keep over a restart of the box. It takes back what an
//! operator has set there, too, who must `disable agent` first.
//!
//! Source: `HAProxy` Configuration Manual 2.6, §5.2, `agent-check`.
//! Refuses: to read. Nothing that is sent here has an effect.
//!
//! # Limits
//! One connection at a time, 1 s each; others wait in the queue of the kernel.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt, time};
use tracing::warn;
use weir_hal::{Connection, Listener};

use crate::serve::{NotReady, Readiness};

/// Longest wait for one client; a line fits in any send buffer.
const WRITE_TIME_MAX: Duration = Duration::from_secs(1);

/// Pause after a failed accept, so that a want of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on a listener of its own.
#[derive(Debug)]
pub struct AgentCheck {
    listener: Box<dyn Listener>,
    readiness: Arc<Readiness>,
}

impl AgentCheck {
    /// Answers what `readiness` judges to whoever connects to `listener`.
    pub fn new(listener: Box<dyn Listener>, readiness: Arc<Readiness>) -> Self {
        Self {
            listener,
            readiness,
        }
    }

    /// Answers until `shutdown` completes. To be called within a tokio runtime.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => return,
                accepted = poll_fn(|context| self.listener.poll_accept(context)) => accepted,
            };
            match accepted {
                Ok((connection, _address)) => tell(connection, &line(&self.readiness)).await,
                Err(error) => {
                    warn!(%error, "cannot accept an agent check");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Sends `line`. Who does not take it asks again.
async fn tell(mut connection: Box<dyn Connection>, line: &str) {
    let sending = async {
        connection.write_all(line.as_bytes()).await?;
        connection.shutdown().await
    };
    drop(time::timeout(WRITE_TIME_MAX, sending).await);
}

fn line(readiness: &Readiness) -> String {
    match readiness.check() {
        Ok(()) => format!("ready up {}%\n", readiness.weight_percent()),
        Err(NotReady::Draining) => "drain\n".to_owned(),
        Err(NotReady::NothingOnAir | NotReady::ChannelOffAir) => "down\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::AsyncReadExt;
    use weir_hal::sim::Simulation;

    use super::*;
    use crate::live::{Channel, Live, Rendition, Report, State};

    fn channels(states: &[State]) -> Arc<Live> {
        let channel = |(index, state): (usize, &State)| {
            let rendition = Rendition::new("HD".to_owned());
            rendition.tell(Report {
                state: state.clone(),
                ..Report::default()
            });
            let id = format!("CH_{index}");
            Arc::new(Channel::new(id.clone(), id, vec![Arc::new(rendition)]))
        };
        let live = Arc::new(Live::default());
        live.set(states.iter().enumerate().map(channel).collect());
        live
    }

    #[test]
    fn the_weight_is_the_share_of_channels_on_air() {
        use State::{OnAir, Silent};
        for (states, told) in [
            (&[][..], "ready up 100%\n"),
            (&[OnAir, OnAir], "ready up 100%\n"),
            (&[OnAir, OnAir, OnAir, Silent], "ready up 75%\n"),
            (&[Silent, Silent], "down\n"),
        ] {
            assert_eq!(line(&Readiness::new(channels(states))), told, "{states:?}");
        }
        let mut nearly_none = vec![Silent; 255];
        nearly_none.push(OnAir);
        let readiness = Readiness::new(channels(&nearly_none));
        assert_eq!(line(&readiness), "ready up 1%\n", "0 % would be a drain");
        readiness.drain();
        assert_eq!(line(&readiness), "drain\n");
    }

    #[tokio::test]
    async fn whoever_connects_is_sent_one_line_and_an_end() {
        let network = Simulation::new(1).board().network;
        let address = ([127, 0, 0, 1], 9_777).into();
        let listener = network.listen(address).expect("a free port");
        let readiness = Arc::new(Readiness::new(channels(&[State::OnAir])));
        let answering = tokio::spawn(AgentCheck::new(listener, readiness).run(pending()));
        for _ in 0..2 {
            let mut connection = network.connect(address).await.expect("it listens");
            let mut told = String::new();
            let read = connection.read_to_string(&mut told).await;
            assert!(read.is_ok() && told == "ready up 100%\n", "{told}");
        }
        answering.abort();
    }
}
