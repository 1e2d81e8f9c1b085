//! RFC 9111 §3.3, §3.4: parts, and what they answer.

use http::HeaderValue;
use proptest::prelude::*;

use super::{Message, after, date, fields};
use crate::rules::{ContentRange, NotStored, Reuse, Storing, combinable, freshened};

/// Bytes 500 to 999 of 1,000, fresh.
fn part(more: &[(&str, &str)]) -> Message {
    let mut response = vec![
        ("cache-control", "max-age=60"),
        ("content-range", "bytes 500-999/1000"),
        ("content-length", "500"),
    ];
    response.extend(more);
    Message::new(&response).with_status(206)
}

fn parsed(text: &'static str) -> Option<ContentRange> {
    ContentRange::parse(&HeaderValue::from_static(text))
}

/// RFC 9110 §14.4.
#[test]
fn content_range_is_read() {
    let range = parsed("bytes 500-999/1000").unwrap();
    assert_eq!(
        (range.first, range.last, range.complete),
        (500, 999, Some(1000))
    );
    assert_eq!(range.bytes(), 500);
    assert_eq!(parsed("Bytes 0-0/*").unwrap().complete, None);
    for text in [
        "",
        "bytes",
        "bytes */1000",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes -5/10",
        "bytes 0-5",
        "bytes 0-5/",
        "bytes=0-5/10",
        "items 0-5/10",
        "bytes 0-99999999999999999999/*",
        "bytes 0-18446744073709551615/*",
        "bytes 0 - 5/10",
    ] {
        assert_eq!(parsed(text), None, "{text}");
    }
}

/// §3: a 206 is stored by a cache that understands parts; one whose place is not certain is not.
#[test]
fn a_part_is_stored_if_its_place_is_certain() {
    let message = part(&[]);
    assert_eq!(message.storing(), Storing::Yes);
    let stored = message.stored();
    assert_eq!(stored.length(), Some(1000));
    assert_eq!(stored.part(), parsed("bytes 500-999/1000"));
    for response in [
        &[("content-type", "multipart/byteranges; boundary=x")][..],
        &[("content-range", "bytes 4-9/10"), ("content-length", "5")],
        &[
            ("content-range", "bytes 0-4/10"),
            ("content-range", "bytes 5-9/10"),
        ],
        &[("content-range", "bytes */10")],
    ] {
        let mut response = response.to_vec();
        response.push(("cache-control", "max-age=60"));
        let message = Message::new(&response).with_status(206);
        assert_eq!(
            message.storing(),
            Storing::No(NotStored::Part),
            "{response:?}"
        );
        assert_eq!(message.reuse(&[], 0), Reuse::OtherRange);
    }
}

/// §3.3: a part MUST NOT answer a request unless its range is wholly within.
#[test]
fn a_part_answers_what_is_wholly_within() {
    let message = part(&[]);
    for range in [
        "bytes=500-999",
        "bytes=500-",
        "bytes=-500",
        "bytes=-1",
        "bytes=600-700",
        "bytes=600-5000",
        "bytes=999-",
        "bytes=500-501, 700-800 , -5",
    ] {
        assert!(message.is_used_for(&[("range", range)]), "{range}");
    }
    for range in [
        "bytes=499-600",
        "bytes=0-",
        "bytes=-501",
        "bytes=-0",
        "bytes=1000-",
        "bytes=700-600",
        "bytes=500-501, 0-1",
        "bytes=",
        "bytes=,",
        "bytes=a-b",
        "items=500-600",
    ] {
        assert_eq!(
            message.reuse(&[("range", range)], 0),
            Reuse::OtherRange,
            "{range}"
        );
    }
    assert_eq!(message.reuse(&[], 0), Reuse::OtherRange);
}

#[test]
fn the_end_of_a_part_of_unknown_length_is_not_the_end() {
    let message = Message::new(&[
        ("cache-control", "max-age=60"),
        ("content-range", "bytes 500-999/*"),
    ])
    .with_status(206);
    assert!(message.is_used_for(&[("range", "bytes=500-999")]));
    for range in ["bytes=500-", "bytes=-1", "bytes=500-1000"] {
        assert_eq!(
            message.reuse(&[("range", range)], 0),
            Reuse::OtherRange,
            "{range}"
        );
    }
}

/// RFC 9110 §13.1.5: with If-Range a part is wanted only of that representation, told strongly.
#[test]
fn a_part_is_not_for_those_who_have_another_representation() {
    let modified = date(-5000);
    let strong = part(&[("etag", "\"a\""), ("last-modified", &modified)]);
    let weak = part(&[("etag", "W/\"a\"")]);
    let range = ("range", "bytes=600-700");
    assert!(strong.is_used_for(&[range, ("if-range", "\"a\"")]));
    assert!(strong.is_used_for(&[range, ("if-range", &modified)]));
    for other in ["\"b\"", "W/\"a\"", &date(-5001), "x"] {
        let request = [range, ("if-range", other)];
        assert_eq!(strong.reuse(&request, 0), Reuse::OtherRange, "{other}");
    }
    assert_eq!(
        weak.reuse(&[range, ("if-range", "W/\"a\"")], 0),
        Reuse::OtherRange
    );
}

/// §3.4: the whole answers any range.
#[test]
fn the_whole_answers_any_range() {
    for range in ["bytes=0-1", "bytes=1-", "bytes=-1"] {
        assert!(
            Message::cc("max-age=60").is_used_for(&[("range", range)]),
            "{range}"
        );
    }
}

/// §3.4, RFC 9110 §15.3.7.3: parts are put together only if they share a strong validator.
#[test]
fn only_parts_of_one_representation_are_put_together() {
    let of = |tag| part(&[("etag", tag)]).stored();
    let first = |tag, complete| {
        let range = format!("bytes 0-499/{complete}");
        let fields = [("content-range", range.as_str()), ("etag", tag)];
        Message::new(&fields).with_status(206).stored()
    };
    assert!(combinable(&of("\"a\""), &first("\"a\"", "1000")));
    assert!(combinable(&of("\"a\""), &first("\"a\"", "*")));
    assert!(!combinable(&of("\"a\""), &first("\"a\"", "1001")));
    assert!(!combinable(&of("\"a\""), &first("\"b\"", "1000")));
    assert!(!combinable(&of("W/\"a\""), &first("W/\"a\"", "1000")));
    assert!(!combinable(&of("a"), &first("a", "1000")));
    let dated = part(&[("last-modified", &date(-9))]).stored();
    assert!(!combinable(&dated, &dated));
}

/// §3.4: what is put together has the fields of the later part over those of the earlier.
#[test]
fn the_later_part_updates_the_fields() {
    let one = part(&[("etag", "\"a\""), ("x", "1"), ("y", "1")]).stored();
    let later = fields(&[
        ("etag", "\"a\""),
        ("x", "2"),
        ("content-range", "bytes 0-499/1000"),
    ]);
    let both = freshened(&one, &later, after(1), after(1)).unwrap();
    assert_eq!(both.headers()["x"], "2");
    assert_eq!(both.headers()["y"], "1");
    assert_eq!(both.length(), Some(1000));
}

proptest! {
    #[test]
    fn no_range_makes_it_panic(range in "bytes=[0-9, -]{0,30}", content in "bytes [0-9*/-]{0,50}") {
        let message = Message::new(&[("content-range", &content), ("cache-control", "max-age=9")]);
        let _ = message.with_status(206).is_used_for(&[("range", &range)]);
        let _ = part(&[]).is_used_for(&[("range", &range)]);
    }
}
