//! A rendition with two sources, whose senders and cable fail one after another.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    daemon::Daemon,
    ffmpeg::{self, Streams},
    http, in_own_network,
    process::{Process, peer},
    wait::until,
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

const GROUPS: [&str; 2] = ["239.255.86.1:5000", "239.255.86.2:5000"];

/// A cable with a box at this end and an encoder at the far one, in one network: hence the kernel
/// is told to believe in datagrams that come in from addresses of its own.
const PLUG: &str = "ip link add box type veth peer name far \
    && for key in accept_local rp_filter; do for name in all box; do \
        [ $key = accept_local ] && value=1 || value=0; \
        echo $value > /proc/sys/net/ipv4/conf/$name/$key; done; done \
    && ip address add 192.0.2.1/24 dev box && ip address add 192.0.2.2/24 dev far \
    && ip link set box up && ip link set far up";

fn shell(script: &str) {
    peer(Command::new("sh").args(["-c", script]));
}

fn send(film: &Path, group: &str) -> Process {
    let url = format!("udp://{group}");
    let film = film.to_string_lossy();
    Process::weir(["send", &*film, &url, "--loop", "--interface", "far"])
}

fn rendition(daemon: &Daemon) -> Value {
    let told = http::get(&daemon.management("/api/v1/channels/ch"));
    told.expect("the channel is there").json()["renditions"][0].clone()
}

/// Waits for the rendition to be in `state`, by the source of this place.
pub(crate) fn await_state(daemon: &Daemon, state: &str, active: usize) -> Value {
    until(format!("{state} by source {active}"), PATIENCE, || {
        let told = rendition(daemon);
        let is_active = told["sources"][active]["role"] == "active";
        (told["state"] == state && is_active).then_some(told)
    })
}

fn count(told: &Value, path: &str) -> u64 {
    told.pointer(path).and_then(Value::as_u64).expect("a count")
}

fn media_sequence(daemon: &Daemon) -> u64 {
    let list = http::get(&daemon.data("/live/ch/ch_r.m3u8")).expect("a list");
    let text = String::from_utf8_lossy(&list.body).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
    line.expect("a number").parse().expect("a number")
}

#[test]
fn a_channel_outlives_senders_cables_and_interfaces() {
    in_own_network(
        concat!(
            module_path!(),
            "::a_channel_outlives_senders_cables_and_interfaces"
        ),
        outlive,
    );
}

fn outlive() {
    shell(PLUG);
    let folder = TempDir::new().expect("a temporary folder");
    let film = folder.path().join("film.ts");
    ffmpeg::make(Streams::H264Aac, 8, &film);
    let urls = GROUPS.map(|group| format!("\"udp://{group}\"")).join(", ");
    let daemon = Daemon::start(&format!(
        "[segment]\ntarget = \"1s\"\n[failover]\nhold = \"5s\"\n[[channel]]\nid = \"ch\"\n\
         [[channel.rendition]]\nname = \"r\"\nsources = [{urls}]\ninterface = \"box\"\n"
    ));
    let first = send(&film, GROUPS[0]);
    let _second = send(&film, GROUPS[1]);
    await_state(&daemon, "on_air", 0);

    drop(first);
    let told = await_state(&daemon, "on_air", 1);
    assert_eq!(told["source"], format!("udp://{}", GROUPS[1]));
    assert_eq!(count(&told, "/source_switches"), 1);
    assert_eq!(told["sources"][0]["condition"], "unusable");

    let first = send(&film, GROUPS[0]);
    let told = await_state(&daemon, "on_air", 0);
    assert_eq!(count(&told, "/source_switches"), 2);

    // The cable is pulled, and comes back.
    shell("ip link set far down");
    await_state(&daemon, "silent", 0);
    shell("ip link set far up");
    await_state(&daemon, "on_air", 0);

    // The interface is taken out, and another is put in by the same name.
    let before = media_sequence(&daemon);
    shell("ip link delete box");
    drop(first);
    let told = await_state(&daemon, "not_joined", 0);
    let reason = told["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("there is no interface box"), "{reason}");
    shell(PLUG);
    let _first = send(&film, GROUPS[0]);
    let told = await_state(&daemon, "on_air", 0);
    assert!(count(&told, "/sources/0/renewals") > 0, "{told}");
    assert!(media_sequence(&daemon) > before);
}
