//! Snapshots of a simulated machine, and of one that hangs.

use std::sync::{Mutex, mpsc::Receiver};

use bytes::Bytes;
use serde_json::{Value, json};
use weir_cache::{Class, Config, Key, Store};
use weir_hal::{
    ClockDiscipline, Disk, Memory, Nic, NicStatistics, OperationalStatus, Sensors, SlotName,
    SlotState, Thermometer,
    sim::{Call, Fault, Simulation},
};

use super::*;
use crate::{
    alarm::{self, Rules},
    fetch::{Identity, exchange::Client, tiers::Tiers},
    health::{AlarmSettings, Alarms, Status, json::api_health},
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
        attempts: Arc::default(),
        clock: board.clock,
        sensors: board.sensors,
        slots: board.slots,
        disk: board.disk,
        cache_path: config.path,
        purger: None,
        prewarmer: None,
        pull: None,
        log: None,
        coder: Arc::default(),
        tls: Vec::new(),
        snmp: None,
        alarms: alarms(&machine.board().disk),
        recorder: None,
        config_refused: Arc::default(),
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

/// Gauges of which one answers once and then hangs until the test ends.
#[derive(Debug)]
struct Hanging {
    gauge: Hung,
    answers: Mutex<Receiver<()>>,
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hung {
    CpuTime,
    Thermometers,
}

impl Hanging {
    /// Waits for a word if `gauge` is the one that hangs: the first word lets the first reading
    /// through, the end of the sender lets go the rest.
    fn pass(&self, gauge: Hung) {
        if self.gauge == gauge {
            let answers = self.answers.lock().expect("nobody panics");
            answers.recv().unwrap_or(());
        }
    }
}

impl Sensors for Hanging {
    fn cpu_time(&self) -> Result<CpuTime, weir_hal::Error> {
        self.pass(Hung::CpuTime);
        Ok(CpuTime::default())
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

    fn processes(&self) -> Result<u64, weir_hal::Error> {
        Ok(0)
    }

    fn sessions(&self) -> Result<u64, weir_hal::Error> {
        Ok(0)
    }

    fn thermometers(&self) -> Result<Vec<Thermometer>, weir_hal::Error> {
        self.pass(Hung::Thermometers);
        Ok(vec![Thermometer {
            name: "board".to_owned(),
            temperature_celsius: Some(40.0),
        }])
    }

    fn kernel_messages(&self, _bytes_max: usize) -> Result<String, weir_hal::Error> {
        Ok(String::new())
    }
}

fn hanging(gauge: Hung, answers: Receiver<()>) -> Arc<dyn Sensors> {
    let answers = Mutex::new(answers);
    Arc::new(Hanging { gauge, answers })
}

#[tokio::test]
async fn ends_at_shutdown_even_while_a_reading_hangs() {
    let (answer, answers) = std::sync::mpsc::sync_channel(1);
    answer.send(()).expect("room for one word");
    let mut watched = watched(&Simulation::new(1));
    watched.sensors = hanging(Hung::CpuTime, answers);
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
    watched.sensors = hanging(Hung::CpuTime, answers);
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
fn what_the_machine_boots_from_is_read_with_each_snapshot() {
    let machine = Simulation::new(1);
    let mut sampler = Sampler::new(watched(&machine));
    let latest = sampler.latest();
    let mut read = || {
        sampler.take(None);
        let table = latest.load().slots.clone();
        table.map(|table| (table.running, table.slot(SlotName::B).state))
    };
    assert_eq!(read(), None);
    machine.slots.boot("b", &["weir_1.0.0_b.efi"]);
    assert_eq!(read(), Some((SlotName::B, SlotState::Good)));
    machine.slots.lose_kernels();
    assert_eq!(read(), Some((SlotName::B, SlotState::Unknown)));
}

#[tokio::test]
async fn thermometers_that_hang_are_unknown_and_all_else_is_measured() {
    let (answer, answers) = std::sync::mpsc::sync_channel(1);
    let machine = Simulation::new(1);
    let mut watched = watched(&machine);
    watched.sensors = hanging(Hung::Thermometers, answers);
    answer.send(()).expect("room for one word");
    let latest = running(watched);
    let temperature_of = async |is_known: bool| {
        let is_so = |snapshot: &Snapshot| {
            let read = snapshot.thermometers.first();
            read.is_some_and(|it| it.temperature_celsius.is_some() == is_known)
        };
        while !is_so(&latest.load()) {
            tokio::task::yield_now().await;
        }
    };
    let told = async {
        temperature_of(true).await;
        machine.clock.advance(INTERVAL);
        temperature_of(false).await;
    };
    let waited = tokio::time::timeout(Duration::from_mins(1), told).await;
    let snapshot = latest.load_full();
    drop(answer);
    assert!(waited.is_ok(), "{:?}", snapshot.thermometers);
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
fn an_interface_is_as_it_was_though_none_could_be_read_for_a_second() {
    let machine = Simulation::new(1);
    let mut sampler = Sampler::new(watched(&machine));
    let nic = Nic {
        name: "eth0".to_owned(),
        operational_status: OperationalStatus::Up,
        ..Nic::default()
    };
    for (nics, due_s) in [
        (vec![nic.clone()], Some(2)),
        (Vec::new(), None),
        (vec![nic], Some(2)),
    ] {
        machine.sensors.set_nics(nics);
        machine.clock.advance(Duration::from_secs(2));
        sampler.take(None);
        let changed = sampler.latest().load().nics_changed.first().copied();
        assert_eq!(changed, due_s.map(Duration::from_secs));
    }
}

#[test]
fn packets_that_were_not_multicast_never_become_fewer_but_with_all_that_came() {
    let machine = Simulation::new(1);
    let mut sampler = Sampler::new(watched(&machine));
    let mut unicast = |counted: &[(u64, u64)]| {
        let nic = |(rx_packets, rx_multicast): &(u64, u64)| Nic {
            name: "eth0".to_owned(),
            statistics: NicStatistics {
                rx_packets: *rx_packets,
                rx_multicast: *rx_multicast,
                ..NicStatistics::default()
            },
            ..Nic::default()
        };
        machine.sensors.set_nics(counted.iter().map(nic).collect());
        sampler.take(None);
        sampler.latest().load().nics_unicast.clone()
    };
    assert_eq!(unicast(&[(100, 97)]), [3]);
    assert_eq!(unicast(&[(200, 199)]), [3], "read in between");
    assert_eq!(unicast(&[]), [0; 0]);
    assert_eq!(unicast(&[(300, 298)]), [3]);
    assert_eq!(unicast(&[(400, 395)]), [5]);
    assert_eq!(unicast(&[(10, 9)]), [1], "its driver was loaded anew");
    assert_eq!(unicast(&[(20, 21)]), [1]);
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
