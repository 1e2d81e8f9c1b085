//! One request over one connection, and the head of its response.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use hyper::{Request, Response, body::Incoming, client::conn::TrySendError};
use tokio::time::{Instant, sleep_until};
use weir_cache::rules::end_to_end;

use super::{
    Ambiguity, Download, ExchangeError, Framing, Interim, Outgoing, Unanswered,
    head::{Asking, framing},
    outgoing::Watched,
    pool::Lease,
    wire::WireState,
};
use crate::fetch::Endpoint;

/// Interim responses before the one that counts. 103 may come a few times.
const INTERIM_MAX: u32 = 16;

/// Why there is no response, and whether that may be the fault of a connection that was kept.
pub(super) enum Refusal {
    /// The connection was gone before anything was sent.
    Stale {
        body: Outgoing,
        error: ExchangeError,
    },
    /// The connection ended without a byte.
    Silent { error: ExchangeError },
    /// Anything else.
    Failed { error: ExchangeError },
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Silent { error } | Refusal::Failed { error } => error.into(),
            Refusal::Stale { body, error } => Self::unsent(error, body),
        }
    }
}

/// Sends one request over one connection and reads the head of its response.
pub(super) async fn exchange(
    endpoint: &Arc<Endpoint>,
    mut lease: Lease,
    mut request: Request<Watched>,
    interim: Option<Interim>,
) -> Result<Response<Download>, Refusal> {
    observe_interim(endpoint, &lease.state, &mut request, interim);
    let asking = Asking::of(request.method(), request.headers());
    let is_bodiless = request.body().body.is_empty();
    let progress = request.body().progress.clone();
    let received_before = lease.state.bytes_received();
    let begun = Instant::now();
    let mut answer = pin!(lease.sender.try_send_request(request));
    let answer = loop {
        let within = endpoint.settings.timeouts.first_byte;
        let deadline = progress.waiting_since() + within;
        tokio::select! {
            biased;
            answer = &mut answer => break answer,
            () = sleep_until(deadline) => {}
        }
        if progress.waiting_since() + within <= Instant::now() {
            let error = ExchangeError::FirstByteTimedOut { within };
            return Err(Refusal::Failed { error });
        }
    };
    match answer {
        Ok(response) => {
            if asking.method.is_safe() {
                endpoint.take_first_byte(begun.elapsed());
            }
            let response = believe(endpoint, lease, &asking, response);
            response.map_err(|error| Refusal::Failed { error })
        }
        Err(unsent) => Err(refused(&lease.state, is_bodiless, received_before, unsent)),
    }
}

/// Why a request that was to go over a connection has no answer.
fn refused(
    state: &WireState,
    is_bodiless: bool,
    received_before: u64,
    mut unsent: TrySendError<Request<Watched>>,
) -> Refusal {
    let request = unsent.take_message();
    let body = request.map(|request| request.into_body().body);
    let body = body.or((state.is_unsent() && is_bodiless).then_some(Outgoing::Empty));
    let is_silent = state.bytes_received() == received_before;
    match (body, classify(state, unsent.into_error())) {
        (Some(body), error) => Refusal::Stale { body, error },
        (None, error @ ExchangeError::Closed(_)) if is_silent => Refusal::Silent { error },
        (None, error) => Refusal::Failed { error },
    }
}

/// Shows interim responses to whoever asked for them, and ends a connection that floods us.
fn observe_interim(
    endpoint: &Arc<Endpoint>,
    state: &Arc<WireState>,
    request: &mut Request<Watched>,
    interim: Option<Interim>,
) {
    let (endpoint, state) = (Arc::clone(endpoint), Arc::clone(state));
    let seen = AtomicU32::new(0);
    hyper::ext::on_informational(request, move |response| {
        endpoint.counters.count_status(response.status());
        if seen.fetch_add(1, Ordering::Relaxed) >= INTERIM_MAX {
            state.shut();
        } else if let Some(interim) = &interim {
            interim(response.status(), response.headers());
        }
    });
}

fn classify(state: &WireState, error: hyper::Error) -> ExchangeError {
    if state.is_shut() && !state.is_unsent() {
        ExchangeError::Ambiguous(Ambiguity::InterimFlood)
    } else if error.is_parse_too_large() {
        ExchangeError::HeadTooLarge(error)
    } else if error.is_parse() {
        ExchangeError::Malformed(error)
    } else if error.is_user() {
        ExchangeError::Upload(error)
    } else {
        ExchangeError::Closed(error)
    }
}

/// Checks the head of a response, and makes it fit to be handed on.
fn believe(
    endpoint: &Arc<Endpoint>,
    lease: Lease,
    asking: &Asking,
    response: Response<Incoming>,
) -> Result<Response<Download>, ExchangeError> {
    let (mut head, incoming) = response.into_parts();
    if lease.state.is_shut() {
        return Err(ExchangeError::Ambiguous(Ambiguity::InterimFlood));
    }
    let framing = framing(&asking.method, (head.version, head.status), &head.headers);
    let framing = framing.map_err(ExchangeError::Ambiguous)?;
    let admitted = asking.admits(head.status, &head.headers);
    admitted.map_err(ExchangeError::Ambiguous)?;
    let bytes_max = endpoint.settings.response_bytes_max;
    if matches!(framing, Framing::Length(bytes) if bytes > bytes_max) {
        return Err(ExchangeError::TooLong { bytes_max });
    }
    head.headers = end_to_end(&head.headers);
    let body = Download::new(incoming, framing, Arc::clone(endpoint), lease);
    Ok(Response::from_parts(head, body))
}
