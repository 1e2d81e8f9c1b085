//! Where a splice cuts, and where it cannot.

use std::time::Duration;

use super::{pictures, with_break};
use crate::segment::{
    Phase,
    fixture::{Bench, FRAME, SECOND, Unit, frames, insert},
};

#[test]
fn a_break_begins_and_ends_with_a_segment() {
    let bench = with_break(Phase::First);
    assert_eq!(
        bench.durations_ms(),
        [6_000, 3_200, 6_800, 5_200, 6_800, 6_000, 6_000],
        "cut at 9.2 s and at 21.2 s; otherwise at the target"
    );
    let counters = bench.segmenter.counters();
    assert_eq!(
        (counters.cues, counters.splice_cuts, counters.splices_missed),
        (1, 2, 0)
    );
    assert!(bench.made.iter().all(|made| made.segment.independent));
    assert!(bench.discontinuities().is_empty());
}

#[test]
fn renditions_cut_on_the_grid_again_behind_a_break() {
    let bench = with_break(Phase::Grid);
    assert_eq!(
        bench.durations_ms(),
        [
            6_000, 3_200, 2_800, 6_000, 3_200, 2_800, 6_000, 6_000, 4_000
        ]
    );
}

#[test]
fn a_splice_waits_for_a_random_access_point_but_not_for_long() {
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    bench.splice(&insert(7, true, Some(SECOND), None));
    bench.splice(&insert(8, true, Some(8 * SECOND + FRAME), None));
    for ticks in frames(20 * SECOND) {
        let random_access = [2 * SECOND, 11 * SECOND, 14 * SECOND].contains(&ticks);
        bench.unit(Unit {
            random_access,
            ..Unit::at(ticks)
        });
    }
    bench.finish();
    assert_eq!(bench.durations_ms(), [2_000, 9_000, 9_000]);
    let counters = bench.segmenter.counters();
    assert_eq!((counters.splice_cuts, counters.splices_missed), (1, 1));
}

#[test]
fn a_splice_never_makes_a_segment_too_long() {
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    for second in (0..120).step_by(7) {
        bench.splice(&insert(
            second,
            true,
            Some(u64::from(second) * SECOND),
            None,
        ));
    }
    for ticks in frames(120 * SECOND) {
        bench.unit(Unit {
            random_access: false,
            ..Unit::at(ticks)
        });
    }
    bench.finish();
    assert!(
        bench
            .durations_ms()
            .iter()
            .all(|duration| *duration <= 12_000)
    );
    assert!(bench.segmenter.counters().splices_missed > 0);
}

#[test]
fn a_splice_in_the_past_is_listed_and_not_cut_at() {
    let mut bench = Bench::first();
    pictures(&mut bench, 7 * SECOND, &[]);
    bench.splice(&insert(7, true, Some(3 * SECOND), None));
    bench.finish();
    assert_eq!(bench.durations_ms(), [6_000, 1_000]);
    let counters = bench.segmenter.counters();
    assert_eq!(
        (counters.cues, counters.splices_late, counters.splice_cuts),
        (1, 1, 0)
    );
    assert_eq!(
        bench.cues[0].date_time,
        bench.made[0].segment.date_time + Duration::from_secs(3)
    );
}

#[test]
fn a_splice_at_once_is_one_at_the_next_random_access_point() {
    let mut bench = Bench::first();
    pictures(&mut bench, 3 * SECOND, &[]);
    bench.splice(&insert(7, true, None, None));
    for ticks in frames(3 * SECOND) {
        let random_access = ticks == SECOND;
        bench.unit(Unit {
            random_access,
            ..Unit::at(3 * SECOND + ticks)
        });
    }
    bench.finish();
    assert_eq!(bench.durations_ms(), [4_000, 2_000]);
}

#[test]
fn a_splice_is_found_across_the_wrap() {
    let start = (1 << 33) - 2 * SECOND;
    let mut bench = Bench::first();
    bench.unit(Unit::key(start));
    bench.splice(&insert(7, true, Some(SECOND), None));
    for ticks in frames(6 * SECOND).skip(1) {
        let random_access = ticks == 3 * SECOND;
        bench.unit(Unit {
            random_access,
            ..Unit::at((start + ticks) % (1 << 33))
        });
    }
    bench.finish();
    assert_eq!(bench.durations_ms(), [3_000, 3_000]);
}

#[test]
fn of_too_many_points_the_farthest_are_missed() {
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    for number in 0..16 {
        let pts = (1_000 + u64::from(number)) * SECOND;
        bench.splice(&insert(number, true, Some(pts), None));
    }
    bench.splice(&insert(99, true, Some(3 * SECOND), None));
    pictures(&mut bench, 8 * SECOND, &[3 * SECOND]);
    assert_eq!(bench.segmenter.counters().splices_missed, 1);
    assert_eq!(bench.segmenter.counters().splice_cuts, 1);
}
