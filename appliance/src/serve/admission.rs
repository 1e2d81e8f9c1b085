//! Who may have a connection: so many in all, so many for one client, and a few kept back.
//!
//! One client that opens all it can must not lock the others out, yet a thousand viewers may stand
//! behind one address. So there is no limit for one address unless it is configured; but behind the
//! last ordinary connection there are some more, for clients that have few.
//!
//! # Limits
//! The table has an entry for each client that has a connection, so never more than there may be
//! connections.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::serve::client_block::ClientBlock;

/// Of so many connections one more is kept back.
const RESERVE_DIVISOR: usize = 8;

/// Connections a client has at most that gets one of those kept back: what a browser opens to one
/// host, or a few televisions behind one address.
const FEW: usize = 8;

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of all clients together. An eighth more is kept back for those that have fewer than 8.
    pub connections_max: usize,
    /// Of one client: an address of IPv4, or a /64 of IPv6.
    pub per_client_max: usize,
}

impl Room {
    /// So many, of whomever.
    pub const fn of(connections_max: usize) -> Self {
        Self {
            connections_max,
            per_client_max: usize::MAX,
        }
    }

    const fn all(self) -> usize {
        self.connections_max + self.connections_max / RESERVE_DIVISOR
    }
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There are too many.
    Full,
    /// This client has too many.
    ClientFull,
}

/// The connections there are.
#[derive(Debug)]
pub(crate) struct Admission {
    room: Room,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    connections: usize,
    by_client: HashMap<ClientBlock, usize>,
}

/// One connection's place among them, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    client: ClientBlock,
}

impl Admission {
    /// Nobody is there yet.
    pub(crate) fn new(room: Room) -> Arc<Self> {
        let open = Mutex::default();
        Arc::new(Self { room, open })
    }

    /// Gives a place to a connection from `address`.
    ///
    /// # Errors
    /// [`Refused`] when there is none for it.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refused> {
        let client = ClientBlock::from(address);
        let mut open = self.lock();
        let of_client = open.by_client.get(&client).copied().unwrap_or(0);
        if of_client >= self.room.per_client_max {
            return Err(Refused::ClientFull);
        }
        let is_ordinary = open.connections < self.room.connections_max;
        let is_kept_back = open.connections < self.room.all() && of_client < FEW;
        if !is_ordinary && !is_kept_back {
            return Err(Refused::Full);
        }
        open.connections += 1;
        open.by_client.insert(client, of_client + 1);
        drop(open);
        Ok(Place {
            admission: Arc::clone(self),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.lock();
        open.connections -= 1;
        match open.by_client.get_mut(&self.client) {
            Some(of_client) if *of_client > 1 => *of_client -= 1,
            Some(_) | None => drop(open.by_client.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn take(admission: &Arc<Admission>, client: u8, count: usize) -> Vec<Place> {
        let taken = std::iter::from_fn(|| admission.admit(address(client)).ok());
        let taken: Vec<Place> = taken.take(count).collect();
        assert_eq!(taken.len(), count);
        taken
    }

    #[test]
    fn one_client_cannot_lock_the_others_out() {
        let admission = Admission::new(Room::of(800));
        let _greedy = take(&admission, 1, 800);
        assert_eq!(admission.admit(address(1)).err(), Some(Refused::Full));
        let mut others: Vec<Place> = (2..14)
            .flat_map(|client| take(&admission, client, 8))
            .collect();
        assert_eq!(admission.admit(address(2)).err(), Some(Refused::Full));
        others.extend(take(&admission, 14, 4));
        assert_eq!(admission.admit(address(15)).err(), Some(Refused::Full));
        others.pop();
        assert!(admission.admit(address(15)).is_ok());
    }

    #[test]
    fn a_client_has_no_more_than_its_own_limit() {
        let admission = Admission::new(Room {
            connections_max: 100,
            per_client_max: 3,
        });
        let mut places = take(&admission, 1, 3);
        assert_eq!(admission.admit(address(1)).err(), Some(Refused::ClientFull));
        let _others = take(&admission, 2, 3);
        places.pop();
        assert!(admission.admit(address(1)).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_given_back_is_forgotten(clients in prop::collection::vec(0_u8..20, 0..200)) {
            let admission = Admission::new(Room::of(100));
            let admitted = clients.iter().map(|client| admission.admit(address(*client)));
            let places: Vec<Place> = admitted.filter_map(Result::ok).collect();
            prop_assert!(places.len() <= 112);
            prop_assert_eq!(admission.lock().connections, places.len());
            drop(places);
            prop_assert_eq!(admission.lock().connections, 0);
            prop_assert!(admission.lock().by_client.is_empty());
        }
    }
}
