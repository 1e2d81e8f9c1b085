//! A crowd that wants one new segment, at Weir and at others, on this machine.
//!
//! ```text
//! bench-herd [--only SERVER[,SERVER]] [--clients N] [--bytes N] [--fill SECONDS] [--rounds N]
//! ```
//!
//! All clients are connected, then ask for the same segment at once, which nobody has asked for
//! before; the origin takes its time to send it. Servers: `weir`, `nginx` (`proxy_cache_lock`),
//! `varnish`; each has one core, the clients and the origin another one, and servers take turns.
//! Figures are medians of the rounds, counts are the worst of them. What is added is what a client
//! waits beyond the origin's own first and last byte.
//!
//! Of Weir it is asserted that the origin is asked once, that every client has its first byte
//! before the origin has sent its last, and that every answer is whole. Other figures are for
//! people: other work on the machine shows in them, so its load is printed.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod crowd;
mod origin;
mod servers;
mod table;

use std::time::Duration;

use weir_tests::bench::{
    Outcome, clients,
    machine::{self, Core},
};

use crate::{origin::Origin, table::Row};

/// What is to be measured.
#[derive(Debug)]
struct Plan {
    servers: Vec<String>,
    clients: usize,
    bytes: usize,
    fill: Duration,
    rounds: usize,
}

fn main() -> Outcome {
    let plan = plan(std::env::args().skip(1))?;
    let directory = tempfile::tempdir()?;
    // The servers inherit it.
    clients::allow_files(plan.clients + 4_096)?;
    machine::stay_on(Core::Load)?;
    let origin = Origin::start(plan.bytes, plan.fill)?;
    let servers = servers::start(&plan.servers, directory.path(), origin.address)?;
    println!(
        "{} clients ask for one new segment of {} bytes, which the origin sends in {:.1} s; \
         load of the machine: {}\n",
        plan.clients,
        plan.bytes,
        plan.fill.as_secs_f64(),
        machine::load()
    );
    let mut rows: Vec<Row> = servers
        .iter()
        .map(|server| Row::new(&server.name))
        .collect();
    for round in 0..plan.rounds {
        for (server, row) in servers.iter().zip(&mut rows) {
            let path = format!("/herd/{}-{round}.ts", server.name);
            let cpu = server.cpu_seconds();
            let herd = crowd::ask(server.address, &path, plan.clients)?;
            let cpu = server.cpu_seconds() - cpu;
            row.add(&herd, &origin.told(&path), cpu);
        }
    }
    table::print(&rows);
    rows.iter()
        .filter(|row| row.name == "weir")
        .try_for_each(Row::assert)
}

fn plan(arguments: impl Iterator<Item = String>) -> Outcome<Plan> {
    let mut plan = Plan {
        servers: servers::NAMES.map(str::to_owned).to_vec(),
        clients: 10_000,
        bytes: 1_500_000,
        fill: Duration::from_secs(2),
        rounds: 3,
    };
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or("each option has a value")?;
        match argument.as_str() {
            "--only" => plan.servers = value.split(',').map(str::to_owned).collect(),
            "--clients" => plan.clients = value.parse()?,
            "--bytes" => plan.bytes = value.parse()?,
            "--fill" => plan.fill = Duration::from_secs_f64(value.parse()?),
            "--rounds" => plan.rounds = value.parse()?,
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    Ok(plan)
}
