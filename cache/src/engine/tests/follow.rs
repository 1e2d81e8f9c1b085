//! Reading while writing, and reading parts.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use super::*;

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn store() -> Store {
    open(&sim::Disk::new(1), &config())
}

fn begin(store: &Store, name: &str) -> crate::Writer {
    let metadata = Bytes::from_static(b"metadata");
    store.begin(&key(name), Class::Live, metadata).unwrap()
}

#[test]
fn a_reader_follows_the_writer_to_the_end() {
    let store = store();
    let mut writer = begin(&store, "/a");
    let object = store.get(&key("/a")).unwrap();
    assert_eq!(object.metadata(), "metadata");
    assert_eq!(object.bytes(), None);
    let mut reader = object.read(0..u64::MAX);
    assert!(poll(reader.next()).is_pending());
    writer.append(Bytes::from_static(b"one ")).unwrap();
    let Poll::Ready(Ok(Some(chunk))) = poll(reader.next()) else {
        panic!("the first chunk is there");
    };
    assert_eq!(chunk.bytes, "one ");
    assert!(poll(reader.next()).is_pending());
    writer.append(Bytes::from_static(b"two")).unwrap();
    let pin = writer.commit().unwrap();
    assert_eq!(pin.bytes(), 7);
    assert_eq!(object.bytes(), Some(7));
    assert_eq!(run(rest(&mut reader)).unwrap(), b"two");
}

#[test]
fn who_has_read_the_last_bytes_finds_the_object_complete() {
    let store = store();
    for round in 0..300 {
        let name = format!("/{round}");
        let writer = begin(&store, &name);
        let object = writer.object();
        let reading = thread::spawn({
            let (store, name) = (store.clone(), name.clone());
            move || {
                let mut reader = object.read(0..u64::MAX);
                // The first bytes are the last ones as well.
                let chunk = run(reader.next()).unwrap().unwrap();
                assert_eq!(chunk.bytes, "last");
                store.get(&key(&name)).and_then(|found| found.bytes())
            }
        });
        let last = Bytes::from_static(b"last");
        let pin = run(writer.commit_within(last, Duration::from_secs(10))).unwrap();
        assert_eq!(reading.join().unwrap(), Some(4));
        drop(pin);
        assert!(store.evict(&key(&name)));
    }
}

#[test]
fn a_waiting_reader_is_woken() {
    let store = store();
    let mut writer = begin(&store, "/a");
    let object = store.get(&key("/a")).unwrap();
    let write = async {
        for part in ["x", "y", "z"] {
            tokio::task::yield_now().await;
            writer.append(Bytes::from_static(part.as_bytes())).unwrap();
        }
        tokio::task::yield_now().await;
        writer.commit().unwrap()
    };
    let (mut first, mut second) = (object.read(0..u64::MAX), object.read(1..2));
    let (all, middle, _pin) =
        run(async { tokio::join!(rest(&mut first), rest(&mut second), write) });
    assert_eq!(all.unwrap(), b"xyz");
    assert_eq!(middle.unwrap(), b"y");
}

#[test]
fn readers_on_other_threads_miss_nothing() {
    let store = store();
    let object = body(8, 200_000);
    let runtime = Builder::new_multi_thread().worker_threads(3).build();
    let runtime = runtime.unwrap();
    for round in 0..20 {
        let mut writer = begin(&store, &format!("/{round}"));
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let found = store.get(&key(&format!("/{round}"))).unwrap();
                runtime.spawn(async move { rest(&mut found.read(0..u64::MAX)).await })
            })
            .collect();
        for chunk in object.chunks(1_316) {
            writer.append(Bytes::copy_from_slice(chunk)).unwrap();
        }
        drop(writer.commit().unwrap());
        for reader in readers {
            assert!(runtime.block_on(reader).unwrap().unwrap() == object);
        }
    }
}

#[test]
fn readers_learn_that_the_writer_gave_up() {
    let store = store();
    for is_explicit in [true, false] {
        let mut writer = begin(&store, "/a");
        writer.append(Bytes::from_static(b"begun")).unwrap();
        let object = store.get(&key("/a")).unwrap();
        let mut reader = object.read(0..u64::MAX);
        assert_eq!(run(reader.next()).unwrap().unwrap().bytes, "begun");
        if is_explicit {
            writer.abort();
        } else {
            drop(writer);
        }
        assert!(matches!(run(reader.next()), Err(Error::Aborted)));
        assert!(store.get(&key("/a")).is_none());
        assert_eq!(object.bytes(), None);
    }
    assert_eq!(store.counters().aborts, 2);
    assert_eq!(store.counters().memory_bytes, 0);
}

#[test]
fn a_reader_that_began_in_memory_ends_on_disk_without_a_seam() {
    let store = store();
    let body = body(3, 1_000_003);
    let pin = put(&store, "/a", Class::Live, &body);
    let object = store.get(pin.key()).unwrap();
    let mut reader = object.read(0..u64::MAX);
    let mut seen = run(reader.next()).unwrap().unwrap().bytes.to_vec();
    assert!(store.flush(PATIENCE));
    assert_eq!(store.counters().memory_bytes, 0);
    let second = run(reader.next()).unwrap().unwrap();
    assert!(second.stored.is_some(), "it has moved to disk");
    seen.extend_from_slice(&second.bytes);
    seen.extend(run(rest(&mut reader)).unwrap());
    assert_eq!(seen, body);
}

#[test]
fn ranges_are_the_same_from_memory_and_from_disk() {
    const PIECE: u64 = 256 * 1024;
    let body = body(5, 600_000);
    let ranges = [
        0..u64::MAX,
        0..1,
        0..600_000,
        599_999..600_000,
        PIECE - 1..PIECE + 1,
        PIECE..2 * PIECE,
        123_456..567_890,
        7..7,
        600_000..u64::MAX,
        900_000..900_001,
    ];
    let store = store();
    let pin = put(&store, "/a", Class::Live, &body);
    for is_on_disk in [false, true] {
        if is_on_disk {
            assert!(store.flush(PATIENCE));
        }
        let object = store.get(pin.key()).unwrap();
        for range in ranges.clone() {
            let seen = run(rest(&mut object.read(range.clone()))).unwrap();
            let clip = |offset: u64| usize::try_from(offset.min(600_000)).unwrap();
            assert!(
                seen == body[clip(range.start)..clip(range.end)],
                "{range:?}"
            );
        }
    }
    #[expect(
        clippy::reversed_empty_ranges,
        reason = "what a hostile request may ask for"
    )]
    let backwards = 5..2;
    let object = store.get(pin.key()).unwrap();
    assert!(run(object.read(backwards).next()).unwrap().is_none());
}

#[test]
fn a_stored_range_tells_where_the_same_bytes_lie() {
    let store = store();
    settle(&store, "/a", Class::Low, &body(1, 300_000));
    let object = store.get(&key("/a")).unwrap();
    let chunk = run(object.read(299_000..u64::MAX).next()).unwrap().unwrap();
    let stored = chunk.stored.unwrap();
    assert_eq!(stored.bytes, 1_000);
    let mut bytes = vec![0; 1_000];
    stored.file.read_at(&mut bytes, stored.offset).unwrap();
    assert_eq!(chunk.bytes, bytes);
}

#[test]
fn a_cancelled_read_loses_nothing() {
    let store = store();
    let body = body(9, 700_000);
    settle(&store, "/a", Class::Low, &body);
    let mut reader = store.get(&key("/a")).unwrap().read(0..u64::MAX);
    let seen = run(async {
        let mut seen = Vec::new();
        loop {
            // Each read is begun and dropped once, unless the disk is quicker than the drop.
            let chunk = match poll(reader.next()) {
                Poll::Ready(chunk) => chunk,
                Poll::Pending => reader.next().await,
            };
            match chunk.unwrap() {
                Some(chunk) => seen.extend_from_slice(&chunk.bytes),
                None => return seen,
            }
        }
    });
    assert!(seen == body);
}

#[test]
fn the_complete_object_is_found_until_the_new_one_is_committed() {
    let store = store();
    settle(&store, "/a", Class::Live, b"old");
    let old = store.get(&key("/a")).unwrap();
    let mut writer = begin(&store, "/a");
    writer.append(Bytes::from_static(b"new")).unwrap();
    assert_eq!(read_key(&store, "/a").unwrap().unwrap(), b"old");
    drop(writer.commit().unwrap());
    assert_eq!(read_key(&store, "/a").unwrap().unwrap(), b"new");
    assert!(store.flush(PATIENCE));
    assert_eq!(read_key(&store, "/a").unwrap().unwrap(), b"new");
    assert_eq!(
        read(&old).unwrap(),
        b"old",
        "whoever had the old one keeps it"
    );
    assert_eq!(store.keys(""), [key("/a")]);
}

#[test]
fn an_evicted_object_is_read_to_its_end_by_who_has_it() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    let body = body(2, 600_000);
    settle(&store, "/a", Class::Low, &body);
    let object = store.get(&key("/a")).unwrap();
    assert!(store.evict(&key("/a")));
    assert!(store.get(&key("/a")).is_none());
    assert!(read(&object).unwrap() == body);
    drop(object);
    assert!(!store.evict(&key("/a")), "it has gone");
}

#[test]
fn an_empty_object_is_an_object() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/empty", Class::Low, b"");
    drop(store);
    let store = open(&disk, &config());
    assert_eq!(store.get(&key("/empty")).unwrap().bytes(), Some(0));
    assert_eq!(read_key(&store, "/empty").unwrap().unwrap(), b"");
}
