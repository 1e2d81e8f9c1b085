//! Origins that die while clients ask: what clients notice of it, on this machine.
//!
//! ```text
//! bench-failover [--only TEXT]
//! ```
//!
//! A daemon with the timeouts that are the default has two origins, each a process of its own, in
//! a network of their own where the packets to one of them can be dropped. The nearer one is
//! killed, stopped (SIGSTOP) or cut off, while clients ask for what nobody has asked for before,
//! or in the middle of bodies that they read. What is printed is the slowest answer, or the longest
//! silence in a body, end to end. `--only` picks the cases whose name holds the text.
//!
//! Asserted: no client sees an error or a wrong byte while the other origin lives, and none waits
//! longer than 2 s; without another origin every body breaks visibly, and nothing of it is kept.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod asking;
mod origin;
mod reading;
mod rig;

use std::time::Duration;

use weir_tests::{bench::Outcome, main_in_own_network};

use crate::rig::Death;

/// The longest an origin may take to be replaced by another one, end to end.
const FAILOVER_MAX: Duration = Duration::from_secs(2);

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("origin"), Some(address)) => origin::child(&address),
        (Some("--only"), Some(text)) => main_in_own_network(|| run(&text)),
        (None, _) => main_in_own_network(|| run("")),
        _ => Err("usage: bench-failover [--only TEXT]".into()),
    }
}

fn run(only: &str) -> Outcome {
    let mut failures = Vec::new();
    for death in Death::ALL {
        for (what, case) in [
            (
                "between requests",
                asking::run as fn(Death) -> Outcome<String>,
            ),
            ("in bodies", reading::with_another),
        ] {
            let name = format!("{death}, {what}");
            if name.contains(only) {
                tell(&name, case(death), &mut failures);
            }
        }
    }
    let name = "killed, in bodies, no other origin";
    if name.contains(only) {
        tell(name, reading::alone(), &mut failures);
    }
    match failures.len() {
        0 => Ok(()),
        count => Err(format!("{count} cases failed: {}", failures.join("; ")).into()),
    }
}

fn tell(name: &str, outcome: Outcome<String>, failures: &mut Vec<String>) {
    match outcome {
        Ok(figures) => println!("{name:<36} {figures}"),
        Err(error) => {
            println!("{name:<36} FAILED: {error}");
            failures.push(name.to_owned());
        }
    }
}
