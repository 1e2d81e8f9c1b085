//! One membership, drained: finds RTP packets and bare ones in what comes.

use std::{net::SocketAddr, time::Duration};

use weir_hal::{
    Datagram, DatagramBatch, Error, Membership, Multicast, MulticastReceiver, NetworkHeader, Wall,
};

use crate::{
    config::Transport,
    demux::{PACKET_BYTES, SYNC_BYTE},
    receive::{Arrivals, Counters, merge::Content, rtp::RtpHeader},
};

/// Receive calls of one drain: bounds how long one flooded group can keep the others waiting.
/// 4,096 datagrams are 430 ms of a 100 Mb/s group.
const BATCHES_PER_DRAIN_MAX: usize = 64;

/// Kernel bookkeeping makes a 1316-byte datagram cost up to this many times its size.
const TRUESIZE_FACTOR: u64 = 4;

/// Smallest kernel buffer asked for.
const RECEIVE_BUFFER_BYTES_MIN: u64 = 256 * 1024;

/// Largest kernel buffer asked for: `SO_RCVBUF` is an `int` and the kernel doubles it.
const RECEIVE_BUFFER_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Returns the kernel buffer that holds `stall` of a stream of `bitrate_bps`, bookkeeping included.
pub fn receive_buffer_bytes(bitrate_bps: u64, stall: Duration) -> usize {
    let stall_ms = u64::try_from(stall.as_millis()).unwrap_or(u64::MAX);
    let media_bytes = bitrate_bps.saturating_mul(stall_ms) / 8_000;
    let bytes = media_bytes
        .saturating_mul(TRUESIZE_FACTOR)
        .clamp(RECEIVE_BUFFER_BYTES_MIN, RECEIVE_BUFFER_BYTES_MAX);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// One source: a membership that may be taken anew, and what came by it.
#[derive(Debug)]
pub struct Source<R> {
    membership: Membership,
    transport: Transport,
    receiver: Option<R>,
    /// Datagrams dropped on the sockets before this one.
    dropped_before: u64,
    sender: Option<SocketAddr>,
    header: NetworkHeader,
    last_datagram: Option<Wall>,
    counters: Counters,
    arrivals: Arrivals,
}

impl<R: MulticastReceiver> Source<R> {
    /// A source that is not joined yet.
    pub fn new(membership: Membership, transport: Transport) -> Self {
        Self {
            membership,
            transport,
            receiver: None,
            dropped_before: 0,
            sender: None,
            header: NetworkHeader::default(),
            last_datagram: None,
            counters: Counters::default(),
            arrivals: Arrivals::default(),
        }
    }

    /// Joins the group; if it is joined, leaves it first, so that the network is told anew. What is
    /// counted stays.
    ///
    /// # Errors
    /// Those of [`Multicast::join`]; it is not joined then.
    pub fn join<M>(&mut self, multicast: &M) -> Result<(), Error>
    where
        M: Multicast<Receiver = R>,
    {
        if self.receiver.take().is_some() {
            self.counters.renewals += 1;
        }
        self.dropped_before = self.counters.kernel_dropped_datagrams;
        self.receiver = Some(multicast.join(&self.membership)?);
        Ok(())
    }

    /// True once it is joined.
    pub fn is_joined(&self) -> bool {
        self.receiver.is_some()
    }

    /// What is joined.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Takes all that has arrived and calls `each` with the counters of this source, what every
    /// datagram holds and the moment the kernel received it. Never waits.
    ///
    /// # Limits
    /// 4,096 datagrams; what is left waits in the kernel for the next drain.
    pub fn drain(
        &mut self,
        batch: &mut DatagramBatch,
        mut each: impl FnMut(&mut Counters, Content<'_>, Wall),
    ) {
        for _ in 0..BATCHES_PER_DRAIN_MAX {
            let Some(receiver) = &mut self.receiver else {
                return;
            };
            let Ok(datagrams) = receiver.receive(batch) else {
                self.counters.receive_errors += 1;
                return;
            };
            for datagram in batch.iter() {
                if let Some(content) = self.accept(datagram) {
                    each(&mut self.counters, content, datagram.received);
                }
            }
            if datagrams < DatagramBatch::CAPACITY {
                break;
            }
        }
        if let Some(receiver) = &self.receiver {
            let dropped = self.dropped_before + receiver.dropped_datagrams();
            self.counters.kernel_dropped_datagrams = dropped;
        }
    }

    /// Counters since it was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The same, to add what is found out behind it.
    pub(super) fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// How evenly its datagrams come.
    pub fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// The same, to tell it the media rate.
    pub fn arrivals_mut(&mut self) -> &mut Arrivals {
        &mut self.arrivals
    }

    /// When the last datagram came.
    pub fn last_datagram(&self) -> Option<Wall> {
        self.last_datagram
    }

    /// Who sent it.
    pub fn sender(&self) -> Option<SocketAddr> {
        self.sender
    }

    /// What the head of the last datagram says of its way.
    pub fn header(&self) -> NetworkHeader {
        self.header
    }

    /// The kernel buffer that was granted, bookkeeping included; `None` while it is not joined.
    pub fn receive_buffer_bytes(&self) -> Option<usize> {
        self.receiver.as_ref().map(R::receive_buffer_bytes)
    }

    fn accept<'a>(&mut self, datagram: Datagram<'a>) -> Option<Content<'a>> {
        self.counters.datagrams += 1;
        self.counters.bytes += datagram.payload.len() as u64;
        self.last_datagram = Some(datagram.received);
        if self.sender != Some(datagram.source) {
            self.counters.sender_changes += u64::from(self.sender.is_some());
            self.sender = Some(datagram.source);
        }
        if self.header != datagram.header {
            let is_known = self.header != NetworkHeader::default();
            self.counters.header_changes += u64::from(is_known);
            self.header = datagram.header;
        }
        if self.transport == Transport::Udp && !is_rtp(datagram.payload) {
            self.arrivals
                .push(datagram.received, datagram.payload.len());
            return Some(Content::Bare(datagram.payload));
        }
        let Ok(packet) = RtpHeader::parse(datagram.payload) else {
            self.counters.rtp_malformed += 1;
            return None;
        };
        self.arrivals.push(datagram.received, packet.payload.len());
        Some(Content::Rtp(packet))
    }
}

/// True for RTP that came where bare packets were configured: no packet at the front, but whole
/// packets behind an RTP header. Read bare, the header would pass for damage.
fn is_rtp(datagram: &[u8]) -> bool {
    datagram.first() != Some(&SYNC_BYTE)
        && RtpHeader::parse(datagram).is_ok_and(|header| {
            header.payload.first() == Some(&SYNC_BYTE)
                && header.payload.len().is_multiple_of(PACKET_BYTES)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_is_known_where_bare_packets_were_configured() {
        let mut rtp = vec![0x80, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        rtp.extend([SYNC_BYTE; PACKET_BYTES]);
        assert!(is_rtp(&rtp));
        assert!(!is_rtp(&rtp[12..]), "a bare packet");
        assert!(!is_rtp(&rtp[..100]), "a packet cut short");
        assert!(!is_rtp(&[]));
    }

    #[test]
    fn buffer_holds_the_stall_with_bookkeeping_within_bounds() {
        let stall = Duration::from_millis(250);
        assert_eq!(receive_buffer_bytes(40_000_000, stall), 5_000_000);
        assert_eq!(receive_buffer_bytes(1, stall), 256 * 1024);
        assert_eq!(
            receive_buffer_bytes(u64::MAX, Duration::from_secs(9)),
            512 * 1024 * 1024
        );
    }
}
