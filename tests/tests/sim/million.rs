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
    hls::{Entry, Version, Watch},
    splice::{insert, section},
    stream::{Encoder, Format},
};

use crate::{
    breaks::Breaks,
    life::{
        BOOT, CACHE, Life, PICTURE_90K, SEGMENT, TURN, TURNS_PER_PICTURE, configuration, send,
        sender,
    },
    media::Media,
};

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
    /// Over what players may start over in.
    past: Watch,
    last: Option<(Entry, Media)>,
    has_restarted: bool,
    breaks: Breaks,
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
    /// Breaks that were listed.
    pub(crate) ranges: u64,
    /// Most segments to start over in after a restart.
    pub(crate) past: u64,
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
            ranges: self.ranges + other.ranges,
            past: self.past.max(other.past),
        }
    }
}

impl Run {
    pub(crate) async fn begin(seed: u64) -> Self {
        let simulation = Simulation::new(seed);
        let mut chance = Generator::new(seed);
        let mut encoder = Encoder::new(chance.below(1 << 33), 400).with_splices();
        encoder.format = Format {
            picture_90k: PICTURE_90K,
            key_frame_interval: 5,
            ..Format::default()
        };
        Self {
            seed,
            life: Life::begin(&simulation, &configured()).await,
            sender: sender(&simulation),
            chance,
            simulation,
            encoder,
            trouble: Trouble::default(),
            watch: Watch::default(),
            past: Watch::default(),
            last: None,
            has_restarted: false,
            breaks: Breaks::default(),
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
            self.encoder.format.is_scrambled = false;
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
        let past = self.life.past_of("r").unwrap_or_default();
        // It grows with the list, whose pace is watched.
        let seen = if std::mem::take(&mut self.has_restarted) {
            self.last = None;
            self.check_past(&past);
            if let Err(breach) = self.past.see_after_loss(&past, 0) {
                self.fail_of(&self.past, &breach, &past);
            }
            self.watch.see_after_restart(&text, now_ms)
        } else {
            if let Err(breach) = self.past.see(&past, 0) {
                self.fail_of(&self.past, &breach, &past);
            }
            self.watch.see(&text, now_ms)
        };
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

    /// All that is listed of the past is there after a restart.
    fn check_past(&mut self, text: &str) {
        let past = Version::read(text).unwrap_or_else(|breach| self.fail(&breach, text));
        for entry in past.entries.iter().filter(|entry| !entry.is_gap) {
            let object = self.life.store.get(&key(&entry.uri));
            if object.and_then(|object| object.bytes()).is_none() {
                self.fail(&format!("R15: {} is gone", entry.uri), text);
            }
        }
        self.tally.past = self.tally.past.max(past.entries.len() as u64);
    }

    fn count(&mut self, entry: &Entry) {
        self.tally.ranges = self.watch.ranges() as u64;
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
        self.fail_of(&self.watch, breach, text)
    }

    fn fail_of(&self, watch: &Watch, breach: &str, text: &str) -> ! {
        let (seed, versions) = (self.seed, self.watch.versions);
        let last = watch.last();
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
        let pictures = 1 + self.chance.below(30);
        let format = &mut self.encoder.format;
        match self.chance.below(26) {
            0..3 => self.jump(),
            3..7 => self.change_streams(pictures),
            7 => self.trouble.pictures = pictures,
            8 => (format.key_frame_interval, self.trouble.format) = (0, pictures * 4),
            9 => (format.is_untimed, self.trouble.format) = (true, pictures),
            10 => (format.is_scrambled, self.trouble.format) = (true, pictures),
            11..15 => self.break_wire(pictures, true),
            15 => self.break_wire(pictures * 5, true),
            16..20 => self.break_wire(pictures, false),
            20..23 => {
                let now_90k = self.encoder.pts_90k;
                let message = self.breaks.announce(&mut self.chance, now_90k, pictures);
                self.splice(&message);
            }
            23 => {
                if let Some(message) = self.breaks.end(&mut self.chance) {
                    self.splice(&message);
                }
            }
            24 => self.send_nonsense(),
            _ => self.announce_restart(),
        }
    }

    /// Time goes on elsewhere.
    fn jump(&mut self) {
        let pts_90k = self.encoder.pts_90k;
        self.encoder.pts_90k = match self.chance.below(3) {
            0 => pts_90k + 90_000 * (1 + self.chance.below(100_000)),
            1 => pts_90k.saturating_sub(1 + self.chance.below(90_000 * 50_000)),
            // The wrap comes at any phase of a segment.
            _ => (1 << 33) - self.chance.below(90_000 * 6),
        };
    }

    fn change_streams(&mut self, pictures: u64) {
        let format = &mut self.encoder.format;
        let kind = self.chance.below(4);
        if kind == 0 {
            format.is_large = !format.is_large;
            return;
        }
        format.pmt_version = (format.pmt_version + 1) % 32;
        match kind {
            1 => {}
            2 => format.video_pid = 0x101 + (format.video_pid + 1) % 7,
            // Another source: other PIDs, other time, other counters.
            _ => {
                let format = Format {
                    video_pid: 0x120,
                    ..*format
                };
                let bytes = 300 + pictures_usize(pictures);
                let pts_90k = self.chance.below(1 << 33);
                self.encoder = Encoder::new(pts_90k, bytes).with_splices();
                self.encoder.format = format;
            }
        }
    }

    /// A message that is encrypted, cut short, or made of chance.
    fn send_nonsense(&mut self) {
        let mut message = section(0, 5, &insert(3, true, None, None), &[]);
        match self.chance.below(3) {
            0 => message[4] |= 0x80,
            1 => message[2] -= 4,
            _ => {
                let place = pictures_usize(self.chance.below(message.len() as u64 - 4)) + 4;
                message[place] ^= 0xFF;
            }
        }
        self.splice(&message);
    }

    fn splice(&mut self, message: &[u8]) {
        let packet = self.encoder.splice(message);
        send(&mut self.sender, &packet);
    }

    fn break_wire(&mut self, pictures: u64, is_silent: bool) {
        self.trouble.wire = pictures;
        self.simulation.ether.set_faults(WireFaults {
            is_silent,
            loss_ppm: 50_000,
            ..WireFaults::default()
        });
    }

    /// Power is cut within the five seconds for which the disk may lag.
    fn announce_restart(&mut self) {
        self.life.flush();
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
            self.life.flush();
            Duration::from_millis(200 * (1 + self.chance.below(30)))
        };
        self.encoder.pts_90k += boot.as_secs() * 90_000;
        self.life = Life::begin_again(&mut self.simulation, boot, &configured()).await;
        self.sender = sender(&self.simulation);
        self.has_restarted = true;
    }
}

/// A channel that tells of breaks in every way, and keeps a minute to start over in.
pub(crate) fn configured() -> String {
    let channel = "id = \"ch\"\ndvr = \"1m\"\ncues = \"both\"";
    configuration(SEGMENT, CACHE).replace("id = \"ch\"", channel)
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
