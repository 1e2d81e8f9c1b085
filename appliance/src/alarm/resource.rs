//! What an alarm is of.
//!
//! A resource is written as a path (`channel/CH_001/HD_5M`), on every surface and on disk.
//! Refuses: names that no configuration allows.

use std::{
    fmt::{self, Display},
    str::FromStr,
    sync::Arc,
};

/// Letters of a name, as the configuration has it.
const NAME_BYTES_MAX: usize = 64;

/// Bytes of the name of an interface: `IFNAMSIZ` without its closing zero, each of which may be one
/// that is no text, in whose place U+FFFD stands.
const NIC_NAME_BYTES_MAX: usize = 15 * 3;

/// A part of the appliance, or of what it relies on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The appliance as a whole.
    Node,
    /// The file system that holds the cache.
    Disk,
    /// The store and its device.
    Store,
    /// A network interface, by name.
    Nic(Arc<str>),
    /// An origin, by name.
    Origin(Arc<str>),
    /// A slot that the machine is booted from, by its letter.
    Slot(Arc<str>),
    /// A channel, by id.
    Channel(Arc<str>),
    /// A rendition.
    Rendition {
        /// The id of its channel.
        channel: Arc<str>,
        /// Its name.
        rendition: Arc<str>,
    },
    /// One of several sources of a rendition.
    Source {
        /// The id of its channel.
        channel: Arc<str>,
        /// The name of its rendition.
        rendition: Arc<str>,
        /// Its place in the order of preference, from 1 on.
        number: u16,
    },
}

/// A text that names no resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it names no part of an appliance")]
pub struct NoResource;

impl Resource {
    /// Whether one of the two is a part of the other, or the same: what ails one may ail the
    /// other.
    pub fn is_related_to(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Node, _) => true,
            (Self::Channel(id), Self::Rendition { channel, .. } | Self::Source { channel, .. }) => {
                id == channel
            }
            (
                Self::Rendition { channel, rendition },
                Self::Source {
                    channel: of,
                    rendition: part,
                    ..
                },
            ) => (channel, rendition) == (of, part),
            (one, other) => one == other,
        }
    }
}

impl Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => formatter.write_str("node"),
            Self::Disk => formatter.write_str("disk"),
            Self::Store => formatter.write_str("store"),
            Self::Nic(name) => write!(formatter, "nic/{name}"),
            Self::Origin(name) => write!(formatter, "origin/{name}"),
            Self::Slot(name) => write!(formatter, "slot/{name}"),
            Self::Channel(id) => write!(formatter, "channel/{id}"),
            Self::Rendition { channel, rendition } => {
                write!(formatter, "channel/{channel}/{rendition}")
            }
            Self::Source {
                channel,
                rendition,
                number,
            } => write!(formatter, "channel/{channel}/{rendition}/{number}"),
        }
    }
}

impl FromStr for Resource {
    type Err = NoResource;

    fn from_str(text: &str) -> Result<Self, NoResource> {
        let mut parts = text.splitn(5, '/');
        let parts: [Option<&str>; 5] = std::array::from_fn(|_| parts.next());
        match parts {
            [Some("node"), None, ..] => Ok(Self::Node),
            [Some("disk"), None, ..] => Ok(Self::Disk),
            [Some("store"), None, ..] => Ok(Self::Store),
            [Some("nic"), Some(of), None, ..] => Ok(Self::Nic(nic_name(of)?)),
            [Some("origin"), Some(of), None, ..] => Ok(Self::Origin(name(of)?)),
            [Some("slot"), Some(of), None, ..] => Ok(Self::Slot(slot_name(of)?)),
            [Some("channel"), Some(of), None, ..] => Ok(Self::Channel(name(of)?)),
            [Some("channel"), Some(channel), Some(rendition), None, _] => Ok(Self::Rendition {
                channel: name(channel)?,
                rendition: name(rendition)?,
            }),
            [
                Some("channel"),
                Some(channel),
                Some(rendition),
                Some(place),
                None,
            ] => Ok(Self::Source {
                channel: name(channel)?,
                rendition: name(rendition)?,
                number: number(place)?,
            }),
            _ => Err(NoResource),
        }
    }
}

/// A place in an order, from 1 on, as it is written by [`Display`].
fn number(text: &str) -> Result<u16, NoResource> {
    let is_fit = text.starts_with(|first: char| matches!(first, '1'..='9'));
    let parsed = text.parse().ok();
    parsed.filter(|_| is_fit).ok_or(NoResource)
}

/// One of the two letters.
fn slot_name(text: &str) -> Result<Arc<str>, NoResource> {
    matches!(text, "a" | "b")
        .then(|| text.into())
        .ok_or(NoResource)
}

/// Whatever the kernel lets an interface be called.
fn nic_name(text: &str) -> Result<Arc<str>, NoResource> {
    let is_fit = (1..=NIC_NAME_BYTES_MAX).contains(&text.len())
        && !text.contains(|letter: char| letter == '/' || letter.is_whitespace());
    is_fit.then(|| text.into()).ok_or(NoResource)
}

fn name(text: &str) -> Result<Arc<str>, NoResource> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_fit = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter);
    is_fit.then(|| text.into()).ok_or(NoResource)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resource(text: &str) -> Resource {
        text.parse().expect("a resource")
    }

    #[test]
    fn reads_back_as_it_was_written() {
        for text in [
            "node",
            "disk",
            "store",
            "nic/br-lan.100",
            "nic/žluťoučký",
            "nic/w\u{fffd}n",
            "origin/midcache",
            "slot/b",
            "channel/CH_001",
            "channel/CH_001/HD_5M",
            "channel/CH_001/HD_5M/2",
        ] {
            assert_eq!(resource(text).to_string(), text);
        }
    }

    #[test]
    fn what_no_configuration_names_is_refused() {
        let long = format!("channel/{}", "x".repeat(65));
        for text in [
            "",
            "nodes",
            "node/",
            "channel",
            "channel/",
            "channel/a/",
            "channel/a/b/c",
            "channel/a/b/0",
            "channel/a/b/+1",
            "channel/a/b/01",
            "channel/a/b/65536",
            "channel/a/b/1/",
            "channel/a/b/1/c",
            "channel/a b",
            "origin/<b>",
            "origin/a/b",
            "nic/",
            "nic/a b",
            "nic/0123456789abcdef0123456789abcdef0123456789abcd",
            "slot/",
            "slot/c",
            "slot/a/b",
            &long,
        ] {
            assert_eq!(text.parse::<Resource>(), Err(NoResource), "{text}");
        }
    }

    #[test]
    fn what_contains_is_related_to_what_it_contains_and_to_nothing_else() {
        for (one, other, is_related) in [
            ("node", "origin/a", true),
            ("channel/a", "channel/a/b", true),
            ("channel/a/b", "channel/a/b", true),
            ("channel/a", "channel/b", false),
            ("channel/a/b", "channel/a/c", false),
            ("channel/a", "channel/ab/b", false),
            ("node", "channel/a/b/1", true),
            ("channel/a", "channel/a/b/1", true),
            ("channel/a/b", "channel/a/b/1", true),
            ("channel/a/c", "channel/a/b/1", false),
            ("channel/c", "channel/a/b/1", false),
            ("channel/a/b/1", "channel/a/b/2", false),
            ("disk", "store", false),
            ("slot/a", "slot/b", false),
            ("node", "slot/a", true),
        ] {
            let (one, other) = (resource(one), resource(other));
            assert_eq!(one.is_related_to(&other), is_related, "{one} {other}");
            assert_eq!(other.is_related_to(&one), is_related, "{other} {one}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,90}") {
            if let Ok(resource) = text.parse::<Resource>() {
                prop_assert_eq!(resource.to_string(), text);
            }
        }
    }
}
