//! What is counted of the exchanges with one endpoint.

use crate::{counter::shared_counters, fetch::exchange::FailureKind};

shared_counters! {
    /// Requests, connections, bytes and failures of one endpoint.
    pub struct Counters, shared as CounterCells {
        /// Requests sent to it, those sent again and probes among them.
        requests,
        /// Requests sent to it because another attempt had failed.
        retries,
        /// Requests sent to it because another endpoint was slow to answer.
        hedges: polled,
        /// Hedged requests that were answered first.
        hedges_won: polled,
        /// Requests sent again because a connection that was kept had died meanwhile.
        requests_resent: polled,
        /// Probes of its health that were answered as they should be.
        probes_passed: polled,
        /// Probes of its health that failed.
        probes_failed,
        /// Answers with a status of 2xx.
        responses_2xx: polled,
        /// Answers with a status of 3xx.
        responses_3xx: polled,
        /// Answers with a status of 4xx.
        responses_4xx: polled,
        /// Answers with a status of 5xx.
        responses_5xx,
        /// Interim answers (1xx), which precede others.
        responses_1xx: polled,
        /// Bytes of bodies received from it.
        bytes_received,
        /// Connections opened to it.
        connections_opened: polled,
        /// Requests that went over a connection that was open already.
        connections_reused: polled,
        /// Kept connections on which it sent what nobody had asked for; they were closed.
        connections_unasked: polled,
        /// Lookups of its name.
        lookups: polled,
        /// Lookups of its name that failed; the addresses known before stay in use.
        lookups_failed: polled,
        /// Failures to find its address.
        failures_resolve,
        /// Failures to connect to any of its addresses.
        failures_connect,
        /// Connections that did not stand in time.
        failures_connect_timeout,
        /// Requests given up because all connections were in use.
        failures_busy: polled,
        /// Failed TLS handshakes.
        failures_tls: polled,
        /// Connections that ended before an answer.
        failures_closed: polled,
        /// Answers that did not begin in time.
        failures_first_byte_timeout,
        /// Answers that broke HTTP, were ambiguous, or larger than allowed.
        failures_malformed: polled,
        /// Answers that stopped in the middle.
        failures_stall: polled,
        /// Answers that broke off in the middle or were shorter than announced.
        failures_broken: polled,
        /// Requests whose own body broke off.
        failures_upload: polled,
    }
}

impl CounterCells {
    /// Counts a failure; a request that was refused unsent is nobody's failure.
    pub(crate) fn count_failure(&self, kind: FailureKind) {
        let cell = match kind {
            FailureKind::Refused => return,
            FailureKind::Resolve => &self.failures_resolve,
            FailureKind::Connect => &self.failures_connect,
            FailureKind::ConnectTimeout => &self.failures_connect_timeout,
            FailureKind::Busy => &self.failures_busy,
            FailureKind::Tls => &self.failures_tls,
            FailureKind::Closed => &self.failures_closed,
            FailureKind::FirstByteTimeout => &self.failures_first_byte_timeout,
            FailureKind::Malformed => &self.failures_malformed,
            FailureKind::Stall => &self.failures_stall,
            FailureKind::Broken => &self.failures_broken,
            FailureKind::Upload => &self.failures_upload,
        };
        cell.add(1);
    }

    pub(crate) fn count_status(&self, status: hyper::StatusCode) {
        let cell = match status.as_u16() {
            ..200 => &self.responses_1xx,
            200..300 => &self.responses_2xx,
            300..400 => &self.responses_3xx,
            400..500 => &self.responses_4xx,
            500.. => &self.responses_5xx,
        };
        cell.add(1);
    }
}
