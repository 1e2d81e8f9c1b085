//! EXT-X-CUE-OUT, EXT-X-CUE-OUT-CONT and EXT-X-CUE-IN.
//!
//! They stand in no standard, and are written the way most players read them: seconds of the break
//! behind the first, seconds gone and seconds of the break behind the second.

use std::fmt::{self, Display};

use crate::segment::seconds::Seconds;

/// What a segment is to the break around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CueTag {
    /// A break begins with it; `follows` another one that ends there.
    Out {
        planned_90k: Option<u64>,
        follows: bool,
    },
    /// It lies in a break that began so long before.
    Continued {
        elapsed_90k: u64,
        planned_90k: Option<u64>,
    },
    /// A break ended before it.
    In,
}

impl CueTag {
    /// Reads one line back that was written of a tag; `None` when it is something else.
    pub(super) fn read(line: &str) -> Option<Self> {
        let optional = |text: &str| match text.strip_prefix(':') {
            Some(value) => Seconds::read(value).map(|Seconds(ticks)| Some(ticks)),
            None => text.is_empty().then_some(None),
        };
        if line == "#EXT-X-CUE-IN" {
            Some(Self::In)
        } else if let Some(value) = line.strip_prefix("#EXT-X-CUE-OUT-CONT:") {
            let (elapsed, planned) = match value.split_once('/') {
                Some((elapsed, planned)) => (elapsed, Some(Seconds::read(planned)?.0)),
                None => (value, None),
            };
            Some(Self::Continued {
                elapsed_90k: Seconds::read(elapsed)?.0,
                planned_90k: planned,
            })
        } else {
            let planned_90k = optional(line.strip_prefix("#EXT-X-CUE-OUT")?)?;
            Some(Self::Out {
                planned_90k,
                follows: false,
            })
        }
    }

    /// The same, behind the end of another break if it `follows` one in the same place.
    pub(super) const fn behind(self, follows: bool) -> Self {
        match self {
            Self::Out { planned_90k, .. } => Self::Out {
                planned_90k,
                follows,
            },
            Self::Continued { .. } | Self::In => self,
        }
    }

    /// How long the break has gone on and what was planned of it; `None` behind its end.
    pub(super) const fn break_so_far(self) -> Option<(u64, Option<u64>)> {
        match self {
            Self::Out { planned_90k, .. } => Some((0, planned_90k)),
            Self::Continued {
                elapsed_90k,
                planned_90k,
            } => Some((elapsed_90k, planned_90k)),
            Self::In => None,
        }
    }
}

impl Display for CueTag {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Out {
                planned_90k,
                follows,
            } => {
                if follows {
                    writeln!(text, "#EXT-X-CUE-IN")?;
                }
                write!(text, "#EXT-X-CUE-OUT")?;
                planned_90k.map_or(Ok(()), |planned| write!(text, ":{}", Seconds(planned)))
            }
            Self::Continued {
                elapsed_90k,
                planned_90k,
            } => {
                write!(text, "#EXT-X-CUE-OUT-CONT:{}", Seconds(elapsed_90k))?;
                planned_90k.map_or(Ok(()), |planned| write!(text, "/{}", Seconds(planned)))
            }
            Self::In => write!(text, "#EXT-X-CUE-IN"),
        }
    }
}
