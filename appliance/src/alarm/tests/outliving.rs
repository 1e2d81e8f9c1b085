//! What outlives a restart.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// An engine with an alarm of everything that is kept.
fn lived() -> Rig {
    let mut rig = Rig::new();
    let all = [
        bad(Kind::IngestDown, rendition(0)),
        bad(Kind::DiskFull, Resource::Disk),
        bad(Kind::DiskError, Resource::Store),
    ];
    rig.look(10, &all);
    let alarms = rig.engine.report().alarms;
    for (alarm, verb) in alarms.iter().zip([Verb::Acknowledge, Verb::Shelve]) {
        rig.engine
            .order(alarm.id, &order(verb, Some(7_200)))
            .expect("it is there");
    }
    rig
}

fn restarted(rig: &Rig) -> Rig {
    let bytes = written(&rig.engine);
    let record = Record::from_bytes(&bytes).expect("it was just written");
    Rig::of(record.restore(settings(60)).expect("it was just written"))
}

#[test]
fn alarms_orders_and_changes_outlive_a_restart() {
    let before = lived();
    let after = restarted(&before);
    let (one, other) = (before.engine.report(), after.engine.report());
    assert_eq!(one.sequence, other.sequence);
    assert_eq!(one.shelves, other.shelves);
    assert_eq!(one.alarms, other.alarms);
    assert_eq!(one.history, other.history);
}

#[test]
fn what_is_still_bad_after_a_restart_is_not_told_again_and_what_is_not_is_cleared() {
    let mut after = restarted(&lived());
    let all = [
        bad(Kind::IngestDown, rendition(0)),
        good(Kind::DiskFull, Resource::Disk),
        good(Kind::DiskError, Resource::Store),
    ];
    after.look(120, &all);
    let cleared: Vec<Kind> = after
        .told()
        .into_iter()
        .map(|(event, kind)| {
            assert_eq!(event, Event::Cleared);
            kind
        })
        .collect();
    // The first of the list was acknowledged, the second shelved; what is latched is not cleared
    // unless it is the first.
    assert!(cleared.contains(&Kind::DiskFull), "{cleared:?}");
    assert!(!cleared.contains(&Kind::IngestDown), "{cleared:?}");
}

#[test]
fn nothing_that_was_raised_before_a_restart_is_cleared_before_the_boot_inhibit_is_over() {
    let mut rig = Rig::new();
    rig.look(1, &[bad(Kind::DiskFull, Resource::Disk)]);
    let mut after = restarted(&rig);
    after.look(60, &[good(Kind::DiskFull, Resource::Disk)]);
    assert_eq!(after.told(), []);
    after.look(1, &[good(Kind::DiskFull, Resource::Disk)]);
    assert_eq!(after.told(), [(Event::Cleared, Kind::DiskFull)]);
}

#[test]
fn what_is_latched_stays_so_over_a_restart() {
    let mut rig = Rig::new();
    rig.look(1, &[bad(Kind::DiskError, Resource::Store)]);
    let mut after = restarted(&rig);
    after.look(3_600, &[good(Kind::DiskError, Resource::Store)]);
    assert_eq!(after.told(), []);
    assert!(after.only().is_over);
}

#[test]
fn a_channel_that_is_gone_after_a_restart_has_no_alarm() {
    let mut rig = Rig::new();
    rig.look(1, &[bad(Kind::IngestDown, rendition(0))]);
    let mut after = restarted(&rig);
    after.look(60, &[]);
    assert_eq!(after.told(), [], "what has just begun knows nothing yet");
    after.look(1, &[]);
    assert_eq!(after.told(), [(Event::Cleared, Kind::IngestDown)]);
}

#[test]
fn what_was_a_cause_and_its_effects_before_a_restart_is_so_behind_it_and_nothing_is_told() {
    let mut rig = Rig::new();
    let both = |is_down| {
        readings([
            (Kind::IngestDown, rendition(0), true),
            (Kind::IngestDown, rendition(1), is_down),
            (Kind::NicDown, nic(), is_down),
        ])
    };
    rig.look(30, &both(false));
    rig.look(30, &both(true));
    let told = rig.told();
    assert_eq!(told.last(), Some(&(Event::Changed, Kind::IngestDown)));
    let before = rig.engine.report().alarms;
    let mut after = restarted(&rig);
    let causes = |alarms: &[Alarm]| -> Vec<_> {
        let alarms = alarms.iter();
        alarms.map(|it| (it.id, it.severity, it.cause)).collect()
    };
    after.look(1, &[]);
    assert_eq!(causes(&after.engine.report().alarms), causes(&before));
    after.look(119, &both(true));
    assert_eq!(after.told(), []);
    assert_eq!(causes(&after.engine.report().alarms), causes(&before));
}

#[test]
fn numbers_that_were_given_out_behind_the_last_record_are_not_given_out_again() {
    let mut rig = lived();
    let kept = Record::of(&rig.engine, Record::reserved(rig.engine.sequence())).to_bytes();
    rig.look(1, &[bad(Kind::DiskError, Resource::Disk)]);
    let lost = rig.engine.report().sequence;
    let record = Record::from_bytes(&kept).expect("it was just written");
    let mut after = Rig::of(record.restore(settings(0)).expect("it was just written"));
    after.look(1, &[bad(Kind::NicDown, nic())]);
    after.look(60, &[bad(Kind::NicDown, nic())]);
    let down = |alarm: &Alarm| alarm.kind == Kind::NicDown;
    let alarms = after.engine.report().alarms;
    let id = alarms.iter().find(|it| down(it)).map(|it| it.id);
    assert!(id > Some(lost), "{id:?} behind {lost}");
}

#[test]
fn a_report_tells_which_changes_are_of_an_earlier_life() {
    let rig = lived();
    let after = restarted(&rig);
    assert_eq!(rig.engine.report().sequence_before, 0);
    let lived = rig.engine.report().sequence;
    assert_eq!(after.engine.report().sequence_before, lived);
}

#[test]
fn a_record_with_one_wrong_byte_is_refused() {
    let bytes = written(&lived().engine);
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x20;
        assert!(Record::from_bytes(&damaged).is_err(), "byte {place}");
        assert!(
            Record::from_bytes(&bytes[..place]).is_err(),
            "cut at {place}"
        );
    }
}

/// The bytes of a record of this JSON, with a sum that is right.
fn sealed(json: &str) -> Vec<u8> {
    let sum = crc32c::crc32c(json.as_bytes());
    format!("weir-alarms 1 {sum:08x}\n{json}").into_bytes()
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let bytes = written(&lived().engine);
    let text = String::from_utf8(bytes).expect("JSON is text");
    let (_, json) = text.split_once('\n').expect("a line, and the rest");
    let restored = |json: &str| {
        let record = Record::from_bytes(&sealed(json)).expect("the sum is right");
        record.restore(settings(0)).map(drop)
    };
    restored(json).expect("it is as it was written");
    for (true_part, lie) in [
        ("\"id\":1", "\"id\":900"),
        ("\"sequence\":2", "\"sequence\":1"),
        ("\"severity\":\"critical\"", "\"severity\":\"cleared\""),
        ("\"severity\":\"critical\"", "\"severity\":\"bad\""),
        ("\"resource\":\"disk\"", "\"resource\":\"../disk\""),
        ("\"event\":\"raised\"", "\"event\":\"exploded\""),
        ("\"state\":\"shelved\"", "\"state\":\"lost\""),
        ("\"ann\"", &format!("\"{}\"", "a".repeat(65))),
    ] {
        let lying = json.replace(true_part, lie);
        assert_ne!(lying, json, "{true_part} is in it");
        let outcome = restored(&lying);
        assert!(
            matches!(outcome, Err(RecordError::Invalid(_))),
            "{lie}: {outcome:?}"
        );
    }
}

#[test]
fn a_kind_that_is_not_known_is_passed_over() {
    let bytes = written(&lived().engine);
    let text = String::from_utf8(bytes).expect("JSON is text");
    let (_, json) = text.split_once('\n').expect("a line, and the rest");
    let json = json.replace("disk-full", "from-the-future");
    let record = Record::from_bytes(&sealed(&json)).expect("the sum is right");
    let engine = record.restore(settings(0)).expect("it is older than that");
    assert_eq!(engine.report().alarms.len(), 2);
}

#[test]
fn the_largest_record_can_be_read() {
    let mut rig = Rig::new();
    let kind = Kind::IngestDown;
    let detail: Arc<str> = "\u{1}".repeat(TEXT_BYTES_MAX).into();
    let all =
        (0..LISTED_MAX + 9).map(|it| bad(kind, rendition(it)).because(Some(Arc::clone(&detail))));
    let all: Vec<Measure> = all.collect();
    let none: Vec<Measure> = (0..LISTED_MAX + 9)
        .map(|it| good(kind, rendition(it)))
        .collect();
    for _ in 0..3 {
        rig.look(1, &all);
        for alarm in rig.engine.report().alarms {
            let full = Order {
                author: "\u{1}".repeat(AUTHOR_BYTES_MAX),
                note: "\u{1}".repeat(NOTE_BYTES_MAX),
                ..order(Verb::Shelve, None)
            };
            drop(rig.engine.order(alarm.id, &full));
        }
        rig.look(6, &none);
    }
    let bytes = written(&rig.engine);
    assert!(bytes.len() <= Record::BYTES_MAX, "{} bytes", bytes.len());
    Record::from_bytes(&bytes).expect("it can be read");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(json in "\\PC{0,200}") {
        if let Ok(record) = Record::from_bytes(&sealed(&json)) {
            drop(record.restore(settings(0)));
        }
        prop_assert!(Record::from_bytes(json.as_bytes()).is_err());
    }
}
