//! Claims about encrypted channels on a simulated machine: no segment in the clear, no line of a
//! key that is not true.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use aes::Aes128;
use cbc::{
    Decryptor,
    cipher::{Block, BlockModeDecrypt, KeyIvInit},
};
use weir_cache::Key;
use weir_hal::{Access, sim::Simulation};

use crate::{
    app::tests::{GROUP, Rig, restart},
    config::Config,
    demux::PACKET_BYTES,
    encryption::{Issued, SegmentKey},
    live::Report,
    segment::{KeyTag, MediaPlaylist, Segment},
};

/// Segments of 1 s, each key for two, by the secret in `file`.
fn sealed(file: &str) -> String {
    format!("[channel.encryption]\nkeys = \"{file}\"\nrotate = \"2s\"\n")
}

fn config(encryption: &str) -> Config {
    let text = format!(
        "[cache]\nsize = \"256MiB\"\nmemory = \"8MiB\"\n[segment]\ntarget = \"1s\"\nwindow = 12\n\
         [[channel]]\nid = \"ch\"\ndvr = \"30min\"\n{encryption}\n[[channel.rendition]]\n\
         name = \"r\"\nsources = [\"udp://{GROUP}\"]\n"
    );
    Config::parse(&text).expect("it is sound").config
}

fn put(simulation: &Simulation, path: &str, secret: &str) {
    let file = simulation
        .board()
        .disk
        .open(Path::new(path), Access::Create);
    let file = file.expect("room");
    file.write_at(secret.as_bytes(), 0).expect("room");
}

/// A machine with two files of secrets.
fn machine() -> Simulation {
    let simulation = Simulation::new(1);
    put(&simulation, "/one", "00112233445566778899aabbccddeeff");
    put(&simulation, "/two", "ffeeddccbbaa99887766554433221100");
    simulation
}

/// The segments listed, each with the URI of its key.
fn listed(rig: &Rig) -> Vec<(Segment, Option<String>)> {
    let text = rig.playlist().unwrap_or_default();
    rows(&text)
}

fn rows(text: &str) -> Vec<(Segment, Option<String>)> {
    let Some(playlist) = MediaPlaylist::resume(text, 3) else {
        return Vec::new();
    };
    let uri = |key: &KeyTag| key.uri().to_owned();
    let rows = playlist.encrypted_segments();
    rows.map(|(segment, key)| (*segment, key.map(uri)))
        .collect()
}

fn key(rig: &Rig, uri: &str) -> Option<SegmentKey> {
    let fingerprint = uri.strip_suffix(".key")?.parse().ok()?;
    let channel = rig.live.channel("ch")?;
    match channel.vault.issued(fingerprint) {
        Issued::Key(key) => Some(key),
        Issued::Expected | Issued::Unknown => None,
    }
}

/// The segment as the store has it.
async fn stored(rig: &Rig, sequence: u64) -> Vec<u8> {
    let path = format!("/live/ch/ch_r/segment-{sequence}.ts");
    let object = rig.store.find(&Key::new(&path).expect("a name")).await;
    let object = object.expect("a listed segment is there");
    let bytes = object.bytes().expect("it is whole");
    let mut reader = object.read_copy(0..bytes);
    let mut all = Vec::new();
    while let Some(chunk) = reader.next().await.expect("the disk is flawless") {
        all.extend_from_slice(&chunk.bytes);
    }
    all
}

/// What a player makes of it.
fn decrypted(bytes: &[u8], key: &SegmentKey, sequence: u64) -> Vec<u8> {
    let vector = u128::from(sequence).to_be_bytes();
    let mut cipher = Decryptor::<Aes128>::new(key.bytes().into(), &vector.into());
    let mut plain = bytes.to_vec();
    let (blocks, rest) = Block::<Aes128>::slice_as_chunks_mut(&mut plain);
    assert!(rest.is_empty() && !blocks.is_empty(), "whole blocks");
    cipher.decrypt_blocks(blocks);
    let padding = *plain.last().expect("a block");
    assert!((1..=16).contains(&padding), "PKCS#7");
    let bytes = plain.len() - usize::from(padding);
    assert!(plain[bytes..].iter().all(|byte| *byte == padding), "PKCS#7");
    plain.truncate(bytes);
    plain
}

fn is_transport_stream(bytes: &[u8]) -> bool {
    let packets = bytes.chunks(PACKET_BYTES);
    bytes.len().is_multiple_of(PACKET_BYTES)
        && packets.clone().count() > 0
        && packets.clone().all(|packet| packet[0] == 0x47)
}

/// Every listed segment is what its line says: in the clear, or under a key that is to be had.
async fn assert_true(rig: &Rig, rows: &[(Segment, Option<String>)]) {
    for (segment, uri) in rows.iter().filter(|(segment, _)| !segment.gap) {
        let sequence = segment.sequence;
        let bytes = stored(rig, sequence).await;
        let plain = match uri {
            None => bytes,
            Some(uri) => {
                assert!(!is_transport_stream(&bytes));
                let key = key(rig, uri).unwrap_or_else(|| panic!("no key {uri}"));
                decrypted(&bytes, &key, sequence)
            }
        };
        assert!(is_transport_stream(&plain), "segment {sequence} of {uri:?}");
    }
}

fn report(rig: &Rig) -> Arc<Report> {
    rig.live.channels()[0].renditions[0].report()
}

#[tokio::test]
async fn an_encrypted_channel_changes_keys_between_segments_and_a_player_can_read_all() {
    let mut rig = Rig::start_with(machine(), config(&sealed("/one"))).await;
    rig.play();
    rig.play();
    let rows = listed(&rig);
    assert!(rows.len() >= 6, "{rows:?}");
    assert_true(&rig, &rows).await;
    let number = |segment: &Segment| segment.sequence / 2;
    for pair in rows.windows(2) {
        let [(one, key), (other, other_key)] = pair else {
            continue;
        };
        assert!(key.is_some());
        assert_eq!(number(one) == number(other), key == other_key, "{pair:?}");
    }
}

#[tokio::test]
async fn what_is_listed_stays_true_whatever_is_configured_later() {
    let mut rig = Rig::start_with(machine(), config("")).await;
    let mut known = BTreeMap::new();
    let elsewhere = "[channel.encryption]\nkeys = \"/one\"\nrotate = \"3s\"\n\
                     uri = \"https://keys.example/{channel}/{key}\"\n";
    for encryption in [
        String::new(),
        sealed("/one"),
        sealed("/two"),
        sealed("/two").replace("2s", "1s"),
        String::new(),
        elsewhere.to_owned(),
        sealed("/one"),
    ] {
        rig.reload(config(&encryption)).await;
        rig.play();
        let archive = rig.live.channels()[0].renditions[0].archive();
        let from = crate::segment::Moment::BeforeEnd(Duration::from_hours(1));
        let excerpt = archive.and_then(|archive| archive.excerpt(from, None));
        let whole = rows(&excerpt.expect("there is a past").text);
        for rows in [listed(&rig), whole.clone()] {
            for (segment, uri) in rows {
                let before = known.entry(segment.sequence).or_insert_with(|| uri.clone());
                assert_eq!(*before, uri, "segment {}", segment.sequence);
            }
        }
        let here = |row: &&(Segment, Option<String>)| {
            row.1.as_ref().is_none_or(|uri| !uri.starts_with("https"))
        };
        let here: Vec<_> = whole.iter().filter(here).cloned().collect();
        assert_true(&rig, &here).await;
    }
    let ways: Vec<_> = known.values().cloned().collect();
    assert!(
        ways.contains(&None)
            && ways.iter().any(|uri| {
                uri.as_ref()
                    .is_some_and(|uri| uri.starts_with("https://keys.example/ch/"))
            })
    );
}

#[tokio::test]
async fn without_a_key_a_segment_is_a_gap_and_never_in_the_clear() {
    let simulation = machine();
    let mut rig = Rig::start_with(simulation.clone(), config("")).await;
    rig.play();
    let last = listed(&rig).last().map(|(segment, _)| segment.sequence);
    rig.reload(config(&sealed("/absent"))).await;
    rig.play();
    rig.play();
    let rows = listed(&rig);
    let new = rows
        .iter()
        .filter(|(segment, _)| Some(segment.sequence) > last);
    // The one that was open when the configuration came was begun in the clear.
    let new: Vec<_> = new.skip(1).collect();
    assert!(
        new.len() >= 3 && new.iter().all(|(segment, _)| segment.gap),
        "{rows:?}"
    );
    let told = report(&rig);
    assert_eq!(told.state.as_str(), "no_key", "{}", told.state);
    assert!(told.publish.segments_withheld >= 3, "{:?}", told.publish);
    put(&simulation, "/absent", "00112233445566778899aabbccddeeff");
    rig.reload(config(&sealed("/absent"))).await;
    rig.play();
    rig.play();
    let rows = listed(&rig);
    let (newest, key) = rows.last().expect("segments");
    assert!(!newest.gap && key.is_some(), "{rows:?}");
    assert_true(&rig, &rows).await;
}

#[tokio::test]
async fn keys_that_cannot_be_read_again_stay_as_they_were() {
    let simulation = machine();
    let mut rig = Rig::start_with(simulation.clone(), config(&sealed("/one"))).await;
    rig.play();
    put(
        &simulation,
        "/one",
        "this is no secret, and longer than it was",
    );
    rig.reload(config(&sealed("/one"))).await;
    rig.play();
    let rows = listed(&rig);
    assert!(
        rows.iter()
            .all(|(segment, key)| !segment.gap && key.is_some()),
        "{rows:?}"
    );
    assert_true(&rig, &rows).await;
}

#[tokio::test]
async fn a_list_goes_on_after_a_restart_with_keys_that_are_to_be_had_again() {
    let mut rig = Rig::start_with(machine(), config(&sealed("/one"))).await;
    rig.play();
    rig.play_half_seconds(3);
    let before = rig.playlist();
    let rig = restart(rig, Duration::ZERO).await;
    assert!(before.is_some());
    assert_eq!(rig.playlist(), before);
    assert_true(&rig, &listed(&rig)).await;
}

#[tokio::test]
async fn a_list_whose_keys_are_gone_begins_anew() {
    let mut rig = Rig::start_with(machine(), config(&sealed("/one"))).await;
    rig.play();
    rig.play_half_seconds(3);
    let last = listed(&rig).last().map(|(segment, _)| segment.sequence);
    assert!(rig.store.flush(Duration::from_secs(10)));
    let simulation = rig.simulation.clone();
    drop(rig);
    let mut rig = Rig::start_with(simulation, config(&sealed("/two"))).await;
    assert_eq!(rig.playlist(), None);
    rig.play();
    rig.play();
    let rows = listed(&rig);
    assert!(
        rows.first().map(|(segment, _)| segment.sequence) > last,
        "{rows:?}"
    );
    assert_true(&rig, &rows).await;
}
