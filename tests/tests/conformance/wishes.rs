//! RFC 9111 §5.2.1: what a request asks of the cache.

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply},
};

use crate::trial::{Fields, Result, asked_anew, is_hit, next_count, reused, try_all};

/// Asks once without any wish and once with one, and tells whether the second is a hit.
fn is_hit_by(response: Fields, wish: &str) -> Result<bool> {
    let origin = Origin::start(move |_| {
        let count = next_count();
        Reply::new(
            200,
            &[response, &[("Count", count.as_str())]].concat(),
            "body",
        )
    });
    let edge = Edge::before(&[&origin]);
    edge.get("/")?;
    let second = edge.ask("GET", "/", &[("Cache-Control", wish)])?;
    Ok(is_hit(&second))
}

#[test]
fn a_request_may_want_it_younger_or_fresh_for_longer() -> Result {
    const AGED: Fields = &[("Cache-Control", "max-age=100"), ("Age", "50")];
    assert!(is_hit_by(AGED, "max-age=60")?);
    assert!(!is_hit_by(AGED, "max-age=40")?);
    assert!(is_hit_by(AGED, "min-fresh=40")?);
    assert!(!is_hit_by(AGED, "min-fresh=60")?);
    Ok(())
}

#[test]
fn a_request_may_take_it_stale() -> Result {
    const STALE: Fields = &[("Cache-Control", "max-age=100"), ("Age", "150")];
    const STRICT: Fields = &[
        ("Cache-Control", "max-age=100, must-revalidate"),
        ("Age", "150"),
    ];
    assert!(!is_hit_by(STALE, "x")?);
    assert!(is_hit_by(STALE, "max-stale")?);
    assert!(is_hit_by(STALE, "max-stale=60")?);
    assert!(!is_hit_by(STALE, "max-stale=40")?);
    assert!(!is_hit_by(STRICT, "max-stale")?);
    Ok(())
}

#[test]
fn a_request_may_want_it_validated() -> Result {
    const FRESH: Fields = &[("Cache-Control", "max-age=100")];
    try_all(&[("Cache-Control", "no-cache")], &[asked_anew(FRESH)])?;
    try_all(&[("Cache-Control", "max-age=0")], &[asked_anew(FRESH)])?;
    try_all(&[("Pragma", "no-cache")], &[asked_anew(FRESH)])?;
    // Cache-Control goes before Pragma.
    try_all(
        &[("Pragma", "no-cache"), ("Cache-Control", "x")],
        &[reused(FRESH)],
    )
}
