//! The description of the management listener, held against an appliance by schemathesis: what is
//! described is accepted, what is not is refused, and nothing fails.

use std::process::Command;

use weir_tests::{process::peer, pypi::SCHEMATHESIS};

use crate::rig::Rig;

/// Requests of each operation.
const EXAMPLES: &str = "20";

/// Requests that were made, and those whose answers were right.
fn cases(told: &str) -> Option<(u64, u64)> {
    let (before, behind) = told.split_once(" generated, ")?;
    let generated = before.rsplit(' ').next()?.parse().ok()?;
    let passed = behind.split(' ').next()?.parse().ok()?;
    Some((generated, passed))
}

#[test]
fn schemathesis_finds_nothing_to_say_of_a_running_appliance() {
    let rig = Rig::well();
    let own = tempfile::TempDir::new().expect("a temporary folder");
    let mut command: Command = SCHEMATHESIS.command();
    command.current_dir(own.path());
    command.args(["run", &rig.daemon.management("/api/v1/openapi.json")]);
    command.args(["--checks", "all", "--max-examples", EXAMPLES]);
    command.args([
        "--seed",
        "1",
        "--continue-on-failure",
        "--request-timeout",
        "30",
    ]);
    // It never ends; tests of its own read it.
    command.args(["--exclude-path", "/api/v1/events"]);
    let told = peer(&mut command);
    let (generated, passed) = cases(&told).unwrap_or_else(|| panic!("{told}"));
    assert!(generated > 500 && passed == generated, "{told}");
}
