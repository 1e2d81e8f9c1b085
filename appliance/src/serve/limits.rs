//! What one listener allows its clients.

use std::time::Duration;

use crate::{
    config::{ClientLimits, RequestRate},
    serve::{Pace, Room},
};

/// What one listener allows its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at one time; more are closed at once.
    pub room: Room,
    /// Requests of one client; more are answered with 429. `None` for no limit.
    pub request_rate: Option<RequestRate>,
    /// Longest wait for a request to begin, from the connection's start or the last answer on: how
    /// long an idle connection is kept.
    pub request_wait: Duration,
    /// Longest wait for a whole request head, from its first byte on.
    pub head_wait: Duration,
    /// How fast a client must take what it asked for.
    pub pace: Pace,
    /// Bytes the body of a request may have.
    pub body_bytes_max: u64,
    /// Longest wait for the whole body of a request, from when it is first asked for.
    pub body_wait: Duration,
}

impl Limits {
    /// For players: the connections of a POP box, kept over two playlist reloads of the longest
    /// target duration (30 s).
    pub const DATA: Self = Self {
        room: Room::of(10_000),
        request_rate: None,
        request_wait: Duration::from_mins(1),
        head_wait: Duration::from_secs(10),
        pace: Pace::DEFAULT,
        body_bytes_max: 1 << 20,
        body_wait: Duration::from_secs(30),
    };

    /// For people and fleets.
    pub const MANAGEMENT: Self = Self {
        room: Room::of(256),
        request_wait: Duration::from_secs(30),
        ..Self::DATA
    };

    /// For players, as configured.
    pub fn for_players(configured: &ClientLimits) -> Self {
        Self {
            room: Room {
                connections_max: configured.connections,
                per_client_max: configured.connections_per_client.unwrap_or(usize::MAX),
            },
            request_rate: configured.request_rate,
            pace: Pace {
                rate_min_bps: configured.send_rate_min_bps,
                pause_max: configured.send_pause,
            },
            body_bytes_max: configured.body_size.0,
            ..Self::DATA
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_are_allowed_the_same_unless_told_otherwise() {
        let limits = Limits::for_players(&ClientLimits::default());
        assert_eq!(limits, Limits::DATA);
    }
}
