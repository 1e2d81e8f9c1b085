//! A small transport stream made from nothing: H.264 pictures that parse but show nothing.
//!
//! Independent of the product's own writers, so that both cannot be wrong alike.

/// Bytes of a transport packet.
pub const PACKET_BYTES: usize = 188;

/// Ticks of 90 kHz between two pictures: 25 a second.
pub const PICTURE_90K: u64 = 3_600;

/// Pictures from one key frame to the next: one second.
const KEY_FRAME_INTERVAL: u64 = 25;

const PMT_PID: u16 = 0x100;
const SPLICE_PID: u16 = 0x102;
const AUDIO_PID: u16 = 0x110;
const CLOCK_PID: u16 = 0x111;

/// x264's parameter sets for 320x180 at 25 Hz, baseline.
const SPS: &[u8] = &[
    0x67, 0x42, 0xC0, 0x0C, 0xDA, 0x05, 0x06, 0x7E, 0x7C, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
    0x00, 0x00, 0x0C, 0x83, 0xC5, 0x0A, 0xA8,
];
/// And for 640x360.
const SPS_LARGE: &[u8] = &[
    0x67, 0x42, 0xC0, 0x1E, 0xD9, 0x00, 0xA0, 0x2F, 0xF9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
    0x00, 0x00, 0x03, 0x00, 0x32, 0x0F, 0x16, 0x2E, 0x48,
];
const PPS: &[u8] = &[0x68, 0xCE, 0x0F, 0xC8];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x3A];
const NON_IDR: &[u8] = &[0x41, 0x9A, 0x22, 0xBC];
const START_CODE: &[u8] = &[0, 0, 0, 1];

/// Makes one program with one video stream, picture by picture.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// PTS of the next picture; set it to make the stream jump.
    pub pts_90k: u64,
    /// What it makes.
    pub format: Format,
    picture: u64,
    continuity: [u8; 6],
    payload_bytes: usize,
    has_splices: bool,
    has_sound: bool,
    key_is_due: bool,
}

/// How pictures are made and carried; every field may change between two pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// PID of the pictures.
    pub video_pid: u16,
    /// `version_number` of the PMT, which a change of it should raise.
    pub pmt_version: u8,
    /// 640x360 in place of 320x180, from the next key frame on.
    pub is_large: bool,
    /// Ticks of 90 kHz between two pictures.
    pub picture_90k: u64,
    /// Pictures from one key frame to the next; 0: there are none.
    pub key_frame_interval: u64,
    /// Pictures are without time stamps.
    pub is_untimed: bool,
    /// Pictures are marked as scrambled.
    pub is_scrambled: bool,
    /// Pictures from one Encoder Boundary Point to the next, whatever they are; 0: there are none.
    pub boundary_interval: u64,
    /// Where the clock is.
    pub clock: Clock,
}

/// Where the clock of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// With the pictures.
    Pictures,
    /// On a PID of its own.
    Apart,
    /// On a PID of its own, according to the tables, and not there.
    Missing,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            video_pid: 0x101,
            pmt_version: 0,
            is_large: false,
            picture_90k: PICTURE_90K,
            key_frame_interval: KEY_FRAME_INTERVAL,
            is_untimed: false,
            is_scrambled: false,
            boundary_interval: 0,
            clock: Clock::Pictures,
        }
    }
}

impl Encoder {
    /// Starts at `pts_90k` with pictures of about `payload_bytes`.
    pub fn new(pts_90k: u64, payload_bytes: usize) -> Self {
        Self {
            pts_90k,
            format: Format::default(),
            picture: 0,
            continuity: [0; 6],
            payload_bytes,
            has_splices: false,
            has_sound: false,
            key_is_due: false,
        }
    }

    /// The same program with splice information (SCTE 35).
    #[must_use]
    pub fn with_splices(self) -> Self {
        Self {
            has_splices: true,
            ..self
        }
    }

    /// The same program with sound beside the pictures.
    #[must_use]
    pub fn with_sound(self) -> Self {
        Self {
            has_sound: true,
            ..self
        }
    }

    /// The same program without sound.
    #[must_use]
    pub fn without_sound(self) -> Self {
        Self {
            has_sound: false,
            ..self
        }
    }

    /// The packet of some sound at the time of the next picture: MPEG-1 layer II, as it says.
    pub fn sound(&mut self) -> Vec<u8> {
        let mut packet = self.header(AUDIO_PID, true, 0x10, 4);
        packet.extend_from_slice(&[0, 0, 1, 0xC0, 0, 178, 0x80, 0x80, 5]);
        packet.extend_from_slice(&pts_field(self.pts_90k % (1 << 33)));
        packet.extend_from_slice(&[0xFF, 0xFD, 0x80, 0x00]);
        packet.resize(PACKET_BYTES, 0x11);
        packet
    }

    /// Makes the next picture a key frame, as an encoder does at a splice point.
    pub fn ask_for_key_frame(&mut self) {
        self.key_is_due = true;
    }

    /// The packet of one `splice_info_section`, whose `CRC_32` is added.
    pub fn splice(&mut self, section: &[u8]) -> Vec<u8> {
        let mut packet = self.header(SPLICE_PID, true, 0x10, 3);
        packet.push(0);
        packet.extend_from_slice(section);
        packet.extend_from_slice(&crc_32(section).to_be_bytes());
        assert!(packet.len() <= PACKET_BYTES, "a section of one packet");
        packet.resize(PACKET_BYTES, 0xFF);
        packet
    }

    /// The packets of the next picture; PAT and PMT stand before every key frame.
    pub fn picture(&mut self) -> Vec<u8> {
        let is_due = std::mem::take(&mut self.key_is_due);
        // Never a multiple of no pictures, but for the first.
        let is_key = is_due || self.picture.is_multiple_of(self.format.key_frame_interval);
        let mut packets = Vec::new();
        if is_key {
            self.tables(&mut packets);
        }
        if self.format.clock == Clock::Apart {
            packets.extend(self.clock());
        }
        let pes = self.pes(is_key);
        let begin = packets.len();
        self.packetise(&pes, is_key, &mut packets);
        if self.format.is_scrambled {
            let pictures = packets.get_mut(begin..).unwrap_or_default();
            for packet in pictures.chunks_mut(PACKET_BYTES) {
                packet[3] |= 0x80;
            }
        }
        self.picture += 1;
        self.pts_90k += self.format.picture_90k;
        packets
    }

    /// PAT and PMT alone, as when pictures have stopped and the rest goes on.
    pub fn tables_alone(&mut self) -> Vec<u8> {
        let mut packets = Vec::new();
        self.tables(&mut packets);
        self.pts_90k += self.format.picture_90k;
        packets
    }

    /// The clock alone, while a picture stands.
    pub fn clock_alone(&mut self) -> Vec<u8> {
        let packets = self.clock();
        self.pts_90k += self.format.picture_90k;
        packets
    }

    fn tables(&mut self, packets: &mut Vec<u8>) {
        let [pmt_high, pmt_low] = (PMT_PID | 0xE000).to_be_bytes();
        let [video_high, video_low] = (self.format.video_pid | 0xE000).to_be_bytes();
        let [clock_high, clock_low] = match self.format.clock {
            Clock::Pictures => [video_high, video_low],
            Clock::Apart | Clock::Missing => (CLOCK_PID | 0xE000).to_be_bytes(),
        };
        let pat = [0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, pmt_high, pmt_low];
        let mut pmt = vec![
            2,
            0xB0,
            18,
            0,
            1,
            0xC1 | (self.format.pmt_version & 0x1F) << 1,
            0,
            0,
            clock_high,
            clock_low,
            0xF0,
            0,
            0x1B,
            video_high,
            video_low,
            0xF0,
            0,
        ];
        if self.has_splices {
            let [high, low] = (SPLICE_PID | 0xE000).to_be_bytes();
            pmt.extend_from_slice(&[0x86, high, low, 0xF0, 0]);
            pmt[2] += 5;
        }
        if self.has_sound {
            let [high, low] = (AUDIO_PID | 0xE000).to_be_bytes();
            pmt.extend_from_slice(&[0x03, high, low, 0xF0, 0]);
            pmt[2] += 5;
        }
        for (index, pid, section) in [(0, 0, &pat[..]), (1, PMT_PID, &pmt[..])] {
            let mut packet = self.header(pid, true, 0x10, index);
            packet.push(0);
            packet.extend_from_slice(section);
            packet.extend_from_slice(&crc_32(section).to_be_bytes());
            packet.resize(PACKET_BYTES, 0xFF);
            packets.extend_from_slice(&packet);
        }
    }

    /// A packet with a PCR and nothing else.
    fn clock(&self) -> Vec<u8> {
        let [high, low] = CLOCK_PID.to_be_bytes();
        let mut packet = vec![0x47, high, low, 0x20, 183, 0x10];
        packet.extend_from_slice(&self.pcr());
        packet.resize(PACKET_BYTES, 0xFF);
        packet
    }

    /// The PCR runs 100 ms before the PTS.
    fn pcr(&self) -> [u8; 6] {
        pcr_field((self.pts_90k + (1 << 33) - 9_000) % (1 << 33))
    }

    /// What stands in the adaptation field of the first packet of a picture.
    fn adaptation_field(&self, is_key: bool) -> Vec<u8> {
        let has_clock = self.format.clock == Clock::Pictures;
        // Never a multiple of no pictures, but for the first.
        let is_boundary = self.format.boundary_interval > 0
            && self.picture.is_multiple_of(self.format.boundary_interval);
        let flags = [(is_key, 0x40), (has_clock, 0x10), (is_boundary, 0x02)];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        let mut field = vec![flags.map(|(_, flag)| flag).sum()];
        if has_clock {
            field.extend_from_slice(&self.pcr());
        }
        if is_boundary {
            field.extend_from_slice(&[7, 0xDF, 5, b'E', b'B', b'P', b'0', 0x40]);
        }
        field
    }

    fn pes(&self, is_key: bool) -> Vec<u8> {
        let mut pes = vec![0, 0, 1, 0xE0, 0, 0, 0x80];
        if self.format.is_untimed {
            pes.extend_from_slice(&[0, 0]);
        } else {
            pes.extend_from_slice(&[0x80, 5]);
            pes.extend_from_slice(&pts_field(self.pts_90k % (1 << 33)));
        }
        let sps = if self.format.is_large { SPS_LARGE } else { SPS };
        let units: &[&[u8]] = if is_key {
            &[&[9, 0x10], sps, PPS, IDR]
        } else {
            &[&[9, 0x30], NON_IDR]
        };
        for unit in units {
            pes.extend_from_slice(START_CODE);
            pes.extend_from_slice(unit);
        }
        // Slice data: anything without a start code, and no two pictures alike.
        let mixed =
            |index: usize| (self.picture << 20 | index as u64).wrapping_mul(0x9E37_79B9) >> 13;
        let rest = pes.len()..self.payload_bytes;
        pes.extend(rest.map(|index| 0x40 | mixed(index).to_le_bytes()[0] & 0x3F));
        pes
    }

    fn packetise(&mut self, pes: &[u8], is_key: bool, packets: &mut Vec<u8>) {
        let mut rest = pes;
        let mut is_first = true;
        while !rest.is_empty() {
            let mut field = Vec::new();
            if is_first {
                field = self.adaptation_field(is_key);
            }
            let room = PACKET_BYTES - 4 - if is_first { 1 + field.len() } else { 0 };
            let taken = rest.len().min(room);
            let stuffing = room - taken;
            let control = if is_first || stuffing > 0 { 0x30 } else { 0x10 };
            let mut packet = self.header(self.format.video_pid, is_first, control, 2);
            if control == 0x30 {
                if !is_first && stuffing > 1 {
                    field.push(0);
                }
                let length = PACKET_BYTES - 4 - 1 - taken;
                packet.push(u8::try_from(length).expect("an adaptation field has up to 183 bytes"));
                packet.extend_from_slice(&field);
                packet.resize(PACKET_BYTES - taken, 0xFF);
            }
            packet.extend_from_slice(&rest[..taken]);
            packets.extend_from_slice(&packet);
            rest = &rest[taken..];
            is_first = false;
        }
    }

    fn header(&mut self, pid: u16, starts_unit: bool, control: u8, index: usize) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let counter = self.continuity[index];
        self.continuity[index] = (counter + 1) % 16;
        let unit_start = if starts_unit { 0x40 } else { 0 };
        vec![0x47, unit_start | high, low, control | counter]
    }
}

fn pts_field(pts: u64) -> [u8; 5] {
    let byte = |shift: u32, mask: u64| u8::try_from(pts >> shift & mask).expect("masked to 8 bits");
    [
        0x21 | byte(30, 7) << 1,
        byte(22, 0xFF),
        byte(15, 0x7F) << 1 | 1,
        byte(7, 0xFF),
        byte(0, 0x7F) << 1 | 1,
    ]
}

fn pcr_field(base: u64) -> [u8; 6] {
    let byte = |shift: u32| u8::try_from(base >> shift & 0xFF).expect("masked to 8 bits");
    let last = u8::try_from(base & 1).expect("one bit") << 7 | 0x7E;
    [byte(25), byte(17), byte(9), byte(1), last, 0]
}

pub(crate) fn crc_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1
                ^ if crc & 0x8000_0000 == 0 {
                    0
                } else {
                    0x04C1_1DB7
                }
        })
    })
}
