//! Everything at once on a disk where everything goes wrong.
//!
//! Method: many tasks do whatever the interface offers, chosen by a seed, while the device fails,
//! tells half of it, hangs and recovers. A body tells which version of which key it is, and every
//! byte follows from that. So each reader knows what it must see, and each key knows the version
//! below which nothing may come back: at once within a run, and after the end of the process as
//! far as a flush has said so.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use tokio::task::{spawn_blocking, yield_now};
use weir_hal::sim::Generator;

use super::{faulty::Faulty, *};

/// 12 storms, or 1,500 if `WEIR_LONG` is set for the build.
const SEEDS: u64 = match option_env!("WEIR_LONG") {
    Some(_) => 500,
    None => 4,
};
const KEYS: u64 = 12;
const TASKS: u64 = 12;
const ACTS: u64 = 80;
/// How long a storm may take before it counts as one that hangs.
const STORM_MAX: Duration = Duration::from_mins(5);

/// What is known of a key.
#[derive(Debug, Default)]
struct Known {
    /// Only versions from here on may be found now.
    floor: AtomicU64,
    /// The same after the end of the process.
    durable_floor: AtomicU64,
    /// The next version.
    next: AtomicU64,
    /// One at a time changes the key.
    turn: tokio::sync::Mutex<()>,
}

struct Storm {
    seed: u64,
    store: Store,
    keys: Vec<Known>,
    pins: Mutex<Vec<Pin>>,
    objects: Mutex<Vec<(u64, u64, Object)>>,
}

fn byte_of(number: u64, version: u64, offset: u64) -> u8 {
    let mixed = (offset ^ version << 20 ^ number << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32).to_le_bytes()[0]
}

fn metadata(number: u64, version: u64, bytes: u64) -> Bytes {
    let fields = [number, version, bytes].map(u64::to_le_bytes);
    fields.concat().into()
}

fn told(metadata: &[u8]) -> (u64, u64, u64) {
    let field = |at: usize| u64::from_le_bytes(metadata[at..at + 8].try_into().unwrap());
    (field(0), field(8), field(16))
}

fn name_of(number: u64) -> Key {
    key(&format!("/{number}"))
}

impl Storm {
    async fn act(&self, random: &mut Generator) {
        let number = random.below(KEYS);
        match random.below(16) {
            0..=3 => self.write(number, random).await,
            4..=10 => self.read(number, random).await,
            11 => self.pin(number, random),
            12 => self.evict(number).await,
            13 => self.unpin(random),
            14 => self.flush().await,
            _ => self.hold(number, random).await,
        }
    }

    async fn act_on(self: Arc<Self>, mut random: Generator) {
        for _ in 0..ACTS {
            self.act(&mut random).await;
        }
    }

    fn known(&self, number: u64) -> &Known {
        &self.keys[usize::try_from(number).unwrap()]
    }

    async fn write(&self, number: u64, random: &mut Generator) {
        let known = self.known(number);
        let turn = known.turn.lock().await;
        let version = known.next.fetch_add(1, SeqCst);
        let bytes = match random.below(3) {
            0 => random.below(5_000),
            1 => random.below(40_000),
            _ => random.below(120_000),
        };
        let classes = [Class::Live, Class::High, Class::Medium, Class::Low];
        let class = classes[below(random, 4)];
        let metadata = metadata(number, version, bytes);
        let Ok(mut writer) = self.store.begin(&name_of(number), class, metadata) else {
            return;
        };
        let mut offset = 0;
        while offset < bytes {
            let end = (offset + 1 + random.below(9_000)).min(bytes);
            let chunk: Vec<u8> = (offset..end)
                .map(|at| byte_of(number, version, at))
                .collect();
            if writer.append(chunk.into()).is_err() {
                break;
            }
            offset = end;
            yield_now().await;
        }
        if random.below(8) == 0 {
            return writer.abort();
        }
        let Ok(pin) = writer.commit() else {
            return;
        };
        assert_eq!(offset, bytes, "seed {}: a hole was committed", self.seed);
        known.floor.fetch_max(version, SeqCst);
        drop(turn);
        if random.below(4) == 0 {
            self.pins
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(pin);
        }
    }

    async fn read(&self, number: u64, random: &mut Generator) {
        let floor = self.known(number).floor.load(SeqCst);
        let key = name_of(number);
        let object = if random.below(4) == 0 {
            let store = self.store.clone();
            spawn_blocking(move || store.get(&key)).await.unwrap()
        } else {
            self.store.find(&key).await
        };
        let Some(object) = object else {
            return;
        };
        self.read_object(&object, (number, floor), random).await;
    }

    async fn read_object(
        &self,
        object: &Object,
        (number, floor): (u64, u64),
        random: &mut Generator,
    ) {
        let seed = self.seed;
        let (key, version, bytes) = told(object.metadata());
        assert_eq!(key, number, "seed {seed}: the object of another key");
        assert!(
            version >= floor,
            "seed {seed}: /{number} is back from {floor} at {version}"
        );
        let start = random.below(bytes + 2);
        let end = if random.below(2) == 0 {
            u64::MAX
        } else {
            start + random.below(60_000)
        };
        let is_copy = random.below(2) == 0;
        let mut reader = if is_copy {
            object.read_copy(start..end)
        } else {
            object.read(start..end)
        };
        let mut at = start;
        loop {
            match reader.next().await {
                Ok(Some(chunk)) => {
                    for byte in &chunk.bytes {
                        let right = byte_of(number, version, at);
                        assert_eq!(*byte, right, "seed {seed}: /{number} at {at} of {version}");
                        at += 1;
                    }
                    if let Some(stored) = &chunk.stored {
                        assert_eq!(stored.bytes, chunk.bytes.len() as u64);
                    }
                }
                Ok(None) => {
                    let expected = end.min(bytes).max(start);
                    assert_eq!(
                        at, expected,
                        "seed {seed}: /{number} ends too early or late"
                    );
                    return;
                }
                Err(_) => return,
            }
            if random.below(12) == 0 {
                return;
            }
        }
    }

    fn pin(&self, number: u64, random: &mut Generator) {
        let floor = self.known(number).floor.load(SeqCst);
        let object = self.store.get(&name_of(number));
        let pin = object.as_ref().and_then(Object::pin);
        if let (Some(object), Some(pin)) = (object, pin) {
            assert!(told(object.metadata()).1 >= floor, "seed {}", self.seed);
            let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
            pins.push(pin);
            if pins.len() > 4 {
                let oldest = below(random, pins.len());
                drop(pins.remove(oldest));
            }
        }
    }

    fn unpin(&self, random: &mut Generator) {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        if !pins.is_empty() {
            let index = below(random, pins.len());
            drop(pins.remove(index));
        }
    }

    async fn evict(&self, number: u64) {
        let known = self.known(number);
        let _turn = known.turn.lock().await;
        let (store, key) = (self.store.clone(), name_of(number));
        let next = known.next.load(SeqCst);
        if spawn_blocking(move || store.evict(&key)).await.unwrap() {
            known.floor.fetch_max(next, SeqCst);
        }
    }

    async fn flush(&self) {
        let floors: Vec<u64> = self
            .keys
            .iter()
            .map(|known| known.floor.load(SeqCst))
            .collect();
        let store = self.store.clone();
        let is_flushed = spawn_blocking(move || store.flush(PATIENCE)).await.unwrap();
        if is_flushed {
            for (known, floor) in self.keys.iter().zip(floors) {
                known.durable_floor.fetch_max(floor, SeqCst);
            }
        }
    }

    /// Keeps an object, or reads one that was kept: it stays what it is.
    async fn hold(&self, number: u64, random: &mut Generator) {
        let floor = self.known(number).floor.load(SeqCst);
        if random.below(2) == 0
            && let Some(object) = self.store.find(&name_of(number)).await
        {
            let version = told(object.metadata()).1;
            assert!(version >= floor, "seed {}", self.seed);
            let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
            objects.push((number, version, object));
            if objects.len() > 6 {
                objects.remove(0);
            }
            return;
        }
        let kept = {
            let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
            objects.first().cloned()
        };
        if let Some((number, version, object)) = kept {
            self.read_object(&object, (number, version), random).await;
        }
    }

    /// After the end of the process nothing is back that a flush has seen off.
    fn check_after(&self, store: &Store) {
        for (number, known) in (0..).zip(&self.keys) {
            let floor = known.durable_floor.load(SeqCst);
            let Some(object) = store.get(&name_of(number)) else {
                continue;
            };
            let mut random = Generator::new(number);
            run(self.read_object(&object, (number, floor), &mut random));
        }
    }
}

fn below(random: &mut Generator, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).unwrap()
}

/// Lets the device fail now and then, and hang, until the storm is over.
fn disturb(disk: &sim::Disk, faulty: &Faulty, seed: u64, is_over: &AtomicBool) {
    let mut random = Generator::new(seed ^ 0xfau64);
    let device = faulty.faults();
    while !is_over.load(SeqCst) {
        let ppm = u32::try_from(random.below(60_000)).unwrap();
        match random.below(9) {
            0 => device.read_ppm.store(ppm, SeqCst),
            1 => device.short_read_ppm.store(ppm, SeqCst),
            2 => device.write_ppm.store(ppm / 8, SeqCst),
            3 => device.full_ppm.store(ppm / 8, SeqCst),
            4 => device.sync_ppm.store(ppm / 2, SeqCst),
            5 => disk.forget(),
            6 => disk.hang(),
            _ => device.heal(),
        }
        for _ in 0..random.below(3_000) {
            thread::yield_now();
        }
        disk.resume();
    }
    device.heal();
}

fn rage(seed: u64, config: &Config) {
    let disk = sim::Disk::new(seed);
    let faulty = Faulty::new(disk.clone(), seed);
    let opened = Store::open(Arc::new(faulty.clone()), clock(), config).unwrap();
    let storm = Arc::new(Storm {
        seed,
        store: opened,
        keys: (0..KEYS).map(|_| Known::default()).collect(),
        pins: Mutex::default(),
        objects: Mutex::default(),
    });
    for known in &storm.keys {
        known.next.store(1, SeqCst);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_time()
        .build();
    let runtime = runtime.unwrap();
    let is_over = AtomicBool::new(false);
    let finished = thread::scope(|scope| {
        scope.spawn(|| disturb(&disk, &faulty, seed, &is_over));
        let finished = runtime.block_on(async {
            let tasks = (0..TASKS).map(|task| {
                let random = Generator::new(seed << 8 | task);
                tokio::spawn(Arc::clone(&storm).act_on(random))
            });
            let tasks: Vec<_> = tasks.collect();
            let all = async {
                for task in tasks {
                    task.await?;
                }
                Ok::<_, tokio::task::JoinError>(())
            };
            tokio::time::timeout(STORM_MAX, all).await
        });
        is_over.store(true, SeqCst);
        finished
    });
    finished.expect("it hangs").unwrap();
    storm.pins.lock().unwrap().clear();
    storm.objects.lock().unwrap().clear();
    wait_until(|| storm.store.counters().memory_bytes == 0);
    run(storm.flush());
    let after = disk.power_cut();
    storm.check_after(&open(&after, config));
}

#[test]
fn a_storm_in_a_store_that_has_to_evict() {
    for seed in 0..SEEDS {
        rage(seed, &config_with_regions(24));
    }
}

#[test]
fn a_storm_of_objects_in_parts() {
    for seed in 0..SEEDS {
        rage(seed, &config_of_parts(120));
    }
}

#[test]
fn a_storm_with_hardly_any_memory() {
    let config = Config {
        memory_bytes_max: 200_000,
        ..config_of_parts(120)
    };
    for seed in 0..SEEDS {
        rage(seed, &config);
    }
}
