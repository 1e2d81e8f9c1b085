//! `weir validate`: follows an HLS service and tells which of its rules it breaks.

use std::{sync::Arc, time::Duration};

use clap::Args;
use indicatif::ProgressBar;
use weir_hal::{Board, Multicast};

use super::{
    CommandError, Terminal,
    run::{interrupted, on_runtime},
};
use crate::{
    fetch::tls::{TlsError, client_config},
    validate::{
        finding::Severity,
        follow::{FollowError, Ground, follow},
        report::{FindingReport, PlaylistReport, Report},
    },
};

pub(super) const ABOUT: &str = "Follow an HLS service and tell which rules of HLS it breaks";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir validate http://edge/live/CH_001/master.m3u8
  weir validate https://tv.example/live.m3u8 --seconds 600
  weir validate http://edge/live/CH_001/master.m3u8 --json | jq .findings

Reloads playlists as a player does, looks into every new segment, and asks for those that left.
What the master playlist offers is looked at every 10 s; what it names no more is marked withdrawn.
Each finding names its rule, the check and where it is written, and shows the lines that prove it,
with the version of the playlist that they are from: version 1 is the first that came. A violation
is forbidden by a standard; a warning is advised against. UNREAD counts segments that were not
looked into: formats other than MPEG-2 TS and WebVTT, and those that were asked for too late.

Rules: R1 durations, R2 what is listed stays, R3 Media Sequence Number, R4 discontinuities,
R5 length of the list, R6 EVENT and VOD, R7 removed segments, R8 new ones in time, R9 gaps,
R10 date and time, R11 date ranges, R12 renditions beside each other, R13 version, R14 media in
segments, R15 delivery, R16 WebVTT.

Exits with 0 when nothing is forbidden (warnings do not count), 65 when something is, 69 when the
service cannot be reached, or no segment of one of its playlists came, so that nothing can be told.
Ctrl-C ends it early, with its report.";

/// Findings of one check and one playlist that are shown to people.
const SHOWN_MAX: usize = 3;

/// Lines of evidence shown for one finding.
const LINES_MAX: usize = 4;

/// Arguments of `weir validate`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A master playlist, or a media playlist.
    #[arg(value_name = "URL")]
    pub url: String,
    /// How long to follow it.
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub seconds: u32,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Why a service is not fit, or nothing can be told of it.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// There is nothing to follow.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// Nobody can be believed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nothing was found, because nothing was seen.
    #[error(
        "nothing can be told of {url}: none of its segments came in {seconds:.0} s; check that it \
         is on air, or follow it longer with --seconds"
    )]
    Unseen {
        /// A playlist.
        url: String,
        /// How long it was followed.
        seconds: f64,
    },
    /// It breaks rules.
    #[error("{url} breaks rules of HLS: {}", counted(*violations, "violation"))]
    Violations {
        /// What was followed.
        url: String,
        /// How many.
        violations: u64,
    },
}

/// Follows the service and prints what was found.
///
/// # Errors
/// [`CommandError::Validate`] when there is nothing to follow, or what is breaks rules.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let tls = client_config(&*board.disk, None).map_err(ValidateError::from)?;
    let ground = Ground {
        clock: Arc::clone(&board.clock),
        network: Arc::clone(&board.network),
        tls,
    };
    let span = Duration::from_secs(u64::from(arguments.seconds));
    let bar = terminal.spinner("loading");
    let work = async {
        let asked = (arguments.url.as_str(), span);
        let following = follow(ground, asked, interrupted()?, |report| show(&bar, report));
        Ok(following.await.map_err(ValidateError::from)?)
    };
    let found = on_runtime(work);
    bar.finish_and_clear();
    let found = found?;
    if arguments.json {
        terminal.print_json(&found)?;
    } else {
        terminal.print(&render(&found, terminal))?;
    }
    Ok(judge(found)?)
}

/// The verdict, for scripts: what nobody has seen is not sound.
fn judge(found: Report) -> Result<(), ValidateError> {
    if found.violations > 0 {
        return Err(ValidateError::Violations {
            url: found.url,
            violations: found.violations,
        });
    }
    match found.unseen() {
        Some(unseen) => Err(ValidateError::Unseen {
            url: unseen.url.clone(),
            seconds: found.seconds,
        }),
        None => Ok(()),
    }
}

fn show(bar: &ProgressBar, report: &Report) {
    let (versions, segments) = done(report);
    bar.set_message(format!(
        "{:.0} s: {}, {}, {}, {}",
        report.seconds,
        counted(versions, "version"),
        counted(segments, "segment"),
        counted(report.violations, "violation"),
        counted(report.warnings, "warning")
    ));
    bar.tick();
}

/// Versions that were seen, and segments that were looked into.
fn done(report: &Report) -> (u64, u64) {
    let tallies = report.playlists.iter().map(|playlist| playlist.tally);
    tallies.fold((0, 0), |(versions, segments), tally| {
        (
            versions + tally.versions,
            segments + tally.segments_inspected,
        )
    })
}

/// Writes the report for people: what was done, what is forbidden, what is advised, the verdict.
fn render(report: &Report, terminal: Terminal) -> String {
    let mut lines = vec![playlists(report, terminal)];
    for severity in [Severity::Violation, Severity::Warning] {
        let mut last = None;
        for group in groups(report, severity) {
            let check = group.first().map(|finding| finding.check);
            if last != check {
                lines.extend(group.first().map(|first| heading(first)));
            }
            last = check;
            write_group(&mut lines, &group, severity);
        }
    }
    lines.push(String::new());
    lines.push(verdict(report));
    lines.join("\n")
}

/// The findings of one severity, by rule, then by check and playlist.
fn groups(report: &Report, severity: Severity) -> Vec<Vec<&FindingReport>> {
    let mut groups: Vec<Vec<&FindingReport>> = Vec::new();
    let findings = report.findings.iter();
    for finding in findings.filter(|finding| finding.severity == severity) {
        let is_same = |group: &Vec<&FindingReport>| {
            let first = group.first();
            first.is_some_and(|it| it.check == finding.check && it.playlist == finding.playlist)
        };
        match groups.iter().position(is_same) {
            Some(index) => groups[index].push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups.sort_by_key(|group| group.first().map(|it| (rule_number(it), it.check)));
    groups
}

/// Its URL, and whether players are led to it.
fn named(playlist: &PlaylistReport) -> String {
    let withdrawn = if playlist.is_withdrawn {
        " (withdrawn)"
    } else {
        ""
    };
    format!("{}{withdrawn}", playlist.url)
}

fn playlists(report: &Report, terminal: Terminal) -> String {
    let header = [
        "PLAYLIST", "TARGET", "LOADS", "VERSIONS", "SEGMENTS", "FAILED", "UNREAD",
    ];
    let mut table = terminal.table(&header);
    for playlist in &report.playlists {
        let tally = playlist.tally;
        let target = tally.target_duration_s.map(|target| format!("{target} s"));
        table.add_row([
            named(playlist),
            target.unwrap_or_default(),
            tally.loads.to_string(),
            tally.versions.to_string(),
            tally.segments_inspected.to_string(),
            (tally.loads_failed + tally.segments_failed).to_string(),
            (tally.segments_not_inspected + tally.segments_skipped).to_string(),
        ]);
    }
    table.to_string()
}

fn heading(first: &FindingReport) -> String {
    let word = match first.severity {
        Severity::Violation => "violation",
        Severity::Warning => "warning",
    };
    format!(
        "\n{} {word}: {} ({})",
        first.rule, first.check, first.clause
    )
}

fn write_group(lines: &mut Vec<String>, group: &[&FindingReport], severity: Severity) {
    let shown = match severity {
        Severity::Violation => SHOWN_MAX,
        Severity::Warning => 1,
    };
    for finding in group.iter().take(shown) {
        lines.push(format!("  {}: {}", finding.playlist, finding.message));
        for line in finding.evidence.iter().take(LINES_MAX) {
            let elsewhere = if line.playlist == finding.playlist {
                String::new()
            } else {
                format!("{} ", line.playlist)
            };
            lines.push(format!(
                "    {elsewhere}version {}, loaded {}, line {}: {}",
                line.version, line.loaded_at, line.line, line.text
            ));
        }
    }
    if group.len() > shown {
        let more = group.len() - shown;
        lines.push(format!("  and {more} more like this; --json has them"));
    }
}

fn rule_number(finding: &FindingReport) -> u8 {
    let number = finding.rule.trim_start_matches('R').parse();
    number.unwrap_or(u8::MAX)
}

fn verdict(report: &Report) -> String {
    let (versions, segments) = done(report);
    let unseen = report.unseen();
    let found = match (report.violations, report.warnings) {
        (0, _) if unseen.is_some() => "no verdict".to_owned(),
        (0, 0) => "nothing to complain of".to_owned(),
        (0, warnings) => format!("no violation, {}", counted(warnings, "warning")),
        (violations, warnings) => {
            let violations = counted(violations, "violation");
            format!("{violations}, {}", counted(warnings, "warning"))
        }
    };
    let mut text = format!(
        "{found}, in {} and {} over {:.0} s",
        counted(versions, "version"),
        counted(segments, "segment"),
        report.seconds
    );
    let tallies = report.playlists.iter().map(|playlist| playlist.tally);
    let not_inspected: u64 = tallies.map(|tally| tally.segments_not_inspected).sum();
    if not_inspected > 0 {
        text.push_str("; segments of formats that are not looked into: ");
        text.push_str(&not_inspected.to_string());
    }
    if let Some(unseen) = unseen {
        text.push_str("; no segment came of ");
        text.push_str(&unseen.url);
    }
    if report.playlists_left_out > 0 {
        let left_out = report.playlists_left_out;
        text.push_str("; more playlists were not followed: ");
        text.push_str(&left_out.to_string());
    }
    text
}

/// A number of things, of which `one` is one.
fn counted(count: u64, one: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {one}{ending}")
}
