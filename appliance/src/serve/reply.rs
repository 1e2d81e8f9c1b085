//! Responses, from the parts that handlers know.
//!
//! Source: RFC 9110 §8 (representation), §14.4 (Content-Range), §15; RFC 9111 §5.2
//! (Cache-Control); RFC 8246 (immutable); RFC 8216 §4 (media types).

use std::{ops::Range, time::Duration};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{
        ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
        CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RETRY_AFTER,
    },
    http::request::Parts,
};
use weir_cache::Object;
use weir_hal::Wall;

use crate::serve::{
    Body, NotReady,
    multipart::Multipart,
    precondition::{Representation, Verdict, evaluate},
    range, stamp,
};

pub(crate) use crate::serve::precondition::Role;

/// Playlists (RFC 8216 §4).
pub(crate) const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// Media Segments of MPEG-2 transport streams.
pub(crate) const SEGMENT: &str = "video/mp2t";
/// Media Segments of WebVTT.
pub(crate) const WEB_VTT: &str = "text/vtt";
/// The bytes of a key (RFC 8216 §5.1).
pub(crate) const KEY: &str = "application/octet-stream";
/// Plain answers for people and probes.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// The methods that everything here allows.
pub(crate) const METHODS: &str = "GET, HEAD, OPTIONS";

/// How long a response may be used again (RFC 9111 §5.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Never kept.
    NoStore,
    /// For so many seconds.
    Seconds(u64),
    /// For so many seconds, without ever asking whether it changed: it cannot (RFC 8246).
    Immutable(u64),
}

impl Freshness {
    fn to_value(self) -> HeaderValue {
        match self {
            Self::NoStore => HeaderValue::from_static("no-store"),
            Self::Seconds(seconds) => visible(format!("max-age={seconds}")),
            Self::Immutable(seconds) => visible(format!("public, max-age={seconds}, immutable")),
        }
    }
}

/// What a client is told that asks too often, and may ask again after `wait` (RFC 6585 §4).
pub(crate) fn too_often(wait: Duration) -> Response<Body> {
    let line = "this address asks too often";
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, line);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    stamp::open_to_all_origins(headers);
    response
}

/// What a client is told of something that is on its way here, and may be asked for in a second.
pub(crate) fn expected(line: &str) -> Response<Body> {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, line);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(1));
    response
}

/// Something of ours that can be sent whole, in part, or not at all because the client has it.
#[derive(Debug)]
pub(crate) struct Selected<'a> {
    /// Media type.
    pub(crate) media_type: &'static str,
    /// Entity tag with quotes.
    pub(crate) etag: Option<&'a str>,
    /// How long it may be used again.
    pub(crate) freshness: Freshness,
    /// The bytes.
    pub(crate) source: Source<'a>,
}

/// Where the bytes of a representation are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// In memory.
    Document(&'a Bytes),
    /// In the store.
    Object(&'a Object),
}

impl Source<'_> {
    fn bytes(self) -> Option<u64> {
        match self {
            Self::Document(bytes) => Some(bytes.len() as u64),
            Self::Object(object) => object.bytes(),
        }
    }

    fn read(self, range: Range<u64>) -> Body {
        match self {
            Self::Document(bytes) => {
                let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
                let end = at(range.end).min(bytes.len());
                Body::document(bytes.slice(at(range.start).min(end)..end))
            }
            Self::Object(object) => {
                let end = object.bytes().map(|bytes| bytes.min(range.end));
                let bytes = end.map(|end| end.saturating_sub(range.start));
                Body::stored(object, range, bytes)
            }
        }
    }
}

/// Answers a GET or HEAD for `selected`, as far as its conditions and ranges ask.
pub(crate) fn select(request: &Parts, selected: &Selected<'_>) -> Response<Body> {
    let bytes = selected.source.bytes();
    let whole = Whole {
        headers: describe(selected, bytes),
        role: Role::Origin,
        modified_at: None,
        bytes,
        read: &|range| selected.source.read(range),
    };
    // Nothing of ours has a date that could be compared.
    conditional(
        &request.method,
        &request.headers,
        whole,
        Wall::from_nanos(0),
    )
}

fn describe(selected: &Selected<'_>, bytes: Option<u64>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(selected.media_type));
    headers.insert(CACHE_CONTROL, selected.freshness.to_value());
    if let Some(etag) = selected.etag.and_then(|etag| etag.parse().ok()) {
        headers.insert(ETAG, etag);
    }
    if bytes.is_some() {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    headers
}

/// An answer of 200 with all of a representation, of which conditions and ranges may leave less.
pub(crate) struct Whole<'a> {
    /// Its fields. What tells of the length is made anew.
    pub(crate) headers: HeaderMap,
    /// Whose it is.
    pub(crate) role: Role,
    /// When it changed last, or what stands in for that (RFC 9111 §4.3.2).
    pub(crate) modified_at: Option<Wall>,
    /// Its size, though it may still be growing; `None` if nobody has said.
    pub(crate) bytes: Option<u64>,
    /// Gives the bytes of a range, which lies within the size if that is known; `0..u64::MAX` is
    /// all otherwise.
    pub(crate) read: &'a dyn Fn(Range<u64>) -> Body,
}

/// Answers a GET or HEAD with these fields with what they leave of `whole`.
pub(crate) fn conditional(
    method: &Method,
    asked: &HeaderMap,
    whole: Whole<'_>,
    now: Wall,
) -> Response<Body> {
    let Whole {
        mut headers,
        role,
        modified_at,
        bytes,
        read,
    } = whole;
    headers.remove(CONTENT_LENGTH);
    let representation = Representation {
        headers: &headers,
        role,
        modified_at,
        bytes,
    };
    let (code, body) = match evaluate(method, asked, &representation, now) {
        Verdict::Whole => (StatusCode::OK, read(0..bytes.unwrap_or(u64::MAX))),
        Verdict::Parts(parts) => {
            let body = partial(&mut headers, &parts, bytes.unwrap_or_default(), read);
            (StatusCode::PARTIAL_CONTENT, body)
        }
        Verdict::NotModified => {
            for name in NOT_OF_304 {
                headers.remove(name);
            }
            (StatusCode::NOT_MODIFIED, Body::empty())
        }
        Verdict::PreconditionFailed => {
            return text(StatusCode::PRECONDITION_FAILED, "it has changed");
        }
        Verdict::RangeNotSatisfiable => return range_not_satisfiable(bytes.unwrap_or_default()),
    };
    let mut response = status(code, body);
    *response.headers_mut() = headers;
    response
}

/// What tells of the content, of which an answer without any says nothing (RFC 9110 §15.4.5).
const NOT_OF_304: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_RANGE,
];

/// The body of a 206 with `parts`, of a representation of `bytes` bytes.
fn partial(
    headers: &mut HeaderMap,
    parts: &range::Parts,
    bytes: u64,
    read: &dyn Fn(Range<u64>) -> Body,
) -> Body {
    if let [part] = parts.as_slice() {
        let content_range = visible(format!("bytes {}-{}/{bytes}", part.start, part.end - 1));
        headers.insert(CONTENT_RANGE, content_range);
        return read(part.clone());
    }
    let (multipart, media_type) = Multipart::new(parts, bytes, headers.get(CONTENT_TYPE), read);
    // Each part tells its own (RFC 9110 §15.3.7.2).
    headers.remove(CONTENT_RANGE);
    headers.insert(CONTENT_TYPE, media_type);
    Body::chained(multipart)
}

fn range_not_satisfiable(bytes: u64) -> Response<Body> {
    let mut response = text(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "the range begins beyond the end",
    );
    let content_range = visible(format!("bytes */{bytes}"));
    response.headers_mut().insert(CONTENT_RANGE, content_range);
    response
}

/// One line of text that nobody keeps.
pub(crate) fn text(code: StatusCode, line: &str) -> Response<Body> {
    kept_text(code, line, Freshness::NoStore)
}

/// One line of text that may be used again.
pub(crate) fn kept_text(code: StatusCode, line: &str, freshness: Freshness) -> Response<Body> {
    content(code, TEXT, Bytes::from(format!("{line}\n")), freshness)
}

/// The extension of an answer to who only wants to know whether to ask: it is no part of the
/// service, however it turns out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probed;

/// What `/livez` says.
pub(crate) fn liveness(is_alive: bool) -> Response<Body> {
    probed(if is_alive {
        text(StatusCode::OK, "ok")
    } else {
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the loop that carries the channels stands still",
        )
    })
}

/// What `/readyz` says.
pub(crate) fn readiness(verdict: Result<(), NotReady>) -> Response<Body> {
    probed(match verdict {
        Ok(()) => text(StatusCode::OK, "ready"),
        Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &reason.to_string()),
    })
}

fn probed(mut response: Response<Body>) -> Response<Body> {
    response.extensions_mut().insert(Probed);
    response
}

/// A body made for this one answer.
pub(crate) fn content(
    code: StatusCode,
    media_type: &'static str,
    body: Bytes,
    freshness: Freshness,
) -> Response<Body> {
    let mut response = status(code, Body::document(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, freshness.to_value());
    response
}

/// Whether a request by `method` only looks (RFC 9110 §9.2.1).
pub(crate) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Answers the methods that need no content where there is but content: OPTIONS, and those that
/// are not allowed. `None` for GET and HEAD.
pub(crate) fn without_content(method: &Method) -> Option<Response<Body>> {
    without_content_among(METHODS, method)
}

/// The same where `methods` are allowed, of which the caller has answered all that do something.
pub(crate) fn without_content_among(
    methods: &'static str,
    method: &Method,
) -> Option<Response<Body>> {
    let mut response = match *method {
        Method::GET | Method::HEAD => return None,
        Method::OPTIONS => status(StatusCode::NO_CONTENT, Body::empty()),
        _ => text(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("only {methods} are allowed"),
        ),
    };
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    Some(response)
}

fn status(code: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response
}

/// Makes a field value of text that this code wrote itself.
///
/// # Panics
/// If `text` holds anything but visible ASCII and spaces.
pub(crate) fn visible(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("field values written here are visible ASCII")
}
