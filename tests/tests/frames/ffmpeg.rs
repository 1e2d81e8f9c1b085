//! What ffmpeg and ffprobe say of a file. A missing ffmpeg fails the test that needs it.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// One frame as ffmpeg's demuxer and parsers see it: its size in bytes and a hash of them.
pub(crate) type Frame = (u64, String);

/// Runs ffmpeg with `arguments` split at spaces and `paths` in place of each `{}`.
pub(crate) fn ffmpeg(arguments: &str, paths: &[&Path]) -> Output {
    run(
        "ffmpeg",
        &format!("-hide_banner -nostdin {arguments}"),
        paths,
    )
}

/// Makes the stream that `arguments` describe at `path`.
pub(crate) fn make(arguments: &str, path: &Path) {
    let output = ffmpeg(&format!("-v error -y {arguments} -f mpegts {{}}"), &[path]);
    assert!(
        output.status.success(),
        "ffmpeg made no stream: {}",
        text(&output.stderr)
    );
}

/// What ffmpeg has to say while it decodes all of `path`: nothing, when all is well.
pub(crate) fn decoding_messages(path: &Path) -> String {
    let output = ffmpeg("-v warning -i {} -map 0:v? -map 0:a? -f null -", &[path]);
    format!("{}{}", text(&output.stdout), text(&output.stderr))
        .trim()
        .to_owned()
}

/// PIDs of the elementary streams of `program` in `path`: video first, then as in the PMT.
pub(crate) fn pids(path: &Path, program: u16) -> Vec<u32> {
    let output = run(
        "ffprobe",
        "-v fatal -of json -show_entries program=program_id:program_stream=id,codec_type {}",
        &[path],
    );
    let report: Value = serde_json::from_slice(&output.stdout).expect("ffprobe writes JSON");
    let programs = report["programs"].as_array().into_iter().flatten();
    let mut streams: Vec<&Value> = programs
        .filter(|row| row["program_id"] == program)
        .flat_map(|row| row["streams"].as_array().into_iter().flatten())
        .collect();
    streams.sort_by_key(|stream| stream["codec_type"] != "video");
    streams
        .iter()
        .filter_map(|stream| stream["id"].as_str()?.strip_prefix("0x"))
        .filter_map(|digits| u32::from_str_radix(digits, 16).ok())
        .collect()
}

/// The frames of one stream, in stream order.
pub(crate) fn frames(path: &Path, pid: u32) -> Vec<Frame> {
    let output = ffmpeg(
        &format!("-v fatal -i {{}} -map 0:i:{pid} -c copy -copyinkf -copy_unknown -f framehash -"),
        &[path],
    );
    text(&output.stdout)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            // stream, dts, pts, duration, size, hash, and side data that is ffmpeg's own.
            let mut columns = line.split(',').map(str::trim).skip(4);
            Some((columns.next()?.parse().ok()?, columns.next()?.to_owned()))
        })
        .collect()
}

/// Byte offset and key flag of each frame of one stream; a frame that begins inside a PES packet
/// has the offset of the one before.
pub(crate) fn positions(path: &Path, pid: u32) -> Vec<(u64, bool)> {
    let output = run(
        "ffprobe",
        &format!(
            "-v fatal -of csv=p=0 -select_streams i:{pid} -show_entries packet=pos,flags {{}}"
        ),
        &[path],
    );
    let mut offset = 0;
    text(&output.stdout)
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (position, flags) = line.split_once(',').unwrap_or((line, ""));
            offset = position.parse().unwrap_or(offset);
            (offset, flags.starts_with('K'))
        })
        .collect()
}

fn run(program: &str, arguments: &str, paths: &[&Path]) -> Output {
    let mut paths = paths.iter();
    let mut command = Command::new(program);
    for argument in arguments.split(' ') {
        match argument {
            "{}" => command.arg(paths.next().expect("a path for each {}")),
            _ => command.arg(argument),
        };
    }
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{program} does not run ({error}): install the package ffmpeg"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
