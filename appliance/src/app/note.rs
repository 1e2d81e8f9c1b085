//! What stands beside a stored list, for a restart: numbers, of which later versions write more.
//!
//! Refuses: to change what a number means. The version before this one may be the next to read it.

use bytes::Bytes;
use weir_hal::Wall;

use crate::{demux::Pts, segment::StreamPosition};

/// What a note has in place of a number that is not known.
const UNKNOWN: u64 = u64::MAX;

/// What stands beside a list, for a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// When players saw it first.
    pub(super) listed: Option<Wall>,
    /// The latest beginning of an event of which players may know the end.
    pub(super) doubtful_until: Option<Wall>,
    /// The opening of the store whose last list it is.
    pub(super) ended_in: Option<u64>,
    /// The run of the machine in which it was stored.
    pub(super) boot: Option<u64>,
    /// Where it ends in its stream.
    pub(super) stream_end: Option<StreamPosition>,
    /// The number with which what players may start over in begins.
    pub(super) past_begin: Option<u64>,
}

impl Note {
    /// In eight numbers, each of eight bytes.
    pub(super) fn bytes(&self) -> Bytes {
        let listed = self.listed.map(Wall::as_nanos);
        let doubtful_until = self.doubtful_until.map_or(0, Wall::as_nanos);
        let end = self.stream_end.as_ref();
        let end = end.map(|end| [end.pts.ticks(), end.time_base, end.coding]);
        let end = end.map_or([None; 3], |end| end.map(Some));
        let numbers = [listed, Some(doubtful_until), self.ended_in, self.boot];
        let numbers = numbers.into_iter().chain(end).chain([self.past_begin]);
        let numbers = numbers.map(|it| it.unwrap_or(UNKNOWN));
        numbers.flat_map(u64::to_be_bytes).collect()
    }

    /// Reads `numbers`; those that an earlier version did not write are not known.
    pub(super) fn of(numbers: &[u64]) -> Self {
        let number = |place: usize| numbers.get(place).copied().filter(|it| *it != UNKNOWN);
        let stream_end = || {
            Some(StreamPosition {
                pts: Pts::from_ticks(number(4)?),
                time_base: number(5)?,
                coding: number(6)?,
            })
        };
        Self {
            listed: number(0).map(Wall::from_nanos),
            doubtful_until: number(1).filter(|it| *it > 0).map(Wall::from_nanos),
            ended_in: number(2),
            boot: number(3),
            stream_end: stream_end(),
            past_begin: number(7),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(note: &Note) -> Vec<u64> {
        let bytes = note.bytes();
        let (numbers, rest) = bytes.as_chunks();
        assert!(rest.is_empty());
        numbers.iter().map(|it| u64::from_be_bytes(*it)).collect()
    }

    #[test]
    fn is_read_back_whatever_is_known() {
        let nothing = Note::default();
        let all = Note {
            listed: Some(Wall::from_nanos(7)),
            doubtful_until: Some(Wall::from_nanos(8)),
            ended_in: Some(9),
            boot: Some(10),
            stream_end: Some(StreamPosition {
                pts: Pts::from_ticks(11),
                time_base: 12,
                coding: 13,
            }),
            past_begin: Some(14),
        };
        for note in [nothing, all] {
            assert_eq!(Note::of(&numbers(&note)), note);
        }
        // An earlier version wrote four numbers.
        let before = Note {
            stream_end: None,
            past_begin: None,
            ..all
        };
        assert_eq!(Note::of(&numbers(&all)[..4]), before);
        assert_eq!(Note::of(&[]), nothing);
    }
}
