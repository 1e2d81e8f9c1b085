//! Several parts of one representation in one body.
//!
//! Source: RFC 9110 §14.6 (`multipart/byteranges`), RFC 2046 §5.1.1 (boundaries).

use std::{
    collections::VecDeque,
    fmt::{self, Debug, Write as _},
    hash::{BuildHasher, Hasher, RandomState},
    ops::Range,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{body::Body as _, header::HeaderValue};
use weir_cache::Chunk;

use crate::serve::{Body, BodyError, Chain, Form, range::Parts};

/// Parts of a representation, each behind a head that tells which it is.
pub(crate) struct Multipart {
    /// Heads, parts and the end, in the order in which they are sent.
    left: VecDeque<Body>,
    bytes_left: u64,
}

impl Multipart {
    /// The `parts` of a representation of `bytes` bytes, which `read` gives, and the media type of
    /// all of it together. `media_type` is that of the representation.
    pub(crate) fn new(
        parts: &Parts,
        bytes: u64,
        media_type: Option<&HeaderValue>,
        read: &dyn Fn(Range<u64>) -> Body,
    ) -> (Self, HeaderValue) {
        let boundary = boundary();
        let mut left = VecDeque::with_capacity(2 * parts.len() + 1);
        let mut bytes_left = 0;
        for part in parts {
            let head = head(&boundary, media_type, part, bytes);
            bytes_left += head.len() as u64 + (part.end - part.start);
            left.extend([Body::document(head), read(part.clone())]);
        }
        let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        bytes_left += end.len() as u64;
        left.push_back(Body::document(end));
        let all = format!("multipart/byteranges; boundary={boundary}");
        let all = HeaderValue::try_from(all).expect("a boundary is visible ASCII");
        (Self { left, bytes_left }, all)
    }
}

/// What stands before each part. It is drawn anew for each answer, so that no content can hold it
/// on purpose; that it does by accident is as likely as to guess 128 bits.
fn boundary() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

fn head(boundary: &str, media_type: Option<&HeaderValue>, part: &Range<u64>, bytes: u64) -> Bytes {
    let mut head = format!("\r\n--{boundary}\r\n");
    if let Some(media_type) = media_type.and_then(|value| value.to_str().ok()) {
        write!(head, "Content-Type: {media_type}\r\n").expect("a String takes every write");
    }
    let (first, last) = (part.start, part.end - 1);
    write!(head, "Content-Range: bytes {first}-{last}/{bytes}\r\n\r\n")
        .expect("a String takes every write");
    head.into()
}

impl Chain for Multipart {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        form: Form,
    ) -> Poll<Option<Result<Chunk, BodyError>>> {
        while let Some(body) = self.left.front_mut() {
            if body.is_end_stream() {
                self.left.pop_front();
                continue;
            }
            let chunk = ready!(body.poll_chunk(context, form));
            let Some(chunk) = chunk else {
                self.left.pop_front();
                continue;
            };
            if let Ok(chunk) = &chunk {
                self.bytes_left = self.bytes_left.saturating_sub(chunk.bytes.len() as u64);
            }
            return Poll::Ready(Some(chunk));
        }
        Poll::Ready(None)
    }

    fn bytes_left(&self) -> u64 {
        self.bytes_left
    }
}

impl Debug for Multipart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Multipart({} bytes left)", self.bytes_left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn parts_come_behind_heads_that_tell_which_they_are() {
        let content = Bytes::from_static(b"0123456789");
        let read = |range: Range<u64>| {
            let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
            Body::document(content.slice(start..end))
        };
        let parts = [7..10, 0..2].into_iter().collect();
        let media_type = HeaderValue::from_static("text/plain");
        let (multipart, all) = Multipart::new(&parts, 10, Some(&media_type), &read);
        let all = all.to_str().unwrap();
        let boundary = all.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let announced = multipart.bytes_left();
        let body = Body::chained(multipart).collect().await.unwrap().to_bytes();
        assert_eq!(body.len() as u64, announced);
        let text = format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n789\
             \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}--\r\n"
        );
        assert_eq!(body, text);
    }

    #[test]
    fn no_two_boundaries_are_the_same() {
        assert_ne!(boundary(), boundary());
    }
}
