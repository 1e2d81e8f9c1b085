//! What is wrong with a ladder, each under a name of its own, and only while it lasts.
//!
//! Source: Apple's HLS authoring specification (neighbouring bit rates are 1.5 to 2 times apart);
//! RFC 8216 §6.2.4 (Variant Streams have the same Target Duration and the same content).

use std::{fmt::Write, time::Duration};

use weir_hal::{Monotonic, Wall};

use crate::ladder::{Line, track::difference};

/// How long something must be wrong, or right again, before it is said: shorter than that, a new
/// PMT has reached one rung and not yet the next.
const HOLD: Duration = Duration::from_secs(10);

/// Hundredths by which neighbours may differ at least: 1.5 times, less what steps round off.
const SPACING_MIN: u64 = 135;

/// And at most: 2 times, and what steps round off.
const SPACING_MAX: u64 = 220;

/// Something wrong with the ladder of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which of the checks.
    pub check: Check,
    /// Since when.
    pub since: Wall,
    /// One sentence.
    pub reason: String,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A configured rendition is not in the Master Playlist.
    RungMissing,
    /// Neighbouring bit rates are too close together or too far apart.
    BitrateSpacing,
    /// One rendition has sound or subtitles that another has not.
    TracksDiffer,
    /// Target Durations are not the same.
    TargetDurationsDiffer,
    /// Key frames are farther apart than segments are aimed to be long.
    GroupsOverlong,
}

impl Check {
    const ALL: [Self; 5] = [
        Self::RungMissing,
        Self::BitrateSpacing,
        Self::TracksDiffer,
        Self::TargetDurationsDiffer,
        Self::GroupsOverlong,
    ];

    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RungMissing => "rung_missing",
            Self::BitrateSpacing => "bitrate_spacing",
            Self::TracksDiffer => "tracks_differ",
            Self::TargetDurationsDiffer => "target_durations_differ",
            Self::GroupsOverlong => "groups_overlong",
        }
    }

    /// What is wrong, as one sentence; `None` while nothing is.
    fn of(self, rungs: &[Seen<'_>]) -> Option<String> {
        match self {
            Self::RungMissing => missing(rungs),
            Self::BitrateSpacing => spacing(rungs),
            Self::TracksDiffer => tracks(rungs),
            Self::TargetDurationsDiffer => target_durations(rungs),
            Self::GroupsOverlong => overlong_groups(rungs),
        }
    }
}

/// A rung as it is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    /// What it last told of itself.
    pub(super) line: Option<&'a Line>,
    /// Why it is not in the Master Playlist, if it is not.
    pub(super) absence: Option<Absence>,
}

/// Why a rung is not in the Master Playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    Never,
    Withdrawn(Wall),
    Returning,
}

/// The checks and how they stand.
#[derive(Debug, Default)]
pub(super) struct Findings {
    rows: [Row; Check::ALL.len()],
}

#[derive(Debug, Default)]
struct Row {
    finding: Option<Finding>,
    /// Since when it is other than is said, by both clocks.
    changing: Option<(Monotonic, Wall)>,
}

impl Findings {
    /// Looks at all rungs. Tells how many findings are new.
    pub(super) fn look(&mut self, rungs: &[Seen<'_>], now: Monotonic, wall: Wall) -> u64 {
        let mut raised = 0;
        for (row, check) in self.rows.iter_mut().zip(Check::ALL) {
            raised += u64::from(row.note(check, check.of(rungs), (now, wall)));
        }
        raised
    }

    /// What is wrong.
    pub(super) fn all(&self) -> impl Iterator<Item = &Finding> {
        self.rows.iter().filter_map(|row| row.finding.as_ref())
    }
}

impl Row {
    /// Takes note of what is so now; true when that is a new finding.
    fn note(&mut self, check: Check, reason: Option<String>, now: (Monotonic, Wall)) -> bool {
        if self.finding.is_some() == reason.is_some() {
            self.changing = None;
            if let (Some(finding), Some(reason)) = (&mut self.finding, reason) {
                finding.reason = reason;
            }
            return false;
        }
        let (from, since) = *self.changing.get_or_insert(now);
        if now.0.since(from) < HOLD {
            return false;
        }
        self.changing = None;
        self.finding = reason.map(|reason| Finding {
            check,
            since,
            reason,
        });
        self.finding.is_some()
    }
}

fn missing(rungs: &[Seen<'_>]) -> Option<String> {
    if rungs.iter().all(|rung| rung.absence.is_some()) {
        // The channel is off air, which is said elsewhere.
        return None;
    }
    let mut sentence = String::new();
    for rung in rungs {
        let Some(absence) = rung.absence else {
            continue;
        };
        let separator = if sentence.is_empty() { "" } else { "; " };
        let name = rung.name;
        let reason = match absence {
            Absence::Never => "it has not listed a segment yet".to_owned(),
            Absence::Withdrawn(since) => {
                format!(
                    "withdrawn at {}, because its media stopped",
                    super::timestamp(since)
                )
            }
            Absence::Returning => "it lists again and is watched for a while".to_owned(),
        };
        let written = write!(
            sentence,
            "{separator}{name} is not in the master playlist: {reason}"
        );
        written.expect("a string takes everything");
    }
    (!sentence.is_empty()).then_some(sentence)
}

/// Renditions without pictures stand beside the ladder, not in it.
fn spacing(rungs: &[Seen<'_>]) -> Option<String> {
    let with_pictures = rungs.iter().filter_map(|rung| {
        let line = rung.line.filter(|line| line.has_video)?;
        Some((line.variant.bandwidth_average_bps, rung.name))
    });
    let mut rates: Vec<_> = with_pictures.collect();
    rates.sort_unstable();
    rates
        .iter()
        .zip(rates.iter().skip(1))
        .find_map(|(lower, upper)| {
            let hundredths = upper.0.saturating_mul(100) / lower.0.max(1);
            let is_apart = (SPACING_MIN..=SPACING_MAX).contains(&hundredths);
            (!is_apart).then(|| {
            format!(
                "{} has {}.{:02} times the bit rate of {}: players step best over 1.5 to 2 times",
                upper.1,
                hundredths / 100,
                hundredths % 100,
                lower.1
            )
        })
        })
}

fn tracks(rungs: &[Seen<'_>]) -> Option<String> {
    let mut told = rungs
        .iter()
        .filter_map(|rung| Some((rung.name, rung.line?)));
    let (first, reference) = told.next()?;
    told.find_map(|(name, line)| {
        let lacks = |name, track, other| format!("{name} has no {track}, which {other} has");
        difference(&reference.tracks, &line.tracks)
            .map(|track| lacks(name, track, first))
            .or_else(|| {
                let track = difference(&line.tracks, &reference.tracks)?;
                Some(lacks(first, track, name))
            })
    })
}

fn target_durations(rungs: &[Seen<'_>]) -> Option<String> {
    let mut told = rungs
        .iter()
        .filter_map(|rung| Some((rung.name, rung.line?)));
    let (first, reference) = told.next()?;
    told.find(|(_, line)| line.target_duration_s != reference.target_duration_s)
        .map(|(name, line)| {
            format!(
                "{name} has a target duration of {} s and {first} one of {} s: give both the same \
                 key-frame interval and restart the channel",
                line.target_duration_s, reference.target_duration_s
            )
        })
}

/// The highest `target` that a configuration may have, in seconds.
const TARGET_S_MAX: f64 = 30.0;

/// With fewer segments than cells of the grid no number can keep to them.
fn overlong_groups(rungs: &[Seen<'_>]) -> Option<String> {
    let overlong = rungs
        .iter()
        .filter_map(|rung| Some((rung.name, rung.line?.overlong_group?)));
    let (name, (group, target)) = overlong.max_by_key(|(_, (group, _))| *group)?;
    let (group_s, target_s) = (group.as_secs_f64(), target.as_secs_f64());
    let wanted_s = group_s.ceil();
    let remedy = if wanted_s <= TARGET_S_MAX {
        format!(", or set `target` to {wanted_s} s")
    } else {
        String::new()
    };
    Some(format!(
        "{name} can be cut only every {group_s:.3} s, and `target` is {target_s} s: boxes that \
         began at different moments number its segments apart; have the encoder send key frames, \
         and mark boundaries if it does, more often{remedy}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ladder::{Track, TrackKind},
        segment::Variant,
    };

    fn line(bps: u64, languages: &[&[u8; 3]], target_duration_s: u32) -> Line {
        let variant = Variant {
            uri: String::new(),
            codecs: Vec::new(),
            resolution: None,
            frame_rate_millihertz: None,
            bandwidth_bps: bps,
            bandwidth_average_bps: bps,
            subtitles: None,
        };
        let track = |language: &&[u8; 3]| Track {
            kind: TrackKind::Audio,
            language: Some(**language),
        };
        Line {
            variant,
            has_video: true,
            tracks: languages.iter().map(track).collect(),
            target_duration_s,
            overlong_group: None,
        }
    }

    fn reasons(lines: &[Line]) -> Vec<(&'static str, String)> {
        const NAMES: [&str; 3] = ["HD", "SD", "LD"];
        let seen = lines.iter().zip(NAMES).map(|(line, name)| Seen {
            name,
            line: Some(line),
            absence: None,
        });
        let seen: Vec<_> = seen.collect();
        let checks = Check::ALL.into_iter();
        let told = checks.filter_map(|check| Some((check.as_str(), check.of(&seen)?)));
        told.collect()
    }

    #[test]
    fn a_ladder_as_it_should_be_has_no_finding() {
        let rungs = [5_200_000, 2_600_000, 1_700_000].map(|bps| line(bps, &[b"deu"], 6));
        assert_eq!(reasons(&rungs), []);
    }

    #[test]
    fn each_fault_has_its_name_and_a_sentence() {
        let reason = |lines: &[Line]| reasons(lines).remove(0);
        assert_eq!(
            reason(&[line(5_000_000, &[], 6), line(1_000_000, &[], 6)]),
            (
                "bitrate_spacing",
                "HD has 5.00 times the bit rate of SD: players step best over 1.5 to 2 times"
                    .to_owned()
            )
        );
        assert_eq!(
            reason(&[
                line(2_000_000, &[b"deu", b"eng"], 6),
                line(1_000_000, &[b"deu"], 6)
            ]),
            (
                "tracks_differ",
                "SD has no audio in eng, which HD has".to_owned()
            )
        );
        assert_eq!(
            reason(&[
                line(2_000_000, &[b"deu"], 6),
                line(1_000_000, &[b"deu", b"deu"], 6)
            ])
            .1,
            "HD has no audio in deu, which SD has"
        );
        assert_eq!(
            reason(&[line(2_000_000, &[], 6), line(1_000_000, &[], 8)]).0,
            "target_durations_differ"
        );
    }

    #[test]
    fn the_longest_group_beyond_the_target_is_told_of_with_the_target_that_it_wants() {
        let [target, group] = [6_000, 8_333].map(Duration::from_millis);
        let rungs = [line(2_000_000, &[], 12), line(1_000_000, &[], 12)];
        let [first, second] = rungs;
        let second = Line {
            overlong_group: Some((group, target)),
            ..second
        };
        let told = reasons(&[first, second]).remove(0);
        assert_eq!(told.0, "groups_overlong");
        assert!(
            told.1
                .starts_with("SD can be cut only every 8.333 s, and `target` is 6 s")
        );
        assert!(told.1.ends_with("or set `target` to 9 s"), "{}", told.1);
    }

    #[test]
    fn who_is_missing_is_named_unless_the_whole_channel_is() {
        let seen = |name, absence| Seen {
            name,
            line: None,
            absence,
        };
        let withdrawn = Some(Absence::Withdrawn(Wall::default()));
        let rungs = [
            seen("HD", None),
            seen("SD", withdrawn),
            seen("LD", Some(Absence::Never)),
        ];
        assert_eq!(
            missing(&rungs).as_deref(),
            Some(
                "SD is not in the master playlist: withdrawn at 1970-01-01T00:00:00Z, because its \
                 media stopped; LD is not in the master playlist: it has not listed a segment yet"
            )
        );
        assert_eq!(missing(&rungs[1..]), None);
    }

    #[test]
    fn what_comes_and_goes_is_neither_raised_nor_cleared() {
        let rungs = [line(5_000_000, &[], 6), line(1_000_000, &[], 6)];
        let wrong = rungs.each_ref().map(|line| Seen {
            name: "R",
            line: Some(line),
            absence: None,
        });
        let mut findings = Findings::default();
        let at = |s: u64| (Monotonic::ZERO + Duration::from_secs(s), Wall::default());
        let mut raised = 0;
        for second in 0..100 {
            let rungs = if second % 7 == 0 { &wrong[..1] } else { &wrong };
            raised += findings.look(rungs, at(second).0, at(second).1);
        }
        assert_eq!((raised, findings.all().count()), (0, 0));
        for second in 100..115 {
            raised += findings.look(&wrong, at(second).0, at(second).1);
        }
        for second in 115..124 {
            raised += findings.look(&wrong[..1], at(second).0, at(second).1);
        }
        assert_eq!((raised, findings.all().count()), (1, 1));
        findings.look(&wrong[..1], at(125).0, at(125).1);
        assert_eq!(findings.all().count(), 0);
    }
}
