//! Reads counters and gauges, once a second.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval_at},
};
use weir_cache::Store;
use weir_hal::{Clock, CpuTime, Disk, Monotonic, Sensors};

use crate::{
    health::{ChannelSnapshot, Health, Snapshot},
    live::Live,
    serve::CounterCells,
};

/// Time between two snapshots.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the sampler reads.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The channels.
    pub live: Arc<Live>,
    /// The store.
    pub store: Store,
    /// Counters of the data listener.
    pub http: Arc<CounterCells>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Processor load.
    pub sensors: Arc<dyn Sensors>,
    /// Fill of the disk.
    pub disk: Arc<dyn Disk>,
    /// Where the cache is.
    pub cache_path: PathBuf,
}

/// The readings that rates are the difference of.
#[derive(Debug, Clone, Copy)]
struct Totals {
    at: Monotonic,
    bytes_sent: u64,
    cpu_time: CpuTime,
}

/// Takes snapshots.
#[derive(Debug)]
pub(super) struct Sampler {
    watched: Watched,
    started: Monotonic,
    last: Totals,
}

impl Sampler {
    /// A sampler whose first rates are taken over the time since now, and whose first processor
    /// load is that since boot.
    pub(super) fn new(watched: Watched) -> Self {
        let now = watched.clock.monotonic();
        let last = Totals {
            at: now,
            bytes_sent: watched.http.read().bytes_sent,
            cpu_time: CpuTime::default(),
        };
        Self {
            watched,
            started: now,
            last,
        }
    }

    /// Takes one snapshot. May block on a slow disk.
    pub(super) fn take(&mut self) -> Snapshot {
        let watched = &self.watched;
        let now = watched.clock.monotonic();
        let http = watched.http.read();
        let cpu_time = watched.sensors.cpu_time().ok();
        let channels = watched.live.channels();
        let snapshot = Snapshot {
            taken: watched.clock.wall(),
            uptime: now.since(self.started),
            channels: channels.iter().map(|it| ChannelSnapshot::of(it)).collect(),
            output_bitrate_bps: bits_per_second(
                http.bytes_sent.saturating_sub(self.last.bytes_sent),
                now.since(self.last.at),
            ),
            cpu_usage_percent: cpu_time.map(|it| it.busy_percent_since(self.last.cpu_time)),
            disk_usage_percent: disk_usage_percent(watched.disk.as_ref(), &watched.cache_path),
            http,
            store: watched.store.counters().into(),
        };
        self.last = Totals {
            at: now,
            bytes_sent: http.bytes_sent,
            cpu_time: cpu_time.unwrap_or(self.last.cpu_time),
        };
        snapshot
    }
}

/// Publishes a snapshot every second until `shutdown` completes.
pub(super) async fn run(
    health: &Health,
    mut sampler: Sampler,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = ticks.tick() => {}
        }
        let taken = spawn_blocking(move || {
            let snapshot = sampler.take();
            (sampler, snapshot)
        });
        let snapshot;
        (sampler, snapshot) = taken.await.expect("a sampler does not panic");
        health.publish(snapshot);
    }
}

fn bits_per_second(bytes: u64, time: Duration) -> u64 {
    let bits = u128::from(bytes) * 8;
    match time.as_micros() {
        0 => 0,
        micros => u64::try_from(bits * 1_000_000 / micros).unwrap_or(u64::MAX),
    }
}

fn disk_usage_percent(disk: &dyn Disk, path: &Path) -> Option<f64> {
    let usage = disk.usage(path).ok().filter(|it| it.bytes_total > 0)?;
    let used = usage.bytes_total.saturating_sub(usage.bytes_free);
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no 53 bits")]
    let share = used as f64 / usage.bytes_total as f64;
    Some(share * 100.0)
}
