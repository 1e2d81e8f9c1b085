//! One event: what was said, where, and with which fields; bounded.

use std::fmt::{self, Write as _};

use tracing::{
    Level,
    field::{Field, Visit},
};
use weir_hal::Wall;

/// Bytes of a text, a message or the value of a field; what is longer is cut.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// Fields of an event; those beyond are left out.
pub const FIELDS_MAX: usize = 16;

/// What a name of the field is that has the message.
const MESSAGE: &str = "message";

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Counts all events from 1.
    pub sequence: u64,
    /// When.
    pub at: Wall,
    /// How urgent it is.
    pub level: Level,
    /// The module that said it.
    pub target: &'static str,
    /// The sentence.
    pub message: String,
    /// What it is about.
    pub fields: Vec<(&'static str, String)>,
    /// How often the same place had said something before that was not heard.
    pub suppressed: u64,
}

impl Event {
    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let fields = self.fields.iter().map(|(_, value)| value.len() + 40);
        size_of::<Self>() + self.message.len() + fields.sum::<usize>()
    }
}

/// Collects the message and the fields of an event.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

impl Texts {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let mut text = Bounded(String::new());
        // It fails when it is full, and what is in it by then stays.
        let _is_whole = text.write_fmt(value).is_ok();
        if field.name() == MESSAGE {
            self.message = text.0;
        } else if self.fields.len() < FIELDS_MAX {
            self.fields.push((field.name(), text.0));
        }
    }
}

/// Text that is full at [`TEXT_BYTES_MAX`].
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT_BYTES_MAX - self.0.len();
        let end = text.floor_char_boundary(room);
        let (fitting, _) = text.split_at(end);
        self.0.push_str(fitting);
        if end < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}
