//! The bound on disk: who goes, who stays, and what does not fit.

use super::*;

/// An object that takes three blocks with its header.
const THREE_BLOCKS: usize = 9_000;
const BLOCK: u64 = 4 * KIBIBYTE;

fn store_of_blocks(disk: &sim::Disk, blocks: u64) -> Store {
    open(disk, &config_with_bytes_max(blocks * BLOCK))
}

#[test]
fn lower_classes_go_first_and_within_a_class_the_least_recently_used() {
    let disk = sim::Disk::new(1);
    let store = store_of_blocks(&disk, 15);
    let object = body(1, THREE_BLOCKS);
    settle(&store, "/live", Class::Live, &object);
    settle(&store, "/high", Class::High, &object);
    settle(&store, "/medium-1", Class::Medium, &object);
    settle(&store, "/medium-2", Class::Medium, &object);
    settle(&store, "/low", Class::Low, &object);
    assert!(store.get(&key("/medium-1")).is_some());
    let expected = [
        ("/0", "/low"),
        ("/1", "/medium-2"),
        ("/2", "/medium-1"),
        ("/3", "/high"),
        ("/4", "/live"),
    ];
    for (newcomer, victim) in expected {
        let before = names(&store);
        assert!(
            before.contains(&victim.to_owned()),
            "{victim} in {before:?}"
        );
        settle(&store, newcomer, Class::Live, &object);
        let after = names(&store);
        assert!(!after.contains(&victim.to_owned()), "{victim} in {after:?}");
        assert_eq!(after.len(), 5);
        assert_eq!(store.counters().bytes, 15 * BLOCK);
        assert_eq!(bytes_on_disk(&disk), 15 * BLOCK);
    }
    assert_eq!(store.counters().evictions, 5);
}

#[test]
fn a_pin_protects_until_its_last_clone_is_dropped() {
    let disk = sim::Disk::new(1);
    let store = store_of_blocks(&disk, 6);
    let object = body(1, THREE_BLOCKS);
    settle(&store, "/pinned", Class::Low, &object);
    let pin = store.pin(&key("/pinned")).unwrap();
    let clone = pin.clone();
    let second = store.pin(&key("/pinned")).unwrap();
    assert_eq!((pin.key().as_str(), pin.bytes()), ("/pinned", 9_000));
    for index in 0..4 {
        settle(&store, &format!("/{index}"), Class::Live, &object);
        assert!(!store.evict(&key("/pinned")));
        assert_eq!(read_key(&store, "/pinned").unwrap().unwrap(), object);
    }
    drop(pin);
    drop(second);
    assert!(!store.evict(&key("/pinned")), "one clone is left");
    drop(clone);
    settle(&store, "/last", Class::Live, &object);
    assert_eq!(names(&store), ["/3", "/last"]);
    assert!(store.pin(&key("/pinned")).is_none());
}

#[test]
fn what_is_being_read_is_passed_over() {
    let store = store_of_blocks(&sim::Disk::new(1), 6);
    let object = body(1, THREE_BLOCKS);
    settle(&store, "/a", Class::Low, &object);
    let reader = store.get(&key("/a")).unwrap();
    settle(&store, "/b", Class::Low, &object);
    settle(&store, "/c", Class::Low, &object);
    assert_eq!(names(&store), ["/a", "/c"]);
    drop(reader);
    settle(&store, "/d", Class::Low, &object);
    settle(&store, "/e", Class::Low, &object);
    assert_eq!(names(&store), ["/d", "/e"]);
}

#[test]
fn without_room_an_object_lives_in_memory_while_it_is_pinned() {
    let disk = sim::Disk::new(1);
    let store = store_of_blocks(&disk, 6);
    let object = body(1, THREE_BLOCKS);
    let _first = put(&store, "/first", Class::Live, &object);
    let _second = put(&store, "/second", Class::Live, &object);
    assert!(store.flush(PATIENCE));
    let third = put(&store, "/third", Class::Live, &object);
    assert!(!store.flush(PATIENCE), "it is not on disk");
    assert_eq!(store.counters().refused_no_space, 1);
    assert_eq!(read_key(&store, "/third").unwrap().unwrap(), object);
    assert_eq!(bytes_on_disk(&disk), 6 * BLOCK);
    drop(third);
    assert!(store.get(&key("/third")).is_none());
    assert_eq!(store.counters().memory_bytes, 0);
    assert!(store.flush(PATIENCE));
}

#[test]
fn nothing_is_evicted_for_what_will_not_fit() {
    let store = store_of_blocks(&sim::Disk::new(1), 6);
    let _pinned = put(&store, "/pinned", Class::Low, &body(1, THREE_BLOCKS));
    settle(&store, "/a", Class::Low, &body(2, THREE_BLOCKS));
    drop(put(
        &store,
        "/large",
        Class::Live,
        &body(3, 4 * THREE_BLOCKS),
    ));
    drop(put(
        &store,
        "/half",
        Class::Live,
        &body(4, 2 * THREE_BLOCKS),
    ));
    assert!(store.flush(PATIENCE));
    assert_eq!(names(&store), ["/a", "/pinned"]);
    assert_eq!(store.counters().refused_no_space, 2);
    assert_eq!(store.counters().evictions, 0);
}

#[test]
fn an_object_can_be_replaced_in_a_store_that_holds_only_one() {
    let disk = sim::Disk::new(1);
    let store = store_of_blocks(&disk, 3);
    for round in 0..10 {
        let object = body(round, THREE_BLOCKS);
        settle(&store, "/a", Class::Live, &object);
        assert_eq!(read_key(&store, "/a").unwrap().unwrap(), object);
        assert_eq!(bytes_on_disk(&disk), 3 * BLOCK);
    }
}

#[test]
fn a_smaller_limit_at_a_start_evicts_by_class_and_age() {
    let disk = sim::Disk::new(1);
    let store = store_of_blocks(&disk, 100);
    for (name, class) in [
        ("/live", Class::Live),
        ("/low", Class::Low),
        ("/high-1", Class::High),
        ("/high-2", Class::High),
    ] {
        settle(&store, name, class, &body(1, THREE_BLOCKS));
    }
    drop(store);
    let store = store_of_blocks(&disk, 8);
    assert_eq!(names(&store), ["/high-2", "/live"]);
    assert_eq!(store.counters().discarded, 2);
    assert_eq!(bytes_on_disk(&disk), 6 * BLOCK);
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
