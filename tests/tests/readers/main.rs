//! Every list that a running daemon serves, in each of its forms, as all readers of others see it:
//! hls-parser (strict), m3u8-parser, hls.js, m3u8 of `PyPI`, threefive and ffprobe.
//!
//! One run gathers all versions of all lists through a break, the loss of the source and the coming
//! of another; then each parser reads them all.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    edited::Edited,
    ffmpeg, http,
    parsers::Lists,
    process::Process,
    teletext::make_program_of_seconds,
    wait::until,
};

const PATIENCE: Duration = Duration::from_mins(1);

/// How long the stream is before it begins again, and its seconds at which a break begins and ends.
const SECONDS: u64 = 40;
const BREAK: (u64, u64) = (10, 15);

/// What a list is, and its path. Those with a date take it from the first list of the first.
const LISTS: [(&str, &str); 14] = [
    ("live", "/live/ch/ch_HD.m3u8"),
    ("sound", "/live/ch/ch_HD_audio.m3u8"),
    ("text", "/live/ch/ch_HD_888.m3u8"),
    ("master", "/live/ch/master.m3u8"),
    ("dvr", "/live/ch/ch_HD.m3u8?start=-3600"),
    ("sound of the dvr", "/live/ch/ch_HD_audio.m3u8?start=-3600"),
    ("text of the dvr", "/live/ch/ch_HD_888.m3u8?start=-3600"),
    ("master of the dvr", "/live/ch/master.m3u8?start=-3600"),
    ("part", "/live/ch/ch_HD.m3u8?start={date}&end=-2"),
    (
        "part of the text",
        "/live/ch/ch_HD_888.m3u8?start={date}&end=-2",
    ),
    ("encrypted", "/live/key/key_HD.m3u8"),
    ("encrypted sound", "/live/key/key_HD_audio.m3u8"),
    ("dvr of the encrypted", "/live/key/key_HD.m3u8?start={date}"),
    ("ladder", "/live/two/master.m3u8"),
];

/// What ffprobe does not end with: it reads on until five megabytes have come or the list ends, and
/// live subtitles alone do neither for hours. Of those it reads a part.
const ENDLESS: [&str; 2] = ["text", "text of the dvr"];

/// What the readers must have been shown, or they have proved nothing.
const FORMS: [(&str, &str); 29] = [
    ("live", "SCTE35-OUT=0x"),
    ("live", "SCTE35-IN=0x"),
    ("live", "#EXT-X-CUE-OUT:"),
    ("live", "#EXT-X-CUE-OUT-CONT:"),
    ("live", "#EXT-X-CUE-IN"),
    ("live", "#EXT-X-GAP\n"),
    ("live", "#EXT-X-DISCONTINUITY\n"),
    ("part of the text", "#EXT-X-ENDLIST\n"),
    ("sound", "#EXT-X-GAP\n"),
    ("sound", "#EXT-X-DISCONTINUITY\n"),
    ("text", ".vtt\n"),
    ("text", "#EXT-X-GAP\n"),
    ("text", "#EXT-X-DISCONTINUITY\n"),
    ("master", "TYPE=SUBTITLES"),
    ("master", "ch_HD_audio.m3u8\n"),
    ("dvr", "SCTE35-OUT=0x"),
    ("dvr", "SCTE35-IN=0x"),
    ("dvr", "#EXT-X-GAP\n"),
    ("dvr", "#EXT-X-DISCONTINUITY\n"),
    ("sound of the dvr", "#EXT-X-GAP\n"),
    ("text of the dvr", "#EXT-X-GAP\n"),
    ("master of the dvr", "?start=-3600\n"),
    ("part", "#EXT-X-ENDLIST\n"),
    ("encrypted", "#EXT-X-KEY:METHOD=AES-128"),
    ("encrypted", "SCTE35-IN=0x"),
    ("encrypted sound", "#EXT-X-KEY:METHOD=AES-128"),
    ("dvr of the encrypted", "SCTE35-IN=0x"),
    ("dvr of the encrypted", "#EXT-X-KEY:METHOD=AES-128"),
    ("ladder", "two_SD.m3u8\n"),
];

struct Rig {
    daemon: Daemon,
    scratch: TempDir,
    group: String,
    sender: Option<Process>,
    lists: Lists,
    /// When the first list began.
    date: Option<String>,
}

impl Rig {
    fn start() -> Self {
        let scratch = TempDir::new().expect("a folder");
        make(scratch.path());
        let group = format!("239.255.88.1:{}", free_port());
        let daemon = Daemon::start(&configuration(&group, scratch.path()));
        let mut rig = Self {
            daemon,
            scratch,
            group,
            sender: None,
            lists: Lists::default(),
            date: None,
        };
        rig.send();
        rig
    }

    fn send(&mut self) {
        let file = self.scratch.path().join("program.ts");
        let file = file.to_str().expect("a plain path");
        let url = format!("udp://{}", self.group);
        let sender = Process::weir(["send", file, &url, "--loop", "--interface", "lo"]);
        self.sender = Some(sender);
    }

    fn url(&self, path: &str) -> String {
        let date = self.date.as_deref().unwrap_or("-3600");
        self.daemon.data(&path.replace("{date}", date))
    }

    /// Takes what each list is now.
    fn look(&mut self) {
        for (name, path) in LISTS {
            let answer = http::get(&self.url(path)).expect("the daemon answers");
            if answer.status == 200 {
                self.lists.take(name, &answer.text());
                self.date = self.date.take().or_else(|| first_date(&answer.text()));
            }
        }
    }

    /// Looks until each of `forms` was seen.
    fn look_until(&mut self, forms: &[(&str, &str)]) {
        for (name, text) in forms {
            until(format!("{text:?} in {name}"), PATIENCE, || {
                self.look();
                self.lists.have(name, text).then_some(())
            });
        }
    }

    fn assert_ffprobe_reads_all(&self) {
        let ending = LISTS.iter().filter(|(name, _)| !ENDLESS.contains(name));
        for (name, path) in ending {
            let probed = ffmpeg::probe(&self.url(path));
            let streams = probed["streams"].as_array().map(Vec::len);
            assert!(streams > Some(0), "{name}: {probed}");
        }
    }
}

/// A program with two sounds and a text each second, and a break.
fn make(folder: &Path) {
    let whole = make_program_of_seconds(folder, SECONDS);
    Edited::read(&whole)
        .with_break(BREAK.0, BREAK.1)
        .write(&whole);
    let secret = folder.join("secret");
    fs::write(&secret, "00112233445566778899aabbccddeeff").expect("the folder can be written");
    let owner = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&secret, owner).expect("it is ours");
}

fn configuration(group: &str, folder: &Path) -> String {
    let rendition = |name: &str, keys: &str| {
        format!(
            "[[channel.rendition]]\nname = \"{name}\"\nsources = [\"udp://{group}\"]\n\
             interface = \"lo\"\n{keys}"
        )
    };
    let secret = folder.join("secret");
    format!(
        "[segment]\ntarget = \"1s\"\nlongest = \"2s\"\nwindow = 8\n\
         [[channel]]\nid = \"ch\"\ncues = \"both\"\ndvr = \"1h\"\n{}\
         [[channel]]\nid = \"key\"\ndvr = \"1h\"\n\
         [channel.encryption]\nkeys = \"{}\"\nrotate = \"2s\"\n{}\
         [[channel]]\nid = \"two\"\n{}{}",
        rendition("HD", "audio_only = true\nteletext = [\"888\"]\n"),
        secret.display(),
        rendition("HD", "audio_only = true\n"),
        rendition("HD", ""),
        rendition("SD", ""),
    )
}

fn first_date(list: &str) -> Option<String> {
    let mut lines = list.lines();
    let date = lines.find_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    date.map(str::to_owned)
}

#[test]
fn all_readers_take_all_lists_and_see_in_them_all_there_is() {
    let mut rig = Rig::start();
    rig.look_until(&[("live", "SCTE35-OUT=0x"), ("part", "#EXT-X-ENDLIST\n")]);
    rig.assert_ffprobe_reads_all();
    rig.look_until(&[("live", "#EXT-X-CUE-IN")]);
    rig.sender = None;
    rig.look_until(&[("live", "#EXT-X-GAP\n"), ("encrypted", "#EXT-X-GAP\n")]);
    rig.send();
    rig.look_until(&FORMS);
    rig.assert_ffprobe_reads_all();
    assert!(rig.lists.len() > 100, "{}", rig.lists.len());
    rig.lists.assert_accepted();
}

/// A list of one segment with `tags` before it.
fn list(tags: &str) -> Lists {
    let mut lists = Lists::default();
    let header = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
        #EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:00.000Z\n";
    lists.take("own", &format!("{header}{tags}\nsegment-7.ts\n"));
    lists
}

#[test]
fn a_list_that_is_sound_is_accepted() {
    list("#EXTINF:2.0,").assert_accepted();
}

#[test]
#[should_panic(expected = "hls-parser: own")]
fn a_segment_that_is_too_long_is_not_accepted() {
    list("#EXTINF:3.0,").assert_accepted();
}

#[test]
#[should_panic(expected = "hls.js: own")]
fn a_length_that_is_no_number_is_not_accepted() {
    list("#EXTINF:2.0s,").assert_accepted();
}

#[test]
#[should_panic(expected = "threefive")]
fn a_message_that_cannot_be_decoded_is_not_accepted() {
    let range = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-31T20:15:00.000Z\"";
    list(&format!("{range},SCTE35-OUT=0xFC30\n#EXTINF:2.0,")).assert_accepted();
}
