//! Breaks in lists that begin anywhere in the past, claim by claim.

use std::time::Duration;

use bytes::Bytes;
use weir_hal::Wall;

use crate::segment::{
    Archive, Cue, CueKind, EventId, Markers, MediaPlaylist, Moment, RangeLine, Segment,
};

const START: u64 = 1_700_000_000;

fn at(seconds: u64) -> Wall {
    Wall::from_nanos((START + seconds) * 1_000_000_000)
}

/// Of 6 s each; that of index 0 begins at 0 s.
fn segment(index: u64) -> Segment {
    Segment {
        sequence: 1_000 + index,
        duration_90k: 540_000,
        target_duration_s: 6,
        bytes: 1,
        discontinuity: false,
        independent: true,
        gap: false,
        date_time: at(index * 6),
        begin: None,
    }
}

fn cue(number: u32, kind: CueKind, seconds: u64) -> Cue {
    Cue {
        event: EventId {
            number,
            break_kind: 0,
            moment_90k: 7,
        },
        kind,
        date_time: at(seconds),
        planned_90k: None,
        auto_return: false,
        section: Bytes::from_static(&[0xFC, 0x30]),
    }
}

/// A live list of ten segments and its archive, side by side as a publisher has them.
struct Lists {
    live: MediaPlaylist,
    archive: Archive,
    next: u64,
}

impl Lists {
    fn new() -> Self {
        let mut live = MediaPlaylist::live(10);
        live.set_markers(Markers {
            date_ranges: true,
            cue_tags: false,
        });
        Self {
            live,
            archive: Archive::new(Duration::from_hours(1), "d/", 0),
            next: 0,
        }
    }

    fn push_until(&mut self, index: u64) {
        while self.next < index {
            let segment = segment(self.next);
            self.live.push(segment);
            self.archive.follow(&self.live.range_lines());
            self.archive.push(segment, None);
            self.next += 1;
        }
    }

    fn take(&mut self, cue: &Cue) {
        self.live.take_cue(cue);
    }

    /// A hundred segments, and a break from 120 s to 180 s that is announced before segment 15.
    fn with_break() -> Self {
        let mut lists = Self::new();
        lists.push_until(15);
        lists.take(&cue(7, CueKind::Out, 120));
        lists.push_until(25);
        lists.take(&cue(7, CueKind::In, 180));
        lists.push_until(100);
        lists
    }

    /// The segments and lines of breaks in a list from one second to another.
    fn told(&self, from: u64, until: Option<u64>) -> Vec<String> {
        let until = until.map(|until| Moment::At(at(until)));
        let listed = self.archive.excerpt(Moment::At(at(from)), until);
        let text = listed.expect("something").text;
        let told = text.lines().filter_map(|line| {
            let line = line.strip_prefix("d/segment-").unwrap_or(line);
            if let Some(number) = line.strip_suffix(".ts") {
                return Some(number.to_owned());
            }
            let attribute = line.rsplit(',').next()?;
            let range = line.starts_with("#EXT-X-DATERANGE");
            range.then(|| attribute.split('=').next().unwrap_or_default().to_owned())
        });
        told.collect()
    }
}

#[test]
fn a_list_of_the_whole_tells_of_breaks_as_the_live_list_did() {
    let mut lists = Lists::with_break();
    lists.live.set_window(1_000);
    let mut long = Lists::new();
    long.live.set_window(1_000);
    long.push_until(15);
    long.take(&cue(7, CueKind::Out, 120));
    long.push_until(25);
    long.take(&cue(7, CueKind::In, 180));
    long.push_until(100);
    let all = lists.archive.excerpt(Moment::At(at(0)), None);
    assert_eq!(all.expect("all").text, long.live.render("d/"));
}

#[test]
fn a_list_from_within_a_break_has_its_lines_before_its_first_segment_and_at_their_places() {
    let lists = Lists::with_break();
    let told = lists.told(130, None);
    assert_eq!(
        told[..6],
        ["SCTE35-OUT", "1021", "1022", "1023", "1024", "SCTE35-IN"]
    );
    let told = lists.told(0, None);
    let places: Vec<_> = told.iter().map(String::as_str).collect();
    assert_eq!(places[14..17], ["1014", "SCTE35-OUT", "1015"]);
    assert_eq!(places[25..28], ["1024", "SCTE35-IN", "1025"]);
}

#[test]
fn a_part_tells_of_the_breaks_that_reach_into_it_and_of_no_others() {
    let lists = Lists::with_break();
    let ranges = |from, until| {
        let told = lists.told(from, until);
        told.into_iter()
            .filter(|line| line.starts_with("SCTE35"))
            .collect::<Vec<_>>()
    };
    assert_eq!(ranges(100, Some(200)), ["SCTE35-OUT", "SCTE35-IN"]);
    // What came to be known behind its end would change a list that has ended.
    assert_eq!(ranges(100, Some(140)), ["SCTE35-OUT"]);
    assert_eq!(
        ranges(60, Some(119)),
        [""; 0],
        "announced, and not yet there"
    );
    assert_eq!(ranges(186, None), [""; 0]);
    assert_eq!(ranges(0, Some(60)), [""; 0]);
}

#[test]
fn a_list_that_has_ended_stays_as_it_is_whatever_is_learned_later() {
    let mut lists = Lists::new();
    lists.push_until(15);
    lists.take(&cue(7, CueKind::Out, 120));
    lists.push_until(24);
    let before = lists.told(0, Some(140));
    lists.take(&cue(7, CueKind::In, 150));
    lists.push_until(40);
    assert_eq!(lists.told(0, Some(140)), before);
}

#[test]
fn what_is_withdrawn_before_it_came_is_not_told_of() {
    let mut lists = Lists::new();
    lists.push_until(15);
    lists.take(&cue(7, CueKind::Out, 120));
    lists.push_until(17);
    assert!(lists.told(0, None).contains(&"SCTE35-OUT".to_owned()));
    lists.take(&cue(7, CueKind::Cancel, 120));
    lists.push_until(40);
    assert!(!lists.told(0, None).contains(&"SCTE35-OUT".to_owned()));
}

#[test]
fn what_has_left_the_live_list_stays_until_it_leaves_the_past() {
    let mut lists = Lists::with_break();
    assert!(!lists.live.render("").contains("DATERANGE"));
    // The break ended at 180 s; the past is an hour.
    lists.push_until(600 + 30);
    assert!(lists.told(0, None).contains(&"SCTE35-OUT".to_owned()));
    lists.push_until(600 + 31);
    assert!(!lists.told(0, None).contains(&"SCTE35-OUT".to_owned()));
}

#[test]
fn lines_are_bounded_and_the_events_that_go_are_counted() {
    let mut lists = Lists::new();
    let mut dropped = 0;
    for number in 0..2_000 {
        let mut event = cue(number, CueKind::Command, u64::from(number) * 3 / 8);
        event.event.number = number;
        lists.take(&event);
        let segment = segment(lists.next);
        if number % 16 == 15 {
            lists.live.push(segment);
            dropped += lists.archive.follow(&lists.live.range_lines());
            lists.archive.push(segment, None);
            lists.next += 1;
        }
    }
    let told = lists.told(0, None);
    let ranges = told
        .iter()
        .filter(|line| line.starts_with("SCTE35"))
        .count();
    assert_eq!((ranges, dropped), (1_024, 2_000 - 1_024));
}

#[test]
fn blocks_read_back_tell_of_the_same_breaks() {
    let lists = Lists::with_break();
    let mut lines: Vec<RangeLine> = Vec::new();
    let mut again = Archive::new(Duration::from_hours(1), "d/", 0);
    for number in 0..32 {
        let Some(text) = lists.archive.block(number) else {
            continue;
        };
        let block = MediaPlaylist::resume(&text, 64).expect("a list");
        lines.extend(block.range_lines());
        for segment in block.segments() {
            again.push(*segment, None);
        }
    }
    again.follow(&lines);
    for (from, until) in [(0, None), (130, None), (100, Some(200)), (100, Some(140))] {
        let of = |archive: &Archive| {
            let until = until.map(|until| Moment::At(at(until)));
            let listed = archive.excerpt(Moment::At(at(from)), until);
            listed.expect("something").text
        };
        assert_eq!(of(&again), of(&lists.archive), "{from} {until:?}");
    }
}

#[test]
fn breaks_that_never_end_keep_no_later_one_out_of_a_block_nor_an_ended_one_in() {
    let mut lists = Lists::new();
    for number in 0..40 {
        lists.push_until(u64::from(number) + 1);
        lists.take(&cue(number, CueKind::Out, u64::from(number) * 6 + 6));
    }
    lists.push_until(50);
    lists.take(&cue(90, CueKind::Out, 300));
    lists.push_until(52);
    lists.take(&cue(90, CueKind::In, 312));
    lists.push_until(54);
    let block = 1_053 / Archive::BLOCK_SEGMENTS;
    let text = lists.archive.block(block).expect("it has media");
    let back = MediaPlaylist::resume(&text, 64).expect("it is ours");
    let numbers: Vec<u32> = back
        .range_lines()
        .iter()
        .map(|line| line.event.number)
        .collect();
    assert!(numbers.ends_with(&[90, 90]), "{numbers:?}");
    let count = |lists: &Lists| {
        let all = lists.archive.excerpt(Moment::At(at(0)), None).expect("all");
        (
            all.text.matches("\"0000005a").count(),
            all.text.matches("#EXT-X-DATERANGE").count(),
        )
    };
    assert_eq!(count(&lists).0, 2);
    // An hour later the older ones go on, and this one has ended.
    lists.push_until(54 + 600);
    let (ended, all) = count(&lists);
    assert!(ended == 0 && all > 0, "{ended} of {all}");
}

#[test]
fn a_block_tells_of_an_event_whose_own_block_may_be_gone() {
    let mut lists = Lists::new();
    let last_of_block = Archive::BLOCK_SEGMENTS - 1_000 % Archive::BLOCK_SEGMENTS - 1;
    lists.push_until(last_of_block);
    lists.take(&cue(3, CueKind::Out, last_of_block * 6));
    lists.push_until(last_of_block + 9);
    let number = (1_000 + last_of_block) / Archive::BLOCK_SEGMENTS;
    let told = [number, number + 1].map(|number| {
        let text = lists.archive.block(number).expect("it has media");
        text.matches("SCTE35-OUT").count()
    });
    assert_eq!(told, [1, 1]);
}
