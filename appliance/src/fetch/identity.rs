//! Who this box is to other proxies, so that a request that comes back is known.
//!
//! Source: RFC 9110 §7.6.3 (Via), RFC 8586 (CDN-Loop). Both fields are appended to every request
//! that goes out, and both are looked at on every request that would.

use std::{
    fmt::{self, Display},
    hash::{BuildHasher, RandomState},
};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue, VIA},
};

/// Source: RFC 8586 §2.
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// Proxies a request may have come through: an edge, two tiers of mid-caches and an origin are 4.
const HOPS_MAX: usize = 16;

/// The name that this box writes into requests.
#[derive(Debug, Clone)]
pub struct Identity {
    name: String,
    /// Via and CDN-Loop; a client of its own is no proxy and writes neither.
    fields: Option<(HeaderValue, HeaderValue)>,
}

/// Why a request is not sent on: it has been here before, or through too many others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopDetected {
    /// Its Via or CDN-Loop names this box.
    BeenHere,
    /// It came through more than 16 proxies.
    TooManyHops,
}

impl Display for LoopDetected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BeenHere => "the request has been here before",
            Self::TooManyHops => "the request came through too many proxies",
        })
    }
}

impl std::error::Error for LoopDetected {}

impl Identity {
    /// The identity of `node`, told apart from boxes of the same name by eight random letters,
    /// which are others after a restart.
    pub fn new(node: &str) -> Self {
        // A hasher with random keys is the one source of chance that the standard library has.
        let [.., a, b, c, d] = RandomState::new().hash_one(node).to_be_bytes();
        Self::with_instance(node, u32::from_be_bytes([a, b, c, d]))
    }

    /// The identity of `node` with a number of choice.
    ///
    /// What cannot stand in a name of RFC 9110 is left out of it.
    pub fn with_instance(node: &str, instance: u32) -> Self {
        let is_letter = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
        let node: String = node.chars().filter(is_letter).collect();
        let name = format!("{node}-{instance:08x}");
        let via = field_value(format!("1.1 {name}"));
        let cdn_loop = field_value(name.clone());
        Self {
            fields: Some((via, cdn_loop)),
            name,
        }
    }

    /// A client that asks for itself: it passes nothing on, and so writes no name.
    pub fn of_client() -> Self {
        Self {
            name: "client".to_owned(),
            fields: None,
        }
    }

    /// The name in Via and CDN-Loop.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks whether a request with these fields may be sent on.
    ///
    /// # Errors
    /// [`LoopDetected`], which a client is told by 508 (Loop Detected).
    pub fn check(&self, headers: &HeaderMap) -> Result<(), LoopDetected> {
        let members = |name: &HeaderName| {
            let lines = headers.get_all(name).into_iter();
            lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        };
        let is_us = |name: &[u8]| name.eq_ignore_ascii_case(self.name.as_bytes());
        let via = members(&VIA).filter_map(received_by);
        let cdns = members(&CDN_LOOP).filter_map(cdn_id);
        if via.chain(cdns).any(is_us) {
            return Err(LoopDetected::BeenHere);
        }
        if members(&VIA).count().max(members(&CDN_LOOP).count()) > HOPS_MAX {
            return Err(LoopDetected::TooManyHops);
        }
        Ok(())
    }

    /// Appends this box to the proxies that a request came through.
    pub fn stamp(&self, headers: &mut HeaderMap) {
        if let Some((via, cdn_loop)) = &self.fields {
            headers.append(VIA, via.clone());
            headers.append(CDN_LOOP, cdn_loop.clone());
        }
    }
}

fn field_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("letters, digits and ._- fit in a field")
}

/// `1.1 name (comment)`: the name.
fn received_by(member: &[u8]) -> Option<&[u8]> {
    member
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .nth(1)
}

/// `name; parameter=value`: the name.
fn cdn_id(member: &[u8]) -> Option<&[u8]> {
    let name = member.split(|byte| *byte == b';').next()?;
    Some(name.trim_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn a_request_that_was_stamped_here_is_not_sent_again() {
        let identity = Identity::with_instance("edge-1", 7);
        let mut headers = headers(&[("via", "1.0 fred, 1.1 p.example.net")]);
        assert_eq!(identity.check(&headers), Ok(()));
        identity.stamp(&mut headers);
        assert_eq!(identity.check(&headers), Err(LoopDetected::BeenHere));
        assert_eq!(headers["cdn-loop"], "edge-1-00000007");
        assert_eq!(Identity::with_instance("edge-1", 8).check(&headers), Ok(()));
    }

    #[test]
    fn either_field_alone_tells_of_a_loop_in_every_form_it_may_have() {
        let identity = Identity::with_instance("edge-1", 7);
        for field in [
            ("via", "1.1 edge-1-00000007"),
            ("via", "1.0 fred,HTTP/1.1  EDGE-1-00000007 (Weir)"),
            ("cdn-loop", "a.example, edge-1-00000007; trace=\"x\""),
            ("cdn-loop", "edge-1-00000007"),
        ] {
            let verdict = identity.check(&headers(&[field]));
            assert_eq!(verdict, Err(LoopDetected::BeenHere), "{field:?}");
        }
        for field in [
            ("via", "1.1 edge-1"),
            ("cdn-loop", "edge-1-00000007.example"),
        ] {
            assert_eq!(identity.check(&headers(&[field])), Ok(()), "{field:?}");
        }
    }

    #[test]
    fn a_request_through_too_many_proxies_goes_no_further() {
        let identity = Identity::with_instance("edge-1", 7);
        let hops = |count| vec!["1.1 other"; count].join(", ");
        assert_eq!(identity.check(&headers(&[("via", &hops(16))])), Ok(()));
        let verdict = identity.check(&headers(&[("via", &hops(17))]));
        assert_eq!(verdict, Err(LoopDetected::TooManyHops));
    }

    #[test]
    fn a_client_of_its_own_writes_no_name() {
        let mut headers = HeaderMap::new();
        Identity::of_client().stamp(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn boxes_of_one_name_are_told_apart() {
        assert_ne!(Identity::new("weir").name(), Identity::new("weir").name());
    }

    proptest! {
        #[test]
        fn no_field_makes_the_check_panic(via in "\\PC{0,80}", cdn_loop in "[ -~]{0,80}") {
            let mut headers = HeaderMap::new();
            headers.extend(HeaderValue::from_str(&via).map(|value| (VIA, value)));
            headers.extend(HeaderValue::from_str(&cdn_loop).map(|value| (CDN_LOOP, value)));
            prop_assert!(Identity::new("weir").check(&headers) != Err(LoopDetected::BeenHere));
        }
    }
}
