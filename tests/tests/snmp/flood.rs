//! A flood of datagrams that are no SNMP, while television comes in beside it: nothing of that is
//! lost, memory stays, and whoever asks properly is answered.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    daemon::free_port,
    ffmpeg, http,
    process::{Process, anonymous_bytes},
    wait::{until, until_every},
};

use crate::manager::{Appliance, ENTERPRISE};

/// Datagrams a second.
const RATE_PER_S: u128 = 10_000;

/// How long; a minute with `WEIR_LONG` set for the build.
const SPAN: Duration = if option_env!("WEIR_LONG").is_some() {
    Duration::from_mins(1)
} else {
    Duration::from_secs(5)
};

/// What memory may grow by: a few segments that are not on disk yet among it.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

/// A channel of 8 Mb/s, sent in real time.
fn television(folder: &TempDir, group: &str) -> Process {
    let file = folder.path().join("clip.ts");
    let arguments = "-f lavfi -i testsrc2=size=720x576:rate=25:duration=10 -c:v mpeg2video -g 25 \
        -b:v 6M -minrate 6M -maxrate 6M -bufsize 2M -muxrate 8M";
    let arguments = arguments.split_whitespace().map(str::to_owned);
    ffmpeg::make_with(arguments.collect(), &file);
    let (file, url) = (
        file.to_str().expect("a plain path"),
        format!("udp://{group}"),
    );
    Process::weir(["send", file, &url, "--loop", "--interface", "lo"])
}

fn rendition(appliance: &Appliance) -> Value {
    let told = http::get(&appliance.daemon.management("/api/v1/channels/tv"));
    let told = told.expect("the management listener answers");
    told.json()["renditions"][0].clone()
}

/// Datagrams of which no two are alike and none is SNMP: noise, and beginnings of a request that
/// promise more than comes.
fn datagram(number: u64) -> Vec<u8> {
    let begun: &[&[u8]] = &[
        &[],
        &[0x30],
        &[0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF, 0x02, 0x01, 0x03],
        &[
            0x30, 0x82, 0x05, 0x00, 0x02, 0x01, 0x01, 0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF,
        ],
    ];
    let kind = usize::try_from(number % 4).expect("below 4");
    let noise = (0..160).flat_map(|place| (number ^ place << 32).wrapping_mul(PRIME).to_be_bytes());
    begun[kind].iter().copied().chain(noise).collect()
}

/// Spreads bits.
const PRIME: u64 = 0x9E37_79B9_7F4A_7C15;

/// Sends the flood; tells how many datagrams it had.
fn flood(address: &str) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let (start, mut sent) = (Instant::now(), 0);
    until_every(
        Duration::from_millis(1),
        "the end of the flood",
        4 * SPAN,
        || {
            let elapsed = start.elapsed().min(SPAN);
            let due = elapsed.as_micros() * RATE_PER_S / 1_000_000;
            while u128::from(sent) < due {
                // What the kernel has no room for is lost, and that is all right.
                drop(socket.send_to(&datagram(sent), address));
                sent += 1;
            }
            (elapsed == SPAN).then_some(sent)
        },
    )
}

#[test]
fn a_flood_of_ten_thousand_a_second_costs_television_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let group = format!("239.255.86.2:{}", free_port());
    let channel = format!(
        "[segment]\ntarget = \"1s\"\n[[channel]]\nid = \"tv\"\n[[channel.rendition]]\n\
         name = \"HD\"\nsources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
    );
    let appliance = Appliance::start_with(0, "127.0.0.0/8", &channel);
    let _sender = television(&folder, &group);
    until("ten segments", Duration::from_mins(1), || {
        let segments = rendition(&appliance)["segment"]["segments"].as_u64();
        (segments >= Some(10)).then_some(())
    });
    appliance.walk(ENTERPRISE);
    let process = appliance.daemon.process().id();
    let (before, memory) = (rendition(&appliance), anonymous_bytes(process));
    let sent = flood(&appliance.address());
    let grown = anonymous_bytes(process).saturating_sub(memory);
    assert_eq!(appliance.get(".1.3.6.1.2.1.1.5.0"), "STRING: \"box\"");
    assert_eq!(u128::from(sent), RATE_PER_S * u128::from(SPAN.as_secs()));
    appliance.await_above("asn_parse_errors", sent / 10);
    let after = rendition(&appliance);
    let counted = |of: &Value, name: &str| of["receive"][name].as_u64().expect("a counter");
    assert_eq!(counted(&after, "kernel_dropped_datagrams"), 0);
    assert!(
        counted(&after, "bytes") > counted(&before, "bytes"),
        "{after}"
    );
    for error in ["continuity_count_error", "ts_sync_loss", "transport_error"] {
        assert!(before["demux"][error].is_u64(), "{error} of {before}");
        assert_eq!(after["demux"][error], before["demux"][error], "{error}");
    }
    assert_eq!(after["state"], "on_air");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
}
