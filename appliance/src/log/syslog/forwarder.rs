//! Sends what the ring has to the server, and finds it again when it was away.

use std::{
    fmt::{self, Debug},
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use weir_hal::{Connection, Error, MulticastSender, Network};

use super::message::message;
use crate::log::{Event, Ring};

/// Time between two looks for new events.
const LOOK: Duration = Duration::from_millis(250);

/// Shortest pause behind a failure, and longest: each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How long finding, connecting and TLS may take together, or one message.
const WAIT: Duration = Duration::from_secs(10);

/// How long the last messages may take when the appliance ends.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Opens a socket that sends datagrams to an address.
pub type OpenDatagrams =
    Arc<dyn Fn(SocketAddr) -> Result<Box<dyn MulticastSender>, Error> + Send + Sync>;

/// How messages go.
#[derive(Clone)]
pub enum Route {
    /// A datagram each.
    Udp(OpenDatagrams),
    /// One behind the other, each behind its length.
    Tcp,
    /// The same, encrypted.
    Tls(Arc<ClientConfig>),
}

impl Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Udp(_) => "Udp",
            Self::Tcp => "Tcp",
            Self::Tls(_) => "Tls",
        })
    }
}

/// Sends the events of a ring to a server.
#[derive(Debug, Clone)]
pub struct Forwarder {
    /// The name of this box.
    pub node: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How messages go.
    pub route: Route,
    /// Where they come from, and where it is counted what became of them.
    pub ring: Arc<Ring>,
    /// The way to the server.
    pub network: Arc<dyn Network>,
}

/// A way that stands.
enum Line {
    Datagrams(Box<dyn MulticastSender>),
    Stream(Box<dyn Stream>),
}

/// Bytes in and out.
trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for S {}

impl Forwarder {
    /// Sends events until `shutdown` completes, and then what there is, for half a second.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let (mut line, mut sent, mut pause) = (None, 0, PAUSE_MIN);
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = self.turn(&mut line, &mut sent, &mut pause) => {}
            }
        }
        drop(timeout(LAST_WAIT, self.send_newer(&mut line, &mut sent)).await);
    }

    /// Sends what is new, and waits until it is worth looking again.
    async fn turn(&self, line: &mut Option<Line>, sent: &mut u64, pause: &mut Duration) {
        if self.send_newer(line, sent).await.is_ok() {
            *pause = PAUSE_MIN;
            sleep(LOOK).await;
        } else {
            self.ring.note_failure();
            sleep(*pause).await;
            *pause = (2 * *pause).min(PAUSE_MAX);
        }
    }

    /// Sends what is newer than the event `sent`, over `line` or a new one. There is no line
    /// behind a failure, or a message that was broken off.
    async fn send_newer(&self, line: &mut Option<Line>, sent: &mut u64) -> io::Result<()> {
        for event in self.ring.since(*sent) {
            let mut open = match line.take() {
                Some(mut open) => {
                    open.expect_open().await?;
                    open
                }
                None => timeout(WAIT, self.open()).await??,
            };
            timeout(WAIT, self.send(&mut open, &event)).await??;
            *line = Some(open);
            let missed = event.sequence - *sent - 1;
            *sent = event.sequence;
            self.ring.note_forwarded(missed);
        }
        Ok(())
    }

    async fn send(&self, line: &mut Line, event: &Event) -> io::Result<()> {
        let message = message(&self.node, event);
        match line {
            Line::Datagrams(sender) => sender.send(message.as_bytes()).map_err(into_io),
            Line::Stream(stream) => {
                let framed = format!("{} {message}", message.len());
                stream.write_all(framed.as_bytes()).await?;
                stream.flush().await
            }
        }
    }

    async fn open(&self) -> io::Result<Line> {
        let addresses = self.network.resolve(&self.host, self.port).await;
        let addresses = addresses.map_err(into_io)?;
        let first = *addresses.first().ok_or(io::ErrorKind::NotFound)?;
        match &self.route {
            Route::Udp(open) => Ok(Line::Datagrams(open(first).map_err(into_io)?)),
            Route::Tcp => Ok(Line::Stream(Box::new(self.connect(&addresses).await?))),
            Route::Tls(config) => {
                let connection = self.connect(&addresses).await?;
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name, connection).await?;
                Ok(Line::Stream(Box::new(stream)))
            }
        }
    }

    /// Connects to the first of `addresses` that answers.
    async fn connect(&self, addresses: &[SocketAddr]) -> io::Result<Box<dyn Connection>> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match self.network.connect(*address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = into_io(error),
            }
        }
        Err(failure)
    }
}

impl Line {
    /// Sees whether the server has gone. It has nothing to say otherwise; what it says is passed
    /// over.
    async fn expect_open(&mut self) -> io::Result<()> {
        let Self::Stream(stream) = self else {
            return Ok(());
        };
        let mut byte = [0];
        match timeout(Duration::ZERO, stream.read(&mut byte)).await {
            Err(_nothing_comes) => Ok(()),
            Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read.map(drop),
        }
    }
}

fn into_io(error: Error) -> io::Error {
    io::Error::new(error.kind(), error)
}
