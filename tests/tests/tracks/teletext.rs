//! Teletext as libzvbi reads it, through ffmpeg: the same words at the same times.

use std::{fs, path::Path, process::Command};

use bytes::Bytes;
use tempfile::TempDir;
use weir::{
    demux::{self, Demux, PacketSync, Selection},
    segment::{
        Output, Phase, Rules, Segmenter,
        track::{PageChoice, Subtitles, Track},
    },
};
use weir_hal::Wall;
use weir_tests::{
    process::peer,
    teletext::{Screen, make_program, stream},
};

/// A text and when it appears, in milliseconds on the clock of the stream.
type Cue = (u64, String);

/// Screens in order, two seconds apart, and what is to be read of each.
fn screens() -> Vec<(Screen, &'static str)> {
    let plain = |national: u8, rows: &[&[u8]], text: &'static str| {
        let rows = (20..).step_by(2).zip(rows);
        let screen = Screen {
            national,
            rows: rows.map(|(row, codes)| (row, codes.to_vec())).collect(),
            ..Screen::default()
        };
        (screen, text)
    };
    let of_region = |region: u8, national: u8, codes: &[u8], text: &'static str| {
        let (screen, text) = plain(national, &[codes], text);
        let region = Some(region);
        (Screen { region, ..screen }, text)
    };
    let over = |over: &[(u32, u32, u32, u32)], codes: &[u8], text: &'static str| {
        let (screen, text) = plain(0, &[codes], text);
        let over = over.to_vec();
        (Screen { over, ..screen }, text)
    };
    vec![
        plain(
            0,
            &[b"Good evening, ladies & gentlemen."],
            "Good evening, ladies & gentlemen.",
        ),
        plain(
            0,
            &[b"\x03- Who is it?", b"\x06- It's <me>."],
            "- Who is it?\n- It's <me>.",
        ),
        plain(
            1,
            &[b"Gr}~e: [rger, \\l und [pfel @ 1"],
            "Grüße: Ärger, Öl und Äpfel § 1",
        ),
        plain(
            2,
            &[b"R{ksm|rg}s p` [land @tta"],
            "Räksmörgås pé Äland Étta",
        ),
        plain(3, &[b"Perch] la citt{ `"], "Perch→ la città ù"),
        plain(
            4,
            &[b"\"a va, No$l #t{ \\tre gar~on"],
            "\"a va, Noïl étâ être garçon",
        ),
        plain(5, &[b"El ni|o [ma_ana]"], "El niño ámaúanaí"),
        of_region(0, 6, b"P@eklad je tady }", "Pčeklad je tady ú"),
        of_region(3, 5, b"\\or|e [panija ~ ]", "Žorže Ćpanija š Đ"),
        of_region(6, 7, b"Jakgl\x65qa Ekk\x61da", "Καλημερα Ελλαδα"),
        of_region(4, 4, b"PRIWET, MOSKWA", "ПРИВЕТ, МОСКВА"),
        over(
            &[
                (20, 3, 0x12, 0x45),
                (20, 6, 0x0F, 0x7B),
                (20, 8, 0x1F, 0x52),
            ],
            b"E f. R.",
            "É fß Ř.",
        ),
        over(&[(20, 4, 0x10, 0x2A)], b"a.b", "a@b"),
    ]
}

/// A program of pictures, sound and the screens, made by ffmpeg out of the writer's stream.
fn program(folder: &Path) -> (String, Vec<&'static str>) {
    let mut shown = Vec::new();
    let mut texts = Vec::new();
    for (index, (screen, text)) in (0..).zip(screens()) {
        let at_90k = 90_000 + index * 180_000;
        shown.push(Screen { at_90k, ..screen });
        // Cleared between every other two, replaced between the others.
        if index % 2 == 1 {
            let at_90k = at_90k + 135_000;
            shown.push(Screen {
                at_90k,
                ..Screen::default()
            });
        }
        texts.push(text);
    }
    let seconds = 2 * shown.len() as u64;
    let (text, whole) = (folder.join("teletext.ts"), folder.join("program.ts"));
    fs::write(&text, stream(&shown, seconds)).expect("the folder can be written");
    make_program(&text, &whole, "ac3", seconds);
    (whole.to_str().expect("a plain path").to_owned(), texts)
}

/// What libzvbi reads.
fn by_libzvbi(file: &str) -> Vec<Cue> {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-copyts"]);
    // ffmpeg would believe the clock more than the time stamps.
    command.args(["-fix_teletext_pts", "0"]);
    command.args(["-txt_format", "text", "-txt_page", "888", "-i", file]);
    let text = peer(command.args(["-map", "0:s:0", "-f", "srt", "-"]));
    let mut cues = Vec::new();
    for block in text.replace('\r', "").split("\n\n") {
        let mut lines = block.lines().skip_while(|line| !line.contains("-->"));
        let Some(times) = lines.next() else { continue };
        let begin = times.split(" --> ").next().expect("it has a beginning");
        cues.push((millis(&begin.replace(',', ".")), words(lines)));
    }
    cues
}

/// `hh:mm:ss.ttt` in milliseconds.
pub(crate) fn millis(clock: &str) -> u64 {
    let (clock, millis) = clock.trim().split_once('.').expect("a fraction");
    let number = |text: &str| text.parse::<u64>().expect("digits");
    let seconds = clock
        .split(':')
        .fold(0, |sum, part| sum * 60 + number(part));
    seconds * 1_000 + number(millis)
}

/// Lines without markup, escapes and needless blanks.
pub(crate) fn words<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut rows = Vec::new();
    for line in lines {
        let mut plain = String::new();
        for (index, part) in line.split('<').enumerate() {
            let (tag, text) = part.split_once('>').unwrap_or(("", part));
            let is_tag = tag.starts_with("c.") || tag == "/c" || tag.contains("font");
            if index > 0 && !is_tag {
                plain.push('<');
                plain.push_str(part);
            } else {
                plain.push_str(text);
            }
        }
        let plain = plain
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        let row: Vec<&str> = plain.split_whitespace().collect();
        if !row.is_empty() {
            rows.push(row.join(" "));
        }
    }
    rows.join("\n")
}

/// The cues of a segment of `WebVTT`, on the clock of the stream.
pub(crate) fn cues(segment: &str) -> Vec<Cue> {
    let mut blocks = segment.split("\n\n");
    let header = blocks.next().expect("a header");
    let map = header.split("MPEGTS:").nth(1).expect("a map");
    let (ticks, local) = map.split_once(",LOCAL:").expect("both clocks");
    assert_eq!(local.trim(), "00:00:00.000");
    let base = ticks.parse::<u64>().expect("digits") / 90;
    let cue = |block: &str| {
        let mut lines = block.trim_start_matches('\n').lines();
        let (begin, _) = lines.next()?.split_once(" --> ")?;
        Some((base + millis(begin), words(lines)))
    };
    blocks.filter_map(cue).collect()
}

/// Cues of the same words that follow one another are one, which a boundary parted.
pub(crate) fn joined(cues: Vec<Cue>) -> Vec<Cue> {
    let mut joined: Vec<Cue> = Vec::new();
    for cue in cues {
        if joined.last().is_none_or(|last| last.1 != cue.1) {
            joined.push(cue);
        }
    }
    joined
}

/// What we read, of segments of 2 s.
fn by_us(file: &str) -> Vec<Cue> {
    let rules = Rules {
        target: std::time::Duration::from_secs(2),
        slack: std::time::Duration::ZERO,
        duration_max: std::time::Duration::from_secs(4),
        bytes_max: 1 << 24,
        phase: Phase::First,
    };
    let (mut sync, mut counters) = (PacketSync::new(), demux::Counters::default());
    let (mut demux, mut segmenter) = (Demux::new(Selection::First), Segmenter::new(rules, 0));
    let mut track = Track::Subtitles(Box::new(Subtitles::new(PageChoice::First)));
    let mut found = Vec::new();
    let mut take = |output: Output| {
        track.push(&output, |output| {
            if let Output::Bytes(bytes) = output {
                found.extend(cues(std::str::from_utf8(&bytes).expect("it is text")));
            }
        });
    };
    let now = Wall::from_nanos(1_700_000_000_000_000_000);
    let bytes = Bytes::from(fs::read(file).expect("it was made"));
    sync.push(&bytes, &mut counters, |packet| {
        demux.push(packet, |event| segmenter.push(event, now, &mut take));
    });
    joined(found)
}

#[test]
fn the_same_words_come_at_the_same_times_as_by_libzvbi() {
    let folder = TempDir::new().expect("a folder");
    let (file, texts) = program(folder.path());
    let (ours, theirs) = (by_us(&file), joined(by_libzvbi(&file)));
    let told: Vec<&str> = ours.iter().map(|(_, text)| text.as_str()).collect();
    // The last one stands in a segment that was not ended.
    let last = texts.len() - 1;
    assert_eq!(told[..last], texts[..last], "{theirs:#?}");
    for ((our_time, ours), (their_time, theirs)) in ours.iter().zip(&theirs) {
        // libzvbi knows other letters where the standard draws a like shape.
        let theirs = theirs.replace('Ð', "Đ").replace('ð', "đ");
        assert_eq!(*ours, theirs);
        assert!(
            our_time.abs_diff(*their_time) <= 50,
            "{ours}: {our_time} and {their_time}"
        );
    }
    assert!(theirs.len() >= last, "{theirs:#?}");
}
