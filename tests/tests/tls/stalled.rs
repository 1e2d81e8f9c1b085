//! Clients that ask for a lot by TLS or HTTP/2, and take nothing.

use std::io::Write as _;

use weir_tests::{cached::bytes, process::anonymous_bytes, wait::until};

use crate::{
    frames::{SETTINGS, WINDOW_UPDATE, connect, frame, get, stream},
    handshakes::{ask, trusting},
    rig::{LONG, LONG_BYTES, PATIENCE, Rig},
};

/// What a client may cost that has stalled in a long answer by TLS: what `rustls` holds, and the
/// state of its connection.
const ENCRYPTED_BYTES_MAX: u64 = 112 << 10;

/// What one may cost that has opened 100 streams and gives them no window: their state, but nothing
/// of their answers.
const STREAMS_BYTES_MAX: u64 = 1 << 20;

/// The most memory the daemon has while `clients` hold still, for each of them.
fn cost<T>(rig: &Rig, what: &str, clients: impl FnOnce() -> Vec<T>) -> u64 {
    let process = rig.daemon.process().id();
    assert!(rig.fetch(&["--http2"], &rig.secure(LONG)).1 == bytes(LONG_BYTES));
    let before = anonymous_bytes(process);
    let clients = clients();
    let (mut looks, mut most) = (0, 0);
    until("a hundred looks", PATIENCE, || {
        looks += 1;
        most = anonymous_bytes(process).max(most);
        (looks == 100).then_some(())
    });
    let each = most.saturating_sub(before) / clients.len() as u64;
    println!("{} {what}: {each} bytes of memory each", clients.len());
    assert!(rig.fetch(&["--http2"], &rig.secure(LONG)).1 == bytes(LONG_BYTES));
    each
}

#[test]
fn a_client_that_takes_nothing_by_tls_costs_two_records() {
    let rig = Rig::start();
    let config = trusting(&rig.certificate);
    let each = cost(&rig, "stalled by TLS", || {
        (0..50).map(|_| ask(&rig, &config, LONG)).collect()
    });
    assert!(each < ENCRYPTED_BYTES_MAX, "{each} bytes");
    let idle = cost(&rig, "idle by TLS", || {
        (0..200).map(|_| ask(&rig, &config, "/livez")).collect()
    });
    assert!(idle < ENCRYPTED_BYTES_MAX, "{idle} bytes");
}

#[test]
fn a_client_that_opens_streams_without_windows_costs_their_state_alone() {
    let rig = Rig::start();
    let address = rig.plain_address();
    let each = cost(&rig, "connections of 100 streams without windows", || {
        let stalled = (0..20).map(|_| {
            let mut client = connect(&address).unwrap();
            // SETTINGS_INITIAL_WINDOW_SIZE is 0.
            let mut flood = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
            flood.extend((0..100).flat_map(|number| get(stream(number), LONG)));
            client.write_all(&flood).unwrap();
            client
        });
        stalled.collect()
    });
    assert!(each < STREAMS_BYTES_MAX, "{each} bytes");
    // A byte for each stream now and then: frames too short to be worth their heads.
    let dripping = cost(&rig, "connections of 100 streams, a byte at a time", || {
        let stalled = (0..20).map(|_| {
            let mut client = connect(&address).unwrap();
            let mut flood = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
            flood.extend((0..100).flat_map(|number| get(stream(number), LONG)));
            for _ in 0..10 {
                let one = 1_u32.to_be_bytes();
                let updates = (0..100).map(|number| frame(WINDOW_UPDATE, 0, stream(number), &one));
                flood.extend(updates.flatten());
            }
            client.write_all(&flood).unwrap();
            client
        });
        stalled.collect()
    });
    assert!(dripping < STREAMS_BYTES_MAX, "{dripping} bytes");
}
