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
