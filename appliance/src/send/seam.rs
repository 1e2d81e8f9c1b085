//! Learns from one pass over a file how far the stamps of the next pass must be moved.
//!
//! The first video DTS of a pass follows the last one of the pass before by one frame, so that a
//! decoder sees no seam. Without video the first audio stream counts, without time stamps the
//! PCR. A file whose encoder buffer was less full at its end than at its start would make the
//! PCR step back then, or by so little that packets leave in a burst; its passes are set apart by
//! as many whole frames as prevent that.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.5 (PCR), §2.4.3.7 (DTS). Pure.
//!
//! Refuses: to tell programs apart. All of a multi-program file is moved alike.

use crate::{
    demux::{Packet, Pcr, Pid, Pts},
    send::{
        pace::{Rate, plausible_step},
        stamp::undamaged_pcr,
    },
};

/// Elementary streams and clocks that are watched, each; those that appear later are not.
const TRACKS_MAX: usize = 64;

/// The PCR advances at least this much from pass to pass: 1 ms.
const PCR_STEP_MIN: u64 = 27_000;

/// The packets around a seam may leave this many times as fast as the average of the file: a
/// large picture of a variable-rate stream does too, but a burst would overrun decoders.
const SEAM_RATE_MAX: u64 = 4;

/// A PCR that would step back by more than this, 10 s, has jumped within the file already.
const PCR_STEP_BACK_MAX: i64 = 270_000_000;

/// Ticks of 27 MHz in one of 90 kHz.
const PCR_TICKS_PER_90K: u64 = Pcr::HZ / Pts::HZ;

/// What has been seen of one pass.
#[derive(Debug, Default)]
pub(super) struct Seam {
    packets: u64,
    streams: Vec<Stream>,
    clocks: Vec<ClockTrack>,
}

/// The decoding times of one elementary stream.
#[derive(Debug)]
struct Stream {
    pid: Pid,
    is_video: bool,
    first: Pts,
    last: Pts,
    /// Units that began after the last stamped one.
    units_since: u64,
    frame: Vote,
}

/// The PCRs of one PID.
#[derive(Debug)]
struct ClockTrack {
    pid: Pid,
    first: Pcr,
    first_packet: u64,
    last: Pcr,
    last_packet: u64,
    /// Average over all steps that are no jumps.
    rate: Rate,
}

/// Finds the value that most of a sequence agree on, if one does (Boyer and Moore): a few
/// lost pictures do not change the frame duration, as they would an average.
#[derive(Debug, Default)]
struct Vote {
    value: u64,
    lead: u64,
}

impl Seam {
    /// Takes note of the next packet and its PCR.
    pub(super) fn packet(&mut self, packet: Packet<'_>) {
        let number = self.packets;
        self.packets += 1;
        let pid = packet.pid();
        let Some(pcr) = undamaged_pcr(packet) else {
            return;
        };
        if let Some(track) = self.clocks.iter_mut().find(|track| track.pid == pid) {
            track.advance(pcr, number);
        } else if self.clocks.len() < TRACKS_MAX {
            self.clocks.push(ClockTrack {
                pid,
                first: pcr,
                first_packet: number,
                last: pcr,
                last_packet: number,
                rate: Rate::default(),
            });
        }
    }

    /// Takes note of a PES packet with or without a stamp.
    pub(super) fn unit(&mut self, pid: Pid, stream_id: u8, dts: Option<Pts>) {
        let stream = self.streams.iter_mut().find(|stream| stream.pid == pid);
        if let Some(stream) = stream {
            stream.advance(dts);
            return;
        }
        let Some(dts) = dts.filter(|_| self.streams.len() < TRACKS_MAX) else {
            return;
        };
        self.streams.push(Stream {
            pid,
            is_video: matches!(stream_id, 0xE0..=0xEF),
            first: dts,
            last: dts,
            units_since: 0,
            frame: Vote::default(),
        });
    }

    /// The distance from a stamp to the same stamp in the next pass, modulo 2^33.
    pub(super) fn length_90k(&self) -> u64 {
        let (length, frame) = self
            .media_length_90k()
            .unwrap_or_else(|| self.clock_length_90k());
        let shortfall = self
            .clocks
            .iter()
            .filter_map(|clock| clock.shortfall(length, self.packets))
            .max()
            .unwrap_or(0);
        length
            + shortfall
                .div_ceil(PCR_TICKS_PER_90K)
                .next_multiple_of(frame)
    }

    /// Length and frame duration of the reference stream.
    fn media_length_90k(&self) -> Option<(u64, u64)> {
        let mut steady = self.streams.iter().filter(|stream| stream.frame.value > 0);
        let reference = steady
            .clone()
            .find(|stream| stream.is_video)
            .or_else(|| steady.next())?;
        let frame = reference.frame.value;
        let span = reference.last.ticks().wrapping_sub(reference.first.ticks()) % Pts::MODULUS;
        Some((span + frame * (reference.units_since + 1), frame))
    }

    /// Length of the first clock, with the step over the seam at its average rate.
    fn clock_length_90k(&self) -> (u64, u64) {
        let Some(clock) = self.clocks.first() else {
            return (0, 1);
        };
        let length = clock.span() + clock.average_step(self.packets);
        (length / PCR_TICKS_PER_90K, 1)
    }
}

impl Stream {
    fn advance(&mut self, dts: Option<Pts>) {
        self.units_since += 1;
        let Some(dts) = dts else {
            return;
        };
        if let Ok(step @ 1..) = u64::try_from(dts.ticks_since(self.last)) {
            self.frame.cast((step / self.units_since).max(1));
        }
        self.last = dts;
        self.units_since = 0;
    }
}

impl ClockTrack {
    fn advance(&mut self, pcr: Pcr, packet: u64) {
        if let Some(step) = plausible_step(self.last, pcr) {
            self.rate.add(step, packet - self.last_packet);
        }
        self.last = pcr;
        self.last_packet = packet;
    }

    /// Ticks of 27 MHz from the first PCR to the last; 0 if the clock was set back in between.
    fn span(&self) -> u64 {
        u64::try_from(self.last.ticks_since(self.first)).unwrap_or(0)
    }

    /// Ticks from the last PCR of a pass of `packets` packets to the first one of the next, if
    /// those in between take as long as the others on average.
    fn average_step(&self, packets: u64) -> u64 {
        let over_seam = packets - self.last_packet + self.first_packet;
        self.rate.ticks_of(over_seam)
    }

    /// Ticks that lack between those two PCRs when a pass is `length_90k` long.
    fn shortfall(&self, length_90k: u64, packets: u64) -> Option<u64> {
        let shift = length_90k % Pts::MODULUS * PCR_TICKS_PER_90K;
        let next = Pcr::from_ticks(self.first.ticks() + shift);
        let step = next.ticks_since(self.last);
        let least = PCR_STEP_MIN.max(self.average_step(packets) / SEAM_RATE_MAX);
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        let is_seam = (-PCR_STEP_BACK_MAX..least).contains(&step);
        is_seam.then(|| least.abs_diff(step))
    }
}

impl Vote {
    fn cast(&mut self, value: u64) {
        if self.lead == 0 {
            self.value = value;
        }
        if self.value == value {
            self.lead += 1;
        } else {
            self.lead -= 1;
        }
    }
}
