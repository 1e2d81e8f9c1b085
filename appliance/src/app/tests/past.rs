//! Claims about what players may start over in.

use std::time::Duration;

use bytes::Bytes;
use weir_cache::{Class, Store};
use weir_hal::{Wall, sim};

use super::rig::{Rig, config_with_dvr, config_with_past, past, restart, start_over};
use crate::{
    app::{publisher::key, store_config},
    config::ByteSize,
    segment::{MediaPlaylist, Segment},
    serve::{playlist_path, segment_path},
};

/// What dates are rounded to.
const GRAIN: Duration = Duration::from_millis(20);

#[tokio::test]
async fn what_players_may_start_over_in_outlives_a_restart_and_then_another() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    for _ in 0..20 {
        rig.play();
        assert!(rig.store.flush(Duration::from_secs(10)), "memory is short");
    }
    let first = past(&rig);
    assert!(first.len() > 64, "more than a block: {}", first.len());
    let mut rig = restart(rig, Duration::ZERO).await;
    let found = past(&rig);
    assert!(found.starts_with(&first), "{first:?} then {found:?}");
    rig.play();
    rig.play();
    let second = past(&rig);
    assert!(second.starts_with(&first) && second.len() > first.len() + 4);
    let rig = restart(rig, Duration::from_secs(20)).await;
    let third = past(&rig);
    assert!(third.starts_with(&second), "{second:?} then {third:?}");
    let numbers = rig.live.channels()[0].renditions[0].report();
    assert_eq!(numbers.publish.archives_refused, 0);
}

#[tokio::test]
async fn the_time_for_which_a_box_was_down_is_gaps() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    rig.play();
    rig.play();
    let before = past(&rig);
    let mut rig = restart(rig, Duration::from_secs(30)).await;
    rig.play();
    rig.play();
    let after = past(&rig);
    assert!(after.starts_with(&before), "{before:?} then {after:?}");
    let down: Vec<_> = after[before.len()..]
        .iter()
        .take_while(|segment| segment.gap)
        .collect();
    let seconds: f64 = down.iter().map(|gap| gap.duration().as_secs_f64()).sum();
    assert!((29.0..34.0).contains(&seconds), "{seconds} of {down:?}");
    let back = after[before.len() + down.len()];
    assert!(back.discontinuity && !back.gap, "{back:?}");
    let late = back.date_time.since(down[down.len() - 1].end());
    // It is received half a second before it is shown.
    assert!(late < Duration::from_millis(500), "{late:?}");
    let listed = rig.sequences();
    assert_eq!(listed.last(), after.last().map(|last| &last.sequence));
}

#[tokio::test]
async fn a_list_that_begins_anew_and_its_archive_have_the_same_discontinuity_sequence_numbers() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    rig.play();
    let mut rig = restart(rig, Duration::from_secs(30)).await;
    rig.play();
    rig.play();
    let listed = rig.playlist().expect("a list");
    let list = MediaPlaylist::resume(&listed, 3).expect("ours");
    let begin = list.segments().next().expect("segments").date_time;
    // Dates are told to the millisecond.
    let begin = begin + Duration::from_millis(1);
    assert_eq!(start_over(&rig, "r", begin), listed.replace("ch_r/", ""));
}

#[tokio::test]
async fn players_start_over_in_the_sound_of_an_earlier_life_as_they_do_in_the_pictures() {
    let mut config = config_with_past();
    config.channels[0].renditions[0].is_audio_alone = true;
    let mut rig = Rig::start_with(sim::Simulation::new(1), config).await;
    rig.play();
    rig.play();
    let before = past(&rig);
    let mut rig = restart(rig, Duration::from_secs(20)).await;
    rig.play();
    rig.play();
    assert!(past(&rig).starts_with(&before));
    let of = |rendition| start_over(&rig, rendition, Wall::from_nanos(0));
    assert_eq!(of("r_audio"), of("r"));
}

#[tokio::test]
async fn what_an_archive_did_not_have_does_not_come_to_it_by_a_restart() {
    // It was switched off for a while, or is deeper now.
    for (first, second) in [(Some(600), None), (Some(70), Some(70))] {
        let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_dvr(first)).await;
        for _ in 0..30 {
            rig.play();
            assert!(rig.store.flush(Duration::from_secs(10)), "memory is short");
        }
        rig.reload(config_with_dvr(second)).await;
        rig.play();
        rig.reload(config_with_dvr(Some(600))).await;
        rig.play();
        let before = past(&rig);
        let rig = restart(rig, Duration::ZERO).await;
        let after = past(&rig);
        assert!(after.starts_with(&before), "{before:?} then {after:?}");
    }
}

#[tokio::test]
async fn what_the_store_has_lost_is_a_gap_and_all_else_is_there() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    for _ in 0..5 {
        rig.play();
    }
    let before = past(&rig);
    assert!(rig.store.flush(Duration::from_secs(10)));
    let (simulation, config) = (rig.simulation.clone(), rig.config.clone());
    drop(rig);
    let board = simulation.board();
    let store = Store::open(board.disk, board.clock, &store_config(&config.cache));
    let store = store.expect("the disk is flawless");
    assert!(store.evict(&key(&segment_path("ch", "r", before[4].sequence))));
    assert!(store.flush(Duration::from_secs(10)));
    drop(store);
    let rig = Rig::start_with(simulation, config).await;
    let mut due = before;
    due[4].gap = true;
    let found = past(&rig);
    assert!(found.starts_with(&due), "{due:?} then {found:?}");
}

#[tokio::test]
async fn dates_are_in_order_where_a_block_outlived_the_list_that_was_stored_behind_it() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    let mut lists = Vec::new();
    let ends_block = |rig: &Rig| rig.sequences().last().is_some_and(|last| last % 64 == 63);
    for part in (0..8).cycle() {
        rig.play_part(part..part + 1);
        assert!(rig.store.flush(Duration::from_secs(10)), "memory is short");
        if ends_block(&rig) {
            break;
        }
        lists.push((rig.playlist(), rig.simulation.board().clock.wall()));
    }
    let (simulation, config) = (rig.simulation.clone(), rig.config.clone());
    drop(rig);
    // Power went before the lists of the last seconds were on disk.
    let (list, listed) = lists.swap_remove(lists.len() - 5);
    let board = simulation.board();
    let store = Store::open(board.disk, board.clock, &store_config(&config.cache));
    let store = store.expect("the disk is flawless");
    let note = Bytes::copy_from_slice(&listed.as_nanos().to_be_bytes());
    let path = key(&playlist_path("ch", "r"));
    let mut writer = store.begin(&path, Class::High, note).expect("room");
    writer.append(list.expect("a list").into()).expect("room");
    drop(writer.commit().expect("room"));
    assert!(store.flush(Duration::from_secs(10)));
    drop(store);
    simulation.clock.advance(Duration::from_secs(20));
    let mut rig = Rig::start_with(simulation, config).await;
    rig.play();
    rig.play();
    let before = past(&rig);
    let after = past(&restart(rig, Duration::ZERO).await);
    assert!(after.starts_with(&before), "{before:?} then {after:?}");
    let in_order = |one: &Segment, next: &Segment| one.end() <= next.date_time + GRAIN;
    let broken = after.windows(2).find(|pair| !in_order(&pair[0], &pair[1]));
    assert!(broken.is_none(), "{broken:?}");
}

#[tokio::test]
async fn an_archive_deeper_than_the_store_is_shorter_and_costs_live_output_nothing() {
    let mut config = config_with_past();
    config.cache.size = ByteSize(2 << 20);
    let mut rig = Rig::start_with(sim::Simulation::new(1), config).await;
    let mut oldest = 0;
    for _ in 0..75 {
        rig.play();
        // What has no place on the disk is told by the counters.
        rig.store.flush(Duration::from_secs(10));
        let past = past(&rig);
        assert!(past.iter().all(|segment| !segment.gap), "{past:?}");
        assert!(
            past[0].sequence >= oldest,
            "{} after {oldest}",
            past[0].sequence
        );
        oldest = past[0].sequence;
    }
    let report = rig.live.channels()[0].renditions[0].report();
    assert_eq!(report.publish.segments_refused, 0, "{:?}", report.publish);
    assert!(report.publish.segments_released_early > 0);
    assert_eq!(rig.store.counters().refused_no_space, 0);
    assert!(rig.sequences().len() >= 3);
    let length: Duration = past(&rig).iter().map(Segment::duration).sum();
    assert!((25..60).contains(&length.as_secs()), "{length:?}");
}

#[tokio::test]
async fn what_is_older_than_an_archive_is_deep_does_not_come_back() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    rig.play();
    rig.play();
    let before = past(&rig);
    let mut rig = restart(rig, Duration::from_hours(1)).await;
    rig.play();
    rig.play();
    let after = past(&rig);
    assert!(after[0].sequence > before[before.len() - 1].sequence);
    let length: Duration = after.iter().map(Segment::duration).sum();
    assert!(length < Duration::from_secs(602), "{length:?}");
}

#[tokio::test]
async fn a_reload_that_changes_dvr_disturbs_nothing_and_keeps_what_was_promised() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_dvr(None)).await;
    let has_past = |rig: &Rig| rig.live.channels()[0].renditions[0].archive().is_some();
    rig.play();
    let mut oldest = 0;
    for seconds in [Some(600), Some(8), None] {
        // The clip loops by a jump; what comes of it is listed before the reload.
        rig.play_part(0..3);
        let before = rig.sequences();
        if has_past(&rig) {
            oldest = past(&rig)[0].sequence;
        }
        rig.reload(config_with_dvr(seconds)).await;
        assert_eq!(rig.sequences(), before);
        assert_eq!(has_past(&rig), seconds.is_some(), "at once");
        rig.play_part(3..8);
        let list = MediaPlaylist::resume(&rig.playlist().expect("a list"), 100).expect("ours");
        let new: Vec<_> = list
            .segments()
            .filter(|segment| Some(&segment.sequence) > before.last())
            .collect();
        let is_sound = |segment: &&Segment| !segment.discontinuity && !segment.gap;
        assert!(!new.is_empty() && new.iter().all(is_sound), "{new:?}");
    }
    let oldest = key(&segment_path("ch", "r", oldest));
    assert!(!rig.store.evict(&oldest), "no list has it, and it is held");
    rig.simulation.clock.advance(Duration::from_secs(20));
    rig.ingest.turn();
    assert!(rig.store.flush(Duration::from_secs(10)));
    assert!(rig.store.evict(&oldest), "its time is over");
}
