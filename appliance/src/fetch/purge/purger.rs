//! Takes orders to purge: who may, how often, what became of it.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{ALLOW, HeaderValue, ORIGIN, RETRY_AFTER},
    http::request,
};
use serde::Serialize;
use tokio::{task::spawn_blocking, time::timeout};
use tracing::{info, warn};
use weir_cache::{Key, Store};
use weir_hal::{Clock, Disk};

use super::{
    bans::{Ban, Bans, Scope, Target},
    bucket::TokenBucket,
    counters::{CounterCells, Counters},
    journal::{Journal, Loaded},
    order::{Names, Order, Unfit},
    saving::Saving,
};
use crate::{
    config::AddressPrefix,
    serve::{
        Body, Client, Giver, NoJson, Upload, json,
        reply::{self, Freshness},
    },
};

/// Longest wait for the disk to let go of what was purged by its URL.
const EVICT_WAIT: Duration = Duration::from_secs(10);

/// What a purger is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who may purge.
    pub allowed: Vec<AddressPrefix>,
    /// Things purged in a second.
    pub rate_per_s: u32,
    /// Things purged at once.
    pub burst: u32,
    /// The file that remembers what is purged.
    pub journal: PathBuf,
}

/// What a purger works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What is banned; whoever looks into the store asks them.
    pub bans: Arc<Bans>,
    /// Where the file of purges is.
    pub disk: Arc<dyn Disk>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where what is purged by its URL is evicted at once.
    pub store: Store,
    /// What is called what.
    pub names: Arc<dyn Names>,
}

/// Takes orders to purge.
#[derive(Debug)]
pub struct Purger {
    bans: Arc<Bans>,
    saving: Saving,
    store: Store,
    names: Arc<dyn Names>,
    clock: Arc<dyn Clock>,
    allowed: Vec<AddressPrefix>,
    bucket: TokenBucket,
    counters: Arc<CounterCells>,
}

/// What became of an order.
#[derive(Debug, Serialize)]
struct Done {
    /// Things that are purged now.
    purged: usize,
    /// Objects that were evicted at once.
    evicted: usize,
}

/// Why nothing was purged, or not for good.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0} may not purge: add it to `purge.allow`")]
    Forbidden(IpAddr),
    #[error("a page has a browser ask: purge from a program, or by the management listener")]
    Page,
    #[error("too much was purged of late: try again in {} s", seconds(*.0))]
    Throttled(Duration),
    #[error("more than {0} things are named: send several orders, or raise `purge.burst`")]
    TooMany(u32),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("the body is not JSON: send it as application/json")]
    NotJson,
    #[error("the body could not be read")]
    NoBody,
    #[error("it is purged, but a restart would forget it: the disk does not take `purge.journal`")]
    Unsaved,
}

impl Purger {
    /// A purger that adds to `bans`, and first puts in force what was purged before a restart.
    /// Blocks.
    ///
    /// When the file of purges is damaged or cannot be read, everything stored is taken for
    /// purged.
    pub fn open(settings: Settings, parts: Parts) -> Self {
        let Parts {
            bans,
            disk,
            clock,
            store,
            names,
        } = parts;
        let counters = Arc::<CounterCells>::default();
        let loaded = Journal::load(&*disk, &settings.journal);
        let is_damaged = match loaded {
            Ok(Loaded::Bans(loaded)) => {
                bans.add(&loaded);
                false
            }
            Ok(Loaded::Damaged) => {
                let path = settings.journal.display();
                warn!(%path, "the file of purges is damaged: all that is stored counts as purged");
                true
            }
            Err(error) => {
                warn!(%error, "cannot read what was purged: all that is stored counts as purged");
                true
            }
        };
        let saving = Saving::new(disk, settings.journal, Arc::clone(&bans));
        if is_damaged {
            counters.journals_damaged.add(1);
            let everything = Ban {
                scope: Scope::All,
                until: clock.wall(),
            };
            bans.add(&[everything]);
            saving.save_now();
        }
        Self {
            bans,
            saving,
            store,
            names,
            clock,
            allowed: settings.allowed,
            bucket: TokenBucket::new(settings.rate_per_s, settings.burst),
            counters,
        }
    }

    /// What purging has counted.
    pub fn counters(&self) -> Counters {
        Counters {
            objects_banned: self.bans.struck(),
            ..self.counters.read()
        }
    }

    /// Whether a request of the data listener is an order to purge.
    pub fn is_order(method: &Method) -> bool {
        matches!(method.as_str(), "PURGE" | "BAN")
    }

    /// Answers a `PURGE` or `BAN`. A client that may not purge learns nothing else. Players may ask
    /// for any host, so a page of another site is told by its browser's `Origin` alone.
    pub async fn answer_method(&self, request: &request::Parts, client: &Client) -> Response<Body> {
        let by = client.address.ip().to_canonical();
        let order = || {
            if request.method.as_str() == "BAN" {
                Order::of_ban(&request.uri, &request.headers)
            } else {
                Order::of_purge(&request.uri, &request.headers, &*self.names)
            }
        };
        let admitted = self.admit(by).and_then(|()| of_program(&request.headers));
        let outcome = match admitted {
            Ok(()) => self.obey(order(), by).await,
            Err(refusal) => Err(refusal),
        };
        answer(outcome, by)
    }

    /// Answers a `POST` of JSON to the management API.
    pub async fn answer_api(&self, request: Request<Upload>, giver: &Giver) -> Response<Body> {
        let by = giver.address;
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            return only_post();
        }
        let admitted = if giver.is_known() {
            Ok(())
        } else {
            self.admit(by)
        };
        let outcome = match admitted {
            Ok(()) => match json(&head.headers, body).await {
                Ok(body) => self.obey(Order::of_json(&body, &*self.names), by).await,
                Err(NoJson::OtherType) => Err(Refusal::NotJson),
                Err(NoJson::Unread) => Err(Refusal::NoBody),
            },
            Err(refusal) => Err(refusal),
        };
        answer(outcome, by)
    }

    fn admit(&self, by: IpAddr) -> Result<(), Refusal> {
        if self.allowed.iter().any(|allowed| allowed.contains(by)) {
            return Ok(());
        }
        self.counters.orders_forbidden.add(1);
        Err(Refusal::Forbidden(by))
    }

    async fn obey(&self, order: Result<Order, Unfit>, by: IpAddr) -> Result<Done, Refusal> {
        let order = order?;
        let tokens = u32::try_from(order.targets.len()).unwrap_or(u32::MAX);
        let burst = self.bucket.burst();
        if tokens > burst {
            return Err(Refusal::TooMany(burst));
        }
        let taken = self.bucket.take(tokens, self.clock.monotonic());
        taken.map_err(|wait| {
            self.counters.orders_throttled.add(1);
            Refusal::Throttled(wait)
        })?;
        let now = self.clock.wall();
        let bans: Vec<Ban> = order
            .targets
            .iter()
            .map(|target| Ban::new(target, now))
            .collect();
        let folded = self.bans.add(&bans);
        self.counters.prefixes_folded.add(folded);
        for target in &order.targets {
            self.count(target);
        }
        let is_saved = self.saving.save(&bans).await;
        for target in &order.targets {
            info!(%by, %target, is_saved, "purged");
        }
        let evicted = self.evict(order.stored).await;
        if !is_saved {
            self.counters.orders_unsaved.add(1);
            return Err(Refusal::Unsaved);
        }
        let purged = bans.len();
        Ok(Done { purged, evicted })
    }

    fn count(&self, target: &Target) {
        let counter = match target {
            Target::Url(_) => &self.counters.urls_purged,
            Target::Tag(_) => &self.counters.tags_purged,
            Target::Prefix(_) | Target::Pattern(_) => &self.counters.prefixes_purged,
        };
        counter.add(1);
    }

    async fn evict(&self, stored: Vec<Key>) -> usize {
        if stored.is_empty() {
            return 0;
        }
        let (store, counters) = (self.store.clone(), Arc::clone(&self.counters));
        let evicting = spawn_blocking(move || {
            let evicted = stored.iter().filter(|key| store.evict(key)).count();
            counters.objects_evicted.add(evicted as u64);
            evicted
        });
        // They are banned all the same.
        let evicted = timeout(EVICT_WAIT, evicting).await;
        evicted.map_or(0, Result::unwrap_or_default)
    }
}

/// Refuses what a browser sends for a page, whose every such request names it (Fetch §3.1).
fn of_program(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) {
        Err(Refusal::Page)
    } else {
        Ok(())
    }
}

fn answer(outcome: Result<Done, Refusal>, by: IpAddr) -> Response<Body> {
    let refusal = match outcome {
        Ok(done) => {
            let body = serde_json::to_vec(&done).expect("two numbers can be written as JSON");
            let body = Bytes::from(body);
            return reply::content(StatusCode::OK, "application/json", body, Freshness::NoStore);
        }
        Err(refusal) => refusal,
    };
    warn!(%by, %refusal, "purge refused");
    let status = match &refusal {
        Refusal::Forbidden(_) | Refusal::Page => StatusCode::FORBIDDEN,
        Refusal::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unfit(Unfit::NoRoute(_)) => StatusCode::NOT_FOUND,
        Refusal::Unfit(_) | Refusal::TooMany(_) | Refusal::NoBody => StatusCode::BAD_REQUEST,
        Refusal::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::Unsaved => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = reply::text(status, &refusal.to_string());
    if let Refusal::Throttled(wait) = refusal {
        let wait = reply::visible(seconds(wait).to_string());
        response.headers_mut().insert(RETRY_AFTER, wait);
    }
    response
}

fn only_post() -> Response<Body> {
    let mut response = reply::text(StatusCode::METHOD_NOT_ALLOWED, "only POST is allowed");
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// Whole seconds, so that a client that waits for them has waited long enough.
const fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}
