//! Stream sockets: listening, connecting, and finding out where to connect to.

use std::{
    fmt::Debug,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::Error;

/// The means to listen for connections, and to make them.
pub trait Network: Debug + Send + Sync {
    /// Listens on `address`; port 0 lets the system choose one.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Socket`], with kind `AddrInUse` when another process has the port.
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

/// One listening socket.
pub trait Listener: Debug + Send {
    /// Waits for the next connection.
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
}

/// One connection: bytes in and out.
pub trait Connection: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Connection for T {}
