//! One request through the tiers: at most two attempts at a time, the next one when one has failed
//! or is late.

use std::{
    collections::VecDeque, future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration,
};

use hyper::{Response, StatusCode, body::Body as _, http::request::Parts};
use tokio::time::{Instant, sleep_until};
use weir_hal::Monotonic;

use super::{
    AllFailed, Answered, Ask, InterimCallback, Origin, Reason, TierList, Tiers,
    breaker::{Admission, Outcome},
    candidate::{Candidate, candidates},
};
use crate::fetch::exchange::{Download, FailureKind, Outgoing, Unanswered};

/// Endpoints asked for one request.
const ATTEMPTS_MAX: u32 = 6;

/// The longest an endpoint is waited for alone, while another might answer.
const HEDGE_DELAY_MAX: Duration = Duration::from_secs(1);

/// The shortest: what is faster is not worth a second request.
const HEDGE_DELAY_MIN: Duration = Duration::from_millis(20);

/// Answers from which the 95th percentile is drawn at least.
const HEDGE_SAMPLES_MIN: u32 = 20;

/// How long after a hedge that was not affordable it is looked at again.
const HEDGE_PAUSE: Duration = Duration::from_millis(50);

type Attempt<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Download>, Box<Unanswered>>> + Send + 'a>>;

/// Why an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    First,
    Retry,
    Hedge,
}

/// An endpoint that is being asked.
struct Running<'a> {
    candidate: Candidate,
    cause: Cause,
    is_trial: bool,
    begun: Instant,
    attempt: Attempt<'a>,
}

struct Race<'a> {
    tiers: &'a Tiers,
    head: &'a Parts,
    interim: Option<InterimCallback>,
    /// Whose budget extra requests are paid out of.
    nearest: &'a Origin,
    waiting: VecDeque<Candidate>,
    running: Vec<Running<'a>>,
    /// A request without a body and of a safe method can be sent as often as one likes.
    is_repeatable: bool,
    is_hedged: bool,
    /// The body, while nothing of it was sent.
    body: Option<Outgoing>,
    attempts: u32,
    /// When the next endpoint is asked beside the first.
    hedge_at: Instant,
    is_short_of_budget: bool,
    /// The answer; one of 5xx for want of a better one.
    best: Option<Answered>,
    failure: Option<AllFailed>,
    /// When the first of those that are out of use may be asked again.
    retry_at: Option<Monotonic>,
}

/// An attempt that has ended.
struct Ended {
    candidate: Candidate,
    cause: Cause,
    result: Result<Response<Download>, Box<Unanswered>>,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nobody else is asked.
    Done,
    /// Somebody else may be asked; free of charge if that loads nobody.
    Next { is_free: bool },
}

/// Asks the origins of `list`.
pub(super) async fn run(
    tiers: &Tiers,
    list: &TierList,
    ask: Ask<'_>,
) -> Result<Answered, AllFailed> {
    let Some(nearest) = list.0.first() else {
        return Err(AllFailed::unasked(Reason::NoOrigin, None));
    };
    nearest.counters.requests.add(1);
    nearest.deposit();
    let waiting = candidates(list, &ask, tiers.now());
    let (head, body) = ask.request.into_parts();
    let race = Race {
        tiers,
        head: &head,
        interim: ask.interim,
        nearest,
        waiting,
        running: Vec::with_capacity(2),
        is_repeatable: head.method.is_safe() && body.is_empty(),
        is_hedged: ask.is_hedged,
        body: Some(body),
        attempts: 0,
        hedge_at: Instant::now(),
        is_short_of_budget: false,
        best: None,
        failure: None,
        retry_at: None,
    };
    let outcome = race.run().await;
    if let Err(failed) = &outcome {
        nearest.counters.unanswered.add(1);
        match failed.reason {
            Reason::Unavailable => nearest.counters.unavailable.add(1),
            Reason::Loop => nearest.counters.loops_detected.add(1),
            Reason::NoOrigin
            | Reason::Unsendable
            | Reason::Upload
            | Reason::Failed
            | Reason::TimedOut => {}
        }
    }
    outcome
}

impl Race<'_> {
    async fn run(mut self) -> Result<Answered, AllFailed> {
        let mut cause = Cause::First;
        loop {
            if self.running.is_empty() && !self.start(cause) {
                return self.conclude();
            }
            cause = Cause::Retry;
            let (hedge_at, may_hedge) = (self.hedge_at, self.may_hedge());
            let ended = tokio::select! {
                biased;
                ended = next_ended(&mut self.running) => ended,
                () = sleep_until(hedge_at), if may_hedge => {
                    self.hedge();
                    continue;
                }
            };
            let step = self.take(ended);
            let is_over = match step {
                Step::Done => true,
                // The other one may still answer.
                Step::Next { .. } if !self.running.is_empty() => false,
                Step::Next { is_free } => !self.may_go_on(is_free),
            };
            if is_over {
                return self.conclude();
            }
        }
    }

    /// Asks the next endpoint that is fit; false if there is none.
    fn start(&mut self, cause: Cause) -> bool {
        let body = match self.body.take() {
            Some(body) => body,
            None if self.is_repeatable => Outgoing::Empty,
            None => return false,
        };
        let Some((candidate, is_trial)) = self.next() else {
            self.body = Some(body);
            return false;
        };
        self.attempts += 1;
        self.count(&candidate, cause);
        if cause != Cause::Hedge {
            self.hedge_at = Instant::now() + self.hedge_delay(&candidate);
        }
        let member = Arc::clone(&candidate.member);
        let (client, head) = (&self.tiers.client, self.head);
        let interim = self.interim.clone().map(|interim| interim.0);
        let attempt = async move { client.attempt(&member.endpoint, head, body, interim).await };
        self.running.push(Running {
            candidate,
            cause,
            is_trial,
            begun: Instant::now(),
            attempt: Box::pin(attempt),
        });
        true
    }

    /// The next endpoint that lets a request in, and whether it is on trial. If none does and none
    /// was asked, one that is out of use but lives.
    fn next(&mut self) -> Option<(Candidate, bool)> {
        let now = self.tiers.now();
        let mut last_resort = None;
        while let Some(candidate) = self.waiting.pop_front() {
            match candidate.member.enter(now) {
                Admission::Open => return Some((candidate, false)),
                Admission::Trial => return Some((candidate, true)),
                Admission::Refused(until) => {
                    self.retry_at = Some(self.retry_at.map_or(until, |at| at.min(until)));
                    let lives = candidate.member.is_last_resort();
                    last_resort = last_resort.or_else(|| lives.then_some(candidate));
                }
            }
        }
        let is_none_asked = self.attempts == 0;
        let last_resort = last_resort.filter(|_| is_none_asked)?;
        Some((last_resort, false))
    }

    fn count(&self, candidate: &Candidate, cause: Cause) {
        let counters = candidate.member.endpoint.counters();
        match cause {
            Cause::First => {}
            Cause::Retry => {
                counters.retries.add(1);
                self.nearest.counters.retries.add(1);
            }
            Cause::Hedge => {
                counters.hedges.add(1);
                self.nearest.counters.hedges.add(1);
            }
        }
    }

    /// How long `candidate` is waited for alone: as long as 95 of 100 answers take, if the next one
    /// is of the same tier; a farther tier is not burdened with what is only a little late.
    fn hedge_delay(&self, candidate: &Candidate) -> Duration {
        let is_near = |next: &Candidate| next.tier == candidate.tier;
        let usual = candidate.member.endpoint.first_byte(95, HEDGE_SAMPLES_MIN);
        match usual.filter(|_| self.waiting.front().is_some_and(is_near)) {
            Some(usual) => usual.clamp(HEDGE_DELAY_MIN, HEDGE_DELAY_MAX),
            None => HEDGE_DELAY_MAX,
        }
    }

    fn may_hedge(&self) -> bool {
        let now = self.tiers.now();
        self.is_repeatable
            && self.is_hedged
            && self.running.len() == 1
            && self.attempts < ATTEMPTS_MAX
            && self.waiting.iter().any(|next| next.member.is_fit(now))
    }

    /// The endpoint that is being asked is late: asks another one, if that is affordable.
    fn hedge(&mut self) {
        let Some(late) = self.running.first() else {
            return;
        };
        let silent_from = late.begun + HEDGE_DELAY_MAX;
        let is_silent = Instant::now() >= silent_from;
        let is_out_of_use = !late.candidate.member.is_fit(self.tiers.now());
        let is_affordable = is_out_of_use
            || is_silent && self.nearest.withdraw()
            || !is_silent && self.nearest.withdraw_spare();
        if is_affordable {
            self.start(Cause::Hedge);
        } else if is_silent {
            self.note_want_of_budget();
            self.hedge_at = Instant::now() + HEDGE_PAUSE;
        } else {
            self.hedge_at = silent_from;
        }
    }

    fn note_want_of_budget(&mut self) {
        if !std::mem::replace(&mut self.is_short_of_budget, true) {
            self.nearest.counters.budget_exhausted.add(1);
        }
    }

    /// Takes in how an attempt has ended.
    fn take(&mut self, ended: Ended) -> Step {
        let Ended {
            candidate,
            cause,
            result,
        } = ended;
        match result {
            Ok(response) => self.answered(&candidate, cause, response),
            Err(unanswered) => self.failed(&candidate, *unanswered),
        }
    }

    fn answered(
        &mut self,
        candidate: &Candidate,
        cause: Cause,
        mut response: Response<Download>,
    ) -> Step {
        let is_poor = is_poor(response.status());
        let outcome = if is_poor {
            Outcome::ServerError
        } else {
            Outcome::Answer
        };
        candidate.note(outcome, self.tiers.now());
        self.watch(candidate, response.body_mut());
        self.best = Some(Answered {
            response,
            endpoint: Arc::clone(&candidate.member.endpoint),
            tier: candidate.tier,
            origin: Arc::clone(&candidate.origin),
            attempts: self.attempts,
        });
        if is_poor {
            let is_free = false;
            return Step::Next { is_free };
        }
        if cause == Cause::Hedge {
            candidate.member.endpoint.counters().hedges_won.add(1);
        }
        for loser in std::mem::take(&mut self.running) {
            let waited = loser.begun.elapsed();
            let is_silent = waited >= HEDGE_DELAY_MAX;
            // It would have taken longer still, and that must become what is usual.
            loser.candidate.member.endpoint.take_first_byte(waited);
            if loser.is_trial || is_silent && loser.cause != Cause::Hedge {
                loser.candidate.note(Outcome::Overtaken, self.tiers.now());
            }
        }
        Step::Done
    }

    fn failed(&mut self, candidate: &Candidate, unanswered: Unanswered) -> Step {
        let kind = unanswered.error.kind();
        self.body = self.body.take().or(unanswered.unsent);
        self.failure = Some(AllFailed::asked(unanswered.error, self.attempts));
        match kind {
            FailureKind::Refused | FailureKind::Upload => {
                self.best = None;
                return Step::Done;
            }
            // A limit of ours says nothing of the endpoint.
            FailureKind::Busy => {}
            FailureKind::Resolve
            | FailureKind::Connect
            | FailureKind::ConnectTimeout
            | FailureKind::Tls
            | FailureKind::Closed
            | FailureKind::FirstByteTimeout
            | FailureKind::Malformed
            | FailureKind::Stall
            | FailureKind::Broken => candidate.note(outcome_of(kind), self.tiers.now()),
        }
        let is_out_of_use = !candidate.member.is_fit(self.tiers.now());
        Step::Next {
            is_free: kind.is_before_request() || is_out_of_use,
        }
    }

    /// Whether somebody else is to be asked.
    fn may_go_on(&mut self, is_free: bool) -> bool {
        let now = self.tiers.now();
        let is_possible = self.attempts < ATTEMPTS_MAX
            && (self.is_repeatable || self.body.is_some())
            && self.waiting.iter().any(|next| next.member.is_fit(now));
        if is_possible && !is_free && !self.nearest.withdraw() {
            self.note_want_of_budget();
            return false;
        }
        is_possible
    }

    /// The best answer there was, or why there was none.
    fn conclude(self) -> Result<Answered, AllFailed> {
        if let Some(answered) = self.best {
            answered.origin.counters.answered.add(1);
            return Ok(answered);
        }
        let now = self.tiers.now();
        let retry_after = self.retry_at.map(|at| at.since(now));
        Err(self
            .failure
            .unwrap_or_else(|| AllFailed::unasked(Reason::Unavailable, retry_after)))
    }

    /// Has the endpoint blamed if the body of its answer breaks off.
    fn watch(&self, candidate: &Candidate, body: &mut Download) {
        if body.is_end_stream() {
            return;
        }
        let (candidate, begun) = (candidate.clone(), self.tiers.begun);
        body.on_end(Box::new(move |end| {
            if let Err(kind) = end {
                candidate.note(outcome_of(kind), Monotonic::ZERO + begun.elapsed());
            }
        }));
    }
}

/// What a failure tells of an endpoint: who closes or lies at once has been reached.
const fn outcome_of(kind: FailureKind) -> Outcome {
    match kind {
        FailureKind::Closed | FailureKind::Malformed | FailureKind::Broken => Outcome::BadAnswer,
        FailureKind::Refused
        | FailureKind::Resolve
        | FailureKind::Connect
        | FailureKind::ConnectTimeout
        | FailureKind::Busy
        | FailureKind::Tls
        | FailureKind::FirstByteTimeout
        | FailureKind::Stall
        | FailureKind::Upload => Outcome::Failure,
    }
}

/// Whether another endpoint may have a better answer. It has none to a method or version that is
/// not known here.
fn is_poor(status: StatusCode) -> bool {
    let is_final = [
        StatusCode::NOT_IMPLEMENTED,
        StatusCode::HTTP_VERSION_NOT_SUPPORTED,
    ];
    status.is_server_error() && !is_final.contains(&status)
}

/// Waits for the first attempt to end.
///
/// # Cancel safety
/// The attempts go on when this is called again.
async fn next_ended(running: &mut Vec<Running<'_>>) -> Ended {
    let (index, result) = poll_fn(|context| {
        let attempts = running.iter_mut().enumerate();
        for (index, running) in attempts {
            if let Poll::Ready(result) = running.attempt.as_mut().poll(context) {
                return Poll::Ready((index, result));
            }
        }
        Poll::Pending
    })
    .await;
    let Running {
        candidate, cause, ..
    } = running.swap_remove(index);
    Ended {
        candidate,
        cause,
        result,
    }
}
