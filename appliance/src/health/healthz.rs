//! A snapshot as `/healthz`, for supervisors and whoever polls many boxes.
//!
//! A critical alarm fails the box while it is bad, any other that somebody should act on warns, and
//! so does a channel that is not whole. Each check has the state of what it is of, and what is
//! wrong with it in words; one that nobody can read is `unknown`.
//!
//! Source: draft-inadarei-api-health-check-06 §3, §4.
//! Refuses: a number in place of one that is not known.
//!
//! # Limits
//! A check for each channel, origin, interface, slot and file system, of 160 bytes or so.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use weir_hal::SlotState;

use crate::{
    alarm::{Alarm, Kind, Resource, Severity},
    health::{
        ChannelSnapshot, Snapshot, Status,
        alarm_json::AlarmCounts,
        json::{VERSION, one_decimal, render, seconds, timestamp},
    },
};

/// Alarms that are named one by one.
const ROOTS_MAX: usize = 8;

/// How well something is, in the words of the draft; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// All is well.
    Pass,
    /// Nobody can tell.
    Unknown,
    /// Somebody should look.
    Warn,
    /// It does not do what it is for.
    Fail,
}

impl Verdict {
    /// That of the whole box.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let alarms = snapshot.alarms.roots().map(Self::of_alarm);
        let worst = alarms.max().unwrap_or(Self::Pass);
        worst.max(Self::of_status(snapshot.status()))
    }

    const fn of_status(status: Status) -> Self {
        match status {
            Status::Ok => Self::Pass,
            Status::Degraded => Self::Warn,
            Status::Failed => Self::Fail,
        }
    }

    const fn of_alarm(alarm: &Alarm) -> Self {
        match alarm.severity {
            Severity::Critical if !alarm.is_damped && !alarm.is_over => Self::Fail,
            Severity::Critical | Severity::Major | Severity::Minor | Severity::Warning => {
                Self::Warn
            }
            Severity::Cleared => Self::Pass,
        }
    }
}

/// Renders the body.
pub(super) fn healthz(node: &str, snapshot: &Snapshot) -> Bytes {
    render(&Healthz {
        status: Verdict::of(snapshot),
        version: VERSION,
        service_id: node,
        time: timestamp(snapshot.taken),
        output: output(snapshot),
        checks: Checks::of(snapshot).0,
        alarms: AlarmCounts::of(&snapshot.alarms),
    })
}

/// Why the status is what it is, and what is behind it.
fn output(snapshot: &Snapshot) -> String {
    let mut causes = snapshot.further_causes();
    let omitted = causes.len().saturating_sub(ROOTS_MAX);
    causes.truncate(ROOTS_MAX);
    if omitted > 0 {
        causes.push(format!("{omitted} more alarms"));
    }
    causes.insert(0, snapshot.reason());
    causes.join("; ")
}

#[derive(Serialize)]
struct Healthz<'a> {
    status: Verdict,
    version: &'static str,
    #[serde(rename = "serviceId")]
    service_id: &'a str,
    time: String,
    output: String,
    checks: BTreeMap<&'static str, Vec<Check>>,
    alarms: AlarmCounts,
}

/// One reading of one part.
#[derive(Serialize)]
struct Check {
    #[serde(rename = "componentId")]
    component_id: String,
    #[serde(rename = "componentType")]
    component_type: &'static str,
    #[serde(rename = "observedValue", skip_serializing_if = "Value::is_null")]
    observed_value: Value,
    #[serde(rename = "observedUnit", skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'static str>,
    status: Verdict,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

/// All checks by component and measurement.
struct Checks(BTreeMap<&'static str, Vec<Check>>);

impl Checks {
    fn of(snapshot: &Snapshot) -> Self {
        let mut checks = Self(BTreeMap::new());
        for channel in &snapshot.channels {
            let age = segment_age(channel, snapshot);
            let status = Verdict::of_status(channel.status());
            let of = Of::new("channel:segmentAge", &channel.id, "component");
            checks.add(snapshot, &of.in_unit("s"), (json!(age), status), &|it| {
                is_of_channel(&it.resource, &channel.id)
            });
        }
        for origin in &snapshot.origins {
            let usable = origin.endpoints.iter().filter(|it| it.state == "closed");
            let of = Of::new("origin:endpointsUsable", &origin.name, "datastore");
            let read = (json!(usable.count()), Verdict::Pass);
            checks.add(snapshot, &of, read, &|it| {
                it.resource == Resource::Origin(origin.name.as_str().into())
            });
        }
        for nic in &snapshot.nics {
            let of = Of::new("interface:operationalStatus", &nic.name, "system");
            let read = (json!(nic.operational_status.as_str()), Verdict::Pass);
            checks.add(snapshot, &of, read, &|it| {
                it.resource == Resource::Nic(nic.name.as_str().into())
            });
        }
        checks.add_slots(snapshot);
        checks.add_machine(snapshot);
        checks
    }

    fn add_slots(&mut self, snapshot: &Snapshot) {
        for slot in snapshot.slots.iter().flat_map(|table| &table.slots) {
            let of = Of::new("slot:state", slot.name.as_str(), "system");
            let status = match slot.state {
                SlotState::Unknown => Verdict::Unknown,
                SlotState::Good
                | SlotState::Trial(_)
                | SlotState::Bad { .. }
                | SlotState::Empty => Verdict::Pass,
            };
            let read = (json!(slot.state.as_str()), status);
            self.add(snapshot, &of, read, &|it| {
                it.resource == Resource::Slot(slot.name.as_str().into())
            });
        }
    }

    /// What there is one of.
    fn add_machine(&mut self, snapshot: &Snapshot) {
        let of_clock = |it: &Alarm| it.kind == Kind::ClockUnsynchronised;
        let of_node = |it: &Alarm| it.resource == Resource::Node && !of_clock(it);
        let cpu = known(snapshot.cpu_usage_percent.map(one_decimal));
        let cpu_of = Of::new("cpu:utilization", "cpu", "system").in_unit("percent");
        self.add(snapshot, &cpu_of, cpu, &|_| false);
        let disk = known(snapshot.disk_usage_percent.map(one_decimal));
        let disk_of = Of::new("disk:utilization", "cache", "datastore").in_unit("percent");
        self.add(snapshot, &disk_of, disk, &|it| {
            matches!(it.resource, Resource::Disk | Resource::Store)
        });
        let offset = snapshot.clock_discipline.and_then(|it| it.offset);
        let offset = known(offset.map(|it| it.as_secs_f64()));
        let clock_of = Of::new("time:offset", "clock", "system").in_unit("s");
        self.add(snapshot, &clock_of, offset, &of_clock);
        let uptime = (json!(snapshot.uptime.as_secs()), Verdict::Pass);
        let node_of = Of::new("uptime", "node", "system").in_unit("s");
        self.add(snapshot, &node_of, uptime, &of_node);
    }

    /// Adds one, which is as bad as what was read and as all alarms of what it is of.
    fn add(
        &mut self,
        snapshot: &Snapshot,
        of: &Of<'_>,
        (observed_value, status): (Value, Verdict),
        is_of: &dyn Fn(&Alarm) -> bool,
    ) {
        let alarms = snapshot.alarms.roots().filter(|it| is_of(it));
        let alarms: Vec<&Alarm> = alarms.collect();
        let worst = alarms.iter().map(|it| Verdict::of_alarm(it));
        let output = alarms.first().map(|it| it.text.clone());
        self.0.entry(of.measurement).or_default().push(Check {
            component_id: of.component.to_owned(),
            component_type: of.kind,
            observed_value,
            observed_unit: of.unit,
            status: worst.fold(status, Verdict::max),
            time: timestamp(snapshot.taken),
            output,
        });
    }
}

/// What a check is of.
struct Of<'a> {
    measurement: &'static str,
    component: &'a str,
    kind: &'static str,
    unit: Option<&'static str>,
}

impl<'a> Of<'a> {
    const fn new(measurement: &'static str, component: &'a str, kind: &'static str) -> Self {
        Self {
            measurement,
            component,
            kind,
            unit: None,
        }
    }

    const fn in_unit(self, unit: &'static str) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }
}

/// A reading, or that there is none.
fn known(reading: Option<f64>) -> (Value, Verdict) {
    let status = reading.map_or(Verdict::Unknown, |_| Verdict::Pass);
    (json!(reading), status)
}

/// Seconds since a segment of each rendition was listed, of the one that waits for the longest.
fn segment_age(channel: &ChannelSnapshot, snapshot: &Snapshot) -> Option<f64> {
    let ages = channel.renditions.iter().filter_map(|it| {
        let seen = it.report.seen(snapshot.taken);
        it.report.last_segment.map(|last| seen.since(last))
    });
    ages.max().map(seconds)
}

fn is_of_channel(resource: &Resource, id: &str) -> bool {
    match resource {
        Resource::Channel(channel)
        | Resource::Rendition { channel, .. }
        | Resource::Source { channel, .. } => **channel == *id,
        Resource::Node
        | Resource::Disk
        | Resource::Store
        | Resource::Nic(_)
        | Resource::Origin(_)
        | Resource::Slot(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weir_hal::{SlotName, SlotTable, Wall};

    use super::*;
    use crate::{alarm, health::snapshot::tests::snapshot, live::State};

    fn parse(snapshot: &Snapshot) -> Value {
        serde_json::from_slice(&healthz("edge-1", snapshot)).expect("JSON")
    }

    fn alarm(kind: Kind, resource: &str, severity: Severity) -> Alarm {
        Alarm {
            id: 1,
            kind,
            resource: resource.parse().expect("a resource"),
            severity,
            since: Wall::default(),
            text: "it is bad".to_owned(),
            cause: None,
            affected: 0,
            is_flapping: false,
            is_damped: false,
            is_over: false,
            operation: None,
        }
    }

    #[test]
    fn tells_supervisors_in_their_words() {
        for (state, status) in [(State::OnAir, "pass"), (State::Silent, "fail")] {
            let body = parse(&snapshot(&[&[state]]));
            assert_eq!(body["status"], status);
            assert_eq!(body["serviceId"], "edge-1");
        }
    }

    #[test]
    fn fails_with_a_critical_alarm_and_warns_with_any_other() {
        use Severity::{Critical, Major, Minor, Warning};
        for (severity, status) in [
            (Critical, "fail"),
            (Major, "warn"),
            (Minor, "warn"),
            (Warning, "warn"),
        ] {
            let mut snapshot = snapshot(&[&[State::OnAir]]);
            let alarms = vec![alarm(Kind::DiskFull, "disk", severity)];
            snapshot.alarms = Arc::new(alarm::Report {
                alarms,
                ..alarm::Report::default()
            });
            let body = parse(&snapshot);
            assert_eq!(body["status"], status, "{severity:?}");
            assert_eq!(snapshot.status(), Status::Degraded);
            assert_eq!(body["alarms"][severity.as_str()], 1);
            let check = &body["checks"]["disk:utilization"][0];
            assert_eq!(check["status"], status);
            assert_eq!(check["output"], "it is bad");
        }
    }

    #[test]
    fn warns_while_what_is_critical_comes_and_goes_and_is_over_for_now() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        let alarms = vec![Alarm {
            is_flapping: true,
            is_damped: true,
            ..alarm(Kind::DiskFull, "disk", Severity::Critical)
        }];
        snapshot.alarms = Arc::new(alarm::Report {
            alarms,
            ..alarm::Report::default()
        });
        assert_eq!(parse(&snapshot)["status"], "warn");
    }

    #[test]
    fn warns_while_what_is_over_waits_to_be_acknowledged() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        let alarms = vec![Alarm {
            is_over: true,
            ..alarm(Kind::DiskError, "store", Severity::Critical)
        }];
        snapshot.alarms = Arc::new(alarm::Report {
            alarms,
            ..alarm::Report::default()
        });
        assert_eq!(parse(&snapshot)["status"], "warn");
    }

    #[test]
    fn each_part_has_a_check_with_what_was_read_and_what_is_unknown_is_no_number() {
        let body = parse(&snapshot(&[
            &[State::OnAir],
            &[State::OnAir, State::Silent],
        ]));
        let channels = &body["checks"]["channel:segmentAge"];
        let whole = json!({
            "componentId": "CH_0",
            "componentType": "component",
            "observedValue": 4.3,
            "observedUnit": "s",
            "status": "pass",
            "time": "2023-11-14T22:13:24.250Z",
        });
        assert_eq!(channels[0], whole);
        assert_eq!(channels[1]["status"], "warn");
        let disk = &body["checks"]["disk:utilization"][0];
        assert_eq!(disk["status"], "unknown");
        assert_eq!(disk.get("observedValue"), None);
        assert_eq!(body["checks"]["cpu:utilization"][0]["observedValue"], 12.3);
    }

    #[test]
    fn a_clock_that_nothing_sets_is_the_check_of_the_clock_alone() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        snapshot.clock_discipline = Some(weir_hal::ClockDiscipline { offset: None });
        let check = |snapshot: &Snapshot, name: &str| parse(snapshot)["checks"][name][0].clone();
        assert_eq!(check(&snapshot, "time:offset")["status"], "unknown");
        let kind = Kind::ClockUnsynchronised;
        let alarms = vec![alarm(kind, "node", Severity::Major)];
        snapshot.alarms = Arc::new(alarm::Report {
            alarms,
            ..alarm::Report::default()
        });
        let clock = check(&snapshot, "time:offset");
        assert_eq!(
            (&clock["status"], &clock["output"]),
            (&json!("warn"), &json!("it is bad"))
        );
        assert_eq!(check(&snapshot, "uptime")["status"], "pass");
    }

    #[test]
    fn a_slot_is_checked_by_its_own_alarms_and_one_that_nobody_can_read_is_unknown() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        let slot = |snapshot: &Snapshot, it: usize| {
            let check = parse(snapshot)["checks"]["slot:state"][it].clone();
            [&check["observedValue"], &check["status"]].map(|it| it.as_str().map(str::to_owned))
        };
        let told = |value: &str, status: &str| [value, status].map(|it| Some(it.to_owned()));
        assert_eq!(slot(&snapshot, 0), [None, None]);
        let names = ["weir_1.1.0_a.efi", "weir_1.2.0_b+0-3.efi"];
        snapshot.slots = Some(SlotTable::of_names(SlotName::A, names));
        let alarms = vec![alarm(Kind::SlotRollback, "slot/b", Severity::Major)];
        snapshot.alarms = Arc::new(alarm::Report {
            alarms,
            ..alarm::Report::default()
        });
        assert_eq!(slot(&snapshot, 0), told("good", "pass"));
        assert_eq!(slot(&snapshot, 1), told("bad", "warn"));
        snapshot.slots = Some(SlotTable::unknown(SlotName::A));
        assert_eq!(slot(&snapshot, 0), told("unknown", "unknown"));
    }

    #[test]
    fn a_channel_is_checked_by_its_own_alarms_alone() {
        let mut snapshot = snapshot(&[&[State::OnAir], &[State::OnAir]]);
        let kind = Kind::ContinuityError;
        let alarms = vec![alarm(kind, "channel/CH_1/R0", Severity::Minor)];
        snapshot.alarms = Arc::new(alarm::Report {
            alarms,
            ..alarm::Report::default()
        });
        let body = parse(&snapshot);
        let statuses = [0, 1].map(|it| body["checks"]["channel:segmentAge"][it]["status"].clone());
        assert_eq!(statuses, ["pass", "warn"]);
    }
}
