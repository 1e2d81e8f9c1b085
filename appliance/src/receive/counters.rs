//! What `receive` counts.

use crate::counter::counters;

counters! {
    /// Datagrams seen and lost, of one source.
    pub struct Counters {
        /// Datagrams received, or pieces of an answer over HTTP.
        datagrams: detail,
        /// Bytes of datagram payload, or of answers over HTTP, received.
        bytes,
        /// Datagrams the kernel dropped because the socket's buffer was full.
        kernel_dropped_datagrams,
        /// Datagrams refused because they hold no RTP header or no transport packets behind it.
        rtp_malformed: detail,
        /// RTP packets missing from the sequence.
        rtp_lost,
        /// RTP packets dropped because they came twice, or too late for their place.
        rtp_late: detail,
        /// RTP packets that came after a later one, and were put in their place.
        rtp_reordered: detail,
        /// Packets of FEC received, by columns and rows (SMPTE ST 2022-1).
        fec_datagrams: detail,
        /// RTP packets that were lost and came back by FEC.
        fec_recovered: detail,
        /// Packets of FEC refused because they are none by SMPTE ST 2022-1.
        fec_malformed: detail,
        /// Packets of FEC given up on because too many waited for what they protect.
        fec_overflows: detail,
        /// Bare datagrams that other sources of a merged stream brought, and this one did not.
        merge_lost: detail,
        /// Datagrams dropped because the other sources of the merged stream have nothing like them.
        merge_unmatched: detail,
        /// RTP packets dropped for being of another stream (SSRC, payload type) than is received.
        rtp_foreign: detail,
        /// Times the RTP sender began a new sequence.
        rtp_restarts: detail,
        /// Times datagrams began to come from another address or port.
        sender_changes: detail,
        /// Times the TTL or the DSCP of datagrams changed: another way, or another class on it.
        header_changes: detail,
        /// Times the group was joined anew, because nothing came any more.
        renewals: detail,
        /// Times a source over HTTP answered with a stream.
        http_answers: detail,
        /// Times a source over HTTP could not be had, fell silent or broke off.
        http_failures: detail,
        /// Receive calls that failed (ICMP errors, a link that went down).
        receive_errors: detail,
    }
}
