//! `[[origin]]`: servers that are asked for what is not here, and how.

use std::{path::PathBuf, time::Duration};

use hyper::header::HeaderValue;

use super::{
    ByteSize, Config, Origin, Probe, Strategy,
    channel::unique,
    mistake::{Ledger, quoted},
    read::{duration_in, id},
    section::{Found, Section},
    source::http_url,
};

/// Bytes a probe's path, or a Host field, may have.
const TEXT_BYTES_MAX: usize = 512;

/// Largest weight of a URL.
const WEIGHT_MAX: u64 = 1_000;

/// Reads one origin; its name is added to `names`.
pub(super) fn read_origin(
    mut section: Section<'_>,
    names: &mut Vec<Found<String>>,
    ledger: &mut Ledger,
) -> Origin {
    let default = Origin::default();
    section.require("name", "name = \"midcache\"", ledger);
    let name = unique(section.text("name", id, ledger), names, ledger);
    let urls = read_urls(&mut section, ledger);
    let weights = read_weights(&mut section, ledger);
    let strategy = section.text("strategy", strategy, ledger);
    let implied = if weights.is_empty() {
        Strategy::Nearest
    } else {
        Strategy::Weights
    };
    let host = section.text("host", host, ledger);
    let mut timeout = |key, range, default: Duration| {
        let found = duration_in(&mut section, key, range, ledger);
        found.map_or(default, |found| found.value)
    };
    let connect_timeout = timeout("connect_timeout", (50, 30_000), default.connect_timeout);
    let first_byte_timeout = timeout(
        "first_byte_timeout",
        (50, 120_000),
        default.first_byte_timeout,
    );
    let stall_timeout = timeout("stall_timeout", (100, 120_000), default.stall_timeout);
    let connections_max = section.integer("connections_max", (1, 4_096), ledger);
    let response_max = section.text("response_max", response_max, ledger);
    let probe = read_probe(&mut section, ledger);
    let ca = read_ca(&mut section, &urls, ledger);
    section.finish(ledger);
    Origin {
        name,
        urls,
        weights,
        strategy: strategy.map_or(implied, |found| found.value),
        host: host.map(|found| found.value),
        connect_timeout,
        first_byte_timeout,
        stall_timeout,
        connections_max: connections_max
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(default.connections_max),
        response_max: response_max.map_or(default.response_max, |found| found.value),
        probe,
        ca,
    }
}

fn read_urls(section: &mut Section<'_>, ledger: &mut Ledger) -> Vec<String> {
    section.require("urls", "urls = [\"http://midcache:80\"]", ledger);
    let found = section.texts("urls", Config::ORIGIN_URLS_MAX, base_url, ledger);
    if section.is_empty_list("urls") {
        let text = "names no URL: add one, such as \"http://midcache:80\"";
        ledger.mistake(&section.place_of("urls"), text);
    }
    let mut urls: Vec<String> = Vec::new();
    for Found { value, place } in found {
        if urls.contains(&value) {
            ledger.mistake(&place, format!("{value:?} is listed twice: keep one"));
        }
        urls.push(value);
    }
    urls
}

fn read_weights(section: &mut Section<'_>, ledger: &mut Ledger) -> Vec<u32> {
    let range = (1, WEIGHT_MAX);
    let found = section.integers("weights", Config::ORIGIN_URLS_MAX, range, ledger);
    let lengths = [section.list_length("weights"), section.list_length("urls")];
    if let [Some(weights), Some(urls)] = lengths
        && weights != urls
    {
        let text = format!("has {weights} entries for {urls} URLs: write one for each, in order");
        ledger.mistake(&section.place_of("weights"), text);
    }
    let weights = found.into_iter().map(u32::try_from);
    weights.filter_map(Result::ok).collect()
}

fn read_probe(section: &mut Section<'_>, ledger: &mut Ledger) -> Option<Probe> {
    let default = Probe::default();
    let path = section.text("probe", probe_path, ledger);
    let interval = duration_in(section, "probe_interval", (100, 600_000), ledger);
    let failures = section.integer("probe_failures", (1, 100), ledger);
    let passes = section.integer("probe_passes", (1, 100), ledger);
    if !section.has("probe") {
        let idle = ["probe_interval", "probe_failures", "probe_passes"];
        for key in idle.into_iter().filter(|key| section.has(key)) {
            let text = "nothing is probed: add probe = \"/healthz\", or remove it";
            ledger.warning(&section.place_of(key), text);
        }
    }
    let count = |found: Option<u64>, default| {
        let count = found.and_then(|count| u32::try_from(count).ok());
        count.unwrap_or(default)
    };
    path.map(|path| Probe {
        path: path.value,
        interval: interval.map_or(default.interval, |found| found.value),
        failures: count(failures, default.failures),
        passes: count(passes, default.passes),
    })
}

fn read_ca(section: &mut Section<'_>, urls: &[String], ledger: &mut Ledger) -> Option<PathBuf> {
    let Found { value, place } = section.text("ca", ca, ledger)?;
    if !urls.iter().any(|url| url.starts_with("https:")) {
        let text = "no URL begins with https://, so no certificate is looked at: remove it";
        ledger.warning(&place, text);
    }
    Some(value)
}

fn base_url(text: &str) -> Result<String, String> {
    let url = http_url(text)?;
    if url.contains(['?', '#']) {
        let text = quoted(text);
        return Err(format!(
            "{text} has a query: an origin is the part before the request path"
        ));
    }
    Ok(url)
}

fn strategy(text: &str) -> Result<Strategy, String> {
    match text {
        "nearest" => Ok(Strategy::Nearest),
        "weights" => Ok(Strategy::Weights),
        "rendezvous" => Ok(Strategy::Rendezvous),
        other => Err(format!(
            "{} is no strategy: write \"nearest\", \"weights\" or \"rendezvous\"",
            quoted(other)
        )),
    }
}

fn host(text: &str) -> Result<String, String> {
    let is_authority = text
        .parse::<hyper::http::uri::Authority>()
        .is_ok_and(|authority| !authority.as_str().contains('@'));
    let is_fit =
        is_authority && text.len() <= TEXT_BYTES_MAX && HeaderValue::from_str(text).is_ok();
    is_fit.then(|| text.to_owned()).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no host: write one as in a URL, such as \"video.example\"")
    })
}

fn response_max(text: &str) -> Result<ByteSize, String> {
    let size = ByteSize::parse(text)?;
    let min = ByteSize(1 << 20);
    if size < min {
        return Err(format!("{size} is too small: write at least {min}"));
    }
    Ok(size)
}

fn probe_path(text: &str) -> Result<String, String> {
    let is_fit = text.starts_with('/')
        && text.len() <= TEXT_BYTES_MAX
        && !text.contains('#')
        && text.parse::<hyper::Uri>().is_ok();
    is_fit.then(|| text.to_owned()).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no path: write one from /, as in \"/healthz\"")
    })
}

fn ca(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        let text = quoted(text);
        return Err(format!(
            "{text} is no path from /: write one, as in \"/etc/weir/origin-ca.pem\""
        ));
    }
    Ok(path)
}
