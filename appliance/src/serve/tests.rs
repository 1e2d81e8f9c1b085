//! The data listener as a client meets it: bytes in, bytes out, over an in-memory connection.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::oneshot,
    task::{JoinHandle, yield_now},
    time::{Instant, advance, timeout},
};
use weir_cache::{Class, Config, Key, Store, Writer};
use weir_hal::{Network as _, sim};

use super::*;
use crate::{
    config::RequestRate,
    live::{Channel, Document, Live, Rendition, Served},
    segment::Variant,
};

/// Bytes that a simulated connection holds between server and client.
const PIPE_BYTES: usize = 64 * 1024;

const DRAIN: Duration = Duration::from_secs(4);

/// A running data listener with one channel, `CH_1`, of one rendition, `HD`.
struct Rig {
    live: Arc<Live>,
    store: Store,
    server: Arc<Server<Content>>,
    network: sim::Network,
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Rig {
    fn start() -> Self {
        Self::start_within(Limits::DATA)
    }

    fn start_within(limits: Limits) -> Self {
        Self::start_on(limits, store(&sim::Disk::new(1)))
    }

    fn start_on(limits: Limits, store: Store) -> Self {
        let live = Arc::new(Live::default());
        live.set(vec![Arc::new(Channel::new(
            "CH_1".to_owned(),
            "One".to_owned(),
            vec![Arc::new(Rendition::new("HD".to_owned()))],
        ))]);
        let settings = Settings {
            node: "edge-1".to_owned(),
            target: Duration::from_secs(6),
        };
        let readiness = Arc::new(Readiness::new(Arc::clone(&live)));
        let content = Content::new(&settings, Arc::clone(&live), store.clone(), readiness);
        let server = Arc::new(Server::new(content, limits, Arc::new(sim::Clock::manual())));
        let network = sim::Network::new();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = network.listen(any_port).expect("a free port");
        let address = listener.local_address();
        let (shutdown, told) = oneshot::channel();
        let running = tokio::spawn(Arc::clone(&server).run(
            listener.into(),
            async move { told.await.expect("the rig outlives its server") },
            DRAIN,
        ));
        Self {
            live,
            store,
            server,
            network,
            address,
            shutdown,
            running,
        }
    }

    fn counters(&self) -> Counters {
        self.server.handler().counters().read()
    }

    fn publish(&self, text: &str) {
        let variant = Variant {
            uri: "CH_1_HD.m3u8".to_owned(),
            codecs: vec![],
            resolution: None,
            frame_rate_millihertz: None,
            bandwidth_bps: 1,
            bandwidth_average_bps: 1,
        };
        let rendition = &self.live.channels()[0].renditions[0];
        rendition.publish_variant(variant);
        rendition.publish_playlist(Document::new(text.to_owned()));
    }

    fn begin(&self, sequence: u64) -> Writer {
        begin(&self.store, sequence)
    }

    fn put(&self, sequence: u64, bytes: impl Into<Bytes>) {
        put(&self.store, sequence, bytes);
    }

    fn connect(&self) -> DuplexStream {
        self.network
            .connect(self.address)
            .expect("the server listens")
    }

    /// Sends `request` on a connection of its own and reads until the server closes it.
    async fn exchange(&self, request: &str) -> String {
        let mut pipe = self.connect();
        send(&mut pipe, request).await;
        read_to_end(&mut pipe).await
    }

    /// Asks once, with `fields` each ended by CRLF, and takes the answer apart.
    async fn ask(&self, method: &str, path: &str, fields: &str) -> Answer {
        let answer = self
            .exchange(&format!(
                "{method} {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n{fields}\r\n"
            ))
            .await;
        Answer::parse(&answer)
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }
}

fn store(disk: &sim::Disk) -> Store {
    let config = Config {
        path: "/cache".into(),
        bytes_max: 64 << 20,
        memory_bytes_max: 16 << 20,
        ..Config::default()
    };
    let clock = Arc::new(sim::Clock::manual());
    Store::open(Arc::new(disk.clone()), clock, &config).expect("a flawless disk")
}

fn begin(store: &Store, sequence: u64) -> Writer {
    let key = Key::new(&segment_path("CH_1", "HD", sequence)).expect("a short path");
    let etag = Bytes::from(format!("\"HD-{sequence}\""));
    store
        .begin(&key, Class::Live, etag)
        .expect("room in the store")
}

fn put(store: &Store, sequence: u64, bytes: impl Into<Bytes>) {
    let mut writer = begin(store, sequence);
    writer.append(bytes.into()).expect("room in the store");
    writer.commit().expect("room in the store");
}

async fn send(pipe: &mut DuplexStream, request: &str) {
    pipe.write_all(request.as_bytes())
        .await
        .expect("the server reads");
}

/// Reads until the server closes; what it had to say before it cut the connection counts.
async fn read_to_end(pipe: &mut DuplexStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(bytes).expect("tests exchange text")
}

/// Reads until `end` has come.
async fn read_until(pipe: &mut DuplexStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(pipe.read_u8().await.expect("more to come")));
    }
    text
}

/// Head and body of one answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status code");
        Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }
}

const SEGMENT_1: &str = "/live/CH_1/CH_1_HD/segment-1.ts";

#[tokio::test]
async fn serves_a_media_playlist_for_half_a_target_duration() {
    let rig = Rig::start();
    rig.publish("#EXTM3U\n");
    let answer = rig.get("/live/CH_1/CH_1_HD.m3u8").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "#EXTM3U\n"));
    for (name, value) in [
        ("content-type", "application/vnd.apple.mpegurl"),
        ("content-length", "8"),
        ("cache-control", "max-age=3"),
        ("accept-ranges", "bytes"),
        ("x-cache", "HIT from edge-1"),
        ("cache-status", "edge-1; hit"),
        ("access-control-allow-origin", "*"),
        ("timing-allow-origin", "*"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
    assert!(answer.field("date").is_some());
    assert!(answer.field("etag").is_some());
}

#[tokio::test]
async fn serves_a_master_playlist_once_a_rendition_has_segments() {
    let rig = Rig::start();
    let early = rig.get("/live/CH_1/master.m3u8").await;
    rig.publish("#EXTM3U\n");
    let later = rig.get("/live/CH_1/master.m3u8").await;
    assert_eq!((early.status, later.status), (404, 200));
    assert_eq!(
        later.field("content-type"),
        Some("application/vnd.apple.mpegurl")
    );
}

#[tokio::test]
async fn a_client_that_has_no_more_to_ask_still_gets_the_whole_answer() {
    let rig = Rig::start();
    rig.put(1, "x".repeat(2 << 20));
    let mut pipe = rig.connect();
    send(
        &mut pipe,
        &format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n"),
    )
    .await;
    pipe.shutdown().await.expect("the sending side closes");
    let answer = Answer::parse(&read_to_end(&mut pipe).await);
    assert_eq!((answer.status, answer.body.len()), (200, 2 << 20));
}

#[tokio::test]
async fn serves_a_segment_that_may_be_kept_for_good() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let answer = rig.get(SEGMENT_1).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "0123456789"));
    for (name, value) in [
        ("content-type", "video/mp2t"),
        ("content-length", "10"),
        ("cache-control", "public, max-age=3600, immutable"),
        ("etag", "\"HD-1\""),
        ("x-cache", "HIT from edge-1"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn serves_one_range() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let part = rig.ask("GET", SEGMENT_1, "Range: bytes=2-4\r\n").await;
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(part.field("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part.field("content-length"), Some("3"));
    let beyond = rig.ask("GET", SEGMENT_1, "Range: bytes=10-\r\n").await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("content-range"), Some("bytes */10"));
    let near = rig.ask("GET", SEGMENT_1, "Range: bytes=0-1,4-5\r\n").await;
    assert_eq!((near.status, near.body.as_str()), (206, "012345"));
    let reversed = rig.ask("GET", SEGMENT_1, "Range: bytes=5-4\r\n").await;
    assert_eq!(
        (reversed.status, reversed.body.as_str()),
        (200, "0123456789")
    );
}

#[tokio::test]
async fn serves_several_ranges_in_one_body() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 300_000]);
    let ranges = "Range: bytes=299990-,0-9,500000-\r\n";
    let answer = rig.ask("GET", SEGMENT_1, ranges).await;
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("content-range"), None);
    let length = answer.field("content-length").expect("a length");
    assert_eq!(length, answer.body.len().to_string());
    let media_type = answer.field("content-type").expect("a media type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.expect("a boundary");
    let part = |range: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: video/mp2t\r\n\
             Content-Range: bytes {range}/300000\r\n\r\nxxxxxxxxxx"
        )
    };
    let (last, first) = (part("299990-299999"), part("0-9"));
    assert_eq!(answer.body, format!("{last}{first}\r\n--{boundary}--\r\n"));
}

#[tokio::test]
async fn serves_a_range_of_a_playlist_too() {
    let rig = Rig::start();
    rig.publish("#EXTM3U\n");
    let path = "/live/CH_1/CH_1_HD.m3u8";
    let part = rig.ask("GET", path, "Range: bytes=-3\r\n").await;
    assert_eq!((part.status, part.body.as_str()), (206, "3U\n"));
}

#[tokio::test]
async fn spares_a_client_what_it_has() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let fields = "If-None-Match: \"HD-0\", \"HD-1\"\r\n";
    let answer = rig.ask("GET", SEGMENT_1, fields).await;
    assert_eq!((answer.status, answer.body.as_str()), (304, ""));
    assert_eq!(answer.field("etag"), Some("\"HD-1\""));
    assert_eq!(answer.field("content-length"), None);
}

#[tokio::test]
async fn answers_head_with_the_size_alone() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    let answer = rig.ask("HEAD", SEGMENT_1, "Range: bytes=2-4\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.field("content-length"), Some("10"));
}

#[tokio::test]
async fn keeps_absence_for_one_target_duration_and_the_unknown_not_at_all() {
    let rig = Rig::start();
    for path in [
        "/live/CH_1/master.m3u8",
        "/live/CH_1/CH_1_HD.m3u8",
        SEGMENT_1,
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.field("cache-control"), Some("max-age=6"), "{path}");
        assert_eq!(answer.field("x-cache"), Some("MISS from edge-1"));
        assert_eq!(answer.field("cache-status"), Some("edge-1; fwd=uri-miss"));
    }
    for path in [
        "/",
        "/live/CH_2/master.m3u8",
        "/live/CH_1/CH_1_SD.m3u8",
        "/live/CH_1/CH_1_SD/segment-1.ts",
        "/vod/film.ts",
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    }
    assert_eq!((rig.counters().hits, rig.counters().misses), (0, 8));
}

#[tokio::test]
async fn counts_what_players_are_given_of_a_channel() {
    let rig = Rig::start();
    rig.publish("#EXTM3U\n");
    rig.put(1, "0123456789");
    for path in ["/live/CH_1/CH_1_HD.m3u8", SEGMENT_1, SEGMENT_1] {
        assert_eq!(rig.get(path).await.status, 200);
    }
    rig.ask("HEAD", SEGMENT_1, "").await;
    rig.ask("GET", SEGMENT_1, "Range: bytes=2-4\r\n").await;
    let absent = rig.get("/live/CH_1/CH_1_HD/segment-9.ts").await;
    rig.get("/live/CH_2/master.m3u8").await;
    let served = Served {
        hits: 5,
        misses: 1,
        responses_2xx: 5,
        responses_4xx: 1,
        bytes_sent: 8 + 10 + 10 + 3 + absent.body.len() as u64,
        ..Served::default()
    };
    assert_eq!(rig.live.channels()[0].served.read(), served);
}

#[tokio::test]
async fn does_not_serve_a_channel_that_was_taken_off() {
    let rig = Rig::start();
    rig.put(1, "0123456789");
    rig.live.set(vec![]);
    assert_eq!(rig.get(SEGMENT_1).await.status, 404);
}

#[tokio::test]
async fn allows_get_and_head_only() {
    let rig = Rig::start();
    let refused = rig.ask("POST", SEGMENT_1, "Content-Length: 2\r\n").await;
    assert_eq!(refused.status, 405);
    assert_eq!(refused.field("allow"), Some("GET, HEAD, OPTIONS"));
    let preflight = rig.ask("OPTIONS", SEGMENT_1, "Origin: http://tv\r\n").await;
    assert_eq!((preflight.status, preflight.body.as_str()), (204, ""));
    assert_eq!(preflight.field("access-control-allow-origin"), Some("*"));
    assert_eq!(
        preflight.field("access-control-allow-methods"),
        Some("GET, HEAD, OPTIONS")
    );
}

#[tokio::test]
async fn answers_the_probes() {
    let rig = Rig::start();
    let alive = rig.get("/livez").await;
    assert_eq!((alive.status, alive.body.as_str()), (200, "ok\n"));
    let ready = rig.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (503, "no channel is on air\n")
    );
    assert_eq!(ready.field("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn serves_a_segment_while_it_is_being_written() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut pipe = rig.connect();
    send(
        &mut pipe,
        &format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\nRange: bytes=1-2\r\n\r\n"),
    )
    .await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    let head = read_until(&mut pipe, "first\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    writer.append(Bytes::from_static(b"then")).expect("room");
    assert_eq!(read_until(&mut pipe, "then\r\n").await, "4\r\nthen\r\n");
    writer.commit().expect("room");
    assert_eq!(read_until(&mut pipe, "0\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn breaks_the_connection_when_a_segment_is_given_up() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut pipe = rig.connect();
    send(
        &mut pipe,
        &format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n"),
    )
    .await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    read_until(&mut pipe, "first\r\n").await;
    writer.abort();
    assert_eq!(read_to_end(&mut pipe).await, "", "no last chunk");
    assert_eq!(rig.counters().bodies_broken, 1);
}

#[tokio::test(start_paused = true)]
async fn breaks_the_connection_when_a_segment_stops_growing() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    writer.append(Bytes::from_static(b"first")).expect("room");
    let answer = rig.get(SEGMENT_1).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "5\r\nfirst\r\n")
    );
    assert_eq!(rig.counters().bodies_broken, 1);
}

#[tokio::test]
async fn gives_clients_without_chunks_whole_segments_only() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    writer.append(Bytes::from_static(b"first")).expect("room");
    let request = format!("GET {SEGMENT_1} HTTP/1.0\r\n\r\n");
    let early = Answer::parse(&rig.exchange(&request).await);
    writer.commit().expect("room");
    let later = Answer::parse(&rig.exchange(&request).await);
    assert_eq!((early.status, later.status), (404, 200));
    assert_eq!(later.field("content-length"), Some("5"));
}

#[tokio::test]
async fn answers_pipelined_requests_in_order() {
    let rig = Rig::start();
    rig.put(1, "one");
    rig.put(2, "two");
    let ask = |method: &str, sequence: u64, more: &str| {
        let path = segment_path("CH_1", "HD", sequence);
        format!("{method} {path} HTTP/1.1\r\nHost: edge\r\n{more}\r\n")
    };
    let answers = rig
        .exchange(
            &[
                ask("GET", 1, ""),
                ask("HEAD", 1, ""),
                ask("GET", 3, ""),
                ask("GET", 2, "Connection: close\r\n"),
            ]
            .concat(),
        )
        .await;
    let statuses: Vec<_> = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|answer| answer.get(..3))
        .collect();
    assert_eq!(statuses, ["200", "200", "404", "200"]);
    assert!(answers.ends_with("\r\n\r\ntwo"), "{answers}");
}

#[tokio::test(start_paused = true)]
async fn answers_before_the_next_request_is_whole() {
    let rig = Rig::start();
    rig.put(1, "one");
    let mut pipe = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut pipe, &format!("{request}GET /live/CH")).await;
    let answer = timeout(Duration::from_secs(1), read_until(&mut pipe, "one")).await;
    assert!(answer.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_told_to_who_needs_it_and_nobody_else() {
    let disk = sim::Disk::new(1);
    let filled = store(&disk);
    put(&filled, 1, "at hand");
    put(&filled, 2, vec![b'x'; 300_000]);
    assert!(filled.flush(Duration::from_mins(1)));
    drop(filled);
    let rig = Rig::start_on(Limits::DATA, store(&disk));
    assert_eq!(rig.get(SEGMENT_1).await.body, "at hand");
    disk.forget();
    disk.hang();
    let cold = segment_path("CH_1", "HD", 2);
    let others = async {
        while rig.counters().requests < 2 {
            yield_now().await;
        }
        assert_eq!(rig.get(SEGMENT_1).await.body, "at hand");
        advance(Duration::from_secs(10)).await;
    };
    let (answer, ()) = tokio::join!(rig.get(&cold), others);
    disk.resume();
    assert_eq!(answer.status, 503);
    assert_eq!(rig.counters().lookups_timed_out, 1);
    assert_eq!(rig.get(&cold).await.body.len(), 300_000);
}

#[tokio::test(start_paused = true)]
async fn refuses_what_breaks_http() {
    let rig = Rig::start();
    let flood = "X-Field: 1\r\n".repeat(200);
    let giant = format!("X-Field: {}\r\n", "x".repeat(20_000));
    for (request, status) in [
        ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_owned(), 400),
        ("GET /livez HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            400,
        ),
        ("GET /livez HTTP/1.1\r\nHost a\r\n\r\n".to_owned(), 400),
        ("GET /live/%zz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET /livez HTTP/9.9\r\nHost: a\r\n\r\n".to_owned(), 505),
        (format!("GET /livez HTTP/1.1\r\n{flood}\r\n"), 431),
        (format!("GET /livez HTTP/1.1\r\n{giant}\r\n"), 431),
    ] {
        let mut pipe = rig.connect();
        send(&mut pipe, &request).await;
        let answer = Answer::parse(&read_to_end(&mut pipe).await);
        assert_eq!(answer.status, status, "{request:.60}");
    }
    assert_eq!(rig.get("/livez").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn closes_a_connection_whose_request_never_ends() {
    let rig = Rig::start();
    let started = Instant::now();
    let mut pipe = rig.connect();
    send(&mut pipe, "GET /livez HTTP/1.1\r\nHost: ed").await;
    let answer = read_to_end(&mut pipe).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(started.elapsed().as_secs(), 10);
    assert_eq!(rig.counters().connections_timed_out, 1);
}

#[tokio::test(start_paused = true)]
async fn closes_an_idle_connection() {
    let rig = Rig::start();
    let mut pipe = rig.connect();
    send(&mut pipe, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut pipe, "ok\n").await;
    let started = Instant::now();
    read_to_end(&mut pipe).await;
    assert_eq!(started.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn cuts_a_client_that_does_not_read() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 300_000]);
    let mut pipe = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut pipe, &request).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(read_to_end(&mut pipe).await.len() <= PIPE_BYTES);
    assert_eq!(rig.counters().connections_stalled, 1);
    assert_eq!(rig.counters().connections_closed, 1);
}

#[tokio::test(start_paused = true)]
async fn cuts_a_client_that_reads_a_trickle_but_not_a_slow_one() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 300_000]);
    for (bytes_per_second, is_cut) in [(100, true), (2_000, false)] {
        let mut pipe = rig.connect();
        let request =
            format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n");
        send(&mut pipe, &request).await;
        let mut buffer = vec![0; bytes_per_second];
        let mut received = 0;
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            received += count;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(
            received < 300_000,
            is_cut,
            "{bytes_per_second} bytes a second"
        );
    }
    assert_eq!(rig.counters().connections_stalled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_player_that_has_taken_well_may_pause_for_minutes() {
    let rig = Rig::start();
    rig.put(1, vec![b'x'; 600_000]);
    for (pause_s, is_cut) in [(290, false), (310, true)] {
        let mut pipe = rig.connect();
        let request =
            format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n");
        send(&mut pipe, &request).await;
        pipe.read_exact(&mut vec![0; 400_000])
            .await
            .expect("it is sent");
        tokio::time::sleep(Duration::from_secs(pause_s)).await;
        let rest = read_to_end(&mut pipe).await.len();
        assert_eq!(rest < 200_000, is_cut, "{pause_s} s: {rest} bytes");
    }
    assert_eq!(rig.counters().connections_stalled, 1);
}

#[tokio::test(start_paused = true)]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let rig = Rig::start_within(Limits {
        request_rate: Some(RequestRate { per_s: 2, burst: 3 }),
        ..Limits::DATA
    });
    let mut pipe = rig.connect();
    let request = "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n";
    send(&mut pipe, &request.repeat(4)).await;
    for _ in 0..3 {
        read_until(&mut pipe, "ok\n").await;
    }
    let answer = read_until(&mut pipe, "too often\n").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    send(&mut pipe, request).await;
    read_until(&mut pipe, "ok\n").await;
    assert_eq!(rig.counters().requests_throttled, 1);
}

#[tokio::test]
async fn refuses_connections_of_one_client_beyond_its_limit() {
    let rig = Rig::start_within(Limits {
        room: Room {
            per_client_max: 1,
            ..Room::of(100)
        },
        ..Limits::DATA
    });
    let mut first = rig.connect();
    send(&mut first, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut first, "ok\n").await;
    assert_eq!(read_to_end(&mut rig.connect()).await, "");
    let counters = rig.counters();
    assert_eq!(
        (
            counters.connections_refused,
            counters.connections_refused_client
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn refuses_connections_beyond_the_limit() {
    let rig = Rig::start_within(Limits {
        room: Room::of(1),
        ..Limits::DATA
    });
    let mut first = rig.connect();
    send(&mut first, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut first, "ok\n").await;
    let mut second = rig.connect();
    assert_eq!(read_to_end(&mut second).await, "");
    assert_eq!(rig.counters().connections_refused, 1);
    send(&mut first, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut first, "ok\n").await;
}

#[tokio::test(start_paused = true)]
async fn lets_answers_out_when_it_shuts_down() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut idle = rig.connect();
    send(&mut idle, "GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n").await;
    read_until(&mut idle, "ok\n").await;
    let mut busy = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut busy, &request).await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    read_until(&mut busy, "first\r\n").await;
    rig.shutdown.send(()).expect("the server runs");
    assert_eq!(read_to_end(&mut idle).await, "");
    writer.append(Bytes::from_static(b"last")).expect("room");
    writer.commit().expect("room");
    assert_eq!(read_to_end(&mut busy).await, "4\r\nlast\r\n0\r\n\r\n");
    rig.running.await.expect("the server ends");
    assert_eq!(rig.server.handler().counters().read().connections_cut, 0);
}

#[tokio::test(start_paused = true)]
async fn cuts_what_outlasts_the_drain() {
    let rig = Rig::start();
    let mut writer = rig.begin(1);
    let mut pipe = rig.connect();
    let request = format!("GET {SEGMENT_1} HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(&mut pipe, &request).await;
    writer.append(Bytes::from_static(b"first")).expect("room");
    read_until(&mut pipe, "first\r\n").await;
    let started = Instant::now();
    rig.shutdown.send(()).expect("the server runs");
    rig.running.await.expect("the server ends");
    assert_eq!(started.elapsed(), DRAIN);
    assert_eq!(read_to_end(&mut pipe).await, "", "no last chunk");
    let counters = rig.server.handler().counters().read();
    assert_eq!(
        (counters.connections_cut, counters.connections_closed),
        (1, 1)
    );
}
