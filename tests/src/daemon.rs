//! A running `weir run` with a configuration, a cache and ports of its own.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    http,
    process::{Ended, Process},
    wait,
};

/// A daemon under test. Dropping it kills it and removes its cache.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    folder: TempDir,
    data_port: u16,
    management_port: u16,
}

/// First port handed out, and how many there are: below those the kernel gives to clients.
const PORTS: (u16, u16) = (10_240, 20_000);

/// A port nobody listens on now and no other test of this process is given, and hence a good name
/// for a group of one's own.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (first, count) = PORTS;
    // Processes that run side by side begin at different places.
    let offset = std::process::id().wrapping_mul(97) % u32::from(count);
    let offset = u16::try_from(offset).expect("below the number of ports");
    wait::until("a free port", Duration::from_secs(1), || {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = first + (offset + number % count) % count;
        TcpListener::bind(("127.0.0.1", port))
            .is_ok()
            .then_some(port)
    })
}

impl Daemon {
    /// Starts `weir run` on the `channels` part of a configuration and waits until it answers.
    pub fn start(channels: &str) -> Self {
        Self::start_in(TempDir::new().expect("a temporary folder"), channels)
    }

    /// The same with the cache of an earlier daemon.
    pub fn start_in(folder: TempDir, channels: &str) -> Self {
        Self::start_with(folder, "", channels)
    }

    /// The same with further keys of `[http]`.
    pub fn start_with(folder: TempDir, http: &str, channels: &str) -> Self {
        Self::start_sized(folder, "1GiB", http, channels)
    }

    /// The same with a cache of `size`.
    pub fn start_sized(folder: TempDir, size: &str, http: &str, channels: &str) -> Self {
        Self::start_keyed(folder, [http, "", size], channels)
    }

    /// Starts it with further keys of `[management]`.
    pub fn start_managed(management: &str, channels: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self::start_keyed(folder, ["", management, "1GiB"], channels)
    }

    /// Starts it with further keys of `[http]` and `[management]`, and the size of the cache.
    fn start_keyed(folder: TempDir, keys: [&str; 3], channels: &str) -> Self {
        let [http, management, size] = keys;
        let (data_port, management_port) = (free_port(), free_port());
        let file = folder.path().join("weir.toml");
        let cache = folder.path().join("cache");
        let text = format!(
            "[node]\nname = \"box\"\n[http]\nlisten = [\"127.0.0.1:{data_port}\"]\n{http}\n\
             [management]\nlisten = \"127.0.0.1:{management_port}\"\n{management}\n\
             [cache]\npath = \"{}\"\nsize = \"{size}\"\n{channels}",
            cache.display()
        );
        std::fs::write(&file, text).expect("the temporary folder can be written");
        let mut daemon = Self {
            process: run(&file),
            folder,
            data_port,
            management_port,
        };
        daemon.await_answer();
        daemon
    }

    /// Kills it, as the kernel would when memory is short, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts what was killed again, with the same configuration, and waits until it answers.
    pub fn restart(&mut self) {
        self.process = run(&self.file());
        self.await_answer();
    }

    fn await_answer(&mut self) {
        let url = self.management("/livez");
        wait::until("an answer on /livez", Duration::from_secs(30), || {
            let is_running = self.process.is_running();
            assert!(is_running, "weir ended: {}", self.process.output());
            http::get(&url).ok()
        });
    }

    /// A URL of the data listener.
    pub fn data(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.data_port)
    }

    /// A URL of the management listener.
    pub fn management(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.management_port)
    }

    /// `/api/health`.
    pub fn health(&self) -> serde_json::Value {
        http::get(&self.management("/api/health"))
            .expect("health answers")
            .json()
    }

    /// The configuration file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("weir.toml")
    }

    /// The folder of the cache.
    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Sends `signal` and waits for the end; gives the folder back for another daemon.
    pub fn end(self, signal: &str, within: Duration) -> (Ended, TempDir) {
        self.process.signal(signal);
        (self.process.ended(within), self.folder)
    }
}

fn run(file: &Path) -> Process {
    Process::weir(["run", "--config", file.to_str().expect("a plain path")])
}
