//! One `splice_info_section`.

use crate::demux::{
    Pid, Pts,
    splice::{
        Cursor,
        segmentation::{Descriptors, Segmentation},
    },
};

/// `table_id` of a `splice_info_section`.
const TABLE_ID: u8 = 0xFC;

const CRC_BYTES: usize = 4;

/// Says in place of a length that the command tells its own: how it was written until 2004.
const LENGTH_UNKNOWN: usize = 0xFFF;

/// A message on one of the PIDs of the selected program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splice<'a> {
    /// The PID it came on.
    pub pid: Pid,
    /// What it says.
    pub info: SpliceInfo<'a>,
}

/// What a section says, with times in the stream's own clock (`pts_adjustment` is in them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpliceInfo<'a> {
    bytes: &'a [u8],
    /// `tier`, 12 bits.
    pub tier: u16,
    /// The command.
    pub command: SpliceCommand,
    descriptors: Descriptors<'a>,
}

/// `splice_command_type` and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpliceCommand {
    /// 0x00: says that the path is alive.
    Null,
    /// 0x04: not read further.
    Schedule,
    /// 0x05
    Insert(SpliceInsert),
    /// 0x06: what happens then stands in segmentation descriptors.
    TimeSignal(SpliceTime),
    /// 0x07
    BandwidthReservation,
    /// 0xFF: somebody's own.
    Private,
    /// A type that the standard reserves.
    Reserved(u8),
}

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpliceTime {
    /// At once.
    Immediate,
    /// At this presentation time.
    At(Pts),
}

/// `splice_insert`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpliceInsert {
    /// `splice_event_id`
    pub event_id: u32,
    /// What becomes of the event.
    pub detail: Option<InsertDetail>,
}

/// What a `splice_insert` tells that is no cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsertDetail {
    /// `out_of_network_indicator`: true where a break begins.
    pub out_of_network: bool,
    /// When; of components that splice each at their own time, the first.
    pub time: SpliceTime,
    /// `break_duration()`
    pub break_duration: Option<BreakDuration>,
    /// `unique_program_id`
    pub unique_program_id: u16,
    /// `avail_num`
    pub avail_num: u8,
    /// `avails_expected`
    pub avails_expected: u8,
}

/// `break_duration()`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakDuration {
    /// `auto_return`: the break ends after it, without another message.
    pub auto_return: bool,
    /// `duration`, 33 bits.
    pub duration_90k: u64,
}

/// Why a section is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpliceFault {
    /// Lengths contradict each other, or it is no splice information.
    Malformed,
    /// `protocol_version` is none that is known.
    Unsupported,
    /// `encrypted_packet` is set.
    Encrypted,
}

impl<'a> SpliceInfo<'a> {
    /// Reads a section from `table_id` to `CRC_32`, which has been checked.
    ///
    /// # Errors
    /// [`SpliceFault`]; no bytes make it panic.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SpliceFault> {
        let end = bytes.len().checked_sub(CRC_BYTES);
        let body = end.and_then(|end| bytes.get(..end));
        let mut cursor = Cursor(body.ok_or(SpliceFault::Malformed)?);
        let header = Header::read(&mut cursor).ok_or(SpliceFault::Malformed)?;
        if header.protocol_version != 0 {
            return Err(SpliceFault::Unsupported);
        }
        if header.is_encrypted {
            return Err(SpliceFault::Encrypted);
        }
        let (command, descriptors) = content(&header, cursor.0).ok_or(SpliceFault::Malformed)?;
        Ok(Self {
            bytes,
            tier: header.tier,
            command,
            descriptors: Descriptors::checked(descriptors).ok_or(SpliceFault::Malformed)?,
        })
    }

    /// The section as received, from `table_id` to `CRC_32`.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The segmentation descriptors, in their order.
    pub fn segmentations(&self) -> impl Iterator<Item = Segmentation> {
        self.descriptors.segmentations()
    }
}

/// What stands before the command.
struct Header {
    protocol_version: u8,
    is_encrypted: bool,
    pts_adjustment: u64,
    tier: u16,
    command_length: usize,
    command_type: u8,
}

impl Header {
    /// Reads it; `None` when it is cut short or not one of splice information.
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        if cursor.byte()? != TABLE_ID {
            return None;
        }
        cursor.take(2)?; // section_length
        let protocol_version = cursor.byte()?;
        // encrypted_packet, encryption_algorithm, pts_adjustment
        let adjustment = cursor.number(5)?;
        cursor.byte()?; // cw_index
        let tier_and_length = cursor.number(3)?;
        Some(Self {
            protocol_version,
            is_encrypted: adjustment >> 39 != 0,
            pts_adjustment: adjustment & 0x1_FFFF_FFFF,
            tier: u16::try_from(tier_and_length >> 12).ok()?,
            command_length: usize::try_from(tier_and_length & 0xFFF).ok()?,
            command_type: cursor.byte()?,
        })
    }
}

/// Reads the command at the front of `rest`, and returns it with the descriptor loop behind it.
fn content<'a>(header: &Header, rest: &'a [u8]) -> Option<(SpliceCommand, &'a [u8])> {
    let read =
        |cursor: &mut Cursor<'a>| command(header.command_type, header.pts_adjustment, cursor);
    let (command, mut behind) = if header.command_length == LENGTH_UNKNOWN {
        let mut cursor = Cursor(rest);
        (read(&mut cursor)?, cursor)
    } else {
        let (command, behind) = rest.split_at_checked(header.command_length)?;
        (read(&mut Cursor(command))?, Cursor(behind))
    };
    let loop_length = usize::try_from(behind.number(2)?).ok()?;
    Some((command, behind.take(loop_length)?))
}

fn command(command_type: u8, adjustment: u64, cursor: &mut Cursor<'_>) -> Option<SpliceCommand> {
    Some(match command_type {
        0x00 => SpliceCommand::Null,
        0x04 => SpliceCommand::Schedule,
        0x05 => SpliceCommand::Insert(insert(adjustment, cursor)?),
        0x06 => SpliceCommand::TimeSignal(time(adjustment, cursor)?),
        0x07 => SpliceCommand::BandwidthReservation,
        0xFF => SpliceCommand::Private,
        reserved => SpliceCommand::Reserved(reserved),
    })
}

/// `splice_time()`
fn time(adjustment: u64, cursor: &mut Cursor<'_>) -> Option<SpliceTime> {
    let first = cursor.byte()?;
    if first & 0x80 == 0 {
        return Some(SpliceTime::Immediate);
    }
    let ticks = u64::from(first & 1) << 32 | cursor.number(4)?;
    Some(SpliceTime::At(Pts::from_ticks(ticks + adjustment)))
}

fn insert(adjustment: u64, cursor: &mut Cursor<'_>) -> Option<SpliceInsert> {
    let event_id = u32::try_from(cursor.number(4)?).ok()?;
    let is_cancelled = cursor.byte()? & 0x80 != 0;
    let detail = if is_cancelled {
        None
    } else {
        Some(detail(adjustment, cursor)?)
    };
    Some(SpliceInsert { event_id, detail })
}

fn detail(adjustment: u64, cursor: &mut Cursor<'_>) -> Option<InsertDetail> {
    let flags = cursor.byte()?;
    let (of_program, is_immediate) = (flags & 0x40 != 0, flags & 0x10 != 0);
    let time = match (of_program, is_immediate) {
        (true, true) => SpliceTime::Immediate,
        (true, false) => time(adjustment, cursor)?,
        (false, _) => component_time(adjustment, is_immediate, cursor)?,
    };
    let break_duration = if flags & 0x20 == 0 {
        None
    } else {
        let first = cursor.byte()?;
        Some(BreakDuration {
            auto_return: first & 0x80 != 0,
            duration_90k: u64::from(first & 1) << 32 | cursor.number(4)?,
        })
    };
    let unique_program_id = u16::try_from(cursor.number(2)?).ok()?;
    Some(InsertDetail {
        out_of_network: flags & 0x80 != 0,
        time,
        break_duration,
        unique_program_id,
        avail_num: cursor.byte()?,
        avails_expected: cursor.byte()?,
    })
}

/// The first time of a list of components.
fn component_time(
    adjustment: u64,
    is_immediate: bool,
    cursor: &mut Cursor<'_>,
) -> Option<SpliceTime> {
    let mut first = None;
    for _ in 0..cursor.byte()? {
        cursor.byte()?; // component_tag
        let of_component = if is_immediate {
            SpliceTime::Immediate
        } else {
            time(adjustment, cursor)?
        };
        first.get_or_insert(of_component);
    }
    Some(first.unwrap_or(SpliceTime::Immediate))
}
