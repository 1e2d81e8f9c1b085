//! The management listener: what each of its paths answers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY},
    http::request::Parts,
};
use maud::Markup;

use crate::{
    health::{
        Snapshot, Status, Watched,
        asset::Assets,
        json, page, player,
        sampler::{self, Sampler},
    },
    live::Live,
    serve::{
        Body, CounterCells, Handler, Readiness,
        reply::{self, Freshness},
    },
};

const JSON: &str = "application/json";
const HEALTH_JSON: &str = "application/health+json";
const HTML: &str = "text/html; charset=utf-8";

const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// What a page may load unless it says otherwise: its style.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the management listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name on every surface.
    pub node: String,
    /// The port players connect to, as the player page must know it.
    pub data_port: u16,
}

/// Answers people and fleets.
#[derive(Debug)]
pub struct Health {
    settings: Settings,
    live: Arc<Live>,
    readiness: Arc<Readiness>,
    watched: Watched,
    snapshot: ArcSwap<Snapshot>,
    assets: Assets,
    counters: Arc<CounterCells>,
}

impl Health {
    /// Watches what is named, and takes a first snapshot. May block on a slow disk.
    pub fn new(settings: Settings, watched: Watched, readiness: Arc<Readiness>) -> Self {
        let first = Sampler::new(watched.clone()).take();
        Self {
            settings,
            live: Arc::clone(&watched.live),
            readiness,
            watched,
            snapshot: ArcSwap::from_pointee(first),
            assets: Assets::new(),
            counters: Arc::default(),
        }
    }

    /// Takes a snapshot every second until `shutdown` completes.
    pub async fn sample(&self, shutdown: impl Future<Output = ()> + Send) {
        sampler::run(self, Sampler::new(self.watched.clone()), shutdown).await;
    }

    /// The last snapshot, at most a second old while [`Health::sample`] runs.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(super) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    fn content(&self, request: &Parts) -> Response<Body> {
        let node = &self.settings.node;
        match request.uri.path() {
            "/" => html_response(page::render(node, &self.snapshot())),
            "/livez" => reply::text(StatusCode::OK, "ok"),
            "/readyz" => reply::readiness(self.readiness.check()),
            "/healthz" => self.healthz(),
            "/api/health" => fresh(JSON, json::api_health(node, &self.snapshot())),
            path => self
                .player(request, path)
                .or_else(|| self.assets.answer(request))
                .unwrap_or_else(|| reply::text(StatusCode::NOT_FOUND, "there is nothing here")),
        }
    }

    fn healthz(&self) -> Response<Body> {
        let snapshot = self.snapshot();
        let mut response = fresh(HEALTH_JSON, json::healthz(&self.settings.node, &snapshot));
        if snapshot.status() == Status::Failed {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }

    fn player(&self, request: &Parts, path: &str) -> Option<Response<Body>> {
        let channel = self.live.channel(path.strip_prefix("/player/")?)?;
        Some(player::answer(request, &channel, self.settings.data_port))
    }
}

impl Handler for Health {
    async fn answer(&self, request: Parts) -> Response<Body> {
        let without_content = reply::without_content(&request.method);
        let mut response = without_content.unwrap_or_else(|| self.content(&request));
        response
            .headers_mut()
            .insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    fn counters(&self) -> &Arc<CounterCells> {
        &self.counters
    }
}

fn fresh(media_type: &'static str, body: Bytes) -> Response<Body> {
    reply::content(StatusCode::OK, media_type, body, Freshness::NoStore)
}

/// A page, which may load nothing but its style.
pub(super) fn html_response(page: Markup) -> Response<Body> {
    let body = Bytes::from(page.into_string());
    let mut response = fresh(HTML, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
