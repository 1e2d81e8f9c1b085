//! The bound on disk: who goes, who stays, and what does not fit.

use super::*;

/// An object of which two fill a region.
const HALF: usize = 28_000;

fn store_of_regions(disk: &sim::Disk, regions: u64) -> Store {
    open(disk, &config_with_regions(regions))
}

fn fill(store: &Store, prefix: &str, class: Class, objects: u32) {
    for index in 0..objects {
        settle(store, &format!("{prefix}{index}"), class, &body(1, HALF));
    }
}

fn count(store: &Store, prefix: &str) -> usize {
    store.keys(prefix).len()
}

#[test]
fn within_a_class_what_is_used_stays() {
    let store = store_of_regions(&sim::Disk::new(1), 12);
    fill(&store, "/a", Class::Low, 14);
    for round in 0..30 {
        assert!(store.get(&key("/a2")).is_some());
        fill(&store, &format!("/b{round}/"), Class::Low, 4);
    }
    assert!(store.get(&key("/a2")).is_some());
    // At most its neighbour is kept with it.
    assert!(count(&store, "/a") <= 2, "{:?}", names(&store));
}

#[test]
fn a_pin_protects_until_its_last_clone_is_dropped() {
    let store = store_of_regions(&sim::Disk::new(1), 8);
    let object = body(1, HALF);
    settle(&store, "/pinned", Class::Low, &object);
    let pin = store.pin(&key("/pinned")).unwrap();
    let clone = pin.clone();
    let second = store.pin(&key("/pinned")).unwrap();
    assert_eq!((pin.key().as_str(), pin.bytes()), ("/pinned", 28_000));
    for round in 0..10 {
        fill(&store, "/a", Class::Live, 10);
        assert!(!store.evict(&key("/pinned")), "round {round}");
        assert!(read_key(&store, "/pinned").unwrap().unwrap() == object);
    }
    drop(pin);
    drop(second);
    assert!(!store.evict(&key("/pinned")), "one clone is left");
    drop(clone);
    fill(&store, "/b", Class::Live, 20);
    assert!(store.pin(&key("/pinned")).is_none());
}

#[test]
fn a_listed_window_outlives_any_load_of_other_classes() {
    let store = store_of_regions(&sim::Disk::new(1), 12);
    let mut window = std::collections::VecDeque::new();
    for index in 0..60 {
        let name = format!("/live/{index}");
        window.push_back((
            name.clone(),
            put(&store, &name, Class::Live, &body(2, HALF)),
        ));
        if window.len() > 6 {
            window.pop_front();
        }
        fill(&store, "/vod", Class::High, 6);
        for (name, _pin) in &window {
            assert!(read_key(&store, name).unwrap().unwrap() == body(2, HALF));
        }
    }
    assert_eq!(store.counters().refused_no_space, 0);
}

#[test]
fn what_is_being_read_is_passed_over() {
    let store = store_of_regions(&sim::Disk::new(1), 8);
    settle(&store, "/a", Class::Low, &body(7, HALF));
    let reader = store.get(&key("/a")).unwrap();
    fill(&store, "/b", Class::Low, 40);
    assert!(names(&store).contains(&"/a".to_owned()));
    assert!(read(&reader).unwrap() == body(7, HALF));
    drop(reader);
    fill(&store, "/c", Class::Low, 40);
    assert!(!names(&store).contains(&"/a".to_owned()));
}

#[test]
fn a_region_is_not_written_over_while_a_part_of_it_is_being_sent() {
    let store = store_of_regions(&sim::Disk::new(1), 8);
    settle(&store, "/a", Class::Low, &body(7, HALF));
    let object = store.get(&key("/a")).unwrap();
    let chunk = run(object.read(0..u64::MAX).next()).unwrap().unwrap();
    drop(object);
    assert!(store.evict(&key("/a")));
    fill(&store, "/b", Class::Low, 60);
    let stored = chunk.stored.unwrap();
    let mut bytes = vec![0; usize::try_from(stored.bytes).unwrap()];
    stored.file.read_at(&mut bytes, stored.offset).unwrap();
    assert!(bytes == body(7, HALF)[..bytes.len()]);
}

#[test]
fn without_room_an_object_lives_in_memory_while_it_is_pinned() {
    let store = store_of_regions(&sim::Disk::new(1), 8);
    let object = body(1, HALF);
    let put = |index: u32| put(&store, &format!("/{index}"), Class::Live, &object);
    let pins: Vec<Pin> = (0..40).map(put).collect();
    assert!(!store.flush(PATIENCE), "not all is on disk");
    assert!(store.counters().refused_no_space > 0);
    for index in 0..40 {
        assert!(read_key(&store, &format!("/{index}")).unwrap().unwrap() == object);
    }
    drop(pins);
    assert_eq!(store.counters().memory_bytes, 0);
    assert!(store.flush(PATIENCE));
    assert!(
        (12..=16).contains(&count(&store, "/")),
        "{}",
        count(&store, "/")
    );
}

#[test]
fn who_drops_what_is_pinned_in_excess_has_all_that_comes_on_disk() {
    let store = store_of_regions(&sim::Disk::new(1), 8);
    let mut pins = std::collections::VecDeque::new();
    let mut len_max = 0;
    for index in 0..100 {
        pins.push_back(put(
            &store,
            &format!("/{index}"),
            Class::Live,
            &body(1, HALF),
        ));
        while store.pinned_excess_bytes() > 0 {
            drop(pins.pop_front());
        }
        len_max = len_max.max(pins.len());
        assert!(store.flush(PATIENCE), "all is on disk");
    }
    assert_eq!(store.counters().refused_no_space, 0);
    // Four regions of 64 KiB, but for a quarter; each has a part of 20 KiB and a head of 12.
    assert_eq!(len_max, 6);
    // Two pins of one object count once, and what replaces it counts in its place.
    let second = pins.iter().map(|pin| store.pin(pin.key()));
    let second: Vec<_> = second.collect();
    let replaced = put(&store, "/99", Class::Live, &body(2, HALF));
    assert_eq!(store.pinned_excess_bytes(), 0);
    drop((second, replaced, pins));
    let all: Vec<_> = (0..11)
        .map(|index| {
            put(
                &store,
                &format!("/new/{index}"),
                Class::Live,
                &body(3, HALF),
            )
        })
        .collect();
    assert!(store.pinned_excess_bytes() > 0);
    drop(all);
    assert_eq!(store.pinned_excess_bytes(), 0);
}

#[test]
fn what_is_longer_than_the_store_does_not_stay() {
    let store = store_of_regions(&sim::Disk::new(1), 8);
    let object = body(3, 600_000);
    let pin = put(&store, "/large", Class::Live, &object);
    assert!(!store.flush(PATIENCE));
    assert_eq!(store.counters().refused_no_space, 1);
    assert!(read_key(&store, "/large").unwrap().unwrap() == object);
    drop(pin);
    assert!(store.flush(PATIENCE));
    let counters = store.counters();
    assert_eq!(
        (counters.objects, counters.bytes, counters.memory_bytes),
        (0, 0, 0)
    );
    fill(&store, "/a", Class::Low, 10);
    assert_eq!(count(&store, "/"), 10);
}

#[test]
fn an_object_that_is_replaced_for_ever_needs_no_more_room() {
    let disk = sim::Disk::new(1);
    let store = store_of_regions(&disk, 8);
    settle(&store, "/other", Class::Low, &body(9, HALF));
    for round in 0..100 {
        let object = body(round, HALF);
        settle(&store, "/a", Class::High, &object);
        assert!(read_key(&store, "/a").unwrap().unwrap() == object);
    }
    assert_eq!(names(&store), ["/a", "/other"]);
    drop(store);
    let store = store_of_regions(&disk, 8);
    assert!(read_key(&store, "/a").unwrap().unwrap() == body(99, HALF));
}

#[test]
fn a_smaller_store_keeps_what_fits_and_a_larger_one_all() {
    let disk = sim::Disk::new(1);
    let store = store_of_regions(&disk, 16);
    fill(&store, "/", Class::Low, 24);
    drop(store);
    let store = store_of_regions(&disk, 10);
    assert_eq!(names(&store).len(), 20);
    for name in names(&store) {
        assert!(read_key(&store, &name).unwrap().unwrap() == body(1, HALF));
    }
    drop(store);
    // Twenty more regions, the last ones in a second span.
    let store = open(
        &disk,
        &Config {
            bytes_max: 4 << 20,
            ..config_with_regions(16)
        },
    );
    assert_eq!(names(&store).len(), 20);
    assert!(store.counters().regions > 30);
    fill(&store, "/more", Class::Low, 40);
    assert_eq!(names(&store).len(), 60);
}

#[test]
fn little_more_is_written_than_was_put_in() {
    let config = Config {
        bytes_max: 40 << 20,
        region_bytes: Some(1 << 20),
        ..config()
    };
    let store = open(&sim::Disk::new(1), &config);
    for index in 0..400_u32 {
        drop(put(
            &store,
            &format!("/{index}"),
            Class::Low,
            &body(1, 200_000),
        ));
        if index % 8 == 0 {
            store.get(&key(&format!("/{}", index / 2)));
            store.flush(PATIENCE);
        }
    }
    assert!(store.flush(PATIENCE));
    let counters = store.counters();
    assert_eq!(counters.bytes_admitted, 400 * 200_000);
    // Rounding to pages alone costs 2.4 % of such short objects.
    assert!(
        counters.bytes_written * 100 <= counters.bytes_admitted * 109,
        "{counters:?}"
    );
}

#[test]
fn keys_are_listed_by_prefix_in_order() {
    let store = open(&sim::Disk::new(1), &config());
    for name in ["/b/2", "/a/1", "/b/1", "/b"] {
        settle(&store, name, Class::Low, b"x");
    }
    let writer = store.begin(&key("/b/3"), Class::Low, Bytes::new());
    assert_eq!(store.keys("/b/"), [key("/b/1"), key("/b/2")]);
    drop(writer);
}
