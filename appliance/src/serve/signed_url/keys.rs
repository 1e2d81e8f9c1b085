//! The keys that a portal and this box share, and what they sign.

use std::{
    fmt::{self, Display},
    net::IpAddr,
    time::Duration,
};

use ring::hmac;
use weir_hal::Wall;

use super::token::{SIGNATURE_BYTES, Token, digit, is_key_id};

/// Keys of one file: the present one, the next one, and some whose tokens are still about.
const KEYS_MAX: usize = 16;

/// Bytes of a secret: 128 bits at least; more than a block of SHA-256 is hashed, and gains nothing.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Which part of a path a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This path alone.
    File,
    /// Everything below so many of its folders.
    Folders(u8),
}

impl Scope {
    /// The part of `path` that is signed; `None` if it has too few folders.
    fn signed(self, path: &str) -> Option<&str> {
        let Self::Folders(folders) = self else {
            return Some(path);
        };
        let slashes = path.match_indices('/');
        let end = slashes.map(|(at, _)| at).nth(folders.into())?;
        path.get(..=end)
    }
}

impl Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => formatter.write_str("file"),
            Self::Folders(folders) => folders.fmt(formatter),
        }
    }
}

/// What a token is to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// A path in it, as it will be asked for.
    pub path: &'a str,
    /// How much beside that path.
    pub scope: Scope,
    /// Until when, in whole seconds.
    pub end: Wall,
    /// For whom alone, if not for everybody.
    pub client: Option<IpAddr>,
}

/// Why a URL does not open. Shown to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no token.
    #[error("this link is not signed")]
    Unsigned,
    /// The token cannot be read.
    #[error("the signature of this link is malformed")]
    Malformed,
    /// Nobody here has the key.
    #[error("this link is signed with a key that is not known here")]
    UnknownKey,
    /// The signature is another: of another path, address or key.
    #[error("this link is signed for something else")]
    Mismatch,
    /// The time is over.
    #[error("this link has expired")]
    Expired,
    /// The path could be read in two ways.
    #[error("the path of this link is not in its simplest form")]
    Ambiguous,
}

/// Why a file of keys is refused. No text of the file is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// A line is neither a key nor a comment.
    #[error(
        "line {line} is no key: write a name and 32 to 128 hexadecimal digits, as in \
         `k1 00112233445566778899aabbccddeeff`"
    )]
    NoKey {
        /// Counted from 1.
        line: usize,
    },
    /// Two keys have one name.
    #[error("line {line} names a key that is there already: give each key its own name")]
    Twice {
        /// Counted from 1.
        line: usize,
    },
    /// There are too many.
    #[error("there are more than {KEYS_MAX} keys: remove those whose links have expired")]
    TooMany,
    /// There is none, so that nothing could be opened.
    #[error("there is no key in it: add one, as in `k1 00112233445566778899aabbccddeeff`")]
    Empty,
}

/// Keys by their names. Never shown. The default has none, and opens nothing.
#[derive(Debug, Default)]
pub struct Keys(Vec<(String, hmac::Key)>);

impl Keys {
    /// Reads a file of keys: on each line a name, a space and a secret in hexadecimal digits. A
    /// line that begins with `#`, or is empty, says nothing.
    ///
    /// # Errors
    /// [`KeyFileError`], which shows nothing of the file.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut keys: Vec<(String, hmac::Key)> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim_ascii();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (id, key) = key(text).ok_or(KeyFileError::NoKey { line })?;
            if keys.iter().any(|(earlier, _)| *earlier == id) {
                return Err(KeyFileError::Twice { line });
            }
            if keys.len() == KEYS_MAX {
                return Err(KeyFileError::TooMany);
            }
            keys.push((id, key));
        }
        if keys.is_empty() {
            return Err(KeyFileError::Empty);
        }
        Ok(Self(keys))
    }

    /// The token for `grant`, signed with the key `id`, or the first one; `None` if there is no
    /// such key, or the path has too few folders.
    pub fn sign(&self, id: Option<&str>, grant: &Grant<'_>) -> Option<Token> {
        let mut keys = self.0.iter();
        let (key_id, key) = match id {
            Some(id) => keys.find(|(known, _)| known == id)?,
            None => keys.next()?,
        };
        let mut token = Token {
            key_id: key_id.clone(),
            end_s: grant.end.as_nanos() / 1_000_000_000,
            scope: grant.scope,
            is_bound: grant.client.is_some(),
            signature: [0; SIGNATURE_BYTES],
        };
        let signed = signed_text(&token, grant.path, grant.client)?;
        let signature = hmac::sign(key, signed.as_bytes());
        token.signature.copy_from_slice(signature.as_ref());
        Some(token)
    }

    /// Whether `token` opens `path` to `client` at `now`. What it takes does not tell how much of a
    /// signature was right.
    ///
    /// # Errors
    /// [`Denied`], which may be shown to the client.
    pub fn verify(&self, token: &str, path: &str, client: IpAddr, now: Wall) -> Result<(), Denied> {
        let token: Token = token.parse()?;
        let mut keys = self.0.iter();
        let key = keys.find(|(id, _)| *id == token.key_id);
        let (_, key) = key.ok_or(Denied::UnknownKey)?;
        let client = token.is_bound.then(|| client.to_canonical());
        let signed = signed_text(&token, path, client).ok_or(Denied::Mismatch)?;
        // First: of a forged token nothing else is told.
        hmac::verify(key, signed.as_bytes(), &token.signature)
            .map_err(|_mismatch| Denied::Mismatch)?;
        let end = Duration::from_secs(token.end_s);
        let is_over = Duration::from_nanos(now.as_nanos()) >= end;
        if is_over {
            Err(Denied::Expired)
        } else {
            Ok(())
        }
    }
}

/// The name and the secret on a line.
fn key(line: &str) -> Option<(String, hmac::Key)> {
    let (id, secret) = line.split_once([' ', '\t'])?;
    let secret = secret.trim_ascii_start().to_ascii_lowercase();
    let (pairs, rest) = secret.as_bytes().as_chunks();
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    let bytes = bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len()) && rest.is_empty())?;
    is_key_id(id).then(|| (id.to_owned(), hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
}

/// The text that is signed; `None` if the path has too few folders.
fn signed_text(token: &Token, path: &str, client: Option<IpAddr>) -> Option<String> {
    let Token {
        key_id,
        end_s,
        scope,
        is_bound,
        ..
    } = token;
    let bound = if *is_bound { "@" } else { "" };
    let path = scope.signed(path)?;
    let client = client.map_or_else(String::new, |client| client.to_string());
    Some(format!(
        "weir-url-1\n{key_id}\n{end_s}\n{scope}{bound}\n{path}\n{client}\n"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "# the present key\n\
         k1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\n\
         k2\tFF0102030405060708090A0B0C0D0E0F\r\n";

    const END: Wall = Wall::from_nanos(1_767_225_600 * 1_000_000_000);
    const BEFORE: Wall = Wall::from_nanos(END.as_nanos() - 1);

    fn keys() -> Keys {
        Keys::parse(FILE).expect("two keys")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn here() -> IpAddr {
        address("203.0.113.7")
    }

    fn grant(path: &str, scope: Scope) -> Grant<'_> {
        Grant {
            path,
            scope,
            end: END,
            client: None,
        }
    }

    fn token(grant: &Grant<'_>) -> String {
        keys().sign(None, grant).expect("a token").to_string()
    }

    /// The signature was made by `openssl dgst -sha256 -mac HMAC`.
    #[test]
    fn signs_as_the_worked_example() {
        assert_eq!(
            token(&grant("/vod/show/master.m3u8", Scope::Folders(2))),
            "k1.1767225600.2.654e3c57bacbec1fe89d743393721a58e0528428ea469b9a99728462e01d7fc3"
        );
    }

    #[test]
    fn a_token_opens_its_path_until_its_end() {
        let keys = keys();
        let token = token(&grant("/vod/show/a.mp4", Scope::File));
        let verify = |path, now| keys.verify(&token, path, here(), now);
        assert_eq!(verify("/vod/show/a.mp4", BEFORE), Ok(()));
        assert_eq!(verify("/vod/show/a.mp4", END), Err(Denied::Expired));
        assert_eq!(verify("/vod/show/b.mp4", BEFORE), Err(Denied::Mismatch));
        assert_eq!(verify("/vod/show/b.mp4", END), Err(Denied::Mismatch));
    }

    #[test]
    fn a_token_for_folders_opens_what_is_below_them() {
        let keys = keys();
        let token = token(&grant("/vod/show/master.m3u8", Scope::Folders(2)));
        let verify = |path| keys.verify(&token, path, here(), BEFORE);
        for path in ["/vod/show/master.m3u8", "/vod/show/hd/1.ts", "/vod/show/"] {
            assert_eq!(verify(path), Ok(()), "{path}");
        }
        for path in ["/vod/show", "/vod/show2/1.ts", "/vod/1.ts", "/"] {
            assert_eq!(verify(path), Err(Denied::Mismatch), "{path}");
        }
    }

    #[test]
    fn a_bound_token_opens_to_one_address() {
        let keys = keys();
        let bound = Grant {
            client: Some(here()),
            ..grant("/a", Scope::File)
        };
        let token = token(&bound);
        let verify = |from| keys.verify(&token, "/a", address(from), BEFORE);
        assert_eq!(verify("203.0.113.7"), Ok(()));
        assert_eq!(verify("::ffff:203.0.113.7"), Ok(()));
        assert_eq!(verify("203.0.113.8"), Err(Denied::Mismatch));
    }

    #[test]
    fn keys_are_rotated_by_their_names() {
        let token = keys().sign(Some("k2"), &grant("/a", Scope::File));
        let token = token.expect("a token").to_string();
        let verify = |keys: &Keys| keys.verify(&token, "/a", here(), BEFORE);
        assert_eq!(verify(&keys()), Ok(()));
        let rotated = Keys::parse("k1 00112233445566778899aabbccddeeff").expect("a key");
        assert_eq!(verify(&rotated), Err(Denied::UnknownKey));
        let renamed = Keys::parse("k2 00112233445566778899aabbccddeeff").expect("a key");
        assert_eq!(verify(&renamed), Err(Denied::Mismatch));
        assert_eq!(keys().sign(Some("k3"), &grant("/a", Scope::File)), None);
    }

    #[test]
    fn a_file_of_keys_that_is_wrong_is_refused_and_not_shown() {
        let line = |number| format!("k{number} 00112233445566778899aabbccddeeff");
        let many = (0..=KEYS_MAX).map(line).collect::<Vec<_>>().join("\n");
        for (text, error) in [
            ("", KeyFileError::Empty),
            ("# k1 00\n", KeyFileError::Empty),
            ("k1", KeyFileError::NoKey { line: 1 }),
            ("\nk1 0011", KeyFileError::NoKey { line: 2 }),
            (
                "k1 00112233445566778899aabbccddeef",
                KeyFileError::NoKey { line: 1 },
            ),
            (
                "k1 00112233445566778899aabbccddeeffx",
                KeyFileError::NoKey { line: 1 },
            ),
            (
                "k.1 00112233445566778899aabbccddeeff",
                KeyFileError::NoKey { line: 1 },
            ),
            (many.as_str(), KeyFileError::TooMany),
            (
                "k1 00112233445566778899aabbccddeeff\nk1 00112233445566778899aabbccddeeff",
                KeyFileError::Twice { line: 2 },
            ),
        ] {
            assert_eq!(Keys::parse(text).unwrap_err(), error, "{text}");
        }
        assert!(!format!("{:?}", keys()).contains("0001"));
    }

    proptest! {
        #[test]
        fn no_other_token_opens(at in 0_usize..120, with in "[0-9a-z.@]") {
            let good = token(&grant("/vod/a/b", Scope::Folders(1)));
            let mut bad = good.clone();
            let at = at % bad.len();
            bad.replace_range(at..=at, &with);
            let verdict = keys().verify(&bad, "/vod/a/b", here(), BEFORE);
            prop_assert_eq!(verdict.is_ok(), bad == good);
        }

        #[test]
        fn never_panics_on_any_text(
            token in "\\PC{0,40}", path in "/\\PC{0,20}", file in "\\PC{0,80}",
        ) {
            prop_assert!(keys().verify(&token, &path, here(), BEFORE).is_err());
            prop_assert!(Keys::parse(&file).map_or_else(|_| true, |keys| !keys.0.is_empty()));
        }
    }
}
