//! Rules about segments and how they come.

use super::{
    stream::{Encoder, inspected},
    *,
};
use crate::validate::inspect::{Format, Lock};

/// What is told of segments 0, 1, … of `text`.
fn told(text: &str, facts: &[SegmentFacts]) -> Vec<Check> {
    let delivery = Delivery {
        content_type: Some("video/mp2t".to_owned()),
        took: Duration::from_millis(100),
    };
    told_delivered(text, facts, &delivery)
}

fn told_delivered(text: &str, facts: &[SegmentFacts], delivery: &Delivery) -> Vec<Check> {
    let found = found(text, facts, delivery).into_iter();
    found.map(|finding| finding.check).collect()
}

fn found(text: &str, facts: &[SegmentFacts], delivery: &Delivery) -> Vec<Finding> {
    let mut checker = Checker::new(Some(1_000_000));
    let version = version(1, 0.0, text);
    checker.version(&version);
    checker.take();
    for (sequence, facts) in (0..).zip(facts) {
        let inspected = Inspected {
            delivery: delivery.clone(),
            facts: facts.clone(),
        };
        let listed = version.listed(sequence).expect("it is listed");
        checker.segment(&listed, &inspected);
    }
    checker.take()
}

const TWO: [&str; 2] = ["", ""];
const SECOND: u64 = 90_000;

/// A segment of 6 s.
fn one() -> SegmentFacts {
    Encoder::default().segment(SECOND, 150)
}

/// Two of them, the second from `pts_90k` on.
fn two(pts_90k: u64) -> [SegmentFacts; 2] {
    let mut encoder = Encoder::default();
    let first = encoder.segment(SECOND, 150);
    [first, encoder.segment(pts_90k, 150)]
}

#[test]
fn segments_that_go_on_are_not_told_of() {
    let both = two(7 * SECOND);
    assert_eq!(both[0].format, Format::TransportStream);
    assert_eq!(both[0].duration_us(), Some(6_000_000));
    assert_eq!(both[0].coding.as_deref(), Some("avc1.42C00C 320x180"));
    assert_eq!(told(&list(0, &TWO), &both), []);
}

#[test]
fn segments_go_on_across_the_wrap_of_time_stamps() {
    let wrap = 1 << 33;
    let mut encoder = Encoder::default();
    let first = encoder.segment(wrap - 3 * SECOND, 150);
    let second = encoder.segment(3 * SECOND, 150);
    assert_eq!(first.duration_us(), Some(6_000_000));
    assert_eq!(told(&list(0, &TWO), &[first, second]), []);
}

#[test]
fn r1_extinf_is_what_the_media_last() {
    let long = Encoder::default().segment(SECOND, 170);
    assert_eq!(
        told(&list(0, &TWO), &[long]),
        [Check::MediaAboveTarget, Check::DurationUntrue]
    );
    let short = Encoder::default().segment(SECOND, 145);
    assert_eq!(told(&list(0, &TWO), &[short]), [Check::DurationUntrue]);
}

/// Sound every 100 ms, from the first on and up to the last.
fn sound(begin_90k: u64, end_90k: u64) -> impl Iterator<Item = u64> {
    (begin_90k..end_90k).step_by(9_000)
}

#[test]
fn r1_extinf_is_no_shorter_than_the_sound_beside_the_pictures() {
    let heard = |sound: &mut dyn Iterator<Item = u64>| {
        let facts = Encoder::default().with_sound((10 * SECOND, 150), sound);
        told(&list(0, &[""]), &[facts])
    };
    assert_eq!(heard(&mut sound(10 * SECOND, 16 * SECOND)), []);
    // Multiplexed a second early at its begin, and as late at its end.
    assert_eq!(heard(&mut sound(9 * SECOND, 17 * SECOND)), []);
    assert_eq!(
        heard(&mut sound(9 * SECOND, 18 * SECOND)),
        [Check::DurationUntrue]
    );
    // What is missing is not heard, and a damaged time stamp says nothing.
    let holed = sound(10 * SECOND, 13 * SECOND).chain(sound(17 * SECOND, 20 * SECOND));
    assert_eq!(heard(&mut { holed }), []);
    let damaged = sound(10 * SECOND, 13 * SECOND).chain([900 * SECOND, 3 * SECOND]);
    assert_eq!(
        heard(&mut damaged.chain(sound(13 * SECOND, 16 * SECOND))),
        []
    );
    let wrap = 1 << 33;
    let facts = Encoder::default().with_sound(
        (wrap - SECOND, 150),
        sound(wrap - SECOND, wrap + 8 * SECOND),
    );
    assert_eq!(told(&list(0, &[""]), &[facts]), [Check::DurationUntrue]);
}

#[test]
fn r1_extinf_is_what_sound_alone_lasts() {
    let lasting = |seconds: u64| {
        let sound = sound(10 * SECOND, (10 + seconds) * SECOND);
        let facts = Encoder::default().with_sound((0, 0), sound);
        told(&list(0, &[""]), &[facts])
    };
    assert_eq!(lasting(6), []);
    assert_eq!(lasting(5), [Check::DurationUntrue]);
    assert_eq!(
        lasting(12),
        [Check::MediaAboveTarget, Check::DurationUntrue]
    );
}

#[test]
fn r1_extinf_is_no_shorter_than_the_sound_of_a_picture_that_stands() {
    let sound = sound(10 * SECOND, 19 * SECOND);
    let facts = Encoder::default().with_sound((10 * SECOND, 1), sound);
    assert_eq!(told(&list(0, &[""]), &[facts]), [Check::DurationUntrue]);
}

#[test]
fn r4_a_jump_is_marked() {
    let both = two(9 * SECOND);
    assert_eq!(told(&list(0, &TWO), &both), [Check::TimestampsJump]);
    assert_eq!(told(&list(0, &["", MARK]), &both), []);
}

#[test]
fn r4_what_is_said_of_two_segments_is_proved_by_the_lines_of_both() {
    let mut both = two(9 * SECOND);
    both[1].coding = Some("avc1.640028 1920x1080".to_owned());
    let found = found(&list(0, &TWO), &both, &Delivery::default());
    let found = found.iter().filter(|it| it.check.row().rule == 4);
    let lines = found.map(|it| it.evidence.iter().map(|line| line.text.as_str()).collect());
    assert_eq!(lines.collect::<Vec<Vec<_>>>(), [["s0.ts", "s1.ts"]; 2]);
}

#[test]
fn r4_a_jump_is_none_the_less_one_for_being_counted_in_extinf() {
    let text = |duration: &str| list(0, &TWO).replacen("#EXTINF:6.0", duration, 1);
    let jumped = told(&text("#EXTINF:5000.0"), &two(5_001 * SECOND));
    assert_eq!(jumped, [Check::DurationUntrue, Check::TimestampsJump]);
    let lost = told(&text("#EXTINF:9.0"), &two(10 * SECOND));
    assert_eq!(lost, [Check::DurationUntrue]);
}

#[test]
fn r4_other_tracks_and_another_coding_are_marked() {
    let [first, mut second] = two(7 * SECOND);
    second.coding = Some("avc1.640028 1920x1080".to_owned());
    let recoded = [first.clone(), second.clone()];
    assert_eq!(told(&list(0, &TWO), &recoded), [Check::CodingChange]);
    assert_eq!(told(&list(0, &["", MARK]), &recoded), []);
    second.tracks.push((0x102, 0x0F));
    assert_eq!(
        told(&list(0, &TWO), &[first, second]),
        [Check::TracksChange]
    );
}

#[test]
fn r12_a_segment_keeps_to_the_bandwidth_of_its_variant() {
    let mut facts = one();
    facts.bytes = 930_000;
    assert_eq!(told(&list(0, &TWO), &[facts.clone()]), []);
    facts.bytes = 940_000;
    assert_eq!(told(&list(0, &TWO), &[facts]), [Check::BandwidthUntrue]);
}

#[test]
fn r14_a_segment_begins_with_its_tables_and_a_key_frame() {
    let sound = Encoder::default().bytes(SECOND, 150);
    let late = [
        &sound[2 * 188..3 * 188],
        &sound[..2 * 188],
        &sound[3 * 188..],
    ]
    .concat();
    let late = inspected(&late);
    assert!(!late.begins_with_tables && late.has_tables);
    assert!(told(&list(0, &TWO), &[late]).contains(&Check::TablesNotFirst));
    let none = inspected(&sound[2 * 188..]);
    assert_eq!(told(&list(0, &TWO), &[none]), [Check::NoTables]);
    let mut facts = one();
    facts.begins_with_key_frame = Some(false);
    assert_eq!(
        told(&list(0, &TWO), &[facts.clone()]),
        [Check::NoKeyFrameFirst]
    );
    let declared = list_with("#EXT-X-INDEPENDENT-SEGMENTS\n", 0, &TWO);
    assert_eq!(told(&declared, &[facts]), [Check::NotIndependent]);
}

#[test]
fn r14_counters_go_on() {
    let mut encoder = Encoder::default();
    let first = encoder.segment(SECOND, 150);
    encoder.video += 1;
    let both = [first, encoder.segment(7 * SECOND, 150)];
    assert_eq!(told(&list(0, &TWO), &both), [Check::CountersBreak]);
    assert_eq!(told(&list(0, &["", MARK]), &both), []);
    let sound = Encoder::default().bytes(SECOND, 150);
    let holed = [&sound[..20 * 188], &sound[21 * 188..]].concat();
    let holed = inspected(&holed);
    assert_eq!(told(&list(0, &TWO), &[holed]), [Check::CountersBreakWithin]);
}

#[test]
fn r14_a_segment_is_one_program_with_a_clock_or_in_another_format() {
    let mut facts = one();
    facts.programs = 2;
    assert_eq!(
        told(&list(0, &TWO), &[facts.clone()]),
        [Check::SeveralPrograms]
    );
    facts.programs = 1;
    facts.has_pcr = false;
    assert_eq!(told(&list(0, &TWO), &[facts]), [Check::NoPcr]);
    let page = inspected(b"<html>not here</html>");
    assert_eq!(told(&list(0, &TWO), &[page]), [Check::FormatUnknown]);
    let boxes = inspected(b"\0\0\0\x18styp....");
    assert_eq!(boxes.format, Format::FragmentedMp4);
    assert_eq!(told(&list(0, &TWO), &[boxes]), []);
    let encrypted = SegmentFacts::encrypted(7);
    assert_eq!(told(&list(0, &TWO), &[encrypted]), []);
}

#[test]
fn r14_a_program_may_say_that_it_has_no_clock() {
    let mut encoder = Encoder::without_clock();
    let facts = inspected(&packets_without_pcr(&encoder.bytes(SECOND, 150)));
    assert_eq!(told(&list(0, &TWO), &[facts]), []);
    let silent = inspected(&packets_without_pcr(&Encoder::default().bytes(SECOND, 150)));
    assert_eq!(told(&list(0, &TWO), &[silent]), [Check::NoPcr]);
}

/// The same packets, of which none says that it has a PCR.
fn packets_without_pcr(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let packets = bytes.chunks_mut(188);
    for packet in packets.filter(|packet| packet[3] & 0x20 != 0 && packet[4] > 0) {
        packet[5] &= !0x10;
    }
    bytes
}

#[test]
fn r14_and_r15_what_is_encrypted_opens_with_the_key_in_its_list() {
    let locked = |lock| told(&list(0, &TWO), &[SegmentFacts::locked(32, lock)]);
    assert_eq!(locked(Lock::WrongKey), [Check::NotDecipherable]);
    let no_key = Lock::NoKey("it answers with status 404".to_owned());
    assert_eq!(locked(no_key), [Check::KeyAbsent]);
    assert_eq!(locked(Lock::KeyRefused(403)), [Check::KeyRefused]);
}

#[test]
fn r15_a_key_and_a_media_initialization_section_are_told_of_once() {
    let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP:URI=\"i\"\n";
    let version = version(1, 0.0, &list(0, &[key, ""]));
    let mut checker = Checker::new(None);
    checker.version(&version);
    checker.take();
    for sequence in [0, 1] {
        let listed = version.listed(sequence).expect("it is listed");
        let inspected = Inspected {
            delivery: Delivery::default(),
            facts: SegmentFacts::locked(32, Lock::NoKey("it is gone".to_owned())),
        };
        checker.segment(&listed, &inspected);
        checker.map_failed(&listed, &Failure::Status(404));
    }
    let found = checker.take();
    let told: Vec<_> = found
        .iter()
        .map(|it| (it.check, it.evidence[0].text.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Check::KeyAbsent, "#EXT-X-KEY:METHOD=AES-128,URI=\"k\""),
            (Check::MapAbsent, "#EXT-X-MAP:URI=\"i\"")
        ]
    );
}

#[test]
fn r15_a_player_runs_dry_while_a_segment_takes_three_target_durations() {
    let version = version(
        1,
        0.0,
        &list(0, &[""]).replace("#EXTINF:6.0", "#EXTINF:2.0"),
    );
    let listed = version.listed(0).expect("it is listed");
    for (seconds, expected) in [
        (2, vec![]),
        (3, vec![Check::SegmentSlow]),
        (18, vec![Check::SegmentSlow]),
        (19, vec![Check::SegmentStalls]),
    ] {
        let mut checker = Checker::new(None);
        checker.segment_awaited(&listed, Duration::from_secs(seconds));
        let found = checker.take().into_iter();
        let found: Vec<_> = found.map(|finding| finding.check).collect();
        assert_eq!(found, expected, "{seconds} s");
    }
}

#[test]
fn r15_what_is_listed_comes_whole_and_in_time() {
    let version = version(1, 0.0, &list(0, &TWO));
    let mut checker = Checker::new(None);
    checker.version(&version);
    checker.take();
    let [absent, torn] = [0, 1].map(|sequence| version.listed(sequence).expect("it is listed"));
    checker.segment_failed(&absent, &Failure::Status(404));
    checker.segment_failed(&torn, &Failure::Broken("it broke off".to_owned()));
    checker.playlist_failed(Check::PlaylistAbsent, "it is gone");
    checker.playlist_failed(Check::NoPlaylist, "it is a page");
    let found: Vec<Check> = checker.take().iter().map(|found| found.check).collect();
    assert_eq!(
        found,
        [
            Check::SegmentAbsent,
            Check::SegmentBreaksOff,
            Check::PlaylistAbsent,
            Check::NoPlaylist
        ]
    );
    let slow = Delivery {
        content_type: Some("text/plain".to_owned()),
        took: Duration::from_secs(7),
    };
    let facts = [one()];
    assert_eq!(
        told_delivered(&list(0, &TWO), &facts, &slow),
        [Check::SegmentMediaType, Check::SegmentSlow]
    );
}

#[test]
fn r15_a_playlist_says_what_it_is() {
    let told = |content_type: Option<&str>, path: &str, is_compressed| {
        let mut checker = Checker::new(None);
        checker.version(&version(1, 0.0, &list(0, &TWO)));
        checker.take();
        checker.playlist_delivered(&PlaylistDelivery {
            content_type: content_type.map(ToOwned::to_owned),
            path: path.to_owned(),
            is_compressed,
            bytes: 2_000,
        });
        let found = checker.take().into_iter();
        found.map(|finding| finding.check).collect::<Vec<_>>()
    };
    let right = Some("Application/vnd.apple.mpegURL; charset=utf-8");
    assert_eq!(told(right, "/live", true), []);
    assert_eq!(
        told(Some("text/plain"), "/a.m3u8", true),
        [Check::PlaylistMediaType]
    );
    assert_eq!(told(None, "/live", true), [Check::PlaylistType]);
    assert_eq!(told(right, "/live", false), [Check::PlaylistUncompressed]);
}

#[test]
fn r16_web_vtt_says_when_its_cues_are_shown() {
    let told = |text: &str| {
        let delivery = Delivery {
            content_type: Some("text/vtt".to_owned()),
            took: Duration::ZERO,
        };
        told_delivered(&list(0, &TWO), &[inspected(text.as_bytes())], &delivery)
    };
    let map = "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000";
    assert_eq!(
        told(&format!("WEBVTT\n{map}\n\n00:01.000 --> 00:02.000\nyes\n")),
        []
    );
    assert_eq!(
        told("WEBVTT\n\n00:01.000 --> 00:02.000\nyes\n"),
        [Check::TimestampMapMissing]
    );
    assert_eq!(told("WEBVTTX\n"), [Check::WebVttMalformed]);
    for wrong in ["00:02,000 --> 00:03,000", "00:02.000 --> 00:02.000"] {
        let text = format!("WEBVTT\n{map}\n\n{wrong}\nno\n");
        assert_eq!(told(&text), [Check::CueMalformed], "{wrong}");
    }
    for wrong in [
        "MPEGTS:900000",
        "MPEGTS:8589934592,LOCAL:00:00.000",
        "MPEGTS:1,LOCAL:0",
    ] {
        let text = format!("WEBVTT\nX-TIMESTAMP-MAP={wrong}\n\n");
        assert_eq!(told(&text), [Check::TimestampMapMalformed], "{wrong}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_inspection_panic(bytes: Vec<u8>, is_stream: bool) {
        let first: &[u8] = if is_stream { &[0x47] } else { &[] };
        let facts = inspected(&[first, bytes.as_slice()].concat());
        proptest::prop_assert_eq!(facts.bytes, (bytes.len() + first.len()) as u64);
    }
}
