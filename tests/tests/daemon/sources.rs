//! One bad source is named in its channel's state; the other channels run on.

use std::{net::UdpSocket, time::Duration};

use serde_json::Value;
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    wait::until,
};

/// Sends `count` datagrams of `payload` to `group` on the loopback interface.
fn flood(group: &str, payload: &[u8], count: usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    for _ in 0..count {
        socket
            .send_to(payload, group)
            .expect("loopback takes the datagram");
    }
}

fn rendition(health: &Value, channel: &str) -> Value {
    let channels = health["channels"].as_array().expect("a list of channels");
    let found = channels.iter().find(|entry| entry["id"] == channel);
    found.expect("the channel is listed")["renditions"][0].clone()
}

#[test]
fn each_bad_source_is_named_with_its_reason_and_the_good_channel_runs() {
    let port = free_port();
    let good = format!("239.255.83.1:{port}");
    // A unicast address, so that plain sends reach it.
    let garbage = format!("127.0.0.1:{}", free_port());
    let channel = |id: &str, source: &str, more: &str| {
        format!(
            "[[channel]]\nid = \"{id}\"\n[[channel.rendition]]\nname = \"r\"\n\
             sources = [\"{source}\"]\n{more}\n"
        )
    };
    let daemon = Daemon::start(
        &[
            "[segment]\ntarget = \"1s\"\n".to_owned(),
            channel("good", &format!("udp://{good}"), "interface = \"lo\""),
            channel(
                "silent",
                &format!("udp://239.255.83.2:{port}"),
                "interface = \"lo\"",
            ),
            channel(
                "unplugged",
                &format!("udp://239.255.83.3:{port}"),
                "interface = \"weir-none\"",
            ),
            channel(
                "absent",
                &format!("udp://{good}"),
                "interface = \"lo\"\nprogram = 77",
            ),
            channel("garbage", &format!("udp://{garbage}"), ""),
            channel("no-rtp", &format!("rtp://{good}"), "interface = \"lo\""),
        ]
        .concat(),
    );
    let _sender = ffmpeg::send(Streams::H264Aac, "udp", &good, 30);
    let state_is = |channel: &str, state: &str, words: &[&str]| {
        until(
            format!("{channel} to be {state}"),
            Duration::from_secs(15),
            || {
                if channel == "garbage" {
                    flood(&garbage, &[0xA5; 1000], 10);
                    flood(&garbage, &[], 1);
                    flood(&garbage, &[0x11; 9000], 1);
                }
                let rendition = rendition(&daemon.health(), channel);
                let reason = rendition["reason"].as_str().unwrap_or_default().to_owned();
                let is_told = words.iter().all(|word| reason.contains(word));
                (rendition["state"] == state && is_told).then_some(())
            },
        );
    };
    state_is("good", "on_air", &[]);
    state_is("silent", "waiting", &["no datagram", "check"]);
    state_is("unplugged", "not_joined", &["weir-none", "interface"]);
    state_is("absent", "no_program", &["77", "[1]", "program"]);
    state_is("garbage", "not_transport_stream", &["udp://", "rtp://"]);
    let no_rtp = until("refused datagrams", Duration::from_secs(10), || {
        let counters = rendition(&daemon.health(), "no-rtp")["counters"].clone();
        (!counters.to_string().contains("\"rtp_malformed\":0")).then_some(counters)
    });
    assert!(no_rtp.is_object());
    assert_eq!(rendition(&daemon.health(), "good")["state"], "on_air");
}
