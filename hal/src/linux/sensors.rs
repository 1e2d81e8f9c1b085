//! Readings from `/proc`.
//!
//! Source: `proc_stat(5)`: `cpu  user nice system idle iowait irq softirq steal guest guest_nice`,
//! in ticks. Guest time is part of user time already and is not counted twice. Time spent waiting
//! for a device counts as idle; time stolen by a hypervisor counts as busy.
//!
//! Refuses: a file it cannot read as above, with kind `InvalidData`.

use std::{fs, io};

use super::{discipline, kernel_log, nic};
use crate::{ClockDiscipline, CpuTime, Error, Nic};

const STAT: &str = "/proc/stat";

/// Columns of the first line up to `steal`.
const COLUMNS: usize = 8;

/// The gauges of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sensors;

impl Sensors {
    /// The gauges of this machine.
    pub const fn new() -> Self {
        Self
    }
}

impl crate::Sensors for Sensors {
    fn cpu_time(&self) -> Result<CpuTime, Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "hal::linux is where the ban on files ends"
        )]
        let text = fs::read_to_string(STAT);
        text.and_then(|text| {
            cpu_time(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        })
        .map_err(|source| Error::Sensor {
            what: "processor time from /proc/stat",
            source,
        })
    }

    fn nics(&self) -> Result<Vec<Nic>, Error> {
        nic::nics()
    }

    fn clock_discipline(&self) -> Result<ClockDiscipline, Error> {
        discipline::discipline()
    }

    fn kernel_messages(&self, bytes_max: usize) -> Result<String, Error> {
        kernel_log::messages(bytes_max)
    }
}

/// Reads the line of all processors together.
fn cpu_time(stat: &str) -> Option<CpuTime> {
    let mut words = stat.lines().next()?.split_ascii_whitespace();
    if words.next()? != "cpu" {
        return None;
    }
    let mut ticks = [0_u64; COLUMNS];
    for column in &mut ticks {
        *column = words.next()?.parse().ok()?;
    }
    let [_user, _nice, _system, idle, iowait, _irq, _softirq, _steal] = ticks;
    let total = ticks.into_iter().try_fold(0_u64, u64::checked_add)?;
    Some(CpuTime {
        busy: total - idle - iowait,
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_device_is_idle_and_guest_time_counts_once() {
        let stat = "cpu  10 20 30 400 50 6 7 8 9 1\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
        assert_eq!(
            cpu_time(stat),
            Some(CpuTime {
                busy: 81,
                total: 531
            })
        );
    }

    #[test]
    fn a_foreign_text_is_refused() {
        for stat in [
            "",
            "cpu",
            "cpu 1 2 3",
            "cpu0 1 2 3 4 5 6 7 8",
            "cpu 1 2 3 x 5 6 7 8",
        ] {
            assert_eq!(cpu_time(stat), None, "{stat:?}");
        }
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused() {
        let stat = format!("cpu {} 1 0 0 0 0 0 0", u64::MAX);
        assert_eq!(cpu_time(&stat), None);
    }
}
