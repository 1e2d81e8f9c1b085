//! A made-up program and a recorder of what the segmenter makes of it, for the tests here.

use std::time::Duration;

use weir_hal::Wall;

use crate::{
    demux::{
        AccessUnit, AudioCodec, ElementaryStream, Event, PACKET_BYTES, Packet, Pid, Program,
        ProgramPacket, Pts, Splice, SpliceInfo, StreamKind, VideoCodec,
    },
    segment::{Cue, Output, Phase, Rules, Segment, Segmenter, ticks},
};

pub(super) const VIDEO: Pid = Pid::from_bits(0x100);
pub(super) const AUDIO: Pid = Pid::from_bits(0x101);
pub(super) const SPLICE: Pid = Pid::from_bits(0x1F0);
pub(super) const PMT: Pid = Pid::from_bits(0x1000);
pub(super) const SECOND: u64 = 90_000;
pub(super) const FRAME: u64 = 3_600;
/// 16,875 wraps of time stamps after 1970 and a little: the lines of the grid lie on multiples of
/// six seconds of the PTS as it is sent.
pub(super) const START: Wall = Wall::from_nanos(1_610_612_740_000_000_000);

/// The wall time so many milliseconds from the start.
pub(super) fn at(milliseconds: i64) -> Wall {
    ticks::later(START, milliseconds * 90)
}

/// A packet with nothing but a PCR of `ticks` of 90 kHz.
pub(super) fn pcr_packet(ticks: u64) -> [u8; PACKET_BYTES] {
    let mut bytes = [0xFF; PACKET_BYTES];
    let [high, low] = VIDEO.value().to_be_bytes();
    bytes[..6].copy_from_slice(&[0x47, high, low, 0x20, 183, 0x10]);
    let field = ticks << 15 | 0x7E00;
    bytes[6..12].copy_from_slice(&field.to_be_bytes()[2..]);
    bytes
}

/// The time stamp at so many milliseconds.
pub(super) fn pts(milliseconds: i64) -> Pts {
    let ticks = (milliseconds * 90).rem_euclid(Pts::MODULUS.cast_signed());
    Pts::from_ticks(ticks.unsigned_abs())
}

/// The time stamp that is 0 again.
pub(super) const WRAP: u64 = 1 << 33;

/// Rules with a target of 6 s, at most 12 s and 64 MiB, for random access points that never move.
pub(super) fn rules(phase: Phase) -> Rules {
    Rules {
        target: Duration::from_secs(6),
        slack: Duration::ZERO,
        duration_max: Duration::from_secs(12),
        bytes_max: 64 * 1024 * 1024,
        phase,
    }
}

/// One H.264 and one AAC stream, and no clock; the PMT is `filler` bytes long and not a real one.
pub(super) fn program(version: u8, filler: usize) -> Program {
    let stream = |pid, stream_type, kind| ElementaryStream {
        pid,
        stream_type,
        kind,
        language: None,
    };
    Program {
        number: 7,
        transport_stream_id: 1,
        pmt_pid: PMT,
        pcr_pid: None,
        version,
        streams: [
            stream(VIDEO, 0x1B, StreamKind::Video(VideoCodec::H264)),
            stream(AUDIO, 0x0F, StreamKind::Audio(AudioCodec::AacAdts)),
        ]
        .into_iter()
        .collect(),
        pmt_section: std::iter::once(2)
            .chain(std::iter::repeat_n(version, filler))
            .collect(),
    }
}

/// The time stamps of all pictures in `span` ticks, 40 ms apart.
pub(super) fn frames(span: u64) -> impl Iterator<Item = u64> {
    (0..span.div_ceil(FRAME)).map(|index| index * FRAME)
}

/// An access unit to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub(super) pts: Option<u64>,
    pub(super) dts: u64,
    pub(super) random_access: bool,
    pub(super) announced: bool,
    pub(super) segment_boundary: bool,
    /// Video packets it takes.
    pub(super) packets: usize,
    /// Of these, how many are sent before it is understood.
    pub(super) understood_after: usize,
}

impl Unit {
    /// A picture of three packets that is understood with its first.
    pub(super) fn at(ticks: u64) -> Self {
        Self {
            pts: Some(ticks),
            dts: ticks,
            random_access: false,
            announced: false,
            segment_boundary: false,
            packets: 3,
            understood_after: 1,
        }
    }

    pub(super) fn key(ticks: u64) -> Self {
        Self {
            random_access: true,
            ..Self::at(ticks)
        }
    }
}

/// A completed segment with its bytes.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) segment: Segment,
    pub(super) bytes: Vec<u8>,
}

impl Made {
    /// Its packets but for PAT and PMT.
    pub(super) fn payload(&self) -> Vec<[u8; PACKET_BYTES]> {
        packets(&self.bytes)
            .filter(|packet| !is_table(packet))
            .collect()
    }

    /// Its duration in milliseconds.
    pub(super) fn duration_ms(&self) -> u64 {
        self.segment.duration_90k / 90
    }
}

pub(super) fn packets(bytes: &[u8]) -> impl Iterator<Item = [u8; PACKET_BYTES]> {
    assert_eq!(bytes.len() % PACKET_BYTES, 0, "whole packets");
    bytes
        .chunks_exact(PACKET_BYTES)
        .map(|packet| packet.try_into().expect("188 bytes"))
}

fn is_table(packet: &[u8; PACKET_BYTES]) -> bool {
    let pid = Packet::new(packet).expect("sync byte").pid();
    pid == Pid::PAT || pid == PMT
}

/// A `splice_insert` of `event` at `pts`, with a break of `duration` that returns by itself.
pub(super) fn insert(event: u8, out: bool, pts: Option<u64>, duration: Option<u64>) -> Vec<u8> {
    let low = |number: u64| {
        u32::try_from(number & 0xFFFF_FFFF)
            .expect("masked")
            .to_be_bytes()
    };
    let bit = |number: u64| u8::try_from(number >> 32 & 1).expect("one bit");
    let flag = |is_set: bool, mask: u8| if is_set { mask } else { 0 };
    let flags = 0x4F | flag(out, 0x80) | flag(duration.is_some(), 0x20) | flag(pts.is_none(), 0x10);
    let mut command = vec![0, 0, 0, event, 0x7F, flags];
    if let Some(pts) = pts {
        command.push(0xFE | bit(pts));
        command.extend(low(pts));
    }
    if let Some(duration) = duration {
        command.push(0xFE | bit(duration));
        command.extend(low(duration));
    }
    command.extend([0, 1, 0, 0]);
    splice_section(5, &command, &[])
}

/// A `splice_info_section` of one command; its `CRC_32` is not looked at here.
pub(super) fn splice_section(command_type: u8, command: &[u8], descriptors: &[u8]) -> Vec<u8> {
    let low = |number: usize| u8::try_from(number).expect("it is short");
    let mut section = vec![0xFC, 0x30, low(command.len() + descriptors.len() + 17)];
    section.extend([
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0xFF,
        0xF0,
        low(command.len()),
        command_type,
    ]);
    section.extend(command);
    section.extend([0, low(descriptors.len())]);
    section.extend(descriptors);
    section.extend([0; 4]);
    section
}

/// A segmenter that is fed units and whose outputs are recorded.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) segmenter: Segmenter,
    pub(super) now: Wall,
    pub(super) made: Vec<Made>,
    /// Every packet sent, in order.
    pub(super) sent: Vec<[u8; PACKET_BYTES]>,
    /// Every event announced, in order.
    pub(super) cues: Vec<Cue>,
    open: Option<(u64, Vec<u8>)>,
    /// Of the last packet sent.
    pub(super) serial: u64,
}

impl Bench {
    pub(super) fn new(rules: Rules, sequence_min: u64) -> Self {
        let mut bench = Self {
            segmenter: Segmenter::new(rules, sequence_min),
            now: START,
            made: Vec::new(),
            sent: Vec::new(),
            cues: Vec::new(),
            open: None,
            serial: 0,
        };
        bench.push(Event::Program(&program(0, 30)));
        bench
    }

    /// With a target of 6 s, for a file.
    pub(super) fn first() -> Self {
        Self::new(rules(Phase::First), 0)
    }

    pub(super) fn push(&mut self, event: Event<'_>) {
        let now = self.now;
        self.drive(|segmenter, tell| segmenter.push(event, now, tell));
    }

    /// Sends a splice message.
    pub(super) fn splice(&mut self, section: &[u8]) {
        let info = SpliceInfo::parse(section).expect("it is sound");
        self.push(Event::Splice(Splice { pid: SPLICE, info }));
    }

    pub(super) fn finish(&mut self) {
        self.drive(|segmenter, tell| segmenter.finish(tell));
        assert!(self.open.is_none(), "the last segment was ended");
    }

    /// A segment is due and did not come.
    pub(super) fn lapse(&mut self) {
        self.drive(|segmenter, tell| segmenter.lapse(tell));
    }

    /// Forgets the open segment, as its store did.
    pub(super) fn abandon(&mut self) {
        self.open = None;
        self.segmenter.abandon();
    }

    /// True when a segment has begun.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Sends one packet with a serial number as its payload.
    pub(super) fn packet(&mut self, pid: Pid, payload_unit_start: bool, starts_unit: bool) {
        self.serial += 1;
        let mut bytes = [0; PACKET_BYTES];
        let [high, low] = pid.value().to_be_bytes();
        let start = if payload_unit_start { 0x40 } else { 0 };
        bytes[..4].copy_from_slice(&[0x47, high | start, low, 0x10]);
        bytes[4..12].copy_from_slice(&self.serial.to_be_bytes());
        self.send(bytes, starts_unit);
    }

    fn send(&mut self, bytes: [u8; PACKET_BYTES], starts_unit: bool) {
        self.sent.push(bytes);
        let packet = Packet::new(&bytes).expect("sync byte");
        self.push(Event::Packet(ProgramPacket {
            packet,
            starts_unit,
            goes_on: true,
        }));
    }

    /// Sends a packet of sound that is heard at `pts`.
    pub(super) fn sound(&mut self, pts: u64) {
        let byte = |shift: u64, mask: u64| u8::try_from(pts >> shift & mask).expect("masked");
        let stamp = [
            0x21 | byte(29, 0x0E),
            byte(22, 0xFF),
            byte(14, 0xFE) | 1,
            byte(7, 0xFF),
            byte(0, 0x7F) << 1 | 1,
        ];
        self.serial += 1;
        let mut bytes = [0; PACKET_BYTES];
        let [high, low] = AUDIO.value().to_be_bytes();
        bytes[..4].copy_from_slice(&[0x47, high | 0x40, low, 0x10]);
        bytes[4..13].copy_from_slice(&[0, 0, 1, 0xC0, 0, 0, 0x80, 0x80, 5]);
        bytes[13..18].copy_from_slice(&stamp);
        bytes[20..28].copy_from_slice(&self.serial.to_be_bytes());
        self.send(bytes, false);
    }

    /// Says that PCRs come with the pictures.
    pub(super) fn announce_clock(&mut self) {
        self.push(Event::Program(&Program {
            pcr_pid: Some(VIDEO),
            ..program(0, 30)
        }));
    }

    /// Sends a packet with a PCR of `ticks` of 90 kHz.
    pub(super) fn clock(&mut self, ticks: u64) {
        self.announce_clock();
        let bytes = pcr_packet(ticks % WRAP);
        let packet = Packet::new(&bytes).expect("sync byte");
        self.push(Event::Packet(ProgramPacket {
            packet,
            starts_unit: false,
            goes_on: true,
        }));
    }

    /// Sends a picture with an audio packet after its first packet.
    pub(super) fn unit(&mut self, unit: Unit) {
        for index in 0..unit.packets {
            self.packet(VIDEO, index == 0, index == 0);
            if index == 0 {
                self.packet(AUDIO, true, false);
            }
            if index + 1 == unit.understood_after {
                self.push(Event::AccessUnit(AccessUnit {
                    pts: unit.pts.map(Pts::from_ticks),
                    dts: Some(Pts::from_ticks(unit.dts)),
                    random_access: unit.random_access,
                    time_base_changed: unit.announced,
                    segment_boundary: unit.segment_boundary,
                }));
            }
        }
    }

    /// Sends pictures 40 ms apart over `span` ticks from `start`, a key frame every `interval`.
    /// The wall clock goes along.
    pub(super) fn pictures(&mut self, start: u64, span: u64, interval: u64) {
        for ticks in frames(span) {
            let unit = if ticks % interval == 0 {
                Unit::key
            } else {
                Unit::at
            };
            self.unit(unit(start + ticks));
            self.now = self.now + Duration::from_millis(40);
        }
    }

    /// Durations of the segments made, in milliseconds.
    pub(super) fn durations_ms(&self) -> Vec<u64> {
        self.made.iter().map(Made::duration_ms).collect()
    }

    /// Media Sequence Numbers of the segments that begin with a discontinuity.
    pub(super) fn discontinuities(&self) -> Vec<u64> {
        let breaks = self.made.iter().filter(|made| made.segment.discontinuity);
        breaks.map(|made| made.segment.sequence).collect()
    }

    /// All packets that came out, but for PAT and PMT.
    pub(super) fn payload(&self) -> Vec<[u8; PACKET_BYTES]> {
        self.made.iter().flat_map(Made::payload).collect()
    }

    /// Lets the segmenter act and records what comes out.
    fn drive(&mut self, act: impl FnOnce(&mut Segmenter, &mut dyn FnMut(Output))) {
        let Self {
            segmenter,
            made,
            cues,
            open,
            ..
        } = self;
        act(segmenter, &mut |output| {
            record(output, open, (made, cues));
        });
    }
}

fn record(
    output: Output,
    open: &mut Option<(u64, Vec<u8>)>,
    (made, cues): (&mut Vec<Made>, &mut Vec<Cue>),
) {
    match output {
        Output::Begin { sequence } => {
            assert!(
                open.replace((sequence, Vec::new())).is_none(),
                "one segment at a time"
            );
        }
        Output::Bytes(chunk) => {
            assert!(chunk.len() <= 256 * 1024 && chunk.len().is_multiple_of(PACKET_BYTES));
            open.as_mut()
                .expect("a segment is open")
                .1
                .extend_from_slice(&chunk);
        }
        Output::End(segment) => {
            let (sequence, bytes) = open.take().expect("a segment is open");
            assert_eq!(
                (segment.sequence, segment.bytes),
                (sequence, bytes.len() as u64)
            );
            made.push(Made { segment, bytes });
        }
        Output::Gap(segment) => {
            assert!(
                open.is_none() && segment.gap,
                "a gap stands between segments"
            );
            let bytes = Vec::new();
            made.push(Made { segment, bytes });
        }
        Output::Cue(cue) => cues.push(cue),
    }
}
