//! The streams of one connection of HTTP/2: each a task, all under one watch.
//!
//! What a client may do to a stream without ending it costs nothing on the connection, so the
//! guard against slow readers there does not see it: open streams and give them no window, or take
//! a request back as soon as it is made, again and again. Here every stream is looked at every 5 s
//! by the same rule ([`Pace`]), and requests that are taken back are budgeted.
//!
//! Source: RFC 9113 §5.1.2, §5.2, §10.5; CVE-2023-44487 (rapid reset).

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use hyper::rt::Executor;
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep},
};

use super::parcel::Progress;
use crate::serve::{
    CounterCells,
    stall::{Pace, Patience},
};

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Requests that a client may take back at once: a viewer who drags the slider through a film.
const RESETS_MAX: u32 = 200;

/// Of these, those it regains with each look: ten a second, for as long as it likes.
const RESETS_REGAINED: u32 = 50;

/// How long a client may take to leave once it was told that the connection ends.
const GOODBYE_WAIT: Duration = Duration::from_secs(5);

/// Entries from which on those of streams that have ended are looked for before the next look.
const ENTRIES_SWEPT: usize = 256;

tokio::task_local! {
    /// The progress of the stream whose task this is.
    static PROGRESS: Arc<Progress>;
}

/// The progress of the stream that the caller answers.
pub(super) fn progress() -> Arc<Progress> {
    PROGRESS.with(Arc::clone)
}

/// What a look found wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody has asked for anything for long: it may be told to leave.
    Idle,
    /// It was told to leave, and nothing is left to wait for.
    Gone,
    /// The client holds bytes up that nothing but the end of the connection gets rid of.
    Stalled,
    /// The client takes back too many requests.
    Resetting,
}

/// The streams of one connection; also what hyper spawns them by. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pace: Pace,
    idle_max: Duration,
    counters: Arc<CounterCells>,
    open: Mutex<Open>,
    has_exceeded: Notify,
}

#[derive(Debug)]
struct Open {
    tasks: JoinSet<()>,
    /// The streams that run, and those that have ended but left bytes behind in the codec. As many
    /// as the codec has streams, and what ended since the last sweep.
    entries: Vec<Entry>,
    /// Since when there are none.
    quiet_since: Instant,
    leaving_since: Option<Instant>,
    resets_left: u32,
}

#[derive(Debug)]
struct Entry {
    progress: Arc<Progress>,
    task: AbortHandle,
    patience: Patience,
    /// Whether bytes were seen to wait for the client: those before, nobody may have taken from it.
    has_waited: bool,
    /// When it was last looked at, and how much the client had taken by then.
    mark: (Instant, u64),
}

impl Entry {
    fn is_over(&self) -> bool {
        self.task.is_finished() && !self.progress.is_waiting()
    }

    /// Whether the client has let bytes wait for too long at `now`.
    fn is_stalled(&mut self, now: Instant) -> bool {
        let taken_bytes = self.progress.taken_bytes();
        let (since, taken_then) = mem::replace(&mut self.mark, (now, taken_bytes));
        if self.has_waited {
            self.patience.earn(taken_bytes - taken_then);
        }
        if !self.progress.is_waiting() {
            return false;
        }
        self.has_waited = true;
        !self.patience.spend(now - since)
    }
}

impl Streams {
    /// No streams yet. A client must keep `pace` on each, and may be without a stream for
    /// `idle_max`.
    pub(super) fn new(pace: Pace, idle_max: Duration, counters: Arc<CounterCells>) -> Self {
        Self(Arc::new(Shared {
            pace,
            idle_max,
            counters,
            open: Mutex::new(Open {
                tasks: JoinSet::new(),
                entries: Vec::new(),
                quiet_since: Instant::now(),
                leaving_since: None,
                resets_left: RESETS_MAX,
            }),
            has_exceeded: Notify::new(),
        }))
    }

    /// Looks until something is wrong, and ends streams that are held up meanwhile.
    pub(super) async fn watch(&self) -> Verdict {
        loop {
            tokio::select! {
                () = sleep(LOOK_INTERVAL) => {}
                () = self.0.has_exceeded.notified() => return Verdict::Resetting,
            }
            if let Some(verdict) = self.0.look(Instant::now()) {
                return verdict;
            }
        }
    }

    /// The client has been told to leave.
    pub(super) fn leave(&self) {
        self.0.lock().leaving_since = Some(Instant::now());
    }

    /// Ends every stream.
    pub(super) fn end(&self) {
        self.0.lock().tasks.abort_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, now: Instant) -> Option<Verdict> {
        let mut open = self.lock();
        open.sweep();
        open.resets_left = (open.resets_left + RESETS_REGAINED).min(RESETS_MAX);
        let mut is_stuck = false;
        for entry in &mut open.entries {
            if !entry.is_stalled(now) {
                continue;
            }
            // Without a task there is nobody left to end the stream.
            is_stuck |= entry.task.is_finished();
            entry.task.abort();
            self.counters.streams_stalled.add(1);
        }
        if is_stuck {
            return Some(Verdict::Stalled);
        }
        if !open.entries.is_empty() {
            open.quiet_since = now;
            return None;
        }
        let quiet = now - open.quiet_since;
        match open.leaving_since {
            Some(since) => (now - since >= GOODBYE_WAIT).then_some(Verdict::Gone),
            None => (quiet >= self.idle_max).then_some(Verdict::Idle),
        }
    }

    /// A stream has ended.
    fn settle(&self, progress: &Progress) {
        if progress.is_answered() {
            return;
        }
        self.counters.streams_reset.add(1);
        let mut open = self.lock();
        let left = open.resets_left.checked_sub(1);
        open.resets_left = left.unwrap_or(0);
        if left.is_none() {
            self.has_exceeded.notify_one();
        }
    }
}

impl Open {
    fn sweep(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.entries.retain(|entry| !entry.is_over());
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let progress = Arc::new(Progress::default());
        let shared = Arc::downgrade(&self.0);
        let mut open = self.0.lock();
        if open.entries.len() >= ENTRIES_SWEPT {
            open.sweep();
        }
        let task = open.tasks.spawn(run(stream, Arc::clone(&progress), shared));
        let now = Instant::now();
        open.quiet_since = now;
        open.entries.push(Entry {
            progress,
            task,
            patience: Patience::new(self.0.pace),
            has_waited: false,
            mark: (now, 0),
        });
    }
}

async fn run(stream: impl Future<Output = ()>, progress: Arc<Progress>, shared: Weak<Shared>) {
    PROGRESS.scope(Arc::clone(&progress), stream).await;
    if let Some(shared) = shared.upgrade() {
        shared.settle(&progress);
    }
}
