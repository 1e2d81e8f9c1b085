//! The store against a plain map.
//!
//! Two runs of the same acts: in a store with room for everything, which must hold exactly what
//! the map holds; and in one with room for a few objects, which may forget what is not pinned,
//! but never holds anything else and never more than it may.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::Writer;

const KEYS: u8 = 5;
const SLOTS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Action {
    Begin { slot: usize, key: u8, class: Class },
    Append { slot: usize, salt: u8, bytes: usize },
    Commit { slot: usize, keeps_pin: bool },
    Abort { slot: usize },
    Read { key: u8, start: u64, end: u64 },
    Pin { key: u8 },
    Unpin { key: u8 },
    Evict { key: u8 },
    Flush,
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    let (slot, key) = (0..SLOTS, 0..KEYS);
    let class = prop_oneof![
        Just(Class::Live),
        Just(Class::High),
        Just(Class::Medium),
        Just(Class::Low)
    ];
    let ends = (0..20_000_u64, 0..30_000_u64);
    prop_oneof![
        4 => (slot.clone(), key.clone(), class)
            .prop_map(|(slot, key, class)| Action::Begin { slot, key, class }),
        6 => (slot.clone(), any::<u8>(), 0..12_000_usize)
            .prop_map(|(slot, salt, bytes)| Action::Append { slot, salt, bytes }),
        4 => (slot.clone(), any::<bool>())
            .prop_map(|(slot, keeps_pin)| Action::Commit { slot, keeps_pin }),
        1 => slot.prop_map(|slot| Action::Abort { slot }),
        4 => (key.clone(), ends).prop_map(|(key, (start, end))| Action::Read { key, start, end }),
        1 => key.clone().prop_map(|key| Action::Pin { key }),
        2 => key.clone().prop_map(|key| Action::Unpin { key }),
        1 => key.prop_map(|key| Action::Evict { key }),
        1 => Just(Action::Flush),
        1 => Just(Action::Reopen),
    ]
}

struct Pair {
    disk: sim::Disk,
    config: Config,
    /// Whether the store may forget what is not pinned.
    is_small: bool,
    store: Store,
    writers: [Option<(u8, Writer, Vec<u8>)>; SLOTS],
    pins: BTreeMap<u8, Pin>,
    model: BTreeMap<u8, Vec<u8>>,
}

impl Pair {
    fn new(config: Config, is_small: bool) -> Self {
        let disk = sim::Disk::new(1);
        Self {
            store: open(&disk, &config),
            disk,
            config,
            is_small,
            writers: [const { None }; SLOTS],
            pins: BTreeMap::new(),
            model: BTreeMap::new(),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Begin { slot, key, class } => {
                let name = Key::new(&name(key)).unwrap();
                let writer = self.store.begin(&name, class, Bytes::new()).unwrap();
                self.writers[slot] = Some((key, writer, Vec::new()));
            }
            Action::Append { slot, salt, bytes } => {
                if let Some((_, writer, object)) = &mut self.writers[slot] {
                    let bytes = body(salt, bytes);
                    object.extend_from_slice(&bytes);
                    writer.append(bytes.into()).unwrap();
                }
            }
            Action::Commit { slot, keeps_pin } => self.commit(slot, keeps_pin),
            Action::Abort { slot } => self.writers[slot] = None,
            Action::Read { key, start, end } => self.read(key, start, end),
            Action::Pin { key } => self.pin(key),
            Action::Unpin { key } => drop(self.pins.remove(&key)),
            Action::Evict { key } => self.evict(key),
            Action::Flush => {
                let is_flushed = self.store.flush(PATIENCE);
                assert!(is_flushed || self.is_small);
            }
            Action::Reopen => self.reopen(),
        }
    }

    fn commit(&mut self, slot: usize, keeps_pin: bool) {
        let Some((key, writer, object)) = self.writers[slot].take() else {
            return;
        };
        let pin = writer.commit().unwrap();
        assert_eq!(pin.bytes(), object.len() as u64);
        self.model.insert(key, object);
        // The pin of an object that is replaced protects nothing any more.
        self.pins.remove(&key);
        if keeps_pin {
            self.pins.insert(key, pin);
        }
    }

    fn read(&mut self, key: u8, start: u64, end: u64) {
        let name = Key::new(&name(key)).unwrap();
        let Some(expected) = self.model.get(&key) else {
            let found = self.store.get(&name);
            assert!(found.is_none_or(|object| object.bytes().is_none()));
            return;
        };
        let found = self.store.get(&name);
        let Some(object) = found.filter(|object| object.bytes().is_some()) else {
            assert!(self.is_small && !self.pins.contains_key(&key));
            self.model.remove(&key);
            return;
        };
        let bytes = expected.len() as u64;
        assert_eq!(object.bytes(), Some(bytes));
        let clip = |offset: u64| usize::try_from(offset.min(bytes)).unwrap();
        let expected = expected.get(clip(start)..clip(end)).unwrap_or_default();
        assert!(run(rest(&mut object.read(start..end))).unwrap() == expected);
    }

    fn pin(&mut self, key: u8) {
        let name = Key::new(&name(key)).unwrap();
        match self.store.pin(&name) {
            Some(pin) => {
                assert!(self.model.contains_key(&key));
                self.pins.insert(key, pin);
            }
            None if self.is_small => drop(self.model.remove(&key)),
            None => assert!(!self.model.contains_key(&key)),
        }
    }

    fn evict(&mut self, key: u8) {
        let is_evicted = self.store.evict(&Key::new(&name(key)).unwrap());
        if self.is_small && !is_evicted && !self.pins.contains_key(&key) {
            self.model.remove(&key);
        }
        let expected = self.model.contains_key(&key) && !self.pins.contains_key(&key);
        assert_eq!(is_evicted, expected);
        if is_evicted {
            self.model.remove(&key);
        }
    }

    fn reopen(&mut self) {
        self.writers = [const { None }; SLOTS];
        self.pins.clear();
        assert!(self.store.flush(PATIENCE));
        // The old store must have let go of the directory first.
        let elsewhere = Config {
            path: "/elsewhere".into(),
            ..config()
        };
        self.store = open(&self.disk, &elsewhere);
        self.store = open(&self.disk, &self.config);
    }

    fn check(&self) {
        let counters = self.store.counters();
        assert!(counters.bytes <= counters.bytes_max);
        let listed = self.disk.list(Path::new("/cache")).unwrap();
        assert_eq!(listed.len(), 1);
        assert!(
            self.pins
                .keys()
                .all(|pinned| self.model.contains_key(pinned))
        );
        assert!(listed[0].bytes <= self.config.bytes_max);
        let keys = self.store.keys("");
        if self.is_small {
            let pinned = |key: &u8| keys.contains(&Key::new(&name(*key)).unwrap());
            assert!(self.pins.keys().all(pinned));
        } else {
            let expected: Vec<String> = self.model.keys().map(|key| name(*key)).collect();
            assert_eq!(names(&self.store), expected);
        }
    }
}

fn name(key: u8) -> String {
    format!("/{key}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_store_with_room_is_a_map(actions in vec(action(), 1..60)) {
        let mut pair = Pair::new(config(), false);
        for action in actions {
            pair.act(action);
            pair.check();
        }
    }

    #[test]
    fn a_small_store_forgets_but_never_errs(
        actions in vec(action(), 1..60),
        regions in 8..16_u64,
    ) {
        let mut pair = Pair::new(config_with_regions(regions), true);
        for action in actions {
            pair.act(action);
            pair.check();
        }
    }

    #[test]
    fn objects_in_many_parts_are_a_map_as_well(actions in vec(action(), 1..60)) {
        let config = Config {
            region_bytes: Some(16 * KIBIBYTE),
            ..config()
        };
        let mut pair = Pair::new(config, false);
        for action in actions {
            pair.act(action);
            pair.check();
        }
    }

    #[test]
    fn a_small_store_forgets_objects_with_all_their_parts(
        actions in vec(action(), 1..60),
        regions in 24..64_u64,
    ) {
        let config = config_of_parts(regions);
        let mut pair = Pair::new(config, true);
        for action in actions {
            pair.act(action);
            pair.check();
        }
    }
}
