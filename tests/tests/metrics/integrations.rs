//! The files of `weir integrations`, each by the program it is for.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;
use weir_tests::{http, process::weir_binary};

use crate::{prometheus::Prometheus, rig::Rig};

/// Writes the files.
pub(crate) fn written() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    run(Command::new(weir_binary())
        .arg("integrations")
        .arg(folder.path()));
    folder
}

/// Runs a command that must succeed within a minute.
fn run(command: &Command) {
    let told = Command::new("timeout")
        .arg("60")
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap_or(Path::new("/")))
        .output()
        .expect("timeout (Debian package coreutils) is installed");
    let words = [told.stdout, told.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(told.status.success(), "{command:?}: {words}");
}

/// All files below `folder`, by their paths in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder can be listed") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("text");
                let below = path.strip_prefix(folder).expect("it is below");
                found.insert(below.to_owned(), text);
            }
        }
    }
    found
}

#[test]
fn what_lies_beside_the_sources_is_what_this_version_writes() {
    let written = written();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliance/integrations");
    let (written, kept) = (files(written.path()), files(&kept));
    for (path, text) in &written {
        let is_kept = kept.get(path) == Some(text);
        let path = path.display();
        assert!(
            is_kept,
            "{path}: run `weir integrations appliance/integrations`"
        );
    }
    assert_eq!(kept.len(), written.len(), "a file is dead");
}

#[test]
fn the_rules_are_accepted_by_prometheus_and_fire_for_each_alarm() {
    let folder = written();
    let prometheus = folder.path().join("prometheus");
    for arguments in [
        ["check", "rules", "weir.rules.yml"],
        ["test", "rules", "weir.rules.test.yml"],
        ["check", "config", "prometheus.example.yml"],
    ] {
        run(Command::new("promtool")
            .args(arguments)
            .current_dir(&prometheus));
    }
}

#[test]
fn alertmanager_haproxy_and_keepalived_accept_their_examples() {
    let folder = written();
    let path = |name: &str| folder.path().join(name);
    let routes = path("alertmanager/alertmanager.example.yml");
    run(Command::new("amtool").arg("check-config").arg(routes));
    run(Command::new("haproxy")
        .arg("-c")
        .arg("-f")
        .arg(path("haproxy/haproxy.example.cfg")));
    let keepalived = path("keepalived/keepalived.example.conf");
    run(Command::new("keepalived")
        .arg("--config-test")
        .arg("-f")
        .arg(keepalived));
}

/// Every query of `dashboard`, with its variables set to everything.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("queries"));
    let queries = targets.map(|target| {
        let expression = target["expr"].as_str().expect("an expression");
        let expression = expression
            .replace("$instance", ".*")
            .replace("$channel", ".*");
        expression.replace("$__rate_interval", "10s")
    });
    queries.collect()
}

#[test]
fn every_query_of_the_dashboard_has_an_answer_from_a_real_prometheus() {
    let folder = written();
    let text = fs::read_to_string(folder.path().join("grafana/weir.json")).expect("text");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let rig = Rig::start();
    let prometheus = Prometheus::scraping(&rig.daemon.management("/metrics"));
    let queries = queries(&dashboard);
    assert!(queries.len() > 16, "{}", queries.len());
    for query in queries {
        assert!(!query.contains('$'), "{query}");
        prometheus.await_values(&query, |values| {
            // A share of requests needs requests.
            for path in ["/live/good/master.m3u8", "/hello"] {
                http::get(&rig.daemon.data(path)).expect("an answer");
            }
            values.iter().any(|value| value.is_finite())
        });
    }
}
