//! The page that plays a channel in a browser.
//!
//! Source: hls.js 1.7.4, light build (`hls.light.min.js`, its licence beside it): live MPEG-TS
//! with H.264 and AAC needs no more. The page may load scripts from this box only, and media
//! from its data listener only.

use std::net::Ipv6Addr;

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, HOST},
    http::{request::Parts, uri::Authority},
};
use maud::{DOCTYPE, html};

use crate::{
    health::{
        asset::{HLS_JS, PLAYER_JS},
        pages::html_response,
    },
    live::Channel,
    page::STYLE_PATH,
    serve::{
        Body,
        reply::{self, visible},
    },
};

/// Answers with the page of `channel`, whose data is on port `data_port` of the host the
/// browser asked.
pub(super) fn answer(request: &Parts, channel: &Channel, data_port: u16) -> Response<Body> {
    let Some(host) = asked_host(request) else {
        return reply::text(StatusCode::BAD_REQUEST, "the Host field names no host");
    };
    let origin = format!("http://{host}:{data_port}");
    let page = Bytes::from(page(channel, &origin).into_string());
    let mut response = html_response(page);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, visible(policy(&origin)));
    response
}

fn page(channel: &Channel, origin: &str) -> maud::Markup {
    let playlist = format!("{origin}/live/{}/master.m3u8", channel.id);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (channel.name) " · Weir" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE_PATH);
                script src=(HLS_JS) defer {}
                script src=(PLAYER_JS) defer {}
            }
            body {
                header {
                    h1 { (channel.name) }
                    a href={ "/channel/" (channel.id) } { "status" }
                }
                video #video data-playlist=(playlist) muted autoplay controls playsinline {}
                p #line role="status" { "starting" }
                p { a href=(playlist) { (playlist) } }
            }
        }
    }
}

/// Scripts and styles from here, media from the data listener. `blob:` is how a media source
/// and the worker that takes transport streams apart are attached.
fn policy(origin: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
         connect-src {origin}; media-src blob: {origin}; worker-src blob:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The host that the browser used, without its port; `None` unless it is a plain host name or
/// an IP address, because it is written into the page and its policy.
fn asked_host(request: &Parts) -> Option<String> {
    let authority: Authority = match request.uri.authority() {
        Some(authority) => authority.clone(),
        None => request.headers.get(HOST)?.to_str().ok()?.parse().ok()?,
    };
    let host = authority.host();
    let is_name = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let is_ipv6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    (is_name || is_ipv6).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn host(field: &str) -> Option<String> {
        let request = Request::builder()
            .uri("/player/CH_1")
            .header(HOST, field)
            .body(())
            .expect("a request");
        asked_host(&request.into_parts().0)
    }

    #[test]
    fn takes_the_host_the_browser_used() {
        for (field, name) in [
            ("edge-1.example:8080", "edge-1.example"),
            ("192.0.2.7:8080", "192.0.2.7"),
            ("localhost", "localhost"),
            ("[2001:db8::7]:8080", "[2001:db8::7]"),
        ] {
            assert_eq!(host(field).as_deref(), Some(name));
        }
    }

    #[test]
    fn refuses_a_host_that_would_change_the_policy() {
        for field in [
            "",
            ":80",
            "a;script-src",
            "a b",
            "*",
            "a'",
            "[::1;x]",
            "a<b",
            "user@",
            "https://a",
        ] {
            assert_eq!(host(field), None, "{field}");
        }
    }
}
