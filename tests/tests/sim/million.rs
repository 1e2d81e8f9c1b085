//! Very many versions of one playlist, under every fault that its rules speak of.
//!
//! Goal: no version breaks a rule, whatever is sent and whenever the appliance is killed. Method:
//! an encoder of few and small pictures, faults drawn from a seed, and [`weir_tests::hls`], which
//! knows nothing of the product, over each version; what is listed is fetched and held against it.

use std::time::Duration;

use weir_cache::{Key, Store};
use weir_hal::{
    Clock,
    sim::{Generator, Sender, Simulation, WireFaults},
};
use weir_tests::{
    hls::{Entry, Watch},
    stream::{Encoder, Format},
};

use crate::{BOOT, Life, media::Media, send, sender};

/// Five pictures a second.
const PICTURE_90K: u64 = 18_000;

/// Between two looks of the receive thread.
const TURN: Duration = Duration::from_millis(50);
const TURNS_PER_PICTURE: u32 = 4;

const CONFIGURATION: &str = r#"
[segment]
target = "2s"
window = 5
[cache]
size = "16MiB"
memory = "4MiB"
[[channel]]
id = "ch"
  [[channel.rendition]]
  name = "r"
  sources = ["udp://239.255.0.1:5000"]
"#;

/// What goes wrong at present.
#[derive(Debug, Default)]
struct Trouble {
    /// Pictures until the wire is as it should be.
    wire: u64,
    /// Pictures that are not made, while tables go on.
    pictures: u64,
    /// Pictures without key frames, or without time stamps.
    format: u64,
    /// Pictures until power is cut: what is older than these is on disk.
    power: Option<u64>,
}

/// One run: a seed, and so many versions.
pub(crate) struct Run {
    seed: u64,
    chance: Generator,
    simulation: Simulation,
    life: Life,
    encoder: Encoder,
    sender: Sender,
    trouble: Trouble,
    watch: Watch,
    last: Option<(Entry, Media)>,
    has_restarted: bool,
    /// What was met, for whoever reads the output.
    pub(crate) tally: Tally,
}

/// What a run has met.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) versions: u64,
    pub(crate) segments: u64,
    pub(crate) gaps: u64,
    pub(crate) discontinuities: u64,
    pub(crate) restarts: u64,
    pub(crate) faults: u64,
}

impl Tally {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            versions: self.versions + other.versions,
            segments: self.segments + other.segments,
            gaps: self.gaps + other.gaps,
            discontinuities: self.discontinuities + other.discontinuities,
            restarts: self.restarts + other.restarts,
            faults: self.faults + other.faults,
        }
    }
}

impl Run {
    pub(crate) async fn begin(seed: u64) -> Self {
        let simulation = Simulation::new(seed);
        let mut chance = Generator::new(seed);
        let mut encoder = Encoder::new(chance.below(1 << 33), 400);
        encoder.format = Format {
            picture_90k: PICTURE_90K,
            key_frame_interval: 5,
            ..Format::default()
        };
        Self {
            seed,
            life: Life::begin(&simulation, CONFIGURATION).await,
            sender: sender(&simulation),
            chance,
            simulation,
            encoder,
            trouble: Trouble::default(),
            watch: Watch::default(),
            last: None,
            has_restarted: false,
            tally: Tally::default(),
        }
    }

    pub(crate) async fn go_on(&mut self, versions: u64) {
        while self.watch.versions < versions {
            self.picture();
            for _ in 0..TURNS_PER_PICTURE {
                self.simulation.clock.advance(TURN);
                self.life.ingest.turn();
                self.look().await;
            }
            self.disturb().await;
        }
        self.tally.versions = self.watch.versions;
    }

    fn now_ms(&self) -> u64 {
        self.simulation.clock.monotonic().as_nanos() / 1_000_000
    }

    fn picture(&mut self) {
        let packets = if self.trouble.pictures > 0 {
            self.trouble.pictures -= 1;
            self.encoder.tables_alone()
        } else {
            self.encoder.picture()
        };
        send(&mut self.sender, &packets);
        if self.trouble.wire == 1 {
            self.simulation.ether.set_faults(WireFaults::default());
        }
        self.trouble.wire = self.trouble.wire.saturating_sub(1);
        if self.trouble.format == 1 {
            self.encoder.format.is_untimed = false;
            self.encoder.format.key_frame_interval = 5;
        }
        self.trouble.format = self.trouble.format.saturating_sub(1);
    }

    /// Holds the list as it is now against the rules.
    async fn look(&mut self) {
        let Some(text) = self.life.playlist() else {
            return;
        };
        let now_ms = self.now_ms();
        let seen = if self.has_restarted {
            self.last = None;
            self.watch.see_after_restart(&text, now_ms)
        } else {
            self.watch.see(&text, now_ms)
        };
        self.has_restarted = false;
        let new = seen.unwrap_or_else(|breach| self.fail(&breach, &text));
        for entry in new {
            self.count(&entry);
            if let Err(breach) = self.check_media(&entry).await {
                self.fail(&breach, &text);
            }
        }
        while let Some(departed) = self.watch.due(now_ms) {
            if self.life.store.get(&key(&departed.uri)).is_none() {
                self.fail(&format!("R7: {} went too early", departed.uri), &text);
            }
        }
    }

    fn count(&mut self, entry: &Entry) {
        self.tally.segments += u64::from(!entry.is_gap);
        self.tally.gaps += u64::from(entry.is_gap);
        self.tally.discontinuities += u64::from(entry.is_discontinuity);
    }

    /// What is listed can be fetched, what is a gap cannot, and both are what the list says.
    async fn check_media(&mut self, entry: &Entry) -> Result<(), String> {
        let bytes = fetch(&self.life.store, &entry.uri).await;
        if entry.is_gap {
            self.last = None;
            return match bytes {
                Some(_) => Err(format!("R9: {} is a gap and can be fetched", entry.uri)),
                None => Ok(()),
            };
        }
        let bytes = bytes.ok_or_else(|| format!("R15: {} cannot be fetched", entry.uri))?;
        let mut media = Media::read(&bytes)?;
        if let Some((before, last)) = self.last.take().filter(|_| !entry.is_discontinuity) {
            if media.coding.1.is_empty() {
                // It was cut off a key frame.
                media.coding.1.clone_from(&last.coding.1);
            }
            follows(&before, &last, &media)?;
        }
        self.last = Some((entry.clone(), media));
        Ok(())
    }

    fn fail(&self, breach: &str, text: &str) -> ! {
        let (seed, versions) = (self.seed, self.watch.versions);
        let last = self.watch.last();
        panic!("seed {seed}, version {versions}: {breach}\n{last:#?}\nthen\n{text}")
    }

    /// Once in some ten seconds something goes wrong.
    async fn disturb(&mut self) {
        match &mut self.trouble.power {
            Some(0) => return self.restart().await,
            Some(pictures) => *pictures -= 1,
            None => {}
        }
        if self.chance.below(50) != 0 {
            return;
        }
        self.tally.faults += 1;
        let format = &mut self.encoder.format;
        let pictures = 1 + self.chance.below(30);
        match self.chance.below(20) {
            0 => self.encoder.pts_90k += 90_000 * (1 + self.chance.below(100_000)),
            1 => {
                let back = 1 + self.chance.below(90_000 * 50_000);
                self.encoder.pts_90k = self.encoder.pts_90k.saturating_sub(back);
            }
            // The wrap comes at any phase of a segment.
            2 => self.encoder.pts_90k = (1 << 33) - self.chance.below(90_000 * 6),
            3 => format.pmt_version = (format.pmt_version + 1) % 32,
            4 => {
                format.pmt_version = (format.pmt_version + 1) % 32;
                format.video_pid = 0x101 + (format.video_pid + 1) % 7;
            }
            5 => format.is_large = !format.is_large,
            // Another source: other PIDs, other time, other counters.
            6 => {
                let pts_90k = self.chance.below(1 << 33);
                let format = Format {
                    video_pid: 0x120,
                    pmt_version: (format.pmt_version + 1) % 32,
                    ..*format
                };
                self.encoder = Encoder::new(pts_90k, 300 + pictures_usize(pictures));
                self.encoder.format = format;
            }
            7 => self.trouble.pictures = pictures,
            8 => (format.key_frame_interval, self.trouble.format) = (0, pictures * 4),
            9 => (format.is_untimed, self.trouble.format) = (true, pictures),
            10..14 => self.break_wire(pictures, true),
            14 => self.break_wire(pictures * 5, true),
            15..19 => self.break_wire(pictures, false),
            _ => self.announce_restart(),
        }
    }

    fn break_wire(&mut self, pictures: u64, is_silent: bool) {
        self.trouble.wire = pictures;
        self.simulation.ether.set_faults(WireFaults {
            is_silent,
            loss_ppm: 50_000,
            ..WireFaults::default()
        });
    }

    /// Power is cut within the five seconds for which the disk may lag. Time is compressed here and
    /// the disk's thread is not, so it is waited for.
    fn announce_restart(&mut self) {
        let is_written = self.life.store.flush(Duration::from_mins(1));
        assert!(is_written, "the disk is flawless");
        let pictures = self.chance.below(25);
        self.trouble.power.get_or_insert(pictures);
    }

    /// A power cut and a start as late as that takes, or a kill, which loses nothing that is
    /// finished, and a start at once.
    async fn restart(&mut self) {
        self.tally.restarts += 1;
        self.trouble.power = None;
        let boot = if self.chance.below(2) == 0 {
            BOOT
        } else {
            let is_written = self.life.store.flush(Duration::from_mins(1));
            assert!(is_written, "the disk is flawless");
            Duration::from_millis(200 * (1 + self.chance.below(30)))
        };
        let disk = self.simulation.disk.power_cut();
        self.simulation = Simulation {
            disk,
            ..self.simulation.clone()
        };
        self.simulation.clock.advance(boot);
        self.encoder.pts_90k += boot.as_secs() * 90_000;
        self.life = Life::begin(&self.simulation, CONFIGURATION).await;
        self.sender = sender(&self.simulation);
        self.has_restarted = true;
    }
}

/// R4 and R1 where no discontinuity is: coding, counters and time go on from `last`, and that is as
/// long as the list says.
fn follows(before: &Entry, last: &Media, media: &Media) -> Result<(), String> {
    // Unknown until the first key frame after a jump.
    let is_known = !last.coding.1.is_empty();
    if media.coding.0 != last.coding.0 || is_known && media.coding.1 != last.coding.1 {
        return Err(format!("R4: {:?} became {:?}", last.coding, media.coding));
    }
    if media.pat_counters.0 != (last.pat_counters.1 + 1) % 16 {
        return Err("R14: the counter of PAT does not go on".to_owned());
    }
    let (Some(from), Some(to)) = (last.pts_90k, media.pts_90k) else {
        return Ok(());
    };
    let elapsed_us = (to.wrapping_sub(from) & ((1 << 33) - 1)) * 100 / 9;
    if elapsed_us.abs_diff(before.duration_us) > PICTURE_90K * 100 / 9 {
        return Err(format!("R1: {} of {elapsed_us} us", before.duration_us));
    }
    Ok(())
}

pub(crate) async fn fetch(store: &Store, uri: &str) -> Option<Vec<u8>> {
    let object = store.get(&key(uri))?;
    let mut reader = object.read_copy(0..u64::MAX);
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next().await.ok()? {
        bytes.extend_from_slice(&chunk.bytes);
    }
    (!bytes.is_empty()).then_some(bytes)
}

fn key(uri: &str) -> Key {
    Key::new(&format!("/live/ch/{uri}")).expect("a plain path")
}

fn pictures_usize(pictures: u64) -> usize {
    usize::try_from(pictures).expect("few")
}
