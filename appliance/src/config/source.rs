//! Source URLs: `udp://[source@]group:port`, `rtp://…`, `http://…` and `https://…`.
//!
//! Refuses: host names in `udp://` and `rtp://` (a box must come up without a name server) and
//! anything after the port (there are no hidden options).

use std::{
    fmt::{self, Display},
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use hyper::Uri;

use super::{
    Source, Transport,
    mistake::{quoted, without_secrets},
};

/// Bytes a URL may have.
const URL_BYTES_MAX: usize = 2_048;

impl FromStr for Source {
    type Err = String;

    /// Reads a source URL.
    ///
    /// An empty source, as in `udp://@239.1.1.1:1234`, means any source.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("udp", rest)) => datagram(Transport::Udp, rest, text),
            Some(("rtp", rest)) => datagram(Transport::Rtp, rest, text),
            Some(("http" | "https", _)) => Ok(Self::Http {
                url: http_uri(text)?,
            }),
            Some(_) | None => Err(format!(
                "{} is no source: write udp://group:port, rtp://group:port or http://host/path",
                quoted(text)
            )),
        }
    }
}

impl Source {
    /// The same for people: without the query, which may hold a secret.
    pub fn shown(&self) -> String {
        without_secrets(&self.to_string()).into_owned()
    }
}

impl Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { url } => write!(formatter, "{url}"),
            Self::Datagram {
                transport,
                group,
                source,
            } => {
                let scheme = match transport {
                    Transport::Udp => "udp",
                    Transport::Rtp => "rtp",
                };
                match source {
                    None => write!(formatter, "{scheme}://{group}"),
                    Some(IpAddr::V4(host)) => write!(formatter, "{scheme}://{host}@{group}"),
                    Some(IpAddr::V6(host)) => write!(formatter, "{scheme}://[{host}]@{group}"),
                }
            }
        }
    }
}

/// Checks a URL of the form `http://host[:port][/path]`, or the same by `https://`, and returns it
/// as it is written.
pub(super) fn http_url(text: &str) -> Result<String, String> {
    http_uri(text).map(|_checked| text.to_owned())
}

fn http_uri(text: &str) -> Result<Uri, String> {
    let refuse = |why: &str| Err(format!("{} is no usable URL: {why}", quoted(text)));
    if text.len() > URL_BYTES_MAX {
        return Err(format!(
            "the URL is longer than {URL_BYTES_MAX} bytes: shorten it"
        ));
    }
    let Ok(uri) = text.parse::<Uri>() else {
        return refuse("write http://host/path or http://host:port/path");
    };
    match uri.scheme_str() {
        Some("http" | "https") => {}
        Some(_) | None => return refuse("it must begin with http:// or https://"),
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return refuse("user and password are not sent: leave them out");
    }
    if uri.host().is_none_or(str::is_empty) || uri.port_u16() == Some(0) {
        return refuse("name a host and a port from 1 to 65535");
    }
    if authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']') && uri.port().is_none())
    {
        return refuse("the port must be a number from 1 to 65535");
    }
    Ok(uri)
}

fn datagram(transport: Transport, rest: &str, text: &str) -> Result<Source, String> {
    let refuse = |why: &str| Err(format!("{} is no usable source: {why}", quoted(text)));
    let (source, group) = rest.split_once('@').unwrap_or(("", rest));
    let Ok(group) = group.parse::<SocketAddr>() else {
        return refuse("write group and port in numbers, as in 239.1.1.1:1234 or [ff3e::1]:1234");
    };
    if group.port() == 0 {
        return refuse("the port must be 1 to 65535");
    }
    if matches!(group, SocketAddr::V6(address) if address.scope_id() != 0) {
        return refuse("leave out the zone behind % and name the interface by `interface`");
    }
    if source.is_empty() {
        let source = None;
        return Ok(Source::Datagram {
            transport,
            group,
            source,
        });
    }
    let Some(source) = host(source) else {
        return refuse("write the host before @ in numbers, as in 10.9.0.7 or [2001:db8::7]");
    };
    if source.is_ipv4() != group.is_ipv4() {
        return refuse("the host before @ and the group must both be IPv4 or both IPv6");
    }
    if !group.ip().is_multicast() {
        return refuse("only a multicast group can have a host before @: leave it out");
    }
    if source.is_multicast() || source.is_unspecified() {
        return refuse("the host before @ must be the address of one sender");
    }
    let source = Some(source);
    Ok(Source::Datagram {
        transport,
        group,
        source,
    })
}

/// An address, IPv6 in brackets as in any URL.
fn host(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Source, Transport};

    #[test]
    fn reads_any_source_and_source_specific_groups_of_both_families() {
        for (text, transport, group, source) in [
            (
                "udp://239.1.1.1:1234",
                Transport::Udp,
                "239.1.1.1:1234",
                None,
            ),
            (
                "udp://@239.1.1.1:1234",
                Transport::Udp,
                "239.1.1.1:1234",
                None,
            ),
            (
                "rtp://10.9.0.7@239.1.2.1:5000",
                Transport::Rtp,
                "239.1.2.1:5000",
                Some("10.9.0.7"),
            ),
            (
                "udp://[ff3e::8000:1]:1234",
                Transport::Udp,
                "[ff3e::8000:1]:1234",
                None,
            ),
            (
                "rtp://[2001:db8::7]@[ff3e::1]:5004",
                Transport::Rtp,
                "[ff3e::1]:5004",
                Some("2001:db8::7"),
            ),
            (
                "udp://127.0.0.1:9000",
                Transport::Udp,
                "127.0.0.1:9000",
                None,
            ),
        ] {
            let expected = Source::Datagram {
                transport,
                group: group.parse().unwrap(),
                source: source.map(|host| host.parse().unwrap()),
            };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_http_source_is_kept_as_written() {
        for url in [
            "http://encoder/ch001.ts",
            "http://[2001:db8::1]:8080/a?b=c",
            "https://10.0.0.1:444/",
        ] {
            let source = url.parse::<Source>().expect("a source");
            assert!(matches!(source, Source::Http { .. }), "{url}");
            assert_eq!(source.to_string(), url);
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        for (url, shown) in [
            ("http://encoder/a.ts?token=x", "http://encoder/a.ts?…"),
            ("http://encoder/a.ts", "http://encoder/a.ts"),
            ("udp://239.1.1.1:1234", "udp://239.1.1.1:1234"),
        ] {
            assert_eq!(url.parse::<Source>().expect("a source").shown(), shown);
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_remedy() {
        for (text, remedy) in [
            ("239.1.1.1:1234", "write udp://group:port"),
            ("udp://239.1.1.1", "group and port in numbers"),
            ("udp://encoder:1234", "group and port in numbers"),
            (
                "udp://239.1.1.1:1234?pkt_size=1316",
                "group and port in numbers",
            ),
            ("udp://239.1.1.1:0", "1 to 65535"),
            ("udp://239.1.1.1:70000", "group and port in numbers"),
            ("udp://[ff02::1%2]:1234", "`interface`"),
            ("rtp://2001:db8::7@[ff3e::1]:5004", "in numbers"),
            ("rtp://10.0.0.1@[ff3e::1]:5004", "both be IPv4 or both IPv6"),
            ("rtp://10.0.0.1@10.0.0.2:5004", "only a multicast group"),
            ("rtp://239.1.1.1@239.1.1.2:5004", "one sender"),
            ("srt://encoder:9000", "write udp://group:port"),
            ("http://", "http://host/path"),
            ("http://user:secret@encoder/", "leave them out"),
            ("http://encoder:0/", "from 1 to 65535"),
            ("http://encoder:99999/", "from 1 to 65535"),
        ] {
            let refusal = text.parse::<Source>().unwrap_err();
            assert!(refusal.contains(remedy), "{text}: {refusal}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic_and_what_it_takes_reads_back(
            text in "(udp|rtp|http)://[0-9a-z@:.\\[\\]%/]{0,30}|\\PC{0,40}",
        ) {
            if let Ok(source) = text.parse::<Source>() {
                prop_assert_eq!(source.to_string().parse(), Ok(source));
            }
        }
    }
}
