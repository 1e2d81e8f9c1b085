//! Attribute lists: `NAME=value,NAME="value"`.
//!
//! Source: RFC 8216 §4.2. What has no `=` ends the list.

/// Attributes of one tag that are kept.
const ATTRIBUTES_MAX: usize = 64;

/// The attributes of one tag, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Reads what stands behind the colon of a tag.
    pub(in crate::validate) fn read(mut rest: &str) -> Self {
        let mut attributes = Vec::new();
        while attributes.len() < ATTRIBUTES_MAX
            && let Some((name, tail)) = rest.split_once('=')
        {
            let (value, tail) = value(tail);
            attributes.push((name.trim().to_owned(), value.to_owned()));
            rest = tail.strip_prefix(',').unwrap_or("");
        }
        Self(attributes)
    }

    /// The value called `name`, without quotes.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(present, _)| present == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value called `name` as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.value(name)?.trim().parse().ok()
    }

    /// Each name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The first value of `text`, and what follows it.
fn value(text: &str) -> (&str, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"').unwrap_or((quoted, ""));
    }
    text.split_at_checked(text.find(',').unwrap_or(text.len()))
        .unwrap_or((text, ""))
}
