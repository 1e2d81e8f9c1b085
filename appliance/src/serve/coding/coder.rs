//! Compresses the lists among answers, each once.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Body as _,
    header::{
        ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderName,
        HeaderValue, IF_NONE_MATCH, RANGE, VARY,
    },
};
use lru::LruCache;
use tokio::{sync::Semaphore, task::spawn_blocking};
use weir_hal::Wall;

use super::{
    Coding, accepted,
    counters::CounterCells,
    encode::{BYTES_MIN, encode},
};
use crate::{
    fetch::{Class, playlist},
    serve::{Again, Body, Client, Repeat, reply},
};

/// Bytes of compressed lists that are kept, their places included: 2,000 of 4 KB.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Charged for a list beyond its bytes.
const ENTRY_OVERHEAD_BYTES: usize = 160;

/// Bytes of lists that are being compressed at one time, in KiB; the next ones go out plain.
const WORK_KIB_MAX: usize = 16 << 10;

/// A longer list is looked at on a thread that may take its time: to compress 32 KiB takes 2 ms,
/// and to tell which list it is, 30 µs.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// Fields that tell of the very bytes of a body.
const OF_BYTES: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// What a request for a list says of its coding.
#[derive(Debug)]
pub struct Wish {
    path: String,
    method: Method,
    coding: Coding,
    has_range: bool,
    /// `If-None-Match`
    conditions: HeaderMap,
}

impl Wish {
    /// What `request` says, if it may be for a list. The `Accept-Encoding` of one whose path says
    /// that it is for a list is taken out, so that an origin gives the plain list.
    pub fn take<B>(request: &mut Request<B>) -> Option<Self> {
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let path = request.uri().path();
        let class = Class::of(path, None);
        if !is_reading || !(class.is_list() || class == Class::Other) {
            return None;
        }
        let mut conditions = HeaderMap::new();
        for value in request.headers().get_all(IF_NONE_MATCH) {
            conditions.append(IF_NONE_MATCH, value.clone());
        }
        let wish = Self {
            path: path.to_owned(),
            method: request.method().clone(),
            coding: accepted(request.headers()),
            has_range: request.headers().contains_key(RANGE),
            conditions,
        };
        if class.is_list() {
            request.headers_mut().remove(ACCEPT_ENCODING);
        }
        Some(wish)
    }
}

/// Lists in one coding, by a hash of what they say.
type Kept = LruCache<(u64, Coding), Arc<Entry>>;

#[derive(Debug)]
struct Entry {
    /// Filled by whoever comes first; the others wait.
    coded: OnceLock<Option<Bytes>>,
    /// Charged for it: no more than it takes.
    bytes: usize,
}

#[derive(Debug)]
struct State {
    kept: Kept,
    bytes: usize,
}

/// Compresses lists. A list is told by a hash of this run, so that nobody can make two of one.
#[derive(Debug)]
pub struct Coder {
    hasher: RandomState,
    state: Mutex<State>,
    room: Arc<Semaphore>,
    counters: CounterCells,
}

impl Default for Coder {
    fn default() -> Self {
        let state = State {
            kept: LruCache::unbounded(),
            bytes: 0,
        };
        Self {
            hasher: RandomState::new(),
            state: Mutex::new(state),
            room: Arc::new(Semaphore::new(WORK_KIB_MAX)),
            counters: CounterCells::default(),
        }
    }
}

impl Coder {
    /// Gives `response` the coding that is wished for, if it is a list that can have one.
    pub async fn code(self: &Arc<Self>, wish: Wish, response: Response<Body>) -> Response<Body> {
        let (mut head, body) = response.into_parts();
        if !Class::of(&wish.path, Some(&head.headers)).is_list() {
            return Response::from_parts(head, body);
        }
        vary(&mut head.headers);
        let bytes = body
            .size_hint()
            .exact()
            .and_then(|bytes| usize::try_from(bytes).ok());
        let is_wanted = wish.coding != Coding::Identity && !wish.has_range;
        let bytes = bytes.filter(|bytes| (BYTES_MIN..=playlist::BYTES_MAX).contains(bytes));
        let Some(bytes) = bytes.filter(|_| is_wanted && may_be_coded(head.status, &head.headers))
        else {
            return Response::from_parts(head, body);
        };
        let kib = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX);
        let Ok(_room) = self.room.try_acquire_many(kib) else {
            self.counters.lists_uncoded.add(1);
            return Response::from_parts(head, body);
        };
        let Ok(plain) = body.collect().await else {
            return reply::text(StatusCode::BAD_GATEWAY, "the list broke off");
        };
        let plain = plain.to_bytes();
        match self.coded(wish.coding, &plain).await {
            None => Response::from_parts(head, Body::document(plain)),
            Some(coded) => {
                self.counters.answers_coded.add(1);
                let again = head.extensions.remove::<Repeat>().map(|plain| CodedAgain {
                    plain,
                    coded: coded.clone(),
                    coder: Arc::clone(self),
                });
                let mut response = coded_answer(&wish, head.headers, &coded);
                if let Some(again) = again {
                    response.extensions_mut().insert(Repeat::new(again));
                }
                response
            }
        }
    }

    /// `plain` in `coding`; `None` if that is no smaller.
    pub async fn coded(self: &Arc<Self>, coding: Coding, plain: &Bytes) -> Option<Bytes> {
        if plain.len() <= INLINE_BYTES_MAX {
            return self.coded_here(coding, plain);
        }
        let (coder, plain) = (Arc::clone(self), plain.clone());
        let work = spawn_blocking(move || coder.coded_here(coding, &plain));
        // The runtime is shutting down, if it does not come back.
        work.await.unwrap_or(None)
    }

    fn coded_here(&self, coding: Coding, plain: &Bytes) -> Option<Bytes> {
        let entry = self.entry(self.hasher.hash_one(plain), coding, plain.len());
        let coded = entry.coded.get_or_init(|| {
            self.counters.lists_coded.add(1);
            encode(coding, plain)
        });
        coded.clone()
    }

    /// What compressing has counted.
    pub fn counters(&self) -> super::Counters {
        self.counters.read()
    }

    fn entry(&self, hash: u64, coding: Coding, plain_bytes: usize) -> Arc<Entry> {
        let mut state = self.lock();
        if let Some(entry) = state.kept.get(&(hash, coding)) {
            return Arc::clone(entry);
        }
        let bytes = plain_bytes + ENTRY_OVERHEAD_BYTES;
        let entry = Arc::new(Entry {
            coded: OnceLock::new(),
            bytes,
        });
        state.kept.put((hash, coding), Arc::clone(&entry));
        state.bytes += bytes;
        while state.bytes > KEPT_BYTES_MAX {
            let Some((_, oldest)) = state.kept.pop_lru() else {
                break;
            };
            state.bytes -= oldest.bytes;
            self.counters.lists_forgotten.add(1);
        }
        entry
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A coded list, as long as the plain one would be given again.
#[derive(Debug)]
struct CodedAgain {
    plain: Repeat,
    coded: Bytes,
    coder: Arc<Coder>,
}

impl Again for CodedAgain {
    fn again(&self, client: &Client) -> Option<Body> {
        self.plain.again(client)?;
        self.coder.counters.answers_coded.add(1);
        Some(Body::document(self.coded.clone()))
    }
}

/// The answer with `coded`, or 304 if the client has that.
fn coded_answer(wish: &Wish, mut headers: HeaderMap, coded: &Bytes) -> Response<Body> {
    let coding = HeaderValue::from_static(wish.coding.as_str());
    headers.insert(CONTENT_ENCODING, coding);
    headers.remove(ACCEPT_RANGES);
    for name in OF_BYTES {
        headers.remove(name);
    }
    if let Some(etag) = headers
        .get(ETAG)
        .and_then(|etag| coded_tag(etag, wish.coding, coded))
    {
        headers.insert(ETAG, etag);
    }
    let whole = reply::Whole {
        headers,
        role: reply::Role::Cache,
        modified_at: None,
        bytes: Some(coded.len() as u64),
        read: &|_all| Body::document(coded.clone()),
    };
    // Dates have been compared already.
    reply::conditional(&wish.method, &wish.conditions, whole, Wall::from_nanos(0))
}

/// Whether an answer is a whole list, plain so far, that may be changed on its way.
fn may_be_coded(status: StatusCode, headers: &HeaderMap) -> bool {
    let mut directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','));
    let is_fixed = directives.any(|directive| {
        let name = directive.split('=').next().unwrap_or("");
        name.trim_ascii().eq_ignore_ascii_case("no-transform")
    });
    status == StatusCode::OK && !is_fixed && !headers.contains_key(CONTENT_ENCODING)
}

/// Says that the answer depends on what the client takes.
fn vary(headers: &mut HeaderMap) {
    let mut names = headers
        .get_all(VARY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim_ascii);
    if !names.any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding")) {
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// The entity tag of a coded list: that of the plain one, the coding, and a sum of the bytes, for
/// another version of the compressor makes others.
fn coded_tag(etag: &HeaderValue, coding: Coding, coded: &[u8]) -> Option<HeaderValue> {
    let opening = etag.to_str().ok()?.strip_suffix('"')?;
    let sum = crc32c::crc32c(coded);
    format!("{opening}-{}-{sum:08x}\"", coding.as_str())
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};

    use super::{
        super::encode::tests::{decode, playlist},
        *,
    };

    fn request(fields: &[(HeaderName, &str)]) -> Request<()> {
        request_for("/live/a.m3u8", fields)
    }

    fn request_for(path: &str, fields: &[(HeaderName, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(path).body(()).expect("a request");
        for (name, value) in fields {
            request
                .headers_mut()
                .append(name, value.parse().expect("a field value"));
        }
        request
    }

    fn response(fields: &[(HeaderName, &str)]) -> Response<Body> {
        let body = Body::document(Bytes::from(playlist(100)));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply::PLAYLIST));
        headers.insert(ETAG, HeaderValue::from_static("\"v1\""));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        for (name, value) in fields {
            headers.append(name, value.parse().expect("a field value"));
        }
        response
    }

    async fn coded(coder: &Arc<Coder>, asked: &[(HeaderName, &str)]) -> Response<Body> {
        let wish = Wish::take(&mut request(asked)).expect("a list is asked for");
        coder.code(wish, response(&[])).await
    }

    async fn bytes(response: Response<Body>) -> Bytes {
        let body = response.into_body().collect().await;
        body.expect("a body in memory").to_bytes()
    }

    #[tokio::test]
    async fn every_coding_is_a_representation_of_its_own() {
        let coder = Arc::new(Coder::default());
        let mut tags = vec!["\"v1\"".to_owned()];
        for (name, coding) in [
            ("gzip", Coding::Gzip),
            ("zstd", Coding::Zstd),
            ("br", Coding::Brotli),
        ] {
            let response = coded(&coder, &[(ACCEPT_ENCODING, name)]).await;
            let headers = response.headers().clone();
            assert_eq!(headers[CONTENT_ENCODING], name);
            assert_eq!(headers[VARY], "Accept-Encoding");
            assert!(!headers.contains_key(ACCEPT_RANGES) && !headers.contains_key(CONTENT_LENGTH));
            let tag = headers[ETAG].to_str().expect("ASCII").to_owned();
            assert!(tag.starts_with(&format!("\"v1-{name}-")), "{tag}");
            assert!(!tags.contains(&tag));
            assert_eq!(
                decode(coding, &bytes(response).await),
                playlist(100).as_bytes()
            );
            let asked = [(ACCEPT_ENCODING, name), (IF_NONE_MATCH, tag.as_str())];
            let again = coded(&coder, &asked).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{name}");
            assert_eq!(again.headers()[VARY], "Accept-Encoding");
            tags.push(tag);
        }
        let plain = coded(&coder, &[]).await;
        assert_eq!(plain.headers()[ETAG], "\"v1\"");
        assert_eq!(plain.headers()[VARY], "Accept-Encoding");
        assert_eq!(bytes(plain).await, playlist(100));
    }

    #[tokio::test]
    async fn a_list_is_compressed_once_in_each_coding() {
        let coder = Arc::new(Coder::default());
        for _ in 0..5 {
            for name in ["gzip", "br"] {
                coded(&coder, &[(ACCEPT_ENCODING, name)]).await;
            }
        }
        let counters = coder.counters();
        assert_eq!((counters.lists_coded, counters.answers_coded), (2, 10));
    }

    #[tokio::test]
    async fn what_must_not_be_changed_is_left_alone() {
        let coder = Arc::new(Coder::default());
        let gzip = (ACCEPT_ENCODING, "gzip");
        for (asked, fields) in [
            (
                vec![gzip.clone()],
                vec![(CACHE_CONTROL, "max-age=1, No-Transform")],
            ),
            (vec![gzip.clone()], vec![(CONTENT_ENCODING, "br")]),
            (vec![gzip.clone(), (RANGE, "bytes=0-9")], vec![]),
        ] {
            let wish = Wish::take(&mut request(&asked)).expect("a list is asked for");
            let response = coder.code(wish, response(&fields)).await;
            assert_eq!(response.headers()[ETAG], "\"v1\"", "{asked:?} {fields:?}");
            assert_eq!(bytes(response).await, playlist(100));
        }
        assert_eq!(coder.counters().lists_coded, 0);
    }

    #[tokio::test]
    async fn a_page_in_the_place_of_a_list_is_left_alone() {
        let mut request = request(&[(ACCEPT_ENCODING, "gzip")]);
        let wish = Wish::take(&mut request).expect("a list is asked for");
        assert!(
            request.headers().is_empty(),
            "an origin gives the plain list"
        );
        let mut response = response(&[]);
        let html = HeaderValue::from_static("text/html");
        response.headers_mut().insert(CONTENT_TYPE, html);
        let response = Arc::new(Coder::default()).code(wish, response).await;
        assert!(!response.headers().contains_key(VARY));
    }

    #[tokio::test]
    async fn a_list_is_told_by_its_media_type_too() {
        let asked = [(ACCEPT_ENCODING, "gzip")];
        let mut request = request_for("/channel/7", &asked);
        let wish = Wish::take(&mut request).expect("it may be a list");
        assert!(request.headers().contains_key(ACCEPT_ENCODING));
        let coder = Arc::new(Coder::default());
        let response = coder.code(wish, response(&[])).await;
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    }

    #[test]
    fn nothing_that_is_media_is_looked_at() {
        for path in ["/a.ts", "/init.mp4", "/a.key"] {
            let mut request = request_for(path, &[(ACCEPT_ENCODING, "gzip")]);
            assert!(Wish::take(&mut request).is_none(), "{path}");
            assert!(request.headers().contains_key(ACCEPT_ENCODING), "{path}");
        }
        let mut post = request(&[]);
        *post.method_mut() = Method::POST;
        assert!(Wish::take(&mut post).is_none());
    }

    #[test]
    fn says_once_that_the_answer_varies() {
        for (value, expected) in [
            ("Origin", vec!["Origin", "Accept-Encoding"]),
            ("origin, ACCEPT-encoding", vec!["origin, ACCEPT-encoding"]),
            ("*", vec!["*"]),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(VARY, HeaderValue::from_static(value));
            vary(&mut headers);
            let values: Vec<_> = headers.get_all(VARY).iter().collect();
            assert_eq!(values, expected);
        }
    }

    #[tokio::test]
    async fn keeps_no_more_than_it_may() {
        let coder = Arc::new(Coder::default());
        for number in 0..64_u32 {
            let mut text = playlist(10_000);
            text += &number.to_string();
            coder
                .coded(Coding::Gzip, &Bytes::from(text))
                .await
                .expect("it shrinks");
        }
        let state = coder.lock();
        assert!(state.bytes <= KEPT_BYTES_MAX);
        let charged: usize = state.kept.iter().map(|(_, entry)| entry.bytes).sum();
        assert_eq!(charged, state.bytes);
        let counters = coder.counters();
        let kept = state.kept.len() as u64;
        assert_eq!(counters.lists_coded, counters.lists_forgotten + kept);
    }

    #[tokio::test]
    async fn too_much_work_at_once_goes_out_plain() {
        let coder = Arc::new(Coder::default());
        let all = u32::try_from(WORK_KIB_MAX).expect("few");
        let _busy = coder.room.try_acquire_many(all).expect("nobody works");
        let response = coded(&coder, &[(ACCEPT_ENCODING, "gzip")]).await;
        assert!(!response.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(coder.counters().lists_uncoded, 1);
    }
}
