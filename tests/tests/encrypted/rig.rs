//! A channel on a group of its own, its keys, and `openssl` that reads what is encrypted.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    hls::{Entry, Version},
    http::{self, Response},
    in_phase,
    process::Process,
    wait::until,
};

pub(crate) const LIST: &str = "/live/ch/ch_r.m3u8";
pub(crate) const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// Far longer than any step takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Of segments, as [`Stream::channel`] configures it.
const TARGET: Duration = Duration::from_secs(1);

/// A stream that goes on for ever, and what it is sent to.
pub(crate) struct Stream {
    pub(crate) group: String,
    _sender: Process,
    pub(crate) folder: TempDir,
}

impl Stream {
    /// Sends to port after port of the group `address`.
    pub(crate) fn send(address: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("channel.ts");
        ffmpeg::make(Streams::H264Aac, 20, &file);
        let group = format!("{address}:{}", free_port());
        Self {
            _sender: in_phase::send(&file, &format!("udp://{group}"), TARGET),
            group,
            folder,
        }
    }

    /// Puts a file beside it that its owner alone may read.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        put(&path, bytes);
        path
    }

    /// The configuration of a channel of it, with segments of 1 s.
    pub(crate) fn channel(&self, keys: &str) -> String {
        let group = &self.group;
        format!(
            "[segment]\ntarget = \"1s\"\nwindow = 10\n[[channel]]\nid = \"ch\"\n{keys}\n\
             [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://{group}\"]\n\
             interface = \"lo\"\n"
        )
    }

    /// The same, encrypted by the secret, with another key every 2 s.
    pub(crate) fn sealed_channel(&self) -> String {
        let secret = self.put("secret", SECRET.as_bytes());
        let path = secret.display();
        self.channel(&format!(
            "[channel.encryption]\nkeys = \"{path}\"\nrotate = \"2s\""
        ))
    }
}

/// Writes a file that its owner alone may read.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the folder can be written");
    set_mode(path, 0o600);
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, permissions).expect("it is ours");
}

pub(crate) fn get(daemon: &Daemon, path: &str) -> Response {
    http::get(&daemon.data(path)).expect("the daemon answers")
}

/// The present list, if there is one.
pub(crate) fn list(daemon: &Daemon) -> Option<Version> {
    let answer = http::get(&daemon.data(LIST)).ok()?;
    (answer.status == 200).then(|| Version::read(&answer.text()).expect("a sound list"))
}

/// A list as soon as it `is_enough`.
pub(crate) fn list_when(daemon: &Daemon, is_enough: impl Fn(&Version) -> bool) -> Version {
    until("a list", PATIENCE, || {
        list(daemon).filter(|list| is_enough(list))
    })
}

/// Keys of a list, each once, in order.
pub(crate) fn keys(list: &Version) -> Vec<String> {
    let mut keys: Vec<String> = list
        .entries
        .iter()
        .filter_map(|it| it.key.clone())
        .collect();
    keys.dedup();
    keys
}

/// A key as this box serves it.
pub(crate) fn key(daemon: &Daemon, uri: &str) -> Vec<u8> {
    let answer = get(daemon, &format!("/live/ch/{uri}"));
    assert_eq!(answer.status, 200, "{uri}");
    assert_eq!(answer.body.len(), 16, "{uri}");
    answer.body
}

/// A segment as it is served.
pub(crate) fn bytes(daemon: &Daemon, entry: &Entry) -> Vec<u8> {
    let answer = get(daemon, &format!("/live/ch/{}", entry.uri));
    assert_eq!(answer.status, 200, "{}", entry.uri);
    answer.body
}

/// Media Sequence Number of an entry.
pub(crate) fn sequence(entry: &Entry) -> u64 {
    let number = entry.uri.rsplit_once('-').map(|(_, name)| name);
    let number = number.and_then(|name| name.strip_suffix(".ts"));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// A key as `openssl` wants it.
pub(crate) fn hex(key: &[u8]) -> String {
    let key: [u8; 16] = key.try_into().expect("16 bytes");
    format!("{:032x}", u128::from_be_bytes(key))
}

/// What `openssl` makes of a segment; it must be a transport stream.
pub(crate) fn decrypt(encrypted: &[u8], key: &[u8], sequence: u64) -> Vec<u8> {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("segment");
    fs::write(&file, encrypted).expect("the folder can be written");
    let key = hex(key);
    let output = Command::new("openssl")
        .args(["enc", "-d", "-aes-128-cbc", "-K", &key])
        .args(["-iv", &format!("{sequence:032x}"), "-in"])
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "segment {sequence}: {said}");
    assert!(is_transport_stream(&output.stdout), "segment {sequence}");
    output.stdout
}

pub(crate) fn is_transport_stream(bytes: &[u8]) -> bool {
    let mut packets = bytes.chunks(188);
    !bytes.is_empty() && packets.all(|packet| packet.len() == 188 && packet[0] == 0x47)
}

/// Fetches all that `list` has and its keys here, and reads it: all of it is encrypted.
pub(crate) fn read_all(daemon: &Daemon, list: &Version) -> Vec<u8> {
    let mut plain = Vec::new();
    for entry in list.entries.iter().filter(|entry| !entry.is_gap) {
        let uri = entry.key.as_ref().expect("it is encrypted");
        let encrypted = bytes(daemon, entry);
        assert!(!is_transport_stream(&encrypted), "{}", entry.uri);
        plain.extend(decrypt(&encrypted, &key(daemon, uri), sequence(entry)));
    }
    plain
}
