//! How the appliance is: one snapshot a second, and every surface that shows it over HTTP.
//!
//! A [`Sampler`] reads counters and gauges into a [`Snapshot`]; JSON, metrics, page and probes are
//! projections of it, so they cannot disagree, and polling them never touches the data path.
//! Everything that may be told stands in one `table`, of which `/metrics`, `/api/v1` and the
//! description of that are made. [`Health`] answers on the management listener, behind the same
//! `serve::Server` as the data listener.
//!
//! Source: draft-inadarei-api-health-check-06 (`/healthz`); Content Security Policy Level 3.
//! Refuses: history, and any page that would make a browser ask another host than this box.

mod agent_check;
mod alarm_answer;
mod alarm_json;
mod alarms;
mod api;
mod asset;
mod door;
mod endpoint;
mod events;
mod feeds;
mod gate;
mod healthz;
mod integration;
mod json;
mod last_minute;
mod log_json;
mod management;
mod measures;
mod metrics;
mod nics;
mod openapi;
mod order_form;
mod pages;
mod player;
mod querier;
mod reception;
mod recording;
mod request_source;
mod retold;
mod sampler;
mod slots;
mod snapshot;
mod sources;
#[cfg(test)]
pub(crate) mod surface_tests;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod window;
mod write_pace;

pub use agent_check::AgentCheck;
pub use alarms::{AlarmSettings, Alarms};
pub(crate) use api::part;
pub use events::{CounterCells as EventCounterCells, Counters as EventCounters, Events};
pub use integration::{Integration, integrations};
pub(crate) use json::VERSION;
pub use management::{Health, Settings};
pub use sampler::{Sampler, Watched};
#[cfg(test)]
pub(crate) use snapshot::tests as snapshot_tests;
pub use snapshot::{
    CertificateEnd, ChannelSnapshot, DiskSnapshot, RenditionSnapshot, Snapshot, Status,
};
