//! What is measured of slots; pure.
//!
//! Of the slot that runs: whether it has become good, and whether it is the newest that has. Of the
//! other one: whether it was given up. Each is asked of both slots each time, so that an alarm ends
//! when the other slot runs; where nobody knows, as before the first look, nothing is raised or
//! cleared.

use std::sync::Arc;

use weir_hal::{Slot, SlotName, SlotState, SlotTable, SlotVersion};

use crate::{
    alarm::{Amount, Kind, Measure, Reading, Resource},
    health::Snapshot,
};

/// Whether it is so, and what a person would want to know if it is; `None` if nobody knows.
type Verdict = Option<Result<(), Arc<str>>>;

/// Three measures of each slot.
pub(super) fn of_slots(snapshot: &Snapshot) -> impl Iterator<Item = Measure> {
    let table = snapshot.slots.as_ref();
    SlotName::ALL.into_iter().flat_map(move |name| {
        let of = |kind, verdict: fn(&SlotTable, SlotName) -> Verdict| {
            let verdict = table.and_then(|table| verdict(table, name));
            let reading = verdict.as_ref().map_or(Reading::Unknown, |verdict| {
                Reading::of(Amount::claim(verdict.is_err()))
            });
            Measure::new(kind, resource(name), reading)
                .through(Some(resource(name.other())))
                .because(verdict.and_then(Result::err))
        };
        [
            of(Kind::SlotRollback, given_up),
            of(Kind::SlotUncommitted, uncommitted),
            of(Kind::SlotOutdated, outdated),
        ]
    })
}

fn given_up(table: &SlotTable, name: SlotName) -> Verdict {
    let slot = table.slot(name);
    match slot.state {
        SlotState::Bad { tries_done } => Some(Err(format!(
            "version {}, tries: {tries_done}",
            version(slot)
        )
        .into())),
        SlotState::Good | SlotState::Trial(_) | SlotState::Empty => Some(Ok(())),
        SlotState::Unknown => None,
    }
}

fn uncommitted(table: &SlotTable, name: SlotName) -> Verdict {
    let slot = table.slot(name);
    if table.running != name {
        return Some(Ok(()));
    }
    match slot.state {
        SlotState::Trial(tries) => {
            let (version, left) = (version(slot), tries.left);
            Some(Err(format!(
                "version {version} is on trial, tries left: {left}"
            )
            .into()))
        }
        SlotState::Bad { .. } | SlotState::Empty => {
            Some(Err("it has no kernel that could start".into()))
        }
        SlotState::Good => Some(Ok(())),
        SlotState::Unknown => None,
    }
}

fn outdated(table: &SlotTable, name: SlotName) -> Verdict {
    let (slot, other) = (table.slot(name), table.slot(name.other()));
    if table.running != name {
        return Some(Ok(()));
    }
    let is_known = |slot: &Slot| slot.state != SlotState::Unknown;
    if !is_known(slot) || !is_known(other) {
        return None;
    }
    let is_newer = match (good(slot), good(other)) {
        (Some(running), Some(newer)) => newer.is_newer_than(running),
        _ => false,
    };
    let told = || {
        let (old, new) = (version(slot), version(other));
        format!("{old} runs, and slot {} has {new}", other.name).into()
    };
    Some(if is_newer { Err(told()) } else { Ok(()) })
}

/// The version of a slot that is good.
fn good(slot: &Slot) -> Option<&SlotVersion> {
    let version = slot.version.as_ref();
    version.filter(|_| slot.state == SlotState::Good)
}

fn version(slot: &Slot) -> &str {
    slot.version.as_ref().map_or("unknown", SlotVersion::as_str)
}

fn resource(name: SlotName) -> Resource {
    Resource::Slot(name.as_str().into())
}
