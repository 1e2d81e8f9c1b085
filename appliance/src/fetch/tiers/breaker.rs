//! Whether an endpoint is asked at all: a circuit breaker, and what it knows of the latest answers.
//!
//! Closed, everything goes through. Five failures in a row, or half of at least twenty within ten
//! seconds, open it: nothing goes through for a second. Then it is half open: one request may try.
//! An answer closes it again; a failure opens it for twice as long, up to ten seconds.
//!
//! An endpoint that was reached, and broke its answers off or the rules, may have one bad path: it
//! is out of use like any other, but lives, and is asked all the same where nobody else is left.
//!
//! An answer of 5xx is not a failure in this sense, for the endpoint lives; one that mostly gives
//! them is *ailing*, and is asked after those that are well.
//!
//! Pure: time is an argument.

use std::time::Duration;

use weir_hal::Monotonic;

/// Failures in a row that open the breaker.
const FAILURES_MAX: u32 = 5;

/// Results from which a share is drawn at least.
const SAMPLES_MIN: u32 = 20;

/// The share looks at the present half of this, and at the whole half before.
const WINDOW_HALF: Duration = Duration::from_secs(5);

/// How long the breaker is open the first time.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// How long it is open at most: an origin that is back is found within this.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How long a trial may take until another one is let through: its request may have been dropped.
const TRIAL_MAX: Duration = Duration::from_secs(10);

/// How an attempt ended, as far as it tells of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answer,
    /// It answered with a status of 5xx.
    ServerError,
    /// It was reached, and gave no answer that is one, or broke off in the middle of it.
    BadAnswer,
    /// It could not be reached, or was silent.
    Failure,
    /// Another endpoint, asked a second later, answered first.
    Overtaken,
}

/// Whether a request may go to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Open,
    /// It may, and its outcome decides over the others.
    Trial,
    /// It may not before this.
    Refused(Monotonic),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Monotonic },
    HalfOpen { trial: Monotonic },
}

/// The state of an endpoint for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything goes through.
    Closed,
    /// Nothing goes through.
    Open,
    /// One request is let through to try.
    HalfOpen,
}

impl BreakerState {
    /// A stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// A circuit breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    state: State,
    failures_in_row: u32,
    pause: Duration,
    /// The latest attempt has reached it.
    is_reached: bool,
    window: Window,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            failures_in_row: 0,
            pause: PAUSE_MIN,
            is_reached: true,
            window: Window::default(),
        }
    }
}

impl Breaker {
    /// Whether a request that came at `now` would be let through.
    pub fn admission(&self, now: Monotonic) -> Admission {
        match self.state {
            State::Closed => Admission::Open,
            State::Open { until } if now < until => Admission::Refused(until),
            State::HalfOpen { trial } if now < trial + TRIAL_MAX => {
                Admission::Refused(trial + TRIAL_MAX)
            }
            State::Open { .. } | State::HalfOpen { .. } => Admission::Trial,
        }
    }

    /// Lets a request through, or not. Whoever is let through tells [`Breaker::note`] how it ended.
    pub fn enter(&mut self, now: Monotonic) -> Admission {
        let admission = self.admission(now);
        if admission == Admission::Trial {
            self.state = State::HalfOpen { trial: now };
        }
        admission
    }

    /// Takes note of how an attempt ended. Returns true if this has opened the breaker.
    pub fn note(&mut self, outcome: Outcome, now: Monotonic) -> bool {
        self.window.take(outcome, now);
        self.is_reached = !matches!(outcome, Outcome::Failure | Outcome::Overtaken);
        match outcome {
            Outcome::Answer | Outcome::ServerError => {
                self.failures_in_row = 0;
                // What was asked before it opened says nothing of how it is now.
                if matches!(self.state, State::HalfOpen { .. }) {
                    self.close();
                }
                false
            }
            Outcome::BadAnswer | Outcome::Failure | Outcome::Overtaken => {
                self.failures_in_row = self.failures_in_row.saturating_add(1);
                self.fail(now)
            }
        }
    }

    /// A probe has found the endpoint well.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    /// Whether it may be asked though it is out of use, if nobody else is left: it costs no time.
    pub const fn is_last_resort(&self) -> bool {
        self.is_reached
    }

    /// Whether most of the latest answers were 5xx.
    pub fn is_ailing(&self, now: Monotonic) -> bool {
        self.window.is_share_met(now, |half| half.server_errors)
    }

    /// The state at `now`.
    pub fn state(&self, now: Monotonic) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn fail(&mut self, now: Monotonic) -> bool {
        let is_due = match self.state {
            State::Closed => {
                self.failures_in_row >= FAILURES_MAX
                    || self.window.is_share_met(now, |half| half.failures)
            }
            State::HalfOpen { .. } => {
                self.pause = (self.pause * 2).min(PAUSE_MAX);
                true
            }
            State::Open { .. } => false,
        };
        if is_due {
            self.state = State::Open {
                until: now + self.pause,
            };
        }
        is_due
    }
}

/// Results of the last five to ten seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    /// Number of the present half since the clock began.
    number: u64,
    present: Half,
    before: Half,
}

#[derive(Debug, Clone, Copy, Default)]
struct Half {
    results: u32,
    failures: u32,
    server_errors: u32,
}

impl Window {
    fn take(&mut self, outcome: Outcome, now: Monotonic) {
        *self = self.at(now);
        let half = &mut self.present;
        half.results = half.results.saturating_add(1);
        match outcome {
            Outcome::Answer | Outcome::Overtaken => {}
            Outcome::ServerError => half.server_errors = half.server_errors.saturating_add(1),
            Outcome::BadAnswer | Outcome::Failure => {
                half.failures = half.failures.saturating_add(1);
            }
        }
    }

    /// The window as it stands at `now`, which may be a little before the latest result.
    fn at(self, now: Monotonic) -> Self {
        let number = now.as_nanos() / u64::try_from(WINDOW_HALF.as_nanos()).unwrap_or(u64::MAX);
        match number.saturating_sub(self.number) {
            0 => self,
            1 => Self {
                number,
                present: Half::default(),
                before: self.present,
            },
            2.. => Self {
                number,
                ..Self::default()
            },
        }
    }

    fn is_share_met(self, now: Monotonic, count: impl Fn(&Half) -> u32) -> bool {
        let window = self.at(now);
        let results = window.present.results.saturating_add(window.before.results);
        let counted = count(&window.present).saturating_add(count(&window.before));
        results >= SAMPLES_MIN && counted.saturating_mul(2) >= results
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_millis(millis)
    }

    /// A breaker that five failures have opened at 0.
    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for failure in 1..=FAILURES_MAX {
            let has_opened = breaker.note(Outcome::Failure, at(0));
            assert_eq!(has_opened, failure == FAILURES_MAX);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_between_them_does_not_let_them() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..FAILURES_MAX {
                assert!(!breaker.note(Outcome::Failure, at(0)));
            }
            breaker.note(Outcome::Answer, at(0));
        }
        assert_eq!(breaker.enter(at(0)), Admission::Open);
        assert_eq!(opened().enter(at(0)), Admission::Refused(at(1_000)));
    }

    #[test]
    fn after_a_pause_one_request_tries_and_its_answer_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.enter(at(999)), Admission::Refused(at(1_000)));
        assert_eq!(breaker.enter(at(1_000)), Admission::Trial);
        assert_eq!(breaker.enter(at(1_000)), Admission::Refused(at(11_000)));
        assert_eq!(breaker.state(at(1_001)), BreakerState::HalfOpen);
        breaker.note(Outcome::Answer, at(1_100));
        assert_eq!(breaker.enter(at(1_100)), Admission::Open);
    }

    #[test]
    fn each_failed_trial_doubles_the_pause_up_to_ten_seconds() {
        let mut breaker = opened();
        let mut now = 1_000;
        for pause in [2_000, 4_000, 8_000, 10_000, 10_000] {
            assert_eq!(breaker.enter(at(now)), Admission::Trial);
            assert!(breaker.note(Outcome::Failure, at(now)));
            assert_eq!(breaker.enter(at(now)), Admission::Refused(at(now + pause)));
            now += pause;
        }
    }

    #[test]
    fn a_trial_that_never_ends_does_not_keep_it_open_for_ever() {
        let mut breaker = opened();
        assert_eq!(breaker.enter(at(1_000)), Admission::Trial);
        assert_eq!(breaker.enter(at(11_000)), Admission::Trial);
    }

    #[test]
    fn half_of_twenty_failures_open_it_though_answers_come_between() {
        let mut breaker = Breaker::default();
        for _ in 0..9 {
            assert!(!breaker.note(Outcome::Answer, at(4_000)));
            assert!(!breaker.note(Outcome::Failure, at(6_000)));
        }
        assert!(!breaker.note(Outcome::Answer, at(6_000)));
        assert!(breaker.note(Outcome::Failure, at(6_000)));
    }

    #[test]
    fn failures_of_long_ago_are_forgotten() {
        let mut breaker = Breaker::default();
        for _ in 0..15 {
            breaker.note(Outcome::Failure, at(0));
            breaker.note(Outcome::Answer, at(0));
        }
        breaker.close();
        for _ in 0..30 {
            breaker.note(Outcome::ServerError, at(0));
        }
        assert!(breaker.is_ailing(at(9_000)));
        assert!(!breaker.is_ailing(at(10_000)));
    }

    #[test]
    fn server_errors_make_it_ail_and_never_open_it() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            assert!(!breaker.note(Outcome::ServerError, at(0)));
        }
        assert!(breaker.is_ailing(at(0)));
        assert_eq!(breaker.enter(at(0)), Admission::Open);
    }

    #[test]
    fn answers_to_what_was_asked_before_it_opened_do_not_close_it() {
        let mut breaker = opened();
        breaker.note(Outcome::Answer, at(10));
        assert_eq!(breaker.enter(at(10)), Admission::Refused(at(1_000)));
    }

    #[test]
    fn who_is_reached_and_answers_badly_is_out_of_use_and_a_last_resort() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX {
            breaker.note(Outcome::BadAnswer, at(0));
        }
        assert_eq!(breaker.enter(at(0)), Admission::Refused(at(1_000)));
        assert!(breaker.is_last_resort());
        breaker.note(Outcome::Failure, at(0));
        assert!(!breaker.is_last_resort());
        assert!(!opened().is_last_resort());
    }

    proptest! {
        #[test]
        fn it_is_never_shut_for_longer_than_ten_seconds_and_lets_one_trial_through_at_a_time(
            steps in prop::collection::vec((0..4_u8, 0..3_000_u64), 1..200),
        ) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            let mut trial = None;
            for (step, millis) in steps {
                now += millis;
                match breaker.enter(at(now)) {
                    Admission::Refused(until) => prop_assert!(until <= at(now + 10_000)),
                    Admission::Trial => {
                        let is_alone = trial.is_none_or(|since| now >= since + 10_000);
                        prop_assert!(is_alone);
                        trial = Some(now);
                    }
                    Admission::Open => trial = None,
                }
                let outcome = match step {
                    0 => Outcome::Answer,
                    1 => Outcome::ServerError,
                    2 => Outcome::BadAnswer,
                    _ => Outcome::Failure,
                };
                let has_opened = breaker.note(outcome, at(now));
                if has_opened || breaker.state(at(now)) == BreakerState::Closed {
                    trial = None;
                }
            }
        }
    }
}
