//! RFC 9111 §4.2 and RFC 9213: for how long a response is fresh.

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply},
};

use crate::trial::{Result, asked_anew, is_hit, reused, try_all};

#[test]
fn the_directive_for_shared_caches_goes_before_the_others() -> Result {
    try_all(
        &[],
        &[
            reused(&[("Cache-Control", "s-maxage=60, max-age=0")]),
            asked_anew(&[("Cache-Control", "s-maxage=0, max-age=60")]),
            reused(&[
                ("Cache-Control", "max-age=60"),
                ("Expires", "Thu, 01 Jan 2015 00:00:00 GMT"),
            ]),
            asked_anew(&[
                ("Cache-Control", "max-age=0"),
                ("Expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
            ]),
        ],
    )
}

#[test]
fn the_field_for_networks_of_caches_goes_before_all() -> Result {
    try_all(
        &[],
        &[
            reused(&[
                ("CDN-Cache-Control", "max-age=60"),
                ("Cache-Control", "no-store"),
            ]),
            asked_anew(&[
                ("CDN-Cache-Control", "no-store"),
                ("Cache-Control", "max-age=60"),
            ]),
            asked_anew(&[
                ("CDN-Cache-Control", "private"),
                ("Cache-Control", "max-age=60"),
            ]),
            asked_anew(&[
                ("CDN-Cache-Control", "no-cache"),
                ("Cache-Control", "max-age=60"),
            ]),
            // What is no structured field is ignored.
            asked_anew(&[
                ("CDN-Cache-Control", "max-age=\"60\""),
                ("Cache-Control", "no-store"),
            ]),
            asked_anew(&[
                ("CDN-Cache-Control", "max-age=60, &&&"),
                ("Cache-Control", "no-store"),
            ]),
        ],
    )
}

#[test]
fn the_time_in_other_caches_counts() -> Result {
    try_all(
        &[],
        &[
            reused(&[("Cache-Control", "max-age=60"), ("Age", "30")]),
            asked_anew(&[("Cache-Control", "max-age=60"), ("Age", "60")]),
            asked_anew(&[("Cache-Control", "max-age=60"), ("Age", "2147483648")]),
            asked_anew(&[
                ("Cache-Control", "max-age=60"),
                ("Age", "99999999999999999999999999"),
            ]),
            // Of several the first counts, and what is no number does not.
            reused(&[("Cache-Control", "max-age=60"), ("Age", "0, 7200")]),
            reused(&[("Cache-Control", "max-age=60"), ("Age", "7200.0")]),
            reused(&[("Cache-Control", "max-age=60"), ("Age", "-7200")]),
            asked_anew(&[
                ("Cache-Control", "max-age=60"),
                ("Date", "Thu, 01 Jan 2015 00:00:00 GMT"),
            ]),
        ],
    )
}

#[test]
fn what_cannot_be_read_is_stale() -> Result {
    try_all(
        &[],
        &[
            asked_anew(&[("Expires", "0")]),
            asked_anew(&[("Expires", "tomorrow")]),
            asked_anew(&[("Cache-Control", "max-age=-1")]),
            asked_anew(&[("Cache-Control", "max-age=1e9")]),
            asked_anew(&[("Cache-Control", "max-age=0x10")]),
            asked_anew(&[("Cache-Control", "max-age=")]),
            asked_anew(&[("Cache-Control", "s-maxage=soon, max-age=60")]),
            reused(&[("Cache-Control", "max-age=60"), ("Date", "yesterday")]),
            reused(&[("Expires", "Fri, 31 Dec 9999 23:59:59 GMT")]),
            reused(&[("Cache-Control", "max-age=99999999999")]),
            reused(&[("Cache-Control", "MaX-aGe=60")]),
            reused(&[("Cache-Control", "max-age=60, foobar, x=\"max-age=0\"")]),
        ],
    )
}

/// RFC 9111 §4.2.2.
#[test]
fn a_lifetime_is_guessed_only_where_the_route_says_so() -> Result {
    const LONG_AGO: (&str, &str) = ("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT");
    let origin = Origin::start(|seen| {
        let status = seen.target.trim_matches('/').parse().unwrap_or(200);
        Reply::new(status, &[LONG_AGO], "")
    });
    let (guessing, plain) = (
        Edge::with(&[&origin], "heuristic = true"),
        Edge::before(&[&origin]),
    );
    for (path, is_guessed) in [
        ("/200", true),
        ("/404", true),
        ("/201", false),
        ("/403", false),
    ] {
        for (edge, is_reused) in [(&guessing, is_guessed), (&plain, false)] {
            edge.get(path)?;
            assert_eq!(is_hit(&edge.get(path)?), is_reused, "{path}");
        }
    }
    Ok(())
}
