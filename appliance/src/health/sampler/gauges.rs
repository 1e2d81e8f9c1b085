//! Readings that may hang, each taken so that it holds nobody up: the fill of a file system,
//! network interfaces, which wait for whoever sets one up, thermometers, which answer over slow
//! buses, and slots, whose names lie on a disk.
//!
//! What is not read in time is unknown, and so is what thermometers and slots told last: nothing
//! that hangs looks fresh.
//!
//! Refuses: to begin a reading while another one hangs. One thread is lost to a dead disk, not one
//! a second.

use std::{
    fmt::{self, Debug},
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use weir_hal::{DiskUsage, Nic, SlotTable, Thermometer};

use crate::health::sampler::Watched;

/// Longest wait for a reading; the kernel mostly knows without asking anything slow.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// What was read in time.
#[derive(Debug, Default)]
pub(super) struct Gauged {
    /// The fill of the file system of the cache.
    pub(super) usage: Option<DiskUsage>,
    /// The network interfaces; none if nobody knows.
    pub(super) nics: Vec<Nic>,
    /// The thermometers; those that were there last, without what they read, if nobody knows.
    pub(super) thermometers: Vec<Thermometer>,
    /// The slots, if there are any; those that were there last, without what they had, if nobody
    /// knows.
    pub(super) slots: Option<SlotTable>,
}

/// All that may hang.
#[derive(Debug)]
pub(super) struct Gauges {
    usage: Gauge<DiskUsage>,
    nics: Gauge<Vec<Nic>>,
    thermometers: Gauge<Vec<Thermometer>>,
    last_thermometers: Vec<Thermometer>,
    slots: Gauge<Option<SlotTable>>,
    last_slots: Option<SlotTable>,
}

impl Gauges {
    /// Those of what is watched.
    pub(super) fn new(watched: &Watched) -> Self {
        let (disk, path) = (Arc::clone(&watched.disk), watched.cache_path.clone());
        let sensors = || Arc::clone(&watched.sensors);
        let (of_nics, of_thermometers) = (sensors(), sensors());
        let slots = Arc::clone(&watched.slots);
        Self {
            usage: Gauge::new(move || disk.usage(&path).ok()),
            nics: Gauge::new(move || of_nics.nics().ok()),
            thermometers: Gauge::new(move || of_thermometers.thermometers().ok()),
            last_thermometers: Vec::new(),
            slots: Gauge::new(move || slots.slots().ok()),
            last_slots: None,
        }
    }

    /// Reads them, at one time.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// A reading that was given up is taken by the next call.
    pub(super) async fn read(&mut self) -> Gauged {
        let (usage, nics, thermometers, slots) = tokio::join!(
            self.usage.read(),
            self.nics.read(),
            self.thermometers.read(),
            self.slots.read()
        );
        let thermometers = if let Some(read) = thermometers {
            self.last_thermometers.clone_from(&read);
            read
        } else {
            self.last_thermometers.iter().map(forgotten).collect()
        };
        if let Some(read) = slots {
            self.last_slots = read;
        } else if let Some(last) = &mut self.last_slots {
            *last = SlotTable::unknown(last.running);
        }
        Gauged {
            usage,
            nics: nics.unwrap_or_default(),
            thermometers,
            slots: self.last_slots.clone(),
        }
    }
}

/// A thermometer that does not tell what it reads.
fn forgotten(thermometer: &Thermometer) -> Thermometer {
    Thermometer {
        name: thermometer.name.clone(),
        temperature_celsius: None,
    }
}

/// Reads one thing.
struct Gauge<T> {
    read: Arc<dyn Fn() -> Option<T> + Send + Sync>,
    /// The reading that has begun and is not over.
    reading: Option<JoinHandle<Option<T>>>,
}

impl<T> Debug for Gauge<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gauge")
            .field("is_reading", &self.reading.is_some())
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Gauge<T> {
    fn new(read: impl Fn() -> Option<T> + Send + Sync + 'static) -> Self {
        Self {
            read: Arc::new(read),
            reading: None,
        }
    }

    /// What is read; `None` if that is not to be had, or not within half a second.
    async fn read(&mut self) -> Option<T> {
        let read = &self.read;
        let reading = self.reading.get_or_insert_with(|| {
            let read = Arc::clone(read);
            spawn_blocking(move || read())
        });
        let read = timeout(WAIT_MAX, reading).await.ok()?;
        self.reading = None;
        read.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::Mutex};

    use weir_hal::{Disk, SlotName, sim::Simulation};

    use super::*;

    fn of_disk(disk: Arc<dyn Disk>, path: &str) -> Gauge<DiskUsage> {
        let path = PathBuf::from(path);
        Gauge::new(move || disk.usage(&path).ok())
    }

    #[tokio::test]
    async fn a_disk_that_hangs_is_unknown_and_known_again_when_it_answers() {
        let machine = Simulation::new(1);
        let disk = Arc::clone(&machine.board().disk);
        disk.create_directory("/cache".as_ref())
            .expect("a flawless disk");
        let mut gauge = of_disk(disk, "/cache");
        let known = gauge.read().await;
        assert!(known.is_some());
        machine.disk.hang();
        assert_eq!(gauge.read().await, None);
        assert_eq!(gauge.read().await, None, "nobody begins a second reading");
        machine.disk.resume();
        assert_eq!(gauge.read().await, known);
        assert!(gauge.reading.is_none());
    }

    #[tokio::test]
    async fn what_is_not_there_is_unknown() {
        let disk = Simulation::new(1).board().disk;
        assert_eq!(of_disk(disk, "/nowhere").read().await, None);
    }

    #[tokio::test]
    async fn a_thermometer_that_hangs_is_there_and_does_not_tell_what_it_reads() {
        let (answer, answers) = std::sync::mpsc::sync_channel(1);
        let answers = Mutex::new(answers);
        let board = Thermometer {
            name: "board".to_owned(),
            temperature_celsius: Some(40.0),
        };
        let read = vec![board.clone()];
        let mut gauges = Gauges {
            usage: Gauge::new(|| None),
            nics: Gauge::new(|| Some(vec![Nic::default()])),
            thermometers: Gauge::new(move || {
                let word = answers.lock().ok()?.recv();
                word.ok().map(|()| read.clone())
            }),
            last_thermometers: Vec::new(),
            slots: Gauge::new(|| Some(None)),
            last_slots: None,
        };
        answer.send(()).expect("room for one word");
        let read = gauges.read().await.thermometers;
        assert_eq!(read, std::slice::from_ref(&board));
        let hung = gauges.read().await;
        assert_eq!(hung.thermometers, [forgotten(&board)]);
        assert_eq!(hung.nics, [Nic::default()], "all else is read");
        answer.send(()).expect("room for one word");
        assert_eq!(gauges.read().await.thermometers, [board]);
    }

    #[tokio::test]
    async fn slots_that_hang_are_there_and_nobody_knows_what_they_have() {
        let (answer, answers) = std::sync::mpsc::sync_channel(1);
        let answers = Mutex::new(answers);
        let table = SlotTable::of_names(SlotName::B, ["weir_1.0.0_b.efi"]);
        let read = table.clone();
        let mut gauges = Gauges {
            usage: Gauge::new(|| None),
            nics: Gauge::new(|| None),
            thermometers: Gauge::new(|| None),
            last_thermometers: Vec::new(),
            slots: Gauge::new(move || {
                let word = answers.lock().ok()?.recv();
                word.ok().map(|()| Some(read.clone()))
            }),
            last_slots: None,
        };
        answer.send(()).expect("room for one word");
        assert_eq!(gauges.read().await.slots.as_ref(), Some(&table));
        let unknown = SlotTable::unknown(SlotName::B);
        assert_eq!(gauges.read().await.slots, Some(unknown));
        answer.send(()).expect("room for one word");
        assert_eq!(gauges.read().await.slots, Some(table));
    }
}
