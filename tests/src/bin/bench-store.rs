//! How soon the store serves after a SIGKILL, and what its index and its writes cost.
//!
//! ```text
//! bench-store DIRECTORY [OBJECTS]    default: 1,000,000 objects of one page each
//! ```
//!
//! A child process fills a store in `DIRECTORY` and is killed; then the time from opening the
//! store to the first object read is taken, twice. A plain file of as many bytes is written
//! beside it for comparison. Nothing is asserted: the figures are for people.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use weir_cache::{Class, Config, Key, Store};
use weir_hal::{Access, Clock, Disk, Monotonic, linux};

/// With its head, an object of so many bytes takes one page.
const BODY_BYTES: usize = 3_900;
const PAGE_BYTES: u64 = 4096;
const OBJECTS: u64 = 1_000_000;
/// Objects between two flushes, so that memory is never full.
const FLUSH_OBJECTS: u64 = 8_192;
const PATIENCE: Duration = Duration::from_mins(1);

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().collect();
    let objects = |text: Option<&String>| text.map_or(Ok(OBJECTS), |text| text.parse());
    match arguments.get(1).map(String::as_str) {
        Some("--fill") => {
            let directory = arguments.get(2).ok_or("no directory")?;
            fill(Path::new(directory), objects(arguments.get(3))?)
        }
        Some(directory) => bench(Path::new(directory), objects(arguments.get(2))?),
        None => Err("usage: bench-store DIRECTORY [OBJECTS]".into()),
    }
}

fn config(directory: &Path, objects: u64) -> Config {
    Config {
        path: directory.join("cache"),
        bytes_max: objects * PAGE_BYTES * 5 / 4 + (512 << 20),
        memory_bytes_max: 128 << 20,
        ..Config::default()
    }
}

fn open(directory: &Path, objects: u64) -> Result<Store, weir_cache::Error> {
    let (disk, clock) = (linux::Disk::new(), linux::Clock::new());
    let config = config(directory, objects);
    Store::open(Arc::new(disk), Arc::new(clock), &config)
}

fn key(number: u64) -> Key {
    Key::new(&format!("/object/{number}")).expect("short and printable")
}

/// Fills the store, tells so, and waits to be killed.
fn fill(directory: &Path, objects: u64) -> Outcome {
    let clock = linux::Clock::new();
    let store = open(directory, objects)?;
    let start = clock.monotonic();
    let body = Bytes::from(vec![7; BODY_BYTES]);
    for number in 0..objects {
        let mut writer = store.begin(&key(number), Class::Low, Bytes::new())?;
        writer.append(body.clone())?;
        drop(writer.commit()?);
        if number % FLUSH_OBJECTS == 0 && !store.flush(PATIENCE) {
            return Err("the store cannot be flushed".into());
        }
    }
    store.flush(PATIENCE);
    tell(
        "filled",
        objects * PAGE_BYTES,
        clock.monotonic().since(start),
    );
    println!("{:?}", store.counters());
    println!("ready");
    clock.sleep_until(clock.monotonic() + PATIENCE);
    Ok(())
}

fn bench(directory: &Path, objects: u64) -> Outcome {
    let mut child = Command::new(env::current_exe()?)
        .arg("--fill")
        .arg(directory)
        .arg(objects.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line == "ready" {
            break;
        }
        println!("{line}");
    }
    // On Unix this is SIGKILL.
    child.kill()?;
    child.wait()?;
    for _ in 0..2 {
        first_hit(directory, objects)?;
    }
    plain(directory, objects * PAGE_BYTES)
}

fn first_hit(directory: &Path, objects: u64) -> Outcome {
    let clock = linux::Clock::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let start = clock.monotonic();
    let store = open(directory, objects)?;
    let opened = clock.monotonic().since(start);
    let object = store.get(&key(objects / 2)).ok_or("the object is gone")?;
    let chunk = runtime.block_on(object.read(0..u64::MAX).next())?;
    let served = clock.monotonic().since(start);
    let bytes = chunk.map_or(0, |chunk| chunk.bytes.len());
    let counters = store.counters();
    println!(
        "opened in {opened:?}, first hit of {bytes} bytes after {served:?}: {} objects, index of \
         {} bytes",
        counters.objects, counters.index_bytes
    );
    drop(object);
    Ok(())
}

/// What the file system gives a plain file.
fn plain(directory: &Path, bytes: u64) -> Outcome {
    let clock = linux::Clock::new();
    let disk = linux::Disk::new();
    let path: PathBuf = directory.join("plain");
    let file = disk.open(&path, Access::Create)?;
    file.resize(bytes)?;
    let start: Monotonic = clock.monotonic();
    let block = vec![7; 256 << 10];
    for offset in (0..bytes).step_by(block.len()) {
        file.write_at(&block, offset)?;
    }
    file.sync()?;
    tell("plain file", bytes, clock.monotonic().since(start));
    Ok(disk.remove(&path)?)
}

fn tell(what: &str, bytes: u64, time: Duration) {
    let megabytes = u128::from(bytes) * 1_000 / time.as_millis().max(1) / 1_000_000;
    println!("{what}: {bytes} bytes in {time:?}, {megabytes} MB/s");
}
