//! Opening a store, in good directories and bad ones.

use std::path::Path;

use weir_hal::Access;

use super::{forbidding::Forbidding, *};

fn refusal(disk: impl Disk + 'static) -> String {
    let refused = Store::open(Arc::new(disk), &config());
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
fn a_file_in_place_of_the_directory_is_named() {
    let disk = sim::Disk::new(1);
    disk.open(Path::new("/cache"), Access::Create).unwrap();
    assert_eq!(
        refusal(disk),
        "cache.path must be a directory, but /cache is a file: \
         change cache.path or remove that"
    );
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
fn strange_files_are_left_alone_and_leftovers_removed() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/a", Class::Low, b"body");
    drop(store);
    let path = |name: &str| Path::new("/cache").join(name);
    let leftovers = ["incoming.tmp", "00000000000000ff.object"];
    let strange = ["README", "1.object", "00000000000000FF.object", "a.tmp"];
    for name in leftovers.iter().chain(&strange) {
        disk.open(&path(name), Access::Create).unwrap();
    }
    disk.create_directory(&path("00000000000000aa.object"))
        .unwrap();
    let store = open(&disk, &config());
    assert_eq!(store.counters().recovered, 1);
    assert_eq!(store.counters().discarded, 1);
    assert!(leftovers.iter().all(|name| disk.kind(&path(name)).is_err()));
    assert!(strange.iter().all(|name| disk.kind(&path(name)).is_ok()));
}

#[test]
fn the_order_of_use_begins_with_the_order_of_writing() {
    let disk = sim::Disk::new(1);
    let config = config_with_bytes_max(4 * 4096);
    let store = open(&disk, &config);
    for name in ["/c", "/a", "/b"] {
        settle(&store, name, Class::Low, b"x");
    }
    drop(store);
    let store = open(&disk, &config);
    settle(&store, "/d", Class::Low, b"x");
    settle(&store, "/e", Class::Low, b"x");
    assert_eq!(names(&store), ["/a", "/b", "/d", "/e"]);
}

#[test]
fn a_real_disk_does_as_the_simulated_one() {
    let directory = tempfile::TempDir::new().unwrap();
    let config = Config {
        path: directory.path().join("cache"),
        ..config()
    };
    let open = || Store::open(Arc::new(weir_hal::linux::Disk::new()), &config).unwrap();
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
