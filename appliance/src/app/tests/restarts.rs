//! Claims about the live list after a restart.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use weir_hal::{Clock as _, Monotonic, Wall, sim};

use super::rig::{Rig, cut_power, restart};
use crate::{
    app::{
        plan::Plan,
        publisher::{Moment, Publisher, key},
        restore::{Waking, restore},
    },
    demux::PACKET_BYTES,
    segment::{self, Cue, CueKind, EventId, Format, Markers, Output, Segment},
    serve::segment_path,
};

#[tokio::test]
async fn a_list_is_on_air_again_before_the_first_datagram_after_a_restart() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play_half_seconds(3);
    let before = rig.playlist();
    let rig = restart(rig, Duration::ZERO).await;
    assert!(before.is_some());
    assert_eq!(rig.playlist(), before);
}

#[tokio::test]
async fn a_list_of_a_source_that_is_lost_goes_on_after_a_restart() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    while gaps(&rig) == 0 {
        rig.simulation.clock.advance(Duration::from_millis(10));
        rig.ingest.turn();
    }
    let before = rig.playlist();
    let mut rig = restart(rig, Duration::from_millis(900)).await;
    assert_eq!(rig.playlist(), before);
    for _ in 0..20 {
        rig.simulation.clock.advance(Duration::from_millis(10));
        rig.ingest.turn();
    }
    assert_eq!(gaps(&rig), 2, "the next comes in its time");
}

#[tokio::test]
async fn a_list_behind_which_a_segment_may_be_lost_begins_anew_with_higher_numbers() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    let last = rig.sequences().last().copied().expect("segments");
    let mut rig = cut_power(rig, Duration::from_secs(3)).await;
    assert_eq!(rig.playlist(), None);
    rig.play();
    rig.play();
    let first = rig.sequences().first().copied().expect("segments");
    assert!(
        first > last + 3,
        "three more may have been listed: {last} then {first}"
    );
}

#[tokio::test]
async fn a_list_that_ended_in_order_counts_no_discontinuity_that_nobody_saw() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    rig.ingest.end_in_order();
    let mut rig = restart(rig, Duration::from_mins(2)).await;
    assert_eq!(rig.playlist(), None, "it is too old");
    rig.play();
    rig.play();
    let text = rig.playlist().expect("it is on air");
    let numbers = text.lines().filter_map(|line| {
        let number = line.strip_prefix("#EXT-X-DISCONTINUITY-SEQUENCE:")?;
        number.parse::<u64>().ok()
    });
    assert_eq!(numbers.max(), Some(1), "the break is the only one: {text}");
}

#[tokio::test]
async fn a_list_begins_anew_where_the_wall_clock_is_behind() {
    for (now_s, begins_anew) in [(11, true), (12, false), (13, false), (19, true)] {
        let rig = Rig::start(sim::Simulation::new(1)).await;
        let plan = Plan::all(&rig.config).remove(0);
        let mut before = publisher(&rig, &plan, at(0)).await;
        for second in 0..=11 {
            list(&mut before, second, None);
        }
        let next = before.playlist().sequence_next();
        drop(before);
        let now = Wall::from_nanos(at(now_s).as_nanos() - 500_000_000);
        let after = publisher(&rig, &plan, now).await;
        assert_eq!(after.playlist().is_empty(), begins_anew, "{now_s}");
        assert_eq!(
            after.playlist().sequence_next() > next,
            begins_anew,
            "{now_s}"
        );
    }
}

#[tokio::test]
async fn a_power_cut_is_none_of_a_process_however_the_wall_clock_begins() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    // A machine without a clock of its own has run for long when its time is set; that began at
    // what some file said, a little behind.
    let wall = rig.simulation.clock.wall() + Duration::from_secs(3);
    let simulation = sim::Simulation {
        disk: rig.simulation.disk.clone(),
        ..sim::Simulation::new(2)
    };
    simulation.clock.set_boot(1);
    simulation.clock.advance(Duration::from_mins(1));
    simulation.clock.set_wall(wall);
    assert!(rig.store.flush(Duration::from_secs(10)));
    let config = rig.config.clone();
    drop(rig);
    let rig = Rig::start_with(simulation, config).await;
    assert_eq!(rig.playlist(), None, "what was lost is not known");
}

/// Gaps listed.
fn gaps(rig: &Rig) -> usize {
    let text = rig.playlist().unwrap_or_default();
    text.matches("#EXT-X-GAP").count()
}

#[tokio::test]
async fn a_list_that_ended_in_order_or_was_killed_goes_on_with_gaps_for_the_time_between() {
    for ends_in_order in [true, false] {
        let mut rig = Rig::start(sim::Simulation::new(1)).await;
        rig.play();
        rig.play();
        let (before, known) = (rig.playlist(), rig.sequences());
        let last = known.last().copied().expect("segments");
        if ends_in_order {
            rig.ingest.end_in_order();
        }
        let mut rig = restart(rig, Duration::from_millis(3_300)).await;
        assert!(before.is_some());
        assert_eq!(rig.playlist(), before, "it is on air at once");
        rig.ingest.turn();
        assert!((3..=4).contains(&gaps(&rig)), "{:?}", rig.playlist());
        rig.play();
        rig.play_half_seconds(3);
        let sequences = rig.sequences();
        assert!(sequences.is_sorted_by(|one, next| one + 1 == *next));
        assert!(sequences.contains(&last), "{last} {sequences:?}");
        let after = sequences.last().copied().expect("segments");
        assert!((last + 7..=last + 10).contains(&after), "{last} {after}");
    }
}

#[tokio::test]
async fn a_list_that_ended_in_order_begins_anew_when_players_know_none_of_it_any_more() {
    for (pause_s, goes_on) in [(8, true), (11, false)] {
        let mut rig = Rig::start(sim::Simulation::new(1)).await;
        rig.play();
        rig.ingest.end_in_order();
        let rig = restart(rig, Duration::from_secs(pause_s)).await;
        assert_eq!(rig.playlist().is_some(), goes_on, "after {pause_s} s");
    }
}

#[tokio::test]
async fn only_the_next_life_believes_that_one_has_ended_in_order() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.ingest.end_in_order();
    let rig = cut_power(rig, Duration::ZERO).await;
    assert!(rig.playlist().is_some());
    // This one may have listed what a power cut took.
    let rig = cut_power(rig, Duration::from_secs(3)).await;
    assert_eq!(rig.playlist(), None);
}

fn at(second: u64) -> Wall {
    Wall::from_nanos((1_700_000_000 + second) * 1_000_000_000)
}

/// A break that begins or ends at `second`.
fn cue(kind: CueKind, second: u64) -> Cue {
    Cue {
        event: EventId {
            number: 7,
            break_kind: 0,
            moment_90k: second * 90_000,
        },
        kind,
        date_time: at(second),
        planned_90k: None,
        auto_return: false,
        section: Bytes::from_static(&[0xFC]),
    }
}

/// A publisher that goes on at `now` from what the store of `rig` has.
async fn publisher(rig: &Rig, plan: &Plan, now: Wall) -> Publisher {
    let (store, vault) = (&rig.store, rig.vaults.of("ch"));
    let name = ("r", Format::TransportStream);
    // Each is of another run.
    let boot = Some(now.as_nanos());
    let restored = restore((store, &vault), plan, name, Waking { now, boot }).await;
    let face = Arc::new(crate::live::Rendition::new("r".to_owned()));
    Publisher::new(store.clone(), vault, plan, face, restored)
}

/// The next segment of `publisher`, which begins at `second`, and when it is listed.
fn next(publisher: &Publisher, second: u64) -> (Segment, Moment) {
    let segment = Segment {
        sequence: publisher.playlist().sequence_next(),
        duration_90k: 90_000,
        target_duration_s: 1,
        bytes: 188,
        discontinuity: false,
        independent: true,
        gap: false,
        date_time: at(second),
        begin: None,
    };
    let moment = Moment {
        now: Monotonic::ZERO,
        received: segment.end(),
    };
    (segment, moment)
}

/// Lists the segment that begins at `second`, behind what `cue` announces.
fn list(publisher: &mut Publisher, second: u64, cue: Option<Cue>) {
    let (segment, moment) = next(publisher, second);
    let sequence = segment.sequence;
    let media = [
        Output::Begin { sequence },
        Output::Bytes(Bytes::from_static(&[0x47; PACKET_BYTES])),
        Output::End(segment),
    ];
    for output in cue.map(Output::Cue).into_iter().chain(media) {
        publisher.take(output, moment);
    }
}

/// Has the store refuse the segment that begins at `second`.
fn lose(rig: &Rig, publisher: &mut Publisher, second: u64) {
    let hog = rig.hog();
    let (segment, moment) = next(publisher, second);
    let sequence = segment.sequence;
    publisher.take(Output::Begin { sequence }, moment);
    publisher.take(Output::Bytes(Bytes::from_static(&[0; 16 * 1024])), moment);
    assert!(publisher.take_loss());
    drop(hog);
}

/// What players see.
fn seen(publisher: &Publisher) -> String {
    let list = publisher.live().playlist().expect("a list");
    String::from_utf8_lossy(&list.body).into_owned()
}

/// What players are given who start over at the beginning of `publisher`'s archive.
fn whole_past(publisher: &Publisher) -> String {
    let archive = publisher.live().archive().expect("an archive");
    let begin = segment::Moment::At(Wall::from_nanos(0));
    archive.excerpt(begin, None).expect("something").text
}

#[tokio::test]
async fn what_was_given_up_for_room_does_not_come_back_with_a_restart() {
    let rig = Rig::start(sim::Simulation::new(1)).await;
    let plan = Plan::all(&rig.config).remove(0);
    let mut before = publisher(&rig, &plan, at(0)).await;
    for second in 0..4 {
        list(&mut before, second, None);
    }
    let whole = seen(&before);
    lose(&rig, &mut before, 4);
    let less = seen(&before);
    assert_ne!(less, whole);
    drop(before);
    let after = publisher(&rig, &plan, at(4)).await;
    assert_eq!(seen(&after), less);
}

#[tokio::test]
async fn what_players_start_over_in_does_not_grow_at_its_front_by_a_restart() {
    let rig = Rig::start(sim::Simulation::new(1)).await;
    let mut plan = Plan::all(&rig.config).remove(0);
    plan.dvr = Some(Duration::from_mins(10));
    let mut before = publisher(&rig, &plan, at(0)).await;
    for second in 0..80 {
        list(&mut before, second, None);
    }
    for _ in 0..3 {
        before.give_up_spare();
    }
    let text = whole_past(&before);
    assert!(text.contains("MEDIA-SEQUENCE:3\n"), "{text}");
    drop(before);
    let after = publisher(&rig, &plan, at(80)).await;
    assert_eq!(whole_past(&after), text);
}

#[tokio::test]
async fn a_list_goes_on_without_its_oldest_segments_and_not_with_a_hole() {
    for (lost, left) in [(&[0, 1][..], Some(2)), (&[3], None), (&[0, 3], None)] {
        let rig = Rig::start(sim::Simulation::new(1)).await;
        let mut plan = Plan::all(&rig.config).remove(0);
        plan.dvr = Some(Duration::from_mins(10));
        let mut before = publisher(&rig, &plan, at(0)).await;
        for second in 0..6 {
            list(&mut before, second, None);
        }
        drop(before);
        assert!(rig.store.flush(Duration::from_secs(10)));
        for number in lost {
            assert!(rig.store.evict(&key(&segment_path("ch", "r", *number))));
        }
        let mut after = publisher(&rig, &plan, at(6)).await;
        let first = after.playlist().segments().next();
        assert_eq!(first.map(|first| first.sequence), left, "{lost:?}");
        list(&mut after, 6, None);
        assert!(whole_past(&after).contains("MEDIA-SEQUENCE:0\n"));
    }
}

#[tokio::test]
async fn an_outage_that_fills_a_block_keeps_its_discontinuity_over_a_restart() {
    // The block behind it is not stored with each segment.
    for end in 131..136 {
        let rig = Rig::start(sim::Simulation::new(1)).await;
        let mut plan = Plan::all(&rig.config).remove(0);
        plan.dvr = Some(Duration::from_mins(10));
        let mut before = publisher(&rig, &plan, at(0)).await;
        for second in 0..64 {
            list(&mut before, second, None);
        }
        for second in 64..130 {
            let (segment, moment) = next(&before, second);
            let gap = Segment {
                discontinuity: second == 64,
                ..segment.as_gap()
            };
            before.take(Output::Gap(gap), moment);
        }
        for second in 130..end {
            list(&mut before, second, None);
        }
        let listed = seen(&before);
        assert!(listed.contains("DISCONTINUITY-SEQUENCE:1\n"), "{listed}");
        drop(before);
        let after = publisher(&rig, &plan, at(end)).await;
        assert_eq!(seen(&after), listed);
        let archive = after.live().archive().expect("an archive");
        let begin = after.playlist().segments().next().expect("segments");
        let excerpt = archive.excerpt(segment::Moment::At(begin.date_time), None);
        assert_eq!(excerpt.expect("what is listed").text, listed, "{end}");
    }
}

#[tokio::test]
async fn an_end_that_a_lost_list_may_have_told_of_is_told_as_an_event_of_its_own() {
    for (pause_s, events) in [(0, 1), (3, 2)] {
        let rig = Rig::start(sim::Simulation::new(1)).await;
        let mut plan = Plan::all(&rig.config).remove(0);
        plan.markers = Markers {
            date_ranges: true,
            cue_tags: false,
        };
        let mut before = publisher(&rig, &plan, at(0)).await;
        list(&mut before, 0, None);
        list(&mut before, 1, Some(cue(CueKind::Out, 1)));
        drop(before);
        let mut after = publisher(&rig, &plan, at(2 + pause_s)).await;
        list(&mut after, 5, Some(cue(CueKind::In, 5)));
        let text = after.playlist().render("");
        let ranges = text.lines().filter(|line| line.contains("DATERANGE"));
        let ids = ranges.map(|line| line.split(',').next());
        let told = ids.collect::<std::collections::BTreeSet<_>>();
        assert_eq!(told.len(), events, "{text}");
        assert!(
            text.contains("SCTE35-OUT") && text.contains("SCTE35-IN"),
            "{text}"
        );
        assert_eq!(text.contains(",DURATION="), events == 1, "{text}");
    }
}
