//! What was received and lost, and what it cost.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    fs,
    time::Instant,
};

use serde_json::Value;
use weir_tests::{bench::Outcome, daemon::Daemon};

/// Counters of a rendition, by stage and name, that must not move.
const LOSSES: [(&str, &str); 4] = [
    ("receive", "kernel_dropped_datagrams"),
    ("receive", "receive_errors"),
    ("demux", "continuity_count_error"),
    ("publish", "segments_refused"),
];

/// All there is to tell at one moment.
#[derive(Debug)]
pub(crate) struct Account {
    taken: Instant,
    /// Of each channel.
    datagrams: Vec<u64>,
    bytes: u64,
    losses: [u64; LOSSES.len()],
    /// Datagrams dropped in this network, by the kernel's own count.
    udp_errors: u64,
    /// Seconds of CPU time by kind of thread.
    cpu_seconds: BTreeMap<String, f64>,
}

/// What came between two moments.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) seconds: f64,
    datagrams: u64,
    /// Channels of which nothing came.
    silent: usize,
    bytes: u64,
    losses: [u64; LOSSES.len()],
    udp_errors: u64,
    cpu_seconds: BTreeMap<String, f64>,
}

impl Account {
    pub(crate) fn of(daemon: &Daemon) -> Outcome<Self> {
        let health = daemon.health();
        let channels = health["channels"].as_array().ok_or("a list of channels")?;
        let counters: Vec<&Value> = channels
            .iter()
            .map(|channel| &channel["renditions"][0]["counters"])
            .collect();
        let each = |(stage, name): (&str, &str)| {
            let counts = counters
                .iter()
                .map(|counters| counters[stage][name].as_u64());
            let counts: Option<Vec<u64>> = counts.collect();
            counts.ok_or_else(|| format!("no counter {stage}.{name}"))
        };
        let sum = |counter| Outcome::Ok(each(counter)?.iter().sum::<u64>());
        let mut losses = [0; LOSSES.len()];
        for (loss, counter) in losses.iter_mut().zip(LOSSES) {
            *loss = sum(counter)?;
        }
        Ok(Self {
            taken: Instant::now(),
            datagrams: each(("receive", "datagrams"))?,
            bytes: sum(("receive", "bytes"))?,
            losses,
            udp_errors: udp_errors()?,
            cpu_seconds: cpu_seconds(daemon.process().id())?,
        })
    }

    /// What came since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Difference {
        let mut losses = self.losses;
        for (loss, before) in losses.iter_mut().zip(earlier.losses) {
            *loss -= before;
        }
        let came = self.datagrams.iter().zip(&earlier.datagrams);
        let came: Vec<u64> = came.map(|(now, before)| now - before).collect();
        let before = |name: &str| earlier.cpu_seconds.get(name).copied().unwrap_or_default();
        Difference {
            seconds: (self.taken - earlier.taken).as_secs_f64(),
            datagrams: came.iter().sum(),
            silent: came.iter().filter(|count| **count == 0).count(),
            bytes: self.bytes - earlier.bytes,
            losses,
            udp_errors: self.udp_errors - earlier.udp_errors,
            cpu_seconds: self
                .cpu_seconds
                .iter()
                .map(|(name, seconds)| (name.clone(), seconds - before(name)))
                .collect(),
        }
    }
}

impl Difference {
    /// Fails if anything was lost, or a channel has not come at all.
    pub(crate) fn assert(&self) -> Outcome {
        if self.silent > 0 || self.datagrams == 0 {
            return Err(format!("nothing came of {} channels", self.silent).into());
        }
        let is_lost = self.udp_errors > 0 || self.losses.iter().any(|count| *count > 0);
        if is_lost {
            return Err("something was lost".into());
        }
        Ok(())
    }
}

impl Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let rate = self.bytes as f64 * 8.0 / self.seconds / 1e6;
        let (seconds, datagrams) = (self.seconds, self.datagrams);
        write!(
            formatter,
            "{seconds:.0} s, {datagrams} datagrams received ({rate:.0} Mb/s)"
        )?;
        for ((_, name), count) in LOSSES.iter().zip(self.losses) {
            write!(formatter, "\n{count:>21} {name}")?;
        }
        write!(
            formatter,
            "\n{:>21} UDP errors of the network",
            self.udp_errors
        )?;
        for (name, used) in &self.cpu_seconds {
            let percent = used / seconds * 100.0;
            write!(formatter, "\n{percent:>19.1} % of a core: {name}")?;
        }
        Ok(())
    }
}

/// `InErrors` and `RcvbufErrors` of this network's UDP.
fn udp_errors() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/net/snmp")?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, counts) = (lines.next(), lines.next());
    let names = names.ok_or("/proc/net/snmp tells of UDP")?.split(' ');
    let counts = counts.ok_or("/proc/net/snmp tells of UDP")?.split(' ');
    let errors = names
        .zip(counts)
        .filter(|(name, _)| name.ends_with("Errors"));
    Ok(errors
        .filter_map(|(_, count)| count.parse::<u64>().ok())
        .sum())
}

/// CPU time of the threads of a process, by their names without numbers.
fn cpu_seconds(process: u32) -> Outcome<BTreeMap<String, f64>> {
    let mut seconds: BTreeMap<String, f64> = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let task = entry?.path();
        // A thread may end at any time.
        let (Ok(name), Ok(schedule)) = (
            fs::read_to_string(task.join("comm")),
            fs::read_to_string(task.join("schedstat")),
        ) else {
            continue;
        };
        let digits = |letter: char| letter == '-' || letter.is_ascii_digit();
        let name = name.trim().trim_end_matches(digits).to_owned();
        let nanoseconds = schedule
            .split(' ')
            .next()
            .and_then(|word| word.parse::<f64>().ok());
        *seconds.entry(name).or_default() += nanoseconds.unwrap_or_default() / 1e9;
    }
    Ok(seconds)
}
