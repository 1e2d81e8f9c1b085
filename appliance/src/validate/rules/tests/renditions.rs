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
