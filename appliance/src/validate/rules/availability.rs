//! R7: a segment that left the list stays available for its own duration and that of the longest
//! playlist that listed it.

use std::collections::{BTreeMap, VecDeque};

use super::{Pair, measured, seconds};
use crate::validate::{
    finding::{Check, Evidence, Findings, Words},
    playlist::{ByteRange, MediaPlaylist},
    version::Loading,
};

/// Removed segments of one playlist that are asked for again; further ones are let go.
const REMOVED_MAX: usize = 256;

/// A segment that left the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its Media Sequence Number.
    pub sequence: u64,
    /// Its URI, as it was written.
    pub uri: String,
    /// Which part of it.
    pub byte_range: Option<ByteRange>,
    /// Until when it must be there, in nanoseconds on the monotonic clock.
    pub until_nanos: u64,
    keep_us: u64,
    evidence: Vec<Evidence>,
}

/// The segments that left one list.
#[derive(Debug, Default)]
pub(super) struct Availability {
    /// Duration of the longest list that each listed segment was in.
    longest_us: BTreeMap<u64, u64>,
    removed: VecDeque<Removed>,
}

impl Availability {
    /// Takes note of what is listed now.
    pub(super) fn list(&mut self, list: &MediaPlaylist) {
        let listed_us = list.duration_us();
        let first = list.first_sequence();
        self.longest_us = self.longest_us.split_off(&first);
        for (sequence, _) in list.numbered() {
            let longest_us = self.longest_us.entry(sequence).or_default();
            *longest_us = listed_us.max(*longest_us);
        }
    }

    /// Takes note of what was removed since the version before, which was last seen at `last_seen`.
    pub(super) fn remove(&mut self, pair: Pair<'_>, last_seen: Loading) {
        let Pair {
            before,
            after,
            alignment,
        } = pair;
        let first = after.list.segments.first().map_or(1, |first| first.line);
        for (sequence, segment) in before.list.numbered().take(alignment.removed) {
            let cannot_be_asked_for = segment.gap.is_some() || segment.is_cut;
            if cannot_be_asked_for || self.removed.len() >= REMOVED_MAX {
                continue;
            }
            let longest_us = self.longest_us.get(&sequence).copied();
            let listed_us = longest_us.unwrap_or_else(|| before.list.duration_us());
            let keep_us = segment.duration_us.saturating_add(listed_us);
            let keep_nanos = keep_us.saturating_mul(1_000);
            self.removed.push_back(Removed {
                sequence,
                uri: segment.uri.clone(),
                byte_range: segment.byte_range,
                until_nanos: last_seen.as_of_nanos().saturating_add(keep_nanos),
                keep_us,
                evidence: vec![before.evidence(segment.line), after.evidence(first)],
            });
        }
    }

    /// The removed segment that was not asked for the longest, if it must still be there.
    pub(super) fn next(&mut self, now_nanos: u64) -> Option<Removed> {
        self.removed
            .retain(|removed| removed.until_nanos > now_nanos);
        let next = self.removed.pop_front()?;
        self.removed.push_back(next.clone());
        Some(next)
    }

    /// How many removed segments must still be there.
    pub(super) fn watched(&self) -> usize {
        self.removed.len()
    }

    /// A removed segment is gone: it was asked for at `asked_at`, and the answer was `status`.
    pub(super) fn gone(
        &mut self,
        removed: &Removed,
        (asked_at, status): (Loading, u16),
        findings: &mut Findings,
    ) {
        self.removed.retain(|it| it.sequence != removed.sequence);
        let asked_nanos = asked_at.received_at.as_nanos();
        if asked_nanos >= removed.until_nanos {
            return;
        }
        let left_us = (removed.until_nanos - asked_nanos) / 1_000;
        findings.tell(Check::RemovedTooEarly, Some(removed.sequence), || Words {
            sequence: Some(removed.sequence),
            message: format!(
                "segment {} left the playlist and is gone ({status}); it must stay for {} after \
                 that, {} more",
                removed.sequence,
                seconds(removed.keep_us),
                measured(left_us)
            ),
            evidence: removed.evidence.clone(),
        });
    }
}
