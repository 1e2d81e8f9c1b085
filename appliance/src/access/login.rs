//! People who log in: whose password is right, and whose session is whose.
//!
//! One password is checked at a time, beside the threads that answer, for each takes up to 64 MiB
//! and a core; no more wait than may be tried in a minute. A name that nobody has costs what a
//! wrong password does.
//!
//! Refuses: cookies and pages, which are of `cookie` and of who answers.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;
use tracing::warn;
use weir_hal::{Clock, Disk, Monotonic};

use crate::{
    access::{
        AccessError, Attempts, PasswordHash,
        pace::Pace,
        session::{SessionKey, Sessions, User},
    },
    config::ManagementUser,
};

/// Why somebody is not logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginRefusal {
    /// There is nobody who could be.
    Nobody,
    /// Too much was tried: for so long nothing more is.
    TooMany(Duration),
    /// The name or the password is wrong.
    Wrong,
    /// The system has no random numbers, or no thread.
    Unable,
}

/// Those who may log in, and those who have.
#[derive(Debug)]
pub struct Logins {
    state: Mutex<State>,
    one_at_a_time: Arc<Semaphore>,
    attempts: Arc<Attempts>,
}

#[derive(Debug, Default)]
struct State {
    users: Vec<Arc<User>>,
    sessions: Sessions,
    pace: Pace,
}

impl Default for Logins {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Logins {
    /// Reads the hash of every user. Blocks.
    ///
    /// # Errors
    /// [`AccessError`], which names the first file that cannot be used and shows nothing of it.
    pub fn open(users: &[ManagementUser], disk: &dyn Disk) -> Result<Self, AccessError> {
        let read: Result<Vec<_>, AccessError> = users.iter().map(|it| read(it, disk)).collect();
        Ok(Self::of(read?))
    }

    fn of(users: Vec<Arc<User>>) -> Self {
        let state = State {
            users,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            one_at_a_time: Arc::new(Semaphore::new(1)),
            attempts: Arc::default(),
        }
    }

    /// Takes other users from now on. Those whose files cannot be used are none, and named in what
    /// is returned; who is none any more, or has another password, is logged out. Blocks.
    pub fn reopen(&self, users: &[ManagementUser], disk: &dyn Disk) -> Vec<AccessError> {
        let (mut taken, mut errors) = (Vec::new(), Vec::new());
        for user in users {
            match read(user, disk) {
                Ok(user) => taken.push(user),
                Err(error) => errors.push(error),
            }
        }
        let mut state = self.state();
        state.sessions.follow(&taken);
        state.users = taken;
        errors
    }

    /// What came of all attempts to be known, by a token too.
    pub fn attempts(&self) -> &Arc<Attempts> {
        &self.attempts
    }

    /// Whether anybody could log in.
    pub(crate) fn is_possible(&self) -> bool {
        !self.state().users.is_empty()
    }

    /// Begins the session of who has this name and this password, and counts what came of it.
    ///
    /// # Errors
    /// [`LoginRefusal`].
    pub(crate) async fn log_in(
        &self,
        given: (&str, String),
        from: IpAddr,
        clock: &dyn Clock,
    ) -> Result<SessionKey, LoginRefusal> {
        let outcome = self.begin(given, from, clock).await;
        self.attempts.note_login(&outcome, from);
        outcome
    }

    async fn begin(
        &self,
        (name, password): (&str, String),
        from: IpAddr,
        clock: &dyn Clock,
    ) -> Result<SessionKey, LoginRefusal> {
        let (user, is_known) = self.admit(name, from, clock.monotonic())?;
        let hash = user.hash.clone();
        if !(self.check(hash, password).await? && is_known) {
            return Err(LoginRefusal::Wrong);
        }
        let key = SessionKey::random().ok_or(LoginRefusal::Unable)?;
        let mut state = self.state();
        // It may have changed while it was checked.
        let user = state.users.iter().find(|it| ***it == *user).cloned();
        let user = user.ok_or(LoginRefusal::Wrong)?;
        state.pace.forgive(from.into());
        if let Some(ended) = state.sessions.begin(&key, user, clock.monotonic()) {
            warn!(
                user = ended.name,
                "logged out: there are as many sessions as there may be"
            );
        }
        Ok(key)
    }

    /// Whose password is to be checked, and whether that is who was named.
    fn admit(
        &self,
        name: &str,
        from: IpAddr,
        now: Monotonic,
    ) -> Result<(Arc<User>, bool), LoginRefusal> {
        let mut state = self.state();
        let first = state.users.first().cloned();
        let first = first.ok_or(LoginRefusal::Nobody)?;
        let admitted = state.pace.admit(from.into(), now);
        admitted.map_err(LoginRefusal::TooMany)?;
        let known = state.users.iter().find(|user| user.name == name);
        Ok(known.map_or((first, false), |user| (Arc::clone(user), true)))
    }

    /// Whether `password` is that of `hash`, when it is its turn.
    async fn check(&self, hash: PasswordHash, password: String) -> Result<bool, LoginRefusal> {
        let turn = Arc::clone(&self.one_at_a_time).acquire_owned().await;
        let turn = turn.map_err(|_closed| LoginRefusal::Unable)?;
        let checked = tokio::task::spawn_blocking(move || {
            let is_right = hash.is_of(password.as_bytes());
            // Here, for who asked may be gone, and the memory is still taken.
            drop(turn);
            is_right
        });
        checked.await.map_err(|_ended| LoginRefusal::Unable)
    }

    /// Whose session `key` is.
    pub(crate) fn user(&self, key: &[u8], now: Monotonic) -> Option<Arc<User>> {
        self.state().sessions.user(key, now)
    }

    /// Notes that something is ordered by the session of `key`.
    pub(crate) fn touch(&self, key: &[u8], now: Monotonic) {
        self.state().sessions.touch(key, now);
    }

    /// Ends the session of `key`, and returns whose it was.
    pub(crate) fn log_out(&self, key: &[u8], now: Monotonic) -> Option<Arc<User>> {
        self.state().sessions.end(key, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(user: &ManagementUser, disk: &dyn Disk) -> Result<Arc<User>, AccessError> {
    Ok(Arc::new(User {
        name: user.name.clone(),
        role: user.role,
        hash: PasswordHash::read(&user.secret, disk)?,
    }))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        net::Ipv4Addr,
        path::{Path, PathBuf},
    };

    use weir_hal::{Access as FileAccess, sim::Simulation};

    use super::*;
    use crate::{
        access::{
            AttemptCounters,
            password::tests::{HASH, PASSWORD},
            session::tests::user,
        },
        config::Role,
    };

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// The technician `ann` and the admin `bob`, who have the same password.
    pub(crate) fn logins() -> Logins {
        Logins::of(vec![
            user("ann", Role::Technician),
            user("bob", Role::Admin),
        ])
    }

    async fn log_in(
        logins: &Logins,
        machine: &Simulation,
        (name, password): (&str, &str),
    ) -> Result<SessionKey, LoginRefusal> {
        let clock = machine.board().clock;
        let given = (name, password.to_owned());
        logins.log_in(given, FROM, &*clock).await
    }

    #[tokio::test]
    async fn who_has_the_password_of_the_name_is_logged_in_and_nobody_else() {
        let (machine, logins) = (Simulation::new(1), logins());
        let key = log_in(&logins, &machine, ("ann", PASSWORD)).await;
        let key = key.expect("the password is right");
        let now = machine.clock.monotonic();
        let found = logins.user(key.as_str().as_bytes(), now);
        assert_eq!(found.map(|it| it.name.clone()).as_deref(), Some("ann"));
        for given in [("ann", "wrong password"), ("eve", PASSWORD), ("", PASSWORD)] {
            let refused = log_in(&logins, &machine, given).await;
            assert_eq!(refused, Err(LoginRefusal::Wrong), "{given:?}");
        }
        let nobody = Logins::default();
        let refused = log_in(&nobody, &machine, ("ann", PASSWORD)).await;
        assert_eq!(refused, Err(LoginRefusal::Nobody));
    }

    #[tokio::test]
    async fn who_guesses_must_wait_whoever_is_named_and_the_right_password_is_not_looked_at() {
        let (machine, logins) = (Simulation::new(1), logins());
        for name in ["ann", "bob", "eve", "ann", "ann"] {
            let refused = log_in(&logins, &machine, (name, "guess")).await;
            assert_eq!(refused, Err(LoginRefusal::Wrong));
        }
        let wait = LoginRefusal::TooMany(Duration::from_mins(1));
        let refused = log_in(&logins, &machine, ("ann", PASSWORD)).await;
        assert_eq!(refused, Err(wait));
        machine.clock.advance(Duration::from_mins(1));
        let taken = log_in(&logins, &machine, ("ann", PASSWORD)).await;
        assert!(taken.is_ok(), "nobody is locked out for good");
        let refused = log_in(&logins, &machine, ("ann", "guess")).await;
        assert_eq!(
            refused,
            Err(LoginRefusal::Wrong),
            "who was right begins anew"
        );
    }

    #[tokio::test]
    async fn what_came_of_logins_is_counted_and_from_where_the_last_was_refused() {
        let (machine, logins) = (Simulation::new(1), logins());
        assert_eq!(logins.attempts().last_refused(), None);
        let taken = log_in(&logins, &machine, ("ann", PASSWORD)).await;
        assert!(taken.is_ok());
        for _ in 0..7 {
            drop(log_in(&logins, &machine, ("ann", "guess")).await);
        }
        let counted = AttemptCounters {
            logins: 1,
            logins_refused: 5,
            logins_turned_away: 2,
            tokens_refused: 0,
        };
        assert_eq!(logins.attempts().counters(), counted);
        assert_eq!(logins.attempts().last_refused(), Some(FROM));
    }

    #[tokio::test]
    async fn a_password_that_changes_while_it_is_checked_opens_nothing() {
        let (machine, logins) = (Simulation::new(1), Arc::new(logins()));
        let turn = Arc::clone(&logins.one_at_a_time).acquire_owned().await;
        let turn = turn.expect("nobody is before");
        let clock = machine.board().clock;
        let asked = Arc::clone(&logins);
        let waiting = tokio::spawn(async move {
            asked
                .log_in(("ann", PASSWORD.to_owned()), FROM, &*clock)
                .await
        });
        while logins.state().pace.is_untried() {
            tokio::task::yield_now().await;
        }
        logins.reopen(&[], &*machine.board().disk);
        drop(turn);
        let refused = waiting.await.expect("it ends");
        assert_eq!(refused, Err(LoginRefusal::Wrong));
    }

    #[tokio::test]
    async fn users_come_from_their_files_and_follow_them() {
        let machine = Simulation::new(1);
        let disk = machine.board().disk;
        let write = |text: &str| {
            let file = disk.open(Path::new("/ann"), FileAccess::Create);
            let file = file.expect("a file");
            file.write_at(text.as_bytes(), 0).expect("room");
        };
        let configured = [ManagementUser {
            name: "ann".to_owned(),
            role: Role::Technician,
            secret: PathBuf::from("/ann"),
        }];
        assert!(Logins::open(&configured, &*disk).is_err(), "no file");
        write(HASH);
        let logins = Logins::open(&configured, &*disk).expect("users");
        let key = log_in(&logins, &machine, ("ann", PASSWORD)).await;
        let key = key.expect("the password is right");
        let is_in = || {
            let now = machine.clock.monotonic();
            logins.user(key.as_str().as_bytes(), now).is_some()
        };
        assert!(logins.reopen(&configured, &*disk).is_empty() && is_in());
        write(&HASH.replace("m=7168", "m=7169"));
        assert!(logins.reopen(&configured, &*disk).is_empty() && !is_in());
        write(&"no hash ".repeat(20));
        assert_eq!(logins.reopen(&configured, &*disk).len(), 1);
        assert!(!logins.is_possible());
    }
}
