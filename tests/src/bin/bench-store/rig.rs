//! What all sections stand on: a store, its keys, and lines of a table.

use std::{
    hint::black_box,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use weir_cache::{Class, Config, Error, Key, Store};
use weir_hal::{Clock, Monotonic, linux};

use crate::machine;

/// Longer than any act takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

const PAGE_BYTES: usize = 4096;

/// A stopwatch.
pub(crate) struct Watch {
    clock: linux::Clock,
    start: Monotonic,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let clock = linux::Clock::new();
        let start = clock.monotonic();
        Self { clock, start }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.monotonic().since(self.start)
    }
}

pub(crate) fn pause(span: Duration) {
    let clock = linux::Clock::new();
    clock.sleep_until(clock.monotonic() + span);
}

pub(crate) fn config(directory: &Path, bytes_max: u64) -> Config {
    Config {
        path: directory.join("cache"),
        bytes_max,
        memory_bytes_max: 64 << 20,
        ..Config::default()
    }
}

pub(crate) fn open(config: &Config) -> Result<Store, Error> {
    let clock = Arc::new(linux::Clock::new());
    Store::open(Arc::new(linux::Disk::new()), clock, config)
}

pub(crate) fn key(number: u64) -> Key {
    Key::new(&format!("/object/{number}")).expect("short and printable")
}

/// Puts an object in chunks, waiting while memory is full.
pub(crate) fn put(store: &Store, number: u64, chunks: &[Bytes]) {
    while put_once(store, number, chunks).is_err() {
        // Memory comes back as the disk takes what is queued.
        pause(Duration::from_micros(200));
    }
}

fn put_once(store: &Store, number: u64, chunks: &[Bytes]) -> Result<(), Error> {
    let mut writer = store.begin(&key(number), Class::High, Bytes::new())?;
    for chunk in chunks {
        writer.append(chunk.clone())?;
    }
    writer.commit().map(drop)
}

/// A body of `bytes` in chunks of 64 KiB, as they come from a socket.
pub(crate) fn body(bytes: usize) -> Vec<Bytes> {
    let whole = Bytes::from(vec![7; bytes]);
    let starts = (0..bytes).step_by(64 << 10);
    starts
        .map(|start| whole.slice(start..bytes.min(start + (64 << 10))))
        .collect()
}

/// Reads a whole object, and looks at each page as a kernel that sends it would. Returns its
/// bytes.
pub(crate) async fn read(store: &Store, number: u64) -> u64 {
    let Some(object) = store.find(&key(number)).await else {
        return 0;
    };
    let mut reader = object.read(0..u64::MAX);
    let (mut bytes, mut seen) = (0, 0);
    while let Ok(Some(chunk)) = reader.next().await {
        bytes += chunk.bytes.len() as u64;
        let pages = chunk.bytes.iter().step_by(PAGE_BYTES);
        seen = pages.fold(seen, |seen, byte| seen ^ byte);
    }
    black_box(seen);
    bytes
}

/// Runs `beside` again and again on a thread while `work` runs. Returns what `work` returns.
pub(crate) fn while_running<T>(beside: impl Fn() + Sync, work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                beside();
            }
        });
        let outcome = work();
        is_over.store(true, Ordering::Relaxed);
        outcome
    })
}

/// Begins a section.
pub(crate) fn title(text: &str) {
    println!("\n{text}  [load {}]", machine::load());
}

/// One line of a section.
pub(crate) fn row(what: &str, figures: &str) {
    println!("  {what:<46} {figures}");
}

pub(crate) fn milliseconds(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}

pub(crate) fn microseconds(span: Duration) -> String {
    format!("{:.0} us", span.as_secs_f64() * 1e6)
}

/// Megabytes a second.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn rate(bytes: u64, span: Duration) -> f64 {
    bytes as f64 / 1e6 / span.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The value that `percent` of all are at most, of values in any order.
pub(crate) fn percentile(spans: &mut [Duration], percent: usize) -> Duration {
    spans.sort_unstable();
    let at = (spans.len() * percent / 100).min(spans.len().saturating_sub(1));
    spans.get(at).copied().unwrap_or_default()
}
