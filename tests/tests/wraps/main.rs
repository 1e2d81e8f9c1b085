//! A month of television in compressed time: memory stays as it is.
//!
//! Goal: what a channel keeps is bounded, whatever its clock does. Method: the receive path on a
//! simulated machine; each round the PTS wraps in the midst of pictures, jumps forth and back, and
//! then nothing comes for the rest of the 26.5 hours that a wrap takes. The resident memory of this
//! process is read once a round; nothing else runs in it.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

use std::time::Duration;

use tokio::runtime::Builder;
use weir_tests::{
    simulated::SimulatedChannel,
    stream::{Encoder, Format},
};

/// Wraps of the PTS in 31 days.
const WRAPS: usize = 28;

/// What is sent before the first: 2,500 segments, until lists are as long as they get, and the
/// device of the cache was written over several times.
const WARM_UP_S: u64 = 5_000;

/// Wraps before those: what is allocated at a wrap or a silence for the first time is there.
const WRAPS_WARM: usize = 8;

/// Of what is resident then, so much may come on top, in percent.
const GROWTH_PERCENT_MAX: u64 = 1;

/// The cache, which is written over several times.
const CACHE: [&str; 2] = ["16MiB", "8MiB"];

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

/// A channel whose clock wraps.
struct Path(SimulatedChannel);

impl Path {
    async fn new() -> Self {
        let mut encoder = Encoder::new(0, PICTURE_BYTES);
        encoder.format = Format {
            picture_90k: 90_000 / PICTURES_PER_SECOND,
            key_frame_interval: PICTURES_PER_SECOND,
            ..Format::default()
        };
        Self(SimulatedChannel::start(CACHE, encoder).await)
    }

    fn turn(&mut self, step: Duration) {
        self.0.simulation.clock.advance(step);
        self.0.ingest.turn();
    }

    /// Sends pictures for so long. What is finished goes to the disk meanwhile, and `waits` says
    /// whether that is waited for.
    fn send(&mut self, seconds: u64, waits: bool) {
        for picture in 0..seconds * PICTURES_PER_SECOND {
            self.0.send_picture();
            let turns = 1_000 / PICTURES_PER_SECOND / 50;
            (0..turns).for_each(|_| self.turn(TURN));
            if waits && picture % PICTURES_PER_SECOND == 0 {
                self.0.flush();
            }
        }
    }

    /// A wrap of the PTS with what may come with it, and silence until the next.
    fn round(&mut self) {
        let mut sent_s = 0;
        for (from_s, seconds) in SPANS {
            self.0.encoder.pts_90k = PTS_90K_WRAP - from_s * 90_000;
            self.send(seconds, true);
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
    // Nothing waits for the disk here, so that as much is on its way to it as ever may be.
    path.send(WARM_UP_S, false);
    let mut resident = Vec::new();
    for wrap in 1..=WRAPS_WARM + WRAPS {
        let segments = path.0.report().segment.segments;
        path.round();
        let segments = path.0.report().segment.segments - segments;
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
