//! A rendition with two sources, of which one fails.

use std::time::Duration;

use weir_hal::{Destination, InterfaceName, Multicast as _, MulticastSender as _, sim};

use super::{GROUP, Rig, rig};
use crate::{
    demux::PACKET_BYTES,
    live::{Condition, Leg, Report, State},
};

const OTHER: &str = "239.255.0.2:5000";

async fn rig() -> Rig {
    let mut config = rig::config("target = \"1s\"\nwindow = 30\n[failover]\nhold = \"10s\"");
    let other = format!("udp://{OTHER}").parse().expect("a source");
    config.channels[0].renditions[0].sources.push(other);
    Rig::start_with(sim::Simulation::new(1), config).await
}

fn report(rig: &Rig) -> Report {
    let report = rig.live.channels()[0].renditions[0].report();
    Report::clone(&report)
}

/// The URL of the source that is in use, by all that tells of it.
fn active(rig: &Rig) -> String {
    let report = report(rig);
    let mut active = report.legs.iter().filter(|leg| leg.is_active);
    let (Some(leg), None) = (active.next(), active.next()) else {
        panic!("{:?}", report.legs)
    };
    assert_eq!(report.source, leg.url);
    leg.url.clone()
}

fn tags(rig: &Rig, tag: &str) -> usize {
    let text = rig.playlist().expect("a list");
    text.lines().filter(|line| *line == tag).count()
}

#[tokio::test]
async fn another_source_takes_over_within_its_first_key_frame_and_is_left_again() {
    let mut rig = rig().await;
    for _ in 0..3 {
        rig.play_to(&[GROUP, OTHER], 0..8);
    }
    assert_eq!(active(&rig), format!("udp://{GROUP}"));
    rig.play_to(&[GROUP, OTHER], 0..2);
    rig.play_to(&[OTHER], 2..8);
    assert_eq!(active(&rig), format!("udp://{OTHER}"));
    assert_eq!(report(&rig).source_switches, 1);
    assert_eq!(report(&rig).legs[0].condition, Condition::Unusable);
    rig.play_to(&[OTHER], 0..8);
    assert_eq!(report(&rig).state, State::OnAir);
    let text = rig.playlist().expect("a list");
    let (_, behind) = text.rsplit_once("#EXT-X-GAP\n").expect("a gap");
    let (_, first) = behind.split_once('\n').expect("a segment");
    assert!(first.starts_with("#EXT-X-DISCONTINUITY\n"), "{text}");
    // The second of patience, and perhaps one until the next key frame.
    let gaps = tags(&rig, "#EXT-X-GAP");
    assert!((1..=2).contains(&gaps), "{:?}", rig.playlist());
    for _ in 0..4 {
        rig.play_to(&[GROUP, OTHER], 0..8);
    }
    assert_eq!(
        active(&rig),
        format!("udp://{GROUP}"),
        "it was good for long"
    );
    assert_eq!(report(&rig).source_switches, 2);
}

#[tokio::test]
async fn what_a_rendition_counts_is_what_was_used_of_each_source() {
    let mut rig = rig().await;
    rig.play_to(&[GROUP, OTHER], 0..8);
    rig.play_to(&[OTHER], 0..8);
    rig.play_to(&[OTHER], 0..8);
    let told = report(&rig);
    let [first, second]: [Leg; 2] = told.legs.clone().try_into().expect("two");
    let (used, all) = (told.receive.datagrams, second.receive.datagrams);
    assert!(
        first.receive.datagrams * 2 < all && used < all,
        "{used} of {all}"
    );
    assert!(used > first.receive.datagrams * 2, "{used} of {all}");
    let before = told.receive.datagrams;
    rig.play_to(&[OTHER], 0..8);
    let told = report(&rig);
    let gained = told.legs[1].receive.datagrams - all;
    assert_eq!(told.receive.datagrams - before, gained);
    assert_eq!(told.demux.packets > 0, told.legs[1].demux.packets > 0);
}

#[tokio::test]
async fn a_source_that_is_no_better_is_not_gone_over_to() {
    let mut rig = rig().await;
    rig.play_to(&[GROUP], 0..8);
    rig.play_to(&[], 0..8);
    rig.play_to(&[], 0..8);
    assert_eq!(active(&rig), format!("udp://{GROUP}"));
    assert_eq!(report(&rig).source_switches, 0);
    rig.play_to(&[OTHER], 0..8);
    assert_eq!(active(&rig), format!("udp://{OTHER}"));
}

#[tokio::test]
async fn a_silent_group_is_joined_anew_and_goes_on_where_it_was() {
    let mut rig = rig().await;
    rig.play_to(&[GROUP, OTHER], 0..8);
    let datagrams = report(&rig).legs[0].receive.datagrams;
    for _ in 0..3 {
        rig.play_to(&[OTHER], 0..8);
    }
    let [first, second]: [Leg; 2] = report(&rig).legs.try_into().expect("two");
    assert_eq!((first.receive.renewals, second.receive.renewals), (1, 0));
    rig.play_to(&[GROUP, OTHER], 0..8);
    let first = report(&rig).legs[0].clone();
    assert!(first.receive.datagrams > datagrams, "{first:?}");
    assert_eq!(first.condition, Condition::Good);
}

#[tokio::test]
async fn what_waits_in_the_kernel_is_no_silence_and_what_it_had_no_room_for_is_counted() {
    let mut rig = rig().await;
    rig.play_to(&[GROUP, OTHER], 0..8);
    let before = report(&rig).legs[0].receive;
    let destination = Destination {
        group: GROUP.parse().expect("an address"),
        interface: None,
        hops: 1,
    };
    let sender = rig.simulation.board().multicast.sender(&destination);
    let mut sender = sender.expect("the wire has room");
    // Nobody reads for longer than a group may be silent.
    let simulation = rig.simulation.clone();
    let dropped = || simulation.ether.counters().dropped_datagrams;
    while dropped() < 100 {
        let datagrams = rig::CLIP.chunks(7 * PACKET_BYTES);
        for datagram in datagrams {
            sender.send(datagram).expect("the wire has room");
            simulation.clock.advance(Duration::from_millis(1));
        }
    }
    simulation.clock.advance(Duration::from_secs(14));
    rig.play_to(&[GROUP, OTHER], 0..4);
    let after = report(&rig).legs[0].receive;
    assert_eq!(after.renewals, before.renewals);
    assert_eq!(after.kernel_dropped_datagrams, dropped());
}

#[tokio::test]
async fn a_silent_group_is_joined_anew_when_a_link_comes_back_and_others_are_left_alone() {
    let mut rig = rig().await;
    let plug = |rig: &Rig| {
        let name = InterfaceName::new("eth7").expect("a name");
        rig.simulation.ether.plug(name);
    };
    let renewals = |rig: &Rig| {
        let told = report(rig).legs;
        [0, 1].map(|index: usize| told[index].receive.renewals)
    };
    rig.play_to(&[GROUP, OTHER], 0..8);
    plug(&rig);
    rig.play_to(&[GROUP, OTHER], 0..8);
    rig.play_to(&[OTHER], 0..6);
    assert_eq!(renewals(&rig), [0, 0]);
    plug(&rig);
    rig.play_to(&[OTHER], 6..8);
    rig.play_to(&[OTHER], 0..4);
    assert_eq!(renewals(&rig), [1, 0]);
}
