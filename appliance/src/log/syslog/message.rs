//! One event as a message of RFC 5424; pure.
//!
//! Fields stand behind the sentence, as on standard error. Those of an alarm are structured data
//! too, under the enterprise number of `snmp`, and its severity is that of RFC 5674 §2.

use jiff::Timestamp;
use tracing::Level;
use weir_hal::Wall;

use crate::{
    alarm::{self, Severity},
    log::Event,
    snmp::ENTERPRISE_NUMBER,
};

/// Bytes of a message: what a receiver should take (RFC 5424 §6.1), and little enough for most
/// links in one datagram or two.
pub const MESSAGE_BYTES_MAX: usize = 2_048;

/// The facility "system daemons" (RFC 5424 §6.2.1).
const FACILITY: u8 = 3;

/// What stands for a field that is not told.
const NIL: &str = "-";

/// Bytes of one value of structured data, before it is escaped: names of resources are shorter.
/// With them all, a message has room for its sentence.
const VALUE_BYTES_MAX: usize = 255;

/// The message that tells `event` of the box called `node`, of at most [`MESSAGE_BYTES_MAX`].
pub(super) fn message(node: &str, event: &Event) -> String {
    let alarm = Alarm::of(event);
    let severity = alarm.as_ref().and_then(Alarm::severity);
    let priority = FACILITY * 8 + severity.unwrap_or_else(|| severity_of(event.level));
    let data = alarm.map_or_else(|| NIL.to_owned(), |alarm| alarm.data());
    let time = time(event.at);
    let node = name(node);
    let mut text = format!("<{priority}>1 {time} {node} weir {NIL} {NIL} {data} ");
    text.push_str(&event.message);
    for (name, value) in &event.fields {
        text.extend([" ", name, "=", value]);
    }
    if event.suppressed > 0 {
        text.extend([" suppressed_before=", &event.suppressed.to_string()]);
    }
    let mut text: String = text.chars().map(printable).collect();
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    text
}

/// What an event tells of an alarm.
#[derive(Debug)]
struct Alarm<'a> {
    kind: &'a str,
    resource: &'a str,
    severity: Severity,
    /// What became of it.
    state: &'a str,
    /// The number of the change.
    sequence: &'a str,
}

impl<'a> Alarm<'a> {
    /// That of an event with all fields of one; `None` if it tells of something else.
    fn of(event: &'a Event) -> Option<Self> {
        let field = |name| {
            let mut fields = event.fields.iter();
            fields.find(|it| it.0 == name).map(|it| it.1.as_str())
        };
        Some(Self {
            kind: field("alarm")?,
            resource: field("resource")?,
            severity: Severity::from_word(field("severity")?)?,
            state: field("state")?,
            sequence: field("sequence")?,
        })
    }

    /// How severe the message is; `None` where an operator has said something, which is as urgent
    /// as it was logged.
    fn severity(&self) -> Option<u8> {
        let news = [
            alarm::Event::Raised,
            alarm::Event::Changed,
            alarm::Event::Cleared,
        ];
        let is_news = news.iter().any(|event| event.as_str() == self.state);
        is_news.then(|| self.severity.syslog_severity())
    }

    /// The element of structured data.
    fn data(&self) -> String {
        let params = [
            ("kind", self.kind),
            ("resource", self.resource),
            ("severity", self.severity.as_str()),
            ("state", self.state),
            ("sequence", self.sequence),
        ];
        let mut data = format!("[alarm@{ENTERPRISE_NUMBER}");
        for (name, value) in params {
            data.extend([" ", name, "=\"", &escaped(value), "\""]);
        }
        data + "]"
    }
}

/// RFC 5424 §6.3.3: what would end a value stands behind a backslash.
fn escaped(value: &str) -> String {
    let (value, _) = value.split_at(value.floor_char_boundary(VALUE_BYTES_MAX));
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// RFC 5424 §6.2.1: what is to be acted on, what is not.
const fn severity_of(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// RFC 5424 §6.2.3: to the microsecond.
fn time(at: Wall) -> String {
    let at = i64::try_from(at.as_nanos() / 1_000).ok();
    let at = at.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    at.map_or_else(|| NIL.to_owned(), |at| format!("{at:.6}"))
}

/// RFC 5424 §6: up to 255 visible characters.
fn name(node: &str) -> String {
    let visible = node.chars().filter(char::is_ascii_graphic).take(255);
    let name: String = visible.collect();
    if name.is_empty() {
        NIL.to_owned()
    } else {
        name
    }
}

/// What steers a terminal, or ends a line of who reads by lines, is blank.
fn printable(it: char) -> char {
    if it.is_control() { ' ' } else { it }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> Event {
        Event {
            sequence: 7,
            at: Wall::from_nanos(1_700_000_004_250_001_000),
            level: Level::WARN,
            target: "weir::health",
            message: message.to_owned(),
            fields: vec![("group", "239.1.1.1".to_owned()), ("lost", "7".to_owned())],
            suppressed: 0,
        }
    }

    #[test]
    fn a_message_has_the_fields_of_the_standard() {
        assert_eq!(
            message("edge-1", &event("the ring\noverran")),
            "<28>1 2023-11-14T22:13:24.250001Z edge-1 weir - - - the ring overran \
             group=239.1.1.1 lost=7"
        );
        let again = Event {
            suppressed: 12,
            level: Level::ERROR,
            fields: Vec::new(),
            ..event("again")
        };
        assert_eq!(
            message("", &again),
            "<27>1 2023-11-14T22:13:24.250001Z - weir - - - again suppressed_before=12"
        );
    }

    /// What is logged of an alarm.
    fn of_alarm(level: Level, state: &str, severity: &str, resource: &str) -> Event {
        let fields = [
            ("sequence", "7"),
            ("alarm", "disk-full"),
            ("resource", resource),
            ("severity", severity),
            ("state", state),
        ];
        Event {
            level,
            fields: fields
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec(),
            ..event("alarm")
        }
    }

    #[test]
    fn an_alarm_is_as_severe_as_the_standard_has_it() {
        for (level, state, severity, number) in [
            (Level::ERROR, "raised", "critical", 1),
            (Level::ERROR, "changed", "major", 2),
            (Level::WARN, "raised", "minor", 3),
            (Level::WARN, "raised", "warning", 4),
            (Level::INFO, "cleared", "cleared", 5),
            // Nobody need hurry for what an operator says.
            (Level::INFO, "acknowledged", "critical", 6),
        ] {
            let message = message("edge-1", &of_alarm(level, state, severity, "disk"));
            let expected = format!(
                "<{}>1 2023-11-14T22:13:24.250001Z edge-1 weir - - [alarm@32473 \
                 kind=\"disk-full\" resource=\"disk\" severity=\"{severity}\" \
                 state=\"{state}\" sequence=\"7\"] alarm ",
                24 + number
            );
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[test]
    fn values_are_escaped_and_bounded() {
        for (resource, expected) in [
            (r#"a"]\b"#.to_owned(), r#" resource="a\"\]\\b" "#.to_owned()),
            (
                "]".repeat(600),
                format!(" resource=\"{}\" ", r"\]".repeat(255)),
            ),
            (
                "ờ".repeat(600),
                format!(" resource=\"{}\" ", "ờ".repeat(85)),
            ),
        ] {
            let event = of_alarm(Level::ERROR, "raised", "critical", &resource);
            let message = message("edge-1", &event);
            assert!(message.contains(&expected), "{message}");
        }
    }

    #[test]
    fn what_is_no_alarm_has_no_data_apart() {
        let mut event = of_alarm(Level::WARN, "raised", "indeterminate", "disk");
        assert!(
            message("edge-1", &event)
                .starts_with("<28>1 2023-11-14T22:13:24.250001Z edge-1 weir - - - ")
        );
        event.fields.retain(|(name, _)| *name != "severity");
        assert!(message("edge-1", &event).contains(" weir - - - alarm "));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = message("edge-1", &event(&"ờ".repeat(2_000)));
        assert!((MESSAGE_BYTES_MAX - 2..=MESSAGE_BYTES_MAX).contains(&long.len()));
    }
}
