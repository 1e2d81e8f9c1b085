//! The head of a request of HTTP/1, before anybody acts on it: complete, unambiguous, bounded.
//!
//! Whoever stands before or behind this box must come to the same end of the same request, so what
//! two readers could read in two ways is refused, even where a lenient reader may go on: a line
//! that ends in a bare LF, a field name before a space, a folded line, two lengths, a length beside
//! a transfer coding.
//!
//! Source: RFC 9112 §2.2 (line ends, empty lines), §3 (request line), §5 (fields), §6 (framing),
//! §11.2 (smuggling); RFC 9110 §2.5 (versions), §10.1.1 (Expect), §15.5 and §15.6 (which status).
//! Pure.

use std::mem::{self, MaybeUninit};

use bytes::Bytes;
use httparse::{Error, Header, Status};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri, Version,
    header::{HeaderName, HeaderValue},
};

use crate::serve::framing::Framing;

/// Bytes a request head may have; a player sends well under 1 KiB.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes of these that the request line may have: a URL of 8,000 bytes, as RFC 9112 §3 recommends.
const LINE_BYTES_MAX: usize = 8_192;

/// Fields a request may have, of any version.
pub(crate) const FIELDS_MAX: usize = 100;

/// Why a request is refused, as its client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status of the answer, behind which the connection is closed.
    pub(crate) status: StatusCode,
    /// One sentence.
    pub(crate) line: &'static str,
}

const fn refusal(status: StatusCode, line: &'static str) -> Refusal {
    Refusal { status, line }
}

const fn malformed(line: &'static str) -> Refusal {
    refusal(StatusCode::BAD_REQUEST, line)
}

const LINE: Refusal = malformed("the request line is malformed");

/// A complete head that may be acted on.
#[derive(Debug)]
pub(crate) struct Head {
    /// What is asked for.
    pub(crate) request: Request<()>,
    /// What follows it.
    pub(crate) framing: Framing,
    /// Whether its client waits for word before it sends that.
    pub(crate) is_go_on_due: bool,
    /// Whether the connection may be used for another request.
    pub(crate) is_persistent: bool,
}

/// Where the first head in `bytes` ends, if it is there whole: behind an empty line, however its
/// lines end. `seen` bytes have been looked through before.
pub(crate) fn end(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    let ends = memchr::memchr_iter(b'\n', bytes.get(from..)?);
    ends.map(|at| from + at + 1)
        .find_map(|next| match bytes.get(next..)? {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        })
}

/// Says whether a head that is not there whole may still become one.
///
/// # Errors
/// [`Refusal`] when it is too long already, or does not begin like a request.
pub(crate) fn judge_beginning(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes
        .first()
        .is_some_and(|first| !first.is_ascii_alphabetic() && *first != b'\r')
    {
        return Err(malformed("this is no request of HTTP"));
    }
    let has_line = memchr::memchr(b'\n', bytes).is_some();
    if !has_line && bytes.len() > LINE_BYTES_MAX {
        return Err(refusal(
            StatusCode::URI_TOO_LONG,
            "the request target is too long",
        ));
    }
    if bytes.len() > HEAD_BYTES_MAX {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(refusal(status, "the fields of the request are too long"));
    }
    Ok(())
}

/// Examines the head in `bytes`, all of which it is.
///
/// # Errors
/// [`Refusal`] when it cannot be acted on.
pub(crate) fn examine(bytes: &Bytes) -> Result<Head, Refusal> {
    judge_lines(bytes)?;
    let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(Status::Complete(_) | Status::Partial) => {
            return Err(malformed("the request is malformed"));
        }
        Err(error) => {
            let later = Some(bytes).filter(|_| error == Error::Version);
            let known = later.and_then(as_http_11);
            return known.map_or_else(|| Err(of_parser(error, bytes)), |head| examine(&head));
        }
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(LINE);
    };
    let mut notes = Notes::default();
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for field in parsed.headers.iter() {
        notes.take(field)?;
        headers.append(name_of(field)?, value_of(field, bytes)?);
    }
    let is_http_11 = version == 1;
    notes.judge(method, target, is_http_11)?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_no_token| LINE)?;
    *request.uri_mut() = uri_of(target, bytes)?;
    if !is_http_11 {
        *request.version_mut() = Version::HTTP_10;
    }
    *request.headers_mut() = headers;
    Ok(Head {
        request,
        framing: notes.framing(),
        is_go_on_due: notes.is_go_on_due && is_http_11,
        is_persistent: match notes.connection {
            None => is_http_11,
            Some(wish) => wish == Connection::KeepAlive,
        },
    })
}

fn name_of(field: &Header<'_>) -> Result<HeaderName, Refusal> {
    let name = HeaderName::from_bytes(field.name.as_bytes());
    name.map_err(|_no_token| malformed("the name of a field is malformed"))
}

/// The value of a field, which shares the memory of the whole.
fn value_of(field: &Header<'_>, bytes: &Bytes) -> Result<HeaderValue, Refusal> {
    let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value));
    value.map_err(|_control| malformed("the value of a field is malformed"))
}

fn uri_of(target: &str, bytes: &Bytes) -> Result<Uri, Refusal> {
    // A fragment is for the client alone (RFC 9110 §7.1).
    let uri = Uri::from_maybe_shared(bytes.slice_ref(target.as_bytes()));
    let uri = uri.ok().filter(|_| !target.contains('#'));
    uri.ok_or(malformed("the request target is malformed"))
}

/// Judges what the parser would let pass.
fn judge_lines(bytes: &[u8]) -> Result<(), Refusal> {
    let mut line = None;
    for at in memchr::memchr_iter(b'\n', bytes) {
        if at == 0 || bytes.get(at - 1) != Some(&b'\r') {
            return Err(malformed(
                "a line of the request ends without a carriage return",
            ));
        }
        line.get_or_insert(at);
    }
    if line.is_none_or(|end| end > LINE_BYTES_MAX) {
        return Err(refusal(
            StatusCode::URI_TOO_LONG,
            "the request target is too long",
        ));
    }
    Ok(())
}

fn of_parser(error: Error, bytes: &[u8]) -> Refusal {
    match error {
        Error::TooManyHeaders => {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            refusal(status, "the request has too many fields")
        }
        Error::Version if names_other_version(bytes) => {
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            refusal(status, "only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here")
        }
        Error::HeaderName => malformed("the name of a field is malformed"),
        Error::HeaderValue => malformed("the value of a field is malformed"),
        Error::NewLine | Error::Status | Error::Token | Error::Version => LINE,
    }
}

/// The head as one of HTTP/1.1, if it is of a later HTTP/1, which may be read so (RFC 9110 §2.5).
fn as_http_11(bytes: &Bytes) -> Option<Bytes> {
    let line = request_line(bytes);
    let (minor, before) = line.split_last()?;
    let is_later = (b'2'..=b'9').contains(minor) && before.ends_with(b" HTTP/1.");
    let behind = bytes.get(line.len()..)?;
    is_later.then(|| [before, b"1", behind].concat().into())
}

/// Whether the request line ends with a version that is none of ours.
fn names_other_version(bytes: &[u8]) -> bool {
    let version = request_line(bytes).rsplit(|byte| *byte == b' ').next();
    match version.and_then(|version| version.strip_prefix(b"HTTP/")) {
        Some([b'1', b'.', b'0' | b'1']) => false,
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    }
}

fn request_line(bytes: &[u8]) -> &[u8] {
    let mut lines = bytes.split(|byte| *byte == b'\r');
    lines.next().unwrap_or_default()
}

/// What the fields of a request say, as far as it decides on how to go on.
#[derive(Debug, Default)]
struct Notes {
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
    is_go_on_due: bool,
    connection: Option<Connection>,
}

/// What a client wants of the connection behind the answer; of two wishes the end counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Connection {
    KeepAlive,
    Close,
}

impl Notes {
    fn take(&mut self, field: &Header<'_>) -> Result<(), Refusal> {
        let (name, value) = (field.name, field.value);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match name.len() {
            4 if is("host") => self.take_host(),
            6 if is("expect") => self.take_expectation(value),
            10 if is("connection") => {
                self.take_connection(value);
                Ok(())
            }
            14 if is("content-length") => self.take_length(value),
            17 if is("transfer-encoding") => self.take_coding(value),
            _ => Ok(()),
        }
    }

    fn take_host(&mut self) -> Result<(), Refusal> {
        if mem::replace(&mut self.has_host, true) {
            return Err(malformed("exactly one Host field is needed"));
        }
        Ok(())
    }

    fn take_expectation(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.is_go_on_due = true;
        if !value.eq_ignore_ascii_case(b"100-continue") {
            let status = StatusCode::EXPECTATION_FAILED;
            return Err(refusal(status, "only 100-continue can be expected"));
        }
        Ok(())
    }

    fn take_connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',') {
            let option = option.trim_ascii().to_ascii_lowercase();
            let wish = match option.as_slice() {
                b"close" => Some(Connection::Close),
                b"keep-alive" => Some(Connection::KeepAlive),
                _ => None,
            };
            self.connection = self.connection.max(wish);
        }
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| is_number);
        let length = text.and_then(|text| text.parse().ok());
        match (length, self.length) {
            (Some(length), None) => self.length = Some(length),
            (None, _) => return Err(malformed("the Content-Length is no number")),
            (Some(_), Some(_)) => return Err(malformed("there are two Content-Length fields")),
        }
        Ok(())
    }

    fn take_coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.is_chunked {
            return Err(malformed("there are two Transfer-Encoding fields"));
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
            let last = codings.next_back().unwrap_or_default();
            return Err(if last.is_empty() || codings.any(is_chunked) {
                malformed("a body is chunked once, and last")
            } else {
                let line = "no transfer coding but chunked is understood";
                refusal(StatusCode::NOT_IMPLEMENTED, line)
            });
        }
        self.is_chunked = true;
        Ok(())
    }

    fn judge(&self, method: &str, target: &str, is_http_11: bool) -> Result<(), Refusal> {
        if self.is_chunked && self.length.is_some() {
            return Err(malformed(
                "a Content-Length and a Transfer-Encoding exclude each other",
            ));
        }
        if self.is_chunked && !is_http_11 {
            return Err(malformed("HTTP/1.0 has no Transfer-Encoding"));
        }
        if is_http_11 && !self.has_host {
            return Err(malformed("exactly one Host field is needed"));
        }
        let is_form_known = match (method, target) {
            ("CONNECT", _) => {
                let status = StatusCode::NOT_IMPLEMENTED;
                return Err(refusal(status, "there are no tunnels through here"));
            }
            ("OPTIONS", "*") => true,
            (_, target) => target.starts_with('/') || is_absolute(target),
        };
        if !is_form_known {
            return Err(malformed(
                "the request target is neither a path nor a URI of http",
            ));
        }
        Ok(())
    }

    const fn framing(&self) -> Framing {
        match self.length {
            Some(length) => Framing::of_length(length),
            None if self.is_chunked => Framing::chunked(),
            None => Framing::NONE,
        }
    }
}

fn is_absolute(target: &str) -> bool {
    let has_scheme = |scheme: &str| {
        let start = target.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    has_scheme("http://") || has_scheme("https://")
}

#[cfg(test)]
mod tests;
