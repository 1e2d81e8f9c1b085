//! What is too long to be fetched as a whole.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use weir_tests::{
    edge::Edge,
    origin::{Gate, Origin, Reply, Seen},
};

use crate::rig::{Result, content};

const SLICE: usize = 256 << 10;
const BYTES: usize = 5 * SLICE + 1_234;
const KEYS: &str = "slice = \"256KiB\"";

/// Answers ranges of `body`, as long as If-Range allows it.
fn serve(seen: &Seen, body: &[u8], etag: &str) -> Reply {
    let fields = [
        ("ETag", etag),
        ("Cache-Control", "max-age=60"),
        ("Accept-Ranges", "bytes"),
    ];
    let is_current = seen
        .field("if-range")
        .is_none_or(|condition| condition == etag);
    let Some((first, last)) = seen.range().filter(|_| is_current) else {
        return Reply::new(200, &fields, body);
    };
    let last = last.unwrap_or(body.len() - 1).min(body.len() - 1);
    let range = format!("bytes {first}-{last}/{}", body.len());
    let fields = [&fields[..], &[("Content-Range", range.as_str())]].concat();
    Reply::new(206, &fields, &body[first..=last])
}

#[test]
fn a_long_film_is_read_whole_though_it_lies_in_slices() -> Result {
    let body = content(BYTES);
    let sent = body.clone();
    let origin = Origin::start(move |seen| serve(seen, &sent, "\"film\""));
    let edge = Edge::with(&[&origin], KEYS);
    let first = edge.get("/film.mp4")?;
    assert!(first.body == body);
    let asked = origin.seen().len();
    let second = edge.get("/film.mp4")?;
    assert!(second.body == body);
    assert_eq!(second.field("x-cache"), Some("HIT from box"));
    assert_eq!(
        second.field("content-length"),
        Some(BYTES.to_string().as_str())
    );
    assert_eq!(origin.seen().len(), asked, "all slices are stored");
    for seen in &origin.seen()[1..] {
        assert_eq!(seen.field("if-range"), Some("\"film\""));
    }
    Ok(())
}

#[test]
fn whoever_jumps_to_the_end_does_not_wait_for_the_beginning() -> Result {
    let body = content(BYTES);
    let sent = body.clone();
    let origin = Origin::start(move |seen| serve(seen, &sent, "\"film\""));
    let edge = Edge::with(&[&origin], KEYS);
    let from = BYTES - 2_000;
    let part = edge.ask("GET", "/film.mp4", &[("Range", &format!("bytes={from}-"))])?;
    assert_eq!(part.status, 206);
    assert_eq!(
        part.field("content-range"),
        Some(format!("bytes {from}-{}/{BYTES}", BYTES - 1).as_str())
    );
    assert!(part.body == body[from..]);
    for seen in origin.seen() {
        assert!(
            seen.range().is_some_and(|(first, _)| first >= 4 * SLICE),
            "{seen:?}"
        );
    }
    Ok(())
}

#[test]
fn a_range_over_a_seam_is_put_together() -> Result {
    let body = content(BYTES);
    let sent = body.clone();
    let origin = Origin::start(move |seen| serve(seen, &sent, "\"film\""));
    let edge = Edge::with(&[&origin], KEYS);
    let (first, last) = (SLICE - 100, 3 * SLICE + 100);
    let part = edge.ask(
        "GET",
        "/film.mp4",
        &[("Range", &format!("bytes={first}-{last}"))],
    )?;
    assert_eq!(part.status, 206);
    assert!(part.body == body[first..=last]);
    Ok(())
}

#[test]
fn a_film_that_changes_in_the_middle_breaks_visibly_and_then_is_the_new_one() -> Result {
    let (old, new) = (content(BYTES), vec![9; BYTES]);
    let has_changed = Arc::new(AtomicBool::new(false));
    let change = Arc::clone(&has_changed);
    let sent = (old.clone(), new.clone());
    let origin = Origin::start(move |seen| {
        if change.load(Ordering::SeqCst) {
            serve(seen, &sent.1, "\"new\"")
        } else {
            serve(seen, &sent.0, "\"old\"")
        }
    });
    let edge = Edge::with(&[&origin], KEYS);
    // The first slices of the old one are stored.
    assert!(
        edge.ask("GET", "/film.mp4", &[("Range", "bytes=0-9")])?
            .body
            == old[..10]
    );
    has_changed.store(true, Ordering::SeqCst);
    edge.get("/film.mp4")
        .expect_err("half of it is another one");
    assert!(edge.get("/film.mp4")?.body == new);
    Ok(())
}

#[test]
fn a_slice_that_is_not_the_one_asked_for_breaks_visibly_and_is_not_kept() -> Result {
    let body = content(BYTES);
    let (sent, is_honest) = (body.clone(), Arc::new(AtomicBool::new(false)));
    let honesty = Arc::clone(&is_honest);
    let origin = Origin::start(move |seen| {
        let first = seen.range().map_or(0, |(first, _)| first);
        if first < 3 * SLICE || honesty.load(Ordering::SeqCst) {
            return serve(seen, &sent, "\"film\"");
        }
        let range = format!("bytes {}-{}/{BYTES}", 2 * SLICE, 3 * SLICE - 1);
        let fields = [
            ("ETag", "\"film\""),
            ("Cache-Control", "max-age=60"),
            ("Content-Range", range.as_str()),
        ];
        Reply::new(206, &fields, &sent[2 * SLICE..3 * SLICE])
    });
    let edge = Edge::with(&[&origin], KEYS);
    edge.get("/film.mp4").expect_err("a slice is missing");
    is_honest.store(true, Ordering::SeqCst);
    assert!(edge.get("/film.mp4")?.body == body);
    Ok(())
}

#[test]
fn a_film_whose_origin_gives_no_parts_of_it_is_fetched_whole() -> Result {
    let body = content(BYTES);
    let sent = body.clone();
    let origin = Origin::start(move |_| {
        let fields = [
            ("ETag", "\"film\""),
            ("Cache-Control", "max-age=60"),
            ("Accept-Ranges", "bytes"),
        ];
        Reply::new(200, &fields, &sent)
    });
    let edge = Edge::with(&[&origin], KEYS);
    edge.get("/film.mp4").expect_err("a slice came as a whole");
    assert!(edge.get("/film.mp4")?.body == body);
    let jump = [("Range", "bytes=600000-600099")];
    let part = edge.ask("GET", "/film.mp4", &jump)?;
    assert!(part.status == 206 && part.body == body[600_000..600_100]);
    assert_eq!(part.field("x-cache"), Some("HIT from box"));
    Ok(())
}

#[test]
fn a_slice_that_comes_late_as_a_whole_does_not_remove_what_has_come_since() -> Result {
    let body = content(BYTES);
    let (sent, late) = (body.clone(), Gate::default());
    let gate = late.clone();
    let origin = Origin::start(move |seen| {
        let fields = [
            ("ETag", "\"film\""),
            ("Cache-Control", "max-age=60"),
            ("Accept-Ranges", "bytes"),
        ];
        let is_late = seen.range().is_some_and(|(first, _)| first == 2 * SLICE);
        let reply = Reply::new(200, &fields, &sent);
        if is_late {
            Reply::default().wait(&gate).then(reply)
        } else {
            reply
        }
    });
    let edge = Edge::with(&[&origin], KEYS);
    edge.get("/film.mp4").expect_err("a slice came as a whole");
    assert!(edge.get("/film.mp4")?.body == body);
    late.open();
    let slices = origin
        .seen()
        .iter()
        .filter(|seen| seen.range().is_some())
        .count();
    edge.counted_by_route("slices_changed", slices as u64);
    let again = edge.get("/film.mp4")?;
    assert!(again.body == body);
    assert_eq!(again.field("x-cache"), Some("HIT from box"));
    Ok(())
}

#[test]
fn whoever_jumps_in_what_is_not_stored_gets_the_range_he_asked_for() -> Result {
    let body = content(BYTES);
    let sent = body.clone();
    let origin = Origin::start(move |seen| {
        let fields = [("Cache-Control", "no-store"), ("Accept-Ranges", "bytes")];
        let Some((first, last)) = seen.range() else {
            return Reply::new(200, &fields, &sent);
        };
        let last = last.unwrap_or(BYTES - 1).min(BYTES - 1);
        let range = format!("bytes {first}-{last}/{BYTES}");
        let fields = [&fields[..], &[("Content-Range", range.as_str())]].concat();
        Reply::new(206, &fields, &sent[first..=last])
    });
    let edge = Edge::with(&[&origin], KEYS);
    let (first, last) = (2 * SLICE + 100, 2 * SLICE + 199);
    let asked = format!("bytes={first}-{last}");
    let part = edge.ask("GET", "/film.mp4", &[("Range", &asked)])?;
    assert_eq!(part.status, 206);
    assert_eq!(
        part.field("content-range"),
        Some(format!("bytes {first}-{last}/{BYTES}").as_str())
    );
    assert!(part.body == body[first..=last]);
    Ok(())
}
