//! What is new in a snapshot beside the one before; pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    health::{Snapshot, alarm_json::ChangeJson, json::timestamp},
    live::State,
};

/// What was told of the snapshots before.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Snapshots so far.
    snapshots: u64,
    /// The number of the latest change of an alarm.
    alarms_sequence: u64,
    states: BTreeMap<(String, String), State>,
}

/// Data of an event `snapshot`.
#[derive(Serialize)]
pub(super) struct SnapshotEvent<'a> {
    snapshot: u64,
    time: String,
    status: &'static str,
    reason: &'a str,
    alarms_sequence: u64,
}

/// Data of an event `channel`.
#[derive(Serialize)]
pub(super) struct ChannelEvent<'a> {
    channel: &'a str,
    rendition: &'a str,
    time: &'a str,
    state: &'static str,
    reason: String,
}

/// Data of any event.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Data<'a> {
    Snapshot(SnapshotEvent<'a>),
    Channel(ChannelEvent<'a>),
    Alarm(ChangeJson<'a>),
}

impl News {
    /// Tells `tell` of each event, with its kind: changes first, then the snapshot that has them.
    /// Changes of alarms before the first snapshot are no news.
    pub(super) fn of(&mut self, snapshot: &Snapshot, mut tell: impl FnMut(&str, &Data<'_>)) {
        let time = timestamp(snapshot.taken);
        self.snapshots += 1;
        let alarms = &snapshot.alarms;
        if self.snapshots > 1 {
            let changes = alarms.history.iter();
            for change in changes.filter(|change| change.sequence > self.alarms_sequence) {
                tell("alarm", &Data::Alarm(ChangeJson::of(change)));
            }
        }
        self.alarms_sequence = alarms.sequence;
        let mut states = BTreeMap::new();
        for channel in &snapshot.channels {
            for rendition in &channel.renditions {
                let key = (channel.id.clone(), rendition.name.clone());
                let state = &rendition.report.state;
                if self.states.get(&key) != Some(state) {
                    let event = ChannelEvent {
                        channel: &channel.id,
                        rendition: &rendition.name,
                        time: &time,
                        state: state.as_str(),
                        reason: state.to_string(),
                    };
                    tell("channel", &Data::Channel(event));
                }
                states.insert(key, state.clone());
            }
        }
        self.states = states;
        let event = SnapshotEvent {
            snapshot: self.snapshots,
            time,
            status: snapshot.status().as_str(),
            reason: &snapshot.reason(),
            alarms_sequence: alarms.sequence,
        };
        tell("snapshot", &Data::Snapshot(event));
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        alarm::{self, Amount, Engine, Kind, Measure, Moment, Reading, Resource, Rules},
        health::snapshot::tests::snapshot,
    };

    fn told(news: &mut News, snapshot: &Snapshot) -> Vec<(String, Value)> {
        let mut told = Vec::new();
        news.of(snapshot, |kind, data| {
            let data = serde_json::to_value(data).expect("JSON");
            told.push((kind.to_owned(), data));
        });
        told
    }

    #[test]
    fn each_snapshot_is_an_event_and_a_state_is_one_when_it_changes() {
        let mut news = News::default();
        let first = told(&mut news, &snapshot(&[&[State::OnAir, State::Silent]]));
        let kinds: Vec<&str> = first.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["channel", "channel", "snapshot"]);
        let again = told(&mut news, &snapshot(&[&[State::OnAir, State::Silent]]));
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].1["snapshot"], json!(2));
        let changed = told(&mut news, &snapshot(&[&[State::OnAir, State::OnAir]]));
        let (kind, data) = &changed[0];
        assert_eq!(
            (kind.as_str(), &data["rendition"]),
            ("channel", &json!("R1"))
        );
        assert_eq!(
            (&data["channel"], &data["state"]),
            (&json!("CH_0"), &json!("on_air"))
        );
        assert_eq!(changed[1].1["status"], "ok");
    }

    #[test]
    fn changes_of_alarms_are_told_once_and_not_those_of_an_earlier_life() {
        let mut engine = Engine::new(alarm::Settings {
            rules: Rules::default(),
            boot_inhibit: Duration::ZERO,
        });
        let reading = Reading::of(Amount::whole(99));
        let full = Measure::new(Kind::DiskFull, Resource::Disk, reading);
        let mut look = |measures: &[Measure]| {
            engine.look(Moment::default(), measures);
            let mut snapshot = snapshot(&[]);
            snapshot.alarms = Arc::new(engine.report());
            snapshot
        };
        let mut news = News::default();
        assert_eq!(told(&mut news, &look(std::slice::from_ref(&full))).len(), 1);
        assert_eq!(told(&mut news, &look(&[full])).len(), 1);
        let cleared = told(&mut news, &look(&[]));
        let (kind, data) = &cleared[0];
        assert_eq!(
            (kind.as_str(), &data["event"]),
            ("alarm", &json!("cleared"))
        );
        assert_eq!(
            (&data["alarm"], &data["sequence"]),
            (&json!("disk-full"), &json!(2))
        );
    }
}
