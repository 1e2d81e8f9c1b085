//! What `demux` tells `segment`: the packets of one program and where its access units begin.

use crate::demux::{Packet, Pid, Program, Pts, Splice};

/// One finding of the demultiplexer, in stream order.
///
/// For one packet the order is: `Program` (if this packet completed new tables), then the
/// `AccessUnit` of the unit before (if this packet's start left it undecided until now), then
/// `Packet`, then `AccessUnit` of the unit this packet belongs to (once its head is understood), or
/// each `Splice` that it completes. Behind the first `Program` comes what was kept of its splice
/// information, as `Packet` and `Splice`.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The tables of the selected program are complete, for the first time or with a change.
    Program(&'a Program),
    /// A packet of the selected program: any elementary stream or the PCR, never PSI, SI or null.
    Packet(ProgramPacket<'a>),
    /// The access unit that began with the last `ProgramPacket::starts_unit` is understood.
    AccessUnit(AccessUnit),
    /// The parameters of one elementary stream were read or have changed.
    Parameters(Pid, &'a crate::demux::StreamParameters),
    /// A splice message that was not told before; those that say nothing of the stream never are.
    Splice(Splice<'a>),
}

impl Event<'_> {
    /// False for a packet that only goes on with a payload unit, as nearly all do: it says nothing
    /// new of the stream.
    pub fn tells_of_stream(&self) -> bool {
        match self {
            Self::Packet(it) => it.packet.payload_unit_start(),
            Self::Program(_) | Self::AccessUnit(_) | Self::Parameters(..) | Self::Splice(_) => true,
        }
    }
}

/// A packet of the selected program.
#[derive(Debug, Clone, Copy)]
pub struct ProgramPacket<'a> {
    /// The transport packet as it came.
    pub packet: Packet<'a>,
    /// True when an access unit of the primary stream begins with this packet: the first video
    /// stream of the program or, without video, its first audio stream.
    pub starts_unit: bool,
    /// False where packets are missing before it on its PID, or a `discontinuity_indicator` says
    /// that what comes is not what was to come.
    pub goes_on: bool,
}

/// The head of one access unit of the primary stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessUnit {
    /// Presentation time; absent when the PES header carries none.
    pub pts: Option<Pts>,
    /// Decoding time; equal to `pts` when the PES header carries only that.
    pub dts: Option<Pts>,
    /// True when decoding can begin here: an IDR or CRA picture, an I picture after a sequence
    /// header, or any unit of an audio-only program.
    pub random_access: bool,
    /// True when the stream announced a new time base (`discontinuity_indicator` on the PCR PID)
    /// since the last unit.
    pub time_base_changed: bool,
    /// True when the encoder marked it as the beginning of a segment (Encoder Boundary Point).
    pub segment_boundary: bool,
}
