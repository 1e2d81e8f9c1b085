//! A process that writes a store until it is killed, and tells what it does.
//!
//! ```text
//! store-writer PATH BYTES SEED VERSION [--format]
//! ```
//!
//! Versions of objects begin at `VERSION`. What the lines on its output mean: `weir_tests::scribe`.
#![expect(clippy::print_stdout, reason = "what it tells is the purpose")]

use std::{collections::BTreeSet, error::Error, sync::Arc, thread, time::Duration};

use bytes::Bytes;
use weir_cache::{Class, Config, Key, Store};
use weir_hal::{Clock, linux, sim::Generator};
use weir_tests::scribe::{KEYS, PUTS_MAX, WRITERS, body, name};

/// Longer than any flush takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of a chunk, so that many objects have several.
const CHUNK_BYTES: usize = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, bytes, seed, version, rest @ ..] = arguments.as_slice() else {
        return Err("usage: store-writer PATH BYTES SEED VERSION [--format]".into());
    };
    let config = Config {
        path: path.into(),
        bytes_max: bytes.parse()?,
        memory_bytes_max: 16 << 20,
        is_format_allowed: rest.iter().any(|argument| argument == "--format"),
        ..Config::default()
    };
    let clock = Arc::new(linux::Clock::new());
    let store = Store::open(Arc::new(linux::Disk::new()), clock, &config)?;
    println!("ready");
    let (seed, version): (u64, u64) = (seed.parse()?, version.parse()?);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let mut scribe = Scribe {
                store: &store,
                writer,
                random: Generator::new(seed ^ writer << 32),
                version,
                unread: BTreeSet::new(),
            };
            scope.spawn(move || scribe.run());
        }
    });
    Ok(())
}

struct Scribe<'a> {
    store: &'a Store,
    writer: u64,
    random: Generator,
    version: u64,
    /// Keys put since the last look whether they are on disk.
    unread: BTreeSet<u64>,
}

impl Scribe<'_> {
    /// Acts until the process is killed: `PUTS_MAX` puts, then what needs no room. Only a device
    /// that fails ends it.
    fn run(&mut self) {
        let start = self.version;
        while self.store.counters().is_offline == 0 {
            let number = self.random.below(KEYS);
            match self.random.below(16) {
                0 => self.evict(number),
                1 => self.flush(),
                2 | 3 => self.look(),
                _ if self.version - start < PUTS_MAX => self.put(number),
                _ => pause(),
            }
        }
    }

    fn put(&mut self, number: u64) {
        self.version += 1;
        let (name, version) = (name(self.writer, number), self.version);
        let body = Bytes::from(body(&name, version));
        println!("put {name} {version}");
        let attempt = || {
            let metadata = Bytes::copy_from_slice(&version.to_le_bytes());
            let mut writer = self.store.begin(&key(&name), class(number), metadata)?;
            for start in (0..body.len()).step_by(CHUNK_BYTES) {
                let end = body.len().min(start + CHUNK_BYTES);
                writer.append(body.slice(start..end))?;
            }
            writer.commit().map(drop)
        };
        while attempt().is_err() {
            pause();
        }
        self.unread.insert(number);
    }

    fn evict(&mut self, number: u64) {
        let name = name(self.writer, number);
        println!("evict {name}");
        self.store.evict(&key(&name));
    }

    fn flush(&mut self) {
        if self.store.flush(PATIENCE) {
            println!("flushed {}", self.writer);
        }
    }

    /// Tells which objects have got to the disk.
    fn look(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime can be made");
        for number in std::mem::take(&mut self.unread) {
            let name = name(self.writer, number);
            let Some(object) = self.store.get(&key(&name)) else {
                continue;
            };
            let chunk = runtime.block_on(object.read(0..1).next());
            let is_stored = chunk.is_ok_and(|chunk| chunk.is_some_and(|it| it.stored.is_some()));
            if let (true, Some(version)) = (is_stored, object.metadata().first_chunk()) {
                println!("written {name} {}", u64::from_le_bytes(*version));
            }
        }
    }
}

fn key(name: &str) -> Key {
    Key::new(name).expect("short and printable")
}

/// Objects of all classes meet.
fn class(number: u64) -> Class {
    if number.is_multiple_of(3) {
        Class::Live
    } else {
        Class::High
    }
}

fn pause() {
    let clock = linux::Clock::new();
    clock.sleep_until(clock.monotonic() + Duration::from_micros(500));
}
