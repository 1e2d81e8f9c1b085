//! What operators say.

use super::*;

const KIND: Kind = Kind::DiskFull;

/// One alarm, and its id.
fn raised() -> (Rig, u64) {
    let mut rig = Rig::new();
    rig.look(1, &[bad(KIND, Resource::Disk)]);
    let id = rig.only().id;
    rig.told();
    (rig, id)
}

fn obey(rig: &mut Rig, id: u64, verb: Verb, period_s: Option<u64>) -> Change {
    rig.engine
        .order(id, &order(verb, period_s))
        .expect("it is obeyed")
}

#[test]
fn an_acknowledgement_names_who_and_why_and_the_alarm_still_counts() {
    let (mut rig, id) = raised();
    let change = obey(&mut rig, id, Verb::Acknowledge, None);
    assert_eq!((change.event, change.id), (Event::Acknowledged, id));
    assert_eq!(change.text, "by ann: cable ordered");
    let alarm = rig.only();
    let operation = alarm.operation.expect("somebody said something");
    assert_eq!(operation.state, OperatorState::Acknowledged);
    assert_eq!(rig.roots(), [KIND]);
}

#[test]
fn what_is_closed_counts_no_more_until_it_is_raised_anew() {
    let (mut rig, id) = raised();
    obey(&mut rig, id, Verb::Close, None);
    rig.look(10, &[bad(KIND, Resource::Disk)]);
    assert_eq!(rig.roots(), []);
    rig.look(1, &[good(KIND, Resource::Disk)]);
    rig.look(1, &[bad(KIND, Resource::Disk)]);
    assert_eq!(rig.roots(), [KIND]);
    assert_eq!(rig.told(), [(Event::Cleared, KIND), (Event::Raised, KIND)]);
}

#[test]
fn what_an_operator_said_ends_in_its_time() {
    let (mut rig, id) = raised();
    obey(&mut rig, id, Verb::Acknowledge, Some(60));
    rig.look(59, &[bad(KIND, Resource::Disk)]);
    assert!(rig.only().operation.is_some());
    rig.look(1, &[bad(KIND, Resource::Disk)]);
    assert_eq!(rig.only().operation, None);
    assert_eq!(rig.told(), [(Event::Changed, KIND)]);
}

#[test]
fn what_is_shelved_is_silent_however_often_it_is_raised() {
    let (mut rig, id) = raised();
    obey(&mut rig, id, Verb::Shelve, Some(3_600));
    rig.look(10, &[bad(KIND, Resource::Disk)]);
    assert_eq!(rig.roots(), []);
    rig.look(1, &[good(KIND, Resource::Disk)]);
    rig.look(100, &[bad(KIND, Resource::Disk)]);
    assert_eq!(rig.told(), [(Event::Cleared, KIND)]);
    assert_eq!(rig.engine.report().shelves.len(), 1);
}

#[test]
fn what_comes_off_the_shelf_and_is_still_bad_is_told() {
    for is_ordered in [true, false] {
        let (mut rig, id) = raised();
        obey(&mut rig, id, Verb::Shelve, Some(3_600));
        rig.look(1, &[good(KIND, Resource::Disk)]);
        rig.look(100, &[bad(KIND, Resource::Disk)]);
        rig.told();
        if is_ordered {
            let change = obey(&mut rig, id, Verb::Unshelve, None);
            assert_eq!(change.event, Event::Unshelved);
            rig.look(1, &[bad(KIND, Resource::Disk)]);
            assert_eq!(rig.told(), [(Event::Raised, KIND)]);
        } else {
            rig.look(3_600, &[bad(KIND, Resource::Disk)]);
            assert_eq!(
                rig.told(),
                [(Event::Unshelved, KIND), (Event::Raised, KIND)]
            );
        }
        assert_eq!(rig.engine.report().shelves, []);
    }
}

#[test]
fn an_order_for_no_alarm_is_refused() {
    let (mut rig, id) = raised();
    for verb in [Verb::Acknowledge, Verb::Close, Verb::Shelve] {
        let refused = rig.engine.order(id + 1, &order(verb, None));
        assert_eq!(refused, Err(OrderError::Unknown(id + 1)));
    }
    let refused = rig.engine.order(id, &order(Verb::Unshelve, None));
    assert_eq!(refused, Err(OrderError::NotShelved(id)));
}

#[test]
fn what_is_shelved_makes_room_in_the_list() {
    let kind = Kind::IngestDown;
    let all: Vec<Measure> = (0..LISTED_MAX + 88)
        .map(|it| bad(kind, rendition(it)))
        .collect();
    let mut rig = Rig::new();
    rig.look(2, &all);
    let listed = rig.engine.report().alarms;
    for alarm in listed.iter().filter(|it| it.kind == kind).take(100) {
        obey(&mut rig, alarm.id, Verb::Shelve, None);
    }
    rig.look(62, &all);
    let report = rig.engine.report();
    let of_kind = report.alarms.iter().filter(|it| it.kind == kind);
    assert_eq!(of_kind.count(), LISTED_MAX + 88);
    assert_eq!(rig.roots().len(), LISTED_MAX - 12);
    let bytes = written(&rig.engine);
    let record = Record::from_bytes(&bytes).expect("it was just written");
    assert!(record.restore(settings(0)).is_ok());
}

#[test]
fn shelves_are_bounded() {
    let mut rig = Rig::new();
    let kind = Kind::IngestDown;
    for number in 0..=SHELVES_MAX {
        rig.look(1, &[bad(kind, rendition(number))]);
        let id = rig.only().id;
        let outcome = rig.engine.order(id, &order(Verb::Shelve, None));
        if number < SHELVES_MAX {
            assert!(outcome.is_ok(), "{number}");
        } else {
            assert_eq!(outcome, Err(OrderError::ShelvesFull));
        }
    }
}
