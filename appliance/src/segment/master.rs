//! The Master Playlist.
//!
//! Source: RFC 8216 §4.3.4.1 (EXT-X-MEDIA), §4.3.4.2 (EXT-X-STREAM-INF).

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// A Master Playlist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MasterPlaylist {
    /// Its variants, in order.
    pub variants: Vec<Variant>,
    /// Its renditions of subtitles, in order.
    pub subtitles: Vec<SubtitleRendition>,
}

/// One line of a Master Playlist.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Variant {
    /// URI of the Media Playlist, relative to the Master Playlist.
    pub uri: String,
    /// `CODECS` elements (RFC 6381), video first; one that is not known is empty.
    pub codecs: Vec<String>,
    /// Width and height in pixels.
    pub resolution: Option<(u32, u32)>,
    /// Pictures a second in thousandths.
    pub frame_rate_millihertz: Option<u32>,
    /// Peak segment bitrate in bits a second.
    pub bandwidth_bps: u64,
    /// Average segment bitrate in bits a second.
    pub bandwidth_average_bps: u64,
    /// `GROUP-ID` of its subtitles.
    pub subtitles: Option<String>,
}

/// Subtitles in a list of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleRendition {
    /// URI of the Media Playlist, relative to the Master Playlist.
    pub uri: String,
    /// `GROUP-ID`: which variants they are for.
    pub group: String,
    /// `NAME`, for people; no other of the group has it.
    pub name: String,
    /// `LANGUAGE` (RFC 5646), if it is known.
    pub language: Option<String>,
    /// They tell of sounds too, for people who cannot hear well.
    pub is_for_hard_of_hearing: bool,
}

impl MasterPlaylist {
    /// The same with what `uri` makes of the URI of each Media Playlist.
    #[must_use]
    pub fn with_uris(&self, uri: impl Fn(&str) -> String) -> Self {
        let variants = self.variants.iter().map(|variant| Variant {
            uri: uri(&variant.uri),
            ..variant.clone()
        });
        let subtitles = self.subtitles.iter().map(|rendition| SubtitleRendition {
            uri: uri(&rendition.uri),
            ..rendition.clone()
        });
        Self {
            variants: variants.collect(),
            subtitles: subtitles.collect(),
        }
    }

    /// Renders it. What is not known of a variant is left out: `CODECS` must list every format or
    /// none.
    pub fn render(&self) -> String {
        self.to_string()
    }
}

/// Renders a Master Playlist of `variants` alone.
pub fn render_master(variants: &[Variant]) -> String {
    let variants = variants.to_vec();
    let list = MasterPlaylist {
        variants,
        ..MasterPlaylist::default()
    };
    list.render()
}

impl Display for MasterPlaylist {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("#EXTM3U\n")?;
        self.subtitles
            .iter()
            .try_for_each(|rendition| rendition.write(formatter))?;
        self.variants
            .iter()
            .try_for_each(|variant| variant.write(formatter))
    }
}

impl SubtitleRendition {
    /// What a player may turn on by itself for who has asked for the language: neither by default
    /// nor because what is said must be read.
    fn write(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{}\",NAME=\"{}\"",
            self.group, self.name
        )?;
        if let Some(language) = &self.language {
            write!(formatter, ",LANGUAGE=\"{language}\"")?;
        }
        write!(formatter, ",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO")?;
        if self.is_for_hard_of_hearing {
            write!(
                formatter,
                ",CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,\
                 public.accessibility.describes-music-and-sound\""
            )?;
        }
        writeln!(formatter, ",URI=\"{}\"", self.uri)
    }
}

impl Variant {
    fn write(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={}",
            self.bandwidth_bps, self.bandwidth_average_bps
        )?;
        if !self.codecs.is_empty() && self.codecs.iter().all(|codec| !codec.is_empty()) {
            write!(formatter, ",CODECS=\"{}\"", self.codecs.join(","))?;
        }
        if let Some((width, height)) = self.resolution {
            write!(formatter, ",RESOLUTION={width}x{height}")?;
        }
        if let Some(millihertz) = self.frame_rate_millihertz {
            write!(
                formatter,
                ",FRAME-RATE={}.{:03}",
                millihertz / 1000,
                millihertz % 1000
            )?;
        }
        if let Some(group) = &self.subtitles {
            write!(formatter, ",SUBTITLES=\"{group}\"")?;
        }
        writeln!(formatter, "\n{}", self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_written_and_what_is_not_is_left_out() {
        let whole = Variant {
            uri: "demo_HD.m3u8".to_owned(),
            codecs: vec!["avc1.64001F".to_owned(), "mp4a.40.2".to_owned()],
            resolution: Some((1280, 720)),
            frame_rate_millihertz: Some(29_970),
            bandwidth_bps: 5_200_000,
            bandwidth_average_bps: 4_800_000,
            subtitles: None,
        };
        let bare = Variant {
            uri: "demo_radio.m3u8".to_owned(),
            codecs: vec!["mp4a.40.2".to_owned(), String::new()],
            bandwidth_bps: 130_000,
            bandwidth_average_bps: 128_000,
            ..Variant::default()
        };
        assert_eq!(
            render_master(&[whole, bare]),
            "#EXTM3U\n\
             #EXT-X-STREAM-INF:BANDWIDTH=5200000,AVERAGE-BANDWIDTH=4800000,\
             CODECS=\"avc1.64001F,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970\n\
             demo_HD.m3u8\n\
             #EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000\n\
             demo_radio.m3u8\n"
        );
    }

    #[test]
    fn subtitles_stand_before_the_variants_that_have_them() {
        let rendition =
            |name: &str, language: Option<&str>, is_for_hard_of_hearing| SubtitleRendition {
                uri: format!("demo_HD_{name}.m3u8"),
                group: "HD".to_owned(),
                name: name.to_owned(),
                language: language.map(str::to_owned),
                is_for_hard_of_hearing,
            };
        let list = MasterPlaylist {
            variants: vec![Variant {
                uri: "demo_HD.m3u8".to_owned(),
                bandwidth_bps: 2,
                bandwidth_average_bps: 1,
                subtitles: Some("HD".to_owned()),
                ..Variant::default()
            }],
            subtitles: vec![
                rendition("888", Some("de"), true),
                rendition("889", None, false),
            ],
        };
        let text = list.with_uris(|uri| format!("{uri}?a=b")).render();
        assert_eq!(
            text,
            "#EXTM3U\n\
             #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"HD\",NAME=\"888\",LANGUAGE=\"de\",\
             DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,\
             CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,\
             public.accessibility.describes-music-and-sound\",\
             URI=\"demo_HD_888.m3u8?a=b\"\n\
             #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"HD\",NAME=\"889\",\
             DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"demo_HD_889.m3u8?a=b\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=2,AVERAGE-BANDWIDTH=1,SUBTITLES=\"HD\"\n\
             demo_HD.m3u8?a=b\n"
        );
    }
}
