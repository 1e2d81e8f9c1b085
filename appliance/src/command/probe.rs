//! `weir probe`: joins a group, or asks for a stream over HTTP, and measures what comes.
//!
//! Packets take the time at which the kernel received their datagram; those that come over HTTP
//! that at which they were read. The figures of `receive`
//! stand beside those of the stream, so that loss on the way can be told from loss at the source.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use clap::Args;
use hyper::Uri;
use serde::Serialize;
use weir_hal::{
    Board, Clock, DatagramBatch, InterfaceName, Membership, Monotonic, Multicast,
    MulticastReceiver, Wall,
};

use super::{CommandError, Terminal, report, run::runtime};
use crate::{
    config,
    demux::{self, PacketSync},
    fetch::tls::TlsError,
    measure::{Analyzer, Report},
    receive::{
        HttpSource, Protected, Reception, StreamClient, StreamRequest,
        merge::{Arrival, Merge, Rules},
        receive_buffer_bytes,
    },
};

pub(super) const ABOUT: &str =
    "Join a group, or ask over HTTP, and measure what comes, as `weir analyze` does a file";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir probe udp://239.1.1.1:1234
  weir probe rtp://10.9.0.7@232.1.2.1:5000 --interface eth1 --seconds 60
  weir probe udp://[ff3e::1]:1234 --json | jq .receive
  weir probe http://encoder/ch001.ts

Exits with 0 when a stream came, 69 when none did.";

/// Interval between two looks at the socket.
const DRAIN_INTERVAL: Duration = Duration::from_millis(10);

/// The kernel buffer holds this long ...
const STALL: Duration = Duration::from_secs(1);

/// ... of a stream of this bitrate.
const BITRATE_BPS_MAX: u64 = 100_000_000;

/// Addresses that are told of as senders; a change to a further one is only counted.
const SENDERS_MAX: usize = 16;

/// Arguments of `weir probe`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The source: udp://[source@]group:port, rtp://[source@]group:port, or http(s)://host/path.
    #[arg(value_name = "URL")]
    pub url: String,
    /// How long to measure.
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// The interface to join a group on; the routing table chooses when absent.
    #[arg(long, value_name = "NAME", value_parser = interface)]
    pub interface: Option<InterfaceName>,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// Why there is nothing to tell of a source. Each is exit 69.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The group cannot be joined.
    #[error(transparent)]
    Join(#[from] weir_hal::Error),
    /// Nothing came at all.
    #[error(
        "no datagram came from {url} on {interface} in {seconds} s; check that the sender is up \
         and that the network forwards the group to this interface, or choose another one with \
         --interface"
    )]
    Silent {
        /// What was joined.
        url: String,
        /// Where it was joined.
        interface: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// There is no stream over HTTP.
    #[error("{0}")]
    NoAnswer(String),
    /// No stream over HTTP came in time, and nobody tells why.
    #[error(
        "no stream came from {url} in {seconds} s; check the encoder, or give it more --seconds"
    )]
    NoStream {
        /// What was asked for.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// What is answered over HTTP holds no packets.
    #[error("what {url} answers holds no transport stream; check the URL with the encoder")]
    NoTransportStreamOverHttp {
        /// What was asked for.
        url: String,
    },
    /// There are no certificates to check servers by.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What came holds no packets.
    #[error(
        "{datagrams} datagrams came from {url} but hold no transport stream; \
         check the port, and whether the source is to be read as rtp:// or udp://"
    )]
    NoTransportStream {
        /// What was joined.
        url: String,
        /// What came.
        datagrams: u64,
    },
}

/// A measurement of a live source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeReport {
    /// The stream.
    #[serde(flatten)]
    pub stream: Report,
    /// How it came here.
    pub receive: ReceiveReport,
}

/// How the datagrams of a source came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiveReport {
    /// The source, as configured.
    pub source: String,
    /// Datagrams received, or pieces of an answer over HTTP.
    pub datagrams: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Datagrams the kernel dropped because the socket's buffer was full.
    pub kernel_dropped_datagrams: u64,
    /// RTP packets missing from the sequence.
    pub rtp_lost: u64,
    /// RTP packets that came twice or after a later one.
    pub rtp_late: u64,
    /// Datagrams that hold no RTP header.
    pub rtp_malformed: u64,
    /// Times the RTP sender began a new sequence.
    pub rtp_restarts: u64,
    /// Times that nothing could be had over HTTP, or what came fell silent or broke off.
    pub http_failures: u64,
    /// Receive calls that failed.
    pub receive_errors: u64,
    /// The longest time between two datagrams.
    pub interarrival_ms_max: f64,
    /// The addresses datagrams came from, at most 16.
    pub senders: Vec<SocketAddr>,
    /// Times datagrams began to come from another address.
    pub sender_changes: u64,
    /// Time to Live (IPv6: Hop Limit) of the last datagram: each router takes one away.
    pub ttl: Option<u8>,
    /// The class of service of the last datagram (DSCP, RFC 2474).
    pub dscp: Option<u8>,
    /// Times one of these two changed.
    pub header_changes: u64,
}

/// What to measure, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest {
    /// The source as a URL, for people.
    pub url: String,
    /// How to receive it.
    pub address: ProbeAddress,
    /// How long to measure.
    pub span: Duration,
}

/// How a source is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAddress {
    /// By a group.
    Group {
        /// What its datagrams hold.
        transport: config::Transport,
        /// What to join.
        membership: Membership,
    },
    /// Over HTTP.
    Http(Uri),
}

/// Measures the source and prints what was found.
///
/// # Errors
/// [`CommandError::Usage`] for a URL that cannot be joined, [`CommandError::Probe`] when no stream
/// came.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let request = request(arguments)?;
    if terminal.is_output_seen() {
        let (url, seconds) = (&request.url, arguments.seconds);
        terminal.complain(&format!("joining {url}, measuring for {seconds} s"));
    }
    let runtime = runtime()?;
    let opened = {
        let _within = runtime.enter();
        open(board, &request)
    };
    let probed = opened.and_then(|reception| probe(&*board.clock, reception, &request));
    runtime.shutdown_background();
    let probed = probed?;
    report::print_probe(&probed, arguments.json, terminal)
}

fn request(arguments: &Arguments) -> Result<ProbeRequest, CommandError> {
    let source = config::Source::from_str(&arguments.url).map_err(CommandError::Usage)?;
    Ok(ProbeRequest {
        url: source.shown(),
        address: match source {
            config::Source::Datagram {
                transport,
                group,
                source,
            } => ProbeAddress::Group {
                transport,
                membership: Membership {
                    group,
                    source,
                    interface: arguments.interface.clone(),
                    receive_buffer_bytes: receive_buffer_bytes(BITRATE_BPS_MAX, STALL),
                },
            },
            config::Source::Http { url } => ProbeAddress::Http(url),
        },
        span: Duration::from_secs(u64::from(arguments.seconds)),
    })
}

/// Joins a group, or begins to ask over HTTP on the runtime of the caller.
///
/// # Errors
/// [`ProbeError`] when the group cannot be joined, or TLS cannot be spoken.
pub fn open<M: Multicast>(
    board: &Board<M>,
    request: &ProbeRequest,
) -> Result<Reception<M::Receiver>, ProbeError> {
    match &request.address {
        ProbeAddress::Group {
            transport,
            membership,
        } => {
            let mut source = Protected::bare(membership.clone(), *transport);
            source.join(&*board.multicast)?;
            Ok(Reception::Datagrams(Box::new(source)))
        }
        ProbeAddress::Http(url) => {
            let asked = StreamRequest {
                of: None,
                url: url.clone(),
                shown: request.url.clone(),
                bitrate_bps_max: BITRATE_BPS_MAX,
            };
            let client = StreamClient::new(board)?;
            let source = HttpSource::new(asked, &client, board.clock.monotonic());
            Ok(Reception::Http(Box::new(source)))
        }
    }
}

/// Measures what comes for the time asked for.
///
/// # Errors
/// [`ProbeError`] when no transport stream comes.
pub fn probe<R: MulticastReceiver>(
    clock: &dyn Clock,
    mut source: Reception<R>,
    request: &ProbeRequest,
) -> Result<ProbeReport, ProbeError> {
    // It puts nothing in order: what comes is measured as it comes.
    let mut merge = Merge::by_sequence(Rules::alone(0));
    let mut measurement = Measurement::new();
    let mut batch = DatagramBatch::new();
    let started = clock.monotonic();
    let deadline = started + request.span;
    loop {
        let now = clock.monotonic();
        measurement.drain((&mut source, &mut merge), &mut batch, now);
        if now >= deadline {
            break;
        }
        clock.sleep_until(deadline.min(now + DRAIN_INTERVAL));
    }
    measurement.conclude(request, &source, clock.wall())
}

/// What is measured of one source.
struct Measurement {
    sync: PacketSync,
    sync_counters: demux::Counters,
    analyzer: Analyzer,
    first: Option<Wall>,
    last: Wall,
    interarrival_max: Duration,
    senders: Vec<SocketAddr>,
}

impl Measurement {
    fn new() -> Self {
        Self {
            sync: PacketSync::new(),
            sync_counters: demux::Counters::default(),
            analyzer: Analyzer::new(),
            first: None,
            last: Wall::from_nanos(0),
            interarrival_max: Duration::ZERO,
            senders: Vec::new(),
        }
    }

    fn drain<R: MulticastReceiver>(
        &mut self,
        (source, merge): (&mut Reception<R>, &mut Merge),
        batch: &mut DatagramBatch,
        now: Monotonic,
    ) {
        source.drain(batch, now, |told, content, received| {
            let arrival = Arrival { now, received };
            merge.push((0, told), content, arrival, &mut |bytes, received| {
                self.take(bytes, received);
            })
        });
        let sender = source.sender().filter(|_| self.senders.len() < SENDERS_MAX);
        if let Some(sender) = sender.filter(|sender| !self.senders.contains(sender)) {
            self.senders.push(sender);
        }
    }

    fn take(&mut self, bytes: &[u8], received: Wall) {
        if self.first.is_some() {
            self.interarrival_max = self.interarrival_max.max(received.since(self.last));
        }
        self.last = received;
        let at = received.since(*self.first.get_or_insert(received));
        let analyzer = &mut self.analyzer;
        self.sync
            .push_datagram(bytes, &mut self.sync_counters, |packet| {
                analyzer.push(packet, at);
            });
        analyzer.note_sync(&self.sync_counters);
    }

    fn conclude<R: MulticastReceiver>(
        mut self,
        request: &ProbeRequest,
        source: &Reception<R>,
        now: Wall,
    ) -> Result<ProbeReport, ProbeError> {
        let Some(first) = self.first else {
            return Err(silence(request, source.failure()));
        };
        let (counters, header) = (source.counters(), source.header());
        self.analyzer.advance(now.since(first));
        if self.analyzer.packets() == 0 {
            return Err(nonsense(request, counters.datagrams));
        }
        Ok(ProbeReport {
            stream: self.analyzer.report(),
            receive: ReceiveReport {
                source: request.url.clone(),
                datagrams: counters.datagrams,
                bytes: counters.bytes,
                kernel_dropped_datagrams: counters.kernel_dropped_datagrams,
                rtp_lost: counters.rtp_lost,
                rtp_late: counters.rtp_late,
                rtp_malformed: counters.rtp_malformed,
                rtp_restarts: counters.rtp_restarts,
                http_failures: counters.http_failures,
                receive_errors: counters.receive_errors,
                interarrival_ms_max: self.interarrival_max.as_secs_f64() * 1e3,
                senders: self.senders,
                sender_changes: counters.sender_changes,
                ttl: header.ttl,
                dscp: header.dscp,
                header_changes: counters.header_changes,
            },
        })
    }
}

/// Why nothing came.
fn silence(request: &ProbeRequest, failure: Option<&str>) -> ProbeError {
    let (url, seconds) = (request.url.clone(), request.span.as_secs());
    match (&request.address, failure) {
        (ProbeAddress::Group { membership, .. }, _) => {
            let interface = membership.interface.as_ref();
            let interface = interface.map_or_else(
                || "the interface of the default route".to_owned(),
                ToString::to_string,
            );
            ProbeError::Silent {
                url,
                interface,
                seconds,
            }
        }
        (ProbeAddress::Http(_), Some(failure)) => ProbeError::NoAnswer(failure.to_owned()),
        (ProbeAddress::Http(_), None) => ProbeError::NoStream { url, seconds },
    }
}

/// What came instead of a transport stream.
fn nonsense(request: &ProbeRequest, datagrams: u64) -> ProbeError {
    let url = request.url.clone();
    match request.address {
        ProbeAddress::Group { .. } => ProbeError::NoTransportStream { url, datagrams },
        ProbeAddress::Http(_) => ProbeError::NoTransportStreamOverHttp { url },
    }
}

fn interface(name: &str) -> Result<InterfaceName, String> {
    InterfaceName::new(name).ok_or_else(|| "no interface can have this name".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Duration};

    use weir_hal::{Destination, Membership, Multicast, MulticastSender, sim::Simulation};

    use super::{ProbeAddress, ProbeError, ProbeRequest, open, probe};
    use crate::config::Transport;

    const GROUP: &str = "239.1.1.1:1234";

    fn request() -> ProbeRequest {
        ProbeRequest {
            url: format!("udp://{GROUP}"),
            address: ProbeAddress::Group {
                transport: Transport::Udp,
                membership: Membership {
                    group: GROUP.parse().expect("a group"),
                    source: None,
                    interface: None,
                    receive_buffer_bytes: 1 << 20,
                },
            },
            span: Duration::from_secs(2),
        }
    }

    /// Probes while another thread of the simulation sends `datagram` every 100 ms.
    fn probe_of(datagram: &[u8]) -> Result<super::ProbeReport, ProbeError> {
        let simulation = Simulation::new(7);
        let board = simulation.board();
        let group: SocketAddr = GROUP.parse().expect("a group");
        let destination = Destination {
            group,
            interface: None,
            hops: 1,
        };
        let sender = board.multicast.sender(&destination).expect("a sender");
        let clock = SendingClock::new(&*board.clock, sender, datagram);
        let source = open(&board, &request())?;
        probe(&clock, source, &request())
    }

    /// A clock at each tick of which a datagram is sent.
    #[derive(Debug)]
    struct SendingClock<'a, S> {
        inner: &'a dyn weir_hal::Clock,
        sender: std::sync::Mutex<S>,
        datagram: &'a [u8],
    }

    impl<'a, S: MulticastSender> SendingClock<'a, S> {
        fn new(inner: &'a dyn weir_hal::Clock, sender: S, datagram: &'a [u8]) -> Self {
            Self {
                inner,
                sender: std::sync::Mutex::new(sender),
                datagram,
            }
        }
    }

    impl<S: MulticastSender> weir_hal::Clock for SendingClock<'_, S> {
        fn monotonic(&self) -> weir_hal::Monotonic {
            self.inner.monotonic()
        }

        fn wall(&self) -> weir_hal::Wall {
            self.inner.wall()
        }

        fn sleep_until(&self, deadline: weir_hal::Monotonic) {
            self.inner.sleep_until(deadline);
            if !self.datagram.is_empty() {
                let mut sender = self.sender.lock().expect("no test panics with it");
                sender.send(self.datagram).expect("the wire takes it");
            }
        }
    }

    fn packets() -> Vec<u8> {
        let mut packet = [0xFF; 188];
        packet[..4].copy_from_slice(&[0x47, 0x1F, 0xFF, 0x10]);
        packet.repeat(7)
    }

    #[test]
    fn a_stream_is_measured_over_the_time_asked_for() {
        let report = probe_of(&packets()).expect("a stream came");
        let (stream, receive) = (report.stream, report.receive);
        assert_eq!(receive.datagrams, 200);
        assert_eq!(stream.packets, 7 * 200);
        assert_eq!(receive.senders.len(), 1);
        assert_eq!((receive.ttl, receive.dscp), (Some(1), Some(0)));
        assert_eq!(receive.header_changes, 0);
        assert!((receive.interarrival_ms_max - 10.0).abs() < 0.1);
        let bitrate_bps = stream.bitrate_bps.expect("time passed");
        assert!(
            (1_040_000..1_070_000).contains(&bitrate_bps),
            "{bitrate_bps}"
        );
    }

    #[test]
    fn silence_names_the_group_the_interface_and_the_remedy() {
        let error = probe_of(&[]).expect_err("nothing came").to_string();
        assert_eq!(
            error,
            "no datagram came from udp://239.1.1.1:1234 on the interface of the default route in \
             2 s; check that the sender is up and that the network forwards the group to this \
             interface, or choose another one with --interface"
        );
    }

    #[test]
    fn datagrams_without_packets_are_no_stream() {
        let outcome = probe_of(b"GET / HTTP/1.1\r\n\r\n");
        assert!(matches!(
            outcome,
            Err(ProbeError::NoTransportStream { datagrams: 200, .. })
        ));
    }
}
