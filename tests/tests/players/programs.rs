//! Players that are programs: `GStreamer`, ffmpeg, curl.

use std::process::Command;

use weir_tests::{ffmpeg, gstreamer, process::peer};

use crate::rig::{DASH, HLS, LIVE, PICTURES, Protocol, Rig};

#[test]
fn gstreamer_plays_every_picture_by_http_1_1_and_by_http_2() {
    let rig = Rig::start_on_air();
    for protocol in [Protocol::Plain, Protocol::Secure] {
        for presentation in [DASH, HLS] {
            let pictures = gstreamer::play(&rig.url(protocol, presentation), rig.root(), None);
            assert_eq!(pictures, PICTURES, "{presentation} {protocol:?}");
        }
        let pictures = gstreamer::play(&rig.url(protocol, LIVE), rig.root(), Some(50));
        assert!(pictures >= 50, "{pictures} {protocol:?}");
    }
    // Of this rig nobody else speaks HTTP/2.
    rig.assert_well();
    assert!(rig.counter("connections_http2") >= 3);
}

#[test]
fn ffmpeg_decodes_lists_and_manifests_without_a_complaint() {
    let rig = Rig::start_on_air();
    for protocol in [Protocol::Plain, Protocol::Secure] {
        for presentation in [DASH, HLS] {
            let complaints = ffmpeg::complaints(&rig.url(protocol, presentation));
            assert_eq!(complaints, "", "{presentation} {protocol:?}");
        }
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-v", "error", "-xerror", "-i"]);
        command.arg(rig.url(protocol, LIVE));
        peer(command.args(["-t", "3", "-f", "null", "-"]));
    }
    rig.assert_well();
}

#[test]
fn curl_has_every_byte_of_what_is_pulled_by_every_protocol() {
    let rig = Rig::start();
    let name = "/film/chunk-stream0-00001.m4s";
    let lengths = [
        (Protocol::Plain, "--http1.1"),
        (Protocol::Plain, "--http2-prior-knowledge"),
        (Protocol::Secure, "--http1.1"),
        (Protocol::Secure, "--http2"),
    ]
    .map(|(protocol, version)| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--max-time", "30", version, "--cacert"]);
        curl.arg(rig.root()).args(["-o", "-"]);
        let output = curl.arg(rig.url(protocol, name)).output();
        let output = output.expect("curl is installed");
        assert!(output.status.success(), "{version} {protocol:?}");
        output.stdout
    });
    assert!(!lengths[0].is_empty());
    assert!(lengths.iter().all(|bytes| *bytes == lengths[0]));
    rig.assert_well();
}
