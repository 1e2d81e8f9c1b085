//! Where the body of a request of HTTP/1 ends.
//!
//! hyper reads bodies; this only walks along, so that hyper never sees a byte of what follows, and
//! nobody takes the end of one request for the beginning of another.
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
    Size { digits: u8, bytes: u64 },
    Extension { bytes: u64 },
    SizeEnd { bytes: u64 },
    Data { left: u64 },
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// Says how many of `bytes`, which follow those before, are of this body.
    ///
    /// # Errors
    /// [`Malformed`]
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match &mut self.0 {
            Left::Bytes(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                Ok(count)
            }
            Left::Chunks { place, aside_bytes } => take_chunks(place, aside_bytes, bytes),
        }
    }
}

fn take_chunks(place: &mut Place, aside: &mut u32, bytes: &[u8]) -> Result<usize, Malformed> {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match place {
            Place::Over => break,
            Place::Data { left } => {
                let here = bytes.len() - at;
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(here);
                *left -= count as u64;
                at += count;
                if *left == 0 {
                    *place = Place::DataReturn;
                }
                continue;
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
        at += 1;
    }
    Ok(at)
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

    /// How much of `bytes` is the body, fed in pieces of `step`.
    fn taken(mut framing: Framing, bytes: &[u8], step: usize) -> Result<(usize, bool), Malformed> {
        let mut all = 0;
        for piece in bytes.chunks(step) {
            let count = framing.take(piece)?;
            all += count;
            if count < piece.len() {
                break;
            }
        }
        Ok((all, framing.is_over()))
    }

    #[test]
    fn a_body_of_a_length_ends_there() {
        for step in [1, 2, 100] {
            let framing = Framing::of_length(4);
            assert_eq!(taken(framing, b"bodyGET /", step), Ok((4, true)));
            assert_eq!(taken(framing, b"bod", step), Ok((3, false)));
        }
        assert!(Framing::NONE.is_over());
    }

    #[test]
    fn chunks_end_behind_the_last_one_and_its_trailer_fields() {
        for body in [
            "0\r\n\r\n",
            "4\r\nbody\r\n0\r\n\r\n",
            "00004;name=\"value\"\r\nbody\r\n000;x\r\nField: value\r\nOther: \r\n\r\n",
            "a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
        ] {
            for step in [1, 2, 3, 100] {
                let all = [body, "GET / HTTP/1.1\r\n"].concat();
                let taken = taken(Framing::chunked(), all.as_bytes(), step);
                assert_eq!(taken, Ok((body.len(), true)), "{body:?} by {step}");
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
            if let Ok((all, _)) = taken(Framing::chunked(), &bytes, step) {
                prop_assert!(all <= bytes.len());
            }
        }
    }
}
