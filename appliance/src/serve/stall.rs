//! The least a client must take: the guard against slow readers.
//!
//! Only time in which bytes wait for the client counts, so an idle connection, or one whose
//! object is still being received, is never charged.
//!
//! A player that is paused takes nothing, for minutes; an attacker takes a few bytes now and then,
//! for hours. What tells them apart is what they have taken before. So a client has time to spend,
//! and earns it by what it takes, at the least rate that is allowed: who takes more is never cut,
//! who takes less sooner or later, and who has taken well may pause for as long as
//! [`Pace::pause_max`].

use std::{pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

/// The part of [`Pace::pause_max`] that a client may spend before it has earned any.
const ADVANCE_DIVISOR: u32 = 10;

/// How fast clients must take what they asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Bits a second that a client must take in the long run, at least 1.
    pub rate_min_bps: u64,
    /// Longest pause: so long may bytes wait for a client that has taken as much as it would have
    /// had to in that time. Others have a tenth of it.
    pub pause_max: Duration,
}

impl Pace {
    /// A tenth of the slowest audio-only rendition, and a pause of five minutes: a telephone call.
    pub const DEFAULT: Self = Self {
        rate_min_bps: 4_000,
        pause_max: Duration::from_mins(5),
    };

    /// How long it may take to take `bytes`.
    fn time_for(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 8_000_000_000 / u128::from(self.rate_min_bps.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The time that a client may still let bytes wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    pace: Pace,
    left: Duration,
}

impl Patience {
    /// With a client that has taken nothing yet.
    pub(crate) fn new(pace: Pace) -> Self {
        let left = pace.pause_max / ADVANCE_DIVISOR;
        Self { pace, left }
    }

    /// The client took so many bytes that had waited for it.
    pub(crate) fn earn(&mut self, bytes: u64) {
        let earned = self.left.saturating_add(self.pace.time_for(bytes));
        self.left = earned.min(self.pace.pause_max);
    }

    /// Bytes waited for the client for so long. Returns false once that was too long.
    pub(crate) fn spend(&mut self, waited: Duration) -> bool {
        self.left = self.left.saturating_sub(waited);
        !self.left.is_zero()
    }
}

/// The patience with the client of one connection, and the clock it is measured by.
///
/// The kernel takes bytes long before the client does, so not all that it takes is earned. After a
/// wait it takes as many as have left; how many had left before is asked when patience is at its
/// end, which is seldom.
#[derive(Debug)]
pub(crate) struct Stall {
    patience: Patience,
    /// Bytes that the kernel has taken.
    accepted_bytes: u64,
    /// Of these, those that have earned something.
    earning_bytes: u64,
    has_waited: bool,
    blocked_since: Option<Instant>,
    /// Made at the first wait and kept, so that a connection that never waits owns no timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    /// With a client that must keep `pace`.
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            patience: Patience::new(pace),
            accepted_bytes: 0,
            earning_bytes: 0,
            has_waited: false,
            blocked_since: None,
            timer: None,
        }
    }

    /// Bytes that the kernel has taken so far.
    pub(crate) const fn accepted_bytes(&self) -> u64 {
        self.accepted_bytes
    }

    /// The kernel took some.
    pub(crate) fn took(&mut self, bytes: u64) {
        self.accepted_bytes += bytes;
        if let Some(since) = self.blocked_since.take() {
            self.patience.spend(since.elapsed());
        }
        if self.has_waited {
            self.earn(bytes);
        }
    }

    /// The kernel took none; is the client's time over? If not, wakes the task when it will be.
    /// `unacknowledged` tells how many bytes the kernel has that the client has not.
    pub(crate) fn is_over(
        &mut self,
        context: &mut Context<'_>,
        unacknowledged: impl Fn() -> Option<u64>,
    ) -> bool {
        self.has_waited = true;
        loop {
            let since = *self.blocked_since.get_or_insert_with(Instant::now);
            let deadline = since + self.patience.left;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(context).is_pending() {
                return false;
            }
            self.patience.spend(since.elapsed());
            self.blocked_since = Some(Instant::now());
            let left =
                unacknowledged().map_or(0, |bytes| self.accepted_bytes.saturating_sub(bytes));
            self.earn(left.saturating_sub(self.earning_bytes));
            if self.patience.left.is_zero() {
                return true;
            }
        }
    }

    fn earn(&mut self, bytes: u64) {
        self.earning_bytes += bytes;
        self.patience.earn(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many seconds a client lasts that takes so many bytes in each, up to 10,000.
    fn lasts(bytes_per_s: u64) -> usize {
        let mut patience = Patience::new(Pace::DEFAULT);
        let seconds = (0..10_000).take_while(|_| {
            let is_patient = patience.spend(SECOND);
            patience.earn(bytes_per_s);
            is_patient
        });
        seconds.count()
    }

    #[test]
    fn who_takes_less_than_the_least_is_cut_however_steadily() {
        assert_eq!(lasts(0), 29);
        assert_eq!(lasts(5), 30);
        assert_eq!(lasts(400), 145);
        assert_eq!(lasts(500), 10_000);
    }

    #[test]
    fn who_has_taken_well_may_pause() {
        let mut patience = Patience::new(Pace::DEFAULT);
        patience.earn(10 << 20);
        assert!(patience.spend(Duration::from_secs(299)));
        patience.earn(10 << 20);
        assert!(patience.spend(Duration::from_secs(299)), "and again");
        assert!(!patience.spend(SECOND));
    }

    /// How long a client lasts that takes no more, after the kernel took so many bytes, of which it
    /// still has some.
    async fn lasts_behind(taken: u64, unacknowledged: Option<u64>) -> u64 {
        let mut stall = Stall::new(Pace::DEFAULT);
        stall.took(taken);
        let begun = Instant::now();
        poll_fn(|context| {
            if stall.is_over(context, || unacknowledged) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_kernel_holds_earns_nothing_and_what_has_left_does() {
        let much = 10 << 20;
        assert_eq!(lasts_behind(much, None).await, 30);
        assert_eq!(lasts_behind(much, Some(much)).await, 30);
        assert_eq!(lasts_behind(much, Some(much - 5_000)).await, 40);
        assert_eq!(lasts_behind(much, Some(3 << 20)).await, 330);
    }

    #[test]
    fn no_pace_and_no_size_overflow() {
        let pause_max = Duration::MAX;
        let mut patience = Patience::new(Pace {
            rate_min_bps: 0,
            pause_max,
        });
        patience.earn(u64::MAX);
        patience.earn(u64::MAX);
        assert!(patience.spend(SECOND));
    }
}
