//! The keys of one channel: what seals its segments now, and what sealed those that players may
//! still ask for.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;

use super::{Cipher, Fingerprint, KeyError, SegmentKey, Surroundings, terms::Terms};
use crate::{config::Encryption, counter::shared_counters, segment::KeyTag};

shared_counters! {
    /// Keys on their way to this box and to players.
    pub struct Counters, shared as CounterCells {
        /// Keys of segments that players were given.
        keys_served: detail,
        /// Keys that the key server gave.
        keys_fetched: detail,
        /// Times that the key server gave none: it did not answer, or not with a key.
        key_fetches_failed: polled,
    }
}

/// What stands behind the fingerprint in the URL of a key of ours.
const SUFFIX: &str = ".key";

/// Why a segment cannot be encrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// The keys on this box could not be read.
    #[error("the keys of `channel.encryption` could not be read; the log says why")]
    Absent,
    /// The key server has not given it.
    #[error("the key server has not given key {number}: {reason}")]
    NotGiven {
        /// Its number.
        number: u64,
        /// Why, as far as that is known.
        reason: String,
    },
}

/// What one segment is encrypted with.
#[derive(Debug)]
pub struct Seal {
    /// What its bytes go through.
    pub cipher: Cipher,
    /// What playlists say of its key.
    pub tag: KeyTag,
}

/// What is known of a key that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issued {
    /// This is it.
    Key(SegmentKey),
    /// It may be one that the key server has not given again since this box started.
    Expected,
    /// No segment here was encrypted with it.
    Unknown,
}

/// The keys of one channel. Without [`Vault::set`], its segments are in the clear.
#[derive(Debug, Default)]
pub struct Vault {
    channel: String,
    terms: ArcSwapOption<Terms>,
    /// What sealed, and may be asked for here; at most [`Encryption::KEYS_MAX`], oldest first.
    issued: Mutex<VecDeque<(Fingerprint, SegmentKey)>>,
    /// What became of keys.
    pub counters: Arc<CounterCells>,
}

impl Vault {
    /// The vault of `channel`, whose segments are in the clear.
    pub fn new(channel: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            ..Self::default()
        }
    }

    /// Seals by `encryption` from the next segment on, in a channel whose numbers count `target`s;
    /// `None` for in the clear. Blocks. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`KeyError`]; then the keys stay as they were, and a channel that had none seals nothing:
    /// it is not passed on.
    pub fn set(
        &self,
        encryption: Option<(&Encryption, Duration)>,
        around: Surroundings<'_>,
    ) -> Result<(), KeyError> {
        let terms = encryption
            .map(|encryption| Terms::open(&self.channel, encryption, &self.counters, around));
        match terms.transpose() {
            Ok(terms) => {
                if let (Some(terms), Some(former)) = (&terms, &*self.terms.load()) {
                    terms.follow(former);
                }
                self.terms.store(terms.map(Arc::new));
            }
            Err(error) => {
                if self.terms.load().is_none() {
                    let terms = Terms::without_keys();
                    self.terms.store(Some(Arc::new(terms)));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// What the segment with the Media Sequence Number `sequence` is encrypted with; `None` in the
    /// clear. Never waits.
    ///
    /// # Errors
    /// [`NoKey`]: it must not be passed on.
    ///
    /// # Panics
    /// Never: the URLs of keys were checked when the configuration was read.
    pub fn seal(&self, sequence: u64) -> Result<Option<Seal>, NoKey> {
        let Some(terms) = &*self.terms.load() else {
            return Ok(None);
        };
        let (name, key) = terms.key(&self.channel, sequence)?;
        let uri = match &terms.uri {
            Some(uri) => uri.fill(&self.channel, &name),
            None => format!("{}{SUFFIX}", self.issue(&key)),
        };
        Ok(Some(Seal {
            cipher: Cipher::new(&key, sequence),
            tag: KeyTag::new(&uri).expect("a checked URL is short and has no quotes"),
        }))
    }

    /// Whether players that were told `tag` of the segment `sequence`, by an earlier run of this
    /// box, can have its key: from now on here, if that is what they were told.
    pub fn recall(&self, tag: &KeyTag, sequence: u64) -> bool {
        let Some(fingerprint) = own(tag.uri()) else {
            return true;
        };
        if self.find(fingerprint).is_some() {
            return true;
        }
        let Some(terms) = &*self.terms.load() else {
            return false;
        };
        match terms.recall(&self.channel, sequence) {
            Ok(key) => self.issue(&key) == fingerprint,
            Err(NoKey::NotGiven { .. }) => true,
            Err(NoKey::Absent) => false,
        }
    }

    /// The key that this box serves as `fingerprint`.
    pub fn issued(&self, fingerprint: Fingerprint) -> Issued {
        let terms = self.terms.load();
        let server = terms.as_ref().and_then(|terms| terms.server());
        let fetched = || server?.key_called(fingerprint);
        if let Some(key) = self.find(fingerprint).or_else(fetched) {
            return Issued::Key(key);
        }
        match server {
            Some(server) if server.is_awaited() => Issued::Expected,
            Some(_) | None => Issued::Unknown,
        }
    }

    fn find(&self, fingerprint: Fingerprint) -> Option<SegmentKey> {
        let issued = self.lock();
        let mut newest_first = issued.iter().rev();
        let found = newest_first.find(|(known, _)| *known == fingerprint);
        found.map(|(_, key)| key.clone())
    }

    /// Remembers that segments are encrypted with `key`, and tells what it is called.
    fn issue(&self, key: &SegmentKey) -> Fingerprint {
        let fingerprint = key.fingerprint(&self.channel);
        let mut issued = self.lock();
        if issued.iter().rev().any(|(known, _)| *known == fingerprint) {
            return fingerprint;
        }
        if issued.len() == Encryption::KEYS_MAX {
            issued.pop_front();
        }
        issued.push_back((fingerprint, key.clone()));
        fingerprint
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Fingerprint, SegmentKey)>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fingerprint in a URI that was written for a key of this box.
fn own(uri: &str) -> Option<Fingerprint> {
    uri.strip_suffix(SUFFIX)?.parse().ok()
}
