//! What is kept of a password of a person, and whether one is right.
//!
//! Source: RFC 9106 (Argon2id); the PHC string format.
//! Refuses: to show anything of a password or of its hash but where it is made.

use std::{
    fmt::{self, Display, Formatter},
    ops::RangeInclusive,
    path::Path,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use weir_hal::Disk;

use crate::{access::AccessError, secret};

/// Characters of a password: as many as a guess a second for years does not find.
pub const PASSWORD_CHARACTERS: RangeInclusive<usize> = 12..=128;

/// Bytes of the file of a hash.
const FILE_BYTES_MAX: u64 = 1_024;

/// KiB that a hash may take to compute. Below, a file that leaks is soon read.
const MEMORY_KIB: RangeInclusive<u32> = 7 * 1_024..=64 * 1_024;

/// Passes over them.
const PASSES_MAX: u32 = 10;

/// Lanes, one after the other.
const LANES_MAX: u32 = 4;

/// Bytes of a salt and of an output.
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: RangeInclusive<usize> = 16..=64;

/// Why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The text is none.
    #[error("it holds no Argon2id hash of a password: write what `weir password` prints")]
    NoHash,
    /// It takes too much to compute, or too little.
    #[error(
        "its hash takes other than {} to {} MiB, 1 to {PASSES_MAX} passes and 1 to {LANES_MAX} \
         lanes: make it anew with `weir password`",
        MEMORY_KIB.start() >> 10,
        MEMORY_KIB.end() >> 10
    )]
    Cost,
    /// The password is too short, or too long.
    #[error(
        "a password has {} to {} characters: choose another one",
        PASSWORD_CHARACTERS.start(),
        PASSWORD_CHARACTERS.end()
    )]
    Length,
    /// The system gives no random numbers, or no memory.
    #[error("this system gives no random numbers: try again")]
    Random,
}

/// The Argon2id hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(phc::PasswordHash);

impl PasswordHash {
    /// That of a password that somebody chose. Blocks, and takes 19 MiB.
    ///
    /// # Errors
    /// [`PasswordError::Length`], [`PasswordError::Random`].
    pub fn of(password: &str) -> Result<Self, PasswordError> {
        if !PASSWORD_CHARACTERS.contains(&password.chars().count()) {
            return Err(PasswordError::Length);
        }
        let mut salt = [0; SALT_BYTES];
        let filled = SystemRandom::new().fill(&mut salt);
        filled.map_err(|_unspecified| PasswordError::Random)?;
        let hash = algorithm().hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(Self).map_err(|_unspecified| PasswordError::Random)
    }

    /// That in a file. Blocks.
    ///
    /// # Errors
    /// [`AccessError`], which names the file and shows nothing of it.
    pub(crate) fn read(path: &Path, disk: &dyn Disk) -> Result<Self, AccessError> {
        let contents = secret::read(disk, path, FILE_BYTES_MAX)?;
        let text = str::from_utf8(&contents).unwrap_or_default();
        Self::parse(text.trim_ascii()).map_err(|error| AccessError::Password {
            path: path.to_owned(),
            error,
        })
    }

    /// That in a text of the PHC string format.
    ///
    /// # Errors
    /// [`PasswordError::NoHash`], [`PasswordError::Cost`].
    pub(crate) fn parse(text: &str) -> Result<Self, PasswordError> {
        let none = || PasswordError::NoHash;
        let hash = phc::PasswordHash::new(text).map_err(|_unfit| none())?;
        let output = hash.hash.as_ref().ok_or_else(none)?;
        let is_whole = hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
            && hash.version == Some(Version::V0x13.into())
            && hash.salt.is_some()
            && OUTPUT_BYTES.contains(&output.len());
        if !is_whole {
            return Err(none());
        }
        let cost = Params::try_from(&hash).map_err(|_unfit| PasswordError::Cost)?;
        let is_bounded = MEMORY_KIB.contains(&cost.m_cost())
            && cost.t_cost() <= PASSES_MAX
            && cost.p_cost() <= LANES_MAX;
        is_bounded.then_some(Self(hash)).ok_or(PasswordError::Cost)
    }

    /// Whether it is that of `password`. Blocks for long, and takes the memory that it names.
    pub(crate) fn is_of(&self, password: &[u8]) -> bool {
        algorithm().verify_password(password, &self.0).is_ok()
    }
}

impl Display for PasswordHash {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// Argon2id at its least costly of those that RFC 9106 and its users advise: 19 MiB, two passes.
fn algorithm() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

#[cfg(test)]
pub(crate) mod tests {
    use weir_hal::{Access as FileAccess, sim::Simulation};

    use super::*;

    /// The hash of `correct horse battery`, by `argon2` of Debian
    /// (`-id -t 1 -k 7168 -p 1 -l 32 -e`, salt `of the test rack`).
    pub(crate) const HASH: &str = "$argon2id$v=19$m=7168,t=1,p=1$b2YgdGhlIHRlc3QgcmFjaw$\
        24fBapwwVwhN5eOyrCdItwx2m6ktYKbuUEruAy5mxl0";

    pub(crate) const PASSWORD: &str = "correct horse battery";

    #[test]
    fn a_password_is_right_by_the_hash_that_another_program_made_and_no_other_is() {
        let hash = PasswordHash::parse(HASH).expect("a hash");
        assert!(hash.is_of(PASSWORD.as_bytes()));
        for wrong in ["", "correct horse batter", "correct horse battery "] {
            assert!(!hash.is_of(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_made_is_taken_and_no_two_are_alike() {
        let made = [(); 2].map(|()| PasswordHash::of(PASSWORD).expect("random numbers"));
        assert_ne!(made[0].to_string(), made[1].to_string());
        for hash in made {
            let text = hash.to_string();
            assert!(
                text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
                "{text}"
            );
            assert!(
                PasswordHash::parse(&text)
                    .expect("a hash")
                    .is_of(PASSWORD.as_bytes())
            );
        }
    }

    #[test]
    fn a_password_that_is_too_short_or_too_long_has_no_hash() {
        for password in ["elevenbytes", &"á".repeat(11), &"a".repeat(129), ""] {
            let made = PasswordHash::of(password);
            assert_eq!(made, Err(PasswordError::Length), "{password:?}");
        }
        assert!(PasswordHash::of(&"á".repeat(128)).is_ok());
    }

    #[test]
    fn a_hash_that_costs_too_much_or_too_little_is_refused() {
        for (right, wrong) in [
            ("m=7168", "m=65537"),
            ("m=7168", "m=7167"),
            ("m=7168", "m=4294967295"),
            ("t=1", "t=11"),
            ("t=1", "t=0"),
            ("p=1", "p=5"),
        ] {
            let parsed = PasswordHash::parse(&HASH.replace(right, wrong));
            assert_eq!(parsed, Err(PasswordError::Cost), "{wrong}");
        }
        let most = HASH.replace("m=7168,t=1,p=1", "m=65536,t=10,p=4");
        assert!(PasswordHash::parse(&most).is_ok());
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let (without_output, _) = HASH.rsplit_once('$').expect("an output");
        for text in [
            "",
            PASSWORD,
            without_output,
            &HASH.replace("argon2id", "argon2i"),
            &HASH.replace("v=19", "v=16"),
            &HASH.replace("$v=19", ""),
            &format!("{without_output}$c2hvcnQ"),
        ] {
            let parsed = PasswordHash::parse(text);
            assert_eq!(parsed, Err(PasswordError::NoHash), "{text}");
        }
    }

    #[test]
    fn the_file_of_a_hash_is_named_and_not_shown() {
        let machine = Simulation::new(1);
        let path = Path::new("/ann");
        let read = |contents: &str| {
            let file = machine.disk.open(path, FileAccess::Create).expect("a file");
            file.write_at(contents.as_bytes(), 0).expect("room");
            PasswordHash::read(path, &machine.disk)
        };
        let hash = read(&format!("{HASH}\n")).expect("a hash");
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
        let told = read(&HASH.replace("m=7168", "m=7")).expect_err("too cheap");
        let told = told.to_string();
        assert!(
            told.contains("/ann") && told.contains("weir password"),
            "{told}"
        );
        assert!(!told.contains("argon2id$"), "{told}");
    }
}
