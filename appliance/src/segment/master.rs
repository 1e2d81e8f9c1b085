//! The Master Playlist.

/// One line of a Master Playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// URI of the Media Playlist, relative to the Master Playlist.
    pub uri: String,
    /// `CODECS` elements (RFC 6381), video first.
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
pub fn render_master(variants: &[Variant]) -> String {
    let _ = variants;
    String::new()
}
