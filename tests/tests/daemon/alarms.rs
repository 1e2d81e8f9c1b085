//! A sender that stops is one alarm, on every surface, over a restart, until it sends again.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    http,
    process::peer,
    wait::until,
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A short start, and a disk of which nothing is known.
const CONFIGURATION: &str = "[segment]\ntarget = \"1s\"\n[alarm]\nboot_inhibit = \"0s\"\n\
    [alarm.disk-full]\nraise = \"100%\"\n[alarm.disk-filling]\nraise = \"100%\"\n";

fn alarms(daemon: &Daemon) -> Value {
    let answer = http::get(&daemon.management("/api/v1/alarms"));
    answer.expect("the management listener answers").json()
}

/// The alarms that are active.
fn active(daemon: &Daemon) -> Vec<Value> {
    let alarms = alarms(daemon);
    alarms["active"].as_array().expect("a list").clone()
}

/// What was told behind the change of this number, the oldest first.
fn told_since(daemon: &Daemon, sequence: u64) -> Vec<(u64, String, String)> {
    let alarms = alarms(daemon);
    let history = alarms["history"].as_array().expect("a list").iter().rev();
    let told = history.filter(|change| change["sequence"].as_u64() > Some(sequence));
    let word = |change: &Value, key: &str| change[key].as_str().unwrap_or_default().to_owned();
    told.map(|change| {
        let id = change["id"].as_u64().unwrap_or_default();
        (id, word(change, "event"), word(change, "alarm"))
    })
    .collect()
}

/// The status of an order with one field that a browser would send.
fn order_with(field: &str, url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--json",
        "{}",
    ]);
    peer(curl.args(["-H", field, url]))
}

/// The status of what is read at `url` with that field.
fn read_with(field: &str, url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", field]);
    peer(curl.arg(url))
}

fn await_calm(daemon: &Daemon) {
    until("a channel on air and no alarm", PATIENCE, || {
        let health = daemon.health();
        let is_on_air = health["channels"][0]["status"] == "ok";
        (is_on_air && active(daemon).is_empty()).then_some(())
    });
}

#[test]
fn a_sender_that_stops_is_one_alarm_until_it_sends_again() {
    let group = format!("239.255.85.1:{}", free_port());
    let configuration = format!(
        "{CONFIGURATION}[[channel]]\nid = \"ch\"\n[[channel.rendition]]\nname = \"r\"\n\
         sources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
    );
    let daemon = Daemon::start(&configuration);
    let sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 600);
    await_calm(&daemon);
    let before = alarms(&daemon)["counts"]["sequence"].as_u64();
    let before = before.expect("a number");
    drop(sender);

    let alarm = until("an alarm that hides another", PATIENCE, || {
        let active = active(&daemon);
        let first = active.first()?.clone();
        assert_eq!(active.len(), 1, "one cause, and {active:?}");
        (first["affected"].as_u64() > Some(0)).then_some(first)
    });
    for (field, value) in [
        ("alarm", json!("ingest-down")),
        ("resource", json!("channel/ch/r")),
        ("severity", json!("critical")),
        ("cause", json!(null)),
    ] {
        assert_eq!(alarm[field], value, "{field}");
    }
    let id = alarm["id"].as_u64().expect("a number");
    until("the other surfaces", PATIENCE, || {
        let healthz = http::get(&daemon.management("/healthz")).ok()?.text();
        let page = http::get(&daemon.management("/")).ok()?.text();
        let is_told = healthz.contains("critical ingest-down of channel/ch/r")
            && page.contains("channel/ch/r: no transport packet has come")
            && daemon.health()["alarms"]["critical"] == 1;
        is_told.then_some(())
    });

    let path = format!("/api/v1/alarms/{id}/acknowledge");
    let body = br#"{"author": "ann", "note": "on my way"}"#;
    let answer = http::request("POST", &daemon.management(&path), &[], body);
    assert_eq!(answer.expect("it is answered").status, 200);

    for (field, status) in [
        ("Host: evil.example", "421"),
        ("Origin: http://evil.example", "403"),
        ("Sec-Fetch-Site: cross-site", "403"),
    ] {
        assert_eq!(
            order_with(field, &daemon.management(&path)),
            status,
            "{field}"
        );
    }

    for (path, status) in [("/", "421"), ("/metrics", "421"), ("/livez", "200")] {
        let url = daemon.management(path);
        assert_eq!(read_with("Host: evil.example", &url), status, "{path}");
    }

    let (ended, folder) = daemon.end("TERM", PATIENCE);
    assert!(ended.status.success(), "{}", ended.output);
    let daemon = Daemon::start_in(folder, &configuration);
    let after = active(&daemon);
    let [after] = after.as_slice() else {
        panic!("one alarm outlives a restart, not {after:?}");
    };
    for field in ["id", "alarm", "resource", "since"] {
        assert_eq!(after[field], alarm[field], "{field}");
    }
    assert_eq!(after["operator"]["author"], "ann");

    let _sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 600);
    await_calm(&daemon);
    let events = ["raised", "acknowledged", "cleared"];
    let expected = events.map(|event| (id, event.to_owned(), "ingest-down".to_owned()));
    assert_eq!(told_since(&daemon, before), expected);
}
