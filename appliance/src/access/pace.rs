//! How fast passwords may be tried.
//!
//! A client fails five times, then once a minute, and each further time waits twice as long, up to
//! [`WAIT_MAX`]; who was right, or let a quarter of an hour go by, begins anew. All of them
//! together try 30 times a minute. What is refused counts for nothing, so nobody is locked out by
//! others who keep on, and nobody for good.
//!
//! Source: EN 303 645 5.1-5; NIST SP 800-63B (rate limiting). Pure: time is an argument.
//! Refuses: to know whose password is tried, for that would let anybody lock anybody out.

use std::{collections::VecDeque, time::Duration};

use weir_hal::Monotonic;

use crate::serve::ClientBlock;

/// Times that a client may try before it waits.
const FREE_TRIES: u32 = 5;

/// The first wait.
const WAIT_MIN: Duration = Duration::from_mins(1);

/// The longest wait; and how long a client is remembered.
const WAIT_MAX: Duration = Duration::from_mins(15);

/// Times that all may try in [`MINUTE`].
const TRIES_MAX: usize = 30;

const MINUTE: Duration = Duration::from_mins(1);

/// Clients that are remembered: more than may try while one is.
const CLIENTS_MAX: usize = 512;

/// Who has tried, and when.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    clients: Vec<Client>,
    /// The latest tries of all, the oldest first.
    tries: VecDeque<Monotonic>,
}

#[derive(Debug)]
struct Client {
    block: ClientBlock,
    tries: u32,
    latest: Monotonic,
}

impl Pace {
    /// Lets a client try; it counts as failed until [`Self::forgive`].
    ///
    /// # Errors
    /// How long it must wait first.
    pub(crate) fn admit(&mut self, block: ClientBlock, now: Monotonic) -> Result<(), Duration> {
        self.clients
            .retain(|client| now.since(client.latest) < WAIT_MAX);
        let known = self.clients.iter().position(|it| it.block == block);
        if let Some(index) = known {
            let client = &self.clients[index];
            let left = wait_after(client.tries).saturating_sub(now.since(client.latest));
            if !left.is_zero() {
                return Err(left);
            }
        }
        self.admit_one_of_all(now)?;
        let index = known.unwrap_or_else(|| self.remember(block, now));
        let client = &mut self.clients[index];
        client.tries = client.tries.saturating_add(1);
        client.latest = now;
        Ok(())
    }

    /// Notes that a client was right.
    pub(crate) fn forgive(&mut self, block: ClientBlock) {
        self.clients.retain(|client| client.block != block);
    }

    /// Whether nobody has tried for a minute.
    #[cfg(test)]
    pub(crate) fn is_untried(&self) -> bool {
        self.tries.is_empty()
    }

    fn admit_one_of_all(&mut self, now: Monotonic) -> Result<(), Duration> {
        while let Some(oldest) = self.tries.front()
            && now.since(*oldest) >= MINUTE
        {
            self.tries.pop_front();
        }
        if self.tries.len() >= TRIES_MAX {
            let oldest = self.tries.front().copied().unwrap_or(now);
            return Err(MINUTE.saturating_sub(now.since(oldest)));
        }
        self.tries.push_back(now);
        Ok(())
    }

    /// The place of a new client; of too many the one that was quiet for longest is forgotten.
    fn remember(&mut self, block: ClientBlock, now: Monotonic) -> usize {
        if self.clients.len() >= CLIENTS_MAX {
            let clients = self.clients.iter().enumerate();
            let quiet = clients.min_by_key(|(_, client)| client.latest);
            if let Some((index, _)) = quiet {
                self.clients.swap_remove(index);
            }
        }
        self.clients.push(Client {
            block,
            tries: 0,
            latest: now,
        });
        self.clients.len() - 1
    }
}

/// How long a client waits that has tried so often.
fn wait_after(tries: u32) -> Duration {
    let Some(doublings) = tries.checked_sub(FREE_TRIES) else {
        return Duration::ZERO;
    };
    WAIT_MIN.saturating_mul(1 << doublings.min(8)).min(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(1_000_000 + seconds)
    }

    fn client(number: u32) -> ClientBlock {
        IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + number)).into()
    }

    /// Has a client try so often at one moment.
    fn exhaust(pace: &mut Pace, block: ClientBlock, now: Monotonic) {
        for _ in 0..FREE_TRIES {
            pace.admit(block, now).expect("it may try");
        }
    }

    #[test]
    fn a_client_tries_five_times_a_minute_and_its_waits_grow_to_an_end() {
        let mut pace = Pace::default();
        exhaust(&mut pace, client(1), at(0));
        let mut now = 0;
        for wait in [60, 120, 240, 480] {
            let left = Duration::from_secs(wait - 1);
            assert_eq!(pace.admit(client(1), at(now + 1)), Err(left));
            now += wait;
            assert_eq!(pace.admit(client(1), at(now)), Ok(()), "after {now} s");
        }
        let left = Duration::from_secs(899);
        assert_eq!(pace.admit(client(1), at(now + 1)), Err(left));
        assert_eq!(wait_after(9), WAIT_MAX);
        assert_eq!(wait_after(u32::MAX), WAIT_MAX);
    }

    #[test]
    fn what_is_refused_makes_no_wait_longer() {
        let mut pace = Pace::default();
        exhaust(&mut pace, client(1), at(0));
        for second in 1..60 {
            let left = Duration::from_secs(60 - second);
            assert_eq!(pace.admit(client(1), at(second)), Err(left));
        }
        assert_eq!(pace.admit(client(1), at(60)), Ok(()));
    }

    #[test]
    fn others_may_try_and_who_was_right_begins_anew() {
        let mut pace = Pace::default();
        exhaust(&mut pace, client(1), at(0));
        assert_eq!(pace.admit(client(2), at(0)), Ok(()));
        assert!(pace.admit(client(1), at(0)).is_err());
        pace.forgive(client(1));
        assert_eq!(pace.admit(client(1), at(0)), Ok(()));
    }

    #[test]
    fn a_quarter_of_an_hour_later_nothing_is_remembered() {
        let mut pace = Pace::default();
        exhaust(&mut pace, client(1), at(0));
        exhaust(&mut pace, client(1), at(900));
        assert!(pace.admit(client(1), at(900)).is_err());
    }

    #[test]
    fn all_try_thirty_times_a_minute_and_not_more_in_any_minute() {
        let mut pace = Pace::default();
        for number in 0..30 {
            assert_eq!(pace.admit(client(number), at(number.into())), Ok(()));
        }
        let refused = pace.admit(client(99), at(30));
        assert_eq!(refused, Err(Duration::from_secs(30)));
        assert_eq!(pace.admit(client(99), at(60)), Ok(()));
        assert!(
            pace.admit(client(98), at(60)).is_err(),
            "the next is a second old"
        );
        assert_eq!(pace.admit(client(98), at(61)), Ok(()));
    }

    #[test]
    fn nobody_is_forgotten_while_he_waits_however_many_try() {
        let mut pace = Pace::default();
        exhaust(&mut pace, client(0), at(0));
        let mut most = 0;
        for second in 0..899 {
            for number in 0..2 {
                let _is_admitted = pace.admit(client(2 * second + number + 1), at(second.into()));
            }
            most = most.max(pace.clients.len());
        }
        assert!(pace.clients.iter().any(|it| it.block == client(0)));
        assert!(most < CLIENTS_MAX, "{most}");
    }
}
