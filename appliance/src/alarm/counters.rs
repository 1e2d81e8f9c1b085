//! What the engine counts.

use crate::counter::counters;

counters! {
    /// Alarms, and what was left out.
    pub struct Counters {
        /// Alarms that were raised.
        raised,
        /// Alarms that were cleared.
        cleared,
        /// Alarms that began to flap.
        flapped,
        /// Alarms that were not listed because too many are.
        not_listed,
        /// Bad readings that were not followed because too many are.
        not_followed,
        /// Changes that were forgotten because there were newer ones.
        changes_forgotten,
    }
}
