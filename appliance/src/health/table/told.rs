//! What the table tells of a snapshot, made for the first surface that is asked and kept with it.
//!
//! JSON, metrics and SNMP have the same values in different words, and making the values costs as
//! much as the words. Refuses: to be taken along by a copy, which may be of another moment.

use std::sync::OnceLock;

use crate::health::table::Entity;

/// The values of one snapshot, once somebody has asked.
#[derive(Debug, Default)]
pub(crate) struct Told(OnceLock<Entity>);

impl Told {
    /// The values, by `make` if nobody has asked before; who asks meanwhile waits.
    pub(crate) fn or_made(&self, make: impl FnOnce() -> Entity) -> &Entity {
        self.0.get_or_init(make)
    }
}

impl Clone for Told {
    fn clone(&self) -> Self {
        Self::default()
    }
}
