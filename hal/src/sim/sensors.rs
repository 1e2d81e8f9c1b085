//! Readings that a test sets.
//!
//! Refuses: to invent. A sensor that a test has broken stays an error until it is set again.

use std::{io, sync::Mutex, time::Duration};

use super::lock;
use crate::{
    ClockDiscipline, CpuTime, Error, Memory, NICS_MAX, Nic, THERMOMETERS_MAX, Thermometer,
};

/// Gauges in memory. They start at zero, with a loopback as the only interface, a thermometer of
/// the board that reads 40 degrees, and a clock that is right.
#[derive(Debug)]
pub struct Sensors {
    cpu_time: Mutex<Option<CpuTime>>,
    load_averages: Mutex<[f64; 3]>,
    memory: Mutex<Memory>,
    nics: Mutex<Vec<Nic>>,
    clock_discipline: Mutex<Option<ClockDiscipline>>,
    kernel_messages: Mutex<String>,
    uptime: Mutex<Duration>,
    processes: Mutex<u64>,
    sessions: Mutex<u64>,
    thermometers: Mutex<Vec<Thermometer>>,
}

impl Sensors {
    /// Gauges that read zero.
    pub fn new() -> Self {
        let loopback = Nic {
            name: "lo".to_owned(),
            ..Nic::default()
        };
        Self {
            cpu_time: Mutex::new(Some(CpuTime { busy: 0, total: 0 })),
            load_averages: Mutex::default(),
            memory: Mutex::default(),
            nics: Mutex::new(vec![loopback]),
            clock_discipline: Mutex::new(Some(ClockDiscipline {
                offset: Some(Duration::ZERO),
            })),
            kernel_messages: Mutex::default(),
            uptime: Mutex::default(),
            processes: Mutex::default(),
            sessions: Mutex::default(),
            thermometers: Mutex::new(vec![Thermometer {
                name: "board".to_owned(),
                temperature_celsius: Some(40.0),
            }]),
        }
    }

    /// Sets how long the machine runs.
    pub fn set_uptime(&self, uptime: Duration) {
        *lock(&self.uptime) = uptime;
    }

    /// Sets how many processes there are, and who is logged in.
    pub fn set_processes(&self, processes: u64, sessions: u64) {
        *lock(&self.processes) = processes;
        *lock(&self.sessions) = sessions;
    }

    /// Sets the thermometers.
    pub fn set_thermometers(&self, mut thermometers: Vec<Thermometer>) {
        thermometers.sort_by(|one, other| one.name.cmp(&other.name));
        thermometers.truncate(THERMOMETERS_MAX);
        *lock(&self.thermometers) = thermometers;
    }

    /// Sets processor time, and mends a broken sensor.
    pub fn set_cpu_time(&self, cpu_time: CpuTime) {
        *lock(&self.cpu_time) = Some(cpu_time);
    }

    /// Sets the averages of the load.
    pub fn set_load_averages(&self, averages: [f64; 3]) {
        *lock(&self.load_averages) = averages;
    }

    /// Sets main memory.
    pub fn set_memory(&self, memory: Memory) {
        *lock(&self.memory) = memory;
    }

    /// Sets the network interfaces.
    pub fn set_nics(&self, mut nics: Vec<Nic>) {
        nics.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        nics.truncate(NICS_MAX);
        *lock(&self.nics) = nics;
    }

    /// Sets how the clock is kept; `None` makes it unreadable.
    pub fn set_clock_discipline(&self, discipline: Option<ClockDiscipline>) {
        *lock(&self.clock_discipline) = discipline;
    }

    /// Sets what the kernel has said, a line each.
    pub fn set_kernel_messages(&self, lines: &str) {
        lines.clone_into(&mut lock(&self.kernel_messages));
    }

    /// Makes processor time unreadable.
    pub fn break_cpu_time(&self) {
        *lock(&self.cpu_time) = None;
    }
}

impl Default for Sensors {
    fn default() -> Self {
        Self::new()
    }
}

impl crate::Sensors for Sensors {
    fn cpu_time(&self) -> Result<CpuTime, Error> {
        let reading = *lock(&self.cpu_time);
        reading.ok_or_else(|| Error::Sensor {
            what: "processor time of the simulation",
            source: io::ErrorKind::NotFound.into(),
        })
    }

    fn load_averages(&self) -> Result<[f64; 3], Error> {
        Ok(*lock(&self.load_averages))
    }

    fn memory(&self) -> Result<Memory, Error> {
        Ok(*lock(&self.memory))
    }

    fn uptime(&self) -> Result<Duration, Error> {
        Ok(*lock(&self.uptime))
    }

    fn processes(&self) -> Result<u64, Error> {
        Ok(*lock(&self.processes))
    }

    fn sessions(&self) -> Result<u64, Error> {
        Ok(*lock(&self.sessions))
    }

    fn thermometers(&self) -> Result<Vec<Thermometer>, Error> {
        Ok(lock(&self.thermometers).clone())
    }

    fn nics(&self) -> Result<Vec<Nic>, Error> {
        Ok(lock(&self.nics).clone())
    }

    fn clock_discipline(&self) -> Result<ClockDiscipline, Error> {
        let reading = *lock(&self.clock_discipline);
        reading.ok_or_else(|| Error::Sensor {
            what: "how the clock of the simulation is kept",
            source: io::ErrorKind::NotFound.into(),
        })
    }

    fn kernel_messages(&self, bytes_max: usize) -> Result<String, Error> {
        let said = lock(&self.kernel_messages);
        let mut lines: Vec<&str> = said.split_inclusive('\n').collect();
        let mut bytes = said.len();
        lines.retain(|line| {
            let is_kept = bytes <= bytes_max;
            bytes -= if is_kept { 0 } else { line.len() };
            is_kept
        });
        Ok(lines.concat())
    }
}
