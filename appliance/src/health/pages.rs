//! Pages as answers: in the language and the coding that their reader wants, under a policy that
//! lets a browser load nothing but the files of this box.
//!
//! Source: Content Security Policy Level 3; RFC 9110 §12.5.5 (Vary).
//! Refuses: to be kept. What is shown is of one second.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION,
        REFERRER_POLICY, VARY,
    },
    http::request::Parts,
};

use crate::{
    health::{Snapshot, api::part, door::local, endpoint::HTML, retold::Retold},
    live,
    page::{self, Asked, History, Language, LoginFault, Mark, Marks, Person, View, parameter},
    serve::{
        Body,
        coding::{Coding, accepted, encode},
        reply::{self, Freshness, visible},
    },
};

/// What a page may load: the style and the script of this box, and what they ask it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// The parameter that names a mark, by its moment in milliseconds since 1970.
const SINCE: &str = "since";

/// The parameter that names the path of the page that a login leads to.
const NEXT: &str = "next";

/// The value that asks for a mark to be set.
const NOW: &str = "now";

/// What pages show beside snapshots.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) history: Arc<History>,
    marks: Marks,
    retold: Retold,
}

/// What pages are rendered of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) node: &'a str,
    pub(super) site: &'a str,
    pub(super) snapshot: &'a Arc<Snapshot>,
    pub(super) person: &'a Person,
}

impl Pages {
    /// The overview.
    pub(super) fn overview(&self, shown: Shown<'_>, request: &Parts) -> Option<Response<Body>> {
        self.answer(shown, request, "", |view| {
            Some(page::overview(view).into_string())
        })
    }

    /// The page of a channel; a redirection to its mark, if one is to be set.
    pub(super) fn channel(
        &self,
        shown: Shown<'_>,
        request: &Parts,
        channel: &live::Channel,
    ) -> Option<Response<Body>> {
        let since = parameter(&request.uri, SINCE);
        if since == Some(NOW) {
            return self.set_mark(shown, request, &channel.id);
        }
        let since: Option<u64> = since.and_then(|since| since.parse().ok());
        let mark = since.map_or(Mark::Unset, |at_ms| self.marks.find(&channel.id, at_ms));
        let name = since.map_or_else(String::new, |since| since.to_string());
        let asked = Asked { channel, mark };
        self.answer(shown, request, &name, |view| {
            Some(page::channel(view, &asked)?.into_string())
        })
    }

    /// The page to log in, which says what was wrong. It leads to the page that `next` names, or
    /// the request.
    pub(super) fn login(
        &self,
        shown: Shown<'_>,
        request: &Parts,
        next: Option<&str>,
        fault: Option<LoginFault>,
    ) -> Response<Body> {
        let next = next
            .or_else(|| parameter(&request.uri, NEXT))
            .unwrap_or_default();
        let language = Language::of(request);
        let nobody = (*shown.person == Person::Anybody).then_some(LoginFault::Nobody);
        let view = self.view(shown, shown.snapshot, language, page::LOGIN_PATH);
        let page = page::login(&view, local(next), fault.or(nobody));
        html_response(Bytes::from(page.into_string()))
    }

    fn view<'a>(
        &'a self,
        shown: Shown<'a>,
        snapshot: &'a Snapshot,
        language: &'static Language,
        path: &'a str,
    ) -> View<'a> {
        View {
            node: shown.node,
            site: shown.site,
            language,
            snapshot,
            history: &self.history,
            person: shown.person,
            path,
        }
    }

    fn set_mark(&self, shown: Shown<'_>, request: &Parts, id: &str) -> Option<Response<Body>> {
        let channels = part(shown.snapshot.told(shown.node), "channels");
        let channel = channels.iter().find(|channel| channel.key == id)?;
        let at_ms = shown.snapshot.taken.as_nanos() / 1_000_000;
        self.marks.set(at_ms, channel);
        let tag = Language::of(request).tag();
        let place = format!("/channel/{id}?{SINCE}={at_ms}&lang={tag}");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        let headers = response.headers_mut();
        headers.insert(LOCATION, visible(place));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }

    /// What `make` renders, told again to whoever asks for the same, of that `name`, in the same
    /// second.
    fn answer(
        &self,
        shown: Shown<'_>,
        request: &Parts,
        name: &str,
        make: impl FnOnce(&View<'_>) -> Option<String>,
    ) -> Option<Response<Body>> {
        let person = shown.person.key();
        let language = Language::of(request);
        let coding = accepted(&request.headers);
        let path = request.uri.path();
        let (tag, coded) = (language.tag(), coding.as_str());
        let name = format!("{path} {name} {tag} {coded} {person}");
        let body = self.retold.answer(shown.snapshot, &name, |snapshot| {
            let page = make(&self.view(shown, snapshot, language, path))?;
            // No page is so short that it would not be worth it.
            let coded = encode(coding, page.as_bytes());
            Some(coded.unwrap_or_else(|| Bytes::from(page)))
        })?;
        let mut response = html_response(body);
        let headers = response.headers_mut();
        headers.insert(
            VARY,
            HeaderValue::from_static("Accept-Encoding, Accept-Language"),
        );
        if coding != Coding::Identity {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
        }
        Some(response)
    }
}

/// A page.
pub(super) fn html_response(page: Bytes) -> Response<Body> {
    let mut response = reply::content(StatusCode::OK, HTML, page, Freshness::NoStore);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Under `no-referrer` a browser sends forms for no origin at all (Fetch Standard, `Origin`).
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::{
        Request,
        header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE},
    };

    use super::*;
    use crate::{health::snapshot::tests::snapshot, live::State};

    fn request(path: &str) -> Parts {
        let request = Request::builder()
            .uri(path)
            .header(ACCEPT_ENCODING, "br, gzip")
            .header(ACCEPT_LANGUAGE, "vi")
            .body(());
        request.expect("a request").into_parts().0
    }

    fn of<T>(ask: impl FnOnce(&Pages, Shown<'_>) -> T) -> T {
        let snapshot = Arc::new(snapshot(&[&[State::OnAir]]));
        let shown = Shown {
            node: "edge-1",
            site: "",
            snapshot: &snapshot,
            person: &Person::Anybody,
        };
        ask(&Pages::default(), shown)
    }

    #[tokio::test]
    async fn a_page_comes_in_the_coding_and_language_that_are_wanted_under_its_policy() {
        let answer = of(|pages, shown| pages.overview(shown, &request("/"))).expect("a page");
        let (head, body) = answer.into_parts();
        assert_eq!(head.headers[CONTENT_ENCODING], "br");
        assert_eq!(head.headers[VARY], "Accept-Encoding, Accept-Language");
        let policy = head.headers[CONTENT_SECURITY_POLICY].to_str();
        let policy = policy.expect("ASCII");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        let mut page = String::new();
        let mut plain = brotli::Decompressor::new(&bytes[..], 4_096);
        std::io::Read::read_to_string(&mut plain, &mut page).expect("Brotli of a text");
        assert!(page.contains("<html lang=\"vi\">"), "{page}");
    }

    #[test]
    fn to_set_a_mark_leads_to_the_page_that_counts_from_it() {
        of(|pages, shown| {
            let channel = live::Channel::new("CH_0".to_owned(), String::new(), Vec::new());
            let ask = |path: &str| pages.channel(shown, &request(path), &channel);
            let answer = ask("/channel/CH_0?since=now&lang=en").expect("an answer");
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            let place = "/channel/CH_0?since=1700000004250&lang=en";
            assert_eq!(answer.headers()[LOCATION], place);
            assert!(ask(place).is_some_and(|page| page.status() == StatusCode::OK));
            let mark = pages.marks.find("CH_0", 1_700_000_004_250);
            assert!(matches!(mark, Mark::Since { .. }), "{mark:?}");
        });
    }
}
