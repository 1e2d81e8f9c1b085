//! A sender of many channels from one thread: each a file at a constant rate, begun one after the
//! other, so that their pictures do not come in step.
//!
//! It is a process of its own, outside of what is measured, and tells what it has sent and whether
//! it kept up.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};
use weir_hal::{Clock as _, linux};
use weir_tests::{
    bench::{
        Outcome,
        machine::{self, Core},
    },
    process::Process,
};

use crate::channels::{PORT, address};

/// Seven transport packets.
pub(crate) const DATAGRAM_BYTES: usize = 7 * 188;
/// Between two looks at what is due: five datagrams of a 50 Mb/s channel.
const TICK: Duration = Duration::from_millis(1);
/// A sender that was later than this did not hold its rate.
const LATE_MAX: Duration = Duration::from_millis(250);

/// What is sent to each of so many channels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed<'a> {
    pub(crate) file: &'a Path,
    pub(crate) bits_per_second: u64,
    pub(crate) span: Duration,
    /// Over which the beginnings of the channels are spread.
    pub(crate) spread: Duration,
    pub(crate) channels: usize,
    /// Of the interface that it goes out by.
    pub(crate) from: Ipv4Addr,
    /// Datagrams of a channel that leave at once, in one call, for the kernel to part
    /// (`UDP_SEGMENT`).
    pub(crate) burst: usize,
}

/// What a sender told at its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) datagrams: u64,
    late: Duration,
}

impl Sent {
    pub(crate) const fn bytes(self) -> u64 {
        self.datagrams * DATAGRAM_BYTES as u64
    }

    /// Whether it held its rate.
    pub(crate) fn held(self) -> bool {
        self.late <= LATE_MAX
    }

    /// How late the latest datagram was.
    pub(crate) const fn late(self) -> Duration {
        self.late
    }
}

impl Feed<'_> {
    /// Sends all of it, by a process of its own.
    pub(crate) fn send(&self) -> Outcome<Sent> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("send").arg(self.file);
        let interval = Duration::from_secs(DATAGRAM_BYTES as u64 * 8);
        let interval = interval.as_nanos() / u128::from(self.bits_per_second);
        let (span, spread) = (self.span.as_nanos(), self.spread.as_nanos());
        for number in [interval, span, spread, self.channels as u128] {
            command.arg(number.to_string());
        }
        command.args([self.from.to_string(), self.burst.to_string()]);
        let ended = Process::start(command).ended(self.span * 3 + Duration::from_mins(1));
        let mut numbers = ended.output.split_whitespace().map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(datagrams)), Some(Ok(late))) => Ok(Sent {
                datagrams,
                late: Duration::from_nanos(late),
            }),
            _ => Err(format!("the sender failed: {}", ended.output).into()),
        }
    }
}

/// The process itself, by `FILE INTERVAL SPAN SPREAD CHANNELS FROM BURST`, times in
/// nanoseconds. Returns the datagrams it sent, and by how many nanoseconds the latest was late.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> Outcome<(u64, u64)> {
    let mut next = || arguments.next().ok_or("send has seven arguments");
    let file = std::fs::read(next()?)?;
    let interval = next()?.parse()?;
    let mut span = || Outcome::Ok(Duration::from_nanos(next()?.parse()?));
    let (span, spread) = (span()?, span()?);
    let channels = next()?.parse::<usize>()?;
    let (from, burst) = (next()?.parse()?, next()?.parse()?);
    machine::stay_on(Core::Load)?;
    linux::Clock::new().request_real_time();
    let mut outlets = Vec::with_capacity(channels);
    for number in 0..channels {
        outlets.push(Outlet {
            socket: connect(number, from, burst)?,
            begin: spread * u32::try_from(number)? / u32::try_from(channels)?,
            datagrams: 0,
        });
    }
    Pace {
        file: &file,
        interval,
        span,
        spread,
        burst,
    }
    .run(&mut outlets)
}

/// A socket that the kernel need not find the way for again and again.
fn connect(number: usize, from: Ipv4Addr, burst: usize) -> Outcome<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_multicast_if_v4(&from)?;
    if burst > 1 {
        setsockopt(
            &socket,
            sockopt::UdpGsoSegment,
            &i32::try_from(DATAGRAM_BYTES)?,
        )?;
    }
    socket.connect(&SocketAddr::from((address(number), PORT)).into())?;
    Ok(socket)
}

/// One channel on its way out.
struct Outlet {
    socket: Socket,
    /// When its first datagram is due.
    begin: Duration,
    /// Sent so far.
    datagrams: u64,
}

/// Each datagram of `file` when it is due.
struct Pace<'a> {
    file: &'a [u8],
    /// Nanoseconds from one datagram to the next.
    interval: u64,
    span: Duration,
    spread: Duration,
    burst: usize,
}

impl Pace<'_> {
    fn run(&self, outlets: &mut [Outlet]) -> Outcome<(u64, u64)> {
        let clock = linux::Clock::new();
        let start = clock.monotonic();
        let (mut now, mut late) = (Duration::ZERO, Duration::ZERO);
        while now < self.span + self.spread {
            for outlet in &mut *outlets {
                let since = now.saturating_sub(outlet.begin).min(self.span);
                let due = u64::try_from(since.as_nanos())? / self.interval;
                self.send(outlet, due)?;
            }
            late = late.max(clock.monotonic().since(start + now));
            now += TICK;
            clock.sleep_until(start + now);
        }
        let datagrams = outlets.iter().map(|outlet| outlet.datagrams).sum();
        Ok((datagrams, u64::try_from(late.as_nanos())?))
    }

    /// Sends what is due by now, the file again and again.
    fn send(&self, outlet: &mut Outlet, due: u64) -> Outcome {
        let all = (self.file.len() / DATAGRAM_BYTES / self.burst) as u64;
        let burst = self.burst * DATAGRAM_BYTES;
        while outlet.datagrams + self.burst as u64 <= due {
            let place = usize::try_from(outlet.datagrams / self.burst as u64 % all)? * burst;
            outlet.socket.send(&self.file[place..place + burst])?;
            outlet.datagrams += self.burst as u64;
        }
        Ok(())
    }
}
