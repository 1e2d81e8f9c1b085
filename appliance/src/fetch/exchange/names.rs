//! The addresses of an endpoint's host, looked up again every 30 s.
//!
//! The system's resolver does not tell how long an answer holds; half a minute is what those who
//! move services by DNS have come to expect. An answer that cannot be renewed stays in use: a name
//! server that is down takes no origin with it.

use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};
use weir_hal::{Error, Network};

use super::CounterCells;

/// How long addresses are used without asking again.
const FRESH: Duration = Duration::from_secs(30);

/// How long after a failure nobody asks again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a request waits for a name to be looked up again while old addresses are known.
const RENEWAL_MAX: Duration = Duration::from_millis(200);

/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 16;

/// What is known of one name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: Mutex<Known>,
    /// Held by the one who looks the name up.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: Vec<SocketAddr>,
    asked: Option<Instant>,
    is_failed: bool,
}

impl Known {
    /// Whether there is no need to ask at `now`.
    fn is_fresh(&self, now: Instant) -> bool {
        let lasts = if self.is_failed { PAUSE } else { FRESH };
        self.asked.is_some_and(|asked| now < asked + lasts)
    }
}

impl Names {
    /// The addresses of `host`, the one that worked last first.
    ///
    /// # Errors
    /// When the name cannot be looked up, and never could.
    pub(super) async fn addresses(
        &self,
        network: &dyn Network,
        (host, port): (&str, u16),
        counters: &CounterCells,
    ) -> Result<Vec<SocketAddr>, Error> {
        if let Some(addresses) = self.fresh() {
            return Ok(addresses);
        }
        let old = self.known();
        let lookup = async {
            let _turn = self.turn.lock().await;
            // Whoever had the turn before may have found them.
            if let Some(addresses) = self.fresh() {
                return Ok(addresses);
            }
            if self.lock().is_fresh(Instant::now()) {
                let source = io::Error::other("it was not found a moment ago");
                let host = host.to_owned();
                return Err(Error::Resolve { host, source });
            }
            counters.lookups.add(1);
            let found = network.resolve(host, port).await;
            if found.is_err() {
                counters.lookups_failed.add(1);
            }
            self.learn(found)
        };
        if old.is_empty() {
            return lookup.await;
        }
        match timeout(RENEWAL_MAX, lookup).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(_)) => Ok(old),
            Err(_elapsed) => {
                counters.lookups_failed.add(1);
                self.fail();
                Ok(old)
            }
        }
    }

    /// The addresses that were found last.
    pub(crate) fn known(&self) -> Vec<SocketAddr> {
        self.lock().addresses.clone()
    }

    /// Whether `address` is one of those that were found last.
    pub(super) fn has(&self, address: SocketAddr) -> bool {
        self.lock().addresses.contains(&address)
    }

    /// Whether the addresses are too old to be used without asking again, and nobody does.
    pub(crate) fn is_due(&self) -> bool {
        !self.lock().is_fresh(Instant::now()) && self.turn.try_lock().is_ok()
    }

    /// Takes note that `address` worked, so that it is tried first.
    pub(super) fn prefer(&self, address: SocketAddr) {
        let addresses = &mut self.lock().addresses;
        if let Some(index) = addresses.iter().position(|known| *known == address) {
            addresses.swap(0, index);
        }
    }

    fn fresh(&self) -> Option<Vec<SocketAddr>> {
        let known = self.lock();
        let is_fresh = known.is_fresh(Instant::now()) && !known.addresses.is_empty();
        is_fresh.then(|| known.addresses.clone())
    }

    fn learn(&self, found: Result<Vec<SocketAddr>, Error>) -> Result<Vec<SocketAddr>, Error> {
        let found = found.inspect_err(|_| self.fail())?;
        let mut known = self.lock();
        let preferred = known.addresses.first().copied();
        let mut addresses = interleaved(found);
        if let Some(index) = addresses.iter().position(|it| Some(*it) == preferred) {
            addresses.swap(0, index);
        }
        *known = Known {
            addresses: addresses.clone(),
            asked: Some(Instant::now()),
            is_failed: false,
        };
        Ok(addresses)
    }

    fn fail(&self) {
        let mut known = self.lock();
        known.asked = Some(Instant::now());
        known.is_failed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Addresses of both families in turn, that which the resolver prefers first. RFC 8305 §4.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v6_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == is_v6_first);
    let mut second = second.into_iter();
    let mut mixed = Vec::new();
    for address in first {
        mixed.push(address);
        mixed.extend(second.next());
    }
    mixed.extend(second);
    mixed.truncate(ADDRESSES_MAX);
    mixed
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use weir_hal::sim;

    use super::*;

    const OLD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const NEW: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    struct Asking {
        network: sim::Network,
        names: Names,
        counters: CounterCells,
    }

    impl Asking {
        fn new() -> Self {
            let network = sim::Network::new();
            network.set_host("origin", &[OLD]);
            Self {
                network,
                names: Names::default(),
                counters: CounterCells::default(),
            }
        }

        async fn ask(&self) -> Option<IpAddr> {
            let place = ("origin", 80);
            let found = self
                .names
                .addresses(&self.network, place, &self.counters)
                .await;
            found.ok().map(|addresses| addresses[0].ip())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_once_in_half_a_minute() {
        let asking = Asking::new();
        assert_eq!(asking.ask().await, Some(OLD));
        asking.network.set_host("origin", &[NEW]);
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(asking.ask().await, Some(OLD));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(asking.ask().await, Some(NEW));
        assert_eq!(asking.counters.read().lookups, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_stay_in_use_while_the_name_servers_are_down() {
        let asking = Asking::new();
        asking.ask().await;
        asking.network.set_host("origin", &[]);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(asking.ask().await, Some(OLD));
        assert_eq!(asking.ask().await, Some(OLD));
        assert_eq!(asking.counters.read().lookups_failed, 1);
        asking.network.set_host("origin", &[NEW]);
        tokio::time::advance(PAUSE).await;
        assert_eq!(asking.ask().await, Some(NEW));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_was_never_found_is_an_error() {
        let asking = Asking::new();
        asking.network.set_host("origin", &[]);
        for _ in 0..3 {
            assert_eq!(asking.ask().await, None);
        }
        assert_eq!(asking.counters.read().lookups, 1);
        asking.network.set_host("origin", &[NEW]);
        tokio::time::advance(PAUSE).await;
        assert_eq!(asking.ask().await, Some(NEW));
    }

    #[test]
    fn families_take_turns() {
        let parse = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let mixed = interleaved(parse(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1"]));
        assert_eq!(
            mixed,
            parse(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "[::3]:1"])
        );
    }
}
