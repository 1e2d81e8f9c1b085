//! A player in a browser while the channel has no source: it moves on, and comes back by itself.

use weir_tests::{browser::Browser, hls::Version, http, wait::until};

use crate::{
    browsers::{PATIENCE, open, playhead},
    rig::{LIVE, Protocol, Rig},
};

const LIST: &str = "/live/CH/CH_HD.m3u8";

fn list(rig: &Rig) -> Version {
    let answer = http::get(&rig.url(Protocol::Plain, LIST)).expect("the daemon answers");
    Version::read(&answer.text()).expect("a sound list")
}

fn assert_alive(browser: &Browser) {
    let told = browser.run("return window.told");
    assert_eq!(
        told["fatal"],
        serde_json::json!([]),
        "{told} {:?}",
        browser.console()
    );
}

/// Loses the source until the list is as `is_enough` wants it, and has the player go on after that.
fn lose_the_source(rig: &mut Rig, browser: &Browser, is_enough: impl Fn(&Version) -> bool) {
    rig.silence();
    until("gaps", PATIENCE, || {
        assert_alive(browser);
        is_enough(&list(rig)).then_some(())
    });
    rig.send_again();
    until("media after a gap", PATIENCE, || {
        let entries = list(rig).entries;
        let back = entries.iter().rposition(|entry| entry.is_gap)?;
        let is_marked = entries.get(back + 1)?.is_discontinuity;
        is_marked.then_some(())
    });
    let from = playhead(browser);
    until("5 s of play after the gap", PATIENCE, || {
        assert_alive(browser);
        (playhead(browser) - from >= 5.0).then_some(())
    });
    let is_paused = browser.run("return document.getElementById('video').paused");
    assert_eq!(is_paused, false);
}

#[test]
fn hls_js_plays_on_after_a_gap_and_after_a_list_of_nothing_else() {
    let mut rig = Rig::start_on_air();
    let browser = Browser::start();
    open(&browser, &rig, Protocol::Plain, "/hls.html", LIVE);
    until("3 s of play", PATIENCE, || {
        (playhead(&browser) >= 3.0).then_some(())
    });
    lose_the_source(&mut rig, &browser, |list| {
        list.entries.iter().filter(|entry| entry.is_gap).count() >= 3
    });
    lose_the_source(&mut rig, &browser, |list| {
        list.entries.iter().all(|entry| entry.is_gap)
    });
    let told = rig.daemon.health();
    let gaps = told["channels"][0]["renditions"][0]["counters"]["segment"]["gap_segments"].as_u64();
    assert!(gaps >= Some(13), "{gaps:?} of {told}");
}
