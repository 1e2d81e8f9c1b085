//! A day of television in compressed time: what a list says of time stays true.

use std::{collections::HashMap, time::Duration};

use weir_hal::{Clock, sim::Simulation};
use weir_tests::{
    hls::{Entry, Version, Watch},
    stream::{Encoder, Format},
};

use crate::{
    life::{CACHE_LARGE, Life, configuration, send, sender},
    media::Media,
    million::fetch,
};

/// Five pictures in 1.001 s, as 30 are in NTSC: neither seconds nor microseconds are whole.
const PICTURE_90K: u64 = 18_018;
const PICTURE: Duration = Duration::from_micros(200_200);

/// A picture of 29.97 a second: more than a sum of durations may be off.
const FRAME_US: u64 = 33_367;

/// How far the wall clock runs ahead of the encoder's: more than ISO/IEC 13818-1 §2.4.2.1 allows.
const DRIFT_PPM: i32 = 40;

/// How long before it is shown a picture is sent, by its PCR.
const LEAD_MS: u64 = 100;

/// How far a date may be off.
const DATE_MS_MAX: u64 = 20;

/// What a day has shown.
#[derive(Debug, Default)]
pub(crate) struct Day {
    pub(crate) segments: u64,
    /// The sum of EXTINF against the time stamps.
    pub(crate) sum_us_off: u64,
    /// The worst date against the encoder's clock at that picture.
    pub(crate) date_ms_off_max: u64,
}

/// So many pictures, with a wrap of PTS on the way.
pub(crate) async fn day(span: Duration) -> Day {
    let simulation = Simulation::new(1);
    simulation.clock.set_wall_drift_ppm(DRIFT_PPM);
    let mut life = Life::begin(&simulation, &configuration("", CACHE_LARGE)).await;
    let mut sender = sender(&simulation);
    let mut encoder = Encoder::new((1 << 33) - 90_000 * 3_600, 400);
    encoder.format = Format {
        picture_90k: PICTURE_90K,
        key_frame_interval: 5,
        ..Format::default()
    };
    let (mut watch, mut log) = (Watch::default(), Log::default());
    let pictures = span.as_nanos() / PICTURE.as_nanos();
    for _ in 0..pictures {
        let wall_ms = simulation.clock.wall().as_nanos() / 1_000_000;
        log.shown(encoder.pts_90k % (1 << 33), wall_ms + LEAD_MS);
        send(&mut sender, &encoder.picture());
        life.ingest.turn();
        simulation.clock.advance(PICTURE);
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
