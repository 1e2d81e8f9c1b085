//! A snapshot as values of the table.
//!
//! Everything is taken apart without `..`, so that nothing of a snapshot can be forgotten here.

use std::time::Duration;

use weir_hal::{DiskUsage, NicStatistics, Querier, Wall};

use crate::{
    alarm::Severity,
    counter::Total,
    fetch::{
        pull::RouteReport,
        tiers::{EndpointReport, OriginReport},
    },
    health::{
        ChannelSnapshot, DiskSnapshot, RenditionSnapshot, Snapshot,
        json::{VERSION, timestamp},
        querier,
        table::{
            list::{
                Alarm, Channel, Disk, Endpoint, Finding, Nic, Node, Origin, Pid, Rendition, Route,
                Slot, Source, SuppressedAlarm, Thermometer,
            },
            readings::{
                ChannelReadings, DiskReadings, EndpointReadings, FindingReadings,
                ManagementCounters, NicCounters, NicReadings, NodeReadings, OriginReadings,
                PidReadings, RenditionReadings, RouteReadings, SourceReadings, StreamReadings,
                ThermometerReadings,
            },
        },
    },
    ladder,
    live::{self, Report},
    measure::{self, Figures, PidFigures},
    serve,
};

impl Node {
    /// Reads `snapshot` of the node of this name.
    pub(crate) fn of(name: &str, snapshot: &Snapshot) -> Self {
        let Snapshot {
            taken,
            channels,
            // Told by `NodeReadings`.
            sequence: _,
            uptime: _,
            age: _,
            output_bitrate_bps: _,
            cpu_usage_percent: _,
            load_averages: _,
            memory: _,
            disk_usage_percent: _,
            clock_discipline: _,
            certificate: _,
            http,
            management,
            attempts,
            // Told as the detail of an alarm.
            attempt_refused: _,
            store,
            purge,
            prewarm,
            prefetch,
            coding,
            access_log,
            recorder,
            origins,
            routes,
            // Told as `cache_trouble`, and as part of status and reason.
            store_offline: _,
            disks,
            nics,
            nics_changed,
            // Told under the standard's name by SNMP alone, out of what all surfaces tell.
            nics_unicast: _,
            machine_uptime: _,
            processes: _,
            sessions: _,
            thermometers,
            slots,
            snmp,
            // Told as the detail of its alarm.
            config_refused: _,
            alarms,
            events,
            told: _,
        } = snapshot;
        let channel = |channel| Channel::of(channel, *taken);
        Self {
            key: name.to_owned(),
            own: NodeReadings::of(snapshot),
            http: *http,
            management: ManagementCounters::of(management),
            authentication: *attempts,
            cache: *store,
            purge: *purge,
            prewarm: *prewarm,
            prefetch: *prefetch,
            coding: *coding,
            access_log: *access_log,
            recorder: *recorder,
            alarm: alarms.counters,
            events: *events,
            snmp: *snmp,
            channels: channels.iter().map(channel).collect(),
            origins: origins.iter().map(Origin::of).collect(),
            routes: routes.iter().map(Route::of).collect(),
            disks: disks.iter().map(Disk::of).collect(),
            nics: nics_of(nics, nics_changed),
            thermometers: thermometers.iter().map(Thermometer::of).collect(),
            slots: slots.as_ref().map(Slot::all_of).unwrap_or_default(),
            alarms: alarms.roots().map(Alarm::of).collect(),
            suppressed_alarms: SuppressedAlarm::all_of(alarms),
        }
    }
}

/// All interfaces, each with when it changed last, if that is known.
fn nics_of(nics: &[weir_hal::Nic], changed: &[Duration]) -> Vec<Nic> {
    let changed = changed.iter().map(Some).chain(std::iter::repeat(None));
    let both = nics.iter().zip(changed);
    both.map(|(nic, changed)| Nic::of(nic, changed.copied()))
        .collect()
}

impl NodeReadings {
    fn of(snapshot: &Snapshot) -> Self {
        let discipline = snapshot.clock_discipline;
        let offset = discipline.and_then(|it| it.offset);
        Self {
            status: snapshot.status().as_str(),
            reason: snapshot.reason(),
            version: VERSION.to_owned(),
            time: timestamp(snapshot.taken),
            snapshot_time_ms: since_1970_ms(snapshot.taken),
            snapshot_age_ms: milliseconds(snapshot.age),
            snapshot_sequence: snapshot.sequence,
            uptime_ms: milliseconds(snapshot.uptime),
            channels_configured: snapshot.channels.len() as u64,
            channels_active: snapshot.channels_active() as u64,
            output_bitrate_bps: snapshot.output_bitrate_bps,
            input_bitrate_bps: snapshot.input_bitrate_bps(),
            cpu_usage_percent: snapshot.cpu_usage_percent,
            load_average: snapshot.load_averages.map(|[minute, _, _]| minute),
            machine_uptime_ms: snapshot.machine_uptime.map(milliseconds),
            machine_processes: snapshot.processes,
            machine_sessions: snapshot.sessions,
            memory_bytes_total: snapshot.memory.map(|it| it.bytes_total),
            memory_bytes_available: snapshot.memory.map(|it| it.bytes_available),
            disk_usage_percent: snapshot.disk_usage_percent,
            cache_trouble: snapshot.cache_trouble(),
            clock_synchronised: discipline.map(|it| it.offset.is_some().into()),
            clock_offset_ms: offset.map(|it| it.as_secs_f64() * 1e3),
            certificate_end_time_ms: snapshot
                .certificate
                .as_ref()
                .map(|it| since_1970_ms(it.not_after)),
            alarms_critical: snapshot.alarms.count(Severity::Critical) as u64,
            alarms_major: snapshot.alarms.count(Severity::Major) as u64,
            alarms_minor: snapshot.alarms.count(Severity::Minor) as u64,
            alarms_warning: snapshot.alarms.count(Severity::Warning) as u64,
            alarms_omitted: snapshot.alarms.omitted as u64,
            alarms_sequence: snapshot.alarms.sequence,
        }
    }
}

impl Channel {
    fn of(channel: &ChannelSnapshot, taken: Wall) -> Self {
        let ChannelSnapshot {
            id,
            name,
            renditions,
            served,
            keys,
            ladder,
        } = channel;
        let ladder::Report {
            alignment,
            findings,
            counters,
        } = &**ladder;
        let active = renditions.iter().filter(|one| one.is_on_air()).count();
        Self {
            key: id.clone(),
            own: ChannelReadings {
                name: name.clone(),
                status: channel.status().as_str(),
                renditions_configured: renditions.len() as u64,
                renditions_active: active as u64,
                alignment: alignment.as_str(),
                alignment_reason: alignment.to_string(),
            },
            served: *served,
            keys: *keys,
            ladder: *counters,
            measure: renditions
                .iter()
                .map(|rendition| rendition.report.measure)
                .fold(measure::Counters::default(), |sum, one| sum.plus(&one)),
            findings: findings.iter().map(Finding::of).collect(),
            renditions: renditions
                .iter()
                .map(|rendition| Rendition::of(rendition, taken))
                .collect(),
        }
    }
}

impl Finding {
    fn of(finding: &ladder::Finding) -> Self {
        let ladder::Finding {
            check,
            since,
            reason,
        } = finding;
        Self {
            key: check.as_str().to_owned(),
            own: FindingReadings {
                since: timestamp(*since),
                reason: reason.clone(),
            },
        }
    }
}

impl Rendition {
    fn of(rendition: &RenditionSnapshot, taken: Wall) -> Self {
        let RenditionSnapshot {
            name,
            report,
            continuity_errors_last_minute,
        } = rendition;
        let taken = report.seen(taken);
        let Report {
            at: _,
            // The alarm of a segment that is overdue tells it.
            last_random_access: _,
            state,
            source,
            interface,
            core,
            sender,
            last_datagram,
            last_segment,
            bitrate_bps,
            legs,
            source_switches,
            receive,
            merge,
            demux,
            measure,
            segment,
            publish,
            tracks,
            target_duration_s,
        } = &**report;
        let age_ms = |moment: Wall| milliseconds(taken.since(moment));
        Self {
            key: name.clone(),
            own: RenditionReadings {
                state: state.as_str(),
                reason: state.to_string(),
                source: source.clone(),
                source_switches: Total(*source_switches),
                interface: interface.clone(),
                core: core.map(u64::from),
                sender: sender.map(|sender| sender.to_string()),
                bitrate_bps: *bitrate_bps,
                target_duration_ms: target_duration_s.map(|seconds| u64::from(seconds) * 1_000),
                segment_age_ms: last_segment.map(age_ms),
                last_datagram_age_ms: last_datagram.map(age_ms),
                continuity_count_error_last_minute: *continuity_errors_last_minute,
            },
            receive: *receive,
            merge: *merge,
            demux: *demux,
            measure: *measure,
            segment: *segment,
            publish: *publish,
            tracks: *tracks,
            sources: legs.iter().map(|leg| Source::of(leg, taken)).collect(),
        }
    }
}

impl Source {
    fn of(leg: &live::Leg, taken: Wall) -> Self {
        let live::Leg {
            url,
            is_active,
            condition,
            failure,
            sender,
            header,
            last_datagram,
            bitrate_bps,
            bitrate_average,
            arrivals,
            receive,
            demux,
            figures,
        } = leg;
        let figures = figures.as_deref();
        Self {
            key: url.clone(),
            own: SourceReadings {
                role: if *is_active { "active" } else { "standby" },
                condition: condition.as_str(),
                failure: failure.clone(),
                sender: sender.map(|sender| sender.to_string()),
                bitrate_bps: *bitrate_bps,
                bitrate_bps_average: bitrate_average.average_bps(),
                bitrate_variance_percent: bitrate_average.variance_percent(*bitrate_bps),
                delay_factor_ms: arrivals.delay_factor_ms(),
                delay_factor_ms_max: arrivals.delay_factor_ms_max(),
                interarrival_ms_max: arrivals.interarrival_ms_max(),
                last_datagram_age_ms: last_datagram.map(|it| milliseconds(taken.since(it))),
                sender_changes: Total(receive.sender_changes),
                ttl: header.ttl.map(u64::from),
                dscp: header.dscp.map(u64::from),
                header_changes: Total(receive.header_changes),
                datagrams: Total(receive.datagrams),
                kernel_dropped_datagrams: Total(receive.kernel_dropped_datagrams),
                rtp_lost: Total(receive.rtp_lost),
                rtp_late: Total(receive.rtp_late),
                rtp_reordered: Total(receive.rtp_reordered),
                rtp_foreign: Total(receive.rtp_foreign),
                fec_recovered: Total(receive.fec_recovered),
                merge_lost: Total(receive.merge_lost),
                merge_unmatched: Total(receive.merge_unmatched),
                renewals: Total(receive.renewals),
                ts_sync_loss: Total(demux.ts_sync_loss),
                transport_error: Total(demux.transport_error),
                continuity_count_error: Total(demux.continuity_count_error),
            },
            stream: figures.map(StreamReadings::of),
            measure: figures.map(|it| it.counters),
            tr_101_290: figures.map(|it| it.indicators),
            tr_101_290_seconds: figures.map(|it| it.seconds),
            pids: figures.map_or_else(Vec::new, |it| it.pids.iter().map(Pid::of).collect()),
        }
    }
}

impl StreamReadings {
    fn of(figures: &Figures) -> Self {
        let Figures {
            transport_stream_id,
            media_rate_bps,
            null_bitrate_bps,
            packets_lost_in_second,
            pids_omitted,
            // Groups and parts of their own.
            indicators: _,
            seconds: _,
            counters: _,
            pids: _,
        } = figures;
        Self {
            transport_stream_id: transport_stream_id.map(u64::from),
            media_rate_bps: *media_rate_bps,
            null_bitrate_bps: *null_bitrate_bps,
            media_loss_rate: *packets_lost_in_second,
            pids_omitted: *pids_omitted,
        }
    }
}

impl Pid {
    fn of(pid: &PidFigures) -> Self {
        let PidFigures {
            pid,
            bitrate_bps,
            packets,
            continuity_count_error,
            scrambled,
        } = *pid;
        Self {
            key: pid.to_string(),
            own: PidReadings {
                bitrate_bps,
                packets: Total(packets),
                continuity_count_error: Total(continuity_count_error),
                scrambled: Total(scrambled),
            },
        }
    }
}

impl Origin {
    fn of(origin: &OriginReport) -> Self {
        let OriginReport {
            name,
            counters,
            endpoints,
        } = origin;
        let usable = endpoints.iter().filter(|one| one.state == "closed").count();
        Self {
            key: name.clone(),
            own: OriginReadings {
                endpoints_usable: usable as u64,
            },
            tier: *counters,
            endpoints: endpoints.iter().map(Endpoint::of).collect(),
        }
    }
}

impl Endpoint {
    fn of(endpoint: &EndpointReport) -> Self {
        let EndpointReport {
            url,
            state,
            round_trip,
            first_byte,
            connections,
            // Told as the detail of an alarm.
            trouble: _,
            counters,
        } = endpoint;
        let fraction_ms = |time: Duration| time.as_secs_f64() * 1e3;
        let [p50, p95, p99] = first_byte.map(|time| time.map(fraction_ms));
        Self {
            key: url.clone(),
            own: EndpointReadings {
                state,
                connections: *connections as u64,
                round_trip_ms: round_trip.map(fraction_ms),
                first_byte_ms_p50: p50,
                first_byte_ms_p95: p95,
                first_byte_ms_p99: p99,
            },
            exchange: *counters,
        }
    }
}

impl Route {
    fn of(route: &RouteReport) -> Self {
        let RouteReport { path, counters } = route;
        Self {
            key: path.clone(),
            own: RouteReadings {},
            pull: *counters,
        }
    }
}

impl Disk {
    fn of(disk: &DiskSnapshot) -> Self {
        let DiskSnapshot {
            path,
            purpose,
            usage,
        } = disk;
        let (total, free) = usage
            .map(
                |DiskUsage {
                     bytes_total,
                     bytes_free,
                 }| (bytes_total, bytes_free),
            )
            .unzip();
        Self {
            key: path.display().to_string(),
            own: DiskReadings {
                purpose: (*purpose).to_owned(),
                bytes_total: total,
                bytes_free: free,
            },
        }
    }
}

impl Thermometer {
    fn of(thermometer: &weir_hal::Thermometer) -> Self {
        let weir_hal::Thermometer {
            name,
            temperature_celsius,
        } = thermometer;
        Self {
            key: name.clone(),
            own: ThermometerReadings {
                temperature_celsius: *temperature_celsius,
            },
        }
    }
}

impl Nic {
    fn of(nic: &weir_hal::Nic, changed: Option<Duration>) -> Self {
        let weir_hal::Nic {
            name,
            operational_status,
            is_enabled,
            // Told by IF-MIB alone.
            is_promiscuous: _,
            is_physical: _,
            mtu_bytes,
            link_address,
            speed_bps,
            duplex,
            statistics,
            querier,
        } = nic;
        let (address, ago) = match querier {
            Querier::Heard { address, ago } => (Some(address), Some(*ago)),
            Querier::Unknown | Querier::Unheard { .. } => (None, None),
        };
        Self {
            key: name.clone(),
            own: NicReadings {
                operational_status: operational_status.as_str(),
                administrative_status: is_enabled.map(|it| if it { "up" } else { "down" }),
                changed_uptime_ms: changed.map(milliseconds),
                mtu_bytes: *mtu_bytes,
                link_address: link_address.map(|it| it.map(|it| format!("{it:02x}")).join(":")),
                speed_bps: *speed_bps,
                duplex: duplex.map(weir_hal::Duplex::as_str),
                querier: querier::word(*querier),
                querier_address: address.map(ToString::to_string),
                querier_age_ms: ago.map(milliseconds),
            },
            statistics: NicCounters::of(*statistics),
        }
    }
}

impl ManagementCounters {
    fn of(counters: &serve::Counters) -> Self {
        Self {
            connections_accepted: Total(counters.connections_accepted),
            connections_refused: Total(counters.connections_refused),
            connections_stalled: Total(counters.connections_stalled),
            connections_timed_out: Total(counters.connections_timed_out),
            requests: Total(counters.requests),
            requests_malformed: Total(counters.requests_malformed),
        }
    }
}

impl NicCounters {
    const fn of(statistics: NicStatistics) -> Self {
        let NicStatistics {
            rx_bytes,
            rx_packets,
            rx_multicast,
            rx_errors,
            rx_dropped,
            rx_crc_errors,
            rx_missed_errors,
            tx_bytes,
            tx_packets,
            tx_errors,
            tx_dropped,
            carrier_changes,
        } = statistics;
        Self {
            rx_bytes: Total(rx_bytes),
            rx_packets: Total(rx_packets),
            rx_errors: Total(rx_errors),
            rx_dropped: Total(rx_dropped),
            rx_crc_errors: Total(rx_crc_errors),
            rx_missed_errors: Total(rx_missed_errors),
            rx_multicast: Total(rx_multicast),
            tx_bytes: Total(tx_bytes),
            tx_packets: Total(tx_packets),
            tx_errors: Total(tx_errors),
            tx_dropped: Total(tx_dropped),
            carrier_changes: Total(carrier_changes),
        }
    }
}

pub(super) fn since_1970_ms(wall: Wall) -> u64 {
    wall.as_nanos() / 1_000_000
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
