//! What `receive` counts.

use crate::counter::counters;

counters! {
    /// Datagrams seen and lost, of one source.
    pub struct Counters {
        /// Datagrams received.
        datagrams: detail,
        /// Bytes of datagram payload received.
        bytes,
        /// Datagrams the kernel dropped because the socket's buffer was full.
        kernel_dropped_datagrams,
        /// Datagrams refused because they hold no RTP header or no transport packets behind it.
        rtp_malformed: detail,
        /// RTP packets missing from the sequence.
        rtp_lost,
        /// RTP packets dropped because they came twice or after a later one.
        rtp_late: detail,
        /// Times the RTP sender began a new sequence.
        rtp_restarts: detail,
        /// Times datagrams began to come from another address or port.
        sender_changes: detail,
        /// Times the group was joined anew, because nothing came any more.
        renewals: detail,
        /// Receive calls that failed (ICMP errors, a link that went down).
        receive_errors: detail,
    }
}
