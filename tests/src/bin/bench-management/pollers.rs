//! Who watches, and how often.

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

/// The pace of all.
const EVERY: Duration = Duration::from_secs(1);

/// How often each asks for what: seconds between two requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// Of the management listener.
    views: &'static [(&'static str, usize)],
    /// Three objects by SNMP.
    get: usize,
    /// All objects by SNMP.
    walk: usize,
}

/// Those of the ready-made integrations, all at once in each: a load balancer's checks, Prometheus,
/// and Zabbix by HTTP and by SNMP.
pub(crate) const INTEGRATIONS: Habits = Habits {
    views: &[
        ("/readyz", 1),
        ("/api/health", 1),
        ("/metrics", 15),
        ("/api/v1/status", 30),
        ("/api/v1/alarms", 30),
        ("/api/v1/channels", 30),
        ("/api/v1/origins", 30),
        ("/api/v1/routes", 30),
        ("/api/v1/disks", 30),
        ("/api/v1/nics", 30),
    ],
    get: 30,
    walk: 60,
};

/// Whatever changes once a second, once a second.
pub(crate) const RESTLESS: Habits = Habits {
    views: &[
        ("/readyz", 1),
        ("/api/health", 1),
        ("/metrics", 1),
        ("/api/v1/status", 1),
    ],
    get: 1,
    walk: 60,
};

/// Has [`POLLERS`] of such `habits` poll `rig` for `span`; without any, waits as long.
pub(crate) fn poll(rig: &Rig, habits: Option<Habits>, span: Duration) -> Outcome {
    let began = Instant::now();
    let failures = thread::scope(|scope| {
        let run = |habits, number| scope.spawn(move || run(rig, habits, number, (began, span)));
        let each = |habits| (0..POLLERS).map(move |number| (habits, number));
        let all = habits.into_iter().flat_map(each);
        let running: Vec<_> = all.map(|(habits, number)| run(habits, number)).collect();
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

/// One of them; they begin one after the other within a second, and what they do seldom is spread
/// over its time.
fn run(
    rig: &Rig,
    habits: Habits,
    number: usize,
    (began, span): (Instant, Duration),
) -> Result<(), String> {
    let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let own = EVERY * place(number) / place(POLLERS);
    for second in 0.. {
        let next = began + own + EVERY * place(second);
        if next >= began + span {
            break;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let is_due = |every: usize| second % every == number * every / POLLERS;
        ask(rig, habits, is_due).map_err(|failure| failure.to_string())?;
    }
    Ok(())
}

fn ask(rig: &Rig, habits: Habits, is_due: impl Fn(usize) -> bool) -> Outcome {
    for (view, _) in habits.views.iter().filter(|(_, every)| is_due(*every)) {
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
    if is_due(habits.get) {
        rig.get()?;
    }
    if is_due(habits.walk) {
        rig.walk();
    }
    Ok(())
}
