//! Readings of the machine that a person or a fleet wants to see.

use std::{fmt::Debug, time::Duration};

use crate::{Error, Nic};

/// Processor time of all cores since boot, in arbitrary but equal units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// Time spent on anything.
    pub busy: u64,
    /// Busy and idle time together.
    pub total: u64,
}

impl CpuTime {
    /// Returns the share of busy time since `earlier`, in `0.0..=100.0`; zero if no time passed.
    pub fn busy_percent_since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        if total == 0 {
            return 0.0;
        }
        let busy = self.busy.saturating_sub(earlier.busy).min(total);
        #[expect(clippy::cast_precision_loss, reason = "a percentage needs no 53 bits")]
        let share = busy as f64 / total as f64;
        share * 100.0
    }
}

/// How the wall clock is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockDiscipline {
    /// How far the clock is from its source of time, by the kernel's estimate; `None` if no source
    /// sets it.
    pub offset: Option<Duration>,
}

/// Main memory at one moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// What the kernel has to share out.
    pub bytes_total: u64,
    /// What nobody uses.
    pub bytes_free: u64,
    /// What a process could get: what is free, and what the kernel would give back.
    pub bytes_available: u64,
    /// Blocks of devices that the kernel keeps.
    pub bytes_buffers: u64,
    /// Contents of files that the kernel keeps.
    pub bytes_cached: u64,
    /// Room to swap to.
    pub swap_bytes_total: u64,
    /// What of that nobody uses.
    pub swap_bytes_free: u64,
}

/// One thermometer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Thermometer {
    /// Its name, by which it is told from others: chip, and what it is in.
    pub name: String,
    /// What it reads, in degrees Celsius; `None` if it does not tell.
    pub temperature_celsius: Option<f64>,
}

/// Thermometers that are told of; those beyond, in the order of their names, are not.
pub const THERMOMETERS_MAX: usize = 32;

/// The machine's gauges.
pub trait Sensors: Debug + Send + Sync {
    /// Reads processor time.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    fn cpu_time(&self) -> Result<CpuTime, Error>;

    /// Reads how many processes ran or waited to run, as averages over 1, 5 and 15 minutes.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    fn load_averages(&self) -> Result<[f64; 3], Error>;

    /// Reads main memory.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    fn memory(&self) -> Result<Memory, Error>;

    /// Reads how long the machine runs.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    fn uptime(&self) -> Result<Duration, Error>;

    /// Counts the processes that this process may see.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    fn processes(&self) -> Result<u64, Error>;

    /// Counts who is logged in, a session each.
    ///
    /// # Errors
    /// [`Error::Sensor`] when nobody keeps sessions on this machine.
    fn sessions(&self) -> Result<u64, Error>;

    /// Reads every thermometer, in the order of their names; many machines have none.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    ///
    /// # Limits
    /// [`THERMOMETERS_MAX`] thermometers.
    fn thermometers(&self) -> Result<Vec<Thermometer>, Error>;

    /// Reads every network interface, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    ///
    /// # Limits
    /// [`NICS_MAX`](crate::NICS_MAX) interfaces.
    fn nics(&self) -> Result<Vec<Nic>, Error>;

    /// Reads how the wall clock is kept.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    fn clock_discipline(&self) -> Result<ClockDiscipline, Error>;

    /// Reads what the kernel has said since boot, a line each: `<level>[seconds] text`. The newest
    /// lines that have at most `bytes_max` bytes together; never waits for more.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell, as to who may not know.
    fn kernel_messages(&self, bytes_max: usize) -> Result<String, Error>;
}
