//! What segments need besides themselves: keys, and Media Initialization Sections.
//!
//! Source: RFC 8216 §4.3.2.4 (EXT-X-KEY), §4.3.2.5 (EXT-X-MAP). What was asked for is not asked for
//! with each segment: a section once, and a key again after a while if it did not come.
//!
//! Refuses: keys of another format than `identity`, and URIs of other schemes than http and https
//! (`skd:`, `data:`): whom they are meant for knows how to ask.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::{StatusCode, Uri};
use tokio::time::timeout;
use weir_cache::rules::resolve;
use weir_hal::Monotonic;

use super::web::{PLAYLIST_WAIT, Web, WebError, next};
use crate::{
    causes::with_causes,
    validate::{
        inspect::{Inspector, Lock, SegmentFacts},
        playlist::{ByteRange, Map},
        rules::Failure,
        seal::{Opener, Seal},
    },
};

/// Bytes of a key of AES-128.
const KEY_BYTES: usize = 16;

/// Keys, and sections, that are remembered; then they are asked for again.
const REMEMBERED_MAX: usize = 256;

/// A key that did not come is asked for again after this: who gives it out may have been away.
const KEY_AGAIN: Duration = Duration::from_mins(1);

/// Bytes of a section that are read; what has more is there.
const MAP_BYTES_MAX: u64 = 4 << 20;

type Key = [u8; KEY_BYTES];

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What came of keys, by their URLs.
    keys: Mutex<BTreeMap<String, AskedKey>>,
    /// What came of sections, by their URLs and ranges.
    maps: Mutex<BTreeMap<String, Result<(), Failure>>>,
}

/// What came of a key, and when.
#[derive(Debug, Clone)]
struct AskedKey {
    key: Result<Key, Lock>,
    asked_at: Monotonic,
}

impl AskedKey {
    /// Whether that is still so: a key is the same for ever.
    fn holds(&self, now: Monotonic) -> bool {
        self.key.is_ok() || now.since(self.asked_at) < KEY_AGAIN
    }
}

/// How a segment is looked into.
pub(super) enum Way {
    Clear,
    Open(Box<Opener>),
    /// Not at all.
    Shut(Option<Lock>),
}

impl Way {
    /// What was found in a segment of so many bytes.
    pub(super) fn finish(self, mut inspector: Inspector, bytes: u64) -> SegmentFacts {
        match self {
            Self::Clear => inspector.finish(),
            Self::Open(opener) => {
                let Some(last) = opener.finish() else {
                    return SegmentFacts::locked(bytes, Lock::WrongKey);
                };
                inspector.push(&last);
                let mut facts = inspector.finish();
                facts.bytes = bytes;
                facts
            }
            Self::Shut(Some(lock)) => SegmentFacts::locked(bytes, lock),
            Self::Shut(None) => SegmentFacts::encrypted(bytes),
        }
    }
}

impl Web {
    /// How a segment is looked into that is encrypted by `seal`, of a list at `base`.
    pub(super) async fn way(&self, base: &Uri, seal: Option<Seal>) -> Way {
        let Some(seal) = seal else { return Way::Clear };
        let url = seal.key().and_then(|key| resolve(base, key));
        let Some(url) = url else {
            return Way::Shut(None);
        };
        match (self.key(&url).await, seal) {
            (Ok(key), Seal::Aes128 { vector, .. }) => Way::Open(Box::new(Opener::new(key, vector))),
            (Ok(_), Seal::Other { .. }) => Way::Shut(None),
            (Err(lock), _) => Way::Shut(Some(lock)),
        }
    }

    /// The key at `url`, or why it is not to be had.
    async fn key(&self, url: &Uri) -> Result<Key, Lock> {
        let known = || {
            self.known()
                .keys
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let name = url.to_string();
        let now = self.clock().monotonic();
        if let Some(asked) = known().get(&name).filter(|asked| asked.holds(now)) {
            return asked.key.clone();
        }
        let asked = timeout(PLAYLIST_WAIT, self.ask_for_key(url)).await;
        let key = asked.unwrap_or(Err(WebError::TimedOut(PLAYLIST_WAIT)));
        let key = key.map_err(|error| lock_by(&error));
        // Another playlist asked at the same time and got it.
        if let Some(had) = known().get(&name).filter(|had| had.key.is_ok())
            && key.is_err()
        {
            return had.key.clone();
        }
        let asked = AskedKey {
            key: key.clone(),
            asked_at: self.clock().monotonic(),
        };
        remember(&mut known(), name, asked);
        key
    }

    async fn ask_for_key(&self, url: &Uri) -> Result<Key, WebError> {
        let (_, response) = self.ask(url, &[]).await?;
        if response.status() != StatusCode::OK {
            return Err(WebError::KeyStatus(response.status()));
        }
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(piece) = next(&mut body).await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > KEY_BYTES {
                return Err(WebError::NoKey);
            }
        }
        bytes.try_into().map_err(|_wrong| WebError::NoKey)
    }

    /// Asks for a Media Initialization Section, of a list at `base`.
    pub(super) async fn map(&self, base: &Uri, map: &Map) -> Result<(), Failure> {
        let known = || {
            self.known()
                .maps
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let Some(url) = resolve(base, &map.uri).filter(|_| !map.uri.is_empty()) else {
            return Ok(());
        };
        let name = format!("{url} {:?}", map.byte_range);
        if let Some(asked) = known().get(&name) {
            return asked.clone();
        }
        let asked = timeout(PLAYLIST_WAIT, self.section(&url, map.byte_range)).await;
        let late = WebError::TimedOut(PLAYLIST_WAIT).to_string();
        let asked = asked.unwrap_or(Err(Failure::Broken(late)));
        remember(&mut known(), name, asked.clone());
        asked
    }

    async fn section(&self, url: &Uri, range: Option<ByteRange>) -> Result<(), Failure> {
        let mut part = self.part(url, range).await?;
        while part.bytes <= MAP_BYTES_MAX {
            if part.next().await?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What stays shut without a key that does not come because of `error`.
fn lock_by(error: &WebError) -> Lock {
    if let WebError::KeyStatus(status) = error
        && is_refusal(*status)
    {
        return Lock::KeyRefused(status.as_u16());
    }
    Lock::NoKey(with_causes(error))
}

/// Whether who asked is not the one it is meant for: others may have the key.
fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
            | StatusCode::TOO_MANY_REQUESTS
    )
}

fn remember<T>(known: &mut BTreeMap<String, T>, name: String, value: T) {
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    known.insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_for_ever_and_that_there_is_none_for_a_minute() {
        let asked = |key| AskedKey {
            key,
            asked_at: Monotonic::ZERO,
        };
        let came = asked(Ok([7; KEY_BYTES]));
        let refused = asked(Err(lock_by(&WebError::NoKey)));
        let after = |seconds| Monotonic::ZERO + Duration::from_secs(seconds);
        assert!(came.holds(after(86_400)));
        assert!(refused.holds(after(59)));
        assert!(!refused.holds(after(60)));
    }
}
