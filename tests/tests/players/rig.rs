//! A daemon with a plain listener and one of TLS, a live channel, and an origin that has the pages
//! of players and a presentation in DASH and HLS.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    certificate::Certificate,
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    http,
    npm::SHAKA_PLAYER,
    origin::{Origin, Reply, Seen},
    process::{Process, peer},
    wait::until,
};

/// How long the presentation is, at 25 pictures a second.
pub(crate) const SECONDS: u32 = 12;
pub(crate) const PICTURES: usize = 25 * SECONDS as usize;

/// The same presentation in two formats, pulled from the origin.
pub(crate) const DASH: &str = "/film/manifest.mpd";
pub(crate) const HLS: &str = "/film/master.m3u8";
/// The channel, received by multicast.
pub(crate) const LIVE: &str = "/live/CH/master.m3u8";

/// After how long the channel begins again, without a seam.
const LIVE_SECONDS: u32 = 40;

/// The library that the product's own player page uses.
pub(crate) const HLS_JS: &str =
    include_str!("../../../appliance/src/health/player/hls.light.min.js");

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 without TLS.
    Plain,
    /// By TLS, and HTTP/2 with those who know it.
    Secure,
}

pub(crate) struct Rig {
    pub(crate) daemon: Daemon,
    pub(crate) origin: Origin,
    secure_port: u16,
    /// Requests answered with 4xx while the channel was not on air yet.
    refused_before: u64,
    scratch: TempDir,
    root: PathBuf,
    /// Where the channel is sent, if it is.
    group: Option<String>,
    sender: Option<Process>,
}

impl Rig {
    /// Without the channel on air.
    pub(crate) fn start() -> Self {
        Self::start_with(None, &|_scratch| String::new(), &|_file| {})
    }

    /// With the channel on air, and segments of it to play.
    pub(crate) fn start_on_air() -> Self {
        Self::start_on_air_with("", &|_file| {})
    }

    /// The same, encrypted: each key is for two segments.
    pub(crate) fn start_encrypted() -> Self {
        Self::on_air(&encryption, &|_file| {})
    }

    /// The same with further keys of the channel, and with what `edit` makes of its file.
    pub(crate) fn start_on_air_with(keys: &str, edit: &dyn Fn(&Path)) -> Self {
        Self::on_air(&|_scratch| keys.to_owned(), edit)
    }

    fn on_air(keys: &dyn Fn(&Path) -> String, edit: &dyn Fn(&Path)) -> Self {
        let group = format!("239.255.86.1:{}", free_port());
        let mut rig = Self::start_with(Some(&group), keys, edit);
        until("the channel", Duration::from_secs(30), || {
            let list = http::get(&rig.url(Protocol::Plain, "/live/CH/CH_HD.m3u8")).ok()?;
            (list.text().matches("#EXTINF").count() >= 3).then_some(())
        });
        rig.wait_for_counters();
        rig.refused_before = rig.counter("responses_4xx");
        rig
    }

    fn start_with(
        group: Option<&str>,
        keys: &dyn Fn(&Path) -> String,
        edit: &dyn Fn(&Path),
    ) -> Self {
        let (scratch, folder) = (folder(), folder());
        present(scratch.path());
        let files = scratch.path().to_owned();
        let origin = Origin::start(move |seen| answer(&files, seen));
        let (certificates, secure_port) = (folder.path().join("tls"), free_port());
        let certificate = Certificate::issue(&["localhost"]);
        certificate.put(&certificates, "a");
        let root = scratch.path().join("root.pem");
        fs::write(&root, &certificate.certificate).expect("the folder can be written");
        let http = format!(
            "tls_listen = [\"127.0.0.1:{secure_port}\"]\ncertificates = \"{}\"",
            certificates.display()
        );
        let keys = keys(scratch.path());
        let group_or_none = group.unwrap_or("239.255.86.2:9");
        let text = format!(
            "[segment]\ntarget = \"1s\"\n[[channel]]\nid = \"CH\"\n{keys}\
             [[channel.rendition]]\nname = \"HD\"\nsources = [\"udp://{group_or_none}\"]\n\
             interface = \"lo\"\n[[origin]]\nname = \"o\"\nurls = [\"{}\"]\n\
             [[route]]\npath = \"/\"\norigin = [\"o\"]\n",
            origin.url()
        );
        let daemon = Daemon::start_with(folder, &http, &text);
        let file = scratch.path().join("channel.ts");
        let sender = group.map(|group| {
            ffmpeg::make(Streams::H264Aac, LIVE_SECONDS, &file);
            edit(&file);
            send(&file, group)
        });
        Self {
            daemon,
            origin,
            secure_port,
            refused_before: 0,
            scratch,
            root,
            group: group.map(str::to_owned),
            sender,
        }
    }

    /// Has the channel lose its source.
    pub(crate) fn silence(&mut self) {
        self.sender = None;
    }

    /// Has the source come back, from its beginning.
    pub(crate) fn send_again(&mut self) {
        let file = self.scratch.path().join("channel.ts");
        let group = self.group.as_deref();
        self.sender = group.map(|group| send(&file, group));
    }

    /// Has another source take its place on the same group: the file that `make` writes.
    pub(crate) fn switch(&mut self, make: impl Fn(&Path)) {
        let file = self.scratch.path().join("other.ts");
        make(&file);
        self.sender = None;
        let group = self.group.as_deref();
        self.sender = group.map(|group| send(&file, group));
    }

    pub(crate) fn url(&self, protocol: Protocol, path: &str) -> String {
        match protocol {
            Protocol::Plain => self.daemon.data(path),
            Protocol::Secure => format!("https://localhost:{}{path}", self.secure_port),
        }
    }

    /// The file of the certificate.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A counter of the data listener.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let health = self.daemon.health();
        let count = health["http"][name].as_u64();
        count.unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// Waits until the daemon, which looks once a second, tells all that was counted so far.
    fn wait_for_counters(&self) {
        let uptime_seconds = || self.daemon.health()["uptime_seconds"].as_u64();
        let now = uptime_seconds();
        until("a look at the counters", Duration::from_secs(5), || {
            (uptime_seconds() > now.map(|now| now + 1)).then_some(())
        });
    }

    /// Nothing was refused or broken off, and each file of the presentation was fetched once for
    /// each authority that it was asked of.
    pub(crate) fn assert_well(&self) {
        self.wait_for_counters();
        assert_eq!(self.counter("responses_4xx"), self.refused_before);
        for counter in ["responses_5xx", "bodies_broken"] {
            assert_eq!(self.counter(counter), 0, "{counter}");
        }
        let seen = self.origin.seen();
        let files = seen.iter().filter(|seen| seen.target.contains("stream"));
        let files = files.map(|seen| (seen.field("host"), seen.target.as_str()));
        let mut files: Vec<_> = files.collect();
        let asked = files.len();
        files.sort_unstable();
        files.dedup();
        assert_eq!(asked, files.len(), "a file was fetched twice: {files:?}");
    }
}

/// What encrypts the channel, by a secret in `folder`.
fn encryption(folder: &Path) -> String {
    let file = folder.join("secret");
    fs::write(&file, "00112233445566778899aabbccddeeff").expect("the folder can be written");
    let owner = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&file, owner).expect("it is ours");
    let path = file.display();
    format!("[channel.encryption]\nkeys = \"{path}\"\nrotate = \"2s\"\n")
}

/// Sends a channel to `group`, out of `file`.
fn send(file: &Path, group: &str) -> Process {
    let file = file.to_str().expect("a plain path");
    let url = format!("udp://{group}");
    Process::weir(["send", file, &url, "--loop", "--interface", "lo"])
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

/// Makes a presentation, pictures and sound apart: its segments are in both a manifest of DASH and
/// playlists of HLS.
fn present(folder: &Path) {
    let arguments = Streams::H264Aac.arguments(SECONDS);
    let arguments = arguments.into_iter().filter(|argument| argument != "-re");
    peer(
        Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
            .args(arguments)
            .args(["-f", "dash", "-seg_duration", "2", "-hls_playlist", "1"])
            .arg(folder.join("manifest.mpd")),
    );
}

fn answer(folder: &Path, seen: &Seen) -> Reply {
    let path = seen.target.split('?').next().unwrap_or_default();
    let cached = ("Cache-Control", "max-age=3600");
    let script = [("Content-Type", "text/javascript"), cached];
    match path {
        "/hls.html" => page("/hls.js", include_str!("hls_page.js")),
        "/shaka.html" => page("/shaka.js", include_str!("shaka_page.js")),
        "/hls.js" => Reply::new(200, &script, HLS_JS),
        "/shaka.js" => Reply::new(200, &script, SHAKA_PLAYER.read()),
        _ => {
            let name = path.trim_start_matches("/film/");
            let kind = match name.rsplit('.').next() {
                Some("mpd") => "application/dash+xml",
                Some("m3u8") => "application/vnd.apple.mpegurl",
                _ => "video/mp4",
            };
            match fs::read(folder.join(name)) {
                Ok(file) => Reply::new(200, &[("Content-Type", kind), cached], file),
                Err(_missing) => Reply::new(404, &[cached], ""),
            }
        }
    }
}

/// A page with a video, a library, and what it is to do.
pub(crate) fn page(library: &str, script: &str) -> Reply {
    let text = format!(
        "<!DOCTYPE html><html><head><link rel=\"icon\" href=\"data:,\"></head>\
         <body><video id=\"video\" muted></video><script src=\"{library}\"></script>\
         <script>{script}</script></body></html>"
    );
    let fields = [("Content-Type", "text/html"), ("Cache-Control", "no-store")];
    Reply::new(200, &fields, text)
}
