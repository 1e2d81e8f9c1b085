//! Follows one page through a stream of teletext packets.
//!
//! Source: EN 300 706 §9.2 (packet address), §9.3.1.3 (how a page ends), §9.5 (M/29). A page is
//! what came of it when another header of its magazine comes, or of any magazine where they come
//! one after the other; a sender of subtitles alone may never send one, so a page is also taken for
//! whole when nothing more of it has come for a while.

use crate::{
    demux::Pts,
    teletext::{
        Counters, Line, Region, TELETEXT_PACKET_BYTES,
        hamming::hamming_8_4_pair,
        page::{Designation, Header, Page},
        row::{Alphabets, lines},
    },
};

/// Time after which nothing more of a page is waited for: two frames and some.
const SETTLED_90K: i64 = 9_000;

/// What is to be seen of the page from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// When its header came.
    pub at: Pts,
    /// The text, from top to bottom; none clears the screen.
    pub lines: Vec<Line>,
}

/// Follows one page.
///
/// # Limits
/// Keeps one page of 25 rows and 16 packets X/26: 3 KiB.
#[derive(Debug)]
pub(super) struct Decoder {
    /// In hexadecimal digits, the magazine on top.
    number: u16,
    home: Region,
    magazine: Designation,
    page: Option<Page>,
    reception: Option<Reception>,
    counters: Counters,
}

/// The page is being received.
#[derive(Debug, Clone, Copy)]
struct Reception {
    header: Pts,
    latest: Pts,
    is_new: bool,
}

impl Decoder {
    /// Follows page `number`, in `0x100..0x900`, of a stream that is at `home` somewhere.
    pub(super) fn new(number: u16, home: Region) -> Self {
        Self {
            number,
            home,
            magazine: Designation::default(),
            page: None,
            reception: None,
            counters: Counters::default(),
        }
    }

    /// What was damaged so far.
    pub(super) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes the next packet, which is shown at `at`, and calls `each` for what is to be seen of
    /// the page once that is whole.
    pub(super) fn push(
        &mut self,
        packet: &[u8; TELETEXT_PACKET_BYTES],
        at: Pts,
        mut each: impl FnMut(Shown),
    ) {
        let [low, high, ..] = *packet;
        let Some(address) = hamming_8_4_pair([low, high]) else {
            self.counters.packets_damaged += 1;
            return;
        };
        let (magazine, row) = (address & 0x07, address >> 3);
        let is_ours = magazine == self.number.to_be_bytes()[0] & 0x07;
        if row == 0 {
            self.push_header(packet, is_ours, at, &mut each);
        } else if is_ours && row == 29 {
            self.magazine = Designation::read(packet).unwrap_or(self.magazine);
        } else if is_ours && self.reception.is_some() {
            self.push_part(packet, row, at);
        }
    }

    /// Time has come to `now`: a page of which nothing more comes is whole.
    pub(super) fn settle(&mut self, now: Pts, each: impl FnMut(Shown)) {
        let is_settled = |it: &Reception| it.is_new && now.ticks_since(it.latest) > SETTLED_90K;
        if self.reception.as_ref().is_some_and(is_settled) {
            self.show(each);
        }
    }

    /// What came of the page so far is shown now.
    pub(super) fn show(&mut self, mut each: impl FnMut(Shown)) {
        let (Some(page), Some(reception)) = (&self.page, &mut self.reception) else {
            return;
        };
        if !std::mem::take(&mut reception.is_new) {
            return;
        }
        let header = &page.header;
        let is_shown = header.is_boxed && !header.is_inhibited;
        self.counters.pages_unmarked += u64::from(!header.is_boxed);
        let alphabets = Alphabets::of(page, self.magazine, self.home);
        each(Shown {
            at: reception.header,
            lines: if is_shown {
                lines(page, alphabets)
            } else {
                Vec::new()
            },
        });
    }

    fn push_header(
        &mut self,
        packet: &[u8; TELETEXT_PACKET_BYTES],
        is_ours: bool,
        at: Pts,
        each: &mut impl FnMut(Shown),
    ) {
        let Some(header) = Header::read(packet) else {
            self.counters.packets_damaged += 1;
            // Whose rows come now?
            if is_ours {
                self.show(each);
                self.reception = None;
            }
            return;
        };
        if !is_ours && !header.is_serial {
            return;
        }
        self.show(each);
        self.reception = None;
        if is_ours && header.number == self.number.to_be_bytes()[1] {
            match &mut self.page {
                Some(page) => page.begin(header),
                none => *none = Some(Page::new(header)),
            }
            self.reception = Some(Reception {
                header: at,
                latest: at,
                is_new: true,
            });
        }
    }

    fn push_part(&mut self, packet: &[u8; TELETEXT_PACKET_BYTES], row: u8, at: Pts) {
        let (Some(page), Some(reception)) = (&mut self.page, &mut self.reception) else {
            return;
        };
        match row {
            1..=24 => page.take_row(row, packet, &mut self.counters),
            26 => {
                let is_sound = page.take_enhancement(packet);
                self.counters.packets_damaged += u64::from(!is_sound);
            }
            28 => page.designation = Designation::read(packet).or(page.designation),
            _ => return,
        }
        if !reception.is_new {
            // A row that comes after the page was taken for whole changes it from then on.
            reception.header = at;
        }
        reception.is_new = true;
        reception.latest = at;
    }
}
