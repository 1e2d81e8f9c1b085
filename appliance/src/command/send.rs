//! `weir send`: plays a file out onto a group, as an encoder would.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Args;
use indicatif::ProgressBar;
use weir_hal::{Board, Destination, InterfaceName, Multicast};

use super::{
    CommandError, Terminal,
    run::{interrupted, runtime},
};
use crate::{
    config::{Source, Transport, parse_interface},
    send::{Content, Options, Playout, Progress, Statistics, Unsent},
};

pub(super) const ABOUT: &str =
    "Play a file out onto a group: a stream paced by its PCR, or a capture as it was";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir send recording.ts udp://239.1.1.1:1234
  weir send recording.ts rtp://239.1.1.1:5004 --loop --interface eth1
  weir send recording.ts udp://[ff02::1234]:1234 --interface lo
  weir send trouble.pcapng udp://239.9.9.9:1234 --group 239.1.1.1:1234

With --loop the file goes on from the start without a seam: PCR, PTS, DTS and continuity_counter
are restamped. Of a capture (pcap or pcapng) the datagrams to one group go out unchanged, with the
distances in time at which they were captured; looped, what is in them jumps. Ctrl-C ends it. Exits
with 64 when a capture has several groups and none is chosen, 69 when the group cannot be sent to,
74 when the file cannot be read or has no PCR.";

/// Arguments of `weir send`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The transport stream or capture to send.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to: udp://group:port or rtp://group:port; IPv6 in brackets.
    #[arg(value_name = "URL", value_parser = target)]
    pub url: Target,
    /// Go on from the start when the end is reached, until Ctrl-C.
    #[arg(long = "loop")]
    pub is_looping: bool,
    /// The interface to send from [default: the routing table chooses].
    #[arg(long, value_name = "NAME", value_parser = parse_interface)]
    pub interface: Option<InterfaceName>,
    /// Of a capture with several: the group and port whose datagrams are sent.
    #[arg(long, value_name = "GROUP:PORT")]
    pub group: Option<SocketAddr>,
    /// Routers a datagram may pass, and one more; 1 stays on the link.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..))]
    pub hops: u8,
}

/// Where a file is sent, and how it is wrapped.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Bare transport packets or RTP.
    pub transport: Transport,
    /// Group (or host) and port.
    pub group: SocketAddr,
}

/// Sends the file, once or until a signal ends it, and tells how well it went.
///
/// # Errors
/// [`CommandError::Send`] when the file has no pace or the group is out of reach.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let content = Content::open(&*board.disk, &arguments.file)?;
    let bytes = content.bytes()?;
    let sender = board.multicast.sender(&Destination {
        group: arguments.url.group,
        interface: arguments.interface.clone(),
        hops: arguments.hops,
    })?;
    let mut playout = Playout::default();
    let is_looping = arguments.is_looping;
    if content.is_capture()? {
        playout.add_capture(content, sender, (arguments.group, is_looping))?;
    } else {
        let options = Options {
            transport: arguments.url.transport,
            is_looping,
            seed: board.clock.wall().as_nanos(),
        };
        playout.add(content, sender, options)?;
    }
    let is_stopped = Arc::new(AtomicBool::new(false));
    let runtime = runtime()?;
    stop_when_interrupted(&runtime, &is_stopped)?;
    let bar = terminal.progress("sending", bytes);
    let start = board.clock.monotonic();
    let stop = || is_stopped.load(Ordering::Relaxed);
    let sent = playout.run(&*board.clock, stop, |progress| show(&bar, progress));
    bar.finish_and_clear();
    let elapsed = board.clock.monotonic().since(start);
    terminal.print(&told(&sent?, elapsed))
}

fn stop_when_interrupted(
    runtime: &tokio::runtime::Runtime,
    is_stopped: &Arc<AtomicBool>,
) -> Result<(), CommandError> {
    let _within = runtime.enter();
    let interrupted = interrupted()?;
    let is_stopped = Arc::clone(is_stopped);
    runtime.spawn(async move {
        interrupted.await;
        is_stopped.store(true, Ordering::Relaxed);
    });
    Ok(())
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_position(progress.read_bytes);
    if progress.statistics.passes > 0 {
        bar.set_message(format!("sending, pass {}", progress.statistics.passes + 1));
    }
}

fn told(sent: &Statistics, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let mut lines = vec![format!(
        "sent {} datagrams, {} bytes in {seconds:.1} s; {} left more than 1 ms late, the latest by \
         {:.1} ms",
        sent.datagrams,
        sent.bytes,
        sent.late_datagrams,
        sent.lateness_max.as_secs_f64() * 1_000.0
    )];
    if sent.send_errors > 0 {
        let count = sent.send_errors;
        lines.push(format!(
            "{count} datagrams were refused by the system and are lost"
        ));
    }
    let unsent = sent.unsent;
    if unsent != Unsent::default() {
        lines.push(format!(
            "passed over: {} fragments, {} frames that were cut short, {} of other protocols",
            unsent.fragments, unsent.cut_short, unsent.others
        ));
    }
    if sent.standstills > 0 {
        let count = sent.standstills;
        lines.push(format!(
            "the machine stood still {count} times for more than 1 s"
        ));
    }
    lines.join("\n")
}

fn target(text: &str) -> Result<Target, String> {
    match text.parse()? {
        Source::Datagram {
            transport,
            group,
            source: None,
        } => Ok(Target { transport, group }),
        Source::Datagram {
            source: Some(_), ..
        } => Err("a sender cannot choose its address: leave out what stands before @".to_owned()),
        Source::Http { .. } => {
            Err("only udp:// and rtp:// can be sent to: write udp://group:port".to_owned())
        }
    }
}
