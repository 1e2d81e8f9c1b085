//! RFC 9111 §3: what is stored at all.

use crate::trial::{Case, Result, asked_anew, reused, try_all};

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
