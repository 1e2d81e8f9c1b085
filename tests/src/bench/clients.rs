//! Clients that are cheap: they see the head of an answer and the moments at which its body begins
//! and ends, and have the kernel throw its bytes away, so that the load leaves the machine to the
//! server.

use std::{
    cell::RefCell,
    io,
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Command,
    rc::Rc,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::{TcpSocket, TcpStream},
    time::Instant,
};

use super::{Outcome, machine};

/// `MSG_TRUNC` of tcp(7): bytes are taken without being copied.
const DISCARD: i32 = 0x20;
/// Bytes thrown away at a time.
const DISCARD_BYTES: usize = 1 << 20;
/// Bytes a head may have.
const HEAD_BYTES_MAX: usize = 4 << 10;
/// Clients that come from one address: a household each would be fewer.
const CLIENTS_PER_ADDRESS: usize = 50;

/// Room that nothing is ever written to, for all clients of a thread.
#[derive(Debug, Clone)]
pub struct Scrap(Rc<RefCell<Box<[MaybeUninit<u8>]>>>);

impl Default for Scrap {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Box::new_uninit_slice(DISCARD_BYTES))))
    }
}

/// A connection that asks one request after the other.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    host: SocketAddr,
    scrap: Scrap,
}

/// When an answer came.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// The first byte of its body.
    pub first: Instant,
    /// The last one.
    pub whole: Instant,
    /// Bytes of its body.
    pub bytes: u64,
}

impl Client {
    /// Connects to `host`. The client number `number` has an address of loopback that it shares
    /// with few others.
    ///
    /// # Errors
    /// When the connection is refused.
    pub async fn connect(host: SocketAddr, number: usize, scrap: &Scrap) -> io::Result<Self> {
        let number = u16::try_from(number / CLIENTS_PER_ADDRESS).unwrap_or(u16::MAX);
        let [high, low] = number.to_be_bytes();
        let own = IpAddr::V4(Ipv4Addr::new(127, 77, high, low.max(1)));
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(own, 0))?;
        let stream = socket.connect(host).await?;
        stream.set_nodelay(true)?;
        let scrap = scrap.clone();
        Ok(Self {
            stream,
            host,
            scrap,
        })
    }

    /// Asks for `path` as a player does, and takes the answer: 200, with a length.
    ///
    /// # Errors
    /// When it is anything else, or not whole.
    pub async fn fetch(&mut self, path: &str) -> io::Result<Taken> {
        let host = self.host;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
             AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
             Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n\
             Origin: http://tv.example\r\nReferer: http://tv.example/\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        let (bytes, begun) = self.head().await?;
        let mut left = bytes - begun;
        let mut first = (begun > 0).then(Instant::now);
        while left > 0 {
            left -= self.discard(left).await?;
            first = first.or_else(|| Some(Instant::now()));
        }
        let whole = Instant::now();
        let first = first.unwrap_or(whole);
        Ok(Taken {
            first,
            whole,
            bytes,
        })
    }

    /// Reads the head, and returns how many bytes the body has and how many of them came with it.
    async fn head(&mut self) -> io::Result<(u64, u64)> {
        let mut buffer = [0; HEAD_BYTES_MAX];
        let mut filled = 0;
        let head = loop {
            self.stream.readable().await?;
            let room = buffer.get_mut(filled..).unwrap_or_default();
            filled += match self.stream.try_read(room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            let read = buffer.get(..filled).unwrap_or_default();
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).to_lowercase();
        let mut lines = text.lines();
        let is_ok = lines.next().is_some_and(|line| line.contains(" 200"));
        let mut lengths = lines.filter_map(|line| line.strip_prefix("content-length:"));
        let length = lengths.next().and_then(|text| text.trim().parse().ok());
        match length {
            Some(bytes) if is_ok => Ok((bytes, (filled - head) as u64)),
            _ => Err(io::Error::other(format!(
                "an answer that was not asked for:\n{text}"
            ))),
        }
    }

    /// Throws away some of the next `left` bytes.
    async fn discard(&mut self, left: u64) -> io::Result<u64> {
        let count = usize::try_from(left).map_or(DISCARD_BYTES, |left| left.min(DISCARD_BYTES));
        let discard = || {
            let mut room = self.scrap.0.borrow_mut();
            let room = room.get_mut(..count).unwrap_or_default();
            SockRef::from(&self.stream).recv_with_flags(room, DISCARD)
        };
        match self.stream.async_io(Interest::READABLE, discard).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count as u64),
        }
    }
}

/// Lets this process, and those it starts, open so many files.
///
/// # Errors
/// When the system does not allow it.
pub fn allow_files(count: usize) -> Outcome {
    let process = std::process::id().to_string();
    let limit = |limit: &str| {
        let limit = format!("--nofile={limit}");
        machine::run(Command::new("prlimit").args(["--pid", &process, &limit]))
    };
    // The hard limit may be high enough; only root may raise it.
    limit(&format!("{count}:")).or_else(|_low| limit(&format!("{count}:{count}")))
}
