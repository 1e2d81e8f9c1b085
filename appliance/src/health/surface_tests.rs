//! All surfaces of one snapshot, against one another and against their description.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value as Json, json};
use weir_hal::{
    DiskUsage, Duplex, Nic, NicStatistics, OperationalStatus, Querier, SlotName, SlotTable,
    Thermometer, Wall,
};

use crate::{
    alarm::{self, Amount, Engine, LISTED_MAX, Measure, Moment, Reading, Resource, Rules},
    counter::{Kind, Reach, Row, Value},
    fetch::{
        exchange,
        pull::{PullCounters, RouteReport},
        tiers::{EndpointReport, OriginReport, TierCounters},
    },
    health::{
        DiskSnapshot, Snapshot,
        api::{self, Whole},
        endpoint::ENDPOINTS,
        integration::integrations,
        json, metrics,
        metrics::Format,
        openapi,
        snapshot::tests::snapshot,
        table::{ALARM_METRICS_MAX, Entity, GroupScope, Listed, Node, Scope},
    },
    ladder::{self, Check, Finding},
    live::{Leg, State},
    measure::{Figures, PidFigures},
    serve::access_log,
    snmp,
};

/// A source that is measured, with a PID.
fn source() -> Leg {
    let pid = PidFigures {
        pid: 256,
        bitrate_bps: 2_040_000,
        packets: 1_000,
        continuity_count_error: 0,
        scrambled: 0,
    };
    Leg {
        url: "udp://239.1.1.1:1234".to_owned(),
        is_active: true,
        figures: Some(Arc::new(Figures {
            pids: vec![pid],
            ..Figures::default()
        })),
        ..Leg::default()
    }
}

/// A snapshot with all kinds of things in it: so many channels of so many renditions each.
pub(crate) fn full(channels: usize, renditions: usize) -> Snapshot {
    let states = vec![State::OnAir; renditions];
    let mut snapshot = snapshot(&vec![states.as_slice(); channels]);
    let renditions = snapshot
        .channels
        .iter_mut()
        .flat_map(|it| &mut it.renditions);
    for rendition in renditions {
        Arc::make_mut(&mut rendition.report).legs = vec![source()];
    }
    let finding = Finding {
        check: Check::RungMissing,
        since: Wall::default(),
        reason: "SD_1M is not there".to_owned(),
    };
    snapshot.channels[0].ladder = Arc::new(ladder::Report {
        findings: vec![finding],
        ..ladder::Report::default()
    });
    snapshot.origins = ["midcache", "origin"].map(origin).to_vec();
    snapshot.routes = ["/vod/", "/"].map(route).to_vec();
    snapshot.disks = vec![DiskSnapshot {
        path: "/var/lib/weir/cache".into(),
        purpose: "cache",
        usage: Some(DiskUsage {
            bytes_total: 1_000,
            bytes_free: 400,
        }),
    }];
    snapshot.disk_usage_percent = Some(60.0);
    snapshot.nics = ["eth0", "eth1", "eth2", "lo"].map(nic).to_vec();
    snapshot.nics_changed = vec![Duration::ZERO; snapshot.nics.len()];
    snapshot.nics_unicast = vec![0; snapshot.nics.len()];
    snapshot.thermometers = vec![Thermometer {
        name: "board".to_owned(),
        temperature_celsius: Some(40.0),
    }];
    let names = ["weir_1.1.0_a.efi", "weir_1.2.0_b+2-1.efi"];
    snapshot.slots = Some(SlotTable::of_names(SlotName::A, names));
    snapshot.access_log = Some(access_log::Counters::default());
    snapshot.alarms = Arc::new(alarm::Report {
        alarms: vec![disk_full()],
        effects: vec![effect(0)],
        shelves: vec![
            shelved(alarm::Kind::LadderFinding, "channel/CH_0"),
            shelved(alarm::Kind::NicDown, "nic/eth3"),
        ],
        ..alarm::Report::default()
    });
    snapshot.snmp = Some(snmp::Counters::default());
    snapshot
}

fn disk_full() -> alarm::Alarm {
    alarm::Alarm {
        id: 1,
        kind: alarm::Kind::DiskFull,
        resource: Resource::Disk,
        severity: alarm::Severity::Critical,
        since: Wall::default(),
        text: "it is full".to_owned(),
        cause: None,
        affected: 0,
        is_flapping: false,
        is_damped: false,
        is_over: false,
        operation: Some(alarm::Operation {
            state: alarm::OperatorState::Acknowledged,
            author: "ann".to_owned(),
            note: "it is known".to_owned(),
            at: Wall::default(),
            until: None,
        }),
    }
}

fn effect(channel: usize) -> alarm::Effect {
    alarm::Effect {
        kind: alarm::Kind::LadderFinding,
        resource: Resource::Channel(format!("CH_{channel}").into()),
        severity: alarm::Severity::Warning,
        text: "the ladder fails 1 of its checks".to_owned(),
        cause: Some(1),
    }
}

fn shelved(kind: alarm::Kind, resource: &str) -> alarm::Shelved {
    alarm::Shelved {
        id: 2,
        kind,
        resource: resource.parse().expect("a resource"),
        operation: alarm::Operation {
            state: alarm::OperatorState::Shelved,
            author: "ann".to_owned(),
            note: "a spare".to_owned(),
            at: Wall::default(),
            until: Some(Wall::default()),
        },
    }
}

fn origin(name: &str) -> OriginReport {
    let endpoint = |number: u8| EndpointReport {
        url: format!("http://{name}-{number}"),
        state: "closed",
        round_trip: None,
        first_byte: [None; 3],
        connections: 0,
        trouble: None,
        counters: exchange::Counters::default(),
    };
    OriginReport {
        name: name.to_owned(),
        counters: TierCounters::default(),
        endpoints: vec![endpoint(1), endpoint(2)],
    }
}

fn route(path: &str) -> RouteReport {
    RouteReport {
        path: path.to_owned(),
        counters: PullCounters::default(),
    }
}

fn nic(name: &str) -> Nic {
    Nic {
        name: name.to_owned(),
        operational_status: OperationalStatus::Up,
        is_enabled: Some(true),
        is_promiscuous: Some(false),
        is_physical: true,
        mtu_bytes: Some(1_500),
        link_address: Some([2, 0xFC, 0, 0, 0, 1]),
        speed_bps: Some(1_000_000_000),
        duplex: Some(Duplex::Full),
        statistics: NicStatistics::default(),
        querier: Querier::Heard {
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            ago: Duration::from_secs(1),
        },
    }
}

/// Gives every number and text of `thing` and its parts a value of its own, whatever it was read
/// from.
fn number(thing: &mut Entity, last: &mut u64) {
    let groups = thing.scope.groups.iter().zip(&mut thing.groups);
    for (group, cells) in groups {
        let cells = cells.as_mut().expect("everything is in use");
        for (row, cell) in group.rows.iter().zip(cells) {
            *last += 1;
            match row.kind {
                Kind::Counter | Kind::Gauge => *cell = Value::Count(*last),
                Kind::Text => *cell = Value::Text(format!("text {last}")),
                Kind::State => {}
            }
        }
    }
    for part in thing.parts.iter_mut().flatten() {
        number(part, last);
    }
}

/// A node with a number or text of its own in each cell.
pub(crate) fn numbered() -> Entity {
    let mut root = Node::of("edge-1", &full(2, 2)).entity();
    number(&mut root, &mut 0);
    root
}

/// `thing` with its parts as JSON.
pub(crate) fn told(thing: &Entity) -> Json {
    serde_json::from_slice(&json::render(&Whole(thing))).expect("JSON")
}

/// Samples by name and labels, in the order of their names; read without help of what wrote them.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (series, number) = line.rsplit_once(' ').expect("a name and a number");
        (series.to_owned(), number.parse().expect("a number"))
    });
    let all: Vec<(String, f64)> = samples.collect();
    let count = all.len();
    let distinct = BTreeMap::from_iter(all);
    assert_eq!(distinct.len(), count, "a series is told twice");
    distinct
}

/// What is told as JSON, as series: read without help of the table.
#[derive(Default)]
struct Expected(BTreeMap<String, f64>);

impl Expected {
    fn object(&mut self, object: &Json, prefix: &str, labels: &[String]) {
        for (name, value) in object.as_object().expect("an object") {
            match value {
                Json::Number(number) => {
                    let number = number.as_f64().expect("a number");
                    let (stem, number) = in_base_units(name, number);
                    self.series(&format!("{prefix}_{stem}"), labels, number);
                }
                Json::String(text) => {
                    let state = format!("{name}=\"{text}\"");
                    let labels: Vec<_> = labels.iter().cloned().chain([state]).collect();
                    self.series(&format!("{prefix}_{name}"), &labels, 1.0);
                }
                Json::Object(_) => self.object(value, &format!("{prefix}_{name}"), labels),
                Json::Array(parts) => {
                    let kind = name.strip_suffix('s').expect("a plural");
                    for part in parts {
                        let key = part[kind].as_str().expect("a part has a name");
                        let own = format!("{kind}=\"{key}\"");
                        let labels: Vec<_> = labels.iter().cloned().chain([own]).collect();
                        self.object(part, &format!("weir_{kind}"), &labels);
                    }
                }
                Json::Null | Json::Bool(_) => panic!("{name} has no value"),
            }
        }
    }

    fn series(&mut self, name: &str, labels: &[String], number: f64) {
        let labels = match labels {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        self.0.insert(format!("{name}{labels}"), number);
    }
}

fn in_base_units(name: &str, number: f64) -> (String, f64) {
    let words: Vec<&str> = name.split('_').collect();
    for (unit, base, divisor) in [
        ("bytes", "bytes", 1.0),
        ("ms", "seconds", 1_000.0),
        ("bps", "bytes_per_second", 8.0),
        ("percent", "ratio", 100.0),
    ] {
        if words.contains(&unit) {
            let rest = words.iter().filter(|word| **word != unit);
            let rest: Vec<_> = rest.copied().chain([base]).collect();
            return (rest.join("_"), number / divisor);
        }
    }
    (name.to_owned(), number)
}

/// Number of rows of `thing` and its parts that are, or are not, to be metrics.
fn count_rows(thing: &Entity, is_counted: &impl Fn(&GroupScope, &Row) -> bool) -> usize {
    let groups = thing.scope.groups.iter();
    let rows = |group: &GroupScope| {
        let counted = group.rows.iter().filter(|row| is_counted(group, row));
        counted.count()
    };
    let own: usize = groups.map(rows).sum();
    let parts = thing.parts.iter().flatten();
    own + parts
        .map(|part| count_rows(part, is_counted))
        .sum::<usize>()
}

#[test]
fn json_and_metrics_of_one_snapshot_agree_cell_by_cell() {
    let root = numbered();
    let told = told(&root);
    let mut expected = Expected::default();
    expected.object(&told, "weir", &[]);
    let text = metrics::text(&root, Format::Prometheus);
    let mut samples = samples(std::str::from_utf8(&text).expect("text"));
    let build = samples.remove("weir_build_info{version=\"0.1.0\",node=\"edge-1\"}");
    assert_eq!(build, Some(1.0));
    let is_metric = |group: &GroupScope, row: &Row| {
        group.reach(row) == Reach::Everywhere && row.kind != Kind::Text
    };
    assert_eq!(samples.len(), count_rows(&root, &is_metric));
    for (series, number) in samples {
        let plain = series.replacen("_total{", "{", 1);
        let plain = plain.strip_suffix("_total").unwrap_or(&plain);
        let json = expected.0.remove(plain);
        let json = json.unwrap_or_else(|| panic!("{series} is not in JSON"));
        assert!(
            (json - number).abs() < 1e-9,
            "{series} {number}, not {json}"
        );
    }
    // What is left is text, details, and the names of things themselves.
    let is_left = |group: &GroupScope, row: &Row| !is_metric(group, row);
    let things = count_rows(&root, &|_, _| false) + count_things(&root);
    assert_eq!(expected.0.len(), count_rows(&root, &is_left) + things);
}

fn count_things(thing: &Entity) -> usize {
    let parts = thing.parts.iter().flatten();
    1 + parts.map(count_things).sum::<usize>()
}

/// As many alarms as are listed.
fn many_alarms() -> alarm::Report {
    let mut engine = Engine::new(alarm::Settings {
        rules: Rules::default(),
        boot_inhibit: Duration::ZERO,
    });
    let bad = |number: usize| {
        let resource = Resource::Channel(format!("CH_{number}").into());
        let reading = Reading::of(Amount::whole(1));
        Measure::new(alarm::Kind::LadderFinding, resource, reading)
    };
    let all: Vec<Measure> = (0..=LISTED_MAX).map(bad).collect();
    for _ in 0..2 {
        engine.look(Moment::default(), &all);
    }
    engine.report()
}

#[test]
fn the_worst_alarms_have_series_of_their_own_and_all_of_them_are_counted() {
    let mut snapshot = full(1, 1);
    snapshot.alarms = Arc::new(many_alarms());
    let text = metrics::render("edge-1", &snapshot, Format::Prometheus);
    let samples = samples(std::str::from_utf8(&text).expect("text"));
    let told = samples
        .keys()
        .filter(|it| it.starts_with("weir_alarm_severity{"))
        .count();
    assert_eq!(told, ALARM_METRICS_MAX);
    assert_eq!(samples.get("weir_alarms_major"), Some(&1.0));
    // All but the alarm that there are more.
    assert_eq!(samples.get("weir_alarms_warning"), Some(&511.0));
    let worst = "weir_alarm_severity{alarm=\"alarms-overflow node\",severity=\"major\"}";
    assert_eq!(samples.get(worst), Some(&1.0));
    assert_eq!(samples.get("weir_alarms_omitted"), Some(&2.0));
}

#[test]
fn effects_and_what_is_shelved_are_told_with_their_state_and_are_no_metrics() {
    let mut snapshot = full(1, 1);
    Arc::make_mut(&mut snapshot.alarms).effects.push(effect(1));
    let told = told(snapshot.told("edge-1"));
    let suppressed = told["suppressed_alarms"].as_array().expect("a list");
    let words = suppressed.iter().map(|it| {
        let word = |key: &str| it[key].as_str().unwrap_or("-");
        let (key, state) = (word("suppressed_alarm"), word("state"));
        (key, state, word("operator_state"), it["cause"].as_u64())
    });
    assert_eq!(
        words.collect::<Vec<_>>(),
        [
            ("nic-down nic/eth3", "cleared", "shelved", None),
            ("ladder-finding channel/CH_0", "raised", "shelved", Some(1)),
            ("ladder-finding channel/CH_1", "raised", "-", Some(1)),
        ]
    );
    let text = metrics::render("edge-1", &snapshot, Format::Prometheus);
    let text = std::str::from_utf8(&text).expect("text");
    assert!(!text.contains("suppressed"), "{text}");
}

/// Series of a snapshot of which everything is known.
fn series_of(snapshot: &Snapshot) -> usize {
    let mut root = Node::of("edge-1", snapshot).entity();
    number(&mut root, &mut 0);
    let text = metrics::text(&root, Format::Prometheus);
    samples(std::str::from_utf8(&text).expect("text")).len()
}

#[test]
fn an_appliance_of_64_channels_has_at_most_3_000_series_however_much_is_wrong() {
    let mut snapshot = full(64, 3);
    let well = series_of(&snapshot);
    assert!((2_000..=3_000).contains(&well), "{well} series");
    snapshot.alarms = Arc::new(many_alarms());
    let crowded = series_of(&snapshot);
    assert!((well..=3_000).contains(&crowded), "{crowded} series");
}

/// Types and names of all metrics, each with the names of its labels.
fn contract(text: &str) -> String {
    let mut lines = text.lines().peekable();
    let mut contract = Vec::new();
    while let Some(line) = lines.next() {
        let Some(family) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        let sample = lines.peek().expect("a family has a sample");
        let labels = sample.split_once('{').map_or("", |(_, labels)| labels);
        let labels = labels.split(',').filter_map(|label| label.split_once('='));
        let labels: Vec<_> = labels.map(|(name, _)| name).collect();
        contract.push(format!("{family} {{{}}}", labels.join(", ")));
    }
    contract.join("\n")
}

#[test]
fn names_types_and_labels_of_metrics_are_a_contract_with_dashboards() {
    let text = metrics::text(&numbered(), Format::Prometheus);
    insta::assert_snapshot!(contract(std::str::from_utf8(&text).expect("text")));
}

#[test]
fn each_path_of_the_description_answers_with_exactly_the_fields_it_names() {
    let snapshot = full(2, 2);
    let described: Json = serde_json::from_slice(&openapi::render()).expect("JSON");
    assert_eq!(described["openapi"], json!("3.1.0"));
    let paths = described["paths"].as_object().expect("paths");
    let schema = |item: &Json| {
        let content = &item["get"]["responses"]["200"]["content"];
        content["application/json"]["schema"].clone()
    };
    let of_table = paths.iter().map(|(path, item)| (path, schema(item)));
    let of_table: Vec<_> = of_table.filter(|(_, schema)| !schema.is_null()).collect();
    assert_eq!(of_table.len(), 2 + api::VIEWS.len());
    for (path, schema) in of_table {
        let path = path.replace("{id}", "CH_0");
        let below = path.strip_prefix(api::ROOT).expect("below the root");
        let body = api::answer("edge-1", &snapshot, below);
        let body = body.unwrap_or_else(|| panic!("{path} is not there"));
        let body = serde_json::from_slice(&body).expect("JSON");
        validate(&schema, &body, &path);
    }
}

/// Holds `value` against the few words of JSON Schema that the description uses.
fn validate(schema: &Json, value: &Json, path: &str) {
    let kind = match value {
        Json::Object(_) => "object",
        Json::Array(_) => "array",
        Json::String(_) => "string",
        Json::Null => "null",
        Json::Number(_) => "number",
        Json::Bool(_) => "boolean",
    };
    let allowed = schema["type"].to_string();
    let is_whole = value.is_u64() && allowed.contains("integer");
    assert!(
        is_whole || allowed.contains(kind),
        "{path}: {value} is no {allowed}"
    );
    for item in value.as_array().into_iter().flatten() {
        validate(&schema["items"], item, path);
    }
    if let Some(fields) = value.as_object() {
        let named = schema["properties"].as_object().expect("fields");
        let told: BTreeSet<_> = fields.keys().collect();
        assert_eq!(told, named.keys().collect(), "{path}");
        assert_eq!(schema["additionalProperties"], json!(false), "{path}");
        let required = schema["required"].as_array().expect("names");
        assert_eq!(required.len(), told.len(), "{path}");
        for (name, value) in fields {
            validate(&named[name], value, &format!("{path}.{name}"));
        }
    }
}

#[test]
fn all_that_answers_is_described_and_all_that_is_described_answers() {
    let described: Json = serde_json::from_slice(&openapi::render()).expect("JSON");
    let paths = described["paths"].as_object().expect("paths");
    let described: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let answering = ENDPOINTS.iter().map(|endpoint| endpoint.path);
    assert_eq!(described, answering.collect());
    for endpoint in ENDPOINTS {
        for operation in endpoint.operations {
            let described = &paths[endpoint.path][operation.method];
            assert_eq!(described["summary"], operation.help, "{}", endpoint.path);
            let takes_body = described["requestBody"].is_object();
            assert_eq!(takes_body, operation.order.is_some(), "{}", endpoint.path);
        }
    }
    for view in api::VIEWS.into_iter().chain([api::STATUS]) {
        let path = format!("{}{view}", api::ROOT);
        assert!(paths.contains_key(&path), "{path}");
    }
}

#[test]
fn the_description_has_a_schema_with_a_sentence_for_every_row() {
    fn rows(scope: &Scope) -> usize {
        let own: usize = scope.groups.iter().map(|group| group.rows.len()).sum();
        own + scope.parts.iter().map(|part| rows(part)).sum::<usize>()
    }
    let text = openapi::render();
    let text = std::str::from_utf8(&text).expect("text");
    let described = text.matches("\"description\":").count();
    assert!(described > rows(Node::SCOPE), "{described}");
}

/// The names of metrics in `text`: words that begin as they do.
fn named(text: &str) -> BTreeSet<&str> {
    let is_other = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':';
    let words = text.split(is_other);
    words.filter(|word| word.starts_with("weir_")).collect()
}

#[test]
fn integrations_name_no_metric_that_is_not_told() {
    let text = metrics::text(&numbered(), Format::Prometheus);
    let told = named(std::str::from_utf8(&text).expect("text"));
    let mut count = 0;
    for file in integrations() {
        for name in named(&file.text) {
            assert!(told.contains(name), "{} names {name}", file.path);
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
