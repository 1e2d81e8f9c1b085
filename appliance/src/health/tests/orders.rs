//! Operators over HTTP, every surface, and what is on disk.

use std::{collections::BTreeSet, net::SocketAddr};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};
use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, set_default},
};
use tracing_subscriber::layer::SubscriberExt as _;
use weir_hal::{
    Access, Clock,
    sim::{Call, Fault},
};

use super::*;
use crate::{
    access::token::tests::access,
    alarm::{Alarm, Severity},
    health::{Health, Settings, alarm_answer, healthz::healthz, json::api_health},
    ladder::{self, Check, Finding},
    live::Live,
    log::{Layer, Ring},
    page::tests::overview_of,
    secret::contents,
    serve::{Body, Client, Giver, Handler as _, Readiness, Upload},
};

/// A box whose disk is full.
pub(super) fn full() -> (Arc<Simulation>, Rig) {
    let machine = Arc::new(Simulation::new(1));
    let mut rig = Rig::on(&machine, 70);
    rig.run(1, |snapshot| snapshot.disk_usage_percent = Some(96.0));
    (machine, rig)
}

/// A management listener over the alarms of a rig.
pub(super) struct Listener {
    pub(super) health: Health,
    alarms: Arc<Alarms>,
    latest: Arc<ArcSwap<Snapshot>>,
}

impl Listener {
    /// Takes the next snapshot.
    fn look(&self) {
        let mut snapshot = Snapshot::clone(&self.latest.load());
        snapshot.alarms = Arc::new(self.alarms.look(&snapshot));
        self.latest.store(Arc::new(snapshot));
    }

    /// What it tells whoever asks.
    async fn told(&self) -> Value {
        let (status, body) = ask(&self.health, "192.0.2.1", Method::GET, "/api/v1/alarms").await;
        assert_eq!(status, StatusCode::OK);
        serde_json::from_str(&body).expect("JSON")
    }

    /// The same after the next snapshot.
    async fn next_told(&self) -> Value {
        self.look();
        self.told().await
    }
}

pub(super) fn listener(rig: Rig) -> Listener {
    let live = Arc::new(Live::default());
    let settings = Settings {
        node: "edge-1".to_owned(),
        names: vec!["edge.example".to_owned()],
        site: String::new(),
        data_port: 80,
    };
    let readiness = Arc::new(Readiness::new(Arc::clone(&live)));
    let snapshot = Snapshot {
        alarms: Arc::new(rig.report),
        ..rig.snapshot
    };
    let latest = Arc::new(ArcSwap::from_pointee(snapshot));
    let alarms = Arc::new(rig.alarms);
    let health = Health::new(settings, live, readiness, Arc::clone(&latest));
    Listener {
        health: health.alarming(Arc::clone(&alarms)),
        alarms,
        latest,
    }
}

/// What this thread says from now on, as long as the guards are there.
pub(super) fn heard(clock: Arc<dyn Clock>) -> (Arc<Ring>, (Dispatch, DefaultGuard)) {
    let heard = Arc::new(Ring::default());
    let layer = Layer::new(Arc::clone(&heard), clock);
    // While one subscriber alone is there, a thread that has none says of an event that nobody
    // hears it, on any thread: so there are two.
    let other = Dispatch::new(tracing_subscriber::registry());
    let log = set_default(tracing_subscriber::registry().with(layer));
    (heard, (other, log))
}

/// A request without a body.
async fn ask(health: &Health, from: &str, method: Method, path: &str) -> (StatusCode, String) {
    ask_as(health, ("edge-1:8080", from), method, path).await
}

/// The same to a host of this name.
async fn ask_as(
    health: &Health,
    (host, from): (&str, &str),
    method: Method,
    path: &str,
) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(HOST, host);
    let request = request.body(Upload::empty()).expect("a request");
    read(health.answer(request, &client(from)).await).await
}

pub(super) fn client(from: &str) -> Client {
    Client {
        interim: None,
        address: SocketAddr::new(from.parse().expect("an address"), 50_000),
        is_encrypted: false,
    }
}

/// An order in a body, from an address that may give one.
async fn order(alarms: &Alarms, path: &str, body: &'static str) -> (StatusCode, String) {
    let wanted = alarm_answer::order_of(path).expect("a path of an order");
    let giver = Giver {
        address: OPERATOR.parse().expect("an address"),
        name: None,
    };
    read(alarm_answer::obey(
        alarms,
        wanted,
        Ok(Bytes::from(body)),
        &giver,
    ))
    .await
}

pub(super) async fn read(response: Response<Body>) -> (StatusCode, String) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body in memory").to_bytes();
    (head.status, String::from_utf8(body.to_vec()).expect("text"))
}

pub(super) const OPERATOR: &str = "10.1.2.3";

#[tokio::test]
async fn all_alarms_are_told_to_whoever_asks() {
    let (_machine, rig) = full();
    let told = listener(rig).told().await;
    assert_eq!(told["counts"]["critical"], json!(1));
    let alarm = &told["active"][0];
    for (field, value) in [
        ("id", json!(1)),
        ("alarm", json!("disk-full")),
        ("resource", json!("disk")),
        ("severity", json!("critical")),
        ("itu_perceived_severity", json!(3)),
        ("probable_cause", json!("storageCapacityProblem")),
        ("since", json!("2023-11-14T22:14:31.000Z")),
        (
            "text",
            json!("the file system that holds the cache is 96.0 % full"),
        ),
        ("cause", json!(null)),
        ("affected", json!(1)),
        ("is_flapping", json!(false)),
        ("operator", json!(null)),
    ] {
        assert_eq!(alarm[field], value, "{field}");
    }
    assert_eq!(told["history"][0]["event"], "raised");
    assert_eq!(told["kinds"].as_array().map(Vec::len), Some(Kind::COUNT));
}

#[tokio::test]
async fn operators_acknowledge_shelve_unshelve_and_close() {
    let (_machine, rig) = full();
    let listener = listener(rig);
    for (verb, body, state) in [
        (
            "acknowledge",
            r#"{"author": "ann", "note": "on my way"}"#,
            json!("acknowledged"),
        ),
        (
            "shelve",
            r#"{"author": "ann", "for": "2h"}"#,
            json!("shelved"),
        ),
        ("unshelve", "{}", json!("acknowledged")),
        ("close", "{}", json!("closed")),
    ] {
        let path = format!("/api/v1/alarms/1/{verb}");
        let (status, answer) = order(&listener.alarms, &path, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let active = &listener.next_told().await["active"][0];
        assert_eq!(active["operator"]["state"], state, "{verb}");
    }
    let told = listener.told().await;
    assert_eq!(told["counts"]["critical"], json!(0));
    assert_eq!(told["active"][0]["operator"]["author"], OPERATOR);
    assert_eq!(told["history"][3]["text"], "by ann: on my way");
}

#[tokio::test]
async fn what_is_told_of_alarms_is_of_the_snapshot_that_every_surface_shows() {
    let (_machine, rig) = full();
    let listener = listener(rig);
    order(&listener.alarms, "/api/v1/alarms/1/close", "{}").await;
    for (counts, is_new) in [(1, false), (0, true)] {
        if is_new {
            listener.look();
        }
        let snapshot = listener.latest.load_full();
        assert_eq!(snapshot.alarms.count(Severity::Critical), counts);
        let told = listener.told().await;
        assert_eq!(told["counts"]["critical"], json!(counts));
        assert_eq!(told["history"].as_array().map(Vec::len), Some(2 - counts));
    }
}

#[tokio::test]
async fn orders_are_refused_by_their_status_and_change_nothing() {
    let (_machine, rig) = full();
    let listener = listener(rig);
    let Listener { health, alarms, .. } = &listener;
    let acknowledge = "/api/v1/alarms/1/acknowledge";
    for (from, method, path, status) in [
        ("192.0.2.1", Method::POST, acknowledge, 403),
        (OPERATOR, Method::POST, acknowledge, 415),
        (OPERATOR, Method::GET, acknowledge, 405),
        (OPERATOR, Method::POST, "/api/v1/alarms/1/delete", 404),
        (OPERATOR, Method::POST, "/api/v1/alarms/+1/close", 404),
        (OPERATOR, Method::POST, "/api/v1/alarms/1", 404),
        (OPERATOR, Method::POST, "/api/v1/alarms", 405),
        (OPERATOR, Method::GET, "/api/v1/alarmsandmore", 404),
    ] {
        let (code, answer) = ask(health, from, method, path).await;
        assert_eq!(code, status, "{path}: {answer}");
    }
    let long = r#"{"author": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;
    for (path, body, status) in [
        (acknowledge, "", 400),
        (acknowledge, "{", 400),
        (acknowledge, r#"{"who": "ann"}"#, 400),
        (acknowledge, r#"{"author": ""}"#, 400),
        (acknowledge, r#"{"author": "a\nb"}"#, 400),
        (acknowledge, long, 400),
        (acknowledge, r#"{"for": "1000h"}"#, 400),
        ("/api/v1/alarms/1/shelve", "{}", 400),
        ("/api/v1/alarms/9/close", "{}", 404),
        ("/api/v1/alarms/1/unshelve", "{}", 409),
    ] {
        let (code, answer) = order(alarms, path, body).await;
        assert_eq!(code, status, "{path} {body}: {answer}");
    }
    let told = listener.next_told().await;
    assert_eq!(told["active"][0]["operator"], json!(null));
    assert_eq!(told["counters"]["orders_forbidden"], json!(1));
}

#[tokio::test]
async fn an_order_is_not_taken_for_a_name_that_is_not_this_box_s() {
    let (_machine, rig) = full();
    let Listener { health, alarms, .. } = listener(rig);
    let close = "/api/v1/alarms/1/close";
    for (host, method, status) in [
        ("evil.example:8080", Method::POST, 421),
        ("evil.example:8080", Method::DELETE, 421),
        // It goes on to be no JSON, and no POST.
        ("edge.example:8080", Method::POST, 415),
        ("edge.example:8080", Method::DELETE, 405),
        ("evil.example:8080", Method::GET, 421),
    ] {
        let (code, answer) = ask_as(&health, (host, OPERATOR), method, close).await;
        assert_eq!(code, status, "{host}: {answer}");
    }
    let forbidden = alarms.report().counters.orders_forbidden;
    assert_eq!(forbidden, 0, "nobody asked who it is");
}

#[tokio::test]
async fn whoever_has_a_token_orders_from_any_address_what_its_role_may() {
    let (machine, rig) = full();
    let Listener { health, alarms, .. } = listener(rig);
    let clock = Arc::clone(&machine.board().clock);
    let health = health.guarding(Arc::new(access()), Arc::default(), clock);
    let close = "/api/v1/alarms/1/close";
    for (from, fields, path, status) in [
        // It goes on to be no JSON.
        (
            "192.0.2.1",
            &["Bearer technician-of-the-simulated-rack-1"][..],
            close,
            415,
        ),
        (
            "192.0.2.1",
            &["Bearer admin-of-the-simulated-rack-number-2"],
            close,
            415,
        ),
        ("192.0.2.1", &[], close, 403),
        ("192.0.2.1", &["Basic dGVjaG5pY2lhbg=="], close, 403),
        ("192.0.2.1", &["Bearer guess"], close, 401),
        (OPERATOR, &["Bearer guess"], close, 401),
        (OPERATOR, &[], close, 415),
        (
            OPERATOR,
            &["Bearer technician-of-the-simulated-rack-1"],
            "/api/v1/purge",
            403,
        ),
        (
            OPERATOR,
            &["Bearer technician-of-the-simulated-rack-1"],
            "/api/v1/prewarm",
            403,
        ),
        // It goes on to find nobody who purges.
        (
            "192.0.2.1",
            &["Bearer admin-of-the-simulated-rack-number-2"],
            "/api/v1/purge",
            404,
        ),
    ] {
        let mut request = Request::post(path).header(HOST, "edge-1");
        for field in fields {
            request = request.header(AUTHORIZATION, *field);
        }
        let request = request.body(Upload::empty()).expect("a request");
        let response = health.answer(request, &client(from)).await;
        let (code, challenge) = (response.status(), response.headers().get(WWW_AUTHENTICATE));
        assert_eq!(code, status, "{from} {fields:?} {path}");
        let is_denied = [401, 403].contains(&status) && fields.concat().starts_with("Bearer");
        assert_eq!(challenge.is_some(), is_denied, "{from} {fields:?} {path}");
    }
    let forbidden = alarms.report().counters.orders_forbidden;
    assert_eq!(forbidden, 2, "a wrong token is not asked for its address");
}

#[tokio::test]
async fn each_order_leaves_who_gave_it_and_how_it_ended_and_no_secret() {
    let (machine, rig) = full();
    let Listener { health, .. } = listener(rig);
    let clock = Arc::clone(&machine.board().clock);
    let health = health.guarding(Arc::new(access()), Arc::default(), Arc::clone(&clock));
    let (heard, _log) = heard(clock);
    for (method, field) in [
        (Method::POST, "Bearer technician-of-the-simulated-rack-1"),
        (Method::POST, "Bearer guess"),
        (Method::GET, "Bearer guess"),
    ] {
        let request = Request::builder().method(method);
        let request =
            request.uri("/api/v1/alarms/1/close?token=technician-of-the-simulated-rack-1");
        let request = request.header(HOST, "edge-1").header(AUTHORIZATION, field);
        let request = request.body(Upload::empty()).expect("a request");
        health.answer(request, &client("192.0.2.1")).await;
    }
    let events = heard.since(0);
    let audit = events.iter().filter(|it| it.target == "weir::audit");
    let told: Vec<Vec<&str>> = audit
        .map(|event| event.fields.iter().map(|(_, text)| text.as_str()).collect())
        .collect();
    let order = "POST /api/v1/alarms/1/close";
    let known = ["the-technician at 192.0.2.1", order, "415"];
    let unknown = ["192.0.2.1", order, "401"];
    assert_eq!(told, [known, unknown]);
    let all = format!("{events:?}").replace("the-technician", "");
    assert!(
        !all.contains("technician") && !all.contains("guess"),
        "{all}"
    );
}

#[tokio::test]
async fn the_page_of_another_site_does_not_order_by_the_token_of_its_reader() {
    let (machine, rig) = full();
    let Listener { health, .. } = listener(rig);
    let clock = Arc::clone(&machine.board().clock);
    let health = health.guarding(Arc::new(access()), Arc::default(), clock);
    for (field, value, status) in [
        ("origin", "http://evil.example", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("origin", "http://edge-1", 415),
    ] {
        let request = Request::post("/api/v1/alarms/1/close")
            .header(HOST, "edge-1")
            .header(AUTHORIZATION, "Bearer technician-of-the-simulated-rack-1")
            .header(field, value);
        let request = request.body(Upload::empty()).expect("a request");
        let response = health.answer(request, &client(OPERATOR)).await;
        assert_eq!(response.status(), status, "{field}: {value}");
    }
}

#[test]
fn whoever_is_known_is_the_author() {
    let (_machine, rig) = full();
    let giver = Giver {
        address: OPERATOR.parse().expect("an address"),
        name: Some("noc".to_owned()),
    };
    let wanted = alarm_answer::order_of("/api/v1/alarms/1/acknowledge").expect("an order");
    let body = Bytes::from(r#"{"author": "ann"}"#);
    let response = alarm_answer::obey(&rig.alarms, wanted, Ok(body), &giver);
    assert_eq!(response.status(), StatusCode::OK);
    let report = rig.alarms.report();
    let told = &report
        .history
        .iter()
        .next_back()
        .expect("it was told of")
        .text;
    assert_eq!(told, "by noc");
}

#[test]
fn every_surface_names_the_root_and_not_its_effects() {
    let mut rig = Rig::after(70);
    let last = rig.rendition(0).clone();
    rig.run(60, |snapshot| starve(report_of(snapshot, 0), &last));
    let mut snapshot = rig.snapshot;
    snapshot.alarms = Arc::new(rig.report);
    let health: Value = serde_json::from_slice(&api_health("box", &snapshot)).expect("JSON");
    let counts = json!({"critical": 1, "major": 0, "minor": 0, "warning": 0, "sequence": 1});
    assert_eq!(health["alarms"], counts);
    let healthz: Value = serde_json::from_slice(&healthz("box", &snapshot)).expect("JSON");
    assert_eq!(healthz["status"], "fail", "it is critical");
    let output = healthz["output"].as_str().expect("text");
    let named = "; critical ingest-down of channel/CH_0/R0: no transport packet has come for";
    assert!(
        output.contains(named) && !output.contains("segment-stale"),
        "{output}"
    );
    let page = overview_of(&snapshot);
    let texts = page.matches("<p>channel/CH_0/R0: no transport packet");
    assert_eq!(texts.count(), 1, "{page}");
    for part in ["critical</b>", "effects: 1"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

#[test]
fn a_page_without_alarms_says_so() {
    let page = overview_of(&Rig::after(70).snapshot);
    assert!(page.contains("No alarm is active."), "{page}");
}

#[tokio::test(start_paused = true)]
async fn alarms_are_written_when_they_change_and_known_after_a_restart() {
    let (machine, rig) = full();
    let disk = Arc::clone(&machine.board().disk);
    let before = listener(rig).alarms;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let keeping = tokio::spawn(Arc::clone(&before).keep(async { drop(stopped.await) }));
    // Nothing but the begin has changed: the state that was read is that on disk.
    let order = alarm::Order {
        verb: alarm::Verb::Acknowledge,
        author: "ann".to_owned(),
        note: String::new(),
        period: None,
    };
    tokio::task::yield_now().await;
    before
        .order(1, &order, "10.1.2.3".parse().expect("an address"))
        .expect("it is there");
    drop(stop);
    keeping.await.expect("it ends");
    let after = alarms(&disk);
    // What it affects is known with the next look.
    let kept = |alarms: &Alarms| -> Vec<Alarm> {
        let alone = alarms.report().alarms.into_iter();
        alone
            .map(|alarm| Alarm {
                affected: 0,
                ..alarm
            })
            .collect()
    };
    let [one, other] = [&*before, &after].map(kept);
    assert_eq!(one, other);
    assert!(one[0].operation.is_some());
}

#[test]
fn a_damaged_file_is_begun_anew() {
    let machine = Simulation::new(1);
    let disk = Arc::clone(&machine.board().disk);
    disk.create_directory("/var/weir".as_ref())
        .expect("a flawless disk");
    for bytes in [&b"weir-alarms 1 00000000\n{}"[..], b"", b"\xFF\x00"] {
        let file = disk.open("/var/weir/cache.alarms".as_ref(), Access::Create);
        file.and_then(|file| file.write_at(bytes, 0))
            .expect("a flawless disk");
        let alarms = alarms(&disk);
        assert_eq!(alarms.report().sequence, 0);
    }
}

fn file(disk: &Arc<dyn Disk>) -> String {
    let bytes = contents(&**disk, "/var/weir/cache.alarms".as_ref(), 8 << 20);
    let bytes = bytes.ok().flatten().unwrap_or_default();
    String::from_utf8(bytes).expect("it is text")
}

#[tokio::test(start_paused = true)]
async fn alarms_that_change_all_the_time_are_written_seldom_and_what_an_operator_said_soon() {
    let (machine, mut rig) = full();
    let disk = Arc::clone(&machine.board().disk);
    let alarms = Arc::new(rig.alarms);
    let keeping = tokio::spawn(Arc::clone(&alarms).keep(std::future::pending()));
    // A finding is told at once, and gone with its channel.
    let finding = Finding {
        check: Check::RungMissing,
        since: wall(0),
        reason: "SD_1M is not there".to_owned(),
    };
    rig.snapshot.channels[0].ladder = Arc::new(ladder::Report {
        findings: vec![finding],
        ..ladder::Report::default()
    });
    let channels = std::mem::take(&mut rig.snapshot.channels);
    let mut seen = BTreeSet::new();
    for second in 0..3_600 {
        rig.snapshot.uptime += Duration::from_secs(1);
        rig.snapshot.channels = match second % 2 {
            0 => channels.clone(),
            _ => Vec::new(),
        };
        alarms.look(&rig.snapshot);
        tokio::time::sleep(Duration::from_secs(1)).await;
        seen.insert(file(&disk));
    }
    // 5, 10, 20 and so on up to 300 s apart.
    assert!((15..20).contains(&seen.len()), "{} writes", seen.len());
    let order = alarm::Order {
        verb: alarm::Verb::Acknowledge,
        author: "an operator".to_owned(),
        note: String::new(),
        period: None,
    };
    let by = OPERATOR.parse().expect("an address");
    alarms.order(1, &order, by).expect("the disk is full");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(file(&disk).contains("an operator"));
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_does_not_take_the_file_is_counted_and_tried_again() {
    let (machine, rig) = full();
    machine.disk.inject(Call::Write, Fault::Once(1));
    let alarms = listener(rig).alarms;
    let disk = Arc::clone(&machine.board().disk);
    let is_there = || disk.kind("/var/weir/cache.alarms".as_ref()).is_ok();
    alarms.write_newer(Ending::Open).await;
    assert!(!is_there());
    assert_eq!(alarms.report().counters.writes_failed, 1);
    alarms.write_newer(Ending::Open).await;
    assert!(is_there());
}
