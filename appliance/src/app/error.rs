//! Why an appliance cannot start.

use std::{io, net::SocketAddr};

/// One sentence an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A listener's address is not to be had.
    #[error("cannot listen on {address}: free it or change `{key}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The key that names it.
        key: &'static str,
        /// Why not.
        #[source]
        source: weir_hal::Error,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] weir_cache::Error),
    /// The system has no room for the receive thread.
    #[error("cannot start the receive thread: raise the process limit")]
    Thread(#[source] io::Error),
}
