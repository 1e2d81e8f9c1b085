//! The load: connections that ask one request after the other and count each byte.

use std::{cell::Cell, io, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::LocalSet,
    time::{Instant, sleep_until},
};
use weir_tests::bench::{Outcome, machine::Server};

/// Bytes taken from a socket at a time.
const TAKE_BYTES: usize = 256 << 10;

/// How long a load runs before it is measured: connections are made, caches are filled.
const WARM_UP: Duration = Duration::from_millis(700);

/// Objects of one size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Objects {
    pub(crate) size: &'static str,
    pub(crate) bytes: usize,
    pub(crate) count: usize,
}

impl Objects {
    /// The path of an object, as Weir names the segments of a channel.
    pub(crate) fn path(self, number: usize) -> String {
        let size = self.size;
        format!(
            "/live/bench/bench_{size}/segment-{}.ts",
            number % self.count
        )
    }
}

/// So many connections that ask for objects for so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) objects: Objects,
    pub(crate) connections: usize,
    pub(crate) span: Duration,
    /// No request is like another.
    pub(crate) is_distinct: bool,
}

/// What all connections share.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Bytes of bodies: of a long one, some count before it is whole.
    body_bytes: Cell<u64>,
    is_over: Cell<bool>,
}

impl Tally {
    fn add(&self, bytes: usize) {
        self.body_bytes.set(self.body_bytes.get() + bytes as u64);
    }
}

impl Load {
    /// Requests answered by `server` for each second of CPU time that it took.
    pub(crate) fn on(self, server: &Server) -> Outcome<f64> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, self.run(server))
    }

    async fn run(self, server: &Server) -> Outcome<f64> {
        let tally = Rc::new(Tally::default());
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..self.connections {
            let (tally, at) = (Rc::clone(&tally), (server.address, server.prefix));
            tasks.spawn_local(async move { self.converse(number, at, &tally).await });
        }
        let begin = Instant::now() + WARM_UP;
        sleep_until(begin).await;
        let (bytes, cpu) = (tally.body_bytes.get(), server.cpu_seconds());
        sleep_until(begin + self.span).await;
        let (bytes, cpu) = (tally.body_bytes.get() - bytes, server.cpu_seconds() - cpu);
        tally.is_over.set(true);
        while let Some(ended) = tasks.join_next().await {
            ended?.map_err(|error| format!("{}: {error}", server.name))?;
        }
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        Ok(bytes as f64 / self.objects.bytes as f64 / cpu)
    }

    async fn converse(
        self,
        first: usize,
        (address, prefix): (SocketAddr, &str),
        tally: &Tally,
    ) -> io::Result<()> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; TAKE_BYTES];
        let mut number = first;
        while !tally.is_over.get() {
            let path = format!("{prefix}{}", self.objects.path(number));
            let own = if self.is_distinct {
                format!("X-Playback-Session-Id: {first}-{number}\r\n")
            } else {
                String::new()
            };
            let request = request(&path, address, &own);
            stream.write_all(request.as_bytes()).await?;
            take_answer(&mut stream, &mut buffer, self.objects.bytes, tally).await?;
            number += 1;
        }
        Ok(())
    }
}

/// What a player asks with, `own` fields of its own among it.
pub(crate) fn request(path: &str, address: SocketAddr, own: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
         AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
         Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n\
         Origin: http://tv.example\r\nReferer: http://tv.example/\r\n{own}\r\n"
    )
}

/// Reads one answer: 200, with a body of exactly `bytes`.
pub(crate) async fn take_answer(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    bytes: usize,
    tally: &Tally,
) -> io::Result<()> {
    let mut filled = 0;
    let head = loop {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let count = stream.read(room).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        let read = buffer.get(..filled).unwrap_or_default();
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).to_lowercase();
    let length = format!("\r\ncontent-length: {bytes}\r\n");
    if !text.starts_with("http/1.1 200 ") || !text.contains(&length) {
        return Err(io::Error::other(format!(
            "an answer that was not asked for:\n{text}"
        )));
    }
    let mut left = bytes + head - filled;
    tally.add(filled - head);
    while left > 0 {
        let count = left.min(buffer.len());
        let room = buffer.get_mut(..count).unwrap_or_default();
        match stream.read(room).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                left -= count;
                tally.add(count);
            }
        }
    }
    Ok(())
}
