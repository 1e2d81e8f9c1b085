//! Measures a transport stream: services, PIDs, bitrates, PCRs and the checks of TR 101 290.
//!
//! Source: ETSI TR 101 290 v1.4.1; ISO/IEC 13818-1; EN 300 468. Pure: the time of each packet is
//! an argument, the kernel's for a live stream, [`PcrClock`]'s for a file.
//!
//! An absence counts once, however long it lasts. From a packet with `transport_error_indicator`
//! and from a section with a wrong `CRC_32` nothing else is derived.

mod accuracy;
mod analyzer;
mod bitrate;
mod catalog;
mod clock;
mod content;
mod continuity;
mod figures;
#[cfg(test)]
pub(crate) mod generator;
mod indicator;
#[cfg(test)]
mod matrix;
mod media_rate;
mod pcr;
mod pid_table;
mod recurrence;
mod report;
mod second;
mod si;
#[cfg(test)]
mod tests;
mod text;

pub use analyzer::Analyzer;
pub use bitrate::BitrateAverage;
pub use clock::{PcrClock, PcrPoint, PcrSurvey};
pub use figures::{Figures, PidFigures};
pub use indicator::{Indicator, Indicators, Priority};
pub use report::{AbsentPid, LimitsReport, PcrReport, PidReport, Report, ServiceReport};
pub use second::Counters;
pub(crate) use text::is_shown;
