//! The keys of `[http]` that say what a client may take.

use super::{
    ByteSize, ClientLimits, RequestRate,
    mistake::{Ledger, quoted},
    read::duration_in,
    section::Section,
    unit::parse_bitrate,
};

/// Connections of all clients: from a household's to what one process has descriptors for.
const CONNECTIONS_RANGE: (u64, u64) = (16, 1_000_000);

/// Connections of one client: no browser does with fewer than 6.
const CONNECTIONS_PER_CLIENT_RANGE: (u64, u64) = (6, 1_000_000);

/// Requests of one client in a second, or at once.
const REQUESTS_RANGE: (u64, u64) = (1, 1_000_000);

/// Seconds' worth of requests that may come at once unless told otherwise: a player fills its
/// buffer as fast as it can.
const BURST_S: u32 = 10;

/// What a request may have for a body.
const BODY_RANGE: (ByteSize, ByteSize) = (ByteSize(1 << 10), ByteSize(1 << 30));

/// What a client must take in a second.
const SEND_RATE_RANGE_BPS: (u64, u64) = (1_000, 10_000_000);

/// How long a client may pause, in milliseconds.
const SEND_PAUSE_RANGE_MS: (u64, u64) = (1_000, 24 * 3_600 * 1_000);

pub(super) fn read_client_limits(section: &mut Section<'_>, ledger: &mut Ledger) -> ClientLimits {
    let default = ClientLimits::default();
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let connections = section.integer("connections", CONNECTIONS_RANGE, ledger);
    let key = "connections_per_client";
    let per_client = section.integer(key, CONNECTIONS_PER_CLIENT_RANGE, ledger);
    let request_rate = read_request_rate(section, ledger);
    let body_size = section.text("body_size", body_size, ledger);
    let send_rate_min = section.text("send_rate_min", send_rate, ledger);
    let send_pause = duration_in(section, "send_pause", SEND_PAUSE_RANGE_MS, ledger);
    ClientLimits {
        connections: connections.map_or(default.connections, count),
        connections_per_client: per_client.map(count),
        request_rate,
        body_size: body_size.map_or(default.body_size, |found| found.value),
        send_rate_min_bps: send_rate_min.map_or(default.send_rate_min_bps, |found| found.value),
        send_pause: send_pause.map_or(default.send_pause, |found| found.value),
    }
}

fn read_request_rate(section: &mut Section<'_>, ledger: &mut Ledger) -> Option<RequestRate> {
    let mut count = |key| {
        let number = section.integer(key, REQUESTS_RANGE, ledger);
        number.and_then(|number| u32::try_from(number).ok())
    };
    let (per_s, burst) = (count("request_rate"), count("request_burst"));
    if section.has("request_burst") && !section.has("request_rate") {
        let text = "says nothing without request_rate: add it, or remove this";
        ledger.warning(&section.place_of("request_burst"), text);
    }
    let per_s = per_s?;
    let burst = burst.unwrap_or(per_s.saturating_mul(BURST_S));
    Some(RequestRate { per_s, burst })
}

fn body_size(text: &str) -> Result<ByteSize, String> {
    let size = ByteSize::parse(text)?;
    let (min, max) = BODY_RANGE;
    if (min..=max).contains(&size) {
        Ok(size)
    } else {
        Err(format!("must be from {min} to {max}, not {}", quoted(text)))
    }
}

fn send_rate(text: &str) -> Result<u64, String> {
    let rate_bps = parse_bitrate(text)?;
    let (min, max) = SEND_RATE_RANGE_BPS;
    if (min..=max).contains(&rate_bps) {
        Ok(rate_bps)
    } else {
        Err(format!(
            "must be from 1kb/s to 10Mb/s, not {}",
            quoted(text)
        ))
    }
}
