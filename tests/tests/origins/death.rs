//! Origins that are gone in every way there is; another one takes over, fast.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use weir_tests::{
    daemon::free_port,
    http,
    origin::{Gate, Origin, Reply},
};

use crate::rig::{Result, counted, edge, get, told, well};

/// The longest an origin may take to be replaced by another one, end to end.
const FAILOVER_MAX: Duration = Duration::from_secs(2);

/// A port that swallows connections: the queue of its listener is full, so the kernel drops what
/// comes, as a firewall or a dead host does.
struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    fn dig() -> Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().ok_or("an IP address")?;
        let mut queued = Vec::new();
        let brief = Duration::from_millis(200);
        while let Ok(connection) = TcpStream::connect_timeout(&address, brief) {
            queued.push(connection);
        }
        Ok(Self {
            address,
            _listener: listener,
            _queued: queued,
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn assert_taken_over(dead: String, what: &str) -> Result<weir_tests::daemon::Daemon> {
    let alive = well("alive");
    let edge = edge(&[dead, alive.url()]);
    let mut slowest = Duration::ZERO;
    for number in 0..20 {
        let begun = Instant::now();
        assert_eq!(get(&edge, &format!("/{number}"))?.text(), "alive", "{what}");
        slowest = slowest.max(begun.elapsed());
    }
    println!("{what}: the slowest of 20 answers took {slowest:?}");
    assert!(slowest <= FAILOVER_MAX, "{what}: {slowest:?}");
    Ok(edge)
}

/// Out of use, or, a second later, to be tried again.
fn is_out_of_use(origin: &Value) -> bool {
    let state = &origin["endpoints"][0]["state"];
    state == "open" || state == "half-open"
}

#[test]
fn where_nobody_listens_another_origin_answers() -> Result {
    let edge = assert_taken_over(format!("http://127.0.0.1:{}", free_port()), "refused")?;
    counted(&edge, 0, "failures_connect", 5);
    told(&edge, 0, is_out_of_use);
    Ok(())
}

#[test]
fn a_black_hole_is_passed_over_in_two_seconds() -> Result {
    let hole = BlackHole::dig()?;
    let edge = assert_taken_over(hole.url(), "black hole")?;
    told(&edge, 0, is_out_of_use);
    Ok(())
}

#[test]
fn who_takes_requests_and_never_answers_is_passed_over_in_two_seconds() -> Result {
    let never = Gate::default();
    let silent = never.clone();
    let dead = Origin::start(move |_| Reply::default().wait(&silent));
    assert_taken_over(dead.url(), "silent")?;
    never.open();
    Ok(())
}

#[test]
fn a_name_that_nobody_knows_is_passed_over() -> Result {
    let edge = assert_taken_over("http://nobody.invalid".to_owned(), "unknown name")?;
    told(&edge, 0, |origin| {
        let count = |counter: &str| origin["endpoints"][0]["counters"][counter].as_u64();
        count("failures_resolve") >= Some(1) || count("failures_connect_timeout") >= Some(1)
    });
    Ok(())
}

#[test]
fn an_origin_that_dies_between_two_requests_is_replaced_and_found_again() -> Result {
    let (near, far) = (well("near"), well("far"));
    let edge = edge(&[near.url(), far.url()]);
    assert_eq!(get(&edge, "/a")?.text(), "near");
    near.go_down();
    for _ in 0..20 {
        assert_eq!(get(&edge, "/a")?.text(), "far");
    }
    Ok(())
}

#[test]
fn without_any_origin_left_the_answer_is_honest_and_at_once() -> Result {
    let gone = format!("http://127.0.0.1:{}", free_port());
    let edge = edge(&[gone]);
    for _ in 0..20 {
        let begun = Instant::now();
        let response = get(&edge, "/a")?;
        assert_eq!(response.status, 502);
        assert!(response.field("retry-after").is_some());
        assert!(begun.elapsed() < FAILOVER_MAX);
    }
    Ok(())
}

#[test]
fn a_request_that_comes_back_is_refused() -> Result {
    // An origin that asks whoever asks it: its own edge, by the address in the path.
    let origin = Origin::start(|seen| {
        let fields: Vec<(&str, &str)> = ["via", "cdn-loop"]
            .into_iter()
            .filter_map(|name| Some((name, seen.field(name)?)))
            .collect();
        let port = seen.target.trim_start_matches('/');
        let url = format!("http://127.0.0.1:{port}/again");
        match http::request("GET", &url, &fields, b"") {
            Ok(response) => Reply::new(200, &[], format!("it said {}", response.status)),
            Err(failure) => Reply::new(500, &[], failure.to_string()),
        }
    });
    let edge = edge(&[origin.url()]);
    let port = edge
        .data("")
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(get(&edge, &format!("/{port}"))?.text(), "it said 508");
    assert_eq!(origin.seen().len(), 1);
    told(&edge, 0, |origin| origin["counters"]["loops_detected"] == 1);
    Ok(())
}
