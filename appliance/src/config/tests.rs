use std::time::Duration;

use proptest::prelude::*;

use super::{
    ByteSize, Config, Cues, Mistakes, Origin, Parsed, Priority, Probe, Source, Strategy,
    TeletextChoice,
};
use crate::alarm::{Amount, Kind, Rules, Severity};

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// The smallest configuration that has something to do.
pub(super) const SMALLEST: &str = r#"
[[channel]]
id = "A"
[[channel.rendition]]
name = "HD"
sources = ["udp://239.1.1.1:1234"]
"#;

pub(super) fn accepted(text: &str) -> Parsed {
    Config::parse(text).unwrap_or_else(|mistakes| panic!("refused: {}", listing(&mistakes)))
}

pub(super) fn refused(text: &str) -> String {
    let mistakes = Config::parse(text).expect_err("the configuration has mistakes");
    listing(&mistakes)
}

fn listing(mistakes: &Mistakes) -> String {
    let lines = mistakes.iter().map(ToString::to_string);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_default_in_the_example_is_the_default_of_the_code() {
    let example = accepted(EXAMPLE);
    assert_eq!(example.warnings, []);
    let undecided = Config {
        channels: example.config.channels.clone(),
        origins: example.config.origins.clone(),
        routes: example.config.routes.clone(),
        ..Config::default()
    };
    assert_eq!(example.config, undecided);
}

#[test]
fn a_mistake_in_a_url_shows_no_password_and_no_query() {
    let origin = |url: &str| {
        let text = format!("{SMALLEST}[[origin]]\nname = \"o\"\nurls = [\"{url}\"]\n");
        refused(&text)
    };
    for url in [
        "http://user:canary@origin/x?token=canary",
        "http://user:can/canary@origin",
        "ftp://user:canary@origin#canary",
        "http://origin/?canary",
    ] {
        let text = origin(url);
        assert!(
            text.contains("origin") && !text.contains("canary"),
            "{text}"
        );
    }
    let text = origin("udp://10.9.0.7@239.1.1.1:5000");
    assert!(text.contains("10.9.0.7@239.1.1.1"), "{text}");
}

#[test]
fn a_notice_of_the_end_is_a_minute_at_most() {
    let config = accepted(&format!("http.drain_notice = \"5s\"\n{SMALLEST}")).config;
    assert_eq!(config.http.drain_notice, Duration::from_secs(5));
    let text = refused(&format!("http.drain_notice = \"61s\"\n{SMALLEST}"));
    assert!(
        text.contains("http.drain_notice") && text.contains("1min"),
        "{text}"
    );
}

#[test]
fn the_example_names_every_key_there_is() {
    let all = "node name http listen tls_listen certificates threads drain_notice connections \
        connections_per_client request_rate request_burst body_size send_rate_min send_pause \
        management names agent_check role expires cache path \
        log syslog address transport \
        alarm boot_inhibit state severity raise raise_hold clear clear_hold \
        size memory scrub write_budget \
        live high medium low weight reserve ttl admission segment target window \
        slack longest largest receive drain_interval bitrate_max stall reorder skew cores measure \
        failover silence media errors fail_back hold channel id priority dvr cues \
        rendition encryption keys uri rotate token \
        sources merge fec interface program transport_stream_id audio_only teletext \
        origin urls weights strategy host connect_timeout \
        first_byte_timeout stall_timeout connections_max response_max probe probe_interval \
        probe_failures probe_passes ca route ttl_default stale_while_revalidate \
        stale_if_error heuristic query query_ignored slice \
        snmp contact location largest_answer user auth_secret privacy_secret community secret \
        manager address informs";
    for key in all.split_whitespace() {
        assert!(EXAMPLE.contains(key), "{key}");
    }
}

#[test]
fn a_name_that_browsers_ask_for_has_no_port() {
    let text = |name: &str| format!("{SMALLEST}[management]\nnames = [\"{name}\"]\n");
    for name in ["edge-1.example", "edge", "Edge.EXAMPLE"] {
        assert_eq!(accepted(&text(name)).config.management.names, [name]);
    }
    let long = "e".repeat(254);
    for name in ["", "edge:80", "http://edge", "ed ge", &long] {
        let told = refused(&text(name));
        assert!(told.contains("is no name of a host"), "{told}");
    }
}

#[test]
fn what_is_not_told_is_at_its_default() {
    let Parsed { config, warnings } = accepted(SMALLEST);
    assert_eq!(warnings, []);
    let channels = config.channels.clone();
    assert_eq!(
        config,
        Config {
            channels,
            ..Config::default()
        }
    );
    assert_eq!(config.channels[0].name, "A");
    assert_eq!(config.channels[0].priority, Priority::Medium);
    assert_eq!(config.channels[0].cues, Cues::DateRange);
    assert_eq!(config.channels[0].renditions[0].interface, None);
    assert_eq!(config.channels[0].renditions[0].program, None);
    assert_eq!(config.channels[0].renditions[0].transport_stream_id, None);
}

#[test]
fn a_rendition_has_the_tracks_that_are_asked_for() {
    let rendition = |keys: &str| {
        let text = format!("{SMALLEST}{keys}");
        accepted(&text)
            .config
            .channels
            .remove(0)
            .renditions
            .remove(0)
    };
    let plain = rendition("");
    assert_eq!(
        (plain.audio_name(), plain.teletext_names().count()),
        (None, 0)
    );
    let told = rendition("audio_only = true\nteletext = [\"888\", \"deu\", \"auto\"]");
    assert_eq!(told.audio_name().as_deref(), Some("HD_audio"));
    let names: Vec<_> = told.teletext_names().collect();
    let due = [
        (TeletextChoice::Page(0x888), "HD_888".to_owned()),
        (TeletextChoice::Language(*b"deu"), "HD_deu".to_owned()),
        (TeletextChoice::First, "HD_auto".to_owned()),
    ];
    assert_eq!(names, due);
}

#[test]
fn what_cannot_be_merged_or_protected_is_named() {
    let rendition = |keys: &str| {
        format!("[[channel]]\nid = \"a\"\n[[channel.rendition]]\nname = \"r\"\n{keys}\n")
    };
    let udp = "sources = [\"udp://239.1.1.1:1\", \"rtp://239.1.1.2:65532\"]";
    let merged = accepted(&rendition(&format!("{udp}\nmerge = 2"))).config;
    assert_eq!(merged.channels[0].renditions[0].merge, 2);
    let refusal = refused(&rendition(&format!("{udp}\nmerge = 3\nfec = true")));
    assert!(
        refusal.contains("sources[0]: only rtp:// can be merged"),
        "{refusal}"
    );
    assert!(
        refusal.contains("sources[0]: only rtp:// can have FEC"),
        "{refusal}"
    );
    assert!(
        refusal.contains("sources[1]: its FEC comes on"),
        "{refusal}"
    );
    assert_eq!(refusal.lines().count(), 3, "{refusal}");
    let http = "\"http://encoder/a.ts\"";
    let two = "\"rtp://239.1.1.1:1\", \"rtp://239.1.1.2:1\"";
    accepted(&rendition(&format!(
        "sources = [{two}, {http}]\nmerge = 2\nfec = true"
    )));
    let refusal = refused(&rendition(&format!("sources = [{http}, {two}]\nmerge = 2")));
    assert!(
        refusal.contains("sources[0]: what comes over HTTP"),
        "{refusal}"
    );
}

#[test]
fn a_whole_cache_is_scrubbed_in_thirty_days_unless_told_otherwise() {
    let scrub = |cache: &str| accepted(&format!("{cache}\n{SMALLEST}")).config.cache.scrub;
    assert_eq!(scrub("cache.size = \"4TB\""), ByteSize(1_508 << 10));
    assert_eq!(scrub("cache.size = \"8GiB\""), ByteSize(64 << 10));
    assert_eq!(scrub("cache.scrub = \"0B\""), ByteSize(0));
}

#[test]
fn requests_of_a_client_come_in_bursts_of_ten_seconds_unless_told_otherwise() {
    let rate = |http: &str| {
        let config = accepted(&format!("{http}\n{SMALLEST}")).config;
        let rate = config.http.limits.request_rate;
        rate.map(|rate| (rate.per_s, rate.burst))
    };
    assert_eq!(rate(""), None);
    assert_eq!(rate("http.request_rate = 50"), Some((50, 500)));
    assert_eq!(
        rate("http = { request_rate = 50, request_burst = 7 }"),
        Some((50, 7))
    );
}

#[test]
fn what_a_client_may_take_has_bounds() {
    for (key, value, bound) in [
        ("connections", "15", "from 16 to 1000000"),
        ("connections_per_client", "5", "from 6 to 1000000"),
        ("request_rate", "0", "from 1 to 1000000"),
        ("body_size", "\"1B\"", "from 1KiB to 1GiB"),
        ("send_rate_min", "\"20Mb/s\"", "from 1kb/s to 10Mb/s"),
        ("send_pause", "\"10ms\"", "from 1s to 86400s"),
    ] {
        let text = refused(&format!("http.{key} = {value}\n{SMALLEST}"));
        assert!(
            text.contains(&format!("http.{key}")) && text.contains(bound),
            "{text}"
        );
    }
    let warned = accepted(&format!("http.request_burst = 7\n{SMALLEST}"));
    assert_eq!(warned.warnings.len(), 1);
}

#[test]
fn a_box_that_only_pulls_needs_no_channel() {
    let text = r#"
        origin = [{ name = "o", urls = ["http://origin"] }]
        route = [{ path = "/", origin = ["o"] }]
    "#;
    let config = accepted(text).config;
    assert_eq!(config.routes[0].origins, ["o"]);
}

#[test]
fn purges_are_remembered_beside_the_cache() {
    let purge = |cache: &str| {
        let text = format!("cache.path = \"{cache}\"\npurge.allow = [\"10.0.0.0/8\"]\n{SMALLEST}");
        accepted(&text).config.purge
    };
    let beside = purge("/srv/cache");
    assert_eq!(beside.journal.to_str(), Some("/srv/cache.purged"));
    assert_eq!(beside.allowed.len(), 1);
    let device = purge("/dev/nvme0n1p4");
    assert_eq!(device.journal.to_str(), Some("/var/lib/weir/cache.purged"));
    let nobody = accepted(&format!("purge.allow = []\n{SMALLEST}"));
    assert_eq!(nobody.config.purge.allowed, []);
}

#[test]
fn alarms_go_by_the_thresholds_of_the_file_and_are_remembered_beside_the_cache() {
    let text = format!(
        "cache.path = \"/srv/cache\"\n[alarm]\nallow = [\"10.0.0.0/8\"]\nboot_inhibit = \"0s\"\n\
         [alarm.disk-full]\nraise = \"97.5%\"\nseverity = \"major\"\nclear_hold = \"5s\"\n\
         [alarm.ts-continuity-burst]\nraise = 20\n{SMALLEST}"
    );
    let alarm = accepted(&text).config.alarm;
    assert_eq!(alarm.state.to_str(), Some("/srv/cache.alarms"));
    assert_eq!(alarm.boot_inhibit, Duration::ZERO);
    let mut rules = Rules::default();
    let full = rules.of_mut(Kind::DiskFull);
    full.raise = Amount::from_thousandths(97_500);
    full.severity = Severity::Major;
    full.clear_hold = Duration::from_secs(5);
    rules.of_mut(Kind::ContinuityBurst).raise = Amount::whole(20);
    assert_eq!(alarm.rules, rules);
}

#[test]
fn each_mistake_about_alarms_is_named() {
    let text = format!(
        "[alarm]\nboot_inhibit = \"1h\"\n[alarm.disk-full]\nraise = \"80%\"\nlower = 1\n\
         [alarm.hit-ratio-low]\nclear = \"80%\"\nseverity = \"cleared\"\n\
         [alarm.disk-io]\nraise = 1\n[alarm.disk-fool]\n\
         [alarm.segment-stale]\nraise = 4\nclear_hold = \"2d\"\n{SMALLEST}"
    );
    insta::assert_snapshot!(refused(&text));
}

#[test]
fn what_an_origin_is_not_told_is_at_its_default() {
    let text = r#"
        origin = [
            { name = "plain", urls = ["http://a"] },
            { name = "weighted", urls = ["http://a", "https://b"], weights = [1, 3] },
            { name = "probed", urls = ["http://a"], probe = "/healthz", probe_failures = 1 },
        ]
        route = [{ path = "/", origin = ["plain", "weighted", "probed"] }]
    "#;
    let Parsed { config, warnings } = accepted(text);
    assert_eq!(warnings, []);
    let named = |name: &str| Origin {
        name: name.to_owned(),
        urls: vec!["http://a".to_owned()],
        ..Origin::default()
    };
    let weighted = Origin {
        urls: vec!["http://a".to_owned(), "https://b".to_owned()],
        weights: vec![1, 3],
        strategy: Strategy::Weights,
        ..named("weighted")
    };
    let probe = Probe {
        path: "/healthz".to_owned(),
        failures: 1,
        ..Probe::default()
    };
    let probed = Origin {
        probe: Some(probe),
        ..named("probed")
    };
    assert_eq!(config.origins, [named("plain"), weighted, probed]);
}

#[test]
fn a_route_is_what_it_says_and_otherwise_at_its_defaults() {
    let route = |keys: &str| {
        let text = format!(
            "origin = [{{ name = \"o\", urls = [\"http://origin\"] }}]\n\
             [[route]]\npath = \"/\"\norigin = [\"o\"]\n{keys}"
        );
        accepted(&text).config.routes.remove(0)
    };
    let plain = route("");
    assert_eq!(plain.slice, Some(ByteSize(8 << 20)));
    assert_eq!(
        (plain.priority, plain.ttl_default),
        (Priority::Medium, None)
    );
    assert_eq!((plain.query, plain.is_heuristic), (None, false));
    let told = route(
        "priority = \"low\"\nttl_default = \"10min\"\nquery = []\nheuristic = true\n\
         slice = \"off\"\nstale_if_error = \"1h\"",
    );
    assert_eq!(told.slice, None);
    assert_eq!(told.ttl_default.map(|ttl| ttl.as_secs()), Some(600));
    assert_eq!(told.stale_if_error.map(|span| span.as_secs()), Some(3_600));
    assert_eq!((told.priority, told.is_heuristic), (Priority::Low, true));
    assert_eq!(told.query, Some(Vec::new()));
}

#[test]
fn what_a_route_cannot_be_is_named() {
    let text = "origin = [{ name = \"o\", urls = [\"http://origin\"] }]\n\
        [[route]]\npath = \"/\"\norigin = [\"o\"]\npriority = \"top\"\nttl_default = \"2y\"\n\
        heuristic = \"yes\"\nquery = [\"a=b\"]\nquery_ignored = [\"c\"]\nslice = \"1KiB\"\n";
    insta::assert_snapshot!(refused(text));
}

#[test]
fn slack_longest_and_largest_follow_what_they_depend_on() {
    let text = format!("segment.target = \"3s\"\ncache.memory = \"16MiB\"\n{SMALLEST}");
    let config = accepted(&text).config;
    assert_eq!(config.segment.slack.as_secs(), 1);
    assert_eq!(config.segment.longest.as_secs(), 6);
    assert_eq!(config.segment.largest, ByteSize(16 << 20));
}

#[test]
fn every_mistake_is_named_with_key_path_and_line() {
    insta::assert_snapshot!(refused(include_str!("fixtures/mistakes.toml")));
}

#[test]
fn a_listener_of_tls_stands_beside_the_others() {
    let text = format!(
        "http = {{ tls_listen = [\"[::1]:443\", \"0.0.0.0:80\"], certificates = \"tls\" }}\n\
         management.listen = \"[::1]:443\"\nmanagement.agent_check = \"[::1]:443\"\n{SMALLEST}"
    );
    let named = [
        "line 1: http.certificates: \"tls\" is no absolute path: write one, from /, of at most \
         1024 bytes",
        "line 1: http.tls_listen[1]: 0.0.0.0:80 is listened on already: remove it",
        "line 2: management.listen: [::1]:443 is taken by http.tls_listen ([::1]:443): choose \
         another port",
        "line 3: management.agent_check: [::1]:443 is taken by http.tls_listen ([::1]:443): choose \
         another port",
        "line 3: management.agent_check: [::1]:443 is taken by management.listen ([::1]:443): \
         choose another port",
    ];
    assert_eq!(refused(&text), named.join("\n"));
}

#[test]
fn a_wrong_type_is_named_as_such_everywhere() {
    insta::assert_snapshot!(refused(include_str!("fixtures/types.toml")));
}

#[test]
fn several_breaches_of_toml_are_named_and_cause_no_false_mistakes() {
    insta::assert_snapshot!(refused(include_str!("fixtures/syntax.toml")));
}

#[test]
fn what_is_suspicious_is_told_but_taken() {
    let parsed = accepted(include_str!("fixtures/warnings.toml"));
    let warnings = parsed.warnings.iter().map(ToString::to_string);
    insta::assert_snapshot!(warnings.collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_empty_file_has_nothing_to_do() {
    assert_eq!(
        refused("# nothing\n"),
        "line 1: the file has nothing to do: add a [[channel]] or an [[origin]]"
    );
}

#[test]
fn a_file_beyond_the_limit_is_refused_unread() {
    let text = " ".repeat(Config::FILE_BYTES_MAX + 1);
    assert_eq!(
        refused(&text),
        "line 1: the file is longer than 1048576 bytes: shorten it"
    );
}

#[test]
fn more_mistakes_than_anyone_reads_are_counted() {
    let keys = (0..1_000).map(|key| format!("k{key} = 1"));
    let text = keys.collect::<Vec<_>>().join("\n");
    let mistakes = Config::parse(&text).unwrap_err();
    assert_eq!(mistakes.iter().count(), Mistakes::LISTED_MAX);
    assert_eq!(mistakes.total(), 1_001);
}

#[test]
fn an_entry_too_many_is_still_read_for_its_own_mistakes() {
    let mut sources = vec!["\"udp://239.1.1.1:1234\""; Config::SOURCES_MAX];
    sources.push("\"udp://nowhere\"");
    let sources = sources.join(", ");
    let refusal = refused(&format!(
        "[[channel]]\nid = \"a\"\n[[channel.rendition]]\nname = \"r\"\nsources = [{sources}]\n"
    ));
    assert!(refusal.contains("sources: has 9 entries"), "{refusal}");
    assert!(refusal.contains("sources[8]: "), "{refusal}");
}

#[test]
fn more_channels_than_the_limit_are_refused() {
    let channel = |number| {
        format!(
            "[[channel]]\nid = \"C{number}\"\n[[channel.rendition]]\nname = \"HD\"\nsources = \
             [\"udp://239.1.1.1:{}\"]\n",
            number + 1
        )
    };
    let text: String = (0..=Config::CHANNELS_MAX).map(channel).collect();
    assert_eq!(
        refused(&text),
        "line 1: channel: has 257 entries: keep at most 256"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n){0,200}") {
        let names_work = text.contains("channel") || text.contains("origin");
        prop_assert!(names_work || Config::parse(&text).is_err());
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_reader_panic(
        cuts in prop::collection::vec(
            (any::<prop::sample::Index>(), "[\\[\\]{}=\"'#.,\n a-z0-9]{0,3}"),
            1..6,
        ),
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, patch) in cuts {
            let at = at.index(text.len());
            text.splice(at..=at, patch.chars());
        }
        let text = String::from_iter(text);
        if let Err(mistakes) = Config::parse(&text) {
            prop_assert!(mistakes.iter().all(|mistake| mistake.line >= 1));
            prop_assert!(mistakes.total() >= 1);
        }
    }

    #[test]
    fn a_source_of_the_configuration_reads_back(port in 1_u16.., last in 1_u8..255) {
        let url = format!("udp://239.0.0.{last}:{port}");
        let source: Source = url.parse().map_err(TestCaseError::fail)?;
        prop_assert_eq!(source.to_string(), url);
    }
}

#[test]
fn a_file_made_to_exhaust_the_reader_is_refused() {
    let deep = 100_000;
    for text in [
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}", "{ a = ".repeat(deep)),
        "=\n".repeat(deep / 10),
        "[[a]]\n".repeat(deep),
    ] {
        let mistakes = Config::parse(&text).unwrap_err();
        assert!(mistakes.iter().count() <= Mistakes::LISTED_MAX);
    }
}

/// What everybody who writes configurations may rely on.
#[test]
fn the_contract_is_accepted() {
    let parsed = accepted(include_str!("fixtures/contract.toml"));
    let warnings = parsed.warnings.iter().map(ToString::to_string);
    assert_eq!(
        warnings.collect::<Vec<_>>(),
        [
            "line 28: route[0].origin[1]: no origin is called \"origin\", so this tier is passed \
             over: add an [[origin]] with name = \"origin\", or remove it here"
        ]
    );
    assert_eq!(parsed.config.channels[0].renditions[0].sources.len(), 3);
}

#[test]
fn reservations_leave_a_quarter_of_the_cache() {
    let text = |high: &str| {
        let tables = "[cache.low]\nreserve = \"4GiB\"\n[cache.high]\nreserve = ";
        format!("cache.size = \"16GiB\"\n{SMALLEST}").replace("cache.size", "[cache]\nsize")
            + &format!("{tables}\"{high}\"\n")
    };
    let config = accepted(&text("8GiB")).config;
    assert_eq!(config.cache.classes.high.reserved_bytes, 8 << 30);
    assert_eq!(
        refused(&text("9GiB")),
        "line 12: cache.high.reserve: the reservations add up to 13GiB: lower them to at most \
         12GiB, three quarters of cache.size"
    );
}
