//! The receive thread: drains every group at a fixed interval and carries what came through to
//! the store.
//!
//! Waking for each datagram would make batches of one; a timer makes a 10 Mb/s group come ten
//! datagrams at a time. Kernel time stamps keep the arrival times exact meanwhile. The thread
//! needs no async runtime and never touches the disk. It asks for real time: half a
//! millisecond in ten, which must not wait behind those who serve. The locks it shares with HTTP
//! are those of the store, which are never held while anybody reads, writes or waits.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use tracing::debug;
use weir_hal::{Board, DatagramBatch, Monotonic, Multicast};

use crate::{
    app::{climbing::Climbing, lists::Lists, plan::Plan, publisher::Moment, rendition::Rendition},
    encryption::Vault,
    live::{self, Live},
    serve::Heartbeat,
};

/// Orders that may wait for the receive thread; a reload is one order.
const ORDERS_MAX: usize = 4;

/// Interval between two reports of state and counters.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A channel to carry: its names, and what is new about its renditions.
#[derive(Debug)]
pub struct ChannelOrder {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) vault: Arc<Vault>,
    pub(super) renditions: Vec<RenditionOrder>,
}

/// A rendition to carry.
#[derive(Debug)]
pub(super) enum RenditionOrder {
    /// Go on with the one that runs under the same names, from now on by this plan.
    Keep(Box<Plan>),
    /// Begin.
    Begin(Box<(Plan, Lists)>),
}

/// What the receive thread is told.
#[derive(Debug)]
enum Order {
    Carry(Vec<ChannelOrder>),
    Stop,
}

/// The data path of all channels.
#[derive(Debug)]
pub struct Ingest<M: Multicast> {
    board: Board<M>,
    live: Arc<Live>,
    renditions: Vec<Rendition<M>>,
    /// One for each channel, in the order of its renditions above.
    channels: Vec<Climbing>,
    batch: DatagramBatch,
    reported: Monotonic,
    heartbeat: Option<Arc<Heartbeat>>,
}

impl<M: Multicast> Ingest<M> {
    /// A path that carries nothing yet and publishes in `live`.
    pub fn new(board: Board<M>, live: Arc<Live>) -> Self {
        let reported = board.clock.monotonic();
        Self {
            board,
            live,
            renditions: Vec::new(),
            channels: Vec::new(),
            batch: DatagramBatch::new(),
            reported,
            heartbeat: None,
        }
    }

    /// Tells `heartbeat` of each turn.
    #[must_use]
    pub fn beating(self, heartbeat: Arc<Heartbeat>) -> Self {
        let heartbeat = Some(heartbeat);
        Self { heartbeat, ..self }
    }

    /// Carries `channels` from now on; renditions that are not kept end here.
    ///
    /// # Panics
    /// When a rendition is to be kept that is not running.
    pub fn carry(&mut self, channels: Vec<ChannelOrder>) {
        let mut before = std::mem::take(&mut self.renditions);
        let mut channels_before = std::mem::take(&mut self.channels);
        let mut faces = Vec::with_capacity(channels.len());
        let now = self.board.clock.monotonic();
        for channel in channels {
            let first = self.renditions.len();
            let mut renditions = Vec::with_capacity(channel.renditions.len());
            let mut tracks = Vec::new();
            for order in channel.renditions {
                let rendition = match order {
                    RenditionOrder::Begin(begin) => Rendition::new(begin.0, begin.1, now),
                    RenditionOrder::Keep(plan) => {
                        let place = before.iter().position(|it| it.plan().is_named_as(&plan));
                        let running = place.map(|place| before.swap_remove(place));
                        running
                            .expect("only running ones are kept")
                            .follow(&plan, now)
                    }
                };
                renditions.push(Arc::clone(rendition.live()));
                tracks.extend(rendition.lists().track_faces());
                self.renditions.push(rendition);
            }
            let former = self.live.channel(&channel.id);
            let place = channels_before
                .iter()
                .position(|it| it.is_called(&channel.id));
            let before = place.map(|place| channels_before.swap_remove(place));
            let face = live::Channel::new(channel.id, channel.name, renditions);
            let face = face.with_tracks(tracks).sealed_by(channel.vault);
            let face = Arc::new(match former {
                Some(former) => face.following(&former),
                None => face,
            });
            let renditions = first..self.renditions.len();
            let all = &self.renditions;
            let climbing = Climbing::new(Arc::clone(&face), renditions, before, all);
            self.channels.push(climbing);
            faces.push(face);
        }
        self.live.set(faces);
    }

    /// One turn: drains every group once, and reports once a second. Never waits.
    pub fn turn(&mut self) {
        let now = self.board.clock.monotonic();
        let wall = self.board.clock.wall();
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.beat(now);
        }
        let since_report = now.since(self.reported);
        let is_due = since_report >= REPORT_INTERVAL;
        let (multicast, batch) = (&*self.board.multicast, &mut self.batch);
        for channel in &mut self.channels {
            channel.turn(&mut self.renditions, (now, wall), is_due, |rendition| {
                let received = self.board.clock.wall();
                rendition.turn(multicast, batch, Moment { now, received });
            });
        }
        if is_due {
            self.reported = now;
            for rendition in &mut self.renditions {
                rendition.report(now, since_report);
            }
            for channel in &self.channels {
                channel.report();
            }
        }
    }

    /// Ends in order: the lists of all renditions go on in the next life.
    pub(super) fn end_in_order(&mut self) {
        for rendition in &mut self.renditions {
            rendition.end_in_order();
        }
    }

    fn run(mut self, orders: &Receiver<Order>, drain_interval: Duration) {
        let is_real_time = self.board.clock.request_real_time();
        debug!(is_real_time, "receiving");
        let mut due = self.board.clock.monotonic();
        loop {
            match orders.try_recv() {
                Ok(Order::Carry(channels)) => self.carry(channels),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return self.end_in_order(),
                Err(TryRecvError::Empty) => {}
            }
            self.turn();
            // A late turn is not made up for: the sockets hold what came meanwhile.
            due = (due + drain_interval).max(self.board.clock.monotonic());
            self.board.clock.sleep_until(due);
        }
    }
}

/// The handle of a running receive thread.
#[derive(Debug)]
pub(super) struct IngestThread {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl IngestThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub(super) fn start<M: Multicast>(
        ingest: Ingest<M>,
        drain_interval: Duration,
    ) -> std::io::Result<Self> {
        let (orders, received) = sync_channel(ORDERS_MAX);
        let thread = std::thread::Builder::new()
            .name("weir-receive".to_owned())
            .spawn(move || ingest.run(&received, drain_interval))?;
        Ok(Self {
            orders,
            thread: Some(thread),
        })
    }

    /// Carries `channels` from the next turn on. Waits while earlier orders are not yet taken:
    /// at most a drain interval each.
    pub(super) fn carry(&self, channels: Vec<ChannelOrder>) {
        self.orders
            .send(Order::Carry(channels))
            .expect("the receive thread runs until stopped");
    }

    /// Ends the thread at its next turn and waits for it.
    pub(super) fn stop(&mut self) {
        // The thread may have met a bug and be gone; joining tells.
        drop(self.orders.send(Order::Stop));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the receive thread does not panic");
        }
    }
}
