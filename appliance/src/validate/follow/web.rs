//! Asks for playlists and segments, wherever they are, with a deadline for everything.
//!
//! Source: RFC 9110 §15.4 (redirects), RFC 8216 §6.3. One endpoint a host, by the same client that
//! pulls from origins.
//!
//! Refuses: more than [`HOSTS_MAX`] hosts, more than [`REDIRECTS_MAX`] redirects in a row, longer
//! playlists than are read, and codings that were not asked for.

use std::{
    collections::BTreeMap,
    io::Read as _,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    header::{
        ACCEPT_ENCODING, AGE, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
        IF_NONE_MATCH, LOCATION, RANGE, USER_AGENT,
    },
};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use weir_cache::rules::resolve;
use weir_hal::{Clock, Network};

use super::needs::{Known, Way};
use crate::{
    causes::with_causes,
    fetch::{
        Endpoint, EndpointSettings, Identity, Timeouts,
        exchange::{Client, Download, ExchangeError, Outgoing},
    },
    validate::{
        inspect::{Inspector, SegmentFacts},
        playlist::{BYTES_MAX, ByteRange},
        rules::{Delivery, Failure},
        seal::Seal,
        version::Loading,
    },
};

/// Hosts that are asked.
pub const HOSTS_MAX: usize = 64;

/// Redirects that are followed one after the other.
pub const REDIRECTS_MAX: usize = 5;

/// From the request for a playlist, or a key, to its last byte.
pub(super) const PLAYLIST_WAIT: Duration = Duration::from_secs(10);

/// From the request for a segment to its last byte.
const SEGMENT_WAIT: Duration = Duration::from_mins(1);

/// Bytes a segment may have: 20 s of 200 Mb/s.
const SEGMENT_BYTES_MAX: u64 = 512 << 20;

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(8),
    stall: Duration::from_secs(8),
};

const AGENT: &str = concat!("weir-validate/", env!("CARGO_PKG_VERSION"));

/// Why something could not be asked for, or did not come whole.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It is no URL that can be asked for.
    #[error("{0:?} is no http:// or https:// URL")]
    Url(String),
    /// The exchange failed.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// It leads on and on.
    #[error("more than {REDIRECTS_MAX} redirects follow one another")]
    Redirects,
    /// Too many hosts are named.
    #[error("more than {HOSTS_MAX} hosts are named")]
    Hosts,
    /// It takes too long.
    #[error("it did not come within {0:?}")]
    TimedOut(Duration),
    /// It is too long.
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLong,
    /// A key is not there.
    #[error("the answer to who asks for it is {0}")]
    KeyStatus(StatusCode),
    /// It is no key.
    #[error("what comes is no key of 16 bytes")]
    NoKey,
    /// It is coded in a way that was not asked for.
    #[error("it is coded in a way that was not asked for, or its coding is damaged")]
    Coding,
}

/// A playlist as it came.
#[derive(Debug)]
pub(super) struct Page {
    /// Where it came from in the end.
    pub(super) url: Uri,
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) is_compressed: bool,
    pub(super) etag: Option<HeaderValue>,
    pub(super) body: Vec<u8>,
    pub(super) loading: Loading,
}

/// Everything that is asked for over HTTP.
#[derive(Debug)]
pub(super) struct Web {
    clock: Arc<dyn Clock>,
    client: Client,
    tls: Arc<ClientConfig>,
    endpoints: Mutex<BTreeMap<String, Arc<Endpoint>>>,
    known: Known,
}

/// A resource, or a part of it, on its way.
pub(super) struct Part {
    content_type: Option<String>,
    range: Option<ByteRange>,
    body: Download,
    /// Bytes that came.
    pub(super) bytes: u64,
}

impl Part {
    /// The next bytes; `None` when all that was asked for has come.
    pub(super) async fn next(&mut self) -> Result<Option<bytes::Bytes>, Failure> {
        let piece = next(&mut self.body).await;
        let piece = piece.map_err(|error| Failure::Broken(with_causes(&error)))?;
        self.bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let due = self.range.map_or(self.bytes, |range| range.bytes);
        if self.bytes > due {
            return Err(Failure::Broken(format!(
                "more than the {due} bytes asked for come"
            )));
        }
        if piece.is_none() && self.bytes < due {
            let (bytes, why) = (self.bytes, "bytes of its range are there");
            return Err(Failure::Broken(format!("{bytes} of {due} {why}")));
        }
        Ok(piece)
    }
}

impl Web {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        network: Arc<dyn Network>,
        tls: Arc<ClientConfig>,
    ) -> Self {
        let client = Client::new(network, Arc::new(Identity::of_client()));
        Self {
            clock,
            client,
            tls,
            endpoints: Mutex::default(),
            known: Known::default(),
        }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// What was asked for besides playlists and segments.
    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    /// Loads a playlist, of whatever status.
    pub(super) async fn playlist(&self, url: &Uri) -> Result<Page, WebError> {
        self.playlist_unless(url, None).await
    }

    /// The same, unless it is the one with this `etag` still.
    pub(super) async fn playlist_unless(
        &self,
        url: &Uri,
        etag: Option<HeaderValue>,
    ) -> Result<Page, WebError> {
        let loading = timeout(PLAYLIST_WAIT, self.load(url, etag));
        let loaded = loading.await;
        loaded.unwrap_or(Err(WebError::TimedOut(PLAYLIST_WAIT)))
    }

    async fn load(&self, url: &Uri, etag: Option<HeaderValue>) -> Result<Page, WebError> {
        let requested_at = self.clock.monotonic();
        let mut fields = vec![(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))];
        fields.extend(etag.map(|etag| (IF_NONE_MATCH, etag)));
        let (url, response) = self.ask(url, &fields).await?;
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(piece) = next(&mut body).await? {
            if bytes.len() + piece.len() > BYTES_MAX {
                return Err(WebError::TooLong);
            }
            bytes.extend_from_slice(&piece);
        }
        let coding = field(&head.headers, &CONTENT_ENCODING);
        let is_compressed = matches!(coding.as_deref(), Some("gzip" | "x-gzip"));
        if is_compressed {
            bytes = decompress(&bytes)?;
        } else if !matches!(coding.as_deref(), None | Some("" | "identity")) {
            return Err(WebError::Coding);
        }
        let age = field(&head.headers, &AGE).and_then(|age| age.trim().parse().ok());
        Ok(Page {
            url,
            status: head.status,
            content_type: field(&head.headers, &CONTENT_TYPE),
            is_compressed,
            etag: head.headers.get(ETAG).cloned(),
            body: bytes,
            loading: Loading {
                requested_at,
                received_at: self.clock.monotonic(),
                loaded_at: self.clock.wall(),
                age: Duration::from_secs(age.unwrap_or(0)),
            },
        })
    }

    /// Loads a segment and looks into it.
    pub(super) async fn segment(
        &self,
        url: &Uri,
        range: Option<ByteRange>,
        (base, seal): (&Uri, Option<Seal>),
    ) -> Result<(Delivery, SegmentFacts), Failure> {
        let way = self.way(base, seal).await;
        let begun = self.clock.monotonic();
        let inspecting = self.inspect(url, range, way);
        let inspected = timeout(SEGMENT_WAIT, inspecting).await;
        let inspected = inspected.unwrap_or(Err(Failure::Broken(
            WebError::TimedOut(SEGMENT_WAIT).to_string(),
        )));
        let (content_type, facts) = inspected?;
        let took = self.clock.monotonic().since(begun);
        let delivery = Delivery { content_type, took };
        Ok((delivery, facts))
    }

    async fn inspect(
        &self,
        url: &Uri,
        range: Option<ByteRange>,
        mut way: Way,
    ) -> Result<(Option<String>, SegmentFacts), Failure> {
        let mut part = self.part(url, range).await?;
        let mut inspector = Inspector::new();
        while let Some(piece) = part.next().await? {
            match &mut way {
                Way::Clear => inspector.push(&piece),
                Way::Open(opener) => inspector.push(&opener.push(&piece)),
                Way::Shut(_) => {}
            }
        }
        let facts = way.finish(inspector, part.bytes);
        Ok((part.content_type, facts))
    }

    /// Asks for a resource, or for a part of it.
    pub(super) async fn part(&self, url: &Uri, range: Option<ByteRange>) -> Result<Part, Failure> {
        let fields: Vec<_> = range.and_then(range_field).into_iter().collect();
        let asked = self.ask(url, &fields).await;
        let (_, response) = asked.map_err(|error| Failure::Broken(with_causes(&error)))?;
        let (head, body) = response.into_parts();
        if !matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Err(Failure::Status(head.status.as_u16()));
        }
        if head.status == StatusCode::OK && range.is_some_and(|range| range.offset > 0) {
            let why = "a part of it is asked for, and all of it comes";
            return Err(Failure::Broken(why.to_owned()));
        }
        Ok(Part {
            content_type: field(&head.headers, &CONTENT_TYPE),
            range,
            body,
            bytes: 0,
        })
    }

    /// Asks whether something is there; the status says it. Reads no body.
    pub(super) async fn probe(&self, url: &Uri, range: Option<ByteRange>) -> Option<u16> {
        let fields: Vec<_> = range.and_then(range_field).into_iter().collect();
        let asked = timeout(PLAYLIST_WAIT, self.ask(url, &fields)).await;
        let (_, response) = asked.ok()?.ok()?;
        Some(response.status().as_u16())
    }

    /// Asks for `url`, and for what it redirects to.
    pub(super) async fn ask(
        &self,
        url: &Uri,
        fields: &[(HeaderName, HeaderValue)],
    ) -> Result<(Uri, Response<Download>), WebError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let endpoint = self.endpoint(&url)?;
            let mut request = Request::new(Outgoing::Empty);
            *request.method_mut() = Method::GET;
            *request.uri_mut() = url.clone();
            let headers = request.headers_mut();
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
            headers.extend(fields.iter().cloned());
            let response = self.client.send(&endpoint, request, None).await?;
            let location = field(response.headers(), &LOCATION);
            match location.filter(|_| response.status().is_redirection()) {
                Some(location) => {
                    url = resolve(&url, &location).ok_or(WebError::Url(location))?;
                }
                None => return Ok((url, response)),
            }
        }
        Err(WebError::Redirects)
    }

    /// The endpoint of the host of `url`.
    fn endpoint(&self, url: &Uri) -> Result<Arc<Endpoint>, WebError> {
        let invalid = || WebError::Url(url.to_string());
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(invalid());
        };
        let place = format!("{scheme}://{authority}").to_ascii_lowercase();
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = endpoints.get(&place) {
            return Ok(Arc::clone(endpoint));
        }
        if endpoints.len() >= HOSTS_MAX {
            return Err(WebError::Hosts);
        }
        let settings = EndpointSettings {
            timeouts: TIMEOUTS,
            response_bytes_max: SEGMENT_BYTES_MAX,
            tls: Some(Arc::clone(&self.tls)),
            ..EndpointSettings::default()
        };
        let endpoint = Endpoint::new(&place, settings).map_err(|_unusable| invalid())?;
        let endpoint = Arc::new(endpoint);
        endpoints.insert(place, Arc::clone(&endpoint));
        Ok(endpoint)
    }
}

/// The next bytes of a body.
pub(super) async fn next(body: &mut Download) -> Result<Option<bytes::Bytes>, WebError> {
    while let Some(frame) = Pin::new(&mut *body).frame().await {
        if let Ok(bytes) = frame?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, WebError> {
    let mut plain = Vec::new();
    let limit = BYTES_MAX as u64 + 1;
    let read = MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut plain);
    read.map_err(|_damaged| WebError::Coding)?;
    if plain.len() > BYTES_MAX {
        return Err(WebError::TooLong);
    }
    Ok(plain)
}

fn range_field(range: ByteRange) -> Option<(HeaderName, HeaderValue)> {
    let last = range.offset.checked_add(range.bytes.checked_sub(1)?)?;
    let value = format!("bytes={}-{last}", range.offset);
    Some((RANGE, HeaderValue::try_from(value).ok()?))
}

fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}
