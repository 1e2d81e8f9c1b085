//! What the tests share: an origin that has a film and a channel.

use std::{
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use weir_tests::origin::{Origin, Reply, Seen};

pub(super) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub(super) const PLAYLIST: &str = "application/vnd.apple.mpegurl";

/// Segments of the film, in each of its two renditions.
pub(super) const FILM_SEGMENTS: u64 = 5;

/// Bytes of a segment.
pub(super) const SEGMENT_BYTES: usize = 10_000;

/// The playlist of a channel whose newest segment has this number.
pub(super) fn live_playlist(newest: u64) -> String {
    let first = newest.saturating_sub(20);
    let segment = |number| format!("#EXTINF:4.0,\nsegment-{number}.ts\n");
    let segments = (first..=newest).map(segment);
    let segments: String = segments.collect();
    format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{first}\n{segments}")
}

/// Says what the origin has.
pub(super) fn answer(seen: &Seen, newest: u64) -> Reply {
    let path = seen.target.split('?').next().unwrap_or("");
    let list = |body: String| Reply::new(200, &[("Content-Type", PLAYLIST)], body);
    match path.rsplit('/').next().unwrap_or("") {
        "master.m3u8" => list(
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhd/film.m3u8\n\
             #EXT-X-STREAM-INF:BANDWIDTH=2\nsd/film.m3u8\n"
                .to_owned(),
        ),
        "film.m3u8" => {
            let segment = |number| format!("#EXTINF:4.0,\nfilm-{number}.ts\n");
            let segments = (0..FILM_SEGMENTS).map(segment);
            let segments: String = segments.collect();
            list(format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:4\n{segments}#EXT-X-ENDLIST\n"
            ))
        }
        "live.m3u8" => {
            let fields = [("Content-Type", PLAYLIST), ("Cache-Control", "max-age=0")];
            Reply::new(200, &fields, live_playlist(newest))
        }
        name if Path::new(name).extension().is_some_and(|kind| kind == "ts") => {
            let fields = [
                ("Content-Type", "video/mp2t"),
                ("Cache-Control", "max-age=600"),
            ];
            Reply::new(200, &fields, vec![b'x'; SEGMENT_BYTES])
        }
        _ => Reply::new(404, &[], "nothing"),
    }
}

/// An origin with a film at any `master.m3u8`, and a channel at any `live.m3u8`, whose newest
/// segment the returned number tells.
pub(super) fn station(newest: u64) -> (Origin, Arc<AtomicU64>) {
    let number = Arc::new(AtomicU64::new(newest));
    let present = Arc::clone(&number);
    let origin = Origin::start(move |seen| answer(seen, present.load(Ordering::SeqCst)));
    (origin, number)
}

/// How often the origin was asked for what ends so.
pub(super) fn asked(origin: &Origin, end: &str) -> usize {
    let seen = origin.seen();
    seen.iter()
        .filter(|seen| seen.target.ends_with(end))
        .count()
}
