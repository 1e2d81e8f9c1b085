//! Segments made from nothing: one program of one H.264 stream, a packet a picture, and sound.

use crate::{
    demux::{PACKET_BYTES, crc_32},
    validate::inspect::{Inspector, SegmentFacts},
};

const PMT_PID: u16 = 0x100;
const VIDEO_PID: u16 = 0x101;
const AUDIO_PID: u16 = 0x102;
const PICTURE_90K: u64 = 3_600;

/// x264's parameter sets for 320x180 at 25 Hz, and the head of a key frame.
const KEY_FRAME: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x0C, 0xDA, 0x05, 0x06, 0x7E, 0x7C, 0x04, 0x40, 0x00, 0x00, 0x03,
    0x00, 0x40, 0x00, 0x00, 0x0C, 0x83, 0xC5, 0x0A, 0xA8, 0, 0, 0, 1, 0x68, 0xCE, 0x0F, 0xC8, 0, 0,
    0, 1, 0x65, 0x88, 0x84, 0x3A,
];
/// The head of a frame of MPEG-1 layer II.
const SOUND: &[u8] = &[0xFF, 0xFD, 0x80, 0x00, 0x11, 0x11, 0x11, 0x11];
const PICTURE: &[u8] = &[0, 0, 0, 1, 0x41, 0x9A, 0x22, 0xBC];

/// Makes segments that go on from one to the next.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    tables: u8,
    pub(super) video: u8,
    /// The PMT says that no stream has PCRs.
    is_without_clock: bool,
}

impl Encoder {
    /// One whose PMT says that no stream has PCRs.
    pub(super) fn without_clock() -> Self {
        Self {
            is_without_clock: true,
            ..Self::default()
        }
    }

    /// What is found in a segment of `pictures`, 25 a second, from `pts_90k` on.
    pub(super) fn segment(&mut self, pts_90k: u64, pictures: u64) -> SegmentFacts {
        inspected(&self.bytes(pts_90k, pictures))
    }

    /// The same with sound at these time stamps, or with that alone.
    pub(super) fn with_sound(
        &mut self,
        (pts_90k, pictures): (u64, u64),
        sound_90k: impl Iterator<Item = u64>,
    ) -> SegmentFacts {
        let mut bytes = self.tables(if pictures > 0 {
            &[(0x1B, VIDEO_PID), (0x03, AUDIO_PID)]
        } else {
            &[(0x03, AUDIO_PID)]
        });
        bytes.extend(self.pictures(pts_90k, pictures));
        for (counter, pts_90k) in (0..16).cycle().zip(sound_90k) {
            bytes.extend(packet((AUDIO_PID, 0xC0), counter, pts_90k, SOUND));
        }
        inspected(&bytes)
    }

    /// The segment itself: a PAT, a PMT, and a packet a picture.
    pub(super) fn bytes(&mut self, pts_90k: u64, pictures: u64) -> Vec<u8> {
        let mut bytes = self.tables(&[(0x1B, VIDEO_PID)]);
        bytes.extend(self.pictures(pts_90k, pictures));
        bytes
    }

    fn tables(&mut self, streams: &[(u8, u16)]) -> Vec<u8> {
        let [pmt_high, pmt_low] = (PMT_PID | 0xE000).to_be_bytes();
        let pat = [0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, pmt_high, pmt_low];
        let clock = match streams {
            [(_, pid), ..] if !self.is_without_clock => *pid,
            _ => 0x1FFF,
        };
        let [clock_high, clock_low] = (clock | 0xE000).to_be_bytes();
        let mut pmt = vec![
            2, 0xB0, 13, 0, 1, 0xC1, 0, 0, clock_high, clock_low, 0xF0, 0,
        ];
        for (stream_type, pid) in streams {
            let [high, low] = (pid | 0xE000).to_be_bytes();
            pmt.extend([*stream_type, high, low, 0xF0, 0]);
            pmt[2] += 5;
        }
        let mut bytes = section(0, self.tables, &pat);
        bytes.extend(section(PMT_PID, self.tables, &pmt));
        self.tables = (self.tables + 1) % 16;
        bytes
    }

    fn pictures(&mut self, pts_90k: u64, pictures: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for picture in 0..pictures {
            let pts_90k = pts_90k + picture * PICTURE_90K;
            let unit = if picture == 0 { KEY_FRAME } else { PICTURE };
            bytes.extend(packet((VIDEO_PID, 0xE0), self.video, pts_90k, unit));
            self.video = (self.video + 1) % 16;
        }
        bytes
    }
}

/// What is found in `bytes`, which come in pieces.
pub(super) fn inspected(bytes: &[u8]) -> SegmentFacts {
    let mut inspector = Inspector::new();
    bytes.chunks(1_000).for_each(|piece| inspector.push(piece));
    inspector.finish()
}

fn section(pid: u16, counter: u8, section: &[u8]) -> Vec<u8> {
    let [high, low] = (pid | 0x4000).to_be_bytes();
    let mut packet = vec![0x47, high, low, 0x10 | counter, 0];
    packet.extend(section);
    packet.extend(crc_32(section).to_be_bytes());
    packet.resize(PACKET_BYTES, 0xFF);
    packet
}

/// One packet with a whole picture, or some sound: the PCR is its PTS.
fn packet((pid, stream_id): (u16, u8), counter: u8, pts_90k: u64, unit: &[u8]) -> Vec<u8> {
    let pts_90k = pts_90k % (1 << 33);
    let byte = |value: u64| u8::try_from(value & 0xFF).expect("masked to eight bits");
    let mut pes = vec![0, 0, 1, stream_id, 0, 0, 0x80, 0x80, 5];
    pes.extend([
        byte(0x21 | pts_90k >> 29 & 0x0E),
        byte(pts_90k >> 22),
        byte(1 | pts_90k >> 14 & 0xFE),
        byte(pts_90k >> 7),
        byte(1 | pts_90k << 1 & 0xFE),
    ]);
    pes.extend(unit);
    let [high, low] = (pid | 0x4000).to_be_bytes();
    let field = PACKET_BYTES - 5 - pes.len();
    let mut packet = vec![0x47, high, low, 0x30 | counter];
    packet.push(u8::try_from(field).expect("a field is short"));
    packet.push(0x10);
    packet.extend([25, 17, 9, 1].map(|shift| byte(pts_90k >> shift)));
    packet.extend([byte(pts_90k << 7 | 0x7E), 0]);
    packet.resize(PACKET_BYTES - pes.len(), 0xFF);
    packet.extend(pes);
    packet
}
