//! Whether a request comes from where it may come from: no page of another site may have a browser
//! on the management network read what this box tells, or give it an order.
//!
//! A browser tells whom it asks (`Host`) and for whom (`Origin`, `Sec-Fetch-Site`). A page whose
//! own name was made to point at this box asks for its own name, and could read the answer; so a
//! request must name this box: by an address, as `localhost`, by the name of the node, or by one of
//! `management.names`. Whoever only reads may name nobody, as probes of HTTP/1.0 do and browsers
//! never. An order that comes for a page must come for one of this box.
//!
//! Source: RFC 9110 §15.5.20 (421); RFC 6454 §7 (Origin); W3C Fetch Metadata (Sec-Fetch-Site).
//! Refuses: to look at who asks; that is `allow` of each kind of order.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{HOST, HeaderName, HeaderValue, ORIGIN},
    http::uri::Authority,
};
use tracing::{debug, warn};

use crate::serve::{Body, Client, reply};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names of this box.
#[derive(Debug)]
pub(super) struct RequestSource {
    names: Vec<String>,
}

/// Why a request is not even looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    /// It is for somebody else, or for nobody: 421.
    #[error(
        "{0:?} is no name of this box: ask for an address, or add the name to `management.names`"
    )]
    Host(String),
    /// It is from a page of another site: 403.
    #[error("orders are not taken from pages of other sites")]
    Site,
    /// It is by a cookie, which a browser sends by itself, and does not tell for which page: 403.
    #[error("an order of who is logged in tells from which page it comes, by `Origin`")]
    NoPage,
}

impl RequestSource {
    /// That of a box with these names.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().collect();
        Self { names }
    }

    /// The answer to a request with these fields that may be no order; `None` if it may.
    pub(super) fn refuse_order(
        &self,
        headers: &HeaderMap,
        client: &Client,
    ) -> Option<Response<Body>> {
        let stranger = self.check_order(headers).err()?;
        let by = client.address.ip().to_canonical();
        warn!(%by, %stranger, "order refused");
        Some(stranger.answer())
    }

    /// The answer to a request with these fields that may read nothing; `None` if it may.
    pub(super) fn refuse_reader(
        &self,
        headers: &HeaderMap,
        client: &Client,
    ) -> Option<Response<Body>> {
        let stranger = self.check_reader(headers).err()?;
        let by = client.address.ip().to_canonical();
        debug!(%by, %stranger, "not shown");
        Some(stranger.answer())
    }

    /// The answer to an order by a cookie that does not tell for which page it comes; `None` if it
    /// does. That it is a page of this box is for [`Self::refuse_order`] to know.
    pub(super) fn refuse_pageless(headers: &HeaderMap, client: &Client) -> Option<Response<Body>> {
        if headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE) {
            return None;
        }
        let by = client.address.ip().to_canonical();
        let stranger = Stranger::NoPage;
        warn!(%by, %stranger, "order refused");
        Some(stranger.answer())
    }

    fn check_reader(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        if headers.contains_key(HOST) {
            self.authority(headers)?;
        }
        Ok(())
    }

    fn check_order(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        let authority = self.authority(headers)?;
        let text = |name| headers.get(name).map(HeaderValue::as_bytes);
        let is_from_here = text(ORIGIN).is_none_or(|origin| is_page_of(origin, &authority));
        let site = text(SEC_FETCH_SITE);
        let is_same_site = site.is_none_or(|site| [&b"same-origin"[..], b"none"].contains(&site));
        if is_from_here && is_same_site {
            Ok(())
        } else {
            Err(Stranger::Site)
        }
    }

    /// Whom these fields ask, if it is this box.
    fn authority(&self, headers: &HeaderMap) -> Result<Authority, Stranger> {
        let mut hosts = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
        let (host, other) = (hosts.next().unwrap_or_default(), hosts.next());
        let authority = Authority::try_from(host).ok();
        let is_ours = |it: &Authority| other.is_none() && is_whole(it) && self.is_ours(it.host());
        let stranger = || Stranger::Host(String::from_utf8_lossy(host).into_owned());
        authority.filter(is_ours).ok_or_else(stranger)
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

impl Stranger {
    fn answer(&self) -> Response<Body> {
        let status = match self {
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Site | Self::NoPage => StatusCode::FORBIDDEN,
        };
        reply::text(status, &self.to_string())
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

    fn source() -> RequestSource {
        RequestSource::new(["edge-1", "Edge.isp.example"].map(str::to_owned))
    }

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn check(fields: &[(&'static str, &'static str)]) -> Result<(), Stranger> {
        source().check_order(&headers(fields))
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
    fn a_reader_names_this_box_or_nobody_and_may_be_sent_by_any_page() {
        let read =
            |fields: &[(&'static str, &'static str)]| source().check_reader(&headers(fields));
        for fields in [
            &[][..],
            &[("host", "edge-1:8080")],
            &[("host", "192.0.2.7"), ("sec-fetch-site", "cross-site")],
        ] {
            assert_eq!(read(fields), Ok(()), "{fields:?}");
        }
        for host in ["", "evil.example", "192.0.2.7.evil.example:8080"] {
            let stranger = Err(Stranger::Host(host.to_owned()));
            assert_eq!(read(&[("host", host)]), stranger, "{host}");
        }
        let two = [("host", "192.0.2.7"), ("host", "evil.example")];
        assert!(read(&two).is_err(), "who is asked is not told");
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
