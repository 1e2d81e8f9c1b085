//! One channel on a simulated machine: from its sender, through the receive path as it runs, to the
//! store.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use weir::{
    app::{Ingest, Vaults, orders, store_config},
    config::Config,
    live::{Live, Report},
};
use weir_cache::Store;
use weir_hal::{Destination, Multicast as _, MulticastSender as _, sim};

use crate::stream::{Encoder, PACKET_BYTES};

/// Where the channel is sent to.
const GROUP: ([u8; 4], u16) = ([239, 255, 0, 1], 5_000);

/// The channel, its only rendition, and the machine.
#[derive(Debug)]
pub struct SimulatedChannel {
    /// The machine, whose time only moves by hand.
    pub simulation: sim::Simulation,
    /// What receives.
    pub ingest: Ingest<sim::Multicast>,
    /// What makes the pictures.
    pub encoder: Encoder,
    sender: sim::Sender,
    live: Arc<Live>,
    store: Store,
}

impl SimulatedChannel {
    /// One with a cache of this size on disk and in memory, and pictures of `encoder`.
    ///
    /// # Panics
    /// When it cannot be built.
    pub async fn start([size, memory]: [&str; 2], encoder: Encoder) -> Self {
        let simulation = sim::Simulation::new(1);
        let board = simulation.board();
        let group = SocketAddr::from(GROUP);
        let config = format!(
            "[segment]\ntarget = \"2s\"\nwindow = 5\n\
             [cache]\nsize = \"{size}\"\nmemory = \"{memory}\"\n[[channel]]\nid = \"ch\"\n\
             [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://{group}\"]\n"
        );
        let config = Config::parse(&config).expect("it is right").config;
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store = Store::open(disk, clock, &store_config(&config.cache));
        let store = store.expect("an empty disk");
        let live = Arc::new(Live::default());
        let orders = orders(&board, (&store, &Vaults::default()), &config, None).await;
        let group = Destination {
            group,
            interface: None,
            hops: 1,
        };
        let sender = board.multicast.sender(&group).expect("there is room");
        let ingest = Ingest::new(board, Arc::clone(&live));
        let mut ingest = ingest.expect("roots of TLS");
        ingest.carry(orders);
        Self {
            simulation,
            ingest,
            encoder,
            sender,
            live,
            store,
        }
    }

    /// What is told of the rendition.
    ///
    /// # Panics
    /// Never, for it is configured.
    pub fn report(&self) -> Arc<Report> {
        let channel = self.live.channel("ch").expect("it is configured");
        channel.renditions[0].report()
    }

    /// Sends the next picture.
    ///
    /// # Panics
    /// When the simulation does not take it.
    pub fn send_picture(&mut self) {
        for datagram in self.encoder.picture().chunks(7 * PACKET_BYTES) {
            self.sender.send(datagram).expect("it is taken");
        }
    }

    /// Has what is finished reach the disk.
    ///
    /// # Panics
    /// When the disk, which is flawless, fails.
    pub fn flush(&self) {
        assert!(self.store.flush(Duration::from_mins(1)), "it is flawless");
    }
}
