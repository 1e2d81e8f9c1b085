//! `/api/v1` answers what its description names, and tells what `/metrics` tells.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use weir_tests::{http, wait::until};

use crate::rig::Rig;

/// Holds `value` against the words of JSON Schema that the description uses.
fn validate(schema: &Value, value: &Value, path: &str) {
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Null => "null",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
    };
    let allowed = schema["type"].to_string();
    let is_number = kind == "integer" && allowed.contains("number");
    assert!(
        is_number || allowed.contains(kind),
        "{path}: {value} is no {allowed}"
    );
    for item in value.as_array().into_iter().flatten() {
        validate(&schema["items"], item, path);
    }
    if let Some(fields) = value.as_object() {
        let named = schema["properties"].as_object().expect("fields");
        let keys: BTreeSet<&String> = fields.keys().collect();
        assert_eq!(keys, named.keys().collect(), "{path}");
        for (name, value) in fields {
            validate(&named[name], value, &format!("{path}.{name}"));
        }
    }
}

#[test]
fn each_path_of_the_description_answers_with_the_fields_it_names() {
    let rig = Rig::start();
    let url = rig.daemon.management("/api/v1/openapi.json");
    let description = http::get(&url).expect("a description").json();
    let paths = description["paths"].as_object().expect("paths");
    let schema = |item: &Value| {
        let content = &item["get"]["responses"]["200"]["content"];
        content["application/json"]["schema"].clone()
    };
    let of_table = paths.iter().map(|(path, item)| (path, schema(item)));
    let of_table: Vec<_> = of_table.filter(|(_, schema)| !schema.is_null()).collect();
    assert!(of_table.len() > 7, "{}", of_table.len());
    for (path, schema) in of_table {
        let url = rig.daemon.management(&path.replace("{id}", "good"));
        let answer = http::get(&url).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        validate(&schema, &answer.json(), path);
    }
    let absent = http::get(&rig.daemon.management("/api/v1/channels/absent"));
    assert_eq!(absent.expect("an answer").status, 404);
}

#[test]
fn each_path_of_the_description_takes_the_methods_it_names_and_no_others() {
    let rig = Rig::start();
    let ask = |method: &str, path: &str| {
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        let url = rig.daemon.management(path);
        let answer = http::request(method, &url, &[], body).expect("an answer");
        (answer.status, answer.text())
    };
    let description = http::get(&rig.daemon.management("/api/v1/openapi.json"));
    let description = description.expect("a description").json();
    let paths = description["paths"].as_object().expect("paths");
    for (template, item) in paths {
        let id = if template.contains("/alarms/") {
            "1"
        } else {
            "good"
        };
        let path = template.replace("{id}", id);
        for method in ["GET", "POST", "PUT", "DELETE"] {
            if (method, path.as_str()) == ("GET", "/api/v1/events") {
                // It never ends.
                continue;
            }
            let is_named = item.get(method.to_ascii_lowercase()).is_some();
            let (status, told) = ask(method, &path);
            assert_eq!(status == 405, !is_named, "{method} {path}: {status} {told}");
            assert!(!told.contains("there is nothing here"), "{method} {path}");
        }
    }
    for absent in [
        "/api/v2",
        "/api/v1/",
        "/api/v1/alarms/1/burn",
        "/player",
        "/metrics/",
    ] {
        assert_eq!(ask("GET", absent).0, 404, "{absent}");
    }
}

/// The value of the only sample that begins so.
fn sample(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(series))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn json_and_metrics_of_a_running_appliance_tell_the_same() {
    let rig = Rig::start();
    let get = |path: &str| http::get(&rig.daemon.management(path)).expect("an answer");
    // Both are of one snapshot when its time is the same before and behind.
    until(
        "two surfaces of one snapshot",
        Duration::from_secs(30),
        || {
            let before = get("/api/v1/status").json();
            let channel = get("/api/v1/channels/good").json();
            let metrics = get("/metrics").text();
            if get("/api/v1/status").json()["snapshot_time_ms"] != before["snapshot_time_ms"] {
                return None;
            }
            let rendition = &channel["renditions"][0];
            assert_eq!(rendition["rendition"], json!("HD"));
            let labels = "{channel=\"good\",rendition=\"HD\"}";
            for (json, series) in [
                (
                    &rendition["receive"]["bytes"],
                    "weir_rendition_receive_bytes_total",
                ),
                (
                    &rendition["segment"]["segments"],
                    "weir_rendition_segment_segments_total",
                ),
            ] {
                assert_eq!(
                    json.as_f64(),
                    sample(&metrics, &format!("{series}{labels}")),
                    "{series}"
                );
            }
            let sent = sample(&metrics, "weir_http_sent_bytes_total ");
            assert_eq!(before["http"]["bytes_sent"].as_f64(), sent);
            let uptime = sample(&metrics, "weir_uptime_seconds ").expect("a sample");
            let uptime_ms = before["uptime_ms"].as_f64().expect("a number");
            assert!(
                (uptime * 1e3 - uptime_ms).abs() < 1e-3,
                "{uptime} {uptime_ms}"
            );
            Some(())
        },
    );
}
