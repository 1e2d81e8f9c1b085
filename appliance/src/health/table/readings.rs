//! What is read rather than counted, and what people are told, each declared once.
//!
//! Refuses: a value that is not in the snapshot.

use crate::counter::{Total, readings};

readings! {
    /// Of the appliance as a whole.
    pub(in crate::health) struct NodeReadings {
        /// How well it is: `ok`, `degraded` or `failed`.
        status: &'static str,
        /// Why, in one sentence.
        reason: String,
        /// Its version.
        version: String,
        /// When this was read (RFC 3339).
        time: String,
        /// The same, since 1970.
        snapshot_time_ms: u64,
        /// How old all this is, where the machine lets nothing newer be read; zero otherwise.
        snapshot_age_ms: u64,
        /// The number of this reading: what has the same was read at one moment.
        snapshot_sequence: u64 => polled,
        /// Time since the process started.
        uptime_ms: u64,
        /// Channels that are configured.
        channels_configured: u64,
        /// Channels of which a rendition is on air.
        channels_active: u64,
        /// Bits handed to the kernel for players in the last second.
        output_bitrate_bps: u64,
        /// Bits received from all sources in the last second.
        input_bitrate_bps: u64,
        /// Busy share of all cores in the last second.
        cpu_usage_percent: Option<f64>,
        /// Processes that ran or waited to run, on average over a minute.
        load_average: Option<f64> => polled,
        /// Time since the machine started.
        machine_uptime_ms: Option<u64> => polled,
        /// Processes that there are.
        machine_processes: Option<u64> => polled,
        /// Who is logged in, a session each.
        machine_sessions: Option<u64> => polled,
        /// Main memory.
        memory_bytes_total: Option<u64> => polled,
        /// Main memory that a process could get.
        memory_bytes_available: Option<u64> => polled,
        /// Fill of the file system that holds the cache.
        disk_usage_percent: Option<f64>,
        /// Why the cache is in memory alone, and since when, if it is.
        cache_trouble: Option<String>,
        /// One if a source of time sets the clock, zero if none does.
        clock_synchronised: Option<u64>,
        /// How far the clock is from its source, by the kernel's estimate.
        clock_offset_ms: Option<f64>,
        /// When the certificate ends that ends first of those shown to clients, since 1970.
        certificate_end_time_ms: Option<u64>,
        /// Alarms to act on of the severity critical.
        alarms_critical: u64,
        /// The same of the severity major.
        alarms_major: u64,
        /// The same of the severity minor.
        alarms_minor: u64,
        /// The same of the severity warning.
        alarms_warning: u64,
        /// Alarms that are not told one by one, for too many are.
        alarms_omitted: u64,
        /// The number of the latest change of an alarm.
        alarms_sequence: u64,
    }
}

readings! {
    /// Of the management listener.
    pub(in crate::health) struct ManagementCounters {
        /// Connections accepted.
        connections_accepted: Total => polled,
        /// Connections closed at once because the limit of open connections was met.
        connections_refused: Total,
        /// Connections closed because the client took too little for too long.
        connections_stalled: Total,
        /// Connections closed because no whole request came in time.
        connections_timed_out: Total,
        /// Requests understood and answered.
        requests: Total => polled,
        /// Requests refused because they break HTTP/1.1 or are too large.
        requests_malformed: Total => polled,
    }
}

readings! {
    /// Of one alarm.
    pub(in crate::health) struct AlarmReadings {
        /// How bad it is, in the words of X.733.
        severity: &'static str,
        /// What is wrong.
        text: String,
        /// Since when, since 1970.
        since_time_ms: u64,
        /// Alarms that are effects of it.
        affected: u64 => polled,
        /// The number of the change that raised it.
        id: u64 => polled,
        /// The kind of alarm.
        kind: &'static str => polled,
        /// What it is of.
        resource: String,
        /// Whether it is `raised`, `flapping` or `over`, which must be acknowledged.
        state: &'static str => polled,
        /// What an operator has made of it: `acknowledged`, `closed` or `shelved`.
        operator_state: Option<&'static str> => polled,
        /// The number of the alarm that it is an effect of.
        cause: Option<u64> => polled,
    }
}

readings! {
    /// Of one alarm that nobody has to act on.
    pub(in crate::health) struct SuppressedAlarmReadings {
        /// How bad it is, in the words of X.733; `cleared` if it is shelved and not raised.
        severity: &'static str => polled,
        /// What is wrong.
        text: String => polled,
        /// Since when, since 1970; unknown if nobody was told of it.
        since_time_ms: Option<u64> => polled,
        /// The number of the change that raised it, if somebody was told.
        id: Option<u64> => polled,
        /// The kind of alarm.
        kind: &'static str => polled,
        /// What it is of.
        resource: String => polled,
        /// Whether it is `raised`, `flapping`, `over` or `cleared`.
        state: &'static str => polled,
        /// What an operator has made of it: `acknowledged`, `closed` or `shelved`.
        operator_state: Option<&'static str> => polled,
        /// Until when that holds, since 1970, if it ends.
        operator_until_time_ms: Option<u64> => polled,
        /// The number of the alarm that it is an effect of.
        cause: Option<u64> => polled,
    }
}

readings! {
    /// Of one channel.
    pub(in crate::health) struct ChannelReadings {
        /// The name for people.
        name: String,
        /// How well it is: `ok`, `degraded` or `failed`.
        status: &'static str,
        /// Renditions that are configured.
        renditions_configured: u64 => polled,
        /// Renditions that are on air.
        renditions_active: u64,
        /// Whether its renditions are cut alike: `unknown`, `aligned` or `drifting`.
        alignment: &'static str => polled,
        /// The same in words, with who drifts since when.
        alignment_reason: String,
    }
}

readings! {
    /// Of one finding.
    pub(in crate::health) struct FindingReadings {
        /// Since when (RFC 3339).
        since: String,
        /// What is wrong, in one sentence.
        reason: String,
    }
}

readings! {
    /// Of one rendition.
    pub(in crate::health) struct RenditionReadings {
        /// What it is doing; anything but `on_air` is a reason to act.
        state: &'static str,
        /// What is wrong, and what to do about it.
        reason: String,
        /// The source that segments are made of.
        source: String,
        /// Times that another source was gone over to.
        source_switches: Total => polled,
        /// The interface it is received on, if one is configured.
        interface: Option<String>,
        /// The core of the thread that receives it, if that stays on one.
        core: Option<u64> => detail,
        /// Who sends it.
        sender: Option<String>,
        /// Bits received in the last second.
        bitrate_bps: u64,
        /// Target Duration of its list; the one aimed at while it has none.
        target_duration_ms: Option<u64> => detail,
        /// Time since the last segment was listed.
        segment_age_ms: Option<u64>,
        /// Time since the last datagram came.
        last_datagram_age_ms: Option<u64> => polled,
        /// What `continuity_count_error` has gained in the last minute.
        continuity_count_error_last_minute: u64 => detail,
    }
}

readings! {
    /// Of one source of a rendition, whether it is in use or not.
    pub(in crate::health) struct SourceReadings {
        /// `active` for the one, or the merged ones, that segments are made of; or `standby`.
        role: &'static str => polled,
        /// How well it is received: `good`, `damaged` or `unusable`.
        condition: &'static str => polled,
        /// Why its group could not be joined, and what to do about it.
        failure: Option<String> => polled,
        /// Who sends it.
        sender: Option<String> => polled,
        /// Bits received in the last second.
        bitrate_bps: u64 => polled,
        /// The average of that over the last five minutes.
        bitrate_bps_average: Option<u64> => detail,
        /// How far the one is off the other.
        bitrate_variance_percent: Option<f64> => polled,
        /// Time that has to be held to even out its datagrams, of the last second (RFC 4445).
        delay_factor_ms: Option<f64> => detail,
        /// The highest of the last one to two minutes.
        delay_factor_ms_max: Option<f64> => polled,
        /// The longest time between two datagrams in the last one to two minutes.
        interarrival_ms_max: f64 => detail,
        /// Time since its last datagram came.
        last_datagram_age_ms: Option<u64> => polled,
        /// Times datagrams began to come from another address or port.
        sender_changes: Total => detail,
        /// Time to Live (IPv6: Hop Limit) of its last datagram: each router takes one away.
        ttl: Option<u64> => detail,
        /// The class of service of its last datagram (DSCP, RFC 2474).
        dscp: Option<u64> => detail,
        /// Times one of these two changed: another way, or another class on it.
        header_changes: Total => detail,
        /// Datagrams received.
        datagrams: Total => detail,
        /// Datagrams the kernel dropped because the socket's buffer was full.
        kernel_dropped_datagrams: Total => detail,
        /// RTP packets missing from the sequence.
        rtp_lost: Total => polled,
        /// RTP packets dropped because they came twice, or too late for their place.
        rtp_late: Total => detail,
        /// RTP packets that came after a later one, and were put in their place.
        rtp_reordered: Total => detail,
        /// RTP packets dropped because they are of another stream than the one that is received.
        rtp_foreign: Total => detail,
        /// RTP packets that were lost and came back by FEC.
        fec_recovered: Total => detail,
        /// Bare datagrams that other sources of a merged stream brought, and this one did not.
        merge_lost: Total => polled,
        /// Datagrams dropped because the other sources of the merged stream have nothing like them.
        merge_unmatched: Total => detail,
        /// Times the group was joined anew, because nothing came any more.
        renewals: Total => detail,
        /// Times synchronisation was lost.
        ts_sync_loss: Total => detail,
        /// Packets that were marked as damaged on their way.
        transport_error: Total => detail,
        /// Packets out of order, lost, or present more than twice.
        continuity_count_error: Total => polled,
    }
}

readings! {
    /// Of the stream that a source carries, alone or with others.
    pub(in crate::health) struct StreamReadings {
        /// `transport_stream_id` of the last PAT.
        transport_stream_id: Option<u64> => detail,
        /// Bitrate by its own clock, its PCRs.
        media_rate_bps: Option<u64> => detail,
        /// Bitrate of null packets in the last second.
        null_bitrate_bps: u64 => detail,
        /// Packets missing in the last second (media loss rate of RFC 4445).
        media_loss_rate: u64 => polled,
        /// PIDs that are not told of one by one, for they are too many.
        pids_omitted: u64 => detail,
    }
}

readings! {
    /// Of one PID.
    pub(in crate::health) struct PidReadings {
        /// Bitrate in the last second.
        bitrate_bps: u64 => detail,
        /// Packets.
        packets: Total => detail,
        /// Packets lost, repeated or out of order (1.4).
        continuity_count_error: Total => detail,
        /// Packets that are scrambled.
        scrambled: Total => detail,
    }
}

readings! {
    /// Of one origin.
    pub(in crate::health) struct OriginReadings {
        /// URLs that are in use.
        endpoints_usable: u64,
    }
}

readings! {
    /// Of one URL of an origin.
    pub(in crate::health) struct EndpointReadings {
        /// Whether it is asked: `closed` (it is), `open` (it is not), `half-open` or `down`.
        state: &'static str,
        /// Connections open now, idle ones among them.
        connections: u64,
        /// Average time until a TCP connection stands.
        round_trip_ms: Option<f64>,
        /// Time from a request to the head of its answer, met by half of them.
        first_byte_ms_p50: Option<f64>,
        /// The same, met by 95 of 100.
        first_byte_ms_p95: Option<f64>,
        /// The same, met by 99 of 100.
        first_byte_ms_p99: Option<f64>,
    }
}

readings! {
    /// Of one route.
    pub(in crate::health) struct RouteReadings {}
}

readings! {
    /// Of one file system.
    pub(in crate::health) struct DiskReadings {
        /// What it is for.
        purpose: String,
        /// Its size.
        bytes_total: Option<u64>,
        /// Bytes that may still be written.
        bytes_free: Option<u64>,
    }
}

readings! {
    /// Of one network interface.
    pub(in crate::health) struct NicReadings {
        /// Whether it can carry anything, in the words of the kernel: `up`, `down` and others.
        operational_status: &'static str,
        /// Whether somebody wants it to be `up` or `down`.
        administrative_status: Option<&'static str> => polled,
        /// Time since the process started at which it came to be so.
        changed_uptime_ms: Option<u64> => polled,
        /// The largest packet that it takes.
        mtu_bytes: Option<u64> => polled,
        /// Its address on the link.
        link_address: Option<String> => polled,
        /// Bits a second in one direction, as both ends have agreed.
        speed_bps: Option<u64>,
        /// Whether both ends may send at one time: `full` or `half`.
        duplex: Option<&'static str>,
        /// Whether anybody asks for memberships: `present`, `lost`, `none`, `awaited` or `unknown`.
        querier: &'static str => polled,
        /// Who asked last, by IGMP or MLD.
        querier_address: Option<String> => polled,
        /// How long ago that was.
        querier_age_ms: Option<u64> => polled,
    }
}

readings! {
    /// What went through one network interface since it came up, under the names of the kernel.
    pub(in crate::health) struct NicCounters {
        /// Bytes received.
        rx_bytes: Total,
        /// Packets received.
        rx_packets: Total => polled,
        /// Packets received with damage of any kind.
        rx_errors: Total,
        /// Packets received and dropped for want of room, or of anybody who wants them.
        rx_dropped: Total,
        /// Packets whose checksum was wrong: the cable, above all.
        rx_crc_errors: Total,
        /// Packets lost because the machine did not fetch them in time.
        rx_missed_errors: Total,
        /// Packets received for a multicast group.
        rx_multicast: Total => polled,
        /// Bytes sent.
        tx_bytes: Total,
        /// Packets sent.
        tx_packets: Total => polled,
        /// Packets that could not be sent.
        tx_errors: Total,
        /// Packets dropped on their way out.
        tx_dropped: Total,
        /// Times that the link came or went.
        carrier_changes: Total,
    }
}

readings! {
    /// Of one thermometer.
    pub(in crate::health) struct ThermometerReadings {
        /// What it reads, in degrees Celsius.
        temperature_celsius: Option<f64>,
    }
}

readings! {
    /// Of one slot.
    pub(in crate::health) struct SlotReadings {
        /// The version of what it has.
        version: Option<String>,
        /// How good that is: `good`, `trial`, `bad` (no tries are left), `empty` or `unknown`.
        state: &'static str,
        /// One if it runs, zero if the other one does.
        is_running: u64,
        /// Tries that it has left to become good, while they are counted.
        tries_left: Option<u64> => polled,
        /// Tries that it has used, while they are counted.
        tries_done: Option<u64> => polled,
    }
}
