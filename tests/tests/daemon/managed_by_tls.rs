//! The management listener by TLS, as curl and openssl meet it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    certificate::Certificate,
    daemon::{Daemon, free_port},
    process::peer,
};

use crate::logins::{CHANNELS, PASSWORD, status, tables};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fingerprint of the certificate that clients at `port` are shown.
fn shown(port: u16) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &format!("127.0.0.1:{port}")]);
    let chain = peer(client.stdin(Stdio::null()));
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("chain.pem");
    fs::write(&file, chain).expect("the folder can be written");
    let mut reader = Command::new("openssl");
    reader.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
    let told = peer(reader.arg(&file));
    let (_, fingerprint) = told.trim().split_once('=').expect("a fingerprint");
    fingerprint.to_owned()
}

/// Head and body of what is answered to a request with these arguments.
fn curl(arguments: &[&str], url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-i", "--max-time", "20"]);
    peer(curl.args(arguments).arg(url))
}

#[test]
fn the_certificate_that_a_box_makes_is_told_of_and_kept_and_its_key_is_secret() {
    let port = free_port();
    let management = format!("tls_listen = \"127.0.0.1:{port}\"\n");
    let mut daemon = Daemon::start_managed(&management, CHANNELS);
    let told = daemon.process().line_with("fingerprint", PATIENCE);
    let fingerprint = shown(port);
    assert!(told.contains(&fingerprint), "{fingerprint} in {told}");
    let key = daemon.cache().with_file_name("cache.tls").join("weir.key");
    let mode = fs::metadata(key).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.kill();
    daemon.restart();
    assert_eq!(shown(port), fingerprint);
    for version in ["--http1.1", "--http2"] {
        let page = curl(&["-k", version], &format!("https://127.0.0.1:{port}/"));
        assert_eq!(status(&page), "200", "{page}");
        let field = "strict-transport-security";
        assert!(!page.to_lowercase().contains(field), "nobody could go on");
    }
}

#[test]
fn a_certificate_that_a_box_is_given_is_the_one_it_shows() {
    let (folder, port) = (TempDir::new().expect("a folder"), free_port());
    let certificate = Certificate::issue(&["localhost"]);
    certificate.put(folder.path(), "a");
    let management = format!(
        "tls_listen = \"127.0.0.1:{port}\"\ncertificates = \"{}\"\n",
        folder.path().display()
    );
    let daemon = Daemon::start_managed(&management, CHANNELS);
    let root = folder.path().join("root.pem");
    fs::write(&root, &certificate.certificate).expect("the folder can be written");
    let root = root.to_str().expect("a plain path");
    let url = format!("https://localhost:{port}/livez");
    assert_eq!(status(&curl(&["--cacert", root], &url)), "200");
    let own = daemon.cache().with_file_name("cache.tls");
    assert!(!own.exists(), "it needs none of its own");
}

#[test]
fn who_logs_in_by_tls_has_a_cookie_of_this_host_alone_and_orders_by_it() {
    let (folder, port) = (TempDir::new().expect("a folder"), free_port());
    let users = tables(&folder, &[("bob", "admin")]);
    let management = format!("tls_listen = \"127.0.0.1:{port}\"\n{users}");
    let daemon = Daemon::start_managed(&management, CHANNELS);
    let own = format!("https://127.0.0.1:{port}");
    let origin = format!("Origin: {own}");
    let form = format!("name=bob&password={}", PASSWORD.replace(' ', "+"));
    let answer = curl(&["-k", "-H", &origin, "-d", &form], &format!("{own}/login"));
    assert_eq!(status(&answer), "303", "{answer}");
    let is_cookie = |line: &&str| line.to_lowercase().starts_with("set-cookie: ");
    let set = answer.lines().find(is_cookie).expect("a cookie");
    for part in [
        "__Host-weir-session=",
        "Secure",
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
    ] {
        assert!(set.contains(part), "{part} in {set}");
    }
    let (_, cookie) = set.split_once(": ").expect("a field");
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap_or_default());
    let order = |base: &str, origin: &str| {
        let arguments = [
            "-k",
            "--json",
            r#"{"urls": ["/vod/a"]}"#,
            "-H",
            &cookie,
            "-H",
            origin,
        ];
        let answer = curl(&arguments, &format!("{base}/api/v1/purge"));
        status(&answer).to_owned()
    };
    assert_eq!(order(&own, &origin), "200");
    assert_eq!(order(&own, "Origin: https://evil.example"), "403");
    let plain = daemon.management("");
    let by_plain = order(&plain, &format!("Origin: {plain}"));
    assert_eq!(by_plain, "403", "it was sent in the clear");
}
