//! Streams over HTTP, as origins of every kind send them, in simulated time.

use std::time::Duration;

use tokio::time::sleep;
use weir_hal::{Monotonic, sim};

use super::*;
use crate::fetch::origin_script::{Act, Script, address, say};

const PACKETS: &str = "G0123456789";

struct Rig {
    source: HttpSource,
    now: Monotonic,
    bytes: Vec<u8>,
}

impl Rig {
    fn new(simulation: &sim::Simulation, bitrate_bps_max: u64) -> Self {
        let client = StreamClient::new(&simulation.board()).expect("TLS is spoken");
        let url = "http://encoder/ch.ts?token=hidden".parse().expect("a URL");
        let request = StreamRequest {
            of: Some(("ch".to_owned(), "r".to_owned())),
            url,
            shown: "http://encoder/ch.ts?…".to_owned(),
            bitrate_bps_max,
        };
        let now = Monotonic::from_nanos(7_000_000_000);
        Self {
            source: HttpSource::new(request, &client, now),
            now,
            bytes: Vec::new(),
        }
    }

    /// So much time in turns of the receive thread.
    async fn turn_for(&mut self, span: Duration) {
        let turn = Duration::from_millis(10);
        for _ in 0..span.as_millis() / turn.as_millis() {
            sleep(turn).await;
            self.now = self.now + turn;
            self.source.drain(self.now, |_, content, _| {
                let Content::Bare(bytes) = content else {
                    panic!("there is no RTP over HTTP");
                };
                self.bytes.extend_from_slice(bytes);
                true
            });
        }
    }
}

fn simulation() -> sim::Simulation {
    let simulation = sim::Simulation::new(11);
    simulation.network.set_host("encoder", &[address(1).ip()]);
    simulation.network.set_host("relay", &[address(2).ip()]);
    simulation
}

fn endless(text: &str) -> Act {
    say(&format!("HTTP/1.1 200 OK\r\n\r\n{text}"))
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_ends_or_falls_silent_is_asked_for_again() {
    let simulation = simulation();
    let ended = say("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nG0123456789");
    let scripts = vec![
        vec![Act::Read, ended],
        vec![
            Act::Read,
            say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        ],
        vec![Act::Read, endless(PACKETS), Act::Hang],
        vec![Act::Read, endless(PACKETS), Act::Hang],
    ];
    let script = Script::listen(&simulation.network, address(1), scripts);
    let mut rig = Rig::new(&simulation, 8_000_000);
    rig.turn_for(Duration::from_secs(4)).await;
    assert!(rig.source.is_answered());
    assert_eq!(rig.source.failure(), None);
    let counters = *rig.source.counters();
    assert_eq!((counters.http_answers, counters.http_failures), (2, 2));
    assert_eq!(rig.bytes, PACKETS.repeat(2).as_bytes());
    // Silence is not taken for a stream for ever.
    assert_eq!(script.connections(), 3);
    rig.turn_for(Duration::from_secs(8)).await;
    assert_eq!(script.connections(), 4);
    assert_eq!(rig.source.counters().http_failures, 3);
    let requests = script.requests();
    assert!(
        requests[0].starts_with("GET /ch.ts?token=hidden HTTP/1.1\r\n"),
        "{requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_with_its_remedy_and_without_the_query() {
    let simulation = simulation();
    for (answer, due) in [
        (
            "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
            "status 403: check the URL",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nxx",
            "coded as \"gzip\"",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: udp://a\r\nContent-Length: 0\r\n\r\n",
            "redirects to",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
            "more than 5 redirects",
        ),
        ("SSH-2.0-OpenSSH\r\n", "malformed"),
    ] {
        let simulation = sim::Simulation::new(simulation.seed);
        simulation.network.set_host("encoder", &[address(1).ip()]);
        let script = vec![vec![Act::Read, say(answer)]];
        let _script = Script::listen(&simulation.network, address(1), script);
        let mut rig = Rig::new(&simulation, 8_000_000);
        rig.turn_for(Duration::from_secs(2)).await;
        let failure = rig.source.failure().unwrap_or_default();
        assert!(
            failure.starts_with("cannot receive http://encoder/ch.ts?…: "),
            "{failure}"
        );
        assert!(failure.contains(due), "{failure}");
        assert!(!rig.source.is_answered());
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_to_another_host() {
    let simulation = simulation();
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://relay/x.ts\r\nContent-Length: 0\r\n\r\n";
    let first = vec![vec![Act::Read, say(moved)]];
    let _first = Script::listen(&simulation.network, address(1), first);
    let second = vec![vec![Act::Read, endless(PACKETS), Act::Hang]];
    let second = Script::listen(&simulation.network, address(2), second);
    let mut rig = Rig::new(&simulation, 8_000_000);
    rig.turn_for(Duration::from_secs(1)).await;
    assert_eq!(rig.bytes, PACKETS.as_bytes());
    let requests = second.requests();
    let is_due = requests[0].starts_with("GET /x.ts HTTP/1.1\r\n")
        && requests[0].contains("\r\nhost: relay\r\n");
    assert!(is_due, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_away_is_asked_less_and_less_often() {
    let simulation = simulation();
    let script = Script::listen(&simulation.network, address(1), vec![vec![]]);
    let mut rig = Rig::new(&simulation, 8_000_000);
    rig.turn_for(Duration::from_mins(2)).await;
    let early = script.connections();
    assert!((10..=40).contains(&early), "{early}");
    rig.turn_for(Duration::from_mins(10)).await;
    let late = script.connections() - early;
    assert!((40..=120).contains(&late), "{late}");
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_fast_is_held_back() {
    let simulation = simulation();
    let flood = vec![vec![Act::Read, endless(""), Act::Repeat(&[0x47; 1_880])]];
    let _script = Script::listen(&simulation.network, address(1), flood);
    let mut rig = Rig::new(&simulation, 8_000_000);
    rig.turn_for(Duration::from_secs(10)).await;
    // What may be saved up, a second of each second, and the last piece of each turn.
    let bytes = rig.bytes.len();
    assert!((10_000_000..=11_200_000).contains(&bytes), "{bytes}");
}

#[tokio::test(start_paused = true)]
async fn its_connection_ends_with_it() {
    let simulation = simulation();
    let flood = vec![vec![Act::Read, endless(""), Act::Repeat(&[0x47; 1_880])]];
    let script = Script::listen(&simulation.network, address(1), flood);
    let mut rig = Rig::new(&simulation, 8_000_000);
    rig.turn_for(Duration::from_secs(1)).await;
    assert!(rig.source.is_answered());
    drop(rig);
    sleep(Duration::from_mins(5)).await;
    assert_eq!(script.connections(), 1);
}
