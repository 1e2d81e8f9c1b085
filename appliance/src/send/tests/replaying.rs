//! Captures go out as they came.

use std::net::SocketAddr;

use super::*;
use crate::{
    capture::{Udp, Writer},
    send::{Error, Unsent},
};

const ONE: &str = "239.1.1.1:1234";
const OTHER: &str = "239.1.1.2:1234";

/// Half a second short of 2026.
const BEGUN_NS: u64 = 1_767_225_599_500_000_000;

/// A capture of datagrams to groups, each with its milliseconds and its content.
fn capture(datagrams: &[(&str, u64, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::default();
    let mut file = writer.begin().to_vec();
    for (group, ms, payload) in datagrams {
        let udp = Udp {
            source: SocketAddr::from(([10, 0, 0, 7], 5_000)),
            destination: group.parse().expect("an address"),
            payload,
        };
        let at_ns = BEGUN_NS + ms * 1_000_000;
        file.extend(writer.datagram(&udp, at_ns).expect("one family"));
    }
    file
}

fn replay(
    file: Vec<u8>,
    group: Option<&str>,
    (is_looping, span): (bool, Duration),
) -> Result<(Sent, Statistics), Error> {
    let clock = Arc::new(sim::Clock::jumping());
    let recorder = Recorder {
        clock: Arc::clone(&clock),
        sent: Arc::default(),
    };
    let group = group.map(|group| group.parse().expect("an address"));
    let mut playout = Playout::default();
    playout.add_capture(built_in(file), recorder.clone(), (group, is_looping))?;
    let is_over = || clock.monotonic() >= Monotonic::ZERO + span;
    let statistics = playout.run(&*clock, is_over, |_| {})?;
    let sent = recorder.sent.lock().unwrap().clone();
    Ok((sent, statistics))
}

/// When each datagram left, in milliseconds, and what it was.
fn told(sent: &Sent) -> Vec<(u128, &[u8])> {
    sent.iter()
        .map(|(at, bytes)| (at.as_millis(), &bytes[..]))
        .collect()
}

const ONCE_FOR_AN_HOUR: (bool, Duration) = (false, Duration::from_hours(1));

#[test]
fn datagrams_leave_at_the_distances_at_which_they_came_unchanged() {
    let file = capture(&[
        (ONE, 0, b"first"),
        (ONE, 0, b"at once"),
        (ONE, 700, b""),
        (ONE, 650, b"out of order"),
        (ONE, 61_000, b"a minute later"),
    ]);
    let (sent, statistics) = replay(file, None, ONCE_FOR_AN_HOUR).expect("sound");
    assert_eq!(
        told(&sent),
        [
            (0, &b"first"[..]),
            (0, b"at once"),
            (700, b""),
            (700, b"out of order"),
            (61_000, b"a minute later"),
        ]
    );
    assert_eq!((statistics.datagrams, statistics.passes), (5, 1));
}

#[test]
fn one_of_several_groups_is_sent_and_must_be_chosen() {
    let file = capture(&[(OTHER, 0, b"not this"), (ONE, 40, b"a"), (ONE, 60, b"b")]);
    let refusal = replay(file.clone(), None, ONCE_FOR_AN_HOUR)
        .unwrap_err()
        .to_string();
    assert_eq!(
        refusal,
        "choose by --group what to send of a test stream: it has 239.1.1.1:1234 (2 datagrams), \
         239.1.1.2:1234 (1 datagrams)"
    );
    let absent = replay(file.clone(), Some("239.1.1.3:1"), ONCE_FOR_AN_HOUR);
    assert!(matches!(absent, Err(Error::Destination { .. })));
    let (sent, _) = replay(file, Some(ONE), ONCE_FOR_AN_HOUR).expect("sound");
    assert_eq!(told(&sent), [(0, &b"a"[..]), (20, b"b")]);
    let query = capture(&[("10.0.0.1:53", 0, b"a question"), (ONE, 1, b"a")]);
    let (sent, _) = replay(query, None, ONCE_FOR_AN_HOUR).expect("one is a group");
    assert_eq!(told(&sent), [(0, &b"a"[..])]);
}

#[test]
fn a_looping_capture_goes_on_at_its_usual_distance() {
    let file = capture(&[(ONE, 0, b"a"), (ONE, 10, b"b"), (ONE, 20, b"c")]);
    let for_long = (true, Duration::from_millis(55));
    let (sent, statistics) = replay(file, None, for_long).expect("sound");
    let times: Vec<_> = told(&sent).iter().map(|(ms, _)| *ms).collect();
    assert_eq!(times, [0, 10, 20, 30, 40, 50]);
    assert_eq!(statistics.passes, 2);
}

#[test]
fn a_capture_that_is_cut_short_is_sent_up_to_there_and_its_fragments_are_counted() {
    let mut file = capture(&[(ONE, 0, b"a"), (ONE, 10, b"b"), (ONE, 20, b"c")]);
    file.truncate(file.len() - 5);
    // The flag that more fragments follow, in the second datagram.
    let first = 28 + 32 + 32 + 32;
    file[first + 28 + 6] = 0x20;
    let (sent, statistics) = replay(file, None, ONCE_FOR_AN_HOUR).expect("sound");
    assert_eq!(told(&sent), [(0, &b"a"[..])]);
    let fragments = 1;
    assert_eq!(
        statistics.unsent,
        Unsent {
            fragments,
            ..Unsent::default()
        }
    );
    let empty = replay(capture(&[]), None, ONCE_FOR_AN_HOUR);
    assert!(matches!(empty, Err(Error::NoDatagram { .. })));
}

#[test]
fn a_long_capture_is_read_in_pieces() {
    let payload = vec![0x47; 60_000];
    let datagrams: Vec<_> = (0..40).map(|ms| (ONE, ms, &payload[..])).collect();
    let (sent, _) = replay(capture(&datagrams), None, ONCE_FOR_AN_HOUR).expect("sound");
    assert_eq!(sent.len(), 40);
    assert!(sent.iter().all(|(_, bytes)| *bytes == payload));
}
