//! What players will ask for next is there before they do.

use std::{sync::atomic::Ordering, time::Duration};

use weir_tests::{
    edge::Edge,
    origin::{Gate, Origin, Reply},
    wait::until,
};

use crate::rig::{Result, answer, asked, live_playlist, station};

/// Waits until the edge has `path`, without asking the origin for it.
fn await_stored(edge: &Edge, path: &str) {
    until(path, Duration::from_secs(10), || {
        let fields = [("Cache-Control", "only-if-cached")];
        let response = edge.ask("HEAD", path, &fields).ok()?;
        (response.status == 200).then_some(())
    });
}

#[test]
fn the_newest_segments_of_a_live_playlist_are_there_before_anybody_asks() -> Result {
    let (origin, newest) = station(100);
    let edge = Edge::before(&[&origin]);
    edge.get("/ch/live.m3u8")?;
    for number in 98..=100 {
        await_stored(&edge, &format!("/ch/segment-{number}.ts"));
    }
    assert_eq!(asked(&origin, ".ts"), 3, "those before them are for nobody");
    let segment = edge.get("/ch/segment-100.ts")?;
    assert_eq!(segment.field("x-cache"), Some("HIT from box"));
    newest.store(101, Ordering::SeqCst);
    edge.get("/ch/live.m3u8")?;
    await_stored(&edge, "/ch/segment-101.ts");
    assert_eq!(asked(&origin, ".ts"), 4, "each is fetched once");
    edge.counted("prefetch", "objects_prefetched", 4);
    edge.counted("prefetch", "objects_used", 1);
    Ok(())
}

#[test]
fn a_playlist_whose_segments_nobody_wants_is_not_followed_for_long() -> Result {
    let (origin, newest) = station(100);
    let edge = Edge::before(&[&origin]);
    for number in 100..140 {
        newest.store(number, Ordering::SeqCst);
        edge.get("/ch/live.m3u8")?;
    }
    edge.counted("prefetch", "objects_offered", 42);
    let segments = usize::try_from(edge.counter("prefetch", "objects_prefetched"))?;
    // Credit for twelve, and for one more after half a minute.
    assert!((12..=13).contains(&segments), "{segments} segments");
    assert_eq!(asked(&origin, ".ts"), segments);
    edge.counted("prefetch", "objects_unwanted", 42 - segments as u64);
    Ok(())
}

#[test]
fn a_playlist_whose_segments_are_wanted_again_is_followed_again() -> Result {
    let (origin, newest) = station(100);
    let edge = Edge::before(&[&origin]);
    let load = |number| {
        newest.store(number, Ordering::SeqCst);
        edge.get("/ch/live.m3u8").map(drop)
    };
    for number in 100..120 {
        load(number)?;
    }
    edge.counted("prefetch", "objects_offered", 22);
    let before = edge.counter("prefetch", "objects_prefetched");
    edge.get("/ch/segment-119.ts")?;
    load(120)?;
    edge.counted("prefetch", "objects_prefetched", before + 1);
    Ok(())
}

#[test]
fn what_a_player_says_it_will_ask_for_is_fetched_on_its_route_alone() -> Result {
    let (origin, _) = station(100);
    let edge = Edge::before(&[&origin]);
    let by_field = [("CMCD-Request", "bl=1000,nor=\"..%2Fhd%2Ffilm-7.ts\"")];
    edge.ask("GET", "/7/sd/film-6.ts", &by_field)?;
    await_stored(&edge, "/7/hd/film-7.ts");
    let told = "/7/hd/film-7.ts?CMCD=nor%3D%22film-8.ts%22";
    assert_eq!(edge.get(told)?.field("x-cache"), Some("HIT from box"));
    await_stored(&edge, "/7/hd/film-8.ts");
    for elsewhere in [
        "http://192.0.2.1/a.ts",
        "//192.0.2.1/b.ts",
        "https://127.0.0.1/c.ts",
        "d.key",
        "/livez",
        "ftp:e.ts",
    ] {
        let field = format!("nor=\"{elsewhere}\"");
        edge.ask(
            "GET",
            "/7/hd/film-7.ts",
            &[("CMCD-Request", field.as_str())],
        )?;
    }
    edge.counted("prefetch", "objects_prefetched", 2);
    edge.counted("prefetch", "objects_offered", 2);
    assert_eq!(asked(&origin, ".ts"), 3);
    assert_eq!(origin.seen().len(), 3, "{:?}", origin.seen());
    Ok(())
}

#[test]
fn a_hint_reaches_no_other_route() -> Result {
    let (origin, _) = station(100);
    let url = origin.url();
    let route = format!(
        "[[origin]]\nname = \"o\"\nurls = [\"{url}\"]\n\
         [[route]]\npath = \"/a/\"\norigin = [\"o\"]\n\
         [[route]]\npath = \"/b/\"\norigin = [\"o\"]\n"
    );
    let daemon = weir_tests::daemon::Daemon::start(&route);
    let get = |path: &str, fields: &[(&str, &str)]| {
        weir_tests::http::request("GET", &daemon.data(path), fields, b"")
    };
    for hint in [
        "nor=\"..%2Fb%2F1.ts\"",
        "nor=\"%252e%252e/b/1.ts\"",
        "nor=\"x/%252E./.%252e/b/1.ts\"",
        "nor=\"..%252Fb%252F1.ts\"",
    ] {
        get("/a/0.ts", &[("CMCD-Request", hint)])?;
    }
    get("/a/0.ts", &[("CMCD-Request", "nor=\"1.ts\"")])?;
    until("the hint on the route", Duration::from_secs(10), || {
        (asked(&origin, "/a/1.ts") == 1).then_some(())
    });
    let seen = origin.seen().into_iter();
    let strange = seen.map(|seen| seen.target).find(|it| it.contains('b'));
    assert_eq!(strange, None);
    Ok(())
}

#[test]
fn a_route_may_do_without() -> Result {
    let (origin, _) = station(100);
    let edge = Edge::with(&[&origin], "prefetch = false");
    edge.get("/ch/live.m3u8")?;
    edge.ask("GET", "/ch/a.ts", &[("CMCD-Request", "nor=\"b.ts\"")])?;
    edge.get("/ch/c.ts")?;
    edge.counted("prefetch", "objects_offered", 0);
    assert_eq!(origin.seen().len(), 3);
    Ok(())
}

#[test]
fn who_asks_for_what_is_being_fetched_reads_along() -> Result {
    let gate = Gate::default();
    let door = gate.clone();
    let origin = Origin::start(move |seen| {
        if seen.target.ends_with("segment-100.ts") {
            let head = Reply::head(
                200,
                &[("Content-Length", "10"), ("Cache-Control", "max-age=9")],
            );
            return head.send("01234").wait(&door).send("56789");
        }
        answer(seen, 100)
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/ch/live.m3u8")?;
    until("the fetch", Duration::from_secs(10), || {
        (asked(&origin, "segment-100.ts") == 1).then_some(())
    });
    let url = edge.url("/ch/segment-100.ts");
    let reading = std::thread::spawn(move || weir_tests::http::get(&url));
    edge.counted_by_route("collapsed", 1);
    gate.open();
    let response = reading.join().expect("a reader")?;
    assert_eq!(response.text(), "0123456789");
    assert_eq!(asked(&origin, "segment-100.ts"), 1);
    edge.counted("prefetch", "objects_used", 1);
    Ok(())
}

#[test]
fn clients_go_first_where_an_origin_takes_few_connections() -> Result {
    let gate = Gate::default();
    let door = gate.clone();
    let origin = Origin::start(move |seen| {
        if seen.target.ends_with("slow.bin") {
            let head = Reply::head(
                200,
                &[("Content-Length", "4"), ("Cache-Control", "max-age=9")],
            );
            return head.send("ab").wait(&door).send("cd");
        }
        answer(seen, 100)
    });
    let url = origin.url();
    let daemon = weir_tests::daemon::Daemon::start(&format!(
        "[[origin]]\nname = \"o\"\nurls = [\"{url}\"]\nconnections_max = 3\n\
         [[route]]\npath = \"/\"\norigin = [\"o\"]\n"
    ));
    let slow: Vec<_> = ["/1/slow.bin", "/2/slow.bin"]
        .map(|path| daemon.data(path))
        .map(|url| std::thread::spawn(move || weir_tests::http::get(&url)))
        .into();
    origin.wait_for(2);
    let playlist = weir_tests::http::get(&daemon.data("/ch/live.m3u8"))?;
    assert_eq!(playlist.text(), live_playlist(100));
    until("three drops", Duration::from_secs(10), || {
        (daemon.health()["prefetch"]["objects_dropped"] == 3).then_some(())
    });
    assert_eq!(asked(&origin, ".ts"), 0);
    gate.open();
    for slow in slow {
        assert_eq!(slow.join().expect("a client")?.text(), "abcd");
    }
    Ok(())
}
