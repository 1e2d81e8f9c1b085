//! The origin: every path is a segment, sent at a steady pace, and counted.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::{Instant, sleep_until},
};
use weir_tests::bench::{Outcome, machine};

/// Pieces in which a segment is sent.
const PIECES: u32 = 50;

/// What was asked for one path.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    pub(crate) requests: usize,
    /// When the first byte of a body was sent.
    pub(crate) began: Option<Instant>,
    /// When the last one was.
    pub(crate) ended: Option<Instant>,
}

/// An origin on a thread of its own, for as long as this process lives.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes: usize,
    fill: Duration,
    told: Mutex<BTreeMap<String, Told>>,
}

impl Origin {
    /// Sends segments of `bytes` in `fill` each.
    pub(crate) fn start(bytes: usize, fill: Duration) -> Outcome<Self> {
        let address = machine::free_address()?;
        let told = Mutex::default();
        let shared = Arc::new(Shared { bytes, fill, told });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(address))?;
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            runtime.block_on(async {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(Arc::clone(&serving).answer(stream));
                }
            });
        });
        Ok(Self { address, shared })
    }

    /// What was asked for `path`.
    pub(crate) fn told(&self, path: &str) -> Told {
        self.shared.note(path, |_| {})
    }
}

impl Shared {
    fn note(&self, path: &str, act: impl FnOnce(&mut Told)) -> Told {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry(path.to_owned()).or_default();
        act(told);
        *told
    }

    async fn answer(self: Arc<Self>, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; 16 << 10];
        let mut filled = 0;
        loop {
            let room = buffer.get_mut(filled..).unwrap_or_default();
            match stream.read(room).await? {
                0 => return Ok(()),
                count => filled += count,
            }
            let head = buffer.get(..filled).unwrap_or_default();
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let head = String::from_utf8_lossy(head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default();
            self.send(&mut stream, path).await?;
            filled = 0;
        }
    }

    async fn send(&self, stream: &mut TcpStream, path: &str) -> io::Result<()> {
        let bytes = self.bytes;
        self.note(path, |told| told.requests += 1);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nContent-Length: {bytes}\r\n\
             Cache-Control: public, max-age=3600\r\nETag: \"herd\"\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let (began, body) = (Instant::now(), vec![7; bytes]);
        let piece = bytes.div_ceil(PIECES as usize);
        for (number, piece) in (1_u32..).zip(body.chunks(piece)) {
            sleep_until(began + self.fill * (number - 1) / (PIECES - 1)).await;
            stream.write_all(piece).await?;
            self.note(path, |told| {
                told.began.get_or_insert(began);
                told.ended = Some(Instant::now());
            });
        }
        Ok(())
    }
}
