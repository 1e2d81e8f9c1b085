//! Who watches: each asks for every view once a second, and walks all objects once a minute.

use std::{
    io::Read,
    net::TcpStream,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use weir_tests::{bench::Outcome, http};

use crate::rig::Rig;

/// How many watch.
pub(crate) const POLLERS: usize = 10;

/// What each asks the management listener for.
const VIEWS: [&str; 4] = ["/metrics", "/api/health", "/readyz", "/api/v1/status"];

const EVERY: Duration = Duration::from_secs(1);

/// Seconds between two walks of one poller.
const WALK_EVERY: usize = 60;

/// Has so many poll `rig` for `span`; with none, waits as long.
pub(crate) fn poll(rig: &Rig, pollers: usize, span: Duration) -> Outcome {
    let began = Instant::now();
    let failures = thread::scope(|scope| {
        let run = |number| scope.spawn(move || run(rig, (number, pollers), began, span));
        let running: Vec<_> = (0..pollers).map(run).collect();
        thread::sleep(span);
        let joined = running.into_iter().map(ScopedJoinHandle::join);
        let ended = joined.map(|it| it.unwrap_or_else(|_| Err("a poller panicked".to_owned())));
        ended.filter_map(Result::err).collect::<Vec<_>>()
    });
    match failures.first() {
        Some(failure) => Err(failure.clone().into()),
        None => Ok(()),
    }
}

/// One of `all`, which begin one after the other within a second.
fn run(
    rig: &Rig,
    (number, all): (usize, usize),
    began: Instant,
    span: Duration,
) -> Result<(), String> {
    let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let own = EVERY * place(number) / place(all);
    // Walks are spread over their minute.
    let walk_at = number * WALK_EVERY / all;
    for second in 0.. {
        let next = began + own + EVERY * place(second);
        if next >= began + span {
            break;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
        ask(rig).map_err(|failure| failure.to_string())?;
        if second % WALK_EVERY == walk_at {
            rig.walk();
        }
    }
    Ok(())
}

fn ask(rig: &Rig) -> Outcome {
    for view in VIEWS {
        let answer = http::get(&rig.daemon.management(view));
        let answer = answer.map_err(|failure| failure.to_string())?;
        if answer.status != 200 {
            return Err(format!("{view}: {}", answer.status).into());
        }
    }
    let mut told = String::new();
    TcpStream::connect(rig.agent_check)?.read_to_string(&mut told)?;
    if told.is_empty() {
        return Err("the agent check tells nothing".into());
    }
    rig.get()
}
