//! The buffer between those who serve and the one who writes, and the thread that writes.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing::warn;

use super::counters::CounterCells;

/// Bytes that wait to be written: 3,000 lines, and as many are being written meanwhile.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// A buffer of so many bytes is taken away before its time.
const WAKE_BYTES: usize = BUFFER_BYTES_MAX / 2;

/// Longest time a line waits to be written.
const INTERVAL: Duration = Duration::from_secs(1);

/// Longest wait for the last lines when the log ends.
const CLOSE_WAIT: Duration = Duration::from_millis(500);

/// Takes lines, and has them written.
#[derive(Debug)]
pub(super) struct Sink {
    state: Mutex<State>,
    /// For the writer: there is much to write, or nothing more will come.
    filled: Condvar,
    /// For those who wait: something has been written.
    written: Condvar,
    counters: CounterCells,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    lines_count: u64,
    is_closed: bool,
    is_hurried: bool,
    /// Lines taken in, and lines dealt with, since the start.
    lines_in: u64,
    lines_out: u64,
}

impl Sink {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        let sink = Arc::new(Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            counters: CounterCells::default(),
        });
        let writer = Arc::clone(&sink);
        let builder = thread::Builder::new().name("weir-access-log".to_owned());
        builder.spawn(move || writer.run(output))?;
        Ok(sink)
    }

    pub(super) const fn counters(&self) -> &CounterCells {
        &self.counters
    }

    /// Takes one line in, with its line feed. Never waits for the disk.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        let bytes = state.lines.len() + line.len();
        if bytes > BUFFER_BYTES_MAX {
            drop(state);
            self.counters.lines_dropped.add(1);
            return;
        }
        let is_filled = state.lines.len() < WAKE_BYTES && bytes >= WAKE_BYTES;
        state.lines.extend_from_slice(line);
        state.lines_count += 1;
        state.lines_in += 1;
        drop(state);
        if is_filled {
            self.filled.notify_one();
        }
    }

    /// Waits until all lines taken in by now are dealt with, no longer than `within`. Returns false
    /// if they are not.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let mut state = self.lock();
        state.is_hurried = true;
        let lines_in = state.lines_in;
        self.filled.notify_one();
        let waited = self
            .written
            .wait_timeout_while(state, within, |state| state.lines_out < lines_in);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.lines_out >= lines_in
    }

    /// Has the thread end once all is written, and waits for a moment.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        if !self.flush(CLOSE_WAIT) {
            warn!("the last lines of the access log could not be written in {CLOSE_WAIT:?}");
        }
    }

    fn run(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        let mut is_refused = false;
        loop {
            let (count, is_last) = self.take(&mut lines);
            if count > 0 {
                let outcome = output.write_all(&lines).and_then(|()| output.flush());
                self.tell(&outcome, count, is_refused);
                is_refused = outcome.is_err();
                self.lock().lines_out += count;
                self.written.notify_all();
            }
            if is_last {
                return;
            }
        }
    }

    /// Counts so many lines, and warns of the first failure in a row.
    fn tell(&self, outcome: &io::Result<()>, count: u64, is_told: bool) {
        match outcome {
            Ok(()) => self.counters.lines_written.add(count),
            Err(error) => {
                self.counters.lines_lost.add(count);
                if !is_told {
                    warn!(%error, "the access log cannot be written: mend `http.access_log`");
                }
            }
        }
    }

    /// Waits for lines, and takes them all. Tells how many they are, and whether they are the last.
    fn take(&self, lines: &mut Vec<u8>) -> (u64, bool) {
        let is_idle = |state: &mut State| {
            !state.is_closed && !state.is_hurried && state.lines.len() < WAKE_BYTES
        };
        let waited = self
            .filled
            .wait_timeout_while(self.lock(), INTERVAL, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_hurried = false;
        lines.clear();
        mem::swap(&mut state.lines, lines);
        (mem::take(&mut state.lines_count), state.is_closed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
