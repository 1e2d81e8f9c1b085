//! A thread that serves: its own entrances, its own runtime, its own connections.
//!
//! A connection is accepted, read and answered by one thread from its first byte to its last, so
//! serving threads wait for each other in the store alone. The kernel spreads connections over them
//! ([`Listener::sibling`](weir_hal::Listener::sibling)).

use std::{io, sync::Arc, thread, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{oneshot, watch},
    task::JoinSet,
};

use crate::serve::{Entrance, Handler, Server};

/// Threads beside it that wait for the disk on behalf of one serving thread; the store reads on
/// four at one time.
const BLOCKING_THREADS_MAX: usize = 8;

/// Serves the connections of `entrances` on a thread of its own, called `weir-serve-{number}`,
/// until `stopping` changes; then drains, for at most `drain`. What it returns resolves behind
/// that.
///
/// # Errors
/// When the system has no room for another thread, or no descriptors for it.
pub fn serve_on_thread<H: Handler>(
    number: usize,
    server: Arc<Server<H>>,
    entrances: Vec<Entrance>,
    stopping: watch::Receiver<()>,
    drain: Duration,
) -> io::Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()?;
    let (end, ended) = oneshot::channel();
    thread::Builder::new()
        .name(format!("weir-serve-{number}"))
        .spawn(move || {
            serve(&runtime, &server, entrances, &stopping, drain);
            // A call to a disk that hangs would never return.
            runtime.shutdown_background();
            // Nobody may wait for it any more.
            end.send(()).unwrap_or(());
        })?;
    Ok(ended)
}

fn serve<H: Handler>(
    runtime: &Runtime,
    server: &Arc<Server<H>>,
    entrances: Vec<Entrance>,
    stopping: &watch::Receiver<()>,
    drain: Duration,
) {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for entrance in entrances {
            let mut stopping = stopping.clone();
            // The sender gone means the same as its word.
            let stop = async move { drop(stopping.changed().await) };
            tasks.spawn(Arc::clone(server).run(entrance, stop, drain));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("serving does not panic");
        }
    });
}
