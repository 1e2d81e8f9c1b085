//! Which origin is asked, and what is done when it does not answer.
//!
//! A route names origins, nearest first; each has URLs. A request goes to the URL that its origin
//! chooses ([`choice`]) among those that are fit ([`breaker`], [`probing`]); when it fails, to the
//! next one, and then to the next tier. So an answer is late by at most a second for each endpoint
//! that has died unseen: connecting takes no longer, and where an open connection leads nowhere
//! another endpoint is asked beside it.
//!
//! A retry or a hedge is paid for out of the [`budget`] of the nearest origin, except where it
//! cannot load anybody: after a failure to connect, for then nobody was asked, and away from an
//! endpoint that is out of use, for it is asked no more.
//!
//! What was begun is not the business of this module: a body that breaks off is told to the
//! breaker, and whoever reads it asks again.
//!
//! Refuses: to repeat a request that is not safe or has a body, once any of it was sent.

pub mod breaker;
pub mod budget;
mod candidate;
pub mod choice;
mod counters;
mod failed;
mod member;
mod origin;
pub mod probing;
mod race;
#[cfg(test)]
mod tests;
mod upkeep;

use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::{Request, Response};
use tokio::time::Instant;
use weir_hal::{Disk, Monotonic};

pub use counters::{TierCounterCells, TierCounters};
pub use failed::{AllFailed, Reason};
use member::Member;
pub use origin::{EndpointReport, Origin, OriginError, OriginReport};

use crate::{
    config,
    fetch::{
        Endpoint,
        exchange::{Client, Download, Interim, Outgoing},
    },
};

/// All origins of the configuration, and the client that asks them.
#[derive(Debug)]
pub struct Tiers {
    client: Client,
    origins: ArcSwap<Vec<Arc<Origin>>>,
    begun: Instant,
}

/// The origins that a route goes through, nearest first.
#[derive(Debug, Clone)]
pub struct TierList(Arc<[Arc<Origin>]>);

/// What is asked.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The request: of its target, path and query count.
    pub request: Request<Outgoing>,
    /// What rendezvous hashing spreads by: the cache key.
    pub key: &'a [u8],
    /// Endpoints that are asked only when nobody else is left: those that broke off before.
    pub avoided: &'a [Arc<Endpoint>],
    /// Whether another endpoint may be asked as well when the first is late. Not to be used for
    /// what is meant to be late, such as a playlist that is held back until it changes.
    pub is_hedged: bool,
    /// Told of interim responses.
    pub interim: Option<InterimCallback>,
}

/// An [`Interim`] that can be shown.
#[derive(Clone)]
pub struct InterimCallback(pub Interim);

impl std::fmt::Debug for InterimCallback {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("InterimCallback")
    }
}

impl<'a> Ask<'a> {
    /// A request that nothing else is known of.
    pub fn new(request: Request<Outgoing>, key: &'a [u8]) -> Self {
        Self {
            request,
            key,
            avoided: &[],
            is_hedged: true,
            interim: None,
        }
    }
}

/// An answer, and whose it is.
#[derive(Debug)]
pub struct Answered {
    /// The response. A status of 5xx means that nobody had a better one.
    pub response: Response<Download>,
    /// Who answered.
    pub endpoint: Arc<Endpoint>,
    /// Its tier, from 0.
    pub tier: usize,
    /// Its origin.
    pub origin: Arc<Origin>,
    /// Requests that were sent for it.
    pub attempts: u32,
}

impl Tiers {
    /// The origins of the configuration, asked by `client`. Reads certificates from `disk`.
    ///
    /// # Errors
    /// [`OriginError`] when a file of certificates is missing or holds none.
    pub fn new(
        client: Client,
        origins: &[config::Origin],
        disk: &dyn Disk,
    ) -> Result<Self, OriginError> {
        let tiers = Self {
            client,
            origins: ArcSwap::default(),
            begun: Instant::now(),
        };
        tiers.reload(origins, disk)?;
        Ok(tiers)
    }

    /// Takes another configuration. Origins that have not changed keep their connections and what
    /// is known of them; lists made before lead to the origins of their time.
    ///
    /// # Errors
    /// As [`Tiers::new`]; then nothing has changed.
    pub fn reload(&self, origins: &[config::Origin], disk: &dyn Disk) -> Result<(), OriginError> {
        let present = self.origins.load();
        let next = origins.iter().map(|config| {
            // A file may have changed though its name has not.
            let kept = present.iter().find(|origin| origin.config == *config);
            match kept.filter(|_| config.ca.is_none()) {
                Some(origin) => Ok(Arc::clone(origin)),
                None => Origin::new(config, disk).map(Arc::new),
            }
        });
        let next = next.collect::<Result<Vec<_>, _>>()?;
        self.origins.store(Arc::new(next));
        Ok(())
    }

    /// The origins of these names, in this order; those that nobody defined are passed over.
    pub fn list(&self, names: &[String]) -> TierList {
        let origins = self.origins.load();
        let find = |name: &String| origins.iter().find(|origin| origin.name() == name).cloned();
        TierList(names.iter().filter_map(find).collect())
    }

    /// Asks the origins of `list` until one answers with anything but 5xx, or none is left.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`AllFailed`], with the status that tells a client of it.
    ///
    /// # Cancel safety
    /// Who drops the future gives up; connections in use are closed.
    pub async fn send(&self, list: &TierList, ask: Ask<'_>) -> Result<Answered, AllFailed> {
        race::run(self, list, ask).await
    }

    /// Leave to ask beside the last of `asked`, which has fallen silent in the middle of a body:
    /// somebody who is not among them is fit, and the nearest origin's budget pays for it, unless
    /// the silent one is out of use.
    pub fn may_ask_beside(&self, list: &TierList, asked: &[Arc<Endpoint>]) -> bool {
        let now = self.now();
        let members = || list.0.iter().flat_map(|origin| &origin.members);
        let is = |member: &Member, endpoint| Arc::ptr_eq(&member.endpoint, endpoint);
        let is_new = |member: &Member| !asked.iter().any(|endpoint| is(member, endpoint));
        if !members().any(|member| is_new(member) && member.is_fit(now)) {
            return false;
        }
        let mut silent = members().filter(|member| asked.last().is_some_and(|it| is(member, it)));
        let is_out_of_use = silent.next().is_some_and(|member| !member.is_fit(now));
        is_out_of_use || list.0.first().is_some_and(|nearest| nearest.withdraw())
    }

    /// Every origin at this moment, in the order of the configuration.
    pub fn report(&self) -> Vec<OriginReport> {
        let now = self.now();
        let origins = self.origins.load();
        origins.iter().map(|origin| origin.report(now)).collect()
    }

    /// The client that asks.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Time on the clock of the runtime, which a test sets.
    fn now(&self) -> Monotonic {
        Monotonic::ZERO + self.begun.elapsed()
    }
}

impl TierList {
    /// Names of the origins, nearest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|origin| origin.name())
    }

    /// Whether half of the connections to the nearest origin that there may be are in use, at each
    /// of its URLs.
    pub fn is_crowded(&self) -> bool {
        let nearest = self.0.first();
        nearest.is_some_and(|origin| {
            let mut members = origin.members.iter();
            members.all(|member| member.endpoint.pool.is_crowded())
        })
    }

    /// Whether there is nobody to ask.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
