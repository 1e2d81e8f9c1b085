//! Where the body of a request of HTTP/1 ends.
//!
//! It is found byte by byte, whatever pieces the body comes in, and nothing behind it is taken:
//! that is the next request.
//!
//! Source: RFC 9112 §6 (message body), §7.1 (chunked). Pure.
//! Refuses: spaces around a chunk size, sizes of more than 16 digits, bare line feeds.

/// Bytes of chunk extensions and trailer fields that a body may have: nobody looks at them.
const ASIDE_BYTES_MAX: u32 = 8 << 10;

/// Digits of a chunk size.
const DIGITS_MAX: u8 = 16;

/// What is left of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framing(Left);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Bytes(u64),
    Chunks { place: Place, aside_bytes: u32 },
}

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size {
        digits: u8,
        bytes: u64,
    },
    Extension {
        bytes: u64,
    },
    SizeEnd {
        bytes: u64,
    },
    Data {
        left: u64,
    },
    DataReturn,
    DataEnd,
    /// At the start of a line behind the last chunk.
    Line,
    Trailer,
    TrailerEnd,
    LastEnd,
    Over,
}

/// The body is not framed as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chunks of the body are malformed")]
pub(crate) struct Malformed;

impl Framing {
    /// No body.
    pub(crate) const NONE: Self = Self::of_length(0);

    /// So many bytes.
    pub(crate) const fn of_length(bytes: u64) -> Self {
        Self(Left::Bytes(bytes))
    }

    /// Chunks.
    pub(crate) const fn chunked() -> Self {
        Self(Left::Chunks {
            place: Place::Size {
                digits: 0,
                bytes: 0,
            },
            aside_bytes: 0,
        })
    }

    /// Whether all of it has passed.
    pub(crate) const fn is_over(self) -> bool {
        matches!(
            self.0,
            Left::Bytes(0)
                | Left::Chunks {
                    place: Place::Over,
                    ..
                }
        )
    }

    /// Content still to come, if that was announced.
    pub(crate) const fn bytes_left(self) -> Option<u64> {
        match self.0 {
            Left::Bytes(bytes) => Some(bytes),
            Left::Chunks {
                place: Place::Over, ..
            } => Some(0),
            Left::Chunks { .. } => None,
        }
    }

    /// Says what `bytes`, which follow those before, begin with. Nothing of them is left unsaid but
    /// what stands behind the content, and behind the body.
    ///
    /// # Errors
    /// [`Malformed`]
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Piece, Malformed> {
        match &mut self.0 {
            Left::Bytes(left) => Ok(Piece {
                frame: 0,
                content: take_up_to(left, bytes.len()),
            }),
            Left::Chunks { place, aside_bytes } => take_chunks(place, aside_bytes, bytes),
        }
    }
}

/// What a body goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// So many bytes that are none of its content.
    pub(crate) frame: usize,
    /// So many bytes of its content, behind them.
    pub(crate) content: usize,
}

fn take_up_to(left: &mut u64, bytes: usize) -> usize {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes);
    *left -= count as u64;
    count
}

fn take_chunks(place: &mut Place, aside: &mut u32, bytes: &[u8]) -> Result<Piece, Malformed> {
    let mut frame = 0;
    while let Some(byte) = bytes.get(frame) {
        match place {
            Place::Over => break,
            Place::Data { left } => {
                let content = take_up_to(left, bytes.len() - frame);
                if *left == 0 {
                    *place = Place::DataReturn;
                }
                return Ok(Piece { frame, content });
            }
            Place::Extension { .. } | Place::Trailer => {
                *aside += 1;
                if *aside > ASIDE_BYTES_MAX {
                    return Err(Malformed);
                }
            }
            Place::Size { .. }
            | Place::SizeEnd { .. }
            | Place::DataReturn
            | Place::DataEnd
            | Place::Line
            | Place::TrailerEnd
            | Place::LastEnd => {}
        }
        *place = place.after(*byte)?;
        frame += 1;
    }
    Ok(Piece { frame, content: 0 })
}

impl Place {
    /// The place behind `byte`, which is none of the data of a chunk.
    fn after(self, byte: u8) -> Result<Self, Malformed> {
        Ok(match (self, byte) {
            (Self::Size { digits, bytes }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < DIGITS_MAX =>
            {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                Self::Size {
                    digits: digits + 1,
                    bytes: bytes << 4 | u64::from(digit),
                }
            }
            (Self::Size { digits: 1.., bytes }, b';') => Self::Extension { bytes },
            (Self::Size { digits: 1.., bytes } | Self::Extension { bytes }, b'\r') => {
                Self::SizeEnd { bytes }
            }
            (Self::Extension { bytes }, byte) if byte != b'\n' => Self::Extension { bytes },
            (Self::SizeEnd { bytes: 0 } | Self::TrailerEnd, b'\n') => Self::Line,
            (Self::SizeEnd { bytes }, b'\n') => Self::Data { left: bytes },
            (Self::DataReturn, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::Size {
                digits: 0,
                bytes: 0,
            },
            (Self::Line, b'\r') => Self::LastEnd,
            (Self::LastEnd, b'\n') => Self::Over,
            (Self::Trailer, b'\r') => Self::TrailerEnd,
            (Self::Line | Self::Trailer, byte) if byte != b'\n' => Self::Trailer,
            _ => return Err(Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How much of `bytes` is the body, fed in pieces of `step`, and its content.
    fn taken(
        mut framing: Framing,
        bytes: &[u8],
        step: usize,
    ) -> Result<(usize, String, bool), Malformed> {
        let (mut all, mut content) = (0, Vec::new());
        for mut fed in bytes.chunks(step) {
            while !fed.is_empty() {
                let piece = framing.take(fed)?;
                let (taken, rest) = fed.split_at(piece.frame + piece.content);
                content.extend_from_slice(&taken[piece.frame..]);
                all += taken.len();
                fed = rest;
                if framing.is_over() {
                    break;
                }
            }
            if framing.is_over() {
                break;
            }
        }
        let content = String::from_utf8_lossy(&content).into_owned();
        Ok((all, content, framing.is_over()))
    }

    #[test]
    fn a_body_of_a_length_ends_there() {
        for step in [1, 2, 100] {
            let framing = Framing::of_length(4);
            let whole = taken(framing, b"bodyGET /", step);
            assert_eq!(whole, Ok((4, "body".to_owned(), true)));
            let begun = taken(framing, b"bod", step);
            assert_eq!(begun, Ok((3, "bod".to_owned(), false)));
        }
        assert!(Framing::NONE.is_over());
    }

    #[test]
    fn chunks_end_behind_the_last_one_and_its_trailer_fields() {
        for (body, content) in [
            ("0\r\n\r\n", ""),
            ("4\r\nbody\r\n0\r\n\r\n", "body"),
            (
                "00004;name=\"value\"\r\nbody\r\n000;x\r\nField: value\r\nOther: \r\n\r\n",
                "body",
            ),
            (
                "a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
                "0123456789\r\n\r\n\r\n\r\n\r\n",
            ),
        ] {
            for step in [1, 2, 3, 100] {
                let all = [body, "GET / HTTP/1.1\r\n"].concat();
                let taken = taken(Framing::chunked(), all.as_bytes(), step);
                let expected = (body.len(), content.to_owned(), true);
                assert_eq!(taken, Ok(expected), "{body:?} by {step}");
            }
        }
    }

    #[test]
    fn chunks_that_could_be_read_in_two_ways_are_malformed() {
        for body in [
            "\r\n",
            "4 \r\nbody\r\n",
            " 4\r\nbody\r\n",
            "4\nbody\r\n",
            "+4\r\nbody\r\n",
            "0x4\r\nbody\r\n",
            "4\r\nbody0\r\n\r\n",
            "4\r\nbody\n0\r\n\r\n",
            "4;a\nb\r\nbody\r\n",
            "00000000000000004\r\nbody\r\n",
            "g\r\n",
            ";\r\n",
            "0\r\nField: value\n\r\n",
            "0\r\n\n",
        ] {
            let taken = taken(Framing::chunked(), body.as_bytes(), 1);
            assert_eq!(taken, Err(Malformed), "{body:?}");
        }
    }

    #[test]
    fn what_nobody_looks_at_is_bounded() {
        let long = "x".repeat(10_000);
        for body in [format!("1;{long}\r\n"), format!("0\r\n{long}")] {
            let taken = taken(Framing::chunked(), body.as_bytes(), 64);
            assert_eq!(taken, Err(Malformed));
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_takes_more_than_there_is(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            step in 1..50_usize,
        ) {
            if let Ok((all, ..)) = taken(Framing::chunked(), &bytes, step) {
                prop_assert!(all <= bytes.len());
            }
        }
    }
}
