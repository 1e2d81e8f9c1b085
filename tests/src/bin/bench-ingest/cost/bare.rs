//! The least that anybody can do: takes what has arrived of each group by `recvmmsg(2)`, writes it
//! to a file by one `writev(2)`, and sleeps until the next round. A file has as many bytes as a
//! segment, and there are so many of a group as Weir keeps.

use std::{
    fmt::{self, Display},
    fs::File,
    io::{IoSlice, IoSliceMut, Write as _},
    net::Ipv4Addr,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, setsockopt, sockopt},
};
use socket2::{Domain, Socket, Type};
use weir_hal::{Clock as _, linux};
use weir_tests::bench::Outcome;

use super::{Cpu, RECEIVE_BUFFER_BYTES, sender::DATAGRAM_BYTES};
use crate::channels::{PORT, address};

/// Datagrams taken by one call, as many as Weir takes.
const BATCH: usize = 64;
/// Room of each: of one, and of those that the kernel has put together.
const SLOT_BYTES: [usize; 2] = [2048, 65_536];
/// Between two rounds, the default of Weir.
const ROUND: Duration = Duration::from_millis(10);
/// Rounds without a datagram, behind the first, that are the end.
const SILENT_ROUNDS: u32 = 200;
/// Bytes of a file: a second of 50 Mb/s.
const FILE_BYTES: u64 = 6 << 20;
/// Files of a group: what is listed, and as many that were.
const FILES: u64 = 6;

/// What it told at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) datagrams: u64,
    /// Of which the kernel may have put several datagrams together.
    pub(crate) messages: u64,
    pub(crate) calls: u64,
    pub(crate) cpu: Cpu,
}

/// Where to listen, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Of the interface.
    pub(crate) by: Ipv4Addr,
    /// Whether the kernel may put datagrams of a group together (`UDP_GRO`).
    pub(crate) gro: bool,
}

impl Way {
    /// As all others do.
    pub(crate) const LOOPBACK: Self = Self {
        by: Ipv4Addr::LOCALHOST,
        gro: false,
    };
}

/// One group and its file.
struct Channel {
    socket: Socket,
    path: PathBuf,
    file: File,
    /// Written so far, to all files.
    bytes: u64,
}

impl Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            datagrams,
            messages,
            calls,
            cpu,
        } = self;
        let Cpu { user, system } = cpu;
        write!(formatter, "{datagrams} {messages} {calls} {user} {system}")
    }
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let failed = || format!("the bare loop failed: {line}");
        let words: Vec<&str> = line.split(' ').collect();
        let &[datagrams, messages, calls, user, system] = words.as_slice() else {
            return Err(failed());
        };
        let count = |word: &str| word.parse::<u64>().map_err(|_unread| failed());
        let seconds = |word: &str| word.parse::<f64>().map_err(|_unread| failed());
        Ok(Self {
            datagrams: count(datagrams)?,
            messages: count(messages)?,
            calls: count(calls)?,
            cpu: Cpu {
                user: seconds(user)?,
                system: seconds(system)?,
            },
        })
    }
}

/// The process itself: so many channels into a directory, until nothing more comes. Tells by
/// `joined` when it listens.
pub(crate) fn run(
    (directory, way): (&Path, Way),
    channels: usize,
    joined: impl FnOnce(),
) -> Outcome<Figures> {
    let clock = linux::Clock::new();
    clock.request_real_time();
    let mut all = Vec::with_capacity(channels);
    for number in 0..channels {
        let path = directory.join(number.to_string());
        all.push(Channel {
            socket: join(number, way)?,
            file: File::create(path.with_extension("0"))?,
            path,
            bytes: 0,
        });
    }
    joined();
    let mut figures = Figures::default();
    let slot_bytes = SLOT_BYTES[usize::from(way.gro)];
    let mut storage = (vec![0; BATCH * slot_bytes], slot_bytes);
    let mut headers = MultiHeaders::preallocate(BATCH, None);
    let (mut silent, mut due) = (0, clock.monotonic());
    while silent < SILENT_ROUNDS {
        let before = figures.datagrams;
        for channel in &mut all {
            while channel.take(&mut storage, &mut headers, &mut figures)? {}
        }
        let is_silent = figures.datagrams == before && before > 0;
        silent = if is_silent { silent + 1 } else { 0 };
        due = (due + ROUND).max(clock.monotonic());
        clock.sleep_until(due);
    }
    figures.cpu = Cpu::of(std::process::id())?;
    Ok(figures)
}

impl Channel {
    /// Takes one batch. True if there may be more.
    fn take(
        &mut self,
        (storage, slot_bytes): &mut (Vec<u8>, usize),
        headers: &mut MultiHeaders<SockaddrIn>,
        figures: &mut Figures,
    ) -> Outcome<bool> {
        let mut lengths = [0; BATCH];
        let mut count = 0;
        {
            let mut slots = storage.chunks_exact_mut(*slot_bytes);
            let mut vectors: [[IoSliceMut<'_>; 1]; BATCH] =
                std::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
            figures.calls += 1;
            let flags = MsgFlags::MSG_DONTWAIT;
            let received = recvmmsg(self.socket.as_raw_fd(), headers, &mut vectors, flags, None);
            match received {
                Ok(received) => {
                    for (length, message) in lengths.iter_mut().zip(received) {
                        *length = message.bytes;
                        count += 1;
                    }
                }
                Err(Errno::EAGAIN) => return Ok(false),
                Err(other) => return Err(other.into()),
            }
        }
        let mut slots = storage.chunks_exact(*slot_bytes).zip(lengths);
        let vectors: [IoSlice<'_>; BATCH] = std::array::from_fn(|_| {
            let slot = slots.next().and_then(|(slot, length)| slot.get(..length));
            IoSlice::new(slot.unwrap_or_default())
        });
        let before = self.bytes / FILE_BYTES;
        self.bytes += self.file.write_vectored(&vectors[..count])? as u64;
        let number = self.bytes / FILE_BYTES;
        if number > before {
            let name = (number % FILES).to_string();
            self.file = File::create(self.path.with_extension(name))?;
        }
        figures.messages += count as u64;
        let datagrams = lengths.iter().map(|bytes| bytes.div_ceil(DATAGRAM_BYTES));
        figures.datagrams += datagrams.sum::<usize>() as u64;
        Ok(count == BATCH)
    }
}

fn join(number: usize, way: Way) -> Outcome<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_multicast_all_v4(false)?;
    setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES))?;
    let group = address(number);
    socket.bind(&std::net::SocketAddr::from((group, PORT)).into())?;
    socket.join_multicast_v4(&group, &way.by)?;
    if way.gro {
        setsockopt(&socket, sockopt::UdpGroSegment, &true)?;
    }
    Ok(socket)
}
