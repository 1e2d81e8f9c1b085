//! The table as metrics for Prometheus: `/metrics`.
//!
//! A row becomes `weir_{scope}_{group}_{row}`, without the scope for the node itself, in base units
//! (seconds, bytes, ratios), the unit last. A state is a series of value 1 with the state as a
//! label. What tells one thing from another is a label.
//!
//! Source: Prometheus text format 0.0.4; `OpenMetrics` 1.0.0 for who accepts it; Prometheus,
//! *Metric and label naming*.
//! Refuses: text, and what is unknown: a series that is not there cannot be mistaken for zero.
//!
//! # Limits
//! 3,000 series at 64 channels of three renditions, whatever is wrong, which a test counts: of
//! alarms the worst 64 have series of their own. A series costs about 75 bytes, so that 256
//! channels of 16 renditions make an answer of 4 MB.

use std::fmt::{self, Display, Write};

use bytes::Bytes;
use hyper::header::HeaderValue;

use crate::{
    counter::{Kind, Reach, Row, Unit, Value},
    health::{
        Snapshot,
        json::VERSION,
        table::{Entity, GroupScope, Scope},
    },
};

/// How it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format that everybody reads.
    Prometheus,
    /// The standard made of it.
    OpenMetrics,
}

impl Format {
    /// The format for a client that sends this `Accept`.
    pub(super) fn accepted(accept: Option<&HeaderValue>) -> Self {
        let listed = accept.and_then(|value| value.to_str().ok()).unwrap_or("");
        let mut types = listed.split(',').filter(|part| !is_refused(part));
        let is_open = |part: &str| {
            let name = part.split(';').next().unwrap_or("");
            name.trim()
                .eq_ignore_ascii_case("application/openmetrics-text")
        };
        if types.any(is_open) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// Its media type.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Whether a part of `Accept` has a weight of zero (RFC 9110 §12.4.2).
fn is_refused(part: &str) -> bool {
    part.split(';').skip(1).any(|parameter| {
        let weight = parameter.trim().strip_prefix("q=");
        weight.is_some_and(|weight| weight.parse::<f64>().is_ok_and(|weight| weight == 0.0))
    })
}

/// Renders the body of `/metrics` of the node of this name.
pub(super) fn render(node: &str, snapshot: &Snapshot, format: Format) -> Bytes {
    text(snapshot.told(node), format)
}

/// Writes down all that `node` tells.
pub(super) fn text(node: &Entity, format: Format) -> Bytes {
    let mut text = Text {
        text: String::new(),
        format,
    };
    text.family(
        "weir_build_info",
        Kind::Gauge,
        "Version and name of the node; always 1.",
    );
    let version = with(&label("version", VERSION), &label("node", &node.key));
    text.sample("weir_build_info", &version, &1);
    text.scope(node.scope, "weir", &[(String::new(), node)]);
    if format == Format::OpenMetrics {
        text.text.push_str("# EOF\n");
    }
    Bytes::from(text.text)
}

/// `name="value"`.
fn label(name: &str, value: &str) -> String {
    let mut label = format!("{name}=\"");
    for letter in value.chars() {
        match letter {
            '\\' => label.push_str("\\\\"),
            '"' => label.push_str("\\\""),
            '\n' => label.push_str("\\n"),
            _ => label.push(letter),
        }
    }
    label.push('"');
    label
}

/// The name that `row` has behind its scope and group.
pub(super) fn base_name(row: &Row) -> String {
    let words = row
        .name
        .split('_')
        .filter(|word| Unit::of_word(word).is_none());
    let unit = match row.unit() {
        Unit::One => None,
        Unit::Bytes => Some("bytes"),
        Unit::Milliseconds => Some("seconds"),
        Unit::BitsPerSecond => Some("bytes_per_second"),
        Unit::Percent => Some("ratio"),
    };
    words.chain(unit).collect::<Vec<_>>().join("_")
}

/// What a value of this unit is divided by to be in base units, if by anything.
const fn divisor(unit: Unit) -> Option<f64> {
    match unit {
        Unit::One | Unit::Bytes => None,
        Unit::Milliseconds => Some(1e3),
        Unit::BitsPerSecond => Some(8.0),
        Unit::Percent => Some(1e2),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus keeps 53 bits of any number"
)]
const fn as_number(count: u64) -> f64 {
    count as f64
}

/// Whether `row` of `group` is told here at all.
fn is_metric(group: &GroupScope, row: &Row) -> bool {
    group.reach(row) == Reach::Everywhere && row.kind != Kind::Text
}

/// Whether anything of such a thing or of its parts is told here.
fn has_metrics(scope: &Scope) -> bool {
    let mut rows = scope
        .groups
        .iter()
        .flat_map(|it| it.rows.iter().map(move |row| (it, row)));
    rows.any(|(group, row)| is_metric(group, row)) || scope.parts.iter().any(|it| has_metrics(it))
}

/// `labels` and one more.
fn with(labels: &str, label: &str) -> String {
    match labels {
        "" => label.to_owned(),
        labels => format!("{labels},{label}"),
    }
}

/// A thing, and its labels as they stand between the braces.
type Labelled<'a> = (String, &'a Entity);

struct Text {
    text: String,
    format: Format,
}

impl Text {
    /// Tells of all things of one kind and of their parts: the samples of one name must stand
    /// together.
    fn scope(&mut self, scope: &Scope, prefix: &str, things: &[Labelled<'_>]) {
        for (index, group) in scope.groups.iter().enumerate() {
            let prefix = match group.name {
                Some(group) => format!("{prefix}_{group}"),
                None => prefix.to_owned(),
            };
            let told = group.rows.iter().enumerate();
            for (position, row) in told.filter(|(_, row)| is_metric(group, row)) {
                let cells = things.iter().filter_map(|(labels, thing)| {
                    let cells = thing.groups[index].as_ref()?;
                    Some((labels.as_str(), cells.get(position)?))
                });
                self.row(row, &prefix, cells);
            }
        }
        let told = scope.parts.iter().enumerate();
        for (index, part) in told.filter(|(_, part)| has_metrics(part)) {
            let parts = things.iter().flat_map(|(labels, thing)| {
                let parts = thing.parts[index].iter().take(part.metrics_max);
                parts.map(|one| (with(labels, &label(part.name, &one.key)), one))
            });
            let parts: Vec<Labelled<'_>> = parts.collect();
            self.scope(part, &format!("weir_{}", part.name), &parts);
        }
    }

    fn row<'a>(
        &mut self,
        row: &Row,
        prefix: &str,
        cells: impl Iterator<Item = (&'a str, &'a Value)>,
    ) {
        let name = format!("{prefix}_{}", base_name(row));
        let sample_name = match row.kind {
            Kind::Counter => format!("{name}_total"),
            Kind::Gauge | Kind::State | Kind::Text => name.clone(),
        };
        let family = match self.format {
            Format::Prometheus => &sample_name,
            Format::OpenMetrics => &name,
        };
        let mut is_told = false;
        for (labels, value) in cells.filter(|(_, value)| **value != Value::Unknown) {
            if !is_told {
                self.family(family, row.kind, row.help);
                is_told = true;
            }
            match value {
                Value::State(state) => {
                    let labels = with(labels, &label(row.name, state));
                    self.sample(&sample_name, &labels, &1);
                }
                Value::Count(count) => match divisor(row.unit()) {
                    None => self.sample(&sample_name, labels, count),
                    Some(divisor) => {
                        self.sample(&sample_name, labels, &(as_number(*count) / divisor));
                    }
                },
                Value::Number(number) => {
                    let divisor = divisor(row.unit()).unwrap_or(1.0);
                    self.sample(&sample_name, labels, &(number / divisor));
                }
                Value::Text(_) | Value::Unknown => {}
            }
        }
    }

    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::State | Kind::Text => "gauge",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &str, number: &dyn Display) {
        if labels.is_empty() {
            self.line(format_args!("{name} {number}"));
        } else {
            self.line(format_args!("{name}{{{labels}}} {number}"));
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("text grows");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{counter::counted, health::snapshot::tests::snapshot, live::State};

    fn metrics(format: Format) -> String {
        let snapshot = snapshot(&[&[State::OnAir, State::Silent]]);
        let text = render("edge \"1\"\\\n", &snapshot, format);
        String::from_utf8(text.to_vec()).expect("text")
    }

    #[test]
    fn names_are_in_base_units_with_the_unit_last() {
        for (name, base) in [
            ("requests", "requests"),
            ("bytes_sent", "sent_bytes"),
            ("memory_bytes_max", "memory_max_bytes"),
            ("segment_age_ms", "segment_age_seconds"),
            ("first_byte_ms_p50", "first_byte_p50_seconds"),
            ("output_bitrate_bps", "output_bitrate_bytes_per_second"),
            ("cpu_usage_percent", "cpu_usage_ratio"),
        ] {
            assert_eq!(base_name(&counted(name, "")), base);
        }
    }

    #[test]
    fn one_name_is_told_once_with_its_type_and_all_its_series() {
        let text = metrics(Format::Prometheus);
        let name = "weir_rendition_bitrate_bytes_per_second";
        let told = format!(
            "# HELP {name} Bits received in the last second.\n# TYPE {name} gauge\n\
             {name}{{channel=\"CH_0\",rendition=\"R0\"}} 255000\n\
             {name}{{channel=\"CH_0\",rendition=\"R1\"}} 255000\n"
        );
        assert!(text.contains(&told), "{text}");
        let counter = "# TYPE weir_http_requests_total counter\nweir_http_requests_total 0\n";
        assert!(text.contains(counter), "{text}");
        let state = "weir_rendition_state{channel=\"CH_0\",rendition=\"R1\",state=\"silent\"} 1\n";
        assert!(text.contains(state), "{text}");
    }

    #[test]
    fn what_is_unknown_or_text_or_a_detail_has_no_series() {
        let text = metrics(Format::Prometheus);
        for absent in ["disk_usage", "access_log", "_reason", "null_packets"] {
            assert!(!text.contains(absent), "{absent}");
        }
        assert!(text.contains("\nweir_cpu_usage_ratio 0.1234\n"), "{text}");
    }

    #[test]
    fn values_of_labels_are_escaped() {
        let text = metrics(Format::Prometheus);
        let node = "node=\"edge \\\"1\\\"\\\\\\n\"} 1\n";
        assert!(text.contains(node), "{text}");
    }

    #[test]
    fn open_metrics_names_families_without_their_suffix_and_says_where_it_ends() {
        let text = metrics(Format::OpenMetrics);
        let counter = "# TYPE weir_http_requests counter\nweir_http_requests_total 0\n";
        assert!(text.contains(counter), "{text}");
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn open_metrics_goes_to_who_accepts_it() {
        for (accept, format) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/plain;version=0.0.4", Format::Prometheus),
            (
                "application/openmetrics-text;version=1.0.0;q=0",
                Format::Prometheus,
            ),
            (
                "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
                Format::OpenMetrics,
            ),
        ] {
            let accept = HeaderValue::from_static(accept);
            assert_eq!(Format::accepted(Some(&accept)), format, "{accept:?}");
        }
        assert_eq!(Format::accepted(None), Format::Prometheus);
    }
}
