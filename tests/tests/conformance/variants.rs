//! RFC 9111 §4.1: responses that differ by the fields of the request.

use weir_tests::{
    edge::Edge,
    origin::{Origin, Reply},
};

use crate::trial::{Result, is_hit, next_count};

/// An origin whose answers vary by `vary`.
fn varying(vary: &'static [&'static str]) -> Origin {
    Origin::start(move |_| {
        let count = next_count();
        let mut fields = vec![("Cache-Control", "max-age=60"), ("Count", count.as_str())];
        fields.extend(vary.iter().map(|names| ("Vary", *names)));
        Reply::new(200, &fields, "body")
    })
}

fn is_hit_with(edge: &Edge, fields: &[(&str, &str)]) -> Result<bool> {
    Ok(is_hit(&edge.ask("GET", "/", fields)?))
}

#[test]
fn each_variant_is_stored_beside_the_others() -> Result {
    let origin = varying(&["Foo"]);
    let edge = Edge::before(&[&origin]);
    for is_stored in [false, true] {
        for value in ["1", "2", "3"] {
            assert_eq!(is_hit_with(&edge, &[("Foo", value)])?, is_stored, "{value}");
        }
        assert_eq!(is_hit_with(&edge, &[])?, is_stored);
    }
    Ok(())
}

#[test]
fn variants_of_a_long_uri_are_stored_too() -> Result {
    let origin = varying(&["Foo"]);
    let edge = Edge::before(&[&origin]);
    for bytes in [900, 950, 970, 1_000, 3_000] {
        let path = format!("/{}", "a".repeat(bytes));
        for is_stored in [false, true] {
            for value in ["1", "2"] {
                let response = edge.ask("GET", &path, &[("Foo", value)])?;
                assert_eq!(is_hit(&response), is_stored, "{bytes} {value}");
            }
        }
    }
    Ok(())
}

#[test]
fn all_fields_have_to_match_however_they_are_listed() -> Result {
    for vary in [&["Foo, Bar"][..], &["Foo", "Bar"], &["bar ,foo"]] {
        let origin = varying(vary);
        let edge = Edge::before(&[&origin]);
        assert!(!is_hit_with(&edge, &[("Foo", "1"), ("Bar", "abc")])?);
        assert!(is_hit_with(&edge, &[("Bar", "abc"), ("Foo", "1")])?);
        assert!(!is_hit_with(&edge, &[("Foo", "1"), ("Bar", "abcde")])?);
        assert!(!is_hit_with(&edge, &[("Foo", "1")])?);
    }
    Ok(())
}

#[test]
fn what_means_the_same_is_the_same() -> Result {
    let origin = varying(&["Accept-Encoding"]);
    let edge = Edge::before(&[&origin]);
    assert!(!is_hit_with(&edge, &[("Accept-Encoding", "gzip, br")])?);
    assert!(is_hit_with(&edge, &[("Accept-Encoding", "br,gzip")])?);
    assert!(is_hit_with(&edge, &[("Accept-Encoding", "GZIP, br")])?);
    assert!(!is_hit_with(
        &edge,
        &[("Accept-Encoding", "gzip;q=0.5, br")]
    )?);
    Ok(())
}

#[test]
fn a_response_that_varies_by_more_than_before_is_found_by_all_of_it() -> Result {
    let origin = Origin::start(|seen| {
        let vary = if seen.field("foo").is_some() {
            "Foo"
        } else {
            "Bar"
        };
        let count = next_count();
        let fields = [
            ("Cache-Control", "max-age=60"),
            ("Vary", vary),
            ("Count", count.as_str()),
        ];
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    assert!(!is_hit_with(&edge, &[("Foo", "1")])?);
    assert!(!is_hit_with(&edge, &[("Bar", "1")])?);
    assert!(is_hit_with(&edge, &[("Bar", "1")])?);
    assert!(!is_hit_with(&edge, &[("Bar", "2")])?);
    Ok(())
}

/// An origin that tells only some clients by what its answers vary means all of them.
#[test]
fn an_answer_that_tells_no_vary_does_not_stand_in_for_one_that_does() -> Result {
    let origin = Origin::start(|seen| {
        let count = next_count();
        let mut fields = vec![("Cache-Control", "max-age=60"), ("Count", count.as_str())];
        if seen.field("origin").is_some() {
            fields.push(("Vary", "Origin"));
        }
        Reply::new(200, &fields, "body")
    });
    let edge = Edge::before(&[&origin]);
    let page = [("Origin", "http://tv.example")];
    let first = edge.ask("GET", "/", &page)?;
    assert!(!is_hit_with(&edge, &[])?);
    for (fields, is_first) in [(&page[..], true), (&[], false)] {
        let again = edge.ask("GET", "/", fields)?;
        assert!(is_hit(&again), "{fields:?}");
        assert_eq!(again.field("count") == first.field("count"), is_first);
    }
    Ok(())
}

/// RFC 9111 §4.1 leaves it to the cache which of several variants it prefers by weight.
#[test]
fn a_variant_in_the_preferred_language_is_used() -> Result {
    let origin = Origin::start(|seen| {
        let count = next_count();
        let asked = seen.field("accept-language").unwrap_or("");
        let language = if asked.contains("vi") { "vi" } else { "en" };
        let fields = [
            ("Cache-Control", "max-age=60"),
            ("Vary", "Accept-Language"),
            ("Content-Language", language),
            ("Count", count.as_str()),
        ];
        Reply::new(200, &fields, language)
    });
    let edge = Edge::before(&[&origin]);
    let ask = |languages: &str| edge.ask("GET", "/", &[("Accept-Language", languages)]);
    assert!(!is_hit(&ask("en, vi")?));
    for languages in ["en, vi", "vi", "fr;q=0.5, vi", "VI, en;q=0.3"] {
        let response = ask(languages)?;
        assert!(is_hit(&response), "{languages}");
        assert_eq!(response.text(), "vi", "{languages}");
    }
    // Whoever likes another one better, or as much, is the origin's to answer.
    for languages in ["en", "fr, vi;q=0.9", "vi, fr", "*, vi;q=0"] {
        assert!(!is_hit(&ask(languages)?), "{languages}");
    }
    assert_eq!(ask("en;q=0.8, fr;q=0.1")?.text(), "en");
    Ok(())
}
