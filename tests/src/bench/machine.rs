//! Processes under load: where they run, and what the kernel says they took.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use weir_hal::{Access, Clock as _, Disk as _, linux};

use super::Outcome;

/// Which of two cores.
#[derive(Debug, Clone, Copy)]
pub enum Core {
    /// For the servers.
    Server = 0,
    /// For the load and the origin.
    Load = 1,
}

impl Core {
    fn number(self) -> String {
        (self as usize).to_string()
    }
}

/// A server that was started, with all processes below it. Dropping it ends them.
#[derive(Debug)]
pub struct Server {
    /// What it is called in tables.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What paths there begin with.
    pub prefix: &'static str,
    child: Child,
}

impl Server {
    /// Starts `command` on the core for servers. What it prints goes to `out` and `err` in `own`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, address: SocketAddr, own: &Path, command: &[&str]) -> Outcome<Self> {
        let child = Command::new("taskset")
            .args(["-c", &Core::Server.number()])
            .args(command)
            .stdin(Stdio::null())
            .stdout(log(own, "out")?)
            .stderr(log(own, "err")?)
            .spawn()?;
        Ok(Self {
            name: name.to_owned(),
            address,
            prefix: "",
            child,
        })
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// When it ends, or takes none within 30 s.
    pub fn answering(mut self) -> Outcome<Self> {
        for _ in 0..300 {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(self);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("it ended: {status}").into());
            }
            pause(Duration::from_millis(100));
        }
        Err("it takes no connections".into())
    }

    /// CPU time of all its threads so far. Those that have ended are not in it.
    pub fn cpu_seconds(&self) -> f64 {
        let mut nanoseconds = 0;
        for process in self.processes() {
            let tasks = format!("/proc/{process}/task");
            for task in names(&tasks) {
                let text = text(&format!("{tasks}/{task}/schedstat"));
                let first = text.split(' ').next().and_then(|word| word.parse().ok());
                nanoseconds += first.unwrap_or(0_u64);
            }
        }
        Duration::from_nanos(nanoseconds).as_secs_f64()
    }

    /// Memory of all its processes that is theirs alone, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let processes = self.processes().into_iter();
        let kilobytes = processes.map(|process| {
            let text = text(&format!("/proc/{process}/status"));
            let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let word = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            word.unwrap_or(0_u64)
        });
        kilobytes.sum::<u64>() << 10
    }

    /// It and its descendants.
    fn processes(&self) -> Vec<u32> {
        let mut parents = Vec::new();
        for name in names("/proc") {
            let Ok(process) = name.parse::<u32>() else {
                continue;
            };
            let text = text(&format!("/proc/{process}/stat"));
            let fields = text.rsplit(')').next().unwrap_or_default();
            let parent = fields.split_whitespace().nth(1);
            parents.extend(parent.and_then(|word| Some((process, word.parse::<u32>().ok()?))));
        }
        let mut all = vec![self.child.id()];
        let mut next = 0;
        while let Some(parent) = all.get(next).copied() {
            let children = parents.iter().filter(|(_, other)| *other == parent);
            all.extend(children.map(|(process, _)| *process));
            next += 1;
        }
        all
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let processes = self.processes();
        for process in processes.iter().rev() {
            // One that has ended already is as good.
            drop(Command::new("kill").arg(process.to_string()).output());
        }
        pause(Duration::from_millis(300));
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Keeps this process, and the threads it starts, on a core.
///
/// # Errors
/// When the machine has no such core.
pub fn stay_on(core: Core) -> Outcome {
    let process = std::process::id().to_string();
    run(Command::new("taskset").args(["-a", "-p", "-c", &core.number(), &process]))
}

/// An address of loopback on which nobody listens.
///
/// # Errors
/// When there is no port left.
pub fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?)
}

/// Makes a directory and those above it.
///
/// # Errors
/// When the disk does not take it.
pub fn make_directory(path: &Path) -> Outcome {
    Ok(linux::Disk::new().create_directory(path)?)
}

/// Writes a file anew.
///
/// # Errors
/// When the disk does not take it.
pub fn write(path: &Path, text: &str) -> Outcome {
    let file = linux::Disk::new().open(path, Access::Create)?;
    Ok(file.write_at(text.as_bytes(), 0)?)
}

fn log(own: &Path, name: &str) -> Outcome<Stdio> {
    let path = own.join(name);
    write(&path, "")?;
    let file = std::fs::OpenOptions::new().append(true).open(path)?;
    Ok(file.into())
}

/// Waits.
pub fn pause(span: Duration) {
    let clock = linux::Clock::new();
    clock.sleep_until(clock.monotonic() + span);
}

/// The load of the last minute.
pub fn load() -> String {
    let text = text("/proc/loadavg");
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Runs a program to its end.
///
/// # Errors
/// When it is missing, or fails.
pub fn run(command: &mut Command) -> Outcome {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed: {complaint}").into())
}

/// Names in a directory of the kernel's.
fn names(path: &str) -> Vec<String> {
    let list = linux::Disk::new().list(Path::new(path)).unwrap_or_default();
    let names = list
        .iter()
        .filter_map(|entry| entry.path.file_name()?.to_str());
    names.map(str::to_owned).collect()
}

/// All of a file of the kernel's; nothing if there is none.
pub fn text(path: &str) -> String {
    let read = || {
        let file = linux::Disk::new()
            .open(Path::new(path), Access::Read)
            .ok()?;
        let mut bytes = vec![0; 64 << 10];
        let filled = file.read_at(&mut bytes, 0).ok()?;
        bytes.truncate(filled);
        String::from_utf8(bytes).ok()
    };
    read().unwrap_or_default()
}
