//! One Media Playlist through its life: what is remembered of it between versions.

use std::{sync::Arc, time::Duration};

use super::{
    Alignment, Delivery, Failure, Pair, PlaylistDelivery, Removed, availability::Availability,
    change, compatibility, date_range, date_range::DateRanges, date_time, delivery, discontinuity,
    gap, list_type, pace, segment, sequence, target_duration, web_vtt, window,
};
use crate::validate::{
    finding::{Check, Finding, Findings, Words},
    inspect::SegmentFacts,
    version::{Listed, Loading, Version},
};

/// A live variant may take so many hundredths of the BANDWIDTH it declares.
const BANDWIDTH_PERCENT_MAX: u64 = 125;

/// A segment that was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// How it came.
    pub delivery: Delivery,
    /// What was found in it.
    pub facts: SegmentFacts,
}

/// Holds the versions and segments of one Media Playlist against the rules.
///
/// # Limits
/// Two versions: the last, and the one that brought the newest segment; removed segments that must
/// still be there (256, of 8 KiB at most); date ranges (1,000, with 8,000 attributes in all).
#[derive(Debug, Default)]
pub struct Checker {
    bandwidth_bps: Option<u64>,
    version: Option<Arc<Version>>,
    /// The version that brought the newest segment.
    newest: Option<Arc<Version>>,
    last_seen: Loading,
    availability: Availability,
    date_ranges: DateRanges,
    last_segment: Option<(Listed, SegmentFacts)>,
    findings: Findings,
}

impl Checker {
    /// Knows nothing yet of the playlist of a variant that declares `bandwidth_bps`.
    pub fn new(bandwidth_bps: Option<u64>) -> Self {
        Self {
            bandwidth_bps,
            ..Self::default()
        }
    }

    /// The variant declares `bandwidth_bps` from now on.
    pub const fn declare(&mut self, bandwidth_bps: Option<u64>) {
        self.bandwidth_bps = bandwidth_bps;
    }

    /// Takes the next version.
    pub fn version(&mut self, version: &Arc<Version>) {
        let findings = &mut self.findings;
        let evidence = |line| version.evidence(line);
        change::check_flaws(&version.list.flaws, evidence, findings);
        target_duration::check(version, findings);
        discontinuity::check(version, findings);
        gap::check(version, findings);
        date_time::check(version, findings);
        compatibility::check(version, findings);
        self.date_ranges.check(version, findings);
        if let Some(before) = self.version.replace(Arc::clone(version)) {
            self.succeed(&before, version);
        }
        self.availability.list(&version.list);
        self.last_seen = version.loading;
        match &self.newest {
            Some(newest) if version.list.next_sequence() == newest.list.next_sequence() => {
                pace::check(newest, version.loading, &mut self.findings);
            }
            Some(_) | None => self.newest = Some(Arc::clone(version)),
        }
    }

    fn succeed(&mut self, before: &Version, after: &Version) {
        let pair = Pair {
            before,
            after,
            alignment: Alignment::of(&before.list, &after.list),
        };
        let findings = &mut self.findings;
        target_duration::check_pair(pair, findings);
        change::check_whole(pair, findings);
        sequence::check_pair(pair, findings);
        window::check_pair(pair, findings);
        list_type::check_pair(pair, findings);
        date_range::check_pair(pair, findings);
        if pair.alignment.is_known {
            change::check_segments(pair, findings);
            discontinuity::check_pair(pair, findings);
            date_time::check_pair(pair, findings);
            self.availability.remove(pair, self.last_seen);
        }
    }

    /// The playlist was loaded once more and has not changed.
    pub fn unchanged(&mut self, loading: Loading) {
        if let Some(newest) = &self.newest {
            pace::check(newest, loading, &mut self.findings);
            self.last_seen = loading;
        }
    }

    /// The playlist came, in this way.
    pub fn playlist_delivered(&mut self, delivery: &PlaylistDelivery) {
        if let Some(version) = &self.version {
            let evidence = || version.evidence(1);
            delivery::check_playlist(delivery, evidence, &mut self.findings);
        }
    }

    /// The playlist did not come, or what came was none.
    pub fn playlist_failed(&mut self, check: Check, why: &str) {
        let version = self.version.as_ref();
        self.findings.tell(check, None, || Words {
            message: why.to_owned(),
            evidence: version.iter().map(|version| version.evidence(1)).collect(),
            ..Words::default()
        });
    }

    /// Takes what was found in a segment.
    pub fn segment(&mut self, listed: &Listed, inspected: &Inspected) {
        let Inspected { delivery, facts } = inspected;
        let findings = &mut self.findings;
        delivery::check_segment(listed, (facts, delivery), findings);
        segment::check(listed, facts, findings);
        web_vtt::check(listed, facts, findings);
        target_duration::check_media(listed, facts, findings);
        self.check_bandwidth(listed, facts);
        let after = (listed, facts);
        if let Some((last, last_facts)) = &self.last_segment
            && last.sequence.checked_add(1) == Some(listed.sequence)
        {
            let before = (last, last_facts);
            segment::check_next(before, after, &mut self.findings);
            discontinuity::check_media(before, after, &mut self.findings);
        }
        self.last_segment = Some((listed.clone(), facts.clone()));
    }

    fn check_bandwidth(&mut self, listed: &Listed, facts: &SegmentFacts) {
        let (sequence, duration_us) = (listed.sequence, listed.segment.duration_us);
        let Some(declared_bps) = self.bandwidth_bps.filter(|_| duration_us > 0) else {
            return;
        };
        let bits = facts.bytes.saturating_mul(8);
        let measured_bps = bits.saturating_mul(1_000_000) / duration_us;
        if measured_bps > declared_bps.saturating_mul(BANDWIDTH_PERCENT_MAX) / 100 {
            self.findings
                .tell(Check::BandwidthUntrue, Some(0), || Words {
                    sequence: Some(sequence),
                    message: format!(
                        "segment {sequence} takes {measured_bps} bit/s, more than a quarter above \
                         the BANDWIDTH of {declared_bps} bit/s"
                    ),
                    evidence: vec![listed.duration_line.clone()],
                });
        }
    }

    /// A segment did not come.
    pub fn segment_failed(&mut self, listed: &Listed, failure: &Failure) {
        delivery::check_failure(listed, failure, &mut self.findings);
    }

    /// A segment was asked for, so long ago, when time was over.
    pub fn segment_awaited(&mut self, listed: &Listed, took: Duration) {
        delivery::check_speed(listed, (took, false), &mut self.findings);
    }

    /// The Media Initialization Section of a segment did not come.
    pub fn map_failed(&mut self, listed: &Listed, failure: &Failure) {
        delivery::check_map(listed, failure, &mut self.findings);
    }

    /// A removed segment that should be asked for, at `now_nanos` on the monotonic clock.
    pub fn removed(&mut self, now_nanos: u64) -> Option<Removed> {
        self.availability.next(now_nanos)
    }

    /// How many removed segments must still be there.
    pub fn removed_watched(&self) -> usize {
        self.availability.watched()
    }

    /// A removed segment is not there: it was asked for at `asked_at` and the answer was `status`.
    pub fn removed_gone(&mut self, removed: &Removed, asked_at: Loading, status: u16) {
        let findings = &mut self.findings;
        self.availability
            .gone(removed, (asked_at, status), findings);
    }

    /// Takes out what was found since.
    pub fn take(&mut self) -> Vec<Finding> {
        self.findings.take()
    }

    /// Findings beyond those told.
    pub fn untold(&self) -> u64 {
        self.findings.untold()
    }
}
