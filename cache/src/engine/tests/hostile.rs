//! Stores that no weir has written: sums are right, and what they cover is not.

use super::*;
use crate::engine::format::{
    Entry, Geometry, Role, SLOT_ENTRIES, Slot, SlotState, Stream, Super, encode_footer,
};

/// A store of 16 regions of 64 KiB, in whose first one lies `/a`.
fn store_image() -> Vec<u8> {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config_with_regions(16));
    settle(&store, "/a", Class::Low, &body(1, 20_000));
    drop(store);
    image(&disk)
}

fn geometry() -> Geometry {
    Geometry::plan(config_with_regions(16).bytes_max, Some(REGION)).unwrap()
}

fn put_at(image: &mut [u8], offset: u64, bytes: &[u8]) {
    let offset = usize::try_from(offset).unwrap();
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
}

fn page_at(image: &[u8], offset: u64) -> &[u8; 4096] {
    let offset = usize::try_from(offset).unwrap();
    image[offset..offset + 4096].try_into().unwrap()
}

/// Changes the super block that counts.
fn with_super(change: impl FnOnce(&mut Super)) -> Vec<u8> {
    let mut image = store_image();
    let blocks = [0, 4096].map(|offset| Super::decode(page_at(&image, offset)).unwrap());
    let mut told = blocks.into_iter().max_by_key(|told| told.epoch).unwrap();
    change(&mut told);
    for offset in [0, 4096] {
        put_at(&mut image, offset, &told.encode());
    }
    image
}

fn entry(number: u64, page: u32, pages: u32) -> Entry {
    Entry {
        hash: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        sequence: number,
        page,
        pages,
        class: Class::Low,
        role: Role::Whole,
        is_killed: false,
        is_unverified: false,
    }
}

fn slot(region: u32, state: SlotState, generation: u64, entries: Vec<Entry>) -> Slot {
    let (_, footer) = encode_footer(&entries, 0);
    Slot {
        entries,
        footer,
        ..Slot::empty(region, state, Stream::Class(Class::Low), generation)
    }
}

/// Writes over a store until all of its regions have been reused, then starts it again.
fn use_up(image: &[u8]) {
    let config = config_with_regions(16);
    let disk = disk_of(image);
    let store = open(&disk, &config);
    store.keys("");
    for round in 0..40 {
        let name = format!("/new-{round}");
        settle(&store, &name, Class::Low, &body(round, 40_000));
        assert_eq!(
            read_key(&store, &name).unwrap().unwrap(),
            body(round, 40_000)
        );
        assert!(store.counters().bytes <= store.counters().bytes_max);
    }
    drop(store);
    let store = open(&disk, &config);
    assert_eq!(
        read_key(&store, "/new-39").unwrap().unwrap(),
        body(39, 40_000)
    );
}

#[test]
fn a_free_region_has_no_entries_whatever_its_slot_says() {
    for wild in [
        entry(7, u32::MAX, u32::MAX),
        entry(7, 1 << 16, 1),
        entry(7, 2, 3),
    ] {
        let mut image = store_image();
        let slot = slot(9, SlotState::Free, 1, vec![wild]);
        put_at(&mut image, geometry().slot_offset(9), &slot.encode());
        assert_eq!(
            open(&disk_of(&image), &config_with_regions(16))
                .counters()
                .objects,
            1
        );
        use_up(&image);
    }
}

#[test]
fn entries_that_overlap_are_not_believed() {
    let mut image = store_image();
    let entries: Vec<Entry> = (0..SLOT_ENTRIES as u64)
        .map(|number| entry(number, 0, 16))
        .collect();
    let slot = slot(9, SlotState::Sealed, 1, entries);
    put_at(&mut image, geometry().slot_offset(9), &slot.encode());
    let store = open(&disk_of(&image), &config_with_regions(16));
    let counters = store.counters();
    assert!(counters.bytes <= counters.bytes_max, "{counters:?}");
    drop(store);
    use_up(&image);
}

#[test]
fn a_footer_does_not_reach_into_the_next_region() {
    let mut image = store_image();
    let entries: Vec<Entry> = (0..400).map(|number| entry(number, 0, 1)).collect();
    let (bytes, footer) = encode_footer(&entries, 15);
    assert!(bytes.len() > 4096);
    let slot = Slot {
        footer,
        ..slot(9, SlotState::Sealed, 1, entries)
    };
    put_at(&mut image, geometry().slot_offset(9), &slot.encode());
    put_at(&mut image, geometry().page_offset(9, 15), &bytes);
    let store = open(&disk_of(&image), &config_with_regions(16));
    assert_eq!(store.counters().objects, 1);
    drop(store);
    use_up(&image);
}

#[test]
fn numbers_that_cannot_grow_any_more_are_damage() {
    for generation in [u64::MAX, u64::MAX - 1, 1 << 63] {
        let mut image = store_image();
        let slot = slot(9, SlotState::Sealed, generation, Vec::new());
        put_at(&mut image, geometry().slot_offset(9), &slot.encode());
        use_up(&image);
    }
    for told in [u64::MAX, 1 << 24] {
        let boot = with_super(|super_block| super_block.boot = told);
        let epoch = with_super(|super_block| super_block.epoch = u64::MAX);
        for image in [boot, epoch] {
            let opened = Store::open(Arc::new(disk_of(&image)), clock(), &config_with_regions(16));
            assert!(matches!(opened, Err(Error::Broken { .. })));
        }
    }
}
