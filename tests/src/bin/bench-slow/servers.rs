//! The servers, each before the same origin, and what the kernel says of them.

use std::{fs, path::PathBuf, process::Command, thread, time::Duration};

use tempfile::TempDir;
use weir_tests::{
    daemon::free_port,
    http,
    origin::Origin,
    process::{Process, weir_binary},
    wait::until,
};

use crate::Outcome;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    process: Process,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, a master would leave its workers behind.
        self.process.signal("TERM");
        thread::sleep(Duration::from_secs(1));
    }
}

/// What a server has of memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) resident_bytes: u64,
    pub(crate) anonymous_bytes: u64,
}

impl Memory {
    /// The larger of each.
    pub(crate) fn most(self, other: Self) -> Self {
        Self {
            resident_bytes: self.resident_bytes.max(other.resident_bytes),
            anonymous_bytes: self.anonymous_bytes.max(other.anonymous_bytes),
        }
    }
}

/// Weir as it is by default.
pub(crate) fn weir(origin: &Origin) -> Outcome<Server> {
    let (folder, port) = (TempDir::new()?, free_port());
    let file = folder.path().join("weir.toml");
    let text = format!(
        "[http]\nlisten = [\"127.0.0.1:{port}\"]\n[management]\nlisten = \"127.0.0.1:{}\"\n\
         [cache]\npath = \"{}\"\nsize = \"1GiB\"\n[[origin]]\nname = \"o\"\nurls = [\"{}\"]\n\
         [[route]]\npath = \"/\"\norigin = [\"o\"]\n",
        free_port(),
        folder.path().join("cache").display(),
        origin.url()
    );
    fs::write(&file, text)?;
    let mut command = Command::new(weir_binary());
    command.args(["run", "--config"]).arg(file);
    Ok(started("weir", port, folder, command))
}

/// nginx as Debian has it, with `proxy_cache` and room for all connections.
pub(crate) fn nginx(origin: &Origin) -> Outcome<Server> {
    let (folder, port) = (TempDir::new()?, free_port());
    let here = folder.path().display();
    let text = format!(
        "user root;\ndaemon off;\nworker_processes 2;\npid {here}/pid;\nerror_log {here}/log;\n\
         events {{ worker_connections 10000; }}\nhttp {{\naccess_log off;\nsendfile on;\n\
         tcp_nopush on;\nproxy_temp_path {here}/temp;\nclient_body_temp_path {here}/body;\n\
         proxy_cache_path {here}/cache keys_zone=a:16m max_size=1g use_temp_path=off;\n\
         server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_cache a;\n\
         proxy_cache_lock on; proxy_pass {}; }} }}\n}}\n",
        origin.url()
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, text)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg(file);
    Ok(started("nginx", port, folder, command))
}

fn started(name: &'static str, port: u16, folder: TempDir, command: Command) -> Server {
    let process = Process::start(command);
    let url = format!("http://127.0.0.1:{port}");
    let segment = format!("{url}/vod/segment");
    until("a server that answers", Duration::from_secs(20), || {
        http::get(&segment)
            .ok()
            .filter(|response| response.status == 200)
    });
    Server {
        name,
        url,
        process,
        _folder: folder,
    }
}

impl Server {
    /// Memory of all its processes.
    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for process in self.processes() {
            let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let bytes = |name| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
                number.unwrap_or(0_u64) << 10
            };
            memory.resident_bytes += bytes("VmRSS:");
            memory.anonymous_bytes += bytes("RssAnon:");
        }
        memory
    }

    /// Sockets of all its processes.
    pub(crate) fn sockets(&self) -> usize {
        let is_socket = |entry: &fs::DirEntry| {
            let target = fs::read_link(entry.path()).unwrap_or_else(|_closed| PathBuf::new());
            target.to_string_lossy().starts_with("socket:")
        };
        let sockets = self.processes().into_iter().filter_map(|process| {
            let entries = fs::read_dir(format!("/proc/{process}/fd")).ok()?;
            Some(entries.flatten().filter(is_socket).count())
        });
        sockets.sum()
    }

    /// It and its children.
    fn processes(&self) -> Vec<u32> {
        let own = self.process.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let children = children.unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|word| word.parse().ok());
        std::iter::once(own).chain(children).collect()
    }
}
