//! Reads bit fields, most significant bit first.
//!
//! Source: H.264 §7.3.1, §9.1 (rbsp, emulation prevention, Exp-Golomb); H.265 alike.

/// A position in a string of bits. Every read is `None` once the bits run out.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits of the front byte already read, in `0..8`.
    used: u32,
    /// Zero bytes that stand directly before the front byte, when these are to be watched for
    /// emulation prevention.
    zeros: Option<u32>,
}

impl<'a> Bits<'a> {
    /// Reads `bytes` as they stand.
    pub(super) const fn plain(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            used: 0,
            zeros: None,
        }
    }

    /// Reads a NAL unit: passes over each `emulation_prevention_three_byte`.
    pub(super) const fn of_nal(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            used: 0,
            zeros: Some(0),
        }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let &front = self.bytes.first()?;
        let bit = front >> (7 - self.used) & 1;
        self.used += 1;
        if self.used == 8 {
            self.next_byte(front);
        }
        Some(bit == 1)
    }

    fn next_byte(&mut self, front: u8) {
        self.used = 0;
        self.bytes = self.bytes.get(1..).unwrap_or_default();
        let Some(zeros) = &mut self.zeros else { return };
        *zeros = if front == 0 { *zeros + 1 } else { 0 };
        if *zeros >= 2 && self.bytes.first() == Some(&3) {
            self.bytes = self.bytes.get(1..).unwrap_or_default();
            *zeros = 0;
        }
    }

    /// u(`width`), for `width` up to 32.
    pub(super) fn unsigned(&mut self, width: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..width {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub(super) fn skip(&mut self, width: u32) -> Option<()> {
        for _ in 0..width {
            self.flag()?;
        }
        Some(())
    }

    /// ue(v); `None` also for a code of more than 32 bits' value.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.unsigned(zeros)?)
    }

    /// se(v).
    pub(super) fn signed_exp_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.exp_golomb()?);
        Some(if code & 1 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;

    #[test]
    fn reads_fields_across_bytes() {
        let mut bits = Bits::plain(&[0b1010_0110, 0b1100_0000]);
        assert_eq!(bits.unsigned(3), Some(0b101));
        assert_eq!(bits.unsigned(7), Some(0b001_1011));
        assert_eq!(bits.unsigned(7), None);
    }

    #[test]
    fn reads_exp_golomb_codes() {
        // 1, 010, 011, 00100, then se: 010 is 1, 011 is -1.
        let mut bits = Bits::plain(&[0b1010_0110, 0b0100_0100, 0b1100_0000]);
        let unsigned: Vec<_> = (0..4).map(|_| bits.exp_golomb()).collect();
        assert_eq!(unsigned, [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(bits.signed_exp_golomb(), Some(1));
        assert_eq!(bits.signed_exp_golomb(), Some(-1));
    }

    #[test]
    fn refuses_a_code_without_end() {
        assert_eq!(Bits::plain(&[0; 16]).exp_golomb(), None);
    }

    #[test]
    fn passes_over_emulation_prevention() {
        let mut bits = Bits::of_nal(&[0, 0, 3, 1, 0, 0, 3, 0]);
        assert_eq!(bits.unsigned(24), Some(1));
        assert_eq!(bits.unsigned(24), Some(0));
        assert_eq!(bits.flag(), None);
    }
}
