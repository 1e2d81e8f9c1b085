//! `GStreamer` as a player: its own HTTP (libsoup, HTTP/2 where TLS offers it), its own HLS and
//! DASH.

use std::{path::Path, process::Command};

use crate::process::peer;

/// Becomes the command that follows, which believes the certificate `$0` alone: `GStreamer` asks
/// the system whom to believe.
const TRUSTING: &str = "mount --bind \"$0\" /etc/ssl/certs/ca-certificates.crt && exec \"$@\"";

/// Plays the presentation at `url` as fast as it comes, and returns how many pictures were shown:
/// all there are, or at least `pictures_max`, where it has no end. Believes the certificate in
/// the file `trusted`.
///
/// # Panics
/// When it cannot be played, or `GStreamer` is missing.
pub fn play(url: &str, trusted: &Path, pictures_max: Option<u32>) -> usize {
    let sink = "fakesink name=video silent=false sync=false";
    // Pictures and sound; pictures alone end by their number.
    let (video, flags) = match pictures_max {
        Some(pictures) => (format!("{sink} num-buffers={pictures}"), "video"),
        None => (sink.to_owned(), "video+audio"),
    };
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount"])
        .args(["sh", "-c", TRUSTING])
        .arg(trusted)
        .args(["timeout", "60", "gst-launch-1.0", "-v", "playbin3"])
        .args([&format!("uri={url}"), &format!("flags={flags}")])
        .args([
            &format!("video-sink={video}"),
            "audio-sink=fakesink sync=false",
        ]);
    let said = peer(&mut command);
    said.matches("video: last-message = chain").count()
}
