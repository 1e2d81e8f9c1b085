//! Managers are told of the start and of alarms: by traps, and by informs until they acknowledge
//! them.

use std::{fs, process::Command, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{daemon::free_port, http, npm::NET_SNMP, process::Process, wait::until};

use crate::manager::{AUTH, Appliance, PRIVACY, USER};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// An alarm that comes soon after the start, and stays: no file system is that empty.
const ALARM: &str = "[alarm]\nboot_inhibit = \"2s\"\n\
    [alarm.disk-filling]\nraise = \"0.2%\"\nclear = \"0.1%\"\n";

/// A manager that listens at `port`, and knows the user as that of an agent.
struct Receiver {
    process: Process,
    _own: TempDir,
}

impl Receiver {
    fn start(port: u16, engine_id: &str) -> Self {
        let own = TempDir::new().expect("a temporary folder");
        let file = own.path().join("snmptrapd.conf");
        let keys = format!("{USER} SHA-256 \"{AUTH}\" AES \"{PRIVACY}\"");
        let text = format!(
            "createUser -e 0x{engine_id} {keys}\ncreateUser {keys}\nauthUser log {USER} priv\n"
        );
        fs::write(&file, text).expect("the temporary folder can be written");
        let mut command = Command::new("snmptrapd");
        command
            .env("SNMP_PERSISTENT_DIR", own.path())
            .env("SNMPCONFPATH", own.path());
        command
            .args(["-f", "-Lo", "-n", "-m", "", "-On", "-Oa", "-C", "-c"])
            .arg(&file);
        command.arg(format!("udp:127.0.0.1:{port}"));
        let process = Process::start(command);
        process.line_with("NET-SNMP version", PATIENCE);
        Self { process, _own: own }
    }

    /// Waits for a notification that holds all of `parts`.
    fn await_told(&self, parts: &[&str]) {
        until(format!("a notification with {parts:?}"), PATIENCE, || {
            let told = self.process.output();
            let mut told = told.lines();
            told.any(|line| parts.iter().all(|part| line.contains(part)))
                .then_some(())
        });
    }
}

/// The engine ID in hexadecimal, without blanks.
fn engine_id(appliance: &Appliance) -> String {
    crate::identity::engine_id(appliance).replace(' ', "")
}

fn started(informs: bool) -> (Appliance, u16) {
    let port = free_port();
    (started_at(port, informs), port)
}

/// An appliance that tells a manager at `port`.
fn started_at(port: u16, informs: bool) -> Appliance {
    let manager = format!(
        "[[snmp.manager]]\naddress = \"127.0.0.1:{port}\"\nuser = \"{USER}\"\ninforms = {informs}\n"
    );
    Appliance::start_with(1, "127.0.0.0/8", &[&manager, ALARM].concat())
}

/// The alarm, once it is raised.
fn await_alarm(appliance: &Appliance) -> Value {
    until("an alarm", PATIENCE, || {
        let alarms = http::get(&appliance.daemon.management("/api/v1/alarms"))
            .ok()?
            .json();
        let active = alarms["active"].as_array().expect("a list").clone();
        active
            .into_iter()
            .find(|alarm| alarm["alarm"] == "disk-filling")
    })
}

#[test]
fn a_change_of_an_alarm_is_a_trap_that_tells_all_by_itself() {
    let (appliance, port) = started(false);
    let alarm = await_alarm(&appliance);
    let receiver = Receiver::start(port, &engine_id(&appliance));
    let path = format!("/api/v1/alarms/{}/acknowledge", alarm["id"]);
    let body = br#"{"author": "ann", "note": "on my way"}"#;
    let answer = http::request("POST", &appliance.daemon.management(&path), &[], body);
    assert_eq!(answer.expect("it is answered").status, 200);
    receiver.await_told(&[
        ".1.3.6.1.6.3.1.1.4.1.0 = OID: .1.3.6.1.4.1.32473.1.0.2",
        "STRING: \"acknowledged\"",
        "STRING: \"disk-filling\"",
        "by ann: on my way",
        ".1.3.6.1.2.1.1.5.0 = STRING: \"box\"",
    ]);
    // The columns are those of a row that can be asked for.
    let changes = appliance.walk(".1.3.6.1.4.1.32473.1.1.39");
    let texts: Vec<_> = changes
        .iter()
        .filter(|(_, value)| value.contains("by ann"))
        .collect();
    let [(name, _)] = texts.as_slice() else {
        panic!("one change has this text, not {texts:?}");
    };
    receiver.await_told(&[name]);
    appliance.await_above("notifications_sent", 0);
}

#[test]
fn a_manager_that_was_away_is_told_of_what_it_missed() {
    let (appliance, port) = started(true);
    await_alarm(&appliance);
    appliance.await_above("notifications_failed", 0);
    let receiver = Receiver::start(port, &engine_id(&appliance));
    receiver.await_told(&[
        ".1.3.6.1.6.3.1.1.4.1.0 = OID: .1.3.6.1.4.1.32473.1.0.1",
        "STRING: \"raised\"",
        "STRING: \"disk-filling\"",
    ]);
    appliance.await_above("notifications_sent", 0);
    assert_eq!(appliance.counted("notifications_dropped"), 0);
}

#[test]
fn a_manager_that_is_not_there_is_told_of_once_with_its_address() {
    let (appliance, port) = started(true);
    // Told twice in vain: the second time ends one pause after the first.
    appliance.await_above("notifications_failed", 1);
    let log = appliance.daemon.process().output();
    let told = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(told("the manager cannot be told of alarms"), 1, "{log}");
    assert_eq!(told(&format!("127.0.0.1:{port}")), 1, "{log}");
    assert_eq!(told("ERROR async_snmp"), 0, "{log}");
}

/// net-snmp of npm, which listens at `port`.
fn receiver_of_npm(port: u16) -> Process {
    let mut command = NET_SNMP.node();
    command.arg(crate::walker::script("receive.js"));
    command.args([&port.to_string(), USER, AUTH, PRIVACY]);
    let process = Process::start(command);
    process.line_with("it listens", PATIENCE);
    process
}

#[test]
fn net_snmp_of_npm_receives_informs_and_acknowledges_them() {
    let (appliance, port) = started(true);
    let receiver = receiver_of_npm(port);
    let told = receiver.line_with("= disk-filling | ", PATIENCE);
    assert!(told.starts_with("InformRequest | "), "{told}");
    assert!(told.contains("= 1.3.6.1.4.1.32473.1.0.1 | "), "{told}");
    appliance.await_above("notifications_sent", 0);
}

#[test]
fn net_snmp_of_npm_receives_traps() {
    let port = free_port();
    let receiver = receiver_of_npm(port);
    let appliance = started_at(port, false);
    let cold_start = receiver.line_with(".1.3.6.1.6.3.1.1.4.1.0 = 1.3.6.1.6.3.1.1.5.1", PATIENCE);
    assert!(cold_start.contains("= box"), "{cold_start}");
    let told = receiver.line_with("= disk-filling | ", PATIENCE);
    assert!(told.starts_with("TrapV2 | "), "{told}");
    assert!(told.contains("= 1.3.6.1.4.1.32473.1.0.1 | "), "{told}");
    let remedy = await_alarm(&appliance)["remedy"].clone();
    let remedy = remedy.as_str().expect("a text");
    assert!(told.contains(remedy), "{told} has not {remedy}");
}
