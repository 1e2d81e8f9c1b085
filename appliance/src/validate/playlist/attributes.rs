//! Attribute lists: `NAME=value,NAME="value"`.
//!
//! Source: RFC 8216 §4.2. What has no `=` ends the list.

/// Attributes of one tag that are kept.
const ATTRIBUTES_MAX: usize = 64;

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 128;

/// Bytes of a value that are kept: twice the longest splice information section in hexadecimal.
const VALUE_BYTES_MAX: usize = 16 << 10;

/// The attributes of one tag, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    all: Vec<(String, String)>,
    is_cut: bool,
}

impl Attributes {
    /// Reads what stands behind the colon of a tag.
    pub(in crate::validate) fn read(mut rest: &str) -> Self {
        let mut attributes = Self::default();
        while let Some((name, tail)) = rest.split_once('=') {
            if attributes.all.len() >= ATTRIBUTES_MAX {
                attributes.is_cut = true;
                break;
            }
            let (value, tail) = value(tail);
            let name = name.trim();
            attributes.is_cut |= name.len() > NAME_BYTES_MAX || value.len() > VALUE_BYTES_MAX;
            attributes.all.push((
                first_bytes(name, NAME_BYTES_MAX).to_owned(),
                first_bytes(value, VALUE_BYTES_MAX).to_owned(),
            ));
            rest = tail.strip_prefix(',').unwrap_or("");
        }
        attributes
    }

    /// Whether all that is written is kept.
    pub fn is_whole(&self) -> bool {
        !self.is_cut
    }

    /// The value called `name`, without quotes.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.all.iter().find(|(present, _)| present == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value called `name` as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.value(name)?.trim().parse().ok()
    }

    /// Each name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// As many whole characters of `text` as `bytes_max` bytes hold.
pub(super) fn first_bytes(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or(text)
}

/// The first value of `text`, and what follows it.
fn value(text: &str) -> (&str, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"').unwrap_or((quoted, ""));
    }
    text.split_at_checked(text.find(',').unwrap_or(text.len()))
        .unwrap_or((text, ""))
}
