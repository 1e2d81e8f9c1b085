//! Which segments of a version are those of the version before.
//!
//! Media Sequence Numbers tell, as far as they agree with the URIs; where they do not, the URIs do,
//! and the numbers are at fault.

use crate::validate::playlist::{MediaPlaylist, Segment};

/// How a version lies to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Segments of the version before that are not in this one.
    pub(super) removed: usize,
    /// Segments that are in both, from the first of this one on.
    pub(super) common: usize,
    /// What the Media Sequence Number would be if it had told of the removal.
    pub(super) sequence_due: u64,
    /// Whether anything is known of how they lie to each other.
    pub(super) is_known: bool,
}

impl Alignment {
    pub(super) fn of(before: &MediaPlaylist, after: &MediaPlaylist) -> Self {
        let at = |removed: usize| Self {
            removed,
            common: (before.segments.len() - removed).min(after.segments.len()),
            sequence_due: before.first_sequence().saturating_add(removed as u64),
            is_known: true,
        };
        let numbered = after.first_sequence().checked_sub(before.first_sequence());
        let numbered = numbered.and_then(|removed| usize::try_from(removed).ok());
        let numbered = numbered.filter(|removed| *removed <= before.segments.len());
        if let Some(removed) = numbered.filter(|removed| agrees(before, after, *removed)) {
            return at(removed);
        }
        let first = after.segments.first();
        let by_uri = first.and_then(|first| {
            let is_same = |segment: &Segment| same(segment, first);
            before.segments.iter().position(is_same)
        });
        match by_uri.filter(|removed| agrees(before, after, *removed)) {
            Some(removed) => at(removed),
            None => match numbered {
                Some(removed) => at(removed),
                None => Self {
                    removed: before.segments.len(),
                    common: 0,
                    sequence_due: before.next_sequence(),
                    is_known: after.first_sequence() >= before.next_sequence(),
                },
            },
        }
    }
}

/// Whether the first segment, if it is in both, is the same in both.
fn agrees(before: &MediaPlaylist, after: &MediaPlaylist, removed: usize) -> bool {
    match (before.segments.get(removed), after.segments.first()) {
        (Some(old), Some(new)) => same(old, new),
        _ => true,
    }
}

fn same(one: &Segment, other: &Segment) -> bool {
    one.uri == other.uri && one.byte_range == other.byte_range
}
