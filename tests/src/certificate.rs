//! Certificates for tests, made when they are needed and trusted by nobody else.

use std::{fs, path::Path};

use rcgen::{CertificateParams, KeyPair};

/// A certificate that signs itself, and its key, both in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Certificate {
    /// A certificate for `hosts`, unlike any other.
    pub fn issue(hosts: &[&str]) -> Self {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let key = KeyPair::generate().expect("there are random numbers");
        let params = CertificateParams::new(hosts).expect("hosts have good names");
        let certificate = params.self_signed(&key).expect("the key can sign");
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Writes both into `directory`, as `{name}.crt` and `{name}.key`.
    pub fn put(&self, directory: &Path, name: &str) {
        fs::create_dir_all(directory).expect("the directory can be made");
        for (kind, text) in [("crt", &self.certificate), ("key", &self.key)] {
            let file = directory.join(format!("{name}.{kind}"));
            fs::write(file, text).expect("the directory can be written");
        }
    }
}
