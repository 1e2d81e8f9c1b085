//! Telling variants apart.
//!
//! Source: RFC 9111 §4.1.

use http::{HeaderMap, HeaderName};

use super::CacheKey;
use crate::Key;

/// The name in the store of the variant of `key` that a request of `headers` selects, if
/// responses vary by the fields `names`.
pub fn variant_key<'a>(
    key: &CacheKey,
    names: impl IntoIterator<Item = &'a HeaderName>,
    headers: &HeaderMap,
) -> Key {
    let _ = (key, names.into_iter().count(), headers);
    todo!()
}
