//! The pages of a running appliance as a browser shows them: on a phone, a tablet and a desk, by
//! day and by night, with a script and without.

use std::{fs, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    http,
    npm::PLAYWRIGHT,
    process::peer,
    wait::until,
};

const PATIENCE: Duration = Duration::from_mins(1);

/// A channel with a name that means harm, on air, and one that nobody sends.
fn configuration(group: &str, port: u16) -> String {
    let channel = |id: &str, name: &str, group: &str| {
        format!(
            "[[channel]]\nid = \"{id}\"\nname = \"{name}\"\n[[channel.rendition]]\n\
             name = \"HD\"\nsources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
        )
    };
    let mut text = "[alarm]\nboot_inhibit = \"0s\"\n[segment]\ntarget = \"1s\"\n".to_owned();
    text += &channel("good", "<img src=x onerror=alert(1)>", group);
    text += &channel("silent", "Silent", &format!("239.255.85.2:{port}"));
    text
}

#[test]
fn pages_are_whole_for_everybody_on_every_screen_and_ask_nobody_else() {
    let port = free_port();
    let group = format!("239.255.85.1:{port}");
    let daemon = Daemon::start(&configuration(&group, port));
    let _sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 900);
    until(
        "the channel is on air, and the other an alarm",
        PATIENCE,
        || {
            let page = http::get(&daemon.management("/")).ok()?.text();
            (page.contains("1 / 2 on air") && page.contains("channel/silent")).then_some(())
        },
    );
    let folder = TempDir::new().expect("the temporary folder can be written");
    let script = folder.path().join("visit.js");
    fs::write(&script, include_str!("visit.js")).expect("the folder can be written");
    let mut visit = PLAYWRIGHT.node();
    visit.arg(&script).arg(folder.path());
    let told = peer(visit.args(["/", "/channel/good"].map(|path| daemon.management(path))));
    let visits: Value = serde_json::from_str(&told).expect("the script tells in JSON");
    let visits = visits.as_array().expect("a list of visits");
    assert_eq!(visits.len(), 2 * (3 * 2 + 1) + 1, "{told}");
    let faulty = visits.iter().filter(|visit| {
        let lists = ["faults", "live", "mark"].map(|name| visit[name].as_array());
        lists.into_iter().flatten().any(|faults| !faults.is_empty())
    });
    let faulty: Vec<String> = faulty.map(Value::to_string).collect();
    assert!(faulty.is_empty(), "{}", faulty.join("\n"));
}
