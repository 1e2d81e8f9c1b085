//! What the pull path counts.

use hyper::StatusCode;

use crate::{
    counter::shared_counters,
    serve::{Account, of_class},
};

shared_counters! {
    /// Requests that are pulled through the cache, and what became of them.
    pub struct PullCounters, shared as PullCells {
        /// Requests answered from the store without a word from an origin.
        hits,
        /// Of these, requests answered with a stale response while it is validated.
        hits_while_revalidating: polled,
        /// Requests answered with a stale response because no origin had a better one.
        hits_on_error,
        /// Requests for what was not stored, or not for them.
        misses,
        /// Requests that waited for the answer to another instead of asking an origin.
        collapsed,
        /// Requests that waited for another in vain: its answer was not for them.
        uncollapsed: polled,
        /// Requests that asked for themselves because too many were under way.
        flights_full: polled,
        /// Stored responses that an origin confirmed.
        confirmed: polled,
        /// Requests passed on as they are: other methods, and what may not be stored.
        passed: polled,
        /// Of these, requests refused because too many bodies were on their way already.
        uploads_refused: polled,
        /// Interim responses dropped because too many waited for their client, or one was too long.
        interims_dropped: polled,
        /// Requests that no origin answered, and nothing stored either.
        failed,
        /// Bodies that came into the store whole.
        fills_completed: polled,
        /// Bodies that broke off and could not be mended.
        fills_broken,
        /// Times that a body broke off and the rest came from another try.
        fills_mended: polled,
        /// Bodies that the store did not take, for want of memory or because they were too long.
        fills_not_kept: polled,
        /// Long responses that changed at the origin while they were fetched slice by slice.
        slices_changed: polled,
        /// Responses passed on unstored because the memory of the store was short.
        not_stored_no_memory: polled,
        /// Stored responses removed because an unsafe request succeeded.
        invalidated: polled,
        /// Stale responses not validated in the background because too many were.
        background_refused: polled,
        /// Requests given up because the disk did not tell in time what is there.
        lookups_timed_out: polled,
        /// Bytes of bodies that came from origins.
        bytes_received,
        /// Answers to clients with a status of 2xx.
        responses_2xx,
        /// Answers to clients with a status of 3xx.
        responses_3xx,
        /// Answers to clients with a status of 4xx.
        responses_4xx,
        /// Answers to clients with a status of 5xx.
        responses_5xx,
        /// Bytes of bodies handed on to clients.
        bytes_sent,
    }
}

impl Account for PullCells {
    fn answered(&self, status: StatusCode) {
        let classes = [
            &self.responses_2xx,
            &self.responses_3xx,
            &self.responses_4xx,
            &self.responses_5xx,
        ];
        of_class(status, classes).add(1);
    }

    fn sent(&self, bytes: u64) {
        self.bytes_sent.add(bytes);
    }
}
