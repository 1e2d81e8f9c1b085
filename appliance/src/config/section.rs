//! Walks the tables of a configuration: each key is asked for by name and type, and what was
//! never asked for is an unknown key.
//!
//! A value that cannot be read is noted with its key path and line, and the walk goes on.
//! Refuses: knowing what the keys mean; that is told by `read`.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::mistake::{Ledger, Place, quoted};

/// Similarity from which an unknown key is taken for a slip of the pen: about one letter in three.
const SIMILARITY_MIN: f64 = 0.66;

/// Starts of the lines of a text.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(newlines.map(|(offset, _)| offset).collect())
    }

    /// The line, from 1, that holds the byte at `offset`.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// One table on the way through it. A table that is absent reads like an empty one.
#[derive(Debug)]
pub(super) struct Section<'t> {
    place: Place,
    entries: Option<&'t DeTable<'t>>,
    lines: &'t Lines,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// The whole file.
    pub(super) fn root(entries: &'t DeTable<'t>, lines: &'t Lines) -> Self {
        let path = String::new();
        Self::new(Place { path, line: 1 }, Some(entries), lines)
    }

    fn new(place: Place, entries: Option<&'t DeTable<'t>>, lines: &'t Lines) -> Self {
        let known = Vec::new();
        Self {
            place,
            entries,
            lines,
            known,
        }
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where `key` stands, or the table if it is absent.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let value = self.entries.and_then(|entries| entries.get(key));
        Place {
            path: self.path_of(key),
            line: value.map_or(self.place.line, |value| self.line_of(value)),
        }
    }

    /// The table under `key`.
    pub(super) fn table(&mut self, key: &'static str, ledger: &mut Ledger) -> Section<'t> {
        let place = self.place_of(key);
        let value = self.take(key).map(Spanned::get_ref);
        let entries = value.and_then(DeValue::as_table);
        if let Some(other) = value.filter(|value| !value.is_table()) {
            let text = format!("must be a table, [{key}], not {}", kind(other));
            ledger.mistake(&place, text);
        }
        Self::new(place, entries, self.lines)
    }

    /// The tables under `key`, at most `max`.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        max: usize,
        ledger: &mut Ledger,
    ) -> Vec<Section<'t>> {
        let header = format!("[[{}]]", unindexed(&self.path_of(key)));
        let mut sections = Vec::new();
        for Found { value, place } in self.elements(key, max, &header, ledger) {
            if let Some(entries) = value.as_table() {
                sections.push(Self::new(place, Some(entries), self.lines));
            } else {
                let text = format!("must be a table, {header}, not {}", kind(value));
                ledger.mistake(&place, text);
            }
        }
        sections
    }

    /// The text under `key`, as `read` understands it.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
        ledger: &mut Ledger,
    ) -> Option<Found<T>> {
        let place = self.place_of(key);
        let value = text_of(self.take(key)?.get_ref(), &place, ledger)?;
        understood(read(value), place, ledger)
    }

    /// The texts listed under `key`, at most `max`, each as `read` understands it.
    pub(super) fn texts<T>(
        &mut self,
        key: &'static str,
        max: usize,
        read: impl Fn(&str) -> Result<T, String>,
        ledger: &mut Ledger,
    ) -> Vec<Found<T>> {
        let mut texts = Vec::new();
        for Found { value, place } in self.elements(key, max, "a list of texts", ledger) {
            let text = text_of(value, &place, ledger);
            texts.extend(text.and_then(|text| understood(read(text), place, ledger)));
        }
        texts
    }

    /// The whole number under `key`, within `min..=max`.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        (min, max): (u64, u64),
        ledger: &mut Ledger,
    ) -> Option<u64> {
        let place = self.place_of(key);
        let value = self.take(key)?.get_ref();
        number_of(value, (min, max), &place, ledger)
    }

    /// The whole numbers listed under `key`, at most `max`, each within `range`.
    pub(super) fn integers(
        &mut self,
        key: &'static str,
        max: usize,
        range: (u64, u64),
        ledger: &mut Ledger,
    ) -> Vec<u64> {
        let elements = self.elements(key, max, "a list of whole numbers", ledger);
        let mut read =
            |found: Found<&DeValue<'_>>| number_of(found.value, range, &found.place, ledger);
        elements.into_iter().filter_map(&mut read).collect()
    }

    /// The true or false under `key`.
    pub(super) fn flag(&mut self, key: &'static str, ledger: &mut Ledger) -> Option<bool> {
        let place = self.place_of(key);
        let value = self.take(key)?.get_ref();
        let flag = value.as_bool();
        if flag.is_none() {
            let text = format!("must be true or false, without quotes, not {}", kind(value));
            ledger.mistake(&place, text);
        }
        flag
    }

    /// Whether the file gives `key` at all, readable or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries
            .is_some_and(|entries| entries.contains_key(key))
    }

    /// Whether `key` is a list without elements.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        self.list_length(key) == Some(0)
    }

    /// Elements of the list under `key`, readable or not.
    pub(super) fn list_length(&self, key: &str) -> Option<usize> {
        let value = self.entries?.get(key)?.get_ref();
        value.as_array().map(|list| list.len())
    }

    /// Notes that `key` must be there, unless it is.
    pub(super) fn require(&self, key: &str, example: &str, ledger: &mut Ledger) {
        if !self.has(key) {
            let place = Place {
                path: self.path_of(key),
                line: self.place.line,
            };
            ledger.mistake_unless_damaged(&place, format!("is missing: add {example}"));
        }
    }

    /// Ends the walk: every key that was not asked for is a mistake.
    pub(super) fn finish(self, ledger: &mut Ledger) {
        for key in self.entries.into_iter().flat_map(DeTable::keys) {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let remedy = match self.nearest(name) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            let shown = if name.len() <= 40 && name.bytes().all(is_bare) {
                name.to_owned()
            } else {
                quoted(name)
            };
            let place = Place {
                path: self.path_of(&shown),
                line: self.lines.line(key.span().start),
            };
            ledger.mistake(&place, format!("there is no such key: {remedy}"));
        }
    }

    fn nearest(&self, name: &str) -> Option<&'static str> {
        let similar = |known: &str| strsim::normalized_damerau_levenshtein(known, name);
        let rated = self.known.iter().map(|known| (similar(known), *known));
        let best = rated.max_by(|left, right| left.0.total_cmp(&right.0));
        best.filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
            .map(|(_, known)| known)
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.entries?.get(key)
    }

    /// The elements of the list under `key`; more than `max` are a mistake, but are
    /// read all the same, so that their own mistakes are named too.
    fn elements(
        &mut self,
        key: &'static str,
        max: usize,
        wanted: &str,
        ledger: &mut Ledger,
    ) -> Vec<Found<&'t DeValue<'t>>> {
        let place = self.place_of(key);
        let Some(value) = self.take(key).map(Spanned::get_ref) else {
            return Vec::new();
        };
        let Some(list) = value.as_array() else {
            let text = format!("must be {wanted}, not {}", kind(value));
            ledger.mistake_unless_damaged(&place, text);
            return Vec::new();
        };
        if list.len() > max {
            let text = format!("has {} entries: keep at most {max}", list.len());
            ledger.mistake(&place, text);
        }
        let indexed = list.iter().enumerate();
        let found = indexed.map(|(index, value)| Found {
            value: value.get_ref(),
            place: Place {
                path: format!("{}[{index}]", place.path),
                line: self.line_of(value),
            },
        });
        found.collect()
    }

    fn path_of(&self, key: &str) -> String {
        if self.place.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.place.path)
        }
    }

    fn line_of(&self, value: &Spanned<DeValue<'_>>) -> usize {
        self.lines.line(value.span().start)
    }
}

fn text_of<'t>(value: &'t DeValue<'_>, place: &Place, ledger: &mut Ledger) -> Option<&'t str> {
    if let DeValue::String(text) = value {
        return Some(text);
    }
    let is_number = matches!(value, DeValue::Integer(_) | DeValue::Float(_));
    let unit = if is_number {
        " and with its unit, if it has one"
    } else {
        ""
    };
    let text = format!("must be text in quotes{unit}, not {}", kind(value));
    ledger.mistake(place, text);
    None
}

fn number_of(
    value: &DeValue<'_>,
    (min, max): (u64, u64),
    place: &Place,
    ledger: &mut Ledger,
) -> Option<u64> {
    let wanted = format!("must be a whole number from {min} to {max}, without quotes");
    let DeValue::Integer(integer) = value else {
        ledger.mistake(place, format!("{wanted}, not {}", kind(value)));
        return None;
    };
    let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let number = number.filter(|number| (min..=max).contains(number));
    if number.is_none() {
        ledger.mistake(place, format!("{wanted}, not {integer}"));
    }
    number
}

fn understood<T>(
    reading: Result<T, String>,
    place: Place,
    ledger: &mut Ledger,
) -> Option<Found<T>> {
    match reading {
        Ok(value) => Some(Found { value, place }),
        Err(text) => {
            ledger.mistake(&place, text);
            None
        }
    }
}

/// `channel[2].rendition` as its header has it: `channel.rendition`.
fn unindexed(path: &str) -> String {
    let mut is_inside = false;
    let outside = path.chars().filter(|letter| {
        is_inside |= *letter == '[';
        let keep = !is_inside;
        is_inside &= *letter != ']';
        keep
    });
    outside.collect()
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
