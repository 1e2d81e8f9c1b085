//! Time stamps that wrap, jump, are damaged or missing, and what segments make of them.

use std::time::Duration;

use weir_hal::Wall;

use crate::segment::{
    Phase,
    fixture::{Bench, FRAME, SECOND, Unit, WRAP, rules},
};

#[test]
fn a_wrap_at_any_phase_changes_nothing() {
    let durations = |start: u64| {
        let mut bench = Bench::first();
        bench.pictures(start, 20 * SECOND, 2 * SECOND);
        bench.finish();
        assert_eq!(
            bench.discontinuities(),
            [0; 0],
            "wrap {} before",
            WRAP - start
        );
        bench.durations_ms()
    };
    let expected = durations(0);
    for frames in 0..=500 {
        assert_eq!(durations(WRAP - frames * FRAME), expected);
    }
    assert_eq!(durations(WRAP - 7 * SECOND - 1), expected);
}

/// Key frame, then groups of P B B in decoding order: I0 P3 B1 B2 P6 B4 B5 …
fn b_pictures(bench: &mut Bench, start: u64, seconds: u64) {
    let frames = seconds * 25;
    for index in 0..frames {
        let in_gop = index % 48;
        let shown = match (in_gop, in_gop % 3) {
            (0, _) => 0,
            (_, 1) => in_gop + 2,
            _ => in_gop - 1,
        };
        let pts = start + (index - in_gop + shown + 1) * FRAME;
        let dts = start + index * FRAME;
        bench.unit(Unit {
            pts: Some(pts),
            dts,
            random_access: in_gop == 0,
            ..Unit::at(0)
        });
    }
}

#[test]
fn durations_are_exact_with_b_pictures() {
    for start in [0, WRAP - 5 * SECOND] {
        let mut bench = Bench::first();
        b_pictures(&mut bench, start, 24);
        bench.finish();
        // 1.92 s between key frames; the last segment lasts to the end of its last picture.
        let [first, second, third, last] = bench.durations_ms()[..] else {
            panic!("{:?}", bench.durations_ms());
        };
        assert_eq!([first, second, third], [7_680, 7_680, 7_680]);
        assert!(last.abs_diff(960) <= 80, "{last}");
        assert_eq!(bench.discontinuities(), [0; 0]);
    }
}

#[test]
fn a_jump_cuts_at_once_with_a_discontinuity() {
    for target in [100 * SECOND, WRAP - 100 * SECOND, 3_600 * SECOND] {
        let mut bench = Bench::first();
        bench.pictures(1_000 * SECOND, 2 * SECOND, SECOND);
        let before = bench.sent.len();
        bench.pictures(target, 2 * SECOND, SECOND);
        bench.finish();
        assert_eq!(bench.durations_ms(), [2_000, 2_000]);
        assert_eq!(bench.discontinuities(), [1]);
        assert_eq!(bench.made[0].payload(), bench.sent[..before]);
        assert_eq!(bench.payload(), bench.sent);
    }
}

#[test]
fn a_jump_off_a_random_access_point_makes_a_dependent_segment() {
    let mut bench = Bench::first();
    bench.pictures(0, SECOND, SECOND);
    bench.unit(Unit::at(500 * SECOND));
    bench.unit(Unit::at(500 * SECOND + FRAME));
    bench.finish();
    let flags = bench.made.iter().map(|made| made.segment.independent);
    assert_eq!(flags.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn one_damaged_time_stamp_makes_no_discontinuity() {
    for damaged in [0, 900 * SECOND, 95 * SECOND, 106 * SECOND, WRAP - 1] {
        let mut bench = Bench::first();
        bench.pictures(100 * SECOND, 2 * SECOND, SECOND);
        bench.unit(Unit::at(damaged));
        bench.pictures(102 * SECOND + FRAME, 7 * SECOND, SECOND);
        bench.finish();
        assert_eq!(bench.discontinuities(), [0; 0], "stamp {damaged}");
        assert_eq!(bench.segmenter.counters().timestamps_ignored, 1);
        assert_eq!(bench.payload(), bench.sent);
    }
}

#[test]
fn an_announced_time_base_is_believed_when_it_moves() {
    for (step, discontinuities) in [(FRAME, 0), (SECOND, 1)] {
        let mut bench = Bench::first();
        bench.pictures(0, 2 * SECOND, SECOND);
        let next = 2 * SECOND - FRAME + step;
        bench.unit(Unit {
            announced: true,
            ..Unit::key(next)
        });
        bench.pictures(next + FRAME, SECOND, SECOND);
        bench.finish();
        assert_eq!(bench.discontinuities().len(), discontinuities);
    }
}

#[test]
fn silence_longer_than_a_segment_may_last_is_not_part_of_it() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.pictures(6 * SECOND, 15 * SECOND, SECOND);
    bench.pictures(27 * SECOND, 12 * SECOND, SECOND);
    bench.finish();
    // The third segment has 3 s of pictures, then 6 s are missing.
    assert_eq!(bench.durations_ms()[..4], [6_000, 6_000, 3_000, 3_000]);
    let third = bench.made[2].segment.sequence;
    assert_eq!(bench.discontinuities(), [third + 1]);
    assert!(
        bench
            .made
            .iter()
            .all(|made| made.segment.target_duration_s == 6)
    );
}

#[test]
fn a_unit_without_time_stamps_is_passed_on_and_never_cut_at() {
    let mut bench = Bench::first();
    bench.unit(Unit {
        pts: None,
        ..Unit::key(0)
    });
    assert!(!bench.is_open());
    bench.pictures(0, 6 * SECOND, SECOND);
    bench.unit(Unit {
        pts: None,
        ..Unit::key(6 * SECOND)
    });
    bench.pictures(6 * SECOND + FRAME, SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [6_040, 1_000]);
}

#[test]
fn dates_follow_the_media_and_not_the_jitter_of_reception() {
    let mut bench = Bench::first();
    let start = bench.now;
    for index in 0..(60 * 25) {
        let jitter = Duration::from_millis(index * 7 % 30);
        bench.now = start + Duration::from_millis(index * 40) + jitter;
        let is_key = index % 50 == 0;
        bench.unit(Unit {
            random_access: is_key,
            ..Unit::at(index * FRAME)
        });
    }
    bench.finish();
    for made in &bench.made {
        let expected = start + Duration::from_secs(made.segment.sequence * 6);
        let error = made
            .segment
            .date_time
            .as_nanos()
            .abs_diff(expected.as_nanos());
        assert!(error <= 10_000_000, "{error} ns");
    }
}

#[test]
fn dates_are_anchored_anew_after_a_jump() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.pictures(0, SECOND, SECOND);
    bench.now = Wall::from_nanos(1_800_000_000_000_000_000);
    bench.pictures(5_000 * SECOND, SECOND, SECOND);
    bench.finish();
    let date_time = bench.made[1].segment.date_time.as_nanos();
    assert!(
        date_time.abs_diff(1_800_000_000_000_000_000) <= 10_000_000,
        "to 20 ms"
    );
}

#[test]
fn dates_of_a_file_go_on_across_a_jump() {
    let mut bench = Bench::first();
    let start = bench.now;
    bench.pictures(0, SECOND, SECOND);
    bench.now = Wall::from_nanos(0);
    bench.pictures(5_000 * SECOND, SECOND, SECOND);
    bench.finish();
    assert_eq!(
        bench.made[1].segment.date_time,
        start + Duration::from_secs(1)
    );
}
