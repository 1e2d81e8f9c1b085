//! What is counted of one origin, whichever of its URLs is asked.

use crate::counter::shared_counters;

shared_counters! {
    /// Requests to one origin as a tier of routes, and what they cost.
    pub struct TierCounters, shared as TierCounterCells {
        /// Requests of clients and fills for which it is the nearest tier.
        requests,
        /// Requests that it has answered, for itself or for a nearer tier.
        answered,
        /// Requests for which it is the nearest tier that nobody has answered.
        unanswered,
        /// Requests sent again, elsewhere, after a failure here.
        retries,
        /// Requests sent twice because an answer was late here.
        hedges,
        /// Retries and hedges not sent, because a tenth of the requests were such already.
        budget_exhausted,
        /// Requests that none of its URLs was fit to be asked for.
        unavailable,
        /// Times that a URL was put out of use because it failed.
        breakers_opened,
        /// Requests that had been here before, or through too many proxies.
        loops_detected,
    }
}
