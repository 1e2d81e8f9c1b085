//! The renditions of one channel over a long time: whatever their stream does, their lists say the
//! same of it.
//!
//! Source: RFC 8216 §6.2.4 and draft-pantos-hls-rfc8216bis §6.2.4, here R12: the same Target
//! Duration, the same time stamps and dates for the same content, the same Discontinuity Sequence
//! Numbers, the same date ranges; in what players start over in as well.

use weir_hal::{
    Clock,
    sim::{Generator, Sender, Simulation, WireFaults},
};
use weir_tests::{
    hls::{Entry, Version, Watch},
    stream::{Encoder, Format},
};

use crate::{
    breaks::Breaks,
    life::{BOOT, Life, PICTURE_90K, TURN, TURNS_PER_PICTURE, send, sender_to},
    media::Media,
    million::{self, fetch},
};

/// The renditions of the channel.
pub(crate) const NAMES: [&str; 2] = ["r", "s"];
const SECOND: &str = r#"
  [[channel.rendition]]
  name = "s"
  sources = ["udp://239.255.0.2:5000"]
"#;

/// What a run has met.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) compared: u64,
    pub(crate) gaps: u64,
    pub(crate) discontinuities: u64,
    pub(crate) restarts: u64,
    /// Breaks that were compared.
    pub(crate) ranges: u64,
    /// Most segments to start over in.
    pub(crate) past: u64,
}

/// Two encoders of one program, of pictures of their own sizes, and the appliance.
struct Site {
    seed: u64,
    chance: Generator,
    simulation: Simulation,
    life: Life,
    encoders: [Encoder; 2],
    senders: [Sender; 2],
    watches: [Watch; 2],
    silence: u64,
    breaks: Breaks,
    has_restarted: bool,
    tally: Tally,
}

/// Runs until so many versions were compared.
pub(crate) async fn run(seed: u64, versions: u64) -> Tally {
    let simulation = Simulation::new(seed);
    let mut chance = Generator::new(seed);
    let pts_90k = chance.below(1 << 33);
    let mut site = Site {
        seed,
        life: Life::begin(&simulation, &configured()).await,
        encoders: encoders(pts_90k, Format::default()),
        senders: [1, 2].map(|group| sender_to(&simulation, group)),
        watches: [Watch::default(), Watch::default()],
        silence: 0,
        breaks: Breaks::default(),
        has_restarted: false,
        tally: Tally::default(),
        chance,
        simulation,
    };
    while site.tally.compared < versions {
        site.picture().await;
        site.disturb().await;
    }
    site.tally
}

pub(crate) fn encoders(pts_90k: u64, format: Format) -> [Encoder; 2] {
    [400, 250].map(|bytes| {
        let mut encoder = Encoder::new(pts_90k, bytes).with_splices();
        encoder.format = Format {
            picture_90k: PICTURE_90K,
            key_frame_interval: 5,
            ..format
        };
        encoder
    })
}

impl Site {
    async fn picture(&mut self) {
        for (encoder, sender) in self.encoders.iter_mut().zip(&mut self.senders) {
            send(sender, &encoder.picture());
        }
        self.silence = self.silence.saturating_sub(1);
        if self.silence == 0 {
            self.simulation.ether.set_faults(WireFaults::default());
        }
        for _ in 0..TURNS_PER_PICTURE {
            self.simulation.clock.advance(TURN);
            self.life.ingest.turn();
        }
        let lists = NAMES.map(|name| self.life.playlist_of(name));
        let [Some(one), Some(two)] = lists else {
            return;
        };
        self.see([&one, &two]);
        if let Err(breach) = self.compare(&one, &two).await {
            self.fail(&breach, [&one, &two]);
        }
        let [Some(one), Some(two)] = NAMES.map(|name| self.life.past_of(name)) else {
            return;
        };
        if let Err(breach) = self.compare_past(&one, &two) {
            self.fail(&breach, [&one, &two]);
        }
    }

    fn fail(&self, breach: &str, [one, two]: [&str; 2]) -> ! {
        panic!("seed {}: R12: {breach}\n{one}\n{two}", self.seed)
    }

    /// Holds each list against its own rules.
    fn see(&mut self, texts: [&str; 2]) {
        let now_ms = self.simulation.clock.monotonic().as_nanos() / 1_000_000;
        let has_restarted = std::mem::take(&mut self.has_restarted);
        for (watch, text) in self.watches.iter_mut().zip(texts) {
            let new = if has_restarted {
                watch.see_after_restart(text, now_ms)
            } else {
                watch.see(text, now_ms)
            };
            let new = new.unwrap_or_else(|breach| panic!("seed {}: {breach}: {text}", self.seed));
            self.tally.gaps += new.iter().filter(|entry| entry.is_gap).count() as u64;
            let breaks = new.iter().filter(|entry| entry.is_discontinuity).count();
            self.tally.discontinuities += breaks as u64;
        }
    }

    /// Both lists say the same, as far as both say anything of it.
    async fn compare(&mut self, one: &str, two: &str) -> Result<(), String> {
        let (one, two) = (Version::read(one)?, Version::read(two)?);
        let Some((last, other)) = compare_entries(&one, &two)? else {
            return Ok(());
        };
        if (one.sequence, one.end()) == (two.sequence, two.end()) {
            if one.ranges != two.ranges {
                return Err(format!("{:?} are {:?}", one.ranges, two.ranges));
            }
            self.tally.ranges += one.ranges.len() as u64;
        }
        if !last.is_gap {
            let (last, other) = (self.begins(&last.uri).await, self.begins(&other.uri).await);
            if last != other {
                return Err(format!("one begins at {last:?}, the other at {other:?}"));
            }
        }
        self.tally.compared += 1;
        Ok(())
    }

    /// The same of what players may start over in.
    fn compare_past(&mut self, one: &str, two: &str) -> Result<(), String> {
        let (one, two) = (Version::read(one)?, Version::read(two)?);
        compare_entries(&one, &two)?;
        self.tally.past = self.tally.past.max(one.entries.len() as u64);
        Ok(())
    }

    async fn begins(&self, uri: &str) -> Option<u64> {
        let bytes = fetch(&self.life.store, uri).await?;
        Media::read(&bytes).ok()?.pts_90k
    }

    /// Once in some ten seconds something happens to both.
    async fn disturb(&mut self) {
        if self.chance.below(50) != 0 {
            return;
        }
        let (pts_90k, format) = (self.encoders[0].pts_90k, self.encoders[0].format);
        let pts_90k = match self.chance.below(12) {
            0 => pts_90k + 90_000 * (11 + self.chance.below(100_000)),
            1 => pts_90k.saturating_sub(90_000 * (1 + self.chance.below(50_000))),
            2 => (1 << 33) - self.chance.below(90_000 * 6),
            3 => return self.change(|format| format.is_large = !format.is_large),
            4 => return self.change(|format| format.pmt_version = (format.pmt_version + 1) % 32),
            5 | 6 => {
                self.silence = 1 + self.chance.below(60);
                self.simulation.ether.set_faults(WireFaults {
                    is_silent: true,
                    ..WireFaults::default()
                });
                return;
            }
            7 => return self.restart().await,
            8 => {
                let message = self.breaks.end(&mut self.chance);
                return message.map_or((), |message| self.splice(&message));
            }
            _ => {
                let pictures = 1 + self.chance.below(30);
                let message = self.breaks.announce(&mut self.chance, pts_90k, pictures);
                return self.splice(&message);
            }
        };
        self.encoders = encoders(pts_90k, format);
    }

    fn splice(&mut self, message: &[u8]) {
        for (encoder, sender) in self.encoders.iter_mut().zip(&mut self.senders) {
            send(sender, &encoder.splice(message));
        }
    }

    fn change(&mut self, change: impl Fn(&mut Format)) {
        for encoder in &mut self.encoders {
            change(&mut encoder.format);
        }
    }

    async fn restart(&mut self) {
        self.tally.restarts += 1;
        self.life.flush();
        for encoder in &mut self.encoders {
            encoder.pts_90k += BOOT.as_secs() * 90_000;
        }
        self.life = Life::begin_again(&mut self.simulation, BOOT, &configured()).await;
        self.senders = [1, 2].map(|group| sender_to(&self.simulation, group));
        self.has_restarted = true;
    }
}

/// The channel, with a second rendition.
pub(crate) fn configured() -> String {
    format!("{}{SECOND}", million::configured())
}

/// Two lists tell the same of each segment that both list, and of all before. Tells the last one.
fn compare_entries<'a>(
    one: &'a Version,
    two: &'a Version,
) -> Result<Option<(&'a Entry, &'a Entry)>, String> {
    if one.target_s != two.target_s {
        return Err("TARGETDURATION".to_owned());
    }
    let begin = one.sequence.max(two.sequence);
    let (before, rows) = known_from(one, begin);
    let (other_before, others) = known_from(two, begin);
    if before != other_before {
        return Err(format!("DISCONTINUITY-SEQUENCE: {before}, {other_before}"));
    }
    let mut last = None;
    for (entry, other) in rows.iter().zip(others) {
        let told = |entry: &Entry| Entry {
            uri: String::new(),
            ..entry.clone()
        };
        if told(entry) != told(other) {
            return Err(format!("{entry:?} is {other:?}"));
        }
        last = Some((entry, other));
    }
    Ok(last)
}

/// The entries of a list from a number on, and the discontinuities before them.
fn known_from(list: &Version, number: u64) -> (u64, &[Entry]) {
    let left = usize::try_from(number - list.sequence).unwrap_or(usize::MAX);
    let (left, rest) = list.entries.split_at(left.min(list.entries.len()));
    let breaks = left.iter().filter(|entry| entry.is_discontinuity).count() as u64;
    (list.discontinuity_sequence + breaks, rest)
}
