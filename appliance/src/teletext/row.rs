//! Makes text of a page: spacing attributes, boxes, double height.
//!
//! Source: EN 300 706 §12.2 (spacing attributes; table 26), §12.3 (X/26), §15.2 (second G0 set).

use crate::teletext::{
    character::{Alphabet, Region},
    page::{COLUMNS, Designation, OverlaidLetter, Page, ROWS},
};

/// A row of text as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands: row 1 to 24 of 25.
    pub row: u8,
    /// Its parts; none is empty, and neither end is blank.
    pub spans: Vec<Span>,
}

/// Text of one colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its colour.
    pub colour: Colour,
    /// The text; several blanks are one.
    pub text: String,
}

/// A colour of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// 0
    Black,
    /// 1
    Red,
    /// 2
    Green,
    /// 3
    Yellow,
    /// 4
    Blue,
    /// 5
    Magenta,
    /// 6
    Cyan,
    /// 7: what every row begins with.
    #[default]
    White,
}

impl Colour {
    const ALL: [Self; 8] = [
        Self::Black,
        Self::Red,
        Self::Green,
        Self::Yellow,
        Self::Blue,
        Self::Magenta,
        Self::Cyan,
        Self::White,
    ];

    fn of(code: u8) -> Self {
        let place = usize::from(code & 0x07);
        Self::ALL.get(place).copied().unwrap_or_default()
    }
}

/// Which alphabets hold for a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alphabets {
    first: Alphabet,
    second: Alphabet,
}

impl Alphabets {
    /// What the packets X/28 of the page say, or else M/29 of its magazine, or else where it is at
    /// home.
    pub(super) fn of(page: &Page, magazine: Designation, home: Region) -> Self {
        let designation = page.designation.unwrap_or_default();
        let region = designation.region.or(magazine.region).unwrap_or(home);
        let first = region.alphabet(page.header.national);
        let second = designation.second.or(magazine.second);
        let second = second.map_or(first, |(region, national)| region.alphabet(national));
        Self { first, second }
    }
}

/// A place on the screen.
#[derive(Debug, Clone, Copy)]
struct Cell {
    letter: char,
    mark: Option<char>,
    colour: Colour,
    is_shown: bool,
}

const BLANK: Cell = Cell {
    letter: ' ',
    mark: None,
    colour: Colour::White,
    is_shown: false,
};

/// What spacing attributes have set so far in a row.
#[expect(
    clippy::struct_excessive_bools,
    reason = "attributes of the standard, any of which may be set"
)]
#[derive(Debug, Clone, Copy)]
struct Pen {
    colour: Colour,
    alphabet: Alphabet,
    is_second: bool,
    is_mosaic: bool,
    is_concealed: bool,
    is_boxed: bool,
}

/// The text that `page` shows; what is not in a box is not shown.
pub(super) fn lines(page: &Page, alphabets: Alphabets) -> Vec<Line> {
    let mut screen = [[BLANK; COLUMNS]; ROWS];
    let mut hides_next = false;
    for (cells, letters) in screen.iter_mut().zip(&page.rows) {
        // The lower halves of letters of double height stand over this row.
        if std::mem::take(&mut hides_next) {
            continue;
        }
        if let Some(letters) = letters {
            hides_next = draw(cells, letters, alphabets);
        }
    }
    page.overlays(|overlay| {
        let row = screen.get_mut(overlay.row);
        if let Some(cell) = row.and_then(|row| row.get_mut(overlay.column)) {
            let (letter, mark) = match overlay.letter {
                OverlaidLetter::Supplementary(code) => (alphabets.first.supplementary(code), None),
                OverlaidLetter::Composed { code, mark } => alphabets.first.composed(code, mark),
            };
            (cell.letter, cell.mark) = (letter, mark);
        }
    });
    let lines = (1..).zip(&screen);
    lines.filter_map(|(row, cells)| line(row, cells)).collect()
}

/// Draws one row. True when its letters are of double height.
fn draw(cells: &mut [Cell; COLUMNS], letters: &[u8; COLUMNS], alphabets: Alphabets) -> bool {
    let mut is_double = false;
    let mut pen = Pen {
        colour: Colour::White,
        alphabet: alphabets.first,
        is_second: false,
        is_mosaic: false,
        is_concealed: false,
        is_boxed: false,
    };
    let next = letters.iter().skip(1).copied().chain([0]);
    for ((cell, code), next) in cells.iter_mut().zip(letters).zip(next) {
        is_double |= matches!(code, 0x0D | 0x0F);
        *cell = Cell {
            letter: pen.letter(*code),
            mark: None,
            colour: pen.colour,
            is_shown: pen.is_boxed && !pen.is_concealed,
        };
        pen.set(*code, next, alphabets);
    }
    is_double
}

impl Pen {
    fn letter(&self, code: u8) -> char {
        // Capitals stand among mosaics as they are.
        let is_mosaic = self.is_mosaic && !(0x40..0x60).contains(&code);
        if is_mosaic || code < 0x20 {
            ' '
        } else {
            self.alphabet.letter(code)
        }
    }

    /// Takes a spacing attribute, which holds from the next place on. Boxes begin and end between
    /// two codes alike, so that one bit error opens none.
    fn set(&mut self, code: u8, next: u8, alphabets: Alphabets) {
        match code {
            0x00..=0x07 => {
                self.colour = Colour::of(code);
                self.is_mosaic = false;
                self.is_concealed = false;
            }
            0x0A if next == 0x0A => self.is_boxed = false,
            0x0B if next == 0x0B => self.is_boxed = true,
            0x10..=0x17 => {
                self.colour = Colour::of(code);
                self.is_mosaic = true;
                self.is_concealed = false;
            }
            0x18 => self.is_concealed = true,
            0x1B => {
                self.is_second = !self.is_second;
                self.alphabet = if self.is_second {
                    alphabets.second
                } else {
                    alphabets.first
                };
            }
            _ => {}
        }
    }
}

/// The text of a row; `None` when all of it is blank.
fn line(row: u8, cells: &[Cell; COLUMNS]) -> Option<Line> {
    let mut spans: Vec<Span> = Vec::new();
    let mut has_blank = false;
    for cell in cells {
        let is_blank = cell.letter == ' ' && cell.mark.is_none() || cell.letter == '■';
        if !cell.is_shown || is_blank {
            has_blank = true;
            continue;
        }
        let is_first = spans.is_empty();
        let blank = std::mem::take(&mut has_blank) && !is_first;
        if spans.last().is_none_or(|span| span.colour != cell.colour) {
            spans.push(Span {
                colour: cell.colour,
                text: String::new(),
            });
        }
        let text = &mut spans.last_mut()?.text;
        if blank {
            text.push(' ');
        }
        text.push(cell.letter);
        text.extend(cell.mark);
    }
    (!spans.is_empty()).then_some(Line { row, spans })
}
