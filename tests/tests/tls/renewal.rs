//! Certificates that change while everything runs.

use std::{
    fs,
    process::{Command, Stdio},
};

use weir_tests::{cached::bytes, certificate::Certificate, process::Process, wait::until};

use crate::rig::{LONG, LONG_BYTES, PATIENCE, Rig};

/// The certificate that a client is shown who asks for `host`.
fn shown(rig: &Rig, host: &str) -> String {
    let mut command = Command::new("openssl");
    let command = command.args(["s_client", "-servername", host, "-connect", &rig.address()]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("openssl starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").expect(&text);
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").expect(&text);
    body.split_whitespace().collect()
}

/// The same as it was issued.
fn body(certificate: &Certificate) -> String {
    let lines = certificate.certificate.lines();
    lines.filter(|line| !line.starts_with('-')).collect()
}

#[test]
fn new_connections_see_the_new_certificate_and_a_slow_download_goes_on() {
    let rig = Rig::start();
    let (old, new) = (&rig.certificate, Certificate::issue(&["localhost"]));
    assert_eq!(shown(&rig, "localhost"), body(old));
    let slow = |version: &str, name: &str| {
        let mut curl = rig.curl();
        curl.args([version, "--limit-rate", "1M", "-o"])
            .arg(rig.scratch(name));
        Process::start({
            curl.arg(rig.secure(LONG));
            curl
        })
    };
    let (mut one, mut two) = (slow("--http1.1", "one"), slow("--http2", "two"));
    rig.counted("handshakes", 3);
    new.put(rig.certificates(), "a");
    until("the new certificate", PATIENCE, || {
        (shown(&rig, "localhost") == body(&new)).then_some(())
    });
    assert!(
        one.is_running() && two.is_running(),
        "the downloads were too fast"
    );
    rig.trust(&new);
    assert_eq!(rig.fetch(&["--http2"], &rig.secure("/livez")).0, "2 200");
    for (download, name) in [(one, "one"), (two, "two")] {
        let ended = download.ended(PATIENCE);
        assert!(ended.status.success(), "{}", ended.output);
        assert!(fs::read(rig.scratch(name)).unwrap() == bytes(LONG_BYTES));
    }
}

#[test]
fn a_broken_pair_is_named_and_the_old_one_stays() {
    let rig = Rig::start();
    let (old, other) = (
        body(&rig.certificate),
        Certificate::issue(&["tv.example.net"]),
    );
    let key = rig.certificates().join("a.key");
    fs::write(&key, &other.key).unwrap();
    rig.daemon.process().signal("HUP");
    rig.daemon
        .process()
        .line_with("a.key is not the key of", PATIENCE);
    assert_eq!(shown(&rig, "localhost"), old);
    // Another pair is taken all the same, and is not shown to who asks for somebody else.
    other.put(rig.certificates(), "b");
    until("the other certificate", PATIENCE, || {
        (shown(&rig, "tv.example.net") == body(&other)).then_some(())
    });
    assert_eq!(shown(&rig, "localhost"), old);
    assert_eq!(shown(&rig, "nobody.example.net"), old);
    let secret = rig.certificate.key.lines().nth(1).unwrap();
    assert!(!rig.daemon.process().output().contains(secret));
}
