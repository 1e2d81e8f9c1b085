//! The segmenter, claim by claim.

use std::time::Duration;

use proptest::prelude::*;
use weir_hal::Wall;

use crate::{
    demux::{Event, PACKET_BYTES, Packet, Pid, StreamParameters},
    segment::{
        MediaPlaylist, Phase, Rules,
        fixture::{
            AUDIO, Bench, FRAME, Made, PMT, SECOND, Unit, VIDEO, frames, packets, program, rules,
        },
    },
};

const WRAP: u64 = 1 << 33;

#[test]
fn nothing_leaves_before_the_first_random_access_point() {
    let mut bench = Bench::first();
    bench.unit(Unit::at(0));
    bench.unit(Unit::at(FRAME));
    let before = bench.sent.len();
    bench.unit(Unit::key(2 * FRAME));
    bench.finish();
    assert_eq!(bench.payload(), bench.sent[before..]);
    assert_eq!(
        bench.segmenter.counters().packets_before_random_access,
        before as u64
    );
}

#[test]
fn a_payload_unit_that_began_before_the_first_segment_is_dropped_to_its_end() {
    let mut bench = Bench::first();
    bench.packet(AUDIO, true, false);
    bench.packet(VIDEO, true, true);
    let start = bench.sent.len() - 1;
    bench.packet(AUDIO, false, false);
    bench.packet(AUDIO, false, false);
    bench.push(Event::AccessUnit(crate::demux::AccessUnit {
        pts: Some(crate::demux::Pts::from_ticks(0)),
        dts: None,
        random_access: true,
        time_base_changed: false,
        segment_boundary: false,
    }));
    bench.packet(AUDIO, false, false);
    bench.packet(AUDIO, true, false);
    bench.packet(AUDIO, false, false);
    bench.finish();
    let kept = [start, start + 4, start + 5].map(|index| bench.sent[index]);
    assert_eq!(bench.payload(), kept);
    assert_eq!(bench.segmenter.counters().packets_before_payload_start, 3);
}

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
fn every_packet_leaves_once_and_in_order() {
    for understood_after in 1..=3 {
        let mut bench = Bench::first();
        for ticks in frames(20 * SECOND) {
            let random_access = ticks % (2 * SECOND) == 0;
            bench.unit(Unit {
                random_access,
                understood_after,
                ..Unit::at(ticks)
            });
        }
        bench.finish();
        assert_eq!(bench.payload(), bench.sent);
        assert_eq!(bench.durations_ms(), [6_000, 6_000, 6_000, 2_000]);
    }
}

#[test]
fn a_segment_begins_with_the_packet_that_starts_the_unit() {
    let mut bench = Bench::first();
    for ticks in frames(8 * SECOND) {
        let random_access = ticks % (2 * SECOND) == 0;
        bench.unit(Unit {
            random_access,
            understood_after: 3,
            ..Unit::at(ticks)
        });
    }
    bench.finish();
    for made in &bench.made {
        let first = made.payload()[0];
        let packet = Packet::new(&first).expect("sync byte");
        assert!(packet.pid() == VIDEO && packet.payload_unit_start());
    }
}

#[test]
fn every_segment_opens_with_pat_and_pmt_whose_continuity_counters_run_on() {
    let mut bench = Bench::new(rules(Phase::First), 0);
    bench.push(Event::Program(&program(1, 400)));
    bench.pictures(0, 20 * SECOND, 2 * SECOND);
    bench.finish();
    let mut counters = [(Pid::PAT, 0), (PMT, 0)];
    for made in &bench.made {
        let pids: Vec<_> = packets(&made.bytes)
            .take(5)
            .map(|bytes| Packet::new(&bytes).expect("sync byte").pid())
            .collect();
        assert_eq!(pids, [Pid::PAT, PMT, PMT, PMT, VIDEO]);
        for bytes in packets(&made.bytes) {
            let packet = Packet::new(&bytes).expect("sync byte");
            if let Some((_, next)) = counters.iter_mut().find(|row| row.0 == packet.pid()) {
                assert_eq!(packet.continuity_counter(), *next);
                *next = (*next + 1) % 16;
            }
        }
    }
}

#[test]
fn tables_are_repeated_at_unit_starts_every_100_ms() {
    let mut bench = Bench::first();
    bench.pictures(0, 2 * SECOND, 2 * SECOND);
    bench.finish();
    let is_pat = |bytes: &[u8; PACKET_BYTES]| bytes[1..3] == [0x40, 0];
    let pats = packets(&bench.made[0].bytes).filter(is_pat).count();
    // Pictures lie 40 ms apart, so the third after a table is the first at 100 ms or more.
    assert!((15..=20).contains(&pats), "{pats} PATs in 2 s");
}

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
        [6_000, 6_000, 6_000, 5_000, 6_000, 6_000]
    );
    assert!(bench.made.iter().all(|made| made.segment.independent));
    // Off the grid now: each is cut before its line.
    assert_eq!(bench.segmenter.counters().early_cuts, 2);
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
    let begin = |made: &Made| made.segment.begin.map(|pts| pts.ticks() / 90);
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
            let begin = made.segment.begin.expect("it was cut here");
            (made.segment.sequence, begin.ticks() / SECOND)
        };
        bench.made.iter().map(row).collect()
    };
    let (early, late) = (begins(0), begins(40));
    assert!(late.len() > 10);
    assert!(early.ends_with(&late[1..]), "{early:?} {late:?}");
}

#[test]
fn a_segment_that_reaches_its_size_is_cut_at_the_next_unit() {
    let bytes_max = 256 * 1024;
    let mut bench = Bench::new(
        Rules {
            bytes_max,
            ..rules(Phase::First)
        },
        0,
    );
    for ticks in frames(6 * SECOND) {
        let random_access = ticks % (2 * SECOND) == 0;
        bench.unit(Unit {
            packets: 40,
            random_access,
            ..Unit::at(ticks)
        });
    }
    bench.finish();
    assert!(bench.made.len() > 3);
    assert!(
        bench
            .made
            .iter()
            .all(|made| made.segment.bytes <= bytes_max)
    );
    assert!(
        bench
            .made
            .iter()
            .all(|made| made.payload()[0][1] & 0x40 != 0)
    );
    assert_eq!(bench.payload(), bench.sent);
    assert!(bench.segmenter.counters().size_overruns > 0);
}

#[test]
fn size_is_bounded_even_when_no_unit_begins_any_more() {
    let bytes_max = 256 * 1024;
    let mut bench = Bench::new(
        Rules {
            bytes_max,
            ..rules(Phase::First)
        },
        0,
    );
    bench.unit(Unit::key(0));
    for index in 0..5_000 {
        bench.packet(AUDIO, index % 10 == 0, false);
    }
    bench.finish();
    assert!(
        bench
            .made
            .iter()
            .all(|made| made.segment.bytes <= bytes_max)
    );
    assert_eq!(bench.payload(), bench.sent);
}

#[test]
fn a_unit_too_large_to_hold_back_is_passed_on_uncut() {
    let mut bench = Bench::first();
    bench.pictures(0, 6 * SECOND, 2 * SECOND);
    let packets = 6_000;
    let huge = Unit {
        packets,
        understood_after: packets,
        ..Unit::key(6 * SECOND)
    };
    bench.unit(huge);
    bench.pictures(6 * SECOND + FRAME, 2 * SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.segmenter.counters().hold_back_overflows, 1);
    assert_eq!(bench.durations_ms(), [6_040, 2_000]);
    assert_eq!(bench.payload(), bench.sent);
}

#[test]
fn a_new_version_of_the_pmt_goes_out_at_once_without_a_cut() {
    let mut bench = Bench::first();
    bench.pictures(0, SECOND, SECOND);
    bench.push(Event::Program(&program(1, 30)));
    bench.pictures(SECOND, SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [2_000]);
    let versions: Vec<u8> = packets(&bench.made[0].bytes)
        .filter(|bytes| Packet::new(bytes).is_some_and(|packet| packet.pid() == PMT))
        .map(|bytes| bytes[6])
        .collect();
    assert!(versions.is_sorted() && versions.first() == Some(&0) && versions.last() == Some(&1));
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
    assert_eq!(bench.payload(), bench.sent);
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
    assert_eq!(first(0), 1_700_000_000 / 6);
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
    assert_eq!(
        bench.made[1].segment.date_time.as_nanos(),
        1_800_000_000_000_000_000
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

/// What may happen to a stream at one picture.
#[derive(Debug, Clone)]
enum Happening {
    Picture { key: bool, packets: usize },
    Lost { pictures: u64 },
    Jump { to: u64 },
    Unstamped,
    Damaged { stamp: u64 },
    NewTables { version: u8, stream_type: u8 },
    Abandon,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        60 => (prop::bool::weighted(0.05), 1..30_usize)
            .prop_map(|(key, packets)| Happening::Picture { key, packets }),
        2 => (1..400_u64).prop_map(|pictures| Happening::Lost { pictures }),
        1 => (0..WRAP).prop_map(|to| Happening::Jump { to }),
        1 => Just(Happening::Unstamped),
        1 => (0..WRAP).prop_map(|stamp| Happening::Damaged { stamp }),
        1 => (0..32_u8, prop::sample::select(&[0x0F, 0x81][..]))
            .prop_map(|(version, stream_type)| Happening::NewTables { version, stream_type }),
        1 => Just(Happening::Abandon),
    ]
}

fn play(bench: &mut Bench, start: u64, happenings: &[Happening]) {
    let mut ticks = start;
    for happening in happenings {
        match *happening {
            Happening::Picture { key, packets } => {
                let understood_after = 1 + packets / 2;
                let unit = Unit {
                    random_access: key,
                    packets,
                    understood_after,
                    ..Unit::at(ticks)
                };
                bench.unit(unit);
            }
            Happening::Lost { pictures } => ticks += pictures * FRAME,
            Happening::Jump { to } => ticks = to,
            Happening::Unstamped => bench.unit(Unit {
                pts: None,
                ..Unit::at(ticks)
            }),
            Happening::Damaged { stamp } => bench.unit(Unit::at(stamp)),
            Happening::NewTables {
                version,
                stream_type,
            } => {
                let mut changed = program(version, 30);
                changed.streams[1].stream_type = stream_type;
                bench.push(Event::Program(&changed));
            }
            Happening::Abandon => bench.abandon(),
        }
        ticks = (ticks + FRAME) % WRAP;
        bench.now = bench.now + Duration::from_millis(40);
    }
    bench.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_segments_keep_the_rules(
        start in 0..WRAP,
        grid in any::<bool>(),
        happenings in prop::collection::vec(happening(), 1..1500),
    ) {
        let phase = if grid { Phase::Grid } else { Phase::First };
        let mut bench = Bench::new(Rules { bytes_max: 1024 * 1024, ..rules(phase) }, 5);
        play(&mut bench, start, &happenings);
        let mut playlist = MediaPlaylist::live(5);
        let mut before = None;
        for made in &bench.made {
            let segment = made.segment;
            prop_assert!(before.is_none_or(|before| segment.sequence == before + 1));
            before = Some(segment.sequence);
            let rounded = (segment.duration_90k + SECOND / 2) / SECOND;
            prop_assert!(segment.duration_90k > 0);
            prop_assert!(rounded <= u64::from(segment.target_duration_s));
            prop_assert!(segment.bytes <= 1024 * 1024);
            prop_assert_eq!(&made.bytes[1..3], &[0x40, 0], "a PAT");
            playlist.push(segment);
        }
        let target = bench.made.first().map(|made| made.segment.target_duration_s);
        prop_assert!(bench.made.iter().all(|made| Some(made.segment.target_duration_s) == target));
    }

    #[test]
    fn whatever_happens_nothing_is_lost_and_nothing_leaves_twice(
        start in 0..WRAP,
        happenings in prop::collection::vec(
            happening().prop_filter("keeps its bytes", |what| !matches!(what, Happening::Abandon)),
            1..1500,
        ),
    ) {
        let mut bench = Bench::new(rules(Phase::First), 0);
        play(&mut bench, start, &happenings);
        let payload = bench.payload();
        let skipped = bench.sent.len() - payload.len();
        prop_assert_eq!(&payload[..], &bench.sent[skipped..]);
    }
}
