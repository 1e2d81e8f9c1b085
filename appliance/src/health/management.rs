//! The management listener: what each of its paths answers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    http::request::Parts,
};
use weir_hal::Clock;

use crate::{
    access::{Access, LoginRefusal, Logins},
    fetch::{prewarm::Prewarmer, purge::Purger},
    health::{
        Alarms, Snapshot, alarm_answer, alarm_json, api,
        asset::Assets,
        door::{self, NoLogin},
        endpoint::{self, EVENT_STREAM, HEALTH_JSON, JSON, Place},
        events::{EventStream, Events},
        gate::{Gate, Known, Trail},
        healthz::{Verdict, healthz},
        json, log_json,
        metrics::{self, Format},
        openapi,
        pages::{Pages, Shown},
        player,
        retold::Retold,
    },
    live::Live,
    log,
    page::{History, Language, Person},
    serve::{
        Body, Client, CounterCells, Giver, Handler, Readiness, Upload,
        reply::{self, Freshness, METHODS},
    },
    snmp::{ENTERPRISE_NUMBER, mib_text},
};

/// The event that a reader had last (HTML Living Standard §9.2.4).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The methods where people log in.
const LOGIN_METHODS: &str = "GET, HEAD, OPTIONS, POST";

const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// What the management listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name on every surface.
    pub node: String,
    /// Other names by which browsers know it.
    pub names: Vec<String>,
    /// Where it is, as people call the place; empty if nobody has said.
    pub site: String,
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
    retold: Retold,
    channels_retold: Retold,
    assets: Assets,
    pages: Pages,
    gate: Gate,
    counters: Arc<CounterCells>,
    purger: Option<Arc<Purger>>,
    prewarmer: Option<Arc<Prewarmer>>,
    alarms: Option<Arc<Alarms>>,
    events: Option<Arc<Events>>,
}

impl Health {
    /// Shows the snapshots that a [`Sampler`](crate::health::Sampler) puts in `latest`.
    pub fn new(
        settings: Settings,
        live: Arc<Live>,
        readiness: Arc<Readiness>,
        latest: Arc<ArcSwap<Snapshot>>,
    ) -> Self {
        let names = settings.names.iter().chain([&settings.node]);
        Self {
            gate: Gate::new(names.cloned()),
            settings,
            live,
            readiness,
            latest,
            retold: Retold::default(),
            channels_retold: Retold::default(),
            assets: Assets::new(),
            pages: Pages::default(),
            counters: Arc::default(),
            purger: None,
            prewarmer: None,
            alarms: None,
            events: None,
        }
    }

    /// Counts in `counters`.
    #[must_use]
    pub fn counting(self, counters: Arc<CounterCells>) -> Self {
        Self { counters, ..self }
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

    /// Takes orders from whoever has a token of `access` or has logged in by `logins`, by the time
    /// of `clock`.
    #[must_use]
    pub fn guarding(
        mut self,
        access: Arc<Access>,
        logins: Arc<Logins>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        self.gate.take(Known {
            access,
            logins,
            clock,
        });
        self
    }

    /// Shows `history` on its pages.
    #[must_use]
    pub fn remembering(mut self, history: Arc<History>) -> Self {
        self.pages.history = history;
        self
    }

    /// Streams `events`.
    #[must_use]
    pub fn streaming(self, events: Arc<Events>) -> Self {
        let events = Some(events);
        Self { events, ..self }
    }

    /// Answers a request that only looks; `None` if there is nothing.
    fn content(&self, place: Place, request: &Parts, person: &Person) -> Option<Response<Body>> {
        let (node, path) = (&self.settings.node, request.uri.path());
        let last = path.rsplit('/').next().unwrap_or_default();
        Some(match place {
            Place::Page => self.page(person, |pages, shown| pages.overview(shown, request))?,
            Place::Channel => {
                let channel = self.live.channel(last)?;
                self.page(person, |pages, shown| {
                    pages.channel(shown, request, &channel)
                })?
            }
            Place::Login => self.page(person, |pages, shown| {
                Some(pages.login(shown, request, None, None))
            })?,
            Place::Player => self.player(request, last)?,
            Place::Asset => self.assets.answer(request)?,
            Place::Alive => reply::liveness(self.readiness.is_alive()),
            Place::Ready => reply::readiness(self.readiness.check()),
            Place::ChannelReady => reply::readiness(self.readiness.check_channel(last)?),
            Place::Healthz => self.healthz(),
            Place::ApiHealth => fresh(
                JSON,
                self.retold(path, |it| Some(json::api_health(node, it)))?,
            ),
            Place::Metrics => self.metrics(request)?,
            Place::Description => fresh(JSON, openapi::render()),
            Place::Table => {
                let view = path.strip_prefix(api::ROOT)?;
                let make = |it: &Snapshot| api::answer(node, it, view);
                // There are more channels than room, and they must not push what all ask for out.
                let body = if view.contains('/') {
                    self.channels_retold.answer(&self.latest.load(), path, make)
                } else {
                    self.retold(path, make)
                };
                fresh(JSON, body?)
            }
            Place::Events => self.stream(request)?,
            Place::Alarms => fresh(JSON, alarm_json::alarms(&self.latest.load().alarms)),
            Place::Log => fresh(JSON, log_json::log(log::of_process())),
            Place::Mib => fresh(reply::TEXT, Bytes::from(mib_text(ENTERPRISE_NUMBER))),
            Place::AlarmOrder | Place::Purge | Place::Prewarm | Place::Logout => return None,
        })
    }

    /// Answers a request at `place`, if it may be answered.
    async fn guarded(
        &self,
        place: Place,
        request: Request<Upload>,
        client: &Client,
    ) -> Response<Body> {
        let trail = Trail::of(place, &request);
        let (response, giver) = match self.gate.admit(place, &request, client) {
            Err(refusal) => (*refusal, Giver::at(client)),
            Ok(mut giver) => {
                let answer = if place.is_door() && !reply::is_safe(request.method()) {
                    Some(self.door(place, request, client, &mut giver).await)
                } else {
                    let person = self.gate.person(request.headers(), client);
                    self.at(place, request, &giver, &person).await
                };
                (answer.unwrap_or_else(nothing), giver)
            }
        };
        trail.end(&giver, response.status());
        response
    }

    /// Answers a request at `place`.
    async fn at(
        &self,
        place: Place,
        request: Request<Upload>,
        giver: &Giver,
        person: &Person,
    ) -> Option<Response<Body>> {
        match place {
            Place::AlarmOrder => alarm_answer::answer(self.alarms.as_ref()?, request, giver).await,
            Place::Logout => Some(only("POST")),
            Place::Purge => Some(self.purger.as_ref()?.answer_api(request, giver).await),
            Place::Prewarm => Some(self.prewarmer.as_ref()?.answer(request, giver).await),
            Place::Page
            | Place::Channel
            | Place::Player
            | Place::Asset
            | Place::Alive
            | Place::Ready
            | Place::ChannelReady
            | Place::Healthz
            | Place::ApiHealth
            | Place::Metrics
            | Place::Description
            | Place::Table
            | Place::Events
            | Place::Alarms
            | Place::Log
            | Place::Mib
            | Place::Login => {
                let (request, _body) = request.into_parts();
                let is_login = place == Place::Login;
                let methods = if is_login { LOGIN_METHODS } else { METHODS };
                let without_content = reply::without_content_among(methods, &request.method);
                without_content.or_else(|| self.content(place, &request, person))
            }
        }
    }

    fn healthz(&self) -> Response<Body> {
        let snapshot = self.latest.load();
        let mut response = fresh(HEALTH_JSON, healthz(&self.settings.node, &snapshot));
        if Verdict::of(&snapshot) == Verdict::Fail {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }

    fn metrics(&self, request: &Parts) -> Option<Response<Body>> {
        let format = Format::accepted(request.headers.get(ACCEPT));
        let media_type = format.media_type();
        let node = &self.settings.node;
        let body = self.retold(media_type, |it| Some(metrics::render(node, it, format)))?;
        Some(fresh(media_type, body))
    }

    /// The answer of that name out of the newest snapshot.
    fn retold(&self, name: &str, make: impl FnOnce(&Snapshot) -> Option<Bytes>) -> Option<Bytes> {
        self.retold.answer(&self.latest.load(), name, make)
    }

    /// Answers who logs in or out, and notes in `giver` who that is.
    async fn door(
        &self,
        place: Place,
        request: Request<Upload>,
        client: &Client,
        giver: &mut Giver,
    ) -> Response<Body> {
        let (request, body) = request.into_parts();
        if request.method != Method::POST {
            let is_shown = place == Place::Login;
            return only(if is_shown { LOGIN_METHODS } else { "POST" });
        }
        let language = Language::of(&request).tag();
        if place == Place::Logout {
            return match self.gate.log_out(&request.headers, client) {
                Ok(name) => {
                    giver.name = name;
                    door::logged_out(client, language)
                }
                Err(refusal) => *refusal,
            };
        }
        let refused = match self.gate.known() {
            Some(known) => {
                let form = (&request.headers, body);
                door::log_in(known, form, client, giver, language).await
            }
            None => Err((NoLogin::Refused(LoginRefusal::Nobody), String::new())),
        };
        refused.unwrap_or_else(|(no_login, next)| self.not_logged_in(&request, no_login, &next))
    }

    fn not_logged_in(&self, request: &Parts, no_login: NoLogin, next: &str) -> Response<Body> {
        let refusal = match no_login {
            NoLogin::Form(status, text) => return reply::text(status, text),
            NoLogin::Refused(refusal) => refusal,
        };
        let (status, fault, wait) = door::told(refusal);
        let page = self.page(&Person::Stranger, |pages, shown| {
            Some(pages.login(shown, request, Some(next), Some(fault)))
        });
        page.map_or_else(nothing, |page| door::refused(page, status, wait))
    }

    fn page(
        &self,
        person: &Person,
        answer: impl FnOnce(&Pages, Shown<'_>) -> Option<Response<Body>>,
    ) -> Option<Response<Body>> {
        let shown = Shown {
            node: &self.settings.node,
            site: &self.settings.site,
            snapshot: &self.latest.load_full(),
            person,
        };
        answer(&self.pages, shown)
    }

    fn stream(&self, request: &Parts) -> Option<Response<Body>> {
        let last_id = request.headers.get(LAST_EVENT_ID);
        let last_id = last_id.and_then(|value| value.to_str().ok());
        let Some(stream) = EventStream::open(self.events.as_ref()?, last_id) else {
            let line = "there are as many streams as there may be: poll /api/v1/status instead";
            return Some(reply::expected(line));
        };
        let mut response = Response::new(Body::relayed(stream));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }

    fn player(&self, request: &Parts, id: &str) -> Option<Response<Body>> {
        let channel = self.live.channel(id)?;
        Some(player::answer(request, &channel, self.settings.data_port))
    }
}

impl Handler for Health {
    async fn answer(&self, request: Request<Upload>, client: &Client) -> Response<Body> {
        let mut response = match endpoint::place_of(request.uri().path()) {
            Some(place) => self.guarded(place, request, client).await,
            None => nothing(),
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

fn nothing() -> Response<Body> {
    reply::text(StatusCode::NOT_FOUND, "there is nothing here")
}

fn only(methods: &'static str) -> Response<Body> {
    let text = format!("only {methods} is allowed");
    let mut response = reply::text(StatusCode::METHOD_NOT_ALLOWED, &text);
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn fresh(media_type: &'static str, body: Bytes) -> Response<Body> {
    reply::content(StatusCode::OK, media_type, body, Freshness::NoStore)
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
        header::{
            ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HOST, IF_NONE_MATCH,
            VARY,
        },
    };
    use weir_hal::sim::Simulation;

    use super::*;
    use crate::{
        health::{asset::HLS_JS, endpoint::HTML, snapshot::tests::snapshot},
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
            names: vec!["edge-1.example".to_owned()],
            site: String::new(),
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
            ("/api/v1/log", 200, JSON),
            ("/WEIR-MIB.txt", 200, reply::TEXT),
            ("/readyz/channel/CH_0", 503, reply::TEXT),
            ("/readyz/channel/CH_1", 404, reply::TEXT),
            ("/player/CH_0", 200, HTML),
            ("/player/CH_1", 404, reply::TEXT),
            ("/channel/CH_0", 200, HTML),
            ("/channel/CH_1", 404, reply::TEXT),
            ("/nowhere", 404, reply::TEXT),
        ] {
            let (code, headers, _) = get(&health, path).await;
            assert_eq!(code, status, "{path}");
            assert_eq!(headers[CONTENT_TYPE], media_type, "{path}");
            assert_eq!(headers[CACHE_CONTROL], "no-store", "{path}");
        }
    }

    #[tokio::test]
    async fn what_all_ask_for_is_made_once_however_many_pages_and_channels_are_asked_for() {
        let health = health(State::OnAir);
        let channels = vec![&[State::OnAir][..]; 20];
        health.latest.store(Arc::new(snapshot(&channels)));
        for number in 0..20 {
            let page = get(&health, &format!("/channel/CH_0?since={number}")).await;
            let channel = get(&health, &format!("/api/v1/channels/CH_{number}")).await;
            assert_eq!([page.0, channel.0], [StatusCode::OK; 2]);
        }
        let place = async |path: &str| {
            let answer = health.answer(request(Method::GET, path), &CLIENT).await;
            let body = answer.into_body().collect().await;
            body.expect("a body in memory").to_bytes().as_ptr()
        };
        let views = api::VIEWS.map(|view| format!("{}{view}", api::ROOT));
        let views = views.iter().map(String::as_str);
        for path in views.chain(["/api/v1/status", "/api/health", "/metrics"]) {
            assert_eq!(place(path).await, place(path).await, "{path}");
        }
    }

    #[tokio::test]
    async fn is_alive_as_long_as_the_loop_turns_and_not_longer() {
        let machine = Simulation::new(1);
        let mut health = health(State::Silent);
        let heartbeat = Arc::new(Heartbeat::new(machine.board().clock, 1));
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
    async fn fails_the_supervisor_when_nobody_could_look_for_long() {
        let health = health(State::OnAir);
        for (seconds, status) in [(10, 200), (11, 503)] {
            let mut old = Snapshot::clone(&health.latest.load());
            old.age = Duration::from_secs(seconds);
            health.latest.store(Arc::new(old));
            let (code, _, told) = get(&health, "/healthz").await;
            assert_eq!(code, status, "{told}");
            assert!(told.contains("s old"), "{told}");
        }
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
    async fn tells_nothing_but_probes_to_who_asks_for_another_name() {
        let health = health(State::OnAir);
        let mut asked = Vec::new();
        for endpoint in endpoint::ENDPOINTS {
            let path = endpoint.path.replace("{id}", "CH_0");
            let mut foreign = request(Method::GET, &path);
            let evil = HeaderValue::from_static("evil.example:8080");
            foreign.headers_mut().insert(HOST, evil);
            let status = health.answer(foreign, &CLIENT).await.status();
            let is_probe = ["/livez", "/readyz", "/readyz/channel/CH_0"].contains(&path.as_str());
            assert_eq!(status != 421, is_probe, "{path}: {status}");
            asked.push(path);
        }
        assert!(asked.len() > 20, "{asked:?}");
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
    async fn a_file_of_pages_comes_compressed_and_each_coding_has_its_tag() {
        let health = health(State::OnAir);
        let mut tags = Vec::new();
        for coding in ["identity", "br", "gzip"] {
            let mut asked = request(Method::GET, "/assets/live.js");
            let wanted = coding.parse().expect("a field");
            asked.headers_mut().insert(ACCEPT_ENCODING, wanted);
            let (head, body) = health.answer(asked, &CLIENT).await.into_parts();
            let bytes = body.collect().await.expect("a body in memory").to_bytes();
            let told = head.headers.get(CONTENT_ENCODING);
            let told = told.map_or("identity", |told| told.to_str().expect("ASCII"));
            assert_eq!(told, coding);
            assert_eq!(head.headers[VARY], "Accept-Encoding");
            tags.push((head.headers[ETAG].clone(), bytes.len()));
        }
        assert!(tags[0].0 != tags[1].0 && tags[1].0 != tags[2].0, "{tags:?}");
        assert!(tags[1].1 * 2 < tags[0].1, "{tags:?}");
    }

    #[tokio::test]
    async fn tells_of_all_that_may_be_done_where_people_log_in() {
        let health = health(State::OnAir);
        for (method, status) in [(Method::OPTIONS, 204), (Method::DELETE, 405)] {
            let asked = request(method, "/login");
            let answer = health.answer(asked, &CLIENT).await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()[ALLOW], "GET, HEAD, OPTIONS, POST");
        }
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
