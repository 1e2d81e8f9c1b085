//! Processes under test and their peers, ended by their own handle.

use std::{
    ffi::OsStr,
    fmt,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::wait;

/// The `weir` binary under test: the one `WEIR_BINARY` names, or the one built beside this test.
///
/// # Panics
/// When it has not been built.
pub fn weir_binary() -> PathBuf {
    let binary = std::env::var_os("WEIR_BINARY").map_or_else(beside_the_test, PathBuf::from);
    assert!(
        binary.is_file(),
        "{} is missing: build it first",
        binary.display()
    );
    binary
}

fn beside_the_test() -> PathBuf {
    built().join("weir")
}

/// Where cargo puts the programs that it builds as it has built this one.
pub(crate) fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().expect("a program lies in a folder");
    // Tests lie one folder deeper than programs.
    match folder.parent() {
        Some(profile) if folder.ends_with("deps") => profile.to_owned(),
        Some(_) | None => folder.to_owned(),
    }
}

/// A running process whose output is collected line by line. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    name: String,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// All it printed on both streams.
    pub output: String,
}

impl Process {
    /// Starts `weir` with `arguments`.
    pub fn weir<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(weir_binary());
        command.args(arguments);
        Self::start(command)
    }

    /// Starts `command` with its output collected and no input.
    ///
    /// # Panics
    /// When the program is missing: a test without its peer fails.
    pub fn start(mut command: Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        collect(
            child.stdout.take().expect("stdout is piped"),
            Arc::clone(&lines),
        );
        collect(
            child.stderr.take().expect("stderr is piped"),
            Arc::clone(&lines),
        );
        Self { child, lines, name }
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All printed so far.
    pub fn output(&self) -> String {
        self.lines.lock().expect("no reader panics").join("\n")
    }

    /// Waits for a line that holds `text` and returns it.
    ///
    /// # Panics
    /// With all that was printed, when `within` is over.
    pub fn line_with(&self, text: &str, within: Duration) -> String {
        let found = || {
            let lines = self.lines.lock().expect("no reader panics");
            lines.iter().find(|line| line.contains(text)).cloned()
        };
        // What it said is told as it is when the deadline passes.
        let what = fmt::from_fn(|f| {
            write!(
                f,
                "{text:?} from {}; it said:\n{}",
                self.name,
                self.output()
            )
        });
        wait::until(what, within, found)
    }

    /// Sends `signal` ("TERM", "INT", "HUP", "KILL") to this process alone.
    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "cannot signal {}",
            self.name
        );
    }

    /// Ends the process with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
    }

    /// Waits for the process to end by itself.
    pub fn ended(mut self, within: Duration) -> Ended {
        let name = self.name.clone();
        let status = wait::until(format!("the end of {name}"), within, || {
            self.child.try_wait().expect("the child is ours")
        });
        // The readers end at end of file, which the exit has caused; their last lines may lag.
        let output = wait::until("the last output", Duration::from_secs(5), || {
            (Arc::strong_count(&self.lines) == 1).then(|| self.output())
        });
        Ended { status, output }
    }

    /// True while the process runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended is as good as killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(stream: impl Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.lock().expect("no reader panics").push(line);
        }
    });
}

/// Bytes of memory of a process that are no file's.
pub fn anonymous_bytes(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"));
    let text = text.expect("the process runs");
    let line = text.lines().find(|line| line.starts_with("Anonymous:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
    let kibibytes = kibibytes.and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("the kernel tells it in KiB") << 10
}

/// Runs `weir` to its end.
pub fn weir<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, within: Duration) -> Ended {
    Process::weir(arguments).ended(within)
}

/// Runs a peer program to its end and returns what it printed.
///
/// # Panics
/// When the program is missing or fails.
pub fn peer(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} failed: {text}{errors}"
    );
    text
}
