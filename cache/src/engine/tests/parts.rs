//! Objects of several records: long ones, and those that grow while memory is short.

use super::{paced::Paced, *};
use crate::Writer;

const MEBIBYTE: u64 = 1 << 20;

/// Room for a hundred and twenty parts of up to 4 KiB, in 40 regions.
fn small() -> Config {
    config_of_parts(40)
}

/// A store in which parts have up to 32 KiB: more than is kept in memory beside the disk.
fn large() -> Config {
    Config {
        bytes_max: 4 * MEBIBYTE,
        region_bytes: Some(2 * REGION),
        ..config()
    }
}

/// Where in its file a byte of an object lies.
fn offset_of(object: &Object, offset: u64) -> usize {
    let chunk = run(object.read(offset..offset + 1).next());
    let stored = chunk.unwrap().unwrap().stored.expect("it is on disk");
    usize::try_from(stored.offset).unwrap()
}

fn begin(store: &Store, name: &str) -> Writer {
    let metadata = Bytes::from_static(b"metadata");
    store.begin(&key(name), Class::High, metadata).unwrap()
}

/// Appends, and waits until the disk has what it was given.
fn append_settled(store: &Store, writer: &mut Writer, bytes: &[u8]) {
    for chunk in bytes.chunks(1_000) {
        writer.append(Bytes::copy_from_slice(chunk)).unwrap();
        assert!(store.flush(PATIENCE));
    }
}

#[test]
fn an_object_longer_than_a_region_is_kept_in_parts() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &small());
    let object = body(1, 60_000);
    settle(&store, "/a", Class::Low, &object);
    let counters = store.counters();
    assert_eq!((counters.objects, counters.commits), (1, 1));
    assert_eq!(counters.parts_written, 14);
    assert_eq!(counters.bytes_admitted, 60_000);
    assert_eq!(counters.memory_bytes, 0);
    assert_eq!(names(&store), ["/a"]);
    drop(store);
    let store = open(&disk, &small());
    let counters = store.counters();
    assert_eq!(
        (counters.objects, counters.recovered, counters.discarded),
        (1, 1, 0)
    );
    assert_eq!(store.get(&key("/a")).unwrap().bytes(), Some(60_000));
    assert!(read_key(&store, "/a").unwrap().unwrap() == object);
}

#[test]
fn ranges_do_not_show_the_seams() {
    let store = open(&sim::Disk::new(1), &small());
    let object = body(1, 30_000);
    settle(&store, "/a", Class::Low, &object);
    let found = store.get(&key("/a")).unwrap();
    for start in (0..30_000)
        .step_by(911)
        .chain([4_095, 4_096, 4_097, 29_999])
    {
        for end in [start + 1, start + 5_000, 30_000, 40_000] {
            let seen = run(rest(&mut found.read(start..end))).unwrap();
            let range = usize::try_from(start).unwrap()..usize::try_from(end.min(30_000)).unwrap();
            assert!(seen == object[range], "{start}..{end}");
        }
    }
    assert!(run(found.read(30_000..u64::MAX).next()).unwrap().is_none());
}

#[test]
fn a_stored_range_of_a_part_tells_where_the_same_bytes_lie() {
    let store = open(&sim::Disk::new(1), &large());
    let object = body(1, 120_000);
    settle(&store, "/a", Class::Low, &object);
    let found = store.get(&key("/a")).unwrap();
    for start in [0, 32_767, 32_768, 70_000, 118_000] {
        let chunk = run(found.read(start..start + 1_000).next())
            .unwrap()
            .unwrap();
        let stored = chunk.stored.unwrap();
        let mut bytes = vec![0; usize::try_from(stored.bytes).unwrap()];
        stored.file.read_at(&mut bytes, stored.offset).unwrap();
        let start = usize::try_from(start).unwrap();
        assert!(bytes == chunk.bytes && bytes == object[start..start + bytes.len()]);
    }
}

#[test]
fn a_growing_object_is_read_from_its_first_byte_while_its_parts_go_to_disk() {
    let store = open(&sim::Disk::new(1), &small());
    let object = body(1, 40_000);
    let mut writer = begin(&store, "/a");
    let (first, second) = object.split_at(25_000);
    append_settled(&store, &mut writer, first);
    assert!(store.counters().parts_written >= 5);
    let held = store.counters().memory_bytes;
    assert!(held < 10_000, "{held} bytes in memory");
    let found = store.get(&key("/a")).unwrap();
    assert_eq!(
        (found.bytes(), found.metadata().as_ref()),
        (None, &b"metadata"[..])
    );
    assert!(run(rest(&mut found.read(0..25_000))).unwrap() == first);
    let mut reader = found.read(0..u64::MAX);
    let write = async {
        for chunk in second.chunks(1_000) {
            writer.append(Bytes::copy_from_slice(chunk)).unwrap();
            tokio::task::yield_now().await;
        }
        writer.commit().unwrap()
    };
    let (seen, pin) = run(async { tokio::join!(rest(&mut reader), write) });
    assert!(seen.unwrap() == object);
    assert_eq!(pin.bytes(), 40_000);
    assert!(store.flush(PATIENCE));
    assert_eq!(store.counters().memory_bytes, 0);
    assert!(read(&found).unwrap() == object);
}

#[test]
fn parts_go_with_the_object_that_is_given_up() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &small());
    let mut writer = begin(&store, "/a");
    append_settled(&store, &mut writer, &body(1, 25_000));
    let object = store.get(&key("/a")).unwrap();
    assert!(store.counters().bytes > 0);
    assert_eq!(store.counters().objects, 0, "no part is an object");
    assert!(names(&store).is_empty());
    drop(writer);
    assert!(matches!(read(&object), Err(Error::Aborted)));
    let counters = store.counters();
    assert_eq!((counters.bytes, counters.memory_bytes), (0, 0));
}

#[test]
fn parts_go_with_the_object_that_is_evicted_or_replaced() {
    let store = open(&sim::Disk::new(1), &small());
    settle(&store, "/a", Class::Low, &body(1, 25_000));
    let bytes = store.counters().bytes;
    let former = store.get(&key("/a")).unwrap();
    for salt in 2..20 {
        settle(&store, "/a", Class::Low, &body(salt, 25_000));
        assert!(read_key(&store, "/a").unwrap().unwrap() == body(salt, 25_000));
        // What it replaced goes once it is durable itself.
        assert!(store.flush(PATIENCE));
        assert_eq!(store.counters().bytes, bytes);
    }
    assert!(read(&former).unwrap() == body(1, 25_000));
    assert!(store.evict(&key("/a")));
    assert_eq!(store.counters().bytes, 0);
}

#[test]
fn the_complete_object_stays_whole_while_another_one_of_its_key_grows() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &small());
    let (old, new) = (body(1, 25_000), body(2, 25_000));
    settle(&store, "/a", Class::Low, &old);
    let mut writer = begin(&store, "/a");
    append_settled(&store, &mut writer, &new);
    assert!(read_key(&store, "/a").unwrap().unwrap() == old);
    // At this moment a power cut leaves the old one.
    let after = open(&disk_of(&image(&disk)), &small());
    assert!(read_key(&after, "/a").unwrap().unwrap() == old);
    assert_eq!(after.counters().bytes, 13 * PAGE);
    drop(writer.commit().unwrap());
    assert!(read_key(&store, "/a").unwrap().unwrap() == new);
    assert!(store.flush(PATIENCE));
    assert!(read_key(&store, "/a").unwrap().unwrap() == new);
}

#[test]
fn an_object_that_lost_a_part_is_gone_as_a_whole() {
    let disk = sim::Disk::new(1);
    let (clock, store) = open_timed(&disk, &large());
    settle(&store, "/a", Class::Low, &body(1, 120_000));
    settle(&store, "/b", Class::Low, &body(2, 120_000));
    let object = store.get(&key("/a")).unwrap();
    let offset = offset_of(&object, 40_000);
    disk.forget();
    clock.advance(MOMENT);
    assert!(disk.rot(&file(), offset));
    assert!(matches!(read(&object), Err(Error::Damaged { .. })));
    assert!(store.get(&key("/a")).is_none());
    assert_eq!(
        (names(&store), store.counters().objects),
        (vec!["/b".to_owned()], 1)
    );
    assert!(read_key(&store, "/b").unwrap().unwrap() == body(2, 120_000));
}

#[test]
fn a_start_does_not_read_parts_yet_none_that_is_damaged_is_served() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &large());
    settle(&store, "/a", Class::Low, &body(1, 120_000));
    let page = offset_of(&store.get(&key("/a")).unwrap(), 40_000) / 4096 * 4096;
    drop(store);
    // The header of the second part, from its magic to behind its key.
    for offset in (page - 8192..page - 8192 + 90).chain([page]) {
        let copy = disk_of(&image(&disk));
        assert!(copy.rot(&file(), offset));
        let store = open(&copy, &large());
        let seen = read_key(&store, "/a");
        let is_right = match &seen {
            Some(Ok(seen)) => *seen == body(1, 120_000),
            Some(Err(error)) => matches!(error, Error::Damaged { .. }),
            None => true,
        };
        assert!(is_right, "at {offset}");
        if !matches!(seen, Some(Ok(_))) {
            assert!(store.get(&key("/a")).is_none());
            let counters = store.counters();
            assert_eq!((counters.objects, counters.bytes), (0, 0), "at {offset}");
        }
    }
}

#[test]
fn after_a_power_cut_an_object_is_checked_whole_before_its_first_byte_leaves() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &large());
    settle(&store, "/a", Class::Low, &body(1, 90_000));
    let rotten = [5, 40_000, 70_000, 89_999];
    let object = store.get(&key("/a")).unwrap();
    let offsets = rotten.map(|offset| offset_of(&object, offset));
    let image = image(&disk.power_cut());
    for offset in offsets {
        let copy = disk_of(&image);
        assert!(copy.rot(&file(), offset));
        let store = open(&copy, &large());
        let object = store.get(&key("/a")).unwrap();
        let first = run(object.read(0..10).next());
        assert!(matches!(first, Err(Error::Damaged { .. })), "at {offset}");
        assert!(store.get(&key("/a")).is_none());
        assert_eq!(store.counters().bytes, 0);
    }
    let store = open(&disk_of(&image), &large());
    assert!(read_key(&store, "/a").unwrap().unwrap() == body(1, 90_000));
}

#[test]
fn a_growing_object_whose_part_is_damaged_cannot_be_completed() {
    let disk = sim::Disk::new(1);
    let (clock, store) = open_timed(&disk, &large());
    let mut writer = begin(&store, "/a");
    append_settled(&store, &mut writer, &body(1, 120_000));
    let object = store.get(&key("/a")).unwrap();
    let offset = offset_of(&object, 9_000);
    disk.forget();
    clock.advance(MOMENT);
    assert!(disk.rot(&file(), offset));
    assert!(matches!(read(&object), Err(Error::Damaged { .. })));
    assert!(matches!(read(&object), Err(Error::Aborted)));
    let refused = writer.append(Bytes::from_static(b"more"));
    assert!(matches!(refused, Err(Error::Aborted)));
    drop(writer);
    assert!(store.get(&key("/a")).is_none());
    assert_eq!(
        (store.counters().bytes, store.counters().memory_bytes),
        (0, 0)
    );
}

#[test]
fn all_parts_of_what_is_pinned_are_carried_out_of_regions_that_are_reused() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &small());
    let object = body(1, 25_000);
    settle(&store, "/pinned", Class::Low, &object);
    let pin = store.pin(&key("/pinned")).unwrap();
    for round in 0..60_u8 {
        settle(
            &store,
            &format!("/{round}"),
            Class::Live,
            &body(round, 25_000),
        );
        assert!(
            read_key(&store, "/pinned").unwrap().unwrap() == object,
            "round {round}"
        );
    }
    let counters = store.counters();
    assert!(counters.evictions > 30, "{counters:?}");
    assert_eq!(counters.objects, names(&store).len() as u64);
    // Each that is left is whole.
    for name in names(&store) {
        assert_eq!(read_key(&store, &name).unwrap().unwrap().len(), 25_000);
    }
    drop(store);
    drop(pin);
    let store = open(&disk, &small());
    assert!(read_key(&store, "/pinned").unwrap().unwrap() == object);
}

#[test]
fn an_object_that_is_used_is_kept_with_all_its_parts() {
    let store = open(&sim::Disk::new(1), &config_of_parts(80));
    let object = body(1, 25_000);
    settle(&store, "/used", Class::Low, &object);
    for round in 0..60_u8 {
        assert!(
            read_key(&store, "/used").unwrap().unwrap() == object,
            "round {round}"
        );
        settle(
            &store,
            &format!("/{round}"),
            Class::Low,
            &body(round, 25_000),
        );
    }
    assert!(store.counters().evictions > 20);
}

#[test]
fn without_room_for_its_parts_an_object_lives_in_memory_while_it_is_pinned() {
    let store = open(&sim::Disk::new(1), &small());
    let object = body(1, 60_000);
    let pins: Vec<Pin> = (0..20)
        .map(|index| put(&store, &format!("/{index}"), Class::Live, &object))
        .collect();
    assert!(!store.flush(PATIENCE), "not all is on disk");
    for index in 0..20 {
        assert!(read_key(&store, &format!("/{index}")).unwrap().unwrap() == object);
    }
    drop(pins);
    assert_eq!(store.counters().memory_bytes, 0);
    assert!(store.flush(PATIENCE));
    for name in names(&store) {
        assert!(read_key(&store, &name).unwrap().unwrap() == object);
    }
}

#[test]
fn a_part_that_is_not_known_to_be_durable_is_not_relied_on() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &small());
    let mut writer = begin(&store, "/a");
    for chunk in body(1, 25_000).chunks(1_000) {
        writer.append(Bytes::copy_from_slice(chunk)).unwrap();
    }
    wait_until(|| store.counters().parts_written >= 5);
    disk.inject(sim::Call::Sync, sim::Fault::Once(1));
    assert!(!store.flush(Duration::ZERO));
    wait_until(|| store.counters().write_errors == 1);
    disk.heal();
    let pin = writer.commit().unwrap();
    assert!(!store.flush(PATIENCE), "its parts may be lost");
    drop(pin);
    assert!(store.get(&key("/a")).is_none());
    assert!(store.flush(PATIENCE));
    assert_eq!(
        (store.counters().bytes, store.counters().memory_bytes),
        (0, 0)
    );
}

/// Moments a second.
const MOMENTS: u64 = 25;

/// Writes segments of six seconds on several channels at once, two on each, and has each followed
/// by a reader, on a disk that writes twice as much as comes in. Returns the most memory taken.
fn write_channels(channels: u64, bits_a_second: u64, memory_bytes: u64) -> (u64, crate::Counters) {
    let disk = Paced::new();
    let config = Config {
        bytes_max: 512 * MEBIBYTE,
        region_bytes: Some(32 * MEBIBYTE),
        memory_bytes_max: usize::try_from(memory_bytes).unwrap(),
        ..config()
    };
    let store = Store::open(Arc::new(disk.clone()), clock(), &config).unwrap();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let moment = Bytes::from(body(
        7,
        usize::try_from(bits_a_second / 8 / MOMENTS).unwrap(),
    ));
    let (mut peak, mut readers) = (0, Vec::new());
    for segment in 0..2 {
        let name = |channel: u64| format!("/{channel}/{segment}");
        let mut writers: Vec<Writer> = (0..channels).map(|it| begin(&store, &name(it))).collect();
        for channel in 0..channels {
            let object = store.get(&key(&name(channel))).unwrap();
            readers.push(runtime.spawn(follow(object, moment.clone())));
        }
        for _ in 0..6 * MOMENTS {
            for writer in &mut writers {
                let appended = writer.append(moment.clone());
                assert!(appended.is_ok(), "{:?}", store.counters());
            }
            peak = peak.max(store.counters().memory_bytes);
            disk.allow(2 * channels * moment.len() as u64);
            // Time stands still until the disk has done what it can in a moment.
            let is_low = || store.counters().memory_bytes < memory_bytes / 8 * 7;
            wait_until(|| disk.is_waiting() || is_low());
        }
        for writer in writers {
            drop(writer.commit().unwrap());
        }
    }
    disk.release();
    assert!(store.flush(PATIENCE));
    for reader in readers {
        let bytes = runtime.block_on(reader).unwrap();
        assert_eq!(bytes, moment.len() as u64 * 6 * MOMENTS);
    }
    let counters = store.counters();
    assert_eq!((counters.objects, counters.memory_bytes), (2 * channels, 0));
    assert_eq!(counters.refused_no_memory, 0);
    (peak, counters)
}

/// Reads an object to its end. Returns its bytes, all of which are right.
async fn follow(object: Object, moment: Bytes) -> u64 {
    let mut reader = object.read(0..u64::MAX);
    let mut bytes = 0;
    while let Some(chunk) = reader.next().await.unwrap() {
        let mut seen = &chunk.bytes[..];
        while !seen.is_empty() {
            let at = bytes % moment.len();
            let length = seen.len().min(moment.len() - at);
            assert!(seen[..length] == moment[at..at + length]);
            bytes += length;
            seen = &seen[length..];
        }
    }
    bytes as u64
}

#[test]
#[expect(clippy::print_stdout, reason = "how much it takes is worth knowing")]
fn four_channels_of_20_megabits_fit_in_32_mebibytes() {
    let (peak, counters) = write_channels(4, 20_000_000, 32 * MEBIBYTE);
    println!(
        "4 x 20 Mb/s in 32 MiB: {peak} bytes at most, {} parts",
        counters.parts_written
    );
}

#[test]
#[expect(clippy::print_stdout, reason = "how much it takes is worth knowing")]
fn fifty_channels_of_5_megabits_fit_in_64_mebibytes() {
    let (peak, counters) = write_channels(50, 5_000_000, 64 * MEBIBYTE);
    println!(
        "50 x 5 Mb/s in 64 MiB: {peak} bytes at most, {} parts",
        counters.parts_written
    );
}
