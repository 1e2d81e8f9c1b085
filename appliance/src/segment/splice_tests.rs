//! Cuts that the stream itself asks for, and what playlists tell of breaks, claim by claim.

use std::time::Duration;

use proptest::prelude::*;

use crate::segment::{
    CueKind, CueOutcome, Markers, MediaPlaylist, Phase,
    date_ranges::RANGES_MAX,
    fixture::{Bench, FRAME, SECOND, Unit, frames, insert, rules, splice_section},
};

const DATE_RANGES: Markers = Markers {
    date_ranges: true,
    cue_tags: false,
};
const CUE_TAGS: Markers = Markers {
    date_ranges: false,
    cue_tags: true,
};
const BOTH: Markers = Markers {
    date_ranges: true,
    cue_tags: true,
};

/// Sends pictures of `span` ticks from 0, with key frames every two seconds and at `keys`.
fn pictures(bench: &mut Bench, span: u64, keys: &[u64]) {
    pictures_with(bench, span, keys, |_| false);
}

fn pictures_with(bench: &mut Bench, span: u64, keys: &[u64], is_boundary: impl Fn(u64) -> bool) {
    for ticks in frames(span) {
        let random_access = ticks % (2 * SECOND) == 0 || keys.contains(&ticks);
        bench.unit(Unit {
            random_access,
            segment_boundary: is_boundary(ticks),
            ..Unit::at(ticks)
        });
        bench.now = bench.now + Duration::from_millis(40);
    }
}

/// A list of all that `bench` made and announced, each event before the segment of its index.
fn listed(bench: &Bench, markers: Markers, at: &[usize]) -> MediaPlaylist {
    let mut playlist = MediaPlaylist::live(5);
    playlist.set_markers(markers);
    let mut cues = bench.cues.iter().zip(at).peekable();
    for (index, made) in bench.made.iter().enumerate() {
        while let Some((cue, _)) = cues.next_if(|(_, at)| **at <= index) {
            assert_eq!(playlist.take_cue(cue), CueOutcome::Taken);
        }
        playlist.push(made.segment);
    }
    playlist
}

/// The tags of `text` that tell of breaks, and the names of segments between them.
fn told(text: &str) -> Vec<&str> {
    let shown = |line: &&str| {
        line.starts_with("#EXT-X-DATERANGE") || line.contains("CUE") || !line.starts_with('#')
    };
    text.lines().filter(shown).collect()
}

/// A stream of 40 s with a break from 9.2 s to 21.2 s, announced at the beginning.
fn with_break(phase: Phase) -> Bench {
    let (out, back) = (230 * FRAME, 530 * FRAME);
    let mut bench = Bench::new(rules(phase), 0);
    bench.unit(Unit::key(0));
    bench.splice(&insert(7, true, Some(out), Some(back - out)));
    pictures(&mut bench, 40 * SECOND, &[out, back]);
    bench.finish();
    bench
}

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
fn what_is_hours_away_or_comes_before_the_first_segment_is_counted() {
    let mut bench = Bench::first();
    bench.splice(&insert(7, true, Some(3 * SECOND), None));
    pictures(&mut bench, SECOND, &[]);
    bench.splice(&insert(7, true, Some(7_200 * SECOND), None));
    bench.splice(&insert(7, true, Some((1 << 33) - 7_200 * SECOND), None));
    let counters = bench.segmenter.counters();
    assert_eq!(
        (counters.splices_unplaced, counters.splices_implausible),
        (1, 2)
    );
    assert_eq!(bench.cues.len(), 0);
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
fn what_was_cancelled_is_neither_cut_at_nor_listed() {
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    bench.splice(&insert(7, true, Some(9 * SECOND), None));
    bench.splice(&splice_section(5, &[0, 0, 0, 7, 0xFF], &[]));
    pictures(&mut bench, 18 * SECOND, &[9 * SECOND]);
    bench.finish();
    assert_eq!(bench.durations_ms(), [6_000; 3]);
    assert_eq!(bench.cues[1].kind, CueKind::Cancel);
    let text = listed(&bench, BOTH, &[1, 1]).render("");
    assert!(
        !text.contains("DATERANGE") && !text.contains("CUE"),
        "{text}"
    );
}

#[test]
fn a_break_is_listed_as_a_date_range_whose_first_line_stays() {
    let (out, back) = (230 * FRAME, 530 * FRAME);
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    bench.splice(&insert(7, true, Some(out), None));
    bench.splice(&insert(7, false, Some(back), None));
    pictures(&mut bench, 40 * SECOND, &[out, back]);
    bench.finish();
    let text = listed(&bench, DATE_RANGES, &[1, 3]).render("");
    insta::assert_snapshot!(told(&text).join("\n").replace(',', ",\n  "), @r#"
    segment-0.ts
    #EXT-X-DATERANGE:ID="00000007-00-152999999028000",
      START-DATE="2023-11-14T22:13:29.200Z",
      SCTE35-OUT=0xFC302000000000000000FFF00F05000000077FCFFE000CA26000010000000000000000
    segment-1.ts
    segment-2.ts
    #EXT-X-DATERANGE:ID="00000007-00-152999999028000",
      START-DATE="2023-11-14T22:13:29.200Z",
      DURATION=12.000,
      SCTE35-IN=0xFC302000000000000000FFF00F05000000077F4FFE001D1D2000010000000000000000
    segment-3.ts
    segment-4.ts
    segment-5.ts
    segment-6.ts
    "#);
}

#[test]
fn a_break_is_listed_by_cue_tags() {
    let bench = with_break(Phase::First);
    let text = listed(&bench, CUE_TAGS, &[0]).render("");
    insta::assert_snapshot!(told(&text).join("\n"), @r"
    segment-0.ts
    segment-1.ts
    #EXT-X-CUE-OUT:12.000
    segment-2.ts
    #EXT-X-CUE-OUT-CONT:6.800/12.000
    segment-3.ts
    #EXT-X-CUE-IN
    segment-4.ts
    segment-5.ts
    segment-6.ts
    ");
}

#[test]
fn a_break_that_returns_by_itself_gets_its_duration() {
    let bench = with_break(Phase::First);
    let text = listed(&bench, DATE_RANGES, &[0]).render("");
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("DATERANGE"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].contains(",PLANNED-DURATION=12.000,SCTE35-OUT=0xFC30"),
        "{}",
        lines[0]
    );
    assert!(lines[1].ends_with(",DURATION=12.000"), "{}", lines[1]);
    let identity = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join(",");
    assert_eq!(identity(lines[0]), identity(lines[1]));
}

#[test]
fn a_range_stays_as_long_as_it_reaches_into_the_window() {
    let mut bench = with_break(Phase::First);
    let cue = bench.cues.remove(0);
    let mut playlist = MediaPlaylist::live(3);
    playlist.set_markers(DATE_RANGES);
    playlist.take_cue(&cue);
    let end = cue.date_time + Duration::from_secs(12);
    let template = bench.made[0].segment;
    for sequence in 0..12 {
        let segment = crate::segment::Segment {
            sequence,
            date_time: template.date_time + Duration::from_secs(6 * sequence),
            ..template
        };
        playlist.push(segment);
        let window_start = playlist
            .segments()
            .next()
            .expect("one was pushed")
            .date_time;
        let is_listed = playlist.render("").contains("SCTE35-OUT");
        assert_eq!(is_listed, window_start <= end, "{sequence}");
    }
}

#[test]
fn what_was_listed_is_read_back_and_goes_on() {
    let bench = with_break(Phase::First);
    for markers in [DATE_RANGES, CUE_TAGS, BOTH] {
        let mut before = MediaPlaylist::live(5);
        before.set_markers(markers);
        before.take_cue(&bench.cues[0]);
        for made in &bench.made[..3] {
            before.push(made.segment);
        }
        let text = before.render("x/");
        let mut after = MediaPlaylist::resume(&text, 5).expect("it is ours");
        after.set_markers(markers);
        assert_eq!(after.render("x/"), text);
        for made in &bench.made[3..] {
            before.push(made.segment);
            after.push(made.segment);
            assert_eq!(told(&after.render("x/")), told(&before.render("x/")));
        }
    }
}

#[test]
fn an_announcement_that_is_repeated_with_other_values_is_refused() {
    let bench = with_break(Phase::First);
    let mut playlist = MediaPlaylist::live(5);
    playlist.set_markers(DATE_RANGES);
    let cue = bench.cues[0].clone();
    assert_eq!(playlist.take_cue(&cue), CueOutcome::Taken);
    assert_eq!(playlist.take_cue(&cue), CueOutcome::Taken, "the same again");
    let longer = crate::segment::Cue {
        planned_90k: Some(1),
        ..cue.clone()
    };
    assert_eq!(playlist.take_cue(&longer), CueOutcome::Refused);
    let too_long = crate::segment::Cue {
        section: vec![0xFC; 600].into(),
        ..cue
    };
    assert_eq!(playlist.take_cue(&too_long), CueOutcome::Refused);
    playlist.push(bench.made[0].segment);
    assert_eq!(playlist.render("").matches("DATERANGE").count(), 1);
}

#[test]
fn a_number_that_comes_again_is_another_event() {
    let round = |start_s: u64| {
        let mut bench = Bench::first();
        bench.now = bench.now + Duration::from_secs(start_s);
        bench.unit(Unit::key(0));
        bench.splice(&insert(7, true, Some(SECOND), None));
        bench.cues[0].event
    };
    assert_eq!(round(0), round(0));
    assert_ne!(
        round(0),
        round(600),
        "a file that is sent in a loop of ten minutes"
    );
}

#[test]
fn ranges_are_bounded_and_the_oldest_goes() {
    let bench = with_break(Phase::First);
    let mut playlist = MediaPlaylist::live(5);
    playlist.set_markers(DATE_RANGES);
    for number in 0..=u32::try_from(RANGES_MAX).expect("few") {
        let mut cue = bench.cues[0].clone();
        cue.event.number = number;
        let due = if number < 32 {
            CueOutcome::Taken
        } else {
            CueOutcome::TakenForAnother
        };
        assert_eq!(playlist.take_cue(&cue), due);
    }
    playlist.push(bench.made[0].segment);
    let text = playlist.render("");
    assert_eq!(text.matches("DATERANGE").count(), RANGES_MAX);
    assert!(!text.contains("\"00000000-"), "the first has gone");
}

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

/// What a stream may do with splices.
#[derive(Debug, Clone, Copy)]
enum Act {
    Picture {
        key: bool,
        boundary: bool,
    },
    Insert {
        event: u8,
        out: bool,
        after: Option<u64>,
        duration: Option<u64>,
    },
    Jump {
        to: u64,
    },
    Cancel {
        event: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let picture = (0..30_u8, any::<bool>()).prop_map(|(key, boundary)| Act::Picture {
        key: key == 0,
        boundary,
    });
    let after = prop::option::of(0..20 * SECOND);
    let duration = prop::option::of(0..60 * SECOND);
    let insert =
        (0..4_u8, any::<bool>(), after, duration).prop_map(|(event, out, after, duration)| {
            Act::Insert {
                event,
                out,
                after,
                duration,
            }
        });
    prop_oneof![
        60 => picture,
        2 => insert,
        1 => (0..1_u64 << 33).prop_map(|to| Act::Jump { to }),
        1 => (0..4_u8).prop_map(|event| Act::Cancel { event }),
    ]
}

/// The attributes of each date range of `text`, by ID.
fn attributes(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-DATERANGE:ID="));
    let mut all = Vec::new();
    for line in lines {
        let (id, rest) = line.split_once(',').expect("an ID is not alone");
        all.extend(
            rest.split(',')
                .map(|attribute| (id.to_owned(), attribute.to_owned())),
        );
    }
    all
}

proptest! {
    #[test]
    fn whatever_the_stream_announces_the_list_keeps_its_promises(
        acts in prop::collection::vec(act(), 200..900),
    ) {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        bench.unit(Unit::key(0));
        let (mut pts, mut taken, mut pushed) = (0, 0, 0);
        let mut playlist = MediaPlaylist::live(4);
        playlist.set_markers(BOTH);
        let mut known: Vec<(String, String)> = Vec::new();
        for act in acts {
            match act {
                Act::Picture { key, boundary } => {
                    pts = (pts + 5 * FRAME) % (1 << 33);
                    bench.unit(Unit {
                        random_access: key,
                        segment_boundary: boundary,
                        ..Unit::at(pts)
                    });
                    bench.now = bench.now + Duration::from_millis(200);
                }
                Act::Insert { event, out, after, duration } => {
                    let at = after.map(|after| (pts + after) % (1 << 33));
                    bench.splice(&insert(event, out, at, duration));
                }
                Act::Jump { to } => pts = to,
                Act::Cancel { event } => {
                    bench.splice(&splice_section(5, &[0, 0, 0, event, 0xFF], &[]));
                }
            }
            for cue in &bench.cues[taken..] {
                playlist.take_cue(cue);
            }
            taken = bench.cues.len();
            for made in &bench.made[pushed..] {
                prop_assert!(made.duration_ms() <= 12_000);
                playlist.push(made.segment);
                let text = playlist.render("");
                for (id, attribute) in attributes(&text) {
                    let name = attribute.split('=').next().expect("a name").to_owned();
                    let same = known.iter().find(|(known_id, known)| {
                        *known_id == id && known.split('=').next() == Some(&name)
                    });
                    match same {
                        Some((_, value)) => prop_assert_eq!(value, &attribute),
                        None => known.push((id, attribute)),
                    }
                }
                let resumed = MediaPlaylist::resume(&text, 4);
                prop_assert_eq!(resumed.map(|list| list.render("")), Some(text));
            }
            pushed = bench.made.len();
        }
    }
}

#[test]
fn two_boxes_that_joined_at_different_times_tell_the_same_of_a_break() {
    let cue_of = |joined: u64, late_ms: u64| {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        let passed = Duration::from_millis(joined / 90 + late_ms);
        bench.now = bench.now + passed;
        bench.unit(Unit::key(joined));
        bench.splice(&insert(7, true, Some(90 * SECOND), None));
        bench.cues.remove(0)
    };
    let (one, other) = (cue_of(0, 0), cue_of(40 * SECOND, 9));
    assert_eq!(one.event, other.event);
    let apart = other.date_time.as_nanos() - one.date_time.as_nanos();
    assert_eq!(apart, 9_000_000, "as far as they received it");
}

#[test]
fn a_message_is_told_once_however_often_it_is_sent() {
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    let (first, second) = (
        insert(7, true, Some(9 * SECOND), None),
        insert(8, true, Some(20 * SECOND), None),
    );
    let moved = insert(7, true, Some(11 * SECOND), None);
    for message in [&first, &second, &first, &second, &moved, &moved, &first] {
        bench.splice(message);
    }
    let numbers = bench.cues.iter().map(|cue| cue.event.number);
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        [7, 8, 7, 7],
        "what is said anew is told anew"
    );
    assert_eq!(bench.segmenter.counters().splice_repetitions, 3);
}

#[test]
fn what_was_announced_in_vain_is_obeyed_when_it_is_repeated() {
    let message = insert(7, true, Some(9 * SECOND), None);
    let mut bench = Bench::first();
    bench.splice(&message);
    assert_eq!(bench.cues.len(), 0, "nothing is on air");
    bench.unit(Unit::key(0));
    bench.splice(&message);
    assert_eq!(bench.cues.len(), 1);
    // Its point goes with the segment that an outage ends.
    bench.finish();
    bench.unit(Unit::key(2 * SECOND));
    bench.splice(&message);
    for ticks in frames(12 * SECOND).skip(1) {
        let random_access = ticks % SECOND == 0;
        bench.unit(Unit {
            random_access,
            ..Unit::at(2 * SECOND + ticks)
        });
    }
    bench.finish();
    assert_eq!(bench.segmenter.counters().splice_repetitions, 0);
    assert_eq!(bench.segmenter.counters().splice_cuts, 1);
}

#[test]
fn a_break_longer_than_four_hours_is_damage_and_has_no_return() {
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    let day = 24 * 3_600 * SECOND;
    for number in 0..20 {
        bench.splice(&insert(number, true, Some(9 * SECOND), Some(day)));
    }
    assert!(
        bench
            .cues
            .iter()
            .all(|cue| cue.planned_90k.is_none() && !cue.auto_return)
    );
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

#[test]
fn an_announcement_that_is_repeated_after_a_restart_is_no_contradiction() {
    // What SCTE 35 has for an example: no whole number of milliseconds.
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.unit(Unit::key(0));
    bench.splice(&insert(7, true, Some(230 * FRAME), Some(5_426_421)));
    pictures(&mut bench, 20 * SECOND, &[230 * FRAME]);
    bench.finish();
    let text = listed(&bench, BOTH, &[0]).render("d/");
    let mut resumed = MediaPlaylist::resume(&text, 5).expect("it is ours");
    resumed.set_markers(BOTH);
    assert_eq!(resumed.take_cue(&bench.cues[0]), CueOutcome::Taken);
    assert_eq!(resumed.render("d/"), text);
}

#[test]
fn a_break_that_is_known_by_its_tag_alone_does_not_pass_the_bound() {
    let bench = with_break(Phase::Grid);
    let mut playlist = MediaPlaylist::live(5);
    playlist.set_markers(CUE_TAGS);
    assert_eq!(playlist.take_cue(&bench.cues[0]), CueOutcome::Taken);
    for made in &bench.made[..3] {
        playlist.push(made.segment);
    }
    let text = playlist.render("d/");
    assert!(text.contains("CUE-OUT"), "{text}");
    let mut resumed = MediaPlaylist::resume(&text, 5).expect("it is ours");
    resumed.set_markers(DATE_RANGES);
    for number in 0..2 * u32::try_from(RANGES_MAX).expect("few") {
        let mut cue = bench.cues[0].clone();
        cue.event.number = 100 + number;
        resumed.take_cue(&cue);
    }
    resumed.push(bench.made[3].segment);
    let text = resumed.render("d/");
    assert_eq!(text.matches("DATERANGE").count(), RANGES_MAX);
}
