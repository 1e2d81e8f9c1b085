//! What is odd but right, and passes.

use weir_tests::{
    http,
    origin::{Origin, Reply},
};

use crate::rig::{Result, counted, edge, edge_with, get, raw};

#[test]
fn an_answer_that_ends_with_its_connection_passes_and_is_not_kept() -> Result {
    let origin = raw("HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n\r\nhello");
    let edge = edge(&[origin.url()]);
    for _ in 0..2 {
        let response = get(&edge, "/a")?;
        assert_eq!(response.text(), "hello");
        assert_eq!(response.field("x-cache"), Some("MISS from box"));
    }
    assert_eq!(origin.seen().len(), 2);
    Ok(())
}

#[test]
fn chunks_with_trailers_pass_and_are_kept_without_them() -> Result {
    let origin = raw(
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-Late\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Late: 1\r\n\r\n",
    );
    let edge = edge(&[origin.url()]);
    for cached in ["MISS from box", "HIT from box"] {
        let response = get(&edge, "/a")?;
        assert_eq!(response.text(), "hello world");
        assert_eq!(response.field("x-cache"), Some(cached));
        assert_eq!(response.field("x-late"), None);
    }
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}

#[test]
fn interim_answers_are_passed_over() -> Result {
    let origin = raw(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    );
    let edge = edge(&[origin.url()]);
    let response = get(&edge, "/a")?;
    assert_eq!((response.status, response.text().as_str()), (200, "hello"));
    assert_eq!(response.field("link"), None);
    counted(&edge, 0, "responses_1xx", 2);
    Ok(())
}

#[test]
fn a_redirect_is_handed_on_and_never_followed() -> Result {
    let elsewhere = raw("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
    let location = format!("{}/private", elsewhere.url());
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/loop" => Reply::new(302, &[("Location", "/loop")], ""),
        _ => Reply::new(307, &[("Location", location.as_str())], ""),
    });
    let edge = edge(&[origin.url()]);
    assert_eq!(get(&edge, "/loop")?.field("location"), Some("/loop"));
    assert_eq!(get(&edge, "/away")?.status, 307);
    assert_eq!(origin.seen().len(), 2);
    assert_eq!(elsewhere.seen().len(), 0);
    Ok(())
}

#[test]
fn an_origin_is_asked_by_the_host_it_was_given_and_told_who_asks() -> Result {
    let origin = Origin::start(|_| Reply::new(200, &[("Cache-Control", "no-store")], "hello"));
    let told = edge_with(&[origin.url() + "/base"], "host = \"video.example\"");
    let fields = [
        ("Via", "1.1 other"),
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
    ];
    http::request("GET", &told.data("/a?b=c"), &fields, b"")?;
    let seen = origin.seen().remove(0);
    assert_eq!(seen.target, "/base/a?b=c");
    assert_eq!(seen.field("host"), Some("video.example"));
    assert_eq!(seen.field("x-hop"), None);
    let via: Vec<&str> = seen
        .fields
        .iter()
        .filter(|(name, _)| name == "via")
        .map(|(_, value)| value.as_str())
        .collect();
    assert!(
        via.len() == 2 && via[0] == "1.1 other" && via[1].starts_with("1.1 box-"),
        "{via:?}"
    );
    assert!(
        seen.field("cdn-loop")
            .is_some_and(|name| name.starts_with("box-"))
    );
    Ok(())
}

#[test]
fn a_coding_is_the_clients_to_undo_whether_it_is_what_it_says_or_not() -> Result {
    let origin = Origin::start(|_| {
        let fields = [
            ("Cache-Control", "max-age=60"),
            ("Content-Type", "application/vnd.apple.mpegurl"),
            ("Content-Encoding", "gzip"),
        ];
        Reply::new(200, &fields, "#EXTM3U, and no gzip at all")
    });
    let edge = edge(&[origin.url()]);
    for cached in ["MISS from box", "HIT from box"] {
        let response = get(&edge, "/list.m3u8")?;
        assert_eq!(response.text(), "#EXTM3U, and no gzip at all");
        assert_eq!(response.field("content-encoding"), Some("gzip"));
        assert_eq!(response.field("x-cache"), Some(cached));
    }
    Ok(())
}
