//! The head of a response, distrusted; the head of a request, made ready. Pure.
//!
//! hyper refuses malformed lines, field names, obs-fold, white space before a colon, lengths that
//! are no numbers or differ, and bad chunks. What it lets through and a smuggler could use is
//! refused here: both framings at once, a length given twice, a coding that we would not undo; and
//! an answer to a question that was not asked: a 304 without a condition, a part without a Range.
//!
//! Source: RFC 9112 §6 (message body), §11.2 (request smuggling); RFC 9110 §7.6.1 (Connection),
//! §14.2 (Range), §15.3.7 (206), §15.4.5 (304).

use hyper::{
    HeaderMap, Method, StatusCode, Version,
    header::{
        CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, EXPECT, HeaderValue, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, RANGE, TRANSFER_ENCODING,
    },
};
use weir_cache::rules::end_to_end;

use crate::fetch::exchange::Ambiguity;

/// The content type of several parts in one body (RFC 9110 §14.6).
const MULTIPART: &[u8] = b"multipart/byteranges";

/// How the end of a response body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body: an answer to HEAD, 204 or 304.
    None,
    /// By the length that was announced.
    Length(u64),
    /// By the last chunk.
    Chunked,
    /// By the end of the connection, so that a whole body cannot be told from one that broke off.
    /// Such a response is not to be stored.
    Close,
}

/// What a request asks for, as far as it decides which answers there can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asking {
    pub(super) method: Method,
    /// It has a condition under which the answer is 304.
    has_condition: bool,
    has_range: bool,
}

impl Asking {
    /// Reads a request.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let mut conditions = [IF_NONE_MATCH, IF_MODIFIED_SINCE].iter();
        Self {
            method: method.clone(),
            has_condition: is_read && conditions.any(|name| headers.contains_key(name)),
            has_range: headers.contains_key(RANGE),
        }
    }

    /// Whether a response of `status` with these fields can be an answer to it at all.
    pub(super) fn admits(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), Ambiguity> {
        match status {
            StatusCode::NOT_MODIFIED if !self.has_condition => Err(Ambiguity::UnaskedNotModified),
            StatusCode::PARTIAL_CONTENT if !self.has_range => Err(Ambiguity::UnaskedPart),
            StatusCode::PARTIAL_CONTENT if !says_which_part(headers) => Err(Ambiguity::Part),
            _ => Ok(()),
        }
    }
}

/// Whether a part says which one it is, or that it is several that do.
fn says_which_part(headers: &HeaderMap) -> bool {
    let is_multipart = || {
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let kind = kind.and_then(|kind| kind.get(..MULTIPART.len()));
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(MULTIPART))
    };
    headers.contains_key(CONTENT_RANGE) || is_multipart()
}

/// Tells how the body of a response ends.
pub(super) fn framing(
    method: &Method,
    (version, status): (Version, StatusCode),
    headers: &HeaderMap,
) -> Result<Framing, Ambiguity> {
    if status.is_informational() {
        return Err(Ambiguity::Upgrade);
    }
    let has_encoding = headers.contains_key(TRANSFER_ENCODING);
    let length = length(headers)?;
    if has_encoding && headers.contains_key(CONTENT_LENGTH) {
        return Err(Ambiguity::LengthAndEncoding);
    }
    if has_encoding && (version < Version::HTTP_11 || status == StatusCode::NO_CONTENT) {
        return Err(Ambiguity::EncodingForbidden);
    }
    if has_encoding && !is_chunked_alone(headers) {
        return Err(Ambiguity::Encoding);
    }
    let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Ok(match length {
        _ if is_bodiless || method == Method::HEAD => Framing::None,
        Some(bytes) => Framing::Length(bytes),
        None if has_encoding => Framing::Chunked,
        None => Framing::Close,
    })
}

fn length(headers: &HeaderMap) -> Result<Option<u64>, Ambiguity> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    let text = line.to_str().unwrap_or("");
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A list is a length given twice, too. A number that is too large has no end we would see.
    match text.parse() {
        Ok(bytes) if is_number && lines.next().is_none() => Ok(Some(bytes)),
        Ok(_) | Err(_) => Err(Ambiguity::SeveralLengths),
    }
}

fn is_chunked_alone(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let first = lines.next().map(HeaderValue::as_bytes);
    first.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) && lines.next().is_none()
}

/// The fields of a request as they are sent on: the body is framed anew.
pub(super) fn ready_request(method: &Method, has_body: bool, asked: &HeaderMap) -> HeaderMap {
    let mut headers = end_to_end(asked);
    // 100 (Continue) is between us and the client, who has had it when its body is read.
    headers.remove(EXPECT);
    headers.remove(CONTENT_LENGTH);
    let is_body_expected = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    if is_body_expected && !has_body {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    headers
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn of(fields: &[(&str, &str)]) -> Result<Framing, Ambiguity> {
        let status = (Version::HTTP_11, StatusCode::OK);
        framing(&Method::GET, status, &headers(fields))
    }

    #[test]
    fn a_body_ends_as_it_says() {
        assert_eq!(of(&[("content-length", "5")]), Ok(Framing::Length(5)));
        assert_eq!(
            of(&[("transfer-encoding", "Chunked")]),
            Ok(Framing::Chunked)
        );
        assert_eq!(of(&[]), Ok(Framing::Close));
    }

    #[test]
    fn head_204_and_304_have_no_body_whatever_they_announce() {
        let fields = headers(&[("content-length", "5")]);
        for (method, status) in [
            (Method::HEAD, StatusCode::OK),
            (Method::GET, StatusCode::NO_CONTENT),
            (Method::GET, StatusCode::NOT_MODIFIED),
        ] {
            let found = framing(&method, (Version::HTTP_11, status), &fields);
            assert_eq!(found, Ok(Framing::None), "{method} {status}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let both = [("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(of(&both), Err(Ambiguity::LengthAndEncoding));
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(of(&twice), Err(Ambiguity::SeveralLengths));
        for length in ["5, 5", "+5", "5 ", "0x5", "", "18446744073709551616"] {
            assert_eq!(
                of(&[("content-length", length)]),
                Err(Ambiguity::SeveralLengths)
            );
        }
        for coding in [
            "gzip",
            "gzip, chunked",
            "chunked, chunked",
            "identity",
            "xchunked",
        ] {
            assert_eq!(
                of(&[("transfer-encoding", coding)]),
                Err(Ambiguity::Encoding)
            );
        }
    }

    #[test]
    fn an_encoding_where_there_is_none_is_refused() {
        let chunked = headers(&[("transfer-encoding", "chunked")]);
        for status in [
            (Version::HTTP_10, StatusCode::OK),
            (Version::HTTP_11, StatusCode::NO_CONTENT),
        ] {
            let found = framing(&Method::GET, status, &chunked);
            assert_eq!(found, Err(Ambiguity::EncodingForbidden), "{status:?}");
        }
        let upgrade = (Version::HTTP_11, StatusCode::SWITCHING_PROTOCOLS);
        let found = framing(&Method::GET, upgrade, &HeaderMap::new());
        assert_eq!(found, Err(Ambiguity::Upgrade));
    }

    /// RFC 9110 §15.4.5, §15.3.7: 304 answers a condition, 206 answers a Range.
    #[test]
    fn what_was_not_asked_for_is_no_answer() {
        let admits = |method, asked: &[(&str, &str)], status: u16, told: &[(&str, &str)]| {
            let status = StatusCode::from_u16(status).unwrap();
            Asking::of(&method, &headers(asked)).admits(status, &headers(told))
        };
        let tag = [("if-none-match", "*")];
        let since = [("if-modified-since", "Thu, 01 Jan 2015 00:00:00 GMT")];
        let part = [("content-range", "bytes 0-1/2")];
        let parts = [("content-type", "Multipart/ByteRanges; boundary=a")];
        for asked in [&tag[..], &since] {
            assert_eq!(admits(Method::GET, asked, 304, &[]), Ok(()));
            let told = admits(Method::POST, asked, 304, &[]);
            assert_eq!(told, Err(Ambiguity::UnaskedNotModified));
        }
        let told = admits(Method::GET, &[("if-range", "\"a\"")], 304, &[]);
        assert_eq!(told, Err(Ambiguity::UnaskedNotModified));
        let told = admits(Method::GET, &tag, 206, &part);
        assert_eq!(told, Err(Ambiguity::UnaskedPart));
        for told in [part, parts] {
            assert_eq!(
                admits(Method::GET, &[("range", "bytes=0-1")], 206, &told),
                Ok(())
            );
        }
        let told = admits(Method::GET, &[("range", "bytes=0-1")], 206, &[]);
        assert_eq!(told, Err(Ambiguity::Part));
        assert_eq!(admits(Method::GET, &[], 200, &part), Ok(()));
    }

    #[test]
    fn a_request_is_framed_anew() {
        let fields = headers(&[("content-length", "5"), ("expect", "100-continue")]);
        assert!(ready_request(&Method::GET, false, &fields).is_empty());
        let posted = ready_request(&Method::POST, false, &fields);
        assert_eq!(posted, headers(&[("content-length", "0")]));
    }

    proptest! {
        #[test]
        fn no_fields_make_it_panic(
            fields in prop::collection::vec(
                ("content-length|transfer-encoding", "[ -~]{0,20}"), 0..5),
        ) {
            let mut map = HeaderMap::new();
            for (name, value) in &fields {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                map.append(name, HeaderValue::from_str(value).unwrap());
            }
            let found = framing(&Method::GET, (Version::HTTP_11, StatusCode::OK), &map);
            prop_assert!(found.is_err() || map.get_all(CONTENT_LENGTH).iter().count() <= 1);
        }
    }
}
