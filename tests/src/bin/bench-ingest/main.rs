//! Channels that come in by multicast while players take all they can, on this machine.
//!
//! ```text
//! bench-ingest [--channels N] [--seconds S] [--connections N] [--megabits M]
//!              [--only cost|gro|load]
//! ```
//!
//! First what it costs, beside others ([`cost`]), then what `UDP_GRO` would bring, then whether it
//! holds under load.
//!
//! In a network of their own, channels of 4, 6 and 8 Mb/s are sent in turn, each by a `weir send`,
//! and received, cut, stored and served by one `weir run` with one thread that serves; nothing pins
//! its threads. Senders and clients share the other core; the clients take the newest segments of
//! all channels, as fast as they come. Run it as root: then the receiver has real time and large
//! buffers, as on a box.
//!
//! Asserted: every channel comes in and players are served; not a datagram is lost, by the kernel's
//! count and by the continuity counters of the packets, not a segment is refused, and no client
//! sees a broken answer. The other figures are for people: other work on the machine shows in
//! them, so its load is printed.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod account;
mod channels;
mod cost;
mod load;

use std::{path::Path, thread, time::Duration};

use weir_tests::{
    bench::{
        Outcome, clients,
        machine::{self, Core},
    },
    daemon::Daemon,
    main_in_own_network,
};

use crate::{account::Account, channels::Channels, load::Load};

/// What is listed, and as much again that was listed until lately: 50 channels fill 2.3 GB in a
/// minute.
const CACHE_SIZE: &str = "8GiB";

/// What is to be measured.
#[derive(Debug)]
struct Plan {
    channels: usize,
    span: Duration,
    connections: usize,
    /// Of each channel whose cost is measured.
    megabits: u32,
    /// One part alone.
    only: Option<String>,
}

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    match std::env::args().nth(1).as_deref() {
        Some("send") => {
            let (datagrams, late_ns) = cost::sender::run(arguments.skip(1))?;
            println!("{datagrams} {late_ns}");
            Ok(())
        }
        Some("bare") => {
            arguments.next();
            let mut next = || arguments.next().ok_or("bare has four arguments");
            let (directory, channels) = (next()?, next()?.parse()?);
            let way = cost::bare::Way {
                by: next()?.parse()?,
                gro: next()?.parse()?,
            };
            let joined = || println!("joined");
            let figures = cost::bare::run((Path::new(&directory), way), channels, joined)?;
            println!("{figures}");
            Ok(())
        }
        _ => {
            let plan = plan(arguments)?;
            main_in_own_network(|| run_all(&plan))
        }
    }
}

fn run_all(plan: &Plan) -> Outcome {
    let is_wanted = |part: &str| plan.only.as_deref().is_none_or(|only| only == part);
    if is_wanted("cost") {
        cost::run(plan.channels, plan.megabits, plan.span)?;
    }
    if is_wanted("gro") {
        cost::offload::run(plan.channels, plan.span / 6)?;
    }
    if is_wanted("load") {
        run(plan)?;
    }
    Ok(())
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Outcome<Plan> {
    let mut plan = Plan {
        channels: 50,
        span: Duration::from_mins(1),
        connections: 64,
        megabits: 50,
        only: None,
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or("each option has a value")?;
        match argument.as_str() {
            "--channels" => plan.channels = value.parse()?,
            "--seconds" => plan.span = Duration::from_secs_f64(value.parse()?),
            "--connections" => plan.connections = value.parse()?,
            "--megabits" => plan.megabits = value.parse()?,
            "--only" => plan.only = Some(value),
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Outcome {
    clients::allow_files(4_096)?;
    let directory = tempfile::tempdir()?;
    println!("load of the machine: {}", machine::load());
    let channels = Channels::new(plan.channels);
    let (folder, http) = (tempfile::tempdir()?, "threads = 1");
    let daemon = Daemon::start_sized(folder, CACHE_SIZE, http, &channels.text("256MiB", ""));
    // The daemon may run anywhere; everybody else is outside of the box.
    machine::stay_on(Core::Load)?;
    let _senders = channels.send(directory.path())?;
    channels.wait_on_air(&daemon)?;
    let idle = Account::of(&daemon)?;
    thread::sleep(plan.span / 6);
    let begin = Account::of(&daemon)?;
    println!("without clients: {}", begin.since(&idle));
    let load = Load::start(&daemon, plan.channels, plan.connections);
    thread::sleep(plan.span);
    let end = Account::of(&daemon)?;
    let (requests, bytes) = load.end()?;
    let seconds = end.since(&begin).seconds;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let rate = bytes as f64 * 8.0 / seconds / 1e9;
    println!("with clients:    {}", end.since(&begin));
    println!("                 {requests} requests answered, {rate:.2} Gb/s");
    if requests == 0 {
        return Err("no player was served".into());
    }
    end.since(&begin).assert()
}
