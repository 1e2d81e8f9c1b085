//! EXT-X-DATERANGE.

use std::{collections::BTreeMap, time::Duration};

use super::{Breach, value::date_ms};

/// What one line says of a date range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Media Sequence Number of the segment that the line stands before.
    pub before: u64,
    /// ID.
    pub id: String,
    /// All attributes, as they stand there.
    pub attributes: BTreeMap<String, String>,
    /// START-DATE, in milliseconds since 1970.
    pub start_ms: i64,
    /// When it ends, as far as DURATION tells.
    pub end_ms: i64,
}

impl Range {
    /// Reads the attributes of one line, which stands before segment `before`.
    pub(super) fn read(value: &str, before: u64) -> Result<Self, Breach> {
        let mut attributes = BTreeMap::new();
        let mut rest = value;
        while let Some((name, behind)) = rest.split_once('=') {
            let (value, next) = match behind.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or("R11: no end of a string")?,
                None => behind
                    .find(',')
                    .map_or((behind, ""), |end| behind.split_at(end)),
            };
            if attributes
                .insert(name.to_owned(), value.to_owned())
                .is_some()
            {
                return Err(format!("R11: {name} stands twice in {value}"));
            }
            rest = next.strip_prefix(',').unwrap_or(next);
        }
        let text = |name: &str| attributes.get(name).map(String::as_str);
        let (id, start) = (text("ID"), text("START-DATE").and_then(date_ms));
        let (Some(id), Some(start_ms), "") = (id, start, rest) else {
            return Err(format!("R11: {value}"));
        };
        let seconds = |name: &str| match text(name).map(str::parse::<f64>) {
            None => Ok(0.0),
            Some(Ok(seconds)) if seconds >= 0.0 => Ok(seconds),
            Some(_) => Err(format!("R11: {name} of {value}")),
        };
        seconds("PLANNED-DURATION")?;
        let length = Duration::try_from_secs_f64(seconds("DURATION")?);
        let length = length.map_err(|error| format!("R11: {error}"))?;
        for message in ["SCTE35-OUT", "SCTE35-IN", "SCTE35-CMD"] {
            if text(message).is_some_and(|message| !message.starts_with("0xFC")) {
                return Err(format!("R11: {message} of {value}"));
            }
        }
        Ok(Self {
            before,
            id: id.to_owned(),
            start_ms,
            end_ms: start_ms + i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 2),
            attributes,
        })
    }
}
