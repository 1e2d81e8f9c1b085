//! Listening stream sockets.

use std::{
    fmt::Debug,
    net::SocketAddr,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::Error;

/// The means to listen for connections.
pub trait Network: Debug + Send + Sync {
    /// Listens on `address`; port 0 lets the system choose one.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Socket`], with kind `AddrInUse` when another process has the port.
    fn listen(&self, address: SocketAddr) -> Result<Box<dyn Listener>, Error>;
}

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
