//! What a cache says of how it came to an answer.
//!
//! Source: RFC 9211, RFC 9651 §4.1 (serialisation).

use std::fmt::{self, Display};

/// Why a request went forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Forward {
    /// The cache was not to be used.
    Bypass,
    /// The method is not answered from a cache.
    Method,
    /// Nothing was stored for the URI.
    UriMiss,
    /// Something was stored, but no variant for these request fields.
    VaryMiss,
    /// Nothing usable was stored, and which of both it was is not known.
    Miss,
    /// The request would not take what was stored.
    Request,
    /// What was stored is stale.
    Stale,
    /// Not all of what was asked for was stored.
    Partial,
}

/// One member of Cache-Status. Displayed as it stands in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStatus<'a> {
    /// The name of the cache.
    pub node: &'a str,
    /// The answer came from the cache alone.
    pub is_hit: bool,
    /// Why the request went forward, if it did.
    pub fwd: Option<Forward>,
    /// The status that came back.
    pub fwd_status: Option<u16>,
    /// Seconds until the answer is stale, negative if it is.
    pub ttl: Option<i64>,
    /// The answer was stored.
    pub is_stored: bool,
    /// The request was one with others.
    pub is_collapsed: bool,
    /// The cache key.
    pub key: Option<&'a str>,
    /// More, for those who know this cache: a token or text.
    pub detail: Option<&'a str>,
}

impl Display for CacheStatus<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = formatter;
        todo!()
    }
}
