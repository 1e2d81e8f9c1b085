//! A minute of samples, and how it is written; pure.
//!
//! Series stand one behind the other, each value as its difference from the one before, so that
//! what stands still costs next to nothing. All of that is compressed by zstd. Numbers are
//! variable-length (LEB128), differences zigzag-coded:
//!
//! ```text
//! samples   number, 1 to SAMPLES_MAX
//! time      samples - 1 differences, in milliseconds; `frame` has the first
//! series    number, up to SERIES_MAX, and for each, in the order of their names:
//!           length and UTF-8 of its name, samples differences, the first one from 0
//! ```
//!
//! A value is one more than it is, and 0 is "not known".
//! Source: Protocol Buffers, *Encoding* (LEB128, zigzag); RFC 8878 (zstd).
//! Refuses: a block that is anything but the above, to the last byte.

use std::collections::BTreeMap;

use super::{NAME_BYTES_MAX, Sample};

/// Samples of one block: a minute.
pub const SAMPLES_MAX: usize = 60;

/// Series of one block; more are dropped, the last names first.
pub const SERIES_MAX: usize = 4_096;

/// Bytes of a block before it is compressed.
const PLAIN_BYTES_MAX: usize = 4 << 20;
const _: () =
    assert!(SERIES_MAX * (NAME_BYTES_MAX + 2 + SAMPLES_MAX * 10) + 1_024 < PLAIN_BYTES_MAX);

/// Bytes of a block when it is compressed: what cannot be compressed grows by less than this.
pub(super) const COMPRESSED_BYTES_MAX: usize = PLAIN_BYTES_MAX + (64 << 10);

/// zstd's own default: more gains little on so short a text.
const LEVEL: i32 = 3;

/// Samples side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// When each sample was taken, in milliseconds since 1970.
    times_ms: Vec<u64>,
    /// The values of each series, one for each sample.
    series: BTreeMap<String, Vec<Option<u64>>>,
}

impl Block {
    /// Adds a sample, unless the block is full. Returns how many values had to be dropped.
    pub fn push(&mut self, sample: Sample) -> usize {
        if self.is_full() {
            return sample.values.len();
        }
        let before = self.times_ms.len();
        self.times_ms.push(sample.at_ms);
        let mut dropped = 0;
        for (name, value) in sample.values {
            let is_known = self.series.contains_key(&name);
            if name.len() > NAME_BYTES_MAX || (!is_known && self.series.len() >= SERIES_MAX) {
                dropped += 1;
                continue;
            }
            let values = self.series.entry(name).or_default();
            values.resize(before, None);
            // The largest number stands for what is not known.
            values.push(value.map(|value| value.min(u64::MAX - 1)));
        }
        for values in self.series.values_mut() {
            values.resize(before + 1, None);
        }
        dropped
    }

    /// Whether no further sample fits in.
    pub fn is_full(&self) -> bool {
        self.times_ms.len() >= SAMPLES_MAX
    }

    /// Whether there is no sample in it.
    pub fn is_empty(&self) -> bool {
        self.times_ms.is_empty()
    }

    /// When each sample was taken, in milliseconds since 1970.
    pub fn times_ms(&self) -> &[u64] {
        &self.times_ms
    }

    /// The names of its series, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }

    /// The values of one series, one for each sample; none if there is no such series.
    pub fn values(&self, name: &str) -> &[Option<u64>] {
        self.series.get(name).map_or(&[], Vec::as_slice)
    }

    /// All of it but the first time, compressed. Must not be empty.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        put(&mut plain, self.times_ms.len() as u64);
        let times = self.times_ms.windows(2);
        for pair in times {
            put_difference(&mut plain, pair[0], pair[1]);
        }
        put(&mut plain, self.series.len() as u64);
        for (name, values) in &self.series {
            put(&mut plain, name.len() as u64);
            plain.extend_from_slice(name.as_bytes());
            let mut last = 0;
            for value in values {
                let value = value.map_or(0, |value| value + 1);
                put_difference(&mut plain, last, value);
                last = value;
            }
        }
        zstd::bulk::compress(&plain, LEVEL).expect("memory can be compressed into memory")
    }

    /// Reads what [`Self::encode`] has written; `None` if it is anything else.
    pub(super) fn decode(start_ms: u64, compressed: &[u8]) -> Option<Self> {
        let plain = zstd::bulk::decompress(compressed, PLAIN_BYTES_MAX).ok()?;
        let mut rest = plain.as_slice();
        let samples = usize::try_from(take(&mut rest)?).ok()?;
        if !(1..=SAMPLES_MAX).contains(&samples) {
            return None;
        }
        let mut times_ms = vec![start_ms];
        let mut last = start_ms;
        for _ in 1..samples {
            last = take_difference(&mut rest, last)?;
            times_ms.push(last);
        }
        let count = take(&mut rest)?;
        let mut series = BTreeMap::new();
        for _ in 0..count {
            if series.len() >= SERIES_MAX {
                return None;
            }
            let (name, values) = take_series(&mut rest, samples)?;
            let is_in_order = series.last_key_value().is_none_or(|(last, _)| *last < name);
            if !is_in_order {
                return None;
            }
            series.insert(name, values);
        }
        rest.is_empty().then_some(Self { times_ms, series })
    }
}

fn take_series(rest: &mut &[u8], samples: usize) -> Option<(String, Vec<Option<u64>>)> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (name, behind) = rest.split_at_checked(length.min(NAME_BYTES_MAX + 1))?;
    *rest = behind;
    let name = std::str::from_utf8(name).ok()?;
    let mut values = Vec::with_capacity(samples);
    let mut last = 0;
    for _ in 0..samples {
        last = take_difference(rest, last)?;
        values.push(last.checked_sub(1));
    }
    (name.len() <= NAME_BYTES_MAX).then(|| (name.to_owned(), values))
}

/// Writes `number` in groups of seven bits, the lowest first.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        bytes.push(0x80 | low_byte(number));
        number >>= 7;
    }
    bytes.push(low_byte(number));
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let group = u64::from(byte & 0x7F);
        let placed = group << shift;
        if placed >> shift != group {
            return None;
        }
        number |= placed;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Writes how `to` differs from `from`; around the end of the numbers, if that is nearer.
fn put_difference(bytes: &mut Vec<u8>, from: u64, to: u64) {
    let difference = to.wrapping_sub(from).cast_signed();
    let zigzag = (difference << 1) ^ (difference >> 63);
    put(bytes, zigzag.cast_unsigned());
}

fn take_difference(bytes: &mut &[u8], from: u64) -> Option<u64> {
    let zigzag = take(bytes)?;
    let difference = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
    Some(from.wrapping_add(difference))
}
