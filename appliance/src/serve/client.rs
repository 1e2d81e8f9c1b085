//! Who asks.

use std::net::SocketAddr;

use crate::serve::Interim;

/// The other end of a connection, as far as an answer depends on it.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where the connection comes from. Behind a load balancer this is the load balancer.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub is_encrypted: bool,
    /// How it is told something before its answer; `None` where that cannot be.
    pub interim: Option<Interim>,
}
