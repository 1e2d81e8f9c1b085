//! The wire and the receiving sockets on it.
//!
//! A datagram is *in flight* until its time of arrival, then it *waits* in its socket's buffer.
//! The buffer is charged as Linux charges it, so it overflows at about the same burst.
//!
//! Refuses: to keep what does not fit. The newest is dropped and counted, as the kernel does.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::faults::{Arrival, Wire, WireFaults};
use crate::{
    Clock as _, Datagram, DatagramBatch, Destination, InterfaceName, Membership, Monotonic,
    NetworkHeader, Wall,
    sim::{Clock, lock},
};

/// Datagrams in flight to one socket: 5 s of a 100 Mb/s group. Those beyond are dropped.
const FLIGHT_DATAGRAMS_MAX: usize = 48_000;

/// Memory the kernel takes for one datagram beside its payload: 2.3 KB in all for 1316 bytes.
const OVERHEAD_BYTES: usize = 1_000;

/// The least buffer a socket can have, as on Linux.
const RECEIVE_BUFFER_BYTES_MIN: usize = 2_304;

/// Payload of the longest UDP datagram over IPv4, and over IPv6 without a jumbogram.
const PAYLOAD_BYTES_MAX_V4: usize = 65_507;
const PAYLOAD_BYTES_MAX_V6: usize = 65_527;

/// First of the ports that the system chooses, as on Linux.
const EPHEMERAL_PORT_FIRST: u16 = 32_768;

/// A network in memory. It starts with the interface `lo` and without faults.
#[derive(Debug)]
pub struct Ether {
    clock: Arc<Clock>,
    state: Mutex<State>,
}

/// What became of the datagrams, in copies delivered to sockets unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EtherCounters {
    /// Datagrams sent, once each.
    pub sent_datagrams: u64,
    /// Datagrams that the wire lost, once each.
    pub lost_datagrams: u64,
    /// Copies put in flight.
    pub carried_datagrams: u64,
    /// Copies dropped for want of room in a socket or in flight.
    pub dropped_datagrams: u64,
}

#[derive(Debug)]
struct State {
    wire: Wire,
    interfaces: BTreeSet<InterfaceName>,
    /// Those that were added, in order.
    plugged: Vec<InterfaceName>,
    sockets: BTreeMap<u64, Socket>,
    counters: EtherCounters,
    /// Numbers sockets, ports and arrivals, so that ties have an order.
    serial: u64,
}

/// What one call of [`Ether::take`] found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) count: usize,
    /// The socket's count of drops when the last of them arrived.
    pub(super) dropped: Option<u64>,
}

/// The buffer that is granted when `wanted` is asked for: twice as much, as on Linux.
pub(super) fn granted_bytes(wanted: usize) -> usize {
    wanted.saturating_mul(2).max(RECEIVE_BUFFER_BYTES_MIN)
}

impl Ether {
    /// A flawless network whose later faults are drawn from `seed`.
    pub fn new(clock: Arc<Clock>, seed: u64) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                wire: Wire::new(seed),
                interfaces: InterfaceName::new("lo").into_iter().collect(),
                plugged: Vec::new(),
                sockets: BTreeMap::new(),
                counters: EtherCounters::default(),
                serial: 0,
            }),
        }
    }

    /// The seed, for the text of a failure.
    pub fn seed(&self) -> u64 {
        lock(&self.state).wire.seed()
    }

    /// Changes what the wire does to datagrams that are sent from now on.
    pub fn set_faults(&self, faults: WireFaults) {
        lock(&self.state).wire.faults = faults;
    }

    /// What became of the datagrams so far.
    pub fn counters(&self) -> EtherCounters {
        lock(&self.state).counters
    }

    /// Adds a network interface. One that is there comes back, as if its cable had been pulled.
    pub fn plug(&self, name: InterfaceName) {
        let mut state = lock(&self.state);
        state.plugged.push(name.clone());
        state.interfaces.insert(name);
    }

    /// The interfaces that were added so far, in order.
    pub(super) fn plugged(&self) -> Vec<InterfaceName> {
        lock(&self.state).plugged.clone()
    }

    /// Removes a network interface. Sockets that are open on it stay, and hear nothing.
    pub fn unplug(&self, name: &InterfaceName) {
        lock(&self.state).interfaces.remove(name);
    }

    pub(super) fn has_interface(&self, name: &InterfaceName) -> bool {
        lock(&self.state).interfaces.contains(name)
    }

    pub(super) fn ephemeral_port(&self) -> u16 {
        let count = lock(&self.state).next_serial() % u64::from(EPHEMERAL_PORT_FIRST);
        EPHEMERAL_PORT_FIRST + u16::try_from(count).expect("reduced to 15 bits above")
    }

    /// Opens a socket.
    pub(super) fn open(&self, membership: &Membership) -> Result<u64, io::ErrorKind> {
        let mut state = lock(&self.state);
        let mut taken = state.sockets.values().map(|socket| socket.membership.group);
        if taken.any(|taken| excludes(taken, membership.group)) {
            return Err(io::ErrorKind::AddrInUse);
        }
        let number = state.next_serial();
        state.sockets.insert(number, Socket::new(membership));
        Ok(number)
    }

    pub(super) fn close(&self, socket: u64) {
        lock(&self.state).sockets.remove(&socket);
    }

    pub(super) fn send(
        &self,
        source: SocketAddr,
        destination: &Destination,
        datagram: &[u8],
    ) -> Result<(), io::ErrorKind> {
        let bytes_max = match source {
            SocketAddr::V4(_) => PAYLOAD_BYTES_MAX_V4,
            SocketAddr::V6(_) => PAYLOAD_BYTES_MAX_V6,
        };
        if datagram.len() > bytes_max {
            return Err(io::ErrorKind::InvalidInput);
        }
        let now = self.clock.monotonic();
        lock(&self.state).send(now, source, destination, datagram);
        Ok(())
    }

    pub(super) fn take(&self, socket: u64, batch: &mut DatagramBatch) -> Taken {
        let (now, wall) = (self.clock.monotonic(), self.clock.wall());
        let mut state = lock(&self.state);
        let state = &mut *state;
        let socket = state
            .sockets
            .get_mut(&socket)
            .expect("a receiver closes its socket itself");
        state.counters.dropped_datagrams += socket.settle(now);
        socket.take(batch, |arrived| before(wall, now.since(arrived)))
    }
}

/// Whether two sockets cannot stand side by side: groups share a port, unicast addresses do not.
fn excludes(one: SocketAddr, other: SocketAddr) -> bool {
    let (ip, other_ip) = (one.ip(), other.ip());
    one.port() == other.port()
        && one.is_ipv4() == other.is_ipv4()
        && !(ip.is_multicast() && other_ip.is_multicast())
        && (ip == other_ip || ip.is_unspecified() || other_ip.is_unspecified())
}

fn before(wall: Wall, span: Duration) -> Wall {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Wall::from_nanos(wall.as_nanos().saturating_sub(nanos))
}

impl State {
    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn send(
        &mut self,
        now: Monotonic,
        source: SocketAddr,
        destination: &Destination,
        datagram: &[u8],
    ) {
        self.counters.sent_datagrams += 1;
        let mut arrivals = 0;
        for arrival in self.wire.carry(now) {
            arrivals += 1;
            let packet = Packet {
                payload: damaged(datagram, arrival.flip),
                source,
                header: NetworkHeader {
                    ttl: Some(destination.hops),
                    dscp: Some(0),
                },
            };
            self.deliver(now, arrival, destination, &packet);
        }
        self.counters.lost_datagrams += u64::from(arrivals == 0);
    }

    fn deliver(
        &mut self,
        now: Monotonic,
        arrival: Arrival,
        destination: &Destination,
        packet: &Packet,
    ) {
        let serial = self.next_serial();
        let is_plugged = |name: &Option<InterfaceName>| {
            name.as_ref()
                .is_none_or(|name| self.interfaces.contains(name))
        };
        if !is_plugged(&destination.interface) {
            return;
        }
        for socket in self.sockets.values_mut() {
            let membership = &socket.membership;
            let is_leaked =
                arrival.is_leaked && membership.group.port() == destination.group.port();
            let is_meant = hears(membership, destination, packet.source.ip());
            if !is_plugged(&membership.interface) || !(is_meant || is_leaked) {
                continue;
            }
            self.counters.carried_datagrams += 1;
            self.counters.dropped_datagrams += socket.settle(now);
            self.counters.dropped_datagrams += socket.approach((arrival.at, serial), packet);
        }
    }
}

/// Copies a datagram, with one bit inverted if asked.
fn damaged(datagram: &[u8], flip: Option<u64>) -> Arc<[u8]> {
    let mut payload: Arc<[u8]> = Arc::from(datagram);
    let (Some(drawn), Some(bytes)) = (flip, Arc::get_mut(&mut payload)) else {
        return payload;
    };
    let place = usize::try_from(drawn >> 3).unwrap_or(usize::MAX) % bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << (drawn & 7);
    }
    payload
}

fn hears(membership: &Membership, destination: &Destination, source: IpAddr) -> bool {
    let (own, other) = (membership.group, destination.group);
    let is_address_met = own.ip() == other.ip()
        || own.ip().is_unspecified()
            && own.is_ipv4() == other.is_ipv4()
            && !other.ip().is_multicast();
    let is_source_met = membership.source.is_none_or(|wanted| wanted == source);
    let is_interface_met = match (&membership.interface, &destination.interface) {
        (Some(own), Some(other)) => own == other,
        _ => true,
    };
    own.port() == other.port() && is_address_met && is_source_met && is_interface_met
}

#[derive(Debug, Clone)]
struct Packet {
    payload: Arc<[u8]>,
    source: SocketAddr,
    header: NetworkHeader,
}

#[derive(Debug)]
struct Socket {
    membership: Membership,
    in_flight: BTreeMap<(Monotonic, u64), Packet>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    waiting_bytes_max: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Waiting {
    packet: Packet,
    arrived: Monotonic,
    /// Drops of this socket before this datagram.
    dropped: u64,
}

impl Waiting {
    fn charge_bytes(packet: &Packet) -> usize {
        packet.payload.len() + OVERHEAD_BYTES
    }
}

impl Socket {
    fn new(membership: &Membership) -> Self {
        Self {
            membership: membership.clone(),
            in_flight: BTreeMap::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            waiting_bytes_max: granted_bytes(membership.receive_buffer_bytes),
            dropped: 0,
        }
    }

    /// Puts a datagram in flight. Returns how many were dropped for it: one or none.
    fn approach(&mut self, due: (Monotonic, u64), packet: &Packet) -> u64 {
        if self.in_flight.len() >= FLIGHT_DATAGRAMS_MAX {
            self.dropped += 1;
            return 1;
        }
        self.in_flight.insert(due, packet.clone());
        0
    }

    /// Lets arrive what is due. Returns how many of them were dropped.
    fn settle(&mut self, now: Monotonic) -> u64 {
        let dropped_before = self.dropped;
        while let Some(first) = self.in_flight.first_entry() {
            let (arrived, _) = *first.key();
            if arrived > now {
                break;
            }
            let packet = first.remove();
            let charge = Waiting::charge_bytes(&packet);
            // As on Linux, a datagram is let in while the buffer is not yet full.
            if self.waiting_bytes >= self.waiting_bytes_max {
                self.dropped += 1;
                continue;
            }
            self.waiting_bytes += charge;
            self.waiting.push_back(Waiting {
                packet,
                arrived,
                dropped: self.dropped,
            });
        }
        self.dropped - dropped_before
    }

    fn take(&mut self, batch: &mut DatagramBatch, wall_of: impl Fn(Monotonic) -> Wall) -> Taken {
        let mut taken = Taken {
            count: 0,
            dropped: None,
        };
        while let Some(next) = self.waiting.front() {
            let packet = &next.packet;
            let datagram = Datagram {
                payload: &packet.payload,
                received: wall_of(next.arrived),
                source: packet.source,
                header: packet.header,
            };
            if !batch.push(datagram) {
                break;
            }
            taken = Taken {
                count: taken.count + 1,
                dropped: Some(next.dropped),
            };
            self.waiting_bytes -= Waiting::charge_bytes(packet);
            self.waiting.pop_front();
        }
        taken
    }
}
