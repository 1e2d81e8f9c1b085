//! Brings lost RTP packets back out of the packets that protect them.
//!
//! Source: SMPTE ST 2022-1 (Pro-MPEG Code of Practice 3): media packets are written row by row into
//! a matrix of L columns and D rows. A packet of the first FEC stream (port + 2) is the XOR of a
//! column, one of the second (port + 4) that of a row. RFC 2733 has the fields.
//!
//! ```text
//! behind the 12 bytes of RTP
//!  0  SNBase, low 16 bits     8  time stamp, XOR
//!  2  length, XOR            12  N, D (row), type (3 bits), index (3 bits)
//!  4  E, payload type, XOR   13  offset: from one protected packet to the next
//!  5  mask, 24 bits of zero  14  NA: protected packets
//!                            15  SNBase, high 8 bits
//! 16  payload, XOR
//! ```
//!
//! What comes back may complete a row whose other packet is lost in a column, so recovery goes on
//! until nothing more comes of it.
//!
//! Refuses: other codes than XOR, and matrices beyond L 20, D 20, L·D 100.

#[cfg(test)]
mod tests;

use crate::receive::{RtpHeader, rtp::FIXED_BYTES as RTP_BYTES};

/// Bytes of the header behind it.
const HEADER_BYTES: usize = 16;

/// Columns, and rows, of a matrix at most.
const SIDE_MAX: u16 = 20;

/// Packets of a matrix at most.
const MATRIX_MAX: u16 = 100;

/// By how many packets what is lost may come back too late: a matrix, and the next one, in which
/// what protects it is sent.
pub const DEPTH: u16 = 2 * MATRIX_MAX;

/// Media packets that are remembered, by the low bits of their numbers: [`DEPTH`], as many for what
/// is out of order, and a power of two.
const MEDIA: usize = 512;

/// Packets that protect others and wait for more of them; beyond that the oldest goes.
const WAITING: usize = 64;

/// Bytes of a packet that is remembered: what fits an Ethernet frame of 1,500 bytes.
const PACKET_BYTES_MAX: usize = 1_472;

const _: () = assert!(MEDIA.is_power_of_two() && MEDIA > 2 * DEPTH as usize);

/// Why a packet protects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FecMalformed {
    /// Shorter than its headers, or too long.
    #[error("the packet is too short or too long for one of SMPTE ST 2022-1")]
    Length,
    /// Of another code than XOR.
    #[error("the packet is not of the code XOR")]
    Code,
    /// Of an impossible matrix.
    #[error("the packet is of a matrix that SMPTE ST 2022-1 does not allow")]
    Matrix,
}

/// One packet that protects others; of a `count` of none it protects nothing any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Protection {
    /// Bytes of it that are remembered.
    bytes: usize,
    base: u16,
    offset: u16,
    count: u16,
    /// Of which so many are not there.
    missing: u16,
}

impl Protection {
    fn numbers(self) -> impl Iterator<Item = u16> {
        let number = move |place| self.base.wrapping_add(place * self.offset);
        (0..self.count).map(number)
    }

    fn covers(self, number: u16) -> bool {
        let ahead = number.wrapping_sub(self.base);
        self.count > 0 && ahead.is_multiple_of(self.offset) && ahead / self.offset < self.count
    }
}

/// What is remembered of one RTP stream.
///
/// # Limits
/// 512 media packets and 64 that protect others, of 1,472 bytes: 0.8 MB.
#[derive(Debug)]
pub struct Fec {
    storage: Box<[u8]>,
    /// Number and length of each media packet.
    media: Box<[Option<(u16, usize)>]>,
    protecting: Box<[u8]>,
    protections: [Protection; WAITING],
    /// Where the next protection goes.
    turn: usize,
    waiting: usize,
    /// Number of the newest media packet, and its SSRC.
    newest: Option<(u16, u32)>,
}

impl Default for Fec {
    fn default() -> Self {
        Self::new()
    }
}

impl Fec {
    /// Remembers nothing yet.
    pub fn new() -> Self {
        Self {
            storage: vec![0; MEDIA * PACKET_BYTES_MAX].into_boxed_slice(),
            media: vec![None; MEDIA].into_boxed_slice(),
            protecting: vec![0; WAITING * PACKET_BYTES_MAX].into_boxed_slice(),
            protections: [Protection::default(); WAITING],
            turn: 0,
            waiting: 0,
            newest: None,
        }
    }

    /// Takes a media packet of the stream, and calls `each` with every packet that comes back by
    /// it.
    pub fn media(&mut self, packet: &RtpHeader<'_>, each: &mut impl FnMut(&[u8])) {
        let goes_on = |(newest, ssrc): (u16, u32)| {
            let steps = distance(packet.sequence, newest).unsigned_abs();
            ssrc == packet.ssrc && usize::from(steps) < MEDIA
        };
        if !self.newest.is_some_and(goes_on) {
            self.media.fill(None);
            self.forget(|_| true);
            self.newest = Some((packet.sequence, packet.ssrc));
        }
        if packet.packet.len() <= PACKET_BYTES_MAX && !self.has(packet.sequence) {
            self.remember(packet.sequence, packet.packet);
            self.recover(each);
        }
    }

    /// Takes a packet that protects others, and calls `each` with every packet that comes back by
    /// it. True if it had to push out one that was waiting.
    ///
    /// # Errors
    /// [`FecMalformed`] when it is not what the standard says.
    pub fn protect(
        &mut self,
        packet: &RtpHeader<'_>,
        each: &mut impl FnMut(&[u8]),
    ) -> Result<bool, FecMalformed> {
        let protection = parse(packet.packet)?;
        let Some((newest, _)) = self.newest else {
            return Ok(false);
        };
        self.forget_passed(newest);
        let missing = protection.numbers().filter(|number| !self.has(*number));
        let missing = u16::try_from(missing.count()).unwrap_or(u16::MAX);
        if missing == 0 {
            return Ok(false);
        }
        let place = self.turn;
        self.turn = (place + 1) % WAITING;
        let is_taken = self.protections[place].count > 0;
        self.waiting += usize::from(!is_taken);
        let bytes = packet.packet;
        protecting_mut(&mut self.protecting, place)[..bytes.len()].copy_from_slice(bytes);
        self.protections[place] = Protection {
            missing,
            ..protection
        };
        self.recover(each);
        Ok(is_taken)
    }

    fn has(&self, number: u16) -> bool {
        self.packet(number).is_some()
    }

    fn packet(&self, number: u16) -> Option<&[u8]> {
        let index = usize::from(number) % MEDIA;
        let (held, bytes) = self.media[index]?;
        let start = index * PACKET_BYTES_MAX;
        (held == number).then(|| &self.storage[start..start + bytes])
    }

    fn remember(&mut self, number: u16, bytes: &[u8]) {
        let index = usize::from(number) % MEDIA;
        let start = index * PACKET_BYTES_MAX;
        self.storage[start..start + bytes.len()].copy_from_slice(bytes);
        self.media[index] = Some((number, bytes.len()));
        if let Some((newest, _)) = &mut self.newest
            && distance(number, *newest) > 0
        {
            *newest = number;
        }
        if self.waiting > 0 {
            self.forget_passed(number);
            let waiting = self.protections.iter_mut();
            for protection in waiting.filter(|it| it.covers(number)) {
                protection.missing -= 1;
            }
        }
    }

    /// Forgets what protects packets that are not remembered any more.
    fn forget_passed(&mut self, newest: u16) {
        self.forget(|it| distance(newest, it.base).unsigned_abs() > DEPTH + MATRIX_MAX);
    }

    fn forget(&mut self, is_over: impl Fn(&Protection) -> bool) {
        for protection in &mut self.protections {
            if protection.count > 0 && is_over(protection) {
                protection.count = 0;
                self.waiting -= 1;
            }
        }
    }

    /// Calls `each` with all that can be brought back.
    fn recover(&mut self, each: &mut impl FnMut(&[u8])) {
        while self.waiting > 0 {
            self.forget(|it| it.missing == 0);
            let Some((place, number)) = self.recoverable() else {
                return;
            };
            let mut rebuilt = [0; PACKET_BYTES_MAX];
            let bytes = self.rebuild(place, number, &mut rebuilt);
            self.protections[place].count = 0;
            self.waiting -= 1;
            let bytes = bytes.and_then(|bytes| rebuilt.get(..bytes));
            if let Some(bytes) = bytes.filter(|bytes| RtpHeader::parse(bytes).is_ok()) {
                each(bytes);
                self.remember(number, bytes);
            }
        }
    }

    /// A protection of which one packet is missing that is not still to come, and its number.
    fn recoverable(&self) -> Option<(usize, u16)> {
        let (newest, _) = self.newest?;
        let all = self.protections.iter().enumerate();
        let mut one = all.filter(|(_, it)| it.count > 0 && it.missing == 1);
        one.find_map(|(place, it)| {
            let number = it.numbers().find(|number| !self.has(*number))?;
            (distance(newest, number) > 0).then_some((place, number))
        })
    }

    /// Makes packet `number` of the protection at `place` and all others that it covers, in room
    /// that is all zeros. Returns its bytes; `None` if they cannot be right.
    fn rebuild(
        &self,
        place: usize,
        number: u16,
        rebuilt: &mut [u8; PACKET_BYTES_MAX],
    ) -> Option<usize> {
        let protection = self.protections[place];
        let start = place * PACKET_BYTES_MAX;
        let sum = &self.protecting[start..start + protection.bytes];
        let (rtp, rest) = sum.split_first_chunk::<RTP_BYTES>()?;
        let (header, payload) = rest.split_first_chunk::<HEADER_BYTES>()?;
        let mut flags = [rtp[0], rtp[1]];
        let mut length = u16::from_be_bytes([header[2], header[3]]);
        let mut payload_type = header[4];
        let mut timestamp = [header[8], header[9], header[10], header[11]];
        rebuilt[RTP_BYTES..RTP_BYTES + payload.len()].copy_from_slice(payload);
        for other in protection.numbers().filter(|it| *it != number) {
            let other = self.packet(other)?;
            let (head, behind) = other.split_first_chunk::<RTP_BYTES>()?;
            flags[0] ^= head[0];
            flags[1] ^= head[1];
            payload_type ^= head[1];
            xor(&mut timestamp, &head[4..8]);
            length ^= u16::try_from(behind.len()).ok()?;
            xor(&mut rebuilt[RTP_BYTES..], behind);
        }
        let marker_and_type = flags[1] & 0x80 | payload_type & 0x7F;
        rebuilt[..2].copy_from_slice(&[0x80 | flags[0] & 0x3F, marker_and_type]);
        rebuilt[2..4].copy_from_slice(&number.to_be_bytes());
        rebuilt[4..8].copy_from_slice(&timestamp);
        rebuilt[8..RTP_BYTES].copy_from_slice(&self.newest?.1.to_be_bytes());
        let length = usize::from(length);
        (length <= payload.len()).then_some(RTP_BYTES + length)
    }
}

fn protecting_mut(protecting: &mut [u8], place: usize) -> &mut [u8] {
    let start = place * PACKET_BYTES_MAX;
    &mut protecting[start..start + PACKET_BYTES_MAX]
}

/// What a packet protects.
fn parse(packet: &[u8]) -> Result<Protection, FecMalformed> {
    let behind = packet.get(RTP_BYTES..).ok_or(FecMalformed::Length)?;
    let header = behind.first_chunk::<HEADER_BYTES>();
    let header = header.filter(|_| packet.len() <= PACKET_BYTES_MAX);
    let header = header.ok_or(FecMalformed::Length)?;
    let kind = header[12] >> 3 & 0b111;
    if kind != 0 {
        return Err(FecMalformed::Code);
    }
    let (offset, count) = (u16::from(header[13]), u16::from(header[14]));
    let is_sound = (1..=SIDE_MAX).contains(&offset)
        && (1..=SIDE_MAX).contains(&count)
        && offset * count <= MATRIX_MAX;
    if !is_sound {
        return Err(FecMalformed::Matrix);
    }
    Ok(Protection {
        bytes: packet.len(),
        base: u16::from_be_bytes([header[0], header[1]]),
        offset,
        count,
        missing: 0,
    })
}

/// How far `number` is ahead of `other`.
fn distance(number: u16, other: u16) -> i16 {
    number.wrapping_sub(other).cast_signed()
}

fn xor(sum: &mut [u8], bytes: &[u8]) {
    for (sum, byte) in sum.iter_mut().zip(bytes) {
        *sum ^= byte;
    }
}
