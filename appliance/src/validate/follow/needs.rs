//! What segments need besides themselves: keys, and Media Initialization Sections.
//!
//! Source: RFC 8216 §4.3.2.4 (EXT-X-KEY), §4.3.2.5 (EXT-X-MAP). A key that came and a section that
//! was asked for are not asked for again.
//!
//! Refuses: keys of another format than `identity`, and URIs of other schemes than http and https
//! (`skd:`, `data:`): whom they are meant for knows how to ask.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use hyper::{StatusCode, Uri};
use tokio::time::timeout;
use weir_cache::rules::resolve;

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

/// Bytes of a section that are read; what has more is there.
const MAP_BYTES_MAX: u64 = 4 << 20;

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Keys that came, by their URLs.
    keys: Mutex<BTreeMap<String, [u8; KEY_BYTES]>>,
    /// What came of sections, by their URLs and ranges.
    maps: Mutex<BTreeMap<String, Result<(), Failure>>>,
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
        let asked = timeout(PLAYLIST_WAIT, self.key(&url)).await;
        match (
            asked.unwrap_or(Err(WebError::TimedOut(PLAYLIST_WAIT))),
            seal,
        ) {
            (Ok(key), Seal::Aes128 { vector, .. }) => Way::Open(Box::new(Opener::new(key, vector))),
            (Ok(_), Seal::Other { .. }) => Way::Shut(None),
            (Err(WebError::KeyStatus(status)), _) if is_refusal(status) => {
                Way::Shut(Some(Lock::KeyRefused(status.as_u16())))
            }
            (Err(error), _) => Way::Shut(Some(Lock::NoKey(with_causes(&error)))),
        }
    }

    async fn key(&self, url: &Uri) -> Result<[u8; KEY_BYTES], WebError> {
        let known = || {
            self.known()
                .keys
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let name = url.to_string();
        if let Some(key) = known().get(&name) {
            return Ok(*key);
        }
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
        let key = bytes.try_into().map_err(|_wrong| WebError::NoKey)?;
        remember(&mut known(), name, key);
        Ok(key)
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
