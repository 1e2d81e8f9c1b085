//! The crowd: connected one after the other, asking all at once.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    runtime::Builder,
    sync::Barrier,
    task::{JoinSet, LocalSet},
    time::{Instant, sleep, timeout},
};
use weir_tests::bench::{
    Outcome,
    clients::{Client, Scrap, Taken},
};

/// How long connections are left alone before they ask.
const SETTLE: Duration = Duration::from_secs(1);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Herd {
    /// When all began to ask.
    pub(crate) began: Instant,
    pub(crate) answers: Vec<Taken>,
    pub(crate) failures: Vec<String>,
}

/// Has so many clients ask `server` for `path` at once.
pub(crate) fn ask(server: SocketAddr, path: &str, clients: usize) -> Outcome<Herd> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, ask_all(server, path, clients))
}

async fn ask_all(server: SocketAddr, path: &str, clients: usize) -> Outcome<Herd> {
    let (scrap, path) = (Scrap::default(), Rc::<str>::from(path));
    let start = Rc::new(Barrier::new(clients + 1));
    let mut tasks = JoinSet::new();
    for number in 0..clients {
        let mut client = Client::connect(server, number, &scrap).await?;
        let (path, start) = (Rc::clone(&path), Rc::clone(&start));
        tasks.spawn_local(async move {
            start.wait().await;
            let fetched = timeout(PATIENCE, client.fetch(&path)).await;
            fetched.unwrap_or_else(|_late| Err(io::ErrorKind::TimedOut.into()))
        });
    }
    sleep(SETTLE).await;
    start.wait().await;
    let mut herd = Herd {
        began: Instant::now(),
        answers: Vec::with_capacity(clients),
        failures: Vec::new(),
    };
    while let Some(ended) = tasks.join_next().await {
        match ended? {
            Ok(taken) => herd.answers.push(taken),
            Err(error) => herd.failures.push(error.to_string()),
        }
    }
    Ok(herd)
}
