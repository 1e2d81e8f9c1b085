//! Services that are scrambled, from their beginning or for a while: refused with a reason, and
//! never served.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    edited::{AUDIO_PID, Edited, VIDEO_PID, is_scrambled, pid},
    ffmpeg::{self, Streams},
    hls::{Entry, Watch},
    http,
    process::Process,
    stream::PACKET_BYTES,
    wait::until,
};

const LIST: &str = "/live/ch/ch_r.m3u8";

/// Length of a stream, and the seconds of it in which some of it is scrambled.
const SECONDS: u32 = 24;
const SCRAMBLED: (u64, u64) = (8, 16);

/// Far longer than a stream.
const PATIENCE: Duration = Duration::from_mins(2);

/// A daemon that receives a stream in which these PIDs are scrambled for a while, and whoever
/// sends it, once.
struct Site {
    daemon: Daemon,
    sender: Process,
    _scratch: TempDir,
}

/// What became of the whole stream.
#[derive(Debug, Default)]
struct Seen {
    /// All entries that were ever listed.
    entries: Vec<Entry>,
    /// Packets of pictures and of sound in all segments.
    packets: (usize, usize),
    /// States that were told, in order.
    states: Vec<String>,
    /// The last report.
    rendition: Value,
}

impl Site {
    fn start(group: &str, pids: &[u16], from_s: u64) -> Self {
        let group = format!("{group}:{}", free_port());
        let scratch = TempDir::new().expect("a folder");
        let file = scratch.path().join("stream.ts");
        ffmpeg::make(Streams::H264Aac, SECONDS, &file);
        let edited = Edited::read(&file).scrambled(pids, from_s, SCRAMBLED.1);
        edited.write(&file);
        let daemon = Daemon::start(&format!(
            "[segment]\ntarget = \"1s\"\n[[channel]]\nid = \"ch\"\n[[channel.rendition]]\n\
             name = \"r\"\nsources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
        ));
        let (file, url) = (file.display().to_string(), format!("udp://{group}"));
        Self {
            daemon,
            sender: Process::weir(["send", &file, &url, "--interface", "lo"]),
            _scratch: scratch,
        }
    }

    /// Watches until the stream has ended: each list keeps the rules, each segment is in the clear.
    fn watch(mut self) -> Seen {
        let (mut watch, mut seen) = (Watch::default(), Seen::default());
        until("the end of the stream", PATIENCE, || {
            self.note_state(&mut seen);
            let list = http::get(&self.daemon.data(LIST)).expect("the daemon answers");
            if list.status == 200 {
                // Its pace is watched in simulated time, which no other work disturbs.
                let new = watch.see(&list.text(), 0).expect("a sound list");
                for entry in new {
                    self.take(entry, &mut seen);
                }
            }
            (!self.sender.is_running()).then_some(())
        });
        seen
    }

    fn note_state(&self, seen: &mut Seen) {
        let health = self.daemon.health();
        seen.rendition = health["channels"][0]["renditions"][0].clone();
        let state = seen.rendition["state"].as_str().expect("a state");
        if seen.states.last().is_none_or(|last| last != state) {
            seen.states.push(state.to_owned());
        }
    }

    fn take(&self, entry: Entry, seen: &mut Seen) {
        if !entry.is_gap {
            let url = self.daemon.data(&format!("/live/ch/{}", entry.uri));
            let segment = http::get(&url).expect("the daemon answers");
            assert_eq!(segment.status, 200, "{entry:?}");
            for packet in segment.body.chunks(PACKET_BYTES) {
                assert!(!is_scrambled(packet), "{entry:?}");
                seen.packets.0 += usize::from(pid(packet) == VIDEO_PID);
                seen.packets.1 += usize::from(pid(packet) == AUDIO_PID);
            }
        }
        seen.entries.push(entry);
    }
}

impl Seen {
    fn gaps(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_gap).count()
    }

    fn counter(&self, name: &str) -> u64 {
        let count = self.rendition["counters"]["demux"][name].as_u64();
        count.unwrap_or_else(|| panic!("no counter {name} in {}", self.rendition))
    }
}

#[test]
fn a_service_scrambled_from_its_beginning_is_refused_with_a_reason_until_it_is_clear() {
    let site = Site::start("239.255.83.20", &[VIDEO_PID, AUDIO_PID], 0);
    let rendition = until("the state", PATIENCE, || {
        let health = site.daemon.health();
        let rendition = health["channels"][0]["renditions"][0].clone();
        (rendition["state"] == "scrambled").then_some(rendition)
    });
    let reason = rendition["reason"].as_str().expect("a sentence");
    assert!(reason.contains("send it in the clear"), "{reason}");
    let list = http::get(&site.daemon.data(LIST)).expect("the daemon answers");
    assert_eq!(list.status, 404);
    let seen = site.watch();
    assert_eq!(seen.gaps(), 0, "nothing came before: {seen:?}");
    assert!(seen.entries.len() >= 5, "{seen:?}");
    assert_eq!(seen.states.last().map(String::as_str), Some("on_air"));
}

#[test]
fn a_service_that_is_scrambled_for_a_while_is_gaps_meanwhile() {
    let seen = Site::start("239.255.83.21", &[VIDEO_PID, AUDIO_PID], SCRAMBLED.0).watch();
    assert!((5..=9).contains(&seen.gaps()), "{seen:?}");
    let after = seen.entries.iter().skip_while(|entry| !entry.is_gap);
    let after: Vec<_> = after.skip_while(|entry| entry.is_gap).collect();
    assert!(after.len() >= 5 && after[0].is_discontinuity, "{seen:?}");
    assert!(after.iter().all(|entry| !entry.is_gap), "{seen:?}");
    let states = seen.states.iter().map(String::as_str);
    let mut states = states.skip_while(|state| *state != "on_air");
    assert!(states.any(|state| state == "scrambled"), "{seen:?}");
    assert!(states.any(|state| state == "on_air"), "{seen:?}");
    assert!(seen.counter("packets_withheld") > 100, "{seen:?}");
    assert!(seen.counter("access_units_scrambled") > 100, "{seen:?}");
}

#[test]
fn pictures_without_their_scrambled_sound_are_served() {
    let seen = Site::start("239.255.83.22", &[AUDIO_PID], SCRAMBLED.0).watch();
    assert_eq!(seen.gaps(), 0, "{seen:?}");
    assert!(seen.entries.len() >= 20, "{seen:?}");
    assert!(
        !seen.states.iter().any(|state| state == "scrambled"),
        "{seen:?}"
    );
    let (withheld, passed) = (seen.counter("packets_withheld"), seen.packets.1 as u64);
    assert!(withheld > 100 && passed > withheld, "{withheld}: {seen:?}");
    assert_eq!(seen.counter("access_units_scrambled"), 0);
}

#[test]
fn sound_without_its_scrambled_pictures_is_not_served() {
    let seen = Site::start("239.255.83.23", &[VIDEO_PID], SCRAMBLED.0).watch();
    assert!((5..=9).contains(&seen.gaps()), "{seen:?}");
    assert!(
        seen.states.iter().any(|state| state == "scrambled"),
        "{seen:?}"
    );
}
