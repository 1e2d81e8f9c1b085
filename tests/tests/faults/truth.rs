//! What a surface tells of alarms, read without help of what wrote it.

use std::collections::BTreeMap;

use serde_json::Value;

/// One alarm that somebody should act on, as one surface tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) resource: String,
    pub(crate) severity: String,
    /// Milliseconds since 1970.
    pub(crate) since_ms: u64,
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) event: String,
    /// Its time is that of the change.
    pub(crate) told: Told,
}

/// What all surfaces tell at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surfaces {
    /// `/api/v1/alarms`.
    pub(crate) json: Vec<Told>,
    /// `/metrics`.
    pub(crate) metrics: Vec<Told>,
    /// The table of alarms of WEIR-MIB.
    pub(crate) table: Vec<Told>,
    /// What managers were notified of so far, the oldest first.
    pub(crate) notices: Vec<Notice>,
}

/// Numbers of objects by their descriptors, and what is told by names of instances.
pub(crate) type Objects = BTreeMap<String, String>;

impl Told {
    fn key(&self) -> (&str, &str) {
        (&self.kind, &self.resource)
    }
}

impl Surfaces {
    /// Holds them against each other.
    ///
    /// # Errors
    /// The two that differ.
    pub(crate) fn agree(&self) -> Result<(), String> {
        if self.metrics != self.table {
            return Err(format!("metrics {:?}, SNMP {:?}", self.metrics, self.table));
        }
        if self.json != self.table {
            return Err(format!("JSON {:?}, SNMP {:?}", self.json, self.table));
        }
        for told in &self.table {
            let of = |notice: &&Notice| notice.told.key() == told.key();
            let raised = |notice: &&Notice| of(notice) && notice.event == "raised";
            let raised = self.notices.iter().rfind(raised);
            let latest = self.notices.iter().rfind(of);
            let since_ms = raised.map(|notice| notice.told.since_ms);
            let severity = latest.map(|notice| notice.told.severity.as_str());
            if (since_ms, severity) != (Some(told.since_ms), Some(told.severity.as_str())) {
                return Err(format!("SNMP {told:?}, notified {raised:?}, {latest:?}"));
            }
        }
        Ok(())
    }
}

/// Roots of `/api/v1/alarms`, in their order.
pub(crate) fn of_json(alarms: &Value) -> Vec<Told> {
    let active = alarms["active"].as_array().expect("a list");
    let roots = active.iter().filter(|alarm| alarm["cause"].is_null());
    let word = |alarm: &Value, key: &str| alarm[key].as_str().expect("a text").to_owned();
    let told = roots.map(|alarm| Told {
        kind: word(alarm, "alarm"),
        resource: word(alarm, "resource"),
        severity: word(alarm, "severity"),
        since_ms: milliseconds(&word(alarm, "since")),
    });
    sorted(told.collect())
}

/// The series of alarms of `/metrics`.
pub(crate) fn of_metrics(text: &str) -> Vec<Told> {
    let mut since = BTreeMap::new();
    let mut severities = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("weir_alarm_since_time_seconds{alarm=\"") {
            let (alarm, time) = rest.split_once("\"} ").expect("a label and a number");
            let time: f64 = time.parse().expect("a number");
            since.insert(alarm.to_owned(), thousandths(time));
        } else if let Some(rest) = line.strip_prefix("weir_alarm_severity{alarm=\"") {
            let (alarm, rest) = rest.split_once("\",severity=\"").expect("two labels");
            let (severity, _) = rest.split_once('"').expect("a quoted label");
            severities.push((alarm.to_owned(), severity.to_owned()));
        }
    }
    let told = severities.into_iter().map(|(alarm, severity)| {
        let (kind, resource) = alarm.split_once(' ').expect("a kind and a resource");
        Told {
            kind: kind.to_owned(),
            resource: resource.to_owned(),
            severity,
            since_ms: since[&alarm],
        }
    });
    sorted(told.collect())
}

/// The rows of the table of alarms, out of a walk.
pub(crate) fn of_table(objects: &Objects, instances: &Objects) -> Vec<Told> {
    let column = format!("{}.", objects["weirAlarmKind"]);
    let indexes = instances
        .keys()
        .filter_map(|name| name.strip_prefix(&column));
    // A row that came or went during the walk is not whole.
    let told = indexes.filter_map(|index| {
        let cell = |column: &str| {
            instances
                .get(&format!("{}.{index}", objects[column]))
                .cloned()
        };
        Some(Told {
            kind: cell("weirAlarmKind")?,
            resource: cell("weirAlarmResource")?,
            severity: cell("weirAlarmSeverity")?,
            since_ms: cell("weirAlarmSinceTimeMs")?.parse().ok()?,
        })
    });
    sorted(told.collect())
}

/// What a notification carries; `None` if it is not of an alarm.
pub(crate) fn of_notification(objects: &Objects, instances: &Objects) -> Option<Notice> {
    let cell = |descriptor: &str| {
        let column = format!("{}.", objects[descriptor]);
        let mut cells = instances.iter();
        let found = cells.find(|(name, _)| name.starts_with(&column));
        found.map(|(_, value)| value.clone())
    };
    Some(Notice {
        event: cell("weirChangeEvent")?,
        told: Told {
            kind: cell("weirChangeKind")?,
            resource: cell("weirChangeResource")?,
            severity: cell("weirChangeSeverity")?,
            since_ms: cell("weirChangeAtTimeMs")?.parse().ok()?,
        },
    })
}

fn sorted(mut told: Vec<Told>) -> Vec<Told> {
    told.sort();
    told
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times since 1970 are positive and have less than 53 bits"
)]
fn thousandths(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}

/// The time that `YYYY-MM-DDThh:mm:ss.sssZ` is (RFC 3339).
fn milliseconds(text: &str) -> u64 {
    let numbers = text.split(|letter: char| !letter.is_ascii_digit());
    let numbers = numbers.filter_map(|number| number.parse::<u64>().ok());
    let numbers: Vec<u64> = numbers.collect();
    let [year, month, day, hour, minute, second, thousandths] = numbers[..] else {
        panic!("{text} is no time");
    };
    // Days before a month of a year that begins with March, so that February is last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    (((days - 719_468) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + thousandths
}

#[test]
fn a_time_is_read_as_the_calendar_has_it() {
    for (text, time_ms) in [
        ("1970-01-01T00:00:00.000Z", 0),
        ("2000-02-29T12:00:00.250Z", 951_825_600_250),
        ("2026-01-01T00:00:00.001Z", 1_767_225_600_001),
    ] {
        assert_eq!(milliseconds(text), time_ms, "{text}");
    }
}

#[test]
fn surfaces_that_differ_in_any_way_do_not_agree() {
    let told = Told {
        kind: "disk-full".to_owned(),
        resource: "disk".to_owned(),
        severity: "critical".to_owned(),
        since_ms: 1_250,
    };
    let notice = Notice {
        event: "raised".to_owned(),
        told: told.clone(),
    };
    let all = Surfaces {
        json: vec![told.clone()],
        metrics: vec![told.clone()],
        table: vec![told.clone()],
        notices: vec![notice.clone()],
    };
    assert_eq!(all.agree(), Ok(()));
    let others = [
        Told {
            severity: "major".to_owned(),
            ..told.clone()
        },
        Told {
            since_ms: 1_251,
            ..told.clone()
        },
        Told {
            resource: "store".to_owned(),
            ..told.clone()
        },
    ];
    for other in others {
        let (json, metrics) = (vec![other.clone()], vec![other.clone()]);
        let notices = vec![Notice {
            told: other.clone(),
            ..notice.clone()
        }];
        let one = || all.clone();
        assert!(Surfaces { json, ..one() }.agree().is_err(), "{other:?}");
        assert!(Surfaces { metrics, ..one() }.agree().is_err(), "{other:?}");
        assert!(Surfaces { notices, ..one() }.agree().is_err(), "{other:?}");
        assert!(
            Surfaces {
                table: vec![other],
                ..one()
            }
            .agree()
            .is_err()
        );
    }
}
