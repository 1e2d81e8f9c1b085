//! What every manager asks first, out of the same snapshot: the groups of the standard that this
//! box can answer with what it knows. What it does not know is not there.
//!
//! Source: RFC 3418 (system), RFC 2863 (interfaces), RFC 2790 (storage, processor), UCD-SNMP-MIB
//! (`ssCpuIdle`).
//! Refuses: running software, and any number that would have to be made up. A counter of 32 bits is
//! the lower half of the one that is kept.

use std::time::Duration;

use weir_hal::{DiskUsage, Nic, OperationalStatus};

use crate::{
    health::{DiskSnapshot, Snapshot},
    snmp::{
        Oid, Value,
        enterprise::{is_development, product},
        index::indexes,
        tree::{Cells, Table},
        value::{integer, lower_half},
    },
};

const SYSTEM: [u32; 7] = [1, 3, 6, 1, 2, 1, 1];
/// `sysName.0`.
pub(crate) const SYSTEM_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];

const INTERFACES: [u32; 7] = [1, 3, 6, 1, 2, 1, 2];
const INTERFACE_ENTRY: [u32; 9] = [1, 3, 6, 1, 2, 1, 2, 2, 1];
const INTERFACE_X_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
const STORAGE_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 2, 3, 1];
const DEVICE_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 3, 2, 1];
const PROCESSOR_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 3, 3, 1];
const SYSTEM_STATISTICS: [u32; 8] = [1, 3, 6, 1, 4, 1, 2_021, 11];

const STORAGE_FIXED_DISK: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 2, 1, 4];
const DEVICE_PROCESSOR: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 3, 1, 3];

/// Layers 4 and 7 (RFC 3418).
const SERVICES: i32 = 72;

/// `ifType`: a loopback, and what a box has otherwise.
const SOFTWARE_LOOPBACK: i32 = 24;
const ETHERNET: i32 = 6;

/// `hrDeviceIndex` of all cores together.
const PROCESSOR: u32 = 1;

/// Bytes of an allocation unit, if a file system is not too large to be counted in it.
const ALLOCATION_UNIT: u64 = 4_096;

/// Who looks after the box, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// `sysContact`.
    pub contact: String,
    /// `sysLocation`.
    pub location: String,
}

/// `sysUpTime`: since the process started; it begins anew after 497 days.
pub(crate) fn up_time(snapshot: &Snapshot) -> u32 {
    ticks(snapshot.uptime)
}

/// Hundredths of a second, which begin anew after 497 days.
pub(crate) fn ticks(time: Duration) -> u32 {
    let hundredths = time.as_millis() / 10;
    lower_half(u64::try_from(hundredths).unwrap_or(u64::MAX))
}

/// What this version calls itself.
pub(crate) fn description(version: &str) -> String {
    let number = if is_development() {
        ", development enterprise number"
    } else {
        ""
    };
    format!("Weir {version}, edge appliance for television{number}")
}

/// All of the standard that this box answers.
pub(crate) fn tables(
    snapshot: &Snapshot,
    (node, version): (&str, &str),
    site: &Site,
) -> Vec<Table> {
    let system = vec![
        (1, Some(Value::text(description(version)))),
        (2, Some(Value::ObjectIdentifier(product()))),
        (3, Some(Value::TimeTicks(up_time(snapshot)))),
        (4, Some(text(&site.contact))),
        (5, Some(text(node))),
        (6, Some(text(&site.location))),
        (7, Some(Value::Integer(SERVICES))),
    ];
    let nics = &snapshot.nics;
    let names: Vec<&str> = nics.iter().map(|nic| nic.name.as_str()).collect();
    let nics = || indexes(&names).into_iter().zip(nics);
    let changed = snapshot.nics_changed.iter().map(|it| ticks(*it));
    let changed = changed.chain(std::iter::repeat(0));
    let interfaces = nics()
        .zip(changed)
        .map(|((index, nic), changed)| (index, interface(index, nic, changed)));
    let extensions = nics().map(|(index, nic)| (index, interface_extension(nic)));
    let count = vec![(1, Some(integer(names.len() as u64)))];
    let (device, load, idle) = processor(snapshot.cpu_usage_percent);
    vec![
        Table::scalars(Oid::new(&SYSTEM), system),
        Table::scalars(Oid::new(&INTERFACES), count),
        Table::of_rows(&INTERFACE_ENTRY, interfaces.collect()),
        Table::of_rows(&INTERFACE_X_ENTRY, extensions.collect()),
        Table::of_rows(&STORAGE_ENTRY, storages(&snapshot.disks)),
        Table::of_rows(&DEVICE_ENTRY, vec![(PROCESSOR, device)]),
        Table::of_rows(&PROCESSOR_ENTRY, vec![(PROCESSOR, load)]),
        Table::scalars(Oid::new(&SYSTEM_STATISTICS), idle),
    ]
}

fn interface(index: u32, nic: &Nic, changed: u32) -> Cells {
    let counter = |count| Some(Value::Counter32(lower_half(count)));
    let statistics = &nic.statistics;
    let kind = if nic.name == "lo" {
        SOFTWARE_LOOPBACK
    } else {
        ETHERNET
    };
    let speed = nic
        .speed_bps
        .map(|bps| u32::try_from(bps).unwrap_or(u32::MAX));
    vec![
        (1, Some(integer(index.into()))),
        (2, Some(text(&nic.name))),
        (3, Some(Value::Integer(kind))),
        (4, nic.mtu_bytes.map(integer)),
        (5, speed.map(Value::Unsigned32)),
        (6, Some(Value::Octets(link_address(nic)))),
        (7, nic.is_enabled.map(administrative_status)),
        (
            8,
            Some(Value::Integer(operational_status(nic.operational_status))),
        ),
        (9, Some(Value::TimeTicks(changed))),
        (10, counter(statistics.rx_bytes)),
        (11, counter(statistics.rx_packets)),
        (13, counter(statistics.rx_dropped)),
        (14, counter(statistics.rx_errors)),
        (16, counter(statistics.tx_bytes)),
        (17, counter(statistics.tx_packets)),
        (19, counter(statistics.tx_dropped)),
        (20, counter(statistics.tx_errors)),
    ]
}

/// What `linkDown` and `linkUp` carry of an interface: its index, the state it should have, if that
/// is known, and the one it has; and its name.
pub(crate) fn link_columns(index: u32, nic: &Nic) -> Vec<(Oid, Value)> {
    let of_entry = |column: u32, value| {
        let name = Oid::new(&INTERFACE_ENTRY).below(&[column, index]);
        (name, value)
    };
    let wanted = nic.is_enabled.map(administrative_status);
    let status = Value::Integer(operational_status(nic.operational_status));
    let columns = [
        (1, Some(integer(index.into()))),
        (7, wanted),
        (8, Some(status)),
        (2, Some(text(&nic.name))),
    ];
    let known = columns.into_iter();
    let known = known.filter_map(|(column, value)| Some(of_entry(column, value?)));
    known.collect()
}

/// `ifAdminStatus`: up or down.
const fn administrative_status(is_enabled: bool) -> Value {
    Value::Integer(if is_enabled { 1 } else { 2 })
}

/// `ifPhysAddress`: empty for what has none.
fn link_address(nic: &Nic) -> Vec<u8> {
    nic.link_address.map_or_else(Vec::new, |it| it.to_vec())
}

fn interface_extension(nic: &Nic) -> Cells {
    let statistics = &nic.statistics;
    let counter = |count| Some(Value::Counter64(count));
    let speed_mbps = nic
        .speed_bps
        .map(|bps| u32::try_from(bps / 1_000_000).unwrap_or(u32::MAX));
    vec![
        (1, Some(text(&nic.name))),
        (6, counter(statistics.rx_bytes)),
        (7, counter(statistics.rx_packets)),
        (10, counter(statistics.tx_bytes)),
        (11, counter(statistics.tx_packets)),
        (15, speed_mbps.map(Value::Unsigned32)),
        (18, Some(text(""))),
        (19, Some(Value::TimeTicks(0))),
    ]
}

const fn operational_status(status: OperationalStatus) -> i32 {
    match status {
        OperationalStatus::Up => 1,
        OperationalStatus::Down => 2,
        OperationalStatus::Testing => 3,
        OperationalStatus::Unknown => 4,
        OperationalStatus::Dormant => 5,
        OperationalStatus::NotPresent => 6,
        OperationalStatus::LowerLayerDown => 7,
    }
}

fn storages(disks: &[DiskSnapshot]) -> Vec<(u32, Cells)> {
    let paths: Vec<String> = disks
        .iter()
        .map(|disk| disk.path.display().to_string())
        .collect();
    let names: Vec<&str> = paths.iter().map(String::as_str).collect();
    let rows = indexes(&names).into_iter().zip(names).zip(disks);
    rows.map(|((index, path), disk)| (index, storage(index, path, disk.usage)))
        .collect()
}

fn storage(index: u32, path: &str, usage: Option<DiskUsage>) -> Cells {
    let counted = usage.map(|usage| {
        let unit = allocation_unit(usage.bytes_total);
        let used = usage.bytes_total.saturating_sub(usage.bytes_free);
        [unit, usage.bytes_total / unit, used / unit].map(integer)
    });
    let [unit, total, used] = counted.map_or([None, None, None], |counted| counted.map(Some));
    vec![
        (1, Some(integer(index.into()))),
        (
            2,
            Some(Value::ObjectIdentifier(Oid::new(&STORAGE_FIXED_DISK))),
        ),
        (3, Some(text(path))),
        (4, unit),
        (5, total),
        (6, used),
    ]
}

/// The least unit, from the usual one on, in which so many bytes are a number of 31 bits.
fn allocation_unit(bytes: u64) -> u64 {
    let units = std::iter::successors(Some(ALLOCATION_UNIT), |unit| unit.checked_mul(2));
    let mut units = units.skip_while(|unit| i32::try_from(bytes / unit).is_err());
    units.next().unwrap_or(u64::MAX)
}

/// The processor as a device, its load, and the share of it that is idle.
fn processor(busy_percent: Option<f64>) -> (Cells, Cells, Cells) {
    let busy = busy_percent.map(|percent| {
        let whole = percent.round().clamp(0.0, 100.0);
        #[expect(clippy::cast_possible_truncation, reason = "clamped to a percentage")]
        let whole = whole as i32;
        whole
    });
    let device = vec![
        (1, Some(integer(PROCESSOR.into()))),
        (
            2,
            Some(Value::ObjectIdentifier(Oid::new(&DEVICE_PROCESSOR))),
        ),
        (3, Some(text("all cores"))),
    ];
    let none = Value::ObjectIdentifier(Oid::new(&[0, 0]));
    let load = vec![(1, Some(none)), (2, busy.map(Value::Integer))];
    (
        device,
        load,
        vec![(11, busy.map(|busy| Value::Integer(100 - busy)))],
    )
}

fn text(text: &str) -> Value {
    Value::text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use weir_hal::NicStatistics;

    use super::*;
    use crate::snmp::tree::{MibTree, Tables};

    fn tree(snapshot: &Snapshot) -> Tables {
        let site = Site {
            contact: "noc@tv.example".to_owned(),
            location: "rack 7".to_owned(),
        };
        Tables::new(tables(snapshot, ("edge-1", "1.2.3"), &site))
    }

    fn get(tree: &Tables, parent: &[u32], rest: &[u32]) -> Option<Value> {
        tree.get(&[parent, rest].concat())
    }

    #[test]
    fn the_system_tells_who_it_is() {
        let snapshot = Snapshot {
            uptime: Duration::from_millis(12_340),
            ..Snapshot::default()
        };
        let tree = tree(&snapshot);
        for (number, value) in [
            (3, Value::TimeTicks(1_234)),
            (4, Value::text("noc@tv.example")),
            (5, Value::text("edge-1")),
            (6, Value::text("rack 7")),
            (7, Value::Integer(72)),
        ] {
            assert_eq!(get(&tree, &SYSTEM, &[number, 0]), Some(value));
        }
        let Some(Value::Text(told)) = get(&tree, &SYSTEM, &[1, 0]) else {
            panic!("there is a description");
        };
        assert!(told.starts_with("Weir 1.2.3, "), "{told}");
        assert_eq!(
            told.ends_with("development enterprise number"),
            is_development()
        );
    }

    #[test]
    fn counters_of_32_bits_wrap_and_those_of_64_do_not() {
        let nic = Nic {
            name: "eth0".to_owned(),
            operational_status: OperationalStatus::Up,
            speed_bps: Some(10_000_000_000),
            statistics: NicStatistics {
                rx_bytes: (1 << 32) + 5,
                ..NicStatistics::default()
            },
            ..Nic::default()
        };
        let snapshot = Snapshot {
            nics: vec![nic],
            ..Snapshot::default()
        };
        let tree = tree(&snapshot);
        let index = indexes(&["eth0"])[0];
        let interface = |column| get(&tree, &INTERFACE_ENTRY, &[column, index]);
        let extension = |column| get(&tree, &INTERFACE_X_ENTRY, &[column, index]);
        assert_eq!(interface(10), Some(Value::Counter32(5)));
        assert_eq!(extension(6), Some(Value::Counter64((1 << 32) + 5)));
        assert_eq!(interface(5), Some(Value::Unsigned32(u32::MAX)));
        assert_eq!(extension(15), Some(Value::Unsigned32(10_000)));
        assert_eq!(get(&tree, &INTERFACES, &[1, 0]), Some(Value::Integer(1)));
    }

    #[test]
    fn what_is_not_known_is_not_there() {
        let snapshot = Snapshot {
            nics: vec![Nic::default()],
            disks: vec![DiskSnapshot {
                path: "/cache".into(),
                purpose: "cache",
                usage: None,
            }],
            ..Snapshot::default()
        };
        let tree = tree(&snapshot);
        let index = indexes(&[""])[0];
        assert_eq!(get(&tree, &INTERFACE_ENTRY, &[5, index]), None);
        assert_eq!(get(&tree, &PROCESSOR_ENTRY, &[2, PROCESSOR]), None);
        assert_eq!(
            get(&tree, &STORAGE_ENTRY, &[5, indexes(&["/cache"])[0]]),
            None
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
            assert_eq!(allocation_unit(bytes), unit, "{bytes}");
        }
        let usage = DiskUsage {
            bytes_total: 16 << 40,
            bytes_free: 4 << 40,
        };
        let cells = storage(9, "/cache", Some(usage));
        let numbers = [16_384, 1 << 30, 3 << 28].map(|number| Some(Value::Integer(number)));
        assert_eq!(
            cells[3..]
                .iter()
                .map(|(_, it)| it.clone())
                .collect::<Vec<_>>(),
            numbers
        );
    }
}
