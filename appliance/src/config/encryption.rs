//! `[channel.encryption]`: by which keys segments are encrypted, and where players get them.

use std::{path::PathBuf, time::Duration};

use super::{
    SegmentConfig,
    cache::{absolute_path, secret_path},
    mistake::{Ledger, Place, quoted},
    section::{Found, Section},
    unit::parse_duration,
};

/// Bytes of a URL with placeholders: it stands in every playlist.
const URL_BYTES_MAX: usize = 256;

/// Longest use of one key.
const ROTATE_MAX: Duration = Duration::from_hours(365 * 24);

/// The names in braces that a URL may have.
const CHANNEL: &str = "{channel}";
const KEY: &str = "{key}";

/// `[channel.encryption]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// Where keys come from.
    pub keys: KeySource,
    /// `uri`: what players are told; without, this box serves the keys itself.
    pub uri: Option<UrlTemplate>,
    /// `rotate`: how long one key is used, from `segment.target` to a year; `None`: for ever.
    /// Default: 1 h.
    pub rotate: Option<Duration>,
}

impl Encryption {
    /// Keys of one channel that may be in use at one time: of all that its segments need.
    pub const KEYS_MAX: usize = 4_096;

    /// The default of [`Self::rotate`].
    pub const ROTATE: Duration = Duration::from_hours(1);
}

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file with a secret that keys are made of, or a directory of keys.
    Path(PathBuf),
    /// A server.
    Server(ServerSource),
}

/// A server that gives a key for its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSource {
    /// Where each key is; `https://` only.
    pub url: UrlTemplate,
    /// `token`: a file whose text is sent as bearer token.
    pub token: Option<PathBuf>,
    /// `ca`: a file of certificates to believe instead of the system's.
    pub ca: Option<PathBuf>,
}

/// A URL in which `{channel}` and `{key}` stand for the names of a channel and a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate(String);

impl UrlTemplate {
    /// Checks `text`.
    ///
    /// # Errors
    /// A sentence that says what such a URL looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = || quoted(text);
        let without = text.replace(CHANNEL, "").replace(KEY, "");
        if without.contains(['{', '}']) {
            let shown = shown();
            return Err(format!(
                "{shown} has braces around something else: {CHANNEL} and {KEY} can stand there"
            ));
        }
        // What would end the quoted string of a playlist, or the target of a request.
        let is_fit = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>#".contains(&byte);
        let rest = ["https://", "http://"].map(|scheme| text.strip_prefix(scheme));
        let host = rest.into_iter().flatten().next();
        let host = host.and_then(|rest| rest.split('/').next());
        let is_host = host.is_some_and(|host| !host.is_empty() && !host.contains(['{', '@', '?']));
        if !is_host || text.len() > URL_BYTES_MAX || !text.bytes().all(is_fit) {
            let shown = shown();
            return Err(format!(
                "{shown} is no URL for keys: write one of at most {URL_BYTES_MAX} bytes, as in \
                 \"https://keys.example/{CHANNEL}/{KEY}\""
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL of `key` of `channel`.
    pub fn fill(&self, channel: &str, key: &str) -> String {
        self.0.replace(CHANNEL, channel).replace(KEY, key)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let (_, rest) = self.0.split_at(host);
        let end = rest.find('/').map_or(self.0.len(), |at| host + at);
        self.0.split_at(end).0
    }

    fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }

    fn tells_keys_apart(&self) -> bool {
        self.0.contains(KEY)
    }
}

/// What a channel's encryption is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) segment: &'a SegmentConfig,
    pub(super) dvr: Option<Duration>,
    /// Whether players may come by TLS.
    pub(super) has_tls: bool,
}

/// Reads `[channel.encryption]`; `None` if there is none, or nothing is known of its keys.
pub(super) fn read_encryption(
    mut section: Section<'_>,
    around: Around<'_>,
    ledger: &mut Ledger,
) -> Option<Encryption> {
    section.require("keys", "keys = \"/etc/weir/keys/CH_001\"", ledger);
    let keys = section.text("keys", key_source, ledger);
    let uri = section.text("uri", UrlTemplate::parse, ledger);
    let rotate = read_rotate(&mut section, around, ledger);
    let token = section.text("token", secret_path, ledger);
    let ca = section.text("ca", absolute_path, ledger);
    let place = section.place().clone();
    section.finish(ledger);
    check_uri(uri.as_ref(), (rotate, &place), around, ledger);
    let Found { value, place } = keys?;
    let keys = match value {
        KeySource::Path(path) => {
            for found in [token, ca].into_iter().flatten() {
                let text = "is for a key server, and `keys` names none: remove it";
                ledger.mistake(&found.place, text);
            }
            KeySource::Path(path)
        }
        KeySource::Server(server) => {
            check_names_keys(&server.url, rotate, &place, ledger);
            KeySource::Server(ServerSource {
                token: token.map(|found| found.value),
                ca: ca.map(|found| found.value),
                ..server
            })
        }
    };
    Some(Encryption {
        keys,
        uri: uri.map(|found| found.value),
        rotate,
    })
}

fn read_rotate(
    section: &mut Section<'_>,
    around: Around<'_>,
    ledger: &mut Ledger,
) -> Option<Duration> {
    let target = around.segment.target;
    let Some(Found { value, place }) = section.text("rotate", rotate, ledger) else {
        return Some(Encryption::ROTATE.max(target));
    };
    let rotate = value?;
    if rotate < target {
        let text = format!("{rotate:?} is shorter than segment.target ({target:?}): raise it");
        ledger.mistake(&place, text);
        return Some(rotate);
    }
    // What leaves an archive is kept for as long again.
    let kept = around.dvr.unwrap_or_default().saturating_mul(2);
    let keys = kept.as_millis() / rotate.as_millis().max(1);
    if keys > Encryption::KEYS_MAX as u128 {
        let least = kept.as_secs().div_ceil(Encryption::KEYS_MAX as u64);
        let text = format!("makes more keys of `dvr` than can be kept: write at least {least}s");
        ledger.mistake(&place, text);
    }
    Some(rotate)
}

/// A time, or `off`.
fn rotate(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let duration = parse_duration(text)?;
    if duration.is_zero() || duration > ROTATE_MAX {
        let text = quoted(text);
        return Err(format!(
            "must be \"off\", or from segment.target to a year, not {text}"
        ));
    }
    Ok(Some(duration))
}

fn key_source(text: &str) -> Result<KeySource, String> {
    if text.starts_with('/') {
        return secret_path(text).map(KeySource::Path);
    }
    if !text.contains("://") {
        // It may be a secret itself, so it is not shown.
        return Err(
            "must be the https:// URL of a key server, or the absolute path of a file \
                    with a secret, or of a directory of keys"
                .to_owned(),
        );
    }
    let url = UrlTemplate::parse(text).map_err(|wrong| {
        format!("{wrong}; or the absolute path of a file with a secret, or of a directory of keys")
    })?;
    if !url.is_encrypted() {
        return Err("must not bring keys in the clear: write https://".to_owned());
    }
    let (token, ca) = (None, None);
    Ok(KeySource::Server(ServerSource { url, token, ca }))
}

fn check_uri(
    uri: Option<&Found<UrlTemplate>>,
    (rotate, section): (Option<Duration>, &Place),
    around: Around<'_>,
    ledger: &mut Ledger,
) {
    match uri {
        Some(Found { value, place }) => {
            check_names_keys(value, rotate, place, ledger);
            if !value.is_encrypted() {
                let text = "players will fetch keys in the clear: write https://";
                ledger.warning(place, text);
            }
        }
        None if !around.has_tls => {
            let text = "keys go to players in the clear: add http.tls_listen, or the `uri` of a \
                        key server";
            ledger.warning(section, text);
        }
        None => {}
    }
}

fn check_names_keys(
    url: &UrlTemplate,
    rotate: Option<Duration>,
    place: &Place,
    ledger: &mut Ledger,
) {
    if rotate.is_some() && !url.tells_keys_apart() {
        let text = format!("does not tell keys apart: put {KEY} in it, or write rotate = \"off\"");
        ledger.mistake(place, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(keys: &str) -> Result<(Encryption, Vec<String>), Vec<String>> {
        let text = format!(
            "[http]\ntls_listen = [\"0.0.0.0:443\"]\n[[channel]]\nid = \"A\"\ndvr = \"24h\"\n\
             [channel.encryption]\n{keys}\n[[channel.rendition]]\nname = \"HD\"\n\
             sources = [\"udp://239.1.1.1:1234\"]\n"
        );
        let parsed = Config::parse(&text).map_err(|mistakes| {
            mistakes
                .iter()
                .map(|it| it.text.clone())
                .collect::<Vec<_>>()
        })?;
        let warnings = parsed.warnings.iter().map(|it| it.text.clone()).collect();
        let mut channels = parsed.config.channels;
        let encryption = channels.remove(0).encryption;
        Ok((encryption.expect("it is told"), warnings))
    }

    fn refusal(keys: &str) -> String {
        let mistakes = read(keys).expect_err(keys);
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        mistakes.concat()
    }

    #[test]
    fn keys_alone_are_enough() {
        let (encryption, warnings) = read("keys = \"/etc/keys\"").expect("it is sound");
        assert_eq!(encryption.keys, KeySource::Path("/etc/keys".into()));
        assert_eq!(
            (encryption.uri, encryption.rotate),
            (None, Some(Encryption::ROTATE))
        );
        assert!(
            warnings.iter().all(|warning| !warning.contains("keys")),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_key_server_is_what_it_says() {
        let (encryption, _) = read(
            "keys = \"https://keys.example:8443/{channel}/k?n={key}\"\nrotate = \"10min\"\n\
             token = \"/etc/token\"\nca = \"/etc/ca\"\nuri = \"https://k/{key}\"",
        )
        .expect("it is sound");
        let KeySource::Server(server) = encryption.keys else {
            panic!("{:?}", encryption.keys);
        };
        assert_eq!(server.url.origin(), "https://keys.example:8443");
        assert_eq!(
            server.url.fill("A", "7"),
            "https://keys.example:8443/A/k?n=7"
        );
        assert_eq!(server.token, Some("/etc/token".into()));
        assert_eq!(encryption.rotate, Some(Duration::from_mins(10)));
        assert_eq!(
            encryption.uri.map(|uri| uri.fill("A", "7")),
            Some("https://k/7".to_owned())
        );
    }

    #[test]
    fn each_mistake_is_told_of_in_a_sentence() {
        for (keys, told) in [
            ("", "is missing: add keys"),
            (
                "keys = \"keys\"",
                "or the absolute path of a file with a secret",
            ),
            ("keys = \"http://k/{key}\"", "write https://"),
            (
                "keys = \"https://k/{key}/{kind}\"",
                "{channel} and {key} can stand there",
            ),
            ("keys = \"https://{key}/\"", "is no URL for keys"),
            ("keys = \"https://me@k/{key}\"", "is no URL for keys"),
            (
                "keys = \"https://k/\"",
                "does not tell keys apart: put {key} in it",
            ),
            (
                "keys = \"/k\"\nuri = \"https://k/1\"",
                "does not tell keys apart",
            ),
            (
                "keys = \"/k\"\nuri = \"https://k/\\\"{key}\"",
                "is no URL for keys",
            ),
            ("keys = \"/k\"\nuri = \"skd://{key}\"", "is no URL for keys"),
            (
                "keys = \"/k\"\nrotate = \"5s\"",
                "is shorter than segment.target (6s)",
            ),
            (
                "keys = \"/k\"\nrotate = \"12s\"",
                "more keys of `dvr` than can be kept",
            ),
            ("keys = \"/k\"\nrotate = \"9000h\"", "to a year"),
            ("keys = \"/k\"\nrotate = \"often\"", "often"),
            ("keys = \"/k\"\ntoken = \"/t\"", "is for a key server"),
            ("keys = \"/k\"\nca = \"/t\"", "is for a key server"),
            ("keys = \"/k\"\nkey = \"/t\"", "did you mean `keys`?"),
        ] {
            let refusal = refusal(keys);
            assert!(refusal.contains(told), "{keys}: {refusal}");
        }
    }

    #[test]
    fn one_key_for_ever_needs_no_name() {
        let keys = "keys = \"https://k/\"\nuri = \"https://k/\"\nrotate = \"off\"";
        assert_eq!(read(keys).expect("it is sound").0.rotate, None);
    }

    #[test]
    fn keys_in_the_clear_are_warned_of() {
        let warnings = |keys: &str| read(keys).expect("it is sound").1.concat();
        assert!(warnings("keys = \"/k\"\nuri = \"http://k/{key}\"").contains("in the clear"));
        let text = "[[channel]]\nid = \"A\"\nencryption = { keys = \"/k\" }\n\
                    [[channel.rendition]]\nname = \"HD\"\nsources = [\"udp://239.1.1.1:1\"]\n";
        let warnings = Config::parse(text).expect("it is sound").warnings;
        assert_eq!(warnings[0].path, "channel[0].encryption");
        assert!(
            warnings[0].text.contains("add http.tls_listen"),
            "{warnings:?}"
        );
    }
}
