//! Events reach a server by each transport, whatever becomes of it meanwhile.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        DEFAULT_VERSIONS, ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};
use tracing::{info, subscriber::with_default};
use tracing_subscriber::layer::SubscriberExt as _;
use weir_hal::{
    Access, Connection, Disk as _, Error, Listener, MulticastSender, Network as _, sim::Simulation,
};

use super::{Forwarder, Route};
use crate::{
    fetch::tls::client_config,
    log::{EVENTS_MAX, Layer, Ring},
};

const SERVER: &str = "10.0.0.5";
const PORT: u16 = 514;

/// A box with a log, and the network it stands in.
#[derive(Debug)]
struct Rig {
    machine: Simulation,
    ring: Arc<Ring>,
}

impl Rig {
    fn new() -> Self {
        Self {
            machine: Simulation::new(1),
            ring: Arc::default(),
        }
    }

    /// Says each number from `first` on, a second each, so that none is too much.
    fn say(&self, numbers: std::ops::Range<usize>) {
        let clock = self.machine.board().clock;
        let layer = Layer::new(Arc::clone(&self.ring), clock);
        with_default(tracing_subscriber::registry().with(layer), || {
            for number in numbers {
                info!("event {number}");
                self.machine.clock.advance(Duration::from_secs(1));
            }
        });
    }

    /// Forwards until the sender is dropped.
    fn forward(&self, route: Route) -> (oneshot::Sender<()>, JoinHandle<()>) {
        let forwarder = Forwarder {
            node: "box".to_owned(),
            host: SERVER.to_owned(),
            port: PORT,
            route,
            ring: Arc::clone(&self.ring),
            network: self.machine.board().network,
        };
        let (stop, stopping) = oneshot::channel();
        (
            stop,
            tokio::spawn(forwarder.run(async { drop(stopping.await) })),
        )
    }

    fn listen(&self) -> Box<dyn Listener> {
        let address = SocketAddr::new(SERVER.parse().expect("an address"), PORT);
        self.machine
            .network
            .listen(address)
            .expect("the port is free")
    }
}

async fn accept(listener: &mut Box<dyn Listener>) -> Box<dyn Connection> {
    let accepted = poll_fn(|context| listener.poll_accept(context)).await;
    accepted.expect("a connection").0
}

/// Reads a length and the message behind it, and returns what it ends with.
async fn message(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut length = 0;
    loop {
        match stream.read_u8().await.expect("a length") {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.expect("a message");
    let message = String::from_utf8(message).expect("text");
    assert!(message.starts_with("<30>1 "), "{message}");
    let (_, text) = message.split_once(" box weir - - - ").expect("a head");
    text.to_owned()
}

#[tokio::test(start_paused = true)]
async fn messages_come_in_order_and_the_server_is_found_again() {
    let rig = Rig::new();
    rig.say(0..2);
    let mut listener = rig.listen();
    let (stop, ended) = rig.forward(Route::Tcp);
    let mut connection = accept(&mut listener).await;
    assert_eq!(message(&mut connection).await, "event 0");
    assert_eq!(message(&mut connection).await, "event 1");
    drop(connection);
    rig.say(2..4);
    let mut connection = accept(&mut listener).await;
    assert_eq!(message(&mut connection).await, "event 2");
    assert_eq!(message(&mut connection).await, "event 3");
    drop(stop);
    ended.await.expect("no panic");
    let counts = rig.ring.counts();
    assert_eq!((counts.forwarded, counts.forwarding_missed), (4, 0));
    assert_eq!(counts.forwarding_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn what_leaves_the_ring_before_the_server_is_there_is_counted() {
    let rig = Rig::new();
    rig.say(0..EVENTS_MAX + 500);
    let (stop, ended) = rig.forward(Route::Tcp);
    while rig.ring.counts().forwarding_failures < 3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut listener = rig.listen();
    let mut connection = accept(&mut listener).await;
    for number in 500..EVENTS_MAX + 500 {
        assert_eq!(message(&mut connection).await, format!("event {number}"));
    }
    drop(stop);
    ended.await.expect("no panic");
    let counts = rig.ring.counts();
    assert_eq!(
        (counts.forwarded, counts.forwarding_missed),
        (EVENTS_MAX as u64, 500)
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_messages_go_out_when_the_appliance_ends() {
    let rig = Rig::new();
    let mut listener = rig.listen();
    let (stop, ended) = rig.forward(Route::Tcp);
    rig.say(0..1);
    drop(stop);
    ended.await.expect("no panic");
    let mut connection = accept(&mut listener).await;
    assert_eq!(message(&mut connection).await, "event 0");
}

/// Keeps what is sent.
#[derive(Debug, Default, Clone)]
struct Sent(Arc<Mutex<Vec<String>>>);

impl MulticastSender for Sent {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Error> {
        let text = String::from_utf8_lossy(datagram).into_owned();
        self.0.lock().expect("nobody panics").push(text);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn by_udp_each_message_is_a_datagram() {
    let rig = Rig::new();
    let sent = Sent::default();
    let open = {
        let sent = sent.clone();
        move |address: SocketAddr| {
            assert_eq!(address.to_string(), "10.0.0.5:514");
            Ok(Box::new(sent.clone()) as Box<dyn MulticastSender>)
        }
    };
    let (stop, ended) = rig.forward(Route::Udp(Arc::new(open)));
    rig.say(0..2);
    drop(stop);
    ended.await.expect("no panic");
    let sent = sent.0.lock().expect("nobody panics");
    let [first, second] = sent.as_slice() else {
        panic!("two datagrams, not {sent:?}");
    };
    assert!(
        first.starts_with("<30>1 ") && first.ends_with(" event 0"),
        "{first}"
    );
    assert!(second.ends_with(" event 1"), "{second}");
}

#[tokio::test]
async fn by_tls_the_server_must_be_the_one_that_is_believed() {
    let key = KeyPair::generate().expect("random numbers");
    let params = CertificateParams::new(vec![SERVER.to_owned()]).expect("a good name");
    let certificate = params.self_signed(&key).expect("the key can sign");
    let chain = CertificateDer::from_pem_slice(certificate.pem().as_bytes()).expect("PEM");
    let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("PEM");
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder
        .with_protocol_versions(DEFAULT_VERSIONS)
        .expect("TLS");
    let config = builder
        .with_no_client_auth()
        .with_single_cert(vec![chain], private);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a pair")));

    let rig = Rig::new();
    let ca = rig
        .machine
        .disk
        .open("/ca.pem".as_ref(), Access::Create)
        .expect("room");
    ca.write_at(certificate.pem().as_bytes(), 0).expect("room");
    let believing = client_config(&rig.machine.disk, Some("/ca.pem".as_ref())).expect("PEM");
    let mut listener = rig.listen();
    rig.say(0..1);
    let (stop, ended) = rig.forward(Route::Tls(believing));
    let connection = accept(&mut listener).await;
    let mut stream = acceptor.accept(connection).await.expect("it is believed");
    assert_eq!(message(&mut stream).await, "event 0");
    drop(stop);
    ended.await.expect("no panic");

    let nobody = client_config(&rig.machine.disk, None).expect("the roots of Mozilla");
    rig.say(1..2);
    let (stop, ended) = rig.forward(Route::Tls(nobody));
    let connection = accept(&mut listener).await;
    assert!(
        acceptor.accept(connection).await.is_err(),
        "a stranger is not told"
    );
    drop(stop);
    ended.await.expect("no panic");
}
