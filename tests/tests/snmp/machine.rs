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
