//! Why there is no agent.

use std::{net::SocketAddr, path::PathBuf};

use crate::secret::SecretError;

/// One sentence an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum SnmpError {
    /// The file of a secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A secret is none.
    #[error("{} holds less than {bytes_min} bytes: write a longer secret", path.display())]
    ShortSecret {
        /// The file.
        path: PathBuf,
        /// What a secret has at least.
        bytes_min: usize,
    },
    /// The secrets of a user cannot be used.
    #[error("the secrets of `snmp.user` {name} cannot be used: write others")]
    User {
        /// Its name.
        name: String,
        /// Why not.
        #[source]
        source: async_snmp::CryptoError,
    },
    /// No new engine can be made.
    #[error("no engine ID can be used: restart the box")]
    Engine(#[source] Box<async_snmp::Error>),
    /// The system gives no random octets.
    #[error("the system gives no random octets for an engine ID: restart the box")]
    Random,
    /// The address is not to be had.
    #[error(
        "`snmp.listen` ({address}) is not to be had: choose another address, or end what listens \
         there; ports below 1024 need CAP_NET_BIND_SERVICE"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: Box<async_snmp::Error>,
    },
}
