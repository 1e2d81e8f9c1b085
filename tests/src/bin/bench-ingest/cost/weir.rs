//! What is measured: the daemon, with all that it does to a channel.

use std::{process::Command, thread, time::Duration};

use serde_json::Value;
use weir_tests::{bench::Outcome, daemon::Daemon, process::Process, wait};

use super::{Cpu, MEMORY, Row, millions, sender::Feed};
use crate::channels::Channels;

/// Three times what is kept of 50 channels of 50 Mb/s: what is listed, and as much that was.
const CACHE_SIZE: &str = "8GiB";
/// Segments of one second, so that what is kept fits in memory.
const TABLES: &str =
    "[segment]\ntarget = \"1s\"\nwindow = 3\n[receive]\nbitrate_max = \"60Mb/s\"\n";
/// What it may hold that is not in files yet: three seconds, since whatever else runs here delays
/// the thread that writes.
const MEMORY_BYTES: &str = "1GiB";
/// What must not be counted.
const LOSSES: [(&str, &str); 3] = [
    ("receive", "kernel_dropped_datagrams"),
    ("demux", "continuity_count_error"),
    ("publish", "segments_refused"),
];
/// How long receive calls are counted.
const CALLS_SPAN: Duration = Duration::from_secs(10);
/// While channels are silent they are asked in vain, which is not to be counted.
const CALLS_SPREAD: Duration = Duration::from_millis(200);

fn start(channels: usize) -> Outcome<Daemon> {
    let folder = tempfile::tempdir_in(MEMORY)?;
    let text = Channels::new(channels).text(MEMORY_BYTES, TABLES);
    let daemon = Daemon::start_sized(folder, CACHE_SIZE, "threads = 1", &text);
    let process = daemon.process().id().to_string();
    let core = ["-a", "-p", "-c", "0", &process];
    weir_tests::bench::machine::run(Command::new("taskset").args(core))?;
    // Every group is joined by the first turn; a report comes each second.
    wait::until("all groups joined", Duration::from_secs(30), || {
        let health = daemon.health();
        let mut states = states(&health);
        states.all(|state| state == "waiting").then_some(())
    });
    Ok(daemon)
}

fn states(health: &Value) -> impl Iterator<Item = &str> {
    let channels = health["channels"].as_array().into_iter().flatten();
    channels.filter_map(|channel| channel["renditions"][0]["state"].as_str())
}

/// The sum of a counter over all channels.
fn count(health: &Value, stage: &str, name: &str) -> u64 {
    let channels = health["channels"].as_array().into_iter().flatten();
    let counters = channels.map(|channel| &channel["renditions"][0]["counters"][stage][name]);
    counters.filter_map(Value::as_u64).sum()
}

/// Sends it `feed`.
pub(super) fn row(feed: &Feed<'_>) -> Outcome<Row> {
    let daemon = start(feed.channels)?;
    let before = Cpu::of(daemon.process().id())?;
    let sent = feed.send()?;
    // The next report has all of it.
    thread::sleep(Duration::from_secs(2));
    let cpu = Cpu::of(daemon.process().id())?.since(before);
    let health = daemon.health();
    for (stage, name) in LOSSES {
        let count = count(&health, stage, name);
        if count > 0 {
            return Err(format!("{count} {name}").into());
        }
    }
    Ok(Row {
        name: "weir",
        channels: feed.channels,
        sent,
        received: Some(count(&health, "receive", "datagrams")),
        cpu,
    })
}

/// Counts its receive calls by a tracer, and prints them.
pub(super) fn calls(feed: &Feed<'_>) -> Outcome {
    let feed = Feed {
        span: CALLS_SPAN,
        spread: CALLS_SPREAD,
        ..*feed
    };
    let daemon = start(feed.channels)?;
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-e", "trace=recvmmsg", "-p"]);
    command.arg(daemon.process().id().to_string());
    let tracer = Process::start(command);
    tracer.line_with("attached", Duration::from_secs(10));
    let sent = feed.send()?;
    tracer.signal("INT");
    let ended = tracer.ended(Duration::from_secs(10));
    let line = ended.output.lines().find(|it| it.ends_with("recvmmsg"));
    let fields = line.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let calls = fields.and_then(|fields| fields.get(3)?.parse::<u64>().ok());
    let calls = calls.ok_or_else(|| format!("strace told no calls: {}", ended.output))?;
    println!(
        "receive calls: {:.3} a datagram ({calls} calls, {} datagrams)",
        millions(calls) / millions(sent.datagrams),
        sent.datagrams
    );
    Ok(())
}
