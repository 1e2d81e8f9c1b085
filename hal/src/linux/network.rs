//! TCP sockets, and names by the resolver of the C library.
//!
//! Source: `tcp(7)`, `ipv6(7)`. `SO_REUSEADDR` lets a restarted appliance listen while
//! connections of its predecessor linger; it never lets two processes share a port. An IPv6
//! listener takes IPv6 only, so that `0.0.0.0` and `[::]` may stand side by side.
//! `getaddrinfo(3)` knows `/etc/hosts`, `resolv.conf` and whatever else the host is set up with;
//! it sorts addresses by RFC 6724.
//!
//! A file is sent by sendfile(2), and what goes before it with `MSG_MORE` (send(2)).
//!
//! Refuses: a second process on a port. `SO_REUSEPORT` is for siblings of one process alone.

#![expect(unsafe_code, reason = "SIOCOUTQ has no safe form")]

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    os::fd::AsRawFd,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use nix::{
    errno::Errno,
    libc,
    sys::{
        sendfile::sendfile64,
        socket::{MsgFlags, sendmsg},
    },
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::{TcpListener, TcpStream, lookup_host},
    sync::Semaphore,
};

use crate::{Accepted, Connecting, Error, File, Resolving};

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
        Ok(Box::new(Listener::new(address, Sharing::First)?))
    }

    fn connect(&self, address: SocketAddr) -> Connecting {
        Box::pin(async move {
            let connected = TcpStream::connect(address).await;
            let connected = connected.and_then(|stream| without_delay((stream, address)));
            match connected {
                Ok((stream, _)) => Ok(boxed(stream)),
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

/// Whether others may listen on the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// Only siblings, once this listens.
    First,
    /// A sibling has the address.
    Sibling,
}

/// Binds to `address` and listens.
///
/// A first listener does both without `SO_REUSEPORT`: the kernel then refuses it if anybody at all
/// listens there, with or without that option. Only behind that is the option set, which lets
/// siblings join. So of two processes that start at one time at most one gets the address, and
/// there is no moment at which both could.
fn listen(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
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
    if sharing == Sharing::Sibling {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG_CONNECTIONS)?;
    if sharing == Sharing::First {
        socket.set_reuse_port(true)?;
    }
    Ok(socket)
}

#[derive(Debug)]
struct Listener {
    inner: Inner,
    local_address: SocketAddr,
}

#[derive(Debug)]
enum Inner {
    /// Not with any runtime yet.
    Fresh(Socket),
    /// With the runtime that accepts.
    Registered(TcpListener),
    /// What became of a listener that its runtime did not take.
    Lost,
}

impl Inner {
    fn registered(&mut self) -> io::Result<&TcpListener> {
        if let Self::Fresh(_) = self
            && let Self::Fresh(socket) = std::mem::replace(self, Self::Lost)
        {
            *self = Self::Registered(TcpListener::from_std(socket.into())?);
        }
        match self {
            Self::Registered(listener) => Ok(listener),
            Self::Fresh(_) | Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Listener {
    fn new(address: SocketAddr, sharing: Sharing) -> Result<Self, Error> {
        let failed = |source| Error::Socket {
            act: "listen on",
            address,
            source,
        };
        let socket = listen(address, sharing).map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        Ok(Self {
            inner: Inner::Fresh(socket),
            // A TCP socket is bound to an address of one of the two families.
            local_address: bound.as_socket().unwrap_or(address),
        })
    }
}

impl crate::Listener for Listener {
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Accepted, Error>> {
        let accepted = match self.inner.registered() {
            Ok(listener) => ready!(listener.poll_accept(context)).and_then(without_delay),
            Err(error) => Err(error),
        };
        Poll::Ready(
            accepted
                .map(|(stream, peer)| (boxed(stream), peer))
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

    fn sibling(&self) -> Result<Box<dyn crate::Listener>, Error> {
        let sibling = Self::new(self.local_address, Sharing::Sibling)?;
        Ok(Box::new(sibling))
    }
}

/// Sends small responses at once: Nagle's algorithm would hold them for the peer's delayed ACK.
fn without_delay((stream, peer): (TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    stream.set_nodelay(true)?;
    Ok((stream, peer))
}

fn boxed(stream: TcpStream) -> Box<dyn crate::Connection> {
    Box::new(Connection(stream))
}

/// A TCP connection.
#[derive(Debug)]
struct Connection(TcpStream);

impl Connection {
    /// Does `act` as soon as the socket has room.
    fn poll_sending(
        &self,
        context: &mut Context<'_>,
        mut act: impl FnMut(&TcpStream) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        let stream = &self.0;
        loop {
            ready!(stream.poll_write_ready(context))?;
            let sent = stream.try_io(Interest::WRITABLE, || Ok(act(stream)?));
            match sent.as_ref().map_err(io::Error::kind) {
                Err(io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Ok(_) | Err(_) => return Poll::Ready(sent),
            }
        }
    }
}

impl crate::Connection for Connection {
    fn poll_send_file(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        file: &dyn File,
        offset: u64,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        let Some(descriptor) = file.descriptor() else {
            return self.poll_copy_file(context, file, offset, bytes);
        };
        let start = i64::try_from(offset).map_err(|_beyond| io::ErrorKind::UnexpectedEof)?;
        let sent = ready!(self.poll_sending(context, |stream| {
            let mut position = start;
            sendfile64(stream, descriptor, Some(&mut position), bytes)
        }));
        Poll::Ready(match sent {
            Ok(0) if bytes > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            sent => sent,
        })
    }

    fn poll_write_more(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let flags = MsgFlags::from_bits_retain(libc::MSG_MORE) | MsgFlags::MSG_NOSIGNAL;
        self.poll_sending(context, |stream| {
            sendmsg::<()>(stream.as_raw_fd(), slices, &[], flags, None)
        })
    }

    fn limit_unsent(&self, bytes: u32) -> io::Result<()> {
        SockRef::from(&self.0).set_tcp_notsent_lowat(bytes)
    }

    fn break_off(&self) {
        // A socket that fails has broken off.
        drop(SockRef::from(&self.0).set_linger(Some(Duration::ZERO)));
    }

    fn unacknowledged_bytes(&self) -> Option<u64> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is open as long as the stream lives, and SIOCOUTQ (tcp(7)), which
        // is TIOCOUTQ by another name, writes one int to where its argument points.
        let outcome = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::TIOCOUTQ,
                std::ptr::from_mut(&mut bytes),
            )
        };
        let bytes = u64::try_from(bytes).ok();
        bytes.filter(|_| outcome == 0)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
