//! SIGKILLs of a process that writes a store: no wrong byte, nothing lost that was promised,
//! nothing back that was replaced.
//!
//! A process of several writers tells each act before it begins, and what it knows to be durable
//! or on disk; it is killed at a random moment, then its store is opened here and every object
//! compared with what its name and version ask for. The kernel keeps what a dead process wrote: so
//! all that was on disk must be found, not only what was flushed. What a power cut takes is tested
//! on a simulated disk; a device that loses writes (dm-flakey) needs a kernel with device mapper.
//!
//! Then the same of the appliance itself, with streams coming in and viewers taking segments.
#![expect(
    clippy::unwrap_used,
    reason = "a broken claim panics; only `#[test]` itself is exempt"
)]
#![expect(clippy::print_stdout, reason = "the seed and what was found are told")]

mod appliance;
mod device;
mod history;
mod load;
mod victim;

use std::sync::{Mutex, PoisonError};

use weir_hal::sim::Generator;

use crate::{
    device::Loop,
    history::History,
    victim::{Site, kill_once},
};

/// Where kills begin; printed, and chosen by `SEED`.
fn seed() -> u64 {
    let seed = std::env::var_os("SEED").and_then(|seed| seed.to_str()?.parse().ok());
    seed.unwrap_or(1)
}

/// Whether `WEIR_LONG` is set.
fn is_long() -> bool {
    std::env::var_os("WEIR_LONG").is_some()
}

/// 40 kills in all; 200 with `WEIR_LONG` set.
fn kills(usual: u64) -> u64 {
    if is_long() { usual * 5 } else { usual }
}

/// One test at a time: a process that is being started holds, for a moment, the locks of all stores
/// that are open here.
static TURN: Mutex<()> = Mutex::new(());

/// Kills a process again and again. Where there is room for all, the store is formatted anew
/// before it would have to evict.
fn kill_often(site: &Site, kills: u64) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = seed();
    let mut random = Generator::new(seed);
    let mut history = History::default();
    let (mut found, mut promised) = (0, 0);
    for round in 0..kills {
        let is_new = round == 0
            || site
                .rounds_of_room
                .is_some_and(|rounds| round % rounds == 0);
        if is_new {
            history = History::default();
        }
        kill_once(site, &mut random, (round, is_new), &mut history);
        let outcome = history.check(site, &format!("seed {seed}, kill {round}"));
        found += outcome.found;
        promised += outcome.promised;
    }
    println!(
        "{kills} kills on {}, seed {seed}: {found} objects found and right, {promised} promised",
        site.path.display()
    );
    assert!(found > kills && (promised > kills || site.rounds_of_room.is_none()));
}

#[test]
fn a_file_with_room_for_all_keeps_what_was_promised() {
    let directory = tempfile::tempdir().unwrap();
    kill_often(&Site::roomy(directory.path()), kills(16));
}

#[test]
fn a_file_that_must_evict_holds_no_wrong_byte() {
    let directory = tempfile::tempdir().unwrap();
    kill_often(&Site::crowded(directory.path()), kills(16));
}

#[test]
fn a_block_device_keeps_what_was_promised() {
    let Some(device) = Loop::attach() else {
        println!("not root: no block device can be made, only files are tested");
        return;
    };
    kill_often(&Site::roomy(device.path()), kills(8));
}
