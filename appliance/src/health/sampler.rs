//! Reads counters and gauges, once a second.
//!
//! Nothing that hangs holds the rest up, or looks fresh: the disk is read by a [`DiskGauge`], and
//! while a snapshot cannot be taken at all the last one is shown with its age, by every surface.

use std::{path::PathBuf, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval_at},
};
use weir_cache::Store;
use weir_hal::{Clock, CpuTime, Disk, DiskUsage, Monotonic, Nic, Sensors};

use crate::{
    fetch::{
        Pull,
        prewarm::{self, Prewarmer},
        purge::{self, Purger},
        tiers::Tiers,
    },
    health::{
        Alarms, CertificateEnd, ChannelSnapshot, DiskSnapshot, Events, Snapshot,
        disk_gauge::DiskGauge, last_minute::LastMinute, recording, table::Told,
    },
    live::Live,
    page::History,
    recorder::Recorder,
    serve::{CounterCells, access_log::AccessLog, coding::Coder, tls::Tls},
    snmp::Tally,
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
    /// Counters of the management listener.
    pub management: Arc<CounterCells>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Processor load.
    pub sensors: Arc<dyn Sensors>,
    /// Fill of the disk.
    pub disk: Arc<dyn Disk>,
    /// Where the cache is.
    pub cache_path: PathBuf,
    /// Who purges, if anybody does.
    pub purger: Option<Arc<Purger>>,
    /// Who prewarms, if anybody does.
    pub prewarmer: Option<Arc<Prewarmer>>,
    /// The access log, if there is one.
    pub log: Option<Arc<AccessLog>>,
    /// What compresses playlists.
    pub coder: Arc<Coder>,
    /// The origins.
    pub tiers: Arc<Tiers>,
    /// The routes, if there are any.
    pub pull: Option<Pull>,
    /// Who shows certificates to clients, if anybody does.
    pub tls: Option<Arc<Tls>>,
    /// What the SNMP agent counts, if there is one.
    pub snmp: Option<Arc<Tally>>,
    /// Who judges what was read.
    pub alarms: Arc<Alarms>,
    /// Who keeps it for a day, if anybody does.
    pub recorder: Option<Arc<Recorder>>,
}

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
}

/// The last snapshot, and what its age is told by.
#[derive(Debug)]
struct Shown {
    latest: Arc<ArcSwap<Snapshot>>,
    clock: Arc<dyn Clock>,
    started: Monotonic,
}

impl Sampler {
    /// Takes a first snapshot, whose processor load is that since boot. May block on a slow disk.
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
        };
        let usage = sampler.watched.disk.usage(&sampler.watched.cache_path);
        sampler.take(usage.ok());
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
        let watched = &self.watched;
        let mut gauge = DiskGauge::new(Arc::clone(&watched.disk), watched.cache_path.clone());
        let shown = self.shown();
        loop {
            let usage = tokio::select! {
                () = &mut shutdown => return,
                usage = async {
                    ticks.tick().await;
                    gauge.usage().await
                } => usage,
            };
            let mut taking = spawn_blocking(move || {
                self.take(usage);
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
        let now = self.watched.clock.monotonic();
        let cpu_time = self.watched.sensors.cpu_time().ok();
        let mut snapshot = self.read(usage, cpu_time, now);
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

    /// Reads all that is watched, but for what follows from snapshots before.
    fn read(
        &self,
        usage: Option<DiskUsage>,
        cpu_time: Option<CpuTime>,
        now: Monotonic,
    ) -> Snapshot {
        let watched = &self.watched;
        let http = watched.http.read();
        let channels = watched.live.channels();
        let cache_disk = DiskSnapshot {
            path: watched.cache_path.clone(),
            purpose: "cache",
            usage,
        };
        let last = self.latest.load();
        let uptime = now.since(self.started);
        let nics = watched.sensors.nics().unwrap_or_default();
        Snapshot {
            sequence: last.sequence + 1,
            taken: watched.clock.wall(),
            uptime,
            age: Duration::ZERO,
            channels: channels.iter().map(|it| ChannelSnapshot::of(it)).collect(),
            output_bitrate_bps: bits_per_second(
                http.bytes_sent.saturating_sub(self.last.bytes_sent),
                now.since(self.last.at),
            ),
            cpu_usage_percent: cpu_time.map(|it| it.busy_percent_since(self.last.cpu_time)),
            load_averages: watched.sensors.load_averages().ok(),
            memory: watched.sensors.memory().ok(),
            disk_usage_percent: cache_disk.usage.and_then(usage_percent),
            clock_discipline: watched.sensors.clock_discipline().ok(),
            certificate: watched.tls.as_ref().and_then(|tls| first_end(tls)),
            http,
            management: watched.management.read(),
            store: watched.store.counters(),
            purge: watched
                .purger
                .as_ref()
                .map_or_else(purge::Counters::default, |it| it.counters()),
            prewarm: watched
                .prewarmer
                .as_ref()
                .map_or_else(prewarm::Counters::default, |it| it.counters()),
            prefetch: watched
                .pull
                .as_ref()
                .map(Pull::prefetched)
                .unwrap_or_default(),
            coding: watched.coder.counters(),
            access_log: watched.log.as_ref().map(|it| it.counters()),
            recorder: watched
                .recorder
                .as_ref()
                .map(|it| it.counters())
                .unwrap_or_default(),
            origins: watched.tiers.report(),
            routes: watched.pull.as_ref().map(Pull::report).unwrap_or_default(),
            store_offline: watched.store.offline().cloned(),
            disks: vec![cache_disk],
            nics_changed: changed(&nics, uptime, &last),
            nics,
            machine_uptime: watched.sensors.uptime().ok(),
            thermometers: watched.sensors.thermometers().unwrap_or_default(),
            snmp: watched.snmp.as_ref().map(|it| it.read()),
            alarms: Arc::default(),
            events: self.events.counters(),
            told: Told::default(),
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

/// When each of `nics` came to be as it is now, by the uptime: now, if it was not so in `last`.
fn changed(nics: &[Nic], uptime: Duration, last: &Snapshot) -> Vec<Duration> {
    let since = |nic: &Nic| {
        let mut before = last.nics.iter().zip(&last.nics_changed);
        let before = before.find(|(it, _)| it.name == nic.name);
        let same = before.filter(|(it, _)| it.operational_status == nic.operational_status);
        same.map_or(uptime, |(_, changed)| *changed)
    };
    nics.iter().map(since).collect()
}

/// The end of the certificate that ends first.
fn first_end(tls: &Tls) -> Option<CertificateEnd> {
    let certificates = tls.certificates();
    let ends = certificates.pairs().iter().filter_map(|pair| {
        let (name, not_after) = (pair.name.clone(), pair.not_after?);
        Some(CertificateEnd { name, not_after })
    });
    ends.min_by_key(|end| end.not_after)
}

fn bits_per_second(bytes: u64, time: Duration) -> u64 {
    let bits = u128::from(bytes) * 8;
    match time.as_micros() {
        0 => 0,
        micros => u64::try_from(bits * 1_000_000 / micros).unwrap_or(u64::MAX),
    }
}

fn usage_percent(usage: DiskUsage) -> Option<f64> {
    if usage.bytes_total == 0 {
        return None;
    }
    let used = usage.bytes_total.saturating_sub(usage.bytes_free);
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no 53 bits")]
    let share = used as f64 / usage.bytes_total as f64;
    Some(share * 100.0)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc::Receiver};

    use bytes::Bytes;
    use serde_json::{Value, json};
    use weir_cache::{Class, Config, Key};
    use weir_hal::{
        ClockDiscipline, Memory, OperationalStatus, Thermometer,
        sim::{Call, Fault, Simulation},
    };

    use super::*;
    use crate::fetch::{Identity, exchange::Client};
    use crate::{
        alarm::{self, Rules},
        health::{AlarmSettings, Status, json::api_health},
    };

    fn watched(machine: &Simulation) -> Watched {
        let board = machine.board();
        let config = Config {
            path: "/cache".into(),
            bytes_max: 64 << 20,
            memory_bytes_max: 16 << 20,
            ..Config::default()
        };
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let client = Client::new(board.network, Arc::new(Identity::new("box")));
        let tiers = Tiers::new(client, &[], &*disk).expect("no origin, no certificates");
        Watched {
            live: Arc::default(),
            tiers: Arc::new(tiers),
            store: Store::open(disk, clock, &config).expect("a flawless disk"),
            http: Arc::default(),
            management: Arc::default(),
            clock: board.clock,
            sensors: board.sensors,
            disk: board.disk,
            cache_path: config.path,
            purger: None,
            prewarmer: None,
            pull: None,
            log: None,
            coder: Arc::default(),
            tls: None,
            snmp: None,
            alarms: alarms(&machine.board().disk),
            recorder: None,
        }
    }

    fn alarms(disk: &Arc<dyn Disk>) -> Arc<Alarms> {
        let settings = AlarmSettings {
            engine: alarm::Settings {
                rules: Rules::default(),
                boot_inhibit: Duration::ZERO,
            },
            allowed: Vec::new(),
            state: "/cache.alarms".into(),
        };
        Arc::new(Alarms::open(settings, Arc::clone(disk)))
    }

    /// Gauges that answer once and then hang until the test ends.
    #[derive(Debug)]
    struct Hanging(Mutex<Receiver<()>>);

    impl Sensors for Hanging {
        fn cpu_time(&self) -> Result<CpuTime, weir_hal::Error> {
            // The first word lets the first reading through; the sender's end lets go the rest.
            let word = self.0.lock().expect("nobody panics").recv();
            Ok(word.map(|()| CpuTime::default()).unwrap_or_default())
        }

        fn load_averages(&self) -> Result<[f64; 3], weir_hal::Error> {
            Ok([0.0; 3])
        }

        fn memory(&self) -> Result<Memory, weir_hal::Error> {
            Ok(Memory::default())
        }

        fn nics(&self) -> Result<Vec<Nic>, weir_hal::Error> {
            Ok(Vec::new())
        }

        fn clock_discipline(&self) -> Result<ClockDiscipline, weir_hal::Error> {
            Ok(ClockDiscipline::default())
        }

        fn uptime(&self) -> Result<Duration, weir_hal::Error> {
            Ok(Duration::ZERO)
        }

        fn thermometers(&self) -> Result<Vec<Thermometer>, weir_hal::Error> {
            Ok(Vec::new())
        }

        fn kernel_messages(&self, _bytes_max: usize) -> Result<String, weir_hal::Error> {
            Ok(String::new())
        }
    }

    #[tokio::test]
    async fn ends_at_shutdown_even_while_a_reading_hangs() {
        let (answer, answers) = std::sync::mpsc::sync_channel(1);
        answer.send(()).expect("room for one word");
        let mut watched = watched(&Simulation::new(1));
        watched.sensors = Arc::new(Hanging(Mutex::new(answers)));
        let sampler = Sampler::new(watched);
        let shutdown = tokio::time::sleep(INTERVAL * 3 / 2);
        let ended = tokio::time::timeout(Duration::from_secs(20), sampler.run(shutdown)).await;
        drop(answer);
        assert!(ended.is_ok(), "the sampler waits for the reading");
    }

    /// A sampler of `machine` that runs, and where its snapshots are. It ends with the runtime.
    fn running(watched: Watched) -> Arc<ArcSwap<Snapshot>> {
        let sampler = Sampler::new(watched);
        let latest = sampler.latest();
        drop(tokio::spawn(sampler.run(std::future::pending())));
        latest
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_cannot_be_taken_anew_tells_its_age_and_fails_in_time() {
        let (answer, answers) = std::sync::mpsc::sync_channel(1);
        answer.send(()).expect("room for one word");
        let machine = Simulation::new(1);
        let mut watched = watched(&machine);
        watched.sensors = Arc::new(Hanging(Mutex::new(answers)));
        let latest = running(watched);
        let mut told = Vec::new();
        for _ in 0..14 {
            machine.clock.advance(INTERVAL);
            tokio::time::advance(INTERVAL).await;
            tokio::task::yield_now().await;
            let snapshot = latest.load();
            told.push((snapshot.status(), snapshot.age_trouble().is_some()));
        }
        drop(answer);
        assert_eq!(told.first(), Some(&(Status::Ok, false)));
        assert!(told.contains(&(Status::Ok, true)), "{told:?}");
        assert_eq!(told.last(), Some(&(Status::Failed, true)));
        assert!(told.is_sorted_by_key(|(status, is_old)| (*is_old, *status == Status::Failed)));
    }

    #[tokio::test]
    async fn a_disk_that_hangs_is_unknown_and_all_else_is_measured() {
        let machine = Simulation::new(1);
        let latest = running(watched(&machine));
        assert!(latest.load().disk_usage_percent.is_some());
        machine.disk.hang();
        machine.clock.advance(INTERVAL);
        let is_unknown = async {
            while latest.load().disk_usage_percent.is_some() {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), is_unknown).await;
        machine.disk.resume();
        assert!(waited.is_ok(), "the disk is still told of");
        let snapshot = latest.load();
        assert_eq!((snapshot.uptime, snapshot.age), (INTERVAL, Duration::ZERO));
    }

    #[test]
    fn rates_are_taken_over_the_time_between_two_snapshots() {
        let machine = Simulation::new(1);
        let watched = watched(&machine);
        let http = Arc::clone(&watched.http);
        machine.sensors.set_cpu_time(CpuTime {
            busy: 50,
            total: 100,
        });
        let mut sampler = Sampler::new(watched);
        let first = sampler.latest().load_full();
        assert_eq!(first.cpu_usage_percent, Some(50.0));
        machine.clock.advance(Duration::from_secs(2));
        machine.sensors.set_cpu_time(CpuTime {
            busy: 75,
            total: 200,
        });
        http.bytes_sent.add(500_000);
        let usage = DiskUsage {
            bytes_total: 1_000,
            bytes_free: 400,
        };
        sampler.take(Some(usage));
        let second = sampler.latest().load_full();
        assert_eq!(second.output_bitrate_bps, 2_000_000);
        assert_eq!(second.cpu_usage_percent, Some(25.0));
        assert_eq!(second.uptime, Duration::from_secs(2));
        assert_eq!(second.disk_usage_percent, Some(60.0));
    }

    /// Puts objects in a store whose device fails until it is given up.
    fn break_down(store: &Store) {
        for _ in 0..1_000 {
            let key = Key::new("/x").expect("a fit key");
            let writer = store.begin(&key, Class::Live, Bytes::new());
            drop(
                writer
                    .and_then(weir_cache::Writer::commit)
                    .expect("room in memory"),
            );
            store.flush(Duration::from_secs(10));
            if store.offline().is_some() {
                return;
            }
        }
        panic!("the device is never given up");
    }

    #[test]
    fn a_device_of_the_cache_that_is_given_up_is_told_with_its_failure() {
        let machine = Simulation::new(1);
        let watched = watched(&machine);
        let store = watched.store.clone();
        let mut sampler = Sampler::new(watched);
        let health = |sampler: &Sampler| -> Value {
            let body = api_health("edge-1", &sampler.latest().load());
            serde_json::from_slice(&body).expect("JSON")
        };
        assert_eq!(health(&sampler)["status"], "ok");
        machine.disk.inject(Call::Write, Fault::ForEver(1));
        break_down(&store);
        sampler.take(None);
        let told = health(&sampler);
        assert_eq!(told["status"], "degraded");
        assert_eq!(told["cache"]["is_offline"], json!(1));
        let reason = told["reason"].as_str().expect("text");
        for part in [
            "cannot write /cache/store at byte ",
            "Input/output error",
            "replace",
        ] {
            assert!(reason.contains(part), "no {part:?} in {reason}");
        }
    }

    #[test]
    fn an_interface_is_as_it_is_since_it_was_last_otherwise() {
        let machine = Simulation::new(1);
        let mut sampler = Sampler::new(watched(&machine));
        let mut nic = Nic {
            name: "eth0".to_owned(),
            ..Nic::default()
        };
        for (status, due_s) in [
            (OperationalStatus::Up, 2),
            (OperationalStatus::Up, 2),
            (OperationalStatus::Down, 6),
            (OperationalStatus::Down, 6),
        ] {
            nic.operational_status = status;
            machine.sensors.set_nics(vec![nic.clone()]);
            machine.clock.advance(Duration::from_secs(2));
            sampler.take(None);
            let changed = &sampler.latest().load().nics_changed;
            assert_eq!(changed, &[Duration::from_secs(due_s)]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let machine = Simulation::new(1);
        let mut watched = watched(&machine);
        watched.cache_path = "/nowhere".into();
        machine.sensors.break_cpu_time();
        let snapshot = Sampler::new(watched).latest().load_full();
        assert_eq!(snapshot.cpu_usage_percent, None);
        assert_eq!(snapshot.disk_usage_percent, None);
    }
}
