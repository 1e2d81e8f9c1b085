//! RFC 9111 §3: what is stored at all.

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply},
};

use crate::trial::{Case, Result, asked_anew, is_hit, reused, try_all};

#[test]
fn what_says_for_how_long_it_is_fresh_is_stored() -> Result {
    try_all(
        &[],
        &[
            reused(&[("Cache-Control", "max-age=60")]),
            reused(&[("Cache-Control", "s-maxage=60")]),
            reused(&[("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")]),
            reused(&[("Cache-Control", "public, max-age=60")]),
        ],
    )
}

#[test]
fn what_forbids_it_is_not_stored() -> Result {
    try_all(
        &[],
        &[
            asked_anew(&[("Cache-Control", "no-store, max-age=60")]),
            asked_anew(&[("Cache-Control", "private, max-age=60")]),
            asked_anew(&[
                ("Cache-Control", "No-Store"),
                ("Cache-Control", "max-age=60"),
            ]),
            asked_anew(&[("Cache-Control", "max-age=60"), ("Vary", "*")]),
        ],
    )
}

#[test]
fn what_says_nothing_of_its_lifetime_is_not_used_again() -> Result {
    try_all(
        &[],
        &[
            asked_anew(&[]),
            asked_anew(&[("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT")]),
        ],
    )
}

#[test]
fn any_final_status_is_stored_if_it_says_so() -> Result {
    let case = |status| Case {
        status,
        ..reused(&[("Cache-Control", "max-age=60")])
    };
    try_all(
        &[],
        &[203, 300, 301, 308, 404, 410, 414, 501, 599].map(case),
    )
}

#[test]
fn an_answer_to_who_must_prove_himself_is_for_him_alone_unless_it_says_otherwise() -> Result {
    try_all(
        &[("Authorization", "Basic YTpi")],
        &[
            asked_anew(&[("Cache-Control", "max-age=60")]),
            reused(&[("Cache-Control", "max-age=60, public")]),
            reused(&[("Cache-Control", "s-maxage=60")]),
            reused(&[("Cache-Control", "max-age=60, must-revalidate")]),
        ],
    )
}

#[test]
fn what_is_asked_for_with_no_store_is_not_stored() -> Result {
    try_all(
        &[("Cache-Control", "no-store")],
        &[asked_anew(&[("Cache-Control", "max-age=60")])],
    )
}

#[test]
fn a_cookie_is_shared_only_where_the_answer_says_how_long() -> Result {
    const COOKIE: (&str, &str) = ("Set-Cookie", "a=b");
    const MEDIA: (&str, &str) = ("Content-Type", "video/mp2t");
    try_all(
        &[],
        &[
            reused(&[("Cache-Control", "public, max-age=60"), COOKIE]),
            reused(&[("Cache-Control", "max-age=60"), COOKIE]),
            asked_anew(&[("Cache-Control", "private, max-age=60"), COOKIE]),
            // Our own lifetime for media is not for what is one client's.
            reused(&[MEDIA]),
            asked_anew(&[MEDIA, COOKIE]),
        ],
    )
}

/// RFC 9110 §9.3.3.
#[test]
fn an_answer_to_post_answers_a_get_if_it_is_the_resource_and_says_how_long() -> Result {
    let origin = Origin::start(|seen| {
        let mut fields = vec![("Cache-Control", "max-age=60")];
        match seen.target.as_str() {
            "/own" | "/varies" => fields.push(("Content-Location", &seen.target)),
            "/other" => fields.push(("Content-Location", "/elsewhere")),
            "/brief" => fields = vec![("Content-Location", "/brief")],
            _ => {}
        }
        if seen.target == "/varies" {
            fields.push(("Vary", "Foo"));
        }
        Reply::new(200, &fields, seen.method.as_str())
    });
    let edge = Edge::before(&[&origin]);
    for (path, is_kept) in [
        ("/own", true),
        ("/varies", true),
        ("/other", false),
        ("/brief", false),
        ("/unnamed", false),
    ] {
        // What is stored goes first, and the conditions are the origin's to judge.
        edge.get(path)?;
        let posted = edge.ask(
            "POST",
            path,
            &[("If-None-Match", "*"), ("Range", "bytes=0-0")],
        )?;
        assert_eq!(
            (posted.status, posted.text().as_str()),
            (200, "POST"),
            "{path}"
        );
        let status = posted.field("cache-status").unwrap_or("");
        assert_eq!(status.ends_with("; stored"), is_kept, "{path}: {status}");
        let got = edge.get(path)?;
        assert_eq!(is_hit(&got), is_kept, "{path}");
        assert_eq!(got.text(), if is_kept { "POST" } else { "GET" }, "{path}");
    }
    let elsewhere = edge.ask("GET", "/varies", &[("Foo", "1")])?;
    assert_eq!(elsewhere.text(), "GET");
    Ok(())
}
