//! The orders of operators about alarms, which the next snapshot tells of.
//!
//! ```text
//! POST /api/v1/alarms/{id}/acknowledge|close|shelve|unshelve
//! {"author": "ann", "note": "cable ordered", "for": "2h"}
//! ```
//!
//! Orders are taken from the addresses of `alarm.allow`, or from whoever is known, and as
//! `application/json` alone, which a page of another origin cannot send.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{ALLOW, HeaderValue},
};
use serde::Deserialize;
use tracing::warn;

use crate::{
    alarm::{AUTHOR_BYTES_MAX, Change, NOTE_BYTES_MAX, Order, OrderError, PERIOD_MAX, Verb},
    config::parse_duration,
    health::{Alarms, alarm_json},
    serve::{
        Body, Giver, NoJson, Upload, json,
        reply::{self, Freshness},
    },
};

/// Where the paths of orders begin.
const PATH: &str = "/api/v1/alarms";

/// Why an order is not obeyed.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0} may not speak for operators: add it to `alarm.allow`")]
    Forbidden(IpAddr),
    #[error("the body is not JSON: send it as application/json, {{}} at least")]
    NotJson,
    #[error("the body could not be read")]
    NoBody,
    #[error("the body is no order: {0}")]
    NoOrder(String),
    #[error(transparent)]
    Order(#[from] OrderError),
}

/// The body of an order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    author: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(rename = "for")]
    period: Option<String>,
}

/// Answers a request for the path of an order; `None` if it is none.
pub(super) async fn answer(
    alarms: &Alarms,
    request: Request<Upload>,
    giver: &Giver,
) -> Option<Response<Body>> {
    let wanted = order_of(request.uri().path())?;
    let by = giver.address;
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Some(only_post());
    }
    if !giver.is_known() && !alarms.may_order(by) {
        return Some(told(Err(Refusal::Forbidden(by)), by));
    }
    let body = json(&head.headers, body).await;
    Some(obey(alarms, wanted, body, giver))
}

/// Obeys the order in a body about one alarm.
pub(super) fn obey(
    alarms: &Alarms,
    (id, verb): (u64, Verb),
    body: Result<Bytes, NoJson>,
    giver: &Giver,
) -> Response<Body> {
    let outcome = match body {
        Ok(body) => read(verb, &body, giver)
            .map_err(Refusal::NoOrder)
            .and_then(|order| Ok(alarms.order(id, &order, giver.address)?)),
        Err(NoJson::OtherType) => Err(Refusal::NotJson),
        Err(NoJson::Unread) => Err(Refusal::NoBody),
    };
    told(outcome, giver.address)
}

fn told(outcome: Result<Change, Refusal>, by: IpAddr) -> Response<Body> {
    let refusal = match outcome {
        Ok(change) => {
            let body = alarm_json::change(&change);
            return reply::content(StatusCode::OK, "application/json", body, Freshness::NoStore);
        }
        Err(refusal) => refusal,
    };
    warn!(%by, %refusal, "order about an alarm refused");
    let status = match &refusal {
        Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
        Refusal::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::NoBody | Refusal::NoOrder(_) => StatusCode::BAD_REQUEST,
        Refusal::Order(OrderError::Unknown(_)) => StatusCode::NOT_FOUND,
        Refusal::Order(OrderError::NotShelved(_) | OrderError::ShelvesFull) => StatusCode::CONFLICT,
    };
    reply::text(status, &refusal.to_string())
}

fn only_post() -> Response<Body> {
    let mut response = reply::text(StatusCode::METHOD_NOT_ALLOWED, "only POST is allowed");
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// The alarm and the verb of a path such as `/api/v1/alarms/17/shelve`.
pub(super) fn order_of(path: &str) -> Option<(u64, Verb)> {
    let rest = path.strip_prefix(PATH)?.strip_prefix('/')?;
    let (id, verb) = rest.split_once('/')?;
    let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
    let id = is_number.then(|| id.parse().ok())??;
    let verb = match verb {
        "acknowledge" => Verb::Acknowledge,
        "close" => Verb::Close,
        "shelve" => Verb::Shelve,
        "unshelve" => Verb::Unshelve,
        _ => return None,
    };
    Some((id, verb))
}

/// The order in a body. Whoever has proven a name is its author; who has not may name one, and is
/// else known by the address.
fn read(verb: Verb, body: &[u8], giver: &Giver) -> Result<Order, String> {
    let body: OrderBody = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let author = body.author.filter(|_| !giver.is_known());
    let author = author.unwrap_or_else(|| giver.known_by());
    let is_fit = |text: &str, max| text.len() <= max && !text.contains(char::is_control);
    if author.is_empty() || !is_fit(&author, AUTHOR_BYTES_MAX) {
        return Err(format!(
            "`author` must be 1 to {AUTHOR_BYTES_MAX} bytes of printable text"
        ));
    }
    if !is_fit(&body.note, NOTE_BYTES_MAX) {
        return Err(format!(
            "`note` must be at most {NOTE_BYTES_MAX} bytes of printable text"
        ));
    }
    let period = body.period.as_deref().map(period).transpose()?;
    if verb == Verb::Shelve && period.is_none() {
        return Err("`for` is missing: say for how long, as in \"2h\"".to_owned());
    }
    let note = body.note;
    Ok(Order {
        verb,
        author,
        note,
        period,
    })
}

fn period(text: &str) -> Result<Duration, String> {
    let period = parse_duration(text)?;
    let is_fit = period >= Duration::from_secs(1) && period <= PERIOD_MAX;
    is_fit
        .then_some(period)
        .ok_or_else(|| "`for` must be from 1 s to 720 h".to_owned())
}
