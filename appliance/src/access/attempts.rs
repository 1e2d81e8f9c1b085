//! What came of all attempts to be known, by a password or a token, and from where the last came
//! that was refused.
//!
//! Refuses: names, passwords and tokens. Who mistypes writes one in the place of another.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::{access::LoginRefusal, counter::shared_counters};

shared_counters! {
    /// What came of attempts to be known.
    pub struct AttemptCounters, shared as AttemptCells {
        /// People who logged in.
        logins,
        /// Logins refused for a wrong name or password.
        logins_refused,
        /// Logins turned away because too much was tried: no password was looked at.
        logins_turned_away,
        /// Orders refused for a token that nobody knows, or that has expired.
        tokens_refused,
    }
}

/// All attempts since the start.
#[derive(Debug, Default)]
pub struct Attempts {
    cells: AttemptCells,
    /// From where the last came that was refused.
    refused: Mutex<Option<IpAddr>>,
}

impl Attempts {
    /// What came of them.
    pub fn counters(&self) -> AttemptCounters {
        self.cells.read()
    }

    /// From where the last came that was refused; `None` if none was.
    pub fn last_refused(&self) -> Option<IpAddr> {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an order from there whose token is worth nothing.
    pub fn note_token_refused(&self, from: IpAddr) {
        self.cells.tokens_refused.add(1);
        self.note_refused(from);
    }

    /// Notes what came of a login from there.
    pub(super) fn note_login<T>(&self, outcome: &Result<T, LoginRefusal>, from: IpAddr) {
        match outcome {
            Ok(_) => self.cells.logins.add(1),
            Err(LoginRefusal::Wrong) => {
                self.cells.logins_refused.add(1);
                self.note_refused(from);
            }
            Err(LoginRefusal::TooMany(_)) => self.cells.logins_turned_away.add(1),
            Err(LoginRefusal::Nobody | LoginRefusal::Unable) => {}
        }
    }

    fn note_refused(&self, from: IpAddr) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
    }
}
