//! `weir status` and its peers, beside an appliance that runs, and one that does not.

use weir_tests::{
    daemon::{Daemon, free_port},
    http,
};

use crate::{text, weir};

/// A channel that nobody sends.
const SILENT: &str = "[[channel]]\nid = \"CH_1\"\n[[channel.rendition]]\nname = \"HD\"\n\
    sources = [\"udp://239.255.83.7:5000\"]\ninterface = \"lo\"\n";

/// An origin alone: nothing can be off air.
const WELL: &str = "[[origin]]\nname = \"origin\"\nurls = [\"http://127.0.0.1:9\"]\n\
    [[route]]\npath = \"/vod/\"\norigin = [\"origin\"]\n";

#[test]
fn status_of_an_appliance_that_does_not_answer_ends_with_69_and_the_remedy() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for arguments in [&["status"][..], &["status", "--json"]] {
        let output = weir(&[arguments, &["--management", &nobody]].concat());
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let told = text(&output.stderr);
        assert!(
            told.starts_with(&format!("weir: no appliance answers at {nobody}: check")),
            "{told}"
        );
    }
}

#[test]
fn status_of_an_appliance_that_is_well_ends_with_0() {
    let daemon = Daemon::start(WELL);
    let url = daemon.management("");
    let output = weir(&["status", "--management", &url]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = text(&output.stdout);
    for part in ["box  OK", "cache: 0 objects", "http://127.0.0.1:9"] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
    let is_narrow = told.lines().all(|line| line.chars().count() <= 80);
    assert!(is_narrow && !told.contains('\x1B'), "{told}");
}

#[test]
fn status_of_an_appliance_that_is_off_air_ends_with_1_and_says_why() {
    let daemon = Daemon::start(SILENT);
    let url = daemon.management("");
    let output = weir(&["status", "--management", &url]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stdout);
    assert!(
        told.contains("CH_1/HD") && told.contains("check that the group"),
        "{told}"
    );
    let complaint = text(&output.stderr);
    assert_eq!(complaint, "weir: box: failed: 0 of 1 channels on air\n");
}

#[test]
fn status_as_json_is_what_the_appliance_answers() {
    let daemon = Daemon::start(WELL);
    let url = daemon.management("");
    let output = weir(&["status", "--json", "--management", &url]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let answer = http::get(&daemon.management("/api/v1/status")).expect("an answer");
    let fields = |it: &serde_json::Value| -> Vec<String> {
        it.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(fields(&told), fields(&answer.json()));
    assert_eq!(told["node"], "box");
}
