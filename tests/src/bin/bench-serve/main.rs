//! What serving costs, beside others that do the same, on this machine.
//!
//! ```text
//! bench-serve [--only SERVER[,SERVER]] [--sizes 4k,200k,1500k,8m] [--connections 32,1000]
//!             [--seconds S] [--rounds N] [--idle N] [--requests same|distinct]
//! ```
//!
//! Servers: `weir` with segments of a channel, and with what it pulled (`weir-pull`); `bare` (a
//! loop of httparse and sendfile on tokio); `nginx`, the same with its cache of open files
//! (`nginx-ofc`), `varnish`, and `ats` where it runs. Each has one core, the load generator another
//! one; all objects are in memory. All connections send the same fields, as players of one kind do,
//! unless requests are to be `distinct`: then each names a session of its own, and Weir can give no
//! answer again.
//! What is printed is requests for each CPU-second of the server's processes, from the kernel's
//! account of them: the median of the rounds, in which the servers take turns. A body that is
//! short, or an answer that is not 200, ends the run.
//!
//! Nothing else is asserted: the figures are for people. Other work on the machine shows in them,
//! so its load is printed.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod bare;
mod idle;
mod load;
mod origin;
mod weir;

use std::{collections::BTreeMap, path::Path, time::Duration};

use weir_tests::bench::{
    Outcome,
    machine::{self, Core, Server},
    peers,
};

use crate::load::{Load, Objects};

/// Sizes of objects, and how many of each are asked for in turn.
const SIZES: [(&str, usize, usize); 4] = [
    ("4k", 4 << 10, 64),
    ("200k", 200 << 10, 32),
    ("1500k", 1500 << 10, 16),
    ("8m", 8 << 20, 8),
];

const SERVERS: [&str; 7] = [
    "weir",
    "weir-pull",
    "bare",
    "nginx",
    "nginx-ofc",
    "varnish",
    "ats",
];

/// What is to be measured.
#[derive(Debug)]
struct Plan {
    servers: Vec<String>,
    sizes: Vec<String>,
    connections: Vec<usize>,
    span: Duration,
    rounds: usize,
    idle: usize,
    is_distinct: bool,
}

fn main() -> Outcome {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "bare") {
        return bare::child(&arguments.split_off(1));
    }
    let plan = plan(arguments)?;
    let directory = tempfile::tempdir()?;
    machine::stay_on(Core::Load)?;
    let servers = start(&plan, directory.path())?;
    println!("load of the machine: {}", machine::load());
    if plan.idle > 0 {
        for server in &servers {
            idle::measure(server, plan.idle)?;
        }
    }
    for (size, bytes, count) in SIZES {
        if !plan.sizes.iter().any(|wanted| wanted == size) {
            continue;
        }
        for connections in &plan.connections {
            let objects = Objects { size, bytes, count };
            compare(&plan, &servers, objects, *connections)?;
        }
    }
    Ok(())
}

fn plan(arguments: Vec<String>) -> Outcome<Plan> {
    let mut plan = Plan {
        servers: SERVERS.map(str::to_owned).to_vec(),
        sizes: SIZES.map(|(size, ..)| size.to_owned()).to_vec(),
        connections: vec![32, 1_000],
        span: Duration::from_secs(2),
        rounds: 3,
        idle: 1_000,
        is_distinct: false,
    };
    let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or("each option has a value")?;
        match argument.as_str() {
            "--only" => plan.servers = list(value),
            "--sizes" => plan.sizes = list(value),
            "--connections" => {
                let numbers = list(value).into_iter().map(|number| number.parse());
                plan.connections = numbers.collect::<Result<_, _>>()?;
            }
            "--seconds" => plan.span = Duration::from_secs_f64(value.parse()?),
            "--rounds" => plan.rounds = value.parse()?,
            "--idle" => plan.idle = value.parse()?,
            "--requests" => plan.is_distinct = value == "distinct",
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    Ok(plan)
}

fn start(plan: &Plan, directory: &Path) -> Outcome<Vec<Server>> {
    let origin = origin::start()?;
    let mut servers = Vec::new();
    for name in &plan.servers {
        let own = directory.join(name);
        machine::make_directory(&own)?;
        let server = match name.as_str() {
            "weir" => weir::start(&own, origin),
            "weir-pull" => weir::start_pulling(&own, origin),
            "bare" => bare::start(&own),
            "nginx" => peers::nginx(name, &own, origin, ""),
            "nginx-ofc" => peers::nginx(name, &own, origin, peers::OPEN_FILES),
            "varnish" => peers::varnish(&own, origin),
            "ats" => peers::traffic_server(&own, origin),
            other => return Err(format!("there is no server {other}").into()),
        };
        match server.and_then(Server::answering) {
            Ok(server) => servers.push(server),
            Err(error) => println!("{name} does not run here: {error}"),
        }
    }
    Ok(servers)
}

fn compare(plan: &Plan, servers: &[Server], objects: Objects, connections: usize) -> Outcome {
    let mut rates: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let load = Load {
        objects,
        connections,
        span: plan.span,
        is_distinct: plan.is_distinct,
    };
    for _ in 0..plan.rounds {
        for server in servers {
            let rate = load.on(server)?;
            rates.entry(&server.name).or_default().push(rate);
        }
    }
    println!("\n{} objects, {connections} connections", objects.size);
    let nginx = rates.get("nginx").map(|rates| median(rates));
    for server in servers {
        let Some(rates) = rates.get(server.name.as_str()) else {
            continue;
        };
        let rate = median(rates);
        let beside = nginx.map_or(String::new(), |nginx| {
            format!("{:>6.2} x nginx", rate / nginx)
        });
        println!(
            "  {:<9} {rate:>8.0} requests a CPU-second {:>8.1} us each {beside}",
            server.name,
            1e6 / rate
        );
    }
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
