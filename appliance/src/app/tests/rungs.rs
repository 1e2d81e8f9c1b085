//! Claims about the Master Playlist and the state of renditions while media of some is missing.

use std::time::Duration;

use weir_hal::sim;

use super::{
    GROUP, Rig,
    rig::{self, cut_power, restart},
};
use crate::{demux::PACKET_BYTES, live::State};

const OTHER: &str = "239.255.0.2:5000";

/// Two rungs: `r` from one group, `s` from the other.
async fn two() -> Rig {
    let mut config = rig::config("target = \"2s\"");
    let mut other = config.channels[0].renditions[0].clone();
    other.name = "s".to_owned();
    other.sources = vec![format!("udp://{OTHER}").parse().expect("a source")];
    config.channels[0].renditions.push(other);
    Rig::start_with(sim::Simulation::new(1), config).await
}

fn master(rig: &Rig) -> String {
    let document = rig.live.channel("ch").and_then(|channel| channel.master());
    document.map_or_else(String::new, |it| {
        String::from_utf8_lossy(&it.body).into_owned()
    })
}

/// The Media Playlist of rung `s`.
fn list(rig: &Rig) -> String {
    let channel = rig.live.channel("ch").expect("a channel");
    let document = channel.rendition("s").expect("a rung").playlist();
    String::from_utf8_lossy(&document.expect("a list").body).into_owned()
}

#[tokio::test]
async fn a_rung_that_dies_leaves_the_master_within_a_target_duration_and_its_list_goes_on() {
    let mut rig = two().await;
    for _ in 0..4 {
        rig.play_to(&[GROUP, OTHER], 0..8);
    }
    assert!(master(&rig).contains("ch_s.m3u8"), "{}", master(&rig));
    let target = list(&rig).lines().find_map(|line| {
        let seconds = line.strip_prefix("#EXT-X-TARGETDURATION:")?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    });
    let half_seconds = target.expect("a duration").as_millis() / 500;
    for half_second in 0..usize::try_from(half_seconds).expect("few") {
        rig.play_to(&[GROUP], half_second % 8..half_second % 8 + 1);
    }
    assert!(!master(&rig).contains("ch_s.m3u8"), "{}", master(&rig));
    assert!(master(&rig).contains("ch_r.m3u8"), "{}", master(&rig));
    let before = list(&rig);
    for _ in 0..2 {
        rig.play_to(&[GROUP], 0..8);
    }
    let gaps = |text: &str| text.matches("#EXT-X-GAP").count();
    assert!(gaps(&list(&rig)) >= gaps(&before) + 3, "{}", list(&rig));
}

#[tokio::test]
async fn a_restart_offers_all_rungs_at_once_and_takes_back_the_one_that_stays_away() {
    let mut rig = two().await;
    for _ in 0..4 {
        rig.play_to(&[GROUP, OTHER], 0..8);
    }
    rig.ingest.end_in_order();
    let before = master(&rig);
    assert!(before.contains("ch_r.m3u8") && before.contains("ch_s.m3u8"));
    let mut rig = restart(rig, Duration::from_secs(1)).await;
    assert_eq!(master(&rig), before, "its lists are on air");
    rig.play_to(&[GROUP], 0..7);
    assert!(master(&rig).contains("ch_s.m3u8"), "it may still come");
    for _ in 0..2 {
        rig.play_to(&[GROUP], 0..8);
    }
    assert!(master(&rig).contains("ch_r.m3u8"), "{}", master(&rig));
    assert!(!master(&rig).contains("ch_s.m3u8"), "{}", master(&rig));
}

#[tokio::test]
async fn a_restart_offers_no_list_that_begins_anew() {
    let mut rig = two().await;
    for _ in 0..4 {
        rig.play_to(&[GROUP, OTHER], 0..8);
    }
    assert!(!master(&rig).is_empty());
    let rig = cut_power(rig, Duration::from_mins(10)).await;
    assert_eq!(master(&rig), "");
}

#[tokio::test]
async fn a_stream_with_tables_but_no_pictures_is_not_said_to_lack_tables() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    let is_picture = |packet: &&[u8]| packet[1] & 0x1F == 1 && packet[2] == 0;
    let packets = rig::CLIP.chunks(PACKET_BYTES);
    let blind: Vec<u8> = packets
        .filter(|it| !is_picture(it))
        .flatten()
        .copied()
        .collect();
    rig.send(&blind, &[GROUP], 0..8);
    let report = rig.live.channels()[0].renditions[0].report();
    assert_eq!(report.state, State::NoRandomAccess);
    assert!(report.state.to_string().contains("sends pictures"));
}

#[tokio::test]
async fn a_stream_is_not_said_to_hold_no_packets_before_enough_of_it_has_come() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    let state = |rig: &Rig| rig.live.channels()[0].renditions[0].report().state.clone();
    rig.send(&rig::CLIP[..4 * PACKET_BYTES], &[GROUP], 0..8);
    assert_eq!(state(&rig), State::Waiting, "four sync bytes prove nothing");
    rig.send(&[0xA5; 1_000], &[GROUP], 0..8);
    assert_eq!(state(&rig), State::NotTransportStream);
}
