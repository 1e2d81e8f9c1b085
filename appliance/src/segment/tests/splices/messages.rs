//! Messages that are repeated, contradicted, cancelled, or come when nothing is on air.

use std::time::Duration;

use weir_hal::Wall;

use super::{BOTH, DATE_RANGES, listed, pictures, with_break};
use crate::segment::{
    CueKind, CueOutcome, MediaPlaylist, Phase,
    fixture::{Bench, FRAME, SECOND, Unit, WRAP, frames, insert, rules, splice_section},
};

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
fn what_comes_before_the_first_picture_is_told_and_cut_at_once_there_is_a_clock() {
    let mut bench = Bench::first();
    let message = insert(7, true, Some(9 * SECOND), Some(4 * SECOND));
    bench.splice(&message);
    bench.splice(&message);
    assert_eq!(bench.cues.len(), 0, "nothing is on air");
    pictures(&mut bench, 18 * SECOND, &[9 * SECOND, 13 * SECOND]);
    bench.splice(&message);
    bench.finish();
    assert_eq!(bench.durations_ms(), [6_000, 3_000, 4_000, 5_000]);
    assert_eq!(bench.cues.len(), 1);
    let counters = bench.segmenter.counters();
    assert_eq!((counters.cues, counters.splice_cuts), (1, 2));
    assert_eq!(counters.splice_repetitions, 2);
    assert_eq!(counters.splices_unplaced, 0);
}

#[test]
fn of_more_messages_than_can_wait_for_the_first_picture_the_oldest_is_counted() {
    let mut bench = Bench::first();
    for event in 0..18 {
        bench.splice(&insert(event, true, Some(9 * SECOND), None));
    }
    bench.unit(Unit::key(0));
    let numbers: Vec<_> = bench.cues.iter().map(|cue| cue.event.number).collect();
    assert_eq!(numbers, (2..18).collect::<Vec<_>>());
    assert_eq!(bench.segmenter.counters().splices_unplaced, 2);
}

#[test]
fn what_waits_for_the_first_picture_can_be_cancelled() {
    let mut bench = Bench::first();
    bench.splice(&insert(7, true, Some(9 * SECOND), None));
    bench.splice(&splice_section(5, &[0, 0, 0, 7, 0xFF], &[]));
    pictures(&mut bench, 18 * SECOND, &[9 * SECOND]);
    bench.finish();
    assert_eq!(bench.durations_ms(), [6_000; 3]);
}

#[test]
fn what_is_hours_away_or_says_at_once_before_the_first_segment_is_counted() {
    let mut bench = Bench::first();
    bench.splice(&insert(7, true, None, None));
    pictures(&mut bench, SECOND, &[]);
    bench.splice(&insert(7, true, Some(7_200 * SECOND), None));
    bench.splice(&insert(7, true, Some(WRAP - 7_200 * SECOND), None));
    let counters = bench.segmenter.counters();
    assert_eq!(
        (counters.splices_unplaced, counters.splices_implausible),
        (1, 2)
    );
    assert_eq!(bench.cues.len(), 0);
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
fn an_end_that_players_may_know_otherwise_is_told_as_an_event_of_its_own() {
    let mut bench = Bench::first();
    bench.unit(Unit::key(0));
    bench.splice(&insert(7, true, Some(2 * SECOND), None));
    bench.splice(&insert(7, false, Some(14 * SECOND), None));
    pictures(&mut bench, 20 * SECOND, &[]);
    bench.finish();
    let text = listed(&bench, BOTH, &[0]).render("d/");
    let end = &bench.cues[1];
    let told_of_end = |unknown: u64| {
        let mut resumed = MediaPlaylist::resume(&text, 5).expect("it is ours");
        resumed.set_markers(BOTH);
        if unknown > 0 {
            resumed.forget(unknown);
        }
        assert_eq!(resumed.take_cue(end), CueOutcome::Taken);
        assert_eq!(resumed.take_cue(end), CueOutcome::Taken, "the same again");
        let last = bench.made.last().expect("some were made").segment;
        resumed.push(crate::segment::Segment {
            sequence: resumed.sequence_next(),
            ..last
        });
        let text = resumed.render("d/");
        assert!(text.contains("#EXT-X-CUE-IN"), "{text}");
        let id = |attribute: &str| {
            let mut lines = text.lines().filter(|line| line.contains(attribute));
            let line = lines.next().expect("it is told").to_owned();
            assert_eq!(lines.next(), None);
            line.split(',').next().map(str::to_owned)
        };
        (id("SCTE35-OUT") == id("SCTE35-IN"), text)
    };
    let text_began = text.clone();
    let (is_of_it, text_known) = told_of_end(0);
    assert!(
        is_of_it && text_known.contains(",DURATION="),
        "{text_known}"
    );
    let (is_of_it, text) = told_of_end(3);
    assert!(!is_of_it && !text.contains(",DURATION="), "{text}");
    // So it is after another restart, by what stands beside the list.
    let mut resumed = MediaPlaylist::resume(&text_began, 5).expect("it is ours");
    resumed.forget(3);
    let doubtful_until = resumed.doubtful_until().expect("an end may be known");
    let mut again = MediaPlaylist::resume(&text_began, 5).expect("it is ours");
    assert_eq!(again.doubtful_until(), None);
    again.doubt_until(doubtful_until);
    assert_eq!(again.doubtful_until(), Some(doubtful_until));
}

#[test]
fn an_end_before_the_beginning_of_its_break_may_be_repeated() {
    let out = with_break(Phase::First).cues.remove(0);
    let mut playlist = MediaPlaylist::live(5);
    playlist.set_markers(DATE_RANGES);
    assert_eq!(playlist.take_cue(&out), CueOutcome::Taken);
    let early = crate::segment::Cue {
        kind: CueKind::In,
        date_time: Wall::from_nanos(out.date_time.as_nanos() - 2_000_000_000),
        ..out
    };
    for _ in 0..2 {
        assert_eq!(playlist.take_cue(&early), CueOutcome::Taken);
    }
}

#[test]
fn the_end_that_the_next_break_of_its_number_makes_is_told_and_outlives_a_restart() {
    let (bench, next) = (with_break(Phase::First), Duration::from_secs(6));
    let mut playlist = MediaPlaylist::live(5);
    playlist.set_markers(BOTH);
    let out = crate::segment::Cue {
        planned_90k: None,
        auto_return: false,
        ..bench.cues[0].clone()
    };
    let mut again = out.clone();
    again.event.moment_90k += 6 * SECOND;
    again.date_time = out.date_time + next;
    for (made, cue) in bench.made.iter().zip([&out, &out, &out, &again]) {
        assert_eq!(playlist.take_cue(cue), CueOutcome::Taken);
        playlist.push(made.segment);
    }
    let text = playlist.render("");
    let id = |line: &str| line.split(',').next().map(str::to_owned);
    let with = |attribute: &str| text.lines().find(|line| line.contains(attribute));
    assert_eq!(
        with(",DURATION=6.000").and_then(id),
        with("SCTE35-OUT").and_then(id),
        "{text}"
    );
    // The number comes to its end, which is the second's.
    let mut resumed = MediaPlaylist::resume(&text, 5).expect("it is ours");
    resumed.set_markers(BOTH);
    let end = crate::segment::Cue {
        kind: CueKind::In,
        date_time: again.date_time + next,
        ..again
    };
    for list in [&mut playlist, &mut resumed] {
        assert_eq!(list.take_cue(&end), CueOutcome::Taken);
        for made in &bench.made[4..] {
            list.push(made.segment);
        }
    }
    assert_eq!(resumed.render(""), playlist.render(""));
    assert!(playlist.render("").contains("#EXT-X-CUE-IN"));
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
fn two_boxes_that_joined_at_different_times_tell_the_same_of_a_break() {
    let cue_of = |joined: u64, late_ms: u64| {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        let passed = Duration::from_millis(joined / 90 + late_ms);
        bench.now = bench.now + passed;
        bench.unit(Unit::key(joined));
        bench.splice(&insert(7, true, Some(90 * SECOND), None));
        bench.cues.remove(0)
    };
    let (one, other) = (cue_of(0, 0), cue_of(40 * SECOND, 12));
    assert_eq!(one.event, other.event);
    let apart = other.date_time.as_nanos() - one.date_time.as_nanos();
    assert_eq!(apart, 20_000_000, "as far as they received it, to 20 ms");
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
