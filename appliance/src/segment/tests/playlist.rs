//! The Media Playlist, claim by claim, and its life cycle by the rules of RFC 8216.

use std::time::Duration;

use proptest::prelude::*;
use weir_hal::Wall;

use crate::segment::{
    KeyTag, MediaPlaylist, Segment,
    playlist::{EXTRA_SEGMENTS_MAX, SECOND_90K, micros},
};

const START: Wall = Wall::from_nanos(1_767_225_600_123_456_789);

fn segment(sequence: u64, duration_90k: u64) -> Segment {
    Segment {
        sequence,
        duration_90k,
        target_duration_s: 6,
        bytes: 1_000_000,
        discontinuity: false,
        independent: true,
        gap: false,
        date_time: START + Duration::from_secs(sequence.saturating_sub(7) * 6),
        begin: None,
    }
}

#[test]
fn live_lists_the_last_segments_with_their_date() {
    let mut playlist = MediaPlaylist::live(3);
    playlist.push(segment(7, 540_000));
    playlist.push(segment(8, 540_540));
    playlist.push(Segment {
        discontinuity: true,
        ..segment(9, 450_000)
    });
    insta::assert_snapshot!(playlist.render(""), @r"
    #EXTM3U
    #EXT-X-VERSION:8
    #EXT-X-TARGETDURATION:6
    #EXT-X-MEDIA-SEQUENCE:7
    #EXT-X-DISCONTINUITY-SEQUENCE:0
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.123Z
    #EXTINF:6.000000,
    segment-7.ts
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:06.123Z
    #EXTINF:6.006000,
    segment-8.ts
    #EXT-X-DISCONTINUITY
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:12.123Z
    #EXTINF:5.000000,
    segment-9.ts
    ");
}

fn tag(uri: &str) -> KeyTag {
    KeyTag::new(uri).expect("a URI")
}

#[test]
fn a_key_stands_once_before_the_first_of_its_segments_and_a_gap_is_under_it() {
    let mut playlist = MediaPlaylist::live(8);
    let gap = |sequence| Segment {
        gap: true,
        ..segment(sequence, 540_000)
    };
    playlist.push(segment(7, 540_000));
    playlist.push_encrypted(segment(8, 540_000), Some(tag("one")));
    playlist.push(gap(9));
    playlist.push_encrypted(segment(10, 540_000), Some(tag("one")));
    playlist.push_encrypted(segment(11, 540_000), Some(tag("two")));
    playlist.push(gap(12));
    playlist.push(segment(13, 540_000));
    insta::assert_snapshot!(playlist.render(""), @r#"
    #EXTM3U
    #EXT-X-VERSION:8
    #EXT-X-TARGETDURATION:6
    #EXT-X-MEDIA-SEQUENCE:7
    #EXT-X-DISCONTINUITY-SEQUENCE:0
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.123Z
    #EXTINF:6.000000,
    segment-7.ts
    #EXT-X-KEY:METHOD=AES-128,URI="one"
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:06.123Z
    #EXTINF:6.000000,
    segment-8.ts
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:12.123Z
    #EXTINF:6.000000,
    #EXT-X-GAP
    segment-9.ts
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:18.123Z
    #EXTINF:6.000000,
    segment-10.ts
    #EXT-X-KEY:METHOD=AES-128,URI="two"
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:24.123Z
    #EXTINF:6.000000,
    segment-11.ts
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:30.123Z
    #EXTINF:6.000000,
    #EXT-X-GAP
    segment-12.ts
    #EXT-X-KEY:METHOD=NONE
    #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:36.123Z
    #EXTINF:6.000000,
    segment-13.ts
    "#);
}

/// The key of each segment, by its number, as who reads the list has it.
fn keys(text: &str) -> Vec<(u64, Option<String>)> {
    let resumed = MediaPlaylist::resume(text, 3).expect("it is one of ours");
    let rows = resumed.encrypted_segments();
    let uri = |key: &KeyTag| key.uri().to_owned();
    let rows = rows.map(|(segment, key)| (segment.sequence, key.map(uri)));
    rows.collect()
}

proptest! {
    #[test]
    fn a_listed_segment_keeps_its_key_in_every_version_and_over_restarts(
        rows in prop::collection::vec((0_usize..4, any::<bool>()), 1..40),
        restart in 0_usize..40,
    ) {
        let mut playlist = MediaPlaylist::live(3);
        let mut known = std::collections::BTreeMap::new();
        for (index, (key, gap)) in rows.into_iter().enumerate() {
            let tag = ["a", "b", "c"].get(key).map(|uri| tag(uri));
            let segment = Segment { gap, ..segment(index as u64, 540_000) };
            playlist.push_encrypted(segment, tag.clone());
            let text = playlist.render("");
            for (sequence, key) in keys(&text) {
                let before = known.entry(sequence).or_insert_with(|| key.clone());
                prop_assert_eq!(&*before, &key, "{} in {}", sequence, text);
            }
            if !gap {
                let uri = tag.map(|tag| tag.uri().to_owned());
                prop_assert_eq!(known.get(&(index as u64)), Some(&uri));
            }
            if index == restart {
                playlist = MediaPlaylist::resume(&text, 3).expect("it is one of ours");
            }
        }
    }
}

#[test]
fn a_raised_target_ends_the_list_and_numbers_go_on() {
    let mut playlist = MediaPlaylist::live(3);
    playlist.push(segment(7, 540_000));
    assert!(!playlist.outgrow(6));
    assert!(playlist.outgrow(8));
    assert_eq!(
        (playlist.is_empty(), playlist.target_duration_s()),
        (true, None)
    );
    assert_eq!(playlist.sequence_next(), 8);
}

#[test]
fn a_discontinuity_that_leaves_is_counted() {
    let mut playlist = MediaPlaylist::live(3);
    playlist.push(Segment {
        discontinuity: true,
        ..segment(7, 540_000)
    });
    for sequence in 8..=10 {
        playlist.push(segment(sequence, 540_000));
    }
    assert!(playlist.render("").contains(
        "#EXT-X-MEDIA-SEQUENCE:8\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-PROGRAM-DATE-TIME"
    ));
}

#[test]
fn vod_lists_everything_and_ends() {
    let mut playlist = MediaPlaylist::vod();
    playlist.push(segment(0, 750_000));
    playlist.push(segment(1, 30_001));
    insta::assert_snapshot!(playlist.render(""), @r"
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-TARGETDURATION:8
    #EXT-X-MEDIA-SEQUENCE:0
    #EXT-X-PLAYLIST-TYPE:VOD
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXTINF:8.333333,
    segment-0.ts
    #EXTINF:0.333344,
    segment-1.ts
    #EXT-X-ENDLIST
    ");
}

#[test]
fn a_segment_that_cannot_be_decoded_alone_takes_the_claim_back() {
    let mut playlist = MediaPlaylist::vod();
    playlist.push(Segment {
        independent: false,
        ..segment(0, 540_000)
    });
    assert!(!playlist.render("").contains("INDEPENDENT"));
}

#[test]
fn a_segment_more_than_the_window_has_is_removed() {
    let mut playlist = MediaPlaylist::live(3);
    let all: Vec<_> = (0..4).map(|sequence| segment(sequence, 540_000)).collect();
    for segment in &all {
        playlist.push(*segment);
    }
    assert!(playlist.segments().eq(&all[1..]));
}

#[test]
fn short_segments_stay_until_three_target_durations_are_listed() {
    let mut playlist = MediaPlaylist::live(3);
    for sequence in 0..12 {
        playlist.push(segment(sequence, 135_000));
    }
    assert_eq!(playlist.len(), 12, "18 s, 1.5 s each");
    for sequence in 12..20 {
        playlist.push(segment(sequence, 540_000));
    }
    assert_eq!(playlist.len(), 3);
}

#[test]
fn the_list_stays_bounded_while_segments_last_no_time() {
    let mut playlist = MediaPlaylist::live(3);
    for sequence in 0..200 {
        playlist.push(segment(sequence, 1));
    }
    assert_eq!(playlist.len(), 3 + EXTRA_SEGMENTS_MAX);
}

#[test]
fn extinf_is_within_half_a_microsecond() {
    for duration_90k in [1, 3_003, 540_540, 540_541, 584_999] {
        let error = (micros(duration_90k) * 9).abs_diff(duration_90k * 100);
        assert!(error * 2 <= 9, "{duration_90k}");
    }
}

#[test]
fn a_list_read_back_is_written_as_it_was() {
    let mut playlist = MediaPlaylist::live(4);
    for (sequence, duration_90k) in (70..).zip([540_541, 1, 584_999, 30_001, 450_007]) {
        playlist.push(Segment {
            discontinuity: sequence == 72,
            ..segment(sequence, duration_90k)
        });
    }
    let text = playlist.render("HD/");
    let back = MediaPlaylist::resume(&text, 4).expect("a live list");
    assert_eq!(back.render("HD/"), text);
    assert_eq!(back.sequence_next(), 75);
}

/// One published playlist, read back by the rules of RFC 8216.
#[derive(Debug, Default, Clone, PartialEq)]
struct Version {
    target: u64,
    sequence: u64,
    discontinuity_sequence: u64,
    /// Tags and URI of each segment.
    segments: Vec<String>,
}

fn read(text: &str) -> Version {
    let mut version = Version::default();
    let mut tags = String::new();
    for line in text.lines() {
        let number = || {
            line.rsplit(':')
                .next()
                .and_then(|digits| digits.parse().ok())
        };
        if line.starts_with("#EXT-X-TARGETDURATION") {
            version.target = number().expect("a number");
        } else if line.starts_with("#EXT-X-MEDIA-SEQUENCE") {
            version.sequence = number().expect("a number");
        } else if line.starts_with("#EXT-X-DISCONTINUITY-SEQUENCE") {
            version.discontinuity_sequence = number().expect("a number");
        } else if line.starts_with("#EXTINF") || line == "#EXT-X-DISCONTINUITY" {
            tags.push_str(line);
        } else if !line.starts_with('#') {
            tags.push_str(line);
            version.segments.push(std::mem::take(&mut tags));
        }
    }
    version
}

/// Checks that `after` may follow `before` (RFC 8216 §6.2.1, §6.2.2).
fn may_follow(before: &Version, after: &Version) {
    assert_eq!(after.target, before.target);
    let removed = after
        .sequence
        .checked_sub(before.sequence)
        .expect("never steps back");
    let removed = usize::try_from(removed).expect("few");
    let (gone, kept) = before.segments.split_at(removed);
    assert_eq!(
        &after.segments[..kept.len()],
        kept,
        "what stays is untouched"
    );
    assert_eq!(after.segments.len(), kept.len() + 1, "one is appended");
    let breaks = gone
        .iter()
        .filter(|tags| tags.contains("DISCONTINUITY"))
        .count() as u64;
    assert_eq!(
        after.discontinuity_sequence,
        before.discontinuity_sequence + breaks
    );
}

#[test]
fn a_gap_is_marked_and_read_back() {
    let mut playlist = MediaPlaylist::live(5);
    for (sequence, gap) in (7..).zip([false, true, true]) {
        playlist.push(Segment {
            gap,
            discontinuity: sequence == 8,
            date_time: START,
            ..segment(sequence, 540_000)
        });
    }
    let text = playlist.render("d/");
    assert!(
        text.ends_with("#EXTINF:6.000000,\n#EXT-X-GAP\nd/segment-9.ts\n"),
        "{text}"
    );
    let again = MediaPlaylist::resume(&text, 5).expect("it is ours");
    let gaps: Vec<bool> = again.segments().map(|segment| segment.gap).collect();
    assert_eq!(gaps, [false, true, true]);
    assert_eq!(again.render("d/"), text);
}

proptest! {
    #[test]
    fn no_text_is_read_back_with_a_panic(
        lines in prop::collection::vec("#[A-Z-]{3,24}[:,]?[0-9.+TZ:-]{0,22}|s.ts", 0..9),
    ) {
        let head = "#EXTM3U
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:18446744073709551615
";
        let text = format!("{head}{}", lines.join("
"));
        MediaPlaylist::resume(&text, 5);
    }

    #[test]
    fn each_version_may_follow_the_one_before(
        window in 0..12_usize,
        first in 0..1_u64 << 60,
        segments in prop::collection::vec((1..585_000_u64, any::<bool>()), 1..80),
    ) {
        let mut playlist = MediaPlaylist::live(window);
        let mut before = None;
        for (sequence, (duration_90k, discontinuity)) in (first..).zip(segments) {
            let first = playlist.segments().next().copied();
            playlist.push(Segment {
                discontinuity,
                date_time: START,
                begin: None,
                ..segment(sequence, duration_90k)
            });
            if first.is_some_and(|first| playlist.segments().all(|it| *it != first)) {
                prop_assert!(playlist.duration_90k() >= 3 * 6 * SECOND_90K);
            }
            let after = read(&playlist.render(""));
            if let Some(before) = before.replace(after.clone()) {
                may_follow(&before, &after);
            }
            prop_assert_eq!(after.segments.len(), playlist.len());
        }
    }
}
