//! Renditions of one channel that lose different things, of which one comes later than the other:
//! whatever was, their lists agree again before long.
//!
//! Source: RFC 8216 §6.2.4: media that matches has the same date and the same Discontinuity
//! Sequence Number in all renditions. That Media Sequence Numbers match is ours.

use std::collections::VecDeque;

use weir_hal::{
    Clock,
    sim::{Generator, Sender, Simulation},
};
use weir_tests::{
    hls::{Entry, Version, Watch},
    stream::{Encoder, Format},
};

use crate::{
    ladder::{NAMES, configured, encoders},
    life::{Life, TURN, TURNS_PER_PICTURE, send, sender_to},
};

/// What of one rendition goes on or gets lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    /// The source is silent.
    Lost,
    /// All is held back, and then sent at once.
    Held,
}

struct Rung {
    encoder: Encoder,
    sender: Sender,
    watch: Watch,
    fate: Fate,
    /// Pictures that this rendition comes later than the other.
    delay: usize,
    /// Turns that the next picture comes later besides.
    turns_late: u32,
    /// What is not sent yet; none of what is lost.
    queue: VecDeque<Option<Vec<u8>>>,
}

impl Rung {
    /// Sends what is due.
    fn send(&mut self) {
        while self.fate != Fate::Held && self.queue.len() > self.delay {
            let picture = self.queue.pop_front().expect("it is not empty");
            if let Some(picture) = picture {
                send(&mut self.sender, &picture);
            }
        }
    }
}

/// Lets one rendition after the other lose something, so many times; both agree after each.
pub(crate) async fn run(seed: u64, times: u64) {
    let (simulation, mut chance) = (Simulation::new(seed), Generator::new(seed));
    let (mut life, mut rungs) = begin(&simulation, &mut chance).await;
    pictures((&simulation, &mut chance), &mut life, &mut rungs, 300);
    for time in 0..times {
        let rung = usize::from(chance.below(2) == 0);
        // Up to twenty seconds are lost, up to twelve held back.
        let (fate, most) = match chance.below(3) {
            0 => (Fate::Lost, 100),
            1 => (Fate::Held, 60),
            _ => {
                let jump_90k = 90_000 * (11 + chance.below(100_000));
                for rung in &mut rungs {
                    rung.encoder.pts_90k += jump_90k;
                }
                (Fate::Sent, 15)
            }
        };
        rungs[rung].fate = fate;
        let count = 1 + chance.below(most);
        pictures((&simulation, &mut chance), &mut life, &mut rungs, count);
        rungs[rung].fate = Fate::Sent;
        pictures((&simulation, &mut chance), &mut life, &mut rungs, 300);
        let apart = agree(&life);
        let apart = apart.unwrap_or_else(|breach| panic!("seed {seed}, time {time}: {breach}"));
        assert_eq!(apart, 0, "seed {seed}, time {time}: Media Sequence Numbers");
    }
}

/// Lets one rendition after the other jump to time stamps of its own and come back to those of the
/// other, so many times; both agree after each.
pub(crate) async fn one_jumps(seed: u64, times: u64) {
    let (simulation, mut chance) = (Simulation::new(seed), Generator::new(seed));
    let (mut life, mut rungs) = begin(&simulation, &mut chance).await;
    pictures((&simulation, &mut chance), &mut life, &mut rungs, 300);
    for time in 0..times {
        let rung = usize::from(chance.below(2) == 0);
        let jump_90k = 90_000 * (11 + chance.below(40_000));
        rungs[rung].encoder.pts_90k += jump_90k;
        let count = 1 + chance.below(600);
        pictures((&simulation, &mut chance), &mut life, &mut rungs, count);
        rungs[rung].encoder.pts_90k -= jump_90k;
        pictures((&simulation, &mut chance), &mut life, &mut rungs, 300);
        let apart = agree(&life);
        let apart = apart.unwrap_or_else(|breach| panic!("seed {seed}, time {time}: {breach}"));
        assert_eq!(apart, 0, "seed {seed}, time {time}: Media Sequence Numbers");
    }
}

/// Lets one rendition after the other lose up to twenty seconds, so many times: neither list ever
/// has a discontinuity.
pub(crate) async fn one_is_lost(seed: u64, times: u64) {
    let (simulation, mut chance) = (Simulation::new(seed), Generator::new(seed));
    let (mut life, mut rungs) = begin(&simulation, &mut chance).await;
    pictures((&simulation, &mut chance), &mut life, &mut rungs, 300);
    let breaks = |life: &Life| {
        NAMES.map(|name| {
            let text = life.playlist_of(name).unwrap_or_default();
            let list = Version::read(&text).unwrap_or_else(|breach| panic!("{breach}: {text}"));
            let listed = list.entries.iter().filter(|entry| entry.is_discontinuity);
            list.discontinuity_sequence + listed.count() as u64
        })
    };
    let before = breaks(&life);
    for time in 0..times {
        let rung = usize::from(chance.below(2) == 0);
        rungs[rung].fate = Fate::Lost;
        let count = 1 + chance.below(100);
        pictures((&simulation, &mut chance), &mut life, &mut rungs, count);
        rungs[rung].fate = Fate::Sent;
        pictures((&simulation, &mut chance), &mut life, &mut rungs, 150);
        assert_eq!(
            breaks(&life),
            before,
            "seed {seed}, time {time}, {count} pictures"
        );
    }
}

/// A channel of two renditions, of which one comes up to 1.4 s later.
async fn begin(simulation: &Simulation, chance: &mut Generator) -> (Life, [Rung; 2]) {
    let life = Life::begin(simulation, &configured()).await;
    let pts_90k = chance.below(1 << 33);
    let delay = usize::try_from(chance.below(8)).expect("small");
    let mut group = 0;
    let rungs = encoders(pts_90k, Format::default()).map(|encoder| {
        group += 1;
        Rung {
            encoder,
            sender: sender_to(simulation, group),
            watch: Watch::default(),
            fate: Fate::Sent,
            delay: delay * usize::from(group - 1),
            turns_late: 0,
            queue: VecDeque::new(),
        }
    });
    (life, rungs)
}

/// So many pictures of each rendition, five in a second, of which one in four comes a turn late.
fn pictures(
    (simulation, chance): (&Simulation, &mut Generator),
    life: &mut Life,
    rungs: &mut [Rung; 2],
    count: u64,
) {
    for number in 0..count {
        // The disk takes real time, of which there is little in a simulated minute.
        if number % 50 == 0 {
            life.flush();
        }
        for rung in &mut *rungs {
            let picture = rung.encoder.picture();
            let is_lost = rung.fate == Fate::Lost;
            rung.queue.push_back((!is_lost).then_some(picture));
            rung.turns_late = u32::from(chance.below(4) == 0);
        }
        for turn in 0..TURNS_PER_PICTURE {
            for rung in &mut *rungs {
                if turn == rung.turns_late {
                    rung.send();
                }
            }
            simulation.clock.advance(TURN);
            life.ingest.turn();
        }
        let now_ms = simulation.clock.monotonic().as_nanos() / 1_000_000;
        for (rung, name) in rungs.iter_mut().zip(NAMES) {
            if let Some(text) = life.playlist_of(name) {
                let seen = rung.watch.see(&text, now_ms);
                seen.unwrap_or_else(|breach| panic!("{name}: {breach}: {text}"));
            }
        }
    }
}

/// Both lists say the same, as far as both say anything. Tells by how much the Media Sequence
/// Numbers of the first are higher.
fn agree(life: &Life) -> Result<i64, String> {
    let texts = NAMES.map(|name| life.playlist_of(name).unwrap_or_default());
    let [one, two] = [Version::read(&texts[0])?, Version::read(&texts[1])?];
    let first_ms = |list: &Version| list.dates_ms().first().copied();
    let begin_ms = first_ms(&one).max(first_ms(&two)).unwrap_or_default();
    let (known, other) = (known_since(&one, begin_ms), known_since(&two, begin_ms));
    let told = |entry: &Entry| {
        let (date_ms, duration_us) = (entry.date_ms, entry.duration_us);
        (duration_us, entry.is_discontinuity, entry.is_gap, date_ms)
    };
    let mut pairs = known.entries.iter().zip(other.entries);
    let is_same = pairs.all(|(one, two)| told(one) == told(two));
    let same = known.entries.len().min(other.entries.len());
    if known.breaks == other.breaks && is_same && same >= 3 {
        Ok(known.sequence.cast_signed() - other.sequence.cast_signed())
    } else {
        Err(format!("{}\n{}", texts[0], texts[1]))
    }
}

/// The end of a list.
struct Known<'a> {
    /// Media Sequence Number of the first.
    sequence: u64,
    /// Discontinuities before it.
    breaks: u64,
    entries: &'a [Entry],
}

/// The entries of a list from a date on.
fn known_since(list: &Version, begin_ms: i64) -> Known<'_> {
    let is_before = |entry: &&Entry| entry.date_ms < Some(begin_ms);
    let left = list.entries.iter().take_while(is_before).count();
    let (left, entries) = list.entries.split_at(left);
    let breaks = left.iter().filter(|entry| entry.is_discontinuity).count() as u64;
    Known {
        sequence: list.sequence + left.len() as u64,
        breaks: list.discontinuity_sequence + breaks,
        entries,
    }
}
