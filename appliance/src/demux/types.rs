//! Newtypes of ISO/IEC 13818-1: checked once where they are read, trusted behind it.

use std::fmt::{self, Display};

/// A packet identifier, 13 bits (§2.4.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(u16);

impl Pid {
    /// Program association section.
    pub const PAT: Self = Self(0);
    /// Conditional access section.
    pub const CAT: Self = Self(1);
    /// Null packets.
    pub const NULL: Self = Self(0x1FFF);
    /// How many there are.
    pub const COUNT: usize = 0x2000;

    /// Takes the low 13 bits of `bits`; the bits above belong to other fields.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & 0x1FFF)
    }

    /// The number, in `0..0x2000`.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// The number as an index into a table of [`Pid::COUNT`] rows.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Display for Pid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "0x{:04X}", self.0)
    }
}

/// A presentation or decoding time stamp: 33 bits of a 90 kHz clock (§2.4.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pts(u64);

impl Pts {
    /// Ticks a second.
    pub const HZ: u64 = 90_000;
    /// Ticks until it wraps: 26 h 30 min 43.7 s.
    pub const MODULUS: u64 = 1 << 33;

    /// Takes `ticks` modulo 2^33.
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks % Self::MODULUS)
    }

    /// The ticks, in `0..2^33`.
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// Returns the distance from `earlier` to `self` in ticks, in `-2^32..2^32`, across the wrap.
    pub const fn ticks_since(self, earlier: Self) -> i64 {
        let forward = self.0.wrapping_sub(earlier.0) % Self::MODULUS;
        #[expect(clippy::cast_possible_wrap, reason = "below 2^33")]
        let forward = forward as i64;
        if forward >= 1 << 32 {
            forward - (1 << 33)
        } else {
            forward
        }
    }
}

/// A program clock reference: 33 bits of 90 kHz and 9 bits of 27 MHz as one count (§2.4.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pcr(u64);

impl Pcr {
    /// Ticks a second.
    pub const HZ: u64 = 27_000_000;
    /// Ticks until it wraps.
    pub const MODULUS: u64 = (1 << 33) * 300;

    /// Takes `ticks` modulo 2^33 · 300.
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks % Self::MODULUS)
    }

    /// The ticks of 27 MHz, in `0..2^33·300`.
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// Returns the distance from `earlier` to `self` in ticks, across the wrap, in
    /// `-2^32·300..2^32·300`.
    pub const fn ticks_since(self, earlier: Self) -> i64 {
        #[expect(clippy::cast_possible_wrap, reason = "below 2^42")]
        let (now, then, modulus) = (self.0 as i64, earlier.0 as i64, Self::MODULUS as i64);
        let forward = (now - then).rem_euclid(modulus);
        if forward >= modulus / 2 {
            forward - modulus
        } else {
            forward
        }
    }
}
