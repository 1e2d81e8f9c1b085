//! A disk that fails, fills up or forgets.

use std::path::PathBuf;

use weir_hal::sim::{Call, Fault};

use super::{forbidding::Forbidding, *};

fn files(disk: &sim::Disk) -> Vec<PathBuf> {
    let entries = disk.list(Path::new("/cache")).unwrap();
    let paths = entries.into_iter().map(|entry| entry.path);
    paths
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "object"))
        .collect()
}

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
        assert_eq!(files(&disk).len(), 1);
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
    assert_eq!(store.counters().write_errors, 5);
    drop(window);
    assert_eq!(store.counters().objects, 0);
    disk.heal();
    settle(&store, "/after", Class::Live, b"works again");
}

#[test]
fn a_disk_filled_by_others_makes_the_store_shrink() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    for index in 0..10 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Low,
            &body(index, 20_000),
        );
    }
    disk.set_bytes_free(5_000);
    settle(&store, "/new", Class::Low, &body(77, 20_000));
    assert_eq!(read_key(&store, "/new").unwrap().unwrap(), body(77, 20_000));
    assert_eq!(store.counters().objects, 10);
    assert_eq!(store.counters().evictions, 1);
}

#[test]
fn a_full_disk_with_nothing_to_evict_is_counted() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    let _old = put(&store, "/old", Class::Low, &body(1, 20_000));
    assert!(store.flush(PATIENCE));
    disk.set_bytes_free(5_000);
    let new = put(&store, "/new", Class::Low, &body(2, 20_000));
    assert!(!store.flush(PATIENCE));
    assert_eq!(store.counters().write_errors, 1);
    assert_eq!(read_key(&store, "/new").unwrap().unwrap(), body(2, 20_000));
    drop(new);
    assert_eq!(names(&store), ["/old"]);
    assert_eq!(files(&disk).len(), 1);
}

#[test]
fn an_object_that_cannot_be_read_is_dropped_even_if_it_is_pinned() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    let pin = put(&store, "/a", Class::Live, &body(1, 600_000));
    assert!(store.flush(PATIENCE));
    // The first piece is read, the second is not.
    disk.inject(Call::Read, Fault::Once(2));
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
    let store = open(&disk, &config());
    let good = body(1, 600_000);
    settle(&store, "/a", Class::Live, &good);
    assert!(disk.rot(&files(&disk)[0], 300_000));
    let object = store.get(&key("/a")).unwrap();
    let mut reader = object.read(0..u64::MAX);
    let first = run(reader.next()).unwrap().unwrap();
    assert!(first.bytes == good[..256 * 1024]);
    assert!(matches!(run(reader.next()), Err(Error::Damaged { .. })));
    assert!(store.get(&key("/a")).is_none());
}

#[test]
fn rot_anywhere_in_a_file_is_found_before_the_first_byte_leaves() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/a", Class::Live, &body(1, 300_000));
    drop(store);
    let file = &files(&disk)[0];
    let bytes = usize::try_from(bytes_of(&disk, file)).unwrap();
    let offsets = (0..60)
        .chain((60..bytes).step_by(9_973))
        .chain(bytes - 12..bytes);
    for offset in offsets {
        let image = image(&disk, file);
        let copy = sim::Disk::new(2);
        copy.create_directory(Path::new("/cache")).unwrap();
        let file_copy = copy.open(file, weir_hal::Access::Create).unwrap();
        file_copy.write_at(&image, 0).unwrap();
        assert!(copy.rot(file, offset));
        let store = open(&copy, &config());
        if let Some(object) = store.get(&key("/a")) {
            let first = run(object.read(0..u64::MAX).next());
            assert!(matches!(first, Err(Error::Damaged { .. })), "at {offset}");
            assert!(store.get(&key("/a")).is_none());
        }
        assert_eq!(store.counters().objects, 0, "at {offset}");
    }
}

#[test]
fn a_truncated_or_extended_file_is_no_object() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/a", Class::Live, &body(1, 10_000));
    drop(store);
    let file = &files(&disk)[0];
    let image = image(&disk, file);
    let longer = [&image[..], b"x"].concat();
    let shorter = [image.len() - 1, 100, 7, 0].map(|end| &image[..end]);
    for wrong in shorter.into_iter().chain([&longer[..]]) {
        let file = disk.open(file, weir_hal::Access::Create).unwrap();
        file.write_at(wrong, 0).unwrap();
        let store = open(&disk, &config());
        assert_eq!(store.counters().discarded, 1, "{} bytes", wrong.len());
        assert_eq!(store.counters().recovered, 0);
    }
}

#[test]
fn a_file_under_another_number_is_no_object() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/a", Class::Live, b"x");
    drop(store);
    let other = Path::new("/cache/00000000000000ff.object");
    disk.rename(&files(&disk)[0], other).unwrap();
    assert_eq!(open(&disk, &config()).counters().discarded, 1);
}

#[test]
fn a_file_that_cannot_be_removed_keeps_its_room_and_evicts_no_others() {
    let disk = Forbidding::default();
    let store = Store::open(Arc::new(disk.clone()), &config_with_bytes_max(12 * 4096)).unwrap();
    for index in 0..4 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Low,
            &body(index, 9_000),
        );
    }
    disk.forbid_removals(true);
    drop(put(&store, "/new", Class::Low, &body(9, 9_000)));
    wait_until(|| store.counters().refused_no_space == 1);
    assert!(
        !store.flush(Duration::ZERO),
        "what was evicted is still there"
    );
    assert_eq!(names(&store), ["/1", "/2", "/3"], "only one was tried");
    assert_eq!(store.counters().bytes, 12 * 4096);
    disk.forbid_removals(false);
    settle(&store, "/new", Class::Low, &body(9, 9_000));
    assert_eq!(names(&store), ["/1", "/2", "/3", "/new"]);
}

fn bytes_of(disk: &sim::Disk, path: &Path) -> u64 {
    let file = disk.open(path, weir_hal::Access::Read).unwrap();
    file.bytes().unwrap()
}

fn image(disk: &sim::Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, weir_hal::Access::Read).unwrap();
    let mut image = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
    file.read_at(&mut image, 0).unwrap();
    image
}
