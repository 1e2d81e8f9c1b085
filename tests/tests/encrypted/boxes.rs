//! Two boxes with the same secret are one to players, and so is a box before and after a kill.

use std::time::Duration;

use weir_tests::{daemon::Daemon, wait::until};

use crate::rig::{Stream, bytes, key, keys, list, list_when, read_all};

#[test]
fn a_box_that_starts_later_has_the_same_lists_keys_and_bytes() {
    let stream = Stream::send("239.255.93.6");
    let early = Daemon::start(&stream.sealed_channel());
    list_when(&early, |list| list.entries.len() >= 5);
    let late = Daemon::start(&stream.sealed_channel());
    let others = list_when(&late, |list| keys(list).len() >= 3);
    let ours = until("the same end", Duration::from_secs(10), || {
        list(&early).filter(|list| list.end() >= others.end())
    });
    let mut compared = 0;
    // The first of the late box began when it joined.
    for entry in others.entries.iter().skip(1) {
        let same = ours.entries.iter().find(|same| same.uri == entry.uri);
        let Some(same) = same else { continue };
        assert_eq!(same.undated(), entry.undated());
        let uri = entry.key.as_ref().expect("it is encrypted");
        assert!(bytes(&early, same) == bytes(&late, entry), "{}", entry.uri);
        assert_eq!(key(&early, uri), key(&late, uri));
        compared += 1;
    }
    assert!(compared >= 3, "{compared}: {ours:?} {others:?}");
}

#[test]
fn a_box_that_was_killed_has_the_keys_of_all_that_it_lists() {
    let stream = Stream::send("239.255.93.7");
    let mut daemon = Daemon::start(&stream.sealed_channel());
    let mut before = list_when(&daemon, |list| list.entries.len() >= 6);
    for _ in 0..3 {
        daemon.kill();
        daemon.restart();
        let first = list_when(&daemon, |list| !list.entries.is_empty());
        read_all(&daemon, &first);
        for entry in &first.entries {
            let same = before.entries.iter().find(|same| same.uri == entry.uri);
            assert!(same.is_none_or(|same| same.key == entry.key), "{entry:?}");
        }
        let after = list_when(&daemon, |list| list.end() >= first.end() + 3);
        assert!(after.end() > before.end());
        read_all(&daemon, &after);
        before = after;
    }
}
