//! What is told of one request: copied out of it, bounded, and without secrets.

use std::{net::IpAddr, time::Duration};

use hyper::{
    HeaderMap, Method, Request, Uri, Version,
    header::{AsHeaderName, HOST, HeaderName, REFERER, USER_AGENT},
    http::{response::Parts, uri::PathAndQuery},
};
use weir_hal::{Clock, Monotonic, Wall};

use crate::serve::{Client, body::Sent, cmcd::Cmcd};

/// Bytes of a URI, and of a field, that are told.
const URI_BYTES_MAX: usize = 2_048;
const FIELD_BYTES_MAX: usize = 512;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// A parameter with one of these in its name is taken for a secret.
const SECRETS: [&str; 9] = [
    "token",
    "sig",
    "auth",
    "pass",
    "secret",
    "jwt",
    "hdn",
    "policy",
    "credential",
];

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A request and its answer.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// When the request was understood.
    pub(super) at: Wall,
    started: Monotonic,
    pub(super) client: IpAddr,
    pub(super) is_encrypted: bool,
    pub(super) method: Method,
    /// Path and query.
    pub(super) uri: String,
    pub(super) version: Version,
    pub(super) host: Option<String>,
    pub(super) referer: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) cmcd: Cmcd,
    pub(super) status: u16,
    /// Cache-Status as the client got it.
    pub(super) cache: Option<String>,
    /// Bytes of the body that were handed on.
    pub(super) bytes: u64,
    /// Whether that was all of it.
    pub(super) is_whole: bool,
    /// Until the body was handed on.
    pub(super) duration: Duration,
}

impl Entry {
    /// What a request tells before it is answered.
    pub(super) fn of<B>(request: &Request<B>, client: &Client, clock: &dyn Clock) -> Self {
        let (headers, uri) = (request.headers(), request.uri());
        let authority = uri.authority().map(ToString::to_string);
        Self {
            at: clock.wall(),
            started: clock.monotonic(),
            client: client.address.ip().to_canonical(),
            is_encrypted: client.is_encrypted,
            method: request.method().clone(),
            uri: path_of(uri),
            version: request.version(),
            host: authority.or_else(|| field(headers, HOST)),
            referer: field(headers, REFERER).map(|referer| masked(&referer)),
            user_agent: field(headers, USER_AGENT),
            cmcd: Cmcd::of(uri, headers),
            status: 0,
            cache: None,
            bytes: 0,
            is_whole: false,
            duration: Duration::ZERO,
        }
    }

    /// The same request and answer once more, now, to `client`.
    pub(super) fn again(&self, client: &Client, clock: &dyn Clock) -> Self {
        Self {
            at: clock.wall(),
            started: clock.monotonic(),
            client: client.address.ip().to_canonical(),
            is_encrypted: client.is_encrypted,
            ..self.clone()
        }
    }

    /// Adds what the head of the answer tells.
    pub(super) fn answer(&mut self, head: &Parts) {
        self.status = head.status.as_u16();
        self.cache = field(&head.headers, CACHE_STATUS);
    }

    /// Adds how the answer ended.
    pub(super) fn end(&mut self, sent: Sent, clock: &dyn Clock) {
        self.bytes = sent.bytes;
        // Of an answer to HEAD the head is all.
        self.is_whole = sent.is_whole || self.method == Method::HEAD;
        self.duration = clock.monotonic().since(self.started);
    }
}

fn path_of(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
    masked(&cut(path, URI_BYTES_MAX))
}

fn field(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let value = headers.get(name)?.as_bytes();
    let value = value.get(..value.len().min(FIELD_BYTES_MAX))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// So many bytes of `text`, in whole letters.
fn cut(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or_default().to_owned()
}

/// A URL without the values of parameters that look like secrets.
fn masked(url: &str) -> String {
    let (path, query) = url.split_once('?').unzip();
    let mut masked = String::with_capacity(url.len());
    for (number, segment) in path.unwrap_or(url).split('/').enumerate() {
        masked.push_str(if number == 0 { "" } else { "/" });
        mask(segment, &mut masked);
    }
    let Some(query) = query else {
        return masked;
    };
    for (number, parameter) in query.split('&').enumerate() {
        masked.push(if number == 0 { '?' } else { '&' });
        mask(parameter, &mut masked);
    }
    masked
}

/// Adds `name=value`, and the value only if it is no secret.
fn mask(parameter: &str, masked: &mut String) {
    match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => {
            masked.push_str(name);
            masked.push('=');
            masked.push_str(MASK);
        }
        _ => masked.push_str(parameter),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        for (url, expected) in [
            ("/a", "/a"),
            ("/a?", "/a?"),
            ("/a?x=1&Signature=abc&y", "/a?x=1&Signature=***&y"),
            ("/weir_token=k1.2/a=b/c", "/weir_token=***/a=b/c"),
            ("/a?hdnts=st=1~hmac=2", "/a?hdnts=***"),
            ("/a?access_token=a&b=token", "/a?access_token=***&b=token"),
            (
                "https://h/a?X-Amz-Credential=a",
                "https://h/a?X-Amz-Credential=***",
            ),
        ] {
            assert_eq!(masked(url), expected);
        }
    }

    #[test]
    fn what_is_long_is_cut_between_letters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        let uri = format!("/{}", "a".repeat(3_000));
        assert_eq!(path_of(&uri.parse().expect("a URI")).len(), URI_BYTES_MAX);
    }
}
