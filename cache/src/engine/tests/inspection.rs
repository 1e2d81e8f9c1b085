//! Looking at a store that is stopped, running, damaged or being written over.

use weir_hal::sim::{Call, Fault};

use super::*;
use crate::{Condition, Flaw, Held, Inspection, Lost};

fn inspect(disk: &sim::Disk) -> Inspection {
    let inspection = Inspection::open(Arc::new(disk.clone()), Path::new("/cache"));
    inspection.unwrap_or_else(|error| panic!("{error:?} on {disk:?}"))
}

fn refusal(disk: &sim::Disk) -> String {
    let refused = Inspection::open(Arc::new(disk.clone()), Path::new("/cache"));
    refused.unwrap_err().to_string()
}

/// Everything there is, by name.
fn held(inspection: &Inspection) -> Vec<(String, Vec<u8>)> {
    let read = |held: Held| {
        let pieces: Result<Vec<Bytes>, Flaw> = inspection.pieces(&held).collect();
        (held.key().to_string(), pieces.unwrap().concat())
    };
    let mut all: Vec<_> = inspection
        .objects()
        .map(|held| read(held.unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn it_finds_what_the_next_start_would_find_and_writes_nothing() {
    for seed in 0..20 {
        let disk = sim::Disk::new(seed);
        let store = open(&disk, &config_with_regions(16));
        for index in 0..40 {
            let body = body(index, 5_000 + 1_000 * usize::from(index % 7));
            drop(put(&store, &format!("/{}", index % 30), Class::Low, &body));
        }
        assert!(store.flush(PATIENCE));
        for index in 40..50 {
            drop(put(
                &store,
                &format!("/{}", index % 30),
                Class::Low,
                &body(index, 9_000),
            ));
        }
        let disk = disk.power_cut();
        let before = image(&disk);
        let inspection = inspect(&disk);
        assert_eq!(inspection.summary().condition, Condition::Interrupted);
        let held = held(&inspection);
        assert!(image(&disk) == before);
        let store = open(&disk, &config_with_regions(16));
        let names = names(&store);
        let found = held.iter().map(|(name, _)| name.clone());
        assert_eq!(found.collect::<Vec<_>>(), names, "seed {seed}");
        for (name, body) in held {
            assert!(
                read_key(&store, &name).unwrap().unwrap() == body,
                "seed {seed}, {name}"
            );
        }
    }
}

#[test]
fn long_objects_are_found_as_the_next_start_finds_them() {
    for seed in 0..20 {
        let disk = sim::Disk::new(seed);
        let store = open(&disk, &config_of_parts(200));
        for index in 0..20 {
            let name = format!("/{}", index % 15);
            drop(put(&store, &name, Class::Low, &body(index, 20_000)));
        }
        assert!(store.flush(PATIENCE));
        let summary = inspect(&disk).summary();
        assert_eq!(summary.total().objects, 15);
        assert_eq!(summary.total().bytes, store.counters().bytes);
        for index in 20..25 {
            drop(put(
                &store,
                &format!("/{index}"),
                Class::Low,
                &body(index, 20_000),
            ));
        }
        let disk = disk.power_cut();
        let inspection = inspect(&disk);
        let store = open(&disk, &config_of_parts(200));
        for held in inspection.objects() {
            let held = match held {
                Ok(held) => held,
                Err(lost) => {
                    assert!(matches!(lost.flaw, Flaw::Part | Flaw::Header), "{lost:?}");
                    continue;
                }
            };
            assert_eq!(held.bytes(), 20_000);
            let pieces: Result<Vec<Bytes>, Flaw> = inspection.pieces(&held).collect();
            match (pieces, read_key(&store, held.key().as_str())) {
                (Ok(pieces), Some(Ok(read))) => assert!(pieces.concat() == read, "seed {seed}"),
                (Err(_), Some(Err(_))) => {}
                (pieces, read) => panic!("seed {seed}: {:?}, {:?}", pieces.is_ok(), read.is_some()),
            }
        }
    }
}

#[test]
fn it_tells_who_uses_a_store_and_how_it_was_left() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config_with_regions(16));
    settle(&store, "/live", Class::Live, &body(1, 10_000));
    settle(&store, "/low", Class::Low, b"x");
    let inspection = inspect(&disk);
    let summary = inspection.summary();
    assert_eq!(summary.condition, Condition::InUse);
    assert_eq!(
        (summary.regions, summary.regions_open, summary.regions_free),
        (16, 2, 14)
    );
    let counters = store.counters();
    assert_eq!(summary.total().objects, counters.objects);
    assert_eq!(summary.total().bytes, counters.bytes);
    drop(store);
    let inspection = inspect(&disk);
    assert_eq!(inspection.summary().condition, Condition::Closed);
    let live = inspection.find(&key("/live")).unwrap().unwrap();
    assert_eq!((live.class(), live.bytes()), (Class::Live, 10_000));
    assert!(inspection.find(&key("/none")).unwrap().is_none());
    // It held nobody up.
    drop(open(&disk, &config_with_regions(16)));
}

#[test]
fn what_was_replaced_or_removed_is_not_there() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    settle(&store, "/a", Class::Low, &body(1, 9_000));
    settle(&store, "/b", Class::Low, &body(2, 9_000));
    settle(&store, "/a", Class::Low, &body(3, 9_000));
    assert!(store.evict(&key("/b")));
    assert!(store.flush(PATIENCE));
    assert_eq!(held(&inspect(&disk)), [("/a".to_owned(), body(3, 9_000))]);
}

#[test]
fn each_damage_is_told_by_its_name_and_place() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    for name in ["/header", "/body", "/good"] {
        settle(&store, name, Class::Low, &body(1, 500_000));
    }
    let [header, body] = ["/header", "/body"].map(|name| body_offset(&store, name));
    drop(store);
    let to_index = |offset: u64| usize::try_from(offset).unwrap();
    assert!(disk.rot(&file(), to_index(header) - 20));
    assert!(disk.rot(&file(), to_index(body) + 300_000));
    let inspection = inspect(&disk);
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    for outcome in inspection.objects() {
        match outcome {
            Ok(held) => found.push(held),
            Err(Lost { flaw, page, .. }) => lost.push((flaw.as_str(), page)),
        }
    }
    assert_eq!(lost, [("damaged_header", 0)]);
    let flaws = found.iter().map(|held| {
        let flaw = inspection.pieces(held).find_map(Result::err);
        (held.key().as_str(), flaw.map(|flaw| flaw.to_string()))
    });
    let told = "damaged body, in the 256 KiB from byte 262144 of the object on";
    assert_eq!(
        flaws.collect::<Vec<_>>(),
        [("/body", Some(told.to_owned())), ("/good", None)]
    );
    disk.forget();
    disk.inject(Call::Read, Fault::Once(1));
    let flaw = inspection.pieces(&found[1]).find_map(Result::err).unwrap();
    assert_eq!(flaw.as_str(), "unreadable");
}

#[test]
fn what_a_running_store_writes_over_meanwhile_is_no_damage() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config_with_regions(8));
    for index in 0..20 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Low,
            &body(index, 20_000),
        );
    }
    let inspection = inspect(&disk);
    let early: Vec<Held> = inspection.objects().map(Result::unwrap).collect();
    assert!(early.len() >= 10, "{}", early.len());
    for index in 20..60 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Low,
            &body(index, 20_000),
        );
    }
    assert_eq!(inspection.objects().filter(Result::is_err).count(), 0);
    let flaws = early
        .iter()
        .filter_map(|held| inspection.pieces(held).find_map(Result::err));
    let flaws: Vec<&str> = flaws.map(|flaw| flaw.as_str()).collect();
    assert!(
        !flaws.is_empty() && flaws.iter().all(|flaw| *flaw == "moved"),
        "{flaws:?}"
    );
}

#[test]
fn what_is_no_store_is_named() {
    let disk = sim::Disk::new(1);
    let none = "there is no cache in /cache: name another path, or start weir once to have it made";
    assert_eq!(refusal(&disk), none);
    disk.create_directory(Path::new("/cache")).unwrap();
    assert_eq!(refusal(&disk), none);
    let new = disk
        .open(Path::new("/cache/store.new"), weir_hal::Access::Create)
        .unwrap();
    assert!(refusal(&disk).starts_with("the cache in /cache/store.new was not formatted"));
    drop(new);
    let foreign = disk.open(&file(), weir_hal::Access::Create).unwrap();
    assert_eq!(refusal(&disk), none.replace("/cache", "/cache/store"));
    foreign.write_at(b"precious", 0).unwrap();
    assert!(refusal(&disk).starts_with("/cache/store holds something that is no cache"));
}

#[test]
fn it_tells_when_the_first_and_the_last_were_written() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    assert_eq!(inspect(&disk).written_between(), None);
    settle(&store, "/a", Class::Low, b"x");
    let (oldest, newest) = inspect(&disk).written_between().unwrap();
    assert!(oldest <= newest);
}
