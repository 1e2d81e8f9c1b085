//! What an appliance does that was not told otherwise: the one place where defaults are written.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{ByteSize, Cache, Config, Http, Management, Node, Receive, SegmentConfig};

impl Default for Config {
    /// Everything at its default, and neither channels nor origins.
    fn default() -> Self {
        Self {
            node: Node::default(),
            http: Http::default(),
            management: Management::default(),
            cache: Cache::default(),
            segment: SegmentConfig::default(),
            receive: Receive::default(),
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
        let listen = vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80))];
        Self { listen }
    }
}

impl Default for Management {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080));
        Self { listen }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/weir/cache"),
            size: ByteSize(10 << 30),
            memory: ByteSize(64 << 20),
        }
    }
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(6),
            window: 10,
            longest: Duration::from_secs(12),
            largest: ByteSize(64 << 20),
        }
    }
}

impl Default for Receive {
    fn default() -> Self {
        Self {
            drain_interval: Duration::from_millis(10),
            bitrate_bps_max: 40_000_000,
            stall: Duration::from_millis(250),
        }
    }
}
