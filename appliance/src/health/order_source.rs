//! Whether an order comes from where orders may come from: no page of another site may have a
//! browser on the management network give one.
//!
//! A browser tells whom it asks (`Host`) and for whom (`Origin`, `Sec-Fetch-Site`). A page whose
//! own name was made to point at this box asks for its own name; so an order must name this box: by
//! an address, as `localhost`, by the name of the node, or by one of `management.names`. What comes
//! for a page must come for one of this box.
//!
//! Source: RFC 9110 §15.5.20 (421); RFC 6454 §7 (Origin); W3C Fetch Metadata (Sec-Fetch-Site).
//! Refuses: to look at who asks; that is `allow` of each kind of order.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{HOST, HeaderName, HeaderValue, ORIGIN},
    http::uri::Authority,
};
use tracing::warn;

use crate::serve::{Body, Client, reply};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names of this box.
#[derive(Debug)]
pub(super) struct OrderSource {
    names: Vec<String>,
}

/// Why an order is not even looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    /// It is for somebody else, or for nobody: 421.
    #[error(
        "orders are not taken for {0:?}: ask for an address, or add the name to `management.names`"
    )]
    Host(String),
    /// It is from a page of another site: 403.
    #[error("orders are not taken from pages of other sites")]
    Site,
}

impl OrderSource {
    /// That of a box with these names.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().collect();
        Self { names }
    }

    /// The answer to a request with these fields that may be no order; `None` if it may.
    pub(super) fn refuse(&self, headers: &HeaderMap, client: &Client) -> Option<Response<Body>> {
        let stranger = self.check(headers).err()?;
        let by = client.address.ip().to_canonical();
        warn!(%by, %stranger, "order refused");
        let status = match stranger {
            Stranger::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Stranger::Site => StatusCode::FORBIDDEN,
        };
        Some(reply::text(status, &stranger.to_string()))
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        let text = |name| headers.get(name).map(HeaderValue::as_bytes);
        let host = text(HOST).unwrap_or_default();
        let authority = Authority::try_from(host).ok();
        let is_ours =
            |authority: &&Authority| is_whole(authority) && self.is_ours(authority.host());
        let Some(authority) = authority.as_ref().filter(is_ours) else {
            return Err(Stranger::Host(String::from_utf8_lossy(host).into_owned()));
        };
        let is_from_here = text(ORIGIN).is_none_or(|origin| is_page_of(origin, authority));
        let site = text(SEC_FETCH_SITE);
        let is_same_site = site.is_none_or(|site| [&b"same-origin"[..], b"none"].contains(&site));
        if is_from_here && is_same_site {
            Ok(())
        } else {
            Err(Stranger::Site)
        }
    }

    /// Whether `host` is an address, which no name server can point elsewhere, or a name of this
    /// box.
    fn is_ours(&self, host: &str) -> bool {
        let ipv6 = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let is_address = host.parse::<Ipv4Addr>().is_ok()
            || ipv6.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
        let mut names = self.names.iter().map(String::as_str).chain(["localhost"]);
        is_address || names.any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// Whether nothing but a port follows the host, as in `[::1].evil.example`.
fn is_whole(authority: &Authority) -> bool {
    let rest = authority.as_str().strip_prefix(authority.host());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Whether `origin` is that of the pages which a browser gets from `authority`.
fn is_page_of(origin: &[u8], authority: &Authority) -> bool {
    let schemes = [&b"http://"[..], b"https://"];
    let mut pages = schemes.into_iter().filter_map(|it| origin.strip_prefix(it));
    pages.any(|page| page.eq_ignore_ascii_case(authority.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(&'static str, &'static str)]) -> Result<(), Stranger> {
        let source = OrderSource::new(["edge-1", "Edge.isp.example"].map(str::to_owned));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        source.check(&headers)
    }

    #[test]
    fn an_order_names_this_box_by_an_address_or_a_name_of_it() {
        for host in [
            "192.0.2.7:8080",
            "[2001:db8::7]:8080",
            "[::1]",
            "localhost:8080",
            "edge-1",
            "EDGE-1:8080",
            "edge.isp.example:8080",
        ] {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "",
            "edge-2",
            "edge-1.evil.example",
            "192.0.2.7.evil.example",
            "1.2.3",
            "[::1].evil.example",
            "evil.example:8080",
        ] {
            let stranger = Err(Stranger::Host(host.to_owned()));
            assert_eq!(check(&[("host", host)]), stranger, "{host}");
        }
        assert_eq!(check(&[]), Err(Stranger::Host(String::new())));
    }

    #[test]
    fn an_order_of_a_browser_is_for_a_page_of_this_box() {
        let host = ("host", "192.0.2.7:8080");
        for fields in [
            ("origin", "http://192.0.2.7:8080"),
            ("origin", "https://192.0.2.7:8080"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
        ] {
            assert_eq!(check(&[host, fields]), Ok(()), "{fields:?}");
        }
        for fields in [
            ("origin", "null"),
            ("origin", "http://evil.example"),
            ("origin", "http://192.0.2.7"),
            ("origin", "http://192.0.2.7:8080.evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
        ] {
            assert_eq!(check(&[host, fields]), Err(Stranger::Site), "{fields:?}");
        }
    }
}
