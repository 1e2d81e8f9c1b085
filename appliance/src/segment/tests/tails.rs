//! Where the bytes of a segment end: with its last picture, or with the tables they came under.

use crate::{
    demux::{AccessUnit, Event, Packet, Pid, Program, Pts, StreamKind, VideoCodec},
    segment::fixture::{AUDIO, Bench, FRAME, Made, PMT, SECOND, Unit, VIDEO, packets, program},
};

/// What carries pictures behind a change of tables.
const OTHER: Pid = Pid::from_bits(0x200);

/// Sound behind 3 s of pictures, until `end`.
fn with_sound_until(end: u64) -> Bench {
    let mut bench = Bench::first();
    bench.pictures(0, 3 * SECOND, SECOND);
    for ticks in (3 * SECOND..end).step_by(9_000) {
        bench.sound(ticks);
    }
    bench
}

/// Packets of sound that have a time stamp.
fn stamped(made: &Made) -> usize {
    let payload = made.payload();
    payload.iter().filter(|bytes| bytes[6] == 1).count()
}

/// The pictures of the program are on another PID.
fn moved() -> Program {
    let mut moved = program(1, 30);
    moved.streams[0].pid = OTHER;
    moved
}

/// The versions of the PMT in the segment.
fn versions(made: &Made) -> Vec<u8> {
    let pmts = packets(&made.bytes).filter(|bytes| pid(bytes) == PMT);
    let mut versions: Vec<u8> = pmts.map(|bytes| bytes[6]).collect();
    versions.dedup();
    versions
}

fn pid(bytes: &[u8; 188]) -> Pid {
    Packet::new(bytes).expect("sync byte").pid()
}

impl Bench {
    /// Sends a picture of one packet on [`OTHER`].
    fn moved_picture(&mut self, ticks: u64, random_access: bool) {
        self.packet(OTHER, true, true);
        self.push(Event::AccessUnit(AccessUnit {
            pts: Some(Pts::from_ticks(ticks)),
            dts: None,
            random_access,
            time_base_changed: false,
            segment_boundary: false,
        }));
    }
}

#[test]
fn a_picture_that_may_be_of_another_time_base_is_not_the_last_of_a_segment() {
    for far in [0, 900 * SECOND, 107 * SECOND] {
        let mut bench = Bench::first();
        bench.pictures(100 * SECOND, 2 * SECOND, SECOND);
        let before = bench.sent.len();
        bench.unit(Unit::key(far));
        bench.finish();
        assert_eq!(bench.durations_ms(), [2_000]);
        assert_eq!(bench.payload(), bench.sent[..before]);
        assert_eq!(bench.segmenter.counters().packets_left_out, 4);
    }
}

#[test]
fn a_picture_of_which_only_the_beginning_came_is_not_the_last_of_a_segment() {
    let mut bench = Bench::first();
    bench.pictures(0, 2 * SECOND, SECOND);
    let before = bench.sent.len();
    bench.packet(VIDEO, true, true);
    bench.lapse();
    assert_eq!(bench.payload(), bench.sent[..before]);
}

#[test]
fn sound_that_goes_on_alone_is_left_out_of_the_segment_that_pictures_end() {
    let mut bench = with_sound_until(60 * SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [3_000]);
    assert_eq!(stamped(&bench.made[0]), 6, "half a second");
    assert_eq!(bench.segmenter.counters().packets_left_out, 564);
}

impl Bench {
    /// Sends a picture that says not when it is shown.
    fn untimed_picture(&mut self, ticks: u64) {
        let picture = Unit::at(ticks);
        self.unit(Unit {
            pts: None,
            ..picture
        });
    }
}

#[test]
fn sound_beside_pictures_without_time_stamps_is_left_out_as_if_there_were_none() {
    let mut bench = Bench::first();
    bench.pictures(0, 3 * SECOND, SECOND);
    for ticks in (3 * SECOND..20 * SECOND).step_by(9_000) {
        bench.sound(ticks);
        bench.untimed_picture(ticks);
    }
    bench.lapse();
    assert_eq!(bench.durations_ms(), [3_000]);
    assert_eq!(stamped(&bench.made[0]), 6, "half a second");
}

#[test]
fn pictures_without_time_stamps_are_kept_for_a_second_and_no_longer() {
    let mut bench = Bench::first();
    bench.pictures(0, 3 * SECOND, SECOND);
    let timed = bench.sent.len();
    let mut kept = 0;
    for number in 0..2_000 {
        bench.untimed_picture((3 * SECOND) + number * FRAME);
        kept = if number < 64 { bench.sent.len() } else { kept };
    }
    bench.pictures(90 * SECOND, 2 * SECOND, SECOND);
    bench.finish();
    assert!(kept > timed);
    assert_eq!(bench.durations_ms(), [3_000, 2_000]);
    assert_eq!(bench.made[0].payload().len(), kept);
}

#[test]
fn time_stamps_that_are_seldom_are_enough() {
    let mut bench = Bench::first();
    for number in 0..6 * 25_u64 {
        let ticks = number * FRAME;
        bench.sound(ticks);
        if number % 17 == 0 {
            bench.unit(if number == 0 {
                Unit::key(ticks)
            } else {
                Unit::at(ticks)
            });
        } else {
            bench.untimed_picture(ticks);
        }
    }
    bench.finish();
    assert_eq!(bench.payload(), bench.sent[1..]);
}

#[test]
fn sound_of_a_hole_is_of_neither_segment() {
    for end in [12 * SECOND + 81_000, 17 * SECOND] {
        let mut bench = with_sound_until(end);
        bench.pictures(end, 2 * SECOND, SECOND);
        bench.finish();
        assert_eq!(bench.durations_ms(), [3_000, 2_000], "{end}");
        let stamped: Vec<_> = bench.made.iter().map(stamped).collect();
        assert_eq!(stamped, [6, 0], "{end}");
    }
}

#[test]
fn sound_beside_a_picture_that_stays_is_kept() {
    let mut bench = with_sound_until(5 * SECOND);
    bench.pictures(5 * SECOND, 2 * SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.payload(), bench.sent);
}

#[test]
fn more_sound_than_can_be_held_back_ends_the_segment_that_can_last_no_longer() {
    let mut bench = with_sound_until(5 * SECOND);
    for _ in 0..3 * 6_000 {
        bench.packet(AUDIO, false, false);
    }
    bench.sound(30 * SECOND);
    for _ in 0..6_000 {
        bench.packet(AUDIO, false, false);
    }
    bench.pictures(40 * SECOND, 2 * SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.durations_ms(), [3_000, 2_000]);
    assert_eq!(stamped(&bench.made[1]), 0);
    let counters = bench.segmenter.counters();
    assert!(counters.packets_left_out > 5_000, "{counters:?}");
}

#[test]
fn pictures_under_other_tables_begin_a_segment_with_them() {
    for is_jump in [false, true] {
        let mut bench = Bench::first();
        bench.pictures(0, 2 * SECOND, SECOND);
        let before = bench.sent.len();
        bench.push(Event::Program(&moved()));
        bench.packet(AUDIO, true, false);
        let next = if is_jump { 700 * SECOND } else { 2 * SECOND };
        bench.moved_picture(next, false);
        bench.packet(AUDIO, true, false);
        let after = bench.sent.len();
        for picture in 1..=25 {
            bench.moved_picture(next + picture * FRAME, picture == 1);
        }
        bench.finish();
        assert_eq!(bench.made[0].payload(), bench.sent[..before]);
        assert_eq!(bench.made[1].payload(), bench.sent[after..]);
        assert_eq!(bench.discontinuities(), [1]);
        assert_eq!(versions(&bench.made[0]), [0]);
        assert_eq!(versions(&bench.made[1]), [1]);
        assert_eq!(bench.made[0].duration_ms(), 2_000);
    }
}

#[test]
fn nothing_enters_a_segment_once_the_program_has_no_streams() {
    let mut bench = Bench::first();
    bench.pictures(0, 2 * SECOND, SECOND);
    let before = bench.sent.len();
    let mut empty = program(1, 30);
    empty.streams.clear();
    bench.push(Event::Program(&empty));
    for _ in 0..100 {
        bench.packet(VIDEO, true, false);
    }
    bench.lapse();
    assert_eq!(bench.durations_ms(), [2_000]);
    assert_eq!(bench.payload(), bench.sent[..before]);
    bench.push(Event::Program(&program(2, 30)));
    bench.pictures(5 * SECOND, SECOND, SECOND);
    bench.finish();
    assert_eq!(bench.discontinuities(), [1]);
    assert_eq!(versions(&bench.made[1]), [2]);
}

#[test]
fn a_stream_that_is_added_begins_with_the_segment_whose_tables_name_it() {
    let mut bench = Bench::first();
    bench.pictures(0, 2 * SECOND, SECOND);
    let mut more = program(1, 30);
    let mut added = more.streams[1];
    added.pid = OTHER;
    more.streams.push(added).expect("there is room");
    bench.push(Event::Program(&more));
    for picture in 0..50 {
        bench.packet(OTHER, true, false);
        bench.packet(OTHER, false, false);
        let ticks = 2 * SECOND + picture * FRAME;
        let unit = if picture == 25 { Unit::key } else { Unit::at };
        bench.unit(unit(ticks));
    }
    bench.finish();
    assert_eq!(bench.durations_ms(), [3_000, 1_000]);
    let of_other = |made: &Made| {
        let payload = made.payload();
        let packets: Vec<_> = payload.into_iter().filter(|it| pid(it) == OTHER).collect();
        (packets.len(), packets.first().map(|bytes| bytes[1] & 0x40))
    };
    assert_eq!(of_other(&bench.made[0]), (0, None));
    assert_eq!(of_other(&bench.made[1]), (48, Some(0x40)));
    assert_eq!(versions(&bench.made[0]), [0]);
    assert_eq!(versions(&bench.made[1]), [1]);
    assert_eq!(bench.segmenter.counters().packets_left_out, 52);
}

#[test]
fn another_coding_of_the_pictures_begins_a_segment() {
    let mut bench = Bench::first();
    bench.pictures(0, 2 * SECOND, SECOND);
    let before = bench.sent.len();
    let mut other = program(1, 30);
    other.streams[0].stream_type = 0x24;
    other.streams[0].kind = StreamKind::Video(VideoCodec::Hevc);
    bench.push(Event::Program(&other));
    bench.unit(Unit::at(2 * SECOND));
    bench.unit(Unit::key(2 * SECOND + FRAME));
    bench.finish();
    assert_eq!(bench.made[0].payload(), bench.sent[..before]);
    assert_eq!(bench.made[1].payload(), bench.sent[before + 4..]);
}
