//! What segments are made of: which packets, in which order, behind which tables.

use crate::{
    demux::{AccessUnit, Event, PACKET_BYTES, Packet, Pid, Pts},
    segment::{
        Phase, Rules,
        fixture::{AUDIO, Bench, FRAME, PMT, SECOND, Unit, VIDEO, frames, packets, program, rules},
    },
};

/// What the first picture turns out to be once its head is understood.
fn key_at_zero() -> Event<'static> {
    Event::AccessUnit(AccessUnit {
        pts: Some(Pts::from_ticks(0)),
        dts: None,
        random_access: true,
        time_base_changed: false,
        segment_boundary: false,
    })
}

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
fn a_payload_unit_whose_start_did_not_come_is_dropped_to_its_end() {
    let mut bench = Bench::first();
    bench.packet(AUDIO, false, false);
    bench.packet(VIDEO, true, true);
    let start = bench.sent.len() - 1;
    bench.packet(AUDIO, false, false);
    bench.packet(AUDIO, false, false);
    bench.push(key_at_zero());
    bench.packet(AUDIO, false, false);
    bench.packet(AUDIO, true, false);
    bench.packet(AUDIO, false, false);
    bench.finish();
    let kept = [start, start + 4, start + 5].map(|index| bench.sent[index]);
    assert_eq!(bench.payload(), kept);
    assert_eq!(bench.segmenter.counters().packets_before_payload_start, 3);
}

#[test]
fn a_payload_unit_that_began_before_the_first_segment_goes_on_in_it_as_on_boxes_long_on_air() {
    let mut bench = Bench::first();
    bench.packet(AUDIO, true, false);
    bench.packet(VIDEO, true, true);
    let start = bench.sent.len() - 1;
    bench.packet(AUDIO, false, false);
    bench.push(key_at_zero());
    bench.packet(AUDIO, false, false);
    bench.finish();
    let kept = [start, start + 1, start + 2].map(|index| bench.sent[index]);
    assert_eq!(bench.payload(), kept);
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
