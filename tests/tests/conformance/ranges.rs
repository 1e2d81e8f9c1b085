//! RFC 9110 §14: parts of what is stored.

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply},
};

use crate::trial::{Result, is_hit};

#[test]
fn a_stored_response_answers_ranges() -> Result {
    let origin = Origin::start(|_| {
        let fields = [("Cache-Control", "max-age=60"), ("ETag", "\"one\"")];
        Reply::new(200, &fields, "0123456789")
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    for (fields, status, body) in [
        (&[("Range", "bytes=2-4")][..], 206, "234"),
        (&[("Range", "bytes=7-")], 206, "789"),
        (&[("Range", "bytes=-2")], 206, "89"),
        (&[("Range", "bytes=8-99")], 206, "89"),
        (&[("Range", "bytes=4-2")], 200, "0123456789"),
        (&[("Range", "lines=1-2")], 200, "0123456789"),
        (
            &[("Range", "bytes=2-4"), ("If-Range", "\"one\"")],
            206,
            "234",
        ),
        (
            &[("Range", "bytes=2-4"), ("If-Range", "\"two\"")],
            200,
            "0123456789",
        ),
        (
            &[("Range", "bytes=2-4"), ("If-Range", "W/\"one\"")],
            200,
            "0123456789",
        ),
    ] {
        let response = edge.ask("GET", "/", fields)?;
        let got = (response.status, response.text());
        assert_eq!(got, (status, body.to_owned()), "{fields:?}");
        assert!(is_hit(&response));
    }
    let beyond = edge.ask("GET", "/", &[("Range", "bytes=10-")])?;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("content-range"), Some("bytes */10"));
    let head = edge.ask("HEAD", "/", &[("Range", "bytes=2-4")])?;
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("10"))
    );
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}

#[test]
fn a_range_of_what_is_not_stored_has_the_whole_fetched_once() -> Result {
    let origin =
        Origin::start(|_| Reply::new(200, &[("Cache-Control", "max-age=60")], "0123456789"));
    let edge = Edge::before(&[&origin]);
    let part = edge.ask("GET", "/", &[("Range", "bytes=2-4")])?;
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    assert_eq!(origin.seen()[0].field("range"), None);
    assert!(is_hit(&edge.get("/")?));
    Ok(())
}

#[test]
fn a_range_of_what_may_not_be_stored_is_the_origins_to_answer() -> Result {
    let origin = Origin::start(|seen| match seen.field("range") {
        Some(_) => {
            let fields = [
                ("Cache-Control", "no-store"),
                ("Content-Range", "bytes 2-4/10"),
            ];
            Reply::new(206, &fields, "234")
        }
        None => Reply::new(200, &[("Cache-Control", "no-store")], "0123456789"),
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    // By now it is known that nothing is to be gained by the whole.
    let part = edge.ask("GET", "/", &[("Range", "bytes=2-4")])?;
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    Ok(())
}

/// RFC 9110 §14.6, §15.3.7.2.
#[test]
fn several_ranges_come_as_parts_that_each_tell_which_they_are() -> Result {
    let origin = Origin::start(|_| {
        let fields = [
            ("Cache-Control", "max-age=60"),
            ("Content-Type", "video/mp2t"),
        ];
        Reply::new(200, &fields, "0123456789".repeat(1_000))
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    let response = edge.ask("GET", "/", &[("Range", "bytes=0-1, 9998-9999")])?;
    let kind = response.field("content-type").unwrap_or("");
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.ok_or("no boundary")?;
    assert_eq!(response.status, 206);
    assert_eq!(response.field("content-range"), None);
    let parts: Vec<String> = response
        .text()
        .split(&format!("--{boundary}"))
        .map(|part| part.trim().to_ascii_lowercase())
        .collect();
    let part = |range, bytes| {
        format!("content-type: video/mp2t\r\ncontent-range: bytes {range}/10000\r\n\r\n{bytes}")
    };
    let expected = ["", &part("0-1", "01"), &part("9998-9999", "89"), "--"];
    assert_eq!(parts, expected);
    // What is next to each other becomes one part, and one part comes as it is.
    let response = edge.ask("GET", "/", &[("Range", "bytes=0-1, 2-3")])?;
    assert_eq!(response.field("content-range"), Some("bytes 0-3/10000"));
    assert_eq!(response.field("content-type"), Some("video/mp2t"));
    Ok(())
}
