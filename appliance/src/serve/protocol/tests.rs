//! A listener as clients of several versions meet it, over in-memory connections.

use std::{future::pending, io::IoSlice, pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
    header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use weir_cache::{Chunk, Class, Config, Key, Store};
use weir_hal::sim::{self, Call, Fault};

use super::{
    PREFACE,
    parcel::{Parcel, Progress},
};
use crate::serve::{
    Body, Client, CounterCells, Counters, Handler, Limits, Upload,
    outbox::{Outbox, Taker},
    reply,
    tests::Listening,
};

const PATIENCE: Duration = Duration::from_secs(10);
/// What a client of these tests takes of an answer that nobody reads.
const WINDOW_BYTES: u32 = 64 << 10;
/// Several chunks of a store, and far more than a client's window.
const LONG: usize = 1 << 20;
/// One chunk, and more than a client's window.
const SHORT: usize = 200 << 10;

/// Bytes that differ from place to place.
fn bytes(count: usize) -> Bytes {
    let numbers = (0_u32..).flat_map(u32::to_le_bytes);
    numbers.take(count).collect()
}

/// Answers by path.
struct Sample {
    store: Store,
    counters: Arc<CounterCells>,
}

impl Sample {
    fn object(&self, name: &str) -> Response<Body> {
        let object = self.store.get(&Key::new(name).unwrap()).unwrap();
        Response::new(Body::stored(&object, 0..u64::MAX, object.bytes()))
    }
}

impl Handler for Sample {
    async fn answer(&self, request: Request<Upload>, _client: &Client) -> Response<Body> {
        let host = request.headers().get(HOST).cloned();
        match request.uri().path() {
            "/never" => pending().await,
            "/target" => {
                let host = host.and_then(|host| host.to_str().map(str::to_owned).ok());
                let target = format!("{} {}", host.unwrap_or_default(), request.uri());
                reply::text(StatusCode::OK, &target)
            }
            "/upload" => {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                reply::text(StatusCode::OK, &body.len().to_string())
            }
            "/unchanged" => {
                let mut response = reply::text(StatusCode::NOT_MODIFIED, "unchanged");
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
                response
            }
            path => self.object(path),
        }
    }

    fn counters(&self) -> &Arc<CounterCells> {
        &self.counters
    }
}

struct Rig(Listening<Sample>);

fn store(disk: &sim::Disk) -> Store {
    let config = Config {
        path: "/cache".into(),
        bytes_max: 64 << 20,
        memory_bytes_max: 16 << 20,
        ..Config::default()
    };
    let clock = Arc::new(sim::Clock::manual());
    let store = Store::open(Arc::new(disk.clone()), clock, &config).unwrap();
    for (name, count) in [("/long", LONG), ("/short", SHORT)] {
        let key = Key::new(name).unwrap();
        let mut writer = store.begin(&key, Class::Live, Bytes::new()).unwrap();
        writer.append(bytes(count)).unwrap();
        drop(writer.commit().unwrap());
    }
    assert!(store.flush(PATIENCE));
    store
}

impl Rig {
    fn start() -> Self {
        let sample = Sample {
            store: store(&sim::Disk::new(5)),
            counters: Arc::default(),
        };
        Self(Listening::start(sample, Limits::DATA))
    }

    fn counters(&self) -> Counters {
        self.0.counters()
    }

    fn pipe(&self) -> DuplexStream {
        self.0.connect()
    }

    async fn client(&self) -> (Asking, JoinHandle<hyper::Result<()>>) {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(WINDOW_BYTES);
        let (asking, connection) = builder.handshake(TokioIo::new(self.pipe())).await.unwrap();
        (Asking(asking), tokio::spawn(connection))
    }

    /// Sends `text` and reads until the server closes.
    async fn exchange(&self, text: &[u8]) -> Vec<u8> {
        let mut pipe = self.pipe();
        pipe.write_all(text).await.unwrap();
        let mut answer = Vec::new();
        // What came before the connection was cut counts.
        drop(pipe.read_to_end(&mut answer).await);
        answer
    }
}

struct Asking(SendRequest<Full<Bytes>>);

impl Asking {
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.0.ready().await.unwrap();
        self.0.send_request(request).await.unwrap()
    }

    async fn ask(&mut self, method: Method, path: &str) -> Response<Incoming> {
        self.send(request(method, path)).await
    }

    async fn get(&mut self, path: &str) -> Bytes {
        let response = self.ask(Method::GET, path).await;
        response.into_body().collect().await.unwrap().to_bytes()
    }
}

fn request(method: Method, path: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method);
    let uri = format!("http://edge{path}");
    request.uri(uri).body(Full::default()).unwrap()
}

#[tokio::test]
async fn both_versions_are_answered_alike_on_one_listener() {
    let rig = Rig::start();
    let (mut client, _connection) = rig.client().await;
    assert_eq!(client.get("/long").await, bytes(LONG));
    assert_eq!(client.get("/short").await, bytes(SHORT));
    assert_eq!(client.get("/target?a=b").await, "edge /target?a=b\n");
    let plain = b"GET http://edge/target?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = rig.exchange(plain).await;
    assert!(answer.ends_with(b"\r\n\r\nedge /target?a=b\n"));
    let counters = rig.counters();
    assert_eq!((counters.requests, counters.connections_http2), (4, 1));
}

#[tokio::test]
async fn a_request_that_only_begins_like_the_preface_is_one_of_http_1() {
    let rig = Rig::start();
    let mut pipe = rig.pipe();
    for byte in b"PUT /target HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n" {
        pipe.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    pipe.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let answer = rig.exchange(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    assert!(answer.starts_with(b"HTTP/1.1 ") || answer.is_empty());
    assert_eq!(rig.counters().connections_http2, 0);
}

#[tokio::test(start_paused = true)]
async fn half_a_preface_is_waited_for_as_long_as_a_request() {
    let rig = Rig::start();
    let begun = Instant::now();
    let answer = rig.exchange(&PREFACE[..20]).await;
    assert_eq!(answer, b"");
    assert_eq!(begun.elapsed(), Limits::DATA.request_wait);
    assert_eq!(rig.counters().connections_timed_out, 1);
}

#[tokio::test]
async fn an_answer_without_a_body_tells_its_length_and_nothing_of_the_hop() {
    let rig = Rig::start();
    let (mut client, _connection) = rig.client().await;
    let head = client.ask(Method::HEAD, "/long").await;
    assert_eq!(head.version(), Version::HTTP_2);
    assert_eq!(head.headers()[CONTENT_LENGTH], LONG.to_string());
    assert!(
        head.into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
    let unchanged = client.ask(Method::GET, "/unchanged").await;
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.headers().get(CONNECTION), None);
    assert!(
        unchanged
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn a_host_that_differs_from_the_authority_is_refused() {
    let rig = Rig::start();
    let (mut client, _connection) = rig.client().await;
    let mut asked = request(Method::GET, "/target");
    asked
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("other"));
    assert_eq!(client.send(asked).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_with_too_many_fields_is_refused_and_counted() {
    let rig = Rig::start();
    let (mut client, _connection) = rig.client().await;
    let mut asked = request(Method::GET, "/target");
    for _ in 0..101 {
        let value = HeaderValue::from_static("a");
        asked.headers_mut().append("field", value);
    }
    let status = client.send(asked).await.status();
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(rig.counters().requests_malformed, 1);
}

#[tokio::test]
async fn a_body_is_taken_through_the_window_and_one_too_long_is_refused() {
    let rig = Rig::start();
    let (mut client, _connection) = rig.client().await;
    let upload = |count| {
        let request = request(Method::POST, "/upload");
        request.map(|_| Full::new(bytes(count)))
    };
    let answer = client.send(upload(1 << 20)).await;
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "1048576\n"
    );
    let answer = client.send(upload((1 << 20) + 1)).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(rig.counters().uploads_cut, 1);
    assert_eq!(client.get("/short").await, bytes(SHORT));
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_client_takes_nothing_is_ended_and_the_others_go_on() {
    let rig = Rig::start();
    let (mut client, connection) = rig.client().await;
    let stalled = client.ask(Method::GET, "/long").await;
    sleep(Duration::from_secs(25)).await;
    assert_eq!(client.get("/target").await, "edge /target\n");
    sleep(Duration::from_secs(15)).await;
    assert!(stalled.into_body().collect().await.is_err());
    assert_eq!(client.get("/long").await, bytes(LONG));
    let counters = rig.counters();
    assert_eq!(
        (counters.streams_stalled, counters.connections_stalled),
        (1, 0)
    );
    assert!(!connection.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_the_end_of_an_answer_untaken_loses_the_connection() {
    let rig = Rig::start();
    let (mut client, connection) = rig.client().await;
    let begun = Instant::now();
    let stalled = client.ask(Method::GET, "/short").await;
    assert!(connection.await.unwrap().is_err());
    let waited = begun.elapsed().as_secs();
    assert!((30..45).contains(&waited), "{waited} s");
    assert!(stalled.into_body().collect().await.is_err());
    assert_eq!(rig.counters().connections_stalled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_streams_is_ended_after_a_while() {
    let rig = Rig::start();
    let begun = Instant::now();
    let (mut client, connection) = rig.client().await;
    sleep(Duration::from_secs(20)).await;
    client.get("/target").await;
    connection.await.unwrap().unwrap();
    let waited = begun.elapsed().as_secs();
    assert!((80..95).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_given_up() {
    let rig = Rig::start();
    let begun = Instant::now();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    rig.exchange(&[PREFACE.as_slice(), &settings].concat())
        .await;
    let waited = begun.elapsed().as_secs();
    assert!((30..45).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn requests_taken_back_are_budgeted() {
    let rig = Rig::start();
    let (mut client, connection) = rig.client().await;
    let mut taken_back = 0;
    while taken_back < 1_000 && client.0.ready().await.is_ok() {
        let asked = client.0.send_request(request(Method::GET, "/never"));
        drop(timeout(Duration::from_millis(1), asked).await);
        taken_back += 1;
    }
    assert!((200..220).contains(&taken_back), "{taken_back}");
    drop(connection.await);
    assert_eq!(rig.counters().connections_resetting, 1);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_who_takes_back_ten_requests_a_second_is_left_alone() {
    let rig = Rig::start();
    let (mut client, _connection) = rig.client().await;
    for _ in 0..600 {
        client.0.ready().await.unwrap();
        let asked = client.0.send_request(request(Method::GET, "/never"));
        drop(timeout(Duration::from_millis(101), asked).await);
    }
    assert_eq!(client.get("/target").await, "edge /target\n");
    assert_eq!(rig.counters().streams_reset, 600);
}

#[tokio::test]
async fn a_drain_lets_answers_go_out_and_takes_no_requests() {
    let mut rig = Rig::start();
    let (mut client, connection) = rig.client().await;
    let (idle, idle_connection) = rig.client().await;
    let answer = client.ask(Method::GET, "/long").await;
    rig.0.shut_down();
    idle_connection.await.unwrap().unwrap();
    assert!(idle.0.is_closed());
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        bytes(LONG)
    );
    connection.await.unwrap().unwrap();
    assert_eq!(rig.0.ended().await.connections_cut, 0);
}

/// A chunk of `/long` that lies on disk.
async fn chunk(store: &Store) -> Chunk {
    let object = store.get(&Key::new("/long").unwrap()).unwrap();
    let mut reader = object.read(1_000..u64::MAX);
    let chunk = reader.next().await.unwrap().unwrap();
    assert!(chunk.stored.is_some());
    chunk
}

#[tokio::test]
async fn a_parcel_shows_its_view_to_writers_of_vectors_alone() {
    let disk = sim::Disk::new(5);
    let chunk = chunk(&store(&disk)).await;
    let view = chunk.bytes.clone();
    let outbox = Outbox::new(Taker::Process);
    let progress = Arc::new(Progress::default());
    let mut parcel = Parcel::new(chunk, &outbox, &progress);
    for step in [0, 300, 7] {
        parcel.advance(step);
        let at = view.len() - parcel.remaining();
        assert_eq!(parcel.chunk(), &bytes(LONG)[1_000 + at..][..256]);
        assert_ne!(parcel.chunk().as_ptr(), view[at..].as_ptr());
        let mut slices = [IoSlice::new(&[])];
        assert_eq!(parcel.chunks_vectored(&mut slices), 1);
        assert_eq!(slices[0].as_ptr(), view[at..].as_ptr());
        assert_eq!(outbox.plain(&slices).unwrap(), 0);
    }
    assert_eq!(progress.taken_bytes(), 307);
    assert!(progress.is_waiting());
    drop(parcel);
    assert!(!progress.is_waiting());
    assert_eq!(outbox.plain(&[IoSlice::new(&view)]).unwrap(), 1);
}

#[tokio::test]
async fn two_answers_with_one_view_take_back_their_own() {
    let store = store(&sim::Disk::new(5));
    let outbox = Outbox::new(Taker::Process);
    let progress = Arc::new(Progress::default());
    let (one, other) = (chunk(&store).await, chunk(&store).await);
    let view = one.bytes.clone();
    let one = Parcel::new(one, &outbox, &progress);
    let other = Parcel::new(other, &outbox, &progress);
    drop(one);
    let mut slices = [IoSlice::new(&[])];
    other.chunks_vectored(&mut slices);
    assert_eq!(outbox.plain(&slices).unwrap(), 0);
    drop((other, view));
}

#[tokio::test]
async fn nothing_leaves_behind_bytes_that_could_not_be_read() {
    let disk = sim::Disk::new(5);
    let chunk = chunk(&store(&disk)).await;
    let outbox = Outbox::new(Taker::Process);
    let parcel = Parcel::new(chunk, &outbox, &Arc::default());
    disk.forget();
    disk.inject(Call::Read, Fault::ForEver(1));
    assert_eq!(parcel.chunk().len(), 256);
    assert!(outbox.plain(&[IoSlice::new(b"head")]).is_err());
    let (mut far, near) = tokio::io::duplex(1 << 10);
    let mut wire = crate::serve::wire::Wire::new(Box::new(near), super::Ahead::new(), outbox);
    assert!(wire.write_all(b"head").await.is_err());
    drop(wire);
    let mut seen = Vec::new();
    Pin::new(&mut far).read_to_end(&mut seen).await.unwrap();
    assert_eq!(seen, b"");
}
