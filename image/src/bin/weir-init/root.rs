//! The root: which slot has it, and whether every block of it is what was signed.
//!
//! Both slots are looked at, because the same version may lie in either; first the one whose
//! entry was started. The whole root is read once through dm-verity, so what has rotted is found
//! here, where the box can still turn to its other slot, and not by a panic in service.
//!
//! Refuses: to go on with a root of which one block is wrong.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use weir_hal::{
    SlotName,
    linux::device_mapper::{self, Target},
};
use weir_image::{
    command_line::{OnDamage, Root},
    partition,
};

/// How long disks may take to appear, looked for this often.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);

/// Read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// The root that was found.
#[derive(Debug)]
pub(crate) struct Proved {
    pub(crate) slot: SlotName,
    pub(crate) device: PathBuf,
}

/// Finds `named`, in the slot `first` if it is there.
pub(crate) fn prove(named: &Root, first: Option<SlotName>) -> io::Result<Proved> {
    await_disk()?;
    let first = first.unwrap_or(SlotName::A);
    let mut reason = io::Error::other("no slot is there");
    for slot in [first, first.other()] {
        match in_slot(named, slot) {
            Ok(device) => return Ok(Proved { slot, device }),
            Err(error) => reason = error,
        }
        super::tell(&format!("slot {slot} has not this root: {reason}"));
    }
    Err(reason)
}

fn await_disk() -> io::Result<()> {
    for _ in 0..LOOKS {
        for slot in SlotName::ALL {
            if partition::find(&format!("root-{slot}"))?.is_some() {
                return Ok(());
            }
        }
        super::pause(LOOK);
    }
    Err(io::Error::other(
        "no disk with a partition root-a or root-b",
    ))
}

fn in_slot(named: &Root, slot: SlotName) -> io::Result<PathBuf> {
    let partition = partition::find(&format!("root-{slot}"))?
        .ok_or_else(|| io::Error::other("there is no such partition"))?;
    let probe = map("probe", named, &partition, OnDamage::Fail)?;
    let outcome = read_all(&probe, named);
    device_mapper::remove("probe")?;
    outcome?;
    map("root", named, &partition, OnDamage::Panic)
}

fn map(name: &str, named: &Root, partition: &Path, on_damage: OnDamage) -> io::Result<PathBuf> {
    let target = Target {
        kind: "verity",
        sectors: named.sectors(),
        parameters: &named.table(partition, on_damage),
    };
    device_mapper::create(name, target)
}

fn read_all(device: &Path, named: &Root) -> io::Result<()> {
    let mut device = File::open(device)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes: u64 = 0;
    loop {
        match device.read(&mut chunk)? {
            0 => break,
            read => bytes += read as u64,
        }
    }
    if bytes != named.blocks * weir_image::command_line::BLOCK_BYTES {
        return Err(io::Error::other("it is shorter than what was signed"));
    }
    Ok(())
}
