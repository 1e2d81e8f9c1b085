//! Multicast over an [`Ether`] in memory.
//!
//! Every host on one ether hears every other, its own datagrams included, on interfaces of the
//! same name. What the wire does to datagrams on their way is set by [`WireFaults`], at any moment.
//!
//! Refuses: to hand over a datagram before its time of arrival on the simulated clock.

mod ether;
mod faults;
mod links;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

pub use ether::{Ether, EtherCounters};
pub use faults::WireFaults;

use crate::{
    DatagramBatch, Destination, Error, InterfaceName, Membership, MulticastReceiver,
    MulticastSender,
};

/// One host on an ether.
#[derive(Debug, Clone)]
pub struct Multicast {
    ether: Arc<Ether>,
    host_v4: Ipv4Addr,
    host_v6: Ipv6Addr,
}

impl Multicast {
    /// The host 127.0.0.1, in IPv6 `::1`.
    pub const fn new(ether: Arc<Ether>) -> Self {
        Self::host(ether, Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)
    }

    /// A host that sends from these addresses.
    pub const fn host(ether: Arc<Ether>, host_v4: Ipv4Addr, host_v6: Ipv6Addr) -> Self {
        Self {
            ether,
            host_v4,
            host_v6,
        }
    }
}

impl crate::Multicast for Multicast {
    type Receiver = Receiver;
    type Sender = Sender;

    fn join(&self, membership: &Membership) -> Result<Receiver, Error> {
        let failed = refusal("join", membership.group);
        self.expect_interface(membership.interface.as_ref())?;
        if membership
            .source
            .is_some_and(|source| source.is_ipv4() != membership.group.is_ipv4())
        {
            return Err(failed(io::ErrorKind::InvalidInput));
        }
        let socket = self.ether.open(membership).map_err(failed)?;
        Ok(Receiver {
            ether: Arc::clone(&self.ether),
            socket,
            receive_buffer_bytes: ether::granted_bytes(membership.receive_buffer_bytes),
            dropped: 0,
        })
    }

    fn sender(&self, destination: &Destination) -> Result<Sender, Error> {
        self.expect_interface(destination.interface.as_ref())?;
        let host = match destination.group {
            SocketAddr::V4(_) => IpAddr::V4(self.host_v4),
            SocketAddr::V6(_) => IpAddr::V6(self.host_v6),
        };
        Ok(Sender {
            ether: Arc::clone(&self.ether),
            source: SocketAddr::new(host, self.ether.ephemeral_port()),
            destination: destination.clone(),
        })
    }

    fn links(&self) -> Result<Box<dyn crate::LinkWatch>, Error> {
        Ok(Box::new(links::LinkWatch::new(Arc::clone(&self.ether))))
    }
}

impl Multicast {
    fn expect_interface(&self, name: Option<&InterfaceName>) -> Result<(), Error> {
        match name {
            Some(name) if !self.ether.has_interface(name) => {
                Err(Error::NoInterface { name: name.clone() })
            }
            _ => Ok(()),
        }
    }
}

fn refusal(act: &'static str, address: SocketAddr) -> impl Fn(io::ErrorKind) -> Error {
    move |kind| Error::Socket {
        act,
        address,
        source: kind.into(),
    }
}

/// The receiving end of one membership.
#[derive(Debug)]
pub struct Receiver {
    ether: Arc<Ether>,
    socket: u64,
    receive_buffer_bytes: usize,
    dropped: u64,
}

impl MulticastReceiver for Receiver {
    fn receive(&mut self, batch: &mut DatagramBatch) -> Result<usize, Error> {
        batch.clear();
        let taken = self.ether.take(self.socket, batch);
        self.dropped = taken.dropped.unwrap_or(self.dropped);
        Ok(taken.count)
    }

    fn dropped_datagrams(&self) -> u64 {
        self.dropped
    }

    fn receive_buffer_bytes(&self) -> usize {
        self.receive_buffer_bytes
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ether.close(self.socket);
    }
}

/// The sending end of one destination.
#[derive(Debug)]
pub struct Sender {
    ether: Arc<Ether>,
    source: SocketAddr,
    destination: Destination,
}

impl MulticastSender for Sender {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Error> {
        self.ether
            .send(self.source, &self.destination, datagram)
            .map_err(refusal("send to", self.destination.group))
    }
}

#[cfg(test)]
mod tests;
