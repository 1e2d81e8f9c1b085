//! Whether anything grows while three times as much is written as fits.

use std::{path::Path, time::Duration};

use weir_hal::{Access, Disk, linux, sim::Generator};

use crate::{
    Outcome, machine,
    rig::{
        self, PATIENCE, Watch, body, config, mebibytes, microseconds, open, percentile, put, rate,
        row,
    },
};

const STORE_BYTES: u64 = 2 << 30;
const OBJECT_BYTES: usize = 200_000;
/// Objects asked for are among so many of the last ones.
const RECENT: u64 = 1_000;
const READS: u64 = 2_000;

pub(crate) fn section(directory: &Path) -> Outcome {
    rig::title("steady state, 2 GiB of store, objects of 200 kB");
    let store = open(&config(directory, STORE_BYTES))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let chunks = body(OBJECT_BYTES);
    let objects = STORE_BYTES / OBJECT_BYTES as u64;
    for times in 1..=3 {
        let watch = Watch::start();
        let mut dirty_bytes_max = 0;
        for number in (times - 1) * objects..times * objects {
            put(&store, number, &chunks);
            if number % 256 == 0 {
                dirty_bytes_max = dirty_bytes_max.max(machine::dirty_bytes());
            }
        }
        store.flush(PATIENCE);
        let fill_rate = rate(objects * OBJECT_BYTES as u64, watch.elapsed());
        let mut random = Generator::new(times);
        let mut spans: Vec<Duration> = (0..READS)
            .map(|_| {
                let number = times * objects - 1 - random.below(RECENT);
                let watch = Watch::start();
                runtime.block_on(rig::read(&store, number));
                watch.elapsed()
            })
            .collect();
        let counters = store.counters();
        let file = linux::Disk::new().open(&directory.join("cache/store"), Access::Read)?;
        let figures = format!(
            "{fill_rate:.0} MB/s, memory {}, file {}, index {}, \
             {} objects, dirty at most {}, read p50 {} p99 {}",
            mebibytes(machine::resident_bytes()),
            mebibytes(file.bytes()?),
            mebibytes(counters.index_bytes),
            counters.objects,
            mebibytes(dirty_bytes_max),
            microseconds(percentile(&mut spans, 50)),
            microseconds(percentile(&mut spans, 99)),
        );
        row(&format!("{times} times its size written"), &figures);
    }
    drop(store);
    Ok(linux::Disk::new().remove(&directory.join("cache/store"))?)
}
