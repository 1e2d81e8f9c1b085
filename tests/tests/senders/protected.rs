//! What is lost on its way to a channel and protected by SMPTE ST 2022-1 is on air all the same.

use std::{fs::read_to_string, time::Duration};

use serde_json::Value;
use weir_hal::{Destination, InterfaceName, Multicast, MulticastSender, linux};
use weir_tests::{
    daemon::{Daemon, free_port},
    http,
    wait::until,
};

use crate::fec::capture;

const COLUMNS: usize = 5;
const ROWS: usize = 5;
const MATRIX: usize = COLUMNS * ROWS;

/// Between two packets: 10 Mb/s.
const PACE: Duration = Duration::from_millis(1);

/// Until counters tell what came.
const PATIENCE: Duration = Duration::from_secs(30);

/// The group of all, media and what protects it.
const GROUP: &str = "239.255.80.2";

/// Sockets of both channels: for the media each, and for columns and rows.
const SOCKETS: usize = 4;

/// A channel that makes use of what protects its media, and one that does not.
fn daemon(port: u16) -> Daemon {
    let channel = |id: &str, fec: bool| {
        format!(
            "[[channel]]\nid = \"{id}\"\n[[channel.rendition]]\nname = \"r\"\nfec = {fec}\n\
             sources = [\"rtp://{GROUP}:{port}\"]\ninterface = \"lo\"\n"
        )
    };
    let channels = channel("protected", true) + &channel("bare", false);
    Daemon::start(&format!("[segment]\ntarget = \"2s\"\n{channels}"))
}

/// Sockets that are bound to one of these ports, on whatever address.
fn bound(ports: [u16; 3]) -> usize {
    let sockets = read_to_string("/proc/net/udp").expect("Linux");
    let locals = sockets
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1));
    let is_it = |local: &&str| {
        ports
            .iter()
            .any(|it| local.ends_with(&format!(":{it:04X}")))
    };
    locals.filter(is_it).count()
}

fn rendition(daemon: &Daemon, channel: &str) -> Value {
    let told = http::get(&daemon.management(&format!("/api/v1/channels/{channel}")));
    told.expect("the channel is there").json()["renditions"][0].clone()
}

fn count(told: &Value, path: &str) -> u64 {
    told.pointer(path).and_then(Value::as_u64).expect(path)
}

#[test]
fn what_is_lost_and_protected_by_columns_and_rows_is_on_air() {
    let sent = capture(5, 5);
    let media = sent.packets.iter().filter(|it| it.0 == 0).count();
    // Of every other matrix its longest burst: a row. The ends are not protected whole.
    let inside = MATRIX..media - 3 * MATRIX;
    let is_lost = |place: &usize| inside.contains(place) && place % (2 * MATRIX) < COLUMNS;
    let lost = (0..media).filter(is_lost).count() as u64;
    assert!(lost > 50, "{lost} of {media}");

    let port = free_port();
    let ports = [port, port + 2, port + 4];
    let daemon = daemon(port);
    until("all groups are joined", PATIENCE, || {
        (bound(ports) >= SOCKETS).then_some(())
    });
    let board = linux::board();
    let sender = |port: u16| {
        let destination = Destination {
            group: format!("{GROUP}:{port}").parse().expect("an address"),
            interface: InterfaceName::new("lo"),
            hops: 1,
        };
        let opened = board.multicast.sender(&destination);
        opened.expect("loopback is up")
    };
    let mut senders = ports.map(sender);
    let mut place = 0;
    for (stream, packet) in &sent.packets {
        let is_sent = *stream > 0 || !is_lost(&place);
        place += usize::from(*stream == 0);
        if is_sent {
            board.clock.sleep_until(board.clock.monotonic() + PACE);
            let sent = senders[*stream].send(packet);
            sent.expect("loopback takes the datagram");
        }
    }

    let told = until("what was lost is counted", PATIENCE, || {
        let [protected, bare] = ["protected", "bare"].map(|it| rendition(&daemon, it));
        let is_told = count(&bare, "/receive/rtp_lost") >= lost
            && count(&protected, "/receive/fec_recovered") >= lost;
        is_told.then_some([protected, bare])
    });
    for told in &told {
        assert_eq!(
            count(told, "/receive/kernel_dropped_datagrams"),
            0,
            "{told}"
        );
        assert_eq!(
            count(told, "/receive/datagrams"),
            media as u64 - lost,
            "{told}"
        );
    }
    let [protected, bare] = told;
    assert_eq!(count(&protected, "/receive/fec_recovered"), lost);
    assert_eq!(count(&protected, "/receive/rtp_lost"), 0);
    assert_eq!(count(&protected, "/demux/continuity_count_error"), 0);
    assert_eq!(count(&bare, "/receive/rtp_lost"), lost);
    assert!(count(&bare, "/demux/continuity_count_error") > 0);
}
