//! The alarms of this appliance at work: judged with each snapshot, told to the log, spoken of by
//! operators, and remembered over restarts.
//!
//! The file is written as a whole, when something has changed: five seconds behind what an operator
//! said, and less and less often while alarms change all the time (`write_pace`). What cannot be
//! read is begun anew, and that is logged.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout},
};
use tracing::{error, info, warn};
use weir_hal::{Disk, Monotonic};

use crate::{
    alarm::{
        self, Change, Counters, Engine, Event, Moment, Order, OrderError, Record, RecordError,
        Report, Rules, Severity,
    },
    causes::with_causes,
    config::AddressPrefix,
    health::{Snapshot, measures::Meter, write_pace::WritePace},
    secret::contents,
    whole_file::{make_directory, replace},
};

/// How long the last write may take when the appliance ends.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// What the alarms are told.
#[derive(Debug, Clone)]
pub struct AlarmSettings {
    /// When they are raised and cleared.
    pub engine: alarm::Settings,
    /// Who may speak for operators.
    pub allowed: Vec<AddressPrefix>,
    /// The file that remembers them.
    pub state: PathBuf,
}

/// The alarms, shared by who judges and who is asked.
#[derive(Debug)]
pub struct Alarms {
    judging: Mutex<Judging>,
    allowed: Vec<AddressPrefix>,
    state: PathBuf,
    disk: Arc<dyn Disk>,
    /// The number behind which the file goes on, once it is of this life; locked while that is
    /// written.
    written: Mutex<Option<u64>>,
    /// An operator has said something.
    ordered: Notify,
}

/// Whether the file is written for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// More may change behind it.
    Open,
    /// It is the last of this life.
    Final,
}

#[derive(Debug)]
struct Judging {
    engine: Engine,
    meter: Meter,
    /// What the engine does not count.
    refused: Counters,
}

/// Why there is no state from before.
#[derive(Debug, thiserror::Error)]
enum NoState {
    #[error("cannot read it")]
    Read(#[source] weir_hal::Error),
    #[error("it is longer than any that was written")]
    TooLong,
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Alarms {
    /// Goes on with what the file remembers; from nothing, if it cannot be read. Blocks.
    pub fn open(settings: AlarmSettings, disk: Arc<dyn Disk>) -> Self {
        let AlarmSettings {
            engine,
            allowed,
            state,
        } = settings;
        let restored = read(&*disk, &state).and_then(|record| match record {
            Some(record) => Ok(record.restore(engine.clone())?),
            None => Ok(Engine::new(engine.clone())),
        });
        let engine = restored.unwrap_or_else(|why| {
            let (path, error) = (state.display(), with_causes(&why));
            warn!(%path, error, "alarms are begun anew: what was known of them is lost");
            Engine::new(engine)
        });
        let judging = Judging {
            engine,
            meter: Meter::new(),
            refused: Counters::default(),
        };
        Self {
            judging: Mutex::new(judging),
            allowed,
            state,
            disk,
            written: Mutex::new(None),
            ordered: Notify::new(),
        }
    }

    /// Judges what `snapshot` tells, logs what has changed, and returns how all alarms are.
    pub fn look(&self, snapshot: &Snapshot) -> Report {
        let now = Moment {
            monotonic: Monotonic::ZERO + snapshot.uptime,
            wall: snapshot.taken,
        };
        let (changes, report) = {
            let mut judging = self.lock();
            let Judging { engine, meter, .. } = &mut *judging;
            let measures = meter.measures(snapshot, engine.rules());
            let changes = engine.look(now, &measures);
            (changes, judging.report())
        };
        changes.iter().for_each(log);
        report
    }

    /// Goes by other rules from the next look on.
    pub fn set_rules(&self, rules: Rules) {
        self.lock().engine.set_rules(rules);
    }

    /// Writes the file whenever it is due, until `shutdown` completes, and once more then.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn keep(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let mut pace = WritePace::new();
        // The numbers that are given out from now on are reserved at once.
        let mut due = Instant::now();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = self.ordered.notified() => {
                    due = due.min(Instant::now() + WritePace::SHORTEST);
                    continue;
                }
                () = sleep_until(due) => {}
            }
            // A disk that hangs must not keep the appliance from ending.
            let was_due = tokio::select! {
                () = &mut shutdown => break,
                was_due = self.write_newer(Ending::Open) => was_due,
            };
            pace.went(was_due);
            due = Instant::now() + pace.wait();
        }
        drop(timeout(LAST_WRITE, self.write_newer(Ending::Final)).await);
    }

    /// Writes the file if something has changed since it was written. Tells whether it had.
    pub(super) async fn write_newer(self: &Arc<Self>, ending: Ending) -> bool {
        let this = Arc::clone(self);
        let writing = spawn_blocking(move || this.write(ending));
        // It is given up where the runtime ends, and is due still.
        writing.await.unwrap_or(true)
    }

    fn write(&self, ending: Ending) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let record = {
            let judging = self.lock();
            let sequence = match ending {
                Ending::Open => Record::reserved(judging.engine.sequence()),
                Ending::Final => judging.engine.sequence(),
            };
            let is_newer = *written != Some(sequence);
            is_newer.then(|| Record::of(&judging.engine, sequence))
        };
        let Some(record) = record else { return false };
        let directory = self.state.parent();
        let made = directory.map_or(Ok(()), |it| make_directory(&*self.disk, it));
        match made.and_then(|()| replace(&*self.disk, &self.state, &record.to_bytes())) {
            Ok(_) => *written = Some(record.sequence()),
            Err(why) => self.note_failure(&why),
        }
        true
    }

    /// Counts a write that failed, and logs the first.
    fn note_failure(&self, why: &weir_hal::Error) {
        let mut judging = self.lock();
        judging.refused.writes_failed += 1;
        if judging.refused.writes_failed == 1 {
            let (path, error) = (self.state.display(), with_causes(why));
            warn!(%path, error, "alarms cannot be remembered over a restart: check `alarm.state`");
        }
    }

    /// Obeys an operator at address `by`, and logs it.
    pub(super) fn order(&self, id: u64, order: &Order, by: IpAddr) -> Result<Change, OrderError> {
        let change = self.lock().engine.order(id, order)?;
        self.ordered.notify_one();
        let state = change.event.as_str();
        info!(
            %by,
            sequence = change.sequence,
            id,
            alarm = change.kind.as_str(),
            resource = %change.resource,
            severity = change.severity.as_str(),
            state,
            "alarm {state}: {}",
            change.text
        );
        Ok(change)
    }

    /// Whether an operator may be at that address. Who may not is counted.
    pub(super) fn may_order(&self, by: IpAddr) -> bool {
        let may = self.allowed.iter().any(|allowed| allowed.contains(by));
        self.lock().refused.orders_forbidden += u64::from(!may);
        may
    }

    /// How all alarms are now, which nobody is told before the next look.
    #[cfg(test)]
    pub(super) fn report(&self) -> Report {
        self.lock().report()
    }

    fn lock(&self) -> MutexGuard<'_, Judging> {
        self.judging.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Judging {
    fn report(&self) -> Report {
        let report = self.engine.report();
        Report {
            counters: report.counters.plus(&self.refused),
            ..report
        }
    }
}

/// What the file remembers; `None` if there is none.
fn read(disk: &dyn Disk, state: &Path) -> Result<Option<Record>, NoState> {
    let bytes = match contents(disk, state, Record::BYTES_MAX as u64) {
        Ok(bytes) => bytes.ok_or(NoState::TooLong)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(NoState::Read(error)),
    };
    Ok(Some(Record::from_bytes(&bytes)?))
}

fn log(change: &Change) {
    let Change {
        sequence, id, text, ..
    } = change;
    let (alarm, state) = (change.kind.as_str(), change.event.as_str());
    let (resource, severity) = (&change.resource, change.severity.as_str());
    let is_news = matches!(change.event, Event::Raised | Event::Changed);
    match change.severity {
        Severity::Critical | Severity::Major if is_news => {
            error!(sequence, id, alarm, %resource, severity, state, "alarm {state}: {text}");
        }
        Severity::Minor | Severity::Warning if is_news => {
            warn!(sequence, id, alarm, %resource, severity, state, "alarm {state}: {text}");
        }
        Severity::Critical
        | Severity::Major
        | Severity::Minor
        | Severity::Warning
        | Severity::Cleared => {
            info!(sequence, id, alarm, %resource, severity, state, "alarm {state}: {text}");
        }
    }
}
