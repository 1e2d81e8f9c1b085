//! The one error type of this crate.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::InterfaceName;

/// A failed act on the operating system, with the thing it was tried on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An act on a file, directory or device failed.
    #[error("cannot {act} {}", path.display())]
    Disk {
        /// What was tried, as a verb: "open", "read", "write", "sync".
        act: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// An act on a socket failed.
    #[error("cannot {act} {address}")]
    Socket {
        /// What was tried, as a verb with its preposition: "listen on", "join", "receive from".
        act: &'static str,
        /// The group, peer or local address.
        address: SocketAddr,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A host name could not be turned into addresses.
    #[error("cannot find the address of {host}")]
    Resolve {
        /// The name that was asked for.
        host: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A network interface that the configuration names is not there.
    #[error("there is no network interface {name}")]
    NoInterface {
        /// The name that was asked for.
        name: InterfaceName,
    },
    /// A reading (processor load, temperature) could not be taken.
    #[error("cannot read {what}")]
    Sensor {
        /// What was to be read.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The kind of the underlying failure, for callers that react differently to, say, a busy port.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Disk { source, .. }
            | Self::Socket { source, .. }
            | Self::Resolve { source, .. }
            | Self::Sensor { source, .. } => source.kind(),
            Self::NoInterface { .. } => io::ErrorKind::NotFound,
        }
    }
}
