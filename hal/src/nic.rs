//! Network interfaces as the kernel tells of them.
//!
//! Source: RFC 2863 (ifOperStatus); `sysfs` below `/sys/class/net`.

use std::{net::IpAddr, time::Duration};

/// One network interface at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nic {
    /// Its name.
    pub name: String,
    /// Whether it can carry anything.
    pub operational_status: OperationalStatus,
    /// Whether somebody wants it to be up; `None` if the kernel does not tell.
    pub is_enabled: Option<bool>,
    /// Whether it takes packets for others too; `None` if the kernel does not tell.
    pub is_promiscuous: Option<bool>,
    /// Whether it is a device of the machine, and not made by software.
    pub is_physical: bool,
    /// The largest packet that it takes.
    pub mtu_bytes: Option<u64>,
    /// Its address on the link; `None` for what has none.
    pub link_address: Option<[u8; 6]>,
    /// Bits a second in one direction; `None` if nothing is plugged in, or it has no speed.
    pub speed_bps: Option<u64>,
    /// Whether it sends and receives at one time; `None` where that means nothing.
    pub duplex: Option<Duplex>,
    /// What went through it since it came up.
    pub statistics: NicStatistics,
    /// Who asks for memberships on it.
    pub querier: Querier,
}

/// Who asks for memberships on an interface, by IGMP (RFC 3376 §6.6.2) or MLD (RFC 3810 §7.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Querier {
    /// Nobody may look, which takes `CAP_NET_RAW`, or the interface is not up.
    #[default]
    Unknown,
    /// None was heard.
    Unheard {
        /// For so long.
        watched: Duration,
    },
    /// One was heard.
    Heard {
        /// The one that asked last.
        address: IpAddr,
        /// When.
        ago: Duration,
    },
}

/// Whether an interface can carry anything (RFC 2863 §3.1.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OperationalStatus {
    /// It can.
    Up,
    /// It cannot.
    Down,
    /// It is tested, and carries nothing meanwhile.
    Testing,
    /// It waits for something outside, such as an authentication.
    Dormant,
    /// A part of it is missing.
    NotPresent,
    /// What it stands on is down.
    LowerLayerDown,
    /// Nobody knows, as of a loopback.
    #[default]
    Unknown,
}

impl OperationalStatus {
    /// A stable word for machines: the kernel's, which are those of the RFC in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Testing => "testing",
            Self::Dormant => "dormant",
            Self::NotPresent => "notpresent",
            Self::LowerLayerDown => "lowerlayerdown",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether both ends of a link may send at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplex {
    /// They may.
    Full,
    /// They must take turns: on a modern link, a sign that one end does not negotiate.
    Half,
}

impl Duplex {
    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Half => "half",
        }
    }
}

/// What went through an interface, under the kernel's own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NicStatistics {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets received for a multicast group, of [`NicStatistics::rx_packets`].
    pub rx_multicast: u64,
    /// Packets received with damage of any kind.
    pub rx_errors: u64,
    /// Packets received and dropped for want of room or of anybody who wants them.
    pub rx_dropped: u64,
    /// Packets whose checksum was wrong: the cable, above all.
    pub rx_crc_errors: u64,
    /// Packets the interface lost because the machine did not fetch them in time.
    pub rx_missed_errors: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets dropped on their way out.
    pub tx_dropped: u64,
    /// Times that the link came or went.
    pub carrier_changes: u64,
}

/// Interfaces that are told of; those beyond, in the order of their names, are not.
pub const NICS_MAX: usize = 64;
