//! What one client may take, as it is configured.

use std::{
    error::Error,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use weir_tests::wait::until;

use crate::rig::{LONG_BYTES, Rig};

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
const LONG: &str = "GET /vod/long HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks, and reads the first bytes of the answer.
fn asks(stream: &mut TcpStream) -> Option<String> {
    let mut room = [0; 1_000];
    stream.write_all(LIVEZ.as_bytes()).ok()?;
    let count = stream.read(&mut room).ok().filter(|count| *count > 0)?;
    Some(String::from_utf8_lossy(&room[..count]).into_owned())
}

#[test]
fn one_client_has_so_many_connections_and_a_freed_one_may_be_used_again() {
    let rig = Rig::with("connections_per_client = 6");
    let mut first: Vec<_> = (0..6).map(|_| rig.connect()).collect();
    assert!(first.iter_mut().all(|stream| asks(stream).is_some()));
    assert!(asks(&mut rig.connect()).is_none(), "a seventh");
    rig.until_counted("connections_refused_client", 1);
    first.pop();
    until("a place", PATIENCE, || asks(&mut rig.connect()));
    assert!(first.iter_mut().all(|stream| asks(stream).is_some()));
}

#[test]
fn one_client_that_takes_all_connections_leaves_some_to_others() {
    let rig = Rig::with("connections = 16");
    let mut greedy: Vec<_> = (0..16).map(|_| rig.connect()).collect();
    assert!(greedy.iter_mut().all(|stream| asks(stream).is_some()));
    assert!(asks(&mut rig.connect()).is_none());
    let mut other = from_another_address(&rig);
    assert!(asks(&mut other).is_some());
    rig.until_counted("connections_refused", 1);
    assert_eq!(rig.counted("connections_refused_client"), 0);
}

/// A connection from 127.0.0.2.
fn from_another_address(rig: &Rig) -> TcpStream {
    let stream = dial(rig, |socket| {
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())
    });
    stream.expect("all of 127.0.0.0/8 is this machine")
}

/// A connection of a socket that was `prepared`.
fn dial(
    rig: &Rig,
    prepare: impl FnOnce(&Socket) -> io::Result<()>,
) -> Result<TcpStream, Box<dyn Error>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    prepare(&socket)?;
    socket.connect(&rig.address().parse::<SocketAddr>()?.into())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

#[test]
fn who_asks_too_often_gets_429_and_others_do_not() {
    let rig = Rig::with("request_rate = 1\nrequest_burst = 5");
    let mut stream = rig.connect();
    for _ in 0..5 {
        assert!(asks(&mut stream).unwrap().starts_with("HTTP/1.1 200 "));
    }
    let refused = asks(&mut stream).unwrap();
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    let answered = asks(&mut from_another_address(&rig)).unwrap();
    assert!(answered.starts_with("HTTP/1.1 200 "), "{answered}");
    until("the rate", PATIENCE, || {
        asks(&mut stream).filter(|answer| answer.starts_with("HTTP/1.1 200 "))
    });
    rig.until_counted("requests_throttled", 1);
}

#[test]
fn answers_that_are_given_again_count_against_the_rate_too() {
    let rig = Rig::with("request_rate = 1\nrequest_burst = 5");
    let ask = "GET /vod/object HTTP/1.1\r\nHost: h\r\n\r\n".repeat(30);
    let close = "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let statuses = rig.say(format!("{ask}{close}").as_bytes()).statuses();
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!((5..=15).contains(&answered), "{statuses:?}");
    assert_eq!(statuses.len(), 31);
}

#[test]
fn a_body_may_be_as_long_as_configured() {
    let rig = Rig::with("body_size = \"2KiB\"");
    let post = |bytes: usize| {
        let body = "b".repeat(bytes);
        let text = format!(
            "POST /vod/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Content-Length: {bytes}\r\n\r\n{body}"
        );
        rig.say(text.as_bytes()).statuses()
    };
    assert_eq!(post(2_048), [200]);
    assert_eq!(post(2_049), [413]);
}

/// Takes `first` bytes of a long answer, then `bytes` every `pause`, for `time`. Tells whether the
/// connection was cut meanwhile or behind it, and when.
fn take(rig: &Rig, first: usize, (bytes, pause): (usize, Duration), time: Duration) -> bool {
    let slow = dial(rig, |socket| socket.set_recv_buffer_size(8 << 10));
    let mut stream = slow.expect("the daemon listens");
    stream.write_all(LONG.as_bytes()).expect("there is room");
    let mut room = vec![0; first.max(bytes)];
    let begun = stream.read_exact(&mut room[..first]);
    begun.expect("the answer begins");
    let start = Instant::now();
    while start.elapsed() < time {
        thread::sleep(pause);
        if bytes > 0 && !matches!(stream.read(&mut room[..bytes]), Ok(1..)) {
            return true;
        }
    }
    // What the kernel still holds is not told from what is sent on by one look.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).is_err() || rest.len() < LONG_BYTES / 2
}

#[test]
fn a_player_may_pause_and_who_trickles_is_cut() {
    // Of a pause of 10 s, one second before anything was taken.
    let rig = Rig::with("send_rate_min = \"100kb/s\"\nsend_pause = \"10s\"");
    let (silent, second) = ((0, Duration::from_millis(100)), Duration::from_secs(1));
    thread::scope(|scope| {
        let pausing = scope.spawn(|| take(&rig, 2 << 20, silent, 5 * second));
        let too_long = scope.spawn(|| take(&rig, 2 << 20, silent, 14 * second));
        let trickling =
            scope.spawn(|| take(&rig, 1, (100, Duration::from_millis(100)), 14 * second));
        let taking_nothing = scope.spawn(|| take(&rig, 1, silent, 5 * second));
        assert!(!pausing.join().unwrap(), "a pause of 5 s");
        assert!(too_long.join().unwrap(), "a pause of 14 s");
        assert!(trickling.join().unwrap(), "8 kb/s");
        assert!(taking_nothing.join().unwrap(), "nothing");
    });
    rig.until_counted("connections_stalled", 3);
}
