//! Time as an argument: a monotonic clock for intervals, a wall clock for people and playlists.

use std::{fmt::Debug, ops::Add, time::Duration};

/// A point on a clock that never steps back, in nanoseconds since an arbitrary start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(u64);

impl Monotonic {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);

    /// The point `nanos` nanoseconds after the start of the clock.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start of the clock.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the time that has passed since `earlier`, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// UTC, in nanoseconds since 1970-01-01T00:00:00Z without leap seconds. It may step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(u64);

impl Wall {
    /// The instant `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the time that has passed since `earlier`, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Wall {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// A source of time.
pub trait Clock: Debug + Send + Sync {
    /// The present on the monotonic clock.
    fn monotonic(&self) -> Monotonic;

    /// The present in UTC.
    fn wall(&self) -> Wall;

    /// The number of this run of the machine: another one after power was cut or it was started
    /// anew, and the same for all processes in between. `None` if that cannot be told.
    fn boot(&self) -> Option<u64> {
        None
    }

    /// Blocks the calling thread until the monotonic clock has reached `deadline`.
    ///
    /// Returns at once if it already has. Never returns early.
    fn sleep_until(&self, deadline: Monotonic);

    /// Asks that the calling thread run before all ordinary ones as soon as a deadline it sleeps
    /// for is reached. Meant for threads that do little between long sleeps.
    ///
    /// Returns false when the system does not grant it: the thread goes on as it was, and under
    /// load wakes some milliseconds late.
    fn request_real_time(&self) -> bool {
        false
    }

    /// Keeps the calling thread on one core, by the number that the system gives it. Threads that
    /// it starts from then on stay there too.
    ///
    /// Returns false when there is no such core, or this process may not run there: the thread goes
    /// on as it was.
    fn stay_on_core(&self, core: u16) -> bool {
        let _ = core;
        false
    }
}
