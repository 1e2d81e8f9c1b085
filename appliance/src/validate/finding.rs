//! What is asked of a service, one row a check, and what is told of one that fails.
//!
//! A check belongs to one of sixteen rules, R1 to R16. It is a violation where a standard says
//! MUST, a warning where it says SHOULD, or where a careful author would do better.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;
use weir_hal::Wall;

/// Times that one check is told of one playlist; further ones are counted.
pub const TOLD_MAX: u32 = 20;

/// Characters of a sentence: it may hold what a service said.
const MESSAGE_CHARACTERS_MAX: usize = 400;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A standard forbids it.
    Violation,
    /// A standard, or Apple, advises against it.
    Warning,
}

/// What a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The rule it belongs to, 1 to 16.
    pub rule: u8,
    /// How grave it is.
    pub severity: Severity,
    /// A stable name.
    pub name: &'static str,
    /// Where it is written.
    pub clause: &'static str,
}

macro_rules! checks {
    ($($rule:literal $severity:ident $check:ident $name:literal $clause:literal)+) => {
        /// One thing that is asked of a service.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the name in its row says what each is")]
        pub enum Check { $($check),+ }

        impl Check {
            /// All of them, by rule.
            pub const ALL: &[Self] = &[$(Self::$check),+];

            /// What it is.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$check => Row {
                        rule: $rule,
                        severity: Severity::$severity,
                        name: $name,
                        clause: $clause,
                    }),+
                }
            }
        }
    };
}

checks! {
    1 Violation TargetDurationMissing "target_duration_missing" "RFC 8216 §4.3.3.1"
    1 Violation TargetDurationChanged "target_duration_changed" "RFC 8216 §6.2.1"
    1 Violation DurationAboveTarget "duration_above_target" "RFC 8216 §4.3.3.1"
    1 Violation DurationMissing "duration_missing" "RFC 8216 §4.3.2.1"
    1 Violation MediaAboveTarget "media_above_target" "Apple HLS Authoring 7.7"
    1 Warning DurationUntrue "duration_untrue" "RFC 8216 §4.3.2.1, Apple HLS Authoring 8.1"
    1 Warning TargetDurationUnusual "target_duration_unusual" "Apple HLS Authoring 7.5"

    2 Violation Encoding "encoding" "RFC 8216 §4.1"
    2 Violation NoPlaylist "no_playlist" "RFC 8216 §4.3.1.1"
    2 Violation BreaksOff "breaks_off" "RFC 8216 §6.2.1"
    2 Violation KindsMixed "kinds_mixed" "RFC 8216 §4.3.3"
    2 Violation HeaderChanged "header_changed" "RFC 8216 §6.2.1"
    2 Violation SegmentChanged "segment_changed" "RFC 8216 §6.2.1"
    2 Violation SegmentsTakenBack "segments_taken_back" "RFC 8216 §6.2.1"
    2 Violation KeyMalformed "key_malformed" "RFC 8216 §4.3.2.4"
    2 Violation MapMalformed "map_malformed" "RFC 8216 §4.3.2.5"
    2 Violation ChangedAfterEnd "changed_after_end" "RFC 8216 §4.3.3.4"
    2 Warning DateTimeComesOrGoes "date_time_comes_or_goes" "RFC 8216 §6.2.1"
    2 Warning TooLong "too_long" "this tool reads 50,000 segments, 4 MiB, 8 KiB of a URI"
    2 Warning Beyond "beyond" "this tool counts microseconds in 64 bits, and dates to the year 9999"

    3 Violation SequenceMalformed "media_sequence_malformed" "RFC 8216 §4.3.3.2"
    3 Violation SequenceMissing "media_sequence_missing" "RFC 8216 §6.2.2"
    3 Violation SequenceDecreased "media_sequence_decreased" "RFC 8216 §6.2.2"
    3 Violation SequenceUntrue "media_sequence_untrue" "RFC 8216 §6.2.2"
    3 Warning SequenceJumped "media_sequence_jumped" "RFC 8216 §6.2.2"

    4 Violation DiscontinuitySequenceMalformed "discontinuity_sequence_malformed"
        "RFC 8216 §4.3.3.3"
    4 Violation DiscontinuitySequenceMissing "discontinuity_sequence_missing" "RFC 8216 §6.2.2"
    4 Violation DiscontinuitySequenceUntrue "discontinuity_sequence_untrue" "RFC 8216 §6.2.2"
    4 Violation TimestampsJump "timestamps_jump" "RFC 8216 §4.3.2.3"
    4 Violation TracksChange "tracks_change" "RFC 8216 §4.3.2.3"
    4 Violation CodingChange "coding_change" "RFC 8216 §4.3.2.3"
    4 Warning DiscontinuitySequenceAdvisable "discontinuity_sequence_advisable"
        "Apple HLS Authoring 8.17"

    5 Violation WindowTooShort "window_too_short" "RFC 8216 §6.2.2"
    5 Violation WindowLost "window_lost" "RFC 8216 §6.2.2"
    5 Warning WindowFewSegments "window_few_segments" "Apple HLS Authoring 8.11"
    5 Warning WindowShort "window_short" "Apple HLS Authoring 8.12"

    6 Violation ListTypeMalformed "playlist_type_malformed" "RFC 8216 §4.3.3.5"
    6 Violation RemovedFromEvent "removed_from_event" "RFC 8216 §4.3.3.5"
    6 Violation VodChanged "vod_changed" "RFC 8216 §4.3.3.5"

    7 Violation RemovedTooEarly "removed_too_early" "RFC 8216 §6.2.2"

    8 Violation PublishedLate "published_late" "RFC 8216 §6.2.1"

    9 Warning HoleWithoutGap "hole_without_gap" "draft-pantos-hls-rfc8216bis §4.4.4.7"

    10 Violation DateTimeMalformed "date_time_malformed" "RFC 8216 §4.3.2.6"
    10 Violation DateTimeMoved "date_time_moved" "RFC 8216 §6.2.1"
    10 Violation DateTimeInSome "date_time_in_some" "RFC 8216 §6.2.4"
    10 Warning DateTimeMissing "date_time_missing" "Apple HLS Authoring 8.4"
    10 Warning DateTimeAfterDiscontinuity "date_time_after_discontinuity"
        "draft-pantos-hls-rfc8216bis §4.4.4.6"
    10 Warning DateTimeWithoutZone "date_time_without_zone" "RFC 8216 §4.3.2.6"
    10 Warning DateTimeDrifts "date_time_drifts" "RFC 8216 §4.3.2.6"
    10 Warning DateTimesOverlap "date_times_overlap" "RFC 8216 §4.3.2.6"

    11 Violation DateRangeMalformed "date_range_malformed" "RFC 8216 §4.3.2.7"
    11 Violation DateRangeWithoutDateTime "date_range_without_date_time" "RFC 8216 §4.3.2.7"
    11 Violation DateRangeChanged "date_range_changed" "RFC 8216 §4.3.2.7"
    11 Violation DateRangeLost "date_range_lost" "RFC 8216 §6.2.1"
    11 Violation SpliceMalformed "splice_malformed" "RFC 8216 §4.3.2.7.1"

    12 Violation TargetDurationsDiffer "target_durations_differ" "RFC 8216 §6.2.4"
    12 Violation DiscontinuitiesDiffer "discontinuities_differ" "RFC 8216 §6.2.4"
    12 Violation TimestampsDiffer "timestamps_differ" "RFC 8216 §6.2.4"
    12 Violation BandwidthMissing "bandwidth_missing" "RFC 8216 §4.3.4.2"
    12 Warning BoundariesDiffer "boundaries_differ" "RFC 8216 §6.2.4"
    12 Warning BandwidthUntrue "bandwidth_untrue" "RFC 8216 §4.3.4.2"
    12 Warning AttributesMissing "attributes_missing" "Apple HLS Authoring 9"

    13 Violation VersionMalformed "version_malformed" "RFC 8216 §4.3.1.2"
    13 Violation VersionTooLow "version_too_low" "RFC 8216 §7"
    13 Warning VersionTooHigh "version_too_high" "RFC 8216 §7"

    14 Violation FormatUnknown "format_unknown" "RFC 8216 §3.1"
    14 Violation NoTables "no_tables" "RFC 8216 §3.2"
    14 Violation SeveralPrograms "several_programs" "RFC 8216 §3.2"
    14 Violation NoPcr "no_pcr" "ISO/IEC 13818-1 §2.7.2"
    14 Violation CountersBreak "continuity_counters_break" "RFC 8216 §3"
    14 Violation NotDecipherable "not_decipherable" "RFC 8216 §4.3.2.4"
    14 Violation NotIndependent "not_independent" "RFC 8216 §4.3.5.1"
    14 Warning TablesNotFirst "tables_not_first" "RFC 8216 §3.2"
    14 Warning NoKeyFrameFirst "no_key_frame_first" "RFC 8216 §3, Apple HLS Authoring 7.4"
    14 Warning CountersBreakWithin "continuity_counters_break_within" "RFC 8216 §3"

    15 Violation SegmentAbsent "segment_absent" "RFC 8216 §6.2.1"
    15 Violation SegmentBreaksOff "segment_breaks_off" "RFC 8216 §6.2.1"
    15 Warning SegmentStalls "segment_stalls" "RFC 8216 §6.2.1"
    15 Violation MapAbsent "map_absent" "RFC 8216 §4.3.2.5"
    15 Violation KeyAbsent "key_absent" "RFC 8216 §4.3.2.4"
    15 Violation PlaylistAbsent "playlist_absent" "RFC 8216 §6.2.1"
    15 Violation PlaylistType "playlist_type" "RFC 8216 §4"
    15 Warning KeyRefused "key_refused" "RFC 8216 §4.3.2.4"
    15 Warning PlaylistMediaType "playlist_media_type" "Apple TN2235"
    15 Warning PlaylistUncompressed "playlist_uncompressed" "Apple HLS Authoring 10.1"
    15 Warning SegmentMediaType "segment_media_type" "Apple TN2235"
    15 Warning SegmentSlow "segment_slow" "RFC 8216 §6.2.1"

    16 Violation WebVttMalformed "web_vtt_malformed" "RFC 8216 §3.5"
    16 Violation TimestampMapMalformed "timestamp_map_malformed" "RFC 8216 §3.5"
    16 Violation CueMalformed "cue_malformed" "W3C WebVTT §4.1"
    16 Violation CueMissing "cue_missing" "RFC 8216 §3.5"
    16 Warning CueOutside "cue_outside" "RFC 8216 §3.5"
    16 Warning TimestampMapMissing "timestamp_map_missing" "RFC 8216 §3.5"
}

/// One line of one version, that shows what is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The playlist it is from.
    pub playlist: Arc<str>,
    /// Number of the version among those of its playlist, from 1.
    pub version: u64,
    /// When it was loaded.
    pub loaded_at: Wall,
    /// The line, from 1.
    pub line: u32,
    /// What stands there, shortened.
    pub text: String,
}

/// One thing that a service should not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was asked.
    pub check: Check,
    /// The segment it is about.
    pub sequence: Option<u64>,
    /// One sentence.
    pub message: String,
    /// The lines that prove it, those of the version before first.
    pub evidence: Vec<Evidence>,
}

/// What a finding is made of, once it is known that it will be told.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// The segment it is about.
    pub sequence: Option<u64>,
    /// One sentence.
    pub message: String,
    /// What proves it.
    pub evidence: Vec<Evidence>,
}

/// The findings of one playlist: no more than are of use.
#[derive(Debug, Default)]
pub struct Findings {
    new: Vec<Finding>,
    counts: BTreeMap<Check, u32>,
    keys: BTreeSet<(Check, u64)>,
    untold: u64,
}

impl Findings {
    /// Tells that `check` fails. With a `key` it is told once for that key.
    pub fn tell(&mut self, check: Check, key: Option<u64>, words: impl FnOnce() -> Words) {
        if key.is_some_and(|key| self.keys.contains(&(check, key))) {
            return;
        }
        let count = self.counts.entry(check).or_default();
        if *count >= TOLD_MAX {
            self.untold += 1;
            return;
        }
        *count += 1;
        self.keys.extend(key.map(|key| (check, key)));
        let Words {
            sequence,
            message,
            evidence,
        } = words();
        self.new.push(Finding {
            check,
            sequence,
            message: message.chars().take(MESSAGE_CHARACTERS_MAX).collect(),
            evidence,
        });
    }

    /// Takes out what is new.
    pub fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.new)
    }

    /// How many were not told, because there were too many of their kind. What fails in every
    /// version counts each time.
    pub const fn untold(&self) -> u64 {
        self.untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own_and_every_rule_a_check() {
        let names: BTreeSet<&str> = Check::ALL.iter().map(|check| check.row().name).collect();
        assert_eq!(names.len(), Check::ALL.len());
        let rules: BTreeSet<u8> = Check::ALL.iter().map(|check| check.row().rule).collect();
        assert_eq!(rules, (1..=16).collect());
        assert!(Check::ALL.is_sorted_by_key(|check| check.row().rule));
    }

    #[test]
    fn a_check_is_told_so_often_and_once_for_a_key() {
        let mut findings = Findings::default();
        for _ in 0..2 {
            findings.tell(Check::BreaksOff, Some(7), Words::default);
        }
        assert_eq!(findings.take().len(), 1);
        for _ in 0..2 * TOLD_MAX {
            findings.tell(Check::BreaksOff, None, Words::default);
        }
        assert_eq!(findings.take().len(), TOLD_MAX as usize - 1);
        assert_eq!(findings.untold(), u64::from(TOLD_MAX) + 1);
    }
}
