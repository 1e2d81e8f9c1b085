//! What is read of playlists, sound and otherwise.

use proptest::prelude::*;

use super::*;

fn media(text: &str) -> MediaPlaylist {
    match read(text.as_bytes()) {
        Some(Playlist::Media(media)) => *media,
        other => panic!("no Media Playlist: {other:?}"),
    }
}

fn flaws(text: &str) -> Vec<Flaw> {
    let media = media(text);
    media.flaws.into_iter().map(|flaw| flaw.value).collect()
}

#[test]
fn everything_is_read_with_its_line() {
    let media = media(
        "#EXTM3U\r\n#EXT-X-VERSION:4\r\n#EXT-X-TARGETDURATION:6\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:2\r\n\r\n# words\r\n#EXT-X-VENDOR:1\r\n\
         #EXT-X-DISCONTINUITY\r\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000+0000\r\n\
         #EXTINF:5.9600004,title\r\na.ts?x=1\r\n#EXT-X-GAP\r\n#EXTINF:6,\r\n\
         #EXT-X-BYTERANGE:10@20\r\nb.ts\r\n#EXT-X-BYTERANGE:5\r\n#EXTINF:6\r\nb.ts\r\n",
    );
    assert_eq!(media.version, Some(Located { line: 2, value: 4 }));
    assert_eq!(media.version_needed, Located { line: 15, value: 4 });
    assert_eq!(media.target_duration_s, Some(Located { line: 3, value: 6 }));
    assert_eq!(media.first_sequence(), 7);
    assert_eq!(media.flaws, []);
    let [first, second, third] = media.segments.as_slice() else {
        panic!("{media:?}");
    };
    assert_eq!((first.uri.as_str(), first.line), ("a.ts?x=1", 12));
    assert_eq!((first.duration_us, first.duration_line), (5_960_000, 11));
    assert_eq!(first.discontinuity, Some(9));
    let date = first.date_time.expect("a date").value;
    assert_eq!(date.micros, 1_767_225_600_000_000);
    assert_eq!(second.gap, Some(13));
    assert_eq!(
        third.byte_range,
        Some(ByteRange {
            offset: 30,
            bytes: 5
        })
    );
}

#[test]
fn dates_count_on_and_back_but_not_across_a_discontinuity() {
    let media = media(
        "#EXTM3U\n#EXTINF:2,\na\n#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:10Z\n#EXTINF:3,\nb\n\
         #EXTINF:4,\nc\n#EXT-X-DISCONTINUITY\n#EXTINF:4,\nd\n",
    );
    let second = |seconds: i64| Some(seconds * 1_000_000);
    assert_eq!(media.dates(), [second(8), second(10), second(13), None]);
}

#[test]
fn flaws_are_found_and_nothing_stops_at_them() {
    for (text, expected) in [
        ("#EXTM3U\n#EXTINF:4,\n", vec![Flaw::BreaksOff]),
        ("#EXTM3U\na.ts\n", vec![Flaw::NoDuration]),
        ("#EXTM3U\n#EXTINF:-1,\na.ts\n", vec![Flaw::Duration]),
        ("#EXTM3U\n#EXTINF:1e3,\na.ts\n", vec![Flaw::Duration]),
        (
            "#EXTM3U\n#EXTINF:18446744073709551614,\na.ts\n",
            vec![Flaw::DurationBeyond],
        ),
        ("#EXTM3U\n#EXTINF:18446744073709.551615,\na.ts\n", vec![]),
        (
            "#EXTM3U\n#EXTINF:18446744073709.551616,\na.ts\n",
            vec![Flaw::DurationBeyond],
        ),
        (
            "#EXTM3U\n#EXTINF:4,\na\n#EXT-X-MEDIA-SEQUENCE:1\n",
            vec![Flaw::MediaSequence],
        ),
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:4.5\n",
            vec![Flaw::TargetDuration],
        ),
        (
            "#EXTM3U\n#EXT-X-DISCONTINUITY-SEQUENCE:x\n",
            vec![Flaw::DiscontinuitySequence],
        ),
        ("#EXTM3U\n#EXT-X-PLAYLIST-TYPE:LIVE\n", vec![Flaw::ListType]),
        (
            "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:today\n",
            vec![Flaw::DateTime],
        ),
        (
            "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00\n",
            vec![Flaw::TimeZone],
        ),
        (
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n",
            vec![Flaw::Version],
        ),
        ("\u{feff}#EXTM3U\n", vec![Flaw::Encoding]),
        ("#EXTM3U\n#EXT-X-MAP:URI=\"a\",BYTERANGE=\"7@0\"\n", vec![]),
        ("#EXTM3U\n#EXT-X-MAP:BYTERANGE=\"7@0\"\n", vec![Flaw::Map]),
        (
            "#EXTM3U\n#EXT-X-MAP:URI=\"a\",BYTERANGE=\"seven\"\n",
            vec![Flaw::Map],
        ),
        ("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n", vec![Flaw::Key]),
        ("#EXTM3U\n#EXT-X-KEY:URI=\"k\"\n", vec![Flaw::Key]),
        (
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=7\n",
            vec![Flaw::Key],
        ),
        (
            "#EXTM3U\n#EXT-X-KEY:METHOD=NONE,URI=\"k\"\n",
            vec![Flaw::Key],
        ),
        (
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0xA0\n#EXT-X-KEY:METHOD=NONE\n",
            vec![],
        ),
    ] {
        assert_eq!(flaws(text), expected, "{text}");
    }
}

#[test]
fn a_date_is_one_though_its_year_is_too_large_to_count() {
    for (date, expected) in [
        ("9999-12-30T21:59:59Z", vec![]),
        ("9999-12-31T23:59:59Z", vec![Flaw::DateTimeBeyond]),
        ("10000-01-01T00:00:00.5+01:00", vec![Flaw::DateTimeBeyond]),
        ("+123456-01-01T00:00:00", vec![Flaw::DateTimeBeyond]),
        ("2026-02-30T00:00:00Z", vec![Flaw::DateTime]),
        ("9999-13-31T23:59:59Z", vec![Flaw::DateTime]),
        ("-9999-01-01T00:00:00Z", vec![Flaw::DateTime]),
    ] {
        let text = format!("#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:{date}\n");
        assert_eq!(flaws(&text), expected, "{date}");
    }
}

#[test]
fn a_map_holds_for_all_segments_behind_it() {
    let media = media(
        "#EXTM3U\n#EXTINF:1,\na\n#EXT-X-MAP:URI=\"i\",BYTERANGE=\"7@3\"\n#EXTINF:1,\nb\n\
         #EXTINF:1,\nc\n",
    );
    let maps = media.segments.iter().map(|it| it.map.as_ref());
    let maps: Vec<_> = maps.map(|map| Some((map?.line, &*map?.value))).collect();
    let byte_range = ByteRange {
        offset: 3,
        bytes: 7,
    };
    let map = Map {
        uri: "i".to_owned(),
        byte_range: Some(byte_range),
    };
    assert_eq!(maps, [None, Some((4, &map)), Some((4, &map))]);
}

#[test]
fn a_multivariant_playlist_names_its_variants_and_renditions() {
    let read = read(
        b"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a,b\",URI=\"en.m3u8\"\n\
          #EXT-X-STREAM-INF:BANDWIDTH=100,CODECS=\"avc1,mp4a\"\nhd.m3u8\n",
    );
    let Some(Playlist::Multivariant(list)) = read else {
        panic!("{read:?}");
    };
    assert_eq!(list.renditions[0].uri(), Some("en.m3u8"));
    assert_eq!(list.variants[0].uri, "hd.m3u8");
    assert_eq!(list.variants[0].line, 3);
    let attributes = &list.variants[0].attributes;
    assert_eq!(attributes.number("BANDWIDTH"), Some(100_u64));
    assert_eq!(attributes.value("CODECS"), Some("avc1,mp4a"));
}

#[test]
fn what_does_not_begin_as_a_playlist_is_none() {
    for body in [&b""[..], b"<html>", b"#EXTM3U8\n", b"\n#EXTM3U"] {
        assert_eq!(read(body), None);
    }
}

#[test]
fn a_playlist_without_end_is_read_to_its_limits() {
    let mut text = "#EXTM3U\n".to_owned();
    text.push_str(&"#EXTINF:1,\na\n".repeat(SEGMENTS_MAX + NEWEST_MAX + 5));
    text.push_str("#EXTINF:1,\nb\n");
    let media = media(&text);
    assert_eq!(media.segments.len(), SEGMENTS_MAX);
    assert_eq!(media.newest.len(), NEWEST_MAX);
    let flaws: Vec<_> = media.flaws.iter().map(|flaw| flaw.value).collect();
    assert_eq!(flaws, [Flaw::TooLong], "it is told once");
}

#[test]
fn of_a_playlist_that_is_too_long_the_end_is_known() {
    let segments = (0..SEGMENTS_MAX + NEWEST_MAX + 6).map(|it| format!("#EXTINF:1,\n{it}\n"));
    let segments: String = segments.collect();
    let media = media(&format!("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n{segments}"));
    let end = 7 + (SEGMENTS_MAX + NEWEST_MAX + 6) as u64;
    assert_eq!(media.next_sequence(), end);
    let uri = |sequence| media.segment(sequence).map(|it| it.uri.as_str());
    assert_eq!(uri(end - 1), Some("50069"));
    assert_eq!(media.last().map(|it| it.uri.as_str()), Some("50069"));
    let newest: Vec<u64> = media.numbered_newest().map(|(number, _)| number).collect();
    assert_eq!(newest, (end - 64..end).collect::<Vec<_>>());
    assert_eq!(uri(end - 65), None, "it is passed over");
    assert_eq!(media.passed_over(0), 6);
    assert_eq!(media.passed_over(end - 65), 1);
    assert_eq!(media.passed_over(end - 64), 0);
}

#[test]
fn of_anything_else_there_may_be_a_thousand() {
    let ranges = "#EXT-X-DATERANGE:ID=\"a\"\n".repeat(THINGS_MAX + 5);
    assert_eq!(flaws(&format!("#EXTM3U\n{ranges}")), [Flaw::TooLong]);
    for tags in [
        "#EXT-X-STREAM-INF:BANDWIDTH=1\na\n",
        "#EXT-X-MEDIA:TYPE=AUDIO\n",
    ] {
        let body = format!("#EXTM3U\n{}", tags.repeat(THINGS_MAX + 5));
        let Some(Playlist::Multivariant(list)) = read(body.as_bytes()) else {
            panic!("{tags}");
        };
        let flaws: Vec<_> = list.flaws.iter().map(|flaw| flaw.value).collect();
        assert_eq!(flaws, [Flaw::TooLong], "{tags}");
    }
}

proptest! {
    #[test]
    fn never_panics_on_any_bytes(body: Vec<u8>) {
        read(&body);
        read(&[b"#EXTM3U\n", body.as_slice()].concat());
    }

    #[test]
    fn never_panics_on_tags_of_any_value(
        text in "(#EXT(INF|-X-(MAP|KEY|GAP|SKIP|MEDIA|MEDIA-SEQUENCE|TARGETDURATION|BYTERANGE\
            |PROGRAM-DATE-TIME|DATERANGE|STREAM-INF|VERSION|DISCONTINUITY)):?\
            [-A-Z=,\"0-9.@:]{0,40}\n\
            |\\PC{0,20}\n){0,30}",
    ) {
        if let Some(Playlist::Media(media)) = read(format!("#EXTM3U\n{text}").as_bytes()) {
            prop_assert_eq!(media.dates().len(), media.segments.len());
            prop_assert!(media.next_sequence() >= media.first_sequence());
            let lines = u32::try_from(text.lines().count() + 1).expect("few lines");
            prop_assert!(media.segments.iter().all(|segment| segment.line <= lines));
        }
    }
}
