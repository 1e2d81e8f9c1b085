//! Slots on trial, and slots that have rotted: long, for each boot of an emulated box is.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

use weir_tests::{
    http,
    machine::{Disk, Machine, built_image},
    wait::until_every,
};

use crate::{GROUP, PATIENCE, PORT, await_status, configuration, sender};

/// Where slots begin on the disk: behind the EFI system partition, and behind each other.
const SLOT_A: u64 = 129 << 20;
const SLOT_B: u64 = (129 + 192) << 20;

fn is_long() -> bool {
    std::env::var_os("WEIR_LONG").is_some()
}

fn entry(suffix: &str) -> String {
    format!("weir_{}_{suffix}.efi", env!("CARGO_PKG_VERSION"))
}

fn await_console(machine: &Machine, text: &str) {
    let what = std::fmt::from_fn(|f| write!(f, "{text:?} on the console:\n{}", machine.console()));
    until_every(Duration::from_millis(500), what, PATIENCE, || {
        machine.console().contains(text).then_some(())
    });
}

#[test]
fn a_slot_on_trial_is_committed_once_the_whole_path_is_ready() {
    if !is_long() {
        return;
    }
    let disk = Disk::flashed(&built_image(), &configuration());
    disk.rename(&format!("EFI/Linux/{}", entry("a")), &entry("a+3"));
    let machine = disk.boot();
    await_status(&machine, &machine.management("/livez"), 200);
    // The process runs for longer than a ready one has to, and that is not enough: no stream comes.
    until_every(
        Duration::from_secs(1),
        "a process of 80 s",
        PATIENCE,
        || {
            let metrics = http::get(&machine.management("/metrics")).ok()?.text();
            let mut lines = metrics.lines();
            let uptime = lines.find_map(|line| line.strip_prefix("weir_uptime_seconds "))?;
            (uptime.parse::<f64>().ok()? >= 80.0).then_some(())
        },
    );
    assert!(!machine.console().contains("is good and committed"));
    let feed = machine.feed(GROUP, PORT);
    let _sender = sender(feed.port);
    await_console(&machine, "is good and committed");
    drop(machine);
    assert_eq!(disk.list("EFI/Linux"), [entry("a")]);
}

#[test]
fn a_flipped_byte_in_a_committed_slot_boots_the_other() {
    if !is_long() {
        return;
    }
    let disk = Disk::flashed(&built_image(), &configuration());
    let machine = disk.boot();
    await_console(&machine, "from slot a");
    // The first boot makes the other slot and the data; it is over when the daemon starts.
    await_status(&machine, &machine.management("/livez"), 200);
    drop(machine);
    let root = built_image().with_extension("root");
    copy_into(&root, &disk.file(), SLOT_B);
    flip_byte(&disk.file(), SLOT_A + (5 << 20));
    let machine = disk.boot();
    await_console(&machine, "slot a has not this root");
    await_console(&machine, "from slot b");
    await_status(&machine, &machine.management("/livez"), 200);
}

fn copy_into(root: &Path, disk: &Path, offset: u64) {
    let mut disk = File::options()
        .write(true)
        .open(disk)
        .expect("the disk is ours");
    disk.seek(SeekFrom::Start(offset))
        .expect("it is on the disk");
    let mut root = File::open(root).expect("the root lies beside the image");
    std::io::copy(&mut root, &mut disk).expect("the slot is larger");
}

fn flip_byte(disk: &Path, offset: u64) {
    let disk = File::options().read(true).write(true).open(disk);
    let mut disk = disk.expect("the disk is ours");
    let mut byte = [0];
    disk.seek(SeekFrom::Start(offset))
        .expect("it is on the disk");
    disk.read_exact(&mut byte).expect("it is on the disk");
    disk.seek(SeekFrom::Start(offset))
        .expect("it is on the disk");
    disk.write_all(&[!byte[0]]).expect("the disk is ours");
}
