//! What goes wrong with updates, by the names that the boot loader has made of it.

use weir_hal::{SlotName, SlotTable};

use super::*;

/// Longer than a version takes to become good.
const UNCOMMITTED_S: u64 = 900;

const GOOD: &str = "weir_1.1.0_a.efi";

/// Has the box run for so long, booted from the slot of this name beside these kernels.
fn boot(rig: &mut Rig, seconds: u64, running: SlotName, names: &[&str]) {
    let table = SlotTable::of_names(running, names.iter().copied());
    rig.run(seconds, |snapshot| snapshot.slots = Some(table.clone()));
}

/// The alarm that somebody should act on, and what it is of.
fn told(rig: &Rig) -> Vec<(Kind, String)> {
    let roots = rig.report.roots();
    let told = roots.map(|alarm| (alarm.kind, alarm.resource.to_string()));
    told.collect()
}

#[test]
fn a_slot_that_was_given_up_is_told_with_its_version_until_the_next_update() {
    let mut rig = Rig::after(WARM_S);
    boot(&mut rig, 60, SlotName::A, &[GOOD, "weir_1.2.0_b+3.efi"]);
    assert_eq!(rig.roots(), [], "an update waits for the next start");
    boot(&mut rig, 1, SlotName::A, &[GOOD, "weir_1.2.0_b+0-3.efi"]);
    assert_eq!(told(&rig), [(Kind::SlotRollback, "slot/b".to_owned())]);
    let text = &rig.report.alarms[0].text;
    assert!(
        text.ends_with("given up: version 1.2.0, tries: 3"),
        "{text}"
    );
    // While the next one is written, the slot has no kernel.
    boot(&mut rig, 6, SlotName::A, &[GOOD]);
    boot(&mut rig, 60, SlotName::A, &[GOOD, "weir_1.3.0_b+3.efi"]);
    assert_eq!(rig.history(), raised_and_cleared(Kind::SlotRollback));
}

#[test]
fn a_version_that_becomes_good_in_time_is_no_alarm() {
    let mut rig = Rig::after(WARM_S);
    let trial = [GOOD, "weir_1.2.0_b+2-1.efi"];
    boot(&mut rig, UNCOMMITTED_S, SlotName::B, &trial);
    boot(&mut rig, 3_600, SlotName::B, &[GOOD, "weir_1.2.0_b.efi"]);
    assert_eq!(rig.history(), []);
}

#[test]
fn a_version_that_does_not_become_good_is_told_until_it_does() {
    for (name, why) in [
        ("weir_1.2.0_b+2-1.efi", "1.2.0 is on trial, tries left: 2"),
        ("weir_1.2.0_b+0-3.efi", "1.2.0 is on trial, tries left: 0"),
        ("other.efi", "it has no kernel that could start"),
    ] {
        let mut rig = Rig::after(WARM_S);
        boot(&mut rig, UNCOMMITTED_S + 1, SlotName::B, &[GOOD, name]);
        assert_eq!(told(&rig), [(Kind::SlotUncommitted, "slot/b".to_owned())]);
        let text = &rig.report.alarms[0].text;
        assert!(text.ends_with(why), "{text}");
        boot(&mut rig, 60, SlotName::B, &[GOOD, "weir_1.2.0_b.efi"]);
        assert_eq!(rig.history(), raised_and_cleared(Kind::SlotUncommitted));
    }
}

#[test]
fn a_box_on_which_no_slot_becomes_good_is_one_alarm() {
    let mut rig = Rig::after(WARM_S);
    let names = ["weir_1.1.0_a+0-3.efi", "weir_1.2.0_b+0-3.efi"];
    boot(&mut rig, UNCOMMITTED_S + 60, SlotName::A, &names);
    assert_eq!(told(&rig), [(Kind::SlotRollback, "slot/b".to_owned())]);
    assert_eq!(rig.report.roots().next().map(|it| it.affected), Some(1));
}

#[test]
fn an_older_version_that_runs_beside_a_good_newer_one_is_told_after_a_minute() {
    let mut rig = Rig::after(WARM_S);
    boot(&mut rig, 60, SlotName::A, &[GOOD, "weir_1.10.0_b.efi"]);
    assert_eq!(rig.roots(), []);
    boot(&mut rig, 1, SlotName::A, &[GOOD, "weir_1.10.0_b.efi"]);
    assert_eq!(told(&rig), [(Kind::SlotOutdated, "slot/a".to_owned())]);
    let text = &rig.report.alarms[0].text;
    assert!(
        text.ends_with(": 1.1.0 runs, and slot b has 1.10.0"),
        "{text}"
    );
    boot(&mut rig, 60, SlotName::B, &[GOOD, "weir_1.10.0_b.efi"]);
    assert_eq!(rig.history(), raised_and_cleared(Kind::SlotOutdated));
}

#[test]
fn what_nobody_can_read_raises_nothing_and_ends_nothing() {
    let mut rig = Rig::after(WARM_S);
    let unknown = |snapshot: &mut Snapshot| {
        snapshot.slots = Some(SlotTable::unknown(SlotName::A));
    };
    rig.run(UNCOMMITTED_S + 60, unknown);
    assert_eq!(rig.history(), []);
    boot(&mut rig, 1, SlotName::A, &[GOOD, "weir_1.2.0_b+0-3.efi"]);
    rig.run(3_600, unknown);
    assert_eq!(rig.history(), [(Event::Raised, Kind::SlotRollback)]);
}

#[tokio::test]
async fn a_restart_ends_no_alarm_of_a_slot_before_anybody_has_looked() {
    let machine = Simulation::new(1);
    let mut rig = Rig::on(&machine, WARM_S);
    let names = [GOOD, "weir_1.2.0_b+0-3.efi"];
    boot(&mut rig, 1, SlotName::A, &names);
    Arc::new(rig.alarms).keep(std::future::ready(())).await;
    let mut rig = Rig::on(&machine, 2);
    assert_eq!(rig.roots(), [Kind::SlotRollback]);
    boot(&mut rig, 120, SlotName::A, &names);
    assert_eq!(rig.history(), [(Event::Raised, Kind::SlotRollback)]);
}
