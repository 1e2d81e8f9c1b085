//! Hit ratios beside those of an exact LRU and a FIFO of the same size, on three kinds of traffic.

use std::collections::{BTreeMap, VecDeque};

use weir_hal::sim::Generator;

use super::*;

const STORE: u64 = 96 << 20;
const REQUESTS: u64 = 60_000;
/// How much lower than that of the LRU the hit ratio may be: a hundredth is usual, and which
/// thread runs when is chance.
const SHORTFALL_PPM_MAX: u64 = 15_000;

/// One request.
#[derive(Debug, Clone, Copy)]
struct Request {
    object: u64,
    class: Class,
}

impl Request {
    fn low(object: u64) -> Self {
        Self {
            object,
            class: Class::Low,
        }
    }

    /// Between 4 KiB and 60 KiB.
    fn bytes(self) -> usize {
        let pages = 1 + Generator::new(self.object).below(15);
        usize::try_from(pages * PAGE).unwrap() - 200
    }

    fn name(self) -> String {
        format!("/{}", self.object)
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
            let rank = usize::try_from(self.random.below(self.objects.len() as u64)).unwrap();
            self.objects[rank] = self.next;
            self.next += 1;
        }
        let drawn = self.random.below(*self.sums.last().unwrap());
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

/// Hits of a list that evicts from its old end; an LRU moves what it hits to the young end.
fn list_hits(trace: &[Request], bytes_max: u64, is_lru: bool) -> u64 {
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
        while bytes > bytes_max {
            let (_, (object, length)) = order.pop_first().unwrap();
            ages.remove(&object);
            bytes -= length;
        }
    }
    hits
}

fn store_hits(trace: &[Request], config: &Config) -> (u64, crate::Counters) {
    let store = open(&sim::Disk::new(1), config);
    let mut misses = 0_u64;
    let mut window = VecDeque::new();
    for request in trace {
        let name = request.name();
        if store.get(&key(&name)).is_some() {
            continue;
        }
        misses += 1;
        let pin = put(&store, &name, request.class, &vec![1; request.bytes()]);
        if request.class == Class::Live {
            window.push_back(pin);
        }
        if window.len() > 48 {
            window.pop_front();
        }
        if misses.is_multiple_of(32) {
            store.flush(PATIENCE);
        }
    }
    let counters = store.counters();
    assert_eq!(counters.hits + counters.misses, trace.len() as u64);
    (counters.hits, counters)
}

#[test]
#[expect(clippy::print_stdout, reason = "the comparison is made for people")]
fn hit_ratios_are_those_of_an_exact_lru() {
    let config = Config {
        bytes_max: STORE,
        region_bytes: Some(512 * KIBIBYTE),
        ..config()
    };
    println!("hits in 60,000 requests: trace, FIFO, exact LRU, store, write amplification");
    let traces = [
        ("Zipf 0.8 with churn", zipf(0.8)),
        ("Zipf 1.0 with churn", zipf(1.0)),
        ("live window and tail", live_and_tail()),
        ("scan of cold objects", scan()),
    ];
    for (name, trace) in traces {
        let fifo = list_hits(&trace, STORE, false);
        let lru = list_hits(&trace, STORE, true);
        let (hits, counters) = store_hits(&trace, &config);
        let percent = counters.bytes_written * 100 / counters.bytes_admitted.max(1);
        println!("{name}: {fifo} {lru} {hits} {percent} %");
        let shortfall_ppm = lru.saturating_sub(hits) * 1_000_000 / REQUESTS;
        assert!(
            shortfall_ppm <= SHORTFALL_PPM_MAX,
            "{name}: {hits} of {lru}"
        );
    }
}
