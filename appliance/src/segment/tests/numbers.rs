//! Media Sequence Numbers, over restarts and among boxes.

use std::time::Duration;

use crate::segment::{
    MediaPlaylist, Phase,
    fixture::{Bench, Made, SECOND, Unit, WRAP, rules},
};

#[test]
fn an_abandoned_segment_gives_its_number_to_the_next() {
    let mut bench = Bench::first();
    bench.pictures(0, 7 * SECOND, 2 * SECOND);
    bench.abandon();
    bench.pictures(7 * SECOND, 7 * SECOND, 3 * SECOND);
    bench.finish();
    let numbers: Vec<u64> = bench
        .made
        .iter()
        .map(|made| made.segment.sequence)
        .collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(bench.discontinuities(), [1]);
    assert_eq!(bench.segmenter.counters().segments_abandoned, 1);
}

#[test]
fn a_stream_goes_on_after_finish_with_the_next_number_and_a_discontinuity() {
    let mut bench = Bench::new(rules(Phase::First), 40);
    bench.pictures(0, 3 * SECOND, SECOND);
    bench.finish();
    bench.unit(Unit::at(3 * SECOND));
    assert!(!bench.is_open());
    bench.pictures(4 * SECOND, 2 * SECOND, SECOND);
    bench.finish();
    let rows: Vec<_> = bench
        .made
        .iter()
        .map(|made| (made.segment.sequence, made.segment.discontinuity))
        .collect();
    assert_eq!(rows, [(40, false), (41, true)]);
}

#[test]
fn boxes_that_join_at_different_moments_cut_and_number_alike() {
    let join = |skipped: u64, jitter_ms: u64| {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        bench.now = bench.now + Duration::from_millis(skipped * 1_000 + jitter_ms);
        bench.pictures(
            WRAP - 10 * SECOND + skipped * SECOND,
            (40 - skipped) * SECOND,
            2 * SECOND,
        );
        bench.finish();
        bench
    };
    let (early, late) = (join(0, 0), join(14, 300));
    let number = late.made[1].segment.sequence;
    let same = early
        .made
        .iter()
        .find(|made| made.segment.sequence == number);
    let same = same.expect("both boxes have the number");
    // Their serial numbers differ, their places do not.
    assert_eq!(same.segment.duration_90k, late.made[1].segment.duration_90k);
    let wall = |made: &Made| made.segment.date_time.as_nanos() / 1_000_000;
    assert!(wall(same).abs_diff(wall(&late.made[1])) <= 300);
}

#[test]
fn the_first_number_is_at_least_the_one_that_was_recorded() {
    let first = |sequence_min| {
        let mut bench = Bench::new(rules(Phase::Grid), sequence_min);
        bench.pictures(0, SECOND, SECOND);
        bench.finish();
        bench.made[0].segment.sequence
    };
    assert_eq!(first(0), 1_610_612_740 / 6 + 1);
    assert_eq!(first(1 << 40), 1 << 40);
}

#[test]
fn a_list_goes_on_after_a_restart_without_a_hole_in_its_numbers() {
    let mut before = Bench::new(rules(Phase::Grid), 0);
    before.pictures(0, 13 * SECOND, 2 * SECOND);
    let mut playlist = MediaPlaylist::live(5);
    for made in &before.made {
        playlist.push(made.segment);
    }
    // Ten minutes later, the number by the clock would be a hundred higher.
    let mut after = Bench::new(rules(Phase::Grid), playlist.sequence_next());
    after.segmenter.resume(&playlist);
    after.now = before.now + Duration::from_mins(10);
    after.pictures(0, 7 * SECOND, 2 * SECOND);
    let gaps: Vec<bool> = after.made.iter().map(|made| made.segment.gap).collect();
    assert_eq!(
        gaps,
        [true, true, false],
        "the others were listed as time passed"
    );
    assert!(after.made[2].segment.discontinuity);
    for made in &after.made {
        playlist.push(made.segment);
    }
    assert_eq!(playlist.len(), 5);
}
