//! Orders from the request to the answer, on a simulated machine.

use std::{path::Path, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Request, Response, StatusCode,
    header::{HOST, RETRY_AFTER},
    http::request,
};
use tokio::time::advance;
use weir_cache::{Class, Key, Store};
use weir_hal::{
    Wall,
    sim::{Call, Fault, Simulation},
};

use super::{Bans, Parts, Purger, Settings, Subject, bans::TEXT_BYTES_MAX, order::tests::Plain};
use crate::serve::{Body, Client, Giver};

const JOURNAL: &str = "/var/bans";

/// A machine with a cache and a purger.
struct Rig {
    machine: Simulation,
    store: Store,
    bans: Arc<Bans>,
    purger: Purger,
}

fn settings() -> Settings {
    Settings {
        allowed: vec!["10.0.0.0/8".parse().expect("a block")],
        rate_per_s: 10,
        burst: 20,
        journal: JOURNAL.into(),
    }
}

impl Rig {
    fn start() -> Self {
        let machine = Simulation::new(7);
        machine.clock.set_wall(Wall::from_nanos(1_000));
        Self::on(machine)
    }

    fn on(machine: Simulation) -> Self {
        let board = machine.board();
        let config = weir_cache::Config {
            path: "/var/cache".into(),
            bytes_max: 4 << 20,
            memory_bytes_max: 1 << 20,
            region_bytes: Some(64 << 10),
            ..weir_cache::Config::default()
        };
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store = Store::open(disk, clock, &config).expect("a flawless disk");
        let parts = Parts {
            bans: Arc::default(),
            disk: board.disk,
            clock: board.clock,
            store: store.clone(),
            names: Arc::new(Plain),
        };
        let bans = Arc::clone(&parts.bans);
        let purger = Purger::open(settings(), parts);
        Self {
            machine,
            store,
            bans,
            purger,
        }
    }

    /// The same machine after its power was cut.
    fn after_power_cut(self) -> Self {
        let mut machine = self.machine.clone();
        drop((self.store, self.purger));
        machine.disk = machine.disk.power_cut();
        Self::on(machine)
    }

    fn put(&self, key: &str) {
        let key = Key::new(key).expect("a key");
        let mut writer = self
            .store
            .begin(&key, Class::High, Bytes::new())
            .expect("room");
        writer.append(Bytes::from_static(b"x")).expect("room");
        writer.commit().expect("room");
    }

    async fn order(&self, method: &str, path: &str) -> Response<Body> {
        self.order_by("10.1.2.3", method, path).await
    }

    async fn order_by(&self, address: &str, method: &str, path: &str) -> Response<Body> {
        let client = client(address);
        self.purger
            .answer_method(&request(method, path), &client)
            .await
    }

    fn forbids(&self, key: &str, requested_at: u64) -> bool {
        let subject = Subject {
            key,
            requested_at: Wall::from_nanos(requested_at),
            tags: None,
        };
        // Long after everything here.
        self.bans.is_banned(subject, Wall::from_nanos(u64::MAX))
    }
}

fn client(address: &str) -> Client {
    Client {
        interim: None,
        address: format!("{address}:4711").parse().expect("an address"),
        is_encrypted: false,
    }
}

fn request(method: &str, path: &str) -> request::Parts {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(HOST, "h").body(()).expect("a request");
    request.into_parts().0
}

async fn text(response: Response<Body>) -> String {
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body in memory");
    String::from_utf8(body.to_bytes().to_vec()).expect("text")
}

#[tokio::test]
async fn a_purge_evicts_the_object_and_forbids_its_variants() {
    let rig = Rig::start();
    rig.put("http://h/a");
    rig.put("https://h/a");
    let response = rig.order("PURGE", "/a?session=1").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, r#"{"purged":1,"evicted":2}"#);
    assert!(
        rig.store
            .get(&Key::new("http://h/a").expect("a key"))
            .is_none()
    );
    assert!(rig.forbids("http://h/a", 1_000));
    assert!(!rig.forbids("http://h/a", 1_001_000_000));
    let counters = rig.purger.counters();
    assert_eq!(
        (
            counters.urls_purged,
            counters.objects_evicted,
            counters.objects_banned
        ),
        (1, 2, 1)
    );
}

#[tokio::test]
async fn only_those_who_may_are_obeyed() {
    let rig = Rig::start();
    for address in ["127.0.0.1", "11.0.0.1", "[2001:db8::1]"] {
        let response = rig.order_by(address, "BAN", "/").await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{address}");
    }
    assert!(!rig.forbids("http://h/a", 1));
    let response = rig.order_by("[::ffff:10.1.2.3]", "BAN", "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(rig.forbids("http://h/a", 1));
    assert_eq!(rig.purger.counters().orders_forbidden, 3);
}

#[tokio::test]
async fn orders_beyond_the_rate_are_put_off() {
    let rig = Rig::start();
    for number in 0..20 {
        let response = rig.order("PURGE", &format!("/{number}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{number}");
    }
    let response = rig.order("PURGE", "/20").await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert!(!rig.forbids("http://h/20", 1));
    rig.machine.clock.advance(Duration::from_millis(100));
    assert_eq!(rig.order("PURGE", "/20").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_order_of_more_than_fit_at_once_is_not_told_to_come_again() {
    let rig = Rig::start();
    let tags = vec!["tag"; 21].join(" ");
    let mut request = request("BAN", "/");
    let tags = tags.parse().expect("tags");
    request.headers.insert("surrogate-key", tags);
    let client = client("10.1.2.3");
    let response = rig.purger.answer_method(&request, &client).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(!response.headers().contains_key(RETRY_AFTER));
    assert!(text(response).await.contains("`purge.burst`"));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_keeps_no_order_waiting() {
    let rig = Rig::start();
    rig.put("http://h/a");
    assert!(rig.store.flush(Duration::from_mins(1)));
    let machine = rig.machine.clone();
    drop(rig);
    let rig = Rig::on(machine);
    rig.machine.disk.forget();
    rig.machine.disk.hang();
    let mut order = pin!(rig.order("PURGE", "/a"));
    let mut answer = None;
    for _ in 0..60 {
        tokio::select! {
            biased;
            response = &mut order => {
                answer = Some(response);
                break;
            }
            () = advance(Duration::from_secs(1)) => {}
        }
    }
    rig.machine.disk.resume();
    assert!(answer.is_some());
    assert!(rig.forbids("http://h/a", 1_000));
}

#[tokio::test]
async fn what_was_acknowledged_survives_every_power_cut() {
    for orders in 1..12 {
        let mut rig = Rig::start();
        for number in 0..orders {
            let (method, path) = [("PURGE", "a"), ("BAN", "b/"), ("BAN", "*.c")][number % 3];
            let response = rig.order(method, &format!("/{number}/{path}")).await;
            assert_eq!(response.status(), StatusCode::OK);
            if number % 4 == 3 {
                rig = rig.after_power_cut();
            }
        }
        let rig = rig.after_power_cut();
        for number in 0..orders {
            let path = ["a", "b/x", "x.c"][number % 3];
            assert!(
                rig.forbids(&format!("http://h/{number}/{path}"), 1_000),
                "{number}"
            );
        }
        assert!(!rig.forbids("http://h/other", 1_000));
    }
}

#[tokio::test]
async fn an_order_that_the_disk_refuses_is_in_force_and_told_to_be_unsaved() {
    let rig = Rig::start();
    rig.machine.disk.inject(Call::Sync, Fault::ForEver(1));
    let response = rig.order("PURGE", "/a").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(rig.forbids("http://h/a", 1_000));
    rig.machine.disk.heal();
    let response = rig.order("PURGE", "/b").await;
    assert_eq!(response.status(), StatusCode::OK);
    let rig = rig.after_power_cut();
    assert!(rig.forbids("http://h/a", 1_000), "the next order saved it");
}

#[tokio::test]
async fn damage_to_the_file_forbids_everything_older() {
    let rig = Rig::start();
    for path in ["/a", "/b", "/c"] {
        rig.order("PURGE", path).await;
    }
    let machine = rig.machine.clone();
    drop(rig);
    assert!(machine.disk.rot(Path::new(JOURNAL), 21));
    machine.clock.set_wall(Wall::from_nanos(5_000));
    let rig = Rig::on(machine);
    assert_eq!(rig.purger.counters().journals_damaged, 1);
    assert!(rig.forbids("http://h/other", 5_000));
    let rig = rig.after_power_cut();
    assert_eq!(rig.purger.counters().journals_damaged, 0, "once is enough");
    assert!(rig.forbids("http://h/other", 5_000));
    assert!(!rig.forbids("http://h/other", 6_000));
}

#[tokio::test]
async fn refuses_what_it_cannot_purge() {
    let rig = Rig::start();
    let long = format!("/{}", "a".repeat(TEXT_BYTES_MAX));
    for (method, path, status) in [
        ("PURGE", "/live/a", 404),
        ("PURGE", long.as_str(), 400),
        ("BAN", "/*********", 400),
    ] {
        let response = rig.order(method, path).await;
        assert_eq!(response.status(), status, "{method} {path}");
    }
}

#[tokio::test]
async fn the_api_takes_json_from_those_who_may() {
    let rig = Rig::start();
    for (method, media_type, address, status) in [
        ("GET", "application/json", "10.0.0.1", 405),
        ("POST", "text/plain", "10.0.0.1", 415),
        ("POST", "application/json", "192.0.2.1", 403),
        ("POST", "application/json; charset=utf-8", "10.0.0.1", 400),
    ] {
        let request = Request::builder().method(method).uri("/api/v1/purge");
        let request = request.header("content-type", media_type);
        let request = request
            .body(crate::serve::Upload::empty())
            .expect("a request");
        let response = rig
            .purger
            .answer_api(request, &Giver::at(&client(address)))
            .await;
        assert_eq!(response.status(), status, "{method} {media_type} {address}");
    }
}

#[tokio::test]
async fn who_is_known_purges_from_any_address() {
    let rig = Rig::start();
    for (name, status) in [(None, 403), (Some("noc".to_owned()), 400)] {
        let giver = Giver {
            name,
            ..Giver::at(&client("192.0.2.1"))
        };
        let request = Request::post("/api/v1/purge").header("content-type", "application/json");
        let request = request.body(crate::serve::Upload::empty());
        let response = rig.purger.answer_api(request.expect("a request"), &giver);
        assert_eq!(response.await.status(), status, "{giver}");
    }
}
