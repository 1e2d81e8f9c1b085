//! A daemon before an origin that remembers what it was asked, and a client that says what it
//! likes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use weir_tests::{
    daemon::Daemon,
    http::{self, Response},
    origin::{Origin, Reply},
    wait,
};

/// What no request may ever be answered by: it stands where only a smuggler's reader finds it.
pub(super) const HIDDEN: &str = "GET /vod/hidden HTTP/1.1\r\nHost: h\r\n\r\n";

/// Bytes of `/vod/object`.
pub(super) const OBJECT_BYTES: usize = 100_000;

/// Bytes of `/vod/long`.
pub(super) const LONG_BYTES: usize = 16 << 20;

/// How long an answer may take, or the end of a connection.
const PATIENCE: Duration = Duration::from_secs(8);

/// A daemon that leads `/vod/` to an origin.
pub(super) struct Rig {
    pub(super) daemon: Daemon,
    pub(super) origin: Origin,
}

impl Rig {
    pub(super) fn start() -> Self {
        Self::with("")
    }

    /// The same with more keys of `[http]`.
    pub(super) fn with(http: &str) -> Self {
        let origin = Origin::start(|seen| {
            let keep = ("Cache-Control", "max-age=600");
            match seen.target.as_str() {
                "/vod/object" => Reply::new(200, &[keep], vec![b'o'; OBJECT_BYTES]),
                "/vod/long" => Reply::new(200, &[keep], vec![b'l'; LONG_BYTES]),
                target => Reply::new(200, &[("Cache-Control", "no-store")], target),
            }
        });
        let routes = format!(
            "[[origin]]\nname = \"o\"\nurls = [\"{}\"]\n\
             [[route]]\npath = \"/vod/\"\norigin = [\"o\"]\n",
            origin.url()
        );
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let daemon = Daemon::start_with(folder, http, &routes);
        Self { daemon, origin }
    }

    /// Host and port.
    pub(super) fn address(&self) -> String {
        self.daemon
            .data("")
            .trim_start_matches("http://")
            .to_owned()
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the daemon listens");
        let is_set = stream.set_read_timeout(Some(PATIENCE)).is_ok()
            && stream.set_write_timeout(Some(PATIENCE)).is_ok();
        assert!(is_set, "a socket takes deadlines");
        stream
    }

    /// Sends `bytes` on a connection of their own, and reads all that is answered.
    pub(super) fn say(&self, bytes: &[u8]) -> Said {
        let mut stream = self.connect();
        // Who is refused early may find the connection closed before all is said.
        let is_said = stream.write_all(bytes).is_ok();
        Said::read(&mut stream, is_said)
    }

    /// The same, and the end: the client says that nothing more comes.
    pub(super) fn say_and_end(&self, bytes: &[u8]) -> Said {
        let mut stream = self.connect();
        let is_said = stream.write_all(bytes).is_ok() && stream.shutdown(Shutdown::Write).is_ok();
        Said::read(&mut stream, is_said)
    }

    /// The targets that the origin was asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.origin
            .seen()
            .into_iter()
            .map(|seen| seen.target)
            .collect()
    }

    /// Waits until so many of `counter` are told, at least.
    pub(super) fn until_counted(&self, counter: &str, count: u64) {
        wait::until(counter, PATIENCE, || {
            (self.counted(counter) >= count).then_some(())
        });
    }

    /// A counter of the data listener, as it was a second ago at most.
    pub(super) fn counted(&self, counter: &str) -> u64 {
        let health = self.daemon.health();
        let count = health["http"][counter].as_u64();
        count.unwrap_or_else(|| panic!("no counter {counter}"))
    }
}

/// What came back on a connection.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) responses: Vec<Response>,
    /// The daemon closed the connection.
    pub(super) is_closed: bool,
}

impl Said {
    /// Reads responses until the connection ends or stays silent.
    fn read(stream: &mut TcpStream, is_said: bool) -> Self {
        let mut bytes = Vec::new();
        let mut room = vec![0; 64 << 10];
        let is_closed = loop {
            match stream.read(&mut room) {
                Ok(0) => break true,
                Ok(count) => bytes.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_silence) => break !is_said,
            }
        };
        Self {
            responses: responses(&bytes),
            is_closed,
        }
    }

    pub(super) fn statuses(&self) -> Vec<u16> {
        self.responses
            .iter()
            .map(|response| response.status)
            .collect()
    }
}

/// The responses in `bytes`, one behind the other.
///
/// # Panics
/// When there is anything but whole responses.
fn responses(mut bytes: &[u8]) -> Vec<Response> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let length = response_bytes(bytes);
        let length = length.unwrap_or_else(|| panic!("no response: {}", text(bytes)));
        let (one, rest) = bytes.split_at(length);
        let one = http::parse(one, false).unwrap_or_else(|error| panic!("{error}: {}", text(one)));
        all.push(one);
        bytes = rest;
    }
    all
}

/// The length of the first response in `bytes`, which tells it by Content-Length.
fn response_bytes(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = text(&bytes[..head]).to_ascii_lowercase();
    let status: u16 = text.split(' ').nth(1)?.parse().ok()?;
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let body = match length {
        Some(length) => length.trim().parse().ok()?,
        None if status < 200 || status == 204 || status == 304 => 0,
        None => bytes.len() - head,
    };
    (head + body <= bytes.len()).then_some(head + body)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
