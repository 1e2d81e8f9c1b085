//! The terms of a `[[route]]`: what names a response, how long it is good for, how it is fetched.

use super::{
    ByteSize, Config, Priority, Route,
    cache::secret_path,
    channel::priority,
    mistake::{Ledger, quoted},
    read::duration_in,
    section::{Found, Section},
};

/// Longest time to live, in milliseconds: a year.
const TTL_MS_MAX: u64 = 365 * 24 * 3_600 * 1_000;

/// Bytes the name of a query parameter may have.
const PARAMETER_BYTES_MAX: usize = 128;

/// Bytes of a slice.
const SLICE_MIN: ByteSize = ByteSize(256 << 10);
const SLICE_MAX: ByteSize = ByteSize(64 << 20);

impl Route {
    /// Bytes of a slice: 6 s of 10 Mb/s, and little beside the memory of a cache.
    const SLICE: ByteSize = ByteSize(8 << 20);

    /// From `path` to `origins`, everything else at its default.
    pub(super) const fn new(path: String, origins: Vec<String>) -> Self {
        Self {
            path,
            origins,
            sign_keys: None,
            priority: Priority::Medium,
            ttl_default: None,
            stale_while_revalidate: None,
            stale_if_error: None,
            is_heuristic: false,
            query: None,
            query_ignored: Vec::new(),
            slice: Some(Self::SLICE),
            is_prefetched: true,
        }
    }
}

/// Reads the terms of `route` out of its section.
pub(super) fn read_terms(mut section: Section<'_>, route: Route, ledger: &mut Ledger) -> Route {
    let priority = section.text("priority", priority, ledger);
    let ttls = ["ttl_default", "stale_while_revalidate", "stale_if_error"]
        .map(|key| duration_in(&mut section, key, (0, TTL_MS_MAX), ledger));
    let [ttl_default, stale_while_revalidate, stale_if_error] =
        ttls.map(|ttl| ttl.map(|found| found.value));
    let has_query = section.has("query");
    let query = parameters(&mut section, "query", ledger);
    let query_ignored = parameters(&mut section, "query_ignored", ledger);
    if has_query && !query_ignored.is_empty() {
        let text = "says nothing beside `query`, which names all that count: remove one";
        ledger.mistake(&section.place_of("query_ignored"), text);
    }
    let heuristic = section.flag("heuristic", ledger);
    let slice = section.text("slice", slice, ledger);
    let prefetch = section.flag("prefetch", ledger);
    let sign_keys = section.text("sign_keys", secret_path, ledger);
    section.finish(ledger);
    Route {
        priority: priority.map_or(route.priority, |found| found.value),
        sign_keys: sign_keys.map(|path| path.value),
        ttl_default,
        stale_while_revalidate,
        stale_if_error,
        is_heuristic: heuristic.unwrap_or(route.is_heuristic),
        query: has_query.then_some(query),
        query_ignored,
        slice: slice.map_or(route.slice, |found| found.value),
        is_prefetched: prefetch.unwrap_or(route.is_prefetched),
        ..route
    }
}

fn parameters(section: &mut Section<'_>, key: &'static str, ledger: &mut Ledger) -> Vec<String> {
    let found = section.texts(key, Config::PARAMETERS_MAX, parameter, ledger);
    found.into_iter().map(|Found { value, .. }| value).collect()
}

fn parameter(text: &str) -> Result<String, String> {
    let is_letter = |byte: u8| byte.is_ascii_graphic() && !b"&=#".contains(&byte);
    let is_fit = (1..=PARAMETER_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter);
    is_fit.then(|| text.to_owned()).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no name of a query parameter: write it as in a URL, without & and =")
    })
}

/// A size, or `off`.
fn slice(text: &str) -> Result<Option<ByteSize>, String> {
    if text == "off" {
        return Ok(None);
    }
    let size = ByteSize::parse(text)?;
    if (SLICE_MIN..=SLICE_MAX).contains(&size) {
        Ok(Some(size))
    } else {
        Err(format!(
            "must be \"off\" or from {SLICE_MIN} to {SLICE_MAX}, not {size}"
        ))
    }
}
