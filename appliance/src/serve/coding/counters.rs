//! What compressing counts.

use crate::counter::shared_counters;

shared_counters! {
    /// Lists compressed, and sent so.
    pub struct Counters, shared as CounterCells {
        /// Lists compressed.
        lists_coded,
        /// Answers with a compressed list.
        answers_coded,
        /// Compressed lists that had to go for others.
        lists_forgotten,
        /// Lists sent plain because too many were being compressed.
        lists_uncoded,
    }
}
