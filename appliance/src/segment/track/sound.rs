//! The sound of a rendition alone: its audio packets as they came, under a PMT without the rest.
//!
//! Source: RFC 8216 §3.2; ISO/IEC 13818-1 §2.4.2 (PCR at least every 100 ms), §2.4.3.3
//! (`continuity_counter`), §2.4.3.5 (adaptation field).
//!
//! Where the PCR comes with the pictures, it is taken out of their packets into packets of its PID
//! that have no payload; `PCR_PID` need not be that of a stream. Each takes 188 bytes, as much as
//! 12 ms of 128 kb/s, so as few are written as the 100 ms allow.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::{
    demux::{PACKET_BYTES, Packet, Pcr, PesPayload, Pid, Program, Pts, StreamKind},
    segment::{
        Output, Segment,
        mux::Tables,
        pid_set::PidSet,
        track::{
            Counters,
            program_reader::{Kind, ProgramReader},
        },
    },
};

/// Longest time between two PCRs that are written, less some jitter.
const PCR_INTERVAL_27M: i64 = 95 * 27_000;

/// Payload units farther apart are of different time bases: sound may come to the next one before
/// pictures do, which end the segment.
const JUMP_90K_MIN: u64 = 10 * Pts::HZ;

/// PAT and PMT are written with every so many repeats of the rendition's: every 500 ms.
const TABLES_EVERY: u32 = 5;

/// Makes the segments of sound.
///
/// # Limits
/// A packet of each kind of table; hands on what it makes of each output at once.
#[derive(Debug, Default)]
pub struct Sound {
    reader: ProgramReader,
    tables: Tables,
    /// The audio streams.
    audio: PidSet,
    pcr: PcrPackets,
    open: Option<Open>,
    counters: Counters,
}

/// The open segment.
#[derive(Debug, Default)]
struct Open {
    bytes: u64,
    has_sound: bool,
    /// What was last heard of each stream; as many as a PMT names.
    heard: BTreeMap<Pid, Heard>,
    /// Repeats of the PAT since tables were written; none were before the first.
    repeats: Option<u32>,
}

/// What was last heard of a stream.
#[derive(Debug)]
struct Heard {
    /// PTS of the last payload unit that is not ahead.
    pts: Pts,
    /// Such units one after the other.
    units: u32,
    /// The last unit was of the next time base, or its time stamp was damaged.
    is_ahead: bool,
}

/// The clock of a program whose PCR comes in packets of no audio stream.
#[derive(Debug, Default)]
struct PcrPackets {
    pid: Option<Pid>,
    /// The last one that came, and the last that was written.
    newest: Option<Pcr>,
    written: Option<Pcr>,
}

impl Open {
    /// False for what is of the next time base: the segment of that begins without it.
    fn admits(&mut self, packet: Packet<'_>) -> bool {
        let pes = packet.payload().filter(|_| packet.payload_unit_start());
        if let Some(pts) = pes.and_then(PesPayload::read).and_then(|it| it.pts) {
            let heard = self.heard.entry(packet.pid());
            heard.or_insert(Heard::first(pts)).take(pts);
        }
        let heard = self.heard.get(&packet.pid());
        !heard.is_some_and(|heard| heard.is_ahead)
    }
}

impl Heard {
    fn first(pts: Pts) -> Self {
        Self {
            pts,
            units: 0,
            is_ahead: false,
        }
    }

    fn take(&mut self, pts: Pts) {
        let is_far = pts.ticks_since(self.pts).unsigned_abs() > JUMP_90K_MIN;
        // Where only one unit came, that may have been the damaged one.
        self.is_ahead = is_far && self.units > 1;
        if !self.is_ahead {
            self.pts = pts;
            self.units = if is_far { 1 } else { self.units + 1 };
        }
    }
}

impl Sound {
    /// Takes the next output of the segmenter. A segment without any sound is a gap.
    pub(super) fn push(&mut self, output: &Output, mut each: impl FnMut(Output)) {
        match output {
            Output::Begin { sequence } => {
                self.begin();
                each(Output::Begin {
                    sequence: *sequence,
                });
            }
            Output::Bytes(bytes) => {
                let bytes = self.filter(bytes);
                self.hand_on(bytes, &mut each);
            }
            Output::End(segment) => self.end(segment, &mut each),
            Output::Gap(_) | Output::Cue(_) => each(output.clone()),
        }
    }

    /// Forgets the open segment.
    pub(super) fn abandon(&mut self) {
        self.open = None;
        self.tables.begin_anew();
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    fn begin(&mut self) {
        self.open = Some(Open::default());
        // So that the segment is the same on a box that began with it.
        self.reader.begin();
        self.pcr.newest = None;
        self.pcr.written = None;
    }

    fn end(&mut self, segment: &Segment, each: &mut impl FnMut(Output)) {
        if self.open.is_none() {
            return;
        }
        // Those of the rendition do so only where the next one goes on; that is not known here.
        let mut bytes = BytesMut::new();
        self.tables.write_to_round(&mut bytes);
        self.hand_on(bytes, each);
        let Some(open) = self.open.take() else {
            return;
        };
        if open.has_sound {
            self.counters.track_segments += 1;
            each(Output::End(Segment {
                bytes: open.bytes,
                independent: true,
                ..*segment
            }));
        } else {
            self.counters.track_gaps += 1;
            each(Output::Gap(segment.as_gap()));
        }
    }

    fn hand_on(&mut self, bytes: BytesMut, each: &mut impl FnMut(Output)) {
        let Some(open) = self.open.as_mut().filter(|_| !bytes.is_empty()) else {
            return;
        };
        open.bytes += bytes.len() as u64;
        each(Output::Bytes(bytes.freeze()));
    }

    /// What the track keeps of `bytes`.
    fn filter(&mut self, bytes: &Bytes) -> BytesMut {
        let mut kept = BytesMut::new();
        if self.open.is_none() {
            return kept;
        }
        let (packets, _) = bytes.as_chunks::<PACKET_BYTES>();
        for packet in packets.iter().filter_map(Packet::new) {
            match self.reader.push(packet) {
                Kind::Pat => self.count_repeat(packet),
                Kind::PmtPart => {}
                Kind::Pmt { is_changed } => {
                    if is_changed {
                        self.follow();
                    }
                    self.write_tables_if_due(&mut kept);
                }
                Kind::Stream => self.keep(packet, &mut kept),
            }
        }
        kept
    }

    fn follow(&mut self) {
        let Some(program) = self.reader.program() else {
            return;
        };
        self.audio.clear();
        let is_audio = |kind| matches!(kind, StreamKind::Audio(_));
        let streams = program.streams.iter();
        for stream in streams.filter(|stream| is_audio(stream.kind)) {
            self.audio.insert(stream.pid);
        }
        let of_sound: Program = program.with_streams(|stream| is_audio(stream.kind));
        self.pcr.pid = program.pcr_pid.filter(|pid| !self.audio.contains(*pid));
        self.tables.set(&of_sound);
    }

    fn count_repeat(&mut self, packet: Packet<'_>) {
        let open = self.open.as_mut().filter(|_| packet.payload_unit_start());
        if let Some(repeats) = open.and_then(|open| open.repeats.as_mut()) {
            *repeats += 1;
        }
    }

    fn write_tables_if_due(&mut self, kept: &mut BytesMut) {
        let Some(open) = &mut self.open else { return };
        let is_due = open.repeats.is_none_or(|repeats| repeats >= TABLES_EVERY);
        if !self.tables.is_empty() && (is_due || self.tables.is_stale()) {
            open.repeats = Some(0);
            self.tables.write(kept);
        }
    }

    fn keep(&mut self, packet: Packet<'_>, kept: &mut BytesMut) {
        if self.audio.contains(packet.pid()) {
            let Some(open) = &mut self.open else { return };
            if open.admits(packet) {
                kept.extend_from_slice(packet.bytes());
                open.has_sound |= packet.has_payload();
            } else {
                self.counters.sound_ahead += 1;
            }
        } else if self.pcr.pid == Some(packet.pid())
            && let Some(clock) = self.pcr.take(packet)
        {
            self.counters.clock_references += 1;
            kept.extend_from_slice(&clock);
        }
    }
}

impl PcrPackets {
    /// A packet with the PCR of `packet` and nothing else, if it has one and one is due.
    fn take(&mut self, packet: Packet<'_>) -> Option<[u8; PACKET_BYTES]> {
        let field = packet.adaptation_field()?;
        let pcr = field.pcr()?;
        let since = |earlier: Option<Pcr>| earlier.map(|earlier| pcr.ticks_since(earlier));
        let (since_newest, since_written) = (since(self.newest), since(self.written));
        self.newest = Some(pcr);
        // The next one may come as late as this one did.
        let is_early = since_newest
            .zip(since_written)
            .is_some_and(|(newest, written)| {
                newest > 0 && written > 0 && newest + written <= PCR_INTERVAL_27M
            });
        if is_early && !field.discontinuity() {
            return None;
        }
        self.written = Some(pcr);
        Some(pcr_packet(packet, field.discontinuity()))
    }
}

/// A packet of the same PID with the PCR of `packet` alone. Without payload its
/// `continuity_counter` does not move, so it is always the same.
fn pcr_packet(packet: Packet<'_>, has_discontinuity: bool) -> [u8; PACKET_BYTES] {
    /// From `adaptation_field_length` to the last byte of the PCR.
    const FIELD: std::ops::Range<usize> = 6..12;
    let bytes = packet.bytes();
    let [high, low] = packet.pid().value().to_be_bytes();
    let mut written = [0xFF; PACKET_BYTES];
    let flags = if has_discontinuity { 0x90 } else { 0x10 };
    written[..6].copy_from_slice(&[bytes[0], high, low, 0x20, 183, flags]);
    written[FIELD].copy_from_slice(&bytes[FIELD]);
    written
}
