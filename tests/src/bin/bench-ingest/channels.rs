//! Channels, and who sends them.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use weir_tests::{
    bench::Outcome,
    daemon::Daemon,
    process::{Process, peer},
};

/// Megabits a second of the channels, in turn.
const RATES: [u32; 3] = [4, 6, 8];
/// Length of what is sent again and again.
const FILE_SECONDS: u32 = 20;
/// Longest wait for all channels to be on air.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels(usize);

/// The path of a channel's Media Playlist.
pub(crate) fn playlist(number: usize) -> String {
    format!("/live/C{number}/C{number}_r.m3u8")
}

/// The port of all groups.
pub(crate) const PORT: u16 = 5000;

/// The group of a channel.
pub(crate) fn address(number: usize) -> Ipv4Addr {
    let last = u8::try_from(number + 1).expect("at most 250 channels");
    Ipv4Addr::new(239, 255, 91, last)
}

/// The same with its port.
pub(crate) fn group(number: usize) -> String {
    format!("{}:{PORT}", address(number))
}

impl Channels {
    /// So many, at most 250.
    pub(crate) const fn new(count: usize) -> Self {
        Self(count)
    }

    /// What the configuration says of them, with so much `memory` of the cache, and `more` tables.
    pub(crate) fn text(self, memory: &str, more: &str) -> String {
        let channels = (0..self.0).map(|number| {
            format!(
                "[[channel]]\nid = \"C{number}\"\n[[channel.rendition]]\nname = \"r\"\n\
                 interface = \"lo\"\nsources = [\"udp://{}\"]\n",
                group(number)
            )
        });
        // Behind `[cache]`, which the rig has begun.
        format!(
            "memory = \"{memory}\"\nscrub = \"0B\"\n{more}{}",
            channels.collect::<String>()
        )
    }

    /// Makes a file of each rate, and sends each channel by a process of its own.
    pub(crate) fn send(self, directory: &Path) -> Outcome<Vec<Process>> {
        let files = RATES.map(|rate| make(directory, rate));
        let send = |number: usize| {
            let file = files.get(number % files.len()).ok_or("there are files")?;
            let (file, url) = (
                file.display().to_string(),
                format!("udp://{}", group(number)),
            );
            // So that they do not send in step.
            thread::sleep(Duration::from_millis(37));
            Ok(Process::weir([
                "send",
                &file,
                &url,
                "--loop",
                "--interface",
                "lo",
            ]))
        };
        (0..self.0).map(send).collect()
    }

    /// Waits until each has a segment.
    pub(crate) fn wait_on_air(self, daemon: &Daemon) -> Outcome {
        let begun = Instant::now();
        loop {
            let health = daemon.health();
            let on_air = health["channels_active"].as_u64();
            if on_air == Some(self.0 as u64) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{on_air:?} channels are on air").into());
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Moving noise, which takes all the bits that it is given.
fn make(directory: &Path, megabits: u32) -> PathBuf {
    let file = directory.join(format!("{megabits}.ts"));
    let source = format!("testsrc2=size=640x360:rate=25:duration={FILE_SECONDS}");
    let (rate, buffer) = (format!("{megabits}M"), format!("{}k", megabits * 250));
    peer(
        Command::new("ffmpeg")
            .args([
                "-hide_banner",
                "-nostdin",
                "-loglevel",
                "error",
                "-f",
                "lavfi",
            ])
            .args([
                "-i",
                &source,
                "-vf",
                "noise=alls=40:allf=t",
                "-pix_fmt",
                "yuv420p",
            ])
            .args([
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-g",
                "25",
                "-sc_threshold",
                "0",
            ])
            .args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &buffer])
            .args(["-f", "mpegts"])
            .arg(&file),
    );
    file
}
