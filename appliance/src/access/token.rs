//! Programs that may order: those that know a token, out of the files that hold its SHA-256.
//!
//! ```text
//! Authorization: Bearer {token}
//! ```
//!
//! Who has a token orders from any address, as far as its role goes; who sends none orders from the
//! addresses of `allow` of each kind of order. A token that is wrong is never passed over.
//!
//! Source: RFC 6750 §2.1, §3 (Bearer); FIPS 180-4 (SHA-256).
//! Refuses: to keep a token, and to show anything of one.

use std::{ops::RangeInclusive, path::Path};

use arc_swap::ArcSwap;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use weir_hal::{Disk, Wall};

use crate::{
    access::AccessError,
    config::{ManagementToken, Role},
    secret,
    serve::{Body, reply},
};

/// Bytes of the file of a token: its SHA-256, and the name that `sha256sum` writes behind it.
const FILE_BYTES_MAX: u64 = 1_024;

/// Bytes of a token: 128 bits at least in hexadecimal digits, which nobody guesses.
const TOKEN_BYTES: RangeInclusive<usize> = 32..=256;

/// Why a request with a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody knows the token.
    #[error("nobody knows this token: send one of `management.token`")]
    Unknown,
    /// It is none, whatever the file says: who could guess it would be known.
    #[error(
        "a token has {} to {} characters: make one with `openssl rand -hex 32`",
        TOKEN_BYTES.start(),
        TOKEN_BYTES.end()
    )]
    Unfit,
    /// It was good once.
    #[error("the token {0} has expired: issue another one")]
    Expired(String),
    /// It is good for less.
    #[error(
        "the role of the token {name} is {}, and this needs {}",
        role.as_str(),
        needed.as_str()
    )]
    Role {
        /// As whom it is known.
        name: String,
        /// What it is good for.
        role: Role,
        /// What it would have to be good for.
        needed: Role,
    },
}

impl Denied {
    /// What whoever asked is answered.
    pub fn answer(&self) -> Response<Body> {
        let (status, challenge) = match self {
            Self::Unknown | Self::Unfit | Self::Expired(_) => {
                (StatusCode::UNAUTHORIZED, "invalid_token")
            }
            Self::Role { .. } => (StatusCode::FORBIDDEN, "insufficient_scope"),
        };
        let mut response = reply::text(status, &self.to_string());
        let challenge = format!("Bearer realm=\"weir\", error=\"{challenge}\"");
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The tokens in force.
#[derive(Debug, Default)]
pub struct Access(ArcSwap<Vec<Token>>);

#[derive(Debug, Clone)]
struct Token {
    name: String,
    role: Role,
    expires: Wall,
    digest: [u8; SHA256_OUTPUT_LEN],
}

impl Access {
    /// Reads every token. Blocks.
    ///
    /// # Errors
    /// [`AccessError`], which names the first file that cannot be used and shows nothing of it.
    pub fn open(tokens: &[ManagementToken], disk: &dyn Disk) -> Result<Self, AccessError> {
        let read = tokens.iter().map(|token| Token::read(token, disk));
        let read: Result<Vec<Token>, AccessError> = read.collect();
        Ok(Self(ArcSwap::from_pointee(read?)))
    }

    /// Takes other tokens from now on. Those whose files cannot be used are worth nothing, and
    /// named in what is returned. Blocks.
    pub fn reopen(&self, tokens: &[ManagementToken], disk: &dyn Disk) -> Vec<AccessError> {
        let (mut read, mut errors) = (Vec::new(), Vec::new());
        for token in tokens {
            match Token::read(token, disk) {
                Ok(token) => read.push(token),
                Err(error) => errors.push(error),
            }
        }
        self.0.store(read.into());
        errors
    }

    /// As whom a request with these fields orders what needs `needed`; `None` if it has no token,
    /// or there are none.
    ///
    /// # Errors
    /// [`Denied`] when it has a token that is not good for that.
    pub fn name_of(
        &self,
        headers: &HeaderMap,
        needed: Role,
        now: Wall,
    ) -> Result<Option<String>, Denied> {
        let tokens = self.0.load();
        let mut fields = headers.get_all(AUTHORIZATION).iter().map(token_in);
        let (first, further) = (fields.next().flatten(), fields.next());
        let Some(sent) = first.filter(|_| !tokens.is_empty()) else {
            return Ok(None);
        };
        if !TOKEN_BYTES.contains(&sent.len()) {
            return Err(Denied::Unfit);
        }
        if further.is_some() {
            return Err(Denied::Unknown);
        }
        let digest = digest(&SHA256, sent);
        // A digest tells nothing of the token, so nothing is learned from how long this takes.
        let known = tokens.iter().find(|token| token.digest == digest.as_ref());
        let token = known.ok_or(Denied::Unknown)?;
        let name = token.name.clone();
        if now >= token.expires {
            return Err(Denied::Expired(name));
        }
        if token.role < needed {
            let role = token.role;
            return Err(Denied::Role { name, role, needed });
        }
        Ok(Some(name))
    }
}

impl Token {
    fn read(token: &ManagementToken, disk: &dyn Disk) -> Result<Self, AccessError> {
        Ok(Self {
            name: token.name.clone(),
            role: token.role,
            expires: token.expires,
            digest: digest_at(&token.secret, disk)?,
        })
    }
}

/// The token in a field; `None` if it is for another scheme, which somebody on the way may ask for.
fn token_in(field: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = field.as_bytes().split_at_checked(7)?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| token.trim_ascii())
}

fn digest_at(path: &Path, disk: &dyn Disk) -> Result<[u8; SHA256_OUTPUT_LEN], AccessError> {
    let contents = secret::read(disk, path, FILE_BYTES_MAX)?;
    let mut words = contents.split(u8::is_ascii_whitespace);
    let digest = words.next().and_then(digest_in);
    digest.ok_or_else(|| AccessError::NoDigest(path.to_owned()))
}

/// A SHA-256 in hexadecimal digits.
fn digest_in(word: &[u8]) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let mut digest = [0; SHA256_OUTPUT_LEN];
    let (pairs, rest) = word.as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(value(*high)? << 4 | value(*low)?).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use weir_hal::{Access as FileAccess, sim::Simulation};

    use super::*;

    /// The SHA-256 of the tokens of the tests (FIPS 180-4), by `sha256sum`.
    const DIGESTS: [(&str, &str); 2] = [
        (
            "technician",
            "d44755434064b96880599667696a88b6687c5e61ce05a8d58e9bef6d87677730",
        ),
        (
            "admin",
            "d86f7a7b172a1db1064b2f1dbd5d102504f2b1c387806b0863d5d530d037d037",
        ),
    ];

    const TECHNICIAN: &str = "Bearer technician-of-the-simulated-rack-1";
    const ADMIN: &str = "Bearer admin-of-the-simulated-rack-number-2";

    const EXPIRES: Wall = Wall::from_nanos(2_000_000_000_000_000_000);

    const NOW: Wall = Wall::from_nanos(1_700_000_000_000_000_000);

    fn write(machine: &Simulation, path: &str, contents: &str) {
        let disk = machine.board().disk;
        let file = disk.open(Path::new(path), FileAccess::Create);
        let file = file.expect("a file");
        file.write_at(contents.as_bytes(), 0).expect("room");
    }

    fn configured() -> Vec<ManagementToken> {
        let roles = [("technician", Role::Technician), ("admin", Role::Admin)];
        let token = |(name, role): (&str, Role)| ManagementToken {
            name: format!("the-{name}"),
            role,
            secret: PathBuf::from(format!("/{name}")),
            expires: EXPIRES,
        };
        roles.map(token).to_vec()
    }

    fn opened() -> (Simulation, Result<Access, AccessError>) {
        let machine = Simulation::new(1);
        for (name, digest) in DIGESTS {
            write(&machine, &format!("/{name}"), &format!("{digest}  -\n"));
        }
        let access = Access::open(&configured(), &*machine.board().disk);
        (machine, access)
    }

    /// The tokens `technician` and `admin`, of these roles.
    pub(crate) fn access() -> Access {
        opened().1.expect("tokens")
    }

    fn headers(fields: &[&'static str]) -> HeaderMap {
        let fields = fields.iter().map(|it| HeaderValue::from_static(it));
        fields.map(|field| (AUTHORIZATION, field)).collect()
    }

    fn ask(access: &Access, field: &'static str, needed: Role) -> Result<Option<String>, Denied> {
        access.name_of(&headers(&[field]), needed, NOW)
    }

    #[test]
    fn a_token_is_good_for_its_role_and_those_below() {
        let access = access();
        let technician = Ok(Some("the-technician".to_owned()));
        for needed in [Role::Viewer, Role::Technician] {
            assert_eq!(ask(&access, TECHNICIAN, needed), technician);
        }
        let denied = Denied::Role {
            name: "the-technician".to_owned(),
            role: Role::Technician,
            needed: Role::Admin,
        };
        let asked = ask(
            &access,
            "bearer technician-of-the-simulated-rack-1",
            Role::Admin,
        );
        assert_eq!(asked, Err(denied));
        let admin = Ok(Some("the-admin".to_owned()));
        assert_eq!(
            ask(
                &access,
                "BEARER  admin-of-the-simulated-rack-number-2",
                Role::Admin
            ),
            admin
        );
    }

    #[test]
    fn a_wrong_token_is_never_passed_over() {
        let access = access();
        let digest = concat!(
            "Bearer ",
            "d86f7a7b172a1db1064b2f1dbd5d102504f2b1c387806b0863d5d530d037d037"
        );
        for field in ["Bearer admin-of-the-simulated-rack-number-21", digest] {
            let denied = Err(Denied::Unknown);
            assert_eq!(ask(&access, field, Role::Viewer), denied, "{field}");
        }
        let two = headers(&[ADMIN, TECHNICIAN]);
        let asked = access.name_of(&two, Role::Viewer, NOW);
        assert_eq!(asked, Err(Denied::Unknown));
    }

    #[test]
    fn what_could_be_guessed_is_no_token_whatever_its_file_says() {
        let (machine, _) = opened();
        write(
            &machine,
            "/admin",
            "8cdbdad56e5d28b5873a3a47ba7c3df53fa97c9bf24bded872425f7f7bc2a0f3",
        );
        let access = Access::open(&configured(), &*machine.board().disk).expect("tokens");
        for field in [
            "Bearer 0123456789abcdef0123456789abcde",
            "Bearer guess",
            "Bearer ",
        ] {
            assert_eq!(
                ask(&access, field, Role::Viewer),
                Err(Denied::Unfit),
                "{field}"
            );
        }
    }

    #[test]
    fn without_a_token_and_by_another_scheme_nobody_is_named() {
        let access = access();
        let nobody = access.name_of(&HeaderMap::new(), Role::Viewer, NOW);
        assert_eq!(nobody, Ok(None));
        assert_eq!(ask(&access, "Basic YTpi", Role::Viewer), Ok(None));
        let none = Access::default();
        assert_eq!(ask(&none, "Bearer short", Role::Viewer), Ok(None));
    }

    #[test]
    fn a_token_is_worth_nothing_from_its_end_on() {
        let access = access();
        let at = |now| access.name_of(&headers(&[ADMIN]), Role::Viewer, now);
        let last = Wall::from_nanos(EXPIRES.as_nanos() - 1);
        assert_eq!(at(last), Ok(Some("the-admin".to_owned())));
        assert_eq!(at(EXPIRES), Err(Denied::Expired("the-admin".to_owned())));
    }

    #[test]
    fn a_token_that_is_gone_is_worth_nothing_after_a_reload() {
        let (machine, access) = opened();
        let access = access.expect("tokens");
        write(&machine, "/technician", "no digest at all");
        let errors = access.reopen(&configured(), &*machine.board().disk);
        let [AccessError::NoDigest(path)] = errors.as_slice() else {
            panic!("one file holds no digest, not {errors:?}");
        };
        assert_eq!(path, Path::new("/technician"));
        let asked = ask(&access, TECHNICIAN, Role::Viewer);
        assert_eq!(asked, Err(Denied::Unknown));
        assert!(ask(&access, ADMIN, Role::Viewer).is_ok());
        access.reopen(&[], &*machine.board().disk);
        assert_eq!(ask(&access, ADMIN, Role::Viewer), Ok(None));
    }

    #[test]
    fn a_file_that_holds_no_digest_is_named_and_not_shown() {
        let machine = Simulation::new(1);
        let long = format!("{}0", DIGESTS[1].1);
        for contents in ["no digest", "", &long] {
            write(&machine, "/technician", contents);
            let opened = Access::open(&configured(), &*machine.board().disk);
            let told = opened.expect_err("no digest").to_string();
            assert!(told.contains("holds no SHA-256"), "{told}");
            assert!(contents.is_empty() || !told.contains(contents), "{told}");
        }
    }
}
