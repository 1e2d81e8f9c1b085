//! Makes the passes over a looping file one stream: moves PCR, PTS and DTS on from pass to pass
//! and counts `continuity_counter` on.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.3 (`continuity_counter`), §2.4.3.5 (PCR), §2.4.3.7 (PTS, DTS).
//! The first pass leaves as it came, byte for byte. Jumps within the file stay what they are;
//! only the seam between two passes is mended. Pure.
//!
//! Refuses: scrambled payloads, whose PES headers cannot be read.

use crate::{
    demux::{PACKET_BYTES, Packet, Pid, Pts},
    send::{
        seam::Seam,
        stamp::{PES_HEAD_BYTES, PesHead, shift_clock_references},
    },
};

/// Packets held back while a PES header that is split over packets is gathered.
const HELD_PACKETS_MAX: usize = 64;

/// PES headers that may be split at one time; further ones keep their stamps.
const SPLIT_HEADS_MAX: usize = 4;

/// Rewrites one file's packets, pass after pass.
///
/// # Limits
/// Holds back at most 64 packets, and those only while a PES header is split over packets. A
/// header that is still open then keeps its stamps and is counted.
#[derive(Debug)]
pub struct Restamp {
    /// What this pass adds to every stamp, modulo 2^33.
    shift_90k: u64,
    /// Known from the end of the first pass on.
    length_90k: Option<u64>,
    counters: Box<[Continuity]>,
    seam: Seam,
    held: Vec<[u8; PACKET_BYTES]>,
    open: heapless::Vec<SplitHead, SPLIT_HEADS_MAX>,
    heads_unread: u64,
}

/// The `continuity_counter` of one PID.
#[derive(Debug, Clone, Copy, Default)]
struct Continuity {
    /// Added to every counter of this pass, modulo 16.
    shift: u8,
    last_sent: Option<u8>,
    has_begun_pass: bool,
}

/// The front of a PES packet of which more is to come.
#[derive(Debug)]
struct SplitHead {
    pid: Pid,
    bytes: heapless::Vec<u8, PES_HEAD_BYTES>,
    /// Where each run of bytes lies.
    runs: heapless::Vec<Run, PES_HEAD_BYTES>,
}

/// Successive bytes of a held packet.
#[derive(Debug, Clone, Copy)]
struct Run {
    held: usize,
    offset: usize,
    bytes: usize,
}

impl Default for Restamp {
    fn default() -> Self {
        Self::new()
    }
}

impl Restamp {
    /// Stands before the first packet of the first pass.
    pub fn new() -> Self {
        Self {
            shift_90k: 0,
            length_90k: None,
            counters: vec![Continuity::default(); Pid::COUNT].into_boxed_slice(),
            seam: Seam::default(),
            held: Vec::with_capacity(HELD_PACKETS_MAX),
            open: heapless::Vec::new(),
            heads_unread: 0,
        }
    }

    /// Takes the next packet of the file; calls `each` with every packet that is ready, in order.
    pub fn push(
        &mut self,
        mut packet: [u8; PACKET_BYTES],
        mut each: impl FnMut(&[u8; PACKET_BYTES]),
    ) {
        self.restamp_head(&mut packet);
        if self.held.is_empty() && self.open.is_empty() {
            each(&packet);
            return;
        }
        self.held.push(packet);
        if self.held.len() == HELD_PACKETS_MAX {
            self.abandon_open_heads();
        }
        if self.open.is_empty() {
            self.held.drain(..).for_each(|packet| each(&packet));
        }
    }

    /// Ends a pass: the next packet is the first of the file again.
    ///
    /// Calls `each` with the packets that were held back.
    pub fn next_pass(&mut self, mut each: impl FnMut(&[u8; PACKET_BYTES])) {
        self.abandon_open_heads();
        self.held.drain(..).for_each(|packet| each(&packet));
        let length = *self
            .length_90k
            .get_or_insert_with(|| self.seam.length_90k());
        self.shift_90k = (self.shift_90k + length) % Pts::MODULUS;
        for counter in &mut self.counters {
            counter.has_begun_pass = false;
        }
    }

    /// The media time of one pass in ticks of 90 kHz; `None` before the first has ended.
    pub fn length_90k(&self) -> Option<u64> {
        self.length_90k
    }

    /// PES headers that were split over too many packets, and whose stamps were left alone.
    pub fn heads_unread(&self) -> u64 {
        self.heads_unread
    }

    /// Does all that can be done with this packet alone, and gathers split PES headers.
    fn restamp_head(&mut self, bytes: &mut [u8; PACKET_BYTES]) {
        let Some(packet) = Packet::new(bytes) else {
            return;
        };
        let (pid, starts_unit) = (packet.pid(), packet.payload_unit_start());
        let is_readable = !packet.scrambled() && !packet.transport_error();
        let payload_offset = packet
            .payload()
            .filter(|_| is_readable)
            .map(|payload| PACKET_BYTES - payload.len());
        if self.length_90k.is_none() {
            self.seam.packet(packet);
        }
        self.count_on(bytes);
        if self.shift_90k != 0 {
            shift_clock_references(bytes, self.shift_90k);
        }
        let Some(offset) = payload_offset.filter(|_| pid != Pid::NULL) else {
            return;
        };
        if starts_unit {
            self.begin_unit(pid, bytes, offset);
        } else {
            self.continue_unit(pid, bytes, offset);
        }
    }

    /// Sets `continuity_counter`: on the first packet of a PID in a pass to what follows the pass
    /// before, then as the file goes.
    fn count_on(&mut self, bytes: &mut [u8; PACKET_BYTES]) {
        let Some(packet) = Packet::new(bytes).filter(|packet| packet.pid() != Pid::NULL) else {
            return;
        };
        let continuity = &mut self.counters[packet.pid().index()];
        let counter = packet.continuity_counter();
        if let (Some(last), false) = (continuity.last_sent, continuity.has_begun_pass) {
            let due = last + u8::from(packet.has_payload());
            continuity.shift = due.wrapping_sub(counter) & 0x0F;
        }
        let counter = (counter + continuity.shift) & 0x0F;
        continuity.has_begun_pass = true;
        continuity.last_sent = Some(counter);
        bytes[3] = bytes[3] & 0xF0 | counter;
    }

    fn begin_unit(&mut self, pid: Pid, bytes: &mut [u8; PACKET_BYTES], offset: usize) {
        self.abandon(pid);
        let payload = &mut bytes[offset..];
        let head_bytes = payload.len().min(PES_HEAD_BYTES);
        let head = &mut payload[..head_bytes];
        if PesHead::judge(head) == PesHead::Incomplete {
            self.open_split_head(pid, head, offset);
        } else {
            self.restamp_pes(pid, head);
        }
    }

    /// Starts to gather a header of which `head` lies in the present packet.
    fn open_split_head(&mut self, pid: Pid, head: &[u8], offset: usize) {
        let mut split = SplitHead {
            pid,
            bytes: heapless::Vec::new(),
            runs: heapless::Vec::new(),
        };
        split.extend(head, offset, self.held.len());
        if self.open.push(split).is_err() {
            self.heads_unread += 1;
        }
    }

    /// Adds the present packet to the split header of its PID, if there is one.
    fn continue_unit(&mut self, pid: Pid, bytes: &mut [u8; PACKET_BYTES], offset: usize) {
        let Some(index) = self.open.iter().position(|split| split.pid == pid) else {
            return;
        };
        let held = self.held.len();
        let split = &mut self.open[index];
        split.extend(&bytes[offset..], offset, held);
        if PesHead::judge(&split.bytes) == PesHead::Incomplete {
            return;
        }
        let mut split = self.open.swap_remove(index);
        self.restamp_pes(pid, &mut split.bytes);
        let mut restamped = split.bytes.iter();
        for run in &split.runs {
            let packet = self.held.get_mut(run.held).unwrap_or(bytes);
            let places = packet.iter_mut().skip(run.offset).take(run.bytes);
            places
                .zip(&mut restamped)
                .for_each(|(place, byte)| *place = *byte);
        }
    }

    /// Learns from a complete PES header, or moves its stamps on.
    fn restamp_pes(&mut self, pid: Pid, head: &mut [u8]) {
        let kind = PesHead::judge(head);
        let stream_id = head.get(3).copied().unwrap_or(0);
        if self.length_90k.is_none() && head.starts_with(&[0, 0, 1]) {
            self.seam.unit(pid, stream_id, kind.dts(head));
        }
        if self.shift_90k != 0 {
            kind.shift(head, self.shift_90k);
        }
    }

    fn abandon(&mut self, pid: Pid) {
        if let Some(index) = self.open.iter().position(|split| split.pid == pid) {
            self.open.swap_remove(index);
            self.heads_unread += 1;
        }
    }

    fn abandon_open_heads(&mut self) {
        self.heads_unread += self.open.len() as u64;
        self.open.clear();
    }
}

impl SplitHead {
    /// Adds as many of `bytes` as the header still needs; they lie at `offset` of the packet that
    /// will be held as number `held`.
    fn extend(&mut self, bytes: &[u8], offset: usize, held: usize) {
        let room = PES_HEAD_BYTES - self.bytes.len();
        let taken = &bytes[..bytes.len().min(room)];
        let run = Run {
            held,
            offset,
            bytes: taken.len(),
        };
        let is_taken = self.bytes.extend_from_slice(taken).is_ok() && self.runs.push(run).is_ok();
        assert!(
            is_taken,
            "a header of 19 bytes has at most 19 runs of at least one"
        );
    }
}
