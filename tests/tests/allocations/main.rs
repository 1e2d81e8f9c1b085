//! What the way of datagrams from the socket to the store allocates: nothing per packet.
//!
//! The receive path as it runs, on a simulated machine, with small and large pictures at one rate:
//! the same segments of up to fifty times the packets. Allocations are counted of the receiving
//! thread alone; the disk has threads of its own.

use std::time::Duration;

use weir_tests::{simulated::SimulatedChannel, stream::Encoder};

/// The cache, in which all is kept that a minute brings.
const CACHE: [&str; 2] = ["128MiB", "32MiB"];

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

/// A channel of which allocations are counted.
struct Path(SimulatedChannel);

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
        Self(SimulatedChannel::start(CACHE, Encoder::new(0, picture_bytes)).await)
    }

    /// Sends pictures for so long; returns allocations, and turns with any.
    fn run(&mut self, seconds: u64) -> (u64, u64) {
        let (mut allocations, mut turns) = (0, 0);
        for _ in 0..seconds * PICTURES_PER_SECOND {
            self.0.send_picture();
            for _ in 0..TURNS_PER_PICTURE {
                self.0.simulation.clock.advance(TURN);
                let counted = allocation_counter::measure(|| self.0.ingest.turn());
                allocations += counted.count_total;
                turns += u64::from(counted.count_total > 0);
            }
        }
        (allocations, turns)
    }

    fn measure(&mut self) -> Figures {
        self.run(WARM_UP_SECONDS);
        self.0.flush();
        let before = self.0.report();
        let (allocations, turns) = self.run(MEASURED_SECONDS);
        let after = self.0.report();
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
