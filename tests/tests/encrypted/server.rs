//! Keys of a key server: asked for ahead, by a token, and without them nothing goes out.

use serde_json::Value;
use weir_tests::{daemon::Daemon, wait::until};

use crate::{
    key_server::{KeyServer, Mood, key_of},
    rig::{
        LIST, PATIENCE, Stream, bytes, decrypt, get, is_transport_stream, key, keys, list,
        list_when, read_all, sequence,
    },
};

/// A channel whose keys come from `server`, another one with each segment.
fn channel(stream: &Stream, server: &KeyServer, more: &str) -> String {
    let token = stream.put("token", b"open-sesame\n");
    stream.channel(&format!(
        "[channel.encryption]\nkeys = \"https://localhost:{}/keys/{{channel}}/{{key}}\"\n\
         rotate = \"1s\"\nca = \"{}\"\ntoken = \"{}\"\n{more}",
        server.port,
        stream.folder.path().join("root.pem").display(),
        token.display()
    ))
}

fn rendition(daemon: &Daemon) -> Value {
    daemon.health()["channels"][0]["renditions"][0].clone()
}

#[test]
fn keys_are_fetched_ahead_of_need_and_players_are_sent_to_the_server() {
    let stream = Stream::send("239.255.93.9");
    let server = KeyServer::start(&stream.folder.path().join("root.pem"), Mood::Well);
    let more = "uri = \"https://keys.example/{channel}/{key}\"";
    let daemon = Daemon::start(&channel(&stream, &server, more));
    let list = list_when(&daemon, |list| list.entries.len() >= 5);
    for entry in &list.entries {
        let number = sequence(entry);
        assert_eq!(entry.key, Some(format!("https://keys.example/ch/{number}")));
        let key = key_of(&format!("/keys/ch/{number}"));
        decrypt(&bytes(&daemon, entry), &key, number);
    }
    let heads = server.heads();
    let ahead = format!("GET /keys/ch/{} ", list.end() + 1);
    assert!(
        heads.iter().any(|head| head.starts_with(&ahead)),
        "{heads:?}"
    );
    let is_open = |head: &String| head.contains("authorization: Bearer open-sesame\r\n");
    assert!(heads.iter().all(is_open), "{heads:?}");
    assert!(!daemon.process().output().contains("open-sesame"));
}

#[test]
fn without_a_key_nothing_goes_out_and_with_one_the_channel_is_back() {
    let stream = Stream::send("239.255.93.10");
    let server = KeyServer::start(&stream.folder.path().join("root.pem"), Mood::Down);
    let daemon = Daemon::start(&channel(&stream, &server, ""));
    let told = until("a reason", PATIENCE, || {
        Some(rendition(&daemon)).filter(|told| told["state"] == "no_key")
    });
    let reason = told["reason"].as_str().expect("a sentence");
    assert!(reason.contains("answers with status 503"), "{told}");
    assert_eq!(get(&daemon, LIST).status, 404);

    server.be(Mood::Well);
    let list = list_when(&daemon, |list| list.entries.len() >= 3);
    read_all(&daemon, &list);

    for mood in [Mood::Long, Mood::Elsewhere] {
        server.be(mood);
        let holed = list_when(&daemon, |list| {
            list.entries.iter().rev().take(2).all(|entry| entry.is_gap)
        });
        for entry in holed.entries.iter().filter(|entry| entry.is_gap) {
            let answer = get(&daemon, &format!("/live/ch/{}", entry.uri));
            assert_eq!(answer.status, 404, "{}", entry.uri);
        }
        server.be(Mood::Well);
        let back = list_when(&daemon, |list| {
            list.entries.iter().rev().take(2).all(|entry| !entry.is_gap)
        });
        read_all(&daemon, &back);
    }
    let health = daemon.health();
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let counters = &health["channels"][0]["counters"];
    assert!(count(&counters["keys_fetched"]) > 5, "{counters}");
    assert!(count(&counters["key_fetches_failed"]) > 2, "{counters}");
    let withheld = &rendition(&daemon)["counters"]["publish"]["segments_withheld"];
    assert!(count(withheld) >= 4, "{withheld}");
}

#[test]
fn a_box_that_was_killed_fetches_the_keys_of_what_it_lists_again() {
    let stream = Stream::send("239.255.93.11");
    let server = KeyServer::start(&stream.folder.path().join("root.pem"), Mood::Well);
    let mut daemon = Daemon::start(&channel(&stream, &server, ""));
    list_when(&daemon, |list| list.entries.len() >= 5);
    daemon.kill();
    daemon.restart();
    let first = list_when(&daemon, |list| !list.entries.is_empty());
    for uri in keys(&first) {
        until("the key", PATIENCE, || {
            let status = get(&daemon, &format!("/live/ch/{uri}")).status;
            assert!(status == 200 || status == 503, "{status} for {uri}");
            (status == 200).then_some(())
        });
        assert_eq!(key(&daemon, &uri).len(), 16);
    }
    let now = list(&daemon).expect("a list");
    assert!(
        now.entries
            .iter()
            .all(|it| it.is_gap || !is_transport_stream(&bytes(&daemon, it)))
    );
    read_all(&daemon, &now);
}
