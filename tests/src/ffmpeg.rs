//! ffmpeg and ffprobe as independent sender, decoder and judge.

use std::{path::Path, process::Command};

use crate::process::{Process, peer};

/// What an ffmpeg sender makes, from its own test sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// H.264 with B pictures and AAC.
    H264Aac,
    /// HEVC and AC-3.
    HevcAc3,
    /// MPEG-2 video and MPEG-1 layer II audio.
    Mpeg2Mp2,
    /// AAC alone.
    Audio,
}

impl Streams {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::H264Aac, Self::HevcAc3, Self::Mpeg2Mp2, Self::Audio];

    /// ffmpeg's arguments from inputs to codecs; a key frame every second.
    pub fn arguments(self, seconds: u32) -> Vec<String> {
        let video = format!("testsrc2=size=320x180:rate=25:duration={seconds}");
        let audio = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        let codecs = match self {
            Self::H264Aac => {
                "-c:v libx264 -preset veryfast -bf 2 -g 25 -keyint_min 25 \
                -sc_threshold 0 -b:v 500k -pix_fmt yuv420p -c:a aac -b:a 64k"
            }
            Self::HevcAc3 => {
                "-c:v libx265 -preset ultrafast -b:v 500k -pix_fmt yuv420p \
                -x265-params log-level=error:keyint=25:min-keyint=25:scenecut=0:open-gop=0 \
                -c:a ac3 -b:a 96k"
            }
            Self::Mpeg2Mp2 => {
                "-c:v mpeg2video -g 25 -bf 2 -sc_threshold 1000000000 -b:v 1M \
                -flags +cgop -c:a mp2 -b:a 96k"
            }
            Self::Audio => "-c:a aac -b:a 64k",
        };
        let inputs = if self == Self::Audio {
            format!("-re -f lavfi -i {audio}")
        } else {
            format!("-re -f lavfi -i {video} -re -f lavfi -i {audio}")
        };
        format!("{inputs} {codecs}")
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    }
}

/// Starts ffmpeg sending `streams` in real time to `group` on the loopback interface.
pub fn send(streams: Streams, transport: &str, group: &str, seconds: u32) -> Process {
    let format = if transport == "rtp" {
        "rtp_mpegts"
    } else {
        "mpegts"
    };
    let url = format!("{transport}://{group}?localaddr=127.0.0.1&pkt_size=1316&ttl=1");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(streams.arguments(seconds))
        .args(["-f", format, &url]);
    Process::start(command)
}

/// Makes a file of `streams`.
pub fn make(streams: Streams, seconds: u32, file: &Path) {
    make_with(streams.arguments(seconds), file);
}

/// Makes a file by ffmpeg's `arguments` from inputs to codecs, as fast as it goes.
pub fn make_with(arguments: Vec<String>, file: &Path) {
    let arguments = arguments.into_iter();
    peer(
        Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
            .args(arguments.filter(|argument| argument != "-re"))
            .args(["-f", "mpegts"])
            .arg(file),
    );
}

/// Decodes `input` (a file or URL) and returns all that ffmpeg says about it at level warning.
pub fn complaints(input: &str) -> String {
    let output = Command::new("ffmpeg")
        .args([
            "-hide_banner",
            "-nostdin",
            "-v",
            "warning",
            "-xerror",
            "-i",
            input,
        ])
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        said
    } else {
        format!("exit {}: {said}", output.status)
    }
}

/// Reads `input` with ffprobe and returns its JSON of streams and format.
pub fn probe(input: &str) -> serde_json::Value {
    let text = peer(Command::new("ffprobe").args([
        "-v",
        "error",
        "-of",
        "json",
        "-show_streams",
        "-show_format",
        "-show_programs",
        input,
    ]));
    serde_json::from_str(&text).expect("ffprobe writes JSON")
}
