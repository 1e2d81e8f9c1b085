//! Takes samples without ever waiting, and writes them a minute at a time on a thread of its own.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing::warn;
use weir_hal::{Disk, Error};

use super::{Block, Counters, Sample, counters::CounterCells, files::Files, frame::to_frame};
use crate::causes::with_causes;

/// Samples that wait while the disk is slow: eight seconds.
const QUEUE_SAMPLES_MAX: usize = 8;

/// What the thread is told.
#[derive(Debug)]
enum Order {
    Take(Sample),
    /// Write what there is, and answer.
    Flush(SyncSender<()>),
}

/// Takes samples. Dropping it ends its thread.
#[derive(Debug)]
pub struct Recorder {
    orders: SyncSender<Order>,
    counters: Arc<CounterCells>,
}

impl Recorder {
    /// Starts the thread that writes below `directory`.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn start(directory: PathBuf, disk: Arc<dyn Disk>) -> io::Result<Self> {
        let (orders, waiting) = sync_channel(QUEUE_SAMPLES_MAX);
        let counters = Arc::new(CounterCells::default());
        let writer = Writer {
            disk,
            directory,
            files: None,
            block: Block::default(),
            counters: Arc::clone(&counters),
            is_refused: false,
        };
        let builder = thread::Builder::new().name("weir-recorder".to_owned());
        builder.spawn(move || writer.run(&waiting))?;
        Ok(Self { orders, counters })
    }

    /// Takes a sample in. Never waits: one that finds the queue full is dropped and counted.
    pub fn take(&self, sample: Sample) {
        if self.orders.try_send(Order::Take(sample)).is_err() {
            self.counters.samples_dropped.add(1);
        }
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters.read()
    }

    /// Has what was taken in written, though no minute is over. Waits no longer than `within`, and
    /// returns false if it was not done then.
    pub fn flush(&self, within: Duration) -> bool {
        let (done, is_done) = sync_channel(1);
        let is_told = self.orders.try_send(Order::Flush(done)).is_ok();
        is_told && is_done.recv_timeout(within).is_ok()
    }
}

#[derive(Debug)]
struct Writer {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    files: Option<Files>,
    block: Block,
    counters: Arc<CounterCells>,
    /// Whether the last block could not be written.
    is_refused: bool,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        for order in orders {
            match order {
                Order::Take(sample) => {
                    self.counters.samples_recorded.add(1);
                    let dropped = self.block.push(sample);
                    self.counters.values_dropped.add(dropped as u64);
                    if self.block.is_full() {
                        self.write();
                    }
                }
                Order::Flush(done) => {
                    if !self.block.is_empty() {
                        self.write();
                    }
                    // Who asked may have given up.
                    let _is_heard = done.try_send(()).is_ok();
                }
            }
        }
    }

    /// Writes the block, or loses it and warns of the first loss in a row.
    fn write(&mut self) {
        let block = std::mem::take(&mut self.block);
        match self.add(&to_frame(&block)) {
            Ok(removed) => {
                self.is_refused = false;
                self.counters.blocks_written.add(1);
                self.counters.files_removed.add(removed);
            }
            Err(error) => {
                self.counters.blocks_lost.add(1);
                if !std::mem::replace(&mut self.is_refused, true) {
                    let (path, error) = (self.directory.display(), with_causes(&error));
                    warn!(%path, error, "the flight recorder cannot write: check the disk");
                }
            }
        }
    }

    fn add(&mut self, frame: &[u8]) -> Result<u64, Error> {
        let files = match self.files.take() {
            Some(files) => files,
            None => Files::open(Arc::clone(&self.disk), &self.directory)?,
        };
        self.files.insert(files).add(frame)
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim::Simulation;

    use super::*;
    use crate::recorder::{Frames, read};

    fn order(second: u64) -> Order {
        Order::Take(Sample {
            at_ms: second * 1_000,
            values: vec![("node/requests".to_owned(), Some(second))],
        })
    }

    #[test]
    fn a_minute_is_written_at_once_and_a_flush_writes_the_rest() {
        let disk = Simulation::new(1).board().disk;
        let counters = Arc::new(CounterCells::default());
        let writer = Writer {
            disk: Arc::clone(&disk),
            directory: "/recorder".into(),
            files: None,
            block: Block::default(),
            counters: Arc::clone(&counters),
            is_refused: false,
        };
        let (orders, waiting) = sync_channel(100);
        let (done, is_done) = sync_channel(1);
        for second in 0..70 {
            orders.send(order(second)).expect("there is room");
        }
        orders.send(Order::Flush(done)).expect("there is room");
        drop(orders);
        writer.run(&waiting);
        assert_eq!(is_done.try_recv(), Ok(()));
        let kept = read(&*disk, "/recorder".as_ref(), usize::MAX).expect("a directory");
        let blocks = Frames::of(&kept.bytes).blocks();
        let seconds: Vec<usize> = blocks.map(|block| block.times_ms().len()).collect();
        assert_eq!(seconds, [60, 10]);
        let counters = counters.read();
        assert_eq!(
            (counters.samples_recorded, counters.blocks_written),
            (70, 2)
        );
    }

    #[test]
    fn who_brings_a_sample_never_waits() {
        let (orders, waiting) = sync_channel(1);
        let recorder = Recorder {
            orders,
            counters: Arc::default(),
        };
        for second in 0..5 {
            let Order::Take(sample) = order(second) else {
                panic!("it is a sample");
            };
            recorder.take(sample);
        }
        assert_eq!(recorder.counters().samples_dropped, 4);
        assert!(!recorder.flush(Duration::ZERO), "the queue is full");
        drop(waiting);
    }
}
