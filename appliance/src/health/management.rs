//! The management listener: what each of its paths answers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY},
    http::request::Parts,
};
use maud::Markup;

use crate::{
    fetch::{prewarm::Prewarmer, purge::Purger},
    health::{
        Alarms, Snapshot, Status, alarm_answer, api,
        asset::Assets,
        json,
        metrics::{self, Format},
        openapi, page, player,
    },
    live::Live,
    serve::{
        Body, Client, CounterCells, Handler, Readiness, Upload,
        reply::{self, Freshness},
    },
    snmp::{ENTERPRISE_NUMBER, mib_text},
};

const JSON: &str = "application/json";
const HEALTH_JSON: &str = "application/health+json";
/// Where orders to purge go, by either name.
const PURGE: [&str; 2] = ["/api/v1/purge", "/api/v1/ban"];

/// Where orders to prewarm go, and are told of.
const PREWARM: &str = "/api/v1/prewarm";

/// The module of what SNMP tells, for the managers that ask this box.
const MIB: &str = "/WEIR-MIB.txt";

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
    latest: Arc<ArcSwap<Snapshot>>,
    assets: Assets,
    counters: Arc<CounterCells>,
    purger: Option<Arc<Purger>>,
    prewarmer: Option<Arc<Prewarmer>>,
    alarms: Option<Arc<Alarms>>,
}

impl Health {
    /// Shows the snapshots that a [`Sampler`](crate::health::Sampler) puts in `latest`.
    pub fn new(
        settings: Settings,
        live: Arc<Live>,
        readiness: Arc<Readiness>,
        latest: Arc<ArcSwap<Snapshot>>,
    ) -> Self {
        Self {
            settings,
            live,
            readiness,
            latest,
            assets: Assets::new(),
            counters: Arc::default(),
            purger: None,
            prewarmer: None,
            alarms: None,
        }
    }

    /// Hands orders to purge to `purger`.
    #[must_use]
    pub fn purging(self, purger: Arc<Purger>) -> Self {
        let purger = Some(purger);
        Self { purger, ..self }
    }

    /// Hands orders to prewarm to `prewarmer`.
    #[must_use]
    pub fn prewarming(self, prewarmer: Arc<Prewarmer>) -> Self {
        let prewarmer = Some(prewarmer);
        Self { prewarmer, ..self }
    }

    /// Tells of `alarms`, and hands orders about them on.
    #[must_use]
    pub fn alarming(self, alarms: Arc<Alarms>) -> Self {
        let alarms = Some(alarms);
        Self { alarms, ..self }
    }

    fn content(&self, request: &Parts) -> Response<Body> {
        let node = &self.settings.node;
        match request.uri.path() {
            "/" => html_response(page::render(node, &self.latest.load())),
            "/livez" => reply::liveness(self.readiness.is_alive()),
            "/readyz" => reply::readiness(self.readiness.check()),
            "/healthz" => self.healthz(),
            "/api/health" => fresh(JSON, json::api_health(node, &self.latest.load())),
            "/metrics" => self.metrics(request),
            openapi::PATH => fresh(JSON, openapi::render()),
            MIB => fresh(reply::TEXT, Bytes::from(mib_text(ENTERPRISE_NUMBER))),
            path => self
                .player(request, path)
                .or_else(|| self.api(path))
                .or_else(|| self.channel_readiness(path))
                .or_else(|| self.assets.answer(request))
                .unwrap_or_else(|| reply::text(StatusCode::NOT_FOUND, "there is nothing here")),
        }
    }

    fn healthz(&self) -> Response<Body> {
        let snapshot = self.latest.load();
        let mut response = fresh(HEALTH_JSON, json::healthz(&self.settings.node, &snapshot));
        if snapshot.status() == Status::Failed {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }

    fn metrics(&self, request: &Parts) -> Response<Body> {
        let format = Format::accepted(request.headers.get(ACCEPT));
        let body = metrics::render(&self.settings.node, &self.latest.load(), format);
        fresh(format.media_type(), body)
    }

    fn api(&self, path: &str) -> Option<Response<Body>> {
        let path = path.strip_prefix(api::ROOT)?;
        let body = api::answer(&self.settings.node, &self.latest.load(), path)?;
        Some(fresh(JSON, body))
    }

    fn channel_readiness(&self, path: &str) -> Option<Response<Body>> {
        let id = path.strip_prefix("/readyz/channel/")?;
        Some(reply::readiness(self.readiness.check_channel(id)?))
    }

    fn player(&self, request: &Parts, path: &str) -> Option<Response<Body>> {
        let channel = self.live.channel(path.strip_prefix("/player/")?)?;
        Some(player::answer(request, &channel, self.settings.data_port))
    }
}

impl Handler for Health {
    async fn answer(&self, request: Request<Upload>, client: &Client) -> Response<Body> {
        let path = request.uri().path();
        let purger = self.purger.as_ref().filter(|_| PURGE.contains(&path));
        let prewarmer = self.prewarmer.as_ref().filter(|_| path == PREWARM);
        let alarms = self.alarms.as_ref();
        let alarms = alarms.filter(|_| alarm_answer::is_path(path));
        let mut response = if let Some(purger) = purger {
            purger.answer_api(request, client).await
        } else if let Some(prewarmer) = prewarmer {
            prewarmer.answer(request, client).await
        } else if let Some(alarms) = alarms {
            alarm_answer::answer(alarms, request, client).await
        } else {
            let (request, _body) = request.into_parts();
            let without_content = reply::without_content(&request.method);
            without_content.unwrap_or_else(|| self.content(&request))
        };
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

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr, SocketAddr},
        time::Duration,
    };

    use http_body_util::BodyExt;
    use hyper::{
        Method,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH},
    };
    use weir_hal::sim::Simulation;

    use super::*;
    use crate::{
        health::{asset::HLS_JS, snapshot::tests::snapshot},
        live::{Channel, Rendition, State},
        serve::Heartbeat,
    };

    fn health(state: State) -> Health {
        let live = Arc::new(Live::default());
        live.set(vec![Arc::new(Channel::new(
            "CH_0".to_owned(),
            "Channel <0>".to_owned(),
            vec![Arc::new(Rendition::new("R0".to_owned()))],
        ))]);
        let settings = Settings {
            node: "edge-1".to_owned(),
            data_port: 8_081,
        };
        let readiness = Arc::new(Readiness::new(Arc::clone(&live)));
        let latest = Arc::new(ArcSwap::from_pointee(snapshot(&[&[state]])));
        Health::new(settings, live, readiness, latest)
    }

    const CLIENT: Client = Client {
        interim: None,
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000),
        is_encrypted: false,
    };

    fn request(method: Method, path: &str) -> Request<Upload> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "edge-1.example:8080")
            .body(Upload::empty());
        request.expect("a request")
    }

    async fn get(health: &Health, path: &str) -> (StatusCode, hyper::HeaderMap, String) {
        let (head, body) = health
            .answer(request(Method::GET, path), &CLIENT)
            .await
            .into_parts();
        let body = body.collect().await.expect("a body in memory").to_bytes();
        let text = String::from_utf8(body.to_vec()).expect("text");
        (head.status, head.headers, text)
    }

    #[tokio::test]
    async fn answers_every_path_of_the_contract() {
        let health = health(State::OnAir);
        for (path, status, media_type) in [
            ("/", 200, HTML),
            ("/api/health", 200, JSON),
            ("/healthz", 200, HEALTH_JSON),
            ("/livez", 200, reply::TEXT),
            ("/readyz", 503, reply::TEXT),
            ("/metrics", 200, Format::Prometheus.media_type()),
            ("/api/v1/status", 200, JSON),
            ("/api/v1/channels", 200, JSON),
            ("/api/v1/channels/CH_0", 200, JSON),
            ("/api/v1/channels/CH_1", 404, reply::TEXT),
            ("/api/v1/channels/CH_0/", 404, reply::TEXT),
            ("/api/v1/status/", 404, reply::TEXT),
            ("/api/v1/", 404, reply::TEXT),
            ("/api/v1/openapi.json", 200, JSON),
            ("/WEIR-MIB.txt", 200, reply::TEXT),
            ("/readyz/channel/CH_0", 503, reply::TEXT),
            ("/readyz/channel/CH_1", 404, reply::TEXT),
            ("/player/CH_0", 200, HTML),
            ("/player/CH_1", 404, reply::TEXT),
            ("/nowhere", 404, reply::TEXT),
        ] {
            let (code, headers, _) = get(&health, path).await;
            assert_eq!(code, status, "{path}");
            assert_eq!(headers[CONTENT_TYPE], media_type, "{path}");
            assert_eq!(headers[CACHE_CONTROL], "no-store", "{path}");
        }
    }

    #[tokio::test]
    async fn is_alive_as_long_as_the_loop_turns_and_not_longer() {
        let machine = Simulation::new(1);
        let mut health = health(State::Silent);
        let heartbeat = Arc::new(Heartbeat::new(machine.board().clock));
        let readiness = Readiness::new(Arc::clone(&health.live)).beating(heartbeat);
        health.readiness = Arc::new(readiness);
        assert_eq!(get(&health, "/livez").await.0, StatusCode::OK);
        machine.clock.advance(Duration::from_secs(11));
        let (code, _, told) = get(&health, "/livez").await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
        assert!(told.contains("stands still"), "{told}");
    }

    #[tokio::test]
    async fn fails_the_supervisor_when_nothing_is_on_air() {
        let (code, _, _) = get(&health(State::Silent), "/healthz").await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn lets_the_player_reach_the_data_listener_and_nothing_else() {
        let (_, headers, page) = get(&health(State::OnAir), "/player/CH_0").await;
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(policy.contains("connect-src http://edge-1.example:8081;"));
        assert!(page.contains("http://edge-1.example:8081/live/CH_0/master.m3u8"));
        assert!(page.contains("Channel &lt;0&gt;"));
        assert_eq!(
            page.matches("src=").count(),
            2,
            "two scripts, both from here"
        );
        assert!(!page.contains("src=\"http"));
    }

    #[tokio::test]
    async fn keeps_the_player_library_for_good() {
        let health = health(State::OnAir);
        let (code, headers, body) = get(&health, HLS_JS).await;
        assert_eq!(code, StatusCode::OK);
        assert_eq!(
            headers[CACHE_CONTROL],
            "public, max-age=31536000, immutable"
        );
        assert!(body.len() > 100_000);
        let mut again = request(Method::GET, HLS_JS);
        again
            .headers_mut()
            .insert(IF_NONE_MATCH, headers[ETAG].clone());
        assert_eq!(health.answer(again, &CLIENT).await.status(), 304);
    }

    #[tokio::test]
    async fn allows_get_and_head_only() {
        let health = health(State::OnAir);
        for (method, status) in [
            (Method::HEAD, 200),
            (Method::OPTIONS, 204),
            (Method::POST, 405),
            (Method::DELETE, 405),
        ] {
            let response = health
                .answer(request(method.clone(), "/api/health"), &CLIENT)
                .await;
            assert_eq!(response.status(), status, "{method}");
        }
    }
}
