//! Who may ask for what on the management listener, and the trail of who ordered what.
//!
//! Every order leaves one event of the target `weir::audit`: who gave it, from where, what, and how
//! it was answered. Nothing of a token, a password or a session is in it.
//!
//! Refuses: the addresses that may order; they are of each kind of order.

use std::sync::Arc;

use hyper::{HeaderMap, Request, Response, StatusCode};
use tracing::{info, warn};
use weir_hal::Clock;

use crate::{
    access::{Access, Denied, Logins, cookie},
    config::Role,
    health::{endpoint::Place, request_source::RequestSource},
    page::Person,
    serve::{Body, Client, Giver, Upload, reply},
};

/// Lets requests in, or does not.
#[derive(Debug)]
pub(super) struct Gate {
    source: RequestSource,
    known: Option<Known>,
}

/// Those who may be known, and the clock that they are judged by.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) access: Arc<Access>,
    pub(super) logins: Arc<Logins>,
    pub(super) clock: Arc<dyn Clock>,
}

/// An order under way.
#[derive(Debug)]
pub(super) struct Trail(Option<String>);

impl Gate {
    /// That of a box with these names, where nobody is known.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let source = RequestSource::new(names);
        let known = None;
        Self { source, known }
    }

    /// Takes whoever is known.
    pub(super) fn take(&mut self, known: Known) {
        self.known = Some(known);
    }

    /// Those who may be known.
    pub(super) fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// Whom a page is shown to.
    pub(super) fn person(&self, headers: &HeaderMap, client: &Client) -> Person {
        let possible = self.known().filter(|known| known.logins.is_possible());
        let Some(Known { logins, clock, .. }) = possible else {
            return Person::Anybody;
        };
        let key = cookie::shown(headers, client.is_encrypted);
        let user = key.and_then(|key| logins.user(key, clock.monotonic()));
        user.map_or(Person::Stranger, |user| Person::User(user.name.clone()))
    }

    /// Who sends a request to `place`.
    ///
    /// # Errors
    /// The answer, when it does not come from where it may come from, has a wrong token, or is by
    /// a session that is not good for it.
    pub(super) fn admit(
        &self,
        place: Place,
        request: &Request<Upload>,
        client: &Client,
    ) -> Result<Giver, Box<Response<Body>>> {
        let headers = request.headers();
        let is_order = is_order(place, request);
        let refused = match (is_order, place.is_probe()) {
            (true, _) => self.source.refuse_order(headers, client),
            (false, true) => None,
            (false, false) => self.source.refuse_reader(headers, client),
        };
        if let Some(refusal) = refused {
            return Err(Box::new(refusal));
        }
        let mut giver = Giver::at(client);
        if let Some(known) = self.known().filter(|_| is_order && !place.is_door()) {
            let named = known
                .access
                .name_of(headers, place.role(), known.clock.wall());
            giver.name = named.map_err(|denied| {
                warn!(by = %giver, %denied, "order refused");
                if !matches!(denied, Denied::Role { .. }) {
                    known.logins.attempts().note_token_refused(giver.address);
                }
                Box::new(denied.answer())
            })?;
            if giver.name.is_none() {
                giver.name = Self::user(known, place.role(), headers, client)?;
            }
        }
        Ok(giver)
    }

    /// The user by whose session a request orders what needs `needed`; `None` if it is by none.
    fn user(
        Known { logins, clock, .. }: &Known,
        needed: Role,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<Option<String>, Box<Response<Body>>> {
        let now = clock.monotonic();
        let Some(key) = cookie::shown(headers, client.is_encrypted) else {
            return Ok(None);
        };
        let Some(user) = logins.user(key, now) else {
            return Ok(None);
        };
        if let Some(refusal) = RequestSource::refuse_pageless(headers, client) {
            return Err(Box::new(refusal));
        }
        if user.role < needed {
            let (name, role, needed) = (&user.name, user.role.as_str(), needed.as_str());
            warn!(by = name, role, needed, "order refused");
            let text = format!("the role of {name} is {role}, and this needs {needed}");
            return Err(Box::new(reply::text(StatusCode::FORBIDDEN, &text)));
        }
        logins.touch(key, now);
        Ok(Some(user.name.clone()))
    }

    /// Ends the session that a request shows, and returns whose it was.
    ///
    /// # Errors
    /// The answer, when it does not tell for which page it comes.
    pub(super) fn log_out(
        &self,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<Option<String>, Box<Response<Body>>> {
        if let Some(refusal) = RequestSource::refuse_pageless(headers, client) {
            return Err(Box::new(refusal));
        }
        let key = cookie::shown(headers, client.is_encrypted);
        let Some((known, key)) = self.known().zip(key) else {
            return Ok(None);
        };
        let user = known.logins.log_out(key, known.clock.monotonic());
        Ok(user.map(|user| user.name.clone()))
    }
}

impl Trail {
    /// That of a request to `place`, which is none if it is no order.
    pub(super) fn of(place: Place, request: &Request<Upload>) -> Self {
        let order = || format!("{} {}", request.method(), request.uri().path());
        Self(is_order(place, request).then(order))
    }

    /// Ends with the answer that `giver` got.
    pub(super) fn end(self, giver: &Giver, status: StatusCode) {
        let Some(order) = self.0 else {
            return;
        };
        let status = status.as_u16();
        // Two places, so that many refusals do not silence what is done.
        if status < 400 {
            info!(target: "weir::audit", by = %giver, order, status, "obeyed");
        } else {
            warn!(target: "weir::audit", by = %giver, order, status, "refused");
        }
    }
}

fn is_order(place: Place, request: &Request<Upload>) -> bool {
    place.takes_orders() && !reply::is_safe(request.method())
}
