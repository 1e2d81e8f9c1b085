//! A cache that holds objects before anybody has started.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use weir_cache::{Class, Config, Key, Store};
use weir_hal::linux;

/// Longest wait for the disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes `directory/cache`, as a [`Daemon`](crate::daemon::Daemon) takes it, with `objects` in it.
pub fn fill(directory: &Path, objects: &[(&str, &[u8])]) {
    let config = Config {
        path: directory.join("cache"),
        bytes_max: 1 << 30,
        memory_bytes_max: 64 << 20,
        ..Config::default()
    };
    let disk = Arc::new(linux::Disk::new());
    let clock = Arc::new(linux::Clock::new());
    let store = Store::open(disk, clock, &config).expect("the cache can be made");
    for (path, bytes) in objects {
        let key = Key::new(path).expect("a path is a key");
        let writer = store.begin(&key, Class::Live, Bytes::new());
        let mut writer = writer.expect("there is room");
        let appended = writer.append(Bytes::copy_from_slice(bytes));
        appended.expect("there is room");
        drop(writer.commit().expect("there is room"));
    }
    assert!(store.flush(PATIENCE), "the disk takes what is written");
}

/// So many bytes that differ from place to place.
pub fn bytes(count: usize) -> Vec<u8> {
    (0_u64..).flat_map(u64::to_le_bytes).take(count).collect()
}
