//! Players in a browser: pages, scripts, lists and segments all come from the daemon.

use std::time::Duration;

use serde_json::Value;
use weir_tests::{browser::Browser, wait::until};

use crate::rig::{DASH, HLS, LIVE, Protocol, Rig, SECONDS};

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Opens a player's page on `presentation`.
pub(crate) fn open(
    browser: &Browser,
    rig: &Rig,
    protocol: Protocol,
    page: &str,
    presentation: &str,
) {
    browser.open(&rig.url(protocol, &format!("{page}?src={presentation}")));
}

pub(crate) fn playhead(browser: &Browser) -> f64 {
    let seconds = browser.run("return document.getElementById('video').currentTime");
    seconds.as_f64().unwrap_or(0.0)
}

/// What the page tells; no error must be in it.
pub(crate) fn told(browser: &Browser) -> Value {
    let told = browser.run("return window.told");
    let is_well = told["errors"].as_array().is_some_and(Vec::is_empty);
    assert!(is_well, "{told} {:?}", browser.console());
    told
}

/// Everything that the page has loaded came by one version of HTTP. What the browser has kept from
/// before, which it does unless the certificate is unknown to it, says nothing.
fn assert_spoken(browser: &Browser, version: &str) {
    let script = "return performance.getEntries().map(entry => entry.nextHopProtocol)\
                  .filter(version => version)";
    let versions = browser.run(script);
    let versions = versions.as_array().expect("a list");
    assert!(versions.len() >= 3, "{versions:?}");
    assert!(
        versions.iter().all(|spoken| spoken == version),
        "{versions:?}"
    );
}

#[test]
fn hls_js_plays_a_live_channel_by_http_2_and_tls() {
    let rig = Rig::start_on_air();
    let browser = Browser::start();
    open(&browser, &rig, Protocol::Secure, "/hls.html", LIVE);
    until("the first picture", PATIENCE, || {
        told(&browser);
        (playhead(&browser) > 0.0).then_some(())
    });
    let from = playhead(&browser);
    until("8 s of play", PATIENCE, || {
        told(&browser);
        (playhead(&browser) - from >= 8.0).then_some(())
    });
    assert_eq!(told(&browser)["stalls"], 0, "{:?}", browser.console());
    assert_spoken(&browser, "h2");
    rig.assert_well();
}

/// All of it, to its last picture, in each format: the second time out of the cache.
fn shaka_plays(protocol: Protocol, version: &str) {
    let rig = Rig::start();
    let browser = Browser::start();
    for presentation in [DASH, HLS] {
        open(&browser, &rig, protocol, "/shaka.html", presentation);
        until("the end of the film", PATIENCE, || {
            told(&browser);
            let has_ended = browser.run("return document.getElementById('video').ended");
            (has_ended == true).then_some(())
        });
        assert!(playhead(&browser) >= f64::from(SECONDS) - 0.5);
        let size = browser.run("return document.getElementById('video').videoHeight");
        assert_eq!(size, 180, "there are pictures");
        assert_spoken(&browser, version);
    }
    rig.assert_well();
}

#[test]
fn shaka_player_plays_dash_and_hls_by_http_1_1() {
    shaka_plays(Protocol::Plain, "http/1.1");
}

#[test]
fn shaka_player_plays_dash_and_hls_by_http_2_and_tls() {
    shaka_plays(Protocol::Secure, "h2");
}
