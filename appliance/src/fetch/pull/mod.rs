//! What is not ours is pulled through the cache: a request comes in, and is answered from the
//! store, or from an origin and into the store on the way.
//!
//! ```text
//! request ─► question ─► shelf ─┬─ fresh ───────────────────────────────► answer
//!            (route, key)       ├─ stale, may be used meanwhile ────────► answer, and validate
//!                               └─ stale, or nothing ─► flight ─► fill ─► answer as it comes
//!                                                        (one)     ask, store, mend
//! ```
//!
//! | module | knows |
//! |---|---|
//! | `routes`, `question` | which route a request takes, and the name of what it asks for |
//! | `shelf`, `heads`, `kept` | what is stored, under which head, and how that is written down |
//! | `get` | how a GET or HEAD comes to its answer |
//! | `flights` | which requests are one |
//! | `fill`, `wanted`, `pour`, `ask` | how an answer is fetched, stored, and mended |
//! | `ahead`, `prefetch`, `offers` | what is fetched before anybody asks for it |
//! | `slices` | how what is long is fetched and read piece by piece |
//! | `relay` | what passes by the store: other methods, answers for one client |
//! | `answer`, `again` | what the client is told, and what the next one is told within the second |
//!
//! Whether a response may be stored, used, or must be validated is decided by `weir_cache::rules`
//! alone. A fill is a task of its own: no client slows it down, and none can stop it.
//!
//! Source: RFC 9111, RFC 9110, RFC 5861, RFC 9211, RFC 9213.
//! Refuses: bodies whose end cannot be told from a break; they are passed on, and never stored.

mod again;
mod ahead;
mod answer;
mod ask;
mod counters;
mod failure;
mod fill;
mod flights;
mod get;
mod heads;
mod kept;
mod offers;
mod pour;
mod prefetch;
mod purged;
mod question;
mod relay;
mod routes;
mod shelf;
mod slices;
#[cfg(test)]
mod tests;
mod wanted;

use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::{Method, Request, Response, body::Body as _};
use tokio::sync::Semaphore;
use weir_cache::Store;
use weir_hal::Clock;

pub use ahead::{Brought, NotBrought, Way};
pub use counters::{PullCells, PullCounters};
pub use offers::{PrefetchCells, PrefetchCounters};
pub use routes::{Route, RouteReport, Routes};

use self::{
    answer::Names,
    flights::Flights,
    offers::Offers,
    question::{NoQuestion, Question},
    shelf::Shelf,
    slices::Undivided,
};
use crate::{
    fetch::{Outlines, purge::Bans, tiers::Tiers},
    serve::{Account, Body, Client, Upload},
};

/// Requests that ask an origin for themselves, though they could be one with others, because too
/// many are under way already; more are told to come back.
const CROWD_MAX: usize = 1_024;

/// Stale responses validated in the background at one time.
const BACKGROUND_MAX: usize = 256;

/// Requests whose bodies are on their way to an origin at one time: a quarter of the connections to
/// one URL, so that clients who are slow to send keep nobody else from it.
const UPLOADS_MAX: usize = 16;

/// What the pull path is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in `X-Cache` and `Cache-Status`.
    pub node: String,
    /// Bytes of an object whose length is not announced; a longer one is given up.
    pub object_bytes_max: u64,
}

/// Answers requests that are not ours through the cache. Clones are the same.
#[derive(Debug, Clone)]
pub struct Pull {
    core: Arc<Core>,
}

/// What all requests share.
#[derive(Debug)]
struct Core {
    shelf: Shelf,
    flights: Flights,
    undivided: Undivided,
    outlines: Outlines,
    offers: Offers,
    bans: Arc<Bans>,
    tiers: Arc<Tiers>,
    routes: ArcSwap<Routes>,
    clock: Arc<dyn Clock>,
    names: Names,
    /// Places for requests that go alone though they would not have to.
    crowd: Arc<Semaphore>,
    /// Places for requests with a body.
    uploads: Arc<Semaphore>,
    /// Places for validation in the background.
    background: Arc<Semaphore>,
    object_bytes_max: u64,
}

impl Pull {
    /// Pulls along `routes` from `tiers` into `store`.
    pub fn new(
        settings: &Settings,
        store: Store,
        tiers: Arc<Tiers>,
        clock: Arc<dyn Clock>,
        routes: Routes,
    ) -> Self {
        Self {
            core: Arc::new(Core {
                shelf: Shelf::new(store),
                flights: Flights::default(),
                undivided: Undivided::default(),
                outlines: Outlines::default(),
                offers: Offers::default(),
                bans: Arc::default(),
                tiers,
                routes: ArcSwap::from_pointee(routes),
                clock,
                names: Names::new(&settings.node),
                crowd: Arc::new(Semaphore::new(CROWD_MAX)),
                uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
                background: Arc::new(Semaphore::new(BACKGROUND_MAX)),
                object_bytes_max: settings.object_bytes_max,
            }),
        }
    }

    /// Takes other routes; what is under way goes on by the old ones. A route of the same path
    /// counts on.
    pub fn reroute(&self, routes: Routes) {
        let routes = routes.succeeding(&self.core.routes.load());
        self.core.routes.store(Arc::new(routes));
    }

    /// What was counted on each route, by its path.
    pub fn report(&self) -> Vec<RouteReport> {
        self.core.routes.load().report()
    }

    /// Who counts what clients are given of `path`; `None` if no route covers it.
    pub(crate) fn account(&self, path: &str) -> Option<Arc<dyn Account>> {
        let routes = self.core.routes.load();
        let route = routes.find(path)?;
        Some(Arc::clone(&route.counters) as Arc<dyn Account>)
    }

    /// Answers `request`, whose path a route covers.
    pub async fn answer(&self, request: Request<Upload>, client: &Client) -> Response<Body> {
        let (head, upload) = request.into_parts();
        let now = self.core.clock.wall();
        let question = match Question::read(head, client, (&self.core.routes.load(), now)) {
            Ok(question) => question,
            Err(NoQuestion) => return answer::malformed(),
        };
        let is_kept = matches!(question.method, Method::GET | Method::HEAD);
        if is_kept && upload.is_end_stream() {
            self.core.look_ahead(&question);
            return self.core.get(Arc::new(question)).await;
        }
        Box::pin(self.core.pass_on(question, upload)).await
    }
}
