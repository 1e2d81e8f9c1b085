//! TCP sockets, and names by the resolver of the C library.
//!
//! Source: `tcp(7)`, `ipv6(7)`. `SO_REUSEADDR` lets a restarted appliance listen while
//! connections of its predecessor linger; it never lets two processes share a port. An IPv6
//! listener takes IPv6 only, so that `0.0.0.0` and `[::]` may stand side by side.
//! `getaddrinfo(3)` knows `/etc/hosts`, `resolv.conf` and whatever else the host is set up with;
//! it sorts addresses by RFC 6724.
//!
//! Refuses: `SO_REUSEPORT`, which would let a second appliance take half of the connections.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    sync::Semaphore,
};

use crate::{Accepted, Connecting, Connection, Error, Resolving};

/// Connections the kernel holds until they are accepted; `net.core.somaxconn` (4096) caps it.
/// The kernel drops the first packet of those beyond, and the client tries again.
const BACKLOG_CONNECTIONS: i32 = 4096;

/// Names looked up at one time. Each holds a thread for as long as the name servers are silent,
/// which may be half a minute; further ones wait for their turn.
const RESOLVING_MAX: usize = 4;

static RESOLVING: Semaphore = Semaphore::const_new(RESOLVING_MAX);

/// The TCP of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network;

impl Network {
    /// The TCP of this machine.
    pub const fn new() -> Self {
        Self
    }
}

impl crate::Network for Network {
    fn listen(&self, address: SocketAddr) -> Result<Box<dyn crate::Listener>, Error> {
        let listener = listen(address).map_err(|source| Error::Socket {
            act: "listen on",
            address,
            source,
        })?;
        Ok(Box::new(listener))
    }

    fn connect(&self, address: SocketAddr) -> Connecting {
        Box::pin(async move {
            let connected = TcpStream::connect(address).await;
            let connected = connected.and_then(|stream| without_delay((stream, address)));
            match connected {
                Ok((stream, _)) => Ok(Box::new(stream) as Box<dyn Connection>),
                Err(source) => Err(Error::Socket {
                    act: "connect to",
                    address,
                    source,
                }),
            }
        })
    }

    fn resolve(&self, host: &str, port: u16) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move {
            resolve(&host, port)
                .await
                .map_err(|source| Error::Resolve { host, source })
        })
    }
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let _turn = RESOLVING.acquire().await.expect("it is never closed");
    let addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(addresses)
}

fn listen(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG_CONNECTIONS)?;
    let inner = TcpListener::from_std(socket.into())?;
    let local_address = inner.local_addr()?;
    Ok(Listener {
        inner,
        local_address,
    })
}

#[derive(Debug)]
struct Listener {
    inner: TcpListener,
    local_address: SocketAddr,
}

impl crate::Listener for Listener {
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Accepted, Error>> {
        let accepted = ready!(self.inner.poll_accept(context)).and_then(without_delay);
        Poll::Ready(
            accepted
                .map(|(stream, peer)| (Box::new(stream) as Box<dyn Connection>, peer))
                .map_err(|source| Error::Socket {
                    act: "accept on",
                    address: self.local_address,
                    source,
                }),
        )
    }

    fn local_address(&self) -> SocketAddr {
        self.local_address
    }
}

/// Sends small responses at once: Nagle's algorithm would hold them for the peer's delayed ACK.
fn without_delay((stream, peer): (TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    stream.set_nodelay(true)?;
    Ok((stream, peer))
}
