//! What a list tells of a break, for how long, and what is left of it after a restart.

use std::time::Duration;

use weir_hal::Wall;

use super::{BOTH, CUE_TAGS, DATE_RANGES, listed, pictures, told, with_break};
use crate::{
    demux::Pts,
    segment::{
        CueKind, CueOutcome, MediaPlaylist, Phase,
        date_ranges::RANGES_MAX,
        fixture::{Bench, FRAME, SECOND, Unit, frames, insert, rules},
    },
};

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
    #EXT-X-DATERANGE:ID="00000007-00-144955147428000",
      START-DATE="2021-01-14T08:25:49.200Z",
      SCTE35-OUT=0xFC302000000000000000FFF00F05000000077FCFFE000CA26000010000000000000000
    segment-1.ts
    segment-2.ts
    #EXT-X-DATERANGE:ID="00000007-00-144955147428000",
      START-DATE="2021-01-14T08:25:49.200Z",
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
fn of_a_break_that_is_announced_late_the_cue_tags_tell_the_rest() {
    let bench = with_break(Phase::First);
    let text = listed(&bench, CUE_TAGS, &[3]).render("");
    let told = told(&text);
    let tags = told.iter().filter(|line| line.starts_with('#'));
    let tags: Vec<&&str> = tags.collect();
    assert_eq!(tags, [&"#EXT-X-CUE-OUT:5.200", &"#EXT-X-CUE-IN"], "{text}");
}

#[test]
fn a_break_begins_at_its_segment_though_the_clock_was_corrected_since_it_was_announced() {
    for (set_back_ms, ahead_s) in [(200, 8), (200, 60), (5_000, 12), (5_000, 60)] {
        let out = 240 * SECOND;
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        let mut announced = 0;
        for ticks in frames(out + 13 * SECOND) {
            if ticks == 150 * SECOND {
                bench.now = Wall::from_nanos(bench.now.as_nanos() - set_back_ms * 1_000_000);
            }
            let is_key = ticks % SECOND == 0;
            bench.unit(if is_key {
                Unit::key(ticks)
            } else {
                Unit::at(ticks)
            });
            if ticks == out - ahead_s * SECOND {
                bench.splice(&insert(7, true, Some(out), Some(30 * SECOND)));
                announced = bench.made.len();
            }
            bench.now = bench.now + Duration::from_millis(40);
        }
        bench.finish();
        let text = listed(&bench, CUE_TAGS, &[announced]).render("");
        let begin = Some(Pts::from_ticks(out));
        let first = bench.made.iter().find(|made| made.segment.pts() == begin);
        let first = first.expect("a cut").segment.sequence;
        let told = told(&text);
        let tag = told
            .iter()
            .position(|line| line.starts_with("#EXT-X-CUE-OUT:"));
        let segment = tag.and_then(|tag| told.get(tag + 1).copied());
        assert_eq!(segment, Some(&*format!("segment-{first}.ts")), "{text}");
    }
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
fn ranges_are_bounded_and_of_equal_ones_the_oldest_goes() {
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
fn where_there_are_too_many_ranges_what_has_ended_goes_before_what_goes_on() {
    let bench = with_break(Phase::First);
    let (out, segment) = (&bench.cues[0], bench.made[0].segment);
    let mut playlist = MediaPlaylist::live(50);
    playlist.set_markers(DATE_RANGES);
    // A break of half an hour, and within it one second after the other that tells of something.
    let mut long = out.clone();
    long.planned_90k = Some(1_800 * SECOND);
    playlist.take_cue(&long);
    let count = 2 * u32::try_from(RANGES_MAX).expect("few");
    for number in 0..count {
        let mut cue = out.clone();
        cue.kind = CueKind::Command;
        cue.event.number = 100 + number;
        cue.planned_90k = None;
        cue.date_time = out.date_time + Duration::from_secs(number.into());
        playlist.take_cue(&cue);
    }
    playlist.push(segment);
    let text = playlist.render("");
    assert_eq!(text.matches("DATERANGE").count(), RANGES_MAX);
    assert!(text.contains("SCTE35-OUT"), "it goes on: {text}");
    let newest = format!("ID=\"{:08x}-", 100 + count - 1);
    let oldest = format!("ID=\"{:08x}-", 100);
    assert!(text.contains(&newest) && !text.contains(&oldest), "{text}");
    // And so its end is told.
    let mut back = long.clone();
    back.kind = CueKind::In;
    back.date_time = out.date_time + Duration::from_mins(30);
    assert_eq!(playlist.take_cue(&back), CueOutcome::Taken);
    playlist.push(crate::segment::Segment {
        sequence: segment.sequence + 1,
        ..segment
    });
    assert!(playlist.render("").contains("SCTE35-IN"));
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
