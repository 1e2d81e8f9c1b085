//! What `receive` counts.

use crate::counter::counters;

counters! {
    /// Datagrams seen and lost, of one source.
    pub struct Counters {
        /// Datagrams received.
        datagrams,
        /// Bytes of payload received.
        bytes,
        /// Datagrams the kernel dropped because its buffer was full.
        kernel_dropped_datagrams,
        /// Datagrams refused because they hold no RTP header, or an RTP payload other than MP2T.
        rtp_malformed,
        /// RTP packets missing from the sequence.
        rtp_lost,
        /// RTP packets that came after a later one, or twice; they are dropped.
        rtp_late,
        /// Failed receive calls (ICMP errors, link down).
        receive_errors,
    }
}
