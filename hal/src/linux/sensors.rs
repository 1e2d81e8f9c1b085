//! Readings from `/proc`.
//!
//! Source: `proc_stat(5)`: `cpu  user nice system idle iowait irq softirq steal guest guest_nice`,
//! in ticks. Guest time is part of user time already and is not counted twice. Time spent waiting
//! for a device counts as idle; time stolen by a hypervisor counts as busy. `proc_loadavg(5)`:
//! three averages first. `proc_uptime(5)`: seconds since boot first. `proc_meminfo(5)`:
//! lines of a name, a colon and kibibytes; `proc(5)`: a folder for each process, named by its
//! number. `sd-login(3)`: a file for each session below `/run/systemd/sessions`, with its class.
//!
//! Refuses: a file it cannot read as above, with kind `InvalidData`.

use std::{fs, io, path::Path, time::Duration};

use super::{discipline, kernel_log, multicast::Queriers, nic, sysfs, thermometer};
use crate::{ClockDiscipline, CpuTime, Error, Memory, Nic, Thermometer};

const STAT: &str = "/proc/stat";
const LOAD: &str = "/proc/loadavg";
const MEMORY: &str = "/proc/meminfo";
const UPTIME: &str = "/proc/uptime";
const PROCESSES: &str = "/proc";
const SESSIONS: &str = "/run/systemd/sessions";

/// Columns of the first line up to `steal`.
const COLUMNS: usize = 8;

/// The gauges of this machine.
#[derive(Debug, Default)]
pub struct Sensors {
    queriers: Queriers,
}

impl Sensors {
    /// The gauges of this machine.
    pub fn new() -> Self {
        Self::default()
    }
}

impl crate::Sensors for Sensors {
    fn cpu_time(&self) -> Result<CpuTime, Error> {
        reading(STAT, "processor time from /proc/stat", cpu_time)
    }

    fn load_averages(&self) -> Result<[f64; 3], Error> {
        reading(LOAD, "load averages from /proc/loadavg", load_averages)
    }

    fn memory(&self) -> Result<Memory, Error> {
        reading(MEMORY, "memory from /proc/meminfo", memory)
    }

    fn uptime(&self) -> Result<Duration, Error> {
        reading(UPTIME, "the time since boot from /proc/uptime", uptime)
    }

    fn processes(&self) -> Result<u64, Error> {
        counted(PROCESSES, "processes from /proc", is_process)
    }

    fn sessions(&self) -> Result<u64, Error> {
        counted(SESSIONS, "sessions from /run/systemd/sessions", is_login)
    }

    fn thermometers(&self) -> Result<Vec<Thermometer>, Error> {
        thermometer::thermometers()
    }

    fn nics(&self) -> Result<Vec<Nic>, Error> {
        let mut nics = nic::nics()?;
        self.queriers.tell(&mut nics);
        Ok(nics)
    }

    fn clock_discipline(&self) -> Result<ClockDiscipline, Error> {
        discipline::discipline()
    }

    fn kernel_messages(&self, bytes_max: usize) -> Result<String, Error> {
        kernel_log::messages(bytes_max)
    }
}

/// How much of what lies in `folder`, which is told of as `what`, is counted.
fn counted(
    folder: &str,
    what: &'static str,
    is_counted: impl Fn(&Path) -> bool,
) -> Result<u64, Error> {
    let paths = sysfs::paths(Path::new(folder));
    let paths = paths.map_err(|source| Error::Sensor { what, source })?;
    Ok(paths.iter().filter(|path| is_counted(path)).count() as u64)
}

/// Whether a folder is that of a process: its name is a number.
fn is_process(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.parse::<u32>().is_ok())
}

/// Whether a file is that of a session of a person, and not of a service or of a greeter.
fn is_login(path: &Path) -> bool {
    // Beside each lies a pipe, which is not to be read.
    let is_file = path.extension().is_none();
    let text = is_file.then(|| sysfs::text(path)).flatten();
    text.is_some_and(|text| text.lines().any(|line| line.starts_with("CLASS=user")))
}

/// What `parse` reads in the file at `path`, which is told of as `what`.
fn reading<T>(
    path: &str,
    what: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    let text = fs::read_to_string(path);
    let parsed = text
        .and_then(|text| parse(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData)));
    parsed.map_err(|source| Error::Sensor { what, source })
}

/// Reads the three averages.
fn load_averages(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_ascii_whitespace();
    let mut averages = [0.0; 3];
    for average in &mut averages {
        let number: f64 = words.next()?.parse().ok()?;
        *average = (number.is_finite() && number >= 0.0).then_some(number)?;
    }
    Some(averages)
}

/// Reads the first number, of seconds.
fn uptime(text: &str) -> Option<Duration> {
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads the lines that are asked for.
fn memory(text: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let (_, rest) = lines.find(|(found, _)| *found == name)?;
        let kibibytes: u64 = rest.trim_ascii().strip_suffix(" kB")?.parse().ok()?;
        kibibytes.checked_mul(1_024)
    };
    Some(Memory {
        bytes_total: bytes("MemTotal")?,
        bytes_free: bytes("MemFree")?,
        bytes_available: bytes("MemAvailable")?,
        bytes_buffers: bytes("Buffers")?,
        bytes_cached: bytes("Cached")?,
        swap_bytes_total: bytes("SwapTotal")?,
        swap_bytes_free: bytes("SwapFree")?,
    })
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
    fn processes_are_the_folders_that_are_named_by_a_number() {
        for (path, is_one) in [("/proc/1", true), ("/proc/net", false), ("/proc/1x", false)] {
            assert_eq!(is_process(Path::new(path)), is_one, "{path}");
        }
        assert!(crate::Sensors::processes(&Sensors::new()).is_ok_and(|count| count > 0));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    fn sessions_are_those_of_people() {
        let folder = std::env::temp_dir().join(format!("weir-sessions-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        for (file, text) in [
            ("1", "UID=0\nCLASS=user\n"),
            ("2", "UID=0\nCLASS=user-early\n"),
            ("3", "UID=100\nCLASS=greeter\n"),
            ("1.ref", "CLASS=user\n"),
        ] {
            fs::write(folder.join(file), text).expect("the folder can be written");
        }
        let count = counted(folder.to_str().expect("text"), "sessions", is_login);
        fs::remove_dir_all(&folder).expect("it was ours");
        assert_eq!(count.ok(), Some(2));
        assert!(counted("/nowhere", "sessions", is_login).is_err());
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
    fn averages_are_the_first_three_words() {
        assert_eq!(
            load_averages("0.25 1.50 12.00 3/118 28106\n"),
            Some([0.25, 1.5, 12.0])
        );
        for text in ["", "0.1 0.2", "0.1 -1 0.3", "0.1 NaN 0.3", "a b c"] {
            assert_eq!(load_averages(text), None, "{text:?}");
        }
    }

    #[test]
    fn time_since_boot_is_the_first_number() {
        let read = uptime("350735.47 234388.90\n");
        assert_eq!(read, Some(Duration::from_millis(350_735_470)));
        for text in ["", "-1 2", "soon"] {
            assert_eq!(uptime(text), None, "{text:?}");
        }
    }

    #[test]
    fn memory_is_read_by_the_names_of_the_kernel() {
        let lines = [
            ("MemTotal", "64"),
            ("MemFree", "16"),
            ("MemAvailable", "32"),
            ("Buffers", "1"),
            ("Cached", "8"),
            ("SwapCached", "7"),
            ("SwapTotal", "4"),
            ("SwapFree", "2"),
        ];
        let text = |unit: &str| -> String {
            let line = |(name, number): &(&str, &str)| format!("{name}:   {number}{unit}\n");
            lines.iter().map(line).collect()
        };
        let expected = Memory {
            bytes_total: 64 << 10,
            bytes_free: 16 << 10,
            bytes_available: 32 << 10,
            bytes_buffers: 1 << 10,
            bytes_cached: 8 << 10,
            swap_bytes_total: 4 << 10,
            swap_bytes_free: 2 << 10,
        };
        assert_eq!(memory(&text(" kB")), Some(expected));
        assert_eq!(memory(&text("")), None);
        assert_eq!(memory("MemTotal: 64 kB\n"), None);
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused() {
        let stat = format!("cpu {} 1 0 0 0 0 0 0", u64::MAX);
        assert_eq!(cpu_time(&stat), None);
    }
}
