//! Why an appliance cannot start, and how a failure is told.

use std::io;

use crate::{
    access::AccessError,
    encryption::KeyError,
    fetch::{tiers::OriginError, tls::TlsError},
    serve::{signed_url::GateError, tls::CertificateError},
    snmp::SnmpError,
};

/// One sentence an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A listener's address is not to be had.
    #[error("`{key}` is not to be had: {remedy}")]
    Listen {
        /// The key that names the address.
        key: &'static str,
        /// What to do about it.
        remedy: &'static str,
        /// Why not.
        #[source]
        source: weir_hal::Error,
    },
    /// There is no certificate for `http.tls_listen`.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] weir_cache::Error),
    /// The certificates of an origin cannot be read.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A token for the management listener cannot be taken.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A file of keys cannot be used.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The keys of a channel cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The certificates of the syslog server cannot be read.
    #[error("`log.syslog` cannot be obeyed: check its `ca`")]
    Syslog(#[source] TlsError),
    /// Sources cannot be asked for by TLS.
    #[error("`https://` sources cannot be asked for")]
    Sources(#[from] TlsError),
    /// There is no SNMP agent.
    #[error(transparent)]
    Snmp(#[from] SnmpError),
    /// The system has no room for the receive thread.
    #[error("cannot start the receive thread: raise the process limit")]
    Thread(#[source] io::Error),
}

impl AppError {
    /// A failure to listen on the address that `key` names, with the remedy for its kind.
    pub(super) fn listen(key: &'static str, source: weir_hal::Error) -> Self {
        let kind = source.kind();
        let remedy = if kind == io::ErrorKind::AddrInUse {
            "end what listens there, or choose another port"
        } else if kind == io::ErrorKind::AddrNotAvailable {
            "choose an address that an interface of this box has"
        } else if kind == io::ErrorKind::PermissionDenied {
            "choose a port above 1023, or give weir CAP_NET_BIND_SERVICE"
        } else {
            "choose another address"
        };
        Self::Listen {
            key,
            remedy,
            source,
        }
    }
}
