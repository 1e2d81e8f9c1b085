//! TLS towards origins: whom to believe.
//!
//! Source: RFC 8446, RFC 5246. The cryptography is `ring`: it builds with a C compiler alone, where
//! `aws-lc-rs` asks for `CMake` on some targets of a vendor's toolchain.
//! Refuses: to go on without a valid certificate. There is no switch for that.

use std::{path::Path, sync::Arc};

use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use weir_hal::{Access, Disk};

/// Where Debian and its kin keep the roots that their updates maintain.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Bytes a file of certificates may have: the 150 roots of Mozilla are 220 KB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why there is nobody to believe.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The cryptography that is built in speaks no version of TLS that is wanted.
    #[error("cannot speak TLS")]
    Cryptography(#[source] rustls::Error),
    /// The file of certificates cannot be read.
    #[error("cannot read the certificates of {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// The file is too large to be one of certificates.
    #[error("{path} has more than {FILE_BYTES_MAX} bytes: give a file of certificates")]
    TooLong {
        /// The file.
        path: String,
    },
    /// The file holds no usable certificate.
    #[error("{path} holds no certificate in PEM: give one that begins with BEGIN CERTIFICATE")]
    NoCertificate {
        /// The file.
        path: String,
    },
}

/// What a connection is encrypted by, believing the certificates of the file `ca` alone; without
/// one, those of the system, or of Mozilla as this program was built where the system has none.
///
/// May block on a slow disk.
///
/// # Errors
/// [`TlsError`] when `ca` cannot be read or holds no certificate.
pub fn client_config(disk: &dyn Disk, ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match ca {
        Some(path) => read_roots(disk, path)?,
        None => read_roots(disk, Path::new(SYSTEM_ROOTS))
            .unwrap_or_else(|_absent| webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()),
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS);
    let mut config = builder
        .map_err(TlsError::Cryptography)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // RFC 7301: an origin that also speaks HTTP/2 must not choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_roots(disk: &dyn Disk, path: &Path) -> Result<RootCertStore, TlsError> {
    let shown = || path.display().to_string();
    let read = |source| TlsError::Read {
        path: shown(),
        source,
    };
    let file = disk.open(path, Access::Read).map_err(read)?;
    let bytes = file.bytes().map_err(read)?;
    if bytes > FILE_BYTES_MAX {
        return Err(TlsError::TooLong { path: shown() });
    }
    let mut pem = vec![0; usize::try_from(bytes).unwrap_or(0)];
    let count = file.read_at(&mut pem, 0).map_err(read)?;
    pem.truncate(count);
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let (added, _ignored) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(TlsError::NoCertificate { path: shown() });
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use weir_hal::sim;

    use super::*;

    fn disk(bytes: &[u8]) -> sim::Disk {
        let disk = sim::Disk::new(1);
        let file = disk.open(Path::new("/ca.pem"), Access::Create).unwrap();
        file.write_at(bytes, 0).unwrap();
        disk
    }

    fn refusal(disk: &dyn Disk) -> String {
        let refused = client_config(disk, Some(Path::new("/ca.pem"))).unwrap_err();
        refused.to_string()
    }

    #[test]
    fn without_a_file_of_its_own_the_built_in_roots_are_believed() {
        client_config(&sim::Disk::new(1), None).unwrap();
    }

    #[test]
    fn a_file_that_is_no_certificate_is_refused_and_named() {
        for bytes in [
            &b""[..],
            b"hello",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\n",
        ] {
            let refusal = refusal(&disk(bytes));
            assert!(
                refusal.starts_with("/ca.pem holds no certificate"),
                "{refusal}"
            );
        }
        let absent = refusal(&sim::Disk::new(1));
        assert_eq!(absent, "cannot read the certificates of /ca.pem");
        let long = disk(&vec![b'x'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1]);
        assert!(
            refusal(&long).contains("has more than"),
            "{}",
            refusal(&long)
        );
    }
}
