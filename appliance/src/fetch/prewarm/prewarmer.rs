//! Takes orders to prewarm: who may, one at a time, and what is told of it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{ALLOW, HeaderValue},
};
use tokio::task::AbortHandle;
use tracing::{info, warn};

use super::{
    counters::{CounterCells, Counters},
    job::Job,
    order::{Bounds, Order, Unfit},
    progress::{Progress, Stage},
};
use crate::{
    config::AddressPrefix,
    fetch::Pull,
    live::Live,
    serve::{
        Body, Giver, NoJson, Upload, json,
        reply::{self, Freshness},
    },
};

/// What a prewarmer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who may prewarm.
    pub allowed: Vec<AddressPrefix>,
    /// Objects begun in a second.
    pub rate_per_s: u32,
    /// Objects fetched at one time.
    pub concurrency: usize,
}

/// Takes orders to prewarm.
#[derive(Debug)]
pub struct Prewarmer {
    settings: Settings,
    pull: Pull,
    live: Arc<Live>,
    cells: Arc<CounterCells>,
    latest: Mutex<Option<Latest>>,
}

/// The job of the latest order.
#[derive(Debug)]
struct Latest {
    job: Arc<Job>,
    task: AbortHandle,
}

/// Why an order is not obeyed.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0} may not prewarm: add it to `prewarm.allow`")]
    Forbidden(IpAddr),
    #[error("another order is being obeyed: wait for its end, or cancel it with DELETE")]
    Busy,
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("the body is not JSON: send it as application/json")]
    NotJson,
    #[error("the body could not be read")]
    NoBody,
}

impl Prewarmer {
    /// A prewarmer that fetches through `pull`; the channels of `live` need none.
    pub fn new(settings: Settings, pull: Pull, live: Arc<Live>) -> Self {
        Self {
            settings,
            pull,
            live,
            cells: Arc::default(),
            latest: Mutex::default(),
        }
    }

    /// What prewarming has counted.
    pub fn counters(&self) -> Counters {
        self.cells.read()
    }

    /// Answers a request to the management API: GET tells how far the latest order has come, POST
    /// gives one, DELETE cancels it.
    ///
    /// Must be called within a tokio runtime that outlives the order.
    pub async fn answer(&self, request: Request<Upload>, giver: &Giver) -> Response<Body> {
        let by = giver.address;
        let (head, body) = request.into_parts();
        let outcome = match head.method {
            Method::GET | Method::HEAD => return told(StatusCode::OK, &self.progress()),
            Method::POST | Method::DELETE if !giver.is_known() && !self.may(by) => {
                self.cells.orders_forbidden.add(1);
                Err(Refusal::Forbidden(by))
            }
            Method::DELETE => {
                self.cancel(by);
                return told(StatusCode::OK, &self.progress());
            }
            Method::POST => match json(&head.headers, body).await {
                Ok(body) => self.obey(&body, by),
                Err(NoJson::OtherType) => Err(Refusal::NotJson),
                Err(NoJson::Unread) => Err(Refusal::NoBody),
            },
            _ => return other_method(),
        };
        match outcome {
            Ok(()) => told(StatusCode::ACCEPTED, &self.progress()),
            Err(refusal) => refused(&refusal, by),
        }
    }

    fn may(&self, by: IpAddr) -> bool {
        let mut allowed = self.settings.allowed.iter();
        allowed.any(|allowed| allowed.contains(by))
    }

    /// Begins to obey an order.
    fn obey(&self, body: &[u8], by: IpAddr) -> Result<(), Refusal> {
        let bounds = Bounds {
            rate_per_s: self.settings.rate_per_s,
            concurrency: self.settings.concurrency,
        };
        let order = Order::of_json(body, bounds)?;
        let mut latest = self.lock();
        let is_busy = latest
            .as_ref()
            .is_some_and(|latest| latest.job.progress().state == Stage::Running);
        if is_busy {
            return Err(Refusal::Busy);
        }
        let items = order.items.len();
        info!(%by, items, "prewarming");
        self.cells.orders_obeyed.add(1);
        let (pull, live) = (self.pull.clone(), Arc::clone(&self.live));
        let job = Arc::new(Job::new(pull, live, Arc::clone(&self.cells), items));
        let task = tokio::spawn(Arc::clone(&job).run(order)).abort_handle();
        *latest = Some(Latest { job, task });
        Ok(())
    }

    fn cancel(&self, by: IpAddr) {
        let latest = self.lock();
        let Some(latest) = latest.as_ref() else {
            return;
        };
        if latest.job.end(Stage::Cancelled) {
            latest.task.abort();
            self.cells.orders_cancelled.add(1);
            info!(%by, "prewarming is cancelled");
        }
    }

    fn progress(&self) -> Progress {
        let latest = self.lock();
        let progress = latest.as_ref().map(|latest| latest.job.progress());
        progress.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Latest>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(status: StatusCode, progress: &Progress) -> Response<Body> {
    let body = serde_json::to_vec(progress).expect("numbers and texts can be written as JSON");
    reply::content(
        status,
        "application/json",
        Bytes::from(body),
        Freshness::NoStore,
    )
}

fn refused(refusal: &Refusal, by: IpAddr) -> Response<Body> {
    warn!(%by, %refusal, "prewarming refused");
    let status = match refusal {
        Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
        Refusal::Busy => StatusCode::CONFLICT,
        Refusal::Unfit(_) | Refusal::NoBody => StatusCode::BAD_REQUEST,
        Refusal::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    };
    reply::text(status, &refusal.to_string())
}

fn other_method() -> Response<Body> {
    let line = "only GET, POST and DELETE are allowed";
    let mut response = reply::text(StatusCode::METHOD_NOT_ALLOWED, line);
    let allowed = HeaderValue::from_static("GET, HEAD, POST, DELETE");
    response.headers_mut().insert(ALLOW, allowed);
    response
}
