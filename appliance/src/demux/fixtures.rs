//! Transport streams built by hand for tests, byte by byte as the standard says.

use crate::demux::{
    AccessUnit, Demux, Event, PACKET_BYTES, Packet, Pid, Program, StreamParameters, crc_32,
};

/// Sequence and picture parameter set of a 320x1080 interlaced stream at 25 pictures a second.
pub(crate) const H264_SPS: [u8; 29] = [
    0x67, 0x64, 0x00, 0x1E, 0xAC, 0xD9, 0x41, 0x40, 0x44, 0xFD, 0xFF, 0xE0, 0x00, 0xC0, 0x00, 0x22,
    0x00, 0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x64, 0x3E, 0x28, 0x53,
];
pub(crate) const H264_PPS: [u8; 4] = [0x68, 0xFE, 0x8F, 0xCB];
pub(crate) const H264_IDR_SLICE: [u8; 6] = [0x65, 0x88, 0x84, 0x00, 0x2F, 0xF5];
/// A slice of a P picture.
pub(crate) const H264_P_SLICE: [u8; 5] = [0x41, 0x9A, 0x24, 0x6C, 0x41];
/// A slice of an I picture that is no IDR.
pub(crate) const H264_I_SLICE: [u8; 5] = [0x41, 0x88, 0x84, 0x00, 0x2F];

/// Joins units with start codes before them.
pub(crate) fn byte_stream(units: &[&[u8]]) -> Vec<u8> {
    let framed = units.iter().map(|unit| [&[0, 0, 0, 1], *unit].concat());
    framed.collect::<Vec<_>>().concat()
}

/// An H.264 access unit where decoding can begin.
pub(crate) fn h264_idr() -> Vec<u8> {
    byte_stream(&[
        &[0x09, 0xF0],
        &H264_SPS,
        &H264_PPS,
        &H264_IDR_SLICE,
        &[0x55; 400],
    ])
}

/// An H.264 access unit that needs those before it.
pub(crate) fn h264_p() -> Vec<u8> {
    byte_stream(&[&[0x09, 0xF0], &H264_P_SLICE])
}

/// An ADTS frame of AAC-LC, 48 kHz, stereo.
pub(crate) fn adts() -> Vec<u8> {
    [&[0xFF, 0xF1, 0x4C, 0x80, 0x04, 0x1F, 0xFC][..], &[0x21; 26]].concat()
}

/// A section with a long header and a right `CRC_32`.
pub(crate) fn section(table_id: u8, extension: u16, version: u8, body: &[u8]) -> Vec<u8> {
    numbered_section(table_id, extension, version, [0, 0], body)
}

/// The same, as number `of[0]` of a table whose last is `of[1]`.
pub(crate) fn numbered_section(
    table_id: u8,
    extension: u16,
    version: u8,
    of: [u8; 2],
    body: &[u8],
) -> Vec<u8> {
    let length = u16::try_from(body.len() + 9).expect("test sections are short");
    let mut section = vec![table_id];
    section.extend((0xB000 | length).to_be_bytes());
    section.extend(extension.to_be_bytes());
    section.extend([0xC1 | version << 1, of[0], of[1]]);
    section.extend(body);
    section.extend(crc_32(&section).to_be_bytes());
    section
}

/// A PAT of one section.
pub(crate) fn pat(version: u8, programs: &[(u16, u16)]) -> Vec<u8> {
    section(0, 1, version, &pat_body(programs))
}

/// The body of a PAT section.
pub(crate) fn pat_body(programs: &[(u16, u16)]) -> Vec<u8> {
    let rows = programs.iter().map(|&(number, pid)| {
        let [a, b] = number.to_be_bytes();
        let [c, d] = (0xE000 | pid).to_be_bytes();
        [a, b, c, d]
    });
    rows.collect::<Vec<_>>().concat()
}

/// A PMT whose streams are given as `stream_type`, PID and descriptors.
pub(crate) fn pmt(number: u16, version: u8, pcr_pid: u16, streams: &[(u8, u16, &[u8])]) -> Vec<u8> {
    let mut body = (0xE000 | pcr_pid).to_be_bytes().to_vec();
    body.extend([0xF0, 0]);
    for &(stream_type, pid, descriptors) in streams {
        body.push(stream_type);
        body.extend((0xE000 | pid).to_be_bytes());
        let length = u16::try_from(descriptors.len()).expect("test descriptors are short");
        body.extend((0xF000 | length).to_be_bytes());
        body.extend(descriptors);
    }
    section(2, number, version, &body)
}

/// A PES packet with a PTS.
pub(crate) fn pes(stream_id: u8, pts: u64, stream: &[u8]) -> Vec<u8> {
    let time_stamp = [
        0x21 | (pts >> 29 & 0x0E),
        pts >> 22 & 0xFF,
        1 | (pts >> 14 & 0xFE),
        pts >> 7 & 0xFF,
        1 | (pts << 1 & 0xFE),
    ];
    let mut packet = vec![0, 0, 1, stream_id, 0, 0, 0x80, 0x80, 5];
    packet.extend(time_stamp.map(|byte| u8::try_from(byte).expect("masked to eight bits")));
    packet.extend(stream);
    packet
}

/// Flags of an adaptation field.
pub(crate) const DISCONTINUITY: u8 = 0x80;
pub(crate) const RANDOM_ACCESS: u8 = 0x40;

/// Multiplexes one stream, packet behind packet.
#[derive(Debug, Clone)]
pub(crate) struct Mux {
    pub packets: Vec<[u8; PACKET_BYTES]>,
    counters: Vec<u8>,
}

impl Mux {
    pub(crate) fn new() -> Self {
        Self {
            packets: Vec::new(),
            counters: vec![0; Pid::COUNT],
        }
    }

    /// Packets that carry `payload`; the first starts a unit and has the adaptation `flags`.
    pub(crate) fn payload(&mut self, pid: u16, flags: u8, payload: &[u8]) -> &mut Self {
        let mut rest = payload;
        let mut is_first = true;
        while !rest.is_empty() {
            let flags = if is_first { flags } else { 0 };
            let room = if flags == 0 { 184 } else { 182 };
            let (now, behind) = rest.split_at(rest.len().min(room));
            self.packet(pid, is_first, flags, now);
            rest = behind;
            is_first = false;
        }
        self
    }

    /// One packet, filled up by its adaptation field.
    pub(crate) fn packet(&mut self, pid: u16, start: bool, flags: u8, now: &[u8]) -> &mut Self {
        let mut packet = [0xFF; PACKET_BYTES];
        let [high, low] = (pid | u16::from(start) << 14).to_be_bytes();
        let counter = &mut self.counters[usize::from(pid)];
        let stuffing = 184 - now.len();
        let control = if stuffing > 0 { 0x30 } else { 0x10 };
        packet[..4].copy_from_slice(&[0x47, high, low, control | *counter]);
        *counter = (*counter + 1) % 16;
        if stuffing > 0 {
            packet[4] = u8::try_from(stuffing - 1).expect("below 184");
        }
        if stuffing > 1 {
            packet[5] = flags;
        }
        packet[PACKET_BYTES - now.len()..].copy_from_slice(now);
        self.packets.push(packet);
        self
    }

    /// Packets that carry one section.
    pub(crate) fn section(&mut self, pid: u16, section: &[u8]) -> &mut Self {
        let mut payload = [&[0], section].concat();
        payload.resize(payload.len().next_multiple_of(184), 0xFF);
        self.payload(pid, 0, &payload)
    }

    /// Sends the last packet again.
    pub(crate) fn repeat(&mut self) -> &mut Self {
        self.packets.extend(self.packets.last().copied());
        self
    }

    /// Changes the last packet.
    pub(crate) fn spoil(&mut self, change: impl FnOnce(&mut [u8; PACKET_BYTES])) -> &mut Self {
        change(self.packets.last_mut().expect("a packet was sent"));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.packets.concat()
    }
}

/// An [`Event`] that owns what it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Program(Box<Program>),
    Packet {
        pid: u16,
        starts_unit: bool,
    },
    AccessUnit(AccessUnit),
    Parameters(u16, StreamParameters),
    /// PID and section of a splice message.
    Splice(u16, Vec<u8>),
}

impl From<Event<'_>> for Told {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Program(program) => Self::Program(Box::new(program.clone())),
            Event::Packet(it) => Self::Packet {
                pid: it.packet.pid().value(),
                starts_unit: it.starts_unit,
            },
            Event::AccessUnit(unit) => Self::AccessUnit(unit),
            Event::Parameters(pid, parameters) => Self::Parameters(pid.value(), parameters.clone()),
            Event::Splice(splice) => Self::Splice(splice.pid.value(), splice.info.bytes().to_vec()),
        }
    }
}

/// Pushes packets and returns what they tell.
pub(crate) fn told(demux: &mut Demux, packets: &[[u8; PACKET_BYTES]]) -> Vec<Told> {
    let mut told = Vec::new();
    for packet in packets.iter().filter_map(Packet::new) {
        demux.push(packet, |event| told.push(event.into()));
    }
    told
}

/// The access units among `told`.
pub(crate) fn units(told: &[Told]) -> Vec<AccessUnit> {
    let unit = |told: &Told| match told {
        Told::AccessUnit(unit) => Some(*unit),
        Told::Program(_) | Told::Packet { .. } | Told::Parameters(..) | Told::Splice(..) => None,
    };
    told.iter().filter_map(unit).collect()
}

/// The programs announced among `told`.
pub(crate) fn programs(told: &[Told]) -> Vec<&Program> {
    let mut programs = Vec::new();
    for told in told {
        if let Told::Program(program) = told {
            programs.push(program.as_ref());
        }
    }
    programs
}
