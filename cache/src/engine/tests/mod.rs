//! The engine, met through the public interface, on a simulated disk.

/// The acts that a disk made of another one leaves to it, all but `open` and `create_directory`.
macro_rules! left_to {
    ($disk:ident) => {
        fn kind(&self, path: &std::path::Path) -> Result<weir_hal::FileKind, weir_hal::Error> {
            self.$disk.kind(path)
        }

        fn list(
            &self,
            path: &std::path::Path,
        ) -> Result<Vec<weir_hal::DirectoryEntry>, weir_hal::Error> {
            self.$disk.list(path)
        }

        fn rename(
            &self,
            from: &std::path::Path,
            to: &std::path::Path,
        ) -> Result<(), weir_hal::Error> {
            self.$disk.rename(from, to)
        }

        fn remove(&self, path: &std::path::Path) -> Result<(), weir_hal::Error> {
            self.$disk.remove(path)
        }

        fn remove_directory(&self, path: &std::path::Path) -> Result<(), weir_hal::Error> {
            self.$disk.remove_directory(path)
        }

        fn sync_directory(&self, path: &std::path::Path) -> Result<(), weir_hal::Error> {
            self.$disk.sync_directory(path)
        }

        fn usage(&self, path: &std::path::Path) -> Result<weir_hal::DiskUsage, weir_hal::Error> {
            self.$disk.usage(path)
        }
    };
}

mod bad_pages;
mod bound;
mod classes;
mod crowd;
mod faults;
mod faulty;
mod follow;
mod forbidding;
mod hostile;
mod inspection;
mod memory;
mod model;
mod mutated;
mod open;
mod paced;
mod parts;
mod power;
mod reading;
mod room;
mod scrub;
mod storm;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::runtime::Builder;
use weir_hal::{Clock, Disk, sim};

use crate::{Class, Config, Error, Key, Object, Pin, Reader, Store};

/// Longer than any act on a simulated disk takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const KIBIBYTE: u64 = 1024;
const PAGE: u64 = 4 * KIBIBYTE;
/// Bytes of a small region.
const REGION: u64 = 64 * KIBIBYTE;

/// A store with room for all that a test writes, unless the test says otherwise.
fn config() -> Config {
    Config {
        path: "/cache".into(),
        bytes_max: 32 * KIBIBYTE * KIBIBYTE,
        memory_bytes_max: 16 << 20,
        ..Config::default()
    }
}

/// A store of a few regions of 64 KiB.
fn config_with_regions(regions: u64) -> Config {
    Config {
        bytes_max: 2 * PAGE + (16 * PAGE + regions * REGION),
        region_bytes: Some(REGION),
        ..config()
    }
}

/// A store of a few regions of 16 KiB, in which a part has at most a page.
fn config_of_parts(regions: u64) -> Config {
    let spans = regions.div_ceil(16);
    Config {
        bytes_max: 2 * PAGE + spans * 16 * PAGE + regions * 16 * KIBIBYTE,
        region_bytes: Some(16 * KIBIBYTE),
        ..config()
    }
}

fn open(disk: &sim::Disk, config: &Config) -> Store {
    open_at(disk, clock(), config)
}

/// The same with a clock of the test's own.
fn open_at(disk: &sim::Disk, clock: Arc<dyn Clock>, config: &Config) -> Store {
    let store = Store::open(Arc::new(disk.clone()), clock, config);
    store.unwrap_or_else(|error| panic!("{error:?} on {disk:?}"))
}

/// A clock that stands still.
fn clock() -> Arc<dyn Clock> {
    Arc::new(sim::Clock::manual())
}

/// A clock and a store that has it.
fn open_timed(disk: &sim::Disk, config: &Config) -> (Arc<sim::Clock>, Store) {
    let clock = Arc::new(sim::Clock::manual());
    let of_store: Arc<dyn Clock> = Arc::<sim::Clock>::clone(&clock);
    (clock, open_at(disk, of_store, config))
}

/// Longer than a piece is believed to be in memory because it was a while ago.
const MOMENT: Duration = Duration::from_millis(300);

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

/// A body that differs from all others of another salt, and at every offset from itself.
fn body(salt: u8, bytes: usize) -> Vec<u8> {
    let mixed = |index: usize| index.wrapping_mul(0x9e37_79b9) >> 13;
    (0..bytes)
        .map(|index| mixed(index).to_le_bytes()[0] ^ salt)
        .collect()
}

fn put(store: &Store, name: &str, class: Class, body: &[u8]) -> Pin {
    let mut writer = store.begin(&key(name), class, Bytes::new()).unwrap();
    for chunk in body.chunks(100_000) {
        writer.append(Bytes::copy_from_slice(chunk)).unwrap();
    }
    writer.commit().unwrap()
}

/// Puts an object on disk and leaves it unprotected.
fn settle(store: &Store, name: &str, class: Class, body: &[u8]) {
    drop(put(store, name, class, body));
    assert!(store.flush(PATIENCE), "{name} does not reach the disk");
}

/// Gives way to other threads until a claim about the store holds.
fn wait_until(holds: impl Fn() -> bool) {
    let is_met = (0..u32::MAX).any(|_| {
        std::thread::yield_now();
        holds()
    });
    assert!(is_met, "it never holds");
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(future)
}

async fn rest(reader: &mut Reader) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = reader.next().await? {
        assert!((1..=256 * 1024).contains(&chunk.bytes.len()));
        body.extend_from_slice(&chunk.bytes);
    }
    Ok(body)
}

fn read(object: &Object) -> Result<Vec<u8>, Error> {
    run(rest(&mut object.read(0..u64::MAX)))
}

fn read_key(store: &Store, name: &str) -> Option<Result<Vec<u8>, Error>> {
    store.get(&key(name)).map(|object| read(&object))
}

fn names(store: &Store) -> Vec<String> {
    let keys = store.keys("");
    keys.iter().map(ToString::to_string).collect()
}

/// The one file of the store.
fn file() -> PathBuf {
    "/cache/store".into()
}

/// Where in its file the body of an object begins.
fn body_offset(store: &Store, name: &str) -> u64 {
    let object = store.get(&key(name)).unwrap();
    let chunk = run(object.read(0..u64::MAX).next()).unwrap().unwrap();
    chunk.stored.expect("it is on disk").offset
}

/// All bytes of the store.
fn image(disk: &sim::Disk) -> Vec<u8> {
    let file = disk.open(&file(), weir_hal::Access::Read).unwrap();
    let mut image = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
    file.read_at(&mut image, 0).unwrap();
    image
}

/// A disk with nothing but a store of these bytes.
fn disk_of(image: &[u8]) -> sim::Disk {
    let disk = sim::Disk::new(2);
    disk.create_directory(Path::new("/cache")).unwrap();
    let file = disk.open(&file(), weir_hal::Access::Create).unwrap();
    file.write_at(image, 0).unwrap();
    file.sync().unwrap();
    for directory in ["/", "/cache"] {
        disk.sync_directory(Path::new(directory)).unwrap();
    }
    disk
}
