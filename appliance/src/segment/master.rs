//! The Master Playlist.

use std::fmt::{self, Display};

/// One line of a Master Playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// Renders a Master Playlist (RFC 8216 §4.3.4) of `variants` in the order given.
///
/// What is not known of a variant is left out: `CODECS` must list every format or none.
pub fn render_master(variants: &[Variant]) -> String {
    Master(variants).to_string()
}

struct Master<'a>(&'a [Variant]);

impl Display for Master<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("#EXTM3U\n")?;
        self.0
            .iter()
            .try_for_each(|variant| variant.write(formatter))
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
        };
        let bare = Variant {
            uri: "demo_radio.m3u8".to_owned(),
            codecs: vec!["mp4a.40.2".to_owned(), String::new()],
            resolution: None,
            frame_rate_millihertz: None,
            bandwidth_bps: 130_000,
            bandwidth_average_bps: 128_000,
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
}
