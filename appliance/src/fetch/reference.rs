//! What a URI reference in a playlist, or in what a player tells, refers to.
//!
//! Source: RFC 3986 §5.2 (reference resolution), §5.2.4 (dot segments). Pure.
//!
//! Refuses: what leads to another scheme or authority than that of its base, and references longer
//! than [`REFERENCE_BYTES_MAX`]: nothing else is on this box's routes.

use hyper::{
    Uri,
    http::uri::{Authority, Scheme},
};

/// Bytes a reference may have; the name of a stored response has at most half as many.
const REFERENCE_BYTES_MAX: usize = 2_048;

/// The target of `reference`, which was found in what stands at `base`; `None` if it is not on the
/// same scheme and authority, or is none. A fragment is dropped.
pub fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let (scheme, authority) = base.scheme().zip(base.authority())?;
    if reference.len() > REFERENCE_BYTES_MAX {
        return None;
    }
    let reference = reference.split('#').next().unwrap_or("").trim_ascii();
    let path_and_query = match local(reference, scheme, authority)? {
        Local::OfRoot(local) => {
            let (path, query) = split_query(local);
            with_query(&without_dots(path), query)
        }
        Local::OfBase(local) => merge(base, local),
    };
    Uri::builder()
        .scheme(scheme.clone())
        .authority(authority.clone())
        .path_and_query(path_and_query)
        .build()
        .ok()
}

/// What of a reference follows scheme and authority.
enum Local<'a> {
    /// It named the authority.
    OfRoot(&'a str),
    /// It did not.
    OfBase(&'a str),
}

fn local<'a>(reference: &'a str, scheme: &Scheme, authority: &Authority) -> Option<Local<'a>> {
    let rest = match after_scheme(reference) {
        Some((named, rest)) => {
            let is_same = named.eq_ignore_ascii_case(scheme.as_str());
            Some(rest).filter(|rest| is_same && rest.starts_with("//"))?
        }
        None => reference,
    };
    let Some(rest) = rest.strip_prefix("//") else {
        return Some(Local::OfBase(rest));
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (named, local) = rest.split_at_checked(end)?;
    is_same_authority(named, authority, scheme).then_some(Local::OfRoot(local))
}

/// RFC 3986 §5.2.3, for a base with an authority.
fn merge(base: &Uri, local: &str) -> String {
    let (path, query) = split_query(local);
    if path.is_empty() {
        return with_query(base.path(), query.or_else(|| base.query()));
    }
    if path.starts_with('/') {
        return with_query(&without_dots(path), query);
    }
    let folder = base
        .path()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    with_query(&without_dots(&format!("{folder}/{path}")), query)
}

fn split_query(local: &str) -> (&str, Option<&str>) {
    match local.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (local, None),
    }
}

fn with_query(path: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// The scheme of a reference and what follows its colon, if it has one.
fn after_scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.bytes().all(is_letter) && !scheme.is_empty();
    is_scheme.then_some((scheme, rest))
}

/// A port that goes without saying may be said.
fn is_same_authority(named: &str, authority: &Authority, scheme: &Scheme) -> bool {
    let implied = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    named.parse::<Authority>().is_ok_and(|named| {
        let port = |one: &Authority| one.port_u16().unwrap_or(implied);
        named.host().eq_ignore_ascii_case(authority.host())
            && port(&named) == port(authority)
            && !named.as_str().contains('@')
    })
}

/// A path from `/` without `.` and `..` (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
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
