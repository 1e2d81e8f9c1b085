//! Origins behind TLS, played by `openssl s_server`.

use std::{
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{daemon::free_port, wait};

use crate::rig::{Result, counted, edge_with, get};

/// An origin that serves the file `a` over TLS.
struct Encrypted {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Encrypted {
    fn start() -> Result<Self> {
        let folder = TempDir::new()?;
        std::fs::write(folder.path().join("a"), "hello")?;
        certify(folder.path(), "origin")?;
        certify(folder.path(), "stranger")?;
        let port = free_port();
        let child = openssl(folder.path())
            .args([
                "s_server",
                "-quiet",
                "-WWW",
                "-accept",
                &format!("127.0.0.1:{port}"),
            ])
            .args(["-cert", "origin.pem", "-key", "origin.key"])
            .spawn()?;
        wait::until("openssl listens", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Ok(Self {
            child,
            folder,
            port,
        })
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A key of the configuration that names the certificate called `name`.
    fn believe(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        format!("ca = \"{}\"", path.display())
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `openssl`, silent, in `folder`.
fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Makes a key and a certificate for 127.0.0.1 that vouches for itself.
fn certify(folder: &Path, name: &str) -> Result {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
    let status = openssl(folder)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=origin"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &certificate])
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err("openssl (Debian package openssl) makes no certificate".into())
}

#[test]
fn an_origin_is_believed_by_its_certificate() -> Result {
    let origin = Encrypted::start()?;
    let edge = edge_with(&[origin.url()], &origin.believe("origin.pem"));
    let response = get(&edge, "/a")?;
    assert_eq!((response.status, response.text().as_str()), (200, "hello"));
    Ok(())
}

#[test]
fn a_stranger_is_not_believed() -> Result {
    let origin = Encrypted::start()?;
    let edge = edge_with(&[origin.url()], &origin.believe("stranger.pem"));
    assert_eq!(get(&edge, "/a")?.status, 502);
    counted(&edge, 0, "failures_tls", 1);
    let edge = edge_with(&[origin.url()], "");
    assert_eq!(get(&edge, "/a")?.status, 502);
    counted(&edge, 0, "failures_tls", 1);
    Ok(())
}
