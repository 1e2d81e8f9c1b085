//! One of several sources of a rendition is lost, or all are.

use super::*;
use crate::live::{Condition, Leg};

/// Gives the first rendition two sources, received as well as this.
fn with_sources(snapshot: &mut Snapshot, conditions: [Condition; 2]) {
    let source = |(url, condition): (&str, Condition)| Leg {
        url: url.to_owned(),
        condition,
        ..Leg::default()
    };
    let urls = ["udp://239.1.1.1:1234", "http://encoder/ts"];
    report_of(snapshot, 0).interface = Some("eth1".to_owned());
    report_of(snapshot, 0).legs = urls.into_iter().zip(conditions).map(source).collect();
}

#[test]
fn a_source_that_is_lost_while_another_carries_its_rendition_is_an_alarm_of_it() {
    use Condition::{Damaged, Good, Unusable};
    let mut rig = Rig::after(WARM_S);
    rig.run(60, |snapshot| with_sources(snapshot, [Good, Damaged]));
    assert_eq!(rig.roots(), []);
    rig.run(5, |snapshot| with_sources(snapshot, [Good, Unusable]));
    assert_eq!(rig.roots(), []);
    rig.run(60, |snapshot| with_sources(snapshot, [Good, Unusable]));
    assert_eq!(rig.roots(), [Kind::SourceDown]);
    let alarm = &rig.report.alarms[0];
    assert_eq!(alarm.resource.to_string(), "channel/CH_0/R0/2");
    assert_eq!(alarm.severity, alarm::Severity::Minor);
    assert!(alarm.text.contains("http://encoder/ts"), "{}", alarm.text);
    rig.run(60, |snapshot| with_sources(snapshot, [Good, Good]));
    assert_eq!(rig.history(), raised_and_cleared(Kind::SourceDown));
}

#[test]
fn sources_that_are_all_lost_are_one_alarm_of_their_rendition_and_one_that_stays_lost_is_another() {
    use Condition::{Good, Unusable};
    let mut rig = Rig::after(WARM_S);
    rig.run(60, |snapshot| with_sources(snapshot, [Good, Good]));
    let last = rig.rendition(0).clone();
    rig.run(60, |snapshot| {
        starve(report_of(snapshot, 0), &last);
        with_sources(snapshot, [Unusable; 2]);
    });
    assert_eq!(rig.roots(), [Kind::IngestDown]);
    assert_eq!(rig.report.alarms[0].affected, 1, "of its segments");
    rig.run(60, |snapshot| with_sources(snapshot, [Good, Unusable]));
    assert_eq!(rig.report.alarms, []);
    rig.run(60, |snapshot| with_sources(snapshot, [Good, Unusable]));
    assert_eq!(rig.roots(), [Kind::SourceDown]);
    // A source alone is its rendition.
    rig.run(60, |snapshot| report_of(snapshot, 0).legs.truncate(1));
    assert_eq!(rig.report.alarms, []);
}

#[test]
fn a_source_that_came_through_an_interface_that_is_down_is_an_effect_of_that() {
    use Condition::{Good, Unusable};
    use OperationalStatus::{Down, Up};
    let mut rig = Rig::after(WARM_S);
    let plug = |snapshot: &mut Snapshot, status, conditions| {
        snapshot.nics = vec![nic("eth1", status)];
        with_sources(snapshot, conditions);
    };
    rig.run(60, |snapshot| plug(snapshot, Up, [Good; 2]));
    rig.run(60, |snapshot| plug(snapshot, Down, [Unusable, Good]));
    assert_eq!(rig.roots(), [Kind::NicDown]);
    assert_eq!(rig.report.alarms[0].affected, 1);
    // What comes over HTTP comes by whatever way there is.
    rig.run(60, |snapshot| plug(snapshot, Down, [Good, Unusable]));
    assert_eq!(rig.roots(), [Kind::NicDown, Kind::SourceDown]);
}
