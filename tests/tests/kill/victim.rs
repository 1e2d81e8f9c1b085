//! The process that is killed.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use weir_hal::{Clock, linux, sim::Generator};

use crate::history::History;

/// Bytes of a store with room for all that is put in several rounds.
pub(crate) const ROOMY_BYTES: u64 = 256 << 20;
/// Bytes of a store that holds little more than one version of each object.
const CROWDED_BYTES: u64 = 12 << 20;
/// How long after its start a process lives at most.
const LIFE_MS_MAX: u64 = 150;

/// A store to be tested.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// For how many processes there is room without an eviction.
    pub(crate) rounds_of_room: Option<u64>,
}

impl Site {
    pub(crate) fn roomy(path: &Path) -> Self {
        Self {
            path: path.into(),
            bytes: ROOMY_BYTES,
            rounds_of_room: Some(4),
        }
    }

    pub(crate) fn crowded(path: &Path) -> Self {
        Self {
            path: path.into(),
            bytes: CROWDED_BYTES,
            rounds_of_room: None,
        }
    }
}

/// Starts a process, kills it, and notes all that it told.
pub(crate) fn kill_once(
    site: &Site,
    random: &mut Generator,
    (round, is_new): (u64, bool),
    history: &mut History,
) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store-writer"));
    command.arg(&site.path).arg(site.bytes.to_string());
    command
        .arg(random.draw().to_string())
        .arg((round << 32).to_string());
    command.args(is_new.then_some("--format"));
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let first = lines.next().map(Result::unwrap);
    assert_eq!(first.as_deref(), Some("ready"), "round {round}");
    // All that it told arrives, even after its death.
    let told = thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    let clock = linux::Clock::new();
    let life = Duration::from_millis(random.below(LIFE_MS_MAX));
    clock.sleep_until(clock.monotonic() + life);
    // On Unix this is SIGKILL.
    process.kill().unwrap();
    process.wait().unwrap();
    for line in told.join().unwrap() {
        history.note(&line);
    }
}
