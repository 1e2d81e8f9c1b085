//! Two boxes that look at the wire at different moments, and a sender that begins anew when a
//! segment is about to be given up: what both list under one URL is the same.
//!
//! Source: a load balancer moves players from one box to another at any time.

use std::time::Duration;

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
    life: Life,
}

/// Two boxes on one wire.
struct Site {
    stations: [Station; 2],
    steps: usize,
}

impl Site {
    async fn begin() -> Self {
        let mut stations = Vec::new();
        for seed in [1, 2] {
            let simulation = Simulation::new(seed);
            stations.push(Station {
                sender: sender(&simulation),
                life: Life::begin(&simulation, &configuration(SEGMENT, CACHE)).await,
                simulation,
            });
        }
        let stations = stations.try_into();
        let Ok(stations) = stations else {
            panic!("two boxes")
        };
        Self { stations, steps: 0 }
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
        self.stations[self.steps % 2].life.ingest.turn();
    }

    fn play(&mut self, encoder: &mut Encoder, pictures: u64) {
        for _ in 0..pictures {
            self.send(&encoder.picture());
            (0..2 * TURNS_PER_PICTURE).for_each(|_| self.step());
        }
    }

    fn list(&self, station: usize) -> Version {
        let life = &self.stations[station].life;
        life.flush();
        let text = life.playlist().expect("it is on air");
        Version::read(&text).expect("a sound list")
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
    site.play(&mut encoder(900_000), 14 * PICTURES_PER_SECOND + 2);
    (0..silence).for_each(|_| site.step());
    let mut anew = encoder(90_000 * 4_000);
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
            fetch(&one.life.store, &entry.uri).await,
            fetch(&two.life.store, &entry.uri).await,
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
