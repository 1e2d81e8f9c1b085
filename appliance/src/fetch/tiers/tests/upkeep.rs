//! Probes, and configurations that change.

use std::sync::Mutex;

use super::*;
use crate::config::Probe;

fn probed(origin: &mut config::Origin) {
    origin.probe = Some(Probe {
        path: "/healthz".to_owned(),
        interval: Duration::from_secs(1),
        failures: 3,
        passes: 2,
    });
}

/// Keeps the tiers of `rig` in order while it lives.
struct Upkeep(tokio::task::JoinHandle<()>);

impl Upkeep {
    fn of(rig: &Rig) -> Self {
        Self(tokio::spawn(
            Arc::clone(&rig.tiers).run(std::future::pending()),
        ))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_its_probes_is_not_asked_until_it_passes_them() {
    let rig = Rig::new(&[&[1], &[2]], probed);
    let (near, _far) = (
        rig.host(1, answers(200, "near")),
        rig.host(2, answers(200, "far")),
    );
    let _upkeep = Upkeep::of(&rig);
    sleep(Duration::from_millis(3_500)).await;
    assert!(
        near.requests()
            .iter()
            .all(|head| head.starts_with("GET /healthz "))
    );
    assert_eq!(rig.counters(1).probes_passed, 4);
    assert_eq!(rig.fetch().await.unwrap().1, "near");
    rig.path(1, BLACK_HOLE);
    sleep(Duration::from_secs(12)).await;
    assert_eq!(rig.state(1), "down");
    let before = rig.counters(1).requests;
    assert_eq!(rig.fetch().await.unwrap().1, "far");
    assert_eq!(rig.counters(1).requests, before);
    rig.path(1, PathFaults::default());
    sleep(Duration::from_secs(4)).await;
    assert_eq!(rig.state(1), "closed");
    assert_eq!(rig.fetch().await.unwrap().1, "near");
}

#[tokio::test(start_paused = true)]
async fn a_probe_answered_with_an_error_has_failed() {
    let rig = Rig::new(&[&[1]], probed);
    let _sick = rig.host(1, answers(503, "sick"));
    let _upkeep = Upkeep::of(&rig);
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(rig.state(1), "down");
    assert_eq!(rig.get().await.unwrap_err().reason, Reason::Unavailable);
    assert_eq!(rig.counters(1).probes_failed, 3);
    let trouble = rig.endpoint(1).trouble.expect("it failed");
    assert_eq!(&*trouble, "its probe is answered 503");
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_though_nobody_asks() {
    let rig = Rig::chain(&[1]);
    let _near = rig.host(1, answers(200, "near"));
    let _upkeep = Upkeep::of(&rig);
    rig.fetch().await.unwrap();
    assert_eq!(rig.endpoint(1).connections, 1);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.endpoint(1).connections, 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_moves_is_followed_though_its_connections_are_never_idle() {
    let rig = Rig::chain(&[1]);
    let (_old, _new) = (
        rig.host(1, answers(200, "old")),
        rig.host(2, answers(200, "new")),
    );
    let _upkeep = Upkeep::of(&rig);
    assert_eq!(rig.fetch().await.unwrap().1, "old");
    rig.network.set_host("h1", &[IpAddr::from([192, 0, 2, 2])]);
    let mut last = String::new();
    for _ in 0..32 {
        sleep(Duration::from_secs(1)).await;
        last = rig.fetch().await.unwrap().1;
    }
    assert_eq!(last, "new");
    assert_eq!(rig.endpoint(1).connections, 1);
    assert_eq!(rig.counters(1).lookups, 2);
}

#[tokio::test(start_paused = true)]
async fn connections_outlive_name_servers() {
    let rig = Rig::chain(&[1]);
    let old = rig.host(1, answers(200, "old"));
    let _upkeep = Upkeep::of(&rig);
    rig.fetch().await.unwrap();
    rig.network.set_host("h1", &[]);
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(rig.fetch().await.unwrap().1, "old");
    }
    assert_eq!(old.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_has_not_changed() {
    let rig = Rig::chain(&[1, 2]);
    let (near, _far) = (
        rig.host(1, answers(200, "near")),
        rig.host(2, answers(200, "far")),
    );
    rig.fetch().await.unwrap();
    let origin = |name: &str, host: u8| config::Origin {
        name: name.to_owned(),
        urls: vec![format!("http://h{host}")],
        ..config::Origin::default()
    };
    let disk = sim::Disk::new(1);
    rig.tiers
        .reload(&[origin("tier0", 1), origin("new", 3)], &disk)
        .unwrap();
    rig.fetch().await.unwrap();
    assert_eq!((near.connections(), rig.tier(0).requests), (1, 2));
    let names: Vec<String> = rig.tiers.report().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["tier0", "new"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_without_certificates_changes_nothing() {
    let rig = Rig::chain(&[1]);
    let encrypted = config::Origin {
        name: "new".to_owned(),
        urls: vec!["https://h1".to_owned()],
        ca: Some("/absent.pem".into()),
        ..config::Origin::default()
    };
    let refused = rig
        .tiers
        .reload(&[encrypted], &sim::Disk::new(1))
        .unwrap_err();
    assert_eq!(refused.to_string(), "cannot use the origin new");
    assert_eq!(rig.tiers.report()[0].name, "tier0");
}

#[tokio::test(start_paused = true)]
async fn interim_answers_reach_whoever_asked() {
    use crate::fetch::{origin_script::say, tiers::InterimCallback};

    let rig = Rig::chain(&[1]);
    let hints = say("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    let script = [vec![Act::Read, hints], answers(200, "near")].concat();
    let _near = rig.host(1, script);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let interim = InterimCallback(Arc::new(move |status, _| {
        noted.lock().unwrap().push(status);
    }));
    let ask = Ask {
        interim: Some(interim),
        is_hedged: false,
        ..Ask::new(get("/a"), b"/a")
    };
    // The answer itself waits for a second request, which never comes.
    rig.ask(ask).await.unwrap_err();
    assert_eq!(*seen.lock().unwrap(), [StatusCode::EARLY_HINTS]);
}
