//! Slots as values of the table.

use weir_hal::{SlotName, SlotState, SlotTable};

use crate::health::table::{list::Slot, readings::SlotReadings};

impl Slot {
    /// Both of them.
    pub(super) fn all_of(table: &SlotTable) -> Vec<Self> {
        let SlotTable { running, slots } = table;
        slots.iter().map(|slot| Self::of(slot, *running)).collect()
    }

    fn of(slot: &weir_hal::Slot, running: SlotName) -> Self {
        let weir_hal::Slot {
            name,
            version,
            state,
        } = slot;
        let (left, done) = match *state {
            SlotState::Trial(tries) => (Some(tries.left), Some(tries.done)),
            SlotState::Bad { tries_done } => (Some(0), Some(tries_done)),
            SlotState::Good | SlotState::Empty | SlotState::Unknown => (None, None),
        };
        Self {
            key: name.as_str().to_owned(),
            own: SlotReadings {
                version: version.as_ref().map(|version| version.as_str().to_owned()),
                state: state.as_str(),
                is_running: (*name == running).into(),
                tries_left: left.map(u64::from),
                tries_done: done.map(u64::from),
            },
        }
    }
}
