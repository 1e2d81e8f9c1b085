//! The memory of one page: its rows as they were sent, and what is put over them.
//!
//! Source: EN 300 706 §9.3.1 (page header and its control bits), §9.4.1 (packets X/26), §12.3.1,
//! §12.3.4 (what their triplets do at level 1.5).

use crate::teletext::{
    Counters, TELETEXT_PACKET_BYTES,
    character::Region,
    hamming::{hamming_8_4, hamming_8_4_pair, hamming_24_18, odd_parity},
};

/// Letters of a row.
pub(super) const COLUMNS: usize = 40;

/// Rows below the header.
pub(super) const ROWS: usize = 24;

/// Triplets of one packet.
const TRIPLETS: usize = 13;

/// Packets X/26 of a page, by their designation codes.
const ENHANCEMENTS: usize = 16;

/// The header of a page.
#[expect(
    clippy::struct_excessive_bools,
    reason = "control bits of the standard, any of which may be set"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Tens and units of the page number; the magazine is that of the packet.
    pub(super) number: u8,
    /// Which of the subpages.
    pub(super) subcode: u16,
    /// C4: what was sent before does not hold any more.
    pub(super) erases: bool,
    /// C5 or C6: text in boxes over the picture.
    pub(super) is_boxed: bool,
    /// C10: nothing of it is to be shown.
    pub(super) is_inhibited: bool,
    /// C11: magazines come one after the other, so that any header ends a page.
    pub(super) is_serial: bool,
    /// C12 to C14, C12 the highest.
    pub(super) national: u8,
}

impl Header {
    /// Reads a packet X/0; `None` when it is too damaged.
    pub(super) fn read(packet: &[u8; TELETEXT_PACKET_BYTES]) -> Option<Self> {
        let [_, _, units, tens, s1, s2, s3, s4, c7, c11, ..] = *packet;
        let (s2, s4) = (hamming_8_4(s2)?, hamming_8_4(s4)?);
        let (c7, c11) = (hamming_8_4(c7)?, hamming_8_4(c11)?);
        let subcode = [hamming_8_4(s1)?, s2 & 0x07, hamming_8_4(s3)?, s4 & 0x03];
        let digits = subcode.iter().rev();
        Some(Self {
            number: hamming_8_4_pair([units, tens])?,
            subcode: digits.fold(0, |code, digit| code << 4 | u16::from(*digit)),
            erases: s2 & 0x08 != 0,
            is_boxed: s4 & 0x0C != 0,
            is_inhibited: c7 & 0x08 != 0,
            is_serial: c11 & 0x01 != 0,
            national: (c11 >> 3 & 1) | (c11 >> 1 & 2) | (c11 << 1 & 4),
        })
    }

    /// True when it goes on with the page of `before`.
    pub(super) const fn goes_on_with(self, before: Self) -> bool {
        !self.erases && self.subcode == before.subcode
    }
}

/// Which alphabets a packet X/28 or M/29 designates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Designation {
    pub(super) region: Option<Region>,
    /// The second G0 set: its region and national bits.
    pub(super) second: Option<(Region, u8)>,
}

impl Designation {
    /// Reads a packet X/28/0, X/28/4, M/29/0 or M/29/4; `None` when it is another or damaged.
    pub(super) fn read(packet: &[u8; TELETEXT_PACKET_BYTES]) -> Option<Self> {
        let [_, _, code, behind @ ..] = packet;
        if !matches!(hamming_8_4(*code)?, 0 | 4) {
            return None;
        }
        let (chunks, _) = behind.as_chunks::<3>();
        let [first, next, ..] = chunks else {
            return None;
        };
        let (first, next) = (hamming_24_18(*first)?, hamming_24_18(*next)?);
        let low = |bits: u32| u8::try_from(bits & 0xFF).unwrap_or_default();
        // Bits 15 to 18 of the first triplet, 1 to 3 of the next; all ones say that there is none.
        let second = low(first >> 14 & 0x0F | (next & 0x07) << 4);
        Some(Self {
            region: Some(Region::from_bits(low(first >> 10 & 0x0F))),
            second: (second != 0x7F).then(|| (Region::from_bits(second >> 3), second & 0x07)),
        })
    }
}

/// One thing that a packet X/26 puts over a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overlay {
    /// In `0..24`: rows 1 to 24.
    pub(super) row: usize,
    /// In `0..40`.
    pub(super) column: usize,
    pub(super) letter: OverlaidLetter,
}

/// A letter of an [`Overlay`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OverlaidLetter {
    /// Of the G2 set.
    Supplementary(u8),
    /// Of the G0 set without national letters, under a mark in `0..16`.
    Composed { code: u8, mark: u8 },
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) header: Header,
    /// Codes of seven bits; `None` for a row that did not come.
    pub(super) rows: [Option<[u8; COLUMNS]>; ROWS],
    /// Triplets of 18 bits; `None` for one that is damaged.
    enhancements: [Option<[Option<u32>; TRIPLETS]>; ENHANCEMENTS],
    /// What a packet X/28 said.
    pub(super) designation: Option<Designation>,
}

impl Page {
    pub(super) const fn new(header: Header) -> Self {
        Self {
            header,
            rows: [None; ROWS],
            enhancements: [None; ENHANCEMENTS],
            designation: None,
        }
    }

    /// Begins a transmission of the page.
    pub(super) fn begin(&mut self, header: Header) {
        if header.goes_on_with(self.header) {
            self.header = header;
        } else {
            *self = Self::new(header);
        }
    }

    /// Takes row `number`, in `1..=24`.
    pub(super) fn take_row(
        &mut self,
        number: u8,
        packet: &[u8; TELETEXT_PACKET_BYTES],
        counters: &mut Counters,
    ) {
        let place = usize::from(number).checked_sub(1);
        let Some(row) = place.and_then(|place| self.rows.get_mut(place)) else {
            return;
        };
        let letters = row.get_or_insert([b' '; COLUMNS]);
        for (letter, byte) in letters.iter_mut().zip(packet.iter().skip(2)) {
            match odd_parity(*byte) {
                Some(code) => *letter = code,
                // What came before, or a blank, stands there.
                None => counters.letters_damaged += 1,
            }
        }
    }

    /// Takes a packet X/26. False when it is damaged as a whole.
    pub(super) fn take_enhancement(&mut self, packet: &[u8; TELETEXT_PACKET_BYTES]) -> bool {
        let [_, _, code, behind @ ..] = packet;
        let Some(code) = hamming_8_4(*code) else {
            return false;
        };
        let (chunks, _) = behind.as_chunks::<3>();
        let mut triplets = [None; TRIPLETS];
        for (triplet, chunk) in triplets.iter_mut().zip(chunks) {
            *triplet = hamming_24_18(*chunk);
        }
        if let Some(place) = self.enhancements.get_mut(usize::from(code)) {
            *place = Some(triplets);
        }
        true
    }

    /// Calls `each` for every letter that packets X/26 put over the rows.
    pub(super) fn overlays(&self, mut each: impl FnMut(Overlay)) {
        /// Modes of the row address group that set the active row, and the one that ends all.
        const FULL_ROW_COLOUR: u32 = 0x01;
        const SET_ACTIVE_POSITION: u32 = 0x04;
        const TERMINATION: u32 = 0x1F;
        let mut row = None;
        let packets = self.enhancements.iter().map_while(Option::as_ref);
        // Behind a triplet that is damaged nobody knows where the next one belongs.
        for triplet in packets.flatten() {
            let Some(triplet) = *triplet else {
                row = None;
                continue;
            };
            let (address, mode, data) = (triplet & 0x3F, triplet >> 6 & 0x1F, triplet >> 11);
            match (address, mode) {
                (40.., TERMINATION) => return,
                (40.., FULL_ROW_COLOUR | SET_ACTIVE_POSITION) => {
                    // 40 is row 24.
                    let number = if address == 40 { 24 } else { address - 40 };
                    row = usize::try_from(number - 1).ok();
                }
                (40.., _) => {}
                (column, _) => {
                    let letter = overlaid(mode, data);
                    if let (Some(row), Some(letter)) = (row, letter) {
                        let column = usize::try_from(column).unwrap_or(COLUMNS);
                        each(Overlay {
                            row,
                            column,
                            letter,
                        });
                    }
                }
            }
        }
    }
}

/// The letter of a triplet of the column address group, if it is one of level 1.5.
fn overlaid(mode: u32, data: u32) -> Option<OverlaidLetter> {
    let code = u8::try_from(data & 0x7F)
        .ok()
        .filter(|code| *code >= 0x20)?;
    match mode {
        0x0F => Some(OverlaidLetter::Supplementary(code)),
        // The one letter that no national subset has where it belongs.
        0x10 if code == b'*' => Some(OverlaidLetter::Composed {
            code: b'@',
            mark: 0,
        }),
        0x10..=0x1F => Some(OverlaidLetter::Composed {
            code,
            mark: u8::try_from(mode & 0x0F).ok()?,
        }),
        _ => None,
    }
}
