//! Names of objects.
//!
//! Source: RFC 2578 §3.5 (at most 128 sub-identifiers); RFC 3416 §4.2.2 (lexicographic order).

use std::fmt::{self, Display};

/// An object identifier. Orders as SNMP does: sub-identifier by sub-identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Oid(Vec<u32>);

impl Oid {
    /// The identifier of these sub-identifiers.
    pub fn new(arcs: &[u32]) -> Self {
        Self(arcs.to_vec())
    }

    /// The identifier of these sub-identifiers, one part behind the other.
    pub fn joined(parts: &[&[u32]]) -> Self {
        Self(parts.concat())
    }

    /// Its sub-identifiers.
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// What is directly below it under `arc`.
    #[must_use]
    pub fn child(&self, arc: u32) -> Self {
        self.below(&[arc])
    }

    /// What is below it under `arcs`.
    #[must_use]
    pub fn below(&self, arcs: &[u32]) -> Self {
        Self::joined(&[self.arcs(), arcs])
    }
}

impl Display for Oid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|arc| write!(formatter, ".{arc}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_sub_identifiers_and_what_is_below_comes_behind() {
        let ordered = [&[1, 3][..], &[1, 3, 6], &[1, 3, 6, 0], &[1, 3, 10], &[2]];
        let oids = ordered.map(Oid::new);
        assert!(oids.is_sorted_by(|one, other| one < other));
        assert_eq!(oids[1].child(0), oids[2]);
        assert_eq!(oids[0].below(&[6, 0]).to_string(), ".1.3.6.0");
    }
}
