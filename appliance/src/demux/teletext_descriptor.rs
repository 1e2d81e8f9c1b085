//! Which teletext pages a program announces, and what they are for.
//!
//! Source: EN 300 468 §6.2.43 (`teletext_descriptor`), §6.2.47 (`VBI_teletext_descriptor`, which
//! is written alike).

use crate::demux::Pid;

/// Bytes of one page in a descriptor.
pub(super) const ROW_BYTES: usize = 5;

/// A teletext page that a PMT announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeletextPage {
    /// PID of the elementary stream.
    pub pid: Pid,
    /// ISO 639 code, as written.
    pub language: [u8; 3],
    /// What it is for.
    pub kind: TeletextKind,
    /// Its number as people say it, in hexadecimal digits: `0x888`, in `0x100..0x900`.
    pub number: u16,
}

/// What a teletext page is for (`teletext_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeletextKind {
    /// The first page of a service (1).
    Initial,
    /// Subtitles (2).
    Subtitles,
    /// Additional information (3), programme schedule (4), and what is reserved.
    Other,
    /// Subtitles for people who cannot hear well (5).
    HardOfHearing,
}

impl TeletextKind {
    /// True for both kinds of subtitles.
    pub const fn is_subtitles(self) -> bool {
        matches!(self, Self::Subtitles | Self::HardOfHearing)
    }
}

impl TeletextPage {
    /// Reads one row of a descriptor of the stream on `pid`.
    pub(super) fn read(pid: Pid, row: [u8; ROW_BYTES]) -> Self {
        let [a, b, c, kind, number] = row;
        // Magazine 8 is written as 0.
        let magazine = match u16::from(kind & 0x07) {
            0 => 8,
            magazine => magazine,
        };
        Self {
            pid,
            language: [a, b, c],
            kind: match kind >> 3 {
                1 => TeletextKind::Initial,
                2 => TeletextKind::Subtitles,
                5 => TeletextKind::HardOfHearing,
                _ => TeletextKind::Other,
            },
            number: magazine << 8 | u16::from(number),
        }
    }
}
