//! Numbers of the rows of a table, which are the same after a restart, in another order, and on
//! another box.
//!
//! A name that is a number is its own index. Any other has that of its hash; of two that would have
//! one, the first by name has it, and the other the next that is free. So nothing is kept, and the
//! channel `CH_001` has one index in a whole fleet.
//!
//! Source: RFC 2578 §7.7; IF-MIB (an ifIndex is at most 2147483647).
//! Refuses: 0, and what another row has.

use std::collections::BTreeSet;

use crate::hash::fnv1a;

/// The largest index.
const INDEX_MAX: u32 = 0x7FFF_FFFF;

/// The index of each of `names`, in their order.
pub(crate) fn indexes(names: &[&str]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    // A name that is a number keeps it, whatever the hashes of others are.
    order.sort_by_key(|position| {
        let name = names.get(*position).copied().unwrap_or_default();
        (number(name).is_none(), name)
    });
    let mut taken = BTreeSet::new();
    let mut indexes = vec![0; names.len()];
    for position in order {
        let (Some(name), Some(index)) = (names.get(position), indexes.get_mut(position)) else {
            continue;
        };
        *index = number(name).unwrap_or_else(|| hashed(name));
        while !taken.insert(*index) {
            *index = *index % INDEX_MAX + 1;
        }
    }
    indexes
}

fn number(name: &str) -> Option<u32> {
    let number = name
        .parse()
        .ok()
        .filter(|number| (1..=INDEX_MAX).contains(number))?;
    (number.to_string() == name).then_some(number)
}

fn hashed(name: &str) -> u32 {
    let index = fnv1a(name.bytes()) % u64::from(INDEX_MAX) + 1;
    u32::try_from(index).unwrap_or(INDEX_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_index_of_a_name_is_a_contract_with_whoever_polls() {
        let names = [
            "CH_001",
            "CH_002",
            "eth0",
            "/var/lib/weir/cache",
            "4711",
            "04711",
        ];
        let expected = [
            1_241_487_322,
            1_241_486_375,
            39_686_857,
            787_761_949,
            4_711,
            1_398_458_366,
        ];
        assert_eq!(indexes(&names), expected);
    }

    #[test]
    fn of_two_names_that_would_have_one_index_the_first_by_name_has_it() {
        let other = hashed("CH_001").to_string();
        let names = ["CH_001", other.as_str()];
        let index = hashed("CH_001");
        assert_eq!(indexes(&names), [index + 1, index]);
        assert_eq!(indexes(&["a", "a"]), [hashed("a"), hashed("a") + 1]);
        let last = INDEX_MAX.to_string();
        assert_eq!(indexes(&[&last, &last]), [INDEX_MAX, 1]);
    }

    proptest! {
        #[test]
        fn indexes_are_distinct_and_do_not_depend_on_the_order(
            names in prop::collection::btree_set("[0-9]{1,3}|[a-z]{1,3}", 0..40),
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let forward = indexes(&names);
            let distinct: BTreeSet<_> = forward.iter().collect();
            prop_assert_eq!(distinct.len(), names.len());
            prop_assert!(forward.iter().all(|index| (1..=INDEX_MAX).contains(index)));
            let reversed: Vec<&str> = names.iter().rev().copied().collect();
            let mut backward = indexes(&reversed);
            backward.reverse();
            prop_assert_eq!(forward, backward);
        }
    }
}
