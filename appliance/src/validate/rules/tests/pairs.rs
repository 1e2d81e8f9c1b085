//! One or two versions that break one rule.

use super::*;

const FIVE: [&str; 5] = ["", "", "", "", ""];

#[test]
fn r1_the_target_duration_is_there() {
    let text = list(0, &FIVE).replace("#EXT-X-TARGETDURATION:6\n", "");
    assert_eq!(violations(&[&text]), [Check::TargetDurationMissing]);
}

#[test]
fn r1_the_target_duration_does_not_change() {
    let (before, after) = (
        list(0, &FIVE),
        list(0, &FIVE).replace("DURATION:6", "DURATION:7"),
    );
    let findings = findings(&[&before, &after]);
    let found = findings
        .iter()
        .find(|it| it.check == Check::TargetDurationChanged);
    let found = found.expect("it is told");
    let shown: Vec<_> = found
        .evidence
        .iter()
        .map(|line| (line.version, line.line, line.text.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (1, 3, "#EXT-X-TARGETDURATION:6"),
            (2, 3, "#EXT-X-TARGETDURATION:7")
        ]
    );
    assert_eq!(
        violations(&[&before, &after]),
        [Check::TargetDurationChanged]
    );
}

#[test]
fn r1_a_duration_rounds_to_the_target_duration_at_most() {
    let text = |duration| list(0, &FIVE).replacen("#EXTINF:6.0", duration, 1);
    assert_eq!(violations(&[&text("#EXTINF:6.499")]), []);
    assert_eq!(
        violations(&[&text("#EXTINF:6.5")]),
        [Check::DurationAboveTarget]
    );
    assert_eq!(
        violations(&[&text("#EXTINF:six")]),
        [Check::DurationMissing]
    );
}

#[test]
fn r1_another_target_duration_than_six_seconds_is_told_once() {
    let text = list(0, &FIVE).replace("DURATION:6", "DURATION:8");
    let told = warnings(&[&text, &text]);
    let count = told
        .iter()
        .filter(|it| **it == Check::TargetDurationUnusual);
    assert_eq!(count.count(), 1);
}

#[test]
fn r2_what_is_listed_stays_as_it_is() {
    let before = list(0, &FIVE);
    for (from, to) in [
        ("s3.ts", "other.ts"),
        ("#EXTINF:6.0,\ns3.ts", "#EXTINF:5.9,\ns3.ts"),
        (
            "#EXTINF:6.0,\ns3.ts",
            "#EXT-X-DISCONTINUITY\n#EXTINF:6.0,\ns3.ts",
        ),
        ("#EXTINF:6.0,\ns3.ts", "#EXT-X-GAP\n#EXTINF:6.0,\ns3.ts"),
        (
            "#EXTINF:6.0,\ns4.ts",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:6.0,\ns4.ts",
        ),
    ] {
        let after = before.replace(from, to);
        assert_eq!(
            violations(&[&before, &after]),
            [Check::SegmentChanged],
            "{to}"
        );
    }
}

#[test]
fn r2_a_key_stays_the_one_it_is_and_says_where_it_is() {
    let key = |uri: &str| format!("#EXT-X-KEY:METHOD=AES-128{uri}\n#EXTINF:6.0,\ns4.ts");
    let list = |uri: &str| list(0, &FIVE).replace("#EXTINF:6.0,\ns4.ts", &key(uri));
    let (one, other) = (list(",URI=\"1\""), list(",URI=\"2\""));
    assert_eq!(violations(&[&one, &one]), []);
    assert_eq!(violations(&[&one, &other]), [Check::SegmentChanged]);
    assert_eq!(violations(&[&list("")]), [Check::KeyMalformed]);
}

#[test]
fn r2_a_media_initialization_section_stays_the_one_it_is() {
    let map = |uri: &str| format!("#EXT-X-MAP:{uri}\n#EXTINF:6.0,\ns4.ts");
    let list = |uri: &str| {
        let text = list(0, &FIVE).replace("#EXTINF:6.0,\ns4.ts", &map(uri));
        text.replace("VERSION:3", "VERSION:6")
    };
    let (one, other) = (list("URI=\"1\""), list("URI=\"2\""));
    assert_eq!(violations(&[&one, &one]), []);
    assert_eq!(violations(&[&one, &other]), [Check::SegmentChanged]);
    assert_eq!(violations(&[&list("URI=\"\"")]), [Check::MapMalformed]);
}

#[test]
fn r2_no_line_is_put_in_before_a_segment_that_is_listed() {
    let (without, with) = (list(0, &[DATE, "", ""]), list(1, &[DATE, "", ""]));
    let found = findings(&[&without, &with]);
    let found = found
        .iter()
        .find(|it| it.check == Check::DateTimeComesOrGoes);
    let found = found.expect("it is told");
    let shown = found.evidence.iter();
    let shown: Vec<_> = shown.map(|it| (it.version, it.text.as_str())).collect();
    assert_eq!(shown, [(1, "s1.ts"), (2, DATE.trim_end())]);
    let dates = ["00", "06", "12", "18"].map(|second| DATE.replace("00Z", &format!("{second}Z")));
    let [first, second, third, fourth] = &dates;
    let before = list(0, &[first, second, third]);
    let after = list(1, &[second, third, fourth]);
    assert!(!warnings(&[&before, &after]).contains(&Check::DateTimeComesOrGoes));
    let bare = list(1, &[second, "", fourth]);
    assert!(warnings(&[&before, &bare]).contains(&Check::DateTimeComesOrGoes));
}

#[test]
fn r2_what_is_too_large_to_count_is_told_as_that() {
    let long = list(0, &FIVE).replacen("6.0", "18446744073709551614", 1);
    assert!(warnings(&[&long]).contains(&Check::Beyond));
    assert_eq!(violations(&[&long]), [Check::DurationAboveTarget]);
    let late = list(0, &[&DATE.replace("2026-01-01", "9999-12-31"), "", ""]);
    assert!(warnings(&[&late]).contains(&Check::Beyond));
    let range = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"9999-12-31T23:59:59Z\"\n";
    let range = list(0, &[&format!("{DATE}{range}"), "", ""]);
    assert!(warnings(&[&range]).contains(&Check::Beyond));
    assert_eq!(violations(&[&late, &range]), []);
}

#[test]
fn r2_segments_do_not_leave_at_the_end() {
    let (before, after) = (list(0, &FIVE), list(0, &FIVE[..4]));
    assert_eq!(violations(&[&before, &after]), [Check::SegmentsTakenBack]);
}

#[test]
fn r2_the_header_does_not_change() {
    let (before, after) = (
        list(0, &FIVE),
        list(0, &FIVE).replace("VERSION:3", "VERSION:4"),
    );
    assert_eq!(violations(&[&before, &after]), [Check::HeaderChanged]);
}

#[test]
fn r2_nothing_comes_behind_the_end() {
    let before = list(0, &FIVE[..4]) + "#EXT-X-ENDLIST\n";
    let after = list(0, &FIVE) + "#EXT-X-ENDLIST\n";
    assert_eq!(violations(&[&before, &after]), [Check::ChangedAfterEnd]);
}

#[test]
fn r2_a_list_is_changed_at_once() {
    let torn = list(0, &FIVE) + "#EXTINF:6.0,\n";
    assert_eq!(violations(&[&torn]), [Check::BreaksOff]);
    let bad = format!("\u{feff}{}", list(0, &FIVE));
    assert_eq!(violations(&[&bad]), [Check::Encoding]);
}

#[test]
fn r3_numbers_do_not_go_back() {
    let (before, after) = (list(7, &FIVE), list(3, &FIVE));
    assert_eq!(violations(&[&before, &after]), [Check::SequenceDecreased]);
}

#[test]
fn r3_each_removal_is_counted() {
    let before = list(0, &FIVE);
    let after = list(1, &FIVE).replace("SEQUENCE:1", "SEQUENCE:2");
    assert_eq!(violations(&[&before, &after]), [Check::SequenceUntrue]);
    let uncounted = list(1, &FIVE).replace("SEQUENCE:1", "SEQUENCE:0");
    assert_eq!(violations(&[&before, &uncounted]), [Check::SequenceUntrue]);
    let untold = list(1, &FIVE).replace("#EXT-X-MEDIA-SEQUENCE:1\n", "");
    assert_eq!(violations(&[&before, &untold]), [Check::SequenceMissing]);
    let wrong = list(0, &FIVE).replace("SEQUENCE:0", "SEQUENCE:-1");
    assert_eq!(violations(&[&wrong]), [Check::SequenceMalformed]);
}

#[test]
fn r3_numbers_that_nobody_listed_are_a_warning() {
    let told = warnings(&[&list(0, &FIVE), &list(500, &FIVE)]);
    assert!(told.contains(&Check::SequenceJumped), "{told:?}");
}

#[test]
fn r5_a_list_is_not_gone_before_its_time_is_over() {
    let first = list(0, &FIVE);
    for (sequence, lost) in [(4, false), (5, true), (7, true), (500, true)] {
        let told = violations(&[&first, &list(sequence, &FIVE)]);
        assert_eq!(
            told.contains(&Check::WindowLost),
            lost,
            "{sequence}: {told:?}"
        );
    }
    // 24 s later, all may have come and gone.
    let mut checker = Checker::new(None);
    checker.version(&version(1, 0.0, &first));
    checker.version(&version(2, 24.0, &list(6, &FIVE)));
    let told = checker.take();
    assert!(
        told.iter().all(|it| it.check != Check::WindowLost),
        "{told:?}"
    );
}

#[test]
fn r4_a_mark_that_leaves_is_counted() {
    let header = |sequence: u64, discontinuity: u64| {
        format!("#EXT-X-MEDIA-SEQUENCE:{sequence}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity}\n")
    };
    let marked = [MARK, "", "", "", ""];
    let before = list_with(&header(0, 4), 0, &marked);
    let counted = list_with(&header(1, 5), 1, &FIVE);
    assert_eq!(violations(&[&before, &counted]), []);
    let uncounted = list_with(&header(1, 4), 1, &FIVE);
    let untrue = [Check::DiscontinuitySequenceUntrue];
    assert_eq!(violations(&[&before, &uncounted]), untrue);
    let twice = list_with(&header(1, 6), 1, &FIVE);
    assert_eq!(violations(&[&before, &twice]), untrue);
    let unmarked = [list(0, &marked), list(1, &FIVE)];
    assert_eq!(
        violations(&[&unmarked[0], &unmarked[1]]),
        [Check::DiscontinuitySequenceMissing]
    );
    assert!(warnings(&[&unmarked[0]]).contains(&Check::DiscontinuitySequenceAdvisable));
}

#[test]
fn r4_a_mark_may_leave_with_the_segment_before_it() {
    let header = |sequence: u64, discontinuity: u64| {
        format!("#EXT-X-MEDIA-SEQUENCE:{sequence}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity}\n")
    };
    let before = list_with(&header(0, 4), 0, &["", MARK, "", "", ""]);
    let kept = list_with(&header(1, 4), 1, &[MARK, "", "", "", ""]);
    let lost = list_with(&header(1, 5), 1, &FIVE);
    assert_eq!(violations(&[&before, &kept]), []);
    assert_eq!(violations(&[&before, &lost]), []);
}

#[test]
fn r4_the_number_stands_before_the_segments() {
    let text = list(0, &FIVE) + "#EXT-X-DISCONTINUITY-SEQUENCE:4\n";
    let malformed = [Check::DiscontinuitySequenceMalformed];
    assert_eq!(violations(&[&text]), malformed);
}

#[test]
fn r5_three_target_durations_stay() {
    let (before, after) = (list(0, &FIVE[..3]), list(1, &FIVE[..2]));
    assert_eq!(violations(&[&before, &after]), [Check::WindowTooShort]);
    let told = warnings(&[&list(0, &FIVE), &list(1, &FIVE)]);
    assert!(told.contains(&Check::WindowFewSegments), "{told:?}");
    assert!(told.contains(&Check::WindowShort), "{told:?}");
}

#[test]
fn r6_nothing_leaves_a_list_with_a_type() {
    let header = |sequence: u64, kind: &str| {
        format!("#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n")
    };
    let before = list_with(&header(0, "EVENT"), 0, &FIVE);
    let after = list_with(&header(1, "EVENT"), 1, &FIVE);
    assert_eq!(violations(&[&before, &after]), [Check::RemovedFromEvent]);
    let grown = list_with(&header(0, "EVENT"), 0, &["", "", "", "", "", ""]);
    assert_eq!(violations(&[&before, &grown]), []);
    let before = list_with(&header(0, "VOD"), 0, &FIVE);
    let grown = list_with(&header(0, "VOD"), 0, &["", "", "", "", "", ""]);
    assert_eq!(violations(&[&before, &grown]), [Check::VodChanged]);
    let slid = list_with(&header(1, "VOD"), 1, &FIVE);
    assert_eq!(violations(&[&before, &slid]), [Check::VodChanged]);
    let other = list_with(&header(0, "LIVE"), 0, &FIVE);
    assert_eq!(violations(&[&other]), [Check::ListTypeMalformed]);
}

#[test]
fn r9_a_hole_has_segments_that_stand_for_it() {
    let later = format!("{MARK}#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:01:00Z\n");
    let hole = list(0, &[DATE, "", &later, "", ""]);
    assert!(warnings(&[&hole]).contains(&Check::HoleWithoutGap));
    let marked = format!("#EXT-X-GAP\n{later}");
    let marked = list(0, &[DATE, "", &marked, "", ""]);
    assert!(!warnings(&[&marked]).contains(&Check::HoleWithoutGap));
    let soon = format!("{MARK}#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:13Z\n");
    let none = list(0, &[DATE, "", &soon, "", ""]);
    assert!(!warnings(&[&none]).contains(&Check::HoleWithoutGap));
}

#[test]
fn r10_the_date_of_a_segment_does_not_move() {
    let moved = DATE.replace("00:00:00Z", "00:00:00.040Z");
    let (before, after) = (list(0, &[DATE, "", ""]), list(0, &[&moved, "", ""]));
    assert_eq!(violations(&[&before, &after]), [Check::DateTimeMoved]);
    let wrong = list(0, &["#EXT-X-PROGRAM-DATE-TIME:noon\n", "", ""]);
    assert_eq!(violations(&[&wrong]), [Check::DateTimeMalformed]);
}

#[test]
fn r10_dates_are_there_and_go_on() {
    let told = |segments: &[&str]| warnings(&[&list(0, segments)]);
    assert!(told(&FIVE).contains(&Check::DateTimeMissing));
    let behind = told(&[DATE, "", MARK, "", ""]);
    assert!(behind.contains(&Check::DateTimeAfterDiscontinuity));
    let zoneless = DATE.replace('Z', "");
    assert!(told(&[&zoneless, "", ""]).contains(&Check::DateTimeWithoutZone));
    let late = DATE.replace("00:00:00Z", "00:00:08Z");
    assert!(told(&[DATE, &late, ""]).contains(&Check::DateTimeDrifts));
    let due = DATE.replace("00:00:00Z", "00:00:06Z");
    let none = told(&[DATE, &due, ""]);
    assert!(!none.contains(&Check::DateTimeDrifts), "{none:?}");
}

#[test]
fn r10_dates_never_step_back_behind_a_discontinuity() {
    let told = |date: &str| {
        let behind = format!("{MARK}#EXT-X-PROGRAM-DATE-TIME:2026-01-01T{date}Z\n");
        warnings(&[&list(0, &[DATE, "", &behind, ""])])
    };
    assert!(told("00:00:10.900").contains(&Check::DateTimesOverlap));
    for date in ["00:00:11.100", "00:00:12", "00:10:00"] {
        assert!(!told(date).contains(&Check::DateTimesOverlap), "{date}");
    }
}

#[test]
fn r10_dates_step_back_no_further_than_they_are_rounded() {
    let told = |date: &str| {
        let early = format!("#EXT-X-PROGRAM-DATE-TIME:2026-01-01T{date}Z\n");
        let told = warnings(&[&list(0, &[DATE, "", &early, ""])]);
        told.contains(&Check::DateTimesOverlap)
    };
    assert!(told("00:00:11.100"));
    for date in ["00:00:11", "00:00:11.500", "00:00:12.900"] {
        assert!(!told(date), "{date}");
    }
}

#[test]
fn r11_a_date_range_is_well_formed() {
    let told = |attributes: &str| {
        let range = format!("{DATE}#EXT-X-DATERANGE:{attributes}\n");
        violations(&[&list(0, &[&range, "", ""])])
    };
    let start = "START-DATE=\"2026-01-01T00:00:00Z\"";
    assert_eq!(
        told(&format!("ID=\"a\",{start},DURATION=6.5,SCTE35-OUT=0xFC30")),
        []
    );
    let malformed = [Check::DateRangeMalformed];
    for attributes in [
        start.to_owned(),
        "ID=\"a\"".to_owned(),
        format!("ID=\"a\",{start},DURATION=-1"),
        format!("ID=\"a\",{start},END-DATE=\"2025-01-01T00:00:00Z\""),
        format!("ID=\"a\",{start},END-ON-NEXT=YES"),
    ] {
        assert_eq!(told(&attributes), malformed, "{attributes}");
    }
    for hex in ["FC30", "0xFC3", "0xFD30", "0xFCzz"] {
        let attributes = format!("ID=\"a\",{start},SCTE35-IN={hex}");
        assert_eq!(told(&attributes), [Check::SpliceMalformed], "{hex}");
    }
}

#[test]
fn r11_a_date_range_stays_and_stays_the_same() {
    let range = |attributes: &str| {
        format!("{DATE}#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:03Z\"{attributes}\n")
    };
    let text = |attributes: &str| list(0, &[&range(attributes), "", ""]);
    let planned = text(",PLANNED-DURATION=9");
    assert_eq!(violations(&[&planned, &text(",DURATION=8")]), []);
    let changed = [Check::DateRangeChanged];
    assert_eq!(
        violations(&[&planned, &text(",PLANNED-DURATION=8")]),
        changed
    );
    let lost = list(0, &[DATE, "", ""]);
    assert_eq!(violations(&[&planned, &lost]), [Check::DateRangeLost]);
    let cancelled = planned.replace("00:00:03Z", "00:30:00Z");
    assert_eq!(violations(&[&cancelled, &lost]), [], "it has not come");
    let dateless = planned.replace(DATE, "");
    assert_eq!(violations(&[&dateless]), [Check::DateRangeWithoutDateTime]);
}

#[test]
fn r13_the_version_is_as_high_as_it_must_be() {
    let low = list(0, &FIVE).replace("#EXT-X-VERSION:3\n", "");
    assert_eq!(violations(&[&low]), [Check::VersionTooLow]);
    let twice =
        list(0, &FIVE).replace("#EXT-X-VERSION:3\n", "#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n");
    assert_eq!(violations(&[&twice]), [Check::VersionMalformed]);
    let is_too_high = |version: &str, end: &str| {
        let list = list(0, &FIVE).replace("VERSION:3", version) + end;
        warnings(&[&list]).contains(&Check::VersionTooHigh)
    };
    assert!(is_too_high("VERSION:4", "#EXT-X-ENDLIST\n"));
    assert!(!is_too_high("VERSION:3", "#EXT-X-ENDLIST\n"));
    assert!(is_too_high("VERSION:9", ""));
    assert!(!is_too_high("VERSION:8", ""), "a gap may come");
}

#[test]
fn r2_what_is_too_long_is_told_of_and_not_judged() {
    let long = "x".repeat(20_000);
    let start = "START-DATE=\"2026-01-01T00:00:00Z\"";
    let range = format!("{DATE}#EXT-X-DATERANGE:ID=\"a\",{start},X-A=\"{long}\",DURATION=-1\n");
    for text in [
        list(0, &[&range, "", ""]),
        list(0, &[DATE, "", ""]).replace("s1.ts", &long),
    ] {
        assert_eq!(violations(&[&text]), []);
        assert!(warnings(&[&text]).contains(&Check::TooLong));
    }
}

#[test]
fn r13_each_tag_needs_the_version_that_brought_it() {
    for (needed, tags) in [
        (8, "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n"),
        (11, "#EXT-X-DEFINE:QUERYPARAM=\"a\"\n"),
        (9, "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n"),
        (
            10,
            "#EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\"a\"\n",
        ),
        (6, "#EXT-X-MAP:URI=\"a\"\n"),
        (5, "#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"a\"\n"),
        (5, "#EXT-X-MAP:URI=\"a\"\n#EXT-X-I-FRAMES-ONLY\n"),
    ] {
        let told = |version: u64| {
            let declared = format!("VERSION:{version}");
            violations(&[&list_with(tags, 0, &FIVE).replace("VERSION:3", &declared)])
        };
        assert_eq!(told(needed), [], "{tags}");
        assert_eq!(told(needed - 1), [Check::VersionTooLow], "{tags}");
    }
}
