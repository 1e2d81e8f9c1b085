//! Keys that lie on this box: a file with a secret that keys are made of, or a directory of keys.
//!
//! A file has its secret in hexadecimal digits on one line; lines that begin with `#`, and empty
//! ones, say nothing. A directory has each key in a file of its own, `NAME.key`, of the 16 bytes
//! themselves; they are used in turn, by their names. Both are read when the box starts and at a
//! reload.

use std::path::{Path, PathBuf};

use ring::hmac;
use weir_hal::{Disk, FileKind};

use super::{SegmentKey, key::KEY_BYTES};
use crate::secret::{self, SecretError};

/// Bytes of a file with a secret: one line, and a page of comments.
const FILE_BYTES_MAX: u64 = 4 << 10;

/// Bytes of a secret: 128 bits at least; more than a block of SHA-256 is hashed, and gains nothing.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Keys of one directory.
const KEYS_MAX: usize = 1_024;

/// Letters of the name of a key.
const NAME_BYTES_MAX: usize = 64;

/// Why keys cannot be had. Nothing of them is shown.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// A file cannot be read, or is open to everybody.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is nothing at the path, or it cannot be looked into.
    #[error("cannot look for keys at {}", path.display())]
    Look {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// A file has no secret, or several.
    #[error(
        "{path} is no secret: write 32 to 128 hexadecimal digits on one line, as by \
         `openssl rand -hex 32 > {path}`",
        path = path.display()
    )]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
    /// A directory has no key.
    #[error(
        "there is no key in {path}: make one, as by `openssl rand -out {path}/1.key 16`",
        path = path.display()
    )]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A directory has too many.
    #[error("there are more than {KEYS_MAX} keys in {}: remove some", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
    /// A key has another length.
    #[error("{} has {bytes} bytes: a key of AES-128 has {KEY_BYTES}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// What it has.
        bytes: u64,
    },
    /// The name of a key cannot stand in a URL.
    #[error(
        "{} cannot be named in a URL: call it by 1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 . _ - and \
         .key",
        path.display()
    )]
    Name {
        /// The file.
        path: PathBuf,
    },
}

/// Keys on this box. Never shown.
#[derive(Debug)]
pub(super) enum Stock {
    /// What each is made of.
    Secret(hmac::Key),
    /// Each, by its name; at least one.
    Listed(Vec<(String, SegmentKey)>),
}

impl Stock {
    /// Reads the keys at `path`. Blocks.
    pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Self, StockError> {
        let kind = disk.kind(path).map_err(look(path))?;
        match kind {
            FileKind::Directory => directory(disk, path).map(Self::Listed),
            FileKind::Regular | FileKind::BlockDevice | FileKind::Other => {
                let text = secret::read(disk, path, FILE_BYTES_MAX)?;
                let path = path.to_owned();
                secret(&text)
                    .map(Self::Secret)
                    .ok_or(StockError::NoSecret { path })
            }
        }
    }

    /// The key `number` of `channel`, and what players call it.
    pub(super) fn key(&self, channel: &str, number: u64) -> (String, SegmentKey) {
        match self {
            Self::Secret(secret) => {
                let key = SegmentKey::made_of(secret, channel, number);
                (number.to_string(), key)
            }
            Self::Listed(keys) => {
                let turn = number % keys.len() as u64;
                let key = usize::try_from(turn).ok().and_then(|turn| keys.get(turn));
                key.expect("a turn is below the number of keys").clone()
            }
        }
    }
}

fn look(path: &Path) -> impl Fn(weir_hal::Error) -> StockError {
    move |source| StockError::Look {
        path: path.to_owned(),
        source,
    }
}

fn secret(text: &[u8]) -> Option<hmac::Key> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let (pairs, rest) = line.as_chunks();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect();
    let bytes = bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len()) && rest.is_empty())?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn directory(disk: &dyn Disk, path: &Path) -> Result<Vec<(String, SegmentKey)>, StockError> {
    let mut keys = Vec::new();
    for entry in disk.list(path).map_err(look(path))? {
        let is_key = entry.path.extension().is_some_and(|it| it == "key");
        if !is_key || entry.kind != FileKind::Regular {
            continue;
        }
        if keys.len() == KEYS_MAX {
            let path = path.to_owned();
            return Err(StockError::TooMany { path });
        }
        let name = name(&entry.path).ok_or_else(|| StockError::Name {
            path: entry.path.clone(),
        })?;
        let length = |bytes| StockError::Length {
            path: entry.path.clone(),
            bytes,
        };
        if entry.bytes != KEY_BYTES as u64 {
            return Err(length(entry.bytes));
        }
        let bytes = secret::read(disk, &entry.path, KEY_BYTES as u64)?;
        let key = SegmentKey::new(&bytes);
        keys.push((name, key.ok_or_else(|| length(bytes.len() as u64))?));
    }
    if keys.is_empty() {
        let path = path.to_owned();
        return Err(StockError::Empty { path });
    }
    Ok(keys)
}

fn name(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_fit = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_letter);
    is_fit.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_hal::{Access, sim};

    use super::*;

    fn disk(files: &[(&str, &[u8])]) -> sim::Disk {
        let disk = sim::Disk::new(1);
        disk.create_directory(Path::new("/keys")).expect("room");
        for (path, bytes) in files {
            let file = disk.open(Path::new(path), Access::Create).expect("room");
            file.write_at(bytes, 0).expect("room");
        }
        disk
    }

    fn refusal(path: &str, bytes: &[u8]) -> String {
        let read = Stock::read(&disk(&[(path, bytes)]), Path::new("/keys"));
        read.expect_err("it is wrong").to_string()
    }

    #[test]
    fn keys_of_a_directory_are_used_in_turn() {
        let disk = disk(&[
            ("/keys/2.key", &[2; 16]),
            ("/keys/1.key", &[1; 16]),
            ("/keys/README", b"keys"),
        ]);
        let stock = Stock::read(&disk, Path::new("/keys")).expect("two keys");
        let key = |number| {
            let (name, key) = stock.key("ch", number);
            (name, key.bytes()[0])
        };
        assert_eq!(key(500), ("1".to_owned(), 1));
        assert_eq!(key(501), ("2".to_owned(), 2));
        assert_eq!(key(502), key(500));
    }

    #[test]
    fn keys_of_a_secret_are_made_for_each_number() {
        let text = b"# by openssl rand\n\n00112233445566778899aABbcCddeEff\r\n";
        let disk = disk(&[("/secret", text)]);
        let stock = Stock::read(&disk, Path::new("/secret")).expect("a secret");
        let (name, key) = stock.key("ch", 7);
        assert_eq!(name, "7");
        assert!(key != stock.key("ch", 8).1 && key != stock.key("other", 7).1);
        assert!(!format!("{stock:?}").contains("0011"));
    }

    #[test]
    fn each_directory_that_is_wrong_is_told_of_in_a_sentence() {
        assert_eq!(
            refusal("/keys/1.key", &[0; 17]),
            "/keys/1.key has 17 bytes: a key of AES-128 has 16"
        );
        assert_eq!(
            refusal("/keys/1.key", b"00112233445566778899aabbccddeeff\n"),
            "/keys/1.key has 33 bytes: a key of AES-128 has 16"
        );
        assert!(refusal("/keys/a b.key", &[0; 16]).starts_with("/keys/a b.key cannot be named"));
        assert!(refusal("/keys/1.bin", &[0; 16]).starts_with("there is no key in /keys: make one"));
        let absent = Stock::read(&disk(&[]), Path::new("/absent")).expect_err("nothing");
        assert_eq!(absent.to_string(), "cannot look for keys at /absent");
    }

    #[test]
    fn each_file_that_is_wrong_is_told_of_in_a_sentence_and_not_shown() {
        for text in [
            "",
            "# 00112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeef",
            "00112233445566778899aabbccddee",
            "00112233445566778899aabbccddeeffx",
            "k1 00112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeeff\n00112233445566778899aabbccddeeff",
        ] {
            let disk = disk(&[("/secret", text.as_bytes())]);
            let refusal = Stock::read(&disk, Path::new("/secret")).expect_err(text);
            let told = refusal.to_string();
            assert!(told.starts_with("/secret is no secret: write 32"), "{told}");
            assert!(!told.contains("0011"), "{told}");
        }
        let disk = disk(&[("/secret", &[b'a'; 5_000])]);
        let refusal = Stock::read(&disk, Path::new("/secret")).expect_err("long");
        let told = refusal.to_string();
        assert_eq!(
            told,
            "/secret has more than 4096 bytes, which no secret has"
        );
    }

    proptest! {
        #[test]
        fn never_panics_on_any_file(text in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(secret(&text).is_none() || text.len() >= 32);
        }
    }
}
