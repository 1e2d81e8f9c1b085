//! Reads counters and gauges, once a second.
//!
//! Nothing that hangs holds the rest up, or looks fresh: what may hang is read by [`Gauges`], and
//! while a snapshot cannot be taken at all the last one is shown with its age, by every surface.

mod gauges;
mod interfaces;
#[cfg(test)]
mod tests;
mod watched;

use std::{pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval_at},
};
use weir_hal::{Clock, CpuTime, DiskUsage, Monotonic};

use crate::{
    health::{
        Events, Snapshot,
        last_minute::LastMinute,
        recording,
        sampler::{
            gauges::{Gauged, Gauges},
            interfaces::Interfaces,
        },
    },
    page::History,
};

pub use watched::Watched;

/// Time between two snapshots.
const INTERVAL: Duration = Duration::from_secs(1);

/// The readings that rates are the difference of.
#[derive(Debug, Clone, Copy)]
struct Totals {
    at: Monotonic,
    bytes_sent: u64,
    cpu_time: CpuTime,
}

/// Takes snapshots and keeps the last where everyone can read it.
#[derive(Debug)]
pub struct Sampler {
    watched: Watched,
    latest: Arc<ArcSwap<Snapshot>>,
    events: Arc<Events>,
    history: Arc<History>,
    started: Monotonic,
    last: Totals,
    last_minute: LastMinute,
    interfaces: Interfaces,
}

/// The last snapshot, and what its age is told by.
#[derive(Debug)]
struct Shown {
    latest: Arc<ArcSwap<Snapshot>>,
    clock: Arc<dyn Clock>,
    started: Monotonic,
}

impl Sampler {
    /// Takes a first snapshot, whose processor load is that since boot, and which has no
    /// thermometers and slots: a bus that hangs must not keep the appliance from starting. May
    /// block on a slow disk.
    pub fn new(watched: Watched) -> Self {
        let now = watched.clock.monotonic();
        let mut sampler = Self {
            events: Arc::new(Events::new(watched.clock.wall())),
            watched,
            latest: Arc::default(),
            history: Arc::default(),
            started: now,
            last: Totals {
                at: now,
                bytes_sent: 0,
                cpu_time: CpuTime::default(),
            },
            last_minute: LastMinute::default(),
            interfaces: Interfaces::default(),
        };
        let watched = &sampler.watched;
        let gauged = Gauged {
            usage: watched.disk.usage(&watched.cache_path).ok(),
            nics: watched.sensors.nics().unwrap_or_default(),
            thermometers: Vec::new(),
            slots: None,
        };
        sampler.take_beside(gauged);
        sampler
    }

    /// Where the last snapshot is, which tells its age if it is older than a second or two while
    /// [`Sampler::run`] runs.
    pub fn latest(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.latest)
    }

    /// What each snapshot brings, as it is taken.
    pub fn events(&self) -> Arc<Events> {
        Arc::clone(&self.events)
    }

    /// What the last day was like, as far as it was seen.
    pub fn history(&self) -> Arc<History> {
        Arc::clone(&self.history)
    }

    /// Takes a snapshot every second until `shutdown` completes. Then all streams of events end.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let events = self.events();
        self.sample(shutdown).await;
        events.end();
    }

    async fn sample(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = pin!(shutdown);
        let mut gauges = Gauges::new(&self.watched);
        let shown = self.shown();
        loop {
            let read = tokio::select! {
                () = &mut shutdown => return,
                read = async {
                    ticks.tick().await;
                    gauges.read().await
                } => read,
            };
            let mut taking = spawn_blocking(move || {
                self.take_beside(read);
                self
            });
            // A machine that hangs must not keep the appliance from ending.
            self = loop {
                tokio::select! {
                    biased;
                    () = &mut shutdown => return,
                    taken = &mut taking => break taken.expect("a sampler does not panic"),
                    _ = ticks.tick() => shown.grow_old(),
                }
            };
        }
    }

    fn shown(&self) -> Shown {
        Shown {
            latest: self.latest(),
            clock: Arc::clone(&self.watched.clock),
            started: self.started,
        }
    }

    /// Takes one snapshot, of a file system that is filled so. May block on a slow machine.
    pub fn take(&mut self, usage: Option<DiskUsage>) {
        let sensors = &self.watched.sensors;
        let gauged = Gauged {
            usage,
            nics: sensors.nics().unwrap_or_default(),
            thermometers: sensors.thermometers().unwrap_or_default(),
            slots: self.watched.slots.slots().unwrap_or_default(),
        };
        self.take_beside(gauged);
    }

    /// Takes one snapshot beside what was `gauged`.
    fn take_beside(&mut self, gauged: Gauged) {
        let now = self.watched.clock.monotonic();
        let cpu_time = self.watched.sensors.cpu_time().ok();
        let read = self.watched.read(gauged);
        let mut snapshot = self.compared(read, cpu_time, now);
        self.last_minute.fill(&mut snapshot.channels, now);
        snapshot.alarms = Arc::new(self.watched.alarms.look(&snapshot));
        let sample = recording::sample(&snapshot);
        self.history.take(&sample);
        if let Some(recorder) = &self.watched.recorder {
            recorder.take(sample);
        }
        self.last = Totals {
            at: now,
            bytes_sent: snapshot.http.bytes_sent,
            cpu_time: cpu_time.unwrap_or(self.last.cpu_time),
        };
        let snapshot = Arc::new(snapshot);
        self.latest.store(Arc::clone(&snapshot));
        self.events.publish(&snapshot);
    }

    /// What was read at `now`, and how it differs from what was read last.
    fn compared(&mut self, read: Snapshot, cpu_time: Option<CpuTime>, now: Monotonic) -> Snapshot {
        let uptime = now.since(self.started);
        let (nics_changed, nics_unicast) = self.interfaces.take(&read.nics, uptime);
        Snapshot {
            sequence: self.latest.load().sequence + 1,
            uptime,
            output_bitrate_bps: bits_per_second(
                read.http.bytes_sent.saturating_sub(self.last.bytes_sent),
                now.since(self.last.at),
            ),
            cpu_usage_percent: cpu_time.map(|it| it.busy_percent_since(self.last.cpu_time)),
            nics_changed,
            nics_unicast,
            events: self.events.counters(),
            ..read
        }
    }
}

impl Shown {
    /// Shows the last snapshot with the age that it has now.
    fn grow_old(&self) {
        let last = self.latest.load();
        let age = self.clock.monotonic().since(self.started + last.uptime);
        self.latest.store(Arc::new(Snapshot {
            age,
            ..Snapshot::clone(&last)
        }));
    }
}

fn bits_per_second(bytes: u64, time: Duration) -> u64 {
    let bits = u128::from(bytes) * 8;
    match time.as_micros() {
        0 => 0,
        micros => u64::try_from(bits * 1_000_000 / micros).unwrap_or(u64::MAX),
    }
}
