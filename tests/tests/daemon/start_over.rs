//! Players start over: lists of what was on air, at `?start=` and `?end=`.

use std::time::Duration;

use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    hls::{Version, Watch},
    http::{self, Response},
    process::Process,
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

/// A channel with `dvr` and one without, of which the first has a list.
struct OnAir {
    daemon: Daemon,
    _sender: Process,
    first: Version,
    /// When the first list began.
    start: String,
}

impl OnAir {
    fn begin() -> Self {
        let group = format!("239.255.83.10:{}", free_port());
        let channel = |id: &str, dvr: &str| {
            format!(
                "[[channel]]\nid = \"{id}\"\n{dvr}[[channel.rendition]]\nname = \"r\"\n\
                 sources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
            )
        };
        let daemon = Daemon::start(&format!(
            "[segment]\ntarget = \"1s\"\nwindow = 3\n{}{}",
            channel("ch", "dvr = \"1h\"\n"),
            channel("plain", "")
        ));
        let sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 60);
        let first = until("the first list", Duration::from_secs(30), || {
            let answer = get(&daemon, LIST);
            (answer.status == 200).then_some(answer)
        });
        Self {
            daemon,
            _sender: sender,
            start: date(&first),
            first: read(&first),
        }
    }

    /// What is answered to LIST with `query`.
    fn ask(&self, query: &str) -> Response {
        get(&self.daemon, &format!("{LIST}?{query}"))
    }

    /// The live list, once four segments have left it: its date, and what it says.
    fn later(&self) -> (String, Version) {
        let live = until("segments that have left", Duration::from_secs(30), || {
            let answer = get(&self.daemon, LIST);
            Some(answer).filter(|answer| read(answer).sequence >= self.first.sequence + 4)
        });
        (date(&live), read(&live))
    }
}

#[test]
fn a_list_from_a_moment_on_has_all_since_and_goes_on() {
    let on_air = OnAir::begin();
    let (_, live) = on_air.later();
    let whole = on_air.ask(&format!("start={}", on_air.start));
    assert_eq!(whole.field("cache-control"), Some("max-age=1"));
    let whole = read(&whole);
    assert!(!whole.is_ended && whole.end() >= live.end());
    assert_eq!(whole.sequence, on_air.first.sequence);
    assert_eq!(whole.entries[0], on_air.first.entries[0]);
    assert_all_there(&on_air.daemon, &whole);
}

#[test]
fn a_part_that_has_passed_ends_and_may_be_kept_as_long_as_it_is_old() {
    let on_air = OnAir::begin();
    let (now, live) = on_air.later();
    let past = on_air.ask(&format!("start={}&end={now}", on_air.start));
    let kept = past.field("cache-control");
    let kept = kept.and_then(|value| value.strip_prefix("max-age="));
    let seconds = kept.and_then(|seconds| seconds.parse().ok());
    assert!(seconds >= Some(4), "{kept:?}");
    let past = read(&past);
    assert!(past.is_ended && past.end() == live.sequence);
    assert_eq!(past.sequence, on_air.first.sequence);
    assert_all_there(&on_air.daemon, &past);
}

#[test]
fn what_moves_along_keeps_three_target_durations_and_is_not_kept() {
    let on_air = OnAir::begin();
    on_air.later();
    let seconds = read(&on_air.ask("start=-2"));
    assert!((7..=8).contains(&seconds.entries.len()), "{seconds:?}");
    let part = on_air.ask("start=-60&end=-3");
    assert_eq!(part.field("cache-control"), Some("max-age=1"));
    assert!(read(&part).is_ended);
    let master = get(
        &on_air.daemon,
        "/live/ch/master.m3u8?start=-60&end=-5&token=1",
    );
    let master = master.text();
    let uri = "\nch_r.m3u8?start=-60&end=-5\n";
    assert!(master.contains(uri), "{master}");
}

#[test]
fn what_cannot_be_listed_is_refused() {
    let on_air = OnAir::begin();
    let (now, _) = on_air.later();
    let start = &on_air.start;
    let gone = "start=2020-01-01T00:00:00Z&end=2020-01-01T01:00:00Z";
    for (status, query) in [
        (400, "start=yesterday"),
        (400, &format!("end={now}")),
        (400, &format!("start={now}&end={start}")),
        (404, "start=2099-01-01T00:00:00Z"),
        (404, gone),
        // Other parameters are for others.
        (200, "token=1"),
    ] {
        assert_eq!(on_air.ask(query).status, status, "{query}");
    }
    assert_eq!(on_air.ask("end=5").status, 400);
    for list in ["plain_r.m3u8", "master.m3u8"] {
        let path = format!("/live/plain/{list}");
        let status = |query| get(&on_air.daemon, &format!("{path}?{query}")).status;
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
        let down = Duration::from_secs(kill as u64 * 2);
        std::thread::sleep(down);
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
        let late_ms = late_ms(&back, before.entries.len());
        assert!(late_ms >= down.as_millis(), "{late_ms}: {back:?}");
    }
}

/// How long after the last of the `known` segments that of the first media behind them begins.
fn late_ms(list: &Version, known: usize) -> u128 {
    let dates = list.dates_ms();
    let behind = list.entries.iter().zip(&dates).skip(known);
    let media = behind.filter(|(entry, _)| !entry.is_gap).map(|row| *row.1);
    let late_ms = media.min().expect("media") - dates[known - 1];
    u128::try_from(late_ms).expect("it lies behind")
}
