//! The name under which responses are stored.
//!
//! Source: RFC 9111 §2, RFC 3986 §6.2.2, CTA-5004 (CMCD).

use http::Uri;

use crate::Key;

/// Which parts of a URI are in the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRules {
    /// Which parameters of the query.
    pub query: QueryRule,
}

/// Which parameters of a query are in the key. CMCD never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryRule {
    /// All but these, in the order in which they came.
    AllBut(Vec<String>),
    /// These alone, sorted by name.
    Only(Vec<String>),
}

impl Default for QueryRule {
    fn default() -> Self {
        Self::AllBut(Vec::new())
    }
}

/// The name of a resource: scheme, authority, path and query, normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    text: String,
    path_at: usize,
}

impl CacheKey {
    /// Names what `uri` names, by `rules`. Returns `None` if it lacks scheme or authority.
    pub fn new(uri: &Uri, rules: &KeyRules) -> Option<Self> {
        let _ = (uri, rules);
        todo!()
    }

    /// The whole name: a URI.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Path and query as the origin is to be asked.
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.path_at..).unwrap_or_default()
    }

    /// The name in the store, of a response that does not vary.
    pub fn store_key(&self) -> Key {
        todo!()
    }
}
