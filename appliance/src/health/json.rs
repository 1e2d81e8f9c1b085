//! A snapshot as JSON for the fleet: `/api/health`.
//!
//! It is a contract of Weir, whose fields are only ever added to. Rates and shares are numbers of
//! one decimal; what could not be read is `null`, never zero.

use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use weir_hal::{SlotTable, SlotVersion, Wall};

use crate::{
    fetch::{
        pull::RouteReport,
        tiers::{EndpointReport, OriginReport},
    },
    health::{
        ChannelSnapshot, RenditionSnapshot, Snapshot,
        alarm_json::AlarmCounts,
        api::{Cells, groups, part},
        table::Entity,
    },
    ladder::Finding,
};

/// The version of the appliance.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Renders the body of `/api/health`.
pub(super) fn api_health(name: &str, snapshot: &Snapshot) -> Bytes {
    let node = snapshot.told(name);
    render(&ApiHealth {
        status: snapshot.status().as_str(),
        reason: snapshot.reason(),
        channels_active: snapshot.channels_active(),
        channels_total: snapshot.channels.len(),
        output_bitrate_mbps: mbps(snapshot.output_bitrate_bps),
        input_bitrate_mbps: mbps(snapshot.input_bitrate_bps()),
        cpu_usage_percent: snapshot.cpu_usage_percent.map(one_decimal),
        disk_usage_percent: snapshot.disk_usage_percent.map(one_decimal),
        node: name,
        version: VERSION,
        time: timestamp(snapshot.taken),
        uptime_seconds: snapshot.uptime.as_secs(),
        channels: each(&snapshot.channels, node, "channels")
            .map(|(channel, told)| ChannelHealth::of(channel, told, snapshot.taken))
            .collect(),
        alarms: AlarmCounts::of(&snapshot.alarms),
        origins: each(&snapshot.origins, node, "origins")
            .map(|(origin, told)| OriginHealth::of(origin, told))
            .collect(),
        routes: each(&snapshot.routes, node, "routes")
            .map(|(route, told)| RouteHealth::of(route, told))
            .collect(),
        slots: snapshot
            .slots
            .as_ref()
            .map(slots_health)
            .unwrap_or_default(),
        groups: Groups(node),
    })
}

/// Parts of a snapshot, each with what the table tells of it.
fn each<'a, T>(
    parts: &'a [T],
    whole: &'a Entity,
    plural: &str,
) -> impl Iterator<Item = (&'a T, &'a Entity)> {
    parts.iter().zip(part(whole, plural))
}

#[derive(Serialize)]
struct ApiHealth<'a> {
    status: &'static str,
    reason: String,
    channels_active: usize,
    channels_total: usize,
    output_bitrate_mbps: f64,
    input_bitrate_mbps: f64,
    cpu_usage_percent: Option<f64>,
    disk_usage_percent: Option<f64>,
    node: &'a str,
    version: &'static str,
    time: String,
    uptime_seconds: u64,
    channels: Vec<ChannelHealth<'a>>,
    alarms: AlarmCounts,
    origins: Vec<OriginHealth<'a>>,
    routes: Vec<RouteHealth<'a>>,
    slots: Vec<SlotHealth<'a>>,
    #[serde(flatten)]
    groups: Groups<'a>,
}

#[derive(Serialize)]
struct SlotHealth<'a> {
    slot: &'static str,
    version: Option<&'a str>,
    state: &'static str,
    is_running: bool,
}

/// Both slots.
fn slots_health(table: &SlotTable) -> Vec<SlotHealth<'_>> {
    let slots = table.slots.iter().map(|slot| SlotHealth {
        slot: slot.name.as_str(),
        version: slot.version.as_ref().map(SlotVersion::as_str),
        state: slot.state.as_str(),
        is_running: slot.name == table.running,
    });
    slots.collect()
}

#[derive(Serialize)]
struct RouteHealth<'a> {
    path: &'a str,
    counters: Merged<'a>,
}

impl<'a> RouteHealth<'a> {
    fn of(route: &'a RouteReport, told: &'a Entity) -> Self {
        Self {
            path: &route.path,
            counters: Merged(told),
        }
    }
}

#[derive(Serialize)]
struct OriginHealth<'a> {
    name: &'a str,
    counters: Merged<'a>,
    endpoints: Vec<EndpointHealth<'a>>,
}

impl<'a> OriginHealth<'a> {
    fn of(origin: &'a OriginReport, told: &'a Entity) -> Self {
        Self {
            name: &origin.name,
            counters: Merged(told),
            endpoints: each(&origin.endpoints, told, "endpoints")
                .map(|(endpoint, told)| EndpointHealth::of(endpoint, told))
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct EndpointHealth<'a> {
    url: &'a str,
    state: &'static str,
    connections: usize,
    round_trip_ms: Option<f64>,
    first_byte_ms_p50: Option<f64>,
    first_byte_ms_p95: Option<f64>,
    first_byte_ms_p99: Option<f64>,
    counters: Merged<'a>,
}

impl<'a> EndpointHealth<'a> {
    fn of(endpoint: &'a EndpointReport, told: &'a Entity) -> Self {
        let [p50, p95, p99] = endpoint.first_byte.map(|time| time.map(milliseconds));
        Self {
            url: &endpoint.url,
            state: endpoint.state,
            connections: endpoint.connections,
            round_trip_ms: endpoint.round_trip.map(milliseconds),
            first_byte_ms_p50: p50,
            first_byte_ms_p95: p95,
            first_byte_ms_p99: p99,
            counters: Merged(told),
        }
    }
}

#[derive(Serialize)]
struct ChannelHealth<'a> {
    id: &'a str,
    name: &'a str,
    status: &'static str,
    alignment: AlignmentHealth,
    findings: Vec<FindingHealth<'a>>,
    renditions: Vec<RenditionHealth<'a>>,
    counters: Merged<'a>,
}

impl<'a> ChannelHealth<'a> {
    fn of(channel: &'a ChannelSnapshot, told: &'a Entity, taken: Wall) -> Self {
        Self {
            id: &channel.id,
            name: &channel.name,
            status: channel.status().as_str(),
            alignment: AlignmentHealth {
                state: channel.ladder.alignment.as_str(),
                reason: channel.ladder.alignment.to_string(),
            },
            findings: channel
                .ladder
                .findings
                .iter()
                .map(FindingHealth::of)
                .collect(),
            renditions: each(&channel.renditions, told, "renditions")
                .map(|(rendition, told)| RenditionHealth::of(rendition, told, taken))
                .collect(),
            counters: Merged(told),
        }
    }
}

#[derive(Serialize)]
struct AlignmentHealth {
    state: &'static str,
    reason: String,
}

#[derive(Serialize)]
struct FindingHealth<'a> {
    name: &'static str,
    since: String,
    reason: &'a str,
}

impl<'a> FindingHealth<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            name: finding.check.as_str(),
            since: timestamp(finding.since),
            reason: &finding.reason,
        }
    }
}

#[derive(Serialize)]
struct RenditionHealth<'a> {
    name: &'a str,
    state: &'static str,
    reason: String,
    source: &'a str,
    bitrate_mbps: f64,
    segment_age_seconds: Option<f64>,
    last_datagram_age_seconds: Option<f64>,
    counters: Groups<'a>,
}

impl<'a> RenditionHealth<'a> {
    fn of(rendition: &'a RenditionSnapshot, told: &'a Entity, taken: Wall) -> Self {
        let report = &rendition.report;
        let age = |moment: Wall| seconds(report.seen(taken).since(moment));
        Self {
            name: &rendition.name,
            state: report.state.as_str(),
            reason: report.state.to_string(),
            source: &report.source,
            bitrate_mbps: mbps(report.bitrate_bps),
            segment_age_seconds: report.last_segment.map(age),
            last_datagram_age_seconds: report.last_datagram.map(age),
            counters: Groups(told),
        }
    }
}

/// The groups of a thing, an object each; one that it is without is left out.
struct Groups<'a>(&'a Entity);

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(named_groups(self.0))
    }
}

/// The groups of a thing in one object.
struct Merged<'a>(&'a Entity);

impl Serialize for Merged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells = named_groups(self.0).flat_map(|(_, cells)| cells.0.iter().zip(cells.1));
        serializer.collect_map(cells.map(|(row, value)| (row.name, value)))
    }
}

fn named_groups(thing: &Entity) -> impl Iterator<Item = (&'static str, Cells<'_>)> {
    groups(thing).filter_map(|(group, cells)| Some((group.name?, cells?)))
}

/// Renders `value` as the body of an answer, without blanks: they would be half of it, and what
/// many ask for every second is read by programs.
pub(super) fn render(value: &impl Serialize) -> Bytes {
    let mut json = serde_json::to_vec(value).expect("every key here is text");
    json.push(b'\n');
    Bytes::from(json)
}

/// Megabits a second, to one decimal.
pub(super) fn mbps(bitrate_bps: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "one decimal of a megabit is kept"
    )]
    let bitrate_bps = bitrate_bps as f64;
    one_decimal(bitrate_bps / 1e6)
}

/// Seconds, to one decimal.
pub(super) fn seconds(time: Duration) -> f64 {
    one_decimal(time.as_secs_f64())
}

/// Milliseconds, to one decimal.
fn milliseconds(time: Duration) -> f64 {
    one_decimal(time.as_secs_f64() * 1e3)
}

pub(super) fn one_decimal(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// RFC 3339, to the millisecond, as all times are told.
pub(crate) fn timestamp(wall: Wall) -> String {
    let milliseconds = i64::try_from(wall.as_nanos() / 1_000_000).ok();
    let moment = milliseconds.and_then(|it| jiff::Timestamp::from_millisecond(it).ok());
    format!("{:.3}", moment.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use weir_hal::SlotName;

    use super::*;
    use crate::{
        fetch::{exchange, tiers::TierCounters},
        health::snapshot::tests::snapshot,
        ladder::{self, Alignment, Check, Deviation},
        live::State,
    };

    fn parse(json: &Bytes) -> Value {
        serde_json::from_slice(json).expect("JSON")
    }

    #[test]
    fn an_age_is_that_when_its_rendition_was_looked_at_unless_that_is_long_ago() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        let ago = |ms: u64| Wall::from_nanos(snapshot.taken.as_nanos() - ms * 1_000_000);
        for (at, last, age) in [(900, 905, 0.0), (900, 3_000, 2.1), (2_500, 2_505, 2.5)] {
            let report = Arc::make_mut(&mut snapshot.channels[0].renditions[0].report);
            (report.at, report.last_datagram) = (ago(at), Some(ago(last)));
            snapshot.told = crate::health::table::Told::default();
            let body = parse(&api_health("edge-1", &snapshot));
            let rendition = &body["channels"][0]["renditions"][0];
            assert_eq!(
                rendition["last_datagram_age_seconds"],
                json!(age),
                "{last} ms"
            );
        }
    }

    #[test]
    fn tells_the_fleet_what_the_contract_says() {
        let snapshot = snapshot(&[&[State::OnAir, State::Silent], &[State::Waiting]]);
        let body = parse(&api_health("edge-1", &snapshot));
        for (field, value) in [
            ("status", json!("degraded")),
            ("reason", json!("1 of 2 channels on air")),
            ("channels_active", json!(1)),
            ("channels_total", json!(2)),
            ("output_bitrate_mbps", json!(12.3)),
            ("input_bitrate_mbps", json!(6.1)),
            ("cpu_usage_percent", json!(12.3)),
            ("disk_usage_percent", json!(null)),
            ("node", json!("edge-1")),
            ("time", json!("2023-11-14T22:13:24.250Z")),
            ("uptime_seconds", json!(90)),
        ] {
            assert_eq!(body[field], value, "{field}");
        }
        let rendition = &body["channels"][0]["renditions"][1];
        assert_eq!(rendition["state"], "silent");
        assert_eq!(rendition["reason"], State::Silent.to_string());
        assert_eq!(rendition["bitrate_mbps"], json!(2.0));
        assert_eq!(rendition["segment_age_seconds"], json!(4.3));
        assert_eq!(rendition["last_datagram_age_seconds"], json!(null));
        assert_eq!(rendition["counters"]["receive"]["datagrams"], json!(0));
        assert_eq!(body["channels"][1]["counters"]["bytes_sent"], json!(0));
        assert_eq!(body["http"]["requests"], json!(0));
        assert_eq!(body["cache"]["objects"], json!(0));
    }

    #[test]
    fn tells_whether_renditions_are_aligned_and_what_is_wrong_with_the_ladder() {
        let mut snapshot = snapshot(&[&[State::OnAir, State::OnAir]]);
        let since = Wall::from_nanos(1_700_000_000_000_000_000);
        snapshot.channels[0].ladder = Arc::new(ladder::Report {
            alignment: Alignment::Drifting {
                since,
                renditions: vec![("HD_5M".to_owned(), Deviation::Off { off_90k: -43_200 })],
            },
            findings: vec![Finding {
                check: Check::RungMissing,
                since,
                reason: "SD_1M is not there".to_owned(),
            }],
            counters: ladder::Counters {
                segments_unaligned: 7,
                ..ladder::Counters::default()
            },
        });
        let body = parse(&api_health("edge-1", &snapshot));
        let channel = &body["channels"][0];
        assert_eq!(channel["alignment"]["state"], "drifting");
        let reason = channel["alignment"]["reason"].as_str().unwrap_or_default();
        assert!(
            reason.starts_with("drifting since 2023-11-14T22:13:20Z: HD_5M is 0.48 s off"),
            "{reason}"
        );
        let finding = json!({
            "name": "rung_missing",
            "since": "2023-11-14T22:13:20.000Z",
            "reason": "SD_1M is not there",
        });
        assert_eq!(channel["findings"], json!([finding]));
        assert_eq!(channel["counters"]["segments_unaligned"], json!(7));
        assert_eq!(channel["counters"]["hits"], json!(0));
    }

    #[test]
    fn tells_of_the_slots_of_a_machine_that_has_some() {
        let mut snapshot = snapshot(&[]);
        let slots = |snapshot: &Snapshot| parse(&api_health("edge-1", snapshot))["slots"].clone();
        assert_eq!(slots(&snapshot), json!([]));
        let names = ["weir_1.1.0_a.efi", "weir_1.2.0_b+0-3.efi"];
        snapshot.slots = Some(SlotTable::of_names(SlotName::A, names));
        let expected = json!([
            { "slot": "a", "version": "1.1.0", "state": "good", "is_running": true },
            { "slot": "b", "version": "1.2.0", "state": "bad", "is_running": false },
        ]);
        assert_eq!(slots(&snapshot), expected);
    }

    #[test]
    fn tells_of_each_origin_and_each_of_its_urls() {
        let endpoint = EndpointReport {
            url: "http://midcache".to_owned(),
            state: "open",
            round_trip: Some(Duration::from_micros(1_260)),
            first_byte: [Some(Duration::from_millis(12)), None, None],
            connections: 3,
            trouble: None,
            counters: exchange::Counters {
                requests: 7,
                failures_connect: 5,
                ..exchange::Counters::default()
            },
        };
        let origin = OriginReport {
            name: "midcache".to_owned(),
            counters: TierCounters {
                budget_exhausted: 2,
                ..TierCounters::default()
            },
            endpoints: vec![endpoint],
        };
        let mut snapshot = snapshot(&[]);
        snapshot.origins = vec![origin];
        let body = parse(&api_health("edge-1", &snapshot));
        let origin = &body["origins"][0];
        assert_eq!(origin["name"], "midcache");
        assert_eq!(origin["counters"]["budget_exhausted"], json!(2));
        let endpoint = &origin["endpoints"][0];
        for (field, value) in [
            ("url", json!("http://midcache")),
            ("state", json!("open")),
            ("connections", json!(3)),
            ("round_trip_ms", json!(1.3)),
            ("first_byte_ms_p50", json!(12.0)),
            ("first_byte_ms_p99", json!(null)),
        ] {
            assert_eq!(endpoint[field], value, "{field}");
        }
        assert_eq!(endpoint["counters"]["requests"], json!(7));
        assert_eq!(endpoint["counters"]["failures_connect"], json!(5));
    }
}
