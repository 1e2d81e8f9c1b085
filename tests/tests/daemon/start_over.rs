//! Players start over: lists of what was on air, at `?start=` and `?end=`.

use std::time::Duration;

use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    hls::{Version, Watch},
    http::{self, Response},
    wait::until,
};

const LIST: &str = "/live/ch/ch_r.m3u8";

fn get(daemon: &Daemon, path: &str) -> Response {
    http::get(&daemon.data(path)).expect("the daemon answers")
}

fn read(answer: &Response) -> Version {
    assert_eq!(answer.status, 200, "{}", answer.text());
    Version::read(&answer.text()).expect("a sound list")
}

/// The date of the first segment, as it stands in the list.
fn date(answer: &Response) -> String {
    let text = answer.text();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    line.expect("the first segment has a date").to_owned()
}

fn assert_all_there(daemon: &Daemon, list: &Version) {
    for entry in list.entries.iter().filter(|entry| !entry.is_gap) {
        let answer = get(daemon, &format!("/live/ch/{}", entry.uri));
        assert_eq!(answer.status, 200, "{}", entry.uri);
    }
}

#[test]
fn a_channel_with_dvr_can_be_started_over_and_one_without_cannot() {
    let group = format!("239.255.83.10:{}", free_port());
    let channel = |id: &str, dvr: &str| {
        format!(
            "[[channel]]\nid = \"{id}\"\n{dvr}[[channel.rendition]]\nname = \"r\"\n\
             sources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
        )
    };
    let daemon = Daemon::start(
        &[
            "[segment]\ntarget = \"1s\"\nwindow = 3\n".to_owned(),
            channel("ch", "dvr = \"1h\"\n"),
            channel("plain", ""),
        ]
        .concat(),
    );
    let _sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 60);
    let first = until("the first list", Duration::from_secs(30), || {
        let answer = get(&daemon, LIST);
        (answer.status == 200).then_some(answer)
    });
    let start = date(&first);
    let first = read(&first);
    let live = until("segments that have left", Duration::from_secs(30), || {
        Some(get(&daemon, LIST)).filter(|answer| read(answer).sequence >= first.sequence + 4)
    });
    let (now, live) = (date(&live), read(&live));

    let whole = get(&daemon, &format!("{LIST}?start={start}"));
    assert_eq!(whole.field("cache-control"), Some("max-age=1"));
    let whole = read(&whole);
    assert!(!whole.is_ended && whole.sequence == first.sequence && whole.end() >= live.end());
    assert_eq!(whole.entries[0], first.entries[0]);
    assert_all_there(&daemon, &whole);

    let past = get(&daemon, &format!("{LIST}?start={start}&end={now}"));
    let kept = past
        .field("cache-control")
        .and_then(|value| value.strip_prefix("max-age="));
    assert!(
        kept.and_then(|seconds| seconds.parse().ok()) >= Some(4),
        "{kept:?}"
    );
    let past = read(&past);
    assert!(past.is_ended && past.sequence == first.sequence && past.end() == live.sequence);
    assert_all_there(&daemon, &past);

    let seconds = read(&get(&daemon, &format!("{LIST}?start=-2")));
    assert!((4..=5).contains(&seconds.entries.len()), "{seconds:?}");
    let master = get(&daemon, "/live/ch/master.m3u8?start=-60&end=-5&token=1").text();
    assert!(
        master.contains("\nch_r.m3u8?start=-60&end=-5\n"),
        "{master}"
    );

    let status = |query: &str| get(&daemon, &format!("{LIST}?{query}")).status;
    assert_eq!(status("start=yesterday"), 400);
    assert_eq!(status(&format!("end={now}")), 400);
    assert_eq!(status(&format!("start={now}&end={start}")), 400);
    assert_eq!(status("start=2099-01-01T00:00:00Z"), 404, "it has not come");
    assert_eq!(
        status("start=2020-01-01T00:00:00Z&end=2020-01-01T01:00:00Z"),
        404,
        "it is gone"
    );
    assert_eq!(status("token=1"), 200, "other parameters are for others");
    assert_eq!(status("end=5"), 400);
    for list in ["plain_r.m3u8", "master.m3u8"] {
        let status = |query| get(&daemon, &format!("/live/plain/{list}?{query}")).status;
        assert_eq!(status("start=-60"), 404, "{list}: nothing is kept");
        assert_eq!(status("end=5"), 200, "{list}: it is for others");
    }
}

/// Segments that had been listed and were not on disk when the box was killed: what comes in a
/// moment.
const LOST_MAX: usize = 2;

#[test]
fn what_can_be_started_over_outlives_kills_and_shows_for_how_long_the_box_was_down() {
    let group = format!("239.255.83.11:{}", free_port());
    let mut daemon = Daemon::start(&format!(
        "[segment]\ntarget = \"1s\"\nwindow = 4\n[[channel]]\nid = \"ch\"\ndvr = \"1h\"\n\
         [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://{group}\"]\n\
         interface = \"lo\"\n"
    ));
    let _sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 120);
    let first = until("the first list", Duration::from_secs(30), || {
        Some(get(&daemon, LIST)).filter(|answer| answer.status == 200)
    });
    let path = format!("{LIST}?start={}", date(&first));
    let mut watch = Watch::default();
    let mut see = |daemon: &Daemon, is_after_kill: bool| {
        let answer = get(daemon, &path);
        let list = read(&answer);
        // Its pace is that of the live list, and told elsewhere.
        let seen = if is_after_kill {
            watch.see_after_loss(&answer.text(), 0)
        } else {
            watch.see(&answer.text(), 0)
        };
        seen.unwrap_or_else(|breach| panic!("{breach}: {}", answer.text()));
        list
    };
    for kill in 0..3 {
        let length = 10 + kill * 8;
        let before = until("a longer list", Duration::from_mins(1), || {
            Some(see(&daemon, false)).filter(|list| list.entries.len() >= length)
        });
        daemon.kill();
        // Once it comes back while its list can go on, otherwise later.
        std::thread::sleep(Duration::from_secs(kill as u64 * 2));
        daemon.restart();
        let after = see(&daemon, true);
        assert_eq!(after.sequence, before.sequence);
        let media = before.entries.iter().take(before.entries.len() - LOST_MAX);
        for (was, is) in media.zip(&after.entries) {
            assert_eq!(was, is, "kill {kill}");
        }
        assert_all_there(&daemon, &after);
        let back = until("media behind it", Duration::from_secs(30), || {
            let list = see(&daemon, false);
            let is_back = list.entries.last().is_some_and(|last| !last.is_gap);
            (list.end() > after.end() && is_back).then_some(list)
        });
        assert_all_there(&daemon, &back);
        let dates = back.dates_ms();
        let down = back.entries.iter().zip(&dates).skip(before.entries.len());
        let behind = down
            .filter(|(entry, _)| !entry.is_gap)
            .map(|(_, date)| *date);
        let late_ms = behind.min().expect("media") - dates[before.entries.len() - 1];
        let killed_ms = i64::try_from(kill).expect("few") * 2_000;
        assert!(late_ms >= killed_ms, "{late_ms}: {back:?}");
    }
}
