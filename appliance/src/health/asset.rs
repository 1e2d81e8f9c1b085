//! Files that pages need, built into the binary.

use bytes::Bytes;
use hyper::{Response, http::request::Parts};

use crate::{
    live::Document,
    serve::{
        Body,
        reply::{self, Freshness, Selected, Source},
    },
};

/// Kept for a year without asking: the path names the version.
const FOR_GOOD: Freshness = Freshness::Immutable(31_536_000);

/// Kept, but asked for at every use, because the next version has the same path.
const ASK_AGAIN: Freshness = Freshness::Seconds(0);

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    path: &'static str,
    media_type: &'static str,
    freshness: Freshness,
    body: Bytes,
    etag: String,
}

/// Path of the player library.
pub(super) const HLS_JS: &str = "/assets/hls-1.7.4.light.min.js";
/// Path of the player page's script.
pub(super) const PLAYER_JS: &str = "/assets/player.js";
/// Path of the style of all pages.
pub(super) const STYLE_CSS: &str = "/assets/style.css";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// All files there are.
#[derive(Debug)]
pub(super) struct Assets([Asset; 3]);

impl Assets {
    /// Makes them ready to be served.
    pub(super) fn new() -> Self {
        let asset = |path, media_type, freshness, content: &'static str| Asset {
            path,
            media_type,
            freshness,
            body: Bytes::from_static(content.as_bytes()),
            etag: Document::new(content.to_owned()).etag,
        };
        Self([
            asset(
                HLS_JS,
                SCRIPT,
                FOR_GOOD,
                include_str!("player/hls.light.min.js"),
            ),
            asset(
                PLAYER_JS,
                SCRIPT,
                ASK_AGAIN,
                include_str!("player/player.js"),
            ),
            asset(STYLE_CSS, STYLE, ASK_AGAIN, include_str!("style.css")),
        ])
    }

    /// Answers a request for one of them; `None` if its path names none.
    pub(super) fn answer(&self, request: &Parts) -> Option<Response<Body>> {
        let path = request.uri.path();
        let asset = self.0.iter().find(|asset| asset.path == path)?;
        Some(reply::select(
            request,
            &Selected {
                media_type: asset.media_type,
                etag: Some(&asset.etag),
                freshness: asset.freshness,
                source: Source::Document(&asset.body),
            },
        ))
    }
}
