//! What is read from where: memory, the page cache, or the device.

use std::{
    pin::{Pin as Pinned, pin},
    task::{Context, Poll, Waker},
};

use super::*;

const PIECE: usize = 256 * 1024;

/// A store in which no object of these tests is so long that it is written in parts.
fn config() -> Config {
    Config {
        bytes_max: 128 << 20,
        ..super::config()
    }
}

fn poll<T>(future: Pinned<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A store that was opened again, so that nothing of its objects is in memory.
fn store_of(disk: &sim::Disk, objects: &[(&str, usize)]) -> Store {
    let store = open(disk, &config());
    for (salt, (name, bytes)) in (1..).zip(objects) {
        settle(&store, name, Class::Low, &body(salt, *bytes));
    }
    drop(store);
    let store = open(disk, &config());
    disk.forget();
    store
}

#[test]
fn what_was_written_in_this_run_is_given_without_a_read() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/a", Class::Low, &body(1, 3 * PIECE));
    let before = disk.bytes_read();
    disk.hang();
    assert!(read_key(&store, "/a").unwrap().unwrap() == body(1, 3 * PIECE));
    assert_eq!(disk.bytes_read(), before);
    assert_eq!(store.counters().pieces_warm, 3);
    assert_eq!(store.counters().pieces_cold, 0);
}

#[test]
fn a_cold_piece_is_read_once_and_then_warm() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", PIECE)]);
    let object = store.get(&key("/a")).unwrap();
    let before = disk.bytes_read();
    for _ in 0..3 {
        assert!(read(&object).unwrap() == body(1, PIECE));
    }
    assert_eq!(disk.bytes_read() - before, PIECE as u64);
    let counters = store.counters();
    assert_eq!((counters.pieces_cold, counters.pieces_warm), (1, 2));
}

#[test]
fn rot_under_a_cold_page_is_found_before_its_piece_leaves() {
    let disk = sim::Disk::new(1);
    let (clock, store) = open_timed(&disk, &config());
    settle(&store, "/a", Class::Low, &body(1, 2 * PIECE));
    let rotten = usize::try_from(body_offset(&store, "/a")).unwrap() + PIECE + 7;
    let object = store.get(&key("/a")).unwrap();
    assert!(read(&object).is_ok(), "what is in memory is as it was");
    disk.forget();
    clock.advance(MOMENT);
    assert!(disk.rot(&file(), rotten));
    let mut reader = object.read(0..u64::MAX);
    let first = run(reader.next()).unwrap().unwrap();
    assert!(first.bytes == body(1, 2 * PIECE)[..PIECE]);
    assert!(matches!(run(reader.next()), Err(Error::Damaged { .. })));
    assert!(store.get(&key("/a")).is_none());
    assert_eq!(store.counters().read_errors, 1);
}

#[test]
fn warm_pieces_are_given_as_one_up_to_a_cold_one() {
    let disk = sim::Disk::new(1);
    let long = Config {
        bytes_max: 256 << 20,
        memory_bytes_max: 64 << 20,
        ..config()
    };
    let (clock, store) = open_timed(&disk, &long);
    settle(&store, "/a", Class::Low, &body(1, 12 * PIECE));
    let begin = body_offset(&store, "/a");
    let object = store.get(&key("/a")).unwrap();
    let chunks = |from: u64| {
        let mut reader = object.read_runs(from..u64::MAX);
        let chunks = std::iter::from_fn(|| run(reader.next()).unwrap());
        let bytes: Vec<usize> = chunks.map(|chunk| chunk.bytes.len()).collect();
        bytes
    };
    assert_eq!(chunks(0), [8 * PIECE, 4 * PIECE]);
    assert_eq!(chunks(5), [8 * PIECE - 5, 4 * PIECE]);
    clock.advance(MOMENT);
    let on_disk = disk.open(&file(), weir_hal::Access::Read).unwrap();
    on_disk.forget(begin + 2 * PIECE as u64 + 2 * PAGE, PAGE);
    assert_eq!(chunks(0), [2 * PIECE, PIECE, 8 * PIECE, PIECE]);
    assert_eq!(store.counters().pieces_cold, 1);
}

#[test]
fn what_a_start_finds_in_memory_is_compared_all_the_same() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/a", Class::Low, &body(1, PIECE));
    let rotten = usize::try_from(body_offset(&store, "/a")).unwrap() + 9_000;
    drop(store);
    assert!(disk.rot(&file(), rotten));
    // Another process reads the whole file.
    image(&disk);
    let store = open(&disk, &config());
    let damaged = read_key(&store, "/a").unwrap();
    assert!(matches!(damaged, Err(Error::Damaged { .. })));
}

#[test]
fn the_page_that_two_pieces_share_does_not_vouch_for_the_second() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", PIECE + 10)]);
    let rotten = usize::try_from(body_offset(&store, "/a")).unwrap() + PIECE + 3;
    assert!(disk.rot(&file(), rotten));
    let object = store.get(&key("/a")).unwrap();
    // The first piece brings the only page of the second into memory.
    let mut first = object.read(0..PIECE as u64);
    assert!(run(first.next()).unwrap().is_some());
    let mut second = object.read(PIECE as u64..u64::MAX);
    assert!(matches!(run(second.next()), Err(Error::Damaged { .. })));
}

#[test]
fn two_readers_of_one_cold_piece_cost_one_read() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", PIECE)]);
    let object = store.get(&key("/a")).unwrap();
    let before = disk.bytes_read();
    disk.hang();
    run(async {
        let (mut first, mut second) = (object.read(0..u64::MAX), object.read(0..u64::MAX));
        let (mut first, mut second) = (pin!(first.next()), pin!(second.next()));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        disk.resume();
        let (first, second) = tokio::join!(first, second);
        assert!(first.unwrap().unwrap().bytes == second.unwrap().unwrap().bytes);
    });
    assert_eq!(disk.bytes_read() - before, PIECE as u64);
}

#[test]
fn a_cold_reader_who_gives_up_leaves_the_piece_to_the_next() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", PIECE)]);
    let object = store.get(&key("/a")).unwrap();
    let before = disk.bytes_read();
    disk.hang();
    run(async {
        let mut first = object.read(0..u64::MAX);
        assert!(poll(pin!(first.next())).is_pending());
        disk.resume();
        assert!(first.next().await.unwrap().is_some());
    });
    assert_eq!(disk.bytes_read() - before, PIECE as u64);
}

#[test]
fn whoever_reads_on_finds_the_next_piece_read_ahead_and_no_byte_read_twice() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", 4 * PIECE)]);
    let object = store.get(&key("/a")).unwrap();
    let before = disk.bytes_read();
    assert!(read(&object).unwrap() == body(1, 4 * PIECE));
    assert_eq!(disk.bytes_read() - before, 4 * PIECE as u64);
    let ahead = store.counters().pieces_ahead;
    assert!((1..4).contains(&ahead), "{ahead} were read ahead");
}

#[test]
fn nothing_is_read_ahead_beyond_the_range() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", 4 * PIECE)]);
    let object = store.get(&key("/a")).unwrap();
    let before = disk.bytes_read();
    run(rest(&mut object.read(0..PIECE as u64))).unwrap();
    assert_eq!(disk.bytes_read() - before, PIECE as u64);
    assert_eq!(store.counters().pieces_ahead, 0);
}

#[test]
fn whatever_changes_what_is_found_is_told() {
    let disk = sim::Disk::new(1);
    let mut config = config();
    config.classes.low.ttl = Some(Duration::from_mins(1));
    let (clock, store) = open_timed(&disk, &config);
    let mut changes = store.changes();
    let mut is_told = |what| {
        assert!(!store.is_unchanged_since(changes), "{what}");
        changes = store.changes();
    };
    drop(put(&store, "/a", Class::Low, &body(1, 5_000)));
    is_told("a new object");
    drop(put(&store, "/a", Class::Low, &body(2, 5_000)));
    is_told("another in its place");
    assert!(store.evict(&key("/a")));
    is_told("none in its place");
    let writer = store.begin(&key("/b"), Class::Low, Bytes::new()).unwrap();
    is_told("one that grows");
    drop(writer);
    is_told("one that was given up");
    settle(&store, "/c", Class::Low, &body(1, 5_000));
    is_told("one on disk");
    clock.advance(Duration::from_secs(62));
    assert!(store.get(&key("/c")).is_none());
    is_told("one too old");
}

#[test]
fn a_find_that_waits_for_the_disk_keeps_no_other_waiting() {
    let disk = sim::Disk::new(1);
    let large = 2 * PIECE;
    let store = store_of(
        &disk,
        &[("/hot", large), ("/cold", large), ("/small", 9_000)],
    );
    for name in ["/hot", "/small"] {
        read_key(&store, name).unwrap().unwrap();
    }
    disk.hang();
    // One thread does all: if a find waited on it, nothing would ever go on.
    run(async {
        let cold = key("/cold");
        let (mut first, mut second) = (pin!(store.find(&cold)), pin!(store.find(&cold)));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        let hot = store.find(&key("/hot")).await.unwrap();
        assert!(rest(&mut hot.read(0..u64::MAX)).await.unwrap() == body(1, large));
        let small = store.find(&key("/small")).await.unwrap();
        assert!(rest(&mut small.read(0..u64::MAX)).await.unwrap() == body(3, 9_000));
        assert!(store.find(&key("/none")).await.is_none());
        assert!(poll(first.as_mut()).is_pending());
        disk.resume();
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first.unwrap().bytes(), Some(large as u64));
        assert_eq!(second.unwrap().bytes(), Some(large as u64));
    });
}

#[test]
fn a_found_object_is_pinned_without_a_look_at_the_disk() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", 20_000)]);
    let object = run(store.find(&key("/a"))).unwrap();
    disk.hang();
    let pin = object.pin().unwrap();
    assert!(!store.evict(&key("/a")));
    drop(pin);
    assert!(store.evict(&key("/a")));
    assert!(object.pin().is_none(), "it has gone");
}

#[test]
fn more_cold_reads_than_readers_are_all_served() {
    let disk = sim::Disk::new(1);
    let names: Vec<String> = (0..12).map(|number| format!("/{number}")).collect();
    let objects: Vec<(&str, usize)> = names.iter().map(|name| (&**name, 70_000)).collect();
    let store = store_of(&disk, &objects);
    disk.hang();
    let runtime = Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.unwrap();
    let readers: Vec<_> = names
        .iter()
        .map(|name| {
            let (store, key) = (store.clone(), key(name));
            runtime.spawn(async move {
                let object = store.find(&key).await.unwrap();
                rest(&mut object.read(0..u64::MAX)).await.unwrap()
            })
        })
        .collect();
    disk.resume();
    for (salt, reader) in (1..).zip(readers) {
        assert!(runtime.block_on(reader).unwrap() == body(salt, 70_000));
    }
}

#[test]
fn a_view_alone_keeps_its_region_from_being_written_over() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config_with_regions(8));
    settle(&store, "/slow", Class::Low, &body(1, 40_000));
    let object = store.get(&key("/slow")).unwrap();
    let chunk = run(object.read(0..u64::MAX).next()).unwrap().unwrap();
    let offset = chunk.stored.expect("it is on disk").offset;
    // All that is left is a part of the view, as in the queue of a slow client.
    let view = chunk.bytes.slice(5_000..15_000);
    drop((chunk.bytes, object));
    for number in 0..60 {
        settle(&store, &format!("/{number}"), Class::Low, &body(2, 40_000));
    }
    let image = image(&disk);
    let there = usize::try_from(offset).unwrap() + 5_000;
    assert!(image[there..there + 10_000] == view[..], "written over");
    drop(view);
    for number in 0..60 {
        settle(&store, &format!("/{number}"), Class::Low, &body(3, 40_000));
    }
    assert!(store.get(&key("/slow")).is_none());
    assert_eq!(store.counters().refused_no_space, 0);
}

#[test]
fn a_copy_is_the_same_and_has_no_place_on_disk() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/a", 2 * PIECE + 5), ("/small", 5_000)]);
    for (salt, name, bytes) in [(1, "/a", 2 * PIECE + 5), (2, "/small", 5_000)] {
        let object = store.get(&key(name)).unwrap();
        for _ in 0..2 {
            let mut copies = object.read_copy(0..u64::MAX);
            let first = run(copies.next()).unwrap().unwrap();
            assert!(first.stored.is_none());
            let mut all = first.bytes.to_vec();
            all.extend(run(rest(&mut copies)).unwrap());
            assert!(all == body(salt, bytes), "{name}");
        }
    }
}

#[test]
fn a_small_object_is_served_from_memory_from_its_commit_on() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/small", Class::Live, &body(1, 16_000));
    disk.forget();
    disk.hang();
    assert!(read_key(&store, "/small").unwrap().unwrap() == body(1, 16_000));
    assert!(store.counters().hot_bytes > 16_000);
}

#[test]
fn a_small_object_costs_one_read_when_it_is_cold() {
    let disk = sim::Disk::new(1);
    let store = store_of(&disk, &[("/small", 9_000)]);
    let before = disk.bytes_read();
    assert!(read_key(&store, "/small").unwrap().unwrap() == body(1, 9_000));
    assert_eq!(disk.bytes_read() - before, 3 * PAGE, "its three pages");
    disk.hang();
    assert!(read_key(&store, "/small").unwrap().unwrap() == body(1, 9_000));
}

#[test]
fn rot_in_a_small_object_is_found() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/small", Class::Low, &body(1, 9_000));
    drop(store);
    let store = {
        let whole = image(&disk);
        let needle = &body(1, 9_000)[..64];
        let found = whole.windows(64).position(|window| window == needle);
        assert!(disk.rot(&file(), found.unwrap() + 5_000));
        open(&disk, &config())
    };
    let damaged = read_key(&store, "/small").unwrap();
    assert!(matches!(damaged, Err(Error::Damaged { .. })));
    assert!(store.get(&key("/small")).is_none());
}

#[test]
fn what_is_kept_at_hand_is_bounded_and_what_was_used_last_stays() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    let bytes_max = store.counters().hot_bytes_max;
    assert_eq!(bytes_max, 2 << 20, "an eighth of the memory");
    for number in 0..400 {
        settle(&store, &format!("/{number}"), Class::Low, &body(1, 12_000));
        read_key(&store, "/0").unwrap().unwrap();
        assert!(store.counters().hot_bytes <= bytes_max);
    }
    let evictions = store.counters().hot_evictions;
    assert!((200..300).contains(&evictions), "{evictions} evictions");
    disk.forget();
    let before = disk.bytes_read();
    read_key(&store, "/0").unwrap().unwrap();
    assert_eq!(disk.bytes_read(), before, "used all the time");
    assert!(read_key(&store, "/1").unwrap().unwrap() == body(1, 12_000));
    assert!(disk.bytes_read() > before, "not used for long");
}
