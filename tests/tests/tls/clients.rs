//! What players, browsers and tools are built on: curl, `OpenSSL`, ffmpeg (by `GnuTLS`).

use std::process::{Command, Stdio};

use tempfile::TempDir;
use weir_tests::{
    cached::bytes,
    ffmpeg::{self, Streams},
    process::peer,
};

use crate::rig::{FILM, LONG, LONG_BYTES, Rig, SMALL, SMALL_BYTES};

#[test]
fn curl_gets_every_byte_by_every_version_of_both_protocols() {
    let rig = Rig::start();
    let (small, long) = (bytes(SMALL_BYTES), bytes(LONG_BYTES));
    for (options, told) in [
        (&["--http1.1", "--tls-max", "1.2"][..], "1.1 200"),
        (&["--http1.1", "--tlsv1.3"], "1.1 200"),
        (&["--http2", "--tls-max", "1.2"], "2 200"),
        (&["--http2", "--tlsv1.3"], "2 200"),
    ] {
        assert!(rig.fetch(options, &rig.secure(LONG)) == (told.to_owned(), long.clone()));
        assert_eq!(
            rig.fetch(options, &rig.secure(SMALL)),
            (told.to_owned(), small.clone())
        );
    }
    let plain = rig.daemon.data(LONG);
    let by_prior_knowledge = rig.fetch(&["--http2-prior-knowledge"], &plain);
    assert!(by_prior_knowledge == ("2 200".to_owned(), long.clone()));
    // Asking for an upgrade is answered as if it had not been.
    assert!(rig.fetch(&["--http2"], &plain) == ("1.1 200".to_owned(), long));
    rig.counted("handshakes_tls12", 4);
    rig.counted("handshakes", 8);
}

#[test]
fn ranges_conditions_and_head_are_alike_in_http_2() {
    let rig = Rig::start();
    let url = rig.secure(LONG);
    let (told, part) = rig.fetch(&["--http2", "-r", "1000000-1999999"], &url);
    assert_eq!(told, "2 206");
    assert!(part == bytes(LONG_BYTES)[1_000_000..2_000_000]);
    let head = peer(rig.curl().args(["--http2", "-I"]).arg(&url)).to_lowercase();
    assert!(head.starts_with("http/2 200"), "{head}");
    assert!(
        head.contains(&format!("content-length: {LONG_BYTES}\r\n")),
        "{head}"
    );
    assert!(
        !head.contains("connection:") && !head.contains("keep-alive:"),
        "{head}"
    );
    let missing = rig.fetch(&["--http2"], &rig.secure("/live/CH/CH_HD/segment-9.ts"));
    assert_eq!(missing.0, "2 404");
    let posted = rig.fetch(&["--http2", "-d", "x=y"], &url);
    assert_eq!(posted.0, "2 405");
}

#[test]
fn many_requests_share_one_connection() {
    let rig = Rig::start();
    let urls: Vec<String> = (0..50).map(|_| rig.secure(SMALL)).collect();
    let mut curl = rig.curl();
    curl.args(["--http2", "--parallel", "--parallel-max", "50"]);
    for url in &urls {
        curl.arg("-o").arg(rig.scratch("one")).arg(url);
    }
    peer(&mut curl);
    rig.counted("connections_http2", 1);
    rig.counted("responses_2xx", rig.counter("requests"));
}

/// What `openssl s_client` says of a connection that it makes with `options`.
fn openssl(rig: &Rig, options: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-servername",
        "localhost",
        "-verify_return_error",
    ]);
    command.arg("-CAfile").arg(rig.root()).args(options);
    let command = command.args(["-connect", &rig.address()]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("openssl is installed");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn openssl_agrees_on_the_versions_and_protocols_that_are_offered() {
    let rig = Rig::start();
    for (options, wanted) in [
        (&["-tls1_2"][..], "Protocol  : TLSv1.2"),
        (&["-tls1_3"], "New, TLSv1.3"),
        (&["-alpn", "http/1.1,h2"], "ALPN protocol: h2"),
        (&["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
        (&[], "Verify return code: 0 (ok)"),
    ] {
        let said = openssl(&rig, options);
        assert!(said.contains(wanted), "{options:?}: {said}");
    }
    rig.counted("handshakes", 5);
    let old = openssl(&rig, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    assert!(old.contains("alert handshake failure"), "{old}");
    rig.counted("handshakes_incompatible", 1);
}

#[test]
fn ffmpeg_plays_a_segment_over_tls() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("film.ts");
    ffmpeg::make(Streams::H264Aac, 4, &file);
    let rig = Rig::start_with_film(&std::fs::read(&file).unwrap());
    let url = rig.secure(FILM);
    let probed = ffmpeg::probe(&url);
    assert_eq!(probed["format"]["format_name"], "mpegts");
    assert_eq!(probed["streams"].as_array().unwrap().len(), 2);
    assert_eq!(ffmpeg::complaints(&url), "");
}
