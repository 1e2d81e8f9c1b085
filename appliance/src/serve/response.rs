//! The head of a response of HTTP/1, and what it says of how the body ends.
//!
//! Source: RFC 9112 §4 (status line), §5 (fields), §6 (length), §9.3 (persistence); RFC 9110 §6.6.1
//! (Date), §8.6 (Content-Length where there is no content). Pure.

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::Body as _,
    header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING},
};

use crate::serve::Body;

/// Bytes that a head usually has at most.
const HEAD_BYTES: usize = 1 << 10;

/// What a response has to know of its request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    is_head: bool,
    is_http_10: bool,
}

impl Asked {
    pub(crate) fn by<B>(request: &Request<B>) -> Self {
        Self {
            is_head: request.method() == Method::HEAD,
            is_http_10: request.version() == Version::HTTP_10,
        }
    }
}

/// How a client is told where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After so many bytes.
    After(u64),
    /// By a last chunk.
    InChunks,
    /// By the end of the connection, for who knows no chunks.
    WithConnection,
}

/// A head in its final bytes.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// Status line, fields, and the empty line.
    pub(crate) head: Bytes,
    /// How the body ends that follows.
    pub(crate) ending: Ending,
    /// Whether the connection is closed behind it.
    pub(crate) is_last_of_connection: bool,
}

impl Written {
    /// Writes the head of `response`. `is_persistent`: as far as the request goes, another one may
    /// follow it.
    pub(crate) fn new(
        response: &Response<Body>,
        asked: Asked,
        is_persistent: bool,
        date: &[u8],
    ) -> Self {
        let (ending, bytes) = ending(response, asked);
        let is_last = !is_persistent || ending == Ending::WithConnection;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let status = response.status();
        let reason = status.canonical_reason().unwrap_or("Unknown");
        head.extend_from_slice(b"HTTP/1.1 ");
        put(&mut head, [status.as_str(), " "], reason);
        for (name, value) in response.headers() {
            if name != CONTENT_LENGTH && name != TRANSFER_ENCODING && name != CONNECTION {
                put(&mut head, [name.as_str(), ": "], value);
            }
        }
        if let Some(bytes) = bytes {
            put(&mut head, ["content-length", ": "], bytes.to_string());
        }
        if ending == Ending::InChunks {
            put(&mut head, ["transfer-encoding", ": "], "chunked");
        }
        match (is_last, asked.is_http_10) {
            (true, _) => put(&mut head, ["connection", ": "], "close"),
            (false, true) => put(&mut head, ["connection", ": "], "keep-alive"),
            (false, false) => {}
        }
        if !response.headers().contains_key(DATE) {
            put(&mut head, ["date", ": "], date);
        }
        head.extend_from_slice(b"\r\n");
        Self {
            head: head.into(),
            ending,
            is_last_of_connection: is_last,
        }
    }
}

fn put(head: &mut Vec<u8>, name: [&str; 2], value: impl AsRef<[u8]>) {
    for part in name {
        head.extend_from_slice(part.as_bytes());
    }
    head.extend_from_slice(value.as_ref());
    head.extend_from_slice(b"\r\n");
}

/// How the body of `response` ends, and the length that its head tells: of what is not sent here it
/// may be known all the same.
fn ending(response: &Response<Body>, asked: Asked) -> (Ending, Option<u64>) {
    let told = response.headers().get(CONTENT_LENGTH);
    let told = told.and_then(|value| value.to_str().ok()?.parse().ok());
    let known = response.body().size_hint().exact();
    match response.status() {
        StatusCode::NO_CONTENT => (Ending::After(0), None),
        StatusCode::NOT_MODIFIED => (Ending::After(0), told),
        _ if asked.is_head => (Ending::After(0), told.or(known)),
        _ => match known.or(told) {
            Some(bytes) => (Ending::After(bytes), Some(bytes)),
            None if asked.is_http_10 => (Ending::WithConnection, None),
            None => (Ending::InChunks, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;

    use super::*;
    use crate::serve::reply;

    const GET: Asked = Asked {
        is_head: false,
        is_http_10: false,
    };
    const HEAD: Asked = Asked {
        is_head: true,
        is_http_10: false,
    };
    const OLD: Asked = Asked {
        is_head: false,
        is_http_10: true,
    };

    /// A body whose length nobody knows.
    struct Endless;

    impl hyper::body::Body for Endless {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            Poll::Pending
        }
    }

    fn endless() -> Response<Body> {
        Response::new(Body::relayed(Endless))
    }

    fn written(response: &Response<Body>, asked: Asked, is_persistent: bool) -> (String, Ending) {
        let written = Written::new(response, asked, is_persistent, b"today");
        let head = String::from_utf8(written.head.to_vec()).expect("text");
        let is_last = head.contains("connection: close\r\n");
        assert_eq!(is_last, written.is_last_of_connection);
        (head, written.ending)
    }

    #[test]
    fn a_head_says_all_that_the_client_needs() {
        let (head, ending) = written(&reply::text(StatusCode::OK, "text"), GET, true);
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
             cache-control: no-store\r\ncontent-length: 5\r\ndate: today\r\n\r\n"
        );
        assert_eq!(ending, Ending::After(5));
        let mut dated = reply::text(StatusCode::OK, "text");
        let date = "yesterday".parse().expect("visible");
        dated.headers_mut().insert(DATE, date);
        let (head, _) = written(&dated, GET, true);
        assert!(head.contains("date: yesterday\r\n") && !head.contains("today"));
    }

    #[test]
    fn what_nobody_knows_the_length_of_comes_in_chunks_or_ends_with_the_connection() {
        let (head, ending) = written(&endless(), GET, true);
        assert!(head.contains("transfer-encoding: chunked\r\n"));
        assert!(!head.contains("content-length"));
        assert_eq!(ending, Ending::InChunks);
        let (head, ending) = written(&endless(), OLD, true);
        assert!(!head.contains("transfer-encoding") && head.contains("connection: close\r\n"));
        assert_eq!(ending, Ending::WithConnection);
        let (head, _) = written(&reply::text(StatusCode::OK, "text"), OLD, true);
        assert!(head.contains("connection: keep-alive\r\n"));
        let (head, _) = written(&reply::text(StatusCode::OK, "text"), OLD, false);
        assert!(head.contains("connection: close\r\n"));
    }

    #[test]
    fn an_answer_without_content_has_no_body_and_the_length_it_would_have() {
        let (head, ending) = written(&reply::text(StatusCode::OK, "text"), HEAD, true);
        assert!(head.contains("content-length: 5\r\n"));
        assert_eq!(ending, Ending::After(0));
        let mut told = Response::new(Body::empty());
        told.headers_mut().insert(CONTENT_LENGTH, 7.into());
        assert!(
            written(&told, HEAD, true)
                .0
                .contains("content-length: 7\r\n")
        );
        let (head, ending) = written(&endless(), HEAD, true);
        assert!(!head.contains("content-length") && !head.contains("chunked"));
        assert_eq!(ending, Ending::After(0));
        for (status, is_told) in [
            (StatusCode::NO_CONTENT, false),
            (StatusCode::NOT_MODIFIED, true),
        ] {
            *told.status_mut() = status;
            let (head, ending) = written(&told, GET, true);
            assert_eq!(head.contains("content-length: 7\r\n"), is_told, "{status}");
            assert_eq!(ending, Ending::After(0));
        }
    }
}
