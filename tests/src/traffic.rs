//! Traffic as caches meet it, drawn from fixed seeds, and the lists that real caches are measured
//! by: an exact LRU and a FIFO.
//!
//! ```text
//! Zipf 0.8, 1.0   24,000 ranks by Zipf's law, whose objects are replaced by new ones now and then
//! live and tail   half to windows of six segments that move on, half to a long tail
//! scan            a warm cache through which objects are read that nobody asks for again
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use weir_cache::{Class, Config, Counters, Error, Key, Store};
use weir_hal::sim::{self, Generator};

/// Requests of each trace.
pub const REQUESTS: u64 = 60_000;
/// Bytes of the store that they are made for: a part of all objects fits.
const STORE_BYTES: u64 = 96 << 20;
/// Bytes of a region that keep the proportions of larger stores.
const REGION_BYTES: u64 = 512 << 10;
/// Bytes of objects that are not on disk yet.
const MEMORY_BYTES: usize = 16 << 20;

const PAGE: u64 = 4096;
/// Misses between two flushes, so that memory is never full.
const FLUSH_MISSES: u64 = 32;
/// Longer than any act takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// Live segments that are pinned, as a playlist does.
const PINNED: usize = 48;

/// All traces, with their names.
pub fn traces() -> [(&'static str, Vec<Request>); 4] {
    [
        ("Zipf 0.8 with churn", zipf(0.8)),
        ("Zipf 1.0 with churn", zipf(1.0)),
        ("live window and tail", live_and_tail()),
        ("scan of cold objects", scan()),
    ]
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    object: u64,
    class: Class,
}

impl Request {
    const fn low(object: u64) -> Self {
        Self {
            object,
            class: Class::Low,
        }
    }

    /// Between 4 KiB and 60 KiB.
    fn bytes(self) -> usize {
        let pages = 1 + Generator::new(self.object).below(15);
        usize::try_from(pages * PAGE).expect("at most 60 KiB") - 200
    }

    fn key(self) -> Key {
        Key::new(&format!("/{}", self.object)).expect("short and printable")
    }
}

/// Ranks drawn by Zipf's law, whose objects are replaced by new ones now and then.
struct Popularity {
    random: Generator,
    sums: Vec<u64>,
    objects: Vec<u64>,
    next: u64,
    /// Requests in which one object is replaced.
    churn: u64,
}

impl Popularity {
    fn new(seed: u64, objects: u32, exponent: f64, churn: u64) -> Self {
        let mut sum = 0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "weights are between 0 and 10^12"
        )]
        let weight = |rank: u32| (1e12 / f64::from(rank).powf(exponent)) as u64;
        let sums = (1..=objects).map(|rank| {
            sum += weight(rank);
            sum
        });
        Self {
            random: Generator::new(seed),
            sums: sums.collect(),
            objects: (0..objects.into()).collect(),
            next: objects.into(),
            churn,
        }
    }

    fn draw(&mut self) -> Request {
        if self.random.below(self.churn) == 0 {
            let rank = self.random.below(self.objects.len() as u64);
            let rank = usize::try_from(rank).expect("below a length");
            self.objects[rank] = self.next;
            self.next += 1;
        }
        let drawn = self.random.below(self.sums.last().copied().unwrap_or(1));
        let rank = self.sums.partition_point(|sum| *sum <= drawn);
        Request::low(self.objects[rank])
    }
}

fn zipf(exponent: f64) -> Vec<Request> {
    let mut popularity = Popularity::new(1, 24_000, exponent, 20);
    (0..REQUESTS).map(|_| popularity.draw()).collect()
}

/// Half of the requests go to windows of six segments that move on, half to a long tail.
fn live_and_tail() -> Vec<Request> {
    let mut tail = Popularity::new(2, 24_000, 0.9, 50);
    let mut random = Generator::new(3);
    let request = |number: u64| {
        if random.below(2) == 0 {
            return tail.draw();
        }
        let (channel, newest) = (random.below(8), 6 + number / 400);
        let segment = newest - random.below(6);
        Request {
            object: 1 << 32 | channel << 24 | segment,
            class: Class::Live,
        }
    };
    (0..REQUESTS).map(request).collect()
}

/// A warm cache through which objects are read that nobody asks for again.
fn scan() -> Vec<Request> {
    let mut warm = Popularity::new(4, 9_000, 1.0, 100);
    let request = |number: u64| {
        if number / 4_000 % 2 == 1 && number.is_multiple_of(4) {
            return Request::low(1 << 40 | number);
        }
        warm.draw()
    };
    (0..REQUESTS).map(request).collect()
}

/// Hits of a list as large as the store that evicts from its old end; an LRU moves what it hits to
/// the young end.
pub fn list_hits(trace: &[Request], is_lru: bool) -> u64 {
    let (mut ages, mut order) = (BTreeMap::new(), BTreeMap::new());
    let (mut bytes, mut hits) = (0, 0);
    for (now, request) in trace.iter().enumerate() {
        let length = (request.bytes() as u64).next_multiple_of(PAGE);
        if let Some(age) = ages.get_mut(&request.object) {
            hits += 1;
            if is_lru {
                order.remove(age);
                order.insert(now, (request.object, length));
                *age = now;
            }
            continue;
        }
        bytes += length;
        ages.insert(request.object, now);
        order.insert(now, (request.object, length));
        while bytes > STORE_BYTES {
            let (_, (object, length)) = order.pop_first().expect("bytes are of objects");
            ages.remove(&object);
            bytes -= length;
        }
    }
    hits
}

/// Asks an empty store for all, and puts in what it misses. Returns what it counted.
///
/// # Errors
/// If the store cannot be opened.
pub fn store_counters(trace: &[Request]) -> Result<Counters, Error> {
    let config = Config {
        path: "/cache".into(),
        bytes_max: STORE_BYTES,
        memory_bytes_max: MEMORY_BYTES,
        region_bytes: Some(REGION_BYTES),
        ..Config::default()
    };
    let disk = Arc::new(sim::Disk::new(1));
    let store = Store::open(disk, Arc::new(sim::Clock::manual()), &config)?;
    let mut misses = 0_u64;
    let mut window = VecDeque::new();
    for request in trace {
        let key = request.key();
        if store.get(&key).is_some() {
            continue;
        }
        misses += 1;
        let begun = store.begin(&key, request.class, Bytes::new());
        let mut writer = begun.expect("memory is not full");
        let body = Bytes::from(vec![1; request.bytes()]);
        writer.append(body).expect("memory is not full");
        let pin = writer.commit().expect("the store is open");
        if request.class == Class::Live {
            window.push_back(pin);
        }
        if window.len() > PINNED {
            window.pop_front();
        }
        if misses.is_multiple_of(FLUSH_MISSES) {
            store.flush(PATIENCE);
        }
    }
    Ok(store.counters())
}
