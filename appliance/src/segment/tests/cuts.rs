//! Where segments begin and end: at random access points, by the target, and where streams change.

use std::time::Duration;

use crate::{
    demux::{Event, StreamParameters},
    segment::{
        Phase, Rules,
        fixture::{Bench, FRAME, Made, SECOND, Unit, VIDEO, frames, program, rules},
    },
};

#[test]
fn cuts_at_the_first_random_access_point_at_or_after_the_target() {
    let mut bench = Bench::first();
    bench.pictures(0, 30 * SECOND, 4 * SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [8_000, 8_000, 8_000, 6_000]);
    assert!(bench.made.iter().all(|made| made.segment.independent));
}

#[test]
fn a_target_missed_by_a_rounding_is_met() {
    let mut bench = Bench::first();
    for ticks in frames(12 * SECOND) {
        // Every key frame comes a tenth of a millisecond early.
        let is_key = ticks % (6 * SECOND) == 0;
        let early = if is_key {
            9 * (ticks / (6 * SECOND))
        } else {
            0
        };
        bench.unit(Unit {
            random_access: is_key,
            ..Unit::at(ticks - early)
        });
    }
    bench.finish();
    assert_eq!(bench.made.len(), 2);
}

#[test]
fn a_missing_random_access_point_forces_a_cut_within_the_target_duration() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.pictures(0, 12 * SECOND, 2 * SECOND);
    bench.pictures(12 * SECOND, 20 * SECOND, 100 * SECOND);
    bench.finish();
    assert_eq!(bench.made[0].segment.target_duration_s, 6);
    assert!(
        bench
            .durations_ms()
            .into_iter()
            .all(|duration| duration < 6_500)
    );
    assert_eq!(bench.discontinuities(), [0; 0]);
    assert_eq!(bench.segmenter.counters().target_overruns, 3);
    let dependent = bench.made.iter().filter(|made| !made.segment.independent);
    assert_eq!(dependent.count(), 3);
}

#[test]
fn a_file_is_cut_off_random_access_at_the_longest_duration_only() {
    let mut bench = Bench::first();
    bench.pictures(0, 30 * SECOND, 100 * SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [12_000, 12_000, 6_000]);
}

#[test]
fn an_early_random_access_point_is_taken_when_the_next_would_overrun() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.pictures(0, 18 * SECOND, 2 * SECOND);
    bench.pictures(18 * SECOND, 5 * SECOND, 2 * SECOND);
    // A scene change moves the key frames: 22, 23, 25, 27, 29 s.
    bench.pictures(23 * SECOND, 12 * SECOND, 2 * SECOND);
    bench.finish();
    assert_eq!(
        bench.durations_ms(),
        [6_000, 6_000, 6_000, 5_000, 2_000, 6_000, 4_000],
        "from then on behind the line, where a box would begin that joins"
    );
    assert!(bench.made.iter().all(|made| made.segment.independent));
    assert_eq!(bench.segmenter.counters().early_cuts, 1);
}

/// Where segments begin when the key frame at 12 s is `lost`, of a stream that has one every
/// `interval_s`, in milliseconds.
fn begins_ms(interval_s: u64, lost: bool) -> Vec<u64> {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    for ticks in frames(40 * SECOND) {
        let is_key = ticks % (interval_s * SECOND) == 0 && !(lost && ticks == 12 * SECOND);
        bench.unit(Unit {
            random_access: is_key,
            ..Unit::at(ticks)
        });
    }
    let begin = |made: &Made| made.segment.pts().map(|pts| pts.ticks() / 90);
    bench.made.iter().filter_map(begin).collect()
}

#[test]
fn a_lost_key_frame_moves_one_boundary_and_not_those_behind_it() {
    assert_eq!(
        begins_ms(2, false),
        [0, 6_000, 12_000, 18_000, 24_000, 30_000]
    );
    assert_eq!(
        begins_ms(2, true),
        [0, 6_000, 12_480, 18_000, 24_000, 30_000]
    );
    assert_eq!(
        begins_ms(4, false),
        [0, 8_000, 12_000, 20_000, 24_000, 32_000]
    );
    assert_eq!(
        begins_ms(4, true),
        [0, 8_000, 16_000, 20_000, 24_000, 32_000]
    );
}

#[test]
fn key_frames_at_odds_with_the_target_give_a_box_that_joins_late_the_same_boundaries() {
    let begins = |from_s: u64| -> Vec<(u64, u64)> {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        bench.now = bench.now + Duration::from_secs(from_s);
        bench.pictures(from_s * SECOND, (120 - from_s) * SECOND, 4 * SECOND);
        let row = |made: &Made| {
            let begin = made.segment.pts().expect("it was cut here");
            (made.segment.sequence, begin.ticks() / SECOND)
        };
        bench.made.iter().map(row).collect()
    };
    let (early, late) = (begins(0), begins(40));
    assert!(late.len() > 10);
    assert!(early.ends_with(&late[1..]), "{early:?} {late:?}");
}

/// A box that joins `from_s` seconds into four minutes of groups of 2 s, of which that at each
/// minute is `short_ms` long.
fn joined(from_s: u64, short_ms: u64, phase_ms: u64) -> Vec<(u64, u64, u32)> {
    let mut bench = Bench::new(
        Rules {
            slack: Duration::from_secs(2),
            ..rules(Phase::Grid)
        },
        0,
    );
    let loop_ms = 60_000 + short_ms;
    for frame in 0..(240 * 25) {
        let at_ms = frame * 40;
        if at_ms >= from_s * 1_000 {
            let is_key = (at_ms % loop_ms).is_multiple_of(2_000);
            let unit = if is_key { Unit::key } else { Unit::at };
            bench.unit(unit((phase_ms + at_ms) * 90));
        }
        bench.now = bench.now + Duration::from_millis(40);
    }
    let row = |made: &Made| {
        let segment = made.segment;
        let begin = segment.pts().expect("it was cut here").ticks() / 90;
        (segment.sequence, begin, segment.target_duration_s)
    };
    bench.made.iter().map(row).collect()
}

#[test]
fn a_group_shorter_than_the_others_leaves_boxes_that_did_not_meet_it_alike() {
    for short_ms in [40, 480, 1_000, 1_480, 1_960] {
        for phase_ms in (0..6_000).step_by(440) {
            let early = joined(0, short_ms, phase_ms);
            for from_s in [41, 58, 60, 61, 62, 83, 125] {
                let late = joined(from_s, short_ms, phase_ms);
                assert!(late.len() > 10);
                let case = format!("{short_ms} ms, {phase_ms} ms, from {from_s} s");
                assert!(early.ends_with(&late[1..]), "{case}: {early:?} {late:?}");
            }
        }
    }
}

#[test]
fn a_change_of_streams_cuts_at_the_next_random_access_point() {
    let mut bench = Bench::first();
    bench.pictures(0, 2 * SECOND, SECOND);
    let mut changed = program(1, 30);
    changed.streams[1].stream_type = 0x81;
    bench.push(Event::Program(&changed));
    bench.unit(Unit::at(2 * SECOND));
    bench.pictures(2 * SECOND + FRAME, SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [2_040, 1_000]);
    assert_eq!(bench.discontinuities(), [1]);
    // Sound of the other kind, until the picture is understood with which it begins.
    assert_eq!(bench.segmenter.counters().packets_left_out, 2);
}

#[test]
fn a_change_of_resolution_is_a_discontinuity_and_its_first_reading_is_not() {
    let size = |width| StreamParameters {
        codec: "avc1.64001F".to_owned(),
        resolution: Some((width, 720)),
        frame_rate_millihertz: None,
    };
    let mut bench = Bench::first();
    bench.pictures(0, SECOND, SECOND);
    bench.push(Event::Parameters(VIDEO, &size(1280)));
    bench.pictures(SECOND, SECOND, SECOND);
    bench.push(Event::Parameters(VIDEO, &size(1280)));
    bench.pictures(2 * SECOND, SECOND, SECOND);
    assert_eq!(bench.made.len(), 0);
    bench.push(Event::Parameters(VIDEO, &size(960)));
    bench.pictures(3 * SECOND, SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [3_000, 1_000]);
    assert_eq!(bench.discontinuities(), [1]);
}
