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

/// The machine's gauges.
pub trait Sensors: Debug + Send + Sync {
    /// Reads processor time.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel does not tell.
    fn cpu_time(&self) -> Result<CpuTime, Error>;

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
