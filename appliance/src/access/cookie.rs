//! The cookie that a browser shows for its session.
//!
//! Over TLS its name has the prefix that keeps others on this host from setting it (`__Host-`), and
//! a browser shows it over TLS alone. Scripts cannot read it, and no other site has it sent along.
//!
//! Source: RFC 6265 §4.1, §5.4; RFC 6265bis (`SameSite`, `__Host-`).
//! Refuses: to choose among several. Of two, one is somebody else's.

use hyper::{
    HeaderMap,
    header::{COOKIE, HeaderValue},
};

use crate::{access::session::SessionKey, serve::reply::visible};

/// Its name.
const fn name(is_encrypted: bool) -> &'static str {
    if is_encrypted {
        "__Host-weir-session"
    } else {
        "weir-session"
    }
}

/// The field that has a browser show `key` from now on.
pub(crate) fn showing(key: &SessionKey, is_encrypted: bool) -> HeaderValue {
    field(key.as_str(), is_encrypted, "")
}

/// The field that has a browser show none any more.
pub(crate) fn forgotten(is_encrypted: bool) -> HeaderValue {
    field("", is_encrypted, "; Max-Age=0")
}

fn field(value: &str, is_encrypted: bool, end: &str) -> HeaderValue {
    let name = name(is_encrypted);
    let secure = if is_encrypted { "; Secure" } else { "" };
    visible(format!(
        "{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{end}"
    ))
}

/// What a browser shows.
pub(crate) fn shown(headers: &HeaderMap, is_encrypted: bool) -> Option<&[u8]> {
    let name = name(is_encrypted).as_bytes();
    let fields = headers.get_all(COOKIE).iter();
    let pairs = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let rest = pair.trim_ascii().strip_prefix(name)?;
        rest.strip_prefix(b"=")
    });
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[&'static str]) -> HeaderMap {
        let fields = fields.iter().map(|it| HeaderValue::from_static(it));
        fields.map(|field| (COOKIE, field)).collect()
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_for_no_script() {
        let key = SessionKey::random().expect("random numbers");
        let digits = key.as_str();
        assert_eq!(
            showing(&key, false),
            format!("weir-session={digits}; Path=/; HttpOnly; SameSite=Strict")
        );
        assert_eq!(
            showing(&key, true),
            format!("__Host-weir-session={digits}; Path=/; HttpOnly; SameSite=Strict; Secure")
        );
        assert_eq!(
            forgotten(false),
            "weir-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
        );
    }

    #[test]
    fn one_cookie_of_that_name_is_shown_and_no_other() {
        for (fields, expected) in [
            (&["weir-session=a"][..], Some(&b"a"[..])),
            (&["x=1; weir-session=a ; y=2"], Some(b"a")),
            (&["x=1", "weir-session=a"], Some(b"a")),
            (&["weir-session=a; weir-session=b"], None),
            (&["weir-session=a", "weir-session=b"], None),
            (&["xweir-session=a; weir-sessions=b; Weir-Session=c"], None),
            (&["__Host-weir-session=a"], None),
            (&[], None),
        ] {
            assert_eq!(shown(&headers(fields), false), expected, "{fields:?}");
        }
        let encrypted = headers(&["weir-session=a; __Host-weir-session=b"]);
        assert_eq!(shown(&encrypted, true), Some(&b"b"[..]));
    }
}
