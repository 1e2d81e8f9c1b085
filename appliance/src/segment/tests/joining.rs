//! The first segment of a box that comes to a stream that others receive already.

use std::time::Duration;

use crate::segment::{
    Phase,
    fixture::{Bench, Made, SECOND, rules},
};

/// Joins a stream with a key frame every two seconds after so many seconds, and receives it until
/// its 30th.
fn join(skipped: u64) -> Bench {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.segmenter.join_at_line();
    bench.now = bench.now + Duration::from_secs(skipped);
    bench.pictures(skipped * SECOND, (30 - skipped) * SECOND, 2 * SECOND);
    bench.finish();
    bench
}

fn numbers(bench: &Bench) -> Vec<u64> {
    let numbers = bench.made.iter().map(|made| made.segment.sequence);
    numbers.collect()
}

#[test]
fn it_is_the_same_byte_for_byte_as_that_of_any_other_box() {
    let elder = join(0);
    assert_eq!(elder.durations_ms(), [6_000; 5], "it came on a line");
    for skipped in [2, 4, 6, 8, 10] {
        let younger = join(skipped);
        let begun = numbers(&younger)[0];
        let same = elder.made.iter();
        let same = same.skip_while(|made| made.segment.sequence < begun);
        let bytes = |made: &Made| made.payload().len();
        let same: Vec<_> = same.map(|made| (made.segment, bytes(made))).collect();
        let made = younger.made.iter();
        let made: Vec<_> = made.map(|made| (made.segment, bytes(made))).collect();
        assert_eq!(made, same, "{skipped}");
        assert!(made.len() >= 3, "{skipped}");
    }
}

#[test]
fn key_frames_that_lie_off_the_lines_begin_it_behind_one() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.segmenter.join_at_line();
    bench.now = bench.now + Duration::from_secs(3);
    bench.pictures(3 * SECOND, 18 * SECOND, 2 * SECOND);
    bench.finish();
    // 3 s and 5 s are passed over; the line at 6 s is behind the next.
    let begins: Vec<u64> = bench.made.iter().map(Made::duration_ms).collect();
    assert_eq!(begins, [6_000, 6_000, 2_000]);
    let first = bench.made[0].segment.pts().expect("media");
    assert_eq!(first.ticks(), 7 * SECOND);
}

#[test]
fn stamps_that_never_come_to_a_line_are_waited_for_no_longer_than_two_cells() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.segmenter.join_at_line();
    for _ in 0..8 {
        bench.pictures(SECOND, 4 * SECOND, 2 * SECOND);
    }
    bench.finish();
    assert!(!bench.made.is_empty(), "it is on air at last");
}

#[test]
fn a_file_is_cut_from_its_first_picture_on() {
    let mut bench = Bench::first();
    bench.segmenter.join_at_line();
    bench.pictures(SECOND, 8 * SECOND, 2 * SECOND);
    bench.finish();
    assert_eq!(bench.made[0].duration_ms(), 6_000);
}
