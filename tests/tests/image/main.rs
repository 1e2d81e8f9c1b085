//! The image as an integrator meets it: it is flashed, gets one file, boots, and serves.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod contents;
mod slots;
mod units;

use std::{net::Ipv4Addr, process::Command, time::Duration};

use weir_tests::{
    ffmpeg, http,
    machine::{Disk, Machine, STREAMS, built_image},
    process::{Process, peer},
    wait::{timed, until_every},
};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 1, 1);
const PORT: u16 = 1234;

/// Between two looks at a box that has better things to do.
const PAUSE: Duration = Duration::from_millis(500);

/// An emulated box beside other tests.
const PATIENCE: Duration = Duration::from_mins(5);

fn configuration() -> String {
    format!(
        "[node]\nname = \"box\"\n\
         [cache]\nsize = \"256MiB\"\nmemory = \"16MiB\"\n\
         [segment]\ntarget = \"2s\"\nlargest = \"8MiB\"\n\
         [[channel]]\nid = \"one\"\nname = \"One\"\n\
         [[channel.rendition]]\nname = \"sd\"\ninterface = \"{STREAMS}\"\n\
         sources = [\"udp://{GROUP}:{PORT}\"]\n"
    )
}

#[test]
fn a_flashed_box_boots_takes_multicast_and_serves_it() {
    let disk = Disk::flashed(&built_image(), &configuration());
    let (machine, ready) = timed(|| {
        let machine = disk.boot();
        await_status(&machine, &machine.management("/livez"), 200);
        machine
    });
    println!("power to a management page: {ready:?}");
    let feed = machine.feed(GROUP, PORT);
    let _sender = sender(feed.port);
    await_status(&machine, &machine.data("/readyz"), 200);
    let master = machine.data("/live/one/master.m3u8");
    await_status(&machine, &master, 200);
    let segment = segment_of(&machine);
    println!("the first segment has {} bytes", segment.len());
    assert_eq!(
        segment.first(),
        Some(&0x47),
        "a segment is a transport stream"
    );
    assert_eq!(
        peer(Command::new("curl").args(["-fs", &machine.data("/readyz")])),
        "ready\n"
    );
    let streams = ffmpeg::probe(&master);
    let kinds = streams["streams"].to_string();
    assert!(kinds.contains("h264"), "ffprobe saw {kinds}");
    await_slots(&machine);
    tell_memory(&machine);
    let console = machine.console();
    assert!(
        console.contains("version"),
        "the first process tells what it starts: {console}"
    );
    assert!(!console.contains("Failed to start"), "{console}");
}

/// Sends pictures and sound without end to a port of loopback.
fn sender(port: u16) -> Process {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(ffmpeg::Streams::H264Aac.arguments(600))
        .args(["-f", "mpegts"])
        .arg(format!("udp://127.0.0.1:{port}?pkt_size=1316"));
    Process::start(command)
}

fn await_status(machine: &Machine, url: &str, status: u16) {
    let what = std::fmt::from_fn(|f| {
        let console = machine.console();
        let lines: Vec<&str> = console.lines().rev().take(60).collect();
        write!(
            f,
            "{status} from {url}; the console, last line first:\n{}",
            lines.join("\n")
        )
    });
    until_every(PAUSE, what, PATIENCE, || {
        let response = http::get(url).ok()?;
        (response.status == status).then_some(())
    });
}

/// The daemon tells which slot runs, and that the first boot made an empty one.
fn await_slots(machine: &Machine) {
    until_every(PAUSE, "slot a is good, slot b empty", PATIENCE, || {
        let slots = http::get(&machine.management("/api/v1/slots")).ok()?.text();
        let slots: serde_json::Value = serde_json::from_str(&slots).ok()?;
        let state = |slot: &serde_json::Value| slot["state"].as_str().map(str::to_owned);
        let [a, b] = [0, 1].map(|place| state(&slots["slots"][place]));
        (a.as_deref() == Some("good") && b.as_deref() == Some("empty")).then_some(())
    });
}

/// The oldest segment that the playlist lists.
fn segment_of(machine: &Machine) -> Vec<u8> {
    until_every(PAUSE, "a segment", PATIENCE, || {
        let playlist = http::get(&machine.data("/live/one/one_sd.m3u8"))
            .ok()?
            .text();
        let uri = playlist.lines().find(|line| !line.starts_with('#'))?;
        let segment = http::get(&machine.data(&format!("/live/one/{uri}"))).ok()?;
        (segment.status == 200).then_some(segment.body)
    })
}

/// Tells what the box has left; the figure is for the reader.
fn tell_memory(machine: &Machine) {
    let metrics = http::get(&machine.management("/metrics"));
    let metrics = metrics.expect("the box serves its figures").text();
    for line in metrics
        .lines()
        .filter(|line| line.contains("memory") && !line.starts_with('#'))
    {
        println!("{line}");
    }
}
