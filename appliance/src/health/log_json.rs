//! The latest events of the log as JSON: `/api/v1/log`. Fields are only ever added to.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    health::json::{render, timestamp},
    log::{Event, Ring},
};

#[derive(Serialize)]
struct LogJson<'a> {
    events_total: u64,
    events_forgotten: u64,
    events_suppressed: u64,
    forwarded: u64,
    forwarding_missed: u64,
    forwarding_failures: u64,
    events: Vec<EventJson<'a>>,
}

#[derive(Serialize)]
struct EventJson<'a> {
    sequence: u64,
    time: String,
    level: &'static str,
    target: &'a str,
    message: &'a str,
    fields: BTreeMap<&'static str, &'a str>,
    suppressed_before: u64,
}

/// Renders what `ring` keeps, the oldest event first.
pub(super) fn log(ring: &Ring) -> Bytes {
    let counts = ring.counts();
    let events = ring.since(0);
    render(&LogJson {
        events_total: counts.events,
        events_forgotten: counts.events_forgotten,
        events_suppressed: counts.events_suppressed,
        forwarded: counts.forwarded,
        forwarding_missed: counts.forwarding_missed,
        forwarding_failures: counts.forwarding_failures,
        events: events.iter().map(|event| EventJson::of(event)).collect(),
    })
}

impl<'a> EventJson<'a> {
    fn of(event: &'a Event) -> Self {
        let fields = event.fields.iter();
        Self {
            sequence: event.sequence,
            time: timestamp(event.at),
            level: event.level.as_str(),
            target: event.target,
            message: &event.message,
            fields: fields
                .map(|(name, value)| (*name, value.as_str()))
                .collect(),
            suppressed_before: event.suppressed,
        }
    }
}
