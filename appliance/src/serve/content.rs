//! The data listener: live playlists out of [`Live`], segments out of the store, probes, and what
//! [`Pull`] brings.
//!
//! Source: RFC 8216 §6.2 (server responsibilities); draft-pantos-hls-rfc8216bis appendix B.1
//! (how long to keep playlists, segments, and their absence).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode, Version,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, RETRY_AFTER},
    http::request::Parts,
};
use tokio::time::timeout;
use weir_cache::{Key, Store};

use crate::{
    encryption::{Fingerprint, Issued},
    fetch::Pull,
    live::{Channel, Document, Live, Rendition},
    segment::{Archive, Format},
    serve::{
        Account, Body, Client, CounterCells, Handler, Readiness, Repeat, Upload, Whole,
        account::charge,
        coding::{Coder, Wish},
        content_again::{OnAir, PlaylistAgain, SegmentAgain},
        reply::{self, Freshness, Selected, Source},
        route::{Item, Route, route, segment_path_of},
        stamp::{self, Stamps},
        start_over::{Refusal, StartOver},
    },
};

/// How long a segment may be kept elsewhere. Its path never names other bytes; an hour is longer
/// than any live window.
const SEGMENT_FRESHNESS: Freshness = Freshness::Immutable(3_600);

/// How long a list that has ended may be kept elsewhere, if the archive is long.
const ENDED_SECONDS_MAX: u64 = 3_600;

/// Longest wait for the disk to tell what is there. A player asks again after it.
const LOOKUP_WAIT: Duration = Duration::from_secs(10);

/// What the data listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name in `X-Cache` and `Cache-Status`.
    pub node: String,
    /// Target duration of the live playlists.
    pub target: Duration,
}

/// Answers players.
#[derive(Debug)]
pub struct Content {
    live: Arc<Live>,
    store: Store,
    readiness: Arc<Readiness>,
    counters: Arc<CounterCells>,
    stamps: Stamps,
    target: Duration,
    pull: Option<Pull>,
    coder: Arc<Coder>,
}

impl Content {
    /// Serves the channels of `live`, whose segments are in `store`.
    pub fn new(
        settings: &Settings,
        live: Arc<Live>,
        store: Store,
        readiness: Arc<Readiness>,
    ) -> Self {
        Self {
            live,
            store,
            readiness,
            counters: Arc::default(),
            stamps: Stamps::new(&settings.node),
            target: settings.target,
            pull: None,
            coder: Arc::default(),
        }
    }

    /// Has what is not ours come through `pull`.
    #[must_use]
    pub fn pulling(self, pull: Pull) -> Self {
        let pull = Some(pull);
        Self { pull, ..self }
    }

    /// What compresses playlists.
    pub fn coder(&self) -> &Arc<Coder> {
        &self.coder
    }

    /// Answers what is ours.
    async fn own(&self, request: &Parts, route: &Route) -> Response<Body> {
        if let Some(response) = reply::without_content(&request.method) {
            return response;
        }
        match route {
            Route::Alive => reply::liveness(self.readiness.is_alive()),
            Route::Ready => reply::readiness(self.readiness.check()),
            Route::Live { channel, item } => self.live_content(request, channel, item).await,
            Route::Other => self.unknown(),
            Route::Malformed => reply::text(StatusCode::BAD_REQUEST, "the path is malformed"),
        }
    }

    /// Who counts what is answered by `route`, on which `path` lies.
    fn account(&self, route: &Route, path: &str) -> Option<Arc<dyn Account>> {
        match route {
            Route::Live { channel, .. } => {
                let channel = self.live.channel(channel)?;
                Some(Arc::clone(&channel.served) as Arc<dyn Account>)
            }
            Route::Other => self.pull.as_ref()?.account(path),
            Route::Alive | Route::Ready | Route::Malformed => None,
        }
    }

    async fn live_content(&self, request: &Parts, id: &str, item: &Item) -> Response<Body> {
        let Some(channel) = self.live.channel(id) else {
            return self.unknown();
        };
        let rendition = |name: &str| channel.rendition(name);
        match item {
            Item::Master => self.master(request, &channel),
            Item::Media { rendition: name } => match rendition(name) {
                Some(rendition) => self.media(request, (&channel, rendition)),
                None => self.unknown(),
            },
            Item::Segment {
                rendition: name,
                sequence,
                format,
            } if rendition(name).is_some_and(|rendition| rendition.format == *format) => {
                let path = segment_path_of(id, name, (*sequence, *format));
                self.segment(request, (&path, *format)).await
            }
            Item::Segment { .. } => self.unknown(),
            Item::Key(fingerprint) => self.key(request, &channel, *fingerprint),
        }
    }

    /// Answers with the Master Playlist, whose Media Playlists begin where the query says.
    fn master(&self, request: &Parts, channel: &Channel) -> Response<Body> {
        let mut renditions = channel.renditions.iter();
        let is_kept = renditions.any(|rendition| rendition.archive().is_some());
        match StartOver::of(request.uri.query(), is_kept) {
            Err(refusal) => self.refused(refusal),
            Ok(None) => self.playlist(request, channel.master().as_deref(), channel),
            Ok(Some(StartOver { query, .. })) => {
                let list = channel.master_with(|uri| format!("{uri}?{query}"));
                self.playlist(request, list.as_deref(), channel)
            }
        }
    }

    /// Answers with a Media Playlist, or a part of what was on air.
    fn media(
        &self,
        request: &Parts,
        (channel, rendition): (&Channel, &Arc<Rendition>),
    ) -> Response<Body> {
        let archive = rendition.archive();
        let asked = StartOver::of(request.uri.query(), archive.is_some());
        match (asked, archive) {
            (Err(refusal), _) => self.refused(refusal),
            (Ok(Some(part)), Some(archive)) => self.excerpt(request, &archive, &part),
            (Ok(_), _) => self.media_playlist(request, (channel, rendition)),
        }
    }

    fn refused(&self, refusal: Refusal) -> Response<Body> {
        match refusal {
            Refusal::Malformed(sentence) => reply::text(StatusCode::BAD_REQUEST, sentence),
            Refusal::NothingKept => {
                self.not_there("the channel keeps nothing to start over in: it has no dvr")
            }
        }
    }

    /// Answers with a key, which nobody may keep but the player that asked.
    fn key(&self, request: &Parts, channel: &Channel, fingerprint: Fingerprint) -> Response<Body> {
        match channel.vault.issued(fingerprint) {
            Issued::Key(key) => {
                channel.vault.counters.keys_served.add(1);
                let key = Selected {
                    media_type: reply::KEY,
                    etag: None,
                    freshness: Freshness::NoStore,
                    source: Source::Document(&Bytes::copy_from_slice(key.bytes())),
                };
                self.hit(request, &key)
            }
            Issued::Expected => reply::expected("the key is on its way here"),
            Issued::Unknown => self.unknown(),
        }
    }

    fn playlist(
        &self,
        request: &Parts,
        playlist: Option<&Document>,
        channel: &Channel,
    ) -> Response<Body> {
        match playlist {
            Some(document) => self.document(request, document, (self.target.as_secs() / 2).max(1)),
            None => self.not_yet(channel),
        }
    }

    /// Tells why `channel` is not on air, and when to ask again.
    fn not_yet(&self, channel: &Channel) -> Response<Body> {
        let line = "the channel is not on air yet";
        let mut reports = channel.renditions.iter().map(|it| it.report());
        let mut response = match reports.find_map(|report| report.state.off_air()) {
            Some(why) => self.not_there(&format!("{line}: {why}")),
            None => self.not_there(line),
        };
        let seconds = HeaderValue::from(self.target.as_secs().max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
        response
    }

    fn document(&self, request: &Parts, document: &Document, seconds: u64) -> Response<Body> {
        self.hit(
            request,
            &Selected {
                media_type: reply::PLAYLIST,
                etag: Some(&document.etag),
                freshness: Freshness::Seconds(seconds),
                source: Source::Document(&document.body),
            },
        )
    }

    /// Answers with a part of what was on air.
    fn excerpt(&self, request: &Parts, archive: &Archive, part: &StartOver) -> Response<Body> {
        let Some(excerpt) = archive.excerpt(part.from, part.until) else {
            return self.not_there("nothing is kept of that time");
        };
        let seconds = if excerpt.is_final {
            // What it lists stays for as long again after it has left the archive.
            archive.duration().as_secs().min(ENDED_SECONDS_MAX)
        } else {
            self.target.as_secs() / 2
        };
        self.document(request, &Document::new(excerpt.text), seconds.max(1))
    }

    fn media_playlist(
        &self,
        request: &Parts,
        (channel, rendition): (&Channel, &Arc<Rendition>),
    ) -> Response<Body> {
        let playlist = rendition.playlist();
        let mut response = self.playlist(request, playlist.as_deref(), channel);
        if let Some(document) = playlist {
            let again = PlaylistAgain {
                on_air: self.on_air(),
                rendition: Arc::clone(rendition),
                body: document.body.clone(),
                document,
            };
            response.extensions_mut().insert(Repeat::new(again));
        }
        response
    }

    fn on_air(&self) -> OnAir {
        OnAir {
            channels: self.live.channels(),
            live: Arc::clone(&self.live),
            counters: Arc::clone(&self.counters),
        }
    }

    async fn segment(&self, request: &Parts, (path, format): (&str, Format)) -> Response<Body> {
        let Some(key) = Key::new(path) else {
            return self.not_there("there is no such segment");
        };
        let Ok(found) = timeout(LOOKUP_WAIT, self.store.find(&key)).await else {
            self.counters.lookups_timed_out.add(1);
            return reply::text(StatusCode::SERVICE_UNAVAILABLE, "the disk does not answer");
        };
        // The end of a body of unknown size can only be told from a break where there are chunks,
        // so an older client gets whole objects only.
        let is_sendable = request.version == Version::HTTP_11;
        let object = found.filter(|object| is_sendable || object.bytes().is_some());
        let Some(object) = object else {
            return self.not_there("there is no such segment");
        };
        let selected = Selected {
            media_type: match format {
                Format::TransportStream => reply::SEGMENT,
                Format::WebVtt => reply::WEB_VTT,
            },
            etag: std::str::from_utf8(object.metadata()).ok(),
            freshness: SEGMENT_FRESHNESS,
            source: Source::Object(&object),
        };
        let mut response = self.hit(request, &selected);
        let again = SegmentAgain {
            on_air: self.on_air(),
            store: self.store.clone(),
            key,
            etag: object.metadata().clone(),
            whole: Whole::default(),
        };
        response.extensions_mut().insert(Repeat::new(again));
        response
    }

    fn hit(&self, request: &Parts, selected: &Selected<'_>) -> Response<Body> {
        self.counters.hits.add(1);
        let mut response = reply::select(request, selected);
        self.stamps.hit(response.headers_mut());
        response
    }

    /// Absent now, perhaps not for long: absence is kept for one target duration at most.
    fn not_there(&self, line: &str) -> Response<Body> {
        self.miss(line, Freshness::Seconds(self.target.as_secs().max(1)))
    }

    fn unknown(&self) -> Response<Body> {
        self.miss("there is nothing by this name", Freshness::NoStore)
    }

    fn miss(&self, line: &str, freshness: Freshness) -> Response<Body> {
        self.counters.misses.add(1);
        let mut response = reply::kept_text(StatusCode::NOT_FOUND, line, freshness);
        self.stamps.miss(response.headers_mut());
        response
    }
}

impl Handler for Content {
    async fn answer(&self, mut request: Request<Upload>, client: &Client) -> Response<Body> {
        let is_options = request.method() == Method::OPTIONS;
        let is_preflight = is_options && stamp::is_preflight(request.headers());
        let wish = Wish::take(&mut request);
        let route = route(request.uri().path());
        let account = self.account(&route, request.uri().path());
        let mut response = match &self.pull {
            Some(pull) if route == Route::Other && account.is_some() => {
                pull.answer(request, client).await
            }
            _ => {
                let (request, _upload) = request.into_parts();
                self.own(&request, &route).await
            }
        };
        if let Some(wish) = wish {
            response = self.coder.code(wish, response).await;
        }
        let headers = response.headers_mut();
        // An origin that has rules of its own for other pages keeps them.
        if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            stamp::open_to_all_origins(headers);
            if is_options {
                stamp::answer_preflight(headers);
            }
            if is_preflight {
                *response.status_mut() = StatusCode::NO_CONTENT;
                *response.body_mut() = Body::empty();
            }
        }
        match account {
            Some(account) => charge(response, &account),
            None => response,
        }
    }

    fn counters(&self) -> &Arc<CounterCells> {
        &self.counters
    }
}
