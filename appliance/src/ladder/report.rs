//! What a person or a fleet may know of a ladder, at one moment.

use std::fmt::{self, Display};

use weir_hal::Wall;

use crate::{
    counter::counters,
    ladder::{Finding, timestamp},
};

counters! {
    /// What became of the renditions of a channel as a ladder.
    pub struct Counters {
        /// Segments whose begin was compared with that of the other renditions.
        segments_compared: detail,
        /// Of these, segments that do not begin where those of the other renditions do.
        segments_unaligned: polled,
        /// Renditions taken out of the master playlist because they listed nothing.
        rungs_withdrawn: detail,
        /// Renditions put back after they had listed again for long enough.
        rungs_returned: detail,
        /// Findings about the ladder that were raised.
        findings: detail,
    }
}

/// State and counters of one ladder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether its renditions are cut at the same pictures.
    pub alignment: Alignment,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// What was counted.
    pub counters: Counters,
}

/// Whether the renditions of a channel are cut at the same pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Alignment {
    /// Nothing was compared yet.
    #[default]
    Unknown,
    /// They are.
    Aligned,
    /// Some are not.
    Drifting {
        /// Since when.
        since: Wall,
        /// Which, and how.
        renditions: Vec<(String, Deviation)>,
    },
}

/// How a rendition is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deviation {
    /// Its segments begin earlier or later.
    Off {
        /// By so many ticks of 90 kHz; above 0, later.
        off_90k: i64,
    },
    /// It is cut where the others are not.
    Extra,
    /// It is not cut where the others are.
    Missing,
    /// Its time stamps have nothing to do with those of the others.
    OtherTimeline,
}

impl Alignment {
    /// The state that comes of who drifts since when.
    pub(super) fn of(drifting: Vec<(String, Deviation, Wall)>, was_compared: bool) -> Self {
        match drifting.iter().map(|(_, _, since)| *since).min() {
            Some(since) => {
                let renditions = drifting.into_iter().map(|(name, how, _)| (name, how));
                Self::Drifting {
                    since,
                    renditions: renditions.collect(),
                }
            }
            None if was_compared => Self::Aligned,
            None => Self::Unknown,
        }
    }

    /// A stable word for machines.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Aligned => "aligned",
            Self::Drifting { .. } => "drifting",
        }
    }
}

impl Display for Alignment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Drifting { since, renditions } = self else {
            return formatter.write_str(self.as_str());
        };
        write!(formatter, "drifting since {}: ", timestamp(*since))?;
        for (index, (name, how)) in renditions.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{name} {how}")?;
        }
        formatter.write_str("; check that the encoders share one clock and one key-frame interval")
    }
}

impl Display for Deviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off { off_90k } => {
                let hundredths = (off_90k.unsigned_abs() + 450) / 900;
                write!(
                    formatter,
                    "is {}.{:02} s off",
                    hundredths / 100,
                    hundredths % 100
                )
            }
            Self::Extra => formatter.write_str("is cut where the others are not"),
            Self::Missing => formatter.write_str("is not cut where the others are"),
            Self::OtherTimeline => formatter.write_str("has other time stamps than the rest"),
        }
    }
}
