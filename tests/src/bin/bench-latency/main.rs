//! How long a segment takes from its last datagram to players, on this machine.
//!
//! ```text
//! bench-latency [--channels N] [--seconds S] [--peers N]
//! ```
//!
//! In a network of their own, channels of 4 Mb/s with a key frame a second are sent at an even
//! pace, out of step with one another, and received by one `weir run` that cuts segments of 1 s.
//! Some of them are received by `ffmpeg -c copy -f hls` as well, each by one of its own. Whoever
//! waits for a segment looks at the list a thousand times a second, Weir's on one connection that
//! stays, ffmpeg's where it lies as a file, and takes the segment whole as soon as it is listed.
//!
//! Printed are the milliseconds until then, from two moments: the datagram that holds the last byte
//! of the segment, and the one that tells that it is the last, because the next key frame shows in
//! it. Between the two lies what the sender takes. What Weir adds is to be less than its drain
//! interval, 10 ms by default, and 20 ms.
//!
//! Asserted: every segment that is listed is the one that was sent, and whole. The times are for
//! people: other work on the machine shows in them, so its load is printed.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod clip;
mod figures;
mod pace;
mod peer;
mod viewer;

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use weir_tests::{
    bench::{Outcome, machine},
    daemon::Daemon,
    main_in_own_network,
};

use crate::{
    clip::Clip,
    figures::Figures,
    pace::{Notice, Play},
};

/// Cuts that were sent and not yet looked for: more than a viewer ever lags.
const NOTICES: usize = 64;

/// Length of the clip behind which the measurement ends: lists must come first, and ffmpeg looks at
/// a stream for five seconds.
const LEAD: Duration = Duration::from_secs(10);

/// What is to be measured.
#[derive(Debug)]
struct Plan {
    channels: usize,
    span: Duration,
    peers: usize,
}

fn main() -> Outcome {
    let plan = plan(std::env::args().skip(1))?;
    main_in_own_network(|| run(&plan))
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Outcome<Plan> {
    let mut plan = Plan {
        channels: 16,
        span: Duration::from_mins(1),
        peers: 2,
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or("each option has a value")?;
        match argument.as_str() {
            "--channels" => plan.channels = value.parse()?,
            "--seconds" => plan.span = Duration::from_secs(value.parse()?),
            "--peers" => plan.peers = value.parse()?,
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    plan.peers = plan.peers.min(plan.channels);
    Ok(plan)
}

fn run(plan: &Plan) -> Outcome {
    let directory = tempfile::tempdir()?;
    println!("load of the machine: {}", machine::load());
    let clip = Clip::make(directory.path(), plan.span + LEAD)?;
    let daemon = Daemon::start(&text(plan.channels));
    let (mut plays, mut weir, mut ffmpeg) = (Vec::new(), Vec::new(), Vec::new());
    for channel in 0..plan.channels {
        let (sender, notices) = channel_of();
        let mut listeners = vec![sender];
        let list = format!("/live/C{channel}/C{channel}_r.m3u8");
        weir.push(viewer::Weir::new(&daemon.data(&list), notices));
        if channel < plan.peers {
            let (sender, notices) = channel_of();
            listeners.push(sender);
            let folder = directory.path().join(format!("peer-{channel}"));
            ffmpeg.push(peer::Ffmpeg::start(&group(channel), &folder, notices)?);
        }
        plays.push(Play::to(&group(channel), listeners)?);
    }
    let counted = Instant::now() + LEAD;
    let (weir, ffmpeg) = thread::scope(|scope| {
        let clip = &clip;
        let weir = weir.into_iter();
        let weir: Vec<_> = weir
            .map(|viewer| scope.spawn(move || viewer.watch(clip, counted)))
            .collect();
        let ffmpeg = ffmpeg.into_iter();
        let ffmpeg: Vec<_> = ffmpeg
            .map(|viewer| scope.spawn(move || viewer.watch(clip, counted)))
            .collect();
        pace::send(clip, plays)?;
        let all = |viewers: Vec<thread::ScopedJoinHandle<'_, Result<Figures, String>>>| {
            let mut sum = Figures::default();
            for viewer in viewers {
                let ended = viewer.join();
                sum.add(ended.unwrap_or_else(|_panic| Err("a viewer panicked".to_owned()))?);
            }
            Outcome::Ok(sum)
        };
        Outcome::Ok((all(weir)?, all(ffmpeg)?))
    })?;
    println!("load of the machine: {}", machine::load());
    figures::print(&[("weir", &weir), ("ffmpeg -c copy -f hls", &ffmpeg)])
}

fn channel_of() -> (SyncSender<Notice>, Receiver<Notice>) {
    sync_channel(NOTICES)
}

fn group(channel: usize) -> String {
    format!("239.255.92.{}:5000", channel + 1)
}

/// What the configuration says of the channels.
fn text(channels: usize) -> String {
    let channels = (0..channels).map(|number| {
        format!(
            "[[channel]]\nid = \"C{number}\"\n[[channel.rendition]]\nname = \"r\"\n\
             interface = \"lo\"\nsources = [\"udp://{}\"]\n",
            group(number)
        )
    });
    format!(
        "memory = \"128MiB\"\n[segment]\ntarget = \"1s\"\n{}",
        channels.collect::<String>()
    )
}
