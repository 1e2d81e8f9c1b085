//! How often one client may ask: so many requests a second, and so many at once.
//!
//! A bucket is one number, the moment at which it will be full again (the generic cell rate
//! algorithm), so a client costs 16 bytes. A bucket that is full is like that of a client nobody
//! has seen yet, and needs no room.
//!
//! # Limits
//! [`SETS`] × [`WAYS`] clients, in sets by a keyed hash. Where a set is full of clients that are
//! not forgotten for nothing, the one goes that has asked least: it has its whole burst again. So
//! who asks too often is remembered longest, and an attacker cannot push itself out by asking from
//! elsewhere without pushing out all who ask less first.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{config::RequestRate, serve::client_block::ClientBlock};

/// Clients in a set.
const WAYS: usize = 8;

/// Sets: 16,384 clients in all, which is 288 KiB, more than have connections at one time.
const SETS: usize = 2_048;

const _: () = assert!(SETS.is_power_of_two());

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be answered.
    Allowed,
    /// The same, and another client was forgotten for it before its time.
    AllowedByForgetting,
    /// Its client asks too often, and may ask again after so long.
    TooOften(Duration),
}

/// When whom asked how often.
#[derive(Debug)]
pub(crate) struct RequestRates {
    /// From one request to the next at the allowed rate.
    interval: Duration,
    /// How far ahead of that a client may be.
    ahead_max: Duration,
    hasher: RandomState,
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
}

/// A client's bucket; the default is a full one, of no matter whom.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    client: ClientBlock,
    /// When it is full again, in nanoseconds.
    full_at: u64,
}

impl RequestRates {
    /// Nobody has asked yet.
    pub(crate) fn new(rate: RequestRate) -> Self {
        let interval = Duration::from_secs(1) / rate.per_s.max(1);
        Self {
            interval,
            ahead_max: interval * rate.burst.max(1),
            hasher: RandomState::new(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
        }
    }

    /// A request of `client` comes; `now` is the time since any fixed moment.
    pub(crate) fn ask(&self, client: ClientBlock, now: Duration) -> Verdict {
        let (now, interval) = (nanos(now), nanos(self.interval));
        let Some(set) = self.set(client) else {
            return Verdict::Allowed;
        };
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().position(|bucket| bucket.client == client);
        let least = || (0..WAYS).min_by_key(|way| set.get(*way).map(|bucket| bucket.full_at));
        let way = known.or_else(least).unwrap_or_default();
        let Some(bucket) = set.get_mut(way) else {
            return Verdict::Allowed;
        };
        let is_forgetting = known.is_none() && bucket.full_at > now;
        let before = if known.is_some() { bucket.full_at } else { 0 };
        let full_at = before.max(now) + interval;
        let excess = full_at.saturating_sub(now + nanos(self.ahead_max));
        if excess > 0 {
            return Verdict::TooOften(Duration::from_nanos(excess));
        }
        *bucket = Bucket { client, full_at };
        if is_forgetting {
            Verdict::AllowedByForgetting
        } else {
            Verdict::Allowed
        }
    }

    fn set(&self, client: ClientBlock) -> Option<&Mutex<[Bucket; WAYS]>> {
        let hash = usize::try_from(self.hasher.hash_one(client) & (SETS as u64 - 1));
        self.sets.get(hash.ok()?)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    fn client(number: u32) -> ClientBlock {
        IpAddr::V4(Ipv4Addr::from_bits(number)).into()
    }

    fn rates(per_s: u32, burst: u32) -> RequestRates {
        RequestRates::new(RequestRate { per_s, burst })
    }

    const START: Duration = Duration::from_hours(1);

    #[test]
    fn gives_a_burst_and_then_the_rate_to_each_client() {
        let rates = rates(10, 5);
        for number in [7, 8] {
            for _ in 0..5 {
                assert_eq!(rates.ask(client(number), START), Verdict::Allowed);
            }
            let wait = Duration::from_millis(100);
            assert_eq!(rates.ask(client(number), START), Verdict::TooOften(wait));
        }
        let later = START + Duration::from_millis(100);
        assert_eq!(rates.ask(client(7), later), Verdict::Allowed);
        assert!(matches!(rates.ask(client(7), later), Verdict::TooOften(_)));
        let much_later = START + Duration::from_secs(9);
        let allowed = (0..9).filter(|_| rates.ask(client(7), much_later) == Verdict::Allowed);
        assert_eq!(allowed.count(), 5);
    }

    #[test]
    fn who_asks_too_often_is_not_forgotten_for_others() {
        let rates = rates(1, 60);
        while rates.ask(client(0), START) == Verdict::Allowed {}
        let mut forgotten = 0;
        for number in 1..100_000 {
            let verdict = rates.ask(client(number), START);
            forgotten += u32::from(verdict == Verdict::AllowedByForgetting);
        }
        assert!(forgotten > 80_000, "{forgotten}");
        assert!(matches!(rates.ask(client(0), START), Verdict::TooOften(_)));
    }

    #[test]
    fn clients_that_have_their_burst_again_make_room_for_nothing() {
        let rates = rates(10, 5);
        for number in 0..40_000 {
            let now = START + Duration::from_secs(u64::from(number) / 500);
            assert_eq!(rates.ask(client(number), now), Verdict::Allowed);
        }
    }

    proptest! {
        #[test]
        fn never_gives_more_than_burst_and_rate_allow(
            per_s in 1_u32..50, burst in 1_u32..50,
            pauses in prop::collection::vec(0_u64..500, 1..60),
        ) {
            let rates = rates(per_s, burst);
            let (mut now, mut given) = (0, 0);
            for pause in pauses {
                now += pause;
                let verdict = rates.ask(client(1), START + Duration::from_millis(now));
                given += u64::from(verdict == Verdict::Allowed);
            }
            let most = u64::from(burst) * 1_000 + u64::from(per_s) * now + 1_000;
            prop_assert!(given * 1_000 <= most);
        }
    }
}
