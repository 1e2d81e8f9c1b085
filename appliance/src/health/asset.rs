//! Files that pages need, built into the binary, and compressed once at the start.

use bytes::Bytes;
use hyper::{
    Response,
    header::{CONTENT_ENCODING, HeaderValue, VARY},
    http::request::Parts,
};

use crate::{
    live::Document,
    page::{LIVE_JS, LIVE_PATH, STYLE_CSS, STYLE_PATH},
    serve::{
        Body,
        coding::{Coding, accepted, encode},
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
    plain: Document,
    /// The same compressed, a tag for each coding.
    coded: Vec<(Coding, Document)>,
}

/// Path of the player library.
pub(super) const HLS_JS: &str = "/assets/hls-1.7.4.light.min.js";
/// Path of the player page's script.
pub(super) const PLAYER_JS: &str = "/assets/player.js";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// All files there are.
#[derive(Debug)]
pub(super) struct Assets([Asset; 4]);

impl Assets {
    /// Makes them ready to be served.
    pub(super) fn new() -> Self {
        let asset = |path, media_type, freshness, content: &'static str| {
            let plain = Document {
                body: Bytes::from_static(content.as_bytes()),
                ..Document::new(content.to_owned())
            };
            let coded = [Coding::Brotli, Coding::Gzip]
                .into_iter()
                .filter_map(|coding| {
                    let body = encode(coding, content.as_bytes())?;
                    let etag =
                        format!("{}-{}\"", plain.etag.trim_end_matches('"'), coding.as_str());
                    Some((coding, Document { body, etag }))
                });
            let coded = coded.collect();
            Asset {
                path,
                media_type,
                freshness,
                plain,
                coded,
            }
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
            asset(STYLE_PATH, STYLE, ASK_AGAIN, STYLE_CSS),
            asset(LIVE_PATH, SCRIPT, ASK_AGAIN, LIVE_JS),
        ])
    }

    /// Answers a request for one of them; `None` if its path names none.
    pub(super) fn answer(&self, request: &Parts) -> Option<Response<Body>> {
        let path = request.uri.path();
        let asset = self.0.iter().find(|asset| asset.path == path)?;
        let wanted = accepted(&request.headers);
        let mut coded = asset.coded.iter();
        let coded = coded.find(|(coding, _)| *coding == wanted);
        let document = coded.map_or(&asset.plain, |(_, document)| document);
        let mut response = reply::select(
            request,
            &Selected {
                media_type: asset.media_type,
                etag: Some(&document.etag),
                freshness: asset.freshness,
                source: Source::Document(&document.body),
            },
        );
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Some((coding, _)) = coded {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
        }
        Some(response)
    }
}
