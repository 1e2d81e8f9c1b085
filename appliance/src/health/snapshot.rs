//! What was true of the appliance at one moment.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use weir_hal::{ClockDiscipline, DiskUsage, Memory, Nic, SlotTable, Thermometer, Wall};

use crate::{
    access::AttemptCounters,
    alarm, encryption,
    fetch::{
        prewarm,
        pull::{PrefetchCounters, RouteReport},
        purge,
        tiers::OriginReport,
    },
    health::{
        EventCounters,
        json::timestamp,
        table::{Entity, Listed, Node, Told},
    },
    ladder,
    live::{Channel, Report, Served, State},
    recorder,
    serve::{self, access_log, coding},
    snmp,
};

/// Age from which a snapshot is said to be old: two were missed.
const OLD: Duration = Duration::from_secs(3);

/// Age from which nobody should rely on a snapshot.
const OLD_MAX: Duration = Duration::from_secs(10);

/// The appliance at one moment; by default, before anything was looked at.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Each has the next number.
    pub sequence: u64,
    /// When it was taken.
    pub taken: Wall,
    /// Time since the process started.
    pub uptime: Duration,
    /// How old it is now, where no newer one can be taken; zero otherwise.
    pub age: Duration,
    /// The channels, in the order of the configuration.
    pub channels: Vec<ChannelSnapshot>,
    /// Bits handed to the kernel for players in the last second.
    pub output_bitrate_bps: u64,
    /// Busy share of all cores in the last second; `None` if the kernel does not tell.
    pub cpu_usage_percent: Option<f64>,
    /// Processes that ran or waited to run, on average over 1, 5 and 15 minutes; `None` if the
    /// kernel does not tell.
    pub load_averages: Option<[f64; 3]>,
    /// Main memory; `None` if the kernel does not tell.
    pub memory: Option<Memory>,
    /// Fill of the file system that holds the cache; `None` if it does not tell.
    pub disk_usage_percent: Option<f64>,
    /// How the wall clock is kept; `None` if the kernel does not tell.
    pub clock_discipline: Option<ClockDiscipline>,
    /// The certificate that ends first of those that clients are shown, if there are any.
    pub certificate: Option<CertificateEnd>,
    /// Counters of the data listener.
    pub http: serve::Counters,
    /// Counters of the management listener.
    pub management: serve::Counters,
    /// What came of attempts to be known to the management listener.
    pub attempts: AttemptCounters,
    /// From where the last came that was refused, if one was.
    pub attempt_refused: Option<IpAddr>,
    /// Counters of the store.
    pub store: weir_cache::Counters,
    /// Counters of purging.
    pub purge: purge::Counters,
    /// Counters of prewarming.
    pub prewarm: prewarm::Counters,
    /// Counters of prefetching.
    pub prefetch: PrefetchCounters,
    /// Counters of compressing.
    pub coding: coding::Counters,
    /// Counters of the access log, if there is one.
    pub access_log: Option<access_log::Counters>,
    /// Counters of the flight recorder.
    pub recorder: recorder::Counters,
    /// The origins, in the order of the configuration.
    pub origins: Vec<OriginReport>,
    /// The routes, longest path first.
    pub routes: Vec<RouteReport>,
    /// Why the device of the store is not written any more, if so.
    pub store_offline: Option<weir_cache::Offline>,
    /// The file systems that it writes to.
    pub disks: Vec<DiskSnapshot>,
    /// The network interfaces; none if the kernel does not tell.
    pub nics: Vec<Nic>,
    /// The uptime at which each of them came to be as it is; zero if it was so at the start.
    pub nics_changed: Vec<Duration>,
    /// Packets that each of them received and that were not multicast, which never become fewer
    /// unless all that it received do.
    pub nics_unicast: Vec<u64>,
    /// Time since the machine started; `None` if the kernel does not tell.
    pub machine_uptime: Option<Duration>,
    /// Processes that there are; `None` when it cannot be read.
    pub processes: Option<u64>,
    /// Who is logged in, a session each; `None` where nobody keeps sessions.
    pub sessions: Option<u64>,
    /// The thermometers of the machine, if it has any.
    pub thermometers: Vec<Thermometer>,
    /// The slots that it is booted from; `None` if there are none, or nobody has looked yet.
    pub slots: Option<SlotTable>,
    /// Counters of the SNMP agent, if there is one.
    pub snmp: Option<snmp::Counters>,
    /// Why the latest reload of the configuration was not taken, if it was not.
    pub config_refused: Option<Arc<String>>,
    /// What is wrong, by the alarm engine.
    pub alarms: Arc<alarm::Report>,
    /// Counters of streams of events.
    pub events: EventCounters,
    /// The same as values, once a surface was asked.
    pub(crate) told: Told,
}

/// The end of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEnd {
    /// The name of its file.
    pub name: String,
    /// Until when it is valid.
    pub not_after: Wall,
}

/// One file system at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSnapshot {
    /// Where it is looked at.
    pub path: PathBuf,
    /// What it is for.
    pub purpose: &'static str,
    /// Its fill; `None` if it does not tell.
    pub usage: Option<DiskUsage>,
}

/// One channel at that moment.
#[derive(Debug, Clone)]
pub struct ChannelSnapshot {
    /// The name in URLs.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Its renditions, in the order of the configuration.
    pub renditions: Vec<RenditionSnapshot>,
    /// What players were given of it.
    pub served: Served,
    /// What became of its keys.
    pub keys: encryption::Counters,
    /// Its renditions as a ladder.
    pub ladder: Arc<ladder::Report>,
}

/// One rendition at that moment.
#[derive(Debug, Clone)]
pub struct RenditionSnapshot {
    /// The name in URLs.
    pub name: String,
    /// State and counters.
    pub report: Arc<Report>,
    /// What `continuity_count_error` has gained in a minute; filled in by who watched so long.
    pub continuity_errors_last_minute: u64,
}

/// How well something is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing of it can be played.
    Failed,
    /// Some of it can be played.
    Degraded,
    /// All of it can be played.
    Ok,
}

impl Status {
    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Degraded => "degraded",
            Self::Ok => "ok",
        }
    }
}

impl Snapshot {
    /// The same as values of the table, of the node of this name: an appliance has one.
    pub(crate) fn told(&self, node: &str) -> &Entity {
        self.told.or_made(|| Node::of(node, self).entity())
    }

    /// The appliance as a whole: as well as its channels, and degraded at best without the device
    /// of its store, or with an alarm that somebody should act on. Without channels it is well.
    /// What nobody has looked at for long is failed.
    pub fn status(&self) -> Status {
        if self.age > OLD_MAX {
            return Status::Failed;
        }
        let mut statuses = self.channels.iter().map(ChannelSnapshot::status);
        if statuses.clone().all(|status| status == Status::Ok) {
            if self.store_offline.is_some() || self.alarms.roots().next().is_some() {
                Status::Degraded
            } else {
                Status::Ok
            }
        } else if statuses.all(|status| status == Status::Failed) {
            Status::Failed
        } else {
            Status::Degraded
        }
    }

    /// Why the status is what it is, in one sentence for people: what is on air, what is wrong with
    /// this box, and the first of the alarms that somebody should act on.
    pub fn reason(&self) -> String {
        let on_air = format!(
            "{} of {} channels on air",
            self.channels_active(),
            self.channels.len()
        );
        let troubles = [
            self.age_trouble(),
            self.cache_trouble(),
            self.alarm_trouble(),
        ];
        let told = troubles.into_iter().flatten();
        told.fold(on_air, |told, trouble| format!("{told}; {trouble}"))
    }

    /// How old this is, and what to do about it, if it is old.
    pub fn age_trouble(&self) -> Option<String> {
        (self.age > OLD).then(|| {
            format!(
                "all that is told here is {} s old, for the machine does not answer: look at its \
                 load and its log, and restart weir if it stays so",
                self.age.as_secs()
            )
        })
    }

    /// What is wrong with the device of the store, since when, and what to do about it.
    pub fn cache_trouble(&self) -> Option<String> {
        let offline = self.store_offline.as_ref()?;
        Some(format!(
            "the cache is in memory alone since {}, because its device keeps failing: {}: check or \
             replace the device, then restart weir",
            timestamp(offline.since),
            offline.reason
        ))
    }

    /// The first alarm, and how many more there are; but for that of the store, which is a trouble
    /// of its own.
    fn alarm_trouble(&self) -> Option<String> {
        let mut alarms = self.alarms.roots().filter(|alarm| self.is_in_reason(alarm));
        let first = sentence(alarms.next()?);
        Some(match alarms.count() {
            0 => first,
            more => format!("{first}, and {more} more"),
        })
    }

    /// Whether the reason of the status counts the alarm.
    fn is_in_reason(&self, alarm: &alarm::Alarm) -> bool {
        self.store_offline.is_none() || alarm.kind != alarm::Kind::DiskError
    }

    /// The alarms that somebody should act on and that the reason of the status does not name, a
    /// sentence each, the worst first.
    pub fn further_causes(&self) -> Vec<String> {
        let roots = || self.alarms.roots();
        let named = roots().find(|alarm| self.is_in_reason(alarm));
        let further = roots().filter(|alarm| named.is_none_or(|it| it.id != alarm.id));
        further.map(sentence).collect()
    }

    /// Channels of which at least one rendition is on air.
    pub fn channels_active(&self) -> usize {
        self.channels
            .iter()
            .filter(|channel| channel.status() != Status::Failed)
            .count()
    }

    /// Bits received from all sources in the last second.
    pub fn input_bitrate_bps(&self) -> u64 {
        self.channels
            .iter()
            .flat_map(|channel| &channel.renditions)
            .map(|rendition| rendition.report.bitrate_bps)
            .sum()
    }
}

/// What is wrong, of what, and how badly.
fn sentence(alarm: &alarm::Alarm) -> String {
    let (severity, name) = (alarm.severity.as_str(), alarm.kind.as_str());
    format!("{severity} {name} of {}: {}", alarm.resource, alarm.text)
}

impl ChannelSnapshot {
    /// Takes what `channel` tells of itself.
    pub fn of(channel: &Channel) -> Self {
        let renditions = channel
            .renditions
            .iter()
            .map(|rendition| RenditionSnapshot {
                name: rendition.name.clone(),
                report: rendition.report(),
                continuity_errors_last_minute: 0,
            });
        Self {
            id: channel.id.clone(),
            name: channel.name.clone(),
            renditions: renditions.collect(),
            served: channel.served.read(),
            keys: channel.vault.counters.read(),
            ladder: channel.ladder(),
        }
    }

    /// The channel as a whole: as well as its renditions, and degraded at best if one of them is on
    /// air without its clock.
    pub fn status(&self) -> Status {
        let states = || self.renditions.iter().map(|it| &it.report.state);
        if states().all(|state| *state == State::OnAir) && !self.renditions.is_empty() {
            Status::Ok
        } else if states().any(State::is_on_air) {
            Status::Degraded
        } else {
            Status::Failed
        }
    }
}

impl RenditionSnapshot {
    /// True if segments come out.
    pub fn is_on_air(&self) -> bool {
        self.report.state.is_on_air()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A snapshot of one channel for each list of states.
    pub(crate) fn snapshot(channels: &[&[State]]) -> Snapshot {
        let rendition = |(index, state): (usize, &State)| RenditionSnapshot {
            name: format!("R{index}"),
            report: Arc::new(Report {
                state: state.clone(),
                bitrate_bps: 2_040_000,
                source: "udp://239.1.1.1:1234".to_owned(),
                last_segment: Some(Wall::from_nanos(1_700_000_000_000_000_000)),
                ..Report::default()
            }),
            continuity_errors_last_minute: 0,
        };
        let channel = |(index, states): (usize, &&[State])| ChannelSnapshot {
            id: format!("CH_{index}"),
            name: format!("Channel <{index}>"),
            renditions: states.iter().enumerate().map(rendition).collect(),
            served: Served::default(),
            keys: encryption::Counters::default(),
            ladder: Arc::default(),
        };
        Snapshot {
            sequence: 7,
            taken: Wall::from_nanos(1_700_000_004_250_000_000),
            uptime: Duration::from_secs(90),
            age: Duration::ZERO,
            channels: channels.iter().enumerate().map(channel).collect(),
            output_bitrate_bps: 12_345_678,
            cpu_usage_percent: Some(12.34),
            load_averages: None,
            memory: None,
            disk_usage_percent: None,
            clock_discipline: Some(ClockDiscipline {
                offset: Some(Duration::ZERO),
            }),
            certificate: None,
            http: serve::Counters::default(),
            management: serve::Counters::default(),
            attempts: AttemptCounters::default(),
            attempt_refused: None,
            store: weir_cache::Counters::default(),
            purge: purge::Counters::default(),
            prewarm: prewarm::Counters::default(),
            prefetch: PrefetchCounters::default(),
            coding: coding::Counters::default(),
            access_log: None,
            recorder: recorder::Counters::default(),
            origins: Vec::new(),
            routes: Vec::new(),
            store_offline: None,
            disks: Vec::new(),
            nics: Vec::new(),
            nics_changed: Vec::new(),
            nics_unicast: Vec::new(),
            machine_uptime: None,
            processes: None,
            sessions: None,
            thermometers: Vec::new(),
            slots: None,
            snmp: None,
            config_refused: None,
            alarms: Arc::default(),
            events: EventCounters::default(),
            told: Told::default(),
        }
    }

    #[test]
    fn is_as_well_as_its_channels() {
        use State::{NoClock, OnAir, Silent};
        for (channels, status) in [
            (&[][..], Status::Ok),
            (&[&[OnAir][..], &[OnAir, OnAir]][..], Status::Ok),
            (&[&[OnAir][..], &[OnAir, Silent]][..], Status::Degraded),
            (&[&[OnAir][..], &[Silent]][..], Status::Degraded),
            (&[&[OnAir, NoClock][..], &[NoClock]][..], Status::Degraded),
            (&[&[Silent][..], &[Silent, Silent]][..], Status::Failed),
        ] {
            assert_eq!(snapshot(channels).status(), status, "{channels:?}");
        }
    }

    #[test]
    fn is_degraded_at_best_without_the_device_of_the_cache() {
        use State::{OnAir, Silent};
        for (channels, status, on_air) in [
            (&[][..], Status::Degraded, "0 of 0"),
            (&[&[OnAir][..]][..], Status::Degraded, "1 of 1"),
            (&[&[Silent][..]][..], Status::Failed, "0 of 1"),
        ] {
            let mut snapshot = snapshot(channels);
            assert_eq!(snapshot.reason(), format!("{on_air} channels on air"));
            snapshot.store_offline = Some(weir_cache::Offline {
                reason: "cannot sync /cache/store".to_owned(),
                since: Wall::from_nanos(1_700_000_000_000_000_000),
            });
            assert_eq!(snapshot.status(), status, "{channels:?}");
            assert_eq!(
                snapshot.reason(),
                format!(
                    "{on_air} channels on air; the cache is in memory alone since \
                     2023-11-14T22:13:20.000Z, because its device keeps failing: cannot sync \
                     /cache/store: check or replace the device, then restart weir"
                )
            );
        }
    }

    fn alarm(kind: alarm::Kind, severity: alarm::Severity) -> alarm::Alarm {
        alarm::Alarm {
            id: 1,
            kind,
            resource: alarm::Resource::Node,
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
    fn tells_the_alarm_that_it_is_degraded_by() {
        use alarm::{
            Kind::{DiskError, DiskFull, FeedsDamaged, HitRatioLow},
            Severity::{Critical, Major},
        };
        let full = "; critical disk-full of node: it is bad";
        for (alarms, expected) in [
            (&[][..], String::new()),
            (&[(DiskFull, Critical)], full.to_owned()),
            (
                &[(HitRatioLow, Major)],
                "; major hit-ratio-low of node: it is bad".to_owned(),
            ),
            (
                &[(DiskFull, Critical), (FeedsDamaged, Critical)],
                format!("{full}, and 1 more"),
            ),
        ] {
            let mut snapshot = snapshot(&[&[State::OnAir]]);
            snapshot.alarms = Arc::new(alarm::Report {
                alarms: alarms
                    .iter()
                    .map(|(kind, severity)| alarm(*kind, *severity))
                    .collect(),
                ..alarm::Report::default()
            });
            assert_eq!(
                snapshot.reason(),
                format!("1 of 1 channels on air{expected}")
            );
        }
        // What is wrong with the device of the cache is told once.
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        snapshot.store_offline = Some(weir_cache::Offline {
            reason: "cannot sync".to_owned(),
            since: Wall::default(),
        });
        let before = snapshot.reason();
        snapshot.alarms = Arc::new(alarm::Report {
            alarms: vec![alarm(DiskError, Critical)],
            ..alarm::Report::default()
        });
        assert_eq!(snapshot.reason(), before);
    }

    #[test]
    fn is_said_to_be_old_after_3_s_and_failed_after_10() {
        for (seconds, status, is_old) in [
            (0, Status::Ok, false),
            (3, Status::Ok, false),
            (4, Status::Ok, true),
            (10, Status::Ok, true),
            (11, Status::Failed, true),
        ] {
            let mut snapshot = snapshot(&[&[State::OnAir]]);
            snapshot.age = Duration::from_secs(seconds);
            assert_eq!(snapshot.status(), status, "{seconds}");
            let told = format!("1 of 1 channels on air; all that is told here is {seconds} s old");
            assert_eq!(snapshot.reason().starts_with(&told), is_old, "{seconds}");
        }
    }

    #[test]
    fn counts_a_channel_as_active_while_one_rendition_is_on_air() {
        let snapshot = snapshot(&[&[State::OnAir, State::Silent], &[State::Waiting]]);
        assert_eq!(snapshot.channels_active(), 1);
        assert_eq!(snapshot.input_bitrate_bps(), 6_120_000);
    }
}
