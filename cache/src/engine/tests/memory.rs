//! The bound on memory.

use super::*;

fn small() -> Config {
    Config {
        memory_bytes_max: 10_000,
        ..config()
    }
}

#[test]
fn an_append_beyond_the_bound_is_refused_and_the_object_is_lost() {
    let store = open(&sim::Disk::new(1), &small());
    let mut writer = store.begin(&key("/a"), Class::Live, Bytes::new()).unwrap();
    writer.append(Bytes::from(vec![1; 9_000])).unwrap();
    let refused = writer.append(Bytes::from(vec![1; 2_000]));
    assert!(matches!(refused, Err(Error::NoMemory)));
    // A smaller chunk would fit, but the object has a hole.
    let refused = writer.append(Bytes::from_static(b"x"));
    assert!(matches!(refused, Err(Error::NoMemory)));
    assert!(matches!(writer.commit(), Err(Error::NoMemory)));
    assert!(store.get(&key("/a")).is_none());
    assert_eq!(store.counters().memory_bytes, 0);
    assert_eq!(store.counters().refused_no_memory, 2);
}

#[test]
fn many_small_objects_and_chunks_are_bounded_too() {
    let store = open(&sim::Disk::new(1), &small());
    let begin = |index: usize| {
        let key = key(&format!("/{index}"));
        store.begin(&key, Class::Live, Bytes::new())
    };
    let writers: Vec<_> = (0..1_000).map_while(|index| begin(index).ok()).collect();
    assert!((10..30).contains(&writers.len()), "{} fit", writers.len());
    drop(writers);
    let mut writer = begin(0).unwrap();
    let mut byte = || writer.append(Bytes::from_static(b"x")).is_ok();
    let appended = (0..10_000).take_while(|_| byte()).count();
    assert!((100..200).contains(&appended), "{appended} fit");
    assert!(store.counters().memory_bytes <= 10_000);
}

#[test]
fn memory_comes_back_when_the_object_is_on_disk() {
    let store = open(&sim::Disk::new(1), &small());
    for index in 0..20 {
        settle(
            &store,
            &format!("/{index}"),
            Class::Live,
            &body(index, 9_000),
        );
        assert_eq!(store.counters().memory_bytes, 0);
    }
    assert_eq!(store.counters().objects, 20);
}

#[test]
fn a_writer_that_can_wait_goes_on_as_soon_as_there_is_room() {
    let store = open(&sim::Disk::new(1), &small());
    let mut first = store.begin(&key("/a"), Class::Live, Bytes::new()).unwrap();
    first.append(Bytes::from(vec![1; 6_000])).unwrap();
    assert!(!store.is_short_of_memory());
    let mut second = store.begin(&key("/b"), Class::Low, Bytes::new()).unwrap();
    run(async {
        let mut waiting = Box::pin(second.append_within(Bytes::from(vec![2; 2_000]), PATIENCE));
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there is no room"),
            () = tokio::task::yield_now() => drop(first),
        }
        waiting.await.unwrap();
    });
    drop(second.commit().unwrap());
    assert_eq!(store.get(&key("/b")).unwrap().bytes(), Some(2_000));
    assert_eq!(store.counters().refused_no_memory, 0);
}

#[test]
fn a_writer_that_waits_in_vain_loses_its_object_and_others_keep_a_quarter() {
    let store = open(&sim::Disk::new(1), &small());
    let mut live = store.begin(&key("/a"), Class::Live, Bytes::new()).unwrap();
    live.append(Bytes::from(vec![1; 6_800])).unwrap();
    let mut patient = store.begin(&key("/b"), Class::Low, Bytes::new()).unwrap();
    assert!(store.is_short_of_memory());
    let refused = run(patient.append_within(Bytes::from(vec![2; 100]), Duration::ZERO));
    assert!(matches!(refused, Err(Error::NoMemory)));
    live.append(Bytes::from(vec![1; 1_000])).unwrap();
    assert!(matches!(patient.commit(), Err(Error::NoMemory)));
    drop(live.commit().unwrap());
    assert!(store.get(&key("/b")).is_none());
}

#[test]
fn the_last_bytes_wait_for_memory_only_so_long() {
    let store = open(&sim::Disk::new(1), &small());
    let mut live = store.begin(&key("/a"), Class::Live, Bytes::new()).unwrap();
    live.append(Bytes::from(vec![1; 6_800])).unwrap();
    let patient = store.begin(&key("/b"), Class::Low, Bytes::new()).unwrap();
    let object = patient.object();
    let last = Bytes::from_static(b"last");
    let refused = run(patient.commit_within(last, Duration::ZERO));
    assert!(matches!(refused, Err(Error::NoMemory)), "{refused:?}");
    assert!(store.get(&key("/b")).is_none());
    assert!(run(object.read(0..u64::MAX).next()).is_err());
}

#[test]
fn metadata_is_kept_up_to_64_kibibytes() {
    let disk = sim::Disk::new(1);
    let store = open(&disk, &config());
    let metadata = Bytes::from(body(1, 65_536));
    let writer = store.begin(&key("/a"), Class::Low, metadata.clone());
    drop(writer.unwrap().commit().unwrap());
    assert!(store.flush(PATIENCE));
    let longer = Bytes::from(vec![0; 65_537]);
    let refused = store.begin(&key("/b"), Class::Low, longer);
    assert!(matches!(refused, Err(Error::MetadataTooLong { .. })));
    drop(store);
    let store = open(&disk, &config());
    assert!(*store.get(&key("/a")).unwrap().metadata() == metadata);
}
