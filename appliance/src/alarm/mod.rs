//! Alarms: what is wrong, since when, because of what, and what an operator has said of it. Pure.
//!
//! Once a second the [`Engine`] is given [`Measure`]s. Each is held against the [`Rule`] of its
//! [`Kind`]: an alarm is raised when it was bad for long enough, and cleared when it was good for
//! long enough (`hysteresis`); one that comes and goes stays raised (`flapping`); one that another
//! explains is hidden behind that (`cause`). What happens is a numbered [`Change`]. [`Record`] is
//! what outlives a restart.
//!
//! Source: RFC 8632 (life of an alarm, operator states), X.733 (severities, probable causes).
//! Refuses: I/O, clocks, and to measure anything.

mod amount;
mod cause;
mod change;
mod counters;
mod engine;
mod entry;
mod flapping;
mod hysteresis;
mod kind;
mod measure;
mod order;
mod record;
mod report;
mod resource;
mod rule;
mod severity;
#[cfg(test)]
mod tests;

pub use amount::{Amount, Unit};
pub use change::{Change, Event, HISTORY_MAX, History, TEXT_BYTES_MAX};
pub use counters::Counters;
pub use engine::{Engine, FOLLOWED_MAX, LISTED_MAX, Settings};
pub use kind::{Definition, Kind};
pub use measure::{Measure, Moment};
pub use order::{
    AUTHOR_BYTES_MAX, NOTE_BYTES_MAX, Operation, OperatorState, Order, OrderError, PERIOD_MAX,
    SHELVES_MAX, Verb,
};
pub use record::{Record, RecordError};
pub use report::{Alarm, EFFECTS_MAX, Effect, Report, Shelved, Suppressed};
pub use resource::{NoResource, Resource};
pub use rule::{Reading, Rule, Rules, Side};
pub use severity::Severity;
