//! Managers that are a script, which walks whenever it is told to: that it starts slowly does not
//! keep its walks from being short.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::manager::{AUTH, Appliance, ENTERPRISE, PRIVACY, USER, instances};

/// What a script prints behind a walk.
const END: &str = ".";

/// A script that runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Walker {
    child: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

/// The path of a script.
pub(crate) fn script(name: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.join("tests/snmp/peers").join(name)
}

impl Walker {
    /// Starts the script `name` by `interpreter`, to walk all objects of `appliance` that are ours.
    pub(crate) fn start(mut interpreter: Command, name: &str, appliance: &Appliance) -> Self {
        let mut child = interpreter
            .arg(script(name))
            .args([&appliance.port().to_string(), USER, AUTH, PRIVACY])
            .arg(ENTERPRISE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter is there");
        let orders = child.stdin.take().expect("a pipe");
        let told = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            orders,
            told,
        }
    }

    /// All instances, as [`Appliance::walk`] has them.
    pub(crate) fn walk(&mut self) -> Vec<(String, String)> {
        self.orders.write_all(b"walk\n").expect("it runs");
        let mut text = String::new();
        for line in (&mut self.told).lines() {
            let line = line.expect("it prints UTF-8");
            if line == END {
                return instances(&text);
            }
            text += &line;
            text += "\n";
        }
        panic!("it ended: {text}");
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        // Already ended is as good as killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
