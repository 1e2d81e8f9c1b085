//! A store that has too little memory, or too little of anything.

use std::time::Duration;

use bytes::Bytes;
use weir_cache::{Class, Key, Store, Writer};
use weir_hal::sim::{Generator, Simulation};
use weir_tests::stream::Encoder;

use crate::{
    checker::Checker,
    hour::TURN,
    life::{Life, SEGMENT, TURNS_PER_PICTURE, configuration, send, sender},
};

/// Begins an object that takes all memory but for 8 KiB: room to begin a segment, not to end it.
fn take_memory(store: &Store) -> Writer {
    // What is on its way to the disk would free memory later, at a moment of its own.
    assert!(store.flush(Duration::from_mins(1)), "the disk is flawless");
    let key = Key::new("/hog").expect("a plain name");
    let begun = store.begin(&key, Class::Low, Bytes::new());
    let mut writer = begun.expect("memory for an empty object");
    let counters = store.counters();
    let free = counters.memory_bytes_max - counters.memory_bytes;
    let bytes = usize::try_from(free)
        .expect("1 MiB")
        .saturating_sub(8 * 1024);
    let taken = writer.append(Bytes::from(vec![0; bytes]));
    taken.expect("nobody else takes memory meanwhile");
    writer
}

/// Two minutes with a store whose memory cannot hold a whole segment every other moment.
pub(crate) async fn short_of_memory(seed: u64) -> Checker {
    let simulation = Simulation::new(seed);
    let configuration = configuration(SEGMENT, "size = \"64MiB\"\nmemory = \"1MiB\"");
    let mut life = Life::begin(&simulation, &configuration).await;
    let mut checker = Checker::new(seed);
    let mut chance = Generator::new(seed);
    let mut encoder = Encoder::new(0, 1_000);
    let mut sender = sender(&simulation);
    let mut hog = None;
    for picture in 0..25 * 120 {
        // Every few seconds somebody else takes all memory for a while.
        if picture % 100 == 0 {
            drop(hog.take());
            hog = (chance.below(2) == 0).then(|| take_memory(&life.store));
        }
        send(&mut sender, &encoder.picture());
        for _ in 0..TURNS_PER_PICTURE {
            simulation.clock.advance(TURN);
            life.ingest.turn();
        }
        if let Some(text) = life.playlist() {
            checker.check(&text, &life.store).await;
        }
    }
    assert!(
        life.store.counters().refused_no_memory > 0,
        "memory was never short"
    );
    checker
}

/// Two minutes with a store that is too small, on disk and in memory, for what players may ask.
pub(crate) async fn short_of_everything(seed: u64) -> Checker {
    let simulation = Simulation::new(seed);
    let configuration = configuration(SEGMENT, "size = \"1MiB\"\nmemory = \"1MiB\"");
    let mut life = Life::begin(&simulation, &configuration).await;
    let mut checker = Checker::new(seed);
    let mut encoder = Encoder::new(0, 4_000);
    let mut sender = sender(&simulation);
    for _ in 0..25 * 120 {
        send(&mut sender, &encoder.picture());
        for _ in 0..TURNS_PER_PICTURE {
            simulation.clock.advance(TURN);
            life.ingest.turn();
        }
        if let Some(text) = life.playlist() {
            checker.check(&text, &life.store).await;
        }
    }
    assert!(
        life.store.counters().refused_no_memory > 0,
        "it was large enough"
    );
    checker
}
