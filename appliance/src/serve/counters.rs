//! What a listener counts.

use std::time::Duration;

use crate::counter::shared_counters;

shared_counters! {
    /// Connections, requests and bytes of one listener.
    pub struct Counters, shared as CounterCells {
        /// Connections accepted.
        connections_accepted,
        /// Accepted connections that have ended, however they ended.
        connections_closed,
        /// Connections closed at once because the limit of open connections was met.
        connections_refused,
        /// Of them, those closed because their client had as many as one may have.
        connections_refused_client: polled,
        /// Connections closed because the client took too little for too long.
        connections_stalled,
        /// Connections closed because no whole request came in time.
        connections_timed_out,
        /// Connections cut because they outlasted the drain at shutdown.
        connections_cut: polled,
        /// Failed accept calls (want of descriptors, connection gone before it was taken).
        accept_errors,
        /// Requests understood and answered.
        requests,
        /// Answers that were given again: another request of the same second was the same.
        answers_repeated: polled,
        /// Requests refused because they break HTTP/1.1 or are too large.
        requests_malformed,
        /// Bodies of requests cut off because they were longer than allowed, or not there in time.
        uploads_cut: polled,
        /// Requests refused with 429 because their client asks too often.
        requests_throttled,
        /// Clients whose requests are counted anew because others needed the room.
        clients_forgotten: polled,
        /// Requests refused because their URL is not signed as it must be.
        requests_denied,
        /// Answers to `/livez` and `/readyz`, which are not among those that follow.
        probes: polled,
        /// Answers with a status of 2xx.
        responses_2xx,
        /// Answers with a status of 3xx.
        responses_3xx,
        /// Answers with a status of 4xx.
        responses_4xx,
        /// Answers with a status of 5xx.
        responses_5xx,
        /// Answers whose head took longer than 250 ms to make.
        answers_over_250ms,
        /// Answers whose head took longer than 500 ms.
        answers_over_500ms,
        /// Answers whose head took longer than 700 ms.
        answers_over_700ms,
        /// Answers whose head took longer than a second.
        answers_over_1s,
        /// Answers whose head took longer than two seconds.
        answers_over_2s,
        /// Answers whose head took longer than five seconds.
        answers_over_5s,
        /// Requests for content that were answered from this box.
        hits,
        /// Requests for content that this box does not have.
        misses,
        /// Requests given up because the disk did not tell in time what is there.
        lookups_timed_out,
        /// Response bodies broken off because their object was given up or could not be read.
        bodies_broken,
        /// Bytes handed to the kernel, header fields included.
        bytes_sent,
        /// TLS handshakes completed.
        handshakes,
        /// Of them, those that agreed on TLS 1.2; the others speak TLS 1.3.
        handshakes_tls12: polled,
        /// Of them, those that went on from a ticket of an earlier connection.
        handshakes_resumed: polled,
        /// Handshakes given up because they took too long.
        handshakes_timed_out,
        /// Handshakes whose client left in their midst.
        handshakes_broken,
        /// Handshakes that the client ended with an alert: it may not trust the certificate.
        handshakes_rejected,
        /// Handshakes of clients that speak no version, cipher or protocol of ours.
        handshakes_incompatible,
        /// Connections to a TLS listener that sent something other than TLS or HTTP.
        handshakes_malformed: polled,
        /// Connections to a TLS listener that spoke plain HTTP, and were told so.
        handshakes_plain_http: polled,
        /// Connections that spoke HTTP/2.
        connections_http2: polled,
        /// Connections closed because their client kept calling requests back.
        connections_resetting: polled,
        /// Requests of HTTP/2 that their client called back before the answer was out.
        streams_reset: polled,
        /// Answers of HTTP/2 broken off because their client took too little for too long.
        streams_stalled: polled,
    }
}

impl Counters {
    /// Of the answers, those whose head took longer than so many milliseconds.
    pub const fn slow_answers(&self) -> [(u64, u64); 6] {
        [
            (250, self.answers_over_250ms),
            (500, self.answers_over_500ms),
            (700, self.answers_over_700ms),
            (1_000, self.answers_over_1s),
            (2_000, self.answers_over_2s),
            (5_000, self.answers_over_5s),
        ]
    }
}

impl CounterCells {
    /// Takes note of an answer whose head took `time`; most are counted nowhere.
    pub(crate) fn answered_in(&self, time: Duration) {
        let cells = [
            (250, &self.answers_over_250ms),
            (500, &self.answers_over_500ms),
            (700, &self.answers_over_700ms),
            (1_000, &self.answers_over_1s),
            (2_000, &self.answers_over_2s),
            (5_000, &self.answers_over_5s),
        ];
        let over = |bound_ms: &u64| time > Duration::from_millis(*bound_ms);
        let over = cells.into_iter().take_while(|(bound_ms, _)| over(bound_ms));
        over.for_each(|(_, cell)| cell.add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_beyond_each_bound_that_it_took_longer_than() {
        let cells = CounterCells::default();
        for milliseconds in [0, 250, 251, 1_000, 1_001, 60_000] {
            cells.answered_in(Duration::from_millis(milliseconds));
        }
        let slow = cells.read().slow_answers().map(|(_, count)| count);
        assert_eq!(slow, [4, 3, 3, 2, 1, 1]);
    }
}
