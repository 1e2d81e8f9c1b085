//! Walks end, grow, and have what gets have, whatever is asked for at a time.

use std::cmp::Reverse;

use weir_tests::process::peer;

use crate::manager::{Appliance, ENTERPRISE, GET_MAX, instances};

/// The type that stands before a value; it does not before a text without letters.
fn kind(value: &str) -> &str {
    if value == "\"\"" {
        return "STRING";
    }
    value.split_once(':').map_or(value, |(kind, _)| kind)
}

fn numbers(name: &str) -> Vec<u32> {
    let numbers = name.split('.').skip(1);
    numbers
        .map(|number| number.parse().expect("a number"))
        .collect()
}

#[test]
fn every_instance_of_a_walk_answers_a_get_with_the_same_type() {
    let appliance = Appliance::start(2, "127.0.0.0/8");
    let walked = appliance.walk(".1.3.6.1");
    assert!(walked.len() > 500, "{}", walked.len());
    assert!(walked.is_sorted_by(|(one, _), (other, _)| numbers(one) < numbers(other)));
    for instances_asked in walked.chunks(GET_MAX) {
        let names = instances_asked.iter().map(|(name, _)| name);
        let told = peer(
            appliance
                .as_user("snmpget")
                .arg(appliance.address())
                .args(names),
        );
        let told = instances(&told);
        assert_eq!(told.len(), instances_asked.len());
        for ((name, walked), (same, got)) in instances_asked.iter().zip(told) {
            assert_eq!(*name, same);
            assert_eq!(kind(walked), kind(&got), "{name}");
            assert!(!got.starts_with("No Such"), "{name}: {got}");
        }
    }
}

#[test]
fn walks_have_the_same_instances_however_many_come_at_a_time() {
    let appliance = Appliance::start(2, "127.0.0.0/8");
    let address = appliance.address();
    let names =
        |text: &str| -> Vec<String> { instances(text).into_iter().map(|(name, _)| name).collect() };
    let one_by_one = names(&peer(
        appliance.as_user("snmpwalk").args([&address, ".1.3.6.1"]),
    ));
    assert!(one_by_one.len() > 500, "{}", one_by_one.len());
    for repetitions in ["-Cr1", "-Cr10", "-Cr50", "-Cr5000"] {
        let mut command = appliance.as_user("snmpbulkwalk");
        let told = peer(command.args([repetitions, &address, ".1.3.6.1"]));
        assert_eq!(names(&told), one_by_one, "{repetitions}");
    }
}

#[test]
fn a_get_of_fifteen_texts_is_answered() {
    let appliance = Appliance::start(15, "127.0.0.0/8");
    let mut walked = appliance.walk(ENTERPRISE);
    walked.sort_by_key(|(_, value)| Reverse(value.len()));
    let longest: Vec<&str> = walked.iter().take(15).map(|(name, _)| &**name).collect();
    let bytes: usize = walked.iter().take(15).map(|(_, value)| value.len()).sum();
    assert!(bytes > 1_472, "{bytes} bytes fit into a frame");
    let mut command = appliance.as_user("snmpget");
    let told = peer(command.arg(appliance.address()).args(&longest));
    assert_eq!(instances(&told).len(), longest.len(), "{told}");
}

#[test]
fn an_answer_is_a_frame_of_ethernet_where_larger_ones_do_not_get_through() {
    let asked = 200;
    let told = |snmp: &str| {
        let appliance = Appliance::start_told(2, "127.0.0.0/8", (snmp, ""));
        let mut command = appliance.as_user("snmpbulkget");
        let repetitions = format!("-Cr{asked}");
        instances(&peer(command.args([
            &repetitions,
            &appliance.address(),
            ".1.3.6.1",
        ])))
        .len()
    };
    let in_a_frame = told("largest_answer = \"1472B\"");
    assert!((10..100).contains(&in_a_frame), "{in_a_frame}");
    assert!(told("") > in_a_frame);
    assert_eq!(told("largest_answer = \"65507B\""), asked);
}

#[test]
fn what_is_not_known_is_not_there_and_what_does_not_exist_is_no_object() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    assert_eq!(
        appliance.get(".1.3.6.1.2.1.1.99.0"),
        "No Such Object available on this agent at this OID"
    );
    assert_eq!(
        appliance.get(".1.3.6.1.2.1.1.5.1"),
        "No Such Instance currently exists at this OID"
    );
    assert_eq!(appliance.get(".1.3.6.1.2.1.1.5.0"), "STRING: \"box\"");
    assert_eq!(appliance.get(".1.3.6.1.2.1.1.6.0"), "STRING: \"rack 7\"");
    assert_eq!(
        appliance.get(".1.3.6.1.2.1.1.2.0"),
        "OID: .1.3.6.1.4.1.32473.2.1"
    );
}
