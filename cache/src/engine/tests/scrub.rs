//! Rot that is found before anybody asks for what it has befallen.

use weir_hal::sim::{Call, Fault};

use super::*;

/// As fast as the disk goes.
fn config() -> Config {
    Config {
        scrub_bytes_per_s: u64::MAX,
        ..config_with_regions(16)
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// A store whose objects `/0` to `/9`, of 20,000 bytes each, are in sealed regions, nearly all.
fn filled(disk: &sim::Disk, config: &Config) -> Store {
    let store = open(disk, config);
    for index in 0..10 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Low,
            &body(index, 20_000),
        );
    }
    store
}

/// Waits until all that is on disk now has been read.
fn wait_for_a_pass(store: &Store) {
    let passes = store.counters().scrub_passes;
    wait_until(|| store.counters().scrub_passes >= passes + 2);
}

#[test]
fn rot_in_a_cold_body_is_found_before_any_reader_meets_it() {
    let disk = sim::Disk::new(1);
    let store = filled(&disk, &config());
    wait_for_a_pass(&store);
    assert_eq!(store.counters().scrub_errors, 0);
    assert!(store.counters().scrubbed_bytes > 0);
    let offset = body_offset(&store, "/2");
    assert!(disk.rot(&file(), index(offset) + 7_000));
    wait_until(|| store.counters().scrub_errors == 1);
    assert!(store.get(&key("/2")).is_none());
    assert_eq!(store.counters().read_errors, 0);
    assert_eq!(store.counters().objects, 9);
    assert!(read_key(&store, "/3").unwrap().unwrap() == body(3, 20_000));
    // It does not come back.
    assert!(store.flush(PATIENCE));
    let store = open(&disk.power_cut(), &config());
    assert!(store.get(&key("/2")).is_none());
}

#[test]
fn rot_in_a_header_is_found_too() {
    let disk = sim::Disk::new(1);
    let store = filled(&disk, &config());
    let offset = body_offset(&store, "/2");
    assert!(disk.rot(&file(), index(offset) - 10));
    wait_until(|| store.counters().scrub_errors == 1);
    assert!(store.get(&key("/2")).is_none());
}

#[test]
fn a_pinned_object_with_a_rotten_body_goes_all_the_same() {
    let disk = sim::Disk::new(1);
    let store = filled(&disk, &config());
    let pin = store.pin(&key("/2")).unwrap();
    assert!(disk.rot(&file(), index(body_offset(&store, "/2"))));
    wait_until(|| store.counters().scrub_errors == 1);
    assert!(store.get(pin.key()).is_none());
}

#[test]
fn what_is_written_over_meanwhile_is_no_damage() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    for round in 0..300_u32 {
        let name = format!("/{}", round % 100);
        let body = body(round.to_le_bytes()[0], 20_000);
        drop(put(&store, &name, Class::Low, &body));
        if round.is_multiple_of(10) {
            assert!(store.flush(PATIENCE));
        }
    }
    wait_for_a_pass(&store);
    assert!(store.counters().evictions > 100);
    assert_eq!(store.counters().scrub_errors, 0);
}

#[test]
fn a_device_that_stops_reading_costs_no_more_than_a_region() {
    let disk = sim::Disk::new(1);
    let store = filled(&disk, &config());
    disk.inject(Call::Read, Fault::ForEver(1));
    wait_for_a_pass(&store);
    disk.heal();
    // Of 64 KiB, with objects of 20,000 bytes.
    assert!(store.counters().scrub_errors <= 3);
    assert!(store.counters().objects >= 7);
}

#[test]
fn a_store_is_closed_while_its_scrub_rests_for_years() {
    let disk = sim::Disk::new(1);
    let store = filled(
        &disk,
        &Config {
            scrub_bytes_per_s: 1,
            ..config()
        },
    );
    drop(store);
    assert_eq!(names(&open(&disk, &config_with_regions(16))).len(), 10);
}
