//! `weir bundle`: what is in it, what is never in it, and that it is there when all else is not.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    certificate::Certificate,
    daemon::{Daemon, free_port},
    http,
    wait::until,
};

use crate::{file, folder, plain, text, weir};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes that no bundle is longer than.
const BUNDLE_BYTES_MAX: u64 = 5_000_000;

/// Secrets in hexadecimal, as `openssl rand -hex 32` prints them.
const SIGN_KEY: &str = "5f1d7c9e0b3a48d26e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5";
/// The hash of a password.
const HASH: &str = "$argon2id$v=19$m=7168,t=1,p=1$b2YgdGhlIHRlc3QgcmFjaw$\
    24fBapwwVwhN5eOyrCdItwx2m6ktYKbuUEruAy5mxl0";
const CHANNEL_SECRET: &str = "c0ffee00112233445566778899aabbccddeeff0123456789abcdef0123456789";

/// Packs a bundle and unpacks it: files by name.
fn bundle(folder: &Path, arguments: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let out = folder.join("out.tar.zst");
    let output = weir(&[&["bundle", plain(&out)], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!folder.join("out.tar.zst.new").exists());
    let bytes = fs::read(&out).expect("there is a bundle");
    assert!(
        bytes.len() as u64 <= BUNDLE_BYTES_MAX,
        "{} bytes",
        bytes.len()
    );
    let archive = zstd::bulk::decompress(&bytes, 256 << 20).expect("it is zstd");
    let mut archive = tar::Archive::new(archive.as_slice());
    let entries = archive.entries().expect("it is an archive");
    let files = entries.map(|entry| {
        let mut entry = entry.expect("a whole file");
        let path = entry.path().expect("a name").into_owned();
        let name = path.strip_prefix("weir-bundle").expect("one folder");
        let name = name.to_str().expect("a plain name").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("a whole file");
        (name, bytes)
    });
    files.collect()
}

fn json(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Value {
    let bytes = files.get(name);
    let bytes = bytes.unwrap_or_else(|| panic!("no {name} in {:?}", files.keys()));
    serde_json::from_slice(bytes).expect("it is JSON")
}

/// Why a file is not in the bundle.
fn why_missing(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    let manifest = json(files, "manifest.json");
    let rows = manifest["missing"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["name"] == name);
    let row = row.unwrap_or_else(|| panic!("{name} is not missing: {manifest}"));
    row["why"].as_str().expect("a sentence").to_owned()
}

fn expect_none_of(canaries: &[String], files: &BTreeMap<String, Vec<u8>>) {
    for canary in canaries {
        assert!(canary.len() > 7, "{canary:?} may be a common word");
        for (name, bytes) in files {
            let is_there = bytes
                .windows(canary.len())
                .any(|it| it == canary.as_bytes());
            assert!(!is_there, "{canary} is in {name}");
        }
    }
}

/// A file of a secret, for its owner alone.
fn secret_file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = file(folder, name, text);
    let owner_alone = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, owner_alone).expect("the file is ours");
    path
}

/// A configuration that is obeyed, with a secret wherever one can stand, and the secrets.
fn planted(folder: &TempDir) -> (String, String, Vec<String>) {
    let sign_keys = secret_file(folder, "sign", &format!("2026 {SIGN_KEY}\n"));
    let secret = secret_file(folder, "secret", &format!("{CHANNEL_SECRET}\n"));
    let token = secret_file(folder, "token", "bearer-canary-11223344\n");
    let user = secret_file(folder, "user", HASH);
    let certificate = Certificate::issue(&["tv.example"]);
    let tls = folder.path().join("tls");
    certificate.put(&tls, "tv");
    let http = format!(
        "tls_listen = [\"127.0.0.1:{}\"]\ncertificates = \"{}\"\n# comment-canary-99\n",
        free_port(),
        tls.display()
    );
    let rendition = |source: &str| {
        format!(
            "[[channel.rendition]]\nname = \"HD\"\ninterface = \"lo\"\nsources = [\"{source}\"]\n"
        )
    };
    let channels = format!(
        "[[management.user]]\nname = \"ann\"\nrole = \"viewer\"\nsecret = \"{}\"\n\
         [[channel]]\nid = \"secret\"\nsign_keys = \"{}\"\n[channel.encryption]\nkeys = \"{}\"\n{}\
         [[channel]]\nid = \"server\"\n[channel.encryption]\n\
         keys = \"https://127.0.0.1:9/path-canary-55/{{key}}?k=key-url-canary-66\"\n\
         token = \"{}\"\n{}\
         [[channel]]\nid = \"http\"\n{}",
        user.display(),
        sign_keys.display(),
        secret.display(),
        rendition("udp://239.255.83.8:5000"),
        token.display(),
        rendition("udp://239.255.83.9:5000"),
        rendition("http://127.0.0.1:9/ch.ts?token=source-canary-77&x=1"),
    );
    let mut canaries: Vec<String> = [
        SIGN_KEY,
        CHANNEL_SECRET,
        "24fBapwwVwhN5eOyrCdItwx2m6ktYKbuUEruAy5mxl0",
        "password-canary",
        "bearer-canary",
        "comment-canary",
        "path-canary",
        "key-url-canary",
        "source-canary",
        "PRIVATE KEY",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    let lines = certificate
        .key
        .lines()
        .filter(|line| !line.starts_with('-'));
    canaries.extend(lines.map(ToOwned::to_owned));
    (http, channels, canaries)
}

#[test]
fn a_bundle_of_a_running_appliance_has_everything_but_its_secrets() {
    let folder = folder();
    let (http, channels, canaries) = planted(&folder);
    let daemon = Daemon::start_with(folder, &http, &channels);
    // The source that has a token is told of, without it.
    until("the source with a token", PATIENCE, || {
        let told = http::get(&daemon.management("/api/v1/channels")).ok()?;
        told.text().contains("127.0.0.1:9/ch.ts").then_some(())
    });
    let guess = http::request(
        "POST",
        &daemon.management("/login"),
        &[("Content-Type", "application/x-www-form-urlencoded")],
        b"name=password-canary-name&password=password-canary-88",
    );
    assert_eq!(guess.expect("an answer").status, 403);
    let out = TempDir::new().expect("a temporary folder");
    let config = daemon.file();
    let files = bundle(out.path(), &["--config", plain(&config)]);
    for name in [
        "status.json",
        "channels.json",
        "alarms.json",
        "origins.json",
        "nics.json",
        "slots.json",
        "metrics.txt",
        "configuration.txt",
        "network/interfaces.txt",
        "network/igmp.txt",
        "system/memory.txt",
    ] {
        let bytes = files.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert!(!bytes.is_empty(), "{name}");
    }
    expect_none_of(&canaries, &files);
    assert_eq!(json(&files, "status.json")["node"], "box");
    let shown = text(&files["configuration.txt"]);
    for line in [
        "channel[1].encryption.keys = \"https://127.0.0.1:9/(hidden)\"",
        "channel[2].rendition[0].sources = [\"http://127.0.0.1:9/ch.ts?(hidden)\"]",
    ] {
        assert!(shown.contains(line), "no {line} in\n{shown}");
    }
    let channels = text(&files["channels.json"]);
    let source = "http://127.0.0.1:9/ch.ts?…";
    assert!(channels.contains(source), "{channels}");
}

#[test]
fn the_manifest_has_the_size_of_each_file_and_says_what_is_missing() {
    let folder = folder();
    let path = file(
        &folder,
        "weir.toml",
        "[management]\nlisten = \"127.0.0.1:9\"\n[node]\nname = \"edge-9\"\n\
         pasword = \"unknown-canary-1\"\n[[origin]]\nname = \"o\"\n\
         urls = [\"http://user:user-canary-2@origin/\"]\n",
    );
    let files = bundle(
        folder.path(),
        &[
            "--config",
            plain(&path),
            "--management",
            "http://127.0.0.1:9",
        ],
    );
    let canaries = ["unknown-canary-1", "user-canary-2"].map(ToOwned::to_owned);
    expect_none_of(&canaries, &files);
    let why = why_missing(&files, "status.json");
    assert!(
        why.contains("no appliance answers at http://127.0.0.1:9"),
        "{why}"
    );
    let why = why_missing(&files, "recorder.blocks");
    assert!(why.contains("/var/lib/weir/cache.recorder"), "{why}");
    let shown = text(&files["configuration.txt"]);
    assert!(shown.contains("node.name = \"edge-9\""), "{shown}");
    assert!(shown.ends_with("left out: 1\n"), "{shown}");
    let manifest = json(&files, "manifest.json");
    let rows = manifest["files"].as_array().expect("a list");
    assert_eq!(rows.len() + 1, files.len());
    for row in rows {
        let bytes = &files[row["name"].as_str().expect("a name")];
        assert_eq!(row["bytes"], bytes.len());
        assert_eq!(row["sha256"].as_str().map(str::len), Some(64));
    }
}

#[test]
fn of_a_configuration_that_is_no_toml_nothing_is_shown() {
    let folder = folder();
    let path = file(
        &folder,
        "weir.toml",
        "[node]\nname = \"open\ntoken = broken-canary\n",
    );
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let files = bundle(
        folder.path(),
        &["--config", plain(&path), "--management", &nobody],
    );
    expect_none_of(&["broken-canary".to_owned()], &files);
    assert!(why_missing(&files, "configuration.txt").contains("is not TOML"));
}

/// A channel of which nothing comes.
const CHANNEL: &str = "[[channel]]\nid = \"CH_1\"\n[[channel.rendition]]\nname = \"HD\"\n\
    sources = [\"udp://239.255.83.10:5000\"]\ninterface = \"lo\"\n";

/// What a box of one channel leaves behind, with a flight recorder of a few seconds.
fn recorded() -> TempDir {
    let daemon = Daemon::start(CHANNEL);
    until("a second that is recorded", PATIENCE, || {
        let status = http::get(&daemon.management("/api/v1/status")).ok()?.json();
        (status["recorder"]["samples_recorded"].as_u64() > Some(1)).then_some(())
    });
    let (ended, folder) = daemon.end("TERM", PATIENCE);
    assert!(ended.status.success(), "{}", ended.output);
    folder
}

#[test]
fn the_flight_recorder_outlives_the_appliance_and_its_bundle_reads_as_a_table() {
    let folder = recorded();
    let config = folder.path().join("weir.toml");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let files = bundle(
        folder.path(),
        &["--config", plain(&config), "--management", &nobody],
    );
    let blocks = file(&folder, "recorder.blocks", &files["recorder.blocks"]);
    let directory = folder.path().join("cache.recorder");
    for kept in [&blocks, &directory] {
        let output = weir(&["recorder", plain(kept), "--series", "channel/CH_1/HD/"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let table = text(&output.stdout);
        let mut lines = table.lines();
        let head = lines.next().expect("a first line");
        assert_eq!(
            head,
            "time,channel/CH_1/HD/bitrate_kbps,channel/CH_1/HD/continuity_count_error,\
             channel/CH_1/HD/datagrams_lost,channel/CH_1/HD/segment_age_ms"
        );
        let values: Vec<&str> = lines.filter(|line| line.ends_with("Z,0,0,0,")).collect();
        assert!(values.len() > 1, "{table}");
    }
    let output = weir(&["recorder", plain(&blocks), "--series", "tape/"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    let output = weir(&["recorder", plain(&config)]);
    assert_eq!(output.status.code(), Some(74), "{output:?}");
}

#[test]
fn the_flight_recorder_is_found_whatever_is_wrong_with_the_configuration() {
    let folder = recorded();
    let config = folder.path().join("weir.toml");
    let good = fs::read_to_string(&config).expect("there is a configuration");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for mistake in ["[nodes]\nname = 7\n", "[node\nname = \"broken-canary\n"] {
        fs::write(&config, format!("{good}{mistake}")).expect("it is ours");
        let arguments = ["--config", plain(&config), "--management", &nobody];
        let files = bundle(folder.path(), &arguments);
        assert!(!files["recorder.blocks"].is_empty(), "{mistake}");
        expect_none_of(&["broken-canary".to_owned()], &files);
        let manifest = json(&files, "manifest.json");
        let rows = manifest["files"].as_array().expect("a list");
        let row = rows.iter().find(|row| row["name"] == "recorder.blocks");
        let row = row.expect("it is listed");
        let from = row["from"].as_str().expect("a sentence");
        assert!(from.contains("cache.recorder"), "{from}");
    }
}

#[test]
fn the_flight_recorder_of_a_box_that_runs_is_found_without_a_configuration() {
    let daemon = Daemon::start_sized(recorded(), "1GiB", "", CHANNEL);
    let folder = folder();
    let none = folder.path().join("none.toml");
    let management = daemon.management("");
    let arguments = ["--config", plain(&none), "--management", &management];
    let files = bundle(folder.path(), &arguments);
    assert!(why_missing(&files, "configuration.txt").contains("none.toml"));
    assert!(!files["recorder.blocks"].is_empty());
}

#[test]
fn of_a_flight_recorder_that_is_not_found_it_is_told_where_it_was_looked_for_and_why() {
    let folder = folder();
    let none = folder.path().join("none.toml");
    let arguments = [
        "--config",
        plain(&none),
        "--management",
        "http://127.0.0.1:9",
    ];
    let files = bundle(folder.path(), &arguments);
    let why = why_missing(&files, "recorder.blocks");
    assert!(why.contains("/var/lib/weir/cache.recorder"), "{why}");
    assert!(why.contains("the configuration cannot be read"), "{why}");
}

#[test]
fn a_bundle_that_cannot_be_written_ends_with_74_and_leaves_nothing() {
    let output = weir(&[
        "bundle",
        "/nonexistent/out.tar.zst",
        "--config",
        "/nonexistent/weir.toml",
        "--management",
        "http://127.0.0.1:9",
    ]);
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.starts_with("weir: cannot create /nonexistent/out.tar.zst"),
        "{told}"
    );
}
