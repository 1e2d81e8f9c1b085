//! SIGTERM drains, SIGKILL loses nothing that was listed, SIGHUP reloads.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    hls::Version,
    http,
    process::Process,
    wait::{timed, until},
};

const CHANNEL: &str =
    "[[channel]]\nid = \"ch\"\n[[channel.rendition]]\nname = \"r\"\ninterface = \"lo\"\n";
/// Five seconds are promised; the rest is for a machine that is busy with other tests.
const DRAINED: Duration = Duration::from_secs(15);

const SEGMENT: &str = "[segment]\ntarget = \"1s\"\n";

fn channel(group: &str) -> String {
    format!("{SEGMENT}{CHANNEL}sources = [\"udp://{group}\"]\n")
}

fn on_air() -> (Daemon, Process, String) {
    let group = format!("239.255.81.1:{}", free_port());
    let daemon = Daemon::start(&channel(&group));
    let sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 60);
    (daemon, sender, group)
}

/// The live list as it is now; an empty one before the first segment.
fn listed(daemon: &Daemon) -> Version {
    match http::get(&daemon.data("/live/ch/ch_r.m3u8")) {
        Ok(response) if response.status == 200 => {
            Version::read(&response.text()).expect("the list keeps the rules")
        }
        Ok(_) | Err(_) => Version::default(),
    }
}

/// The Media Sequence Number of each listed segment.
fn sequences(daemon: &Daemon) -> Vec<u64> {
    let listed = listed(daemon);
    (listed.sequence..).take(listed.entries.len()).collect()
}

fn await_segments(daemon: &Daemon, count: usize) -> Vec<u64> {
    until(format!("{count} segments"), Duration::from_secs(30), || {
        let sequences = sequences(daemon);
        (sequences.len() >= count).then_some(sequences)
    })
}

#[test]
fn load_balancers_hear_of_the_end_before_players_do_where_a_notice_is_given() {
    let start = |notice: &str| {
        let folder = TempDir::new().expect("a temporary folder");
        let origin = "[[origin]]\nname = \"o\"\nurls = [\"http://127.0.0.1:9\"]\n";
        Daemon::start_with(folder, &format!("drain_notice = \"{notice}\""), origin)
    };
    let daemon = start("1min");
    let readiness = [daemon.data("/readyz"), daemon.management("/readyz")];
    let statuses = || {
        readiness
            .each_ref()
            .map(|url| http::get(url).map(|it| it.status))
    };
    assert_eq!(statuses().map(Result::ok), [Some(200); 2]);
    daemon.process().signal("TERM");
    until("503 of both listeners", DRAINED, || {
        (statuses().map(Result::ok) == [Some(503); 2]).then_some(())
    });
    let alive = http::get(&daemon.data("/livez")).expect("it serves on");
    assert_eq!(alive.status, 200);
    let (ended, _) = start("1s").end("TERM", DRAINED);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
}

#[test]
fn term_lets_responses_in_flight_complete_and_exits_0() {
    let (daemon, _sender, _) = on_air();
    let last = *await_segments(&daemon, 3).last().expect("three segments");
    let path = format!("/live/ch/ch_r/segment-{last}.ts");
    let address = daemon.data("").replace("http://", "");
    // Slow readers hold responses open over the signal: each has read the header only.
    let readers: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("the data listener accepts");
            write!(stream, "GET {path} HTTP/1.1\r\nHost: box\r\n\r\n").expect("a request is sent");
            let mut first = [0; 1];
            stream.read_exact(&mut first).expect("the response begins");
            stream
        })
        .collect();
    daemon.process().signal("TERM");
    let bodies: Vec<_> = readers
        .into_iter()
        .map(|mut stream| {
            thread::spawn(move || {
                let mut bytes = b"H".to_vec();
                stream.read_to_end(&mut bytes).map(|_| bytes)
            })
        })
        .collect();
    for body in bodies {
        let bytes = body
            .join()
            .expect("no reader panics")
            .expect("the response is not cut off");
        let response = http::parse(&bytes, false).expect("the response is whole");
        assert_eq!(response.status, 200);
    }
    let ((ended, _), elapsed) = timed(|| daemon.end("TERM", DRAINED));
    println!("behind the last answer it took {elapsed:?} to end");
    assert!(ended.status.success(), "{}", ended.output);
}

#[test]
fn kill_and_restart_serves_again_and_sequence_numbers_go_on_upward() {
    let (daemon, _sender, group) = on_air();
    let before = await_segments(&daemon, 4);
    let (_, folder) = daemon.end("KILL", Duration::from_secs(5));
    let daemon = Daemon::start_in(folder, &channel(&group));
    let newest = *before.last().expect("four segments");
    let after = until("a newer segment", Duration::from_secs(15), || {
        let after = listed(&daemon);
        let next = after.sequence + after.entries.len() as u64;
        let is_media = after.entries.last().is_some_and(|last| !last.is_gap);
        (is_media && next > newest + 1).then_some(after)
    });
    for entry in after.entries.iter().filter(|entry| !entry.is_gap) {
        let url = daemon.data(&format!("/live/ch/{}", entry.uri));
        assert_eq!(
            http::get(&url)
                .expect("a listed segment can be fetched")
                .status,
            200
        );
    }
}

#[test]
fn hang_up_adds_a_channel_and_leaves_the_others_alone() {
    let (daemon, _sender, group) = on_air();
    await_segments(&daemon, 2);
    let datagrams =
        |daemon: &Daemon| daemon.health()["channels"][0]["renditions"][0]["counters"].to_string();
    let text = std::fs::read_to_string(daemon.file()).expect("the file is ours");
    let more = format!(
        "{text}\n[[channel]]\nid = \"second\"\n[[channel.rendition]]\nname = \"r\"\n\
         interface = \"lo\"\nsources = [\"udp://{group}\"]\n"
    );
    std::fs::write(daemon.file(), more).expect("the file is ours");
    daemon.process().signal("HUP");
    until("the second channel", Duration::from_secs(20), || {
        let url = daemon.data("/live/second/master.m3u8");
        http::get(&url)
            .ok()
            .filter(|response| response.status == 200)
    });
    assert!(
        datagrams(&daemon).contains("\"continuity_count_error\":0"),
        "{}",
        datagrams(&daemon)
    );
    std::fs::write(daemon.file(), "nonsense").expect("the file is ours");
    daemon.process().signal("HUP");
    daemon.process().line_with("line 1", Duration::from_secs(5));
    assert_eq!(daemon.health()["channels_total"], 2);
}
