//! The two root slots of an appliance that is updated from one to the other.
//!
//! What runs is told by the initramfs; what each slot has, and whether it is good, by the name of
//! its unified kernel: `weir_VERSION_SLOT.efi` is good, `weir_VERSION_SLOT+LEFT-DONE.efi` is on
//! trial, and bad when no tries are left. Nothing else is kept anywhere.
//!
//! Source: UAPI.1 Boot Loader Specification, *Boot counting*. Pure but for the trait.
//! Refuses: names of any other form, which are passed over, for the boot loader has its own files.

mod kernel_name;
mod slot_version;

use std::fmt::{self, Debug, Display};

use crate::Error;

pub use kernel_name::{KERNEL_NAME_BYTES_MAX, KernelName, Tries};
pub use slot_version::{SLOT_VERSION_BYTES_MAX, SlotVersion};

/// Names in the directory of kernels that are looked at, in any order; those beyond are not.
pub const KERNEL_NAMES_MAX: usize = 256;

/// What an appliance boots from.
pub trait Slots: Debug + Send + Sync {
    /// Reads which slot runs, and what each has; `None` where nothing is booted from slots.
    ///
    /// # Errors
    /// [`Error::Sensor`] when there are slots, and nobody knows which of them runs.
    ///
    /// # Limits
    /// [`KERNEL_NAMES_MAX`] names.
    fn slots(&self) -> Result<Option<SlotTable>, Error>;
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotName {
    /// The first.
    A,
    /// The second.
    B,
}

/// Both slots at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotTable {
    /// The one that runs.
    pub running: SlotName,
    /// What they have, in the order of their names.
    pub slots: [Slot; 2],
}

/// What one slot has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Which it is.
    pub name: SlotName,
    /// The version; `None` if it has none, or none that is known.
    pub version: Option<SlotVersion>,
    /// What is known of it.
    pub state: SlotState,
}

/// What is known of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// It ran well, and is booted without counting.
    Good,
    /// Its tries are counted until it is found good.
    Trial(Tries),
    /// It used up all of its tries, so many, and something else runs.
    Bad {
        /// Tries that failed.
        tries_done: u32,
    },
    /// It has no kernel.
    Empty,
    /// Nobody could read what it has.
    Unknown,
}

impl SlotName {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// Its letter, as all names have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The slot of that letter; `None` if there is none.
    pub fn from_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == letter)
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl Display for SlotName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl SlotState {
    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Trial(_) => "trial",
            Self::Bad { .. } => "bad",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        }
    }
}

impl SlotTable {
    /// What the `names` in the directory of kernels say, while `running` runs. Of several kernels
    /// of one slot that one counts which the boot loader would take: one that has tries left, of
    /// the newest version.
    pub fn of_names<'a>(running: SlotName, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().take(KERNEL_NAMES_MAX);
        let kernels: Vec<KernelName> = names.filter_map(KernelName::parse).collect();
        let slot = |name| {
            let kernels = kernels.iter().filter(|kernel| kernel.slot == name);
            let first = kernels.max_by(|one, other| one.cmp_in_boot_order(other));
            Slot::of(name, first, name == running)
        };
        Self {
            running,
            slots: SlotName::ALL.map(slot),
        }
    }

    /// Both slots, of which nobody knows more than which runs.
    pub const fn unknown(running: SlotName) -> Self {
        Self {
            running,
            slots: [Slot::unknown(SlotName::A), Slot::unknown(SlotName::B)],
        }
    }

    /// What the slot of that name has.
    pub const fn slot(&self, name: SlotName) -> &Slot {
        let [a, b] = &self.slots;
        match name {
            SlotName::A => a,
            SlotName::B => b,
        }
    }
}

impl Slot {
    const fn unknown(name: SlotName) -> Self {
        Self {
            name,
            version: None,
            state: SlotState::Unknown,
        }
    }

    fn of(name: SlotName, kernel: Option<&KernelName>, is_running: bool) -> Self {
        let state = kernel.map_or(SlotState::Empty, |kernel| match kernel.tries {
            None => SlotState::Good,
            // The boot loader takes a try away before it begins: who runs may be on the last one.
            Some(tries) if tries.left > 0 || is_running => SlotState::Trial(tries),
            Some(tries) => SlotState::Bad {
                tries_done: tries.done,
            },
        });
        Self {
            name,
            version: kernel.map(|kernel| kernel.version.clone()),
            state,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(running: SlotName, names: &[&str]) -> Vec<String> {
        let table = SlotTable::of_names(running, names.iter().copied());
        let slot = |slot: &Slot| {
            let version = slot.version.as_ref().map_or("-", SlotVersion::as_str);
            format!("{} {version} {:?}", slot.name, slot.state)
        };
        table.slots.iter().map(slot).collect()
    }

    #[test]
    fn names_tell_what_each_slot_has_and_how_good_it_is() {
        let good = "a 1.1.0 Good";
        for (names, expected) in [
            (&["weir_1.1.0_a.efi"][..], [good, "b - Empty"]),
            (
                &["weir_1.2.0_b+3.efi", "weir_1.1.0_a.efi"],
                [good, "b 1.2.0 Trial(Tries { left: 3, done: 0 })"],
            ),
            (
                &["weir_1.1.0_a.efi", "weir_1.2.0_b+2-1.efi"],
                [good, "b 1.2.0 Trial(Tries { left: 2, done: 1 })"],
            ),
            (
                &["weir_1.1.0_a.efi", "weir_1.2.0_b+0-3.efi"],
                [good, "b 1.2.0 Bad { tries_done: 3 }"],
            ),
            (&[], ["a - Empty", "b - Empty"]),
        ] {
            assert_eq!(told(SlotName::A, names), expected, "{names:?}");
        }
    }

    #[test]
    fn who_runs_on_the_last_try_is_on_trial_and_not_bad() {
        let names = ["weir_1.1.0_a.efi", "weir_1.2.0_b+0-3.efi"];
        let expected = ["a 1.1.0 Good", "b 1.2.0 Trial(Tries { left: 0, done: 3 })"];
        assert_eq!(told(SlotName::B, &names), expected);
    }

    #[test]
    fn of_several_kernels_of_a_slot_the_one_counts_that_the_boot_loader_takes() {
        for (names, expected) in [
            (["weir_1.9_a.efi", "weir_1.10_a.efi"], "a 1.10 Good"),
            (["weir_1.9_a.efi", "weir_1.10_a+0-3.efi"], "a 1.9 Good"),
            (
                ["weir_1.9_a.efi", "weir_1.10_a+1-2.efi"],
                "a 1.10 Trial(Tries { left: 1, done: 2 })",
            ),
            (["weir_1.9_a.efi", "weir_1.9_a+3.efi"], "a 1.9 Good"),
        ] {
            let [one, other] = names;
            assert_eq!(told(SlotName::B, &[one, other])[0], expected, "{names:?}");
            assert_eq!(told(SlotName::B, &[other, one])[0], expected, "{names:?}");
        }
    }

    #[test]
    fn there_are_two_letters() {
        for name in SlotName::ALL {
            assert_eq!(SlotName::from_letter(name.as_str()), Some(name));
            assert_eq!(name.other().other(), name);
        }
        for letter in ["", "A", "c", "ab", "a\n"] {
            assert_eq!(SlotName::from_letter(letter), None, "{letter:?}");
        }
    }

    proptest! {
        #[test]
        fn no_names_make_a_table_of_other_slots(
            names in prop::collection::vec(
                prop_oneof![
                    ".{0,120}",
                    r"weir_[0-9]{0,3}(\.[0-9]{0,20}){2}_[abc](\+[0-9]{0,12}(-[0-9]{1,12})?)?\.efi",
                ],
                0..9,
            ),
        ) {
            let table = SlotTable::of_names(SlotName::A, names.iter().map(String::as_str));
            for name in SlotName::ALL {
                prop_assert_eq!(table.slot(name).name, name);
            }
        }
    }
}
