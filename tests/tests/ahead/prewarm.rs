//! Orders to prewarm, by the API and by the command.

use std::{fs, time::Duration};

use tempfile::TempDir;
use weir_tests::{
    edge::Edge,
    http::{self, Response},
    origin::{Gate, Origin, Reply},
    process::{Ended, weir},
    wait::until,
};

use crate::rig::{FILM_SEGMENTS, Result, SEGMENT_BYTES, answer, asked, station};

fn order(edge: &Edge, body: &str) -> Result<Response> {
    let url = edge.management("/api/v1/prewarm");
    http::request("POST", &url, &[], body.as_bytes())
}

/// What the API tells once the order is done with.
fn ended(edge: &Edge) -> serde_json::Value {
    until("the end of the order", Duration::from_secs(20), || {
        let progress = http::get(&edge.management("/api/v1/prewarm")).ok()?.json();
        (progress["state"] != "running").then_some(progress)
    })
}

fn run(edge: &Edge, folder: &TempDir, list: &str, options: &[&str]) -> Ended {
    let file = folder.path().join("list.txt");
    fs::write(&file, list).expect("the temporary folder can be written");
    let file = file.to_str().expect("a plain path").to_owned();
    let management = edge.management("");
    let arguments = [
        "prewarm",
        file.as_str(),
        "--management",
        management.as_str(),
    ];
    weir(arguments.iter().chain(options), Duration::from_secs(30))
}

#[test]
fn a_film_is_there_to_its_last_segment() -> Result {
    let (origin, _) = station(100);
    let edge = Edge::before(&[&origin]);
    let url = edge.url("/7/master.m3u8");
    let answer = order(&edge, &format!("{{\"urls\": [\"{url}\"]}}"))?;
    assert_eq!(answer.status, 202);
    let progress = ended(&edge);
    let objects = 3 + 2 * FILM_SEGMENTS;
    assert_eq!(progress["state"], "done", "{progress}");
    assert_eq!(progress["objects_found"], objects, "{progress}");
    assert_eq!(progress["objects_fetched"], objects, "{progress}");
    assert_eq!(progress["lists_followed"], 3);
    let bytes = progress["bytes_fetched"].as_u64().expect("a number");
    assert!(bytes > 2 * FILM_SEGMENTS * SEGMENT_BYTES as u64, "{bytes}");
    let seen = origin.seen().len();
    for path in [
        "/7/master.m3u8",
        "/7/sd/film.m3u8",
        "/7/hd/film-4.ts",
        "/7/sd/film-0.ts",
    ] {
        assert_eq!(
            edge.get(path)?.field("x-cache"),
            Some("HIT from box"),
            "{path}"
        );
    }
    assert_eq!(
        origin.seen().len(),
        seen,
        "nobody has to ask the origin any more"
    );
    edge.counted("prewarm", "objects_fetched", objects);
    edge.counted("prewarm", "bytes_fetched", bytes);
    Ok(())
}

#[test]
fn a_manifest_is_kept_and_that_it_is_not_followed_is_told() -> Result {
    let fields = [
        ("Content-Type", "application/dash+xml"),
        ("Cache-Control", "max-age=60"),
    ];
    let origin = Origin::start(move |_| Reply::new(200, &fields, "<MPD type=\"static\"/>"));
    let edge = Edge::before(&[&origin]);
    let url = edge.url("/7/film.mpd");
    order(&edge, &format!("{{\"urls\": [\"{url}\"]}}"))?;
    let progress = ended(&edge);
    assert_eq!(progress["objects_fetched"], 1, "{progress}");
    assert_eq!(progress["lists_followed"], 0, "{progress}");
    let reason = progress["misses"][0]["reason"].as_str();
    assert!(
        reason.is_some_and(|reason| reason.contains("DASH")),
        "{progress}"
    );
    Ok(())
}

#[test]
fn the_command_tells_what_is_there_and_what_is_not() -> Result {
    let (origin, _) = station(100);
    let edge = Edge::before(&[&origin]);
    let folder = TempDir::new()?;
    let host = edge.host();
    let list = "# tonight\n/7/hd/film.m3u8\n/8/a.ts # the trailer\n";
    let done = run(&edge, &folder, list, &["--host", &host, "--segments", "2"]);
    assert!(done.status.success(), "{}", done.output);
    assert!(done.output.contains("FETCHED"), "{}", done.output);
    assert_eq!(asked(&origin, "film-0.ts") + asked(&origin, "film-1.ts"), 2);
    assert_eq!(asked(&origin, "film-2.ts"), 0, "two segments were wanted");
    let list = "/8/a.ts\n/8/none\nCH_9\nhttp://127.0.0.1:1/livez\n";
    let missing = run(&edge, &folder, list, &["--host", &host, "--json"]);
    assert_eq!(missing.status.code(), Some(69), "{}", missing.output);
    for text in [
        "\"objects_present\": 1",
        "\"objects_failed\": 1",
        "\"objects_refused\": 2",
        "the origins answered 404",
        "no channel is called so",
        "it is made here",
        "weir: 3 of 4 objects are not in the cache",
    ] {
        assert!(missing.output.contains(text), "{text}: {}", missing.output);
    }
    Ok(())
}

#[test]
fn the_command_says_what_is_wrong() -> Result {
    let (origin, _) = station(100);
    let edge = Edge::before(&[&origin]);
    let folder = TempDir::new()?;
    for (list, options, status, text) in [
        ("# nothing\n", &[][..], 64, "names nothing"),
        ("/a.ts\n", &[], 69, "add a host, or write the URL whole"),
        ("/a.ts\n", &["--host", "a b"], 69, "is no host"),
        (
            "a\n",
            &["--management", "https://127.0.0.1"],
            64,
            "is no address of an appliance",
        ),
        (
            "a\n",
            &["--management", "http://127.0.0.1:1"],
            69,
            "no appliance answers at",
        ),
        ("a\n", &["--rate", "0"], 64, "--rate"),
    ] {
        let options: Vec<&str> = options.to_vec();
        let file = folder.path().join("list.txt");
        fs::write(&file, list)?;
        let own = edge.management("");
        let mut arguments = vec!["prewarm", file.to_str().expect("a plain path")];
        if !options.contains(&"--management") {
            arguments.extend(["--management", own.as_str()]);
        }
        arguments.extend(options);
        let ended = weir(arguments, Duration::from_secs(30));
        assert_eq!(
            ended.status.code(),
            Some(status),
            "{list:?}: {}",
            ended.output
        );
        assert!(ended.output.contains(text), "{}", ended.output);
    }
    assert_eq!(origin.seen().len(), 0);
    Ok(())
}

#[test]
fn nothing_is_fetched_from_anywhere_but_the_origins() -> Result {
    let elsewhere = Origin::start(|_| Reply::new(200, &[], "elsewhere"));
    let other = elsewhere.url();
    let origin = Origin::start(move |seen| match seen.target.as_str() {
        "/a/list.m3u8" => Reply::new(
            200,
            &[("Content-Type", crate::rig::PLAYLIST)],
            format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{other}/a/1.ts\n\
                 #EXTINF:4,\n//{}/a/2.ts\n#EXTINF:4,\n../b/3.ts\n#EXTINF:4,\n4.ts\n\
                 #EXTINF:4,\n%2e%2e/b/6.ts\n\
                 #EXT-X-ENDLIST\n",
                other.trim_start_matches("http://")
            ),
        ),
        _ => answer(seen, 100),
    });
    let url = origin.url();
    let daemon = weir_tests::daemon::Daemon::start(&format!(
        "[[origin]]\nname = \"o\"\nurls = [\"{url}\"]\n\
         [[route]]\npath = \"/a/\"\norigin = [\"o\"]\n"
    ));
    let lists = [daemon.data("/a/list.m3u8"), elsewhere.url() + "/c/5.ts"];
    let body = serde_json::json!({ "playlists": lists }).to_string();
    let management = daemon.management("/api/v1/prewarm");
    http::request("POST", &management, &[], body.as_bytes())?;
    let progress = until("the end", Duration::from_secs(10), || {
        let progress = http::get(&management).ok()?.json();
        (progress["state"] == "done").then_some(progress)
    });
    assert_eq!(progress["objects_fetched"], 2, "{progress}");
    assert_eq!(progress["objects_refused"], 5, "{progress}");
    assert_eq!(elsewhere.seen().len(), 0);
    assert_eq!(origin.seen().len(), 2);
    Ok(())
}

#[test]
fn an_order_keeps_to_its_rate_and_its_connections_and_can_be_cancelled() -> Result {
    let gate = Gate::default();
    let door = gate.clone();
    let origin = Origin::start(move |seen| Reply::default().wait(&door).then(answer(seen, 100)));
    let edge = Edge::before(&[&origin]);
    let urls: Vec<String> = (0..40)
        .map(|number| edge.url(&format!("/{number}.ts")))
        .collect();
    let body = serde_json::json!({ "urls": urls, "concurrency": 3, "rate": 1000 }).to_string();
    assert_eq!(order(&edge, &body)?.status, 202);
    origin.wait_for(3);
    let busy = order(&edge, &body)?;
    assert_eq!(busy.status, 409, "{}", busy.text());
    let url = edge.management("/api/v1/prewarm");
    let progress = http::get(&url)?.json();
    assert_eq!(
        (&progress["state"], &progress["items"]),
        (&"running".into(), &40.into())
    );
    let cancelled = http::request("DELETE", &url, &[], b"")?.json();
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    assert_eq!(origin.seen().len(), 3, "no more than three at one time");
    gate.open();
    edge.counted("prewarm", "orders_cancelled", 1);
    // What had begun is taken in all the same, and another order goes through.
    let body = serde_json::json!({ "urls": [edge.url("/99.ts")] }).to_string();
    assert_eq!(order(&edge, &body)?.status, 202);
    assert_eq!(ended(&edge)["objects_fetched"], 1);
    Ok(())
}

#[test]
fn an_order_is_no_faster_than_its_rate() -> Result {
    let (origin, _) = station(100);
    let edge = Edge::before(&[&origin]);
    let urls: Vec<String> = (0..6)
        .map(|number| edge.url(&format!("/{number}.ts")))
        .collect();
    let body = serde_json::json!({ "urls": urls, "rate": 10 }).to_string();
    order(&edge, &body)?;
    let progress = ended(&edge);
    assert_eq!(progress["objects_fetched"], 6);
    let seconds = progress["seconds"].as_f64().expect("a number");
    assert!(seconds >= 0.5, "{seconds}");
    Ok(())
}

#[test]
fn only_those_who_may_give_orders_do() -> Result {
    let (origin, _) = station(100);
    let url = origin.url();
    let daemon = weir_tests::daemon::Daemon::start(&format!(
        "[prewarm]\nallow = [\"192.0.2.0/24\"]\n\
         [[origin]]\nname = \"o\"\nurls = [\"{url}\"]\n[[route]]\npath = \"/\"\norigin = [\"o\"]\n"
    ));
    let management = daemon.management("/api/v1/prewarm");
    let body = serde_json::json!({ "urls": [daemon.data("/a.ts")] }).to_string();
    for method in ["POST", "DELETE"] {
        let answer = http::request(method, &management, &[], body.as_bytes())?;
        assert_eq!(answer.status, 403, "{method}");
        assert!(answer.text().contains("prewarm.allow"), "{}", answer.text());
    }
    assert_eq!(http::get(&management)?.json()["state"], "idle");
    assert_eq!(http::request("PUT", &management, &[], b"{}")?.status, 405);
    assert_eq!(origin.seen().len(), 0);
    Ok(())
}

#[test]
fn a_form_of_another_site_gives_no_order() -> Result {
    let (origin, _) = station(100);
    let edge = Edge::before(&[&origin]);
    let url = edge.management("/api/v1/prewarm");
    let body = serde_json::json!({ "urls": [edge.url("/a.ts")] }).to_string();
    let length = body.len().to_string();
    // The client of these tests announces JSON; this is what a form can send.
    let host = url
        .trim_start_matches("http://")
        .split('/')
        .next()
        .expect("a host");
    let request = format!(
        "POST /api/v1/prewarm HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let mut stream = std::net::TcpStream::connect(host)?;
    std::io::Write::write_all(&mut stream, request.as_bytes())?;
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
    assert_eq!(origin.seen().len(), 0);
    Ok(())
}

#[test]
fn what_is_long_is_there_in_all_its_slices() -> Result {
    const BYTES: usize = 3 << 20;
    let origin = Origin::start(|seen| {
        let total = BYTES.to_string();
        let mut fields = vec![("ETag", "\"1\""), ("Accept-Ranges", "bytes")];
        let Some((first, last)) = seen.range() else {
            fields.push(("Content-Length", &total));
            return Reply::head(200, &fields).send(vec![b'x'; BYTES]);
        };
        let last = last.unwrap_or(BYTES - 1).min(BYTES - 1);
        let range = format!("bytes {first}-{last}/{total}");
        let length = (last + 1 - first).to_string();
        fields.extend([
            ("Content-Range", range.as_str()),
            ("Content-Length", &length),
        ]);
        Reply::head(206, &fields).send(vec![b'x'; last + 1 - first])
    });
    let edge = Edge::with(&[&origin], "slice = \"512KiB\"");
    let body = serde_json::json!({ "urls": [edge.url("/film.mp4")] }).to_string();
    order(&edge, &body)?;
    let progress = ended(&edge);
    assert_eq!(progress["bytes_fetched"], BYTES, "{progress}");
    let asked = origin.seen().len();
    let film = edge.get("/film.mp4")?;
    assert_eq!(
        (film.body.len(), film.field("x-cache")),
        (BYTES, Some("HIT from box"))
    );
    assert_eq!(origin.seen().len(), asked);
    Ok(())
}
