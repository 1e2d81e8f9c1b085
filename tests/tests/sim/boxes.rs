//! Boxes that receive the same renditions, of which one comes later than the other, and begin at
//! different moments: their lists say the same.
//!
//! Source: RFC 8216 §6.2.4; a load balancer moves players from one box to another at any time.

use weir_hal::sim::{Generator, Sender, Simulation};
use weir_tests::{
    hls::{Entry, Version},
    stream::{Encoder, Format},
};

use crate::{
    ladder::{NAMES, configured, encoders},
    life::{Life, TURN, TURNS_PER_PICTURE, send, sender_to},
};

/// Pictures in a minute.
const MINUTE: usize = 300;

/// A box and the wire before it.
struct Station {
    simulation: Simulation,
    senders: [Sender; 2],
    life: Option<Life>,
}

impl Station {
    fn new(seed: u64) -> Self {
        let simulation = Simulation::new(seed);
        Self {
            senders: [1, 2].map(|group| sender_to(&simulation, group)),
            simulation,
            life: None,
        }
    }

    fn turn(&mut self) {
        self.simulation.clock.advance(TURN);
        if let Some(life) = &mut self.life {
            life.ingest.turn();
        }
    }

    /// What it lists, but for its first segment: numbers, durations and dates.
    fn rows(&self, name: &str) -> Vec<(u64, u64, Option<i64>)> {
        let text = self.life.as_ref().and_then(|life| life.playlist_of(name));
        let list = Version::read(&text.expect("it is on air")).expect("a sound list");
        let row = |(number, entry): (u64, &Entry)| (number, entry.duration_us, entry.date_ms);
        (list.sequence..).zip(&list.entries).map(row).collect()
    }
}

/// Two boxes, of which the second begins when a minute and some of the pictures of the first have
/// passed; rendition `late` comes so many pictures later than the other. After `minutes` more both
/// list the same.
pub(crate) async fn run(seed: u64, late: usize, minutes: usize) {
    let mut chance = Generator::new(seed);
    let mut boxes = [Station::new(seed), Station::new(seed)];
    let mut encoders: [Encoder; 2] = encoders(chance.below(1 << 33), Format::default());
    let delay = 1 + usize::try_from(chance.below(6)).expect("small");
    let joins = [0, MINUTE].map(|least| least + usize::try_from(chance.below(40)).expect("small"));
    let mut sent: [Vec<Vec<u8>>; 2] = Default::default();
    for number in 0..joins[1] + minutes * MINUTE {
        for (station, join) in boxes.iter_mut().zip(joins) {
            if number == join {
                station.life = Some(Life::begin(&station.simulation, &configured()).await);
            }
        }
        for (pictures, encoder) in sent.iter_mut().zip(&mut encoders) {
            pictures.push(encoder.picture());
        }
        for station in &mut boxes {
            for (rung, (sender, pictures)) in station.senders.iter_mut().zip(&sent).enumerate() {
                let delay = if rung == late { delay } else { 0 };
                if let Some(picture) = number.checked_sub(delay).map(|due| &pictures[due]) {
                    send(sender, picture);
                }
            }
            (0..TURNS_PER_PICTURE).for_each(|_| station.turn());
            if let Some(life) = station.life.as_ref().filter(|_| number % 50 == 0) {
                life.flush();
            }
        }
    }
    for name in NAMES {
        let [one, two] = [&boxes[0], &boxes[1]].map(|station| station.rows(name));
        assert_eq!(
            one, two,
            "seed {seed}, {name}: {delay} pictures late: {late}"
        );
    }
}
