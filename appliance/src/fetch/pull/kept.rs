//! What the store keeps beside the bytes of a pulled object, as its opaque `metadata`.
//!
//! ```text
//! 1  response   rules::Stored
//! 2  varies     generation u64, then each field name as length u8 and text
//! 3  sliced     slice bytes u32, rules::Stored of the whole
//! 4  elsewhere  the key of a variant
//! ```
//!
//! A response that varies lies under the key of its variant; under the primary key lies an object
//! without bytes that names the fields. Its generation is in the keys of the variants, so that
//! variants from before it went are never found again. A variant in one language also has an object
//! without bytes under the key of who asks for that language alone, which names it. A long response
//! lies in slices, and under the key of the whole lies an object without bytes as well.
//!
//! Source: RFC 9111 §4.1 (Vary). Numbers are little-endian.
//! Refuses: what it did not write. Such an object is as good as absent.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::header::HeaderName;
use weir_cache::{Key, rules::Stored};

const RESPONSE: u8 = 1;
const VARIES: u8 = 2;
const SLICED: u8 = 3;
const ELSEWHERE: u8 = 4;

/// Fields by which responses of one URI may vary; those that vary by more are not stored.
pub(super) const VARYING_FIELDS_MAX: usize = 16;

/// What an object of the store is.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// A response, whose body the object holds.
    Response(Arc<Stored>),
    /// The fields by which the responses of this URI vary.
    Varies(Arc<Varies>),
    /// A response whose body lies in slices.
    Sliced(Arc<Sliced>),
    /// A response that lies under this key.
    Elsewhere(Key),
}

/// The fields by which the responses of one URI vary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Varies {
    /// Tells the variants of now from those of before.
    pub(super) generation: u64,
    /// The names, in order.
    pub(super) names: Vec<HeaderName>,
}

/// A response whose body lies in slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sliced {
    /// Bytes of each slice but the last.
    pub(super) slice_bytes: u32,
    /// The head of the whole.
    pub(super) head: Arc<Stored>,
}

impl Kept {
    /// The bytes that [`Self::decode`] reads.
    pub(super) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        match self {
            Self::Response(head) => {
                bytes.put_u8(RESPONSE);
                bytes.put(head.encode());
            }
            Self::Varies(varies) => {
                bytes.put_u8(VARIES);
                bytes.put_u64_le(varies.generation);
                for name in &varies.names {
                    let name = name.as_str().as_bytes();
                    // `Varies::new` takes no longer names.
                    bytes.put_u8(u8::try_from(name.len()).unwrap_or(0));
                    bytes.put_slice(name);
                }
            }
            Self::Sliced(sliced) => {
                bytes.put_u8(SLICED);
                bytes.put_u32_le(sliced.slice_bytes);
                bytes.put(sliced.head.encode());
            }
            Self::Elsewhere(key) => {
                bytes.put_u8(ELSEWHERE);
                bytes.put_slice(key.to_string().as_bytes());
            }
        }
        bytes.freeze()
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(metadata: &Bytes) -> Option<Self> {
        let (kind, rest) = metadata.split_first()?;
        match *kind {
            RESPONSE => {
                let head = Stored::decode(&metadata.slice(1..))?;
                Some(Self::Response(Arc::new(head)))
            }
            VARIES => Some(Self::Varies(Arc::new(Varies::decode(rest)?))),
            SLICED => {
                let slice_bytes = u32::from_le_bytes(*rest.first_chunk()?);
                let head = Arc::new(Stored::decode(&metadata.slice(5..))?);
                let sliced = Sliced { slice_bytes, head };
                (slice_bytes > 0).then(|| Self::Sliced(Arc::new(sliced)))
            }
            ELSEWHERE => {
                let key = Key::new(std::str::from_utf8(rest).ok()?)?;
                Some(Self::Elsewhere(key))
            }
            _ => None,
        }
    }
}

impl Varies {
    /// Of these names, which are put in order; `None` if they are too many or too long.
    pub(super) fn new(generation: u64, mut names: Vec<HeaderName>) -> Option<Self> {
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        let is_fit = names.len() <= VARYING_FIELDS_MAX
            && names
                .iter()
                .all(|name| u8::try_from(name.as_str().len()).is_ok());
        is_fit.then_some(Self { generation, names })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (generation, mut rest) = bytes.split_first_chunk()?;
        let mut names = Vec::new();
        while let Some((length, tail)) = rest.split_first() {
            let (name, tail) = tail.split_at_checked(usize::from(*length))?;
            names.push(HeaderName::from_bytes(name).ok()?);
            rest = tail;
        }
        Self::new(u64::from_le_bytes(*generation), names)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&'static str]) -> Vec<HeaderName> {
        names
            .iter()
            .map(|name| HeaderName::from_static(name))
            .collect()
    }

    #[test]
    fn the_fields_a_uri_varies_by_are_read_back_in_order() {
        let varies = Varies::new(7, names(&["foo", "accept-encoding", "foo"])).expect("two names");
        assert_eq!(varies.names, names(&["accept-encoding", "foo"]));
        let metadata = Kept::Varies(Arc::new(varies.clone())).encode();
        let Some(Kept::Varies(read)) = Kept::decode(&metadata) else {
            panic!("{metadata:?} is not of a URI that varies");
        };
        assert_eq!(*read, varies);
    }

    #[test]
    fn a_response_that_varies_by_too_much_is_not_kept() {
        let many = (0..=VARYING_FIELDS_MAX).map(|number| format!("field-{number}"));
        let many = many.map(|name| HeaderName::try_from(name).expect("a name"));
        assert_eq!(Varies::new(1, many.collect()), None);
        let long = HeaderName::try_from("x".repeat(256)).expect("a name");
        assert_eq!(Varies::new(1, vec![long]), None);
    }

    proptest! {
        #[test]
        fn never_panics_on_any_bytes(bytes: Vec<u8>) {
            Kept::decode(&Bytes::from(bytes));
        }
    }
}
