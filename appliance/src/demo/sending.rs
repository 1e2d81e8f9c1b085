//! The thread that plays the part of the encoder.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;
use weir_hal::{Clock, MulticastSender};

use crate::{
    demo::CHANNEL,
    live::Live,
    send::{self, Playout},
};

/// How often the thread looks whether the receiver is there.
const RECEIVER_POLL: Duration = Duration::from_millis(5);

/// From the moment a channel is carried until its groups are surely joined: some drain intervals.
const JOIN: Duration = Duration::from_millis(30);

/// The running thread.
#[derive(Debug)]
pub(super) struct Sending {
    is_stopped: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), send::Error>>,
}

impl Sending {
    /// Starts the thread, which waits until the appliance carries the channel: the first picture
    /// is not lost then. The future completes when the thread ends, for whatever reason.
    pub(super) fn start<S: MulticastSender + 'static>(
        mut playout: Playout<S>,
        clock: Arc<dyn Clock>,
        live: Arc<Live>,
    ) -> io::Result<(Self, impl Future<Output = ()>)> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (alive, ended) = oneshot::channel::<()>();
        let stop = {
            let is_stopped = Arc::clone(&is_stopped);
            move || is_stopped.load(Ordering::Relaxed)
        };
        let work = move || {
            let _alive = alive;
            await_receiver(&*clock, &live, &stop);
            playout.run(&*clock, stop, |_| {}).map(drop)
        };
        let thread = thread::Builder::new()
            .name("weir-demo-send".to_owned())
            .spawn(work)?;
        // The thread never sends: it drops its end.
        let ended = async { drop(ended.await) };
        Ok((Self { is_stopped, thread }, ended))
    }

    /// Ends the thread, within 100 ms, and tells whether it did its work until then.
    pub(super) fn stop(self) -> Result<(), send::Error> {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .expect("the sending thread does not panic")
    }
}

fn await_receiver(clock: &dyn Clock, live: &Live, stop: &impl Fn() -> bool) {
    while live.channel(CHANNEL).is_none() && !stop() {
        clock.sleep_until(clock.monotonic() + RECEIVER_POLL);
    }
    clock.sleep_until(clock.monotonic() + JOIN);
}
