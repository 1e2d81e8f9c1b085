//! The log: events with fields on standard error, and the latest of them in memory. Of one place in
//! the code no more is written than is kept.
//!
//! Refuses: the environment. What is logged depends on the command line alone.

use std::{io, sync::Arc};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};
use weir_hal::Clock;

use super::{Command, Terminal};
use crate::log;

/// Targets of the log that are ours; others speak from level `warn` up.
const OURS: [&str; 3] = ["weir", "weir_cache", "weir_hal"];

/// What warns of each datagram that it refuses, which anybody may send; they are counted.
const COUNTED: &str = "async_snmp";

/// What calls it an error, twice, that a manager does not acknowledge, or that none listens at its
/// address; the notifier tells of that itself, once, and counts it.
const TOLD: [&str; 2] = ["async_snmp::client", "async_snmp::transport"];

/// Starts the log, for the rest of the process. A second call changes nothing.
///
/// A daemon logs its life cycle (`info`), a tool only what is wrong (`warn`); each `verbose` adds
/// a level.
pub fn start_log(command: &Command, verbose: u8, clock: Arc<dyn Clock>, terminal: Terminal) {
    let level = match verbose.saturating_add(u8::from(command.is_daemon())) {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(OURS.map(|target| (target, level)))
        .with_target(COUNTED, LevelFilter::ERROR)
        .with_targets(TOLD.map(|target| (target, LevelFilter::OFF)));
    let format = fmt::format().with_target(command.is_daemon());
    let lines = fmt::layer()
        .event_format(log::Lines::new(format, Arc::clone(&clock)))
        .with_writer(io::stderr)
        .with_ansi(terminal.has_error_color());
    let kept = log::Layer::new(Arc::clone(log::of_process()), clock);
    let log = tracing_subscriber::registry();
    let log = log.with(lines).with(kept).with(targets);
    drop(log.try_init());
}
