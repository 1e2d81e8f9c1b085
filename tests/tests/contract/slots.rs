//! Claims on [`weir_hal::Slots`].

use std::io;

use weir_hal::{SlotName, SlotState, SlotTable, SlotVersion, Tries};

use crate::side::Side;

crate::claims! {
    a_machine_without_slots_has_none_and_nothing_is_wrong,
    what_runs_and_what_each_slot_has_are_told_by_names_alone,
    who_cannot_be_read_is_unknown_and_what_runs_is_told,
    a_running_slot_that_is_none_is_an_error,
}

fn states(table: &SlotTable) -> [SlotState; 2] {
    SlotName::ALL.map(|name| table.slot(name).state)
}

fn a_machine_without_slots_has_none_and_nothing_is_wrong(side: &impl Side) {
    assert!(side.board().slots.slots().is_ok());
    assert_eq!(side.booted(None, None).unwrap(), None);
    // A kernel alone says nothing of what runs.
    assert_eq!(
        side.booted(None, Some(&["weir_1.0.0_a.efi"])).unwrap(),
        None
    );
}

fn what_runs_and_what_each_slot_has_are_told_by_names_alone(side: &impl Side) {
    let names = [
        "weir_1.0.0_a.efi",
        "weir_1.1.0_b+2-1.efi",
        "weir_1.2.0_b+3.efi.new",
        "someone-elses.efi",
    ];
    let table = side.booted(Some("a\n"), Some(&names)).unwrap().unwrap();
    assert_eq!(table.running, SlotName::A);
    let tries = Tries { left: 2, done: 1 };
    assert_eq!(states(&table), [SlotState::Good, SlotState::Trial(tries)]);
    let versions = table.slots.iter().map(|slot| slot.version.as_ref());
    let versions: Vec<&str> = versions.flatten().map(SlotVersion::as_str).collect();
    assert_eq!(versions, ["1.0.0", "1.1.0"]);
}

fn who_cannot_be_read_is_unknown_and_what_runs_is_told(side: &impl Side) {
    let table = side.booted(Some("b"), None).unwrap().unwrap();
    assert_eq!(table, SlotTable::unknown(SlotName::B));
    assert_eq!(states(&table), [SlotState::Unknown; 2]);
}

fn a_running_slot_that_is_none_is_an_error(side: &impl Side) {
    for running in ["", "c", "ab", "a b", "aaaaaaaaaaaaaaaaaaaaaaaa"] {
        let error = side.booted(Some(running), Some(&[])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{running:?}");
        assert!(error.to_string().contains("the slot"), "{error}");
    }
}
