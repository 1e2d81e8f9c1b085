//! What is captured is what others read, and what they write is sent as it was captured.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    daemon::free_port,
    ffmpeg::{self, Streams},
    process::{Process, peer, weir_binary},
    pypi::DPKT,
    wait::until,
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads a capture of bare IP by dpkt, checks each datagram, and writes it again in the classic
/// form behind a VLAN tag, with the datagrams of another group between. Prints how many there are
/// and the media in them.
const TRANSLATE: &str = r"
import dpkt, hashlib, socket, sys
folder, group = sys.argv[1].split(' ')
media, count, before = hashlib.sha256(), 0, 0
out = dpkt.pcap.Writer(open(folder + '/b.pcap', 'wb'), nano=True)
for at, packet in dpkt.pcapng.Reader(open(folder + '/a.pcapng', 'rb')):
    ip = dpkt.ip.IP(packet)
    assert at >= before and isinstance(ip.data, dpkt.udp.UDP)
    assert socket.inet_ntoa(ip.dst) == group and ip.len == len(packet)
    assert dpkt.in_cksum(packet[:20]) == 0
    before, count = at, count + 1
    rtp = dpkt.rtp.RTP(ip.data.data)
    assert rtp.pt == 33
    media.update(rtp.data)
    tag = bytes(12) + b'\x81\x00\x00\x07\x08\x00'
    out.writepkt(tag + bytes(ip), at)
    ip.dst = socket.inet_aton('239.255.81.200')
    out.writepkt(tag + bytes(ip), at)
out.close()
print(count, media.hexdigest())
";

/// Runs `weir` to its end.
fn weir(arguments: &[&str]) -> Output {
    let output = Command::new(weir_binary()).args(arguments).output();
    output.expect("weir is built")
}

fn sha256(file: &Path) -> String {
    let told = peer(Command::new("sha256sum").arg(file));
    let (sum, _) = told.split_once(' ').expect("a sum and a name");
    sum.to_owned()
}

#[test]
fn a_capture_is_read_by_others_and_theirs_is_sent_byte_by_byte() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let port = free_port();
    let from = format!("239.255.81.1:{port}");
    let to = format!("239.255.81.2:{port}");
    let encoder = ffmpeg::send(Streams::H264Aac, "rtp", &from, 60);
    let url = format!("rtp://{from}");
    let pcapng = text("a.pcapng");
    // The encoder takes a while to begin, and this asks as long as nothing comes.
    until("a capture", PATIENCE, || {
        let captured = weir(&[
            "capture",
            &url,
            &pcapng,
            "--interface",
            "lo",
            "--seconds",
            "3",
        ]);
        captured.status.success().then_some(())
    });
    drop(encoder);
    let argument = format!("{} 239.255.81.1", folder.path().display());
    let told = DPKT.run(TRANSLATE, &argument);
    let (count, media) = told.trim().split_once(' ').expect("a count and a sum");
    assert!(count.parse::<u64>().expect("a count") > 20, "{told}");

    let (stream, classic) = (text("c.ts"), text("b.pcap"));
    let target = format!("udp://{to}");
    let source = format!("rtp://{to}");
    let refused = weir(&["send", &classic, &target]);
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    let capturing = [
        "capture",
        &source,
        &stream,
        "--interface",
        "lo",
        "--seconds",
        "12",
    ];
    let mut capture = Process::weir(capturing);
    until("the group joined", PATIENCE, || {
        is_joined("239.255.81.2").then_some(())
    });
    let group = format!("239.255.81.1:{port}");
    let sent = weir(&[
        "send",
        &classic,
        &target,
        "--group",
        &group,
        "--interface",
        "lo",
    ]);
    assert!(sent.status.success(), "{sent:?}");
    until("the end of the capture", PATIENCE, || {
        (!capture.is_running()).then_some(())
    });
    assert_eq!(sha256(&path("c.ts")), media);
}

/// Whether the kernel has joined a group.
fn is_joined(group: &str) -> bool {
    let ip: std::net::Ipv4Addr = group.parse().expect("an address");
    let word = format!("{:08X}", u32::from_ne_bytes(ip.octets()));
    let table = std::fs::read_to_string("/proc/net/igmp").expect("the kernel has a table");
    table.contains(&word)
}
