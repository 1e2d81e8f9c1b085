//! Records of a capture: frames with their times and kinds of link.
//!
//! Source: draft-ietf-opsawg-pcap §4, §5 (file and packet record); draft-ietf-opsawg-pcapng §3.1
//! (blocks), §4.1 (Section Header), §4.2 (Interface Description, `if_tsresol`, `if_tsoffset`), §4.3
//! (Enhanced Packet).
//!
//! Refuses: frames without a time (Simple Packet Blocks), which are passed over, and longer ones
//! than any tool writes.

use super::bytes::Order;

/// Bytes of a frame at most: what libpcap allows.
const FRAME_BYTES_MAX: usize = 256 << 10;

/// Bytes of a record that must be given together.
pub const RECORD_BYTES_MAX: usize = FRAME_BYTES_MAX + 64;

/// Interfaces of a section that are told apart; frames of those beyond are passed over.
const INTERFACES_MAX: usize = 256;

/// Bytes of a block that describes an interface, beyond which its options are not read.
const DESCRIPTION_BYTES_MAX: usize = 4 << 10;

/// Bytes of the head of a classic file, of a record of it, and of the ends of a block.
const FILE_HEAD_BYTES: usize = 24;
const RECORD_HEAD_BYTES: usize = 16;
const BLOCK_ENDS_BYTES: u32 = 12;

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

/// Options of an interface.
const OPT_END: u16 = 0;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

const NANOS_PER_S: u128 = 1_000_000_000;

/// Why a file is no capture, or cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// It begins like none.
    #[error("it is no capture: give a file of pcap or pcapng")]
    NotCapture,
    /// A length cannot be.
    #[error("the record at byte {offset} has a length that cannot be: capture it anew")]
    Length {
        /// Where it begins.
        offset: u64,
    },
}

/// A captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured, in nanoseconds since 1970.
    pub at_ns: u64,
    /// The kind of link, as LINKTYPE numbers it.
    pub link: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// What stands at the front of the bytes that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A frame, in a record of `used` bytes.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// Bytes of its record.
        used: u64,
    },
    /// Something else; the next record begins `used` bytes further, maybe beyond the bytes given.
    Other {
        /// Bytes to pass over, at least one.
        used: u64,
    },
    /// More bytes must be given, `needed` together; where there are no more, the file ends here.
    Short {
        /// At most [`RECORD_BYTES_MAX`].
        needed: usize,
    },
}

/// True for bytes that begin like a capture; four are enough.
pub fn is_capture(bytes: &[u8]) -> bool {
    Form::of(bytes).is_some() || Order::Big.u32(bytes, 0) == Some(SECTION_HEADER)
}

/// Reads records one after the other.
#[derive(Debug, Default)]
pub struct Records {
    form: Option<Form>,
    offset: u64,
}

#[derive(Debug)]
enum Form {
    /// Fractions of so many nanoseconds.
    Classic {
        order: Order,
        fraction_ns: u64,
        link: u32,
    },
    Blocks {
        order: Order,
        interfaces: Vec<Interface>,
    },
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    resolution: u8,
    offset_s: i64,
}

impl Form {
    /// That of a classic file, of which the kind of link is not known yet.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (order, fraction_ns) = match bytes.first_chunk()? {
            [0xA1, 0xB2, 0xC3, 0xD4] => (Order::Big, 1_000),
            [0xA1, 0xB2, 0x3C, 0x4D] => (Order::Big, 1),
            [0xD4, 0xC3, 0xB2, 0xA1] => (Order::Little, 1_000),
            [0x4D, 0x3C, 0xB2, 0xA1] => (Order::Little, 1),
            _ => return None,
        };
        Some(Self::Classic {
            order,
            fraction_ns,
            link: 0,
        })
    }
}

impl Records {
    /// One at the beginning of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the front of what is left of the file.
    ///
    /// # Errors
    /// [`CaptureError`]; nothing behind it can be read.
    pub fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<Step<'a>, CaptureError> {
        let step = match &mut self.form {
            None => self.begin(bytes)?,
            Some(Form::Classic {
                order,
                fraction_ns,
                link,
            }) => classic(bytes, *order, (*fraction_ns, *link)),
            Some(Form::Blocks { order, interfaces }) => block(bytes, order, interfaces),
        };
        let offset = self.offset;
        let step = step.ok_or(CaptureError::Length { offset })?;
        if let Step::Frame { used, .. } | Step::Other { used } = step {
            self.offset = self.offset.saturating_add(used);
        }
        Ok(step)
    }

    fn begin<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Step<'a>>, CaptureError> {
        if bytes.len() < FILE_HEAD_BYTES {
            let needed = FILE_HEAD_BYTES;
            return Ok(Some(Step::Short { needed }));
        }
        if let Some(form) = Form::of(bytes) {
            self.form = Some(form);
            if let Some(Form::Classic { order, link, .. }) = &mut self.form {
                // The upper bits tell of checksums behind frames, which IP does not mind.
                *link = order.u32(bytes, 20).unwrap_or_default() & 0x0FFF_FFFF;
            }
            let used = FILE_HEAD_BYTES as u64;
            return Ok(Some(Step::Other { used }));
        }
        if !is_capture(bytes) {
            return Err(CaptureError::NotCapture);
        }
        let (mut order, mut interfaces) = (Order::Little, Vec::new());
        let step = block(bytes, &mut order, &mut interfaces);
        self.form = Some(Form::Blocks { order, interfaces });
        Ok(step)
    }
}

/// A record of a classic file. `None` for a length that cannot be.
fn classic(bytes: &[u8], order: Order, (fraction_ns, link): (u64, u32)) -> Option<Step<'_>> {
    let Some(head) = bytes.get(..RECORD_HEAD_BYTES) else {
        let needed = RECORD_HEAD_BYTES;
        return Some(Step::Short { needed });
    };
    let length = usize::try_from(order.u32(head, 8)?).ok()?;
    if length > FRAME_BYTES_MAX {
        return None;
    }
    let needed = RECORD_HEAD_BYTES + length;
    let Some(frame) = bytes.get(RECORD_HEAD_BYTES..needed) else {
        return Some(Step::Short { needed });
    };
    let seconds = u64::from(order.u32(head, 0)?) * 1_000_000_000;
    let frame = Frame {
        at_ns: seconds + u64::from(order.u32(head, 4)?) * fraction_ns,
        link,
        bytes: frame,
    };
    let used = needed as u64;
    Some(Step::Frame { frame, used })
}

/// A block. `None` for a length that cannot be.
fn block<'a>(
    bytes: &'a [u8],
    order: &mut Order,
    interfaces: &mut Vec<Interface>,
) -> Option<Step<'a>> {
    const HEAD_BYTES: usize = 12;
    if bytes.len() < HEAD_BYTES {
        return Some(Step::Short { needed: HEAD_BYTES });
    }
    let is_section = Order::Big.u32(bytes, 0)? == SECTION_HEADER;
    if is_section {
        *order = match bytes.get(8..12)? {
            [0x1A, 0x2B, 0x3C, 0x4D] => Order::Big,
            [0x4D, 0x3C, 0x2B, 0x1A] => Order::Little,
            _ => return None,
        };
        interfaces.clear();
    }
    let length = order.u32(bytes, 4)?;
    if length < BLOCK_ENDS_BYTES || !length.is_multiple_of(4) {
        return None;
    }
    let used = u64::from(length);
    let kind = order.u32(bytes, 0)?;
    if is_section || !matches!(kind, INTERFACE_DESCRIPTION | ENHANCED_PACKET) {
        return Some(Step::Other { used });
    }
    let length = usize::try_from(length).ok()?;
    if kind == INTERFACE_DESCRIPTION {
        let needed = length.min(DESCRIPTION_BYTES_MAX);
        let Some(description) = bytes.get(..needed) else {
            return Some(Step::Short { needed });
        };
        if interfaces.len() < INTERFACES_MAX {
            interfaces.push(interface(description, *order)?);
        }
        return Some(Step::Other { used });
    }
    if length > RECORD_BYTES_MAX {
        // Long options, perhaps: the frame itself may be short, but no tool writes such.
        return Some(Step::Other { used });
    }
    let Some(packet) = bytes.get(..length) else {
        return Some(Step::Short { needed: length });
    };
    let frame = enhanced(packet, *order, interfaces);
    Some(frame.map_or(Step::Other { used }, |frame| Step::Frame { frame, used }))
}

/// What a description tells of its interface.
fn interface(description: &[u8], order: Order) -> Option<Interface> {
    let mut interface = Interface {
        link: order.u16(description, 8)?.into(),
        resolution: 6,
        offset_s: 0,
    };
    let end = description.len().checked_sub(4)?;
    let mut options = description.get(16..end).unwrap_or_default();
    while let (Some(code), Some(length)) = (order.u16(options, 0), order.u16(options, 2)) {
        let length = usize::from(length);
        let value = options.get(4..4 + length).unwrap_or_default();
        match code {
            OPT_END => break,
            IF_TSRESOL => interface.resolution = value.first().copied().unwrap_or(6),
            IF_TSOFFSET => {
                interface.offset_s = order.u64(value, 0).unwrap_or(0).cast_signed();
            }
            _ => {}
        }
        options = options
            .get(4 + length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Some(interface)
}

fn enhanced<'a>(packet: &'a [u8], order: Order, interfaces: &[Interface]) -> Option<Frame<'a>> {
    let number = usize::try_from(order.u32(packet, 8)?).ok()?;
    let interface = interfaces.get(number)?;
    let ticks = u64::from(order.u32(packet, 12)?) << 32 | u64::from(order.u32(packet, 16)?);
    let captured = usize::try_from(order.u32(packet, 20)?).ok()?;
    Some(Frame {
        at_ns: interface.nanoseconds(ticks),
        link: interface.link,
        bytes: packet.get(28..packet.len() - 4)?.get(..captured)?,
    })
}

impl Interface {
    /// The time of so many units of its clock; the nearest that can be told.
    fn nanoseconds(self, ticks: u64) -> u64 {
        let exponent = u32::from(self.resolution & 0x7F);
        let scaled = u128::from(ticks) * NANOS_PER_S;
        let nanos = if self.resolution & 0x80 == 0 {
            let unit = 10_u128.checked_pow(exponent);
            unit.map_or(0, |unit| scaled / unit)
        } else {
            scaled.checked_shr(exponent).unwrap_or(0)
        };
        let offset = i128::from(self.offset_s) * 1_000_000_000;
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX);
        let nanos = nanos.saturating_add(offset);
        u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
    }
}
