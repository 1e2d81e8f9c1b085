//! Origins that break off, lie, or are gone.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use weir_tests::{
    edge::Edge,
    http,
    origin::{Gate, Origin, Reply, Seen},
};

use crate::rig::{Result, content};

const BYTES: usize = 300_000;
const ETAG: (&str, &str) = ("ETag", "\"one\"");
const FRESH: (&str, &str) = ("Cache-Control", "max-age=60");

/// Half of `body` under a head that promises all of it, and then the end.
fn half(body: &[u8], fields: &[(&str, &str)]) -> Reply {
    let length = body.len().to_string();
    let fields = [fields, &[("Content-Length", length.as_str())]].concat();
    Reply::head(200, &fields)
        .send(&body[..body.len() / 2])
        .close()
}

/// What is asked for of `body`.
fn rest(seen: &Seen, body: &[u8], etag: &str) -> Reply {
    let Some((first, last)) = seen.range() else {
        return Reply::new(200, &[("ETag", etag), FRESH], body);
    };
    let last = last.unwrap_or(body.len() - 1).min(body.len() - 1);
    let range = format!("bytes {first}-{last}/{}", body.len());
    let fields = [("ETag", etag), FRESH, ("Content-Range", range.as_str())];
    Reply::new(206, &fields, &body[first..=last])
}

#[test]
fn what_breaks_off_is_taken_up_by_the_next_origin_and_nobody_notices() -> Result {
    let body = content(BYTES);
    let (one, other) = (body.clone(), body.clone());
    let first = Origin::start(move |_| half(&one, &[ETAG, FRESH]));
    let second = Origin::start(move |seen| rest(seen, &other, "\"one\""));
    let edge = Edge::before(&[&first, &second]);
    let response = edge.get("/a.bin")?;
    assert!(response.body == body);
    let seen = second.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].field("range"), Some("bytes=150000-299999"));
    assert_eq!(seen[0].field("if-range"), Some("\"one\""));
    let again = edge.get("/a.bin")?;
    assert_eq!(again.field("x-cache"), Some("HIT from box"));
    assert!(again.body == body);
    Ok(())
}

#[test]
fn the_rest_of_another_representation_is_not_put_behind_the_beginning_of_this_one() {
    let body = content(BYTES);
    let (one, other) = (body.clone(), vec![7; BYTES]);
    let first = Origin::start(move |_| half(&one, &[ETAG, FRESH]));
    let second = Origin::start(move |seen| rest(seen, &other, "\"two\""));
    let edge = Edge::before(&[&first, &second]);
    edge.get("/a.bin")
        .expect_err("the body cannot be completed");
    assert_eq!(second.seen().len(), 1);
}

#[test]
fn a_body_that_ends_with_its_connection_does_not_seem_to_end_where_it_breaks() -> Result {
    let chunked = [("Transfer-Encoding", "chunked")];
    let origin = Origin::start(move |_| Reply::head(200, &chunked).send("5\r\nhello\r\n").close());
    let edge = Edge::before(&[&origin]);
    let mut client = TcpStream::connect(edge.host())?;
    client.set_read_timeout(Some(Duration::from_secs(20)))?;
    client.write_all(b"GET /a.bin HTTP/1.0\r\nHost: h\r\n\r\n")?;
    let end = client.read_to_end(&mut Vec::new());
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    Ok(())
}

#[test]
fn what_cannot_be_completed_breaks_visibly_and_is_not_kept() {
    let body = content(BYTES);
    let sent = body.clone();
    // Without a validator nobody could tell what the rest belongs to.
    let origin = Origin::start(move |_| half(&sent, &[FRESH]));
    let edge = Edge::before(&[&origin]);
    edge.get("/a.bin")
        .expect_err("the body cannot be completed");
    edge.get("/a.bin").expect_err("nothing was kept");
    assert_eq!(origin.seen().len(), 2);
}

#[test]
fn chunks_that_end_without_the_last_one_are_no_whole_body() {
    let origin = Origin::start(|_| {
        let fields = [FRESH, ("Transfer-Encoding", "chunked")];
        Reply::head(200, &fields).send("5\r\nhello\r\n").close()
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/a").expect_err("the body cannot be completed");
    edge.get("/a").expect_err("nothing was kept");
    assert_eq!(origin.seen().len(), 2);
}

#[test]
fn a_body_that_ends_with_its_connection_is_passed_on_but_not_kept() -> Result {
    let origin = Origin::start(|_| Reply::head(200, &[FRESH]).send("hello").close());
    let edge = Edge::before(&[&origin]);
    for _ in 0..2 {
        let response = edge.get("/a")?;
        assert_eq!(response.text(), "hello");
        let status = response.field("cache-status").unwrap_or("");
        assert!(status.ends_with("detail=close-delimited"), "{status}");
    }
    assert_eq!(origin.seen().len(), 2);
    Ok(())
}

#[test]
fn an_origin_that_ends_in_the_middle_is_replaced_while_clients_read_along() -> Result {
    let body = content(BYTES);
    let (one, other, gate) = (body.clone(), body.clone(), Gate::default());
    let door = gate.clone();
    let first = Origin::start(move |_| {
        let length = BYTES.to_string();
        let fields = [ETAG, FRESH, ("Content-Length", length.as_str())];
        Reply::head(200, &fields)
            .send(&one[..BYTES / 2])
            .wait(&door)
            .close()
    });
    let second = Origin::start(move |seen| rest(seen, &other, "\"one\""));
    let edge = Edge::before(&[&first, &second]);
    let url = edge.url("/a.bin");
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || http::get(&url))
        })
        .collect();
    first.wait_for(1);
    first.go_down();
    gate.open();
    for client in clients {
        assert!(client.join().expect("no panic")?.body == body);
    }
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    Ok(())
}

/// Half of `body`, and nothing more until the gate is open.
fn silent(body: &[u8], gate: &Gate) -> Reply {
    let length = body.len().to_string();
    let fields = [ETAG, FRESH, ("Content-Length", length.as_str())];
    let (first, last) = body.split_at(body.len() / 2);
    Reply::head(200, &fields).send(first).wait(gate).send(last)
}

#[test]
fn an_origin_that_falls_silent_in_the_middle_is_replaced_in_two_seconds() -> Result {
    let (body, never) = (content(BYTES), Gate::default());
    let (one, other, gate) = (body.clone(), body.clone(), never.clone());
    let first = Origin::start(move |_| silent(&one, &gate));
    let second = Origin::start(move |seen| rest(seen, &other, "\"one\""));
    let edge = Edge::before(&[&first, &second]);
    let begun = Instant::now();
    assert!(edge.get("/a.bin")?.body == body);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    assert!(edge.get("/a.bin")?.body == body);
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    never.open();
    Ok(())
}

#[test]
fn an_origin_that_only_pauses_goes_on_where_nobody_else_has_the_rest() -> Result {
    let (body, pause) = (content(BYTES), Gate::default());
    let (one, gate) = (body.clone(), pause.clone());
    let first = Origin::start(move |_| silent(&one, &gate));
    // Another representation, by its entity tag.
    let second = Origin::start(move |seen| rest(seen, &vec![7; BYTES], "\"two\""));
    let edge = Edge::before(&[&first, &second]);
    let url = edge.url("/a.bin");
    let client = std::thread::spawn(move || http::get(&url));
    second.wait_for(1);
    pause.open();
    assert!(client.join().expect("no panic")?.body == body);
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    Ok(())
}

#[test]
fn a_range_is_served_out_of_what_still_comes() -> Result {
    let body = content(BYTES);
    let (sent, gate) = (body.clone(), Gate::default());
    let door = gate.clone();
    let origin = Origin::start(move |_| {
        let length = BYTES.to_string();
        let fields = [ETAG, FRESH, ("Content-Length", length.as_str())];
        let (first, last) = sent.split_at(BYTES / 2);
        Reply::head(200, &fields).send(first).wait(&door).send(last)
    });
    let edge = Edge::before(&[&origin]);
    let part = edge.ask("GET", "/a.bin", &[("Range", "bytes=1000-1999")])?;
    assert_eq!(part.status, 206);
    assert_eq!(part.field("content-range"), Some("bytes 1000-1999/300000"));
    assert!(part.body == body[1000..2000]);
    gate.open();
    let last = edge.ask("GET", "/a.bin", &[("Range", "bytes=299990-")])?;
    assert!(last.body == body[299_990..]);
    // The origin was asked for all of it, once.
    assert_eq!(origin.seen().len(), 1);
    assert_eq!(origin.seen()[0].field("range"), None);
    Ok(())
}

#[test]
fn without_any_origin_the_answer_is_an_honest_error() -> Result {
    let origin = Origin::start(|_| Reply::none());
    let edge = Edge::before(&[&origin]);
    origin.go_down();
    let response = edge.get("/a")?;
    assert_eq!(response.status, 502);
    let retry_after = response.field("retry-after").unwrap_or("");
    assert!(retry_after.parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(response.field("cache-control"), Some("no-store"));
    Ok(())
}
