//! What every manager asks first, out of the same snapshot: the groups of the standard that this
//! box can answer with what it knows. What it does not know is not there.
//!
//! Source: RFC 3418 (system), RFC 2863 (interfaces), RFC 2790 (processor), UCD-SNMP-MIB
//! (`ssCpuIdle`).
//! Refuses: running software, and any number that would have to be made up: the kernel counts no
//! broadcasts of an interface, and of what is sent no multicast. A counter of 32 bits is the lower
//! half of the one that is kept.

use std::{iter::repeat, time::Duration};

use weir_hal::{Nic, OperationalStatus};

use crate::{
    health::Snapshot,
    snmp::{
        Oid, Value,
        enterprise::{is_development, product},
        index::indexes,
        storage,
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
const DEVICE_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 3, 2, 1];
const PROCESSOR_ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 3, 3, 1];
const SYSTEM_STATISTICS: [u32; 8] = [1, 3, 6, 1, 4, 1, 2_021, 11];

const DEVICE_PROCESSOR: [u32; 10] = [1, 3, 6, 1, 2, 1, 25, 3, 1, 3];

/// Layers 4 and 7 (RFC 3418).
const SERVICES: i32 = 72;

/// `ifType`: a loopback, and what a box has otherwise.
const SOFTWARE_LOOPBACK: i32 = 24;
const ETHERNET: i32 = 6;

/// `ifLinkUpDownTrapEnable`: managers are told when a link goes or comes.
const LINKS_ARE_TOLD: i32 = 1;

/// `hrDeviceIndex` of all cores together.
const PROCESSOR: u32 = 1;

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
    let changed = changed.chain(repeat(0));
    let unicast = || snapshot.nics_unicast.iter().copied().chain(repeat(0));
    let interfaces = nics()
        .zip(changed.zip(unicast()))
        .map(|((index, nic), kept)| (index, interface(index, nic, kept)));
    let extensions = nics().zip(unicast());
    let extensions =
        extensions.map(|((index, nic), unicast)| (index, interface_extension(nic, unicast)));
    let count = vec![(1, Some(integer(names.len() as u64)))];
    let (device, load, idle) = processor(snapshot.cpu_usage_percent);
    vec![
        Table::scalars(Oid::new(&SYSTEM), system),
        Table::scalars(Oid::new(&INTERFACES), count),
        Table::of_rows(&INTERFACE_ENTRY, interfaces.collect()),
        Table::of_rows(&INTERFACE_X_ENTRY, extensions.collect()),
        storage::table(snapshot),
        Table::of_rows(&DEVICE_ENTRY, vec![(PROCESSOR, device)]),
        Table::of_rows(&PROCESSOR_ENTRY, vec![(PROCESSOR, load)]),
        Table::scalars(Oid::new(&SYSTEM_STATISTICS), idle),
    ]
}

/// One interface; `unicast` is what came and was not multicast. Broadcasts, of which there are few,
/// are in it.
fn interface(index: u32, nic: &Nic, (changed, unicast): (u32, u64)) -> Cells {
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
        (11, counter(unicast)),
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

fn interface_extension(nic: &Nic, unicast: u64) -> Cells {
    let statistics = &nic.statistics;
    let counter = |count| Some(Value::Counter64(count));
    let speed_mbps = nic
        .speed_bps
        .map(|bps| u32::try_from(bps / 1_000_000).unwrap_or(u32::MAX));
    let truth = |is_so: bool| Value::Integer(if is_so { 1 } else { 2 });
    let multicast = statistics.rx_multicast;
    vec![
        (1, Some(text(&nic.name))),
        (2, Some(Value::Counter32(lower_half(multicast)))),
        (6, counter(statistics.rx_bytes)),
        (7, counter(unicast)),
        (8, counter(multicast)),
        (10, counter(statistics.tx_bytes)),
        (11, counter(statistics.tx_packets)),
        (14, Some(Value::Integer(LINKS_ARE_TOLD))),
        (15, speed_mbps.map(Value::Unsigned32)),
        (16, nic.is_promiscuous.map(truth)),
        (17, Some(truth(nic.is_physical))),
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
            is_physical: true,
            statistics: NicStatistics {
                rx_bytes: (1 << 32) + 5,
                rx_packets: (1 << 32) + 7,
                rx_multicast: (1 << 32) + 3,
                ..NicStatistics::default()
            },
            ..Nic::default()
        };
        let snapshot = Snapshot {
            nics: vec![nic],
            nics_unicast: vec![(1 << 32) + 6],
            ..Snapshot::default()
        };
        let tree = tree(&snapshot);
        let index = indexes(&["eth0"])[0];
        let interface = |column| get(&tree, &INTERFACE_ENTRY, &[column, index]);
        let extension = |column| get(&tree, &INTERFACE_X_ENTRY, &[column, index]);
        assert_eq!(interface(10), Some(Value::Counter32(5)));
        assert_eq!(extension(6), Some(Value::Counter64((1 << 32) + 5)));
        assert_eq!(interface(11), Some(Value::Counter32(6)), "unicast alone");
        assert_eq!(extension(2), Some(Value::Counter32(3)));
        assert_eq!(extension(7), Some(Value::Counter64((1 << 32) + 6)));
        assert_eq!(extension(8), Some(Value::Counter64((1 << 32) + 3)));
        assert_eq!(extension(16), None, "nobody knows");
        assert_eq!(extension(17), Some(Value::Integer(1)));
        assert_eq!(interface(5), Some(Value::Unsigned32(u32::MAX)));
        assert_eq!(extension(15), Some(Value::Unsigned32(10_000)));
        assert_eq!(get(&tree, &INTERFACES, &[1, 0]), Some(Value::Integer(1)));
    }

    #[test]
    fn what_is_not_known_is_not_there() {
        let snapshot = Snapshot {
            nics: vec![Nic::default()],
            ..Snapshot::default()
        };
        let tree = tree(&snapshot);
        let index = indexes(&[""])[0];
        assert_eq!(get(&tree, &INTERFACE_ENTRY, &[5, index]), None);
        assert_eq!(get(&tree, &PROCESSOR_ENTRY, &[2, PROCESSOR]), None);
    }
}
