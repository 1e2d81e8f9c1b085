//! Clients that take the newest segments of all channels, one after the other.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime::Builder,
    task::{JoinSet, LocalSet},
};
use weir_tests::{
    bench::{
        Outcome,
        clients::{Client, Scrap},
    },
    daemon::Daemon,
    http,
};

use crate::channels::playlist;

/// Segments at the end of each list that are taken.
const NEWEST: usize = 3;
/// How often the lists are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// The load while it runs.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinHandle<io::Result<()>>,
    watching: JoinHandle<Result<(), String>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    requests: AtomicU64,
    bytes: AtomicU64,
    segments: Mutex<Vec<String>>,
}

impl Load {
    /// Starts clients on `connections`, on a thread of their own.
    pub(crate) fn start(daemon: &Daemon, channels: usize, connections: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let url = daemon.data("");
        let host = url.trim_start_matches("http://").parse::<SocketAddr>();
        let host = host.expect("the daemon listens on an address");
        let watching = Arc::clone(&shared);
        let watching = thread::spawn(move || watching.watch(&url, channels));
        let asking = Arc::clone(&shared);
        let clients = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, asking.ask_all(host, connections))
        });
        Self {
            shared,
            clients,
            watching,
        }
    }

    /// Ends it; returns the requests answered and the bytes of their bodies.
    pub(crate) fn end(self) -> Outcome<(u64, u64)> {
        let Self {
            shared,
            clients,
            watching,
        } = self;
        let figures = (
            shared.requests.load(Ordering::SeqCst),
            shared.bytes.load(Ordering::SeqCst),
        );
        shared.is_over.store(true, Ordering::SeqCst);
        clients.join().map_err(|_panic| "the clients panicked")??;
        watching.join().map_err(|_panic| "the watch panicked")??;
        Ok(figures)
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn segments(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the list of the newest segments.
    fn watch(&self, url: &str, channels: usize) -> Result<(), String> {
        while !self.is_over() {
            let mut newest = Vec::new();
            for number in 0..channels {
                let path = playlist(number);
                let list = http::get(&format!("{url}{path}"));
                let list = list.map_err(|failure| format!("{path}: {failure}"))?;
                if list.status != 200 {
                    return Err(format!("{path}: {}", list.status));
                }
                let list = list.text();
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                let segments = list.lines().filter(|line| !line.starts_with('#')).rev();
                newest.extend(segments.take(NEWEST).map(|name| format!("{folder}/{name}")));
            }
            *self.segments() = newest;
            thread::sleep(EVERY);
        }
        Ok(())
    }

    async fn ask_all(self: Arc<Self>, host: SocketAddr, connections: usize) -> io::Result<()> {
        let scrap = Scrap::default();
        let mut tasks = JoinSet::new();
        for number in 0..connections {
            let client = Client::connect(host, number, &scrap).await?;
            tasks.spawn_local(Arc::clone(&self).ask_on(client, number));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        Ok(())
    }

    async fn ask_on(self: Arc<Self>, mut client: Client, first: usize) -> io::Result<()> {
        let mut number = first;
        while !self.is_over() {
            let path = {
                let segments = self.segments();
                let count = segments.len().max(1);
                segments.get(number % count).cloned()
            };
            let Some(path) = path else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let taken = client.fetch(&path).await;
            let taken = taken.map_err(|error| io::Error::other(format!("{path}: {error}")))?;
            self.requests.fetch_add(1, Ordering::SeqCst);
            self.bytes.fetch_add(taken.bytes, Ordering::SeqCst);
            number += 1;
        }
        Ok(())
    }
}
