//! What each key means: sections of the file to validated types, with the rules between keys.

use std::{
    net::{AddrParseError, IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    ByteSize, Cache, Config, Failover, Node, Receive, SegmentConfig,
    alarm::read_alarm,
    cache::read_cache,
    channel::read_channels,
    http::read_http,
    log::read_log,
    management::read_management,
    mistake::{Ledger, Place, quoted},
    prewarm::read_prewarm,
    purge::read_purge,
    route::read_pull,
    section::{Found, Section},
    snmp::read_snmp,
    ttl::read_ttl,
    unit::{parse_bitrate, parse_duration},
};

/// Bytes a name for people may have.
const NAME_BYTES_MAX: usize = 128;

/// Letters an id may have: it is a part of URLs, headers and file names.
const ID_BYTES_MAX: usize = 64;

/// Letters a name of a host may have (RFC 1035 §2.3.4).
const HOST_NAME_BYTES_MAX: usize = 253;

/// Reads the whole file. What is wrong is in the ledger, and at its default in the result.
pub(super) fn read_config(mut root: Section<'_>, ledger: &mut Ledger) -> Config {
    let node = read_node(root.table("node", ledger), ledger);
    let http = read_http(root.table("http", ledger), ledger);
    let management = read_management(root.table("management", ledger), &http, ledger);
    let cache_section = root.table("cache", ledger);
    let cache_size_place = cache_section.place_of("size");
    let cache = read_cache(cache_section, ledger);
    let ttl = read_ttl(root.table("ttl", ledger), ledger);
    let purge = read_purge(root.table("purge", ledger), &cache, ledger);
    let prewarm = read_prewarm(root.table("prewarm", ledger), ledger);
    let alarm = read_alarm(root.table("alarm", ledger), &cache, ledger);
    let log = read_log(root.table("log", ledger), ledger);
    let snmp = read_snmp(&mut root, &cache, ledger);
    let segment = read_segment(root.table("segment", ledger), &cache, ledger);
    let receive = read_receive(root.table("receive", ledger), ledger);
    let failover = read_failover(root.table("failover", ledger), ledger);
    let channels = read_channels(&mut root, (&segment, &http), ledger);
    let (origins, routes) = read_pull(&mut root, ledger);
    if !root.has("channel") && !root.has("origin") {
        let text = "has nothing to do: add a [[channel]] or an [[origin]]";
        ledger.mistake_unless_damaged(root.place(), format!("the file {text}"));
    }
    root.finish(ledger);
    let config = Config {
        node,
        http,
        management,
        cache,
        ttl,
        purge,
        prewarm,
        alarm,
        log,
        snmp,
        segment,
        receive,
        failover,
        channels,
        origins,
        routes,
    };
    compare_windows_with_cache(&config, &cache_size_place, ledger);
    config
}

fn read_node(mut section: Section<'_>, ledger: &mut Ledger) -> Node {
    let name = section.text("name", id, ledger);
    section.finish(ledger);
    name.map_or_else(Node::default, |name| Node { name: name.value })
}

fn read_segment(mut section: Section<'_>, cache: &Cache, ledger: &mut Ledger) -> SegmentConfig {
    let default = SegmentConfig::default();
    let target = duration_in(&mut section, "target", (1_000, 30_000), ledger);
    let window = section.integer("window", (3, 1_000), ledger);
    let slack = duration_in(&mut section, "slack", (0, 30_000), ledger);
    let longest = duration_in(&mut section, "longest", (1_000, 120_000), ledger);
    let largest = section.text("largest", ByteSize::parse, ledger);
    let is_target_known = target.is_some() || !section.has("target");
    section.finish(ledger);
    let target = target.map_or(default.target, |target| target.value);
    let short = longest.as_ref().filter(|longest| longest.value < target);
    if let Some(Found { value, place }) = short.filter(|_| is_target_known) {
        let text = format!("{value:?} is shorter than segment.target ({target:?}): raise it");
        ledger.mistake(place, text);
    }
    if let Some(Found { value, place }) = &largest {
        check_largest(*value, place, cache, ledger);
    }
    SegmentConfig {
        target,
        window: window
            .and_then(|window| usize::try_from(window).ok())
            .unwrap_or(default.window),
        slack: slack.map_or(target / 3, |slack| slack.value),
        longest: longest.map_or(target * 2, |longest| longest.value),
        largest: largest.map_or(default.largest.min(cache.memory), |largest| largest.value),
    }
}

fn check_largest(largest: ByteSize, place: &Place, cache: &Cache, ledger: &mut Ledger) {
    let min = ByteSize(64 << 10);
    if largest < min {
        ledger.mistake(
            place,
            format!("{largest} is too small: write at least {min}"),
        );
    }
    if largest > cache.memory {
        let text = "a segment stays in memory until it is on disk: lower it, or raise the memory";
        let memory = cache.memory;
        ledger.mistake(
            place,
            format!("{largest} is more than cache.memory ({memory}); {text}"),
        );
    }
}

/// Threads that receive, at most: 16 of 2.5 Gb/s are more than any link has.
const RECEIVE_THREADS_MAX: usize = 16;

fn read_receive(mut section: Section<'_>, ledger: &mut Ledger) -> Receive {
    let default = Receive::default();
    let drain_interval = duration_in(&mut section, "drain_interval", (1, 100), ledger);
    let bitrate = section.text("bitrate_max", bitrate_in_range, ledger);
    let stall = duration_in(&mut section, "stall", (10, 5_000), ledger);
    let reorder = section.integer("reorder", (0, 256), ledger);
    let skew = duration_in(&mut section, "skew", (10, 500), ledger);
    let cores = section.integers("cores", RECEIVE_THREADS_MAX, (0, 1_023), ledger);
    let is_measured = section.flag("measure", ledger);
    section.finish(ledger);
    Receive {
        drain_interval: drain_interval.map_or(default.drain_interval, |found| found.value),
        bitrate_bps_max: bitrate.map_or(default.bitrate_bps_max, |found| found.value),
        stall: stall.map_or(default.stall, |found| found.value),
        reorder_packets_max: reorder
            .and_then(|packets| u16::try_from(packets).ok())
            .unwrap_or(default.reorder_packets_max),
        skew: skew.map_or(default.skew, |found| found.value),
        cores: cores
            .into_iter()
            .filter_map(|core| u16::try_from(core).ok())
            .collect(),
        is_measured: is_measured.unwrap_or(default.is_measured),
    }
}

fn read_failover(mut section: Section<'_>, ledger: &mut Ledger) -> Failover {
    let default = Failover::default();
    let silence = duration_in(&mut section, "silence", (100, 60_000), ledger);
    let media = duration_in(&mut section, "media", (500, 60_000), ledger);
    let errors = section.integer("errors", (1, 1_000_000), ledger);
    let is_returning = section.flag("fail_back", ledger);
    let hold = duration_in(&mut section, "hold", (1_000, 86_400_000), ledger);
    section.finish(ledger);
    Failover {
        silence: silence.map_or(default.silence, |found| found.value),
        media: media.map_or(default.media, |found| found.value),
        errors: errors.unwrap_or(default.errors),
        is_returning: is_returning.unwrap_or(default.is_returning),
        hold: hold.map_or(default.hold, |found| found.value),
    }
}

/// Warns when what live lists promise can alone outgrow the cache.
///
/// A segment stays fetchable for as long after it has left a list as that is (RFC 8216 §6.2.2), and
/// the longest list of a channel with `dvr` is that long. A quarter of the cache is left to others.
fn compare_windows_with_cache(config: &Config, place: &Place, ledger: &mut Ledger) {
    let window_s = config.segment.target.as_secs() * config.segment.window as u64;
    let kept_s = config.channels.iter().map(|channel| {
        let list_s = channel.dvr.map_or(window_s, |dvr| dvr.as_secs());
        channel.renditions.len() as u64 * list_s * 2
    });
    let seconds = kept_s.fold(0, u64::saturating_add);
    let bytes = seconds.saturating_mul(config.receive.bitrate_bps_max / 8);
    let bytes = bytes / 3 * 4;
    let size = config.cache.size;
    if bytes > size.0 {
        ledger.warning(
            place,
            format!(
                "{size} may be too small: at receive.bitrate_max live windows and `dvr` need {} GB",
                bytes.div_ceil(1_000_000_000)
            ),
        );
    }
}

pub(super) fn duration_in(
    section: &mut Section<'_>,
    key: &'static str,
    (min_ms, max_ms): (u64, u64),
    ledger: &mut Ledger,
) -> Option<Found<Duration>> {
    let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(max_ms));
    let read = |text: &str| {
        let duration = parse_duration(text)?;
        if (min..=max).contains(&duration) {
            Ok(duration)
        } else {
            Err(format!("must be from {min:?} to {max:?}, not {duration:?}"))
        }
    };
    section.text(key, read, ledger)
}

fn bitrate_in_range(text: &str) -> Result<u64, String> {
    let bitrate_bps = parse_bitrate(text)?;
    if (64_000..=10_000_000_000).contains(&bitrate_bps) {
        Ok(bitrate_bps)
    } else {
        Err(format!(
            "must be from 64kb/s to 10Gb/s, not {}",
            quoted(text)
        ))
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_unhelpful: AddrParseError| {
        let text = quoted(text);
        format!("{text} is no address: write address and port in numbers, as in \"0.0.0.0:80\"")
    })
}

/// Whether two listeners would want one port of one address.
pub(super) fn collide(left: SocketAddr, right: SocketAddr) -> bool {
    let is_any = |ip: IpAddr| ip.is_unspecified();
    let is_port_shared = left.port() == right.port() && left.port() != 0;
    let is_host_shared = left.ip() == right.ip()
        || left.is_ipv4() == right.is_ipv4() && (is_any(left.ip()) || is_any(right.ip()));
    is_port_shared && is_host_shared
}

/// A name in URLs, headers and file names.
pub(super) fn id(text: &str) -> Result<String, String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_fit = (1..=ID_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(is_letter);
    is_fit.then(|| text.to_owned()).ok_or_else(|| {
        let text = quoted(text);
        let letters = "A-Z a-z 0-9 . _ -, not starting with a dot";
        format!("{text} is no name for URLs: write 1 to {ID_BYTES_MAX} of {letters}")
    })
}

/// A name that name servers know a machine by (RFC 1123 §2.1), without a port.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_fit = (1..=HOST_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter);
    is_fit.then(|| text.to_owned()).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no name of a host: write one without a port, such as \"edge.example\"")
    })
}

/// A name for people.
pub(super) fn display_name(text: &str) -> Result<String, String> {
    let is_fit = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
    is_fit
        .then(|| text.to_owned())
        .ok_or_else(|| format!("must be 1 to {NAME_BYTES_MAX} bytes of printable text"))
}
