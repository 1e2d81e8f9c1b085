//! What managers of servers ask for is what the kernel tells, and what the agent tells of itself is
//! what the API does.

use std::fs;

use crate::manager::Appliance;

/// `memTotalReal.0`, `hrMemorySize.0` and `laNames.1`.
const MEMORY_TOTAL: &str = ".1.3.6.1.4.1.2021.4.5.0";
const MEMORY_SIZE: &str = ".1.3.6.1.2.1.25.2.2.0";
const LOAD_NAME: &str = ".1.3.6.1.4.1.2021.10.1.2.1";

/// `entPhysicalName`.
const PART_NAME: &str = ".1.3.6.1.2.1.47.1.1.1.1.7";

#[test]
fn memory_and_parts_are_those_of_this_machine() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let text = fs::read_to_string("/proc/meminfo").expect("the kernel tells");
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total.and_then(|line| line.trim().strip_suffix(" kB"));
    let total = format!("INTEGER: {}", total.expect("it has memory"));
    assert_eq!(appliance.get(MEMORY_TOTAL), total);
    assert_eq!(appliance.get(MEMORY_SIZE), total);
    assert_eq!(appliance.get(LOAD_NAME), "STRING: \"Load-1\"");
    let parts = appliance.walk(PART_NAME);
    let (_, chassis) = parts.first().expect("the box is a part");
    assert_eq!(chassis, "STRING: \"box\"");
}

#[test]
fn interfaces_and_the_time_since_boot_are_those_of_this_machine() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let names = appliance.walk(".1.3.6.1.2.1.2.2.1.2");
    let loopback = names.iter().find(|(_, name)| name == "STRING: \"lo\"");
    let (name, _) = loopback.expect("there is a loopback");
    let (_, index) = name.rsplit_once('.').expect("an index");
    let column = |number: u32| appliance.get(&format!(".1.3.6.1.2.1.2.2.1.{number}.{index}"));
    let mtu = fs::read_to_string("/sys/class/net/lo/mtu").expect("the kernel tells");
    assert_eq!(column(4), format!("INTEGER: {}", mtu.trim()));
    assert_eq!(column(6), "\"\"", "a loopback has no address");
    assert_eq!(column(7), "INTEGER: 1", "it is up on purpose");
    assert!(column(9).starts_with("Timeticks: (0)"), "{}", column(9));
    let uptime = appliance.get(".1.3.6.1.2.1.25.1.1.0");
    assert!(uptime.starts_with("Timeticks: ("), "{uptime}");
}

/// The index of the row of `column` whose value is `text`.
fn index_of(appliance: &Appliance, column: &str, text: &str) -> String {
    let rows = appliance.walk(column);
    let row = rows
        .iter()
        .find(|(_, value)| *value == format!("STRING: \"{text}\""));
    let (name, _) = row.unwrap_or_else(|| panic!("no {text} in {rows:?}"));
    let (_, index) = name.rsplit_once('.').expect("an index");
    index.to_owned()
}

/// The number behind `kind` in what was told.
fn number(told: &str, kind: &str) -> u64 {
    let number = told.strip_prefix(kind).and_then(|it| it.strip_prefix(": "));
    let number = number.unwrap_or_else(|| panic!("{told} is no {kind}"));
    number.parse().expect("a number")
}

#[test]
fn main_memory_is_a_storage_of_which_what_is_not_available_is_used() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let text = fs::read_to_string("/proc/meminfo").expect("the kernel tells");
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total.and_then(|line| line.trim().strip_suffix(" kB"));
    let storage = ".1.3.6.1.2.1.25.2.3.1";
    let index = index_of(&appliance, &format!("{storage}.3"), "Physical memory");
    let column = |column: u32| appliance.get(&format!("{storage}.{column}.{index}"));
    assert_eq!(column(2), "OID: .1.3.6.1.2.1.25.2.1.2", "hrStorageRam");
    assert_eq!(column(4), "INTEGER: 1024");
    assert_eq!(
        column(5),
        format!("INTEGER: {}", total.expect("it has memory"))
    );
    let used = number(&column(6), "INTEGER");
    assert!((1..number(&column(5), "INTEGER")).contains(&used), "{used}");
}

#[test]
fn processes_and_sessions_are_those_of_this_machine() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let told = number(&appliance.get(".1.3.6.1.2.1.25.1.6.0"), "Gauge32");
    let processes = fs::read_dir("/proc")
        .expect("the kernel tells")
        .filter(|entry| {
            let name = entry.as_ref().map(fs::DirEntry::file_name);
            name.is_ok_and(|name| name.to_string_lossy().parse::<u32>().is_ok())
        });
    // Others come and go meanwhile, on a machine that tests run on.
    let count = processes.count() as u64;
    assert!(told > 0 && told.abs_diff(count) < 50, "{told}, not {count}");
    let sessions = appliance.get(".1.3.6.1.2.1.25.1.5.0");
    if fs::exists("/run/systemd/sessions").expect("the kernel tells") {
        number(&sessions, "Gauge32");
    } else {
        assert!(sessions.starts_with("No Such Instance"), "{sessions}");
    }
}

#[test]
fn packets_of_a_loopback_are_counted_as_the_kernel_does() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let index = index_of(&appliance, ".1.3.6.1.2.1.31.1.1.1.1", "lo");
    let column = |number: u32| appliance.get(&format!(".1.3.6.1.2.1.31.1.1.1.{number}.{index}"));
    let kernel = |file: &str| -> u64 {
        let path = format!("/sys/class/net/lo/statistics/{file}");
        let text = fs::read_to_string(path).expect("the kernel tells");
        text.trim().parse().expect("a number")
    };
    // What it counts between two looks lies between the same of the kernel.
    for (number_of, kind, file) in [(8, "Counter64", "multicast"), (2, "Counter32", "multicast")] {
        let before = kernel(file);
        let told = number(&column(number_of), kind);
        assert!(told <= kernel(file), "{told} after {before} of {file}");
    }
    let unicast = number(&column(7), "Counter64");
    assert!(unicast <= kernel("rx_packets") - kernel("multicast"));
    assert_eq!(column(14), "INTEGER: 1", "managers are told of links");
    assert_eq!(column(16), "INTEGER: 2", "not promiscuous");
    assert_eq!(column(17), "INTEGER: 2", "made by software");
}

#[test]
fn what_became_of_requests_is_told_under_the_names_of_the_standard() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    // The first request of a manager is for no engine that it knows.
    appliance.get(MEMORY_SIZE);
    appliance.await_above("unknown_engine_ids", 0);
    let told = appliance.get(".1.3.6.1.6.3.15.1.1.4.0");
    let count = told.strip_prefix("Counter32: ").expect("a counter");
    assert!(count.parse::<u64>().expect("a number") > 0, "{told}");
    assert_eq!(appliance.get(".1.3.6.1.2.1.11.32.0"), "Counter32: 0");
    assert_eq!(appliance.get(".1.3.6.1.2.1.11.30.0"), "INTEGER: 2");
}
