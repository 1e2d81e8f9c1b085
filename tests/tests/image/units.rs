//! The units, judged by systemd's own tools without a box.

use std::{path::PathBuf, process::Command};

use weir_tests::process::peer;

/// What the daemon may be exposed at most, in tenths: `systemd-analyze security` calls it 1.5.
const EXPOSURE_MAX: &str = "--threshold=15";

fn unit(name: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let tree = tests.parent().expect("tests/ lies in the root");
    tree.join("systemd/system").join(name)
}

#[test]
fn the_daemon_is_shut_in() {
    let mut analyze = Command::new("systemd-analyze");
    let report = peer(
        analyze
            .args(["security", "--offline=true", EXPOSURE_MAX])
            .arg(unit("weir.service")),
    );
    assert!(report.contains("Overall exposure level"), "{report}");
}

/// Of what is said, that the program is not installed here is no fault of the unit.
#[test]
fn units_are_what_systemd_understands() {
    let mut analyze = Command::new("systemd-analyze");
    let output = analyze
        .args(["verify", "--man=no"])
        .arg(unit("weir.service"))
        .output()
        .expect("systemd-analyze (Debian package systemd) is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    let faults: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("weir.service") && !line.contains("/usr/bin/weir is not"))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
