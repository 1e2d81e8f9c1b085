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
    assert!(paths.len() > 7, "{}", paths.len());
    for (path, operations) in paths {
        let url = rig.daemon.management(&path.replace("{id}", "good"));
        let answer = http::get(&url).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        let content = &operations["get"]["responses"]["200"]["content"];
        validate(&content["application/json"]["schema"], &answer.json(), path);
    }
    let absent = http::get(&rig.daemon.management("/api/v1/channels/absent"));
    assert_eq!(absent.expect("an answer").status, 404);
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
