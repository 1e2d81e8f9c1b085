//! Takes a transport stream apart: finds the program, its tables, and where pictures begin.
//!
//! Source: ISO/IEC 13818-1. Pure: no I/O, no clock, nothing spawned; the same bytes in give the
//! same events out. Damage is counted in [`Counters`], never an error.
//!
//! Bytes → `PacketSync` → packets → [`Demux`] → [`Event`]s. Inside `Demux`, `catalogue` follows the
//! tables, `selected` the one program taken, `unit` and `codec` the head of each access unit,
//! `splice` the breaks.
//!
//! Refuses: to reassemble PES packets, and to look past the head of an access unit.

// Input is hostile: no index that is not provably in range.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod catalogue;
mod codec;
mod continuity;
mod counters;
mod crc;
mod demultiplexer;
mod encoder_boundary_point;
mod event;
#[cfg(test)]
pub(crate) mod fixtures;
mod packet;
mod parameters;
mod pes;
mod pid_table;
mod program;
#[cfg(test)]
mod properties;
mod psi;
mod selected;
mod splice;
mod sync;
mod tables;
mod teletext_descriptor;
#[cfg(test)]
mod tests;
mod types;
mod unit;

pub use counters::Counters;
pub use crc::crc_32;
pub use demultiplexer::{Demux, Selection};
pub use event::{AccessUnit, Event, ProgramPacket};
pub use packet::{AdaptationField, PACKET_BYTES, Packet, SYNC_BYTE};
pub use pes::PesPayload;
pub use program::{
    AudioCodec, ElementaryStream, PMT_SECTION_BYTES_MAX, Program, STREAMS_MAX, StreamKind,
    StreamParameters, VideoCodec,
};
pub use psi::{PRIVATE_SECTION_BYTES_MAX, PSI_SECTION_BYTES_MAX, Section, SectionAssembler};
pub use splice::{
    BreakDuration, InsertDetail, Segmentation, SegmentationDetail, SegmentationKind, Splice,
    SpliceCommand, SpliceFault, SpliceInfo, SpliceInsert, SpliceTime,
};
pub(crate) use sync::ACQUIRING_BYTES;
pub use sync::PacketSync;
pub use teletext_descriptor::{TeletextKind, TeletextPage};
pub use types::{Pcr, Pid, Pts};

pub(crate) use pes::has_optional_header;
