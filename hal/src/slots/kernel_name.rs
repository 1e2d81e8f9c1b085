//! The name of the unified kernel of a slot: `weir_VERSION_SLOT[+LEFT[-DONE]].efi`.
//!
//! Source: UAPI.1 Boot Loader Specification, *Boot counting*: both counters are decimal, with
//! zeros before them or not; where DONE is missing it is zero.
//! Refuses: any other name.

use std::{
    cmp::Ordering,
    fmt::{self, Display},
};

use crate::slots::{SlotName, SlotVersion};

/// Bytes of a name: the longest version, and counters of nine digits each.
pub const KERNEL_NAME_BYTES_MAX: usize = 96;

/// What all of them begin and end with.
const PREFIX: &str = "weir_";
const SUFFIX: &str = ".efi";

/// Digits of a counter; the boot loader counts to three.
const DIGITS_MAX: usize = 9;

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelName {
    /// The version of what is in the slot.
    pub version: SlotVersion,
    /// The slot that it boots.
    pub slot: SlotName,
    /// The tries that it has; `None` if they are not counted any more, for it is good.
    pub tries: Option<Tries>,
}

/// How often a slot is booted before it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// Tries left.
    pub left: u32,
    /// Tries that failed, or that is under way.
    pub done: u32,
}

impl KernelName {
    /// Reads the name of a file; `None` if it is not that of a kernel of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let is_fit = name.len() <= KERNEL_NAME_BYTES_MAX;
        let stem = name.strip_prefix(PREFIX).filter(|_| is_fit)?;
        let stem = stem.strip_suffix(SUFFIX)?;
        let (stem, tries) = match stem.split_once('+') {
            None => (stem, None),
            Some((stem, tries)) => (stem, Some(Tries::parse(tries)?)),
        };
        let (version, slot) = stem.rsplit_once('_')?;
        Some(Self {
            version: SlotVersion::parse(version)?,
            slot: SlotName::from_letter(slot)?,
            tries,
        })
    }

    /// Whether the boot loader would still start it by itself.
    pub fn is_bootable(&self) -> bool {
        self.tries.is_none_or(|tries| tries.left > 0)
    }

    /// The same, found good.
    #[must_use]
    pub fn committed(&self) -> Self {
        Self {
            tries: None,
            ..self.clone()
        }
    }

    /// The same, without a try left.
    #[must_use]
    pub fn given_up(&self) -> Self {
        let done = self.tries.map_or(0, |tries| tries.done);
        Self {
            tries: Some(Tries { left: 0, done }),
            ..self.clone()
        }
    }

    /// The greater is booted first: one without tries left comes last, then the newest does first.
    pub(super) fn cmp_in_boot_order(&self, other: &Self) -> Ordering {
        let by_tries = self.is_bootable().cmp(&other.is_bootable());
        let by_version = || self.version.cmp_as_versions(&other.version);
        let is_good = |it: &Self| it.tries.is_none();
        let by_goodness = || is_good(self).cmp(&is_good(other));
        let by_name = || self.to_string().cmp(&other.to_string());
        by_tries
            .then_with(by_version)
            .then_with(by_goodness)
            .then_with(by_name)
    }
}

impl Display for KernelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            slot,
            tries,
        } = self;
        write!(formatter, "{PREFIX}{version}_{slot}")?;
        match tries {
            None => {}
            Some(Tries { left, done: 0 }) => write!(formatter, "+{left}")?,
            Some(Tries { left, done }) => write!(formatter, "+{left}-{done}")?,
        }
        formatter.write_str(SUFFIX)
    }
}

impl Tries {
    fn parse(text: &str) -> Option<Self> {
        let (left, done) = text.split_once('-').unwrap_or((text, "0"));
        Some(Self {
            left: counter(left)?,
            done: counter(done)?,
        })
    }
}

fn counter(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_fit = is_number && (1..=DIGITS_MAX).contains(&text.len());
    text.parse().ok().filter(|_| is_fit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counters_may_have_zeros_before_them_and_done_may_be_missing() {
        let tries = |name| KernelName::parse(name).and_then(|it| it.tries);
        for (name, left, done) in [
            ("weir_1_a+3.efi", 3, 0),
            ("weir_1_a+3-0.efi", 3, 0),
            ("weir_1_a+03-01.efi", 3, 1),
            ("weir_1_a+0.efi", 0, 0),
            ("weir_1_a+999999999-999999999.efi", 999_999_999, 999_999_999),
        ] {
            assert_eq!(tries(name), Some(Tries { left, done }), "{name}");
        }
    }

    #[test]
    fn hostile_and_foreign_names_are_none() {
        let long = format!("weir_{}_a.efi", "1".repeat(90));
        for name in [
            "",
            "weir_.efi",
            "weir_a.efi",
            "weir__a.efi",
            "weir_1_c.efi",
            "weir_1_A.efi",
            "weir_1_ab.efi",
            "weir_1_.efi",
            "weir_1_a",
            "weir_1_a.efi.new",
            "weir_1_a.EFI",
            "Weir_1_a.efi",
            "weir-1-a.efi",
            "other_1_a.efi",
            "systemd-bootx64.efi",
            "../weir_1_a.efi",
            "weir_../..//x_a.efi",
            "weir_1/2_a.efi",
            "weir_1 2_a.efi",
            "weir_1\0_a.efi",
            "weir_<b>_a.efi",
            "weir_1\u{202E}_a.efi",
            "weir_1+2_a.efi",
            "weir_1_2_a.efi",
            "weir_.1_a.efi",
            "weir_-1_a.efi",
            "weir_1_a+.efi",
            "weir_1_a+-1.efi",
            "weir_1_a+3-.efi",
            "weir_1_a+3-1-1.efi",
            "weir_1_a+3+1.efi",
            "weir_1_a++3.efi",
            "weir_1_a+0x3.efi",
            "weir_1_a+\u{0663}.efi",
            "weir_1_a+1000000000.efi",
            &long,
        ] {
            assert_eq!(KernelName::parse(name), None, "{name:?}");
        }
    }

    fn kernel_names() -> impl Strategy<Value = KernelName> {
        let version = "[0-9A-Za-z][0-9A-Za-z.~^-]{0,63}";
        let counter = 0..1_000_000_000_u32;
        let tries = prop::option::of((counter.clone(), counter));
        (version, any::<bool>(), tries).prop_map(|(version, is_a, tries)| KernelName {
            version: SlotVersion::parse(&version).expect("a version"),
            slot: if is_a { SlotName::A } else { SlotName::B },
            tries: tries.map(|(left, done)| Tries { left, done }),
        })
    }

    proptest! {
        #[test]
        fn a_name_reads_back_as_it_was_written(kernel in kernel_names()) {
            let name = kernel.to_string();
            prop_assert!(name.len() <= KERNEL_NAME_BYTES_MAX);
            prop_assert_eq!(KernelName::parse(&name), Some(kernel));
        }

        #[test]
        fn no_name_makes_the_reader_panic(
            name in "\\PC{0,120}|weir_[\\PC]{0,9}_[ab](\\+[0-9-]{0,12})?\\.efi"
        ) {
            if let Some(kernel) = KernelName::parse(&name) {
                prop_assert_eq!(KernelName::parse(&kernel.to_string()), Some(kernel));
            }
        }

        #[test]
        fn the_order_of_booting_is_one(one in kernel_names(), other in kernel_names()) {
            let order = one.cmp_in_boot_order(&other);
            prop_assert_eq!(other.cmp_in_boot_order(&one), order.reverse());
            prop_assert_eq!(one.cmp_in_boot_order(&one), Ordering::Equal);
        }
    }
}
