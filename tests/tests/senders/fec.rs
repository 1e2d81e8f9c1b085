//! What ffmpeg protects by its `prompeg` (Pro-MPEG Code of Practice 3, SMPTE ST 2022-1) comes back
//! byte by byte.

use std::{collections::BTreeMap, net::UdpSocket, process::Command, time::Duration};

use weir::receive::{RtpHeader, fec::Fec};
use weir_hal::sim::Generator;
use weir_tests::{daemon::free_port, ffmpeg::Streams, process::Process};

/// What ffmpeg sends to three ports: the media, what protects columns, what protects rows.
pub(crate) struct Sent {
    /// In order of arrival: the stream, and the packet.
    pub(crate) packets: Vec<(usize, Vec<u8>)>,
}

/// Datagrams of media that are looked at.
const MEDIA_MIN: usize = 800;

/// Silence after which nothing more is expected.
const SILENCE: Duration = Duration::from_secs(5);

/// Ports for the media and, two and four above it, for what protects it.
fn sockets() -> (u16, [UdpSocket; 3]) {
    loop {
        let port = free_port();
        let bind = |more: u16| UdpSocket::bind(("127.0.0.1", port + more)).ok();
        if let (Some(media), Some(columns), Some(rows)) = (bind(0), bind(2), bind(4)) {
            return (port, [media, columns, rows]);
        }
    }
}

/// True for RTCP (RFC 5761 §4), which each ffmpeg sends to the port above its media: that of a test
/// beside this one.
fn is_rtcp(packet: &[u8]) -> bool {
    packet
        .get(1)
        .is_some_and(|kind| (64..96).contains(&(kind & 0x7F)))
}

pub(crate) fn capture(columns: u16, rows: u16) -> Sent {
    let (port, sockets) = sockets();
    let mut command = Command::new("ffmpeg");
    command
        .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
        .args(Streams::Mpeg2Mp2.arguments(20))
        .args(["-f", "rtp_mpegts", "-fec"])
        .arg(format!("prompeg=l={columns}:d={rows}"))
        .arg(format!("rtp://127.0.0.1:{port}?pkt_size=1328"));
    let _sender = Process::start(command);
    for socket in &sockets[1..] {
        socket.set_nonblocking(true).expect("a socket");
    }
    sockets[0]
        .set_read_timeout(Some(SILENCE))
        .expect("a socket");
    let mut packets = Vec::new();
    let mut bytes = [0; 2_048];
    let mut media = 0;
    while media < MEDIA_MIN {
        let count = sockets[0].recv(&mut bytes).expect("ffmpeg sends");
        if is_rtcp(&bytes[..count]) {
            continue;
        }
        packets.push((0, bytes[..count].to_vec()));
        media += 1;
        for (stream, socket) in sockets.iter().enumerate().skip(1) {
            while let Ok(count) = socket.recv(&mut bytes) {
                let packet = &bytes[..count];
                packets.extend((!is_rtcp(packet)).then(|| (stream, packet.to_vec())));
            }
        }
    }
    Sent { packets }
}

/// Plays what was sent without the media packets that `is_lost`, and returns those lost and those
/// that came back.
fn recover(sent: &Sent, mut is_lost: impl FnMut(usize) -> bool) -> [BTreeMap<u16, Vec<u8>>; 2] {
    let (mut lost, mut back) = (BTreeMap::new(), BTreeMap::new());
    let mut fec = Fec::new();
    let mut place = 0;
    for (stream, bytes) in &sent.packets {
        let packet = RtpHeader::parse(bytes).expect("ffmpeg sends RTP");
        let mut each = |bytes: &[u8]| {
            let packet = RtpHeader::parse(bytes).expect("what comes back is RTP");
            back.insert(packet.sequence, bytes.to_vec());
        };
        if *stream > 0 {
            fec.protect(&packet, &mut each)
                .expect("ffmpeg keeps the standard");
            continue;
        }
        place += 1;
        if is_lost(place - 1) {
            lost.insert(packet.sequence, bytes.clone());
        } else {
            fec.media(&packet, &mut each);
        }
    }
    [lost, back]
}

fn check(columns: u16, rows: u16) {
    let sent = capture(columns, rows);
    let count = |stream: usize| sent.packets.iter().filter(|it| it.0 == stream).count();
    assert!(count(1) > 0 && count(2) > 0, "both FEC streams come");
    let (width, size) = (usize::from(columns), usize::from(columns * rows));
    // What protects the last ones was not sent yet, and the first matrix began before us.
    let inside = size..count(0) - 3 * size;

    // A burst as long as a row, in every other matrix.
    let [lost, back] = recover(&sent, |place| {
        inside.contains(&place) && place % (2 * size) < width
    });
    assert!(lost.len() >= width);
    assert!(lost == back, "{:?} of {:?}", back.keys(), lost.keys());

    // A twentieth, here and there: most comes back, and all as it was.
    let mut random = Generator::new(5);
    let [lost, back] = recover(&sent, |place| {
        inside.contains(&place) && random.below(20) == 0
    });
    assert!(
        back.iter()
            .all(|(number, bytes)| lost.get(number) == Some(bytes))
    );
    assert!(
        back.len() * 10 >= lost.len() * 9,
        "{} of {}",
        back.len(),
        lost.len()
    );
}

#[test]
fn what_ffmpeg_protects_by_squares_comes_back() {
    check(5, 5);
}

#[test]
fn what_ffmpeg_protects_by_wide_matrices_comes_back() {
    check(20, 5);
}
