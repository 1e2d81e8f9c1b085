//! What outlives a restart: alarms that are raised, what operators said, and the latest changes.
//!
//! A line `weir-alarms 1 CRC`, the CRC-32C of all behind it in hexadecimal, and then JSON. Kinds
//! and fields that this version does not know are passed over, so that one can go back to an older
//! version.
//!
//! Refuses: what is longer, more, or later than anything that was ever written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_hal::Wall;

use crate::alarm::{
    AUTHOR_BYTES_MAX, Amount, Change, Engine, Event, HISTORY_MAX, History, Kind, LISTED_MAX,
    NOTE_BYTES_MAX, Operation, OperatorState, Resource, SHELVES_MAX, Settings, Severity,
    TEXT_BYTES_MAX,
    engine::Shelf,
    entry::{Entry, Key, Told},
};

/// What a record begins with.
const MAGIC: &str = "weir-alarms 1 ";

/// Numbers that may be given out behind a record, before the next is written: a hundred each second
/// of the five minutes that this may take.
const NUMBERS_RESERVED: u64 = 1 << 16;

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is something else, or of another version.
    #[error("it is no record of alarms that this version can read")]
    Unknown,
    /// Its bytes are not those that were written.
    #[error("it is damaged: its checksum is wrong")]
    Damaged,
    /// It is not what a record is made of.
    #[error("it is not a record of alarms")]
    Json(#[source] serde_json::Error),
    /// It contradicts itself.
    #[error("it contradicts itself: {0}")]
    Invalid(&'static str),
}

/// The state of an [`Engine`], to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// No number beyond has been given out.
    sequence: u64,
    alarms: Vec<AlarmRow>,
    shelves: Vec<ShelfRow>,
    history: Vec<ChangeRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AlarmRow {
    id: u64,
    kind: String,
    resource: String,
    severity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
    since_ns: u64,
    reading_thousandths: u64,
    operation: Option<OperationRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ShelfRow {
    id: u64,
    kind: String,
    resource: String,
    operation: OperationRow,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OperationRow {
    state: String,
    author: String,
    note: String,
    at_ns: u64,
    until_ns: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ChangeRow {
    sequence: u64,
    id: u64,
    at_ns: u64,
    event: String,
    kind: String,
    resource: String,
    severity: String,
    text: String,
}

impl Record {
    /// Bytes a record has at most: every list full, every text full and escaped.
    pub const BYTES_MAX: usize = 8 << 20;

    /// The present state of `engine`, to go on behind the number `sequence`: its own if it ends,
    /// a [reserved](Self::reserved) one if it goes on.
    pub fn of(engine: &Engine, sequence: u64) -> Self {
        let alarms = engine.entries.iter().filter_map(|(key, entry)| {
            let told = entry.told.as_ref()?;
            Some(AlarmRow {
                id: told.id,
                kind: key.0.as_str().to_owned(),
                resource: key.1.to_string(),
                severity: told.severity.as_str().to_owned(),
                cause: told.cause,
                since_ns: entry.since.as_nanos(),
                reading_thousandths: entry.amount.thousandths(),
                operation: told.operation.as_ref().map(OperationRow::of),
            })
        });
        let shelves = engine.shelves.iter().map(|(key, shelf)| ShelfRow {
            id: shelf.id,
            kind: key.0.as_str().to_owned(),
            resource: key.1.to_string(),
            operation: OperationRow::of(&shelf.operation),
        });
        Self {
            sequence,
            alarms: alarms.collect(),
            shelves: shelves.collect(),
            history: engine.history.iter().map(ChangeRow::of).collect(),
        }
    }

    /// The number that a record has whose engine is at `sequence`, and goes on: it may be killed
    /// before the next is written. Who is restored from it gives out no number again, and the gap
    /// tells that changes may be lost.
    pub const fn reserved(sequence: u64) -> u64 {
        sequence.saturating_add(NUMBERS_RESERVED)
    }

    /// The number that it goes on behind.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// As bytes to be kept.
    ///
    /// # Panics
    /// Never: numbers and texts can be written as JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("every key here is text");
        let mut bytes = format!("{MAGIC}{:08x}\n", crc32c::crc32c(&json)).into_bytes();
        bytes.extend(json);
        bytes
    }

    /// Reads what [`Record::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RecordError`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let rest = bytes.strip_prefix(MAGIC.as_bytes());
        let rest = rest.filter(|_| bytes.len() <= Self::BYTES_MAX);
        let split = rest.and_then(|rest| rest.split_at_checked(9));
        let (sum, json) = split.ok_or(RecordError::Unknown)?;
        if format!("{:08x}\n", crc32c::crc32c(json)).as_bytes() != sum {
            return Err(RecordError::Damaged);
        }
        serde_json::from_slice(json).map_err(RecordError::Json)
    }

    /// An engine that goes on from here.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] when no engine can be in this state.
    pub fn restore(&self, settings: Settings) -> Result<Engine, RecordError> {
        let is_short = self.alarms.len() <= LISTED_MAX + SHELVES_MAX
            && self.shelves.len() <= SHELVES_MAX
            && self.history.len() <= HISTORY_MAX;
        require(is_short, "a list is too long")?;
        let mut engine = Engine::new(settings);
        engine.sequence = self.sequence;
        engine.sequence_before = self.sequence;
        require(self.sequence < u64::MAX / 2, "its sequence is at its end")?;
        for row in &self.alarms {
            require(row.id <= self.sequence, "an alarm is from the future")?;
            let Some((key, entry)) = row.read()? else {
                continue;
            };
            let same = engine.entries.insert(key, entry);
            require(same.is_none(), "an alarm stands there twice")?;
        }
        for row in &self.shelves {
            require(
                row.id <= self.sequence,
                "what is shelved is from the future",
            )?;
            let operation = row.operation.read()?;
            let Some(key) = key(&row.kind, &row.resource)? else {
                continue;
            };
            let put_aside = Shelf {
                id: row.id,
                operation,
            };
            let same = engine.shelves.insert(key, put_aside);
            require(same.is_none(), "something is shelved twice")?;
        }
        engine.history = Arc::new(self.history()?);
        Ok(engine)
    }

    fn history(&self) -> Result<History, RecordError> {
        let mut history = History::default();
        let mut before = 0;
        for row in &self.history {
            let is_in_order = row.sequence > before && row.sequence <= self.sequence;
            require(is_in_order, "changes are out of order")?;
            before = row.sequence;
            if let Some(change) = row.read()? {
                history.push(change);
            }
        }
        Ok(history)
    }
}

impl AlarmRow {
    fn read(&self) -> Result<Option<(Key, Entry)>, RecordError> {
        let severity = severity(&self.severity)?;
        require(severity > Severity::Cleared, "a cleared alarm is raised")?;
        let operation = self
            .operation
            .as_ref()
            .map(OperationRow::read)
            .transpose()?;
        let told = Told {
            id: self.id,
            severity,
            cause: self.cause,
            is_flapping: false,
            operation,
        };
        let amount = Amount::from_thousandths(self.reading_thousandths);
        let entry = Entry::restored(Wall::from_nanos(self.since_ns), amount, told);
        Ok(key(&self.kind, &self.resource)?.map(|key| (key, entry)))
    }
}

impl OperationRow {
    fn of(operation: &Operation) -> Self {
        Self {
            state: operation.state.as_str().to_owned(),
            author: operation.author.clone(),
            note: operation.note.clone(),
            at_ns: operation.at.as_nanos(),
            until_ns: operation.until.map(Wall::as_nanos),
        }
    }

    fn read(&self) -> Result<Operation, RecordError> {
        let state = OperatorState::from_word(&self.state);
        let is_short = self.author.len() <= AUTHOR_BYTES_MAX && self.note.len() <= NOTE_BYTES_MAX;
        require(is_short, "an operator says too much")?;
        Ok(Operation {
            state: state.ok_or(RecordError::Invalid("an operator state is none"))?,
            author: self.author.clone(),
            note: self.note.clone(),
            at: Wall::from_nanos(self.at_ns),
            until: self.until_ns.map(Wall::from_nanos),
        })
    }
}

impl ChangeRow {
    fn of(change: &Change) -> Self {
        Self {
            sequence: change.sequence,
            id: change.id,
            at_ns: change.at.as_nanos(),
            event: change.event.as_str().to_owned(),
            kind: change.kind.as_str().to_owned(),
            resource: change.resource.to_string(),
            severity: change.severity.as_str().to_owned(),
            text: change.text.clone(),
        }
    }

    fn read(&self) -> Result<Option<Change>, RecordError> {
        let event = Event::from_word(&self.event);
        let event = event.ok_or(RecordError::Invalid("an event is none"))?;
        let severity = severity(&self.severity)?;
        require(self.text.len() <= TEXT_BYTES_MAX, "a text is too long")?;
        let key = key(&self.kind, &self.resource)?;
        Ok(key.map(|(kind, resource)| Change {
            sequence: self.sequence,
            id: self.id,
            at: Wall::from_nanos(self.at_ns),
            event,
            kind,
            resource,
            severity,
            text: self.text.clone(),
        }))
    }
}

/// Which alarm it is; `None` if this version does not know the kind.
fn key(kind: &str, resource: &str) -> Result<Option<Key>, RecordError> {
    let Some(kind) = Kind::from_name(kind) else {
        return Ok(None);
    };
    let named = resource.parse::<Resource>();
    let resource = named.map_err(|_nothing| RecordError::Invalid("a resource is none"))?;
    Ok(Some((kind, resource)))
}

fn severity(word: &str) -> Result<Severity, RecordError> {
    Severity::from_word(word).ok_or(RecordError::Invalid("a severity is none"))
}

fn require(is_so: bool, otherwise: &'static str) -> Result<(), RecordError> {
    is_so.then_some(()).ok_or(RecordError::Invalid(otherwise))
}
