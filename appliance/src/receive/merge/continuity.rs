//! Whether datagrams go on where the last one ended, by the `continuity_counter` of their packets.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.3. Refuses: to say more than modulo 16 allows.

use crate::demux::{PACKET_BYTES, SYNC_BYTE};

/// PIDs there are.
const PIDS: usize = 8_192;

/// That of stuffing.
const PID_NULL: usize = PIDS - 1;

/// No counter.
const NONE: u8 = 16;

/// Of each PID, the counter of the last packet with a payload; [`NONE`] before there was one.
#[derive(Debug)]
pub(super) struct Continuity(Box<[u8]>);

impl Default for Continuity {
    fn default() -> Self {
        Self(vec![NONE; PIDS].into_boxed_slice())
    }
}

impl Continuity {
    /// Goes on behind `datagram`.
    pub(super) fn follow(&mut self, datagram: &[u8]) {
        for (pid, counter) in counters(datagram) {
            self.0[pid] = counter;
        }
    }

    /// True if no packet of any known PID is missing before `datagram`, or sixteen times as many;
    /// false if none is known.
    pub(super) fn goes_on(&self, datagram: &[u8]) -> bool {
        let mut is_known = false;
        for (index, (pid, counter)) in counters(datagram).enumerate() {
            let is_first = !counters(datagram)
                .take(index)
                .any(|(before, _)| before == pid);
            if self.0[pid] == NONE || !is_first {
                continue;
            }
            is_known = true;
            if counter != (self.0[pid] + 1) & 0x0F {
                return false;
            }
        }
        is_known
    }
}

/// PID and counter of each packet that has a payload; that of stuffing says nothing.
fn counters(datagram: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let packets = datagram.chunks_exact(PACKET_BYTES);
    let packets = packets.filter(|packet| packet[0] == SYNC_BYTE && packet[3] & 0x10 != 0);
    let counters = packets.map(|packet| {
        let pid = usize::from(packet[1] & 0x1F) << 8 | usize::from(packet[2]);
        (pid, packet[3] & 0x0F)
    });
    counters.filter(|(pid, _)| *pid != PID_NULL)
}
