//! What a cache says of how it came to an answer.
//!
//! Source: RFC 9211 §2; RFC 9651 §4.1 (serialisation).
//!
//! Refuses: to write what cannot stand in the field; it becomes `?`.

use std::fmt::{self, Display};

use super::structured::{write_name, write_string};

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

impl Forward {
    /// The token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

/// One member of Cache-Status. Displayed as it stands in the field.
///
/// What is said of a forwarded request is left out of a hit, as the RFC wants.
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
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(out, self.node)?;
        if self.is_hit {
            out.write_str("; hit")?;
        } else if let Some(fwd) = self.fwd {
            write!(out, "; fwd={}", fwd.as_str())?;
            if let Some(status) = self.fwd_status {
                write!(out, "; fwd-status={status}")?;
            }
        }
        if let Some(ttl) = self.ttl {
            write!(out, "; ttl={ttl}")?;
        }
        let is_forwarded = !self.is_hit && self.fwd.is_some();
        if is_forwarded && self.is_stored {
            out.write_str("; stored")?;
        }
        if is_forwarded && self.is_collapsed {
            out.write_str("; collapsed")?;
        }
        if let Some(key) = self.key {
            out.write_str("; key=")?;
            write_string(out, key)?;
        }
        if let Some(detail) = self.detail {
            out.write_str("; detail=")?;
            write_name(out, detail)?;
        }
        Ok(())
    }
}
