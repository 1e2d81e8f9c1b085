//! A store that has too little memory, or too little of anything.

use std::time::Duration;

use bytes::Bytes;
use weir_cache::{Class, Key, Store, Writer};
use weir_hal::sim::Generator;
use weir_tests::stream::Encoder;

use crate::{checker::Checker, on_air::OnAir};

/// Pictures of two minutes.
const PICTURES: u64 = 25 * 120;

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
    let mut chance = Generator::new(seed);
    let cache = "size = \"64MiB\"\nmemory = \"1MiB\"";
    let mut on_air = OnAir::begin(seed, Encoder::new(0, 1_000), cache).await;
    on_air.checker.may_be_short();
    let mut hog = None;
    for picture in 0..PICTURES {
        // Every few seconds somebody else takes all memory for a while.
        if picture % 100 == 0 {
            drop(hog.take());
            hog = (chance.below(2) == 0).then(|| take_memory(&on_air.life.store));
        }
        on_air.picture().await;
    }
    let refused = on_air.life.store.counters().refused_no_memory;
    assert!(refused > 0, "memory was never short");
    on_air.checker
}

/// Two minutes with a store that is too small, on disk and in memory, for what players may ask.
pub(crate) async fn short_of_everything(seed: u64) -> Checker {
    let cache = "size = \"1MiB\"\nmemory = \"1MiB\"";
    let mut on_air = OnAir::begin(seed, Encoder::new(0, 4_000), cache).await;
    on_air.checker.may_be_short();
    for _ in 0..PICTURES {
        on_air.picture().await;
    }
    let refused = on_air.life.store.counters().refused_no_memory;
    assert!(refused > 0, "it was large enough");
    on_air.checker
}
