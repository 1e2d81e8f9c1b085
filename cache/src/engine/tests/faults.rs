//! A disk that fails, fills up or forgets.

use weir_hal::sim::{Call, Fault};

use super::*;

#[test]
fn an_object_that_cannot_be_written_is_served_from_memory_while_it_is_pinned() {
    for call in [Call::Write, Call::Sync] {
        let disk = sim::Disk::new(1);
        let store = open(&disk, &config());
        disk.inject(call, Fault::Once(1));
        let object = body(1, 5_000);
        let pin = put(&store, "/a", Class::Live, &object);
        assert!(!store.flush(PATIENCE), "{call:?}");
        assert_eq!(store.counters().write_errors, 1, "{call:?}");
        assert_eq!(read_key(&store, "/a").unwrap().unwrap(), object);
        drop(pin);
        assert!(store.get(&key("/a")).is_none(), "{call:?}");
        assert_eq!(store.counters().bytes, 0);
        assert_eq!(store.counters().memory_bytes, 0);
        settle(&store, "/b", Class::Live, &object);
        assert_eq!(read_key(&store, "/b").unwrap().unwrap(), object);
        assert_eq!(store.counters().regions_bad, 1, "{call:?}");
        drop(store);
        let store = open(&disk, &config());
        assert_eq!(names(&store), ["/b"], "{call:?}");
        assert_eq!(store.counters().regions_bad, 1, "it is remembered");
    }
}

#[test]
fn a_broken_disk_leaves_a_store_that_serves_what_is_pinned() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    disk.inject(Call::Write, Fault::ForEver(1));
    let window: Vec<Pin> = (0..5)
        .map(|index| {
            put(
                &store,
                &format!("/{index}"),
                Class::Live,
                &body(index, 3_000),
            )
        })
        .collect();
    assert!(!store.flush(PATIENCE));
    for index in 0..5 {
        let name = format!("/{index}");
        assert_eq!(
            read_key(&store, &name).unwrap().unwrap(),
            body(index, 3_000)
        );
    }
    assert!(store.counters().write_errors >= 5);
    drop(window);
    assert_eq!(store.counters().objects, 0);
    disk.heal();
    settle(&store, "/after", Class::Live, b"works again");
}

/// Puts objects on a failing device until it is given up.
fn break_down(store: &Store) {
    wait_until(|| {
        drop(put(store, "/x", Class::Live, b"x"));
        store.flush(PATIENCE);
        store.counters().is_offline == 1
    });
}

#[test]
fn a_device_that_keeps_failing_is_left_alone_until_the_next_start() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/before", Class::Live, b"still there");
    disk.inject(Call::Write, Fault::ForEver(1));
    break_down(&store);
    disk.heal();
    let pin = put(&store, "/after", Class::Live, b"in memory");
    assert!(!store.flush(PATIENCE));
    assert_eq!(read_key(&store, "/after").unwrap().unwrap(), b"in memory");
    assert_eq!(
        read_key(&store, "/before").unwrap().unwrap(),
        b"still there"
    );
    drop(pin);
    assert!(store.get(&key("/after")).is_none());
}

#[test]
fn a_device_that_is_left_alone_is_told_of_with_its_failure_and_since_when() {
    for (call, act, has_place) in [(Call::Write, "write", true), (Call::Sync, "sync", false)] {
        let disk = sim::Disk::new(1);
        let clock = Arc::new(sim::Clock::manual());
        let store = open_at(&disk, Arc::clone(&clock) as Arc<dyn Clock>, &config());
        settle(&store, "/before", Class::Live, b"written");
        assert_eq!(store.offline(), None);
        clock.advance(Duration::from_hours(3));
        disk.inject(call, Fault::ForEver(1));
        break_down(&store);
        let offline = store.offline().expect("it is offline").clone();
        assert_eq!(offline.since, clock.wall());
        let reason = &offline.reason;
        let place = if has_place { " at byte " } else { ": " };
        let start = format!("cannot {act} /cache/store{place}");
        assert!(reason.starts_with(&start), "{reason}");
        assert!(reason.contains("Input/output error"), "{reason}");
        // It stays what it was, whatever comes later.
        clock.advance(Duration::from_hours(1));
        drop(put(&store, "/after", Class::Live, b"in memory"));
        assert!(!store.flush(PATIENCE));
        assert_eq!(store.offline(), Some(&offline));
        disk.heal();
        drop(store);
        assert_eq!(
            open(&disk, &config()).offline(),
            None,
            "the next start tries again"
        );
    }
}

#[test]
fn others_may_fill_the_file_system_once_the_store_has_its_room() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    disk.set_bytes_free(0);
    for index in 0..10 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Low,
            &body(index, 900_000),
        );
    }
    assert_eq!(store.counters().write_errors, 0);
}

#[test]
fn an_object_that_cannot_be_read_is_dropped_even_if_it_is_pinned() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    let pin = put(&store, "/a", Class::Live, &body(1, 600_000));
    assert!(store.flush(PATIENCE));
    disk.forget();
    // The first piece is read, the second is not.
    disk.inject(Call::Read, Fault::ForEver(2));
    let object = store.get(pin.key()).unwrap();
    let mut reader = object.read(0..u64::MAX);
    assert!(run(reader.next()).unwrap().is_some());
    let error = run(reader.next()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /a from the cache");
    assert!(store.get(pin.key()).is_none());
    assert_eq!(store.counters().read_errors, 1);
}

#[test]
fn rot_met_while_running_is_an_error_and_never_a_wrong_byte() {
    let disk = sim::Disk::new(1);
    let (clock, store) = open_timed(&disk, &config());
    let good = body(1, 600_000);
    settle(&store, "/a", Class::Live, &good);
    let offset = body_offset(&store, "/a");
    clock.advance(MOMENT);
    assert!(disk.rot(&file(), usize::try_from(offset).unwrap() + 300_000));
    let object = store.get(&key("/a")).unwrap();
    let mut reader = object.read(0..u64::MAX);
    let first = run(reader.next()).unwrap().unwrap();
    assert!(first.bytes == good[..256 * 1024]);
    assert!(matches!(run(reader.next()), Err(Error::Damaged { .. })));
    assert!(store.get(&key("/a")).is_none());
}

#[test]
fn rot_anywhere_in_a_record_is_found_before_the_first_byte_leaves() {
    let disk = sim::Disk::new(1);
    let config = Config {
        bytes_max: 3 << 20,
        region_bytes: Some(4 * REGION),
        ..config()
    };
    let store = open(&disk, &config);
    settle(&store, "/a", Class::Live, &body(1, 50_000));
    let start = usize::try_from(body_offset(&store, "/a")).unwrap();
    let page = start / 4096 * 4096;
    // The power fails: nothing is trusted.
    let image = image(&disk.power_cut());
    let body = (start..start + 50_000).step_by(997);
    for offset in (page..start).chain(body).chain([start + 49_999]) {
        let copy = disk_of(&image);
        assert!(copy.rot(&file(), offset));
        let store = open(&copy, &config);
        if let Some(object) = store.get(&key("/a")) {
            let first = run(object.read(0..u64::MAX).next());
            assert!(matches!(first, Err(Error::Damaged { .. })), "at {offset}");
            assert!(store.get(&key("/a")).is_none());
        }
        assert_eq!(store.counters().objects, 0, "at {offset}");
    }
}

#[test]
fn rot_anywhere_in_the_directory_loses_nothing() {
    let disk = sim::Disk::new(1);
    let config = config_with_regions(8);
    let store = open(&disk, &config);
    for index in 0..6 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Live,
            &body(index, 30_000),
        );
    }
    drop(store);
    let image = image(&disk);
    for offset in (2 * 4096..18 * 4096).step_by(61) {
        let copy = disk_of(&image);
        assert!(copy.rot(&file(), offset));
        let store = open(&copy, &config);
        for index in 0..6 {
            let found = read_key(&store, &format!("/{index}"));
            assert!(
                found.unwrap().unwrap() == body(index, 30_000),
                "at {offset}"
            );
        }
    }
}
