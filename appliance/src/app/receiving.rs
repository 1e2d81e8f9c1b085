//! The receive threads: which channels each of them carries, and what players see of all.
//!
//! A channel stays with its thread for as long as it is configured, because what it has received
//! lives there; a new one goes where the fewest are. All renditions of a channel are on one thread:
//! they agree with one another at each turn.
//!
//! Refuses: to move a channel from one thread to another.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use weir_hal::{Board, Multicast};

use crate::{
    app::{
        AppError,
        ingest::{ChannelOrder, Ingest, Order},
    },
    config,
    live::{self, Live},
    receive::StreamClient,
    serve::Heartbeat,
};

/// Orders that may wait for a receive thread; a reload is one order.
const ORDERS_MAX: usize = 4;

/// The running receive threads.
#[derive(Debug)]
pub(super) struct Receiving {
    threads: Vec<Thread>,
    /// The thread of each channel, by its id.
    places: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Thread {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Receiving {
    /// Starts as many as `config` has cores, or one, which carry `channels`; players see these in
    /// `live` when it returns.
    ///
    /// # Errors
    /// [`AppError::Thread`] when the system has no room for another thread, [`AppError::Sources`]
    /// when TLS cannot be spoken to sources.
    pub(super) fn start<M: Multicast>(
        (board, live): (&Board<M>, &Arc<Live>),
        config: &config::Receive,
        channels: Vec<ChannelOrder>,
    ) -> Result<(Self, Arc<Heartbeat>), AppError> {
        let count = threads(config);
        let heartbeat = Arc::new(Heartbeat::new(Arc::clone(&board.clock), count));
        let places = spread(&BTreeMap::new(), ids(&channels), count);
        let lineup = Lineup::new(ids(&channels), count);
        // Certificates are read once for all threads.
        let client = StreamClient::new(board)?;
        let mut running = Vec::with_capacity(count);
        // Before anybody can ask: an appliance without channels would call itself ready.
        for (number, part) in part(channels, &places, count).into_iter().enumerate() {
            let ingest = Ingest::asking_by(client.clone(), board.clone(), Arc::clone(live));
            let mut ingest = ingest
                .beating(Arc::clone(&heartbeat), number)
                .on_core(config.cores.get(number).copied());
            lineup.bring(ingest.take_over(part), live);
            running.push(ingest);
        }
        let started = running.into_iter().enumerate().map(|(number, ingest)| {
            let name = if count == 1 {
                "weir-receive".to_owned()
            } else {
                format!("weir-receive-{number}")
            };
            Thread::start(name, ingest, config.drain_interval)
        });
        let threads = started.collect::<Result<_, _>>();
        let threads = threads.map_err(AppError::Thread)?;
        Ok((Self { threads, places }, heartbeat))
    }

    /// Carries `channels` from the next turns on. Waits while earlier orders are not yet taken: at
    /// most a drain interval each.
    pub(super) fn carry(&mut self, channels: Vec<ChannelOrder>) {
        let count = self.threads.len();
        self.places = spread(&self.places, ids(&channels), count);
        let lineup = Arc::new(Lineup::new(ids(&channels), count));
        let parts = part(channels, &self.places, count);
        for (thread, part) in self.threads.iter().zip(parts) {
            let order = Order::Carry(part, Arc::clone(&lineup));
            let taken = thread.orders.send(order);
            taken.expect("a receive thread runs until stopped");
        }
    }

    /// Ends each thread at its next turn and waits for all.
    pub(super) fn stop(&mut self) {
        for thread in &self.threads {
            // The thread may have met a bug and be gone; joining tells.
            drop(thread.orders.send(Order::Stop));
        }
        for thread in &mut self.threads {
            if let Some(thread) = thread.thread.take() {
                thread.join().expect("a receive thread does not panic");
            }
        }
    }
}

impl Thread {
    fn start<M: Multicast>(
        name: String,
        ingest: Ingest<M>,
        drain_interval: Duration,
    ) -> std::io::Result<Self> {
        let (orders, received) = sync_channel(ORDERS_MAX);
        let thread = std::thread::Builder::new().name(name);
        let thread = thread.spawn(move || ingest.run(&received, drain_interval))?;
        Ok(Self {
            orders,
            thread: Some(thread),
        })
    }
}

/// What players see of the channels of all threads, put together again when each has brought its
/// part: the list is swapped whole, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Lineup {
    /// The place of each channel, by its id.
    order: BTreeMap<String, usize>,
    brought: Mutex<Brought>,
}

#[derive(Debug)]
struct Brought {
    faces: Vec<Arc<live::Channel>>,
    /// Threads that have not brought theirs.
    missing: usize,
}

impl Lineup {
    fn new<'a>(ids: impl Iterator<Item = &'a str>, threads: usize) -> Self {
        Self {
            order: ids.map(str::to_owned).zip(0..).collect(),
            brought: Mutex::new(Brought {
                faces: Vec::new(),
                missing: threads,
            }),
        }
    }

    /// Takes the part of one thread; with the last, players see all in `live`.
    pub(super) fn bring(&self, faces: Vec<Arc<live::Channel>>, live: &Live) {
        let mut brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        brought.faces.extend(faces);
        brought.missing -= 1;
        if brought.missing == 0 {
            let mut all = std::mem::take(&mut brought.faces);
            all.sort_by_key(|face| self.order.get(&face.id));
            live.set(all);
        }
    }
}

/// Threads that receive.
pub(super) fn threads(config: &config::Receive) -> usize {
    config.cores.len().max(1)
}

fn ids(channels: &[ChannelOrder]) -> impl Iterator<Item = &str> {
    channels.iter().map(|channel| channel.id.as_str())
}

/// The thread of each channel: the one it had, or one that has the fewest.
fn spread<'a>(
    before: &BTreeMap<String, usize>,
    ids: impl Iterator<Item = &'a str>,
    threads: usize,
) -> BTreeMap<String, usize> {
    let mut loads = vec![0_usize; threads];
    let mut places = BTreeMap::new();
    let (old, new): (Vec<_>, Vec<_>) = ids.partition(|id| before.contains_key(*id));
    for id in old.into_iter().chain(new) {
        let fewest = (0..threads).min_by_key(|thread| loads[*thread]);
        let place = before.get(id).copied().or(fewest).unwrap_or_default();
        loads[place] += 1;
        places.insert(id.to_owned(), place);
    }
    places
}

/// What each thread is to carry.
fn part(
    channels: Vec<ChannelOrder>,
    places: &BTreeMap<String, usize>,
    threads: usize,
) -> Vec<Vec<ChannelOrder>> {
    let mut parts: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
    for channel in channels {
        let place = places.get(&channel.id).copied().unwrap_or_default();
        parts[place].push(channel);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(before: &BTreeMap<String, usize>, ids: &[&str]) -> Vec<(String, usize)> {
        let places = spread(before, ids.iter().copied(), 2);
        places.into_iter().collect()
    }

    fn named(places: &[(&str, usize)]) -> Vec<(String, usize)> {
        let named = places.iter().map(|(id, place)| ((*id).to_owned(), *place));
        named.collect()
    }

    #[test]
    fn channels_are_spread_evenly_and_stay_where_they_are() {
        let first = places(&BTreeMap::new(), &["a", "b", "c"]);
        assert_eq!(first, named(&[("a", 0), ("b", 1), ("c", 0)]));
        // One leaves, two come: first in the file does not mean first on a thread.
        let next = places(&first.into_iter().collect(), &["x", "c", "a", "y"]);
        assert_eq!(next, named(&[("a", 0), ("c", 0), ("x", 1), ("y", 1)]));
    }

    #[test]
    fn players_see_all_channels_in_the_order_of_the_configuration_or_none() {
        let live = Live::default();
        let face = |id: &str| {
            let channel = live::Channel::new(id.to_owned(), id.to_owned(), Vec::new());
            Arc::new(channel)
        };
        let lineup = Lineup::new(["a", "b", "c"].into_iter(), 2);
        lineup.bring(vec![face("b")], &live);
        assert!(live.channel("b").is_none());
        lineup.bring(vec![face("a"), face("c")], &live);
        let ids: Vec<_> = live.channels().iter().map(|it| it.id.clone()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }
}
