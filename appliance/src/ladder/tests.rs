//! Claims about a ladder as a whole: segments and time in, Master Playlist and state out.

use super::*;
use crate::{
    demux::Pts,
    segment::{StreamPosition, render_master},
};

const START: Wall = Wall::from_nanos(1_700_000_000_000_000_000);

struct Bench {
    ladder: Ladder,
    seconds: u64,
}

impl Bench {
    fn new(names: &[&str]) -> Self {
        Self {
            ladder: Ladder::new(names.iter().map(|name| (*name).to_owned())),
            seconds: 0,
        }
    }

    fn now(&self) -> (Monotonic, Wall) {
        let elapsed = Duration::from_secs(self.seconds);
        (Monotonic::ZERO + elapsed, START + elapsed)
    }

    /// Rungs list a segment each 6 s, which begins so many milliseconds late.
    fn run(&mut self, seconds: u64, listing: &[(usize, u64)]) {
        for _ in 0..seconds {
            self.seconds += 1;
            let (now, wall) = self.now();
            for (rung, late_ms) in listing.iter().filter(|_| self.seconds.is_multiple_of(6)) {
                let name = self.ladder.rungs[*rung].name.clone();
                let begin = Pts::from_ticks(self.seconds * 90_000 + late_ms * 90);
                let told = Segment {
                    sequence: self.seconds / 6,
                    ..segment(begin)
                };
                let told = (&told, line(&name, *rung));
                self.ladder.listed(*rung, told, now, wall);
            }
            self.ladder.look(now, wall);
        }
    }

    fn master(&self) -> Vec<String> {
        let variants = self.ladder.variants();
        variants.into_iter().map(|variant| variant.uri).collect()
    }
}

fn segment(begin: Pts) -> Segment {
    Segment {
        sequence: 0,
        duration_90k: 540_000,
        target_duration_s: 8,
        bytes: 1_000_000,
        discontinuity: false,
        independent: true,
        gap: false,
        date_time: START,
        begin: Some(StreamPosition {
            pts: begin,
            time_base: 1,
            coding: 0,
        }),
    }
}

fn line(name: &str, rung: usize) -> Line {
    let bandwidth_bps = 8_000_000 >> rung;
    Line {
        variant: Variant {
            uri: name.to_owned(),
            codecs: Vec::new(),
            resolution: None,
            frame_rate_millihertz: None,
            bandwidth_bps,
            bandwidth_average_bps: bandwidth_bps,
            subtitles: None,
        },
        has_video: true,
        tracks: Tracks::new(),
        target_duration_s: 6,
        overlong_group: None,
    }
}

#[test]
fn lines_stand_in_the_order_of_the_configuration_whoever_comes_first() {
    let mut bench = Bench::new(&["HD", "SD"]);
    assert_eq!(bench.master(), Vec::<String>::new());
    bench.run(6, &[(1, 0)]);
    assert_eq!(bench.master(), ["SD"]);
    bench.run(6, &[(1, 0), (0, 0)]);
    assert_eq!(bench.master(), ["HD", "SD"]);
    assert_eq!(bench.ladder.report().findings, []);
}

#[test]
fn a_drift_is_told_with_its_rendition_and_since_when() {
    let mut bench = Bench::new(&["HD_5M", "SD_2M"]);
    bench.run(60, &[(0, 0), (1, 0)]);
    assert_eq!(bench.ladder.report().alignment.to_string(), "aligned");
    bench.run(60, &[(0, 0), (1, 480)]);
    let report = bench.ladder.report();
    assert_eq!(
        report.alignment.to_string(),
        "drifting since 2023-11-14T22:14:32Z: SD_2M is 0.48 s off; \
         check that the encoders share one clock and one key-frame interval"
    );
    assert!(report.counters.segments_unaligned >= 8);
}

#[test]
fn a_rung_that_was_away_for_some_segments_does_not_drift() {
    let mut bench = Bench::new(&["HD_5M", "SD_2M"]);
    let both = [(0, 0), (1, 0)];
    bench.run(60, &both);
    bench.run(18, &both[..1]);
    bench.run(60, &both);
    assert_eq!(bench.ladder.report().alignment.as_str(), "aligned");
    assert_eq!(bench.ladder.report().counters.segments_unaligned, 0);
}

#[test]
fn a_rung_that_died_while_it_drifted_is_told_as_missing_and_not_as_drifting() {
    let mut bench = Bench::new(&["HD", "SD", "LD"]);
    bench.run(60, &[(0, 0), (1, 0), (2, 0)]);
    bench.run(60, &[(0, 0), (1, 480), (2, 0)]);
    assert_ne!(bench.ladder.report().alignment.to_string(), "aligned");
    bench.run(60, &[(0, 0), (2, 0)]);
    let report = bench.ladder.report();
    assert_eq!(report.alignment.to_string(), "aligned");
    assert_eq!(report.findings[0].check, Check::RungMissing);
}

#[test]
fn a_withdrawn_rung_is_a_finding_until_it_is_back() {
    let mut bench = Bench::new(&["HD", "SD"]);
    bench.run(60, &[(0, 0), (1, 0)]);
    bench.run(30, &[(0, 0)]);
    assert_eq!(bench.master(), ["HD"]);
    let report = bench.ladder.report();
    assert_eq!(report.findings[0].check, Check::RungMissing);
    assert_eq!(report.counters.rungs_withdrawn, 1);
    bench.run(60, &[(0, 0), (1, 0)]);
    assert_eq!(bench.master(), ["HD", "SD"]);
    let report = bench.ladder.report();
    assert_eq!(
        (report.findings.len(), report.counters.rungs_returned),
        (0, 1)
    );
}

#[test]
fn a_reload_keeps_what_is_known_of_rungs_that_stay() {
    let mut bench = Bench::new(&["HD", "SD", "LD"]);
    bench.run(60, &[(0, 0), (1, 0), (2, 0)]);
    let before = bench.ladder.report().counters;
    let names = ["LD", "UHD", "HD"].map(str::to_owned);
    bench.ladder = bench.ladder.follow(names);
    assert_eq!(bench.master(), ["LD", "HD"]);
    assert_eq!(bench.ladder.report().counters, before);
    bench.run(60, &[(0, 0), (2, 0)]);
    assert_eq!(bench.ladder.report().counters.segments_unaligned, 0);
}

#[test]
fn what_is_written_stays_the_same_while_nothing_changes() {
    let mut bench = Bench::new(&["HD", "SD"]);
    bench.run(12, &[(0, 0), (1, 0)]);
    let before = render_master(&bench.ladder.variants());
    bench.run(600, &[(0, 0), (1, 0)]);
    assert_eq!(render_master(&bench.ladder.variants()), before);
}
