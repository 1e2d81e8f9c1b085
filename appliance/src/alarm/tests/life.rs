//! Raised, flapping, cleared.

use proptest::prelude::*;

use super::*;

/// Seconds from the first reading to the one at which a hold is over, both looked at.
fn looks(hold: Duration) -> u64 {
    hold.as_secs() + 1
}

#[test]
fn each_kind_is_raised_after_its_hold_and_cleared_after_the_other() {
    // The engine measures its own overflow.
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::AlarmsOverflow);
    for kind in kinds {
        let (rule, resource) = (kind.definition().rule, resource_of(kind));
        let mut rig = Rig::new();
        rig.look(5, &[good(kind, resource.clone())]);
        rig.look(rule.raise_hold.as_secs(), &[bad(kind, resource.clone())]);
        assert_eq!(rig.told(), [], "{kind:?} is raised too early");
        rig.look(1, &[bad(kind, resource.clone())]);
        assert_eq!(rig.told(), [(Event::Raised, kind)]);
        let alarm = rig.only();
        assert_eq!(
            (alarm.severity, &alarm.resource),
            (rule.severity, &resource)
        );
        if kind.definition().is_latched {
            rig.engine
                .order(alarm.id, &order(Verb::Acknowledge, None))
                .expect("it is there");
        }
        rig.look(rule.clear_hold.as_secs(), &[good(kind, resource.clone())]);
        assert_eq!(rig.told(), [], "{kind:?} is cleared too early");
        rig.look(1, &[good(kind, resource)]);
        assert_eq!(rig.told(), [(Event::Cleared, kind)]);
        assert_eq!(rig.engine.report().alarms, []);
    }
}

#[test]
fn what_is_good_again_and_held_says_that_it_is_over_for_now() {
    let (kind, resource) = (Kind::IngestDown, rendition(0));
    let bad = [bad(kind, resource.clone())];
    let mut rig = Rig::new();
    let was = "no transport packet has come for 3.0 s";
    for _ in 0..2 {
        rig.look(1, &bad);
        assert_eq!(rig.only().text, was);
        rig.look(3, &[good(kind, resource.clone())]);
        let told = "over for now, and watched for a while; it was: ";
        assert_eq!(rig.only().text, [told, was].concat());
    }
    assert_eq!(rig.told(), [(Event::Raised, kind)]);
    rig.look(3, &[good(kind, resource)]);
    assert_eq!(rig.told(), [(Event::Cleared, kind)]);
}

#[test]
fn what_is_bad_for_less_than_its_hold_is_never_told() {
    let (kind, resource) = (Kind::BitrateVariance, rendition(0));
    let mut rig = Rig::new();
    for _ in 0..20 {
        rig.look(10, &[bad(kind, resource.clone())]);
        rig.look(1, &[good(kind, resource.clone())]);
    }
    assert_eq!(rig.told(), []);
}

#[test]
fn nothing_is_raised_within_the_boot_inhibit_and_what_stays_is_raised_behind_it() {
    let mut rig = Rig::of(Engine::new(settings(60)));
    let both = [
        bad(Kind::DiskFull, Resource::Disk),
        bad(Kind::IngestDown, rendition(0)),
    ];
    rig.look(30, &both);
    let left = [
        bad(Kind::DiskFull, Resource::Disk),
        good(Kind::IngestDown, rendition(0)),
    ];
    rig.look(30, &left);
    assert_eq!(rig.told(), []);
    rig.look(1, &left);
    assert_eq!(rig.told(), [(Event::Raised, Kind::DiskFull)]);
}

#[test]
fn what_is_not_measured_any_more_is_cleared_and_what_cannot_be_measured_stays() {
    let kind = Kind::IngestDown;
    let mut rig = Rig::new();
    rig.look(1, &[bad(kind, rendition(0)), bad(kind, rendition(1))]);
    rig.told();
    let unknown = Measure::new(kind, rendition(0), Reading::Unknown);
    rig.look(600, &[unknown]);
    assert_eq!(rig.told(), [(Event::Cleared, kind)]);
    assert_eq!(rig.only().resource, rendition(0));
}

#[test]
fn a_ratio_of_too_few_samples_is_no_alarm_and_ends_one() {
    let kind = Kind::ServerErrors;
    let share = |samples| {
        let amount = Amount::whole(50);
        Measure::new(kind, Resource::Node, Reading::Is { amount, samples })
    };
    let mut rig = Rig::new();
    rig.look(10, &[share(99)]);
    assert_eq!(rig.told(), []);
    rig.look(6, &[share(100)]);
    assert_eq!(rig.told(), [(Event::Raised, kind)]);
    rig.look(121, &[share(99)]);
    assert_eq!(rig.told(), [(Event::Cleared, kind)]);
}

#[test]
fn one_that_comes_and_goes_stays_raised_and_is_told_of_seldom() {
    let (kind, disk) = (Kind::DiskFull, Resource::Disk);
    let mut rig = Rig::new();
    for _ in 0..60 {
        rig.look(30, &[bad(kind, disk.clone())]);
        rig.look(30, &[good(kind, disk.clone())]);
    }
    let mut told = rig.told();
    // It flaps from its third raising on, at 120 s, and is told of each ten minutes of the hour.
    let changed = told.split_off(5);
    let raised = (Event::Raised, kind);
    let cleared = (Event::Cleared, kind);
    assert_eq!(told, [raised, cleared, raised, cleared, raised]);
    assert_eq!(changed, [(Event::Changed, kind); 5]);
    assert!(rig.only().is_flapping);
    rig.look(270, &[good(kind, disk.clone())]);
    assert_eq!(rig.told(), [(Event::Changed, kind)]);
    rig.look(1, &[good(kind, disk)]);
    assert_eq!(rig.told(), [cleared]);
}

#[test]
fn what_is_latched_stays_until_it_is_acknowledged() {
    let (kind, store) = (Kind::DiskError, Resource::Store);
    let mut rig = Rig::new();
    rig.look(1, &[bad(kind, store.clone())]);
    rig.look(3_600, &[good(kind, store.clone())]);
    assert_eq!(rig.told(), [(Event::Raised, kind)]);
    let alarm = rig.only();
    assert!(alarm.is_over);
    let told = "over, and waits to be acknowledged; it was: the cache is in memory alone";
    assert!(alarm.text.starts_with(told), "{}", alarm.text);
    rig.engine
        .order(alarm.id, &order(Verb::Acknowledge, None))
        .expect("it is there");
    rig.look(1, &[good(kind, store)]);
    assert_eq!(rig.told(), [(Event::Cleared, kind)]);
}

#[test]
fn what_is_latched_and_acknowledged_is_cleared_when_it_is_over() {
    let (kind, store) = (Kind::DiskError, Resource::Store);
    let mut rig = Rig::new();
    rig.look(1, &[bad(kind, store.clone())]);
    let id = rig.only().id;
    rig.engine
        .order(id, &order(Verb::Acknowledge, None))
        .expect("it is there");
    rig.look(10, &[bad(kind, store.clone())]);
    assert_eq!(rig.told(), [(Event::Raised, kind)]);
    rig.look(1, &[good(kind, store)]);
    assert_eq!(rig.told(), [(Event::Cleared, kind)]);
}

#[test]
fn what_is_good_again_is_over_for_now_while_its_hold_goes_by_unless_an_effect_of_it_is_bad() {
    let (down, stale) = (Kind::IngestDown, Kind::SegmentStale);
    let look = |[first, second]: [bool; 2]| {
        readings([(down, rendition(0), first), (stale, rendition(0), second)])
    };
    let mut rig = Rig::new();
    rig.look(3, &look([true, true]));
    assert!(!rig.only().is_damped);
    rig.look(2, &look([false, true]));
    assert!(!rig.only().is_damped);
    rig.look(2, &look([false, false]));
    let alarm = rig.only();
    assert!(alarm.is_damped && !alarm.is_flapping);
    assert!(alarm.text.starts_with("over for now"), "{}", alarm.text);
}

#[test]
fn alarms_beyond_the_list_are_counted_and_told_of_as_one() {
    let kind = Kind::IngestDown;
    let all: Vec<Measure> = (0..LISTED_MAX + 88)
        .map(|it| bad(kind, rendition(it)))
        .collect();
    let mut rig = Rig::new();
    rig.look(2, &all);
    let report = rig.engine.report();
    assert_eq!(report.alarms.len(), LISTED_MAX);
    assert_eq!(report.counters.not_listed, 89);
    let overflow = report
        .alarms
        .iter()
        .find(|it| it.kind == Kind::AlarmsOverflow);
    let text = overflow.map(|alarm| alarm.text.as_str());
    assert_eq!(text, Some("alarms that are not listed: 89"));
    // There is room again.
    let (few, _) = all.split_at(100);
    rig.look(70, few);
    assert_eq!(rig.engine.report().alarms.len(), 100);
}

#[test]
fn what_is_followed_is_bounded() {
    let kind = Kind::BitrateVariance;
    let all: Vec<Measure> = (0..FOLLOWED_MAX + 5)
        .map(|it| bad(kind, rendition(it)))
        .collect();
    let mut rig = Rig::new();
    rig.look(1, &all);
    assert_eq!(rig.engine.report().counters.not_followed, 5);
}

#[test]
fn another_severity_is_told_of() {
    let kind = Kind::DiskFull;
    let mut rig = Rig::new();
    rig.look(1, &[bad(kind, Resource::Disk)]);
    let mut rules = Rules::default();
    rules.of_mut(kind).severity = Severity::Warning;
    rig.engine.set_rules(rules);
    rig.look(2, &[bad(kind, Resource::Disk)]);
    let severities: Vec<Severity> = rig.changes.iter().map(|it| it.severity).collect();
    assert_eq!(severities, [Severity::Critical, Severity::Warning]);
    assert_eq!(rig.only().severity, Severity::Warning);
}

#[test]
fn numbers_of_changes_follow_one_another() {
    let kind = Kind::DiskFull;
    let mut rig = Rig::new();
    for _ in 0..10 {
        rig.look(7, &[bad(kind, Resource::Disk)]);
        rig.look(7, &[good(kind, Resource::Disk)]);
    }
    let numbers = rig.changes.iter().map(|change| change.sequence);
    assert!(numbers.eq(1..=rig.changes.len() as u64));
    let last = rig.changes.last().map(|change| change.sequence);
    assert_eq!(last, Some(rig.engine.report().sequence));
}

/// One in three readings is unknown, and the others are on either side or between.
fn any_readings() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0..4_u64, 1..90_u64), 1..120)
}

/// Raisings and clearings of one alarm that may fall within ten minutes: five before it is damped,
/// one when it is let go, one when it begins anew.
const TOLD_MAX: usize = 7;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_readings_tell_more_than_so_often_in_ten_minutes(readings in any_readings()) {
        for kind in [Kind::DiskFull, Kind::IngestDown, Kind::BitrateVariance] {
            let mut rig = Rig::new();
            for (what, seconds) in &readings {
                rig.look(*seconds, &[reading(kind, *what)]);
            }
            let told = rig.changes.iter().filter(|it| it.event != Event::Changed);
            let told: Vec<u64> = told.map(|it| it.at.as_nanos() / 1_000_000_000).collect();
            for (index, first) in told.iter().enumerate() {
                let within = told.iter().skip(index).take_while(|at| *at - first < 600);
                prop_assert!(within.count() <= TOLD_MAX, "{kind:?}: {told:?}");
            }
        }
    }

    #[test]
    fn what_is_cleared_was_good_for_its_hold(readings in any_readings()) {
        for kind in [Kind::IngestDown, Kind::BitrateVariance, Kind::ServerErrors] {
            let Rule { raise_hold, clear_hold, .. } = kind.definition().rule;
            let mut rig = Rig::new();
            let mut good = 0;
            for (what, seconds) in &readings {
                for _ in 0..*seconds {
                    good = match what {
                        1 => good + 1,
                        // Nobody knows, and time goes on.
                        3 if good > 0 => good + 1,
                        _ => 0,
                    };
                    rig.look(1, &[reading(kind, *what)]);
                    let is_cleared = rig.told().contains(&(Event::Cleared, kind));
                    // One that flapped is let go by its quiet, long after its hold.
                    let has_flapped = rig.engine.report().counters.flapped > 0;
                    let was_good = has_flapped || good >= looks(clear_hold);
                    prop_assert!(!is_cleared || was_good, "{kind:?}");
                    // Bad for less than its hold is not bad yet.
                    let is_bad = *what == 0 && raise_hold == Duration::ZERO;
                    prop_assert!(!is_cleared || !is_bad, "{kind:?} is bad");
                }
            }
        }
    }
}

fn reading(kind: Kind, what: u64) -> Measure {
    let resource = resource_of(kind);
    match what {
        0 => bad(kind, resource),
        1 => good(kind, resource),
        2 => {
            let amount = kind.definition().rule.raise;
            Measure::new(kind, resource, Reading::of(amount))
        }
        _ => Measure::new(kind, resource, Reading::Unknown),
    }
}
