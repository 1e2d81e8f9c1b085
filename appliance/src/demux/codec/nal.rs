//! Finds start codes: NAL units of H.264 and HEVC, and the units of MPEG-2 video, which are
//! framed alike.
//!
//! Source: H.264 Annex B, H.265 Annex B, H.262 §5.2.3.

/// The prefix of every unit.
const START_CODE: [u8; 3] = [0, 0, 1];

/// One unit of a byte stream, behind its start code. Zeros before the next start code belong to
/// it: the last byte of an MPEG-2 unit may well be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit<'a> {
    pub bytes: &'a [u8],
    /// Where `bytes` begins in the stream.
    pub offset: usize,
    /// True when the next start code has been seen: the unit ends here.
    pub is_whole: bool,
}

/// Tells whether a unit begins right at the front, zero stuffing aside; `None` while there is
/// nothing but zeros.
pub(super) fn begins_with_unit(stream: &[u8]) -> Option<bool> {
    let zeros = stream.iter().position(|&byte| byte != 0)?;
    Some(zeros >= 2 && stream.get(zeros) == Some(&1))
}

/// The units of `stream`, in order; the last may be cut short by the end of `stream`.
pub(super) fn units(stream: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let mut start = unit_start(stream, 0);
    std::iter::from_fn(move || {
        let offset = start?;
        start = unit_start(stream, offset);
        let end = start.map_or(stream.len(), |next| next.saturating_sub(START_CODE.len()));
        Some(Unit {
            bytes: stream.get(offset..end).unwrap_or_default(),
            offset,
            is_whole: start.is_some(),
        })
    })
}

/// Offset behind the first start code at or after `from`.
fn unit_start(stream: &[u8], from: usize) -> Option<usize> {
    let rest = stream.get(from..)?;
    let at = rest
        .windows(START_CODE.len())
        .position(|window| window == START_CODE)?;
    Some(from + at + START_CODE.len())
}

#[cfg(test)]
mod tests {
    use super::{begins_with_unit, units};

    #[test]
    fn finds_units_behind_short_and_long_start_codes() {
        let stream = [0, 0, 0, 1, 9, 0x10, 0, 0, 1, 7, 5, 0, 0, 0, 1, 8];
        let found: Vec<_> = units(&stream)
            .map(|unit| (unit.bytes, unit.is_whole))
            .collect();
        assert_eq!(
            found,
            [(&[9, 0x10][..], true), (&[7, 5, 0], true), (&[8], false)]
        );
    }

    #[test]
    fn tells_an_aligned_start_from_the_tail_of_another_unit() {
        assert_eq!(begins_with_unit(&[0, 0, 0, 0, 0, 1]), Some(true));
        assert_eq!(begins_with_unit(&[0, 1, 9]), Some(false));
        assert_eq!(begins_with_unit(&[0x55, 0, 0, 1]), Some(false));
        assert_eq!(begins_with_unit(&[0, 0]), None);
    }
}
