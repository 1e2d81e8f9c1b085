//! Waiting until an address has said for long enough that it is ready.
//!
//! Source: `/readyz` of the appliance, which takes in the whole path.
//!
//! Refuses: to say why it is not. The appliance does, to all who ask.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use weir_hal::{Clock as _, linux::Clock};

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is read of an answer: its status line.
const ANSWER_BYTES: usize = 12;

/// Waits until `address` (HOST:PORT/PATH) has been good for `good_for` without a break, for `limit`
/// if there is one; tells whether it was.
pub(crate) fn await_ready(address: &str, good_for: Duration, limit: Option<Duration>) -> bool {
    let clock = Clock::new();
    let until = limit.map(|limit| clock.monotonic() + limit);
    let mut since = None;
    loop {
        let now = clock.monotonic();
        if until.is_some_and(|until| now >= until) {
            return false;
        }
        if is_ready(address).unwrap_or(false) {
            let since = *since.get_or_insert(now);
            if now >= since + good_for {
                return true;
            }
        } else {
            since = None;
        }
        clock.sleep_until(now + PAUSE);
    }
}

fn is_ready(address: &str) -> io::Result<bool> {
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let peer = host.to_socket_addrs()?.next();
    let peer = peer.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&peer, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = [0; ANSWER_BYTES];
    stream.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    use super::*;

    #[test]
    fn who_never_answers_is_waited_for_no_longer_than_the_limit() {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let limit = Some(Duration::from_millis(10));
        assert!(!await_ready(
            &format!("{free}/readyz"),
            Duration::ZERO,
            limit
        ));
    }

    #[test]
    fn only_a_200_is_ready() {
        for (status, expected) in [("200 OK", true), ("503 Service Unavailable", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("{}/readyz", listener.local_addr().unwrap());
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                write!(stream, "HTTP/1.1 {status}\r\n\r\n").unwrap();
                line
            });
            assert_eq!(is_ready(&address).unwrap(), expected, "{status}");
            assert_eq!(server.join().unwrap(), "GET /readyz HTTP/1.1\r\n");
        }
    }
}
