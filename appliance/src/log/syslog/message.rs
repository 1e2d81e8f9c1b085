//! One event as a message of RFC 5424; pure.
//!
//! Fields stand behind the sentence, as on standard error. Structured data would need an enterprise
//! number of ours, and there is none.

use std::fmt::Write as _;

use jiff::Timestamp;
use tracing::Level;
use weir_hal::Wall;

use crate::log::Event;

/// Bytes of a message: what a receiver should take (RFC 5424 §6.1), and little enough for most
/// links in one datagram or two.
pub const MESSAGE_BYTES_MAX: usize = 2_048;

/// The facility "system daemons" (RFC 5424 §6.2.1).
const FACILITY: u8 = 3;

/// What stands for a field that is not told.
const NIL: &str = "-";

/// The message that tells `event` of the box called `node`, of at most [`MESSAGE_BYTES_MAX`].
pub(super) fn message(node: &str, event: &Event) -> String {
    let priority = FACILITY * 8 + severity(event.level);
    let time = time(event.at);
    let node = name(node);
    let mut text = format!("<{priority}>1 {time} {node} weir {NIL} {NIL} {NIL} ");
    text.push_str(&event.message);
    for (name, value) in &event.fields {
        write!(text, " {name}={value}").expect("a String takes every write");
    }
    if event.suppressed > 0 {
        let suppressed = event.suppressed;
        write!(text, " suppressed_before={suppressed}").expect("a String takes every write");
    }
    let mut text: String = text.chars().map(printable).collect();
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    text
}

/// RFC 5424 §6.2.1: what is to be acted on, what is not.
const fn severity(level: Level) -> u8 {
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

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = message("edge-1", &event(&"ờ".repeat(2_000)));
        assert!((MESSAGE_BYTES_MAX - 2..=MESSAGE_BYTES_MAX).contains(&long.len()));
    }
}
