//! A day of television in compressed time: what a list says of time stays true.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use weir_hal::{
    Clock,
    sim::{Generator, Sender, Simulation},
};
use weir_tests::{
    hls::{Entry, Version, Watch},
    stream::{Encoder, Format},
};

use crate::{
    life::{CACHE_LARGE, Life, configuration, send, sender},
    media::Media,
    million::fetch,
};

/// So many pictures have this time, as 30 have in NTSC: neither seconds nor microseconds are whole.
const PICTURES: Duration = Duration::from_millis(1_001);
const PICTURES_90K: u64 = 90_090;

/// How often the list is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A picture of 29.97 a second: more than a sum of durations may be off.
const FRAME_US: u64 = 33_367;

/// How long before it is shown a picture is sent, by its PCR.
const LEAD_MS: u64 = 100;

/// How far a date may be off.
const DATE_MS_MAX: u64 = 20;

/// How far the wall clock runs ahead of the encoder's, and how the network delivers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reception {
    pub(crate) drift_ppm: i32,
    /// Pictures in 1.001 s, each with a PCR.
    pub(crate) pictures: u32,
    /// Every picture is late by so much at least and at most, drawn by `seed`.
    pub(crate) late_ms: (u64, u64),
    pub(crate) seed: u64,
}

/// What a day has shown.
#[derive(Debug, Default)]
pub(crate) struct Day {
    pub(crate) segments: u64,
    /// The sum of EXTINF against the time stamps.
    pub(crate) sum_us_off: u64,
    /// The worst date against the encoder's clock at that picture.
    pub(crate) date_ms_off_max: u64,
}

/// So much of a stream, with a wrap of PTS on the way.
///
/// The date of a picture is when it is shown by its PCR, at the least delay of the network: the
/// rest of a delay is jitter.
pub(crate) async fn day(span: Duration, reception: Reception) -> Day {
    let simulation = Simulation::new(reception.seed);
    simulation.clock.set_wall_drift_ppm(reception.drift_ppm);
    let mut life = Life::begin(&simulation, &configuration("", CACHE_LARGE)).await;
    let mut wire = Wire::new(&simulation, reception);
    let picture = PICTURES / reception.pictures;
    let mut encoder = Encoder::new((1 << 33) - 90_000 * 3_600, 400);
    encoder.format = Format {
        picture_90k: PICTURES_90K / u64::from(reception.pictures),
        key_frame_interval: reception.pictures.into(),
        ..Format::default()
    };
    let (mut watch, mut log) = (Watch::default(), Log::default());
    let (late_ms_min, _) = reception.late_ms;
    let mut looked = Duration::ZERO;
    for number in 0.. {
        let at = picture * number;
        if at >= span {
            break;
        }
        wire.deliver_until(at, || life.ingest.turn());
        let wall_ms = simulation.clock.wall().as_nanos() / 1_000_000;
        let shown_ms = wall_ms + LEAD_MS + late_ms_min;
        log.shown(encoder.pts_90k % (1 << 33), shown_ms);
        wire.send(at, encoder.picture());
        if at < looked + LOOK {
            continue;
        }
        looked = at;
        let Some(text) = life.playlist() else {
            continue;
        };
        let now_ms = simulation.clock.monotonic().as_nanos() / 1_000_000;
        let new = watch.see(&text, now_ms);
        for entry in new.unwrap_or_else(|breach| panic!("{breach}: {text}")) {
            let bytes = fetch(&life.store, &entry.uri).await.expect("it is listed");
            let media = Media::read(&bytes).expect("it is sound");
            let pts = media.pts_90k.expect("it has pictures");
            let list = watch.last().expect("it was seen");
            log.listed(pts, entry.duration_us, date_ms(list, &entry));
        }
    }
    log.day
}

/// A network that is late and keeps order.
struct Wire {
    simulation: Simulation,
    sender: Sender,
    late_ms: (u64, u64),
    chance: Generator,
    now: Duration,
    /// By when it is there.
    on_its_way: VecDeque<(Duration, Vec<u8>)>,
}

impl Wire {
    fn new(simulation: &Simulation, reception: Reception) -> Self {
        Self {
            simulation: simulation.clone(),
            sender: sender(simulation),
            late_ms: reception.late_ms,
            chance: Generator::new(reception.seed),
            now: Duration::ZERO,
            on_its_way: VecDeque::new(),
        }
    }

    fn send(&mut self, at: Duration, packets: Vec<u8>) {
        let (from_ms, until_ms) = self.late_ms;
        let late_ms = from_ms + self.chance.below(until_ms - from_ms + 1);
        let last = self.on_its_way.back().map_or(Duration::ZERO, |last| last.0);
        let due = (at + Duration::from_millis(late_ms)).max(last);
        self.on_its_way.push_back((due, packets));
    }

    /// Lets time pass until `at`, with a `turn` for all that comes.
    fn deliver_until(&mut self, at: Duration, mut turn: impl FnMut()) {
        while let Some((due, packets)) = self.on_its_way.pop_front_if(|(due, _)| *due <= at) {
            self.pass_until(due);
            send(&mut self.sender, &packets);
            turn();
        }
        self.pass_until(at);
    }

    fn pass_until(&mut self, at: Duration) {
        self.simulation.clock.advance(at.saturating_sub(self.now));
        self.now = self.now.max(at);
    }
}

/// When pictures are shown by the clock of the encoder, and how far off what is listed of them is.
#[derive(Debug, Default)]
struct Log {
    day: Day,
    /// By their PTS.
    shown_ms: HashMap<u64, u64>,
    first_pts: Option<u64>,
    sum_us: u64,
}

impl Log {
    fn shown(&mut self, pts: u64, wall_ms: u64) {
        self.shown_ms.insert(pts, wall_ms);
    }

    /// A segment that begins at `pts` is listed with this length and date.
    fn listed(&mut self, pts: u64, duration_us: u64, date_ms: u64) {
        let first = *self.first_pts.get_or_insert(pts);
        let elapsed_us = (pts.wrapping_sub(first) & ((1 << 33) - 1)) * 100 / 9;
        let day = &mut self.day;
        day.sum_us_off = day.sum_us_off.max(elapsed_us.abs_diff(self.sum_us));
        day.date_ms_off_max = day
            .date_ms_off_max
            .max(date_ms.abs_diff(self.shown_ms[&pts]));
        day.segments += 1;
        self.sum_us += duration_us;
        // What came before is never asked for again.
        let at_ms = self.shown_ms[&pts];
        self.shown_ms.retain(|_, shown_ms| *shown_ms >= at_ms);
    }
}

fn date_ms(list: &Version, entry: &Entry) -> u64 {
    let place = list.entries.iter().position(|listed| listed == entry);
    let dates = list.dates_ms();
    dates[place.expect("it is in the list")].unsigned_abs()
}

pub(crate) fn assert_true(day: &Day) {
    assert!(day.sum_us_off <= FRAME_US, "{day:?}");
    assert!(day.date_ms_off_max <= DATE_MS_MAX, "{day:?}");
}
