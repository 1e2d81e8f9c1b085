//! Why an appliance cannot start, and how a failure is told.

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

/// The whole story of a failure in one sentence: what failed, and after each colon, why.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
