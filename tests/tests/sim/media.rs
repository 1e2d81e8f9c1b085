//! What is in a segment, as far as a playlist speaks of it.
//!
//! Source: ISO/IEC 13818-1 §2.4.3 (packets, PES), §2.4.4 (PAT, PMT); ITU-T H.264 §7.3.1 (SPS).
//! Reads what the encoder of these tests makes, and nothing else. Shares no code with the product.

use weir_tests::stream::PACKET_BYTES;

/// One segment's media.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Media {
    /// PID of the pictures by the PMT, and the parameter set of the first of them, if it has one:
    /// what a discontinuity must announce.
    pub(crate) coding: (u16, Vec<u8>),
    /// PTS of the first picture.
    pub(crate) pts_90k: Option<u64>,
    /// `continuity_counter` of the first and the last packet of PAT.
    pub(crate) pat_counters: (u8, u8),
}

impl Media {
    /// Reads `bytes`.
    ///
    /// # Errors
    /// What is not as RFC 8216 §3.2 wants it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut media = Self::default();
        let mut parameters = None;
        let mut pat_counters = Vec::new();
        for (index, packet) in bytes.chunks(PACKET_BYTES).enumerate() {
            if packet.len() != PACKET_BYTES || packet[0] != 0x47 {
                return Err(format!("R14: packet {index} is none"));
            }
            let pid = u16::from(packet[1] & 0x1F) << 8 | u16::from(packet[2]);
            match (index, pid) {
                (0, 0) | (1, 0x100) => {}
                (0 | 1, _) => return Err(format!("R14: packet {index} is of PID {pid}")),
                _ => {}
            }
            if pid > 0x100 && packet[3] & 0xC0 != 0 {
                return Err(format!("packet {index} is scrambled"));
            }
            if pid == 0 {
                pat_counters.push(packet[3] & 0xF);
            } else if pid == 0x100 && media.coding.0 == 0 {
                // Behind pointer_field, section header and PCR_PID: the only stream's PID.
                media.coding.0 = u16::from(packet[18] & 0x1F) << 8 | u16::from(packet[19]);
            } else if pid > 0x100 && packet[1] & 0x40 != 0 {
                let pes = payload(packet);
                // On whatever PID: a last picture may come before the packets of new tables.
                media.pts_90k = media.pts_90k.or_else(|| pts_90k(pes));
                if pid == media.coding.0 {
                    parameters.get_or_insert_with(|| parameter_set(pes));
                }
            }
        }
        media.coding.1 = parameters.unwrap_or_default();
        let goes_on = |before: &u8, next: &u8| *next == (before + 1) % 16;
        if !pat_counters.is_sorted_by(goes_on) {
            return Err(format!("R14: counters of PAT are {pat_counters:?}"));
        }
        media.pat_counters = (
            pat_counters.first().copied().unwrap_or_default(),
            pat_counters.last().copied().unwrap_or_default(),
        );
        Ok(media)
    }
}

/// The PTS of a picture, if it has one.
fn pts_90k(pes: &[u8]) -> Option<u64> {
    if pes.len() < 14 || pes[7] & 0x80 == 0 {
        return None;
    }
    let part = |index: usize, mask: u8, shift: u32| u64::from(pes[index] & mask) << shift;
    let pts = part(9, 0x0E, 29) | part(10, 0xFF, 22) | part(11, 0xFE, 14);
    Some(pts | part(12, 0xFF, 7) | part(13, 0xFE, 0) >> 1)
}

/// The parameter set of a picture; empty without a key frame.
fn parameter_set(pes: &[u8]) -> Vec<u8> {
    let is_sps = |window: &&[u8]| window[..5] == [0, 0, 0, 1, 0x67];
    let sps = pes.windows(24).find(is_sps);
    sps.map(<[u8]>::to_vec).unwrap_or_default()
}

fn payload(packet: &[u8]) -> &[u8] {
    let field = if packet[3] & 0x20 == 0 {
        0
    } else {
        1 + usize::from(packet[4])
    };
    packet.get(4 + field..).unwrap_or_default()
}
