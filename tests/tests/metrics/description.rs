//! The description of the management listener, held against an appliance by schemathesis: what is
//! described is accepted, what is not is refused, and nothing fails.

use std::process::Command;

use weir_tests::{process::peer, pypi::SCHEMATHESIS};

use crate::rig::Rig;

/// Requests of each operation.
const EXAMPLES: &str = "20";

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
    assert!(told.contains("No issues found"), "{told}");
}
