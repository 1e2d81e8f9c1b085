//! What it costs to be watched, on this machine.
//!
//! ```text
//! bench-management [--channels N] [--renditions N] [--seconds S] [--walks N]
//! ```
//!
//! In a network of their own, channels of little bitrate are received by one `weir run`, so that
//! every counter has its value. Three things are printed beside what they are to stay below:
//!
//! - a walk of all objects by `snmpbulkwalk` with SHA-256 and AES-128, in answers of a frame of
//!   Ethernet and in the largest that UDP carries: its time, with the start of that program and
//!   without (the time of one get), the CPU time of Weir and that of the program, which are spent
//!   one after the other: 50 ms;
//! - `/metrics`, one request after the other: 3 ms;
//! - ten pollers, each of which asks as often as all ready-made integrations together: CPU and
//!   memory of Weir above those of a run that nobody asks: 1 % of one core, 8 MB; beside them ten
//!   that ask for everything every second, and walk all objects once a minute.
//!
//! Asserted: all is on air, each walk has all objects, and nothing that is asked for is refused.
//! The times are for people: other work on the machine shows in them, so its load is printed.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod cost;
mod pollers;
mod rig;

use std::{thread, time::Duration};

use weir_tests::{
    bench::{Outcome, clients, machine},
    http, main_in_own_network,
};

use crate::{
    cost::{Cost, Times, cpu_seconds, ended_cpu_seconds, timed},
    pollers::Habits,
    rig::{DATAGRAMS, FRAMES, Rig, Senders, USUAL},
};

/// Requests for `/metrics`.
const METRICS_REQUESTS: usize = 300;

/// How long counters and memory take to settle once all is on air.
const SETTLING: Duration = Duration::from_secs(10);

/// What is to be measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    channels: usize,
    renditions: usize,
    span: Duration,
    walks: usize,
}

fn main() -> Outcome {
    let plan = plan(std::env::args().skip(1))?;
    main_in_own_network(|| run(plan))
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Outcome<Plan> {
    let mut plan = Plan {
        channels: 64,
        renditions: 2,
        span: Duration::from_mins(2),
        walks: 20,
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or("each option has a value")?;
        match argument.as_str() {
            "--channels" => plan.channels = value.parse()?,
            "--renditions" => plan.renditions = value.parse()?,
            "--seconds" => plan.span = Duration::from_secs_f64(value.parse()?),
            "--walks" => plan.walks = value.parse()?,
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    Ok(plan)
}

fn run(plan: Plan) -> Outcome {
    clients::allow_files(4_096)?;
    println!("load of the machine: {}", machine::load());
    let _senders = Senders::start(plan.channels * plan.renditions)?;
    let (channels, renditions) = (plan.channels, plan.renditions);
    println!("{channels} channels of {renditions} renditions");
    for answers in [USUAL, FRAMES, DATAGRAMS] {
        let rig = Rig::start(plan, answers)?;
        thread::sleep(SETTLING);
        println!("in answers of {}:", answers.largest);
        walks(&rig, plan.walks)?;
        if answers == USUAL {
            metrics(&rig)?;
        }
    }

    let alone = watched(plan, None)?;
    println!("unpolled:    {alone}");
    let habits = [
        ("as the integrations do", pollers::INTEGRATIONS),
        ("for all every second", pollers::RESTLESS),
    ];
    for (name, habits) in habits {
        let polled = watched(plan, Some(habits))?;
        println!("{} pollers that ask {name}: {polled}", pollers::POLLERS);
        println!("the pollers: {}", polled.above(&alone));
    }
    Ok(())
}

/// Walks all objects, and prints what that takes.
fn walks(rig: &Rig, count: usize) -> Outcome {
    let cells = rig.walk();
    let before = cpu_seconds(rig.process())?;
    let began = std::time::Instant::now();
    thread::sleep(Duration::from_secs(5));
    let idle = (cpu_seconds(rig.process())? - before) / began.elapsed().as_secs_f64();
    let (mut walks, mut gets, mut cpu) = (Times::default(), Times::default(), Times::default());
    let (mut managers, mut starts) = (0.0, 0.0);
    for _ in 0..count {
        let before = cpu_seconds(rig.process())?;
        let others = ended_cpu_seconds()?;
        let (walk, told) = timed(|| rig.walk());
        managers += ended_cpu_seconds()? - others;
        let spent = cpu_seconds(rig.process())? - before - idle * walk.as_secs_f64();
        if told * 10 < cells * 9 {
            return Err("a walk lacks objects".into());
        }
        walks.add(walk);
        cpu.add(Duration::from_secs_f64(spent.max(0.0)));
        let others = ended_cpu_seconds()?;
        let (get, told) = timed(|| rig.get());
        told?;
        starts += ended_cpu_seconds()? - others;
        gets.add(get);
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let manager = (managers - starts) / count as f64;
    let net = walks.quantile(0.5).saturating_sub(gets.quantile(0.5));
    println!("a v3 walk of {cells} objects, below 50 ms:");
    println!("  snmpbulkwalk         {walks}");
    println!("  one get              {gets}");
    println!("  the walk without it  {:.1} ms", net.as_secs_f64() * 1e3);
    println!("  CPU time of Weir     {cpu}");
    println!(
        "  and of snmpbulkwalk  {:.1} ms without its start",
        manager * 1e3
    );
    Ok(())
}

/// Asks for `/metrics`, and prints what that takes.
fn metrics(rig: &Rig) -> Outcome {
    let url = rig.daemon.management("/metrics");
    let (mut times, mut bytes) = (Times::default(), 0);
    let before = cpu_seconds(rig.process())?;
    for _ in 0..METRICS_REQUESTS {
        let (time, answer) = timed(|| http::get(&url));
        let answer = answer.map_err(|failure| failure.to_string())?;
        if answer.status != 200 {
            return Err(format!("/metrics: {}", answer.status).into());
        }
        bytes = answer.body.len();
        times.add(time);
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let each = (cpu_seconds(rig.process())? - before) / METRICS_REQUESTS as f64;
    println!("/metrics, {bytes} bytes, below 3 ms:");
    println!("  a request            {times}");
    println!("  CPU time of Weir     {:.2} ms", each * 1e3);
    Ok(())
}

/// What an appliance costs that pollers of such `habits` ask, or nobody.
fn watched(plan: Plan, habits: Option<Habits>) -> Outcome<Cost> {
    let rig = Rig::start(plan, USUAL)?;
    thread::sleep(SETTLING);
    Cost::of(rig.process(), || pollers::poll(&rig, habits, plan.span))
}
