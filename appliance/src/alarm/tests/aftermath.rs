//! What is left when a cause is over: how long it still explains, and what it never does.

use super::*;

const LOST: Kind = Kind::FeedsLost;
const DAMAGED: Kind = Kind::FeedsDamaged;
const BURST: Kind = Kind::ContinuityBurst;
const DOWN: Kind = Kind::IngestDown;

#[test]
fn feeds_that_do_not_return_with_their_interface_are_told_of_in_seconds() {
    let look = |is_down| {
        readings([
            (Kind::NicDown, nic(), is_down),
            (LOST, nic(), true),
            (DOWN, rendition(0), true),
            (DOWN, rendition(1), true),
        ])
    };
    let mut rig = Rig::new();
    rig.look(30, &look(true));
    rig.look(14, &look(false));
    let told = [
        (Event::Raised, Kind::NicDown),
        (Event::Cleared, Kind::NicDown),
    ];
    assert_eq!(rig.told(), told);
    rig.look(1, &look(false));
    assert_eq!(rig.told(), [(Event::Raised, LOST)]);
    assert_eq!(rig.only().affected, 2);
}

#[test]
fn a_feed_that_does_not_return_with_the_others_is_told_of_in_seconds() {
    let look = |is_lost| {
        readings([
            (LOST, nic(), is_lost),
            (DOWN, rendition(0), is_lost),
            (DOWN, rendition(1), true),
        ])
    };
    let mut rig = Rig::new();
    rig.look(30, &look(true));
    rig.look(14, &look(false));
    assert_eq!(rig.told(), [(Event::Raised, LOST), (Event::Cleared, LOST)]);
    rig.look(1, &look(false));
    assert_eq!(rig.told(), [(Event::Raised, DOWN)]);
    assert_eq!(rig.only().resource, rendition(1));
}

#[test]
fn feeds_that_return_a_little_later_than_their_interface_are_none() {
    let look = |[is_down, is_lost]: [bool; 2]| {
        readings([
            (Kind::NicDown, nic(), is_down),
            (LOST, nic(), is_lost),
            (DOWN, rendition(0), is_lost),
        ])
    };
    let mut rig = Rig::new();
    for _ in 0..2 {
        rig.look(30, &look([true, true]));
        rig.look(14, &look([false, true]));
        rig.look(600, &look([false, false]));
        let kind = Kind::NicDown;
        assert_eq!(rig.told(), [(Event::Raised, kind), (Event::Cleared, kind)]);
    }
}

#[test]
fn loss_of_one_feed_is_an_alarm_of_its_own_while_that_of_all_of_them_clears() {
    // It goes on when the others are whole, or begins anew.
    for pause_s in [0, 20] {
        let look = |is_common, is_bad| {
            readings([
                (DAMAGED, nic(), is_common),
                (BURST, rendition(0), is_bad),
                (BURST, rendition(1), is_common),
                (Kind::SegmentStale, rendition(0), is_bad),
            ])
        };
        let mut rig = Rig::new();
        rig.look(30, &look(true, true));
        rig.look(pause_s, &look(false, false));
        rig.look(14, &look(false, true));
        let raised = (Event::Raised, BURST);
        assert!(!rig.told().contains(&raised), "{pause_s}");
        rig.look(2, &look(false, true));
        assert!(rig.told().contains(&raised), "{pause_s}");
        assert_eq!(rig.roots(), [BURST, DAMAGED], "{pause_s}");
        // What comes of it is its effect, and no longer one of what is over.
        let report = rig.engine.report();
        let burst = report.alarms.iter().find(|alarm| alarm.kind == BURST);
        let burst = burst.map(|alarm| (alarm.affected, alarm.severity));
        assert_eq!(burst, Some((1, Severity::Critical)), "{pause_s}");
    }
}

#[test]
fn loss_that_comes_and_goes_behind_a_common_one_is_an_effect_of_it() {
    let look =
        |is_common, is_bad| readings([(DAMAGED, nic(), is_common), (BURST, rendition(0), is_bad)]);
    let mut rig = Rig::new();
    rig.look(30, &look(true, true));
    for _ in 0..2 {
        rig.look(10, &look(false, false));
        rig.look(14, &look(false, true));
    }
    rig.look(600, &look(false, false));
    let told = [(Event::Raised, DAMAGED), (Event::Cleared, DAMAGED)];
    assert_eq!(rig.told(), told);
}

#[test]
fn what_a_link_that_was_out_for_a_moment_took_is_an_effect_of_it_and_what_goes_on_is_none() {
    let losses = [
        Kind::SyncLoss,
        Kind::ContinuityError,
        Kind::ClockMissing,
        Kind::TablesMissing,
        BURST,
        Kind::SegmentStale,
    ];
    for cause in [Kind::NicDown, LOST] {
        let look = |is_down, is_bad| {
            let of = |kind| (kind, rendition(0), is_bad);
            let all = losses.map(of).into_iter().chain([(cause, nic(), is_down)]);
            all.flat_map(|one| readings([one])).collect::<Vec<_>>()
        };
        let mut rig = Rig::new();
        rig.look(3, &look(true, false));
        rig.look(8, &look(false, true));
        rig.look(600, &look(false, false));
        assert_eq!(
            rig.told(),
            [(Event::Raised, cause), (Event::Cleared, cause)]
        );
        // Loss that does not end with the link has a cause of its own.
        let look = |is_down, is_bad| {
            readings([
                (cause, nic(), is_down),
                (Kind::ContinuityError, rendition(0), is_bad),
            ])
        };
        rig.look(3, &look(true, false));
        rig.look(16, &look(false, true));
        assert!(rig.told().contains(&(Event::Raised, Kind::ContinuityError)));
    }
}

#[test]
fn a_stream_that_lives_on_while_a_link_or_others_are_out_has_alarms_of_its_own() {
    for cause in [Kind::NicDown, LOST] {
        let look = |is_bad| {
            readings([
                (cause, nic(), true),
                (Kind::SegmentStale, rendition(0), is_bad),
                (Kind::ContinuityError, rendition(1), is_bad),
            ])
        };
        let mut rig = Rig::new();
        rig.look(600, &look(false));
        assert_eq!(rig.told(), [(Event::Raised, cause)]);
        rig.look(20, &look(true));
        let told = rig.told();
        assert!(
            told.contains(&(Event::Raised, Kind::SegmentStale)),
            "{told:?}"
        );
        assert!(
            told.contains(&(Event::Raised, Kind::ContinuityError)),
            "{told:?}"
        );
    }
}
