//! One alarm for each root cause.

use super::*;

const DOWN: Kind = Kind::IngestDown;
const STALE: Kind = Kind::SegmentStale;

#[test]
fn effects_are_hidden_and_counted_at_their_root() {
    let channel = Resource::Channel("CH".into());
    let mut rig = Rig::new();
    rig.look(1, &[bad(DOWN, rendition(0))]);
    let all = [
        bad(DOWN, rendition(0)),
        bad(STALE, rendition(0)),
        bad(Kind::BitrateVariance, rendition(0)),
        bad(Kind::LadderFinding, channel),
    ];
    rig.look(60, &all);
    assert_eq!(rig.told(), [(Event::Raised, DOWN)]);
    let alarm = rig.only();
    assert_eq!((alarm.kind, alarm.affected), (DOWN, 3));
}

#[test]
fn an_effect_on_something_else_is_an_alarm_of_its_own() {
    let mut rig = Rig::new();
    rig.look(1, &[bad(DOWN, rendition(0)), bad(STALE, rendition(1))]);
    assert_eq!(rig.told(), [(Event::Raised, DOWN), (Event::Raised, STALE)]);
}

#[test]
fn a_cause_that_recovers_takes_its_effects_along() {
    let mut rig = Rig::new();
    rig.look(20, &[bad(DOWN, rendition(0)), bad(STALE, rendition(0))]);
    // Packets come again, and a while later a segment is whole.
    rig.look(20, &[good(DOWN, rendition(0)), bad(STALE, rendition(0))]);
    rig.look(600, &[good(DOWN, rendition(0)), good(STALE, rendition(0))]);
    assert_eq!(rig.told(), [(Event::Raised, DOWN), (Event::Cleared, DOWN)]);
}

#[test]
fn an_effect_that_comes_just_behind_its_cause_is_hidden_too() {
    let mut rig = Rig::new();
    rig.look(4, &[bad(DOWN, rendition(0)), good(STALE, rendition(0))]);
    rig.look(7, &[good(DOWN, rendition(0)), good(STALE, rendition(0))]);
    rig.look(10, &[good(DOWN, rendition(0)), bad(STALE, rendition(0))]);
    rig.look(600, &[good(DOWN, rendition(0)), good(STALE, rendition(0))]);
    assert_eq!(rig.told(), [(Event::Raised, DOWN), (Event::Cleared, DOWN)]);
}

#[test]
fn an_effect_explains_what_it_brought_along_after_it_is_over_as_its_cause_does() {
    let variance = Kind::BitrateVariance;
    let all = |[first, second, third]: [bool; 3]| {
        readings([
            (variance, rendition(0), first),
            (STALE, rendition(0), second),
            (Kind::LadderFinding, Resource::Channel("CH".into()), third),
        ])
    };
    let mut rig = Rig::new();
    // Long enough behind the start for what needs samples.
    rig.look(60, &all([true, true, true]));
    // What is stale is fresh again first, and the ladder whole a while later.
    rig.look(20, &all([true, false, true]));
    rig.look(30, &all([false, false, true]));
    rig.look(600, &all([false, false, false]));
    let told = rig.told();
    assert!(told.iter().all(|(_, kind)| *kind == variance), "{told:?}");
    assert_eq!(told.last(), Some(&(Event::Cleared, variance)));
}

#[test]
fn a_loss_that_begins_behind_another_is_an_alarm_of_its_own() {
    let through = |measure: Measure| measure.through(Some(nic()));
    let mut rig = Rig::new();
    let all = [
        bad(Kind::FeedsLost, nic()),
        through(bad(DOWN, rendition(0))),
        through(bad(DOWN, rendition(1))),
    ];
    rig.look(5, &all);
    let over = [
        good(Kind::FeedsLost, nic()),
        through(good(DOWN, rendition(0))),
        through(good(DOWN, rendition(1))),
    ];
    rig.look(7, &over);
    let lost = Kind::FeedsLost;
    assert_eq!(rig.told(), [(Event::Raised, lost), (Event::Cleared, lost)]);
    let one = [
        good(lost, nic()),
        through(bad(DOWN, rendition(0))),
        through(good(DOWN, rendition(1))),
    ];
    rig.look(2, &one);
    assert_eq!(rig.told(), [(Event::Raised, DOWN)]);
}

#[test]
fn a_cause_that_flaps_hides_what_flaps_with_it_and_nothing_that_stays() {
    let lost = Kind::FeedsLost;
    let both =
        |[first, second]: [bool; 2]| readings([(lost, nic(), first), (DOWN, rendition(0), second)]);
    let mut rig = Rig::new();
    for _ in 0..6 {
        rig.look(10, &both([true, true]));
        rig.look(10, &both([false, false]));
    }
    rig.look(100, &both([false, false]));
    let only = rig.only();
    assert!(only.is_flapping && only.is_damped);
    let words = "it comes and goes, and is over for now: ";
    assert!(only.text.starts_with(words), "{}", only.text);
    assert!(rig.told().iter().all(|(_, kind)| *kind == lost));
    rig.look(2, &both([false, true]));
    assert!(rig.told().contains(&(Event::Raised, DOWN)));
}

#[test]
fn an_effect_that_flaps_and_is_good_again_is_hidden_by_its_cause_that_flaps() {
    let (down, damaged) = (Kind::NicDown, Kind::FeedsDamaged);
    let both =
        |[first, second]: [bool; 2]| readings([(down, nic(), first), (damaged, nic(), second)]);
    let mut rig = Rig::new();
    for _ in 0..4 {
        rig.look(10, &both([true, true]));
        rig.look(10, &both([false, true]));
        rig.look(80, &both([false, false]));
    }
    let told = rig.told();
    assert!(told.iter().all(|(_, kind)| *kind == down), "{told:?}");
}

#[test]
fn what_was_told_and_then_came_and_went_with_a_cause_is_over_with_it() {
    let (down, lost) = (Kind::NicDown, Kind::FeedsLost);
    let both = |[first, second]: [bool; 2]| readings([(down, nic(), first), (lost, nic(), second)]);
    let mut rig = Rig::new();
    rig.look(10, &both([false, true]));
    for _ in 0..8 {
        rig.look(20, &both([true, true]));
        rig.look(20, &both([false, false]));
    }
    rig.look(900, &both([false, false]));
    let mut told = rig.told();
    told.retain(|(_, kind)| *kind == lost);
    let expected = [Event::Raised, Event::Changed, Event::Cleared];
    assert_eq!(told, expected.map(|event| (event, lost)));
    assert!(rig.engine.report().alarms.is_empty());
}

#[test]
fn what_came_and_went_with_its_cause_is_told_of_by_itself_only_while_it_is_bad() {
    let (down, lost) = (Kind::NicDown, Kind::FeedsLost);
    let both = |[first, second]: [bool; 2]| readings([(down, nic(), first), (lost, nic(), second)]);
    let mut rig = Rig::new();
    rig.look(10, &both([false, true]));
    rig.look(20, &both([false, false]));
    assert_eq!(rig.told(), [(Event::Raised, lost), (Event::Cleared, lost)]);
    for _ in 0..4 {
        rig.look(8, &both([true, true]));
        rig.look(14, &both([false, false]));
    }
    rig.look(100, &both([false, false]));
    let told = rig.told();
    assert!(told.iter().all(|(_, kind)| *kind == down), "{told:?}");
    // It is told at once if it comes alone, and goes as quickly: that is no flapping.
    rig.look(600, &both([false, false]));
    rig.told();
    rig.look(10, &both([false, true]));
    assert_eq!(rig.told(), [(Event::Raised, lost)]);
    rig.look(20, &both([false, false]));
    assert_eq!(rig.told(), [(Event::Cleared, lost)]);
}

#[test]
fn an_effect_that_outlasts_its_cause_is_told_a_minute_later() {
    let mut rig = Rig::new();
    rig.look(20, &[bad(DOWN, rendition(0)), bad(STALE, rendition(0))]);
    let left = [good(DOWN, rendition(0)), bad(STALE, rendition(0))];
    rig.look(6 + 59, &left);
    assert_eq!(rig.told(), [(Event::Raised, DOWN), (Event::Cleared, DOWN)]);
    rig.look(1, &left);
    assert_eq!(rig.told(), [(Event::Raised, STALE)]);
    // Since then: that is what whoever is notified knows.
    assert_eq!(rig.only().since, wall(85));
}

#[test]
fn an_effect_that_is_about_to_clear_is_not_told() {
    let kind = Kind::ContinuityError;
    let mut rig = Rig::new();
    rig.look(20, &[bad(DOWN, rendition(0)), bad(kind, rendition(0))]);
    rig.look(10, &[good(DOWN, rendition(0)), bad(kind, rendition(0))]);
    // Its clear hold lasts longer than what is left of the minute.
    rig.look(600, &[good(DOWN, rendition(0)), good(kind, rendition(0))]);
    assert_eq!(rig.told(), [(Event::Raised, DOWN), (Event::Cleared, DOWN)]);
}

#[test]
fn what_was_told_before_its_cause_becomes_an_effect() {
    let (minor, major) = (Kind::ContinuityError, Kind::ContinuityBurst);
    let both = [bad(major, rendition(0)), bad(minor, rendition(0))];
    let mut rig = Rig::new();
    rig.look(1, &[good(major, rendition(0)), bad(minor, rendition(0))]);
    rig.look(7, &both);
    let told = [
        (Event::Raised, minor),
        (Event::Raised, major),
        (Event::Changed, minor),
    ];
    assert_eq!(rig.told(), told);
    assert_eq!(rig.roots(), [major]);
    let report = rig.engine.report();
    let [root, effect] = report.alarms.as_slice() else {
        panic!("two alarms, not {report:?}");
    };
    assert_eq!((effect.kind, effect.cause), (minor, Some(root.id)));
    assert_eq!(root.affected, 1);
    // Both end at the same time, and neither is an alarm by itself meanwhile.
    for _ in 0..61 {
        rig.look(1, &[good(major, rendition(0)), good(minor, rendition(0))]);
        assert!(rig.roots().iter().all(|kind| *kind == major));
    }
    assert_eq!(
        rig.told(),
        [(Event::Cleared, major), (Event::Cleared, minor)]
    );
}

/// What loss does to a stream, in the order in which it is raised.
const LOSS: [Kind; 4] = [
    Kind::ContinuityError,
    STALE,
    Kind::TablesMissing,
    Kind::ContinuityBurst,
];

#[test]
fn what_is_raised_before_its_cause_waits_for_it() {
    let all = LOSS.map(|kind| bad(kind, rendition(0)));
    let mut rig = Rig::new();
    rig.look(5, &all);
    assert_eq!(rig.told(), []);
    rig.look(20, &all);
    assert_eq!(rig.told(), [(Event::Raised, Kind::ContinuityBurst)]);
    let report = rig.engine.report();
    let [root] = report.alarms.as_slice() else {
        panic!("one alarm, not {:?}", report.alarms);
    };
    assert_eq!((root.affected, root.severity), (3, Severity::Critical));
    rig.look(600, &LOSS.map(|kind| good(kind, rendition(0))));
    assert_eq!(rig.told(), [(Event::Cleared, Kind::ContinuityBurst)]);
}

#[test]
fn what_has_waited_in_vain_is_told_even_if_it_is_good_again() {
    let (minor, major) = (Kind::ContinuityError, Kind::ContinuityBurst);
    let mut rig = Rig::new();
    rig.look(3, &[bad(major, rendition(0)), bad(minor, rendition(0))]);
    assert_eq!(rig.told(), []);
    rig.look(1, &[good(major, rendition(0)), good(minor, rendition(0))]);
    assert_eq!(rig.told(), [(Event::Raised, minor)]);
    rig.look(60, &[good(major, rendition(0)), good(minor, rendition(0))]);
    assert_eq!(rig.told(), [(Event::Cleared, minor)]);
}

#[test]
fn nothing_waits_longer_than_ten_seconds_or_for_what_ails_something_else() {
    let (minor, major) = (Kind::ContinuityError, Kind::ContinuityBurst);
    let mut rules = Rules::default();
    rules.of_mut(major).raise_hold = Duration::from_mins(5);
    let mut rig = Rig::new();
    rig.engine.set_rules(rules);
    let all = [
        bad(major, rendition(0)),
        bad(minor, rendition(0)),
        bad(STALE, rendition(1)),
    ];
    rig.look(10, &all);
    assert_eq!(rig.told(), [(Event::Raised, STALE)]);
    rig.look(1, &all);
    assert_eq!(rig.told(), [(Event::Raised, minor)]);
}

#[test]
fn an_effect_of_an_effect_is_one_of_the_root() {
    let tables = Kind::TablesMissing;
    let mut rig = Rig::new();
    rig.look(1, &[bad(DOWN, rendition(0))]);
    let all = [
        bad(DOWN, rendition(0)),
        bad(Kind::SyncLoss, rendition(0)),
        bad(tables, rendition(0)),
        bad(STALE, rendition(0)),
    ];
    rig.look(10, &all);
    let alarm = rig.only();
    assert_eq!((alarm.kind, alarm.affected), (DOWN, 3));
}

#[test]
fn what_comes_through_an_interface_that_is_down_is_an_effect_of_that() {
    let nic = |name: &str| Resource::Nic(name.into());
    let through = |number, name| bad(DOWN, rendition(number)).through(Some(nic(name)));
    let all = [
        bad(Kind::NicDown, nic("eth1")),
        through(0, "eth1"),
        bad(STALE, rendition(0)),
        through(1, "eth2"),
    ];
    let mut rig = Rig::new();
    rig.look(1, &all[..1]);
    rig.look(60, &all);
    let told = [(Event::Raised, Kind::NicDown), (Event::Raised, DOWN)];
    assert_eq!(rig.told(), told);
    let report = rig.engine.report();
    let affected = report.alarms.iter().map(|it| (it.kind, it.affected));
    assert!(affected.eq([(Kind::NicDown, 2), (DOWN, 0)]), "{report:?}");
}

#[test]
fn a_thousand_renditions_are_judged_each_by_its_own_cause() {
    let all = (0..1_000).flat_map(|it| [bad(DOWN, rendition(it)), bad(STALE, rendition(it))]);
    let all: Vec<Measure> = all.collect();
    let mut rig = Rig::new();
    rig.look(2, &all);
    let report = rig.engine.report();
    let down = report.alarms.iter().filter(|it| it.kind == DOWN);
    assert!(down.clone().all(|alarm| alarm.affected == 1));
    assert_eq!(down.count(), LISTED_MAX - 1);
}

#[test]
fn a_cause_is_as_bad_as_its_effects_for_whoever_is_notified_too() {
    let (origin, errors) = (Kind::OriginDown, Kind::ServerErrors);
    let both = [
        bad(origin, resource_of(origin)),
        bad(errors, resource_of(errors)),
    ];
    let mut rig = Rig::new();
    rig.look(11, &both[..1]);
    rig.look(6, &both);
    let mended = [both[0].clone(), good(errors, resource_of(errors))];
    rig.look(121, &mended);
    let told = rig.changes.iter();
    let told: Vec<_> = told.map(|it| (it.event, it.kind, it.severity)).collect();
    let expected = [
        (Event::Raised, origin, Severity::Major),
        (Event::Changed, origin, Severity::Critical),
        (Event::Changed, origin, Severity::Major),
    ];
    assert_eq!(told, expected);
    assert_eq!(rig.only().severity, Severity::Major);
}

#[test]
fn an_effect_that_is_good_again_is_none_by_itself_while_it_waits_for_its_hold() {
    let (origin, errors) = (Kind::OriginDown, Kind::ServerErrors);
    let (up, well) = (
        good(origin, resource_of(origin)),
        good(errors, resource_of(errors)),
    );
    let mut rig = Rig::new();
    rig.look(1, &[bad(errors, resource_of(errors))]);
    rig.look(
        20,
        &[
            bad(origin, resource_of(origin)),
            bad(errors, resource_of(errors)),
        ],
    );
    rig.look(11, &[up.clone(), bad(errors, resource_of(errors))]);
    for _ in 0..121 {
        rig.look(1, &[up.clone(), well.clone()]);
        assert_eq!(rig.roots(), []);
    }
    assert_eq!(rig.engine.report().alarms, []);
}

#[test]
fn what_was_hidden_is_an_alarm_since_it_is_told_of() {
    let mut rig = Rig::new();
    rig.look(10, &[bad(DOWN, rendition(0)), bad(STALE, rendition(0))]);
    rig.look(80, &[good(DOWN, rendition(0)), bad(STALE, rendition(0))]);
    let alarm = rig.only();
    let raised = rig.changes.iter().find(|change| change.id == alarm.id);
    let raised = raised.expect("it was told of");
    assert_eq!((alarm.kind, alarm.since), (STALE, raised.at));
}

#[test]
fn effects_that_nobody_was_told_of_are_listed_with_their_cause_up_to_a_number() {
    let lost = Kind::FeedsLost;
    let mut rig = Rig::new();
    rig.look(2, &[bad(lost, nic())]);
    let feeds = (0..600).map(|number| bad(DOWN, rendition(number)).through(Some(nic())));
    let all: Vec<Measure> = feeds.chain([bad(lost, nic())]).collect();
    rig.look(2, &all);
    assert_eq!(rig.told(), [(Event::Raised, lost)]);
    let report = rig.engine.report();
    let [root] = report.alarms.as_slice() else {
        panic!("one alarm, not {:?}", report.alarms);
    };
    assert_eq!(root.affected, 600);
    assert_eq!(report.effects.len(), EFFECTS_MAX);
    for effect in &report.effects {
        assert_eq!((effect.kind, effect.cause), (DOWN, Some(root.id)));
        assert_eq!(effect.severity, Severity::Critical);
    }
    assert_eq!(report.suppressed().len(), EFFECTS_MAX);
}
