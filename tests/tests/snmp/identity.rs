//! An agent is the same after a restart, and it can be told that it has started again.

use weir_tests::process::peer;

use crate::manager::{Appliance, ENTERPRISE};

const ENGINE_ID: &str = ".1.3.6.1.6.3.10.2.1.1.0";
const ENGINE_BOOTS: &str = ".1.3.6.1.6.3.10.2.1.2.0";

fn boots(appliance: &Appliance) -> u32 {
    let told = appliance.get(ENGINE_BOOTS);
    let number = told.strip_prefix("INTEGER: ").expect("a number");
    number.parse().expect("a number")
}

/// The engine ID in hexadecimal.
pub(crate) fn engine_id(appliance: &Appliance) -> String {
    let mut command = appliance.as_user("snmpget");
    let told = peer(command.args(["-Ox", &appliance.address(), ENGINE_ID]));
    told.split_once("Hex-STRING: ")
        .expect("octets")
        .1
        .trim()
        .to_owned()
}

#[test]
fn the_engine_keeps_its_id_and_counts_its_starts_though_it_is_killed() {
    let mut appliance = Appliance::start(1, "127.0.0.0/8");
    let id = engine_id(&appliance);
    assert!(id.starts_with("80 00 7E D9 05 "), "{id}");
    let first = boots(&appliance);
    for starts in 1..=3 {
        appliance.daemon.kill();
        appliance.daemon.restart();
        assert_eq!(boots(&appliance), first + starts);
        assert_eq!(engine_id(&appliance), id);
    }
}

#[test]
fn instances_have_the_names_they_had_before_a_restart() {
    let mut appliance = Appliance::start(3, "127.0.0.0/8");
    let names = |appliance: &Appliance| -> Vec<String> {
        let walked = appliance.walk(&format!("{ENTERPRISE}.1.1"));
        // Rows of channels: what comes and goes with time has no place here.
        let is_key = |value: &str| value.starts_with("STRING: \"CH_");
        let keys = walked.into_iter().filter(|(_, value)| is_key(value));
        keys.map(|(name, value)| format!("{name} {value}"))
            .collect()
    };
    let before = names(&appliance);
    assert!(before.len() >= 3, "{before:?}");
    appliance.daemon.kill();
    appliance.daemon.restart();
    assert_eq!(names(&appliance), before);
}
