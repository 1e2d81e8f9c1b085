//! What an appliance does that was not told otherwise: the one place where defaults are written.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{
    AccessLog, AddressPrefix, Alarm, ByteSize, Cache, ClientLimits, Config, Failover, Http, Log,
    LogFormat, LogTarget, Management, Node, Origin, Prewarm, Probe, Purge, Receive, SegmentConfig,
    Strategy, Ttl, alarm::state_of, purge::journal_of,
};
use crate::alarm::Rules;

/// How long one search of the whole cache for rot takes: short beside the years in which media
/// forget, long beside the load that it is.
const SCRUB_PASS_S: u64 = 30 * 24 * 3600;

/// A rate that no device notices.
const SCRUB_MIN: u64 = 64 << 10;

impl Default for Config {
    /// Everything at its default, and neither channels nor origins.
    fn default() -> Self {
        Self {
            node: Node::default(),
            http: Http::default(),
            management: Management::default(),
            cache: Cache::default(),
            ttl: Ttl::default(),
            purge: Purge::default(),
            prewarm: Prewarm::default(),
            alarm: Alarm::default(),
            log: Log::default(),
            snmp: None,
            segment: SegmentConfig::default(),
            receive: Receive::default(),
            failover: Failover::default(),
            channels: Vec::new(),
            origins: Vec::new(),
            routes: Vec::new(),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        let name = "weir".to_owned();
        Self { name }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80))],
            tls_listen: Vec::new(),
            certificates: PathBuf::from("/etc/weir/tls"),
            threads: None,
            drain_notice: Duration::ZERO,
            access_log: None,
            limits: ClientLimits::default(),
        }
    }
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_client: None,
            request_rate: None,
            body_size: ByteSize(1 << 20),
            send_rate_min_bps: 4_000,
            send_pause: Duration::from_mins(5),
        }
    }
}

impl Default for AccessLog {
    /// To standard output.
    fn default() -> Self {
        Self {
            target: LogTarget::StandardOutput,
            format: LogFormat::Json,
            sample: 1,
            size: ByteSize(64 << 20),
            files: 4,
        }
    }
}

impl Default for Management {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080));
        Self {
            listen,
            tls_listen: None,
            certificates: None,
            names: Vec::new(),
            agent_check: None,
            tokens: Vec::new(),
            users: Vec::new(),
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        let size = ByteSize(10 << 30);
        Self {
            path: PathBuf::from("/var/lib/weir/cache"),
            size,
            memory: ByteSize(64 << 20),
            scrub: scrub_for(size),
            write_budget: None,
            classes: weir_cache::Classes::default(),
        }
    }
}

/// Bytes a second that read a cache of a `size` in 30 days, in whole KiB; at least 64 KiB.
pub(super) const fn scrub_for(size: ByteSize) -> ByteSize {
    let rate = size.0.div_ceil(SCRUB_PASS_S).next_multiple_of(1 << 10);
    if rate > SCRUB_MIN {
        ByteSize(rate)
    } else {
        ByteSize(SCRUB_MIN)
    }
}

/// The addresses of this machine.
fn this_machine() -> Vec<AddressPrefix> {
    let loopback = [
        (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
        (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    ];
    let prefixes = loopback.into_iter();
    prefixes
        .filter_map(|(address, bits)| AddressPrefix::new(address, bits))
        .collect()
}

impl Default for Purge {
    fn default() -> Self {
        Self {
            allowed: this_machine(),
            rate_per_s: 100,
            burst: 1_000,
            journal: journal_of(&Cache::default().path),
        }
    }
}

impl Default for Prewarm {
    fn default() -> Self {
        Self {
            allowed: this_machine(),
            rate_per_s: 50,
            concurrency: 4,
        }
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            allowed: this_machine(),
            state: state_of(&Cache::default()),
            boot_inhibit: Duration::from_mins(1),
            rules: Rules::default(),
        }
    }
}

impl Default for Ttl {
    fn default() -> Self {
        Self {
            high: Duration::from_hours(1),
            medium: Duration::from_mins(30),
            low: Duration::from_mins(10),
        }
    }
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(6),
            window: 10,
            slack: Duration::from_secs(2),
            longest: Duration::from_secs(12),
            largest: ByteSize(64 << 20),
        }
    }
}

impl Default for Failover {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(1),
            media: Duration::from_secs(3),
            errors: 50,
            is_returning: true,
            hold: Duration::from_mins(1),
        }
    }
}

impl Default for Receive {
    fn default() -> Self {
        Self {
            drain_interval: Duration::from_millis(10),
            bitrate_bps_max: 40_000_000,
            stall: Duration::from_millis(250),
            reorder_packets_max: 32,
            skew: Duration::from_millis(500),
            cores: Vec::new(),
            is_measured: true,
        }
    }
}

impl Default for Origin {
    /// Without a name and URLs, which have no default.
    fn default() -> Self {
        Self {
            name: String::new(),
            urls: Vec::new(),
            weights: Vec::new(),
            strategy: Strategy::Nearest,
            host: None,
            connect_timeout: Duration::from_secs(1),
            first_byte_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(10),
            connections_max: 64,
            response_max: ByteSize(1 << 40),
            probe: None,
            ca: None,
        }
    }
}

impl Default for Probe {
    /// Without a path, which has no default.
    fn default() -> Self {
        Self {
            path: String::new(),
            interval: Duration::from_secs(5),
            failures: 3,
            passes: 2,
        }
    }
}
