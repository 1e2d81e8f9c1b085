//! What of a client's words reaches an origin, and that no words lead anywhere else.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use weir_tests::{daemon::Daemon, http, origin::Seen};

use crate::rig::Rig;

/// The last thing the origin was asked.
fn seen(rig: &Rig) -> Seen {
    rig.origin.seen().pop().expect("the origin was asked")
}

fn names(seen: &Seen) -> Vec<&str> {
    seen.fields.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn what_is_for_one_hop_ends_here() {
    let rig = Rig::start();
    let fields = [
        ("Connection", "X-One, x-two"),
        ("Connection", "close, X-Three"),
        ("X-One", "1"),
        ("X-Two", "2"),
        ("X-Three", "3"),
        ("X-Four", "4"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("TE", "trailers, deflate"),
        ("Trailer", "X-Late"),
        ("Upgrade", "websocket"),
        ("Expect", "100-continue"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
    ];
    let response = http::request("POST", &rig.daemon.data("/vod/a"), &fields, b"body");
    assert_eq!(response.unwrap().text(), "/vod/a");
    let seen = seen(&rig);
    assert_eq!(seen.body, b"body");
    assert_eq!(seen.field("x-four"), Some("4"));
    for name in [
        "x-one",
        "x-two",
        "x-three",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "trailer",
        "upgrade",
        "expect",
    ] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    let framings = names(&seen)
        .into_iter()
        .filter(|name| ["content-length", "transfer-encoding"].contains(name));
    assert_eq!(framings.count(), 1, "the body is framed once: {seen:?}");
}

#[test]
fn connection_takes_away_no_field_that_guards_something() {
    let rig = Rig::start();
    let request = "POST /vod/a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\
        Authorization: Basic eDp5\r\n\
        Connection: close, Content-Length, Host, Transfer-Encoding, Via, CDN-Loop\r\n\r\nbody";
    assert_eq!(rig.say(request.as_bytes()).statuses(), [200]);
    let seen = seen(&rig);
    assert_eq!(seen.body, b"body");
    assert_eq!(seen.field("host"), Some("h"));
    for name in ["via", "cdn-loop"] {
        assert!(names(&seen).contains(&name), "{name} of ours: {seen:?}");
    }
}

#[test]
fn a_length_that_is_announced_is_announced_to_the_origin() {
    let rig = Rig::start();
    let post = "POST /vod/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
    let long = format!("{post}Content-Length: 4\r\n\r\nbody");
    assert_eq!(rig.say(long.as_bytes()).statuses(), [200]);
    let announced = seen(&rig);
    assert_eq!(announced.field("content-length"), Some("4"));
    assert_eq!(announced.field("transfer-encoding"), None);
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
    assert_eq!(rig.say(chunked.as_bytes()).statuses(), [200]);
    assert_eq!(seen(&rig).field("transfer-encoding"), Some("chunked"));
    assert_eq!(seen(&rig).field("content-length"), None);
}

#[test]
fn a_body_cut_short_behind_an_early_answer_never_looks_whole() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = Daemon::start(&format!(
        "[[origin]]\nname = \"o\"\nurls = [\"http://{}\"]\n\
         [[route]]\npath = \"/vod/\"\norigin = [\"o\"]\n",
        origin.local_addr().unwrap()
    ));
    let heard = thread::spawn(move || {
        let (mut stream, _) = origin.accept().unwrap();
        let mut heard = Vec::new();
        let mut room = [0; 4_096];
        while !heard.ends_with(b"begun\r\n") {
            let count = stream.read(&mut room).unwrap();
            heard.extend_from_slice(&room[..count]);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .unwrap();
        // However that ends.
        drop(stream.read_to_end(&mut heard));
        heard
    });
    let mut client =
        std::net::TcpStream::connect(daemon.data("").trim_start_matches("http://")).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(8)))
        .unwrap();
    let begun = "POST /vod/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nbegun\r\n";
    client.write_all(begun.as_bytes()).unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(client);
    let heard = heard.join().unwrap();
    let heard = String::from_utf8_lossy(&heard);
    assert!(!heard.ends_with("0\r\n\r\n"), "{heard}");
}

#[test]
fn trailer_fields_of_a_client_go_no_further() {
    let rig = Rig::start();
    let request = "POST /vod/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n4\r\nbody\r\n\
        0\r\nX-Late: 1\r\nHost: evil\r\nContent-Length: 9\r\n\r\n";
    assert_eq!(rig.say(request.as_bytes()).statuses(), [200]);
    let seen = seen(&rig);
    assert_eq!(
        (seen.body.as_slice(), seen.field("host")),
        (&b"body"[..], Some("h"))
    );
    assert_eq!((seen.field("x-late"), seen.field("trailer")), (None, None));
}

#[test]
fn a_request_that_has_been_here_is_not_passed_on() {
    let rig = Rig::start();
    let url = rig.daemon.data("/vod/a");
    http::get(&url).unwrap();
    let first = seen(&rig);
    for name in ["via", "cdn-loop"] {
        let mark = first.field(name).expect("a mark of ours");
        let answered = http::request("GET", &url, &[(name, mark)], b"").unwrap();
        assert_eq!(answered.status, 508, "{name}: {mark}");
        let among = format!("1.1 other, {mark}, 1.0 third");
        let among = if name == "via" {
            among
        } else {
            format!("other, {mark};a=b")
        };
        let answered = http::request("GET", &url, &[(name, &among)], b"").unwrap();
        assert_eq!(answered.status, 508, "{name}: {among}");
        // To have it taken away, as what is for one hop is, does not hide it.
        let fields = [(name, mark), ("Connection", name)];
        let answered = http::request("GET", &url, &fields, b"").unwrap();
        assert_eq!(answered.status, 508, "{name} listed in Connection");
    }
    assert_eq!(rig.asked().len(), 1);
}

#[test]
fn no_words_lead_to_another_address_than_an_origins() {
    let rig = Rig::start();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let other = elsewhere.local_addr().unwrap();
    let close = "Connection: close\r\n\r\n";
    for request in [
        format!("GET http://{other}/vod/a HTTP/1.1\r\nHost: h\r\n{close}"),
        format!("GET http://{other}/ HTTP/1.1\r\nHost: {other}\r\n{close}"),
        format!("GET https://{other}/vod/a HTTP/1.1\r\nHost: h\r\n{close}"),
        format!("GET /vod/a HTTP/1.1\r\nHost: {other}\r\n{close}"),
        format!("GET /vod/http://{other}/ HTTP/1.1\r\nHost: h\r\n{close}"),
        format!("GET //{other}/vod/a HTTP/1.1\r\nHost: h\r\n{close}"),
        format!("GET /vod/a@{other}/ HTTP/1.1\r\nHost: h\r\n{close}"),
        format!("GET @{other}/vod/a HTTP/1.1\r\nHost: h\r\n{close}"),
        format!("GET :@{other}/vod/a HTTP/1.1\r\nHost: h\r\n{close}"),
        format!(
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX-Forwarded-Host: {other}\r\n\
             Forwarded: host={other}\r\n{close}"
        ),
        format!("GET /vod/a HTTP/1.1\r\nHost: h\r\nX-Original-URL: http://{other}/\r\n{close}"),
        format!("CONNECT {other} HTTP/1.1\r\nHost: {other}\r\n{close}"),
        format!(
            "POST http://{other}/vod/a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n{close}body"
        ),
        format!("GET http://{other}/vod/a HTTP/1.0\r\n\r\n"),
    ] {
        let said = rig.say(request.as_bytes());
        assert!(
            said.is_closed && said.responses.len() == 1,
            "{request}: {said:?}"
        );
    }
    let refused = elsewhere.accept().map(|_| "somebody came");
    assert!(refused.is_err(), "{refused:?}");
    for target in rig.asked() {
        assert!(
            target.starts_with("/vod/"),
            "the origin was asked for {target}"
        );
    }
}

#[test]
fn the_host_that_counts_is_that_of_the_target() {
    let rig = Rig::start();
    let request = "GET http://target/vod/a HTTP/1.1\r\nHost: field\r\nConnection: close\r\n\r\n";
    assert_eq!(rig.say(request.as_bytes()).statuses(), [200]);
    assert_eq!(seen(&rig).field("host"), Some("target"));
    let hosts = seen(&rig)
        .fields
        .into_iter()
        .filter(|(name, _)| name == "host");
    assert_eq!(hosts.count(), 1);
}
