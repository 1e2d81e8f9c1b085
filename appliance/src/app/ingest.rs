//! A receive thread: drains each of its groups at a fixed interval and carries what came through to
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
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use tracing::{debug, info, warn};
use weir_hal::{Board, DatagramBatch, LinkWatch, Monotonic, Multicast};

use crate::{
    app::{
        climbing::Climbing, keeping::Spare, lists::Lists, master::KeptMaster, plan::Plan,
        publisher::Moment, receiving::Lineup, rendition::Rendition,
    },
    causes::with_causes,
    encryption::Vault,
    fetch::tls::TlsError,
    live::{self, Live},
    receive::StreamClient,
    serve::Heartbeat,
};

/// Changes of links that are taken at once; the next are, a report later.
const LINK_CHANGES_MAX: usize = 64;

/// Interval between two reports of state and counters.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Segments that archives give up at most between two reports, of one rendition and its tracks for
/// each; if more come, what is left goes at the next.
const GIVEN_UP_MAX: usize = 256;

/// A channel to carry: its names, and what is new about its renditions.
#[derive(Debug)]
pub struct ChannelOrder {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) vault: Arc<Vault>,
    pub(super) renditions: Vec<RenditionOrder>,
    /// What players were offered of it in an earlier life.
    pub(super) master: Option<KeptMaster>,
}

/// A rendition to carry.
#[derive(Debug)]
pub(super) enum RenditionOrder {
    /// Go on with the one that runs under the same names, from now on by this plan.
    Keep(Box<Plan>),
    /// Begin.
    Begin(Box<(Plan, Lists)>),
}

/// What a receive thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Carry these from now on, and bring what players see of them.
    Carry(Vec<ChannelOrder>, Arc<Lineup>),
    Stop,
}

/// The data path of all channels, or of those of one thread.
#[derive(Debug)]
pub struct Ingest<M: Multicast> {
    board: Board<M>,
    live: Arc<Live>,
    renditions: Vec<Rendition<M>>,
    /// One for each channel, in the order of its renditions above.
    channels: Vec<Climbing>,
    batch: DatagramBatch,
    client: StreamClient,
    /// `None` where the kernel tells nothing.
    links: Option<Box<dyn LinkWatch>>,
    reported: Monotonic,
    /// Where to tell of each turn, as which loop.
    heartbeat: Option<(Arc<Heartbeat>, usize)>,
    /// The core to stay on; where it stays, once it runs.
    core: Option<u16>,
    /// It was told since channels were taken over that the store has too little room.
    is_told_of_room: bool,
}

impl<M: Multicast> Ingest<M> {
    /// A path that carries nothing yet and publishes in `live`. Must be called within a tokio
    /// runtime, on which sources over HTTP are asked for.
    ///
    /// # Errors
    /// [`TlsError`] when TLS cannot be spoken to them.
    pub fn new(board: Board<M>, live: Arc<Live>) -> Result<Self, TlsError> {
        let client = StreamClient::new(&board)?;
        Ok(Self::asking_by(client, board, live))
    }

    /// The same, whose sources over HTTP `client` asks for.
    pub(super) fn asking_by(client: StreamClient, board: Board<M>, live: Arc<Live>) -> Self {
        let reported = board.clock.monotonic();
        Self {
            client,
            links: watch_links(&*board.multicast),
            board,
            live,
            renditions: Vec::new(),
            channels: Vec::new(),
            batch: DatagramBatch::new(),
            reported,
            heartbeat: None,
            core: None,
            is_told_of_room: false,
        }
    }

    /// Tells `heartbeat` of each turn, as loop `number`.
    #[must_use]
    pub(super) fn beating(self, heartbeat: Arc<Heartbeat>, number: usize) -> Self {
        let heartbeat = Some((heartbeat, number));
        Self { heartbeat, ..self }
    }

    /// Stays on `core` once it runs, if there is one.
    #[must_use]
    pub(super) fn on_core(self, core: Option<u16>) -> Self {
        Self { core, ..self }
    }

    /// Carries `channels` from now on, and has players see these alone; renditions that are not
    /// kept end here.
    ///
    /// # Panics
    /// When a rendition is to be kept that is not running.
    pub fn carry(&mut self, channels: Vec<ChannelOrder>) {
        let faces = self.take_over(channels);
        self.live.set(faces);
    }

    /// Carries `channels` from now on; returns what players are to see of them.
    pub(super) fn take_over(&mut self, channels: Vec<ChannelOrder>) -> Vec<Arc<live::Channel>> {
        let mut before = std::mem::take(&mut self.renditions);
        let mut channels_before = std::mem::take(&mut self.channels);
        let mut faces = Vec::with_capacity(channels.len());
        let now = self.board.clock.monotonic();
        self.is_told_of_room = false;
        for channel in channels {
            let first = self.renditions.len();
            let mut renditions = Vec::with_capacity(channel.renditions.len());
            let mut tracks = Vec::new();
            for order in channel.renditions {
                let rendition = match order {
                    RenditionOrder::Begin(begin) => Rendition::new(*begin, (&self.client, now)),
                    RenditionOrder::Keep(plan) => {
                        let place = before.iter().position(|it| it.plan().is_named_as(&plan));
                        let running = place.map(|place| before.swap_remove(place));
                        running
                            .expect("only running ones are kept")
                            .follow(&plan, (&self.client, now))
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
            let all = &mut self.renditions;
            let before = (before, channel.master);
            let climbing = Climbing::new(&face, renditions, before, (all, now));
            self.channels.push(climbing);
            faces.push(face);
        }
        faces
    }

    /// One turn: drains every group once, and reports once a second. Never waits.
    pub fn turn(&mut self) {
        let now = self.board.clock.monotonic();
        let wall = self.board.clock.wall();
        if let Some((heartbeat, number)) = &self.heartbeat {
            heartbeat.beat(*number, now);
        }
        let since_report = now.since(self.reported);
        let is_due = since_report >= REPORT_INTERVAL;
        let (multicast, batch) = (&*self.board.multicast, &mut self.batch);
        for channel in &mut self.channels {
            channel.turn(&mut self.renditions, (now, wall), is_due, |rendition| {
                let received = self.board.clock.wall();
                rendition.turn((multicast, batch), Moment { now, received }, wall);
            });
        }
        if is_due {
            self.reported = now;
            self.follow_links(now);
            self.make_room();
            for rendition in &mut self.renditions {
                rendition.report((now, wall), since_report, self.core);
            }
            for channel in &self.channels {
                channel.report();
            }
        }
    }

    /// Has archives give up what is oldest while the store has less room on disk than is held:
    /// before any segment of live output finds none. Where that is of another thread it is left to
    /// it.
    fn make_room(&mut self) {
        for _ in 0..GIVEN_UP_MAX {
            let spare = self.renditions.iter().enumerate();
            let spare = spare.filter_map(|(place, it)| Some((it.lists().spare()?, place)));
            let Some((spare, place)) = spare.min() else {
                return;
            };
            let lists = self.renditions[place].lists_mut();
            let oldest = self.live.oldest_spare().map(Spare::Archived);
            if !lists.main().lacks_room() || oldest.is_some_and(|oldest| oldest < spare) {
                return;
            }
            lists.give_up(spare);
            if !std::mem::replace(&mut self.is_told_of_room, true) {
                warn!(
                    "the store has no room for all of `dvr`: what is oldest goes; raise cache.size \
                     or lower `dvr`"
                );
            }
        }
    }

    /// Has groups joined anew, on interfaces that came back, of which nothing comes.
    fn follow_links(&mut self, now: Monotonic) {
        let Some(links) = &mut self.links else { return };
        for _ in 0..LINK_CHANGES_MAX {
            match links.next() {
                Ok(Some(change)) => {
                    let interface = change.interface.as_ref();
                    info!(
                        interface = interface.map(tracing::field::display),
                        "link or address is new"
                    );
                    for rendition in &mut self.renditions {
                        rendition.rejoin(interface, now);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    debug!(
                        error = with_causes(&error),
                        "no change of a link can be read"
                    );
                    return;
                }
            }
        }
    }

    /// Ends in order: the lists of all renditions go on in the next life.
    pub(super) fn end_in_order(&mut self) {
        for rendition in &mut self.renditions {
            rendition.lists_mut().end_in_order();
        }
    }

    /// Turns until it is told to stop.
    pub(super) fn run(mut self, orders: &Receiver<Order>, drain_interval: Duration) {
        let wanted = self.core;
        self.core = wanted.filter(|core| self.board.clock.stay_on_core(*core));
        if let Some(core) = wanted.filter(|_| self.core.is_none()) {
            warn!(
                core,
                "no such core to receive on: going on without; change receive.cores"
            );
        }
        let is_real_time = self.board.clock.request_real_time();
        debug!(is_real_time, core = self.core, "receiving");
        let mut due = self.board.clock.monotonic();
        loop {
            match orders.try_recv() {
                Ok(Order::Carry(channels, lineup)) => {
                    lineup.bring(self.take_over(channels), &self.live);
                }
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

/// A watch of the links, if there can be one; without it groups wait until they were silent for
/// long.
fn watch_links<M: Multicast>(multicast: &M) -> Option<Box<dyn LinkWatch>> {
    let opened = multicast.links();
    let told = |error: &weir_hal::Error| {
        let error = with_causes(error);
        warn!(
            error,
            "groups are joined anew after silence alone, not when a link comes back"
        );
    };
    opened.inspect_err(told).ok()
}
