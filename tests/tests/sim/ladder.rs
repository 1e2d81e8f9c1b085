//! The renditions of one channel over a long time: whatever their stream does, their lists say the
//! same of it.
//!
//! Source: RFC 8216 §6.2.4 and draft-pantos-hls-rfc8216bis §6.2.4, here R12: the same Target
//! Duration, the same time stamps for the same content, the same Discontinuity Sequence Numbers.

use std::time::Duration;

use weir_hal::{
    Clock,
    sim::{Generator, Sender, Simulation, WireFaults},
};
use weir_tests::{
    hls::{Version, Watch},
    stream::{Encoder, Format},
};

use crate::{BOOT, Life, media::Media, million::fetch, send, sender_to};

/// Five pictures a second.
const PICTURE_90K: u64 = 18_000;
pub(crate) const TURN: Duration = Duration::from_millis(50);
pub(crate) const TURNS_PER_PICTURE: u32 = 4;

pub(crate) const NAMES: [&str; 2] = ["a", "b"];

pub(crate) const CONFIGURATION: &str = r#"
[segment]
target = "2s"
window = 5
[cache]
size = "16MiB"
memory = "4MiB"
[[channel]]
id = "ch"
  [[channel.rendition]]
  name = "a"
  sources = ["udp://239.255.0.1:5000"]
  [[channel.rendition]]
  name = "b"
  sources = ["udp://239.255.0.2:5000"]
"#;

/// What a run has met.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) compared: u64,
    pub(crate) gaps: u64,
    pub(crate) discontinuities: u64,
    pub(crate) restarts: u64,
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
    tally: Tally,
}

/// Runs until so many versions were compared.
pub(crate) async fn run(seed: u64, versions: u64) -> Tally {
    let simulation = Simulation::new(seed);
    let mut chance = Generator::new(seed);
    let pts_90k = chance.below(1 << 33);
    let mut site = Site {
        seed,
        life: Life::begin(&simulation, CONFIGURATION).await,
        encoders: encoders(pts_90k, Format::default()),
        senders: [1, 2].map(|group| sender_to(&simulation, group)),
        watches: [Watch::default(), Watch::default()],
        silence: 0,
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
        let mut encoder = Encoder::new(pts_90k, bytes);
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
        let now_ms = self.simulation.clock.monotonic().as_nanos() / 1_000_000;
        for (watch, text) in self.watches.iter_mut().zip([&one, &two]) {
            let new = watch.see(text, now_ms);
            let new = new.unwrap_or_else(|breach| panic!("seed {}: {breach}: {text}", self.seed));
            self.tally.gaps += new.iter().filter(|entry| entry.is_gap).count() as u64;
            let breaks = new.iter().filter(|entry| entry.is_discontinuity).count();
            self.tally.discontinuities += breaks as u64;
        }
        let breach = self.compare(&one, &two).await.err();
        let seed = self.seed;
        assert!(
            breach.is_none(),
            "seed {seed}: R12: {breach:?}\n{one}\n{two}"
        );
    }

    /// Both lists say the same, as far as both say anything of it.
    async fn compare(&mut self, one: &str, two: &str) -> Result<(), String> {
        let (one, two) = (Version::read(one)?, Version::read(two)?);
        if one.target_s != two.target_s {
            return Err("TARGETDURATION".to_owned());
        }
        let begin = one.sequence.max(two.sequence);
        let (before, entries) = known_from(&one, begin);
        let (other_before, others) = known_from(&two, begin);
        if before != other_before {
            return Err(format!("DISCONTINUITY-SEQUENCE: {before}, {other_before}"));
        }
        for (entry, other) in entries.iter().zip(others) {
            let told = |entry: &weir_tests::hls::Entry| {
                (entry.duration_us, entry.is_discontinuity, entry.is_gap)
            };
            if told(entry) != told(other) {
                return Err(format!("{entry:?} is {other:?}"));
            }
        }
        let (Some(last), Some(other)) = (entries.last(), others.get(entries.len() - 1)) else {
            return Ok(());
        };
        if !last.is_gap {
            let (last, other) = (self.begins(&last.uri).await, self.begins(&other.uri).await);
            if last != other {
                return Err(format!("one begins at {last:?}, the other at {other:?}"));
            }
        }
        self.tally.compared += 1;
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
        let pts_90k = match self.chance.below(8) {
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
            _ => return self.restart().await,
        };
        self.encoders = encoders(pts_90k, format);
    }

    fn change(&mut self, change: impl Fn(&mut Format)) {
        for encoder in &mut self.encoders {
            change(&mut encoder.format);
        }
    }

    async fn restart(&mut self) {
        self.tally.restarts += 1;
        assert!(
            self.life.store.flush(Duration::from_mins(1)),
            "the disk is flawless"
        );
        let disk = self.simulation.disk.power_cut();
        self.simulation = Simulation {
            disk,
            ..self.simulation.clone()
        };
        self.simulation.clock.advance(BOOT);
        for encoder in &mut self.encoders {
            encoder.pts_90k += BOOT.as_secs() * 90_000;
        }
        self.life = Life::begin(&self.simulation, CONFIGURATION).await;
        self.senders = [1, 2].map(|group| sender_to(&self.simulation, group));
        self.watches = [Watch::default(), Watch::default()];
    }
}

/// The entries of a list from a number on, and the discontinuities before them.
pub(crate) fn known_from(list: &Version, number: u64) -> (u64, &[weir_tests::hls::Entry]) {
    let left = usize::try_from(number - list.sequence).unwrap_or(usize::MAX);
    let (left, rest) = list.entries.split_at(left.min(list.entries.len()));
    let breaks = left.iter().filter(|entry| entry.is_discontinuity).count() as u64;
    (list.discontinuity_sequence + breaks, rest)
}
