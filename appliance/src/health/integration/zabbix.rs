//! A template for Zabbix 6.0 or later, which asks `/api/v1` once for each view and takes the values
//! apart on the server.
//!
//! Every row of the table that is not a detail becomes an item: those of the node as they are,
//! those of its parts as prototypes, found by name. Triggers pass the alarms of the box on, one for
//! each severity, and add that it does not answer.
//!
//! Source: Zabbix 6.0 manual, *Export and import: templates* and *`JSONPath` functionality*.

use serde_json::{Value, json};

use crate::{
    counter::{Kind, Reach, Row, Unit},
    hash::fnv1a,
    health::table::{GroupScope, Listed, Node, Scope},
};

const TEMPLATE: &str = "Weir by HTTP";

/// Seconds between two questions.
const INTERVAL: &str = "30s";

/// The item whose answers tell that the box is there.
const STATUS: &str = "weir.status.answer";

/// Parts that come and go: what is told of them are the sentences of those to act on.
const OF_ALARMS: [&str; 2] = ["alarms", "suppressed_alarms"];

/// The name, the severity in the words of Zabbix, and the word of X.733 of each trigger.
pub(super) const SEVERITIES: [(&str, &str); 4] = [
    ("critical", "DISASTER"),
    ("major", "HIGH"),
    ("minor", "AVERAGE"),
    ("warning", "WARNING"),
];

/// `zabbix/weir_http_6.0.json`.
pub(super) fn template() -> String {
    let export = json!({ "zabbix_export": {
        "version": "6.0",
        "date": "2026-01-01T00:00:00Z",
        "groups": [{ "uuid": uuid("group"), "name": "Templates/Weir" }],
        "templates": [{
            "uuid": uuid("template"),
            "template": TEMPLATE,
            "name": TEMPLATE,
            "description": "An edge appliance for television, by its own judgement of itself.",
            "groups": [{ "name": "Templates/Weir" }],
            "macros": [{
                "macro": "{$WEIR.PORT}",
                "value": "8080",
                "description": "The port of the management listener.",
            }],
            "items": items(),
            "discovery_rules": discoveries(),
        }],
        "triggers": [silent()],
    } });
    format!("{export:#}\n")
}

/// What Zabbix tells things by, in the form of a random one (RFC 9562 §5.4): the same name always
/// has the same, so that a newer template replaces an older one.
pub(super) fn uuid(name: &str) -> String {
    let half = |salt: &str| fnv1a(salt.bytes().chain(name.bytes()));
    let high = half("weir high ") & !0xF000 | 0x4000;
    let low = half("weir low ") & !(0b11 << 62) | 0b10 << 62;
    format!("{high:016x}{low:016x}")
}

/// What is asked of the box, and what of the answers is of the node itself.
fn items() -> Vec<Value> {
    let views = Node::SCOPE.parts.iter().map(|part| part.plural);
    let views = views.filter(|view| !OF_ALARMS.contains(view));
    let asked = views.map(|view| question(&master(view), view));
    let status = question(STATUS, "status");
    let alarms = question(&master("alarms"), "alarms");
    let groups = Node::SCOPE.groups.iter();
    let own = groups.flat_map(|group| {
        let rows = told(group);
        rows.map(move |row| {
            let path = format!("$.{}", dotted(group, row));
            let key = format!("weir.{}", dotted(group, row));
            with(item(&key, row), dependent(STATUS, row, &path))
        })
    });
    let told = SEVERITIES
        .iter()
        .map(|(word, priority)| worst(word, priority));
    [status, alarms]
        .into_iter()
        .chain(asked)
        .chain(own)
        .chain(told)
        .collect()
}

/// The item that has the answer about all parts of one kind.
fn master(plural: &str) -> String {
    format!("weir.{plural}.answer")
}

/// An item that asks the box, and keeps nothing of the answer.
fn question(key: &str, view: &str) -> Value {
    json!({
        "uuid": uuid(key),
        "name": format!("Answer of /api/v1/{view}"),
        "type": "HTTP_AGENT",
        "key": key,
        "delay": INTERVAL,
        "history": "0",
        "trends": "0",
        "value_type": "TEXT",
        "url": format!("http://{{HOST.CONN}}:{{$WEIR.PORT}}/api/v1/{view}"),
        "tags": [{ "tag": "component", "value": "answer" }],
    })
}

/// The rows of `group` that a fleet keeps.
fn told(group: &GroupScope) -> impl Iterator<Item = &Row> {
    group
        .rows
        .iter()
        .filter(|row| group.reach(row) == Reach::Everywhere)
}

/// `group.row`, or `row` where it is the thing's own.
fn dotted(group: &GroupScope, row: &Row) -> String {
    match group.name {
        Some(group) => format!("{group}.{}", row.name),
        None => row.name.to_owned(),
    }
}

/// What every item of `row` has.
pub(super) fn item(key: &str, row: &Row) -> Value {
    let is_text = matches!(row.kind, Kind::State | Kind::Text);
    json!({
        "uuid": uuid(key),
        "name": name(key),
        "type": "DEPENDENT",
        "key": key,
        "delay": "0",
        "description": row.help,
        "value_type": if is_text { "CHAR" } else { "FLOAT" },
        "trends": if is_text { "0" } else { "365d" },
        "units": units(row),
        "tags": [{ "tag": "component", "value": "weir" }],
    })
}

/// The key as people read it.
fn name(key: &str) -> String {
    let plain = key.trim_start_matches("weir.").replace(['.', '_'], " ");
    let (first, rest) = plain.split_at(1);
    first.to_ascii_uppercase() + rest
}

fn units(row: &Row) -> &'static str {
    match (row.kind, row.unit()) {
        (Kind::State | Kind::Text, _) | (Kind::Gauge, Unit::One) => "",
        (Kind::Counter, Unit::Bytes) => "Bps",
        (Kind::Counter, _) => "1/s",
        (Kind::Gauge, Unit::Bytes) => "B",
        (Kind::Gauge, Unit::Milliseconds) => "s",
        (Kind::Gauge, Unit::BitsPerSecond) => "bps",
        (Kind::Gauge, Unit::Percent) => "%",
    }
}

/// How the value of `row` comes out of the answer of `master`.
fn dependent(master: &str, row: &Row, path: &str) -> Value {
    let dropping = |kind: &str, parameter: &str| {
        let handling = json!({ "error_handler": "DISCARD_VALUE" });
        with(step(kind, &[parameter]), handling)
    };
    let mut steps = vec![dropping("JSONPATH", path)];
    if row.is_optional {
        steps.push(dropping("NOT_MATCHES_REGEX", "^null$"));
    }
    if row.unit() == Unit::Milliseconds {
        steps.push(step("MULTIPLIER", &["0.001"]));
    }
    steps.extend(per_second(row));
    json!({ "master_item": { "key": master }, "preprocessing": steps })
}

/// A step of preprocessing.
pub(super) fn step(kind: &str, parameters: &[impl AsRef<str>]) -> Value {
    let parameters: Vec<&str> = parameters.iter().map(AsRef::as_ref).collect();
    json!({ "type": kind, "parameters": parameters })
}

/// The step that makes a rate of a counter.
pub(super) fn per_second(row: &Row) -> Option<Value> {
    (row.kind == Kind::Counter).then(|| step("CHANGE_PER_SECOND", &[""]))
}

/// `one` with the fields of `other`.
pub(super) fn with(mut one: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut one, other) {
        fields.extend(more);
    }
    one
}

/// The sentences of all alarms of one severity that somebody should act on, and its trigger.
fn worst(word: &str, priority: &str) -> Value {
    let key = format!("weir.alarms.text[{word}]");
    let script = format!(
        "var alarms = JSON.parse(value).active.filter(function (alarm) {{\n  \
         var state = alarm.operator ? alarm.operator.state : '';\n  \
         return alarm.severity === '{word}' && alarm.cause === null &&\n    \
         state !== 'shelved' && state !== 'closed';\n}});\n\
         return alarms.map(function (alarm) {{\n  \
         return alarm.resource + ': ' + alarm.text;\n}}).join('; ').slice(0, 2000);"
    );
    let expression = format!("length(last(/{TEMPLATE}/{key}))>0");
    json!({
        "uuid": uuid(&key),
        "name": format!("Alarms: {word}"),
        "type": "DEPENDENT",
        "key": key,
        "delay": "0",
        "trends": "0",
        "value_type": "TEXT",
        "description": "What somebody should act on; effects stand behind their causes.",
        "preprocessing": [{ "type": "JAVASCRIPT", "parameters": [script] }],
        "master_item": { "key": master("alarms") },
        "tags": [{ "tag": "component", "value": "alarm" }],
        "triggers": [{
            "uuid": uuid(&format!("trigger {word}")),
            "expression": expression,
            "name": format!("Weir: {word} alarm"),
            "event_name": format!("Weir: {{?last(/{{HOST.HOST}}/{key})}}"),
            "priority": priority,
            "tags": [{ "tag": "x733", "value": word }],
        }],
    })
}

/// The trigger of a box that does not answer.
fn silent() -> Value {
    json!({
        "uuid": uuid("trigger silent"),
        "expression": format!("nodata(/{TEMPLATE}/weir.uptime_ms,3m)=1"),
        "name": "Weir: no answer for 3 minutes",
        "priority": "DISASTER",
        "tags": [{ "tag": "x733", "value": "critical" }],
    })
}

/// The kinds of things below the node, each by the way to it.
fn discoveries() -> Vec<Value> {
    let mut found = Vec::new();
    for part in Node::SCOPE
        .parts
        .iter()
        .filter(|part| !OF_ALARMS.contains(&part.plural))
    {
        discover(&[part], &mut found);
    }
    found
}

fn discover(way: &[&'static Scope], found: &mut Vec<Value>) {
    let Some(scope) = way.last() else { return };
    if scope
        .groups
        .iter()
        .any(|group| told(group).next().is_some())
    {
        found.push(discovery(way));
    }
    for part in scope.parts {
        discover(&[way, &[part]].concat(), found);
    }
}

/// `{#CHANNEL}`.
pub(super) fn label(kind: &str) -> String {
    format!("{{#{}}}", kind.to_ascii_uppercase())
}

/// The rule that finds all things at the end of `way`, and an item for each of their rows.
fn discovery(way: &[&Scope]) -> Value {
    let (first, last) = (way[0], way[way.len() - 1]);
    let labels: Vec<_> = way.iter().map(|scope| label(scope.name)).collect();
    let prototypes = last.groups.iter().flat_map(|group| {
        let labels = &labels;
        told(group).map(move |row| {
            let dotted = dotted(group, row);
            let key = format!("weir.{}.{dotted}[\"{}\"]", last.name, labels.join("\",\""));
            let name = format!("{} {}", labels.join(" "), name(&dotted).to_lowercase());
            let own = with(item(&key, row), json!({ "name": name }));
            let path = format!("{}.{dotted}.first()", selector(way));
            with(own, dependent(&master(first.plural), row, &path))
        })
    });
    let key = format!("weir.{}.discovery", last.plural);
    let (master, steps) = (
        master(first.plural),
        [step("JAVASCRIPT", &[flattened(way)])],
    );
    let prototypes: Vec<Value> = prototypes.collect();
    rule((&key, last.plural), (&master, &steps), &prototypes)
}

/// The rule of this key that finds `things`, out of what `steps` make of an item, each of which
/// then has the items of `prototypes`.
pub(super) fn rule(
    (key, things): (&str, &str),
    (master, steps): (&str, &[Value]),
    prototypes: &[Value],
) -> Value {
    json!({
        "uuid": uuid(key),
        "name": format!("Discovery of {things}"),
        "type": "DEPENDENT",
        "key": key,
        "delay": "0",
        "master_item": { "key": master },
        "preprocessing": steps,
        "item_prototypes": prototypes,
    })
}

/// The `JSONPath` of one thing at the end of `way`.
fn selector(way: &[&Scope]) -> String {
    way.iter().fold("$".to_owned(), |path, scope| {
        let (plural, name, label) = (scope.plural, scope.name, label(scope.name));
        format!("{path}.{plural}[?(@.{name} == \"{label}\")]")
    })
}

/// A script that makes of an answer one flat list of the names on `way`.
fn flattened(way: &[&Scope]) -> String {
    let walks = way.iter().enumerate().map(|(depth, scope)| {
        let (next, plural) = (depth + 1, scope.plural);
        format!("depth{depth}.{plural}.forEach(function (depth{next}) {{\n")
    });
    let names = way.iter().enumerate().map(|(depth, scope)| {
        format!(
            "\"{}\": depth{}.{}",
            label(scope.name),
            depth + 1,
            scope.name
        )
    });
    let names = names.collect::<Vec<_>>().join(", ");
    let (walks, ends) = (walks.collect::<String>(), "});\n".repeat(way.len()));
    format!(
        "var found = [];\nvar depth0 = JSON.parse(value);\n{walks}found.push({{{names}}});\n{ends}\
         return JSON.stringify(found);"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn texts<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
        if let Some(text) = value[name].as_str() {
            found.push(text);
        }
        let parts = value
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.values());
        parts
            .chain(value.as_array().into_iter().flatten())
            .for_each(|part| {
                texts(part, name, found);
            });
    }

    #[test]
    fn everything_has_an_identity_of_its_own() {
        let template: Value = serde_json::from_str(&template()).expect("JSON");
        let mut found = Vec::new();
        texts(&template, "uuid", &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for uuid in &found {
            assert_eq!(uuid.len(), 32, "{uuid}");
            let letters: Vec<char> = uuid.chars().collect();
            assert_eq!(letters[12], '4', "{uuid}");
            assert!("89ab".contains(letters[16]), "{uuid}");
        }
        assert_eq!(BTreeSet::from_iter(&found).len(), found.len());
    }

    #[test]
    fn a_part_of_a_part_is_found_by_both_names() {
        let channel = Node::SCOPE.parts[0];
        let way = [channel, channel.parts[1]];
        let path = selector(&way);
        assert_eq!(
            path,
            "$.channels[?(@.channel == \"{#CHANNEL}\")]\
             .renditions[?(@.rendition == \"{#RENDITION}\")]"
        );
    }
}
