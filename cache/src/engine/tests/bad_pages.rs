//! Pages of the device that fail for good, or at the worst moment.

use super::{faulty::Faulty, *};
use crate::engine::format::{Geometry, Slot, SlotState};

/// Bytes of an object that is neither small nor cut into parts.
const MEDIUM: usize = 16_383;

fn faulty() -> (sim::Disk, Faulty) {
    let disk = sim::Disk::new(1);
    (disk.clone(), Faulty::new(disk, 1))
}

fn open_faulty(faulty: &Faulty, config: &Config) -> Store {
    Store::open(Arc::new(faulty.clone()), clock(), config).unwrap()
}

fn geometry(config: &Config) -> Geometry {
    Geometry::plan(config.bytes_max, config.region_bytes).unwrap()
}

#[test]
fn one_page_that_cannot_be_written_does_not_stop_the_store() {
    let (disk, faulty) = faulty();
    let config = config_with_regions(16);
    let store = open_faulty(&faulty, &config);
    settle(&store, "/a", Class::High, &body(1, MEDIUM));
    // The one that takes its place has to kill it, which cannot be.
    faulty.break_writes_at(body_offset(&store, "/a"));
    for round in 0..60 {
        settle(&store, "/a", Class::Low, &body(round, 30_000));
        settle(&store, "/b", Class::Low, &body(round, 30_000));
        assert!(read_key(&store, "/a").unwrap().unwrap() == body(round, 30_000));
    }
    assert_eq!(store.counters().is_offline, 0);
    assert_eq!(store.counters().regions_bad, 1);
    let store = open(&disk.power_cut(), &config);
    assert!(read_key(&store, "/a").unwrap().unwrap() == body(59, 30_000));
}

#[test]
fn what_was_evicted_stays_away_though_its_kill_cannot_be_written() {
    let (disk, faulty) = faulty();
    let config = config_with_regions(16);
    let store = open_faulty(&faulty, &config);
    settle(&store, "/a", Class::High, &body(1, MEDIUM));
    faulty.break_writes_at(body_offset(&store, "/a"));
    assert!(store.evict(&key("/a")));
    assert!(store.flush(PATIENCE));
    let store = open(&disk.power_cut(), &config);
    assert!(store.get(&key("/a")).is_none());
}

#[test]
fn what_a_failed_sync_of_the_super_block_was_to_cover_is_not_called_durable() {
    for seed in 0..20 {
        let disk = sim::Disk::new(seed);
        let faulty = Faulty::new(disk.clone(), seed);
        let config = config_with_regions(16);
        let store = open_faulty(&faulty, &config);
        settle(&store, "/before", Class::High, &body(1, 5_000));
        // Written, not durable.
        drop(put(&store, "/a", Class::High, &body(2, 5_000)));
        wait_until(|| store.counters().memory_bytes == 0);
        // The next region cannot be opened, and that cannot be remembered at first.
        faulty.break_writes_at(geometry(&config).slot_offset(1));
        disk.inject(sim::Call::Sync, sim::Fault::Once(1));
        drop(put(&store, "/late", Class::Low, &body(3, 9_000)));
        wait_until(|| store.counters().write_errors > 1);
        let is_told = store.get(&key("/a")).is_some();
        let is_flushed = store.flush(PATIENCE);
        let after = open(&disk.power_cut(), &config);
        let is_there = after.get(&key("/a")).is_some();
        assert!(
            !is_flushed || !is_told || is_there,
            "seed {seed}: it was called durable"
        );
    }
}

#[test]
fn a_slot_that_still_says_open_does_not_hide_what_its_region_holds() {
    let (_, faulty) = faulty();
    let config = config_with_regions(16);
    let store = open_faulty(&faulty, &config);
    settle(&store, "/0", Class::Low, &body(0, 10_000));
    // It will be sealed in memory alone.
    faulty.break_writes_at(geometry(&config).slot_offset(0));
    for round in 1..200 {
        settle(
            &store,
            &format!("/{round}"),
            Class::Low,
            &body(round, 10_000),
        );
    }
    let counters = store.counters();
    assert!(store.get(&key("/0")).is_none());
    assert_eq!(counters.objects, store.keys("").len() as u64);
}

#[test]
fn a_super_block_that_cannot_be_read_costs_nothing() {
    for (broken, is_closed) in [(0, false), (PAGE, false), (0, true), (PAGE, true)] {
        let (disk, faulty) = faulty();
        let config = config_with_regions(16);
        let store = open_faulty(&faulty, &config);
        settle(&store, "/a", Class::High, &body(1, 5_000));
        let disk = if is_closed {
            drop(store);
            disk
        } else {
            disk.power_cut()
        };
        let faulty = Faulty::new(disk, 1);
        faulty.break_reads_at(broken);
        let store = open_faulty(&faulty, &config);
        assert!(read_key(&store, "/a").unwrap().unwrap() == body(1, 5_000));
    }
}

/// Two starts that both believe to be the same one give their objects the same births: the parts
/// of one must not become those of the other.
#[test]
fn parts_are_not_mixed_up_after_the_loss_of_a_super_block() {
    for lost in [0, PAGE] {
        let disk = sim::Disk::new(1);
        let config = config_of_parts(64);
        drop(open(&disk, &config));
        let store = open(&disk, &config);
        settle(&store, "/a", Class::High, &body(1, 40_000));
        let disk = disk.power_cut();
        assert!(disk.rot(&file(), usize::try_from(lost).unwrap() + 100));
        let store = open(&disk, &config);
        settle(&store, "/b", Class::High, &body(2, 40_000));
        assert!(
            read_key(&store, "/a").unwrap().unwrap() == body(1, 40_000),
            "lost {lost}"
        );
        assert!(
            read_key(&store, "/b").unwrap().unwrap() == body(2, 40_000),
            "lost {lost}"
        );
    }
}

/// On a device, which keeps what lies behind the end of the store.
#[test]
fn records_of_a_region_that_was_given_back_are_never_taken_for_new_ones() {
    let (large, small) = (config_with_regions(32), config_with_regions(16));
    let disk = sim::Disk::new(1);
    let store = open(&disk, &large);
    for index in 0..25 {
        let name = format!("/{index}");
        settle(&store, &name, Class::Low, &body(index, 50_000));
    }
    drop(store);
    let former = image(&disk);
    drop(open(&disk, &small));
    let mut device = image(&disk);
    device.extend_from_slice(&former[device.len()..]);
    let disk = disk_of(&device);
    let store = open(&disk, &large);
    settle(&store, "/new", Class::High, &body(40, MEDIUM));
    drop(store);
    let told = geometry(&large);
    let generations = |image: &[u8], state: SlotState| {
        let slot = |region| {
            let at = usize::try_from(told.slot_offset(region)).unwrap();
            Slot::decode(&image[at..at + 4096], region).unwrap()
        };
        let slots = (0..told.regions).filter_map(slot);
        let slots = slots.filter(|slot| slot.state == state);
        slots.map(|slot| slot.generation).max()
    };
    let before = generations(&former, SlotState::Sealed);
    assert!(before.is_some() && generations(&image(&disk), SlotState::Open) > before);
}
