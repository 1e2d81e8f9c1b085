//! What a resource is to a player, by its path and media type.
//!
//! Source: RFC 8216 §4, §3 (playlists, segments), draft-pantos-hls-rfc8216bis §6.2.5.2 (delivery
//! directives), ISO/IEC 23009-1 annex C (DASH media types), RFC 4337 (`video/mp4`), CMAF.
//!
//! A name is a guess. What must never be kept (keys, licenses) is told by either sign, everything
//! else by the media type where it is specific. Pure. Refuses: to look into bodies.

use hyper::{
    HeaderMap,
    header::{CONTENT_TYPE, HeaderValue},
};

/// What a resource is to a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// An HLS playlist, of either kind.
    Playlist,
    /// A DASH manifest.
    Manifest,
    /// A Media Segment, or a whole file of media.
    Segment,
    /// A Media Initialization Section.
    Init,
    /// A Partial Segment.
    Part,
    /// A key that decrypts segments.
    Key,
    /// A license, or what a license server says.
    License,
    /// Anything else.
    Other,
}

impl Class {
    /// All classes, in order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Playlist,
        Self::Manifest,
        Self::Segment,
        Self::Init,
        Self::Part,
        Self::Key,
        Self::License,
        Self::Other,
    ];

    /// Tells the class of what stands at `path` (without the query) and came with the fields
    /// `response`; before it came, by the path alone.
    pub fn of(path: &str, response: Option<&HeaderMap>) -> Self {
        let named = by_path(path);
        if matches!(named, Self::Key | Self::License) {
            return named;
        }
        let media_type = response.and_then(|headers| headers.get(CONTENT_TYPE));
        match media_type.map_or(Told::Nothing, by_media_type) {
            Told::Nothing => named,
            Told::Class(class) => class,
            // Only the name tells what the media are.
            Told::Media if matches!(named, Self::Init | Self::Part) => named,
            Told::Media => Self::Segment,
        }
    }

    /// The name in logs and counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Playlist => "playlist",
            Self::Manifest => "manifest",
            Self::Segment => "segment",
            Self::Init => "init",
            Self::Part => "part",
            Self::Key => "key",
            Self::License => "license",
            Self::Other => "other",
        }
    }

    /// Whether the bytes at one URL are media, which never change.
    pub const fn is_media(self) -> bool {
        matches!(self, Self::Segment | Self::Init | Self::Part)
    }

    /// Whether it is a list that names the others.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Playlist | Self::Manifest)
    }
}

/// Whether a query asks to wait for a Media Sequence Number (`_HLS_msn`).
pub fn is_blocking_reload(query: Option<&str>) -> bool {
    let parameters = query.into_iter().flat_map(|query| query.split('&'));
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, value)| name == "_HLS_msn" && !value.is_empty())
}

/// What a media type tells.
enum Told {
    /// It is missing, or fits everything.
    Nothing,
    /// Sound or pictures.
    Media,
    Class(Class),
}

fn by_media_type(value: &HeaderValue) -> Told {
    let Ok(text) = value.to_str() else {
        return Told::Nothing;
    };
    let essence = text.split(';').next().unwrap_or("").trim_ascii();
    let essence = essence.to_ascii_lowercase();
    match essence.as_str() {
        ""
        | "application/octet-stream"
        | "binary/octet-stream"
        | "text/plain"
        | "application/x-www-form-urlencoded" => Told::Nothing,
        "application/vnd.apple.mpegurl"
        | "application/x-mpegurl"
        | "audio/mpegurl"
        | "audio/x-mpegurl"
        | "vnd.apple.mpegurl" => Told::Class(Class::Playlist),
        "application/dash+xml" | "video/vnd.mpeg.dash.mpd" => Told::Class(Class::Manifest),
        "application/mp4" | "text/vtt" | "application/ttml+xml" => Told::Media,
        _ if essence.starts_with("video/") || essence.starts_with("audio/") => Told::Media,
        _ => Told::Class(Class::Other),
    }
}

fn by_path(path: &str) -> Class {
    let file = path.rsplit('/').next().unwrap_or("");
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    let stem = stem.to_ascii_lowercase();
    match extension.to_ascii_lowercase().as_str() {
        "m3u8" | "m3u" => Class::Playlist,
        "mpd" => Class::Manifest,
        "key" => Class::Key,
        "mp4" | "m4s" | "m4v" | "m4a" | "m4f" | "cmfv" | "cmfa" | "cmft" | "cmfm" | "dash" => {
            fragment(&stem)
        }
        "ts" if is_part(&stem) => Class::Part,
        "ts" | "m2ts" | "aac" | "ac3" | "ec3" | "mp3" | "vtt" | "webvtt" | "ttml" | "webm"
        | "mkv" | "mp4i" => Class::Segment,
        _ => by_folders(path),
    }
}

/// What a file of the MP4 family is.
fn fragment(stem: &str) -> Class {
    let mut words = stem.split(|letter: char| !letter.is_ascii_alphanumeric());
    if words.any(|word| word.starts_with("init")) {
        Class::Init
    } else if is_part(stem) {
        Class::Part
    } else {
        Class::Segment
    }
}

/// Whether a name counts a part: `filePart271.0`, `seg_12_part-3`.
fn is_part(stem: &str) -> bool {
    stem.match_indices("part").any(|(at, part)| {
        let rest = stem.get(at + part.len()..).unwrap_or("");
        let number = rest.trim_start_matches(['-', '_', '.']);
        number.starts_with(|letter: char| letter.is_ascii_digit())
    })
}

/// What a path without a telling extension is: key servers and license servers have names.
fn by_folders(path: &str) -> Class {
    let mut class = Class::Other;
    for folder in path.split('/') {
        let folder = folder.to_ascii_lowercase();
        match folder.as_str() {
            "license" | "licence" | "licenses" | "widevine" | "playready" | "fairplay"
            | "clearkey" | "rightsmanager.asmx" => return Class::License,
            "key" | "keys" | "getkey" => class = Class::Key,
            _ => {}
        }
    }
    class
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(path: &str, media_type: &'static str) -> Class {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Class::of(path, Some(&headers))
    }

    #[test]
    fn tells_the_class_by_the_name() {
        for (path, class) in [
            ("/vod/a/master.m3u8", Class::Playlist),
            ("/vod/a/MASTER.M3U8", Class::Playlist),
            ("/dash/a.mpd", Class::Manifest),
            ("/vod/a/segment-12.ts", Class::Segment),
            ("/vod/a/12.m4s", Class::Segment),
            ("/vod/a/movie.mp4", Class::Segment),
            ("/vod/a/de.vtt", Class::Segment),
            ("/vod/a/init.mp4", Class::Init),
            ("/vod/a/video_init-v1.m4s", Class::Init),
            ("/vod/a/filePart271.0.mp4", Class::Part),
            ("/vod/a/seg_12_part-3.ts", Class::Part),
            ("/vod/a/1.key", Class::Key),
            ("/keys/4711", Class::Key),
            ("/drm/widevine/proxy", Class::License),
            ("/license/keys/1", Class::License),
            ("/epg/today.json", Class::Other),
            ("/", Class::Other),
            ("", Class::Other),
        ] {
            assert_eq!(Class::of(path, None), class, "{path}");
        }
    }

    #[test]
    fn takes_no_ordinary_word_for_a_part_or_an_init_section() {
        for path in ["/vod/party.mp4", "/vod/apartment-1.ts", "/vod/finite.mp4"] {
            assert_eq!(Class::of(path, None), Class::Segment, "{path}");
        }
    }

    #[test]
    fn believes_a_media_type_that_is_specific() {
        assert_eq!(
            typed("/live/1", "application/x-mpegURL; charset=utf-8"),
            Class::Playlist
        );
        assert_eq!(typed("/live/1", "application/dash+xml"), Class::Manifest);
        assert_eq!(typed("/live/1", "video/MP2T"), Class::Segment);
        assert_eq!(typed("/live/init.mp4", "video/mp4"), Class::Init);
        assert_eq!(typed("/live/1.m3u8", "text/plain"), Class::Playlist);
    }

    #[test]
    fn takes_a_page_in_the_place_of_media_for_a_page() {
        assert_eq!(typed("/live/1.ts", "text/html"), Class::Other);
        assert_eq!(typed("/live/1.m3u8", "application/json"), Class::Other);
    }

    #[test]
    fn never_takes_a_key_or_a_license_for_anything_else() {
        assert_eq!(typed("/vod/1.key", "video/mp2t"), Class::Key);
        assert_eq!(
            typed("/license", "application/octet-stream"),
            Class::License
        );
    }

    #[test]
    fn knows_a_blocking_reload_by_its_directive() {
        assert!(is_blocking_reload(Some("a=1&_HLS_msn=12&_HLS_part=0")));
        for query in [
            None,
            Some(""),
            Some("_HLS_msn="),
            Some("x_HLS_msn=1"),
            Some("_HLS_skip=v2"),
        ] {
            assert!(!is_blocking_reload(query), "{query:?}");
        }
    }

    proptest! {
        #[test]
        fn gives_every_path_one_class(path in "\\PC{0,80}") {
            let class = Class::of(&path, None);
            prop_assert!(Class::ALL.contains(&class));
            prop_assert_eq!(class.is_media() && class.is_list(), false);
        }
    }
}
