//! The figures of a server, round by round, and the table of all.

use std::time::Duration;

use tokio::time::Instant;
use weir_tests::bench::Outcome;

use crate::{crowd::Herd, origin::Told};

/// Milliseconds of one round.
#[derive(Debug, Clone, Copy)]
struct Round {
    first_p50: f64,
    first_p99: f64,
    first_max: f64,
    whole_p50: f64,
    whole_p99: f64,
    /// Beyond the origin's first byte.
    added_first_p99: f64,
    /// Beyond the origin's last byte.
    added_whole_p99: f64,
    cpu_seconds: f64,
}

/// What came of a server.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    rounds: Vec<Round>,
    /// Requests to the origin for one segment, at most.
    requests: usize,
    /// Clients whose first byte came when the origin had sent its last, at most.
    late: usize,
    /// Clients without a whole answer, of all rounds.
    failures: Vec<String>,
}

impl Row {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rounds: Vec::new(),
            requests: 0,
            late: 0,
            failures: Vec::new(),
        }
    }

    /// Adds a round in which the server took so much of its core.
    pub(crate) fn add(&mut self, herd: &Herd, told: &Told, cpu_seconds: f64) {
        let from = |moment: Instant| moment.saturating_duration_since(herd.began);
        let mut first: Vec<_> = herd.answers.iter().map(|taken| from(taken.first)).collect();
        let mut whole: Vec<_> = herd.answers.iter().map(|taken| from(taken.whole)).collect();
        first.sort_unstable();
        whole.sort_unstable();
        let began = told.began.map_or(Duration::ZERO, from);
        let ended = told.ended.map_or(Duration::ZERO, from);
        self.rounds.push(Round {
            first_p50: part(&first, 0.5),
            first_p99: part(&first, 0.99),
            first_max: part(&first, 1.0),
            whole_p50: part(&whole, 0.5),
            whole_p99: part(&whole, 0.99),
            added_first_p99: part(&first, 0.99) - milliseconds(began),
            added_whole_p99: part(&whole, 0.99) - milliseconds(ended),
            cpu_seconds,
        });
        self.requests = self.requests.max(told.requests);
        let late = first.iter().filter(|first| **first > ended).count();
        self.late = self.late.max(late);
        self.failures.extend(herd.failures.iter().cloned());
    }

    /// Fails unless the crowd was one request, and all read along.
    pub(crate) fn assert(&self) -> Outcome {
        if let Some(failure) = self.failures.first() {
            let count = self.failures.len();
            return Err(format!("{count} clients of {} failed: {failure}", self.name).into());
        }
        if self.requests != 1 || self.late > 0 {
            let (name, requests, late) = (&self.name, self.requests, self.late);
            return Err(format!(
                "{name}: {requests} requests to the origin, {late} clients began when it had ended"
            )
            .into());
        }
        Ok(())
    }

    fn print(&self) {
        let of = |figure: fn(&Round) -> f64| {
            let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
        };
        println!(
            "{:<8} {:>6} {:>6} {:>6} {:>8.0} {:>6.0} {:>6.0} {:>8.0} {:>6.0} {:>10.0} {:>6.0} \
             {:>8.2}",
            self.name,
            self.requests,
            self.failures.len(),
            self.late,
            of(|round| round.first_p50),
            of(|round| round.first_p99),
            of(|round| round.first_max),
            of(|round| round.whole_p50),
            of(|round| round.whole_p99),
            of(|round| round.added_first_p99),
            of(|round| round.added_whole_p99),
            of(|round| round.cpu_seconds),
        );
    }
}

/// Prints all rows.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "{:<8} {:>6} {:>6} {:>6} {:>22} {:>15} {:>17} {:>8}",
        "", "origin", "", "behind", "first byte, ms", "whole, ms", "added p99, ms", "CPU"
    );
    println!(
        "{:<8} {:>6} {:>6} {:>6} {:>8} {:>6} {:>6} {:>8} {:>6} {:>10} {:>6} {:>8}",
        "", "asked", "failed", "fill", "p50", "p99", "max", "p50", "p99", "first", "whole", "s"
    );
    for row in rows {
        row.print();
    }
}

/// What a part of them stays below, in milliseconds.
fn part(sorted: &[Duration], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    let place = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
    sorted.get(place).copied().map_or(f64::NAN, milliseconds)
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
