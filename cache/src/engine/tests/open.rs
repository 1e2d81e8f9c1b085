//! Opening a store, in good directories and bad ones.

use std::path::Path;

use weir_hal::Access;

use super::{forbidding::Forbidding, *};

fn refusal(disk: impl Disk + 'static) -> String {
    let refused = Store::open(Arc::new(disk), clock(), &config());
    refused.unwrap_err().to_string()
}

#[test]
fn a_missing_directory_is_made_for_good() {
    let disk = sim::Disk::new(1);
    let config = Config {
        path: "/var/lib/weir/cache".into(),
        ..config()
    };
    let store = open(&disk, &config);
    settle(&store, "/a", Class::Low, b"body");
    let disk = disk.power_cut();
    let store = open(&disk, &config);
    assert_eq!(read_key(&store, "/a").unwrap().unwrap(), b"body");
}

#[test]
fn one_process_at_a_time() {
    let disk = sim::Disk::new(1);
    let first = open(&disk, &config());
    let clone = first.clone();
    drop(first);
    assert_eq!(
        refusal(disk.clone()),
        "cache path /cache is in use by another process: \
         stop that process or change cache.path"
    );
    let pin = put(&clone, "/a", Class::Low, b"x");
    let writer = clone.begin(&key("/b"), Class::Low, Bytes::new()).unwrap();
    drop(clone);
    // What outlives the store does not hold the directory.
    drop(open(&disk, &config()));
    assert!(matches!(writer.commit(), Err(Error::Closed)));
    drop(pin);
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    let disk = Forbidding::default();
    disk.forbid_creations(true);
    assert_eq!(
        refusal(disk),
        "cache path /cache is not writable by weir: change its owner or cache.path"
    );
}

#[test]
fn a_file_of_something_else_is_left_as_it_is() {
    let disk = sim::Disk::new(1);
    let file = disk.open(Path::new("/cache"), Access::Create).unwrap();
    file.write_at(b"precious", 0).unwrap();
    drop(file);
    assert_eq!(
        refusal(disk.clone()),
        "/cache holds something that is no cache: change cache.path, or run weir with --format, \
         which destroys what is there"
    );
    let mut content = [0; 9];
    let file = disk.open(Path::new("/cache"), Access::Read).unwrap();
    assert_eq!(file.read_at(&mut content, 0).unwrap(), 8);
    drop(file);
    let config = Config {
        is_format_allowed: true,
        ..config()
    };
    settle(&open(&disk, &config), "/a", Class::Low, b"body");
    let config = Config {
        is_format_allowed: false,
        ..config
    };
    assert_eq!(names(&open(&disk, &config)), ["/a"]);
}

#[test]
fn who_comes_while_the_store_is_made_changes_nothing() {
    let disk = sim::Disk::new(1);
    disk.create_directory(Path::new("/cache")).unwrap();
    let new = Path::new("/cache/store.new");
    let file = disk.open(new, Access::Create).unwrap();
    file.lock_exclusive().unwrap();
    file.write_at(b"half a store", 0).unwrap();
    assert!(refusal(disk.clone()).contains("is in use by another process"));
    assert_eq!(file.bytes().unwrap(), 12);
    drop(file);
    // Nobody makes it any more, so whoever comes next does.
    settle(&open(&disk, &config()), "/a", Class::Low, b"body");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let disk = sim::Disk::new(1);
    disk.open(Path::new("/cache"), Access::Create).unwrap();
    settle(&open(&disk, &config()), "/a", Class::Low, b"body");
    assert_eq!(names(&open(&disk, &config())), ["/a"]);
}

fn refusal_after(change: impl Fn(&dyn weir_hal::File)) -> String {
    let disk = sim::Disk::new(1);
    drop(open(&disk, &config()));
    change(&*disk.open(&file(), Access::ReadWrite).unwrap());
    refusal(disk)
}

/// Changes a byte of both super blocks, and their sums with it.
fn set_in_super_blocks(file: &dyn weir_hal::File, at: usize, value: u8) {
    for offset in [0, 4096] {
        set_in_super_block(file, offset, at, value);
    }
}

/// Changes a byte of the super block at `offset`, and its sum with it.
fn set_in_super_block(file: &dyn weir_hal::File, offset: u64, at: usize, value: u8) {
    let mut page = [0; 4096];
    file.read_at(&mut page, offset).unwrap();
    page[at] = value;
    let sum = crc32c::crc32c(&page[..4092]);
    page[4092..].copy_from_slice(&sum.to_le_bytes());
    file.write_at(&page, offset).unwrap();
}

#[test]
fn a_store_that_a_newer_version_has_begun_to_use_is_left_to_it() {
    for offset in [0, 4096] {
        let begun = |file: &dyn weir_hal::File| set_in_super_block(file, offset, 8, 3);
        assert!(refusal_after(begun).contains("is of version 3, which is newer than this weir"));
    }
}

#[test]
fn each_kind_of_unusable_store_has_its_sentence() {
    let newer = |file: &dyn weir_hal::File| set_in_super_blocks(file, 8, 3);
    assert_eq!(
        refusal_after(newer),
        "the cache in /cache/store is of version 3, which is newer than this weir: update weir, or \
         run it with --format, which destroys what is there"
    );
    let older = |file: &dyn weir_hal::File| set_in_super_blocks(file, 8, 1);
    assert_eq!(
        refusal_after(older),
        "the cache in /cache/store is of version 1, which this weir does not read: run weir with \
         --format, which destroys what is there"
    );
    let damaged = |file: &dyn weir_hal::File| {
        file.write_at(b"?", 100).unwrap();
        file.write_at(b"?", 4196).unwrap();
    };
    assert_eq!(
        refusal_after(damaged),
        "the cache in /cache/store is damaged at its very beginning: run weir with --format, which \
         destroys what is there"
    );
    let short = |file: &dyn weir_hal::File| file.resize(1_000_000).unwrap();
    assert_eq!(
        refusal_after(short),
        "the cache in /cache/store is 1000000 bytes long where 31727616 are expected: restore it, \
         or run weir with --format, which destroys what is there"
    );
    let half = |file: &dyn weir_hal::File| set_in_super_blocks(file, 56, 2);
    assert_eq!(
        refusal_after(half),
        "the cache in /cache/store was not formatted to its end: run weir with --format"
    );
}

#[test]
fn objects_of_the_former_engine_are_named_and_left_alone() {
    let disk = sim::Disk::new(1);
    disk.create_directory(Path::new("/cache")).unwrap();
    let former = Path::new("/cache/000000000000002a.object");
    disk.open(former, Access::Create).unwrap();
    assert_eq!(
        refusal(disk.clone()),
        "cache path /cache holds objects of a former version: remove its *.object files, or run \
         weir with --format, which does"
    );
    assert!(disk.kind(former).is_ok());
    let config = Config {
        is_format_allowed: true,
        ..config()
    };
    drop(open(&disk, &config));
    assert!(disk.kind(former).is_err());
}

#[test]
fn a_full_file_system_is_named() {
    let disk = sim::Disk::new(1);
    disk.set_bytes_free(1_000_000);
    assert_eq!(
        refusal(disk),
        "there is no room for 31727616 bytes of cache in /cache/store: lower cache.size or make \
         room"
    );
}

#[test]
fn a_store_that_cannot_be_made_so_small_is_named_and_left_as_it_is() {
    let disk = sim::Disk::new(1);
    settle(&open(&disk, &config()), "/a", Class::Low, b"body");
    let smaller = Config {
        bytes_max: 3 << 20,
        ..config()
    };
    let refused = Store::open(Arc::new(disk.clone()), clock(), &smaller).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the cache in /cache/store cannot be made as small as 3145728 bytes, as its regions have \
         2097152: raise cache.size, or run weir with --format, which destroys what is there"
    );
    assert_eq!(names(&open(&disk, &config())), ["/a"]);
}

#[test]
fn one_damaged_super_block_is_survived() {
    for offset in [100, 4196] {
        let disk = sim::Disk::new(1);
        settle(&open(&disk, &config()), "/a", Class::Low, b"body");
        assert!(disk.rot(&file(), offset));
        assert_eq!(names(&open(&disk, &config())), ["/a"]);
    }
}

#[test]
fn a_store_that_was_not_formatted_to_its_end_in_a_directory_is_formatted_again() {
    for seed in 0..50 {
        let disk = sim::Disk::new(seed);
        disk.inject(sim::Call::Sync, sim::Fault::ForEver(1 + seed % 5));
        drop(Store::open(Arc::new(disk.clone()), clock(), &config()));
        let disk = disk.power_cut();
        settle(&open(&disk, &config()), "/a", Class::Low, b"body");
    }
}

#[test]
fn a_real_disk_does_as_the_simulated_one() {
    let directory = tempfile::TempDir::new().unwrap();
    let config = Config {
        path: directory.path().join("cache"),
        ..config()
    };
    let disk = || Arc::new(weir_hal::linux::Disk::new());
    let open = || Store::open(disk(), clock(), &config).unwrap();
    let store = open();
    settle(&store, "/a", Class::Low, &body(1, 600_000));
    settle(&store, "/a", Class::Low, &body(2, 600_000));
    settle(&store, "/b", Class::Low, &body(3, 10));
    assert!(store.evict(&key("/b")));
    assert!(store.flush(PATIENCE));
    drop(store);
    let store = open();
    assert_eq!(names(&store), ["/a"]);
    assert!(read_key(&store, "/a").unwrap().unwrap() == body(2, 600_000));
}
