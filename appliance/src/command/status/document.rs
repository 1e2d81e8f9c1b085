//! What a running appliance tells of itself, as far as `weir status` shows it.
//!
//! Refuses: nothing beyond JSON of the right types; a later version may tell more.

use hyper::StatusCode;
use serde::Deserialize;

use crate::command::management::{Management, ManagementError};

/// The views of `/api/v1` together.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) node: Node,
    pub(super) channels: Vec<Channel>,
    pub(super) origins: Vec<Origin>,
    pub(super) disks: Vec<Disk>,
    pub(super) nics: Vec<Nic>,
    /// Empty where a machine is booted from none, and of versions that do not tell it.
    pub(super) slots: Vec<Slot>,
    pub(super) alarms: Vec<Alarm>,
}

/// `status`
#[derive(Debug, Deserialize)]
pub(super) struct Node {
    #[serde(rename = "node")]
    pub(super) name: String,
    pub(super) version: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) time: String,
    pub(super) uptime_ms: u64,
    pub(super) input_bitrate_bps: u64,
    pub(super) output_bitrate_bps: u64,
    pub(super) cpu_usage_percent: Option<f64>,
    pub(super) http: Http,
    pub(super) cache: Cache,
}

/// `http` of it, as far as it tells of hits.
#[derive(Debug, Deserialize)]
pub(super) struct Http {
    pub(super) requests: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

/// `cache` of it.
#[derive(Debug, Deserialize)]
pub(super) struct Cache {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) bytes_max: u64,
    pub(super) is_offline: u64,
    pub(super) read_errors: u64,
    pub(super) write_errors: u64,
}

/// One of `channels`.
#[derive(Debug, Deserialize)]
pub(super) struct Channel {
    #[serde(rename = "channel")]
    pub(super) name: String,
    pub(super) renditions: Vec<Rendition>,
}

/// One of `renditions`.
#[derive(Debug, Deserialize)]
pub(super) struct Rendition {
    #[serde(rename = "rendition")]
    pub(super) name: String,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) bitrate_bps: u64,
    pub(super) segment_age_ms: Option<u64>,
    /// Absent in versions that do not tell it.
    pub(super) continuity_count_error_last_minute: Option<u64>,
}

/// One of `origins`.
#[derive(Debug, Deserialize)]
pub(super) struct Origin {
    #[serde(rename = "origin")]
    pub(super) name: String,
    pub(super) endpoints: Vec<Endpoint>,
}

/// One of `endpoints`.
#[derive(Debug, Deserialize)]
pub(super) struct Endpoint {
    #[serde(rename = "endpoint")]
    pub(super) name: String,
    pub(super) state: String,
    pub(super) connections: u64,
    pub(super) first_byte_ms_p95: Option<f64>,
}

/// One of `disks`.
#[derive(Debug, Deserialize)]
pub(super) struct Disk {
    #[serde(rename = "disk")]
    pub(super) name: String,
    pub(super) purpose: String,
    pub(super) bytes_total: Option<u64>,
    pub(super) bytes_free: Option<u64>,
}

/// One of `nics`.
#[derive(Debug, Deserialize)]
pub(super) struct Nic {
    #[serde(rename = "nic")]
    pub(super) name: String,
    pub(super) operational_status: String,
    pub(super) speed_bps: Option<u64>,
    pub(super) duplex: Option<String>,
    pub(super) statistics: NicStatistics,
}

/// `statistics` of it.
#[derive(Debug, Deserialize)]
pub(super) struct NicStatistics {
    pub(super) rx_errors: u64,
    pub(super) rx_dropped: u64,
    pub(super) carrier_changes: u64,
}

/// One of `slots`.
#[derive(Debug, Deserialize)]
pub(super) struct Slot {
    #[serde(rename = "slot")]
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) state: String,
    pub(super) is_running: u64,
    pub(super) tries_left: Option<u64>,
}

/// One of `active` of the alarms, the worst first.
#[derive(Debug, Deserialize)]
pub(super) struct Alarm {
    #[serde(rename = "alarm")]
    pub(super) name: String,
    pub(super) resource: String,
    pub(super) severity: String,
    pub(super) since: String,
    pub(super) text: String,
    pub(super) remedy: String,
    /// The alarm that it is an effect of.
    pub(super) cause: Option<u64>,
    pub(super) operator: Option<Operation>,
}

/// What an operator has said of an alarm.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) state: String,
}

impl Alarm {
    /// Whether somebody should act on it: it is no effect, and nobody has put it aside.
    pub(super) fn is_open_root(&self) -> bool {
        let state = self.operator.as_ref().map(|it| it.state.as_str());
        self.cause.is_none() && !matches!(state, Some("closed" | "shelved"))
    }
}

#[derive(Debug, Deserialize)]
struct Channels {
    channels: Vec<Channel>,
}

#[derive(Debug, Deserialize)]
struct Origins {
    origins: Vec<Origin>,
}

#[derive(Debug, Deserialize)]
struct Disks {
    disks: Vec<Disk>,
}

#[derive(Debug, Deserialize)]
struct Nics {
    nics: Vec<Nic>,
}

#[derive(Debug, Default, Deserialize)]
struct Slots {
    slots: Vec<Slot>,
}

#[derive(Debug, Deserialize)]
struct Alarms {
    active: Vec<Alarm>,
}

impl Document {
    /// Asks for all views.
    ///
    /// # Errors
    /// [`ManagementError`] when one of them is not to be had.
    pub(super) async fn ask(management: &Management) -> Result<Self, ManagementError> {
        let Channels { channels } = management.read_json("/api/v1/channels").await?;
        let Origins { origins } = management.read_json("/api/v1/origins").await?;
        let Disks { disks } = management.read_json("/api/v1/disks").await?;
        let Nics { nics } = management.read_json("/api/v1/nics").await?;
        let Slots { slots } = or_none(management.read_json("/api/v1/slots").await)?;
        let Alarms { active } = management.read_json("/api/v1/alarms").await?;
        Ok(Self {
            node: management.read_json(super::PATH).await?,
            channels,
            origins,
            disks,
            nics,
            slots,
            alarms: active,
        })
    }
}

/// What was answered, or nothing where there is no such view.
fn or_none<T: Default>(answer: Result<T, ManagementError>) -> Result<T, ManagementError> {
    match answer {
        Err(ManagementError::Refused {
            status: StatusCode::NOT_FOUND,
            ..
        }) => Ok(T::default()),
        answer => answer,
    }
}
