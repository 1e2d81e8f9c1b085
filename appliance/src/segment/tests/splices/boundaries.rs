//! Boundaries that an encoder marks, also where they are too dense, too rare or no key frame.

use super::pictures_with;
use crate::segment::{
    Phase,
    fixture::{Bench, FRAME, SECOND, rules},
};

#[test]
fn boundaries_of_the_encoder_are_cut_at() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    // Every 6 s from 4 s on, while the grid lies at multiples of 6 s.
    pictures_with(&mut bench, 40 * SECOND, &[], |ticks| {
        ticks % (6 * SECOND) == 4 * SECOND
    });
    bench.finish();
    assert_eq!(
        bench.durations_ms(),
        [10_000, 6_000, 6_000, 6_000, 6_000, 6_000]
    );
    let counters = bench.segmenter.counters();
    assert_eq!(
        (counters.boundaries_passed_over, counters.boundaries_missed),
        (1, 0)
    );
}

#[test]
fn boundaries_decide_how_long_segments_are() {
    let mut bench = Bench::first();
    pictures_with(&mut bench, 40 * SECOND, &[], |ticks| {
        ticks % (10 * SECOND) == 0
    });
    bench.finish();
    assert_eq!(bench.durations_ms(), [10_000; 4]);
}

#[test]
fn a_boundary_where_decoding_cannot_begin_is_counted_and_the_usual_rule_holds() {
    let mut bench = Bench::first();
    pictures_with(&mut bench, 24 * SECOND, &[], |ticks| {
        ticks % (5 * SECOND) == FRAME
    });
    bench.finish();
    assert_eq!(bench.durations_ms(), [6_000; 4]);
    assert_eq!(bench.segmenter.counters().boundaries_refused, 5);
}

#[test]
fn boundaries_that_are_too_dense_are_counted_and_the_usual_rule_holds() {
    let mut bench = Bench::first();
    pictures_with(&mut bench, 24 * SECOND, &[], |_| true);
    bench.finish();
    assert_eq!(bench.durations_ms(), [6_000; 4]);
    let counters = bench.segmenter.counters();
    assert_eq!(
        (counters.boundaries_passed_over, counters.boundaries_missed),
        (8, 0)
    );
    assert_eq!(counters.boundaries_refused, 600 - 12);
}

#[test]
fn boundaries_that_are_too_rare_or_stop_are_not_waited_for_again_and_again() {
    for last in [0, 24 * SECOND] {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        pictures_with(&mut bench, 60 * SECOND, &[], |ticks| {
            ticks % (6 * SECOND) == 0 && ticks <= last
        });
        bench.finish();
        let durations = bench.durations_ms();
        assert!(
            durations.iter().all(|duration| *duration <= 12_000),
            "{durations:?}"
        );
        assert_eq!(
            durations[durations.len() - 3..durations.len() - 1],
            [6_000; 2]
        );
        assert!(bench.segmenter.counters().boundaries_missed > 0);
    }
}
