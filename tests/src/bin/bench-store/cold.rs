//! What warm clients notice of cold ones.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use weir_cache::Store;
use weir_hal::{Disk, linux, sim::Generator};

use crate::{
    Outcome, machine,
    rig::{self, PATIENCE, Watch, body, config, microseconds, open, percentile, put, row},
};

const OBJECT_BYTES: usize = 1 << 20;
const OBJECTS: u64 = 3_000;
/// The first ones are asked for by warm clients, the others by cold ones.
const WARM_OBJECTS: u64 = 100;
const WARM_READS: usize = 200_000;
const COLD_CLIENTS: u64 = 4;

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
    let is_over = Arc::new(AtomicBool::new(false));
    let cold_reads = Arc::new(AtomicU64::new(0));
    let next = Arc::new(AtomicU64::new(WARM_OBJECTS));
    for _ in 0..COLD_CLIENTS {
        let (store, is_over) = (store.clone(), Arc::clone(&is_over));
        let (next, cold_reads) = (Arc::clone(&next), Arc::clone(&cold_reads));
        runtime.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= OBJECTS {
                    break;
                }
                rig::read(&store, number).await;
                cold_reads.fetch_add(1, Ordering::Relaxed);
                // At 80 Mb/s each, as a fleet of players behind one box.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let spans = runtime.block_on(warm(&store));
    is_over.store(true, Ordering::Relaxed);
    report(
        "with cold clients beside",
        spans,
        Some(cold_reads.load(Ordering::Relaxed)),
    );
    drop(runtime);
    drop(store);
    Ok(linux::Disk::new().remove(&directory.join("cache/store"))?)
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
