//! Listeners on a simulated network, and what goes to and fro.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::oneshot,
    task::JoinHandle,
};
use weir_cache::{Class, Config, Key, Store, Writer};
use weir_hal::{Network as _, sim};

use crate::{
    live::{Channel, Document, Live, Rendition},
    segment::{MasterPlaylist, Variant},
    serve::{Content, Counters, Handler, Limits, Readiness, Server, Settings, segment_path},
};

/// Bytes that a simulated connection holds between server and client.
pub(super) const PIPE_BYTES: usize = 64 * 1024;

pub(super) const DRAIN: Duration = Duration::from_secs(4);

pub(super) const SEGMENT_1: &str = "/live/CH_1/CH_1_HD/segment-1.ts";

/// A running listener of one handler.
pub(in crate::serve) struct Listening<H> {
    server: Arc<Server<H>>,
    network: sim::Network,
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl<H: Handler> Listening<H> {
    pub(in crate::serve) fn start(handler: H, limits: Limits) -> Self {
        let server = Arc::new(Server::new(handler, limits, Arc::new(sim::Clock::manual())));
        let network = sim::Network::new();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = network.listen(any_port).expect("a free port");
        let address = listener.local_address();
        let (shutdown, told) = oneshot::channel();
        let told = async { drop(told.await) };
        let running = tokio::spawn(Arc::clone(&server).run(listener.into(), told, DRAIN));
        Self {
            server,
            network,
            address,
            shutdown: Some(shutdown),
            running,
        }
    }

    pub(in crate::serve) fn connect(&self) -> DuplexStream {
        let connected = self.network.connect(self.address);
        connected.expect("the server listens")
    }

    pub(in crate::serve) fn counters(&self) -> Counters {
        self.server.handler().counters().read()
    }

    /// Has it shut down.
    pub(in crate::serve) fn shut_down(&mut self) {
        drop(self.shutdown.take());
    }

    /// Waits until it has shut down. Returns what it has counted.
    pub(in crate::serve) async fn ended(self) -> Counters {
        self.running.await.expect("the server ends");
        self.server.handler().counters().read()
    }
}

/// A running data listener with one channel, `CH_1`, of one rendition, `HD`.
pub(super) struct Rig {
    pub(super) live: Arc<Live>,
    pub(super) store: Store,
    pub(super) listening: Listening<Content>,
}

impl Rig {
    pub(super) fn start() -> Self {
        Self::start_within(Limits::DATA)
    }

    pub(super) fn start_within(limits: Limits) -> Self {
        Self::start_on(limits, store(&sim::Disk::new(1)))
    }

    pub(super) fn start_on(limits: Limits, store: Store) -> Self {
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
        Self {
            live,
            store,
            listening: Listening::start(content, limits),
        }
    }

    pub(super) fn counters(&self) -> Counters {
        self.listening.counters()
    }

    pub(super) fn publish(&self, text: &str) {
        let variant = Variant {
            uri: "CH_1_HD.m3u8".to_owned(),
            codecs: vec![],
            bandwidth_bps: 1,
            bandwidth_average_bps: 1,
            ..Variant::default()
        };
        let channel = &self.live.channels()[0];
        channel.publish_master(MasterPlaylist {
            variants: vec![variant],
            ..MasterPlaylist::default()
        });
        channel.renditions[0].publish_playlist(Document::new(text.to_owned()));
    }

    pub(super) fn begin(&self, sequence: u64) -> Writer {
        begin(&self.store, sequence)
    }

    pub(super) fn put(&self, sequence: u64, bytes: impl Into<Bytes>) {
        put(&self.store, sequence, bytes);
    }

    pub(super) fn connect(&self) -> DuplexStream {
        self.listening.connect()
    }

    /// Sends `request` on a connection of its own and reads until the server closes it.
    pub(super) async fn exchange(&self, request: &str) -> String {
        let mut pipe = self.connect();
        send(&mut pipe, request).await;
        read_to_end(&mut pipe).await
    }

    /// Asks once, with `fields` each ended by CRLF, and takes the answer apart.
    pub(super) async fn ask(&self, method: &str, path: &str, fields: &str) -> Answer {
        let answer = self
            .exchange(&format!(
                "{method} {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n{fields}\r\n"
            ))
            .await;
        Answer::parse(&answer)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }
}

pub(super) fn store(disk: &sim::Disk) -> Store {
    let config = Config {
        path: "/cache".into(),
        bytes_max: 64 << 20,
        memory_bytes_max: 16 << 20,
        ..Config::default()
    };
    let clock = Arc::new(sim::Clock::manual());
    Store::open(Arc::new(disk.clone()), clock, &config).expect("a flawless disk")
}

pub(super) fn begin(store: &Store, sequence: u64) -> Writer {
    let key = Key::new(&segment_path("CH_1", "HD", sequence)).expect("a short path");
    let etag = Bytes::from(format!("\"HD-{sequence}\""));
    store
        .begin(&key, Class::Live, etag)
        .expect("room in the store")
}

pub(super) fn put(store: &Store, sequence: u64, bytes: impl Into<Bytes>) {
    let mut writer = begin(store, sequence);
    writer.append(bytes.into()).expect("room in the store");
    writer.commit().expect("room in the store");
}

pub(super) async fn send(pipe: &mut DuplexStream, request: &str) {
    pipe.write_all(request.as_bytes())
        .await
        .expect("the server reads");
}

/// Reads until the server closes; what it had to say before it cut the connection counts.
pub(super) async fn read_to_end(pipe: &mut DuplexStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(bytes).expect("tests exchange text")
}

/// Reads until `end` has come.
pub(super) async fn read_until(pipe: &mut DuplexStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(pipe.read_u8().await.expect("more to come")));
    }
    text
}

/// Head and body of one answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn parse(text: &str) -> Self {
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

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }
}
