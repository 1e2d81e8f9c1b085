//! What a process takes, and how long things take.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    fs,
    time::{Duration, Instant},
};

use weir_tests::{bench::Outcome, process::anonymous_bytes};

/// Ticks of `/proc/self/stat`.
const TICKS_PER_S: f64 = 100.0;

/// Share of one core from which on a difference between threads is shown.
const SHOWN_PERCENT_MIN: f64 = 0.05;

/// What a process took over some time.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    /// Share of one core that the threads of each name took.
    core_percent: BTreeMap<String, f64>,
    /// Memory that is no file's, at the end.
    bytes: u64,
}

impl Cost {
    /// What `process` takes while `during` runs.
    pub(crate) fn of(process: u32, during: impl FnOnce() -> Outcome) -> Outcome<Self> {
        let before = cpu_seconds_by_thread(process)?;
        let (time, outcome) = timed(during);
        outcome?;
        let mut core_percent = cpu_seconds_by_thread(process)?;
        for (thread, seconds) in &mut core_percent {
            *seconds -= before.get(thread).copied().unwrap_or(0.0);
            *seconds *= 100.0 / time.as_secs_f64();
        }
        Ok(Self {
            core_percent,
            bytes: anonymous_bytes(process),
        })
    }

    /// In words, by how much it is above `other`, and in which threads.
    pub(crate) fn above(&self, other: &Self) -> String {
        let percent = self.percent() - other.percent();
        let megabytes = megabytes(self.bytes) - megabytes(other.bytes);
        let mut words =
            format!("{percent:+.2} % of a core (below 1), {megabytes:+.1} MB (below 8)");
        let threads = self.core_percent.iter().filter_map(|(thread, percent)| {
            let above = percent - other.core_percent.get(thread).copied().unwrap_or(0.0);
            let is_shown = above.abs() >= SHOWN_PERCENT_MIN;
            is_shown.then(|| format!("\n  {thread:<19}{above:+.2} %"))
        });
        words.extend(threads);
        words
    }

    fn percent(&self) -> f64 {
        self.core_percent.values().sum()
    }
}

impl Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, megabytes) = (self.percent(), megabytes(self.bytes));
        write!(formatter, "{percent:.2} % of a core, {megabytes:.1} MB")
    }
}

fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let bytes = bytes as f64;
    bytes / 1e6
}

/// CPU time of the threads of a process so far. Those that have ended are not in it.
pub(crate) fn cpu_seconds(process: u32) -> Outcome<f64> {
    Ok(cpu_seconds_by_thread(process)?.values().sum())
}

/// CPU time of all programs that this one started and that have ended, to hundredths of a second.
pub(crate) fn ended_cpu_seconds() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may have blanks in it; user and system time of children are 16 and 17.
    let (_, rest) = text.rsplit_once(')').ok_or("a line of a process")?;
    let ticks = rest.split_whitespace().skip(13).take(2);
    let ticks: Result<Vec<u32>, _> = ticks.map(str::parse).collect();
    Ok(f64::from(ticks?.iter().sum::<u32>()) / TICKS_PER_S)
}

/// The same of the threads of each name.
fn cpu_seconds_by_thread(process: u32) -> Outcome<BTreeMap<String, f64>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let task = task?.path();
        let name = fs::read_to_string(task.join("comm"))?.trim_end().to_owned();
        let text = fs::read_to_string(task.join("schedstat"))?;
        let first = text.split(' ').next().and_then(|word| word.parse().ok());
        let seconds = Duration::from_nanos(first.unwrap_or(0)).as_secs_f64();
        *threads.entry(name).or_default() += seconds;
    }
    Ok(threads)
}

/// How long `act` takes, and what it comes to.
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let outcome = act();
    (began.elapsed(), outcome)
}

/// Times of one thing.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort_unstable();
    }

    /// The time that this share of all does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a place in a short list"
        )]
        let place = (self.0.len() as f64 * share) as usize;
        let last = self.0.len().saturating_sub(1);
        self.0.get(place.min(last)).copied().unwrap_or_default()
    }
}

impl Display for Times {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, p50, p99] =
            [0.0, 0.5, 0.99].map(|share| self.quantile(share).as_secs_f64() * 1e3);
        write!(formatter, "least {least:.1}, p50 {p50:.1}, p99 {p99:.1} ms")
    }
}
