//! How fast a store is filled, beside what `fio` gives one file on the same file system.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use weir_hal::{Disk, linux, sim::Generator};

use crate::{
    Outcome, machine,
    rig::{self, PATIENCE, Watch, body, config, mebibytes, open, put, rate, row},
};

const FILL_BYTES: u64 = 3 << 30;
/// Beside one large and one huge segment, objects that take a page each.
const SIZES: [(&str, usize); 3] = [
    ("objects of 1 MiB", 1 << 20),
    ("objects of 4 MiB", 4 << 20),
    ("objects of one page", 3_900),
];
/// How often the figure of each way is taken; the best counts, as others disturb.
const TRIES: usize = 3;

pub(crate) fn section(directory: &Path) -> Outcome {
    rig::title("filling, 3 GiB, made durable at the end");
    let plain = fio(directory, "--end_fsync=1")?;
    row("fio, one sync at the end", &format!("{plain:.0} MB/s"));
    let synced = fio(directory, "--fdatasync=64")?;
    row("fio, a sync every 64 MiB", &format!("{synced:.0} MB/s"));
    for (what, bytes) in SIZES {
        for has_readers in [false, true] {
            let best = (0..TRIES).map(|_| fill(directory, bytes, has_readers));
            let best: Vec<Filled> = best.collect::<Result<_, _>>()?;
            let Some(best) = best.into_iter().max_by(|a, b| a.rate.total_cmp(&b.rate)) else {
                continue;
            };
            let beside = if has_readers { ", read meanwhile" } else { "" };
            let figures = format!(
                "{:.0} MB/s, {:.0} % and {:.0} % of fio, CPU {:.2} s, dirty at most {}, \
                 read {:.0} MB/s",
                best.rate,
                best.rate / plain * 100.0,
                best.rate / synced * 100.0,
                best.cpu.as_secs_f64(),
                mebibytes(best.dirty_bytes_max),
                best.read_rate,
            );
            row(&format!("{what}{beside}"), &figures);
        }
    }
    Ok(())
}

/// Megabytes a second that fio writes sequentially into a file whose room is reserved, as that of a
/// store is; the best of several runs.
fn fio(directory: &Path, sync: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let path = directory.join("fio");
    let mut best = 0.0_f64;
    for _ in 0..TRIES {
        let file = linux::Disk::new().open(&path, weir_hal::Access::Create)?;
        file.resize(FILL_BYTES)?;
        drop(file);
        let output = Command::new("fio")
            .args([
                "--name=fill",
                "--rw=write",
                "--bs=1M",
                "--ioengine=psync",
                sync,
            ])
            .args([
                "--fallocate=none",
                "--output-format=terse",
                "--terse-version=3",
            ])
            .arg(format!("--size={FILL_BYTES}"))
            .arg(format!("--filename={}", path.display()))
            .output()
            .map_err(|error| format!("fio (Debian package fio): {error}"))?;
        // Field 48 of the terse output is the bandwidth of writes in KiB/s.
        let text = String::from_utf8_lossy(&output.stdout);
        let field = text.split(';').nth(47).ok_or("fio says something else")?;
        best = best.max(field.parse::<f64>()? * 1024.0 / 1e6);
        linux::Disk::new().remove(&path)?;
    }
    Ok(best)
}

/// What one filling came to.
struct Filled {
    rate: f64,
    read_rate: f64,
    cpu: Duration,
    dirty_bytes_max: u64,
}

fn fill(
    directory: &Path,
    bytes: usize,
    has_readers: bool,
) -> Result<Filled, Box<dyn std::error::Error>> {
    let store = open(&config(directory, FILL_BYTES * 5 / 4 + (512 << 20)))?;
    let chunks = body(bytes);
    let objects = FILL_BYTES / bytes as u64;
    let (written, read_bytes, dirty) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let read = || {
        dirty.fetch_max(machine::dirty_bytes(), Ordering::Relaxed);
        let until = written.load(Ordering::Relaxed);
        if !has_readers || until == 0 {
            return rig::pause(Duration::from_millis(20));
        }
        let mut random = Generator::new(until);
        for _ in 0..(16 << 20) / bytes {
            let bytes = runtime.block_on(rig::read(&store, random.below(until)));
            read_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        // Like players, who leave something of the machine for others.
        rig::pause(Duration::from_millis(20));
    };
    let cpu = machine::cpu_ticks();
    let watch = Watch::start();
    rig::while_running(read, || {
        for number in 0..objects {
            put(&store, number, &chunks);
            written.store(number, Ordering::Relaxed);
        }
        store.flush(PATIENCE);
    });
    let span = watch.elapsed();
    let filled = Filled {
        rate: rate(objects * bytes as u64, span),
        read_rate: rate(read_bytes.into_inner(), span),
        cpu: Duration::from_millis((machine::cpu_ticks() - cpu) * 10),
        dirty_bytes_max: dirty.into_inner(),
    };
    drop(store);
    linux::Disk::new().remove(&directory.join("cache/store"))?;
    Ok(filled)
}
