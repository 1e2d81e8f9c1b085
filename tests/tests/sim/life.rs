//! One life of the appliance on a simulated machine, and what it is sent.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use weir::{
    app::{Ingest, Vaults, orders, store_config},
    config::Config,
    live::{Live, Report},
    segment::Moment,
};
use weir_cache::Store;
use weir_hal::{
    Clock as _, Destination, Multicast, MulticastSender, Wall,
    sim::{Sender, Simulation},
};
use weir_tests::stream::PACKET_BYTES;

/// From power to the first line of the program, on a quick box.
pub(crate) const BOOT: Duration = Duration::from_secs(20);

/// Few and small pictures make many segments in little time: five a second.
pub(crate) const PICTURE_90K: u64 = 18_000;
pub(crate) const PICTURES_PER_SECOND: u64 = 5;

/// Between two looks of the receive thread, with pictures that far apart.
pub(crate) const TURN: Duration = Duration::from_millis(50);
pub(crate) const TURNS_PER_PICTURE: u32 = 4;

/// Short segments.
pub(crate) const SEGMENT: &str = "target = \"2s\"\nwindow = 5";

/// Room for some minutes of them, of small pictures.
pub(crate) const CACHE: &str = "size = \"16MiB\"\nmemory = \"4MiB\"";

/// Room for as much of larger ones.
pub(crate) const CACHE_LARGE: &str = "size = \"64MiB\"\nmemory = \"16MiB\"";

/// A configuration with these lines in its sections, and a channel of one rendition, `r`.
pub(crate) fn configuration(segment: &str, cache: &str) -> String {
    format!(
        r#"
[segment]
{segment}
[cache]
{cache}
[[channel]]
id = "ch"
  [[channel.rendition]]
  name = "r"
  sources = ["udp://239.255.0.1:5000"]
"#
    )
}

/// One life of the appliance, from start to power cut.
pub(crate) struct Life {
    pub(crate) ingest: Ingest<weir_hal::sim::Multicast>,
    live: Arc<Live>,
    pub(crate) store: Store,
}

impl Life {
    pub(crate) async fn begin(simulation: &Simulation, configuration: &str) -> Self {
        let board = simulation.board();
        let config = Config::parse(configuration)
            .expect("the configuration is right")
            .config;
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store = Store::open(disk, clock, &store_config(&config.cache))
            .expect("the store opens after any power cut");
        let live = Arc::new(Live::default());
        let orders = orders(&board, (&store, &Vaults::default()), &config, None).await;
        let mut ingest = Ingest::new(board, Arc::clone(&live)).expect("TLS is spoken");
        ingest.carry(orders);
        Self {
            ingest,
            live,
            store,
        }
    }

    /// After the power of `simulation` was cut, and so long was spent in starting.
    pub(crate) async fn begin_again(
        simulation: &mut Simulation,
        boot: Duration,
        configuration: &str,
    ) -> Self {
        let disk = simulation.disk.power_cut();
        *simulation = Simulation {
            disk,
            ..simulation.clone()
        };
        let run = simulation.clock.boot().expect("it is known");
        simulation.clock.set_boot(run + 1);
        simulation.clock.advance(boot);
        Self::begin(simulation, configuration).await
    }

    /// Waits until what is finished is on the disk: time is compressed here, and the disk's thread
    /// is not.
    pub(crate) fn flush(&self) {
        let is_written = self.store.flush(Duration::from_mins(1));
        assert!(is_written, "the disk is flawless");
    }

    pub(crate) fn playlist(&self) -> Option<String> {
        self.playlist_of("r")
    }

    pub(crate) fn playlist_of(&self, rendition: &str) -> Option<String> {
        let document = self.live.channel("ch")?.rendition(rendition)?.playlist()?;
        Some(String::from_utf8_lossy(&document.body).into_owned())
    }

    /// All that players of a rendition may start over in.
    pub(crate) fn past_of(&self, rendition: &str) -> Option<String> {
        let archive = self.live.channel("ch")?.rendition(rendition)?.archive()?;
        let all = archive.excerpt(Moment::At(Wall::from_nanos(0)), None)?;
        Some(all.text)
    }

    pub(crate) fn report(&self) -> Arc<Report> {
        let channel = self.live.channel("ch").expect("it is configured");
        channel.renditions[0].report()
    }
}

pub(crate) fn send(sender: &mut Sender, packets: &[u8]) {
    for datagram in packets.chunks(7 * PACKET_BYTES) {
        sender
            .send(datagram)
            .expect("a simulated wire takes the datagram");
    }
}

pub(crate) fn sender(simulation: &Simulation) -> Sender {
    sender_to(simulation, 1)
}

pub(crate) fn sender_to(simulation: &Simulation, group: u8) -> Sender {
    let group = SocketAddr::from(([239, 255, 0, group], 5_000));
    let destination = Destination {
        group,
        interface: None,
        hops: 1,
    };
    simulation
        .board()
        .multicast
        .sender(&destination)
        .expect("a simulated wire has room")
}
