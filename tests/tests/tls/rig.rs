//! A daemon with a listener of TLS, a certificate of its own, and objects to fetch.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    cached::{bytes, fill},
    certificate::Certificate,
    daemon::{Daemon, free_port},
    process::peer,
    wait::until,
};

/// What there is to fetch.
pub(crate) const SMALL: &str = "/live/CH/CH_HD/segment-1.ts";
pub(crate) const SMALL_BYTES: usize = 4 << 10;
pub(crate) const LONG: &str = "/live/CH/CH_HD/segment-2.ts";
pub(crate) const LONG_BYTES: usize = 10_000_000;
/// As long as a test gives it.
pub(crate) const FILM: &str = "/live/CH/CH_HD/segment-3.ts";

/// Longest wait for anything that is to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Rig {
    pub(crate) daemon: Daemon,
    pub(crate) certificate: Certificate,
    port: u16,
    /// Beside the daemon's, so that it outlives what a test does to it.
    scratch: TempDir,
    certificates: PathBuf,
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::start_with_film(&[])
    }

    pub(crate) fn start_with_film(film: &[u8]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (small, long) = (bytes(SMALL_BYTES), bytes(LONG_BYTES));
        let mut objects = vec![(SMALL, small.as_slice()), (LONG, &long)];
        if !film.is_empty() {
            objects.push((FILM, film));
        }
        fill(folder.path(), &objects);
        let (certificates, port) = (folder.path().join("tls"), free_port());
        let certificate = Certificate::issue(&["localhost"]);
        certificate.put(&certificates, "a");
        let http = format!(
            "tls_listen = [\"127.0.0.1:{port}\"]\ncertificates = \"{}\"",
            certificates.display()
        );
        let channel = format!(
            "[[channel]]\nid = \"CH\"\n[[channel.rendition]]\nname = \"HD\"\n\
             sources = [\"udp://239.255.85.1:{}\"]\ninterface = \"lo\"\n",
            free_port()
        );
        let rig = Self {
            daemon: Daemon::start_with(folder, &http, &channel),
            certificate,
            port,
            scratch: TempDir::new().expect("a folder"),
            certificates,
        };
        rig.trust(&rig.certificate);
        rig
    }

    /// Has [`Self::curl`] and its like trust `certificate` alone.
    pub(crate) fn trust(&self, certificate: &Certificate) {
        std::fs::write(self.root(), &certificate.certificate).expect("the folder can be written");
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.scratch("root.pem")
    }

    /// A file of the test's own.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Where the daemon has its certificates.
    pub(crate) fn certificates(&self) -> &Path {
        &self.certificates
    }

    /// Host and port of the listener of TLS.
    pub(crate) fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// A URL of the listener of TLS.
    pub(crate) fn secure(&self, path: &str) -> String {
        format!("https://{}{path}", self.address())
    }

    /// Host and port of the plain listener.
    pub(crate) fn plain_address(&self) -> String {
        let url = self.daemon.data("");
        url.trim_start_matches("http://").to_owned()
    }

    /// Curl, which trusts the certificate.
    pub(crate) fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        command
            .args(["-sS", "--max-time", "60", "--cacert"])
            .arg(self.root());
        command
    }

    /// Fetches `url` by curl with `options`; its version of HTTP and its status, and the body.
    pub(crate) fn fetch(&self, options: &[&str], url: &str) -> (String, Vec<u8>) {
        let body = self.scratch("body");
        let written = "%{http_version} %{response_code}";
        let mut curl = self.curl();
        curl.args(options).args(["-w", written, "-o"]).arg(&body);
        let told = peer(curl.arg(url));
        (told, std::fs::read(&body).expect("curl wrote a body"))
    }

    /// A counter of the data listener.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let health = self.daemon.health();
        let count = health["http"][name].as_u64();
        count.unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// Waits until a counter of the data listener has come to `count`.
    pub(crate) fn counted(&self, name: &str, count: u64) {
        until(format!("{name} to be {count}"), PATIENCE, || {
            (self.counter(name) >= count).then_some(())
        });
        assert_eq!(self.counter(name), count, "{name}");
    }
}
