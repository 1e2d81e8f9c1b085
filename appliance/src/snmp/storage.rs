//! Memory and file systems as a manager of servers asks for them: `hrStorageTable`.
//!
//! Source: RFC 2790 §4.2 (storage).
//! Refuses: file systems that nothing here writes.

use weir_hal::{DiskUsage, Memory};

use crate::{
    health::Snapshot,
    snmp::{
        Oid, Value,
        index::indexes,
        tree::{Cells, Table},
        value::integer,
    },
};

const ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 2, 3, 1];

/// `hrStorageTypes`.
const RAM: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 2, 1, 2];
const VIRTUAL_MEMORY: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 2, 1, 3];
const FIXED_DISK: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 2, 1, 4];

/// Bytes of an allocation unit of memory, and of a file system that is not too large to be counted
/// in it.
const MEMORY_UNIT: u64 = 1_024;
const DISK_UNIT: u64 = 4_096;

/// One row.
struct Storage {
    name: String,
    kind: [u32; 10],
    least_unit: u64,
    /// Bytes, and those that are not used; `None` if nobody knows.
    bytes: Option<(u64, u64)>,
}

/// All of them.
pub(super) fn table(snapshot: &Snapshot) -> Table {
    let memory = snapshot.memory.iter().flat_map(of_memory);
    let disks = snapshot.disks.iter().map(|disk| Storage {
        name: disk.path.display().to_string(),
        kind: FIXED_DISK,
        least_unit: DISK_UNIT,
        bytes: disk.usage.map(
            |DiskUsage {
                 bytes_total,
                 bytes_free,
             }| (bytes_total, bytes_free),
        ),
    });
    let all: Vec<Storage> = memory.chain(disks).collect();
    let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
    let rows = indexes(&names).into_iter().zip(&all);
    let rows = rows.map(|(index, storage)| (index, cells(index, storage)));
    Table::of_rows(&ENTRY, rows.collect())
}

/// Main memory, of which nobody uses what a process could get, and what it is swapped to, if
/// anything.
fn of_memory(memory: &Memory) -> Vec<Storage> {
    let of = |name: &str, kind, bytes| Storage {
        name: name.to_owned(),
        kind,
        least_unit: MEMORY_UNIT,
        bytes: Some(bytes),
    };
    let main = (memory.bytes_total, memory.bytes_available);
    let swap = (memory.swap_bytes_total, memory.swap_bytes_free);
    let mut all = vec![of("Physical memory", RAM, main)];
    if memory.swap_bytes_total > 0 {
        all.push(of("Swap space", VIRTUAL_MEMORY, swap));
    }
    all
}

fn cells(index: u32, storage: &Storage) -> Cells {
    let counted = storage.bytes.map(|(total, free)| {
        let unit = allocation_unit(storage.least_unit, total);
        let used = total.saturating_sub(free);
        [unit, total / unit, used / unit].map(integer)
    });
    let [unit, total, used] = counted.map_or([None, None, None], |counted| counted.map(Some));
    vec![
        (1, Some(integer(index.into()))),
        (2, Some(Value::ObjectIdentifier(Oid::new(&storage.kind)))),
        (3, Some(Value::text(storage.name.clone()))),
        (4, unit),
        (5, total),
        (6, used),
    ]
}

/// The least unit, from the usual one on, in which so many bytes are a number of 31 bits.
fn allocation_unit(least: u64, bytes: u64) -> u64 {
    let units = std::iter::successors(Some(least), |unit| unit.checked_mul(2));
    let mut units = units.skip_while(|unit| i32::try_from(bytes / unit).is_err());
    units.next().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        health::DiskSnapshot,
        snmp::tree::{MibTree, Tables},
    };

    /// The columns of kind, unit, total and used of the row of that name.
    fn row(snapshot: &Snapshot, names: &[&str], name: usize) -> [Option<Value>; 4] {
        let tree = Tables::new(vec![table(snapshot)]);
        let index = indexes(names)[name];
        [2, 4, 5, 6].map(|column| tree.get(&[&ENTRY[..], &[column, index]].concat()))
    }

    fn on_disk(usage: Option<DiskUsage>) -> Snapshot {
        Snapshot {
            disks: vec![DiskSnapshot {
                path: "/cache".into(),
                purpose: "cache",
                usage,
            }],
            ..Snapshot::default()
        }
    }

    fn kind(kind: [u32; 10]) -> Value {
        Value::ObjectIdentifier(Oid::new(&kind))
    }

    #[test]
    fn memory_is_used_as_far_as_no_process_could_get_it() {
        let memory = Memory {
            bytes_total: 8 << 30,
            bytes_free: 1 << 30,
            bytes_available: 6 << 30,
            swap_bytes_total: 4 << 20,
            swap_bytes_free: 1 << 20,
            ..Memory::default()
        };
        let snapshot = Snapshot {
            memory: Some(memory),
            ..on_disk(None)
        };
        let names = ["Physical memory", "Swap space", "/cache"];
        let numbers = |numbers: [i32; 3]| numbers.map(|number| Some(Value::Integer(number)));
        let [main, swap, disk] = [0, 1, 2].map(|name| row(&snapshot, &names, name));
        assert_eq!(
            (&main[0], &main[1..]),
            (&Some(kind(RAM)), &numbers([1_024, 8 << 20, 2 << 20])[..])
        );
        let of_swap = numbers([1_024, 4 << 10, 3 << 10]);
        assert_eq!(
            (&swap[0], &swap[1..]),
            (&Some(kind(VIRTUAL_MEMORY)), &of_swap[..])
        );
        assert_eq!(
            disk,
            [Some(kind(FIXED_DISK)), None, None, None],
            "nobody knows"
        );
    }

    #[test]
    fn a_large_file_system_is_counted_in_larger_units() {
        for (bytes, unit) in [
            (1_000, 4_096),
            (8 << 40, 8_192),
            ((8 << 40) - 4_096, 4_096),
            (u64::MAX, 1 << 33),
        ] {
            assert_eq!(allocation_unit(DISK_UNIT, bytes), unit, "{bytes}");
        }
        let usage = DiskUsage {
            bytes_total: 16 << 40,
            bytes_free: 4 << 40,
        };
        let numbers = [16_384, 1 << 30, 3 << 28].map(|number| Some(Value::Integer(number)));
        assert_eq!(row(&on_disk(Some(usage)), &["/cache"], 0)[1..], numbers);
    }
}
