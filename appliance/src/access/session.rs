//! Who is logged in: what a browser shows, and who that is.
//!
//! A session is known by 256 random bits, of which only the SHA-256 is kept. It ends when nothing
//! is ordered by it for [`IDLE_MAX`], and after [`LENGTH_MAX`] in any case; when its user logs out,
//! is no longer configured, or has another password; and with the process, for none is on disk.
//! To look at a page keeps no session alive: pages load themselves again.
//!
//! Source: RFC 6265 (cookies); OWASP Session Management Cheat Sheet. Pure: time is an argument.
//! Refuses: to keep what a browser shows.

use std::{fmt, sync::Arc, time::Duration};

use ring::{
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use weir_hal::Monotonic;

use crate::{access::PasswordHash, config::Role};

/// Sessions at one time.
const SESSIONS_MAX: usize = 64;

/// How long a session may do nothing.
const IDLE_MAX: Duration = Duration::from_mins(15);

/// How long it may last.
const LENGTH_MAX: Duration = Duration::from_hours(12);

/// Random bytes of what a browser shows.
const KEY_BYTES: usize = 32;

/// A person who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) hash: PasswordHash,
}

/// What a browser shows, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionKey(String);

impl SessionKey {
    /// A new one; `None` if the system has no random numbers.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self::of(&bytes))
    }

    fn of(bytes: &[u8; KEY_BYTES]) -> Self {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        Self(digits.collect())
    }

    /// As it stands in a cookie.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionKey(..)")
    }
}

/// Those who are logged in.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Vec<Session>);

#[derive(Debug)]
struct Session {
    digest: [u8; SHA256_OUTPUT_LEN],
    user: Arc<User>,
    began: Monotonic,
    /// When something was last ordered by it.
    used: Monotonic,
}

impl Sessions {
    /// Begins the session of `user`. The user whose session had to end for it is returned: the
    /// longest idle one of too many.
    pub(crate) fn begin(
        &mut self,
        key: &SessionKey,
        user: Arc<User>,
        now: Monotonic,
    ) -> Option<Arc<User>> {
        self.end_old(now);
        let idle = self.0.iter().enumerate().min_by_key(|(_, it)| it.used);
        let idle = idle.map(|(index, _)| index);
        let idle = idle.filter(|_| self.0.len() >= SESSIONS_MAX);
        let ended = idle.map(|index| self.0.swap_remove(index).user);
        self.0.push(Session {
            digest: digest_of(key.as_str().as_bytes()),
            user,
            began: now,
            used: now,
        });
        ended
    }

    /// Whose session `key` is.
    pub(crate) fn user(&mut self, key: &[u8], now: Monotonic) -> Option<Arc<User>> {
        let index = self.find(key, now)?;
        Some(Arc::clone(&self.0[index].user))
    }

    /// Notes that something is ordered by the session of `key`.
    pub(crate) fn touch(&mut self, key: &[u8], now: Monotonic) {
        if let Some(index) = self.find(key, now) {
            self.0[index].used = now;
        }
    }

    /// Ends the session of `key`, and returns whose it was.
    pub(crate) fn end(&mut self, key: &[u8], now: Monotonic) -> Option<Arc<User>> {
        let index = self.find(key, now)?;
        Some(self.0.swap_remove(index).user)
    }

    /// Ends the sessions of everybody who is not one of `users` with the same password; the others
    /// have the roles that those have.
    pub(crate) fn follow(&mut self, users: &[Arc<User>]) {
        self.0.retain_mut(|session| {
            let old = &session.user;
            let mut users = users.iter();
            let user = users.find(|user| user.name == old.name && user.hash == old.hash);
            if let Some(user) = user {
                session.user = Arc::clone(user);
            }
            user.is_some()
        });
    }

    fn find(&mut self, key: &[u8], now: Monotonic) -> Option<usize> {
        self.end_old(now);
        let digest = digest_of(key);
        // A digest tells nothing of the key, so nothing is learned from how long this takes.
        self.0.iter().position(|session| session.digest == digest)
    }

    fn end_old(&mut self, now: Monotonic) {
        self.0.retain(|session| {
            now.since(session.used) < IDLE_MAX && now.since(session.began) < LENGTH_MAX
        });
    }
}

fn digest_of(key: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, key).as_ref());
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::access::password::tests::HASH;

    pub(crate) fn user(name: &str, role: Role) -> Arc<User> {
        Arc::new(User {
            name: name.to_owned(),
            role,
            hash: PasswordHash::parse(HASH).expect("a hash"),
        })
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(1_000_000 + seconds)
    }

    fn key(number: u8) -> SessionKey {
        SessionKey::of(&[number; KEY_BYTES])
    }

    fn name_of(sessions: &mut Sessions, number: u8, now: Monotonic) -> Option<String> {
        let user = sessions.user(key(number).as_str().as_bytes(), now);
        user.map(|user| user.name.clone())
    }

    fn of_ann() -> Sessions {
        let mut sessions = Sessions::default();
        sessions.begin(&key(1), user("ann", Role::Admin), at(0));
        sessions
    }

    #[test]
    fn a_key_is_of_256_random_bits_that_are_not_shown() {
        let keys = [(); 2].map(|()| SessionKey::random().expect("random numbers"));
        assert_ne!(keys[0], keys[1]);
        assert_eq!(keys[0].as_str().len(), 64);
        assert_eq!(format!("{:?}", keys[0]), "SessionKey(..)");
        let sessions = format!("{:?}", of_ann());
        assert!(!sessions.contains(key(1).as_str()), "{sessions}");
    }

    #[test]
    fn a_session_is_known_by_its_whole_key_alone() {
        let mut sessions = of_ann();
        assert_eq!(name_of(&mut sessions, 1, at(1)).as_deref(), Some("ann"));
        assert_eq!(name_of(&mut sessions, 2, at(1)), None);
        let digest = digest_of(key(1).as_str().as_bytes());
        for wrong in [&digest[..], b"", &key(1).as_str().as_bytes()[..63]] {
            assert_eq!(sessions.user(wrong, at(1)), None);
        }
    }

    #[test]
    fn a_session_that_orders_nothing_ends_after_a_quarter_of_an_hour_however_it_is_looked_at() {
        let mut sessions = of_ann();
        for second in 0..900 {
            assert!(name_of(&mut sessions, 1, at(second)).is_some(), "{second}");
        }
        assert_eq!(name_of(&mut sessions, 1, at(900)), None);
        let mut sessions = of_ann();
        sessions.touch(key(1).as_str().as_bytes(), at(899));
        assert!(name_of(&mut sessions, 1, at(1_798)).is_some());
        assert_eq!(name_of(&mut sessions, 1, at(1_799)), None);
        sessions.touch(key(1).as_str().as_bytes(), at(1_799));
        assert_eq!(name_of(&mut sessions, 1, at(1_799)), None, "it is over");
    }

    #[test]
    fn a_session_ends_after_twelve_hours_whatever_it_does() {
        let mut sessions = of_ann();
        for minute in 1..720 {
            sessions.touch(key(1).as_str().as_bytes(), at(60 * minute));
        }
        assert!(name_of(&mut sessions, 1, at(43_199)).is_some());
        assert_eq!(name_of(&mut sessions, 1, at(43_200)), None);
    }

    #[test]
    fn of_too_many_the_longest_idle_one_ends() {
        let mut sessions = Sessions::default();
        for number in 0..64 {
            let ended = sessions.begin(&key(number), user("ann", Role::Admin), at(number.into()));
            assert_eq!(ended, None, "{number}");
        }
        sessions.touch(key(0).as_str().as_bytes(), at(64));
        let ended = sessions.begin(&key(64), user("bob", Role::Viewer), at(65));
        assert_eq!(ended.map(|user| user.name.clone()).as_deref(), Some("ann"));
        assert_eq!(name_of(&mut sessions, 1, at(65)), None);
        for number in (0..65).filter(|number| *number != 1) {
            assert!(name_of(&mut sessions, number, at(65)).is_some(), "{number}");
        }
    }

    #[test]
    fn what_is_ended_is_worth_nothing() {
        let mut sessions = of_ann();
        let ended = sessions.end(key(1).as_str().as_bytes(), at(1));
        assert_eq!(ended.map(|user| user.name.clone()).as_deref(), Some("ann"));
        assert_eq!(name_of(&mut sessions, 1, at(1)), None);
    }

    #[test]
    fn who_is_gone_or_has_another_password_is_logged_out_and_others_follow_their_role() {
        let mut sessions = of_ann();
        sessions.begin(&key(2), user("bob", Role::Viewer), at(0));
        sessions.begin(&key(3), user("eve", Role::Viewer), at(0));
        let other = User {
            hash: PasswordHash::parse(&HASH.replace("$24f", "$34f")).expect("a hash"),
            ..User::clone(&user("bob", Role::Viewer))
        };
        sessions.follow(&[user("ann", Role::Technician), Arc::new(other)]);
        let ann = sessions.user(key(1).as_str().as_bytes(), at(1));
        assert_eq!(ann.map(|ann| ann.role), Some(Role::Technician));
        for number in [2, 3] {
            assert_eq!(name_of(&mut sessions, number, at(1)), None, "{number}");
        }
    }
}
