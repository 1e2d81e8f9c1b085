//! The Master Playlist.

use std::fmt::{self, Write};

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
    let mut text = String::from("#EXTM3U\n");
    for variant in variants {
        write_variant(&mut text, variant).expect("a String takes all that is written");
    }
    text
}

fn write_variant(text: &mut String, variant: &Variant) -> fmt::Result {
    write!(
        text,
        "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={}",
        variant.bandwidth_bps, variant.bandwidth_average_bps
    )?;
    if !variant.codecs.is_empty() && variant.codecs.iter().all(|codec| !codec.is_empty()) {
        write!(text, ",CODECS=\"{}\"", variant.codecs.join(","))?;
    }
    if let Some((width, height)) = variant.resolution {
        write!(text, ",RESOLUTION={width}x{height}")?;
    }
    if let Some(millihertz) = variant.frame_rate_millihertz {
        write!(
            text,
            ",FRAME-RATE={}.{:03}",
            millihertz / 1000,
            millihertz % 1000
        )?;
    }
    writeln!(text, "\n{}", variant.uri)
}
