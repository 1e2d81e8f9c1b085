//! The task that asks for one stream: it connects, follows redirects, reads, and after a failure
//! asks again.
//!
//! Source: RFC 9110 §15.4 (redirects), §8.4 (content codings).
//!
//! Refuses: more than [`REDIRECTS_MAX`] redirects in a row, one that leads out of TLS, any status
//! but 200, codings, and to wait for anything longer than is said here.

use std::{pin::Pin, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{
    Request, Response, StatusCode, Uri,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderName, HeaderValue, LOCATION, USER_AGENT},
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};
use weir_cache::rules::resolve;

use super::{Piece, StreamClient, StreamRequest, WAITING_BYTES_MAX, pace::Pauses};
use crate::{
    causes::with_causes,
    fetch::{
        Endpoint, EndpointSettings, InvalidUrl, Timeouts,
        exchange::{Download, ExchangeError, Outgoing},
    },
};

/// Redirects that are followed one after the other.
pub(super) const REDIRECTS_MAX: usize = 5;

/// Hosts whose addresses are remembered: the one that is configured, and those it redirects to.
const HOSTS_MAX: usize = REDIRECTS_MAX + 1;

/// How long a stream may be silent before it is asked for anew.
const SILENCE: Duration = Duration::from_secs(5);

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(5),
    // For 16 KiB: who trickles less than 4 kb/s sends no television.
    stall: Duration::from_secs(30),
};

const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// Why a stream is not received.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    #[error("it answers with status {}: check the URL, and what the encoder says", .0.as_u16())]
    Status(StatusCode),
    #[error("it redirects to {0:?}, which cannot be asked: write the URL that the stream is at")]
    Redirect(String),
    #[error("more than {REDIRECTS_MAX} redirects follow one another: check them at the encoder")]
    Redirects,
    #[error("its answer is coded as {0:?}: have it send the stream as it is")]
    Coding(String),
    #[error("nothing came for {SILENCE:?}: check the encoder")]
    Silent,
    #[error("its answer has ended: check that it is a live stream, and that the encoder runs")]
    Ended,
    /// Nobody takes the stream any more.
    #[error("it is not wanted any more")]
    Unwanted,
}

/// What the task holds.
pub(super) struct Asking {
    request: StreamRequest,
    client: StreamClient,
    pieces: mpsc::Sender<Piece>,
    room: Arc<Semaphore>,
    /// By scheme and authority; their connections are used once.
    endpoints: Vec<(String, Arc<Endpoint>)>,
}

impl Asking {
    pub(super) fn new(
        request: StreamRequest,
        client: StreamClient,
        (pieces, room): (mpsc::Sender<Piece>, Arc<Semaphore>),
    ) -> Self {
        Self {
            request,
            client,
            pieces,
            room,
            endpoints: Vec::new(),
        }
    }

    /// Asks, until nobody wants it any more.
    pub(super) async fn run(mut self) {
        let mut pauses = Pauses::new();
        let mut told = None;
        loop {
            let begun = Instant::now();
            let error = match self.attempt(&mut told).await {
                Ok(never) => match never {},
                Err(HttpError::Unwanted) => return,
                Err(error) => error,
            };
            let shown = &self.request.shown;
            let reason = format!("cannot receive {shown}: {}", with_causes(&error));
            if let Some((channel, rendition)) = &self.request.of
                && told.as_ref() != Some(&reason)
            {
                warn!(channel, rendition, "{reason}");
            }
            told = Some(reason.clone());
            if self.pieces.send(Piece::Failure(reason)).await.is_err() {
                return;
            }
            sleep(pauses.next(begun.elapsed())).await;
        }
    }

    /// Asks once, and hands over what comes until it ends.
    async fn attempt(
        &mut self,
        told: &mut Option<String>,
    ) -> Result<std::convert::Infallible, HttpError> {
        let (head, mut body) = self.ask().await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(HttpError::Status(head.status));
        }
        let coding = head.headers.get(CONTENT_ENCODING).map(text);
        if let Some(coding) = coding.filter(|coding| coding != "identity") {
            return Err(HttpError::Coding(coding));
        }
        self.hand_over(Piece::Answer).await?;
        loop {
            let next = timeout(SILENCE, Pin::new(&mut body).frame()).await;
            let frame = next.map_err(|_elapsed| HttpError::Silent)?;
            let frame = frame.ok_or(HttpError::Ended)??;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let received = self.client.clock.wall();
            if told.take().is_some()
                && let Some((channel, rendition)) = &self.request.of
            {
                info!(
                    channel,
                    rendition, "{} is received again", self.request.shown
                );
            }
            let bytes_max = bytes.len().min(WAITING_BYTES_MAX);
            let share = u32::try_from(bytes_max).expect("it is a MiB at most");
            let room = Arc::clone(&self.room).acquire_many_owned(share).await;
            let room = room.expect("nobody closes it");
            self.hand_over(Piece::Media(bytes, received, room)).await?;
        }
    }

    async fn hand_over(&self, piece: Piece) -> Result<(), HttpError> {
        let handed = self.pieces.send(piece).await;
        handed.map_err(|_gone| HttpError::Unwanted)
    }

    /// Asks for the stream, and for what it redirects to.
    async fn ask(&mut self) -> Result<Response<Download>, HttpError> {
        let mut url = self.request.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let endpoint = self.endpoint(&url)?;
            let mut request = Request::new(Outgoing::Empty);
            *request.uri_mut() = url.clone();
            let fields = [(USER_AGENT, AGENT), (ACCEPT_ENCODING, "identity")];
            let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
            request.headers_mut().extend::<[(HeaderName, _); 2]>(fields);
            let response = self.client.client.send(&endpoint, request, None).await?;
            let location = response.headers().get(LOCATION).map(text);
            match location.filter(|_| response.status().is_redirection()) {
                Some(location) => {
                    let target = redirected(&url, &location);
                    url = target.ok_or(HttpError::Redirect(location))?;
                }
                None => return Ok(response),
            }
        }
        Err(HttpError::Redirects)
    }

    /// The endpoint of the host of `url`. It outlives connections, so that a host is found whose
    /// name server is away.
    fn endpoint(&mut self, url: &Uri) -> Result<Arc<Endpoint>, HttpError> {
        let scheme = url.scheme_str().unwrap_or_default();
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let place = format!("{scheme}://{authority}").to_ascii_lowercase();
        if let Some((_, endpoint)) = self.endpoints.iter().find(|(known, _)| *known == place) {
            return Ok(Arc::clone(endpoint));
        }
        let settings = EndpointSettings {
            timeouts: TIMEOUTS,
            response_bytes_max: u64::MAX,
            tls: Some(Arc::clone(&self.client.tls)),
            ..EndpointSettings::default()
        };
        let endpoint = Arc::new(Endpoint::new(&place, settings)?);
        // The first is the one that is configured.
        self.endpoints.truncate(HOSTS_MAX - 1);
        self.endpoints.push((place, Arc::clone(&endpoint)));
        Ok(endpoint)
    }
}

/// Where `location` leads to from `url`; `None` if that is no URL to follow.
fn redirected(url: &Uri, location: &str) -> Option<Uri> {
    let target = resolve(url, location)?;
    let is_plain = !target.authority()?.as_str().contains('@');
    let leaves_tls = url.scheme_str() == Some("https") && target.scheme_str() != Some("https");
    Some(target).filter(|_| is_plain && !leaves_tls)
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_anywhere_but_out_of_tls_and_into_user_names() {
        for (from, location, due) in [
            ("http://a/x.ts", "/y.ts", Some("http://a/y.ts")),
            ("http://a/x.ts", "http://b:81/", Some("http://b:81/")),
            ("http://a/x.ts", "https://b/", Some("https://b/")),
            ("https://a/x.ts", "//b/y.ts?z", Some("https://b/y.ts?z")),
            ("https://a/x.ts", "http://a/x.ts", None),
            ("http://a/x.ts", "http://user@a/x.ts", None),
            ("http://a/x.ts", "udp://239.1.1.1:1", None),
        ] {
            let from = from.parse().expect("a URL");
            let target = redirected(&from, location).map(|target| target.to_string());
            assert_eq!(target.as_deref(), due, "{location}");
        }
    }
}
