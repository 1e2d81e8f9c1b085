//! What honest clients notice of a thousand slow ones, and what those cost.
//!
//! ```text
//! bench-slow [--only weir,nginx] [--attackers N] [--clients N] [--rounds N]
//!            [--seconds S]
//! ```
//!
//! `slowhttptest` holds connections: with heads that do not end (slowloris), bodies that do not
//! come, answers that are not taken, and heads with thousands of ranges. Meanwhile players fetch a
//! segment every half a second, each time by a connection of its own. Printed are how long they
//! took, beside the same without an attack a moment earlier, and the most memory the server had.
//!
//! Nothing is asserted but that Weir serves every player: other work on the machine shows in
//! the figures, so its load is printed.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod attack;
mod players;
mod servers;

use std::{error::Error, time::Duration};

use weir_tests::origin::{Origin, Reply};

use crate::{
    attack::Attack,
    players::{Players, Waits},
    servers::{Memory, Server},
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What players fetch: a segment of 6 s at 270 kb/s.
const SEGMENT_BYTES: usize = 200 << 10;

/// What slow readers ask for, too: more than the kernel holds for them.
const LONG_BYTES: usize = 8 << 20;

/// What is to be measured.
#[derive(Debug)]
struct Plan {
    servers: Vec<String>,
    attackers: usize,
    clients: usize,
    rounds: usize,
    span: Duration,
}

fn main() -> Outcome {
    let plan = plan()?;
    let origin = Origin::start(|seen| {
        let bytes = match seen.target.as_str() {
            "/vod/long" => LONG_BYTES,
            _ => SEGMENT_BYTES,
        };
        Reply::new(200, &[("Cache-Control", "max-age=3600")], vec![7; bytes])
    });
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    println!(
        "{} attackers, {} players, {} rounds of {} s; ms and MiB; load of the machine: {load}",
        plan.attackers,
        plan.clients,
        plan.rounds,
        plan.span.as_secs()
    );
    println!(
        "{:<7} {:<12} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9} {:>7}",
        "server",
        "attack",
        "p50",
        "p99",
        "p50 then",
        "p99 then",
        "ratio",
        "RSS",
        "anonymous",
        "sockets",
        "failed"
    );
    for name in &plan.servers {
        let server = match name.as_str() {
            "weir" => servers::weir(&origin),
            "nginx" => servers::nginx(&origin),
            other => return Err(format!("there is no server {other}").into()),
        }?;
        for attack in Attack::ALL {
            compare(&plan, &server, attack)?;
        }
    }
    Ok(())
}

fn plan() -> Outcome<Plan> {
    let mut plan = Plan {
        servers: ["weir", "nginx"].map(str::to_owned).to_vec(),
        attackers: 1_000,
        clients: 50,
        rounds: 3,
        span: Duration::from_secs(8),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or("each option has a value")?;
        match argument.as_str() {
            "--only" => plan.servers = value.split(',').map(str::to_owned).collect(),
            "--attackers" => plan.attackers = value.parse()?,
            "--clients" => plan.clients = value.parse()?,
            "--rounds" => plan.rounds = value.parse()?,
            "--seconds" => plan.span = Duration::from_secs(value.parse()?),
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    Ok(plan)
}

/// What one round came to.
#[derive(Debug)]
struct Round {
    alone: Waits,
    attacked: Waits,
    memory: Memory,
    sockets: usize,
}

/// Measures players alone and under `attack`, in turns, and prints the medians of the rounds.
fn compare(plan: &Plan, server: &Server, attack: Attack) -> Outcome {
    // The first of all brings the objects into the cache.
    let long = weir_tests::http::get(&format!("{}/vod/long", server.url));
    long.map_err(|error| error.to_string())?;
    let rounds: Vec<Round> = (0..plan.rounds)
        .map(|_| round(plan, server, attack))
        .collect::<Outcome<_>>()?;
    let of = |part: fn(&Round) -> Duration| {
        let mut all: Vec<Duration> = rounds.iter().map(part).collect();
        all.sort_unstable();
        all.get(all.len() / 2)
            .map_or(0.0, |one| one.as_secs_f64() * 1e3)
    };
    let (alone, attacked) = (
        of(|round| round.alone.p99()),
        of(|round| round.attacked.p99()),
    );
    let memory = rounds.iter().map(|round| round.memory);
    let memory = memory.fold(Memory::default(), Memory::most);
    let sockets = rounds.iter().map(|round| round.sockets).max();
    let failed: usize = rounds
        .iter()
        .map(|round| round.alone.failed + round.attacked.failed)
        .sum();
    println!(
        "{:<7} {:<12} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>7.2} {:>9} {:>9} {:>9} {:>7}",
        server.name,
        attack.name(),
        of(|round| round.alone.median()),
        alone,
        of(|round| round.attacked.median()),
        attacked,
        attacked / alone,
        memory.resident_bytes >> 20,
        memory.anonymous_bytes >> 20,
        sockets.unwrap_or_default(),
        failed
    );
    if server.name == "weir" && failed > 0 {
        return Err("a player was not served".into());
    }
    Ok(())
}

fn round(plan: &Plan, server: &Server, attack: Attack) -> Outcome<Round> {
    let players = Players {
        url: format!("{}/vod/segment", server.url),
        clients: plan.clients,
        span: plan.span,
    };
    let alone = players.play(|| {});
    let running = attack.begin(&server.url, plan)?;
    let (mut memory, mut sockets) = (Memory::default(), 0);
    let attacked = players.play(|| {
        memory = memory.most(server.memory());
        sockets = sockets.max(server.sockets());
    });
    drop(running);
    Ok(Round {
        alone,
        attacked,
        memory,
        sockets,
    })
}
