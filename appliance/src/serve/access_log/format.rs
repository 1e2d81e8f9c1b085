//! How a line looks.
//!
//! | format | line |
//! |---|---|
//! | `json` | an object of what is known, CMCD included; bytes that are no UTF-8 become U+FFFD |
//! | `common` | `client - - [time] "request" status bytes` |
//! | `combined` | the same, with `"referer" "user agent"` |
//!
//! In the last two everything but visible ASCII, and `"` and `\`, is written `\xHH` as Apache
//! httpd does it. So a line is one line, and its fields are where they seem to be.

use std::fmt::Write as _;

use hyper::Version;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use weir_hal::Wall;

use super::entry::Entry;
use crate::{config::LogFormat, serve::cmcd::Cmcd};

#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    client: String,
    method: &'a str,
    scheme: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    uri: &'a str,
    protocol: &'static str,
    status: u16,
    bytes: u64,
    /// Whether the body was handed on to its end.
    complete: bool,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Cmcd::is_empty")]
    cmcd: &'a Cmcd,
}

/// Writes the line of `entry`, with its line feed.
pub(super) fn line(format: LogFormat, entry: &Entry) -> Vec<u8> {
    let mut line = match format {
        LogFormat::Json => json(entry),
        LogFormat::Common => common(entry).into_bytes(),
        LogFormat::Combined => combined(entry).into_bytes(),
    };
    line.push(b'\n');
    line
}

fn json(entry: &Entry) -> Vec<u8> {
    let line = Line {
        time: format!("{:.3}", timestamp(entry.at)),
        client: entry.client.to_string(),
        method: entry.method.as_str(),
        scheme: if entry.is_encrypted { "https" } else { "http" },
        host: entry.host.as_deref(),
        uri: &entry.uri,
        protocol: protocol(entry.version),
        status: entry.status,
        bytes: entry.bytes,
        complete: entry.is_whole,
        duration_ms: (entry.duration.as_secs_f64() * 1e6).round() / 1e3,
        cache: entry.cache.as_deref(),
        referer: entry.referer.as_deref(),
        user_agent: entry.user_agent.as_deref(),
        cmcd: &entry.cmcd,
    };
    serde_json::to_vec(&line).expect("texts and finite numbers can be written as JSON")
}

fn common(entry: &Entry) -> String {
    let time = timestamp(entry.at).to_zoned(TimeZone::UTC);
    let time = time.strftime("%d/%b/%Y:%H:%M:%S %z");
    let (method, uri) = (escaped(entry.method.as_str()), escaped(&entry.uri));
    let protocol = protocol(entry.version);
    let (client, status, bytes) = (entry.client, entry.status, entry.bytes);
    let request = format!("{method} {uri} {protocol}");
    match bytes {
        0 => format!("{client} - - [{time}] \"{request}\" {status} -"),
        _ => format!("{client} - - [{time}] \"{request}\" {status} {bytes}"),
    }
}

fn combined(entry: &Entry) -> String {
    let told = |field: &Option<String>| field.as_deref().map_or("-".to_owned(), escaped);
    let (referer, user_agent) = (told(&entry.referer), told(&entry.user_agent));
    format!("{} \"{referer}\" \"{user_agent}\"", common(entry))
}

fn timestamp(at: Wall) -> Timestamp {
    Timestamp::from_nanosecond(at.as_nanos().into()).unwrap_or(Timestamp::MAX)
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// Text that cannot end its field or its line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte) {
            escaped.push(byte.into());
        } else {
            write!(escaped, "\\x{byte:02x}").expect("a String takes every write");
        }
    }
    escaped
}
