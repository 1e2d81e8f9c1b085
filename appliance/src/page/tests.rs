//! What every page must be, whatever it shows.

use std::{sync::Arc, time::Duration};

use maud::html;
use weir_hal::{DiskUsage, Nic, OperationalStatus, SlotName, SlotTable, Wall};

use crate::{
    alarm::{self, Kind},
    fetch::tiers::{EndpointReport, OriginReport},
    health::{DiskSnapshot, Snapshot, snapshot_tests::snapshot, surface_tests::full},
    live::{Channel, Condition, Leg, Rendition, Report, State},
    page::{
        Asked, History, LIVE_JS, Mark, Marks, Person, STYLE_CSS, View, channel,
        language::LANGUAGES, overview, shell,
    },
    recorder::Sample,
    serve::coding::{Coding, encode},
};

/// What somebody sends who would like to run a script in the browser of a technician.
const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror='alert(1)'>&lt;";

/// The same as it must stand in a page.
const ESCAPED: &str = "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;";

fn view<'a>(snapshot: &'a Snapshot, history: &'a History) -> View<'a> {
    View {
        node: "edge-1",
        site: "",
        language: LANGUAGES[0],
        snapshot,
        history,
        person: &Person::Anybody,
        path: "/",
    }
}

/// The overview of a box.
pub(crate) fn overview_of(snapshot: &Snapshot) -> String {
    overview(&view(snapshot, &History::default())).into_string()
}

fn channel_of(snapshot: &Snapshot, mark: Mark) -> String {
    let live = Channel::new(
        "CH_0".to_owned(),
        "Channel <0>".to_owned(),
        vec![Arc::new(Rendition::new("R0".to_owned()))],
    );
    let asked = Asked {
        channel: &live,
        mark,
    };
    let page = channel(&view(snapshot, &History::default()), &asked);
    page.expect("there is such a channel").into_string()
}

/// A snapshot in which every text is hostile that comes from outside or from the configuration.
fn hostile() -> Snapshot {
    let mut snapshot = snapshot(&[&[State::NotJoined {
        reason: HOSTILE.to_owned(),
    }]]);
    let channel = &mut snapshot.channels[0];
    channel.name = HOSTILE.to_owned();
    channel.ladder = Arc::new(crate::ladder::Report {
        findings: vec![crate::ladder::Finding {
            check: crate::ladder::Check::RungMissing,
            since: Wall::default(),
            reason: HOSTILE.to_owned(),
        }],
        ..crate::ladder::Report::default()
    });
    let report = Arc::make_mut(&mut channel.renditions[0].report);
    *report = Report {
        source: HOSTILE.to_owned(),
        interface: Some(HOSTILE.to_owned()),
        legs: vec![Leg {
            url: HOSTILE.to_owned(),
            failure: Some(HOSTILE.to_owned()),
            condition: Condition::Unusable,
            ..Leg::default()
        }],
        ..report.clone()
    };
    snapshot.nics = vec![Nic {
        name: HOSTILE.to_owned(),
        ..Nic::default()
    }];
    snapshot.disks = vec![DiskSnapshot {
        path: HOSTILE.into(),
        purpose: "cache",
        usage: Some(DiskUsage {
            bytes_total: 100,
            bytes_free: 4,
        }),
    }];
    snapshot.origins = vec![OriginReport {
        name: HOSTILE.to_owned(),
        counters: crate::fetch::tiers::TierCounters::default(),
        endpoints: vec![EndpointReport {
            url: HOSTILE.to_owned(),
            state: "open",
            round_trip: None,
            first_byte: [None; 3],
            connections: 0,
            trouble: None,
            counters: crate::fetch::exchange::Counters::default(),
        }],
    }];
    snapshot.store_offline = Some(weir_cache::Offline {
        reason: HOSTILE.to_owned(),
        since: Wall::default(),
    });
    snapshot
}

#[test]
fn which_slot_runs_and_whether_it_is_good_stands_beside_the_version_in_every_language() {
    let mut snapshot = snapshot(&[]);
    let of = |snapshot: &Snapshot, language| {
        let history = History::default();
        let view = View {
            language,
            ..view(snapshot, &history)
        };
        overview(&view).into_string()
    };
    for language in LANGUAGES {
        let label = format!("<dt>{}</dt>", language.slot);
        snapshot.slots = None;
        assert!(!of(&snapshot, language).contains(&label), "there are none");
        let poor = |word: &str| format!(" <span class=\"poor\">{word}</span>");
        for (names, told) in [
            (&["weir_1.2.0_b.efi"][..], "b · 1.2.0".to_owned()),
            (
                &["weir_1.2.0_b+2-1.efi"],
                format!("b · 1.2.0{}", poor(language.slot_trial)),
            ),
            (&[], format!("b{}", poor(language.slot_empty))),
        ] {
            let table = SlotTable::of_names(SlotName::B, names.iter().copied());
            snapshot.slots = Some(table);
            let page = of(&snapshot, language);
            let told = format!("{label}<dd>{told}</dd>");
            assert!(page.contains(&told), "{} {told}", language.tag);
        }
        snapshot.slots = Some(SlotTable::unknown(SlotName::A));
        let told = format!("{label}<dd>a{}</dd>", poor(language.unknown));
        assert!(of(&snapshot, language).contains(&told), "{}", language.tag);
    }
}

#[test]
fn no_text_from_outside_becomes_markup() {
    let snapshot = hostile();
    let history = History::default();
    let mut shown = view(&snapshot, &history);
    (shown.node, shown.site) = (HOSTILE, HOSTILE);
    let named = shell::page(&shown, HOSTILE, "", &html! {}).into_string();
    for (page, times) in [
        (overview_of(&snapshot), 8),
        (channel_of(&snapshot, Mark::Gone), 8),
        (named, 4),
    ] {
        assert!(
            !page.contains("<script>") && !page.contains("<img"),
            "{page}"
        );
        assert_eq!(page.matches("<script ").count(), 1, "its own: {page}");
        assert!(page.matches(ESCAPED).count() >= times, "{page}");
    }
}

#[test]
fn pages_name_no_other_host_and_have_no_style_or_script_within() {
    let snapshot = snapshot(&[&[State::OnAir, State::Silent]]);
    for page in [overview_of(&snapshot), channel_of(&snapshot, Mark::Unset)] {
        for word in [
            "http://", "https://", "style=", "onclick", "<style", "src=\"//",
        ] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }
    assert!(!STYLE_CSS.contains("url(") && !STYLE_CSS.contains("@import"));
    assert!(LIVE_JS.lines().count() < 100);
}

#[test]
fn the_worst_channel_stands_first_with_its_reason() {
    let snapshot = snapshot(&[
        &[State::OnAir],
        &[State::OnAir, State::Scrambled],
        &[State::Silent],
    ]);
    let page = overview_of(&snapshot);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("Channel &lt;2&gt;") < at("Channel &lt;1&gt;"));
    assert!(at("Channel &lt;1&gt;") < at("Channel &lt;0&gt;"));
    assert!(page.contains(&State::Silent.to_string()));
    assert!(page.contains("2 / 3 on air"));
}

#[test]
fn a_channel_on_air_without_its_clock_has_the_reason() {
    let page = overview_of(&snapshot(&[&[State::NoClock]]));
    assert!(page.contains(&State::NoClock.to_string()));
}

#[test]
fn an_alarm_is_told_in_the_language_of_the_page_and_what_it_read_is_marked_as_english() {
    let snapshot = full(1, 1);
    let history = History::default();
    let told = |language| {
        let shown = View {
            language,
            ..view(&snapshot, &history)
        };
        overview(&shown).into_string()
    };
    let [english, vietnamese] = LANGUAGES.map(told);
    let words = LANGUAGES[1].alarm(Kind::DiskFull).expect("not English");
    for word in [
        words.title,
        words.remedy,
        "<span lang=\"en\">it is full</span>",
    ] {
        assert!(
            vietnamese.matches(word).count() >= 2,
            "{word}: {vietnamese}"
        );
        assert!(!english.contains(word), "{word}");
    }
    let remedy = Kind::DiskFull.definition().remedy;
    assert!(english.contains(remedy) && !vietnamese.contains(remedy));
    assert!(english.contains("disk: it is full"));
}

#[test]
fn a_page_tells_why_the_cache_is_in_memory_alone_and_how_old_it_is() {
    let mut snapshot = snapshot(&[&[State::OnAir]]);
    let told = |page: &str| {
        [
            "the cache is in memory alone since",
            "all that is told here is",
        ]
        .map(|text| page.contains(text))
    };
    assert_eq!(told(&overview_of(&snapshot)), [false, false]);
    snapshot.store_offline = Some(weir_cache::Offline {
        reason: "cannot write".to_owned(),
        since: Wall::default(),
    });
    assert_eq!(told(&overview_of(&snapshot)), [true, false]);
    snapshot.age = Duration::from_secs(4);
    assert_eq!(told(&overview_of(&snapshot)), [true, true]);
}

#[test]
fn a_page_tells_why_the_status_is_what_it_is_in_the_words_of_all_surfaces() {
    let mut snapshot = snapshot(&[&[State::OnAir]]);
    let reason = snapshot.reason();
    assert!(!overview_of(&snapshot).contains(&reason), "all is well");
    snapshot.alarms = Arc::new(alarm::Report {
        alarms: vec![alarm::Alarm {
            id: 1,
            kind: Kind::FeedsLost,
            resource: alarm::Resource::Node,
            severity: alarm::Severity::Critical,
            since: Wall::default(),
            text: "100 % of the feeds fell silent at once".to_owned(),
            cause: None,
            affected: 0,
            is_flapping: false,
            is_damped: false,
            is_over: false,
            operation: None,
        }],
        ..alarm::Report::default()
    });
    let reason = snapshot.reason();
    assert!(
        reason.contains("critical feeds-lost of node: 100 %"),
        "{reason}"
    );
    assert!(overview_of(&snapshot).contains(&reason));
}

#[test]
fn what_is_not_known_is_never_shown_as_zero() {
    let mut snapshot = snapshot(&[&[State::Waiting]]);
    snapshot.nics = vec![Nic {
        name: "eth0".to_owned(),
        operational_status: OperationalStatus::Up,
        ..Nic::default()
    }];
    snapshot.disks = vec![DiskSnapshot {
        path: "/cache".into(),
        purpose: "cache",
        usage: None,
    }];
    let report = Arc::make_mut(&mut snapshot.channels[0].renditions[0].report);
    report.last_segment = None;
    let page = overview_of(&snapshot);
    for told in [
        "– · – · –",
        "<dt>Speed</dt><dd>not known</dd>",
        "not told",
        "no request yet",
        "never",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(
        !page.contains("0.0 %") && !page.contains("0 b/s,"),
        "{page}"
    );
}

#[test]
fn counters_begin_at_the_mark_on_its_page_and_on_no_other() {
    let mut snapshot = snapshot(&[&[State::OnAir]]);
    let count = |snapshot: &mut Snapshot, datagrams: u64| {
        let report = Arc::make_mut(&mut snapshot.channels[0].renditions[0].report);
        report.receive.datagrams = datagrams;
    };
    count(&mut snapshot, 7_000);
    let marks = Marks::default();
    let told = crate::health::part(snapshot.told("edge-1"), "channels");
    marks.set(1_700_000_000_000, &told[0]);
    let mut later = Snapshot::clone(&snapshot);
    count(&mut later, 7_042);
    let total = "<td>7\u{202f}042</td>";
    assert!(channel_of(&later, Mark::Unset).contains(total));
    let marked = channel_of(&later, marks.find("CH_0", 1_700_000_000_000));
    assert!(
        marked.contains("<td>42</td>") && !marked.contains(total),
        "{marked}"
    );
    assert!(marked.contains("Counted since 2023-11-14T22:13:20Z"));
    let gone = channel_of(&later, marks.find("CH_0", 1));
    assert!(
        gone.contains(total) && gone.contains("no longer kept"),
        "{gone}"
    );
}

/// Sixty-four channels with a past of a day each, all of it different.
fn a_full_box() -> (Snapshot, History) {
    let mut full = snapshot(&[&[State::OnAir, State::OnAir][..]; 64]);
    full.channels[5] = snapshot(&[&[State::Silent][..]; 6]).channels.remove(5);
    let now_s = full.taken.as_nanos() / 1_000_000_000;
    let history = History::default();
    let seconds = (0..1_440).map(|minute| minute * 60).chain(86_340..86_400);
    for second in seconds {
        let mut sample = Sample {
            at_ms: (now_s - 86_400 + second) * 1_000,
            values: Vec::new(),
        };
        for (index, channel) in (0..).zip(&full.channels) {
            let noise = (second * 7_919 + index * 104_729) % 4_099;
            for rendition in &channel.renditions {
                let of = |word: &str| format!("channel/{}/{}/{word}", channel.id, rendition.name);
                sample.push(
                    of("bitrate_kbps"),
                    Some(if noise == 7 { 0 } else { 4_000 + noise }),
                );
                sample.push(of("continuity_count_error"), Some(second * index / 40_000));
                sample.push(of("datagrams_lost"), Some(0));
            }
        }
        history.take(&sample);
    }
    (full, history)
}

#[test]
fn the_overview_of_64_channels_is_at_most_30_kb_and_all_but_the_player_150_kb() {
    let (snapshot, history) = a_full_box();
    let page = overview(&view(&snapshot, &history)).into_string();
    assert_eq!(page.matches("<tr>").count(), 65);
    let mut all = 0;
    for (name, text, bytes_max) in [
        ("overview", page.as_str(), 30_000),
        ("channel", &channel_of(&snapshot, Mark::Unset), 30_000),
        ("style", STYLE_CSS, 8_000),
        ("script", LIVE_JS, 4_000),
    ] {
        for coding in [Coding::Brotli, Coding::Gzip] {
            let coded = encode(coding, text.as_bytes()).expect("it becomes smaller");
            assert!(
                coded.len() <= bytes_max,
                "{name} {coding:?}: {}",
                coded.len()
            );
            all += coded.len();
        }
    }
    assert!(all <= 2 * 150_000, "{all}");
}
