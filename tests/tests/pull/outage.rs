//! All origins are gone for long, while clients ask on.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply, Seen},
    wait::until,
};

use crate::rig::Result;

/// Ten minutes with `WEIR_LONG` set for the build.
const OUTAGE: Duration = if option_env!("WEIR_LONG").is_some() {
    Duration::from_mins(10)
} else {
    Duration::from_secs(10)
};

/// Everything is stale soon, and `/brief` of no use a little later.
const FRESH: Duration = Duration::from_secs(1);
const BRIEF: Duration = Duration::from_secs(5);

const CLIENTS: usize = 8;
const REST: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest that anybody waits, whatever the answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// What is asked for, and whether it may be served stale all the time.
const PATHS: [(&str, bool); 7] = [
    ("/tv/segment-1.ts", true),
    ("/tv/segment-2.ts", true),
    ("/tv/live.m3u8", true),
    ("/guide", true),
    ("/strict", false),
    ("/plain", false),
    ("/brief", false),
];

const LIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1\n\
    #EXTINF:6,\nsegment-1.ts\n#EXTINF:6,\nsegment-2.ts\n";

fn answer(seen: &Seen) -> Reply {
    let path = seen.target.as_str();
    let (kind, lifetime) = match path {
        "/tv/live.m3u8" => ("application/vnd.apple.mpegurl", "max-age=1"),
        "/guide" => ("text/plain", "max-age=1, stale-if-error=3600"),
        "/strict" => ("text/plain", "max-age=1, must-revalidate"),
        "/plain" => ("text/plain", "max-age=1"),
        "/brief" => ("text/plain", "max-age=1, stale-if-error=5"),
        _ => ("video/mp2t", "max-age=1"),
    };
    let fields = [("Content-Type", kind), ("Cache-Control", lifetime)];
    Reply::new(200, &fields, body(path))
}

fn body(path: &str) -> &str {
    if path == "/tv/live.m3u8" { LIST } else { path }
}

/// How often each path was answered with each status.
type Tally = Mutex<BTreeMap<(&'static str, u16), usize>>;

/// Asks for one after the other until the outage is over; returns the longest wait.
fn ask_on(edge: &Edge, down_at: Instant, is_over: &AtomicBool, tally: &Tally) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    let mut paths = PATHS.iter().cycle();
    while let Some((path, is_stale_good)) = paths.next().filter(|_| !is_over.load(Ordering::SeqCst))
    {
        let asked = Instant::now();
        let response = edge.get(path)?;
        slowest = slowest.max(asked.elapsed());
        *tally
            .lock()
            .expect("nobody panics with it")
            .entry((path, response.status))
            .or_default() += 1;
        let (may_be_stale, must_fail) = match *path {
            "/brief" => (true, asked > down_at + FRESH + BRIEF + ANSWER_MAX),
            _ => (*is_stale_good, !is_stale_good),
        };
        if response.status == 200 && may_be_stale && !must_fail {
            assert_eq!(response.text(), body(path), "{path}");
        } else {
            assert!(
                matches!(response.status, 502 | 504),
                "{path}: {}",
                response.status
            );
            let retry_after = response
                .field("retry-after")
                .and_then(|text| text.parse().ok());
            assert!(
                retry_after.is_some_and(|seconds: u32| seconds > 0),
                "{path}"
            );
            assert!(!is_stale_good, "{path} may be served stale and was not");
        }
        thread::sleep(REST);
    }
    Ok(slowest)
}

#[test]
fn all_origins_gone_for_long_and_what_may_be_stale_is_served_all_the_time() -> Result {
    let origins = [Origin::start(answer), Origin::start(answer)];
    let near: SocketAddr = origins[0].url().trim_start_matches("http://").parse()?;
    let edge = Edge::before(&[&origins[0], &origins[1]]);
    for (path, _) in PATHS {
        assert_eq!(edge.get(path)?.status, 200);
    }
    drop(origins);
    let down_at = Instant::now();
    // So that nothing is served as fresh.
    until("staleness", PATIENCE, || {
        (down_at.elapsed() > 2 * FRESH).then_some(())
    });
    let (is_over, tally) = (AtomicBool::new(false), Tally::default());
    let slowest = thread::scope(|scope| {
        let ask = || ask_on(&edge, down_at, &is_over, &tally);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        while down_at.elapsed() < OUTAGE && clients.iter().all(|client| !client.is_finished()) {
            thread::sleep(REST);
        }
        is_over.store(true, Ordering::SeqCst);
        let ended = clients
            .into_iter()
            .map(|client| client.join().expect("no panic"));
        ended.collect::<Result<Vec<_>>>()
    })?;
    let slowest = slowest.into_iter().max().unwrap_or_default();
    println!("{OUTAGE:?} without an origin; the slowest answer took {slowest:?}");
    for ((path, status), count) in &*tally.lock().unwrap() {
        println!("    {path:<18} {status} {count:>6} times");
    }
    assert!(slowest <= ANSWER_MAX, "{slowest:?}");
    assert_eq!(edge.get("/guide")?.field("x-cache"), Some("HIT from box"));
    assert_found_again(&edge, near);
    Ok(())
}

/// An origin that is back is asked again, without anybody telling.
fn assert_found_again(edge: &Edge, near: SocketAddr) {
    until("the port", PATIENCE, || TcpListener::bind(near).ok());
    let origin = Origin::start_at(near, answer);
    let back = Instant::now();
    until("an answer of the origin", PATIENCE, || {
        (edge.get("/strict").ok()?.status == 200).then_some(())
    });
    println!(
        "    {:?} after it was back the origin was in use",
        back.elapsed()
    );
    assert!(!origin.seen().is_empty());
}
