//! TLS: which certificate a client is shown, the handshake, and certificates that change while
//! everything runs.
//!
//! A [`Tls`] serves any number of listeners. Its directory of certificates is looked at every 2 s;
//! new connections get what is in it then, and open ones go on as they are. What is broken in it
//! is named and passed over, so that a slip of the pen never takes a listener away.
//!
//! Source: RFC 8446 (1.3), RFC 5246 (1.2), RFC 7301 (ALPN), RFC 5077 and RFC 8446 §4.6.1 (tickets).
//! Refuses: anything below TLS 1.2, early data (a request in it can be replayed), and session
//! storage: what a client needs to resume is in its ticket.

mod certificates;
mod encrypted;
mod handshake;
mod own;
mod pair;
mod validity;
mod watch;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring::Ticketer,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use weir_hal::{Clock, Disk};

use certificates::Files;
pub use certificates::{CertificateError, Certificates, Reading};
pub(crate) use encrypted::Encrypted;
pub use own::keep_own;
pub use pair::{Pair, PairError};
use watch::Known;

/// What may be spoken behind the handshake, the better first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Handshakes under way at one time, counted from a whole `ClientHello` on: each costs a signature
/// and up to 40 KiB. Further ones wait for their turn within their own deadline.
const HANDSHAKES_MAX: usize = 1_000;

/// The means to speak TLS.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    turns: Semaphore,
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    /// Somebody says that the directory has changed.
    changed: Notify,
    /// Taken by the watch for as long as it runs.
    known: Mutex<Known>,
}

impl Tls {
    /// Longest time from the begin of a connection to the end of its handshake.
    pub(crate) const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

    /// Takes the certificates of `directory`, and names what is broken among them in the log.
    /// Blocks as long as the disk takes.
    ///
    /// # Errors
    /// [`CertificateError`] when the directory gives not a single usable pair.
    ///
    /// # Limits
    /// 64 pairs, of 64 KiB a file.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        directory: &Path,
    ) -> Result<Self, CertificateError> {
        let files = Files::read(&*disk, directory)?;
        let reading = Certificates::of(&files, &Certificates::default()).usable()?;
        let now = clock.wall();
        watch::tell(&reading, now);
        let shown = Arc::new(Shown(ArcSwap::from_pointee(reading.certificates)));
        Ok(Self {
            config: Arc::new(config(Arc::clone(&shown))?),
            shown,
            turns: Semaphore::new(HANDSHAKES_MAX),
            directory: directory.to_owned(),
            disk,
            clock,
            changed: Notify::new(),
            known: Mutex::new(Known::of(&files, now)),
        })
    }

    /// The certificates that new connections are shown.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.shown.0.load_full()
    }

    /// Has the directory looked at now rather than within 2 s.
    pub fn look(&self) {
        self.changed.notify_one();
    }
}

fn config(shown: Arc<Shown>) -> Result<ServerConfig, CertificateError> {
    let builder = ServerConfig::builder_with_provider(Arc::new(pair::provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]);
    let mut config = builder
        .map_err(CertificateError::Cryptography)?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new().map_err(CertificateError::Cryptography)?;
    Ok(config)
}

/// The certificates of the moment.
#[derive(Debug)]
struct Shown(ArcSwap<Certificates>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificates = self.0.load();
        certificates.choose(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests;
