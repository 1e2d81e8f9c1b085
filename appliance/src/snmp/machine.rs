//! The machine under it, as managers of servers ask for it: load, memory, and what it is made of.
//!
//! Source: UCD-SNMP-MIB (`laTable`, `memory`), RFC 2790 (`hrMemorySize`), RFC 6933
//! (`entPhysicalTable`; a drive is 15 of IANA-ENTITY-MIB), RFC 3433 (`entPhySensorTable`).
//! Refuses: makers and serial numbers, which nothing here reads. What it does not know is
//! not there.

use std::time::Duration;

use weir_hal::{Memory, Thermometer, Wall};

use crate::{
    health::Snapshot,
    snmp::{
        Oid, Value,
        enterprise::product,
        index::indexes,
        standard::ticks,
        tree::{Cells, Table},
        value::integer,
    },
};

/// The parent of `hrMemorySize`.
const STORAGE: [u32; 8] = [1, 3, 6, 1, 2, 1, 25, 2];
const PHYSICAL_ENTRY: [u32; 11] = [1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1];
const SENSOR_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 99, 1, 1, 1];
/// The parent of `hrSystemUptime`.
const HOST: [u32; 8] = [1, 3, 6, 1, 2, 1, 25, 1];
const MEMORY: [u32; 8] = [1, 3, 6, 1, 4, 1, 2_021, 4];
const LOAD_ENTRY: [u32; 9] = [1, 3, 6, 1, 4, 1, 2_021, 10, 1];

/// The name of the box among its parts, which is its index too.
const CHASSIS: &str = "1";

/// `entPhysicalClass`.
const CLASS_CHASSIS: i32 = 3;
const CLASS_SENSOR: i32 = 8;
const CLASS_PORT: i32 = 10;
const CLASS_DRIVE: i32 = 15;

/// `TruthValue`: nothing of it is to be replaced by hand, as far as is known.
const FALSE: i32 = 2;

/// `entPhySensorType`, `entPhySensorScale` and `entPhySensorPrecision`: tenths of a degree.
const TYPE_CELSIUS: i32 = 8;
const SCALE_UNITS: i32 = 9;
const PRECISION: i32 = 1;

/// `entPhySensorOperStatus`.
const STATUS_OK: i32 = 1;
const STATUS_UNAVAILABLE: i32 = 2;

/// Milliseconds between two readings.
const UPDATE_RATE_MS: u32 = 1_000;

/// Index and cells of each row.
type Rows = Vec<(u32, Cells)>;

/// All of it, of a box of this name and version.
pub(crate) fn tables(snapshot: &Snapshot, (node, version): (&str, &str)) -> Vec<Table> {
    let (parts, sensors) = parts(snapshot, node, version);
    let mut tables = vec![
        Table::of_rows(&PHYSICAL_ENTRY, parts),
        Table::of_rows(&SENSOR_ENTRY, sensors),
    ];
    if let Some(uptime) = snapshot.machine_uptime {
        tables.push(Table::scalars(Oid::new(&HOST), host(snapshot, uptime)));
    }
    if let Some(averages) = snapshot.load_averages {
        let rows = (1..).zip(averages).zip(["Load-1", "Load-5", "Load-15"]);
        let rows = rows.map(|((index, average), name)| (index, load(index, name, average)));
        tables.push(Table::of_rows(&LOAD_ENTRY, rows.collect()));
    }
    if let Some(memory) = &snapshot.memory {
        let size = vec![(2, Some(kibibytes(memory.bytes_total)))];
        tables.push(Table::scalars(Oid::new(&STORAGE), size));
        tables.push(Table::scalars(Oid::new(&MEMORY), amounts(memory)));
    }
    tables
}

/// `hrSystem`, of a machine that runs for so long.
fn host(snapshot: &Snapshot, uptime: Duration) -> Cells {
    let date = Value::Octets(date_and_time(snapshot.taken));
    let count = |count: Option<u64>| {
        let count = count.map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        count.map(Value::Unsigned32)
    };
    vec![
        (1, Some(Value::TimeTicks(ticks(uptime)))),
        (2, Some(date)),
        (5, count(snapshot.sessions)),
        (6, count(snapshot.processes)),
    ]
}

/// The box, and what is in it that has a name: its ports, the drives that are written, and its
/// thermometers; and what those read.
fn parts(snapshot: &Snapshot, node: &str, version: &str) -> (Rows, Rows) {
    let wired = snapshot.nics.iter().filter(|nic| nic.name != "lo");
    let interfaces = wired.map(|nic| {
        let description = format!("network interface {}", nic.name);
        (nic.name.clone(), description, CLASS_PORT)
    });
    let drives = snapshot.disks.iter().map(|disk| {
        let path = disk.path.display().to_string();
        let description = format!("what the {} lies on", disk.purpose);
        (path, description, CLASS_DRIVE)
    });
    let thermometers = snapshot.thermometers.iter().map(|it| {
        let description = format!("thermometer {}", it.name);
        (it.name.clone(), description, CLASS_SENSOR)
    });
    let parts: Vec<_> = interfaces.chain(drives).chain(thermometers).collect();
    let names = parts.iter().map(|(name, ..)| name.as_str());
    let indexes = indexes(&[CHASSIS].into_iter().chain(names).collect::<Vec<_>>());
    let first = indexes.len() - snapshot.thermometers.len();
    let read = indexes.iter().skip(first).zip(&snapshot.thermometers);
    let read = read.map(|(index, it)| (*index, sensor(it, ticks(snapshot.uptime))));
    let read = read.collect();
    let mut indexes = indexes.into_iter();
    let chassis = indexes.next().unwrap_or_default();
    let description = super::standard::description(version);
    let whole = part((node, description, CLASS_CHASSIS), (0, 0), Some(version));
    let parts = indexes.zip(parts).zip(1_u64..);
    let parts = parts.map(|((index, (name, description, class)), place)| {
        let of = (&*name, description, class);
        (index, part(of, (chassis.into(), place), None))
    });
    ([(chassis, whole)].into_iter().chain(parts).collect(), read)
}

/// What a thermometer reads, at that time.
fn sensor(thermometer: &Thermometer, now: u32) -> Cells {
    let tenths = thermometer.temperature_celsius.map(|celsius| {
        let tenths = (celsius * 10.0).round().clamp(-1e9, 1e9);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to what may be told"
        )]
        let tenths = tenths as i32;
        tenths
    });
    let status = tenths.map_or(STATUS_UNAVAILABLE, |_| STATUS_OK);
    vec![
        (1, Some(Value::Integer(TYPE_CELSIUS))),
        (2, Some(Value::Integer(SCALE_UNITS))),
        (3, Some(Value::Integer(PRECISION))),
        (4, Some(Value::Integer(tenths.unwrap_or_default()))),
        (5, Some(Value::Integer(status))),
        (6, Some(Value::text("degrees Celsius"))),
        (7, Some(Value::TimeTicks(now))),
        (8, Some(Value::Unsigned32(UPDATE_RATE_MS))),
    ]
}

/// `DateAndTime` in UTC (RFC 2579).
fn date_and_time(wall: Wall) -> Vec<u8> {
    let seconds = i64::try_from(wall.as_nanos() / 1_000_000_000).ok();
    let moment = seconds.and_then(|it| jiff::Timestamp::from_second(it).ok());
    let date = jiff::tz::Offset::UTC.to_datetime(moment.unwrap_or_default());
    let tenths = wall.as_nanos() / 100_000_000 % 10;
    let parts = [
        date.month(),
        date.day(),
        date.hour(),
        date.minute(),
        date.second(),
    ];
    let mut octets = date.year().to_be_bytes().to_vec();
    octets.extend(parts.map(i8::unsigned_abs));
    octets.push(u8::try_from(tenths).unwrap_or_default());
    octets.extend(*b"+\0\0");
    octets
}

/// A part of that name, description and class, which is the one at `place` in another.
fn part(
    (name, description, class): (&str, String, i32),
    (contained_in, place): (u64, u64),
    version: Option<&str>,
) -> Cells {
    let kind = if class == CLASS_CHASSIS {
        product()
    } else {
        Oid::new(&[0, 0])
    };
    vec![
        (2, Some(Value::text(description))),
        (3, Some(Value::ObjectIdentifier(kind))),
        (4, Some(integer(contained_in))),
        (5, Some(Value::Integer(class))),
        (6, Some(integer(place))),
        (7, Some(Value::text(name.to_owned()))),
        (10, version.map(|version| Value::text(version.to_owned()))),
        (16, Some(Value::Integer(FALSE))),
    ]
}

/// An average of the load; beyond what fits it is the largest number that does.
fn load(index: u32, name: &'static str, average: f64) -> Cells {
    let hundredths = (average * 100.0).round().clamp(0.0, f64::from(i32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped to the range of the type"
    )]
    let hundredths = hundredths as i32;
    vec![
        (1, Some(integer(index.into()))),
        (2, Some(Value::text(name))),
        (3, Some(Value::text(format!("{average:.2}")))),
        (5, Some(Value::Integer(hundredths))),
    ]
}

fn amounts(memory: &Memory) -> Cells {
    let Memory {
        bytes_total,
        bytes_free,
        // hrStorage and UCD-SNMP-MIB know no such thing; WEIR-MIB has it.
        bytes_available: _,
        bytes_buffers,
        bytes_cached,
        swap_bytes_total,
        swap_bytes_free,
    } = *memory;
    let amounts = [
        (3, swap_bytes_total),
        (4, swap_bytes_free),
        (5, bytes_total),
        (6, bytes_free),
        (11, bytes_free.saturating_add(swap_bytes_free)),
        (14, bytes_buffers),
        (15, bytes_cached),
    ];
    amounts
        .map(|(number, bytes)| (number, Some(kibibytes(bytes))))
        .to_vec()
}

fn kibibytes(bytes: u64) -> Value {
    integer(bytes >> 10)
}

#[cfg(test)]
mod tests {
    use weir_hal::Nic;

    use super::*;
    use crate::{
        health::DiskSnapshot,
        snmp::tree::{MibTree, Tables, walk},
    };

    fn tree(snapshot: &Snapshot) -> Tables {
        Tables::new(tables(snapshot, ("edge-1", "1.2.3")))
    }

    #[test]
    fn load_and_memory_are_told_in_their_units() {
        let tree = tree(&Snapshot {
            load_averages: Some([0.254, 1.5, 3e9]),
            memory: Some(Memory {
                bytes_total: 8 << 30,
                bytes_free: 1 << 30,
                swap_bytes_free: 1 << 20,
                ..Memory::default()
            }),
            ..Snapshot::default()
        });
        for (parent, rest, value) in [
            (&LOAD_ENTRY[..], &[3, 1][..], Value::text("0.25")),
            (&LOAD_ENTRY, &[5, 2], Value::Integer(150)),
            (&LOAD_ENTRY, &[5, 3], Value::Integer(i32::MAX)),
            (&MEMORY, &[5, 0], Value::Integer(8 << 20)),
            (&MEMORY, &[11, 0], Value::Integer((1 << 20) + (1 << 10))),
            (&STORAGE, &[2, 0], Value::Integer(8 << 20)),
        ] {
            assert_eq!(
                tree.get(&[parent, rest].concat()),
                Some(value),
                "{parent:?} {rest:?}"
            );
        }
    }

    #[test]
    fn the_box_contains_its_ports_and_drives_and_a_loopback_is_no_part() {
        let nic = |name: &str| Nic {
            name: name.to_owned(),
            ..Nic::default()
        };
        let tree = tree(&Snapshot {
            nics: vec![nic("eth0"), nic("lo")],
            disks: vec![DiskSnapshot {
                path: "/cache".into(),
                purpose: "cache",
                usage: None,
            }],
            ..Snapshot::default()
        });
        let column = |number: u32| -> Vec<Value> {
            let column = [&PHYSICAL_ENTRY[..], &[number]].concat();
            let walked = walk(&tree).into_iter();
            let of_column = walked.filter(|(oid, _)| oid.arcs().starts_with(&column));
            of_column.map(|(_, value)| value).collect()
        };
        assert_eq!(column(7)[0], Value::text("edge-1"));
        assert!(column(7).contains(&Value::text("eth0")));
        assert!(column(7).contains(&Value::text("/cache")));
        assert_eq!(column(4), [0, 1, 1].map(Value::Integer));
        assert_eq!(column(5)[0], Value::Integer(CLASS_CHASSIS));
        assert_eq!(column(10), [Value::text("1.2.3")]);
    }

    #[test]
    fn a_thermometer_is_a_part_that_reads_tenths_of_a_degree() {
        let thermometer = |name: &str, temperature_celsius| Thermometer {
            name: name.to_owned(),
            temperature_celsius,
        };
        let tree = tree(&Snapshot {
            thermometers: vec![thermometer("board", Some(40.26)), thermometer("cpu", None)],
            ..Snapshot::default()
        });
        let indexes = indexes(&[CHASSIS, "board", "cpu"]);
        for (index, column, value) in [
            (indexes[1], 1, Value::Integer(8)),
            (indexes[1], 4, Value::Integer(403)),
            (indexes[1], 5, Value::Integer(1)),
            (indexes[2], 5, Value::Integer(2)),
        ] {
            let name = [&SENSOR_ENTRY[..], &[column, index]].concat();
            assert_eq!(tree.get(&name), Some(value), "{name:?}");
        }
        let class = [&PHYSICAL_ENTRY[..], &[5, indexes[1]]].concat();
        assert_eq!(tree.get(&class), Some(Value::Integer(CLASS_SENSOR)));
    }

    #[test]
    fn the_machine_tells_how_long_it_runs_and_what_time_it_is() {
        let tree = tree(&Snapshot {
            machine_uptime: Some(Duration::from_millis(12_340)),
            processes: Some(93),
            sessions: Some(2),
            taken: Wall::from_nanos(1_700_000_004_250_000_000),
            ..Snapshot::default()
        });
        let get = |number: u32| tree.get(&[&HOST[..], &[number, 0]].concat());
        assert_eq!(get(1), Some(Value::TimeTicks(1_234)));
        // 2023-11-14T22:13:24.2Z.
        let date = [7, 231, 11, 14, 22, 13, 24, 2, b'+', 0, 0];
        assert_eq!(get(2), Some(Value::Octets(date.to_vec())));
        assert_eq!(get(5), Some(Value::Unsigned32(2)));
        assert_eq!(get(6), Some(Value::Unsigned32(93)));
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_not_there() {
        let walked = walk(&tree(&Snapshot::default()));
        let mut others = walked
            .iter()
            .filter(|(oid, _)| !oid.arcs().starts_with(&PHYSICAL_ENTRY));
        assert_eq!(others.next(), None);
    }
}
