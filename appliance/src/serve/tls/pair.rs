//! One certificate and its key, out of the two files that hold them.
//!
//! Source: RFC 7468 (PEM), RFC 5280 §4.2.1.6 (names).
//! Refuses: a key that is not the certificate's, and keys behind a passphrase. Who signed the
//! certificate is the client's to judge.

use std::{
    fmt::{self, Debug},
    path::PathBuf,
    sync::Arc,
};

use ::ring::digest::{SHA256, digest};
use tokio_rustls::rustls::{
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use webpki::EndEntityCert;
use weir_hal::Wall;

use super::validity;

/// Days before its end in which a certificate is complained about: most are renewed 30 days before.
const LAST_DAYS: u64 = 14;

const DAY_S: u64 = 24 * 3600;

/// Why a pair cannot be shown to clients.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PairError {
    /// A file cannot be read.
    #[error("a certificate or its key cannot be read")]
    Read(#[source] Arc<weir_hal::Error>),
    /// One file stands alone.
    #[error("{} has no {} beside it: add it", present.display(), absent.display())]
    Alone {
        /// The file that is there.
        present: PathBuf,
        /// The one that is not.
        absent: PathBuf,
    },
    /// A file is too long to be what it should be.
    #[error("{} is longer than {bytes_max} bytes: give PEM of one chain or key", file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The most that is read.
        bytes_max: usize,
    },
    /// The file of the chain holds no certificate that can be read.
    #[error("{} holds no chain of certificates in PEM, the server's first", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The file of the key holds none that can be used.
    #[error(
        "{} holds no usable private key: give PEM of RSA with 2048 bits or more, ECDSA or Ed25519, \
         without a passphrase",
        file.display()
    )]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// Certificate and key do not belong together.
    #[error(
        "{} is not the key of {}: give the one it was made for",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The file of the chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

/// A chain of certificates and the key of its first one.
pub struct Pair {
    /// What both files are called.
    pub name: String,
    /// The DNS names it stands for, in lower case; a wildcard begins with `*.`.
    pub hosts: Vec<String>,
    /// When it ends, if that can be told.
    pub not_after: Option<Wall>,
    pub(super) key: Arc<CertifiedKey>,
}

/// The two files of a pair.
pub(super) struct Sources<'f> {
    pub(super) name: &'f str,
    pub(super) certificate: (PathBuf, &'f [u8]),
    pub(super) key: (PathBuf, &'f [u8]),
}

/// What all cryptography of the listeners is done by.
///
/// `ring` builds with a C compiler alone, and is what `fetch` uses too.
pub(super) fn provider() -> CryptoProvider {
    ring::default_provider()
}

impl Pair {
    /// Reads a pair.
    pub(super) fn of(sources: Sources<'_>) -> Result<Self, PairError> {
        let (file, text) = sources.certificate;
        let chain = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let Some((chain, (hosts, not_after))) =
            chain.and_then(|chain| facts(&chain).map(|facts| (chain, facts)))
        else {
            return Err(PairError::NoCertificate { file });
        };
        let (key_file, text) = sources.key;
        let key = PrivateKeyDer::from_pem_slice(text).ok();
        let key = key.and_then(|key| provider().key_provider.load_private_key(key).ok());
        let Some(key) = key else {
            return Err(PairError::NoKey { file: key_file });
        };
        let key = CertifiedKey::new(chain, key);
        if key.keys_match().is_err() {
            return Err(PairError::Mismatch {
                certificate: file,
                key: key_file,
            });
        }
        Ok(Self {
            name: sources.name.to_owned(),
            hosts,
            not_after,
            key: Arc::new(key),
        })
    }
}

/// Names and end of the first certificate of `chain`.
fn facts(chain: &[CertificateDer<'_>]) -> Option<(Vec<String>, Option<Wall>)> {
    let first = chain.first()?;
    let parsed = EndEntityCert::try_from(first).ok()?;
    let hosts = parsed.valid_dns_names().map(str::to_ascii_lowercase);
    Some((hosts.collect(), validity::not_after(first)))
}

impl Pair {
    /// By what people know it: SHA-256 of the first certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let first = self.key.cert.first().map(AsRef::as_ref);
        let digest = digest(&SHA256, first.unwrap_or_default());
        let bytes = digest.as_ref().iter().map(|byte| format!("{byte:02X}"));
        bytes.collect::<Vec<_>>().join(":")
    }

    /// A sentence on its end, if that is past at `now`, or near.
    pub fn end(&self, now: Wall) -> Option<String> {
        let (name, not_after) = (&self.name, self.not_after?);
        if not_after <= now {
            return Some(format!("the certificate {name} has expired: renew it"));
        }
        let days = not_after.since(now).as_secs() / DAY_S;
        (days < LAST_DAYS)
            .then(|| format!("the certificate {name} expires in {days} days: renew it"))
    }
}

impl Debug for Pair {
    /// Never the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pair({}: {})", self.name, self.hosts.join(", "))
    }
}
