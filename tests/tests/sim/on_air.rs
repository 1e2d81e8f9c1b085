//! A channel of 25 pictures a second, of which each version of the list is checked.

use std::time::Duration;

use weir_hal::{
    Clock,
    sim::{Sender, Simulation},
};
use weir_tests::stream::Encoder;

use crate::{
    checker::Checker,
    life::{BOOT, Life, SEGMENT, TURNS_PER_PICTURE, configuration, send, sender},
};

/// Between two looks of the receive thread, with so many pictures.
const TURN: Duration = Duration::from_millis(10);

/// The appliance, its source, and who reads the list.
pub(crate) struct OnAir {
    pub(crate) simulation: Simulation,
    pub(crate) life: Life,
    pub(crate) encoder: Encoder,
    pub(crate) checker: Checker,
    sender: Sender,
    configuration: String,
}

impl OnAir {
    pub(crate) async fn begin(seed: u64, encoder: Encoder, cache: &str) -> Self {
        let simulation = Simulation::new(seed);
        let configuration = configuration(SEGMENT, cache);
        Self {
            life: Life::begin(&simulation, &configuration).await,
            checker: Checker::new(seed),
            sender: sender(&simulation),
            encoder,
            simulation,
            configuration,
        }
    }

    /// One picture is sent, and what is listed then is checked.
    pub(crate) async fn picture(&mut self) {
        send(&mut self.sender, &self.encoder.picture());
        for _ in 0..TURNS_PER_PICTURE {
            self.simulation.clock.advance(TURN);
            self.life.ingest.turn();
        }
        if let Some(text) = self.life.playlist() {
            let now_ms = self.simulation.clock.monotonic().as_nanos() / 1_000_000;
            self.checker.check(&text, now_ms, &self.life.store).await;
        }
    }

    /// What was finished is on the disk, and power is cut.
    pub(crate) async fn cut_power(&mut self) {
        self.life.flush();
        self.encoder.pts_90k += 90_000 * BOOT.as_secs();
        self.life = Life::begin_again(&mut self.simulation, BOOT, &self.configuration).await;
        self.checker.restarted();
    }
}
