//! What is listed while media is missing, and what boxes that joined at different moments make.

use std::time::Duration;

use crate::{
    demux::{Event, Pts},
    segment::{
        MediaPlaylist, Phase, Rules,
        fixture::{Bench, FRAME, Made, SECOND, Unit, at, frames, program, rules},
        timeline::{Stamps, Timeline},
    },
};

/// A line of the grid of 6 s.
const LINE: u64 = 600 * SECOND;

fn box_on_air() -> Bench {
    Bench::new(rules(Phase::Grid), 0)
}

impl Bench {
    /// Sends pictures of `span` from `start` on at once, a key frame a second.
    fn burst(&mut self, start: u64, span: u64) {
        for ticks in frames(span) {
            let is_key = ticks.is_multiple_of(SECOND);
            let unit = if is_key { Unit::key } else { Unit::at };
            self.unit(unit(start + ticks));
        }
    }

    /// Nothing comes for so long, while the list goes on as time passes.
    fn pause(&mut self, seconds: u64) {
        for second in 1..=seconds {
            self.silence(1);
            if second == 7 || second > 7 && (second - 7) % 6 == 0 {
                self.lapse();
            }
        }
    }

    /// What begins before the end of what was listed before it, by more than a correction makes.
    fn overlaps(&self) -> Vec<u64> {
        let pairs = self.made.windows(2).map(|pair| [&pair[0], &pair[1]]);
        let early = pairs.filter(|[one, two]| {
            two.segment.date_time + Duration::from_millis(21) < one.segment.end()
        });
        early.map(|[_, two]| two.segment.sequence).collect()
    }

    /// Nothing comes for so long.
    fn silence(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// Number within this life, length in seconds, and what is to be said of each segment.
    pub(super) fn told(&self) -> Vec<(u64, u64, &'static str)> {
        let first = self.made[0].segment.sequence;
        let told = self.made.iter().map(|Made { segment, .. }| {
            let kind = match (segment.gap, segment.discontinuity) {
                (true, true) => "gap after a hole",
                (true, false) => "gap",
                (false, true) => "discontinuity",
                (false, false) => "",
            };
            (
                segment.sequence - first,
                segment.duration_90k / SECOND,
                kind,
            )
        });
        told.collect()
    }
}

#[test]
fn media_that_stops_is_followed_by_gaps_and_comes_back_at_the_number_of_its_cell() {
    let mut bench = box_on_air();
    bench.pictures(LINE, 15 * SECOND, SECOND);
    bench.lapse();
    bench.silence(9);
    bench.lapse();
    bench.silence(3);
    // 27 s after the line: the fifth cell has begun 3 s ago.
    bench.pictures(LINE + 27 * SECOND, 10 * SECOND, SECOND);
    assert_eq!(
        bench.told(),
        [
            (0, 6, ""),
            (1, 6, ""),
            (2, 3, ""),
            (3, 6, "gap after a hole"),
            (4, 3, "discontinuity"),
            (5, 6, ""),
        ]
    );
    assert_eq!(bench.segmenter.counters().gap_segments, 1);
}

#[test]
fn a_cell_that_ended_just_before_media_came_back_is_a_gap_too() {
    let mut bench = box_on_air();
    bench.pictures(LINE, 8 * SECOND, SECOND);
    bench.lapse();
    bench.silence(17);
    bench.pictures(LINE + 25 * SECOND, 6 * SECOND, SECOND);
    let expected = [
        (0, 6, ""),
        (1, 2, ""),
        (2, 6, "gap after a hole"),
        (3, 6, "gap"),
        (4, 5, "discontinuity"),
    ];
    assert_eq!(bench.told(), expected);
}

#[test]
fn a_stream_that_comes_back_with_other_time_stamps_is_numbered_by_the_clock() {
    let mut bench = box_on_air();
    bench.pictures(LINE, 8 * SECOND, SECOND);
    bench.lapse();
    bench.silence(6);
    bench.pictures(7 * SECOND, 12 * SECOND, SECOND);
    let numbers: Vec<u64> = bench.told().iter().map(|told| told.0).collect();
    assert_eq!(
        numbers,
        [0, 1, 2, 3],
        "14 s after the line is the third cell"
    );
}

#[test]
fn what_was_held_is_dated_by_when_it_was_sent_and_none_of_a_gap_is_listed() {
    for seconds in 1..20 {
        let mut bench = box_on_air();
        bench.pictures(LINE, 8 * SECOND, SECOND);
        bench.pause(seconds);
        bench.burst(LINE + 8 * SECOND, seconds * SECOND);
        bench.pictures(LINE + (8 + seconds) * SECOND, 31 * SECOND, SECOND);
        assert_eq!(bench.overlaps(), [0; 0], "{seconds}: {:?}", bench.told());
        let last = bench.made.last().expect("there are segments").segment;
        let since = last.date_time.since(bench.made[0].segment.date_time);
        let begin = last.pts().expect("it is media").ticks() - LINE;
        let off = since.abs_diff(Duration::from_secs(begin / SECOND));
        assert!(off <= Duration::from_millis(40), "{seconds}: {off:?}");
        let cells = last.sequence - bench.made[0].segment.sequence;
        assert_eq!(cells, begin / SECOND / 6, "{seconds}: {:?}", bench.told());
    }
}

#[test]
fn what_goes_on_behind_a_pause_is_dated_later_and_never_before_what_was_listed() {
    for seconds in 1..=40 {
        let mut bench = box_on_air();
        bench.pictures(LINE, 8 * SECOND, SECOND);
        bench.pause(seconds);
        bench.pictures(LINE + 8 * SECOND, 31 * SECOND, SECOND);
        // In the end the sender makes up for it.
        let late = seconds.min(19);
        bench.burst(LINE + 39 * SECOND, late * SECOND);
        bench.pictures(LINE + (39 + late) * SECOND, 31 * SECOND, SECOND);
        assert_eq!(bench.overlaps(), [0; 0], "{seconds}: {:?}", bench.told());
    }
}

#[test]
fn another_time_base_that_comes_just_before_a_gap_ends_begins_where_it_ends() {
    for case in 0..40 {
        let (early_ms, is_listed) = (case / 2 * 10, case % 2 > 0);
        let mut bench = box_on_air();
        bench.pictures(LINE, 8 * SECOND, SECOND);
        bench.lapse();
        // It is passed over, because the cell that is due begins at 12 s.
        bench.pictures(77 * SECOND, 2 * SECOND, SECOND);
        if is_listed {
            bench.lapse();
        }
        bench.now = bench.now + Duration::from_millis(8_000 - early_ms);
        bench.pictures(87 * SECOND - early_ms * 90, 18 * SECOND, SECOND);
        assert_eq!(bench.overlaps(), [0; 0], "{case}: {:?}", bench.told());
    }
}

#[test]
fn nothing_is_listed_before_the_first_segment_or_in_a_file() {
    let mut bench = box_on_air();
    bench.lapse();
    let mut file = Bench::first();
    file.pictures(LINE, 8 * SECOND, SECOND);
    file.lapse();
    file.lapse();
    assert_eq!((bench.made.len(), file.made.len()), (0, 2));
}

#[test]
fn a_list_that_is_taken_up_again_lists_what_was_missed_as_gaps() {
    let mut bench = box_on_air();
    bench.pictures(LINE, 24 * SECOND + FRAME, SECOND);
    let mut playlist = MediaPlaylist::live(10);
    for made in &bench.made {
        playlist.push(made.segment);
    }
    let next = playlist.sequence_next();
    let mut second = box_on_air();
    second.segmenter.resume(&playlist);
    second.now = bench.now;
    second.silence(7);
    second.pictures(LINE + 31 * SECOND, 6 * SECOND, SECOND);
    assert_eq!(second.made[0].segment.sequence, next);
    assert_eq!(second.told(), [(0, 6, "gap"), (1, 5, "discontinuity")]);
}

#[test]
fn boxes_that_join_40_s_apart_make_the_same_bytes_whatever_the_key_frame_interval() {
    for interval in [24, 25, 48, 75, 100] {
        let (mut early, mut late) = (box_on_air(), box_on_air());
        for picture in 0..25 * 120 {
            let is_key = picture % interval == 0;
            let unit = if is_key { Unit::key } else { Unit::at };
            let unit = unit(LINE + picture * FRAME);
            // The packets of one sender.
            late.serial = early.serial;
            early.unit(unit);
            if picture >= 25 * 40 {
                late.unit(unit);
            }
            for bench in [&mut early, &mut late] {
                bench.now = bench.now + Duration::from_millis(40);
            }
        }
        let second = late.made[1].segment.sequence;
        let same = early.made.iter();
        let same = same.skip_while(|made| made.segment.sequence < second);
        let pairs: Vec<_> = same.zip(&late.made[1..]).collect();
        assert!(pairs.len() >= 8, "{interval}: {}", pairs.len());
        for (one, other) in pairs {
            assert_eq!(one.segment.sequence, other.segment.sequence, "{interval}");
            assert_eq!(one.duration_ms(), other.duration_ms(), "{interval}");
            assert!(one.bytes == other.bytes, "{interval}: {:?}", one.segment);
        }
    }
}

#[test]
fn numbers_stay_those_of_the_cells_for_hours() {
    // 0.96 s do not divide 6 s.
    let interval = FRAME * 24;
    let mut bench = box_on_air();
    bench.pictures(LINE, 3 * 3_600 * SECOND, interval);
    let [first, .., last] = &bench.made[..] else {
        panic!("there are segments");
    };
    let cells = (last.segment.sequence - first.segment.sequence) * 6_000;
    let from_first = last.segment.date_time.since(first.segment.date_time);
    let apart = from_first.as_millis().abs_diff(cells.into());
    assert!(apart < 1_000, "{apart} ms");
}

#[test]
fn a_change_of_coding_without_a_key_frame_is_announced_at_the_next_cut() {
    let mut bench = box_on_air();
    bench.pictures(LINE, 9 * SECOND, SECOND);
    let mut other = program(1, 30);
    other.streams.pop();
    bench.push(Event::Program(&other));
    for picture in 0..25 * 9 {
        bench.unit(Unit::at(LINE + 9 * SECOND + picture * FRAME));
    }
    bench.finish();
    let kinds: Vec<_> = bench.told().iter().map(|told| told.2).collect();
    assert_eq!(kinds, ["", "", "discontinuity"]);
}

#[test]
fn a_hole_behind_the_very_first_picture_is_not_taken_for_a_long_picture() {
    let stamps = |ticks| {
        let pts = Pts::from_ticks(ticks);
        Stamps { pts, dts: pts }
    };
    for (step, is_hole) in [(FRAME, false), (5 * FRAME, false), (3 * SECOND, true)] {
        let mut timeline = Timeline::start(stamps(LINE));
        timeline.advance(stamps(LINE + step));
        assert_eq!(timeline.has_gap(), is_hole, "{step}");
    }
}

/// A rendition that has others beside it, of which so much was lost 8 s behind a line.
fn rung(lost: u64, interval: u64) -> Bench {
    let mut bench = Bench::new(ladder_rules(), 0);
    bench.segmenter.agree_on_cells(true);
    bench.pictures(LINE, 8 * SECOND, interval);
    if lost > 0 {
        bench.pause(lost / SECOND);
        bench.now = bench.now + Duration::from_millis(lost % SECOND / 90);
    }
    // Key frames stay where they were.
    for ticks in frames(60 * SECOND) {
        let ticks = 8 * SECOND + lost + ticks;
        let is_key = ticks.is_multiple_of(interval);
        let unit = if is_key { Unit::key } else { Unit::at };
        bench.unit(unit(LINE + ticks));
        bench.now = bench.now + Duration::from_millis(40);
    }
    bench
}

/// As they are by default: a third of the target is added.
fn ladder_rules() -> Rules {
    Rules {
        slack: Duration::from_secs(2),
        ..rules(Phase::Grid)
    }
}

#[test]
fn a_rendition_that_lost_some_has_no_discontinuity_that_the_others_have_not() {
    for interval in [SECOND / 2, SECOND, 2 * SECOND, 24 * FRAME, 48 * FRAME] {
        let whole = rung(0, interval);
        for lost in (1..40).map(|seconds| seconds * SECOND + 10 * FRAME) {
            let holed = rung(lost, interval);
            let case = format!("{interval}, {lost}: {:?}", holed.told());
            assert_eq!(holed.discontinuities(), [0; 0], "{case}");
            // What is listed is as long as time is.
            let dates = holed.made.windows(2);
            let mut dates = dates.map(|pair| (pair[0].segment.end(), pair[1].segment.date_time));
            let apart = dates.find(|(end, next)| end.as_nanos().abs_diff(next.as_nanos()) > 1_000);
            assert_eq!(apart, None, "{case}");
            let tail = |bench: &Bench| {
                let last = bench
                    .made
                    .iter()
                    .rev()
                    .find(|it| it.segment.date_time < at(62_000));
                let last = last.expect("there are segments").segment;
                (last.sequence, last.duration_90k, last.date_time, last.pts())
            };
            assert_eq!(tail(&holed), tail(&whole), "{case}");
        }
    }
}

#[test]
fn what_comes_back_in_another_time_base_is_a_discontinuity_beside_others_too() {
    let mut bench = Bench::new(ladder_rules(), 0);
    bench.segmenter.agree_on_cells(true);
    bench.pictures(LINE, 8 * SECOND, SECOND);
    bench.pause(15);
    bench.pictures(LINE + 7_000 * SECOND, 20 * SECOND, SECOND);
    assert_eq!(bench.discontinuities().len(), 1, "{:?}", bench.told());
}

#[test]
fn what_comes_back_coded_otherwise_is_a_discontinuity_beside_others_too() {
    let mut bench = Bench::new(ladder_rules(), 0);
    bench.segmenter.agree_on_cells(true);
    bench.pictures(LINE, 8 * SECOND, SECOND);
    bench.pause(15);
    let mut other = program(1, 30);
    other.streams.pop();
    bench.push(Event::Program(&other));
    bench.pictures(LINE + 23 * SECOND, 20 * SECOND, SECOND);
    assert_eq!(bench.discontinuities().len(), 1, "{:?}", bench.told());
}

#[test]
fn a_box_that_met_a_pause_of_its_sender_lists_like_one_that_joined_behind_it_two_periods_later() {
    for pause in [1, 2, 5, 7] {
        let mut early = Bench::new(ladder_rules(), 0);
        early.pictures(LINE, 62 * SECOND, SECOND);
        early.silence(pause);
        let mut late = Bench::new(ladder_rules(), 0);
        late.now = early.now;
        for bench in [&mut early, &mut late] {
            bench.pictures(LINE + 62 * SECOND, 180 * SECOND, SECOND);
        }
        let tail = |bench: &Bench| {
            let last = bench.made.iter().rev().take(5);
            let told = |it: &Made| (it.segment.sequence, it.segment.pts(), it.segment.date_time);
            last.map(told).collect::<Vec<_>>()
        };
        assert_eq!(tail(&early), tail(&late), "{pause}: {:?}", early.told());
        let breaks = usize::from(pause > 1);
        assert_eq!(early.discontinuities().len(), breaks, "{:?}", early.told());
        assert_eq!(early.overlaps(), [0; 0]);
    }
}
