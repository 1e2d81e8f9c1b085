//! Two boxes that look at the wire at different moments, and a sender that begins anew when a
//! segment is about to be given up: what both list under one URL is the same.
//!
//! Source: a load balancer moves players from one box to another at any time.

use std::{collections::BTreeMap, time::Duration};

use weir_hal::sim::{Sender, Simulation};
use weir_tests::{
    hls::{Entry, Version},
    stream::{Clock, Encoder, Format},
};

use crate::{
    life::{
        CACHE, Life, PICTURE_90K, PICTURES_PER_SECOND, SEGMENT, TURN, TURNS_PER_PICTURE,
        configuration, send, sender,
    },
    million::fetch,
};

/// Half of what lies between two looks: the boxes take turns.
const STEP: Duration = TURN.checked_div(2).expect("half is some");

struct Station {
    simulation: Simulation,
    sender: Sender,
    life: Option<Life>,
}

impl Station {
    fn life(&self) -> &Life {
        self.life.as_ref().expect("it has begun")
    }
}

/// Where the time stamps of the first sender begin.
const BEGIN_90K: u64 = 900_000;

/// Where those of another may.
const ELSEWHERE_90K: u64 = 90_000 * 4_000;

/// Two boxes on one wire.
struct Site {
    stations: [Station; 2],
    steps: usize,
}

impl Site {
    /// Of which the first runs.
    async fn begin() -> Self {
        let stations = [1, 2].map(|seed| {
            let simulation = Simulation::new(seed);
            Station {
                sender: sender(&simulation),
                life: None,
                simulation,
            }
        });
        let mut site = Self { stations, steps: 0 };
        site.begin_life(0).await;
        site
    }

    async fn begin_life(&mut self, station: usize) {
        let station = &mut self.stations[station];
        let configuration = configuration(SEGMENT, CACHE);
        station.life = Some(Life::begin(&station.simulation, &configuration).await);
    }

    fn send(&mut self, packets: &[u8]) {
        for station in &mut self.stations {
            send(&mut station.sender, packets);
        }
    }

    /// Half a turn passes: one of the boxes looks.
    fn step(&mut self) {
        for station in &self.stations {
            station.simulation.clock.advance(STEP);
        }
        self.steps += 1;
        let station = &mut self.stations[self.steps % 2];
        if let Some(life) = &mut station.life {
            life.ingest.turn();
        }
    }

    fn play(&mut self, encoder: &mut Encoder, pictures: u64) {
        for _ in 0..pictures {
            self.send(&encoder.picture());
            (0..2 * TURNS_PER_PICTURE).for_each(|_| self.step());
        }
    }

    fn list(&self, station: usize) -> Version {
        self.list_if_any(station).expect("it is on air")
    }

    fn list_if_any(&self, station: usize) -> Option<Version> {
        let life = self.stations[station].life();
        life.flush();
        let text = life.playlist()?;
        Some(Version::read(&text).expect("a sound list"))
    }
}

fn encoder(pts_90k: u64) -> Encoder {
    let mut encoder = Encoder::new(pts_90k, 400);
    encoder.format = Format {
        picture_90k: PICTURE_90K,
        key_frame_interval: PICTURES_PER_SECOND,
        clock: Clock::Apart,
        ..Format::default()
    };
    encoder
}

/// A sender that begins anew, so many steps after the last picture, with its clock alone.
pub(crate) async fn run(silence: usize) {
    let mut site = Site::begin().await;
    site.begin_life(1).await;
    site.play(&mut encoder(BEGIN_90K), 14 * PICTURES_PER_SECOND + 2);
    (0..silence).for_each(|_| site.step());
    let mut anew = encoder(ELSEWHERE_90K);
    for _ in 0..2 {
        let clock = anew.clock_alone();
        site.send(&clock);
        site.step();
    }
    (0..2 * TURNS_PER_PICTURE).for_each(|_| site.step());
    site.play(&mut anew, 6 * PICTURES_PER_SECOND);
    let [one, two] = [site.list(0), site.list(1)];
    let media = |entry: &&Entry| !entry.is_gap;
    let mut compared = 0;
    for entry in one.entries.iter().filter(media) {
        let is_same = |it: &&Entry| it.uri == entry.uri;
        let Some(other) = two.entries.iter().filter(media).find(is_same) else {
            continue;
        };
        compared += 1;
        assert_eq!(entry.duration_us, other.duration_us, "{silence} steps");
        let [one, two] = &site.stations;
        let bytes = [
            fetch(&one.life().store, &entry.uri).await,
            fetch(&two.life().store, &entry.uri).await,
        ];
        let bytes = bytes.map(|bytes| bytes.expect("what is listed is there"));
        assert!(
            bytes[0] == bytes[1],
            "{} differs, {silence} steps: {:?} bytes",
            entry.uri,
            bytes.map(|bytes| bytes.len())
        );
    }
    assert!(compared >= 2, "{silence} steps: {one:?} {two:?}");
}

/// A sender that takes the place of another in the middle of a group of pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Successor {
    /// Steps that nothing comes before.
    pub(crate) silence: usize,
    /// Pictures of the open segment that came before.
    pub(crate) pictures: u64,
    /// Where its time stamps are.
    pub(crate) stamps: Stamps,
}

/// Where the time stamps of a sender are that takes the place of another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stamps {
    /// As if that had gone on.
    GoOn,
    /// Where that began.
    Again,
    /// Elsewhere.
    Else,
}

/// What a box listed under one number, and what came of it.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    duration_us: u64,
    is_discontinuity: bool,
    date_ms: Option<i64>,
    /// None for a gap.
    content: Option<Vec<u8>>,
}

/// The numbers that each box listed.
type Lists = [BTreeMap<u64, Told>; 2];

impl Site {
    /// Who comes so many steps behind the last picture of `before`; its first two pictures go
    /// nowhere.
    fn successor(before: &Encoder, silence: usize, stamps: Stamps) -> Encoder {
        let step_90k = 90 * u64::try_from(STEP.as_millis()).expect("short");
        let mut after = encoder(match stamps {
            Stamps::GoOn => before.pts_90k + silence as u64 * step_90k,
            Stamps::Again => BEGIN_90K,
            Stamps::Else => ELSEWHERE_90K,
        });
        for _ in 0..2 {
            let pts_90k = after.pts_90k;
            drop(after.picture());
            after.pts_90k = pts_90k;
        }
        after
    }

    /// Takes note of what each box lists that is new.
    async fn note(&self, lists: &mut Lists) {
        for (index, told) in lists.iter_mut().enumerate() {
            let Some(list) = self.list_if_any(index) else {
                continue;
            };
            for (number, entry) in (list.sequence..).zip(&list.entries) {
                if told.contains_key(&number) {
                    continue;
                }
                let content = if entry.is_gap {
                    None
                } else {
                    fetch(&self.stations[index].life().store, &entry.uri).await
                };
                let entry = Told {
                    duration_us: entry.duration_us,
                    is_discontinuity: entry.is_discontinuity,
                    date_ms: entry.date_ms,
                    content,
                };
                told.insert(number, entry);
            }
        }
    }
}

/// Two boxes, of which one came much later, go over to a `successor`; tells where they differ.
pub(crate) async fn replace(successor: Successor) -> Vec<u64> {
    let mut site = Site::begin().await;
    let mut before = encoder(BEGIN_90K);
    site.play(&mut before, 75 * PICTURES_PER_SECOND + 3);
    site.begin_life(1).await;
    site.play(&mut before, 71 * PICTURES_PER_SECOND + successor.pictures);
    let mut lists = Lists::default();
    site.note(&mut lists).await;
    (0..successor.silence).for_each(|_| site.step());
    let mut after = Site::successor(&before, successor.silence, successor.stamps);
    for _ in 0..20 {
        site.play(&mut after, PICTURES_PER_SECOND);
        site.note(&mut lists).await;
    }
    assert!(lists[1].len() >= 12, "{successor:?}: {lists:?}");
    differing(&lists)
}

/// A box comes to another amid a break of so many steps, which ends with a successor of these
/// `stamps`; tells which of the segments of the one that came are others.
pub(crate) async fn join_in_break(silence: usize, stamps: Stamps) -> Vec<u64> {
    let mut site = Site::begin().await;
    let mut before = encoder(BEGIN_90K);
    let pictures = silence as u64 % 10;
    site.play(&mut before, 75 * PICTURES_PER_SECOND + pictures);
    (0..silence / 2).for_each(|_| site.step());
    site.begin_life(1).await;
    (silence / 2..silence).for_each(|_| site.step());
    let mut after = Site::successor(&before, silence, stamps);
    let mut lists = Lists::default();
    for _ in 0..40 {
        site.play(&mut after, PICTURES_PER_SECOND);
        site.note(&mut lists).await;
    }
    let first = lists[1].keys().next().expect("it is on air");
    let differing = differing(&lists).into_iter();
    differing.map(|number| number - first).collect()
}

/// A sender stands still for so many steps and goes on where it was; tells where two boxes differ.
pub(crate) async fn pause(silence: usize) -> Vec<u64> {
    let mut site = Site::begin().await;
    site.begin_life(1).await;
    let mut encoder = encoder(BEGIN_90K);
    site.play(&mut encoder, 14 * PICTURES_PER_SECOND + 2);
    let mut lists = Lists::default();
    site.note(&mut lists).await;
    (0..silence).for_each(|_| site.step());
    for _ in 0..20 {
        site.play(&mut encoder, PICTURES_PER_SECOND);
        site.note(&mut lists).await;
    }
    site.play(&mut encoder, 100 * PICTURES_PER_SECOND);
    let mut late = Lists::default();
    site.note(&mut late).await;
    assert_eq!(differing(&late), [0; 0], "{silence} steps");
    differing(&lists)
}

/// One of two boxes is killed so many pictures after a line, and started again so many pictures
/// later; tells the media that it lists then and the other does not, number by number.
pub(crate) async fn restart(killed: u64, away: u64) -> Vec<u64> {
    let mut site = Site::begin().await;
    site.begin_life(1).await;
    let mut encoder = encoder(BEGIN_90K);
    site.play(&mut encoder, 75 * PICTURES_PER_SECOND + killed);
    site.stations[1].life().flush();
    site.stations[1].life = None;
    site.play(&mut encoder, away);
    site.begin_life(1).await;
    let mut lists = Lists::default();
    for _ in 0..30 {
        site.play(&mut encoder, PICTURES_PER_SECOND);
        site.note(&mut lists).await;
    }
    let [other, restarted] = [site.list(0), site.list(1)];
    assert_eq!(
        (restarted.sequence, restarted.discontinuity_sequence),
        (other.sequence, other.discontinuity_sequence),
        "killed {killed}, away {away}"
    );
    lists[1].retain(|_, told| told.content.is_some());
    assert!(
        lists[1].len() >= 12,
        "killed {killed}, away {away}: {lists:?}"
    );
    differing(&lists)
}

/// Numbers that the boxes told otherwise than each other, of those that both told.
fn differing(lists: &Lists) -> Vec<u64> {
    let [one, two] = lists;
    let differs = |number: &&u64| one.get(number).is_some_and(|it| *it != two[*number]);
    two.keys().filter(differs).copied().collect()
}
