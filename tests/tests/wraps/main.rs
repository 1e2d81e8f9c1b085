//! A month of television in compressed time: memory stays as it is.
//!
//! Goal: what a channel keeps is bounded, whatever its clock does. Method: the receive path on a
//! simulated machine; each round the PTS wraps in the midst of pictures, jumps forth and back, and
//! then nothing comes for the rest of the 26.5 hours that a wrap takes. The resident memory of this
//! process is read once a round; nothing else runs in it.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::runtime::Builder;
use weir::{
    app::{Ingest, Vaults, orders, store_config},
    config::Config,
    live::{Live, Report},
};
use weir_cache::Store;
use weir_hal::{Destination, Multicast as _, MulticastSender as _, sim};
use weir_tests::stream::{Encoder, Format, PACKET_BYTES};

/// Wraps of the PTS in 31 days.
const WRAPS: usize = 28;

/// What is sent before the first: 2,500 segments, until lists are as long as they get, and the
/// device of the cache was written over several times.
const WARM_UP_S: u64 = 5_000;

/// Wraps before those: what is allocated at a wrap or a silence for the first time is there.
const WRAPS_WARM: usize = 8;

/// Of what is resident then, so much may come on top, in percent.
const GROWTH_PERCENT_MAX: u64 = 1;

const CONFIGURATION: &str = r#"
[segment]
target = "2s"
window = 5
[cache]
size = "16MiB"
memory = "8MiB"
[[channel]]
id = "ch"
  [[channel.rendition]]
  name = "r"
  sources = ["udp://239.255.0.1:5000"]
"#;

/// Few pictures, of which segments are as large as those of many.
const PICTURES_PER_SECOND: u64 = 5;
const PICTURE_BYTES: usize = 20_000;

/// Seconds before a wrap at which PTS go on, and for how many: forth, back, and across the wrap.
const SPANS: [(u64, u64); 4] = [(9_000, 20), (5_000, 20), (7_000, 20), (40, 80)];

const PTS_90K_WRAP: u64 = 1 << 33;

/// Between two looks at the socket: while something comes, and while nothing does.
const TURN: Duration = Duration::from_millis(50);
const TURN_SILENT: Duration = Duration::from_mins(1);

/// Between two wraps.
const ROUND: Duration = Duration::from_secs(PTS_90K_WRAP / 90_000);

/// One channel on a simulated machine.
struct Path {
    simulation: sim::Simulation,
    sender: sim::Sender,
    encoder: Encoder,
    ingest: Ingest<sim::Multicast>,
    live: Arc<Live>,
    store: Store,
}

impl Path {
    async fn new() -> Self {
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
        let mut encoder = Encoder::new(0, PICTURE_BYTES);
        encoder.format = Format {
            picture_90k: 90_000 / PICTURES_PER_SECOND,
            key_frame_interval: PICTURES_PER_SECOND,
            ..Format::default()
        };
        Self {
            simulation,
            sender,
            encoder,
            ingest,
            live,
            store,
        }
    }

    fn report(&self) -> Arc<Report> {
        let channel = self.live.channel("ch").expect("it is configured");
        channel.renditions[0].report()
    }

    fn turn(&mut self, step: Duration) {
        self.simulation.clock.advance(step);
        self.ingest.turn();
    }

    /// Sends pictures for so long; what is finished goes to the disk meanwhile.
    fn send(&mut self, seconds: u64) {
        for picture in 0..seconds * PICTURES_PER_SECOND {
            for datagram in self.encoder.picture().chunks(7 * PACKET_BYTES) {
                self.sender.send(datagram).expect("it is taken");
            }
            let turns = 1_000 / PICTURES_PER_SECOND / 50;
            (0..turns).for_each(|_| self.turn(TURN));
            if picture % PICTURES_PER_SECOND == 0 {
                assert!(self.store.flush(Duration::from_mins(1)), "it is flawless");
            }
        }
    }

    /// A wrap of the PTS with what may come with it, and silence until the next.
    fn round(&mut self) {
        let mut sent_s = 0;
        for (from_s, seconds) in SPANS {
            self.encoder.pts_90k = PTS_90K_WRAP - from_s * 90_000;
            self.send(seconds);
            sent_s += seconds;
        }
        let silent = ROUND.saturating_sub(Duration::from_secs(sent_s));
        let turns = silent.as_secs() / TURN_SILENT.as_secs();
        (0..turns).for_each(|_| self.turn(TURN_SILENT));
    }
}

/// Bytes of this process that are in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|it| it.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.expect("a line").parse().expect("a number");
    kilobytes * 1_024
}

#[test]
fn memory_is_flat_over_28_wraps_of_the_pts_with_jumps_and_silence() {
    let runtime = Builder::new_current_thread().enable_all().build();
    let mut path = runtime.expect("room for a thread").block_on(Path::new());
    path.send(WARM_UP_S);
    let mut resident = Vec::new();
    for wrap in 1..=WRAPS_WARM + WRAPS {
        let segments = path.report().segment.segments;
        path.round();
        let segments = path.report().segment.segments - segments;
        assert!(segments > 40, "only {segments} segments around wrap {wrap}");
        resident.push(resident_bytes());
    }
    println!("resident bytes after each wrap: {resident:?}");
    let warm = resident[WRAPS_WARM - 1];
    let worst = resident[WRAPS_WARM..].iter().max().expect("there are more");
    assert!(
        worst.saturating_sub(warm) * 100 <= warm * GROWTH_PERCENT_MAX,
        "{warm} bytes after wrap {WRAPS_WARM}, {worst} later: {resident:?}"
    );
}
