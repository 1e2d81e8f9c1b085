//! Power cuts: no wrong byte ever, and what was flushed is still there.
//!
//! Method: a run of random acts, chosen by a seed, with a record of every body that a key ever
//! had; then the power fails at a moment that the threads choose. On the disk that is left, each
//! key must have one of the bodies it had since the last flush (or none, if it was not on disk by
//! then), read without error or dropped with one. The start itself must have read no more than its
//! [`Bound`].

use std::collections::BTreeMap;

use weir_hal::sim::{Call, Fault, Generator};

use super::{bound::Bound, *};
use crate::Writer;

/// Two power cuts each, in four kinds of store: 1,600, or 20,000 if `WEIR_LONG` is set for the
/// build.
const SEEDS: u64 = match option_env!("WEIR_LONG") {
    Some(_) => 2_500,
    None => 200,
};
const KEYS: u64 = 6;

/// What a key may hold after a power cut.
#[derive(Debug, Default)]
struct History {
    /// The body that was flushed last.
    flushed: Option<Vec<u8>>,
    /// Bodies committed since.
    since: Vec<Vec<u8>>,
    /// It was evicted since, or replaced by what could not be written.
    may_be_gone: bool,
}

/// What a start after a power cut read.
#[derive(Debug)]
struct Cost {
    pages: u64,
    bound: Bound,
}

struct Run {
    seed: u64,
    /// What is being written when the power fails.
    writers: Vec<Writer>,
    /// Whether nothing is ever evicted for want of room.
    has_room: bool,
    random: Generator,
    store: Store,
    histories: BTreeMap<String, History>,
}

impl Run {
    fn act(&mut self) {
        let name = format!("/{}", self.random.below(KEYS));
        match self.random.below(14) {
            0 => self.flush(),
            1 => self.evict(&name),
            2 | 3 => self.begin(&name),
            _ => self.put(&name),
        }
    }

    fn put(&mut self, name: &str) {
        let bytes = usize::try_from(self.random.below(20_000)).unwrap();
        let salt = self.random.draw().to_le_bytes()[0];
        let object = body(salt, bytes);
        let writer = self.store.begin(&key(name), Class::High, Bytes::new());
        let mut writer = writer.unwrap();
        for chunk in object.chunks(3_000) {
            writer.append(Bytes::copy_from_slice(chunk)).unwrap();
        }
        drop(writer.commit().unwrap());
        let history = self.histories.entry(name.to_owned()).or_default();
        history.since.push(object);
    }

    /// Writes to some objects that will never be complete.
    fn begin(&mut self, name: &str) {
        let writer = self.store.begin(&key(name), Class::High, Bytes::new());
        let mut writer = writer.unwrap();
        let bytes = usize::try_from(self.random.below(20_000)).unwrap();
        for chunk in body(0, bytes).chunks(3_000) {
            writer.append(Bytes::copy_from_slice(chunk)).unwrap();
        }
        self.writers.push(writer);
        if self.writers.len() > 3 {
            self.writers.remove(0);
        }
    }

    fn evict(&mut self, name: &str) {
        self.store.evict(&key(name));
        let history = self.histories.entry(name.to_owned()).or_default();
        history.may_be_gone = true;
    }

    /// Puts some objects while the device fails, so that what is still queued is lost as well.
    fn put_on_failing(&mut self, disk: &sim::Disk) {
        let calls = 1 + self.random.below(4);
        disk.inject(Call::Sync, Fault::ForEver(calls));
        for name in ["/0", "/1", "/2", "/3"] {
            self.put(name);
        }
        for history in self.histories.values_mut() {
            history.may_be_gone |= !history.since.is_empty();
        }
    }

    fn flush(&mut self) {
        assert!(self.store.flush(PATIENCE), "seed {}", self.seed);
        for (name, history) in &mut self.histories {
            let complete = self.store.get(&key(name));
            let complete = complete.filter(|object| object.bytes().is_some());
            *history = History {
                flushed: complete.map(|object| read(&object).unwrap()),
                ..History::default()
            };
        }
    }

    /// Waits until all is written, though perhaps not durable.
    fn drain(&mut self) {
        self.writers.clear();
        wait_until(|| self.store.counters().memory_bytes == 0);
    }

    fn check(&self, store: &Store) {
        for (name, history) in &self.histories {
            let seed = self.seed;
            // What was not flushed may be found damaged, and is gone then.
            let Some(Ok(object)) = read_key(store, name) else {
                // A durable body is lost only by an eviction or to a newer body of its key.
                let must_exist = history.flushed.is_some() && !history.may_be_gone && self.has_room;
                assert!(!must_exist, "seed {seed}: {name} is gone");
                continue;
            };
            let is_right =
                history.flushed.as_ref() == Some(&object) || history.since.contains(&object);
            assert!(is_right, "seed {seed}: {name} has a body it did not have");
        }
        // What was read is whole, and what was not whole is gone.
        let counters = store.counters();
        let objects = store.keys("").len() as u64;
        assert_eq!(
            counters.objects, objects,
            "seed {}: {counters:?}",
            self.seed
        );
        if objects == 0 {
            assert_eq!(
                counters.bytes, 0,
                "seed {}: parts without a head",
                self.seed
            );
        }
    }
}

/// Starts after a power cut, and reads no more for it than there is need to.
fn start_again(disk: &sim::Disk, config: &Config, seed: u64) -> (Store, Cost) {
    let bound = Bound::of(disk);
    let before = disk.pages_read();
    let store = open(disk, config);
    let pages = disk.pages_read() - before;
    assert!(
        pages <= bound.pages,
        "seed {seed}: {pages} pages read; {bound:?}"
    );
    (store, Cost { pages, bound })
}

fn survive(seed: u64, config: &Config) -> [Cost; 2] {
    let disk = sim::Disk::new(seed);
    let mut run = Run {
        seed,
        writers: Vec::new(),
        has_room: config.bytes_max > 2_000 * KIBIBYTE,
        random: Generator::new(seed),
        store: open(&disk, config),
        histories: BTreeMap::new(),
    };
    for _ in 0..run.random.below(30) {
        run.act();
    }
    match run.random.below(3) {
        0 => run.drain(),
        1 => {
            run.put_on_failing(&disk);
            run.drain();
        }
        _ => {}
    }
    let after = disk.power_cut();
    run.writers.clear();
    let (store, first) = start_again(&after, config, seed);
    run.check(&store);
    // A second power cut finds what the first one left.
    run.store = store;
    run.flush();
    let (store, second) = start_again(&after.power_cut(), config, seed);
    run.check(&store);
    [first, second]
}

#[expect(clippy::print_stdout, reason = "a long run is told by its seeds")]
fn survive_all(config: &Config) {
    let costs: Vec<Cost> = (0..SEEDS).flat_map(|seed| survive(seed, config)).collect();
    let most = |figure: fn(&Cost) -> u64| costs.iter().map(figure).max().unwrap();
    println!(
        "{} power cuts survived, two of each seed from 0 to {}; a start read at most {} pages \
         ({} where nothing had to be searched) of {}, and searched at most {} regions",
        2 * SEEDS,
        SEEDS - 1,
        most(|cost| cost.pages),
        most(|cost| if cost.bound.searched == 0 {
            cost.pages
        } else {
            0
        }),
        most(|cost| cost.bound.of_pages),
        most(|cost| cost.bound.searched),
    );
}

#[test]
fn what_was_flushed_survives_and_no_byte_is_wrong() {
    let config = Config {
        bytes_max: 6 << 20,
        region_bytes: Some(256 * KIBIBYTE),
        ..config()
    };
    survive_all(&config);
}

#[test]
fn no_byte_is_wrong_in_a_store_that_has_to_evict() {
    survive_all(&config_with_regions(8));
}

#[test]
fn objects_in_many_parts_survive_as_a_whole_or_not_at_all() {
    let config = Config {
        bytes_max: 6 << 20,
        region_bytes: Some(16 * KIBIBYTE),
        ..config()
    };
    survive_all(&config);
}

#[test]
fn no_byte_is_wrong_of_objects_in_many_parts_that_have_to_be_evicted() {
    survive_all(&config_of_parts(24));
}
