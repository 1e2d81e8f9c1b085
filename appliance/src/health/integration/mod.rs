//! Files that bring a fleet of appliances into other people's systems: rules, dashboards,
//! templates, examples.
//!
//! They are made of the table of rows and of the kinds of alarm, so that none names what is not
//! told. The appliance judges by itself what is wrong, by thresholds of its own; what is made here
//! passes its alarms on and adds only what a box cannot say of itself: that it does not answer.
//!
//! Source: Prometheus, *Alerting rules* and *Unit testing for rules*; Alertmanager configuration;
//! Grafana JSON model, schema 39; Zabbix 6.0 and 7.0; `HAProxy` 2.6; keepalived 2.2.
//! Refuses: thresholds of a second kind.

mod balancers;
mod grafana;
mod prometheus;
mod zabbix;
mod zabbix_snmp;

use crate::snmp::{ENTERPRISE_NUMBER, mib_text};

/// A file for another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Where it lies below the directory of all of them.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// All of them, as they go with this version.
pub fn integrations() -> Vec<Integration> {
    let file = |path, text| Integration { path, text };
    vec![
        file("WEIR-MIB.txt", mib_text(ENTERPRISE_NUMBER)),
        file(
            "alertmanager/alertmanager.example.yml",
            prometheus::routes(),
        ),
        file("grafana/weir.json", grafana::dashboard()),
        file("haproxy/haproxy.example.cfg", balancers::haproxy()),
        file(
            "keepalived/keepalived.example.conf",
            balancers::keepalived(),
        ),
        file("prometheus/prometheus.example.yml", prometheus::scraping()),
        file("prometheus/weir.rules.test.yml", prometheus::rule_tests()),
        file("prometheus/weir.rules.yml", prometheus::rules()),
        file("zabbix/weir_http_6.0.json", zabbix::template()),
        file("zabbix/weir_snmp_7.0.json", zabbix_snmp::template()),
    ]
}

/// `text` between quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Adds one line, or several, to `text`.
fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.extend([line.to_string().as_str(), "\n"]);
}

/// What stands at the head of files that may have comments.
const HEAD: &str = "# Written by `weir integrations`: edit a copy.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_lines_do_not_end_a_text() {
        assert_eq!(quoted("a \"b\"\n"), r#""a \"b\"\n""#);
    }

    #[test]
    fn paths_are_distinct_and_stay_below_their_directory() {
        let all = integrations();
        for (one, next) in all.iter().zip(&all[1..]) {
            assert!(one.path < next.path, "{}", next.path);
        }
        for file in &all {
            assert!(!file.path.starts_with('/') && !file.path.contains(".."));
            assert!(file.text.ends_with('\n'), "{}", file.path);
        }
    }
}
