//! What players will ask for next is fetched before they do.
//!
//! Two things tell what that is. A live Media Playlist that was pulled because somebody plays it:
//! its newest segments are what its players ask for next. And the player itself, by the `nor` of
//! CMCD. Both are followed on the route of the request that told of them, and nowhere else.
//!
//! ```text
//! playlist came, nor ─► offer ─► queue ─► worker ─► bring ─► store
//!                        │         │         └ too much else to do: dropped
//!                        │         └ full, or too late: dropped
//!                        └ offered lately, or its list has no credit: left
//! ```
//!
//! A list has credit for so many objects that nobody has asked for. One that is asked for gives it
//! back; otherwise it comes back slowly. So a list that a probe polls, and nobody plays, costs an
//! origin next to nothing. Clients go first: nothing is fetched ahead while half of the flights or
//! half of the connections to the nearest origin are in use, or the store is short of memory.
//!
//! Source: RFC 8216 §6.3.3 (players stay three Target Durations behind the end), CTA-5004 (`nor`,
//! `nrr`). Refuses: keys and licenses, requests with Authorization, and hints of what is not there
//! yet (`EXT-X-PRELOAD-HINT`), which the origin would hold back.

use std::{collections::VecDeque, sync::Arc};

use hyper::{
    Method, Uri,
    header::{AUTHORIZATION, HeaderName, HeaderValue, RANGE},
};

use super::{Core, Pull, offers::PrefetchCounters, question::Question};
use crate::{
    fetch::{
        Class, Form, Outline,
        playlist::{Entry, entries},
        resolve,
    },
    serve::{Cmcd, Route, route, signed_url},
};

/// Newest segments of a live playlist that are fetched: a player begins with the third from the
/// end (RFC 8216 §6.3.3).
const SEGMENTS_MAX: usize = 3;

/// Newest Partial Segments of a live playlist that are fetched.
const PARTS_MAX: usize = 3;

const CMCD_REQUEST: HeaderName = HeaderName::from_static("cmcd-request");

impl Pull {
    /// What was fetched before anybody asked for it.
    pub fn prefetched(&self) -> PrefetchCounters {
        self.core.offers.counters.read()
    }
}

impl Core {
    /// Takes note of what a client asks for, and has fetched what it says it will ask for next.
    pub(super) fn look_ahead(self: &Arc<Self>, question: &Question) {
        if !question.route.is_prefetched || question.method != Method::GET {
            return;
        }
        self.offers.note_demand(question.key.as_str());
        let query = question.uri.query();
        let is_told = question.headers.contains_key(CMCD_REQUEST)
            || query.is_some_and(|query| query.contains("CMCD="));
        if !is_told {
            return;
        }
        let told = Cmcd::of(&question.uri, &question.headers);
        let next = told.next_object();
        if let Some(uri) = next.and_then(|next| resolve(&question.uri, &next)) {
            let list = self.offers.hash(question.uri.path());
            self.offer(question, &uri, told.next_range(), list);
        }
    }

    /// Has the newest segments fetched of a live playlist that a client's question has brought.
    pub(super) fn follow_list(
        self: &Arc<Self>,
        question: &Question,
        outline: Option<Outline>,
        body: &[u8],
    ) {
        let is_live = outline.is_some_and(|outline| outline.form == Form::Live);
        if !is_live || question.is_ahead || !question.route.is_prefetched {
            return;
        }
        let list = self.offers.hash(question.uri.path());
        for reference in newest(body) {
            if let Some(uri) = resolve(&question.uri, reference) {
                self.offer(question, &uri, None, list);
            }
        }
    }

    /// Has `uri` fetched for the clients that ask like `question`, if it is on the same route.
    fn offer(self: &Arc<Self>, like: &Question, uri: &Uri, range: Option<&str>, list: u64) {
        let Some(question) = self.ahead_of(like, uri, range) else {
            return;
        };
        let now = self.clock.monotonic();
        if self.offers.take(question, list, now) {
            let core = Arc::clone(self);
            tokio::spawn(async move { core.fetch_ahead().await });
        }
    }

    /// The question that a client which asked `like` would put for `uri`.
    fn ahead_of(&self, like: &Question, uri: &Uri, range: Option<&str>) -> Option<Question> {
        let is_private = like.wishes.is_no_store || like.headers.contains_key(AUTHORIZATION);
        let (uri, _token) = signed_url::separate(uri).ok()?;
        let class = Class::of(uri.path(), None);
        let is_pulled = route(uri.path()) == Route::Other;
        if is_private || !is_pulled || matches!(class, Class::Key | Class::License) {
            return None;
        }
        let routes = self.routes.load();
        let place = (&**routes, self.clock.wall());
        let mut question = Question::ahead(uri, like.headers.clone(), place).ok()?;
        if question.route.path != like.route.path || question.key == like.key {
            return None;
        }
        let range = range.and_then(|range| HeaderValue::try_from(format!("bytes={range}")).ok());
        if let Some(range) = range {
            question.headers.insert(RANGE, range);
        }
        Some(question)
    }

    /// Fetches what waits, until nothing does.
    async fn fetch_ahead(self: Arc<Self>) {
        while let Some(next) = self.offers.next(self.clock.monotonic()) {
            if self.is_crowded(&next.question) {
                self.offers.drop(next.hash);
                continue;
            }
            let brought = self.bring(&next.question).await;
            let way = brought.as_ref().map(|(way, _found)| *way);
            self.offers.settle(next.hash, way);
        }
    }
}

/// What players of the playlist in `body` ask for next, newest last: its last Media
/// Initialization Section, its newest segments, and the newest parts behind them.
fn newest(body: &[u8]) -> impl Iterator<Item = &str> {
    let mut map = None;
    let mut segments = VecDeque::with_capacity(SEGMENTS_MAX + 1);
    let mut parts = VecDeque::with_capacity(PARTS_MAX + 1);
    for entry in entries(body) {
        match entry {
            Entry::Map { uri } => map = Some(uri),
            Entry::Segment { uri, .. } => {
                segments.push_back(uri);
                // Its parts are within it.
                parts.clear();
            }
            Entry::Part { uri } => parts.push_back(uri),
            Entry::Rendition { .. } | Entry::Hint { .. } => {}
        }
        segments.drain(..segments.len().saturating_sub(SEGMENTS_MAX));
        parts.drain(..parts.len().saturating_sub(PARTS_MAX));
    }
    map.into_iter().chain(segments).chain(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_playlist_is_what_players_ask_for_next() {
        let body = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI=\"init.mp4\"\n\
            #EXTINF:4,\n1.m4s\n#EXTINF:4,\n2.m4s\n#EXTINF:4,\n3.m4s\n\
            #EXT-X-PART:DURATION=1,URI=\"4.0.m4s\"\n#EXTINF:4,\n4.m4s\n\
            #EXT-X-PART:DURATION=1,URI=\"5.0.m4s\"\n#EXT-X-PART:DURATION=1,URI=\"5.1.m4s\"\n\
            #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"5.2.m4s\"\n";
        let newest: Vec<&str> = newest(body).collect();
        let expected = ["init.mp4", "2.m4s", "3.m4s", "4.m4s", "5.0.m4s", "5.1.m4s"];
        assert_eq!(newest, expected);
    }
}
