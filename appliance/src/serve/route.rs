//! What a request path of the data listener names.
//!
//! Source: RFC 3986 §2.1, §3.3 (percent-encoding, path); the URL layout is a contract of Weir.
//! Every thing has exactly one path: what would only match after tidying up (`//`, `/./`, `%2F`,
//! `segment-007.ts`) names nothing. Pure.

use std::{borrow::Cow, str::FromStr};

use crate::{encryption::Fingerprint, segment::Format, serve::percent};

/// Path segments a path of ours has at most: `/live/{channel}/{channel}_{rendition}/{file}`.
const SEGMENTS_MAX: usize = 4;

/// The thing a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Something of a channel, below `/live/{channel}/`.
    Live {
        /// Id of the channel.
        channel: String,
        /// What of it.
        item: Item,
    },
    /// `/livez`: is the process alive?
    Alive,
    /// `/readyz`: may a load balancer send players here?
    Ready,
    /// Anything else below `/`, left to the configured routes.
    Other,
    /// No path at all: a stray `%`, an encoded control character, or bytes that are not UTF-8.
    Malformed,
}

/// Something of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `master.m3u8`
    Master,
    /// `{channel}_{rendition}.m3u8`
    Media {
        /// Name of the rendition.
        rendition: String,
    },
    /// `{channel}_{rendition}/segment-{sequence}.ts`, or `.vtt`
    Segment {
        /// Name of the rendition.
        rendition: String,
        /// Media Sequence Number.
        sequence: u64,
        /// What it is.
        format: Format,
    },
    /// `{fingerprint}.key`
    Key(Fingerprint),
}

/// The path of a Media Playlist, which is also its key in the store.
pub fn playlist_path(channel: &str, rendition: &str) -> String {
    format!("/live/{channel}/{channel}_{rendition}.m3u8")
}

/// The path of a segment of a transport stream, which is also its key in the store.
pub fn segment_path(channel: &str, rendition: &str, sequence: u64) -> String {
    segment_path_of(channel, rendition, (sequence, Format::TransportStream))
}

/// The same of a segment of any format.
pub fn segment_path_of(
    channel: &str,
    rendition: &str,
    (sequence, format): (u64, Format),
) -> String {
    let suffix = format.suffix();
    format!("/live/{channel}/{channel}_{rendition}/segment-{sequence}{suffix}")
}

/// Tells what `path`, as it stood in the request, names.
pub fn route(path: &str) -> Route {
    match path {
        "/livez" => return Route::Alive,
        "/readyz" => return Route::Ready,
        _ => {}
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Route::Malformed;
    };
    let mut segments: heapless::Vec<Cow<'_, str>, SEGMENTS_MAX> = heapless::Vec::new();
    let mut is_short = true;
    for encoded in rest.split('/') {
        let Some(segment) = decode(encoded) else {
            return Route::Malformed;
        };
        is_short &= segments.push(segment).is_ok();
    }
    let item = match segments.as_slice() {
        [live, channel, file] if is_short && live == "live" => list_or_key(channel, file),
        [live, channel, directory, file] if is_short && live == "live" => {
            segment(channel, directory, file)
        }
        _ => None,
    };
    match (item, segments.get(1)) {
        (Some(item), Some(channel)) => Route::Live {
            channel: channel.to_string(),
            item,
        },
        (None, _) | (_, None) => Route::Other,
    }
}

fn list_or_key(channel: &str, file: &str) -> Option<Item> {
    if file == "master.m3u8" {
        return Some(Item::Master);
    }
    if let Some(fingerprint) = file.strip_suffix(".key") {
        return fingerprint.parse().ok().map(Item::Key);
    }
    let rendition = rendition_of(channel, file.strip_suffix(".m3u8")?)?;
    Some(Item::Media {
        rendition: rendition.to_owned(),
    })
}

fn segment(channel: &str, directory: &str, file: &str) -> Option<Item> {
    let name = file.strip_prefix("segment-")?;
    let (digits, format) = [Format::TransportStream, Format::WebVtt]
        .into_iter()
        .find_map(|format| Some((name.strip_suffix(format.suffix())?, format)))?;
    Some(Item::Segment {
        rendition: rendition_of(channel, directory)?.to_owned(),
        sequence: canonical(digits)?,
        format,
    })
}

/// Takes `{channel}_{rendition}` apart.
fn rendition_of<'a>(channel: &str, stem: &'a str) -> Option<&'a str> {
    let rendition = stem.strip_prefix(channel)?.strip_prefix('_')?;
    (!rendition.is_empty()).then_some(rendition)
}

/// A number in its one spelling: digits without leading zeros.
pub(crate) fn canonical<N: FromStr>(digits: &str) -> Option<N> {
    let is_canonical = digits == "0" || !digits.starts_with(['0', '+']);
    is_canonical.then(|| digits.parse().ok()).flatten()
}

/// Decodes one path segment, or value of a query; `None` if it holds anything a file name on this
/// box could not.
pub(super) fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    let decoded = percent::decode(encoded)?;
    (!decoded.chars().any(char::is_control)).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn live(channel: &str, item: Item) -> Route {
        Route::Live {
            channel: channel.to_owned(),
            item,
        }
    }

    fn segment_route(channel: &str, rendition: &str, sequence: u64) -> Route {
        let rendition = rendition.to_owned();
        live(
            channel,
            Item::Segment {
                rendition,
                sequence,
                format: Format::TransportStream,
            },
        )
    }

    #[test]
    fn names_the_three_kinds_of_live_content() {
        assert_eq!(
            route("/live/CH_001/master.m3u8"),
            live("CH_001", Item::Master)
        );
        let rendition = "HD_5M".to_owned();
        assert_eq!(
            route("/live/CH_001/CH_001_HD_5M.m3u8"),
            live("CH_001", Item::Media { rendition })
        );
        assert_eq!(
            route("/live/CH_001/CH_001_HD_5M/segment-12.ts"),
            segment_route("CH_001", "HD_5M", 12)
        );
    }

    #[test]
    fn tells_subtitles_by_their_suffix() {
        let rendition = "HD_888".to_owned();
        assert_eq!(
            route("/live/CH/CH_HD_888/segment-12.vtt"),
            live(
                "CH",
                Item::Segment {
                    rendition,
                    sequence: 12,
                    format: Format::WebVtt,
                }
            )
        );
        assert_eq!(
            segment_path_of("CH", "HD_888", (12, Format::WebVtt)),
            "/live/CH/CH_HD_888/segment-12.vtt"
        );
    }

    #[test]
    fn names_a_key_by_its_one_spelling() {
        let fingerprint = "10ad8a4ba304e7a4".parse().expect("16 digits");
        assert_eq!(
            route("/live/CH/10ad8a4ba304e7a4.key"),
            live("CH", Item::Key(fingerprint))
        );
        for path in [
            "/live/CH/10AD8A4BA304E7A4.key",
            "/live/CH/10ad8a4ba304e7a.key",
            "/live/CH/10ad8a4ba304e7a4",
            "/live/CH/CH_HD/10ad8a4ba304e7a4.key",
        ] {
            assert_eq!(route(path), Route::Other, "{path}");
        }
    }

    #[test]
    fn names_the_probes() {
        assert_eq!(route("/livez"), Route::Alive);
        assert_eq!(route("/readyz"), Route::Ready);
        assert_eq!(route("/livez/"), Route::Other);
    }

    #[test]
    fn reads_percent_encoded_letters() {
        assert_eq!(
            route("/live/%43H/CH%5fHD/segment-0.ts"),
            segment_route("CH", "HD", 0)
        );
    }

    #[test]
    fn gives_every_thing_one_path_only() {
        for path in [
            "/",
            "/live",
            "/live/",
            "//live/CH/master.m3u8",
            "/live//master.m3u8/x",
            "/live/CH/../CH/master.m3u8",
            "/live/CH/./master.m3u8",
            "/live/CH%2Fmaster.m3u8",
            "/live/CH/CH_.m3u8",
            "/live/CH/XX_HD.m3u8",
            "/live/CH/CH_HD/segment-007.ts",
            "/live/CH/CH_HD/segment-+7.ts",
            "/live/CH/CH_HD/segment--7.ts",
            "/live/CH/CH_HD/segment-.ts",
            "/live/CH/CH_HD/segment-18446744073709551616.ts",
            "/live/CH/CH_HD/segment-7.ts/",
            "/LIVE/CH/master.m3u8",
        ] {
            assert_eq!(route(path), Route::Other, "{path}");
        }
    }

    #[test]
    fn refuses_what_is_no_path() {
        for path in [
            "*",
            "",
            "live/CH/master.m3u8",
            "/live/CH%/master.m3u8",
            "/live/CH%4/master.m3u8",
            "/live/CH%zz/master.m3u8",
            "/live/CH%00/master.m3u8",
            "/live/CH%0d%0aX/master.m3u8",
            "/live/%ff/master.m3u8",
            "/a/b/c/d/e/%/f",
        ] {
            assert_eq!(route(path), Route::Malformed, "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(path in ".*") {
            route(&path);
        }

        #[test]
        fn reads_back_every_segment_path(
            channel in "[A-Za-z0-9_-]{1,64}", rendition in "[A-Za-z0-9._-]{1,64}", sequence: u64,
        ) {
            let path = segment_path(&channel, &rendition, sequence);
            prop_assert_eq!(route(&path), segment_route(&channel, &rendition, sequence));
        }
    }
}
