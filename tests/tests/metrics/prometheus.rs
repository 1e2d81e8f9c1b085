//! Prometheus itself, and the linter that comes with it.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{daemon::free_port, http, process::Process, wait::until};

use crate::rig::Rig;

#[test]
fn the_linter_of_prometheus_finds_nothing_to_say() {
    let rig = Rig::start();
    let metrics = http::get(&rig.daemon.management("/metrics")).expect("metrics");
    let media_type = metrics.field("content-type");
    assert_eq!(media_type, Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut linter = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut input = linter.stdin.take().expect("a pipe");
    input.write_all(&metrics.body).expect("promtool reads");
    drop(input);
    let said = linter.wait_with_output().expect("promtool ends");
    let words = [said.stdout, said.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&words), "");
    assert!(said.status.success());
}

/// A Prometheus that scrapes one appliance every second.
pub(crate) struct Prometheus {
    _process: Process,
    _folder: TempDir,
    port: u16,
}

impl Prometheus {
    pub(crate) fn scraping(url: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let target = url.strip_prefix("http://").expect("a URL");
        let (target, path) = target.split_once('/').expect("a path");
        let text = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n- job_name: weir\n  \
             metrics_path: /{path}\n  static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, text).expect("the temporary folder can be written");
        let port = free_port();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        Self {
            _process: Process::start(command),
            _folder: folder,
            port,
        }
    }

    /// The values that `query` has now, one of each series.
    fn query(&self, query: &str) -> Vec<f64> {
        let encoded = query.bytes().fold(String::new(), |encoded, byte| {
            encoded + &format!("%{byte:02X}")
        });
        let url = format!(
            "http://127.0.0.1:{}/api/v1/query?query={encoded}",
            self.port
        );
        // It refuses connections and then questions for as long as it starts.
        let Some(answer) = http::get(&url).ok().filter(|answer| answer.status == 200) else {
            return Vec::new();
        };
        let answer = answer.json();
        let Some(series) = answer["data"]["result"].as_array() else {
            return Vec::new();
        };
        let value = |one: &serde_json::Value| one["value"][1].as_str()?.parse().ok();
        series.iter().filter_map(value).collect()
    }

    pub(crate) fn await_values(&self, query: &str, is_right: impl Fn(&[f64]) -> bool) {
        until(query, Duration::from_secs(30), || {
            is_right(&self.query(query)).then_some(())
        });
    }
}

#[test]
fn a_real_prometheus_scrapes_it_and_answers_questions_about_channels() {
    let rig = Rig::start();
    let prometheus = Prometheus::scraping(&rig.daemon.management("/metrics"));
    let one = |values: &[f64]| values == [1.0];
    prometheus.await_values("up{job=\"weir\"}", one);
    prometheus.await_values("weir_build_info{node=\"box\"}", one);
    let on_air = "weir_rendition_state{channel=\"good\",rendition=\"HD\",state=\"on_air\"}";
    prometheus.await_values(on_air, one);
    prometheus.await_values("count(weir_rendition_state)", |values| values == [2.0]);
    let received = "rate(weir_rendition_receive_bytes_total{channel=\"good\"}[10s])";
    prometheus.await_values(received, |values| values.len() == 1 && values[0] > 0.0);
    let age = "weir_rendition_segment_age_seconds{channel=\"good\"} < 10";
    prometheus.await_values(age, |values| values.len() == 1);
    let requests = "weir_route_pull_responses_2xx_total{route=\"/\"}";
    prometheus.await_values(requests, one);
    let endpoints = "weir_endpoint_state{origin=\"o0\",state=\"closed\"}";
    prometheus.await_values(endpoints, one);
    prometheus.await_values(
        "weir_nic_statistics_rx_bytes_total{nic=\"lo\"} > 0",
        |values| values.len() == 1,
    );
    // A scrape of more than it may have, or one that is malformed, would be marked as down.
    prometheus.await_values("min_over_time(up{job=\"weir\"}[1m])", one);
}
