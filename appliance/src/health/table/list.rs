//! The one list of groups: what stands here every surface shows, and nothing else.
//!
//! Refuses: values. They come of a snapshot, in `projection`.

use crate::{
    access::AttemptCounters,
    alarm,
    app::PublishCounters,
    demux, encryption,
    fetch::{
        exchange, prewarm,
        pull::{PrefetchCounters, PullCounters},
        purge,
        tiers::TierCounters,
    },
    health::{
        EventCounters,
        table::{
            readings::{
                AlarmReadings, ChannelReadings, DiskReadings, EndpointReadings, FindingReadings,
                ManagementCounters, NicCounters, NicReadings, NodeReadings, OriginReadings,
                PidReadings, RenditionReadings, RouteReadings, SlotReadings, SourceReadings,
                StreamReadings, SuppressedAlarmReadings, ThermometerReadings,
            },
            scope,
        },
    },
    ladder,
    live::Served,
    measure::{self, Indicators},
    receive, recorder, segment,
    serve::{self, access_log, coding},
    snmp,
};

/// Alarms that have metrics of their own: the worst, and of those the oldest. How many there are of
/// each severity is told of all.
pub(crate) const ALARM_METRICS_MAX: usize = 64;

scope! {
    /// This appliance.
    Node: node, nodes {
        own: NodeReadings,
        groups {
            http: serve::Counters,
            management: ManagementCounters,
            authentication: AttemptCounters,
            cache: weir_cache::Counters,
            purge: purge::Counters,
            prewarm: prewarm::Counters,
            prefetch: PrefetchCounters,
            coding: coding::Counters,
            access_log: Option<access_log::Counters>,
            recorder: recorder::Counters,
            alarm: alarm::Counters,
            events: EventCounters,
            snmp: Option<snmp::Counters>,
        }
        parts {
            channels: Channel,
            origins: Origin,
            routes: Route,
            disks: Disk,
            nics: Nic,
            thermometers: Thermometer,
            slots: Slot,
            alarms: Alarm,
            suppressed_alarms: SuppressedAlarm,
        }
    }
}

scope! {
    /// Something that is wrong and to be acted on, named by its kind and by what it is of.
    Alarm: alarm, alarms {
        own: AlarmReadings,
        groups {}
        parts {}
        metrics_max: ALARM_METRICS_MAX,
    }
}

scope! {
    /// What is wrong and nobody has to act on: an effect of an alarm, or closed or shelved.
    SuppressedAlarm: suppressed_alarm, suppressed_alarms {
        own: SuppressedAlarmReadings,
        groups {}
        parts {}
    }
}

scope! {
    /// A channel.
    Channel: channel, channels {
        own: ChannelReadings,
        groups {
            served: Served,
            keys: encryption::Counters,
            ladder: ladder::Counters,
            measure: measure::Counters,
        }
        parts {
            findings: Finding,
            renditions: Rendition,
        }
    }
}

scope! {
    /// Something that is wrong with the renditions of a channel as a ladder.
    Finding: finding, findings {
        own: FindingReadings,
        groups {}
        parts {}
    }
}

scope! {
    /// A rendition of a channel.
    Rendition: rendition, renditions {
        own: RenditionReadings,
        groups {
            receive: receive::Counters,
            merge: receive::merge::Counters,
            demux: demux::Counters,
            measure: measure::Counters => detail,
            segment: segment::Counters,
            publish: PublishCounters,
            tracks: segment::track::Counters,
        }
        parts {
            sources: Source,
        }
    }
}

scope! {
    /// A source of a rendition.
    Source: source, sources {
        own: SourceReadings,
        groups {
            stream: Option<StreamReadings>,
            measure: Option<measure::Counters> => detail,
            tr_101_290: Option<Indicators>,
            tr_101_290_seconds: Option<Indicators>,
        }
        parts {
            pids: Pid,
        }
    }
}

scope! {
    /// A PID of a source.
    Pid: pid, pids {
        own: PidReadings,
        groups {}
        parts {}
    }
}

scope! {
    /// An origin.
    Origin: origin, origins {
        own: OriginReadings,
        groups {
            tier: TierCounters,
        }
        parts {
            endpoints: Endpoint,
        }
    }
}

scope! {
    /// A URL of an origin.
    Endpoint: endpoint, endpoints {
        own: EndpointReadings,
        groups {
            exchange: exchange::Counters,
        }
        parts {}
    }
}

scope! {
    /// A route.
    Route: route, routes {
        own: RouteReadings,
        groups {
            pull: PullCounters,
        }
        parts {}
    }
}

scope! {
    /// A file system.
    Disk: disk, disks {
        own: DiskReadings,
        groups {}
        parts {}
    }
}

scope! {
    /// A network interface.
    Nic: nic, nics {
        own: NicReadings,
        groups {
            statistics: NicCounters,
        }
        parts {}
    }
}

scope! {
    /// A thermometer of the machine.
    Thermometer: thermometer, thermometers {
        own: ThermometerReadings,
        groups {}
        parts {}
    }
}

scope! {
    /// One of the two slots that the machine is booted from, by its letter.
    Slot: slot, slots {
        own: SlotReadings,
        groups {}
        parts {}
    }
}
