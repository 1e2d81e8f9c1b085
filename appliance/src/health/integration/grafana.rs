//! A dashboard for Grafana: first what is wrong, then the channels, then what carries them.
//!
//! Every panel is a row of [`PANELS`]. `instance` and `channel` are variables of the dashboard.

use serde_json::{Value, json};

/// Columns of a dashboard.
const COLUMNS: usize = 24;

/// Rows of the grid that a panel takes.
const HEIGHT: usize = 8;

/// The only series whose values are names of boxes, and those of channels.
const INSTANCES: &str = "label_values(weir_build_info, instance)";
const CHANNELS: &str = "label_values(weir_channel_status{instance=~\"$instance\"}, channel)";

/// One panel.
struct Panel {
    title: &'static str,
    /// The kind of panel, in the words of Grafana.
    kind: &'static str,
    /// The unit, in the words of Grafana.
    unit: &'static str,
    /// What is asked, and what an answer is called.
    queries: &'static [(&'static str, &'static str)],
}

const PANELS: [Panel; 16] = [
    Panel {
        title: "Alarms to act on",
        kind: "table",
        unit: "none",
        queries: &[("weir_alarm_severity{instance=~\"$instance\"}", "")],
    },
    Panel {
        title: "State of boxes",
        kind: "stat",
        unit: "none",
        queries: &[(
            "count by (status) (weir_status{instance=~\"$instance\"})",
            "{{status}}",
        )],
    },
    Panel {
        title: "Channels on air",
        kind: "timeseries",
        unit: "none",
        queries: &[
            (
                "sum(weir_channels_active{instance=~\"$instance\"})",
                "on air",
            ),
            (
                "sum(weir_channels_configured{instance=~\"$instance\"})",
                "configured",
            ),
        ],
    },
    Panel {
        title: "Received and sent",
        kind: "timeseries",
        unit: "bps",
        queries: &[
            (
                "8 * weir_input_bitrate_bytes_per_second{instance=~\"$instance\"}",
                "{{instance}} received",
            ),
            (
                "8 * weir_output_bitrate_bytes_per_second{instance=~\"$instance\"}",
                "{{instance}} sent",
            ),
        ],
    },
    Panel {
        title: "Age of the last segment",
        kind: "timeseries",
        unit: "s",
        queries: &[(
            "weir_rendition_segment_age_seconds{instance=~\"$instance\",channel=~\"$channel\"}",
            "{{channel}} {{rendition}}",
        )],
    },
    Panel {
        title: "Bitrate of renditions",
        kind: "timeseries",
        unit: "bps",
        queries: &[(
            "8 * weir_rendition_bitrate_bytes_per_second\
             {instance=~\"$instance\",channel=~\"$channel\"}",
            "{{channel}} {{rendition}}",
        )],
    },
    Panel {
        title: "Continuity errors and lost synchronisation",
        kind: "timeseries",
        unit: "cps",
        queries: &[
            (
                "rate(weir_rendition_demux_continuity_count_error_total\
                 {instance=~\"$instance\",channel=~\"$channel\"}[$__rate_interval])",
                "{{channel}} {{rendition}} continuity",
            ),
            (
                "rate(weir_rendition_demux_ts_sync_loss_total\
                 {instance=~\"$instance\",channel=~\"$channel\"}[$__rate_interval])",
                "{{channel}} {{rendition}} synchronisation",
            ),
        ],
    },
    Panel {
        title: "Lost before they came here, and dropped here",
        kind: "timeseries",
        unit: "pps",
        queries: &[
            (
                "rate(weir_rendition_receive_rtp_lost_total\
                 {instance=~\"$instance\",channel=~\"$channel\"}[$__rate_interval])",
                "{{channel}} {{rendition}} lost",
            ),
            (
                "rate(weir_rendition_receive_kernel_dropped_datagrams_total\
                 {instance=~\"$instance\",channel=~\"$channel\"}[$__rate_interval])",
                "{{channel}} {{rendition}} dropped",
            ),
        ],
    },
    Panel {
        title: "Answers",
        kind: "timeseries",
        unit: "reqps",
        queries: &[
            (
                "rate(weir_http_responses_2xx_total{instance=~\"$instance\"}[$__rate_interval])",
                "{{instance}} 2xx",
            ),
            (
                "rate(weir_http_responses_4xx_total{instance=~\"$instance\"}[$__rate_interval])",
                "{{instance}} 4xx",
            ),
            (
                "rate(weir_http_responses_5xx_total{instance=~\"$instance\"}[$__rate_interval])",
                "{{instance}} 5xx",
            ),
        ],
    },
    Panel {
        title: "Answers that took more than a second to begin",
        kind: "timeseries",
        unit: "reqps",
        queries: &[(
            "rate(weir_http_answers_over_1s_total{instance=~\"$instance\"}[$__rate_interval])",
            "{{instance}}",
        )],
    },
    Panel {
        title: "Requests answered from the box",
        kind: "timeseries",
        unit: "percentunit",
        queries: &[
            (
                "rate(weir_http_hits_total{instance=~\"$instance\"}[$__rate_interval]) \
                 / (rate(weir_http_hits_total{instance=~\"$instance\"}[$__rate_interval]) \
                 + rate(weir_http_misses_total{instance=~\"$instance\"}[$__rate_interval]))",
                "{{instance}} live",
            ),
            (
                "rate(weir_route_pull_hits_total{instance=~\"$instance\"}[$__rate_interval]) \
                 / (rate(weir_route_pull_hits_total{instance=~\"$instance\"}\
                 [$__rate_interval]) \
                 + rate(weir_route_pull_misses_total{instance=~\"$instance\"}\
                 [$__rate_interval]))",
                "{{instance}} {{route}}",
            ),
        ],
    },
    Panel {
        title: "Cache",
        kind: "timeseries",
        unit: "bytes",
        queries: &[
            (
                "weir_cache_bytes{instance=~\"$instance\"}",
                "{{instance}} used",
            ),
            (
                "weir_cache_max_bytes{instance=~\"$instance\"}",
                "{{instance}} size",
            ),
        ],
    },
    Panel {
        title: "First byte of origins, met by 95 of 100",
        kind: "timeseries",
        unit: "s",
        queries: &[(
            "weir_endpoint_first_byte_p95_seconds{instance=~\"$instance\"}",
            "{{instance}} {{endpoint}}",
        )],
    },
    Panel {
        title: "URLs of origins in use",
        kind: "timeseries",
        unit: "none",
        queries: &[(
            "weir_origin_endpoints_usable{instance=~\"$instance\"}",
            "{{instance}} {{origin}}",
        )],
    },
    Panel {
        title: "Interfaces",
        kind: "timeseries",
        unit: "bps",
        queries: &[
            (
                "8 * rate(weir_nic_statistics_rx_bytes_total\
                 {instance=~\"$instance\"}[$__rate_interval])",
                "{{instance}} {{nic}} in",
            ),
            (
                "8 * rate(weir_nic_statistics_tx_bytes_total\
                 {instance=~\"$instance\"}[$__rate_interval])",
                "{{instance}} {{nic}} out",
            ),
        ],
    },
    Panel {
        title: "Processor and disk",
        kind: "timeseries",
        unit: "percentunit",
        queries: &[
            (
                "weir_cpu_usage_ratio{instance=~\"$instance\"}",
                "{{instance}} processor",
            ),
            (
                "weir_disk_usage_ratio{instance=~\"$instance\"}",
                "{{instance}} disk",
            ),
        ],
    },
];

/// `grafana/weir.json`.
pub(super) fn dashboard() -> String {
    let panels = PANELS
        .iter()
        .enumerate()
        .map(|(index, panel)| panel.json(index));
    let dashboard = json!({
        "uid": "weir",
        "title": "Weir",
        "tags": ["weir"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "15s",
        "time": { "from": "now-6h", "to": "now" },
        "templating": { "list": [
            {
                "name": "source",
                "label": "Prometheus",
                "type": "datasource",
                "query": "prometheus",
            },
            variable("instance", "Box", INSTANCES),
            variable("channel", "Channel", CHANNELS),
        ] },
        "panels": panels.collect::<Vec<_>>(),
    });
    format!("{dashboard:#}\n")
}

fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": source(),
        "query": query,
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": true,
        "includeAll": true,
        "current": { "text": "All", "value": "$__all" },
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${source}" })
}

impl Panel {
    fn json(&self, index: usize) -> Value {
        let width = COLUMNS / 2;
        let is_table = self.kind == "table";
        let targets = self
            .queries
            .iter()
            .zip('A'..)
            .map(|((expression, legend), letter)| {
                json!({
                    "refId": letter,
                    "datasource": source(),
                    "expr": expression,
                    "legendFormat": legend,
                    "instant": is_table || self.kind == "stat",
                    "format": if is_table { "table" } else { "time_series" },
                })
            });
        json!({
            "id": index + 1,
            "title": self.title,
            "type": self.kind,
            "datasource": source(),
            "gridPos": {
                "x": index % 2 * width,
                "y": index / 2 * HEIGHT,
                "w": width,
                "h": HEIGHT,
            },
            "fieldConfig": { "defaults": { "unit": self.unit, "min": 0 }, "overrides": [] },
            "targets": targets.collect::<Vec<_>>(),
        })
    }
}
