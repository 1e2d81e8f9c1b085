//! Each rule broken once by as little as breaks it, and a life that breaks none.

mod lives;
mod media;
mod pairs;
mod renditions;
mod stream;

use std::{sync::Arc, time::Duration};

use weir_hal::{Monotonic, Wall};

use super::*;
use crate::validate::{
    finding::{Check, Finding, Severity},
    inspect::SegmentFacts,
    version::{Loading, Version},
};

/// The time of a load, `seconds` after the first.
fn at(seconds: f64) -> Loading {
    let since = Duration::from_secs_f64(seconds);
    Loading {
        requested_at: Monotonic::ZERO + since,
        received_at: Monotonic::ZERO + since,
        loaded_at: Wall::from_nanos(1_767_225_600_000_000_000) + since,
        age: Duration::ZERO,
    }
}

fn version(number: u64, seconds: f64, text: &str) -> Arc<Version> {
    let version = any_version(number, seconds, text);
    version.unwrap_or_else(|| panic!("no Media Playlist: {text}"))
}

/// The same of a text that may be none.
fn any_version(number: u64, seconds: f64, text: &str) -> Option<Arc<Version>> {
    let version = Version::read(&"list".into(), number, at(seconds), text.as_bytes());
    version.map(Arc::new)
}

/// The violations that `texts` show, loaded 6 s after each other, as successive versions.
fn violations(texts: &[&str]) -> Vec<Check> {
    of_severity(texts, Severity::Violation)
}

/// The same for warnings.
fn warnings(texts: &[&str]) -> Vec<Check> {
    of_severity(texts, Severity::Warning)
}

fn of_severity(texts: &[&str], severity: Severity) -> Vec<Check> {
    let findings = findings(texts).into_iter();
    let checks = findings.map(|finding| finding.check);
    checks
        .filter(|check| check.row().severity == severity)
        .collect()
}

fn findings(texts: &[&str]) -> Vec<Finding> {
    let mut checker = Checker::new(None);
    for (number, text) in (1..).zip(texts) {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let seconds = number as f64 * 6.0;
        checker.version(&version(number, seconds, text));
    }
    checker.take()
}

/// A live list of segments of 6 s, from `sequence` on, with what each has before its EXTINF.
fn list(sequence: u64, segments: &[&str]) -> String {
    list_with(
        &format!("#EXT-X-MEDIA-SEQUENCE:{sequence}\n"),
        sequence,
        segments,
    )
}

/// The same with a header of its own.
fn list_with(header: &str, sequence: u64, segments: &[&str]) -> String {
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n{header}");
    for (number, tags) in (sequence..).zip(segments) {
        text.push_str(tags);
        text.push_str("#EXTINF:6.0,\n");
        text.push_str(&uri(number));
        text.push('\n');
    }
    text
}

fn uri(number: u64) -> String {
    ["s", &number.to_string(), ".ts"].concat()
}

const DATE: &str = "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n";
const MARK: &str = "#EXT-X-DISCONTINUITY\n";

#[test]
fn every_check_is_named_by_a_test() {
    let tests = [
        include_str!("lives.rs"),
        include_str!("media.rs"),
        include_str!("pairs.rs"),
        include_str!("renditions.rs"),
    ];
    let names = tests.iter().flat_map(|text| {
        let behind = text.split("Check::").skip(1);
        behind.filter_map(|text| text.split(|it: char| !it.is_alphanumeric()).next())
    });
    let names: std::collections::BTreeSet<&str> = names.collect();
    let is_unnamed = |check: &&Check| !names.contains(format!("{check:?}").as_str());
    let unnamed: Vec<_> = Check::ALL.iter().filter(is_unnamed).collect();
    assert!(unnamed.is_empty(), "no test breaks {unnamed:?}");
}
