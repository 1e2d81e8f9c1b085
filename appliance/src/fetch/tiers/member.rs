//! One URL of an origin as a member of a tier: whether it is fit to be asked.

use std::{
    fmt::{self, Debug},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::{info, warn};
use weir_hal::Monotonic;

use super::{
    breaker::{Admission, Breaker, BreakerState, Outcome},
    choice::{Choosable, stable_hash},
    probing::{Probing, Thresholds},
};
use crate::fetch::Endpoint;

/// An endpoint, its weight, and its health.
pub(super) struct Member {
    pub(super) endpoint: Arc<Endpoint>,
    weight: u32,
    hash: u64,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    breaker: Breaker,
    probing: Probing,
    next_probe: Monotonic,
    is_being_probed: bool,
}

impl Member {
    pub(super) fn new(endpoint: Endpoint, weight: u32) -> Self {
        Self {
            hash: stable_hash(endpoint.url().as_bytes()),
            endpoint: Arc::new(endpoint),
            weight,
            health: Mutex::default(),
        }
    }

    pub(super) fn choosable(&self) -> Choosable {
        Choosable {
            weight: self.weight,
            round_trip: self.endpoint.round_trip(),
            hash: self.hash,
        }
    }

    /// Whether a request that came at `now` may go here.
    pub(super) fn is_fit(&self, now: Monotonic) -> bool {
        let health = self.health();
        let admission = health.breaker.admission(now);
        !health.probing.is_down() && !matches!(admission, Admission::Refused(_))
    }

    /// Lets a request in, or not.
    pub(super) fn enter(&self, now: Monotonic) -> Admission {
        let mut health = self.health();
        if health.probing.is_down() {
            return Admission::Refused(health.next_probe);
        }
        health.breaker.enter(now)
    }

    /// Whether it may be asked though it is out of use, if nobody else is left.
    pub(super) fn is_last_resort(&self) -> bool {
        let health = self.health();
        !health.probing.is_down() && health.breaker.is_last_resort()
    }

    /// Whether it mostly answers with 5xx.
    pub(super) fn is_ailing(&self, now: Monotonic) -> bool {
        self.health().breaker.is_ailing(now)
    }

    /// Takes note of how a request ended. Returns true if it is out of use from now on.
    pub(super) fn note(&self, outcome: Outcome, now: Monotonic) -> bool {
        let mut health = self.health();
        let before = health.breaker.state(now);
        let has_opened = health.breaker.note(outcome, now);
        let after = health.breaker.state(now);
        drop(health);
        let url = self.endpoint.url();
        if has_opened && before == BreakerState::Closed {
            warn!(url, "an origin fails and is not asked for a while");
        } else if after == BreakerState::Closed && before != after {
            info!(url, "an origin answers again");
        }
        has_opened
    }

    /// Whether it is time for a probe; if so, [`Member::note_probe`] is to follow.
    pub(super) fn begin_probe(&self, now: Monotonic, interval: Duration) -> bool {
        let mut health = self.health();
        let is_due = now >= health.next_probe && !health.is_being_probed;
        if is_due {
            health.next_probe = now + interval;
            health.is_being_probed = true;
        }
        is_due
    }

    /// Takes note of a probe.
    pub(super) fn note_probe(&self, has_passed: bool, thresholds: Thresholds) {
        let mut health = self.health();
        health.is_being_probed = false;
        let was_down = health.probing.is_down();
        if health.probing.note(has_passed, thresholds) {
            health.breaker.close();
        }
        let is_down = health.probing.is_down();
        drop(health);
        let url = self.endpoint.url();
        if is_down && !was_down {
            warn!(url, "an origin fails its probes and is not asked");
        } else if was_down && !is_down {
            info!(url, "an origin passes its probes again");
        }
        let counters = self.endpoint.counters();
        if has_passed {
            counters.probes_passed.add(1);
        } else {
            counters.probes_failed.add(1);
        }
    }

    /// The state for people: that of the breaker, or `down` by its probes.
    pub(super) fn state(&self, now: Monotonic) -> &'static str {
        let health = self.health();
        if health.probing.is_down() {
            "down"
        } else {
            health.breaker.state(now).as_str()
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.endpoint, formatter)
    }
}
