//! What is stored is read again, and nothing else is.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Message, date};
use crate::rules::Stored;

fn sample() -> Stored {
    let mut stored = Message::new(&[
        (
            "cache-control",
            "s-maxage=60, stale-while-revalidate=5, stale-if-error=7, immutable",
        ),
        ("etag", "\"abc\""),
        ("last-modified", &date(-500)),
        ("date", &date(-3)),
        ("age", "9"),
        ("vary", "accept-encoding, x-own, foo"),
        ("content-range", "bytes 0-4/10"),
        ("x-custom", "\u{fc}"),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("x-empty", ""),
    ])
    .to(&[("accept-encoding", "gzip, br"), ("x-own", "v")])
    .with_status(206)
    .stored();
    stored.set_length(10);
    stored
}

#[test]
fn what_is_written_is_read() {
    let stored = sample();
    assert_eq!(Stored::decode(&stored.encode()), Some(stored));
    let bare = Message::new(&[]).stored();
    assert_eq!(Stored::decode(&bare.encode()), Some(bare));
}

#[test]
fn a_usual_head_takes_little_more_than_its_values() {
    let bytes = Message::new(&[
        ("cache-control", "max-age=6"),
        ("content-type", "video/mp2t"),
        ("content-length", "1500000"),
        ("etag", "\"5f3e-60a\""),
        ("last-modified", &date(-500)),
        ("server", "origin"),
    ])
    .stored()
    .encode();
    let values = 9 + 10 + 7 + 10 + 29 + 6 + 29;
    assert!(bytes.len() <= values + 50, "{}", bytes.len());
}

#[test]
fn another_version_is_not_read() {
    let mut bytes = sample().encode().to_vec();
    bytes[0] += 1;
    assert_eq!(Stored::decode(&Bytes::from(bytes)), None);
}

#[test]
fn what_is_cut_or_too_long_is_not_read() {
    let bytes = sample().encode();
    for end in 0..bytes.len() {
        assert_eq!(Stored::decode(&bytes.slice(..end)), None, "{end}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert_eq!(Stored::decode(&Bytes::from(longer)), None);
    let huge = Message::new(&[("x", &"y".repeat(65_536))]).stored();
    assert_eq!(Stored::decode(&huge.encode()), None);
}

/// The values are slices of what was read, not copies.
#[test]
fn values_share_the_bytes_they_were_read_from() {
    let bytes = sample().encode();
    let stored = Stored::decode(&bytes).unwrap();
    let value = stored.headers()["cache-control"].as_bytes();
    assert!(bytes.as_ptr_range().contains(&value.as_ptr()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        bytes[0] = 1;
        let _ = Stored::decode(&Bytes::from(bytes));
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..1000_usize, with: u8, more in 0..1000_usize, also: u8) {
        let mut bytes = sample().encode().to_vec();
        let length = bytes.len();
        bytes[at % length] = with;
        bytes[more % length] ^= also;
        if let Some(stored) = Stored::decode(&Bytes::from(bytes)) {
            prop_assert!(Stored::decode(&stored.encode()).is_some());
        }
    }

    #[test]
    fn any_fields_are_read_as_they_were_written(
        lines in proptest::collection::vec(("[a-z-]{1,20}", "[ -~\u{e9}\t]{0,40}"), 0..20),
        status in 200..600_u16,
    ) {
        let lines: Vec<_> = lines
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let stored = Message::new(&lines).to(&lines).with_status(status).stored();
        prop_assert_eq!(Stored::decode(&stored.encode()), Some(stored));
    }
}
