//! What the way of datagrams from the socket to the store allocates: nothing per packet.
//!
//! The receive path as it runs, on a simulated machine, with small and large pictures at one rate:
//! the same segments of up to fifty times the packets. Allocations are counted of the receiving
//! thread alone; the disk has threads of its own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use weir::{
    app::{Ingest, Vaults, orders, store_config},
    config::Config,
    live::{Live, Report},
};
use weir_cache::Store;
use weir_hal::{Destination, Multicast as _, MulticastSender as _, sim};
use weir_tests::stream::{Encoder, PACKET_BYTES};

/// One channel, of which all is kept that a minute brings.
const CONFIGURATION: &str = r#"
[segment]
target = "2s"
window = 5
[cache]
size = "128MiB"
memory = "32MiB"
[[channel]]
id = "ch"
  [[channel.rendition]]
  name = "r"
  sources = ["udp://239.255.0.1:5000"]
"#;

/// Between two looks at the socket.
const TURN: Duration = Duration::from_millis(10);
const TURNS_PER_PICTURE: u32 = 4;
const PICTURES_PER_SECOND: u64 = 25;
/// Until lists are as long as they get, and buffers as large.
const WARM_UP_SECONDS: u64 = 40;
const MEASURED_SECONDS: u64 = 20;

/// Bytes that go to the store at once.
const CHUNK_BYTES: u64 = 256 * 1024 / 188 * 188;
/// Allocations of a chunk: its room, who shares it, and its place in the store's table.
const PER_CHUNK: u64 = 3;
/// Allocations of a segment: its object in the store, and two versions of the lists.
const PER_SEGMENT: u64 = 60;
/// Allocations of a report, one each second: what all surfaces tell, with its texts.
const PER_REPORT: u64 = 10;

/// One channel on a simulated machine.
struct Path {
    simulation: sim::Simulation,
    sender: sim::Sender,
    encoder: Encoder,
    ingest: Ingest<sim::Multicast>,
    live: Arc<Live>,
    store: Store,
}

/// What was counted in a span.
#[derive(Debug)]
struct Figures {
    allocations: u64,
    /// Turns in which something was allocated.
    turns: u64,
    packets: u64,
    segments: u64,
    chunks: u64,
}

impl Path {
    async fn new(picture_bytes: usize) -> Self {
        let simulation = sim::Simulation::new(1);
        let board = simulation.board();
        let config = Config::parse(CONFIGURATION).expect("it is right").config;
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store = Store::open(disk, clock, &store_config(&config.cache));
        let store = store.expect("an empty disk");
        let live = Arc::new(Live::default());
        let orders = orders(&board, (&store, &Vaults::default()), &config, None).await;
        let group = Destination {
            group: SocketAddr::from(([239, 255, 0, 1], 5_000)),
            interface: None,
            hops: 1,
        };
        let sender = board.multicast.sender(&group).expect("there is room");
        let ingest = Ingest::new(board, Arc::clone(&live));
        let mut ingest = ingest.expect("roots of TLS");
        ingest.carry(orders);
        Self {
            simulation,
            sender,
            encoder: Encoder::new(0, picture_bytes),
            ingest,
            live,
            store,
        }
    }

    fn report(&self) -> Arc<Report> {
        let channel = self.live.channel("ch").expect("it is configured");
        channel.renditions[0].report()
    }

    /// Sends pictures for so long; returns allocations, and turns with any.
    fn run(&mut self, seconds: u64) -> (u64, u64) {
        let (mut allocations, mut turns) = (0, 0);
        for _ in 0..seconds * PICTURES_PER_SECOND {
            for datagram in self.encoder.picture().chunks(7 * PACKET_BYTES) {
                self.sender.send(datagram).expect("it is taken");
            }
            for _ in 0..TURNS_PER_PICTURE {
                self.simulation.clock.advance(TURN);
                let counted = allocation_counter::measure(|| self.ingest.turn());
                allocations += counted.count_total;
                turns += u64::from(counted.count_total > 0);
            }
        }
        (allocations, turns)
    }

    fn measure(&mut self) -> Figures {
        self.run(WARM_UP_SECONDS);
        assert!(self.store.flush(Duration::from_mins(1)), "it is flawless");
        let before = self.report();
        let (allocations, turns) = self.run(MEASURED_SECONDS);
        let after = self.report();
        Figures {
            allocations,
            turns,
            packets: after.demux.packets - before.demux.packets,
            segments: after.segment.segments - before.segment.segments,
            chunks: (after.receive.bytes - before.receive.bytes) / CHUNK_BYTES,
        }
    }
}

#[tokio::test]
async fn segments_chunks_and_reports_allocate_and_packets_do_not() {
    let mut packets_per_allocation = 0;
    for picture_bytes in [500, 5_000, 25_000] {
        let figures = Path::new(picture_bytes).await.measure();
        // A segment ends with what its last chunk has.
        let chunks = figures.chunks + figures.segments;
        let bound =
            PER_CHUNK * chunks + PER_SEGMENT * figures.segments + PER_REPORT * MEASURED_SECONDS;
        assert!(figures.segments >= MEASURED_SECONDS / 3, "{figures:?}");
        assert!(figures.allocations <= bound, "{figures:?}, bound {bound}");
        // A chunk is begun in one turn, and handed on in another.
        let turns_max = 2 * (chunks + figures.segments) + MEASURED_SECONDS;
        assert!(figures.turns <= turns_max, "{figures:?}, {turns_max}");
        packets_per_allocation = figures.packets / figures.allocations.max(1);
    }
    assert!(packets_per_allocation >= 50, "{packets_per_allocation}");
}
