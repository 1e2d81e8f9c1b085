//! `weir capture`: keeps what a group brings in a file, to be looked at elsewhere.
//!
//! A membership of its own has the kernel hand it a copy, so an appliance that receives the same
//! group misses nothing by it.
//!
//! Refuses: to write over a file, and to go on without an end.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::Args;
use weir_hal::{
    Access, Board, Clock, DatagramBatch, Disk, File, InterfaceName, Membership, Monotonic,
    Multicast, MulticastReceiver,
};

use super::{CommandError, Terminal, probe::ProbeError};
use crate::{
    capture::{Udp, Writer},
    config::{self, ByteSize, Transport, parse_interface},
    receive::{
        Source,
        merge::{Arrival, Merge, Rules},
        receive_buffer_bytes,
    },
};

pub(super) const ABOUT: &str = "Keep what a group brings in a file, as a stream or by datagrams";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir capture udp://239.1.1.1:1234 news.ts --seconds 60
  weir capture rtp://10.9.0.7@232.1.2.1:5000 trouble.pcapng --interface eth1 --bytes 200MB

NAME.ts has the transport packets, out of RTP and in its order; NAME.pcapng every datagram with the
time at which the kernel received it, for Wireshark or `weir send`. It ends by itself; Ctrl-C ends
it sooner, and what came until then is there. Exits with 69 when nothing came, 74 when the disk is
full.";

/// Interval between two looks at the socket.
const DRAIN_INTERVAL: Duration = Duration::from_millis(10);

/// The kernel buffer holds this long ...
const STALL: Duration = Duration::from_secs(1);

/// ... of a stream of this bitrate.
const BITRATE_BPS_MAX: u64 = 100_000_000;

/// By how many packets RTP may be out of order.
const REORDER_PACKETS: u16 = 32;

/// Batches of one look, so that a flood has an end.
const BATCHES_MAX: usize = 64;

/// Arguments of `weir capture`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The source: udp://[source@]group:port or rtp://[source@]group:port.
    #[arg(value_name = "URL")]
    pub url: String,
    /// The file to make: NAME.ts or NAME.pcapng.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How long at most.
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// How large the file may get.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = ByteSize::parse)]
    pub bytes: ByteSize,
    /// The interface to join on; the routing table chooses when absent.
    #[arg(long, value_name = "NAME", value_parser = parse_interface)]
    pub interface: Option<InterfaceName>,
}

/// What is kept of datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Stream,
    Datagrams,
}

/// What was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Kept {
    datagrams: u64,
    file_bytes: u64,
    kernel_dropped_datagrams: u64,
    is_full: bool,
}

/// Captures and tells how much.
///
/// # Errors
/// [`CommandError::Usage`] for what cannot be captured, [`CommandError::Probe`] when nothing came,
/// [`CommandError::Hal`] when the group cannot be joined or the file not be written.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let (transport, membership) = target(arguments)?;
    let form = form(&arguments.file)?;
    if board.disk.kind(&arguments.file).is_ok() {
        let file = arguments.file.display();
        let text = format!("{file} is there already: choose another name, or remove it");
        return Err(CommandError::Usage(text));
    }
    let (url, seconds) = (&arguments.url, arguments.seconds);
    if terminal.is_output_seen() {
        terminal.complain(&format!("capturing {url} for {seconds} s"));
    }
    let mut output = Output::create(&*board.disk, &arguments.file, arguments.bytes.0)?;
    let (clock, multicast) = (&*board.clock, &*board.multicast);
    let span = Duration::from_secs(seconds.into());
    let kept = match form {
        Form::Stream => {
            let source = Source::new(membership.clone(), transport);
            keep_stream((clock, multicast), source, span, &mut output)?
        }
        Form::Datagrams => keep_datagrams((clock, multicast), &membership, span, &mut output)?,
    };
    if kept.datagrams == 0 {
        board.disk.remove(&arguments.file)?;
        return Err(ProbeError::Silent {
            url: url.clone(),
            interface: membership.interface.map_or_else(
                || "the interface of the default route".to_owned(),
                |name| name.to_string(),
            ),
            seconds: seconds.into(),
        }
        .into());
    }
    terminal.print(&told(&kept, &arguments.file))
}

fn target(arguments: &Arguments) -> Result<(Transport, Membership), CommandError> {
    match config::Source::from_str(&arguments.url).map_err(CommandError::Usage)? {
        config::Source::Datagram {
            transport,
            group,
            source,
        } => {
            let membership = Membership {
                group,
                source,
                interface: arguments.interface.clone(),
                receive_buffer_bytes: receive_buffer_bytes(BITRATE_BPS_MAX, STALL),
            };
            Ok((transport, membership))
        }
        config::Source::Http { url } => Err(CommandError::Usage(format!(
            "{url} comes over HTTP: `curl --max-time 10 --output FILE URL` keeps it"
        ))),
    }
}

fn form(file: &Path) -> Result<Form, CommandError> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("ts") => Ok(Form::Stream),
        Some("pcapng") => Ok(Form::Datagrams),
        Some(_) | None => Err(CommandError::Usage(format!(
            "{} has no known ending: NAME.ts is a stream, NAME.pcapng has datagrams",
            file.display()
        ))),
    }
}

fn told(kept: &Kept, file: &Path) -> String {
    let (datagrams, bytes, file) = (kept.datagrams, kept.file_bytes, file.display());
    let mut lines = vec![format!("{datagrams} datagrams, {bytes} bytes in {file}")];
    if kept.is_full {
        lines.push("it ended at --bytes".to_owned());
    }
    if kept.kernel_dropped_datagrams > 0 {
        let dropped = kept.kernel_dropped_datagrams;
        lines.push(format!(
            "{dropped} datagrams are missing: the machine was too slow"
        ));
    }
    lines.join("\n")
}

/// A file that grows up to a bound.
#[derive(Debug)]
struct Output {
    file: std::sync::Arc<dyn File>,
    bytes: u64,
    bytes_max: u64,
    /// What is not written yet.
    pending: Vec<u8>,
    is_full: bool,
}

impl Output {
    fn create(disk: &dyn Disk, path: &Path, bytes_max: u64) -> Result<Self, weir_hal::Error> {
        Ok(Self {
            file: disk.open(path, Access::Create)?,
            bytes: 0,
            bytes_max,
            pending: Vec::new(),
            is_full: false,
        })
    }

    /// Takes `bytes` whole; nothing more once they had no room.
    fn push(&mut self, bytes: &[u8]) {
        let all = self.bytes + (self.pending.len() + bytes.len()) as u64;
        self.is_full |= all > self.bytes_max;
        if !self.is_full {
            self.pending.extend_from_slice(bytes);
        }
    }

    fn write(&mut self) -> Result<(), weir_hal::Error> {
        self.file.write_at(&self.pending, self.bytes)?;
        self.bytes += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

/// Calls `look` again and again, and writes what it finds, until time or room is over.
fn repeat(
    clock: &dyn Clock,
    span: Duration,
    output: &mut Output,
    mut look: impl FnMut(Monotonic, &mut Output) -> Result<(), weir_hal::Error>,
) -> Result<(), weir_hal::Error> {
    let deadline = clock.monotonic() + span;
    loop {
        let now = clock.monotonic();
        look(now, output)?;
        output.write()?;
        if now >= deadline || output.is_full {
            return Ok(());
        }
        clock.sleep_until(deadline.min(now + DRAIN_INTERVAL));
    }
}

fn keep_stream<M: Multicast>(
    (clock, multicast): (&dyn Clock, &M),
    mut source: Source<M::Receiver>,
    span: Duration,
    output: &mut Output,
) -> Result<Kept, weir_hal::Error> {
    source.join(multicast)?;
    let mut merge = Merge::by_sequence(Rules::alone(REORDER_PACKETS));
    let mut batch = DatagramBatch::new();
    repeat(clock, span, output, |now, output| {
        source.drain(&mut batch, |told, content, received| {
            let arrival = Arrival { now, received };
            merge.push((0, told), content, arrival, &mut |bytes, _| {
                output.push(bytes);
            });
        });
        merge.settle(now, &mut |bytes, _| output.push(bytes));
        Ok(())
    })?;
    let counters = source.counters();
    Ok(Kept {
        datagrams: counters.datagrams,
        kernel_dropped_datagrams: counters.kernel_dropped_datagrams,
        file_bytes: output.bytes,
        is_full: output.is_full,
    })
}

fn keep_datagrams<M: Multicast>(
    (clock, multicast): (&dyn Clock, &M),
    membership: &Membership,
    span: Duration,
    output: &mut Output,
) -> Result<Kept, weir_hal::Error> {
    let mut receiver = multicast.join(membership)?;
    let mut batch = DatagramBatch::new();
    let mut writer = Writer::default();
    let mut datagrams = 0;
    output.push(writer.begin());
    repeat(clock, span, output, |_, output| {
        for _ in 0..BATCHES_MAX {
            let count = receiver.receive(&mut batch)?;
            for datagram in batch.iter() {
                let udp = Udp {
                    source: datagram.source,
                    destination: membership.group,
                    payload: datagram.payload,
                };
                let block = writer.datagram(&udp, datagram.received.as_nanos());
                output.push(block.unwrap_or_default());
                datagrams += u64::from(!output.is_full);
            }
            if count < DatagramBatch::CAPACITY {
                break;
            }
        }
        Ok(())
    })?;
    Ok(Kept {
        datagrams,
        kernel_dropped_datagrams: receiver.dropped_datagrams(),
        file_bytes: output.bytes,
        is_full: output.is_full,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use weir_hal::{Destination, MulticastSender, Wall, sim};

    use super::*;

    const GROUP: &str = "239.1.1.1:1234";

    /// A clock at each tick of which a datagram is sent.
    #[derive(Debug)]
    struct SendingClock {
        inner: std::sync::Arc<dyn Clock>,
        sender: std::sync::Mutex<RefCell<sim::Sender>>,
    }

    impl Clock for SendingClock {
        fn monotonic(&self) -> Monotonic {
            self.inner.monotonic()
        }

        fn wall(&self) -> Wall {
            self.inner.wall()
        }

        fn sleep_until(&self, deadline: Monotonic) {
            self.inner.sleep_until(deadline);
            let sender = self.sender.lock().expect("nobody panics with it");
            let sent = sender.borrow_mut().send(&[0x47; 1_316]);
            sent.expect("the wire takes it");
        }
    }

    /// A second of a datagram each 10 ms, captured into `file` of so many bytes at most.
    fn capture(file: &str, bytes: u64) -> (sim::Disk, Result<(), CommandError>) {
        let simulation = sim::Simulation::new(3);
        let mut board = simulation.board();
        let destination = Destination {
            group: GROUP.parse().expect("a group"),
            interface: None,
            hops: 1,
        };
        let sender = board.multicast.sender(&destination).expect("a sender");
        board.clock = std::sync::Arc::new(SendingClock {
            inner: std::sync::Arc::clone(&board.clock),
            sender: std::sync::Mutex::new(RefCell::new(sender)),
        });
        let arguments = Arguments {
            url: format!("udp://{GROUP}"),
            file: file.into(),
            seconds: 1,
            bytes: ByteSize(bytes),
            interface: None,
        };
        let done = execute(&arguments, &board, Terminal::PIPE);
        (simulation.disk, done)
    }

    fn content(disk: &sim::Disk, file: &str) -> Vec<u8> {
        let file = disk
            .open(Path::new(file), Access::Read)
            .expect("it was made");
        let mut bytes = vec![0; 1 << 20];
        let count = file.read_at(&mut bytes, 0).expect("it can be read");
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn a_stream_is_what_was_sent() {
        let (disk, done) = capture("/a.ts", 1 << 30);
        done.expect("it came");
        assert_eq!(content(&disk, "/a.ts"), vec![0x47; 100 * 1_316]);
    }

    #[test]
    fn a_file_ends_at_a_whole_datagram_where_it_may_not_grow() {
        let (disk, done) = capture("/a.ts", 10_000);
        done.expect("it came");
        assert_eq!(content(&disk, "/a.ts").len(), 7 * 1_316);
    }

    #[test]
    fn datagrams_are_kept_with_their_times_and_can_be_sent_again() {
        let (disk, done) = capture("/a.pcapng", 1 << 30);
        done.expect("it came");
        let file = content(&disk, "/a.pcapng");
        let mut records = crate::capture::Records::new();
        let (mut rest, mut times) = (&file[..], Vec::new());
        while !rest.is_empty() {
            let used = match records.step(rest).expect("sound") {
                crate::capture::Step::Frame { frame, used } => {
                    let udp = frame.udp().expect("a datagram");
                    assert_eq!(udp.destination.to_string(), GROUP);
                    assert_eq!(udp.payload, [0x47; 1_316]);
                    times.push(frame.at_ns);
                    used
                }
                crate::capture::Step::Other { used } => used,
                crate::capture::Step::Short { needed } => panic!("{needed} bytes are missing"),
            };
            rest = &rest[usize::try_from(used).expect("small")..];
        }
        assert_eq!(times.len(), 100);
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] == 10_000_000),
            "{times:?}"
        );
    }

    #[test]
    fn what_cannot_be_captured_is_refused_with_the_remedy() {
        for (file, remedy) in [("/a.mp4", "NAME.ts"), ("/a", "NAME.pcapng")] {
            let (_, done) = capture(file, 1 << 20);
            let refusal = done.expect_err("it is refused").to_string();
            assert!(refusal.contains(remedy), "{refusal}");
        }
    }
}
