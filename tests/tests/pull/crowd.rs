//! Many who want the same at once.

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use weir_tests::{
    edge::Edge,
    http,
    origin::{Gate, Origin, Reply},
    wait::until,
};

use crate::rig::{Result, content};

/// 10,000 with `WEIR_LONG` set for the build.
const CLIENTS: usize = if option_env!("WEIR_LONG").is_some() {
    10_000
} else {
    1_000
};

const BYTES: usize = 400_000;
const PATIENCE: Duration = Duration::from_mins(1);

/// An origin that sends the second half of `body` when `rest` is open.
fn in_halves(body: &[u8], rest: &Gate) -> Origin {
    let (body, rest) = (body.to_vec(), rest.clone());
    Origin::start(move |_| {
        let length = BYTES.to_string();
        let fields = [
            ("Content-Length", length.as_str()),
            ("Cache-Control", "max-age=60"),
        ];
        let (first, last) = body.split_at(BYTES / 2);
        Reply::head(200, &fields).send(first).wait(&rest).send(last)
    })
}

/// Reads until so many bytes have come.
async fn read(stream: &mut TcpStream, bytes: usize) -> Result<Vec<u8>> {
    let mut read = Vec::new();
    let mut room = vec![0; 16 * 1024];
    while read.len() < bytes {
        match timeout(PATIENCE, stream.read(&mut room)).await?? {
            0 => break,
            count => read.extend_from_slice(&room[..count]),
        }
    }
    Ok(read)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_reaches_the_origin_and_all_read_along_before_it_is_whole() -> Result {
    let (body, rest) = (content(BYTES), Gate::default());
    let origin = in_halves(&body, &rest);
    let edge = Edge::before(&[&origin]);
    let url = edge.url("/new.bin");
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/new.bin")
        .to_owned();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let address = address.clone();
        clients.spawn(async move {
            let mut stream = TcpStream::connect(&address).await?;
            let request = "GET /new.bin HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await?;
            let begun = read(&mut stream, 1_000).await?;
            Result::Ok((stream, begun))
        });
    }
    let mut reading = Vec::new();
    while let Some(client) = clients.join_next().await {
        let (stream, begun) = client??;
        assert!(begun.starts_with(b"HTTP/1.1 200 OK\r\n"));
        reading.push((stream, begun));
    }
    // All have begun, and the origin has not ended.
    assert_eq!(reading.len(), CLIENTS);
    rest.open();
    for (mut stream, mut bytes) in reading {
        bytes.append(&mut read(&mut stream, usize::MAX).await?);
        let response = http::parse(&bytes, false)?;
        assert!(response.body == body, "{} bytes", response.body.len());
    }
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}

#[test]
fn an_answer_for_one_client_is_not_given_to_those_who_waited() -> Result {
    let gate = Gate::default();
    let door = gate.clone();
    let origin = Origin::start(move |seen| {
        let reply = Reply::default().wait(&door);
        let body = seen.field("client").unwrap_or("?").to_owned();
        let length = body.len().to_string();
        let head = format!("HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: {length}");
        reply.send(format!("{head}\r\n\r\n{body}"))
    });
    let edge = Edge::before(&[&origin]);
    let url = edge.url("/mine");
    let asking: Vec<_> = ["one", "two", "three"]
        .map(|client| {
            let url = url.clone();
            std::thread::spawn(move || http::request("GET", &url, &[("Client", client)], b""))
        })
        .into();
    origin.wait_for(1);
    gate.open();
    let mut bodies = Vec::new();
    for client in asking {
        let response = client.join().expect("no panic")?;
        assert_eq!(response.field("x-cache"), Some("MISS from box"));
        bodies.push(response.text());
    }
    bodies.sort_unstable();
    assert_eq!(bodies, ["one", "three", "two"]);
    assert_eq!(origin.seen().len(), 3);
    Ok(())
}

#[test]
fn a_client_that_leaves_early_does_not_stop_the_fill() -> Result {
    let (body, rest) = (content(BYTES), Gate::default());
    let origin = in_halves(&body, &rest);
    let edge = Edge::before(&[&origin]);
    leave_early(&edge.url(""))?;
    rest.open();
    until("a hit", PATIENCE, || {
        let response = edge.get("/a.bin").ok()?;
        (response.field("x-cache") == Some("HIT from box")).then_some(())
    });
    assert!(edge.get("/a.bin")?.body == body);
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}

/// Asks for `/a.bin` and goes as soon as something of it has come.
fn leave_early(url: &str) -> Result {
    let host = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host)?;
    write!(stream, "GET /a.bin HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
    stream.read_exact(&mut [0; 1_000])?;
    Ok(())
}

#[test]
fn a_slow_client_does_not_slow_the_others() -> Result {
    // More than sockets hold.
    let body = content(8 << 20);
    let sent = body.clone();
    let origin = Origin::start(move |_| Reply::new(200, &[("Cache-Control", "max-age=60")], &sent));
    let edge = Edge::before(&[&origin]);
    let url = edge.url("");
    let host = url.trim_start_matches("http://");
    let mut slow = std::net::TcpStream::connect(host)?;
    write!(slow, "GET /a.bin HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
    origin.wait_for(1);
    // The first one takes nothing, and all the same:
    let response = edge.get("/a.bin")?;
    assert!(response.body == body);
    assert_eq!(origin.seen().len(), 1);
    drop(slow);
    Ok(())
}

/// RFC 9111 §5.1: what is here already has an age, though the rest of it still comes.
#[test]
fn who_comes_late_is_answered_by_the_cache() -> Result {
    let gate = Gate::default();
    let door = gate.clone();
    let origin = Origin::start(move |_| {
        let fields = [
            ("Cache-Control", "max-age=100"),
            ("Age", "50"),
            ("Content-Length", "20"),
        ];
        Reply::head(200, &fields)
            .send("0123456789")
            .wait(&door)
            .send("abcdefghij")
    });
    let edge = Edge::before(&[&origin]);
    let part = [("Range", "bytes=0-4")];
    let first = edge.ask("GET", "/a", &part)?;
    let late = edge.ask("GET", "/a", &part)?;
    gate.open();
    assert_eq!(
        (first.text().as_str(), late.text().as_str()),
        ("01234", "01234")
    );
    let status = late.field("cache-status").unwrap_or("");
    assert!(status.starts_with("box; hit; ttl="), "{status}");
    let age: u64 = late.field("age").ok_or("no Age")?.parse()?;
    assert!((50..80).contains(&age));
    assert_eq!(origin.seen().len(), 1);
    Ok(())
}

#[test]
fn who_comes_at_the_very_end_of_an_answer_is_answered_by_the_cache() -> Result {
    let body = content(BYTES);
    let sent = body.clone();
    let origin = Origin::start(move |_| Reply::new(200, &[("Cache-Control", "max-age=60")], &sent));
    let edge = Edge::before(&[&origin]);
    for number in 0..200 {
        let path = format!("/{number}.bin");
        assert!(edge.get(&path)?.body == body);
        let late = edge.ask("GET", &path, &[])?;
        assert_eq!(late.field("x-cache"), Some("HIT from box"), "{path}");
    }
    assert_eq!(origin.seen().len(), 200);
    Ok(())
}
