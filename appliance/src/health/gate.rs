//! Who may ask for what on the management listener, and the trail of who ordered what.
//!
//! Every order leaves one event of the target `weir::audit`: who gave it, from where, what, and how
//! it was answered. Nothing of a token is in it.
//!
//! Refuses: the addresses that may order; they are of each kind of order.

use std::sync::Arc;

use hyper::{Request, Response, StatusCode};
use tracing::{info, warn};
use weir_hal::Clock;

use crate::{
    access::Access,
    health::{endpoint::Place, request_source::RequestSource},
    serve::{Body, Client, Giver, Upload, reply},
};

/// Lets requests in, or does not.
#[derive(Debug)]
pub(super) struct Gate {
    source: RequestSource,
    access: Option<(Arc<Access>, Arc<dyn Clock>)>,
}

/// An order under way.
#[derive(Debug)]
pub(super) struct Trail(Option<String>);

impl Gate {
    /// That of a box with these names, where nobody has a token.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let source = RequestSource::new(names);
        let access = None;
        Self { source, access }
    }

    /// Takes the tokens of `access`, by the time of `clock`.
    pub(super) fn take(&mut self, access: Arc<Access>, clock: Arc<dyn Clock>) {
        self.access = Some((access, clock));
    }

    /// Who sends a request to `place`.
    ///
    /// # Errors
    /// The answer, when it does not come from where it may come from, or has a wrong token.
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
        if let Some((access, clock)) = self.access.as_ref().filter(|_| is_order) {
            let named = access.name_of(headers, place.role(), clock.wall());
            giver.name = named.map_err(|denied| {
                warn!(by = %giver, %denied, "order refused");
                Box::new(denied.answer())
            })?;
        }
        Ok(giver)
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
