//! Lists that begin anywhere in the past, claim by claim.

use std::time::Duration;

use weir_hal::Wall;

use crate::segment::{Archive, KeyTag, MediaPlaylist, Moment, Segment};

const START: u64 = 1_700_000_000;

fn segment(index: u64) -> Segment {
    Segment {
        sequence: 1_000 + index,
        duration_90k: 540_000,
        target_duration_s: 6,
        bytes: 1,
        discontinuity: index % 10 == 3,
        independent: true,
        gap: index % 10 == 4,
        date_time: at(index * 6),
        begin: None,
    }
}

fn at(seconds: u64) -> Wall {
    Wall::from_nanos((START + seconds) * 1_000_000_000)
}

fn archive(depth_s: u64, count: u64) -> Archive {
    let mut archive = Archive::new(Duration::from_secs(depth_s), "d/", 7);
    for index in 0..count {
        archive.push(segment(index), None);
    }
    archive
}

#[test]
fn a_list_of_the_whole_is_what_the_live_list_of_it_would_be() {
    for count in [1, 63, 64, 65, 200] {
        let mut playlist = MediaPlaylist::live(1_000);
        for index in 0..count {
            playlist.push(segment(index));
        }
        let mut archive = Archive::new(Duration::from_hours(1), "d/", 0);
        for index in 0..count {
            archive.push(segment(index), None);
        }
        let listed = archive.excerpt(Moment::At(at(0)), None).expect("all of it");
        assert_eq!(listed.text, playlist.render("d/"), "{count}");
        assert!(!listed.is_final);
    }
}

#[test]
fn a_list_that_begins_anywhere_says_under_which_key() {
    let tag = |index: u64| match index {
        70..140 => KeyTag::new("one"),
        140..190 => KeyTag::new("two"),
        _ => None,
    };
    let mut archive = archive(3_600, 0);
    for index in 0..200 {
        archive.push(segment(index), tag(index));
    }
    for first in 0..200 {
        let mut playlist = MediaPlaylist::live(1_000);
        for index in first..200 {
            // A gap has no key of its own, but stands under that of the segment before it.
            playlist.push_encrypted(segment(index), tag(index));
        }
        let of = |text: &str| {
            let resumed = MediaPlaylist::resume(text, 1_000).expect("it is one of ours");
            let rows = resumed.encrypted_segments();
            let rows = rows.filter(|(segment, _)| !segment.gap);
            let rows = rows.map(|(segment, key)| (segment.sequence, key.cloned()));
            rows.collect::<Vec<_>>()
        };
        let listed = archive.excerpt(Moment::At(at(first * 6)), None);
        let listed = listed.expect("something").text;
        assert_eq!(of(&listed), of(&playlist.render("d/")), "{first}: {listed}");
    }
}

#[test]
fn a_list_begins_with_the_segment_on_air_at_its_start_and_ends_with_the_one_at_its_end() {
    let archive = archive(3_600, 300);
    let until = Some(Moment::At(at(1_212)));
    let listed = archive
        .excerpt(Moment::At(at(1_001)), until)
        .expect("200 s");
    let lines: Vec<_> = listed.text.lines().collect();
    assert_eq!(lines[3], "#EXT-X-MEDIA-SEQUENCE:1166");
    assert_eq!(
        lines[4], "#EXT-X-DISCONTINUITY-SEQUENCE:24",
        "7 and 17 since"
    );
    assert_eq!(
        lines[5],
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:29:56.000Z"
    );
    assert_eq!(lines[lines.len() - 2], "d/segment-1201.ts");
    assert_eq!(lines[lines.len() - 1], "#EXT-X-ENDLIST");
    assert_eq!(listed.text.matches("#EXTINF").count(), 36);
    assert!(listed.is_final);
}

#[test]
fn each_segment_has_one_date_behind_its_discontinuity() {
    let listed = archive(3_600, 9).excerpt(Moment::At(at(18)), None);
    let text = listed.expect("six segments").text;
    let count = text.matches("PROGRAM-DATE-TIME").count();
    assert_eq!(count, text.matches("#EXTINF").count(), "{text}");
    assert!(
        text.contains("SEQUENCE:7\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM"),
        "{text}"
    );
}

#[test]
fn an_end_to_come_is_no_end_and_one_that_has_come_is() {
    let archive = archive(3_600, 100);
    let is_ended = |seconds| {
        let listed = archive.excerpt(Moment::At(at(0)), Some(Moment::At(at(seconds))));
        listed.expect("something").is_final
    };
    assert!(!is_ended(601));
    assert!(is_ended(600) && is_ended(599) && is_ended(1));
}

#[test]
fn what_has_not_come_or_has_left_is_no_list() {
    let archive = archive(60, 100);
    let from = |seconds| archive.excerpt(Moment::At(at(seconds)), None);
    assert_eq!(from(600), None);
    assert!(from(599).is_some());
    assert!(from(0).is_some_and(|listed| listed.text.contains("SEQUENCE:1090")));
    let past = archive.excerpt(Moment::At(at(0)), Some(Moment::At(at(60))));
    assert_eq!(past, None);
}

#[test]
fn a_start_before_the_end_moves_along() {
    let listed = archive(3_600, 100).excerpt(Moment::BeforeEnd(Duration::from_mins(1)), None);
    assert_eq!(
        listed.expect("a minute").text.matches("#EXTINF").count(),
        10
    );
}

#[test]
fn a_list_that_moves_along_keeps_three_target_durations() {
    let listed = archive(3_600, 100).excerpt(Moment::BeforeEnd(Duration::from_secs(2)), None);
    let text = listed.expect("the last").text;
    assert_eq!(text.matches("#EXTINF").count(), 4);
}

#[test]
fn a_part_that_moves_along_has_ended_and_is_not_final() {
    let archive = archive(3_600, 100);
    let before = |seconds| Moment::BeforeEnd(Duration::from_secs(seconds));
    for (from, until) in [
        (before(60), before(30)),
        (Moment::At(at(0)), before(30)),
        (before(600), Moment::At(at(30))),
    ] {
        let listed = archive.excerpt(from, Some(until)).expect("a part");
        assert!(listed.text.ends_with("#EXT-X-ENDLIST\n") && !listed.is_final);
    }
}

#[test]
fn what_leaves_is_as_much_as_is_too_much() {
    let mut archive = archive(60, 10);
    assert_eq!(
        (archive.len(), archive.duration()),
        (10, Duration::from_mins(1))
    );
    archive.push(segment(10), None);
    assert_eq!(archive.sequences(), 1_001..1_011);
    archive.set_depth(Duration::from_secs(30));
    archive.push(segment(11), None);
    assert_eq!(archive.sequences(), 1_007..1_012);
}

#[test]
fn segments_are_bounded_and_a_list_of_them_all_is_some_megabyte() {
    let archive = archive(7 * 86_400, 20_000);
    assert_eq!(archive.len(), Archive::SEGMENTS_MAX);
    let all = archive.excerpt(Moment::At(at(0)), None).expect("all");
    assert_eq!(all.text.matches("#EXTINF").count(), Archive::SEGMENTS_MAX);
    assert!(all.text.len() < 2 << 20, "{}", all.text.len());
}

#[test]
fn what_is_missing_between_two_segments_stands_there_as_gaps() {
    let mut archive = archive(3_600, 3);
    let next = Segment {
        discontinuity: true,
        date_time: at(18 + 30),
        ..segment(9)
    };
    let gaps: Vec<_> = archive
        .gaps_until(next.sequence, next.date_time, 0)
        .collect();
    let numbers: Vec<_> = gaps.iter().map(|gap| gap.sequence).collect();
    assert_eq!(numbers, [1_003, 1_004, 1_005, 1_006, 1_007, 1_008]);
    assert!(
        gaps.iter()
            .all(|gap| gap.gap && gap.duration_90k == 5 * 90_000)
    );
    assert_eq!(gaps[0].date_time, at(18));
    for gap in gaps {
        archive.push(gap, None);
    }
    archive.push(next, None);
    let text = archive.excerpt(Moment::At(at(0)), None).expect("all").text;
    assert_eq!(text.matches("#EXT-X-GAP").count(), 6, "{text}");
    assert_eq!(archive.sequences(), 1_000..1_010);
}

#[test]
fn gaps_are_no_longer_than_the_target_duration_and_have_some_length() {
    let archive = archive(3_600, 3);
    for (seconds, expected_90k) in [(1_000, 540_000), (18, 90), (0, 90)] {
        let mut gaps = archive.gaps_until(1_005, at(seconds), 0);
        assert!(
            gaps.all(|gap| gap.duration_90k == expected_90k),
            "{seconds}"
        );
    }
    assert_eq!(archive.gaps_until(1_003, at(100), 0).count(), 0);
    let beyond = 1_004 + Archive::SEGMENTS_MAX as u64;
    assert_eq!(archive.gaps_until(beyond, at(100), 0).count(), 0);
}

#[test]
fn gaps_make_up_for_discontinuities_that_nobody_knows_any_more() {
    let mut archive = archive(3_600, 3);
    for gap in archive.gaps_until(1_010, at(60), 9) {
        archive.push(gap, None);
    }
    let text = archive.excerpt(Moment::At(at(0)), None).expect("all").text;
    assert_eq!(
        text.matches("#EXT-X-DISCONTINUITY\n").count(),
        2,
        "seven before: {text}"
    );
}

#[test]
fn what_is_not_the_next_segment_begins_anew() {
    let mut archive = archive(3_600, 5);
    archive.push(segment(9), None);
    assert_eq!(archive.sequences(), 1_009..1_010);
    let longer = Segment {
        target_duration_s: 7,
        ..segment(10)
    };
    archive.push(longer, None);
    let text = archive.excerpt(Moment::At(at(0)), None).expect("one").text;
    assert!(
        text.contains("TARGETDURATION:7\n#EXT-X-MEDIA-SEQUENCE:1010\n"),
        "{text}"
    );
    assert!(
        text.contains("DISCONTINUITY-SEQUENCE:8\n"),
        "one of five had left: {text}"
    );
}

#[test]
fn blocks_read_back_are_what_was_archived() {
    let archive = archive(3_600, 200);
    let mut read = Vec::new();
    for number in 0..32 {
        let Some(text) = archive.block(number) else {
            continue;
        };
        assert!(text.len() < 16 * 1024);
        let list = MediaPlaylist::resume(&text, 64).expect("a list");
        assert_eq!(
            list.segments().next().map(|it| it.sequence / 64),
            Some(number)
        );
        read.extend(list.segments().copied());
    }
    let due = (0..200).map(|index| Segment {
        bytes: 0,
        independent: false,
        ..segment(index)
    });
    assert_eq!(read, due.collect::<Vec<_>>());
}

#[test]
fn a_block_of_gaps_alone_is_none() {
    let mut archive = archive(36_000, 8);
    for gap in archive.gaps_until(1_200, at(1_200), 0) {
        archive.push(gap, None);
    }
    assert!(
        archive
            .block(15)
            .is_some_and(|text| text.contains("segment-1007.ts"))
    );
    assert_eq!(archive.block(17), None);
    assert_eq!(archive.block(100), None, "it has not come");
}
