//! What warm clients notice of cold ones.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Runtime, task::JoinHandle};
use weir_cache::Store;
use weir_hal::{Disk, linux, sim::Generator};

use crate::{
    Outcome, machine,
    rig::{self, PATIENCE, Watch, body, config, microseconds, open, percentile, put, row},
};

const OBJECT_BYTES: usize = 1 << 20;
const OBJECTS: u64 = 6_000;
/// The first ones are asked for by warm clients, the others by cold ones.
const WARM_OBJECTS: u64 = 100;
const WARM_READS: usize = 40_000;
const COLD_CLIENTS: u64 = 4;
/// Between two objects of a player that takes 80 Mb/s.
const PLAYER_PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn section(directory: &Path) -> Outcome {
    rig::title("cold reads beside warm ones, objects of 1 MiB, two threads");
    let store = open(&config(directory, OBJECTS * (1 << 20) * 5 / 4))?;
    let chunks = body(OBJECT_BYTES);
    for number in 0..OBJECTS {
        put(&store, number, &chunks);
    }
    store.flush(PATIENCE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    machine::drop_pages(&directory.join("cache/store"))?;
    runtime.block_on(warm(&store));
    report("warm clients alone", runtime.block_on(warm(&store)), None);
    for pause in [Some(PLAYER_PAUSE), None] {
        let reads = Arc::new(AtomicU64::new(0));
        let clients = cold_clients(&runtime, &store, pause, &reads);
        let spans = runtime.block_on(warm(&store));
        for client in clients {
            client.abort();
        }
        let what = match pause {
            Some(_) => "with cold clients at 80 Mb/s each",
            None => "with cold clients as fast as the device",
        };
        report(what, spans, Some(reads.load(Ordering::Relaxed)));
    }
    drop(runtime);
    drop(store);
    Ok(linux::Disk::new().remove(&directory.join("cache/store"))?)
}

/// Clients that read what nobody has read before, each object once.
fn cold_clients(
    runtime: &Runtime,
    store: &Store,
    pause: Option<Duration>,
    reads: &Arc<AtomicU64>,
) -> Vec<JoinHandle<()>> {
    let first = match pause {
        Some(_) => WARM_OBJECTS,
        None => OBJECTS / 4,
    };
    let next = Arc::new(AtomicU64::new(first));
    let client = || {
        let (store, next, reads) = (store.clone(), Arc::clone(&next), Arc::clone(reads));
        runtime.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= OBJECTS {
                    return;
                }
                rig::read(&store, number).await;
                reads.fetch_add(1, Ordering::Relaxed);
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
            }
        })
    };
    (0..COLD_CLIENTS).map(|_| client()).collect()
}

async fn warm(store: &Store) -> Vec<Duration> {
    let mut random = Generator::new(5);
    let mut spans = Vec::with_capacity(WARM_READS);
    for _ in 0..WARM_READS {
        let watch = Watch::start();
        rig::read(store, random.below(WARM_OBJECTS)).await;
        spans.push(watch.elapsed());
        tokio::task::yield_now().await;
    }
    spans
}

fn report(what: &str, mut spans: Vec<Duration>, cold_reads: Option<u64>) {
    let beside = cold_reads.map_or(String::new(), |reads| format!(", {reads} cold reads"));
    let figures = format!(
        "p50 {}, p99 {}{beside}",
        microseconds(percentile(&mut spans, 50)),
        microseconds(percentile(&mut spans, 99)),
    );
    row(what, &figures);
}
