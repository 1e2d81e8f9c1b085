//! How soon an object is served after a SIGKILL.
//!
//! A process of its own fills the store and is killed; processes of their own open it then. Beside
//! it: what others need before they know their files.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use weir_cache::Config;
use weir_hal::{Access, Disk, linux};

use crate::{
    Outcome, Plan, machine, peers,
    rig::{self, PATIENCE, Watch, milliseconds, open, put, row},
};

/// With its head, an object of so many bytes takes one page.
const BODY_BYTES: usize = 3_900;
const PAGE_BYTES: u64 = 4096;
/// Objects between two flushes, so that memory is never full.
const FLUSH_OBJECTS: u64 = 8_192;
/// How often a start is repeated with all in memory.
const WARM_STARTS: usize = 5;
/// What a record begins with, so that what others wrote is left alone.
const RECORD_MAGIC: &[u8] = b"WEIRobj";
const BLOCK_BYTES: usize = 1 << 20;
/// Objects that are on disk at once: the records before them are given back.
const KEPT_OBJECTS: u64 = 1_000_000;

pub(crate) fn section(directory: &Path, plan: &Plan) -> Outcome {
    let objects = plan.objects;
    rig::title(&format!(
        "start after SIGKILL, {objects} objects of one page"
    ));
    one(directory, objects, false)?;
    if plan.is_large {
        let objects = objects * 10;
        rig::title(&format!(
            "start after SIGKILL, {objects} objects of one page"
        ));
        one(directory, objects, true)?;
    }
    peers::section(directory)
}

fn one(directory: &Path, objects: u64, is_thin: bool) -> Outcome {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["child", if is_thin { "fill-thin" } else { "fill" }])
        .arg(directory)
        .arg(objects.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(output).lines();
    while lines.next().ok_or("the store could not be filled")?? != "ready" {}
    // On Unix this is SIGKILL.
    child.kill()?;
    child.wait()?;
    for _ in 0..WARM_STARTS {
        first_hit("all in memory", directory, objects)?;
    }
    machine::drop_pages(&directory.join("cache/store"))?;
    first_hit("nothing in memory", directory, objects)?;
    Ok(linux::Disk::new().remove(&directory.join("cache/store"))?)
}

fn first_hit(how: &str, directory: &Path, objects: u64) -> Outcome {
    let output = Command::new(std::env::current_exe()?)
        .args(["child", "first"])
        .arg(directory)
        .arg(objects.to_string())
        .output()?;
    row(how, String::from_utf8_lossy(&output.stdout).trim());
    Ok(())
}

/// What the processes of this section do.
pub(crate) fn child(arguments: &[String]) -> Outcome {
    let [act, directory, objects] = arguments else {
        return Err("a child has other arguments".into());
    };
    let (directory, objects) = (Path::new(directory), objects.parse()?);
    match act.as_str() {
        "fill" => fill(&config(directory, objects), 0..objects)?,
        "fill-thin" => fill_thin(directory, objects)?,
        _ => return report_first(directory, objects),
    }
    Ok(())
}

fn config(directory: &Path, objects: u64) -> Config {
    rig::config(directory, objects * PAGE_BYTES * 11 / 10 + (512 << 20))
}

/// Fills the store, tells so, and waits to be killed.
fn fill(config: &Config, numbers: std::ops::Range<u64>) -> Outcome {
    let store = open(config)?;
    let body = [Bytes::from(vec![7; BODY_BYTES])];
    for number in numbers {
        put(&store, number, &body);
        if number % FLUSH_OBJECTS == 0 && !store.flush(PATIENCE) {
            return Err("the store cannot be flushed".into());
        }
    }
    store.flush(PATIENCE);
    println!("ready");
    rig::pause(PATIENCE);
    Ok(())
}

/// Fills a store larger than the disk may be. A start reads no record of a sealed region, so what
/// lies before the last ones is given back to the file system as soon as it is written. With it go
/// a few records of the region that is open then; they are missing from the count.
fn fill_thin(directory: &Path, objects: u64) -> Outcome {
    let body = [Bytes::from(vec![7; BODY_BYTES])];
    for start in (0..objects).step_by(usize::try_from(KEPT_OBJECTS)?) {
        let end = objects.min(start + KEPT_OBJECTS);
        // It grows step by step, for its room is reserved.
        let store = open(&config(directory, end))?;
        for number in start..end {
            put(&store, number, &body);
            if number % FLUSH_OBJECTS == 0 {
                store.flush(PATIENCE);
            }
        }
        store.flush(PATIENCE);
        if end < objects {
            drop(store);
            give_back(directory)?;
            continue;
        }
        println!("ready");
        rig::pause(PATIENCE);
    }
    Ok(())
}

/// Gives runs of pages that begin records of one page back to the file system.
fn give_back(directory: &Path) -> Outcome {
    let file = linux::Disk::new().open(&directory.join("cache/store"), Access::Read)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut run = 0..0;
    for start in (0..file.bytes()?).step_by(BLOCK_BYTES) {
        let filled = file.read_at(&mut block, start)?;
        let pages = block[..filled].chunks(usize::try_from(PAGE_BYTES)?);
        for (offset, page) in (start..).step_by(usize::try_from(PAGE_BYTES)?).zip(pages) {
            if !page.starts_with(RECORD_MAGIC) {
                continue;
            }
            if run.end != offset {
                punch(directory, &run)?;
                run = offset..offset;
            }
            run.end = offset + PAGE_BYTES;
        }
    }
    punch(directory, &run)
}

fn punch(directory: &Path, range: &std::ops::Range<u64>) -> Outcome {
    if range.is_empty() {
        return Ok(());
    }
    let (offset, bytes) = (
        range.start.to_string(),
        (range.end - range.start).to_string(),
    );
    let mut command = Command::new("fallocate");
    command.args(["--punch-hole", "--offset", &offset, "--length", &bytes]);
    machine::run(command.arg(directory.join("cache/store")))
}

/// Opens the store and reads one object.
fn report_first(directory: &Path, objects: u64) -> Outcome {
    // Its directory entry and this program are not what is measured.
    drop(linux::Disk::new().open(&directory.join("cache/store"), Access::Read)?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let cpu = machine::cpu_ticks();
    let watch = Watch::start();
    let store = open(&config(directory, objects))?;
    let opened = watch.elapsed();
    let bytes = runtime.block_on(rig::read(&store, objects - 2));
    let served = watch.elapsed();
    let cpu = Duration::from_millis((machine::cpu_ticks() - cpu) * 10);
    let counters = store.counters();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let index_bytes = counters.index_bytes as f64 / counters.objects.max(1) as f64;
    println!(
        "first hit of {bytes} bytes after {} (open {}), CPU {}, {} objects, index {:.1} B each, {}",
        milliseconds(served),
        milliseconds(opened),
        milliseconds(cpu),
        counters.objects,
        index_bytes,
        per_object(served, counters.objects),
    );
    Ok(())
}

/// So that stores of different size compare.
pub(crate) fn per_object(span: Duration, objects: u64) -> String {
    let nanoseconds = span.as_nanos() / u128::from(objects.max(1));
    format!("{nanoseconds} ns an object")
}
