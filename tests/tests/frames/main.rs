//! Nothing lost, nothing twice: segments, joined again, hold the very frames of their source.
//!
//! ffmpeg makes streams from its own test sources, the product segments them, and ffmpeg hashes
//! every frame of source and joined segments. Per stream, the frames of the joined segments must
//! be those of the source from the first random access point on; and each segment alone must
//! decode without a word from ffmpeg.
//!
//! Set `WEIR_SAMPLES` to a folder of captured streams (`*.ts`) to hold them to the same, but for
//! the decoding, as captures are damaged. Without it, only the streams made here are tested.

#![expect(
    clippy::print_stdout,
    reason = "the log of a run tells what was compared"
)]

mod ffmpeg;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use weir::{
    command::segment::{Error, Request, Summary, run},
    segment::Markers,
};
use weir_hal::{
    Access, Disk, linux,
    sim::{self, Call, Fault},
};

use crate::ffmpeg::Frame;

/// 14 s of a test card and a tone.
const VIDEO: &str = "-f lavfi -i testsrc2=size=320x180:rate=25 \
                     -f lavfi -i sine=frequency=440:sample_rate=48000 -t 14";

/// A file, segmented, and its segments joined again.
struct Segmented {
    /// Holds all that is made here; removed when dropped.
    directory: TempDir,
    summary: Summary,
    segments: Vec<PathBuf>,
    joined: PathBuf,
}

#[test]
fn h264_with_b_pictures_and_aac_keeps_every_frame() {
    whole_from_made("-c:v libx264 -preset veryfast -bf 3 -g 50 -c:a aac", 2);
}

#[test]
fn hevc_and_ac3_keeps_every_frame() {
    whole_from_made(
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3:keyint=48 -c:a ac3",
        2,
    );
}

#[test]
fn mpeg2_video_and_layer_2_audio_keeps_every_frame() {
    whole_from_made("-c:v mpeg2video -bf 2 -g 12 -c:a mp2", 2);
}

#[test]
fn audio_alone_keeps_every_frame() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("source.ts");
    ffmpeg::make(
        "-f lavfi -i sine=frequency=440:sample_rate=48000 -t 14 -c:a aac",
        &source,
    );
    let segmented = segment(&source, None).expect("the stream is whole");
    assert_eq!(segmented.segments.len(), 3);
    all_frames_are_kept(&source, &segmented);
    each_segment_decodes(&segmented);
}

#[test]
fn a_stream_joined_in_the_middle_begins_with_its_next_key_frame() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let whole = directory.path().join("whole.ts");
    let source = directory.path().join("source.ts");
    ffmpeg::make(
        &format!("{VIDEO} -c:v libx264 -preset veryfast -bf 3 -g 50 -c:a aac"),
        &whole,
    );
    let bytes = read(&whole);
    // Mid-packet, in the first group of pictures.
    write(&source, &bytes[188 * 300 + 77..]);
    let segmented = segment(&source, None).expect("key frames follow");
    all_frames_are_kept(&source, &segmented);
    each_segment_decodes(&segmented);
}

#[test]
fn a_program_that_is_not_there_is_refused_with_those_that_are() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("source.ts");
    ffmpeg::make("-f lavfi -i sine=sample_rate=48000 -t 1 -c:a aac", &source);
    let refused = segment(&source, Some(7))
        .err()
        .map(|error| error.to_string());
    let expected = format!(
        "program 7 is not in {}, which has [1]: give one of these",
        source.display()
    );
    assert_eq!(refused, Some(expected));
}

#[test]
fn a_disk_that_fails_leaves_no_playlist() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("source.ts");
    ffmpeg::make("-f lavfi -i sine=sample_rate=48000 -t 20 -c:a aac", &source);
    let disk = sim::Disk::new(1);
    let input = disk
        .open(Path::new("/in.ts"), Access::Create)
        .expect("a fresh disk");
    input
        .write_at(&read(&source), 0)
        .expect("a fresh disk has room");
    // The first segment takes three writes: its tables, the rest, and tables until they come round.
    disk.inject(Call::Write, Fault::ForEver(4));
    let request = Request {
        file: PathBuf::from("/in.ts"),
        directory: PathBuf::from("/out"),
        target: Duration::from_secs(6),
        program: None,
        markers: Markers::default(),
    };
    let failure = run(&disk, &request, |_, _| {})
        .err()
        .map(|error| error.to_string());
    assert_eq!(failure.as_deref(), Some("cannot write /out/segment-1.ts"));
    let playlist = disk.open(Path::new("/out/media.m3u8"), Access::Read);
    assert!(playlist.is_err(), "the playlist comes last");
}

#[test]
fn captured_streams_keep_every_frame() {
    let Some(folder) = std::env::var_os("WEIR_SAMPLES").map(PathBuf::from) else {
        println!("WEIR_SAMPLES is not set: only streams made by ffmpeg are tested");
        return;
    };
    println!("captured streams: {}", folder.display());
    let entries = disk().list(&folder).expect("WEIR_SAMPLES names a folder");
    let mut checked = 0;
    for entry in entries
        .iter()
        .filter(|entry| entry.path.extension().is_some_and(|e| e == "ts"))
    {
        match segment(&entry.path, None) {
            Ok(segmented) => {
                println!(
                    "{}: {} segments",
                    entry.path.display(),
                    segmented.segments.len()
                );
                all_frames_are_kept(&entry.path, &segmented);
                checked += 1;
            }
            Err(error @ (Error::NoRandomAccess { .. } | Error::NoTables { .. })) => {
                println!("{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(checked > 0, "no stream in {}", folder.display());
}

/// Makes 14 s of pictures and sound coded by `codecs` and holds them to every claim.
fn whole_from_made(codecs: &str, segments_min: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = directory.path().join("source.ts");
    ffmpeg::make(&format!("{VIDEO} {codecs}"), &source);
    let segmented = segment(&source, None).expect("the stream is whole");
    assert!(segmented.segments.len() >= segments_min);
    all_frames_are_kept(&source, &segmented);
    each_segment_decodes(&segmented);
    let media_ms = segmented.summary.duration_90k / 90;
    assert!(
        media_ms.abs_diff(14_000) <= 40,
        "EXTINF adds up to {media_ms} ms of 14 s"
    );
}

fn segment(source: &Path, program: Option<u16>) -> Result<Segmented, Error> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let request = Request {
        file: source.to_owned(),
        directory: directory.path().join("out"),
        target: Duration::from_secs(6),
        program,
        markers: Markers::default(),
    };
    let summary = run(&disk(), &request, |_, _| {})?;
    let playlist = String::from_utf8(read(&summary.playlist)).expect("a playlist is text");
    let uris = playlist.lines().filter(|line| !line.starts_with('#'));
    let segments: Vec<PathBuf> = uris.map(|uri| request.directory.join(uri)).collect();
    let joined = directory.path().join("joined.ts");
    let bytes: Vec<u8> = segments.iter().flat_map(|path| read(path)).collect();
    write(&joined, &bytes);
    Ok(Segmented {
        directory,
        summary,
        segments,
        joined,
    })
}

/// Compares frame by frame, stream by stream.
fn all_frames_are_kept(source: &Path, segmented: &Segmented) {
    let name = source.display();
    let pids = ffmpeg::pids(source, segmented.summary.program);
    assert!(!pids.is_empty(), "{name}: ffprobe finds streams");
    let mut start = None;
    for pid in pids {
        let (before, after) = (
            ffmpeg::frames(source, pid),
            ffmpeg::frames(&segmented.joined, pid),
        );
        let positions = ffmpeg::positions(source, pid);
        let skipped = before.len().saturating_sub(after.len());
        println!(
            "  {pid:#06x}: {} frames, {} kept",
            before.len(),
            after.len()
        );
        assert_same(
            &before[skipped..],
            &after,
            skipped > 0,
            &format!("{name}: {pid:#06x}"),
        );
        // The first stream is the video; the others begin behind its first key frame.
        let begins =
            |&(offset, is_key): &(u64, bool)| start.map_or(is_key, |start| offset >= start);
        let expected = positions.iter().position(begins).unwrap_or(before.len());
        assert_eq!(
            skipped, expected,
            "{name}: {pid:#06x} begins at its first complete frame"
        );
        start = start.or(positions.get(expected).map(|(offset, _)| *offset));
    }
}

/// Compares frame by frame. When the source has frames before these, ffmpeg's parsers count the
/// zero bytes ahead of the first start code to the frame before; in the joined segments there is
/// none, so the first frame may be longer by these.
fn assert_same(before: &[Frame], after: &[Frame], has_frames_before: bool, name: &str) {
    let (mut before, mut after) = (before, after);
    if let ([first, rest @ ..], [same, tail @ ..]) = (before, after)
        && has_frames_before
        && (1..=3).contains(&same.0.wrapping_sub(first.0))
    {
        (before, after) = (rest, tail);
    }
    let differs = before
        .iter()
        .zip(after)
        .position(|(frame, same)| frame != same);
    assert_eq!(differs, None, "{name}: the first frame that differs");
    assert_eq!(before.len(), after.len(), "{name}: number of frames");
}

fn each_segment_decodes(segmented: &Segmented) {
    for path in &segmented.segments {
        let messages = ffmpeg::decoding_messages(path);
        assert!(messages.is_empty(), "{}: {messages}", path.display());
    }
    assert!(segmented.directory.path().exists());
}

fn disk() -> linux::Disk {
    linux::Disk::new()
}

fn read(path: &Path) -> Vec<u8> {
    let file = disk()
        .open(path, Access::Read)
        .expect("the file was just written");
    let bytes = file.bytes().expect("it has a size");
    let mut buffer = vec![0; usize::try_from(bytes).expect("it fits memory")];
    let read = file.read_at(&mut buffer, 0).expect("it can be read");
    assert_eq!(read, buffer.len());
    buffer
}

fn write(path: &Path, bytes: &[u8]) {
    let file = disk()
        .open(path, Access::Create)
        .expect("the directory was just made");
    file.write_at(bytes, 0).expect("there is room");
}
