//! What a key may hold after a kill.

use std::{collections::BTreeMap, sync::Arc};

use weir_cache::{Config, Key, Object, Store};
use weir_hal::linux;
use weir_tests::scribe::{KEYS, WRITERS, body, name};

use crate::victim::Site;

/// What was told of one key.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    /// The version that was about to be put last.
    last: u64,
    /// At least this version, or nothing, is on disk.
    floor: u64,
    /// It was put, and not evicted since.
    is_put: bool,
    /// That it was evicted is durable, or it was not found before the process began.
    is_gone: bool,
    /// That it is there, as of `floor`, was durable or on disk and it was not evicted since.
    is_promised: bool,
}

/// What was told of all keys.
#[derive(Debug, Default)]
pub(crate) struct History(BTreeMap<String, Told>);

/// What was found after a kill.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) found: u64,
    pub(crate) promised: u64,
}

impl History {
    /// Takes in one line of the process. The last one may be cut off.
    pub(crate) fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let version = || words.get(2).and_then(|word| word.parse().ok());
        match words.as_slice() {
            ["put", key, _] => {
                let told = self.0.entry((*key).to_owned()).or_default();
                told.last = version().unwrap_or(u64::MAX);
                (told.is_put, told.is_gone) = (true, false);
            }
            ["evict", key] => {
                let told = self.0.entry((*key).to_owned()).or_default();
                (told.is_put, told.is_promised) = (false, false);
            }
            ["written", key, _] => {
                let told = self.0.entry((*key).to_owned()).or_default();
                // A later version may be on its way; this one is there until then.
                told.floor = version().unwrap_or(told.floor).max(told.floor);
                told.is_promised = told.is_put;
            }
            ["flushed", writer] => {
                for number in 0..KEYS {
                    let key = name(writer.parse().unwrap_or(u64::MAX), number);
                    if let Some(told) = self.0.get_mut(&key) {
                        told.floor = told.last;
                        told.is_promised = told.is_put;
                        told.is_gone = !told.is_put;
                    }
                }
            }
            _ => {}
        }
    }

    /// Opens the store and compares every object.
    ///
    /// # Panics
    /// If one is wrong, or gone though it was promised, or back though it was replaced.
    pub(crate) fn check(&mut self, site: &Site, when: &str) -> Outcome {
        let config = Config {
            path: site.path.clone(),
            bytes_max: site.bytes,
            memory_bytes_max: 16 << 20,
            ..Config::default()
        };
        let clock = Arc::new(linux::Clock::new());
        let store = Store::open(Arc::new(linux::Disk::new()), clock, &config);
        let store = store.unwrap_or_else(|error| panic!("{when}: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        let mut outcome = Outcome::default();
        for (writer, number) in (0..WRITERS).flat_map(|it| (0..KEYS).map(move |key| (it, key))) {
            let name = name(writer, number);
            let told = self.0.entry(name.clone()).or_default();
            let version = store.get(&Key::new(&name).unwrap()).and_then(|object| {
                let version = u64::from_le_bytes(*object.metadata().first_chunk().unwrap());
                // What was not whole may be found damaged; then it is as good as gone.
                let read = runtime.block_on(read(&object))?;
                assert!(
                    read == body(&name, version),
                    "{when}: a wrong byte in {name}"
                );
                Some(version)
            });
            told.check(version, (&name, when), site.rounds_of_room.is_some());
            outcome.found += u64::from(version.is_some());
            outcome.promised += u64::from(told.is_promised);
            // What is found now was written long ago for the next process.
            let last = version.unwrap_or(told.last);
            *told = Told {
                last,
                floor: last,
                is_put: version.is_some(),
                is_gone: version.is_none(),
                is_promised: version.is_some(),
            };
        }
        outcome
    }
}

impl Told {
    fn check(self, version: Option<u64>, (name, when): (&str, &str), has_room: bool) {
        let Some(version) = version else {
            let is_lost = self.is_promised && has_room;
            assert!(!is_lost, "{when}: {name} is gone; {self:?}");
            return;
        };
        let is_known = version <= self.last && version >= self.floor;
        assert!(is_known, "{when}: {name} has version {version}; {self:?}");
        assert!(!self.is_gone, "{when}: {name} is back; {self:?}");
    }
}

async fn read(object: &Object) -> Option<Vec<u8>> {
    let mut reader = object.read(0..u64::MAX);
    let mut whole = Vec::new();
    while let Some(chunk) = reader.next().await.ok()? {
        whole.extend_from_slice(&chunk.bytes);
    }
    Some(whole)
}
