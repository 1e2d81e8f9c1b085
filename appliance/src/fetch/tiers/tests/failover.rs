//! What fails over, how fast, and what it may cost.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderValue;
use tokio::{task::JoinSet, time::Instant};

use super::*;
use crate::fetch::origin_script::say;

#[tokio::test(start_paused = true)]
async fn the_nearest_tier_answers_while_it_can() {
    let rig = Rig::chain(&[1, 2]);
    let (near, far) = (
        rig.host(1, answers(200, "near")),
        rig.host(2, answers(200, "far")),
    );
    for _ in 0..10 {
        assert_eq!(rig.fetch().await.unwrap().1, "near");
    }
    assert_eq!((near.requests().len(), far.connections()), (10, 0));
    assert_eq!((rig.tier(0).requests, rig.tier(0).answered), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn whatever_is_no_answer_is_asked_elsewhere() {
    for (name, script) in [
        ("closes", vec![Act::Read]),
        ("is no HTTP", vec![Act::Read, say("hello\r\n\r\n")]),
        (
            "is ambiguous",
            vec![
                Act::Read,
                say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na"),
            ],
        ),
        ("says 500", answers(500, "oops")),
        ("says 503", answers(503, "later")),
    ] {
        let rig = Rig::chain(&[1, 2]);
        let (_bad, _good) = (rig.host(1, script), rig.host(2, answers(200, "far")));
        let answered = rig.get().await.unwrap();
        assert_eq!((answered.tier, answered.attempts), (1, 2), "{name}");
        assert_eq!(whole(answered).await.unwrap().1, "far", "{name}");
        assert_eq!(rig.tier(0).retries, 1, "{name}");
        assert_eq!(rig.counters(2).retries, 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_costs_no_time_and_no_budget() {
    let rig = Rig::chain(&[1, 2]);
    let _good = rig.host(2, answers(200, "far"));
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(rig.fetch().await.unwrap().1, "far");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(rig.tier(0).budget_exhausted, 0);
    assert_eq!(
        rig.counters(1).failures_connect,
        5,
        "then it is not asked any more"
    );
    assert_eq!(rig.state(1), "open");
    let trouble = rig.endpoint(1).trouble.expect("it failed");
    assert!(
        trouble.starts_with("cannot reach the endpoint: "),
        "{trouble}"
    );
    assert!(rig.endpoint(2).trouble.is_none(), "it always answered");
}

#[tokio::test(start_paused = true)]
async fn answers_of_4xx_and_unknown_methods_are_answers() {
    for status in [404, 403, 410, 416, 429, 501, 505] {
        let rig = Rig::chain(&[1, 2]);
        let (_near, far) = (
            rig.host(1, answers(status, "no")),
            rig.host(2, answers(200, "far")),
        );
        let answered = rig.get().await.unwrap();
        assert_eq!(answered.response.status().as_u16(), status);
        assert_eq!(far.connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_5xx_is_handed_on_when_nobody_knows_better() {
    let rig = Rig::chain(&[1, 2, 3]);
    let (_one, _two) = (
        rig.host(1, answers(500, "one")),
        rig.host(2, answers(503, "two")),
    );
    let answered = rig.get().await.unwrap();
    assert_eq!(answered.response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        whole(answered).await.unwrap(),
        ("h2".to_owned(), "two".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_is_passed_over_within_two_seconds_by_everybody() {
    let rig = Rig::chain(&[1, 2]);
    let (_near, _far) = (
        rig.host(1, answers(200, "near")),
        rig.host(2, answers(200, "far")),
    );
    rig.path(1, BLACK_HOLE);
    assert_all_within_two_seconds(rig, 200).await;
}

#[tokio::test(start_paused = true)]
async fn connections_that_lead_nowhere_are_passed_over_within_two_seconds_by_everybody() {
    let rig = Rig::chain(&[1, 2]);
    let (_near, _far) = (
        rig.host(1, answers(200, "near")),
        rig.host(2, answers(200, "far")),
    );
    // As many kept connections as there may be.
    let rig = ask_at_once(rig, 64, |(host, _), _| assert_eq!(host, "h1")).await;
    assert!(rig.endpoint(1).connections > 10);
    rig.path(1, BLACK_HOLE);
    assert_all_within_two_seconds(rig, 64).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_takes_requests_and_says_nothing_is_passed_over_within_two_seconds() {
    let rig = Rig::chain(&[1, 2]);
    let (_near, _far) = (
        rig.host(1, vec![Act::Read, Act::Hang]),
        rig.host(2, answers(200, "far")),
    );
    assert_all_within_two_seconds(rig, 64).await;
}

async fn assert_all_within_two_seconds(rig: Rig, count: usize) {
    let slowest = std::sync::Mutex::new(Duration::ZERO);
    let slowest = Arc::new(slowest);
    let noted = Arc::clone(&slowest);
    ask_at_once(rig, count, move |(host, _), took| {
        assert_eq!(host, "h2");
        let mut slowest = noted.lock().unwrap();
        *slowest = took.max(*slowest);
    })
    .await;
    let slowest = *slowest.lock().unwrap();
    assert!(slowest <= Duration::from_secs(2), "{slowest:?}");
}

/// Asks `count` times at once and shows each answer to `look`, with the time that it took.
async fn ask_at_once(
    rig: Rig,
    count: usize,
    look: impl Fn((String, String), Duration) + Clone + Send + 'static,
) -> Rig {
    let rig = Arc::new(rig);
    let mut asking = JoinSet::new();
    for _ in 0..count {
        let (rig, look) = (Arc::clone(&rig), look.clone());
        asking.spawn(async move {
            let begun = Instant::now();
            let answer = rig.fetch().await.expect("somebody answers");
            look(answer, begun.elapsed());
        });
    }
    asking.join_all().await;
    Arc::into_inner(rig).expect("nobody else has it")
}

#[tokio::test(start_paused = true)]
async fn a_request_with_a_body_is_sent_elsewhere_only_while_nothing_of_it_was_sent() {
    let post = || {
        let body = Outgoing::streamed(Full::new(Bytes::from_static(b"x=1\r\n\r\n")));
        Ask::new(Request::post("/a").body(body).unwrap(), b"/a")
    };
    let rig = Rig::chain(&[1, 2]);
    let far = rig.host(2, answers(200, "far"));
    assert_eq!(
        whole(rig.ask(post()).await.unwrap()).await.unwrap().1,
        "far"
    );
    assert!(far.requests()[0].contains("content-length: 7"));

    let rig = Rig::chain(&[1, 2]);
    let (near, far) = (
        rig.host(1, vec![Act::Read]),
        rig.host(2, answers(200, "far")),
    );
    let failed = rig.ask(post()).await.unwrap_err();
    assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);
    assert_eq!((near.requests().len(), far.connections()), (1, 0));

    let rig = Rig::chain(&[1, 2]);
    let (_near, far) = (
        rig.host(1, answers(503, "no")),
        rig.host(2, answers(200, "far")),
    );
    let answered = rig.ask(post()).await.unwrap();
    assert_eq!(answered.response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(far.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_tenth_of_what_was_asked_and_ten() {
    let rig = Rig::chain(&[1, 2]);
    let one = rig.host(1, answers(503, "one"));
    let two = rig.host(2, answers(503, "two"));
    for _ in 0..1_000 {
        let answered = rig.get().await.unwrap();
        assert_eq!(answered.response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    let sent = one.requests().len() + two.requests().len();
    assert!((1_090..=1_110).contains(&sent), "{sent} for 1,000");
    assert!(rig.tier(0).budget_exhausted >= 890);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_out_of_use_the_answer_is_at_once_and_says_when_to_come_again() {
    let rig = Rig::chain(&[1, 2]);
    let failed = loop {
        let failed = rig.get().await.unwrap_err();
        if failed.reason != Reason::Failed {
            break failed;
        }
    };
    assert_eq!(failed.reason, Reason::Unavailable);
    assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(
        (failed.attempts, failed.retry_after),
        (0, Duration::from_secs(1))
    );
    assert!(failed.is_origins_fault());
    assert_eq!((rig.state(1), rig.state(2)), ("open", "open"));
    let before = rig.counters(1).requests;
    for _ in 0..100 {
        rig.get().await.unwrap_err();
    }
    assert_eq!(rig.counters(1).requests, before);
    assert_eq!(rig.tier(0).unavailable, 101);
}

#[tokio::test(start_paused = true)]
async fn one_bad_path_does_not_take_the_others_away_where_nobody_else_is_left() {
    let rig = Rig::chain(&[1]);
    let mut connections = vec![vec![Act::Read]; 10];
    connections.push(answers(200, "alive"));
    let _moody = Script::listen(&rig.network, address(1), connections);
    for _ in 0..10 {
        rig.get().await.unwrap_err();
    }
    assert_eq!(rig.state(1), "open");
    assert_eq!(rig.fetch().await.unwrap().1, "alive");
    assert_eq!(rig.tier(0).unavailable, 0);
    // Who cannot be reached is spared.
    let rig = Rig::chain(&[1, 2]);
    let _bad = rig.host(2, vec![Act::Read]);
    for _ in 0..20 {
        rig.get().await.unwrap_err();
    }
    assert_eq!(rig.counters(1).requests, 5);
    assert!(rig.counters(2).requests >= 15);
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_is_back_is_found_within_ten_seconds() {
    let rig = Rig::chain(&[1]);
    for _ in 0..600 {
        rig.get().await.unwrap_err();
        sleep(Duration::from_secs(1)).await;
    }
    let tried = rig.counters(1).requests;
    assert!(tried <= 5 + 65, "{tried} in ten minutes");
    let _back = rig.host(1, answers(200, "back"));
    let begun = Instant::now();
    while rig.fetch().await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        begun.elapsed() <= Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(rig.state(1), "closed");
}

#[tokio::test(start_paused = true)]
async fn silence_without_anybody_else_is_a_timeout() {
    let rig = Rig::chain(&[1]);
    let _silent = rig.host(1, vec![Act::Read, Act::Hang]);
    let begun = Instant::now();
    let failed = rig.get().await.unwrap_err();
    assert_eq!(failed.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_nobodys_fault() {
    let rig = Rig::chain(&[1, 2]);
    let near = rig.host(1, answers(200, "near"));
    let mut request = get("/a");
    let here = HeaderValue::from_static("1.1 edge-00000001");
    request.headers_mut().insert("via", here);
    let failed = rig.ask(Ask::new(request, b"/a")).await.unwrap_err();
    assert_eq!(failed.status(), StatusCode::LOOP_DETECTED);
    assert!(!failed.is_origins_fault());
    assert_eq!(near.connections(), 0);
    assert_eq!(rig.tier(0).loops_detected, 1);
    assert_eq!(rig.state(1), "closed");
}

#[tokio::test(start_paused = true)]
async fn a_route_without_origins_has_no_answer() {
    let rig = Rig::chain(&[1]);
    let list = rig.tiers.list(&["nobody".to_owned()]);
    assert!(list.is_empty());
    let failed = rig
        .tiers
        .send(&list, Ask::new(get("/a"), b"/a"))
        .await
        .unwrap_err();
    assert_eq!(failed.reason, Reason::NoOrigin);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_break_off_put_an_endpoint_out_of_use_though_its_heads_are_fine() {
    let rig = Rig::chain(&[1]);
    let script = vec![
        Act::Read,
        say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"),
    ];
    let _torn = rig.host(1, script);
    for _ in 0..20 {
        if let Ok(answered) = rig.get().await {
            whole(answered).await.unwrap_err();
        }
    }
    assert_eq!(rig.state(1), "open");
    assert_eq!(rig.tier(0).breakers_opened, 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_to_avoid_is_asked_when_nobody_else_is_left() {
    let rig = Rig::chain(&[1, 2]);
    let _near = rig.host(1, answers(200, "near"));
    let first = rig.get().await.unwrap().endpoint;
    let avoided = [first];
    let ask = || Ask {
        avoided: &avoided,
        ..Ask::new(get("/a"), b"/a")
    };
    assert_eq!(
        whole(rig.ask(ask()).await.unwrap()).await.unwrap().1,
        "near"
    );
    let _far = rig.host(2, answers(200, "far"));
    assert_eq!(whole(rig.ask(ask()).await.unwrap()).await.unwrap().1, "far");
}

#[tokio::test(start_paused = true)]
async fn who_falls_silent_in_a_body_is_overtaken_out_of_the_budget_or_free_when_out_of_use() {
    let rig = Rig::chain(&[1, 2]);
    let _near = rig.host(1, answers(200, "near"));
    let _far = rig.host(2, answers(200, "far"));
    let near = rig.get().await.unwrap().endpoint;
    let list = rig.tiers.list(&rig.names);
    let granted = || rig.tiers.may_ask_beside(&list, std::slice::from_ref(&near));
    let count = (0..100).filter(|_| granted()).count();
    assert_eq!(count, 10, "as much as can be saved");
    rig.path(1, BLACK_HOLE);
    for _ in 0..5 {
        rig.fetch().await.unwrap();
    }
    assert_eq!(rig.state(1), "open");
    assert!((0..100).all(|_| granted()));
    // Who has sent of it already is nobody new.
    let far = rig.get().await.unwrap().endpoint;
    assert!(!rig.tiers.may_ask_beside(&list, &[near, far]));
}
