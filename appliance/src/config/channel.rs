//! `[[channel]]`, its renditions and their sources.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use weir_hal::InterfaceName;

use super::{
    Channel, Config, Cues, Http, Priority, Rendition, SegmentConfig, Source, Transport,
    cache::secret_path,
    encryption::{Around, read_encryption},
    mistake::{Ledger, Place, quoted},
    read::{display_name, id},
    section::{Found, Section},
    track::read_tracks,
    unit::parse_duration,
};

/// Ports above that of the media on which FEC comes (SMPTE ST 2022-1).
const FEC_PORTS: u16 = 4;

/// One place to receive from, down to the program.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Feed {
    group: SocketAddr,
    source: Option<IpAddr>,
    interface: Option<InterfaceName>,
    program: Option<u16>,
}

/// Names and feeds that were met, to find what is there twice.
#[derive(Debug, Default)]
struct Met {
    ids: Vec<Found<String>>,
    feeds: HashMap<Feed, Place>,
}

pub(super) fn read_channels(
    root: &mut Section<'_>,
    around: (&SegmentConfig, &Http),
    ledger: &mut Ledger,
) -> Vec<Channel> {
    let mut met = Met::default();
    let sections = root.tables("channel", Config::CHANNELS_MAX, ledger);
    let channels = sections
        .into_iter()
        .map(|section| read_channel(section, around, &mut met, ledger));
    channels.collect()
}

fn read_channel(
    mut section: Section<'_>,
    (segment, http): (&SegmentConfig, &Http),
    met: &mut Met,
    ledger: &mut Ledger,
) -> Channel {
    section.require("id", "id = \"CH_001\"", ledger);
    let id = unique(section.text("id", id, ledger), &mut met.ids, ledger);
    let name = section.text("name", display_name, ledger);
    let priority = section.text("priority", priority, ledger);
    let dvr = read_dvr(&mut section, segment, ledger);
    let sign_keys = section.text("sign_keys", secret_path, ledger);
    let cues = section.text("cues", parse_cues, ledger);
    let has_encryption = section.has("encryption");
    let encryption = section.table("encryption", ledger);
    let encryption = has_encryption.then(|| {
        let around = Around {
            segment,
            dvr,
            has_tls: !http.tls_listen.is_empty(),
        };
        read_encryption(encryption, around, ledger)
    });
    let sections = section.tables("rendition", Config::RENDITIONS_MAX, ledger);
    section.require("rendition", "a [[channel.rendition]] below it", ledger);
    if section.is_empty_list("rendition") {
        let place = section.place_of("rendition");
        ledger.mistake(&place, "is empty: add a [[channel.rendition]]");
    }
    let mut names = Vec::new();
    let mut renditions = Vec::new();
    for section in sections {
        renditions.push(read_rendition(section, &mut names, met, ledger));
    }
    section.finish(ledger);
    Channel {
        name: name.map_or_else(|| id.clone(), |name| name.value),
        id,
        priority: priority.map_or_else(Priority::default, |priority| priority.value),
        dvr,
        sign_keys: sign_keys.map(|path| path.value),
        cues: cues.map_or_else(Cues::default, |cues| cues.value),
        encryption: encryption.flatten(),
        renditions,
    }
}

/// Longer than the live list, and no more segments than an archive holds.
fn read_dvr(
    section: &mut Section<'_>,
    segment: &SegmentConfig,
    ledger: &mut Ledger,
) -> Option<Duration> {
    let Found { value, place } = section.text("dvr", parse_duration, ledger)?;
    let (target_ms, dvr_ms) = (segment.target.as_millis(), value.as_millis());
    let least_ms = target_ms * segment.window as u128;
    let most_ms = target_ms * Config::DVR_SEGMENTS_MAX;
    if dvr_ms < least_ms {
        let seconds = least_ms.div_ceil(1_000);
        let text = format!(
            "{value:?} is less than the live list has: write at least {seconds}s, which is \
             segment.window of segment.target, or leave it out"
        );
        ledger.mistake(&place, text);
    } else if dvr_ms > most_ms {
        let (hours, most) = (most_ms / 3_600_000, Config::DVR_SEGMENTS_MAX);
        let text = format!(
            "{value:?} has more than {most} segments of segment.target: write at most {hours}h, \
             or raise segment.target"
        );
        ledger.mistake(&place, text);
    }
    Some(value)
}

fn read_rendition(
    mut section: Section<'_>,
    names: &mut Vec<Found<String>>,
    met: &mut Met,
    ledger: &mut Ledger,
) -> Rendition {
    section.require("name", "name = \"HD_5M\"", ledger);
    let name = unique(section.text("name", id, ledger), names, ledger);
    section.require("sources", "sources = [\"udp://239.1.1.1:1234\"]", ledger);
    let sources = section.texts("sources", Config::SOURCES_MAX, str::parse::<Source>, ledger);
    let merge = section.integer("merge", (1, Config::SOURCES_MAX as u64), ledger);
    let merge = merge.map_or(1, |sources| usize::try_from(sources).unwrap_or(1));
    let fec = section.flag("fec", ledger).unwrap_or(false);
    check_merge(&sources, (merge, fec), ledger);
    let interface = section
        .text("interface", parse_interface, ledger)
        .map(|found| found.value);
    let program = section.integer("program", (1, u64::from(u16::MAX)), ledger);
    let program = program.and_then(|number| u16::try_from(number).ok());
    let stream = section.integer("transport_stream_id", (0, u64::from(u16::MAX)), ledger);
    let transport_stream_id = stream.and_then(|number| u16::try_from(number).ok());
    let (is_audio_alone, teletext) = read_tracks(&mut section, &name, names, ledger);
    for found in &sources {
        check_feed(found, interface.as_ref(), program, (met, ledger));
    }
    if section.is_empty_list("sources") {
        let place = section.place_of("sources");
        ledger.mistake(
            &place,
            "names no source: add one, such as \"udp://239.1.1.1:1234\"",
        );
    }
    section.finish(ledger);
    Rendition {
        name,
        sources: sources.into_iter().map(|found| found.value).collect(),
        merge,
        fec,
        interface,
        program,
        transport_stream_id,
        is_audio_alone,
        teletext,
    }
}

/// What has no sequence numbers is merged by two at most, and not protected; what has no datagrams
/// is not merged at all.
fn check_merge(sources: &[Found<Source>], (merge, fec): (usize, bool), ledger: &mut Ledger) {
    for stream in sources.chunks(merge).filter(|stream| stream.len() > 1) {
        for found in stream {
            if matches!(found.value, Source::Http { .. }) {
                let text = "what comes over HTTP has no datagrams to merge: have it stand behind \
                            them, a stream of its own";
                ledger.mistake(&found.place, text);
            }
        }
    }
    for found in sources {
        let port = match found.value {
            Source::Datagram {
                transport: Transport::Rtp,
                group,
                ..
            } => Some(group.port()),
            Source::Datagram { .. } => None,
            Source::Http { .. } => continue,
        };
        if port.is_none() && merge > Config::MERGE_BY_CONTENT_MAX {
            let text = "only rtp:// can be merged by more than two: write merge = 2, or rtp://";
            ledger.mistake(&found.place, text);
        }
        if port.is_none() && fec {
            let text = "only rtp:// can have FEC: leave `fec` out, or write rtp://";
            ledger.mistake(&found.place, text);
        }
        if fec && port.is_some_and(|port| port > u16::MAX - FEC_PORTS) {
            let text = "its FEC comes on this port and four, which there is not: take a lower one";
            ledger.mistake(&found.place, text);
        }
    }
}

/// Warns of a feed that is there twice, and of one that routers will not forward.
fn check_feed(
    found: &Found<Source>,
    interface: Option<&InterfaceName>,
    program: Option<u16>,
    (met, ledger): (&mut Met, &mut Ledger),
) {
    let Source::Datagram { group, source, .. } = found.value else {
        return;
    };
    let feed = Feed {
        group,
        source,
        interface: interface.cloned(),
        program,
    };
    if source.is_none() && is_source_specific(group.ip()) {
        let text = format!("{group} is in the source-specific range: write udp://source@{group}");
        ledger.warning(&found.place, text);
    }
    match met.feeds.get(&feed) {
        Some(earlier) => {
            let (path, line) = (&earlier.path, earlier.line);
            let text = format!("{group} is received twice; the first is {path} on line {line}");
            ledger.warning(&found.place, text);
        }
        None => {
            met.feeds.insert(feed, found.place.clone());
        }
    }
}

/// RFC 4607 §1: 232.0.0.0/8 and `FF3x::/32`.
fn is_source_specific(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.octets()[0] == 232,
        IpAddr::V6(group) => group.segments()[0] & 0xFFF0 == 0xFF30 && group.segments()[1] == 0,
    }
}

/// Notes a name that was met before, and remembers it. An unreadable name counts as empty.
pub(super) fn unique(
    found: Option<Found<String>>,
    met: &mut Vec<Found<String>>,
    ledger: &mut Ledger,
) -> String {
    let Some(found) = found else {
        return String::new();
    };
    if let Some(earlier) = met.iter().find(|earlier| earlier.value == found.value) {
        let (value, line) = (&found.value, earlier.place.line);
        let text = format!("{value:?} is taken on line {line}: choose another");
        ledger.mistake(&found.place, text);
    }
    let value = found.value.clone();
    met.push(found);
    value
}

pub(super) fn priority(text: &str) -> Result<Priority, String> {
    match text {
        "high" => Ok(Priority::High),
        "medium" => Ok(Priority::Medium),
        "low" => Ok(Priority::Low),
        _ => {
            let text = quoted(text);
            Err(format!("{text} is no priority: write high, medium or low"))
        }
    }
}

/// Reads how playlists tell of breaks.
///
/// # Errors
/// A sentence that names the words there are.
pub fn parse_cues(text: &str) -> Result<Cues, String> {
    match text {
        "daterange" => Ok(Cues::DateRange),
        "cue" => Ok(Cues::Cue),
        "both" => Ok(Cues::Both),
        "off" => Ok(Cues::Off),
        _ => {
            let text = quoted(text);
            Err(format!(
                "{text} is no way to tell of breaks: write daterange, cue, both or off"
            ))
        }
    }
}

/// Checks the name of a network interface.
///
/// # Errors
/// A sentence that says what a name looks like.
pub fn parse_interface(text: &str) -> Result<InterfaceName, String> {
    InterfaceName::new(text).ok_or_else(|| {
        let max = InterfaceName::BYTES_MAX;
        let text = quoted(text);
        format!("{text} is no interface name: write 1 to {max} letters as `ip link` shows them")
    })
}
