//! R12, and R10 across renditions.

use super::*;
use crate::validate::{
    finding::Findings,
    playlist::{Playlist, read},
    version::Text,
};

fn compared(texts: &[&str]) -> Vec<Check> {
    let mut set = RenditionSet::default();
    let indices: Vec<usize> = texts.iter().map(|_| set.add(false)).collect();
    for (index, text) in indices.into_iter().zip(texts) {
        set.version(index, &version(1, 0.0, text));
    }
    let found = set.findings().take();
    found.into_iter().map(|finding| finding.check).collect()
}

#[test]
fn r12_renditions_that_agree_are_not_told_of() {
    let text = list(0, &[DATE, "", MARK, DATE, ""]);
    assert_eq!(compared(&[&text, &text]), []);
}

#[test]
fn r12_target_durations_are_the_same() {
    let text = list(0, &[DATE, "", ""]);
    let other = text.replace("DURATION:6", "DURATION:7");
    assert_eq!(compared(&[&text, &other]), [Check::TargetDurationsDiffer]);
}

#[test]
fn r12_the_same_content_has_the_same_discontinuity_sequence_number() {
    let text = |number: u64| {
        let header = format!("#EXT-X-DISCONTINUITY-SEQUENCE:{number}\n");
        list_with(&header, 0, &[DATE, "", ""])
    };
    assert_eq!(
        compared(&[&text(3), &text(4)]),
        [Check::DiscontinuitiesDiffer]
    );
    assert_eq!(compared(&[&text(3), &text(3)]), []);
}

#[test]
fn r12_segments_begin_where_those_of_other_renditions_do() {
    let text = list(0, &[DATE, "", ""]);
    let later = DATE.replace("00:00:00Z", "00:00:02Z");
    let other = list(0, &[&later, "", ""]);
    assert_eq!(compared(&[&text, &other]), [Check::BoundariesDiffer]);
    let nearly = DATE.replace("00:00:00Z", "00:00:00.040Z");
    assert_eq!(compared(&[&text, &list(0, &[&nearly, "", ""])]), []);
}

#[test]
fn r10_all_renditions_have_dates_or_none() {
    let (with, without) = (list(0, &[DATE, "", ""]), list(0, &["", "", ""]));
    assert_eq!(compared(&[&with, &without]), [Check::DateTimeInSome]);
    assert_eq!(compared(&[&without, &without]), []);
}

#[test]
fn r12_the_same_date_has_the_same_time_stamp() {
    let text = list(0, &[DATE, "", ""]);
    for (pts_90k, expected) in [
        (900_000, vec![]),
        (930_000, vec![]),
        (990_000, vec![Check::TimestampsDiffer]),
    ] {
        let mut set = RenditionSet::default();
        let (one, other) = (set.add(false), set.add(false));
        set.version(one, &version(1, 0.0, &text));
        set.version(other, &version(1, 0.0, &text));
        set.segment(one, 0, &stream::Encoder::default().segment(900_000, 150));
        set.segment(other, 0, &stream::Encoder::default().segment(pts_90k, 150));
        let found = set.findings().take();
        let found: Vec<Check> = found.into_iter().map(|finding| finding.check).collect();
        assert_eq!(found, expected, "{pts_90k}");
    }
}

#[test]
fn r12_discontinuities_are_counted_as_far_as_numbers_go() {
    let header = "#EXT-X-DISCONTINUITY-SEQUENCE:18446744073709551615\n";
    let text = list_with(header, 0, &[&format!("{MARK}{DATE}"), "", ""]);
    assert_eq!(compared(&[&text, &text]), []);
}

/// Segments 0 and 1 of 6 s of which the pictures begin at `begin_90k`, and what is told of their
/// subtitles: of each segment what it has behind `WEBVTT`. Those of segment 0 come before any
/// pictures.
fn told_of_cues(begin_90k: u64, texts: [&str; 2]) -> Vec<(Check, Option<u64>)> {
    let mut set = RenditionSet::default();
    let (pictures, subtitles) = (set.add(false), set.add(true));
    let text = list(0, &[DATE, ""]);
    for index in [pictures, subtitles] {
        set.version(index, &version(1, 0.0, &text));
    }
    let [first, second] = texts.map(|text| {
        let text = format!("WEBVTT\nX-TIMESTAMP-MAP={text}");
        stream::inspected(text.as_bytes())
    });
    set.segment(subtitles, 0, &first);
    let picture = stream::Encoder::default().segment(begin_90k, 150);
    set.segment(pictures, 0, &picture);
    set.segment(subtitles, 1, &second);
    let found = set.findings().take().into_iter();
    found.map(|found| (found.check, found.sequence)).collect()
}

/// The map of a segment that begins at 10 s, and cues by the time of the segment.
fn cues(cues: &[(&str, &str)]) -> String {
    let cues = cues.iter();
    let cues = cues.map(|(from, to)| format!("\n\n00:{from}.000 --> 00:{to}.000\nyes"));
    let map = "MPEGTS:900000,LOCAL:00:00:00.000".to_owned();
    cues.fold(map, |text, cue| text + &cue)
}

#[test]
fn r16_a_segment_has_the_cues_of_its_time() {
    let own = cues(&[("01", "02")]);
    let next = cues(&[("07", "08")]);
    assert_eq!(told_of_cues(900_000, [&own, &next]), []);
    let both = cues(&[("05", "08")]);
    assert_eq!(told_of_cues(900_000, [&both, &both]), []);
    // Cut at the boundary, it is shown all the same.
    let (head, tail) = (cues(&[("05", "06")]), cues(&[("06", "08")]));
    assert_eq!(told_of_cues(900_000, [&head, &tail]), []);
    assert_eq!(told_of_cues(900_000, [&cues(&[]), &cues(&[])]), []);
}

#[test]
fn r16_a_cue_that_is_shown_at_another_time_than_its_segment_is_told_of() {
    let (own, late) = (cues(&[("01", "02")]), cues(&[("13", "14")]));
    let told = told_of_cues(900_000, [&own, &late]);
    assert_eq!(told, [(Check::CueOutside, Some(1))]);
    let told = told_of_cues(900_000, [&late, &cues(&[])]);
    assert_eq!(told, [(Check::CueOutside, Some(0))]);
    // The pictures begin 20 s later than the map has it.
    let told = told_of_cues(2_700_000, [&own, &cues(&[])]);
    assert_eq!(told, [(Check::CueOutside, Some(0))]);
}

#[test]
fn r16_a_cue_that_goes_on_is_in_the_next_segment_too() {
    let both = cues(&[("05", "08")]);
    let told = told_of_cues(900_000, [&both, &cues(&[("09", "10")])]);
    assert_eq!(told, [(Check::CueMissing, Some(1))]);
    let told = told_of_cues(900_000, [&cues(&[("01", "02")]), &both]);
    assert_eq!(told, [(Check::CueMissing, Some(0))]);
    // What is uncertain is not told: no date is so true.
    let text = "MPEGTS:900000,LOCAL:00:00:00.000\n\n00:05.000 --> 00:06.400\nyes";
    assert_eq!(told_of_cues(900_000, [text, &cues(&[])]), []);
}

#[test]
fn r16_time_stamps_of_cues_wrap_as_those_of_pictures_do() {
    let wrap = 1_u64 << 33;
    let map = format!("MPEGTS:{},LOCAL:00:00:00.000", wrap - 270_000);
    let text = format!("{map}\n\n00:05.000 --> 00:08.000\nyes");
    assert_eq!(told_of_cues(wrap - 270_000, [&text, &text]), []);
    let behind = "MPEGTS:0,LOCAL:00:00:03.000\n\n00:05.000 --> 00:08.000\nyes";
    assert_eq!(told_of_cues(wrap - 270_000, [&text, behind]), []);
}

/// What is told of the Multivariant Playlist `body`.
fn told_of_whole(body: &str) -> Vec<Finding> {
    let Some(Playlist::Multivariant(list)) = read(body.as_bytes()) else {
        panic!("{body}");
    };
    let mut findings = Findings::default();
    let text = Text::new(&"whole".into(), 1, at(0.0).loaded_at, body.as_bytes());
    check_declared(&list, &text, &mut findings);
    findings.take()
}

const VARIANT: &str = "#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1,CODECS=\"mp4a.40.2\"\n\
    a.m3u8\n";

#[test]
fn r2_a_multivariant_playlist_has_no_tags_of_media_playlists() {
    assert_eq!(told_of_whole(&format!("#EXTM3U\n{VARIANT}")), []);
    for tag in [
        "#EXT-X-TARGETDURATION:6",
        "#EXT-X-MEDIA-SEQUENCE:6",
        "#EXT-X-ENDLIST",
        "#EXT-X-DISCONTINUITY",
    ] {
        let found = told_of_whole(&format!("#EXTM3U\n{VARIANT}{tag}\n"));
        let [found] = found.as_slice() else {
            panic!("{tag}: {found:?}");
        };
        assert_eq!(found.check, Check::KindsMixed);
        assert_eq!(
            (found.evidence[0].line, found.evidence[0].text.as_str()),
            (4, tag)
        );
    }
}

#[test]
fn r2_a_media_playlist_names_no_variants() {
    let text = list(0, &[DATE, "", ""]) + VARIANT;
    assert_eq!(violations(&[&text]), [Check::KindsMixed]);
}

#[test]
fn r13_a_multivariant_playlist_says_its_version_once() {
    let text = format!("#EXTM3U\n#EXT-X-VERSION:x\n{VARIANT}");
    let found = told_of_whole(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].check, Check::VersionMalformed);
}

#[test]
fn r12_a_variant_says_what_it_takes() {
    let told = |attributes: &str| {
        let body = format!("#EXTM3U\n#EXT-X-STREAM-INF:{attributes}\na.m3u8\n");
        let found = told_of_whole(&body).into_iter();
        found.map(|finding| finding.check).collect::<Vec<_>>()
    };
    let whole = "BANDWIDTH=1,AVERAGE-BANDWIDTH=1,CODECS=\"avc1.64001F\",RESOLUTION=1x1,\
        FRAME-RATE=25.000";
    assert_eq!(told(whole), []);
    assert_eq!(
        told(&whole.replace("BANDWIDTH=1,AV", "AV")),
        [Check::BandwidthMissing]
    );
    assert_eq!(
        told("BANDWIDTH=1,CODECS=\"mp4a.40.2\""),
        [Check::AttributesMissing]
    );
}
