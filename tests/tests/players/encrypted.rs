//! hls.js plays an encrypted channel over changes of its key.

use weir_tests::{browser::Browser, http, wait::until};

use crate::{
    browsers::{PATIENCE, open, playhead, told},
    rig::{LIVE, Protocol, Rig},
};

/// Keys that were given to players so far.
fn keys_served(rig: &Rig) -> u64 {
    let health = rig.daemon.health();
    let count = health["channels"][0]["counters"]["keys_served"].as_u64();
    count.unwrap_or_else(|| panic!("no counter: {health}"))
}

fn hls_js_plays(protocol: Protocol) {
    let rig = Rig::start_encrypted();
    let list = http::get(&rig.url(Protocol::Plain, "/live/CH/CH_HD.m3u8"));
    let list = list.expect("a list").text();
    assert!(list.contains("#EXT-X-KEY:METHOD=AES-128,URI="), "{list}");
    let browser = Browser::start();
    open(&browser, &rig, protocol, "/hls.html", LIVE);
    until("the first picture", PATIENCE, || {
        told(&browser);
        (playhead(&browser) > 0.0).then_some(())
    });
    let (from, keys) = (playhead(&browser), keys_served(&rig));
    until(
        "10 s of play, over four changes of the key",
        PATIENCE,
        || {
            told(&browser);
            (playhead(&browser) - from >= 10.0).then_some(())
        },
    );
    assert_eq!(told(&browser)["stalls"], 0, "{:?}", browser.console());
    until("a look at the counters", PATIENCE, || {
        (keys_served(&rig) >= keys + 3).then_some(())
    });
    rig.assert_well();
}

#[test]
fn hls_js_plays_over_changes_of_the_key_in_the_clear() {
    hls_js_plays(Protocol::Plain);
}

#[test]
fn hls_js_plays_over_changes_of_the_key_by_tls() {
    hls_js_plays(Protocol::Secure);
}
