//! Stream sockets: listening, connecting, and finding out where to connect to.

use std::{
    fmt::Debug,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use crate::{Error, File};

/// Bytes that are copied at a time where a file cannot be sent without.
const COPY_BYTES_MAX: usize = 64 << 10;

/// The means to listen for connections, and to make them.
pub trait Network: Debug + Send + Sync {
    /// Listens on `address`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`Error::Socket`], with kind `AddrInUse` when another process has the port, or another
    /// listener of this one. [`Listener::sibling`] is the way to have several.
    fn listen(&self, address: SocketAddr) -> Result<Box<dyn Listener>, Error>;

    /// Connects to `address`; small writes go out at once.
    ///
    /// Must be polled within a tokio runtime. There is no deadline: who drops the future gives up,
    /// and nothing stays behind.
    ///
    /// # Errors
    /// [`Error::Socket`], with kind `ConnectionRefused` when nobody listens there.
    fn connect(&self, address: SocketAddr) -> Connecting;

    /// The addresses of `host`, each with `port`, in the order to prefer; at least one. An address
    /// in numbers (IPv6 without brackets) is its own.
    ///
    /// Must be polled within a tokio runtime. There is no deadline: who drops the future gives up,
    /// though the system may go on asking for a while.
    ///
    /// # Errors
    /// [`Error::Resolve`] when nobody knows the name, or no name server answers.
    fn resolve(&self, host: &str, port: u16) -> Resolving;
}

/// A connection in the making.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Connection>, Error>> + Send>>;

/// A name being looked up.
pub type Resolving = Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, Error>> + Send>>;

/// A connection and the address it came from.
pub type Accepted = (Box<dyn Connection>, SocketAddr);

/// A listening socket, alone on its address or one of several siblings.
pub trait Listener: Debug + Send {
    /// Waits for the next connection, which then belongs to the tokio runtime of the caller, as
    /// this listener does from the first call on.
    ///
    /// # Errors
    /// [`Error::Socket`] on a failure of one connection or a want of descriptors; accept again
    /// after a pause.
    ///
    /// # Cancel safety
    /// Nothing is lost when the caller stops polling.
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Accepted, Error>>;

    /// The address that is listened on, with the port the system chose.
    fn local_address(&self) -> SocketAddr;

    /// Another listener on the same address, for another thread of this process: the system
    /// spreads connections over all of them. One that is dropped takes those with it that it has
    /// not accepted yet. Others are kept from the address as long as one of the siblings lives.
    ///
    /// # Errors
    /// [`Error::Socket`] for want of memory or descriptors.
    fn sibling(&self) -> Result<Box<dyn Listener>, Error>;
}

/// One connection: bytes in and out.
pub trait Connection: AsyncRead + AsyncWrite + Debug + Send + Unpin {
    /// Sends what `file` holds from `offset` on, at most `bytes` of it, without a copy where the
    /// system can do so. Returns how many were taken: at least one.
    ///
    /// What is not in memory is read from the device, for which the caller waits. The bytes are
    /// those of the file when they are sent, **or later**: until the peer has them all, a write to
    /// this range of the file may show in what it gets. [`File::detach`] is how a writer avoids it.
    ///
    /// # Errors
    /// Kind `UnexpectedEof` if the file ends before `offset`; what the device or the connection
    /// meets. Bytes that a device fails to give are never replaced by others.
    fn poll_send_file(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        file: &dyn File,
        offset: u64,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_copy_file(context, file, offset, bytes)
    }

    /// The same by way of memory of this process, and at most 64 KiB at a time.
    ///
    /// # Errors
    /// Those of [`Connection::poll_send_file`].
    fn poll_copy_file(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        file: &dyn File,
        offset: u64,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        let failed = |error: Error| io::Error::new(error.kind(), error);
        if offset >= file.bytes().map_err(failed)? {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut copy = vec![0; bytes.min(COPY_BYTES_MAX)];
        let count = file.read_at(&mut copy, offset).map_err(failed)?;
        self.poll_write(context, copy.get(..count).unwrap_or(&copy))
    }

    /// Writes as [`AsyncWrite::poll_write_vectored`] does, and says that more follows at once: the
    /// system may wait for it to fill a packet.
    ///
    /// # Errors
    /// What the connection meets.
    fn poll_write_more(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, slices)
    }

    /// Lets the system hold no more than about so many bytes that it has not sent yet; without it
    /// several MiB, however slow the peer is. May be changed at any time.
    ///
    /// # Errors
    /// What the system meets. The connection goes on as it was.
    fn limit_unsent(&self, _bytes: u32) -> io::Result<()> {
        Ok(())
    }

    /// Has the connection end, when it is dropped, so that the peer cannot take its end for a
    /// regular one: by a reset, and what has not been sent is lost (RFC 9293 §3.10.7). Where nobody
    /// can do so, it ends as always.
    fn break_off(&self) {}

    /// Bytes that were written and that the peer has not acknowledged; `None` if nobody can tell.
    ///
    /// What is acknowledged is with the peer's system, though not always with its program.
    fn unacknowledged_bytes(&self) -> Option<u64> {
        None
    }
}

/// Both ends of a pipe in memory.
impl Connection for DuplexStream {}
