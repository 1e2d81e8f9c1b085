//! A template for Zabbix 7.0 or later, which walks each subtree of WEIR-MIB once and takes the
//! values apart on the server.
//!
//! Items are the objects of the module under their descriptors: scalars as they are, columns as
//! prototypes, found by index. What is marked as a detail in the table has none, and of what a
//! walk alone is to tell only alarms, sources and the checks that they have raised. Each alarm that
//! is found has triggers, one for each severity, and is lost as soon as it is cleared.
//!
//! Source: Zabbix 7.0 manual, *SNMP agent* (`walk[]`), *Item value preprocessing* (SNMP walk to
//! JSON), *Export and import: templates*; `WEIR-MIB`.
//! Refuses: secrets. The user and its secrets are of the interface of a host.

use serde_json::{Value, json};

use crate::{
    counter::{Reach, Row, Unit},
    health::integration::zabbix::{SEVERITIES, item, label, per_second, rule, step, uuid, with},
    snmp::{Cell, KEY, Object, SUBTREES, Subtree, Syntax, objects_oid},
};

const TEMPLATE: &str = "Weir by SNMP";

/// Seconds between two walks.
const INTERVAL: &str = "1m";

/// What a walk is turned into: as it is, or text that has letters beyond ASCII, which comes as
/// hexadecimal.
const UNCHANGED: &str = "0";
const TEXT: &str = "1";

/// `zabbix/weir_snmp_7.0.json`.
pub(super) fn template() -> String {
    let subtrees = || SUBTREES.iter().filter(|it| is_told(it));
    let group = "Templates/Weir";
    let export = json!({ "zabbix_export": {
        "version": "7.0",
        "template_groups": [{ "uuid": uuid("group"), "name": group }],
        "templates": [{
            "uuid": uuid("snmp template"),
            "template": TEMPLATE,
            "name": TEMPLATE,
            "description": "An edge appliance for television, by its own judgement of itself.",
            "groups": [{ "name": group }],
            "items": subtrees().flat_map(items).collect::<Vec<_>>(),
            "discovery_rules": subtrees().filter(|it| !it.indexed_by.is_empty())
                .map(discovery).collect::<Vec<_>>(),
        }],
        "triggers": [silent()],
    } });
    format!("{export:#}\n")
}

/// The kind of thing that has triggers.
const ALARM: &str = "alarm";

/// Kinds of which all objects become items.
const WHOLE: [&str; 3] = [ALARM, "source", "check"];

/// Whether anything of `subtree` becomes an item. Managers are notified of changes of alarms.
fn is_told(subtree: &Subtree) -> bool {
    subtree.indexed_by.first() != Some(&"change") && told(subtree).next().is_some()
}

/// The objects of `subtree` that a fleet keeps, with their rows.
fn told(subtree: &Subtree) -> impl Iterator<Item = (&Object, &Row)> {
    let is_whole = subtree
        .indexed_by
        .last()
        .is_some_and(|it| WHOLE.contains(it));
    let reach = if is_whole {
        Reach::Polled
    } else {
        Reach::Everywhere
    };
    let objects = subtree.objects.iter();
    objects.filter_map(move |object| match &object.cell {
        Cell::Row { row, .. } if row.reach <= reach => Some((object, row)),
        Cell::Row { .. } | Cell::Key => None,
    })
}

/// The walk of `subtree`, and what of it is the node's own.
fn items(subtree: &Subtree) -> Vec<Value> {
    let scalars = told(subtree).filter(|_| subtree.indexed_by.is_empty());
    let scalars = scalars.map(|(object, row)| {
        let own = with(item(&object.name, row), json!({ "name": object.name }));
        with(
            own,
            cell(subtree, row, &column(subtree, object.number, "0")),
        )
    });
    [walk(subtree)].into_iter().chain(scalars).collect()
}

/// The item that walks `subtree`, and the names of what it is part of.
fn walk(subtree: &Subtree) -> Value {
    let above = above(subtree).map(|(_, parent)| column(parent, KEY, ""));
    let own = oid(subtree);
    let walked: Vec<String> = above.chain([own]).collect();
    let key = master(subtree);
    json!({
        "uuid": uuid(&key),
        "name": format!("Walk of {}", subtree.name),
        "type": "SNMP_AGENT",
        "snmp_oid": format!("walk[{}]", walked.join(",")),
        "key": key,
        "delay": INTERVAL,
        "history": "0",
        "trends": "0",
        "value_type": "TEXT",
        "tags": [{ "tag": "component", "value": "answer" }],
    })
}

fn master(subtree: &Subtree) -> String {
    format!("{}.walk", subtree.name)
}

/// The tables of what `subtree` is part of, outermost first, with the number of their place.
fn above(subtree: &Subtree) -> impl Iterator<Item = (usize, &'static Subtree)> {
    let depths = 1..subtree.indexed_by.len();
    depths.filter_map(|depth| {
        let way = &subtree.indexed_by[..depth];
        let table = SUBTREES.iter().find(|it| it.indexed_by == way);
        table.map(|table| (depth, table))
    })
}

fn oid(subtree: &Subtree) -> String {
    let oid = objects_oid().child(subtree.number).to_string();
    oid.trim_start_matches('.').to_owned()
}

/// The name of an object without its index, or with `index`.
fn column(subtree: &Subtree, number: u32, index: &str) -> String {
    let entry = if subtree.indexed_by.is_empty() {
        ""
    } else {
        ".1"
    };
    let column = format!("{}{entry}.{number}.{index}", oid(subtree));
    column.trim_end_matches('.').to_owned()
}

/// How the value of `row`, of the instance `oid`, comes out of the walk of `subtree`.
fn cell(subtree: &Subtree, row: &Row, oid: &str) -> Value {
    let syntax = Syntax::of(row);
    let format = if syntax == Syntax::Text {
        TEXT
    } else {
        UNCHANGED
    };
    // What is not known is not there.
    let found = with(
        step("SNMP_WALK_VALUE", &[oid, format]),
        json!({ "error_handler": "DISCARD_VALUE" }),
    );
    let is_ms = row.unit() == Unit::Milliseconds;
    let factor = match (syntax == Syntax::Thousandths, is_ms) {
        (false, false) => None,
        (true, false) | (false, true) => Some("0.001"),
        (true, true) => Some("0.000001"),
    };
    let factor = factor.map(|factor| step("MULTIPLIER", &[factor]));
    let steps: Vec<Value> = [found]
        .into_iter()
        .chain(factor)
        .chain(per_second(row))
        .collect();
    json!({ "master_item": { "key": master(subtree) }, "preprocessing": steps })
}

/// The rule that finds all rows of a table, and an item for each of their columns.
fn discovery(subtree: &Subtree) -> Value {
    let labels: Vec<String> = subtree.indexed_by.iter().map(|kind| label(kind)).collect();
    let prototypes = told(subtree).map(|(object, row)| {
        let key = format!("{}[{{#SNMPINDEX}}]", object.name);
        let named = json!({ "name": format!("{} {}", labels.join(" "), object.name) });
        let oid = column(subtree, object.number, "{#SNMPINDEX}");
        let own = with(with(item(&key, row), named), cell(subtree, row, &oid));
        if subtree.indexed_by == [ALARM] && row.name == "severity" {
            with(own, json!({ "trigger_prototypes": found_raised(&key) }))
        } else {
            own
        }
    });
    let key = format!("{}.discovery", subtree.name);
    let (master, steps) = (master(subtree), names(subtree, &labels));
    let prototypes: Vec<Value> = prototypes.collect();
    let rule = rule((&key, &subtree.name), (&master, &steps), &prototypes);
    if subtree.indexed_by == [ALARM] {
        // What is not found any more is cleared, and its triggers with it.
        with(rule, json!({ "lifetime_type": "DELETE_IMMEDIATELY" }))
    } else {
        rule
    }
}

/// The triggers of an alarm whose severity is the item of this key.
fn found_raised(key: &str) -> Vec<Value> {
    let severities = SEVERITIES.iter().map(|(word, priority)| {
        json!({
            "uuid": uuid(&format!("snmp trigger prototype {word}")),
            "expression": format!("last(/{TEMPLATE}/{key})=\"{word}\""),
            "name": format!("Weir: {word} {{#ALARM}}"),
            "priority": priority,
            "tags": [{ "tag": "x733", "value": word }],
        })
    });
    severities.collect()
}

/// The steps that make of a walk one list of indexes and names.
fn names(subtree: &Subtree, labels: &[String]) -> Vec<Value> {
    let tables = above(subtree).map(|(_, table)| table).chain([subtree]);
    let columns = tables
        .zip(labels)
        .flat_map(|(table, label)| [label.clone(), column(table, KEY, ""), TEXT.to_owned()]);
    let columns: Vec<String> = columns.collect();
    let found = step("SNMP_WALK_TO_JSON", &columns);
    let Some((own, above)) = labels.split_last().filter(|(_, above)| !above.is_empty()) else {
        return vec![found];
    };
    // What things are part of stands in the list by its own index, which theirs begin with.
    let above = json!(above);
    let script = format!(
        "var all = JSON.parse(value), above = {above}, names = {{}};\n\
         all.forEach(function (one) {{ names[one['{{#SNMPINDEX}}']] = one; }});\n\
         return JSON.stringify(all.filter(function (one) {{\n  \
         return one['{own}'] !== undefined;\n}}).map(function (one) {{\n  \
         var index = one['{{#SNMPINDEX}}'].split('.');\n  \
         above.forEach(function (label, depth) {{\n    \
         one[label] = names[index.slice(0, depth + 1).join('.')][label];\n  }});\n  \
         return one;\n}}));"
    );
    vec![found, step("JAVASCRIPT", &[script])]
}

/// The trigger of a box that does not answer.
fn silent() -> Value {
    json!({
        "uuid": uuid("snmp trigger silent"),
        "expression": format!("nodata(/{TEMPLATE}/weirNodeUptimeMs,5m)=1"),
        "name": "Weir: no answer by SNMP for 5 minutes",
        "priority": "DISASTER",
        "tags": [{ "tag": "x733", "value": "critical" }],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of(template: &Value) -> &Value {
        &template["zabbix_export"]["templates"][0]
    }

    fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
        value[name].as_array().map_or(&[], Vec::as_slice)
    }

    fn text<'a>(value: &'a Value, name: &str) -> &'a str {
        value[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} of {value}"))
    }

    /// All items and prototypes.
    fn all_items(template: &Value) -> Vec<&Value> {
        let rules = list(of(template), "discovery_rules");
        let prototypes = rules.iter().flat_map(|rule| list(rule, "item_prototypes"));
        list(of(template), "items")
            .iter()
            .chain(prototypes)
            .collect()
    }

    #[test]
    fn each_value_is_taken_from_what_its_master_walks() {
        let template: Value = serde_json::from_str(&template()).expect("JSON");
        let items = list(of(&template), "items");
        let walked = |key: &str| -> Vec<String> {
            let master = items.iter().find(|item| text(item, "key") == key);
            let walk = text(master.expect("it is there"), "snmp_oid");
            assert!(walk.len() <= 512, "{walk}");
            let oids = walk
                .strip_prefix("walk[")
                .and_then(|it| it.strip_suffix(']'));
            oids.expect("a walk")
                .split(',')
                .map(str::to_owned)
                .collect()
        };
        let mut found = 0;
        for item in all_items(&template) {
            let Some(step) = list(item, "preprocessing").first() else {
                continue;
            };
            assert_eq!(text(step, "type"), "SNMP_WALK_VALUE");
            let oid = step["parameters"][0].as_str().expect("an object");
            let walked = walked(text(&item["master_item"], "key"));
            assert!(
                walked
                    .iter()
                    .any(|root| oid.starts_with(&format!("{root}."))),
                "{oid} of {walked:?}"
            );
            found += 1;
        }
        assert!(found > 200, "{found}");
    }

    #[test]
    fn what_is_found_is_named_by_all_that_it_is_part_of() {
        let template: Value = serde_json::from_str(&template()).expect("JSON");
        let rules = list(of(&template), "discovery_rules");
        let rule = rules
            .iter()
            .find(|rule| text(rule, "key") == "weirRendition.discovery");
        let steps = list(rule.expect("renditions are found"), "preprocessing");
        let kinds: Vec<&str> = steps.iter().map(|step| text(step, "type")).collect();
        assert_eq!(kinds, ["SNMP_WALK_TO_JSON", "JAVASCRIPT"]);
        let parameters = list(&steps[0], "parameters");
        assert_eq!(
            (parameters.len(), &parameters[0], &parameters[3]),
            (6, &json!("{#CHANNEL}"), &json!("{#RENDITION}"))
        );
        for (rule, prototype) in rules.iter().flat_map(|rule| {
            list(rule, "item_prototypes")
                .iter()
                .map(move |it| (rule, it))
        }) {
            assert!(text(prototype, "key").ends_with("[{#SNMPINDEX}]"), "{rule}");
        }
    }

    #[test]
    fn each_alarm_source_and_check_is_found_and_an_alarm_has_a_trigger_for_each_severity() {
        let template: Value = serde_json::from_str(&template()).expect("JSON");
        let rules = list(of(&template), "discovery_rules");
        let rule = |key: &str| rules.iter().find(|rule| text(rule, "key") == key);
        for found in ["weirSource", "weirCheck"] {
            let rule = rule(&format!("{found}.discovery"));
            let prototypes = list(rule.expect(found), "item_prototypes");
            assert!(!prototypes.is_empty(), "{found}");
        }
        let alarms = rule("weirAlarm.discovery").expect("alarms are found");
        assert_eq!(alarms["lifetime_type"], "DELETE_IMMEDIATELY");
        let prototypes = list(alarms, "item_prototypes");
        let triggers = prototypes
            .iter()
            .flat_map(|it| list(it, "trigger_prototypes"));
        let told: Vec<_> = triggers
            .map(|it| (text(it, "expression"), text(it, "priority")))
            .collect();
        let expected = SEVERITIES.map(|(word, priority)| {
            let key = "weirAlarmSeverity[{#SNMPINDEX}]";
            (format!("last(/{TEMPLATE}/{key})=\"{word}\""), priority)
        });
        let expected: Vec<_> = expected.iter().map(|(it, of)| (it.as_str(), *of)).collect();
        assert_eq!(told, expected);
        assert_eq!(rule("weirSuppressedAlarm.discovery"), None);
    }

    #[test]
    fn keys_are_distinct_and_triggers_look_at_some_of_them() {
        let template: Value = serde_json::from_str(&template()).expect("JSON");
        let items = all_items(&template);
        let keys: BTreeSet<&str> = items.iter().map(|item| text(item, "key")).collect();
        assert_eq!(keys.len(), items.len());
        let own = items.iter().flat_map(|item| list(item, "triggers"));
        let triggers: Vec<&Value> = own
            .chain(list(&template["zabbix_export"], "triggers"))
            .collect();
        assert_eq!(
            triggers.len(),
            1,
            "an alarm has a trigger of its own, and no other"
        );
        for trigger in triggers {
            let expression = text(trigger, "expression");
            let (_, rest) = expression
                .split_once("/Weir by SNMP/")
                .expect("an item of it");
            let key = rest.split([',', ')']).next().expect("a key");
            assert!(keys.contains(key), "{expression}");
        }
    }
}
