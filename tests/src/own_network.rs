//! A network of a test's own: a namespace where nothing else is heard and loopback carries IPv6
//! multicast, which the kernel gives no route on a plain machine. What is mounted there is mounted
//! for nobody else.

use std::{env, error::Error, process::Command};

/// Set for the process inside. Not configuration: the mark is how a test knows where it runs.
const MARK: &str = "WEIR_TEST_OWN_NETWORK";

/// Makes the network, then becomes the command that follows.
const SETUP: &str = "ip link set lo up \
    && ip -6 route add local ff00::/8 dev lo table local \
    && exec \"$@\"";

/// Runs `claim` in a network namespace of its own, which dies with it. Needs no privilege.
///
/// A thread cannot enter a namespace without privilege, but a new process can. So this runs the
/// calling test once more, alone, in such a process, where the call comes here again and runs
/// `claim`. `test` is the path of the calling test with the name of its binary in front:
/// `concat!(module_path!(), "::", "name_of_the_test")`.
///
/// # Panics
/// If the claim does, or if the namespace cannot be made.
pub fn in_own_network(test: &str, claim: impl FnOnce()) {
    if env::var_os(MARK).is_some() {
        return claim();
    }
    let (_, test) = test
        .split_once("::")
        .expect("the path starts with the binary");
    let output = again()
        .args([test, "--exact", "--nocapture"])
        .output()
        .expect("unshare (Debian package util-linux) is installed");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{test} failed in a network of its own (needs ip of Debian package iproute2):\n\
         {stdout}{stderr}"
    );
}

/// Runs this program once more, in a network of its own, where it comes to `main`.
///
/// # Errors
/// Those of `main`, or that it failed in there.
///
/// # Panics
/// If the namespace cannot be made.
pub fn main_in_own_network(
    main: impl FnOnce() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    if env::var_os(MARK).is_some() {
        return main();
    }
    let status = again().args(env::args_os().skip(1)).status();
    let status = status.expect("unshare (Debian package util-linux) is installed");
    if status.success() {
        return Ok(());
    }
    Err(format!("in a network of its own: {status}").into())
}

/// This program in a network of its own, without arguments.
fn again() -> Command {
    // Where it is allowed without a user namespace, what is real time and large buffers is too.
    let is_allowed = Command::new("unshare").args(["--net", "true"]).output();
    let is_allowed = is_allowed.is_ok_and(|output| output.status.success());
    let user: &[&str] = if is_allowed {
        &[]
    } else {
        &["--user", "--map-root-user"]
    };
    let mut command = Command::new("unshare");
    command
        .args(user)
        .args(["--net", "--mount"])
        .args(["sh", "-c", SETUP, "sh"])
        .arg(env::current_exe().expect("a running program has a path"))
        .env(MARK, "1");
    command
}
