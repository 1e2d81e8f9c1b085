//! An origin goes while clients ask for one new thing after the other.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use weir_tests::{bench::Outcome, http};

use crate::{
    FAILOVER_MAX, origin,
    rig::{Death, Rig},
};

const CLIENTS: usize = 16;
/// A client rests between two requests, so that the machine does.
const REST: Duration = Duration::from_millis(20);
/// Before the death, and behind it: long enough that breakers open and try again.
const CALM: Duration = Duration::from_secs(2);
const TROUBLE: Duration = Duration::from_secs(8);

/// An answer: when it was asked for, and how long it took.
type Answer = (Instant, Duration);

/// What clients saw of the death of the nearer origin.
pub(crate) fn run(death: Death) -> Outcome<String> {
    let rig = Rig::start(true)?;
    let is_over = AtomicBool::new(false);
    let (died, answers) = thread::scope(|scope| {
        let (rig, is_over) = (&rig, &is_over);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || ask_on(rig, client, is_over)))
            .collect();
        thread::sleep(CALM);
        let died = Instant::now();
        let outcome = rig.die(death);
        thread::sleep(TROUBLE);
        is_over.store(true, Ordering::SeqCst);
        let answers = clients.into_iter().map(|client| {
            let ended = client.join();
            ended.unwrap_or_else(|_panic| Err("a client panicked".to_owned()))
        });
        outcome.map(|()| (died, answers.collect::<Result<Vec<_>, _>>()))
    })?;
    let answers: Vec<Answer> = answers?.into_iter().flatten().collect();
    let slowest = |is_in: &dyn Fn(Instant) -> bool| {
        let spans = answers.iter().filter(|(asked, _)| is_in(*asked));
        spans.map(|(_, took)| *took).max().unwrap_or_default()
    };
    let before = slowest(&|asked| asked + FAILOVER_MAX < died);
    let behind = slowest(&|asked| asked + FAILOVER_MAX >= died);
    let late = answers
        .iter()
        .filter(|(_, took)| *took > before * 2)
        .count();
    let count = answers.len();
    let figures = format!(
        "{count} answers, 0 failed; slowest {:>5.0} ms, before it {:.0} ms; {late} took longer \
         than twice that",
        behind.as_secs_f64() * 1e3,
        before.as_secs_f64() * 1e3,
    );
    if behind > FAILOVER_MAX {
        return Err(figures.into());
    }
    Ok(figures)
}

fn ask_on(rig: &Rig, client: usize, is_over: &AtomicBool) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let path = format!("/small/{client}/{}", answers.len());
        let asked = Instant::now();
        let response = http::get(&rig.daemon.data(&path));
        let took = asked.elapsed();
        let response = response.map_err(|failure| format!("{path}: {failure}"))?;
        if response.status != 200 || response.body != origin::body(&path) {
            return Err(format!("{path}: {} {}", response.status, response.text()));
        }
        answers.push((asked, took));
        thread::sleep(REST);
    }
    Ok(answers)
}
