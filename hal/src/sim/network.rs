//! Listeners and connections in memory.
//!
//! A test dials with [`Network::connect`]; bytes go through a pipe of the size of a small socket
//! buffer, so a peer that does not read stops the writer as it would on a wire.
//!
//! Refuses: a second listener on a port, and a connection to a port where nobody listens.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use tokio::{io::DuplexStream, sync::mpsc};

use super::lock;
use crate::{Accepted, Error};

/// Connections that wait to be accepted; those beyond are refused.
const BACKLOG_CONNECTIONS: usize = 128;

/// Bytes on their way in each direction of a connection.
const PIPE_BYTES: usize = 65_536;

/// First of the ports that the system chooses, as on Linux.
const EPHEMERAL_PORT_FIRST: u16 = 32_768;

/// The network of one simulated machine. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Network {
    ports: Arc<Mutex<Ports>>,
}

#[derive(Debug, Default)]
struct Ports {
    listeners: BTreeMap<SocketAddr, mpsc::Sender<Accepted>>,
    peers: u16,
}

impl Network {
    /// A network where nobody listens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to a listener of this machine.
    ///
    /// # Errors
    /// [`Error::Socket`] with kind `ConnectionRefused` when nobody listens on `address`, or when
    /// as many connections as the backlog holds wait to be accepted.
    pub fn connect(&self, address: SocketAddr) -> Result<DuplexStream, Error> {
        let mut ports = lock(&self.ports);
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        ports.peers = ports.peers.wrapping_add(1);
        let port = EPHEMERAL_PORT_FIRST | ports.peers;
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        ports
            .listener_for(address)
            .and_then(|listener| listener.try_send((Box::new(far), peer)).ok())
            .map(|()| near)
            .ok_or_else(|| refused("connect to", address, io::ErrorKind::ConnectionRefused))
    }
}

impl crate::Network for Network {
    fn listen(&self, address: SocketAddr) -> Result<Box<dyn crate::Listener>, Error> {
        let mut ports = lock(&self.ports);
        let local_address = match address.port() {
            0 => ports.unused(address),
            _ => Some(address).filter(|wanted| !ports.is_taken(*wanted)),
        };
        let local_address =
            local_address.ok_or_else(|| refused("listen on", address, io::ErrorKind::AddrInUse))?;
        let (sender, waiting) = mpsc::channel(BACKLOG_CONNECTIONS);
        ports.listeners.insert(local_address, sender);
        Ok(Box::new(Listener {
            local_address,
            waiting,
            ports: Arc::clone(&self.ports),
        }))
    }
}

fn refused(act: &'static str, address: SocketAddr, kind: io::ErrorKind) -> Error {
    Error::Socket {
        act,
        address,
        source: kind.into(),
    }
}

impl Ports {
    /// Whether a listener stands in the way of one on `wanted`: an unspecified address means all.
    fn is_taken(&self, wanted: SocketAddr) -> bool {
        self.listeners.keys().any(|taken| {
            taken.port() == wanted.port()
                && taken.is_ipv4() == wanted.is_ipv4()
                && (taken.ip() == wanted.ip()
                    || taken.ip().is_unspecified()
                    || wanted.ip().is_unspecified())
        })
    }

    fn unused(&self, mut address: SocketAddr) -> Option<SocketAddr> {
        (EPHEMERAL_PORT_FIRST..=u16::MAX).find_map(|port| {
            address.set_port(port);
            (!self.is_taken(address)).then_some(address)
        })
    }

    fn listener_for(&self, address: SocketAddr) -> Option<&mpsc::Sender<Accepted>> {
        let reaches = |listener: &SocketAddr| {
            listener.port() == address.port()
                && listener.is_ipv4() == address.is_ipv4()
                && (listener.ip() == address.ip() || listener.ip().is_unspecified())
        };
        self.listeners
            .iter()
            .find(|(listener, _)| reaches(listener))
            .map(|(_, sender)| sender)
    }
}

#[derive(Debug)]
struct Listener {
    local_address: SocketAddr,
    waiting: mpsc::Receiver<Accepted>,
    ports: Arc<Mutex<Ports>>,
}

impl crate::Listener for Listener {
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Accepted, Error>> {
        self.waiting.poll_recv(context).map(|accepted| {
            Ok(accepted.expect("the port table keeps the other end while this listener stands"))
        })
    }

    fn local_address(&self) -> SocketAddr {
        self.local_address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        lock(&self.ports).listeners.remove(&self.local_address);
    }
}
