//! A request that is not ours, as the pull path sees it.

use std::sync::Arc;

use hyper::{
    HeaderMap, Method, Uri, Version,
    header::{
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, HeaderValue, PRAGMA,
        RANGE,
    },
    http::{request::Parts, uri::Scheme},
};
use weir_cache::{
    Key,
    rules::{Asked, CacheKey, Policy, Wishes, strip_conditions},
};
use weir_hal::Wall;

use super::{
    counters::PullCells,
    routes::{Route, Routes},
    wanted::Wanted,
};
use crate::{
    fetch::{Class, Outlines, is_blocking_reload},
    serve::{Client, Interim},
};

/// What is asked for, along which route, and under which name it is stored.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) route: Arc<Route>,
    /// When it was asked.
    pub(super) asked_at: Wall,
    pub(super) method: Method,
    /// The target URI: scheme, authority, path and query.
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) version: Version,
    /// How its client is told something before the answer, if it can be.
    pub(super) interim: Option<Interim>,
    /// The name of what is asked for.
    pub(super) key: CacheKey,
    /// The same in the store, of a response that does not vary.
    pub(super) store_key: Key,
    pub(super) wishes: Wishes,
    /// No client has asked it yet.
    pub(super) is_ahead: bool,
}

/// Fields that speak of one request of a client, and not of those that follow.
const OF_ONE_REQUEST: [HeaderName; 8] = [
    CACHE_CONTROL,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    PRAGMA,
    HeaderName::from_static("cmcd-object"),
    HeaderName::from_static("cmcd-request"),
    HeaderName::from_static("cmcd-status"),
];

/// The request names nothing that could be asked for, or no route leads there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoQuestion;

impl Question {
    /// Reads the request of `client` by the routes there are.
    pub(super) fn read(
        request: Parts,
        client: &Client,
        (routes, now): (&Routes, Wall),
    ) -> Result<Self, NoQuestion> {
        let uri = target(&request, client).ok_or(NoQuestion)?;
        let (route, key) = named(&uri, routes).ok_or(NoQuestion)?;
        Ok(Self {
            route,
            asked_at: now,
            method: request.method,
            uri,
            version: request.version,
            interim: client
                .interim
                .clone()
                .filter(|_| request.version >= Version::HTTP_11),
            store_key: key.store_key(),
            key,
            wishes: Wishes::of(&request.headers),
            headers: request.headers,
            is_ahead: false,
        })
    }

    /// What will be asked for at `uri`, which has scheme and authority, with these fields of a
    /// client's: all that is there, whatever part of it or on whichever condition.
    pub(super) fn ahead(
        uri: Uri,
        mut headers: HeaderMap,
        (routes, now): (&Routes, Wall),
    ) -> Result<Self, NoQuestion> {
        let (route, key) = named(&uri, routes).ok_or(NoQuestion)?;
        let authority = uri.authority().ok_or(NoQuestion)?.as_str();
        let host = HeaderValue::from_str(authority).map_err(|_unfit| NoQuestion)?;
        headers.insert(HOST, host);
        strip_conditions(&mut headers);
        for name in OF_ONE_REQUEST {
            headers.remove(name);
        }
        Ok(Self {
            route,
            asked_at: now,
            method: Method::GET,
            uri,
            version: Version::HTTP_11,
            interim: None,
            store_key: key.store_key(),
            key,
            wishes: Wishes::default(),
            headers,
            is_ahead: true,
        })
    }

    /// Where it counts.
    pub(super) fn counters(&self) -> &PullCells {
        &self.route.counters
    }

    /// The request as the rules see it.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
        }
    }

    /// What is to be fetched for this question and those like it.
    pub(super) fn wanted(&self) -> Wanted {
        match (self.headers.get(RANGE), self.route.slice_bytes) {
            (Some(range), Some(slice_bytes)) => Wanted::of(range, slice_bytes),
            (None, _) | (_, None) => Wanted::Whole,
        }
    }

    /// What the route and the kind of content add to the rules, for a response with the fields
    /// `response`.
    pub(super) fn policy(&self, outlines: &Outlines, response: &HeaderMap) -> Policy {
        let class = Class::of(self.uri.path(), Some(response));
        let outline = class
            .is_list()
            .then(|| outlines.of(&self.store_key))
            .flatten();
        let is_blocking = is_blocking_reload(self.uri.query());
        self.route.policy(class, is_blocking, outline)
    }
}

/// Which route leads to `uri`, and under which name its response is stored. What an origin is asked
/// for lies on that route as well: no `..` leads from one to another, whoever reads it.
fn named(uri: &Uri, routes: &Routes) -> Option<(Arc<Route>, CacheKey)> {
    let route = routes.find(uri.path())?;
    let key = CacheKey::new(uri, &route.key_rules)?;
    let found = routes.find(key.path())?;
    let is_covered = Arc::ptr_eq(found, route) && !hides_dots(key.path());
    is_covered.then(|| (Arc::clone(route), key))
}

/// Whether a normalised path has a segment that leads up for an origin which decodes `%2F`, takes
/// `\` for a slash, or cuts parameters off.
fn hides_dots(path: &str) -> bool {
    let is_up = |segment: &str| segment.split(';').next() == Some("..");
    // Nearly no path has two points in a row.
    path.contains("..") && {
        let slashed = path.replace("%2F", "/").replace("%5C", "/");
        slashed.split(['/', '\\']).any(is_up)
    }
}

/// The target URI of a request (RFC 9112 §3.3). What names the authority is the request target if
/// it is in absolute form, and Host otherwise.
fn target(request: &Parts, client: &Client) -> Option<Uri> {
    let scheme = if client.is_encrypted {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    };
    let authority = match request.uri.authority() {
        Some(authority) => authority.clone(),
        None => request.headers.get(HOST)?.as_bytes().try_into().ok()?,
    };
    let path_and_query = request.uri.path_and_query()?.clone();
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path_and_query)
        .build()
        .ok()
}
