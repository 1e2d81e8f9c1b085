//! What players were given of one channel.

use crate::counter::shared_counters;

shared_counters! {
    /// Requests of players for one channel, and what became of them.
    pub struct Served, shared as ServedCells {
        /// Requests for its playlists and segments that were answered from this box.
        hits: polled,
        /// Requests for playlists and segments that it does not have.
        misses: polled,
        /// Answers with a status of 2xx.
        responses_2xx: detail,
        /// Answers with a status of 3xx.
        responses_3xx: detail,
        /// Answers with a status of 4xx.
        responses_4xx: polled,
        /// Answers with a status of 5xx.
        responses_5xx,
        /// Bytes of bodies handed on to players.
        bytes_sent,
    }
}
