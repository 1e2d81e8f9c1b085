//! What a URI reference in a playlist, or in what a player tells, refers to.
//!
//! Source: RFC 3986 §5.2, by [`weir_cache::rules::resolve`]. Pure.
//!
//! Refuses: what leads to another scheme or authority than that of its base, and references longer
//! than [`REFERENCE_BYTES_MAX`]: nothing else is on this box's routes.

use hyper::Uri;
use weir_cache::rules::{self, is_same_origin};

/// Bytes a reference may have; the name of a stored response has at most half as many.
const REFERENCE_BYTES_MAX: usize = 2_048;

/// The target of `reference`, which was found in what stands at `base`; `None` if it is not on the
/// same scheme and authority, or is none. A fragment is dropped.
pub fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    if reference.len() > REFERENCE_BYTES_MAX {
        return None;
    }
    let target = rules::resolve(base, reference)?;
    let names_user = target.authority()?.as_str().contains('@');
    if names_user || !is_same_origin(base, &target) {
        return None;
    }
    // A port that goes without saying may have been said, and letters be of another case.
    let mut parts = target.into_parts();
    parts.scheme = base.scheme().cloned();
    parts.authority = base.authority().cloned();
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolved(base: &str, reference: &str) -> Option<String> {
        let base = base.parse().expect("a base");
        resolve(&base, reference).map(|uri| uri.to_string())
    }

    #[test]
    fn resolves_as_the_standard_has_it() {
        // RFC 3986 §5.4, as far as the references stay with their base.
        let base = "http://a/b/c/d;p?q";
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("//a", "http://a/"),
            ("//A:80/g", "http://a/g"),
            ("HTTP://a/x/./y", "http://a/x/y"),
        ] {
            assert_eq!(
                resolved(base, reference).as_deref(),
                Some(expected),
                "{reference}"
            );
        }
    }

    #[test]
    fn refuses_what_leads_elsewhere() {
        for reference in [
            "//b/g",
            "//a:81/g",
            "//u@a/g",
            "https://a/g",
            "http:g",
            "data:text/plain,a",
            "skd://key",
            "a b",
        ] {
            assert_eq!(resolved("http://a/b/c", reference), None, "{reference}");
        }
        let long = "a".repeat(REFERENCE_BYTES_MAX + 1);
        assert_eq!(resolved("http://a/b", &long), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_never_leaves_its_base(reference in "[./a:?#@%\\PC]{0,30}") {
            let base: Uri = "https://tv.example:8443/a/b.m3u8?x".parse().expect("a base");
            if let Some(uri) = resolve(&base, &reference) {
                prop_assert_eq!(uri.scheme(), base.scheme());
                prop_assert_eq!(uri.authority(), base.authority());
                let is_dotted = uri.path().split('/').any(|part| part == "." || part == "..");
                prop_assert!(!is_dotted);
            }
        }
    }
}
