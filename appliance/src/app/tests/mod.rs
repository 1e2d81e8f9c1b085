//! Claims about what players see when the appliance is disturbed, on a simulated machine.

mod past;
mod protection;
mod restarts;
mod rig;
mod rungs;

use weir_cache::Class;
use weir_hal::sim;

use self::rig::config;
pub(super) use self::rig::{GROUP, Rig, restart};
use crate::{
    app::plan::Plan,
    config::{Config, Priority},
    live::State,
};

#[tokio::test]
async fn what_memory_refuses_is_listed_as_a_gap_and_costs_neither_a_number_nor_the_process() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    let before = rig.sequences();
    let hog = rig.hog();
    rig.play();
    let meanwhile = rig.sequences();
    let text = rig.playlist().expect("a list");
    let new = meanwhile
        .iter()
        .filter(|number| Some(*number) > before.last());
    let new = new.count();
    assert!(new > 0, "time goes on: {before:?} then {meanwhile:?}");
    assert_eq!(
        text.matches("#EXT-X-GAP").count(),
        new,
        "nothing new fitted into the memory"
    );
    assert!(
        before.ends_with(&meanwhile[..meanwhile.len() - new]),
        "only the oldest are given up: {meanwhile:?}"
    );
    drop(hog);
    rig.play();
    rig.play();
    let after = rig.sequences();
    assert!(after.last() > before.last(), "{before:?} then {after:?}");
    assert!(
        after.is_sorted_by(|one, next| one + 1 == *next),
        "{after:?}"
    );
    let report = rig.live.channels()[0].renditions[0].report();
    assert!(report.publish.segments_refused > 0, "{:?}", report.publish);
}

#[tokio::test]
async fn a_rendition_that_is_cut_anew_after_a_reload_stays_on_air_and_keeps_its_numbers() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    let before = rig.playlist();
    let last = rig.sequences().last().copied().expect("segments");
    rig.reload(config("target = \"1s\"\nwindow = 6")).await;
    assert_eq!(rig.playlist(), before, "nothing is taken off air");
    rig.play();
    rig.play();
    let after = rig.sequences();
    assert_eq!(after.len(), 6, "the new window holds");
    assert!(
        after[0] > last - 6 && after[5] > last,
        "{last} then {after:?}"
    );
    assert!(
        after.is_sorted_by(|one, next| one + 1 == *next),
        "{after:?}"
    );
}

/// All that is counted of a rendition and its sources.
fn counts(rig: &Rig) -> Vec<(&'static str, u64)> {
    let report = rig.live.channels()[0].renditions[0].report();
    let rendition = report.receive.values();
    let rendition = rendition.chain(report.demux.values());
    let rendition = rendition.chain(report.merge.values());
    let rendition = rendition.chain(report.measure.values());
    let rendition = rendition.chain(report.segment.values());
    let rendition = rendition.chain(report.publish.values());
    let rendition = rendition.chain(report.tracks.values());
    let sources = report.legs.iter();
    let sources = sources.flat_map(|leg| leg.receive.values().chain(leg.demux.values()));
    let all = rendition.chain(sources);
    all.map(|(row, count)| (row.name, count)).collect()
}

#[tokio::test]
async fn a_reload_takes_nothing_from_what_was_counted_of_a_rendition_that_goes_on() {
    let with_sound = |segment: &str| {
        let mut config = config(segment);
        config.channels[0].renditions[0].is_audio_alone = true;
        config
    };
    let first = with_sound("target = \"1s\"\nwindow = 8");
    let mut rig = Rig::start_with(sim::Simulation::new(1), first).await;
    let bitrate = |rig: &Rig| rig.live.channels()[0].renditions[0].report().bitrate_bps;
    for next in [
        with_sound("target = \"1s\"\nwindow = 7"),
        // Without the sound, which has counted too.
        config("target = \"1s\"\nwindow = 7"),
        config("target = \"1s\"\nwindow = 6"),
    ] {
        rig.play();
        rig.play();
        let (before, bitrate_before) = (counts(&rig), bitrate(&rig));
        rig.reload(next).await;
        rig.play_half_seconds(3);
        for (before, now) in before.iter().zip(counts(&rig)) {
            assert!(
                before.0 == now.0 && before.1 <= now.1,
                "{before:?} then {now:?}"
            );
        }
        assert!(bitrate(&rig) < 2 * bitrate_before, "{}", bitrate(&rig));
    }
}

#[tokio::test]
async fn a_rendition_that_comes_again_counts_anew() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    let before = rig.live.channels()[0].renditions[0]
        .report()
        .receive
        .datagrams;
    let mut other = rig.config.clone();
    other.channels[0].renditions[0].name = "other".to_owned();
    let again = rig.config.clone();
    rig.reload(other).await;
    rig.reload(again).await;
    rig.play_half_seconds(3);
    let now = rig.live.channels()[0].renditions[0]
        .report()
        .receive
        .datagrams;
    assert!(0 < now && now < before, "{before} then {now}");
}

#[tokio::test]
async fn a_report_names_the_source_that_is_received_and_not_the_first_in_the_list() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    let text = format!(
        "[[channel]]\nid = \"ch\"\n[[channel.rendition]]\nname = \"r\"\n\
         sources = [\"http://encoder/ch.ts\", \"udp://{GROUP}\"]\n"
    );
    rig.reload(Config::parse(&text).expect("it is sound").config)
        .await;
    rig.play();
    let report = rig.live.channels()[0].renditions[0].report();
    assert_eq!(report.source, format!("udp://{GROUP}"));
}

#[tokio::test]
async fn a_stream_that_is_just_back_is_not_said_to_lack_pictures_before_a_segment_is_due() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config("target = \"3s\"")).await;
    for _ in 0..4 {
        rig.play();
    }
    for _ in 0..3 {
        rig.play_to(&[], 0..8);
    }
    let state = |rig: &Rig| rig.live.channels()[0].renditions[0].report().state.clone();
    assert_eq!(state(&rig), State::Silent);
    let mut told = Vec::new();
    for half_second in 0..8 {
        rig.play_part(half_second..half_second + 1);
        told.push(state(&rig));
    }
    assert!(told.contains(&State::Filling), "{told:?}");
    let is_blamed = |state: &State| state.to_string().contains("encoder");
    assert!(!told.iter().any(is_blamed), "{told:?}");
}

#[test]
fn segments_are_of_the_live_class_of_their_channel_s_priority() {
    let mut config = config("target = \"1s\"");
    let mut class = |priority| {
        config.channels[0].priority = priority;
        Plan::all(&config)[0].class
    };
    assert_eq!(class(Priority::High), Class::LiveHigh);
    assert_eq!(class(Priority::Medium), Class::Live);
    assert_eq!(class(Priority::Low), Class::LiveLow);
}
