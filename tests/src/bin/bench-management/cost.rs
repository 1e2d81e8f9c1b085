//! What a process takes, and how long things take.

use std::{
    fmt::{self, Display},
    fs,
    time::{Duration, Instant},
};

use weir_tests::{bench::Outcome, process::anonymous_bytes};

/// What a process took over some time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Share of one core.
    core_percent: f64,
    /// Memory that is no file's, at the end.
    bytes: u64,
}

impl Cost {
    /// What `process` takes while `during` runs.
    pub(crate) fn of(process: u32, during: impl FnOnce() -> Outcome) -> Outcome<Self> {
        let before = cpu_seconds(process)?;
        let (time, outcome) = timed(during);
        outcome?;
        let seconds = cpu_seconds(process)? - before;
        Ok(Self {
            core_percent: seconds / time.as_secs_f64() * 100.0,
            bytes: anonymous_bytes(process),
        })
    }

    /// In words, by how much it is above `other`.
    pub(crate) fn above(self, other: Self) -> String {
        let percent = self.core_percent - other.core_percent;
        let megabytes = megabytes(self.bytes) - megabytes(other.bytes);
        format!("{percent:+.2} % of a core (below 1), {megabytes:+.1} MB (below 8)")
    }
}

impl Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, megabytes) = (self.core_percent, megabytes(self.bytes));
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
    let mut nanoseconds = 0_u64;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split(' ').next().and_then(|word| word.parse().ok());
        nanoseconds += first.unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds).as_secs_f64())
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
