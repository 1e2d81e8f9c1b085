//! References to resources, as they stand in fields.
//!
//! Source: RFC 3986 §5.2; RFC 9110 §4.3.1 (origins).

use std::borrow::Cow;

use http::{Uri, uri::Authority};

/// The URI that `reference` names, seen from `base`, without a fragment and without the segments
/// `.` and `..`. `None` if that is none, or has another scheme than http and https.
pub fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next()?.trim();
    if let Some(rest) = reference.strip_prefix("//") {
        let uri = format!("{}://{rest}", base.scheme_str()?).parse().ok()?;
        return with_path(&uri, uri.path(), uri.query());
    }
    let head = reference.split(['/', '?']).next()?;
    if head.contains(':') {
        let uri: Uri = reference.parse().ok()?;
        let uri = Some(uri).filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")))?;
        return with_path(&uri, uri.path(), uri.query());
    }
    let (path, query) = reference
        .split_once('?')
        .map_or((reference, None), |(path, query)| (path, Some(query)));
    match path {
        "" => with_path(base, base.path(), query.or_else(|| base.query())),
        path if path.starts_with('/') => with_path(base, path, query),
        path => {
            let folder = base
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            with_path(base, &format!("{folder}/{path}"), query)
        }
    }
}

/// Scheme and authority of `uri` with another path and query.
fn with_path(uri: &Uri, path: &str, query: Option<&str>) -> Option<Uri> {
    let mut text = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    text.push_str(&without_dots(path));
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    text.parse().ok()
}

/// Whether two URIs have one scheme, host and port.
pub fn is_same_origin(one: &Uri, other: &Uri) -> bool {
    let is_same_host = match (one.host(), other.host()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => false,
    };
    is_same_host && one.scheme_str() == other.scheme_str() && port(one) == port(other)
}

/// Whether the port in `authority` is one, or none is named. Others are passed over by who reads
/// the port as a number, though the host that is named so is another one to who reads the text.
pub fn has_plain_port(authority: &Authority) -> bool {
    let text = authority.as_str();
    let host_at = text.rfind('@').map_or(0, |at| at + 1);
    let port = text.get(host_at + authority.host().len()..);
    match port.and_then(|port| port.strip_prefix(':')) {
        None | Some("") => true,
        Some(port) => authority
            .port_u16()
            .is_some_and(|number| number.to_string() == port),
    }
}

/// The port of a URI, or that of its scheme.
fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| default_port(uri.scheme_str()?))
}

/// The port that a scheme has if none is named.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// A path without its segments `.` and `..` (RFC 3986 §5.2.4).
pub(super) fn without_dots(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Cow::from(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    Cow::from(format!("/{}", kept.join("/")))
}
