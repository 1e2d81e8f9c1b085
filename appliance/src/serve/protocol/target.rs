//! What a request is for, brought into the one form that handlers know: a path from the root, and
//! one `Host` field.
//!
//! Source: RFC 9112 §3.2 (Host, absolute-form), RFC 9113 §8.3.1 (`:authority`), RFC 9110 §4.2.4 (no
//! user names), §7.2; RFC 3986 §3.2.3 (port).
//! Refuses: requests that name two hosts, or something that is none. Whoever stands before or
//! behind this box might choose the other one.

use hyper::{
    Request, Uri, Version,
    header::{HOST, HeaderMap, HeaderValue},
    http::uri::Authority,
};
use weir_cache::rules::has_plain_port;

/// Why the target of a request is refused; the text is for the client.
pub(crate) type Refusal = &'static str;

/// Gives `request` one `Host` field and a target without scheme and host, if they agree.
///
/// # Errors
/// One sentence to answer 400 with.
pub(crate) fn normalize<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    let mut named = request.headers().get_all(HOST).iter();
    let (first, second) = (named.next().cloned(), named.next());
    if second.is_some() {
        return Err("exactly one Host field is needed");
    }
    let named = first.as_ref().map(host_of).transpose()?;
    let asked = request.uri().authority().cloned();
    let is_http2 = request.version() == Version::HTTP_2;
    match (asked, named) {
        (Some(asked), _) if is_user_named(asked.as_str()) => {
            return Err("user names have no place in a request");
        }
        (Some(asked), _) if !has_plain_port(&asked) => {
            return Err("the port of the request target is none");
        }
        // Only HTTP/2 wants them to agree; in HTTP/1.1 the target alone counts.
        (Some(asked), Some(named)) if is_http2 && !is_same(&asked, named.as_ref()) => {
            return Err("the Host field and :authority differ");
        }
        (Some(asked), _) => set_host(request.headers_mut(), &asked)?,
        (None, Some(_)) => {}
        (None, None) if request.version() <= Version::HTTP_10 => {}
        (None, None) => return Err("exactly one Host field is needed"),
    }
    *request.uri_mut() = origin_form(request.uri());
    Ok(())
}

/// The host in a `Host` field; `None` for an empty one, which names nobody.
fn host_of(value: &HeaderValue) -> Result<Option<Authority>, Refusal> {
    const REFUSAL: Refusal = "the Host field names no host";
    if value.is_empty() {
        return Ok(None);
    }
    let authority = Authority::try_from(value.as_bytes()).map_err(|_unhelpful| REFUSAL)?;
    let is_named = !is_user_named(authority.as_str()) && !authority.host().is_empty();
    if !is_named || !has_plain_port(&authority) {
        return Err(REFUSAL);
    }
    Ok(Some(authority))
}

fn is_user_named(authority: &str) -> bool {
    authority.contains('@')
}

fn is_same(asked: &Authority, named: Option<&Authority>) -> bool {
    named.is_some_and(|named| asked.as_str().eq_ignore_ascii_case(named.as_str()))
}

fn set_host(headers: &mut HeaderMap, authority: &Authority) -> Result<(), Refusal> {
    let value = HeaderValue::from_str(authority.as_str());
    let value = value.map_err(|_unhelpful| "the request names no host")?;
    headers.insert(HOST, value);
    Ok(())
}

/// The target without scheme and host. What has no path (`CONNECT`) stays what it is.
fn origin_form(target: &Uri) -> Uri {
    let path = target.path_and_query().cloned();
    path.map_or_else(|| target.clone(), Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host and target that a handler sees, or the refusal.
    fn seen(version: Version, target: &str, hosts: &[&str]) -> Result<(String, String), Refusal> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let mut request = request.body(()).unwrap();
        normalize(&mut request)?;
        let host = request
            .headers()
            .get(HOST)
            .map(|host| host.to_str().unwrap());
        Ok((host.unwrap_or("").to_owned(), request.uri().to_string()))
    }

    /// Asserts what a handler sees.
    fn sees((version, target, hosts): (Version, &str, &[&str]), host: &str, path: &str) {
        let wanted = Ok((host.to_owned(), path.to_owned()));
        assert_eq!(seen(version, target, hosts), wanted);
    }

    #[test]
    fn every_version_comes_to_one_form() {
        let (old, one, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        sees((one, "/a?b", &["box:80"]), "box:80", "/a?b");
        sees((one, "/a", &[""]), "", "/a");
        sees((one, "http://other/a?b", &["box"]), "other", "/a?b");
        sees((one, "http://[::7]:81", &["box"]), "[::7]:81", "/");
        sees((one, "*", &["box"]), "box", "*");
        sees((old, "/a", &[]), "", "/a");
        sees((two, "https://box/a?b", &[]), "box", "/a?b");
        sees((two, "https://box/a", &["BOX"]), "box", "/a");
        sees((two, "/a", &["box"]), "box", "/a");
    }

    #[test]
    fn a_request_that_names_no_host_or_two_is_refused() {
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        for (version, target, hosts) in [
            (one, "/a", &[][..]),
            (one, "/a", &["box", "box"]),
            (Version::HTTP_10, "/a", &["box", "other"]),
            (one, "/a", &["box/evil"]),
            (one, "/a", &["me@box"]),
            (one, "/a", &["box evil"]),
            (one, "/a", &["box:65536"]),
            (one, "/a", &["box:x"]),
            (one, "/a", &["box:080"]),
            (one, "http://box:65536/a", &["box"]),
            (two, "https://box:+1/a", &[]),
            (one, "http://me@box/a", &["box"]),
            (two, "/a", &[]),
            (two, "https://box/a", &["other"]),
            (two, "https://box/a", &[""]),
            (two, "https://box/a", &["box", "box"]),
        ] {
            assert!(seen(version, target, hosts).is_err(), "{target} {hosts:?}");
        }
    }
}
