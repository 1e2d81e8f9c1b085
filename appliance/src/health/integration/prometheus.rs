//! Rules for Prometheus with their tests, and the example for Alertmanager.
//!
//! One rule for each kind of alarm, which fires for as long as the appliance tells of the alarm:
//! the holds are its own. `severity` is in the words of Alertmanager's users, `x733` in those of
//! X.733.

use super::{HEAD, add, quoted};
use crate::{
    alarm::{Kind, Severity},
    health::table::ALARM_METRICS_MAX,
};

/// What the example and the rules call the scraped appliances.
const JOB: &str = "weir";

/// The alarm that the tests have an appliance tell of.
const RESOURCE: &str = "channel/CH_1/HD";

/// What a rule says of the severity that a series has.
const SEVERITY: &str = "{{ if eq $labels.severity \"critical\" }}critical\
    {{ else if eq $labels.severity \"major\" }}warning{{ else }}info{{ end }}";

/// What is wrong with a box as others see it.
struct NodeRule {
    alert: &'static str,
    expression: &'static str,
    hold: &'static str,
    severity: &'static str,
    summary: &'static str,
    remedy: &'static str,
}

/// More alarms than have series of their own.
const ALARMS_OMITTED: &str = "weir_alarms_critical + weir_alarms_major + weir_alarms_minor \
    + weir_alarms_warning > 64";

const _: () = assert!(
    ALARM_METRICS_MAX == 64,
    "the rule tells of more than there are"
);

const NODE_RULES: [NodeRule; 4] = [
    NodeRule {
        alert: "WeirDown",
        expression: "up{job=\"weir\"} == 0",
        hold: "1m",
        severity: "critical",
        summary: "{{ $labels.instance }} does not answer.",
        remedy: "Check its power, its uplink and its management address.",
    },
    NodeRule {
        alert: "WeirSnapshotOld",
        expression: "time() - weir_snapshot_time_seconds > 60",
        hold: "1m",
        severity: "critical",
        summary: "{{ $labels.instance }} tells what it measured more than a minute ago.",
        remedy: "Compare its clock with that of Prometheus; if both are right, restart it.",
    },
    NodeRule {
        alert: "WeirRestarting",
        expression: "resets(weir_uptime_seconds[1h]) > 2",
        hold: "0s",
        severity: "warning",
        summary: "{{ $labels.instance }} has restarted more than twice within an hour.",
        remedy: "Read its log of the last minutes before each start.",
    },
    NodeRule {
        alert: "WeirAlarmsOmitted",
        expression: ALARMS_OMITTED,
        hold: "0s",
        severity: "info",
        summary: "{{ $labels.instance }} has more alarms than it tells here.",
        remedy: "Look at all of them on its page, or at /api/v1/alarms.",
    },
];

/// Ratios that dashboards and people ask for: name and expression.
const RATIOS: [(&str, &str); 3] = [
    (
        "weir:http_hits:ratio_rate5m",
        "rate(weir_http_hits_total[5m])\n          \
         / (rate(weir_http_hits_total[5m]) + rate(weir_http_misses_total[5m]))",
    ),
    (
        "weir:route_pull_hits:ratio_rate5m",
        "rate(weir_route_pull_hits_total[5m])\n          \
         / (rate(weir_route_pull_hits_total[5m]) + rate(weir_route_pull_misses_total[5m]))",
    ),
    (
        "weir:http_responses_5xx:ratio_rate5m",
        "rate(weir_http_responses_5xx_total[5m]) / rate(weir_http_requests_total[5m])",
    ),
];

/// `ingest-down` as `WeirIngestDown`.
fn alert_name(kind: Kind) -> String {
    let words = kind.as_str().split('-');
    words.fold("Weir".to_owned(), |name, word| {
        let (first, rest) = word.split_at(1);
        name + &first.to_ascii_uppercase() + rest
    })
}

/// `text` as a sentence of its own.
fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest + "."
}

/// `prometheus/weir.rules.yml`.
pub(super) fn rules() -> String {
    let mut text = format!("{HEAD}groups:\n  - name: weir-ratios\n    rules:\n");
    for (name, expression) in RATIOS {
        add(
            &mut text,
            format_args!("      - record: {name}\n        expr: |-\n          {expression}"),
        );
    }
    text.push_str("  - name: weir-nodes\n    rules:\n");
    for rule in &NODE_RULES {
        node_rule(&mut text, rule);
    }
    text.push_str("  - name: weir-alarms\n    rules:\n");
    for kind in Kind::ALL {
        alarm_rule(&mut text, kind);
    }
    text
}

fn node_rule(text: &mut String, rule: &NodeRule) {
    add(text, format_args!("      - alert: {}", rule.alert));
    add(
        text,
        format_args!("        expr: {}", quoted(rule.expression)),
    );
    add(text, format_args!("        for: {}", rule.hold));
    add(
        text,
        format_args!("        labels:\n          severity: {}", rule.severity),
    );
    annotations(text, rule.summary, rule.remedy);
}

fn alarm_rule(text: &mut String, kind: Kind) {
    let definition = kind.definition();
    let expression = format!(
        "weir_alarm_severity{{alarm=~\"{} .+\"}} == 1",
        kind.as_str()
    );
    add(text, format_args!("      - alert: {}", alert_name(kind)));
    add(text, format_args!("        expr: {}", quoted(&expression)));
    add(text, format_args!("        labels:"));
    add(
        text,
        format_args!("          severity: {}", quoted(SEVERITY)),
    );
    add(
        text,
        format_args!("          x733: {}", quoted("{{ $labels.severity }}")),
    );
    let resource = "{{ reReplaceAll \"^[^ ]+ \" \"\" $labels.alarm }}";
    add(
        text,
        format_args!("          resource: {}", quoted(resource)),
    );
    let summary = format!("{{{{ $labels.instance }}}}: {}", definition.help);
    annotations(text, &summary, &sentence(definition.remedy));
}

fn annotations(text: &mut String, summary: &str, remedy: &str) {
    add(text, format_args!("        annotations:"));
    add(text, format_args!("          summary: {}", quoted(summary)));
    add(text, format_args!("          remedy: {}", quoted(remedy)));
}

/// `prometheus/weir.rules.test.yml`.
pub(super) fn rule_tests() -> String {
    let mut text = format!(
        "{HEAD}# promtool test rules weir.rules.test.yml\nrule_files: [weir.rules.yml]\n\
         evaluation_interval: 10s\ntests:\n"
    );
    node_tests(&mut text);
    for kind in Kind::ALL {
        alarm_test(&mut text, kind);
    }
    text
}

/// An appliance that is well, one that does not answer, one that stands still, one that starts
/// again and again, and one with very many alarms.
fn node_tests(text: &mut String) {
    add(
        text,
        format_args!("  - name: nodes\n    interval: 10s\n    input_series:"),
    );
    for (series, instance, values) in [
        ("up", "well", "1x60"),
        ("weir_snapshot_time_seconds", "well", "0+10x60"),
        ("weir_uptime_seconds", "well", "0+10x60"),
        ("up", "dark", "1x6 0x54"),
        ("weir_snapshot_time_seconds", "still", "0+10x6 60x54"),
        (
            "weir_uptime_seconds",
            "restarting",
            "0+10x9 0+10x9 0+10x9 0+10x9",
        ),
        ("weir_alarms_critical", "well", "0x60"),
        ("weir_alarms_major", "well", "64x60"),
        ("weir_alarms_minor", "well", "0x60"),
        ("weir_alarms_warning", "well", "0x60"),
        ("weir_alarms_critical", "crowded", "1x60"),
        ("weir_alarms_major", "crowded", "63x60"),
        ("weir_alarms_minor", "crowded", "0x6 1x54"),
        ("weir_alarms_warning", "crowded", "0x60"),
    ] {
        let series = format!("{series}{{instance=\"{instance}\",job=\"{JOB}\"}}");
        let series = quoted(&series);
        add(
            text,
            format_args!("      - {{series: {series}, values: '{values}'}}"),
        );
    }
    add(text, format_args!("    alert_rule_test:"));
    for (rule, instance) in NODE_RULES
        .iter()
        .zip(["dark", "still", "restarting", "crowded"])
    {
        add(
            text,
            format_args!("      - eval_time: 50s\n        alertname: {}", rule.alert),
        );
        add(
            text,
            format_args!(
                "      - eval_time: 5m50s\n        alertname: {}",
                rule.alert
            ),
        );
        let labels = [
            ("instance", instance),
            ("job", JOB),
            ("severity", rule.severity),
        ];
        let summary = rule.summary.replace("{{ $labels.instance }}", instance);
        expected(text, &labels, &summary, rule.remedy);
    }
}

/// An alarm of this kind is told of for half a minute.
fn alarm_test(text: &mut String, kind: Kind) {
    let definition = kind.definition();
    let severity = definition.rule.severity;
    let alarm = format!("{} {RESOURCE}", kind.as_str());
    let series = format!(
        "weir_alarm_severity{{alarm=\"{alarm}\",instance=\"edge-1\",job=\"{JOB}\",\
         severity=\"{}\"}}",
        severity.as_str()
    );
    let name = alert_name(kind);
    add(
        text,
        format_args!(
            "  - name: {}\n    interval: 10s\n    input_series:",
            kind.as_str()
        ),
    );
    add(
        text,
        format_args!(
            "      - {{series: {}, values: '1x3 stale'}}",
            quoted(&series)
        ),
    );
    add(text, format_args!("    alert_rule_test:"));
    add(
        text,
        format_args!("      - eval_time: 1m\n        alertname: {name}"),
    );
    add(
        text,
        format_args!("      - eval_time: 20s\n        alertname: {name}"),
    );
    let labels = [
        ("alarm", alarm.as_str()),
        ("instance", "edge-1"),
        ("job", JOB),
        ("resource", RESOURCE),
        ("severity", urgency(severity)),
        ("x733", severity.as_str()),
    ];
    let summary = format!("edge-1: {}", definition.help);
    expected(text, &labels, &summary, &sentence(definition.remedy));
}

fn expected(text: &mut String, labels: &[(&str, &str)], summary: &str, remedy: &str) {
    add(
        text,
        format_args!("        exp_alerts:\n          - exp_labels:"),
    );
    for (name, value) in labels {
        add(
            text,
            format_args!("              {name}: {}", quoted(value)),
        );
    }
    add(text, format_args!("            exp_annotations:"));
    add(
        text,
        format_args!("              summary: {}", quoted(summary)),
    );
    add(
        text,
        format_args!("              remedy: {}", quoted(remedy)),
    );
}

/// What [`SEVERITY`] makes of a severity.
const fn urgency(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Major => "warning",
        Severity::Minor | Severity::Warning | Severity::Cleared => "info",
    }
}

/// `prometheus/prometheus.example.yml`.
pub(super) fn scraping() -> String {
    format!(
        "{HEAD}global:\n  scrape_interval: 15s\n  evaluation_interval: 15s\n\
         rule_files: [weir.rules.yml]\n\
         alerting:\n  alertmanagers:\n    - static_configs: [{{targets: ['127.0.0.1:9093']}}]\n\
         scrape_configs:\n  - job_name: {JOB}\n    static_configs:\n      \
         # Each box takes its name by `management.names`; addresses need none.\n      \
         - targets: ['edge-1.example.net:8080', 'edge-2.example.net:8080']\n"
    )
}

/// `alertmanager/alertmanager.example.yml`.
pub(super) fn routes() -> String {
    format!(
        "{HEAD}# A box that does not answer says nothing else that is new.\n\
         inhibit_rules:\n  - source_matchers: ['alertname=\"WeirDown\"']\n    \
         target_matchers: ['alertname=~\"Weir.+\"', 'alertname!=\"WeirDown\"']\n    \
         equal: [instance]\n\
         route:\n  receiver: desk\n  group_by: [instance]\n  group_wait: 10s\n  \
         group_interval: 1m\n  repeat_interval: 4h\n  routes:\n    \
         - matchers: ['severity=\"critical\"']\n      receiver: on-call\n\
         receivers:\n  - name: desk\n    \
         webhook_configs: [{{url: 'http://127.0.0.1:9095/desk'}}]\n  - name: on-call\n    \
         webhook_configs: [{{url: 'http://127.0.0.1:9095/on-call'}}]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_named_by_the_stable_name_of_the_alarm() {
        assert_eq!(alert_name(Kind::IngestDown), "WeirIngestDown");
        assert_eq!(alert_name(Kind::ServerErrors), "WeirHttp5xx");
    }

    #[test]
    fn each_kind_has_a_rule_and_a_test() {
        let (rules, tests) = (rules(), rule_tests());
        for kind in Kind::ALL {
            let name = alert_name(kind);
            assert!(rules.contains(&format!("- alert: {name}\n")), "{name}");
            assert_eq!(
                tests.matches(&format!("alertname: {name}\n")).count(),
                2,
                "{name}"
            );
        }
    }
}
