//! Tests of the engine through the public interface.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use weir_hal::sim;

use crate::{Class, Config, Error, Key, Object, Pin, Store};

const MEBIBYTE: u64 = 1 << 20;
/// Longer than any act on a simulated disk can take.
const PATIENCE: Duration = Duration::from_secs(30);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn config() -> Config {
    Config {
        path: "/cache".into(),
        bytes_max: 64 * MEBIBYTE,
        memory_bytes_max: 16 << 20,
    }
}

fn open(disk: &sim::Disk) -> Store {
    Store::open(Arc::new(disk.clone()), &config()).unwrap()
}

fn put(store: &Store, name: &str, body: &[u8]) -> Pin {
    let mut writer = store.begin(&key(name), Class::High, Bytes::new()).unwrap();
    writer.append(Bytes::copy_from_slice(body)).unwrap();
    writer.commit().unwrap()
}

async fn read(object: &Object) -> Result<Vec<u8>, Error> {
    let mut reader = object.read(0..u64::MAX);
    let mut body = Vec::new();
    while let Some(chunk) = reader.next().await? {
        body.extend_from_slice(&chunk.bytes);
    }
    Ok(body)
}

#[test]
fn an_object_is_read_from_memory_from_disk_and_after_a_start() {
    let disk = sim::Disk::new(1);
    let body: Vec<u8> = (0..700_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let store = open(&disk);
    drop(put(&store, "/a", &body));
    let object = store.get(&key("/a")).unwrap();
    assert_eq!(runtime().block_on(read(&object)).unwrap(), body);
    assert!(store.flush(PATIENCE));
    assert_eq!(store.counters().memory_bytes, 0);
    assert_eq!(runtime().block_on(read(&object)).unwrap(), body);
    drop(store);
    let store = open(&disk);
    let object = store.get(&key("/a")).unwrap();
    assert_eq!(runtime().block_on(read(&object)).unwrap(), body);
    assert!(Path::new("/cache").is_absolute());
}
