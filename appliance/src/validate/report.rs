//! What was found, for programs: keys are stable.

use serde::Serialize;
use weir_hal::Wall;

use crate::validate::finding::{Evidence, Finding, Severity};

/// Findings that are kept; further ones are counted.
const FINDINGS_MAX: usize = 5_000;

/// All that was found of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was followed.
    pub url: String,
    /// When, in UTC.
    pub started_at: String,
    /// For how long.
    pub seconds: f64,
    /// Findings of things that a standard forbids, kept or not.
    pub violations: u64,
    /// Findings of things that are advised against, kept or not.
    pub warnings: u64,
    /// The playlists; a Multivariant Playlist comes first.
    pub playlists: Vec<PlaylistReport>,
    /// Media Playlists beyond those that are followed.
    pub playlists_left_out: u64,
    /// What was found, in the order of time.
    pub findings: Vec<FindingReport>,
    /// Findings beyond those that are kept.
    pub findings_left_out: u64,
}

/// What was done for one playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaylistReport {
    /// Where it is.
    pub url: String,
    /// Whether it lists playlists.
    pub is_multivariant: bool,
    /// Whether the Multivariant Playlist named it and does so no more.
    pub is_withdrawn: bool,
    /// What was done.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What was done for one playlist so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Times it was loaded.
    pub loads: u64,
    /// Times it did not come, or was none.
    pub loads_failed: u64,
    /// Versions seen.
    pub versions: u64,
    /// The Target Duration.
    pub target_duration_s: Option<u64>,
    /// Segments that were looked into.
    pub segments_inspected: u64,
    /// Segments that came, but in a format that is not looked into.
    pub segments_not_inspected: u64,
    /// Segments that did not come.
    pub segments_failed: u64,
    /// Segments that were not asked for, because the service is slower than its lists, or their
    /// URIs are longer than what is read.
    pub segments_skipped: u64,
    /// Times that removed segments were asked for.
    pub removed_asked: u64,
    /// Findings that were not told, because there were too many of their kind.
    pub findings_untold: u64,
}

impl Tally {
    /// Segments that came.
    pub const fn segments_come(&self) -> u64 {
        self.segments_inspected + self.segments_not_inspected
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingReport {
    /// `R1` to `R16`.
    pub rule: String,
    /// The name of the check.
    pub check: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Where it is written.
    pub clause: &'static str,
    /// The playlist.
    pub playlist: String,
    /// The Media Sequence Number of the segment it is about.
    pub media_sequence: Option<u64>,
    /// One sentence.
    pub message: String,
    /// The lines that prove it.
    pub evidence: Vec<EvidenceReport>,
}

/// One line of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceReport {
    /// The playlist.
    pub playlist: String,
    /// Number of the version, from 1.
    pub version: u64,
    /// When it was loaded, in UTC.
    pub loaded_at: String,
    /// The line, from 1.
    pub line: u32,
    /// What stands there.
    pub text: String,
}

impl Report {
    /// Of what was not followed yet.
    pub(super) fn new(url: &str, started_at: Wall) -> Self {
        Self {
            url: url.to_owned(),
            started_at: date_time(started_at),
            seconds: 0.0,
            violations: 0,
            warnings: 0,
            playlists: Vec::new(),
            playlists_left_out: 0,
            findings: Vec::new(),
            findings_left_out: 0,
        }
    }

    /// A playlist of which nothing can be told: no segment of it came, though it is offered. That
    /// is the Multivariant Playlist if it names none that could be followed.
    pub fn unseen(&self) -> Option<&PlaylistReport> {
        let is_offered = |it: &&PlaylistReport| !it.is_multivariant && !it.is_withdrawn;
        let mut media = self.playlists.iter().filter(is_offered);
        let is_unseen = |it: &&PlaylistReport| it.tally.segments_come() == 0;
        if media.clone().next().is_none() {
            return self.playlists.first();
        }
        media.find(is_unseen)
    }

    /// Adds what was found of playlist `at`.
    pub(super) fn add(&mut self, at: usize, finding: Finding) {
        let row = finding.check.row();
        match row.severity {
            Severity::Violation => self.violations += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.findings.len() >= FINDINGS_MAX {
            self.findings_left_out += 1;
            return;
        }
        let playlist = self.playlists.get(at);
        self.findings.push(FindingReport {
            rule: format!("R{}", row.rule),
            check: row.name,
            severity: row.severity,
            clause: row.clause,
            playlist: playlist.map_or_else(String::new, |playlist| playlist.url.clone()),
            media_sequence: finding.sequence,
            message: finding.message,
            evidence: finding.evidence.iter().map(EvidenceReport::of).collect(),
        });
    }
}

impl PlaylistReport {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            is_multivariant: false,
            is_withdrawn: false,
            tally: Tally::default(),
        }
    }
}

impl EvidenceReport {
    fn of(evidence: &Evidence) -> Self {
        Self {
            playlist: evidence.playlist.to_string(),
            version: evidence.version,
            loaded_at: date_time(evidence.loaded_at),
            line: evidence.line,
            text: evidence.text.clone(),
        }
    }
}

fn date_time(wall: Wall) -> String {
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(wall.as_nanos()));
    format!("{:.3}", timestamp.unwrap_or(jiff::Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::finding::Check;

    #[test]
    fn a_playlist_without_segments_is_unseen() {
        let mut report = Report::new("http://a/", Wall::from_nanos(0));
        let mut whole = PlaylistReport::new("http://a/");
        whole.is_multivariant = true;
        report.playlists.push(whole);
        let unseen = |report: &Report| report.unseen().map(|it| it.url.clone());
        assert_eq!(unseen(&report).as_deref(), Some("http://a/"));
        for (url, inspected, not_inspected) in [("1", 1, 0), ("2", 0, 1), ("3", 0, 0)] {
            let mut playlist = PlaylistReport::new(url);
            playlist.tally.segments_inspected = inspected;
            playlist.tally.segments_not_inspected = not_inspected;
            report.playlists.push(playlist);
            let expected = (url == "3").then_some("3");
            assert_eq!(unseen(&report).as_deref(), expected);
        }
    }

    #[test]
    fn what_is_forbidden_counts_though_it_is_not_kept() {
        let mut report = Report::new("http://a/", Wall::from_nanos(0));
        let of = |check| Finding {
            check,
            sequence: None,
            message: String::new(),
            evidence: Vec::new(),
        };
        for _ in 0..FINDINGS_MAX {
            report.add(0, of(Check::WindowShort));
        }
        for _ in 0..3 {
            report.add(0, of(Check::BreaksOff));
        }
        assert_eq!((report.warnings, report.violations), (5_000, 3));
        assert_eq!(report.findings.len(), FINDINGS_MAX);
        assert_eq!(report.findings_left_out, 3);
    }
}
