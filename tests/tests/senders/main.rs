//! Independent senders: what ffmpeg sends by UDP and RTP becomes segments that ffmpeg decodes
//! without a word.

mod captures;
mod fec;
mod protected;

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    http,
    wait::until,
};

/// Segments looked at, of 2 s each.
const SEGMENTS: usize = 3;

fn segments(daemon: &Daemon, count: usize) -> Vec<Vec<u8>> {
    let base = daemon.data("/live/ch/");
    let uris = until(format!("{count} segments"), Duration::from_mins(1), || {
        let media = http::get(&format!("{base}ch_r.m3u8"))
            .ok()
            .filter(|r| r.status == 200)?;
        let uris: Vec<String> = media
            .text()
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|line| format!("{base}{line}"))
            .collect();
        (uris.len() >= count).then_some(uris)
    });
    uris.iter()
        .map(|uri| {
            http::get(uri)
                .expect("a listed segment can be fetched")
                .body
        })
        .collect()
}

fn decodes_silently(bytes: &[u8], folder: &Path) {
    let file = folder.join("segment.ts");
    std::fs::write(&file, bytes).expect("the temporary folder can be written");
    let said = ffmpeg::complaints(file.to_str().expect("a plain path"));
    assert_eq!(said, "", "ffmpeg complains");
}

fn becomes_segments(streams: Streams, transport: &str) {
    let folder = TempDir::new().expect("a temporary folder");
    let group = format!("239.255.80.1:{}", free_port());
    let daemon = Daemon::start(&format!(
        "[segment]\ntarget = \"2s\"\n[[channel]]\nid = \"ch\"\n[[channel.rendition]]\n\
         name = \"r\"\nsources = [\"{transport}://{group}\"]\ninterface = \"lo\"\n"
    ));
    let _sender = ffmpeg::send(streams, transport, &group, 40);
    let segments = segments(&daemon, SEGMENTS);
    for segment in &segments {
        decodes_silently(segment, folder.path());
    }
    decodes_silently(&segments.concat(), folder.path());
}

#[test]
fn h264_and_aac_by_udp() {
    becomes_segments(Streams::H264Aac, "udp");
}

#[test]
fn h264_and_aac_by_rtp() {
    becomes_segments(Streams::H264Aac, "rtp");
}

#[test]
fn hevc_and_ac3_by_udp() {
    becomes_segments(Streams::HevcAc3, "udp");
}

#[test]
fn hevc_and_ac3_by_rtp() {
    becomes_segments(Streams::HevcAc3, "rtp");
}

#[test]
fn mpeg2_and_mp2_by_udp() {
    becomes_segments(Streams::Mpeg2Mp2, "udp");
}

#[test]
fn mpeg2_and_mp2_by_rtp() {
    becomes_segments(Streams::Mpeg2Mp2, "rtp");
}

#[test]
fn audio_alone_by_udp() {
    becomes_segments(Streams::Audio, "udp");
}

#[test]
fn audio_alone_by_rtp() {
    becomes_segments(Streams::Audio, "rtp");
}
