//! One appliance on a simulated machine, and what players see of it.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use weir_cache::{Class, Key, Store, Writer};
use weir_hal::{Clock, Destination, Multicast, MulticastSender, Wall, sim};

use crate::{
    app::{Ingest, Vaults, orders, publisher::key, store_config},
    config::Config,
    demux::PACKET_BYTES,
    live::Live,
    segment::{MediaPlaylist, Moment, Segment},
    serve::segment_path,
};

/// Four seconds of pictures with a key frame each second, which loop by a jump of their PTS.
pub(super) const CLIP: &[u8] = include_bytes!("../../demo/clip/144p.ts");

pub(in crate::app) const GROUP: &str = "239.255.0.1:5000";

/// One appliance and the encoder that feeds it.
pub(in crate::app) struct Rig {
    pub(in crate::app) simulation: sim::Simulation,
    pub(in crate::app) store: Store,
    pub(super) vaults: Vaults,
    pub(in crate::app) live: Arc<Live>,
    pub(super) ingest: Ingest<sim::Multicast>,
    pub(super) config: Config,
}

pub(super) fn config(segment: &str) -> Config {
    let text = format!(
        "[cache]\nsize = \"256MiB\"\nmemory = \"1MiB\"\n[segment]\n{segment}\n\
         [[channel]]\nid = \"ch\"\n[[channel.rendition]]\nname = \"r\"\n\
         sources = [\"udp://{GROUP}\"]\n"
    );
    Config::parse(&text).expect("it is sound").config
}

impl Rig {
    pub(super) async fn start(simulation: sim::Simulation) -> Self {
        Self::start_with(simulation, config("target = \"1s\"")).await
    }

    pub(in crate::app) async fn start_with(simulation: sim::Simulation, config: Config) -> Self {
        let board = simulation.board();
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store =
            Store::open(disk, clock, &store_config(&config.cache)).expect("the disk is flawless");
        let live = Arc::new(Live::default());
        let vaults = Vaults::open(&config, &board).expect("there are no keys to read");
        let begin = orders(&board, (&store, &vaults), &config, None).await;
        let mut ingest = Ingest::new(board, Arc::clone(&live)).expect("TLS is spoken");
        ingest.carry(begin);
        Self {
            simulation,
            store,
            vaults,
            live,
            ingest,
            config,
        }
    }

    /// Sends the clip once.
    pub(in crate::app) fn play(&mut self) {
        self.play_half_seconds(8);
    }

    /// Sends the beginning of the clip, in the simulation's own time.
    pub(in crate::app) fn play_half_seconds(&mut self, count: usize) {
        self.play_part(0..count);
    }

    /// Sends these half seconds of the clip.
    pub(super) fn play_part(&mut self, half_seconds: Range<usize>) {
        self.play_to(&[GROUP], half_seconds);
    }

    /// Sends these half seconds of the clip to each of `groups`; to none, their time passes.
    pub(super) fn play_to(&mut self, groups: &[&str], half_seconds: Range<usize>) {
        self.send(CLIP, groups, half_seconds);
    }

    /// Sends these eighths of four seconds of `clip`.
    pub(super) fn send(&mut self, clip: &[u8], groups: &[&str], half_seconds: Range<usize>) {
        let board = self.simulation.board();
        let sender = |group: &&str| {
            let destination = Destination {
                group: group.parse().expect("an address"),
                interface: None,
                hops: 1,
            };
            let sender = board.multicast.sender(&destination);
            sender.expect("the wire has room")
        };
        let mut senders: Vec<_> = groups.iter().map(sender).collect();
        let datagrams = clip.chunks(7 * PACKET_BYTES);
        let pause = Duration::from_secs(4) / u32::try_from(datagrams.len()).expect("few");
        self.ingest.turn();
        let place = |half_seconds: usize| datagrams.len() * half_seconds / 8;
        let (first, end) = (place(half_seconds.start), place(half_seconds.end));
        for datagram in datagrams.take(end).skip(first) {
            for sender in &mut senders {
                sender.send(datagram).expect("the wire has room");
            }
            self.simulation.clock.advance(pause);
            self.ingest.turn();
        }
    }

    pub(in crate::app) async fn reload(&mut self, next: Config) {
        let board = self.simulation.board();
        self.vaults.reload(&next, &board);
        let orders = orders(
            &board,
            (&self.store, &self.vaults),
            &next,
            Some(&self.config),
        )
        .await;
        self.ingest.carry(orders);
        self.config = next;
    }

    /// Takes all memory of the store but for a few bytes, by objects that are too short to be
    /// written in parts.
    pub(super) fn hog(&self) -> Vec<Writer> {
        assert!(self.store.flush(Duration::from_secs(10)));
        let mut writers = Vec::new();
        loop {
            let counters = self.store.counters();
            if counters.memory_bytes_max - counters.memory_bytes < 16 * 1024 {
                return writers;
            }
            let key = Key::new(&format!("/hog/{}", writers.len())).expect("a name");
            let writer = self.store.begin(&key, Class::Low, Bytes::new());
            let mut writer = writer.expect("room");
            writer.append(Bytes::from_static(&[0; 8192])).expect("room");
            writers.push(writer);
        }
    }

    pub(in crate::app) fn playlist(&self) -> Option<String> {
        let document = self.live.channel("ch")?.rendition("r")?.playlist()?;
        Some(String::from_utf8_lossy(&document.body).into_owned())
    }

    /// The Media Sequence Number of each listed segment.
    pub(super) fn sequences(&self) -> Vec<u64> {
        let text = self.playlist().unwrap_or_default();
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("ch_r/segment-"));
        let numbers = names.filter_map(|name| name.strip_suffix(".ts")?.parse().ok());
        numbers.collect()
    }
}

/// The configuration of a box that keeps the last ten minutes.
pub(super) fn config_with_past() -> Config {
    config_with_dvr(Some(600))
}

/// The configuration of a box that keeps the last so many seconds, or nothing.
pub(super) fn config_with_dvr(seconds: Option<u64>) -> Config {
    let mut config = config("target = \"1s\"\nwindow = 3");
    config.channels[0].dvr = seconds.map(Duration::from_secs);
    config
}

/// All that players may start over in.
pub(super) fn past(rig: &Rig) -> Vec<Segment> {
    let archive = rig.live.channels()[0].renditions[0].archive();
    let all = archive
        .expect("an archive")
        .excerpt(Moment::At(Wall::from_nanos(0)), None);
    let list = MediaPlaylist::resume(&all.expect("something").text, 1_000).expect("a list");
    let segments: Vec<_> = list.segments().copied().collect();
    let is_next = |one: &Segment, next: &Segment| one.sequence + 1 == next.sequence;
    assert!(segments.is_sorted_by(is_next), "{segments:?}");
    for segment in segments.iter().filter(|segment| !segment.gap) {
        let path = segment_path("ch", "r", segment.sequence);
        let object = rig.store.get(&key(&path)).expect("what is listed is there");
        assert!(object.bytes() > Some(0), "{path}");
    }
    segments
}

/// Ends the life of a box, so long, and begins another.
pub(in crate::app) async fn restart(rig: Rig, pause: Duration) -> Rig {
    assert!(rig.store.flush(Duration::from_secs(10)));
    let (simulation, config) = (rig.simulation.clone(), rig.config.clone());
    drop(rig);
    simulation.clock.advance(pause);
    Rig::start_with(simulation, config).await
}

/// Cuts the power of a box whose disk has all, so long, and begins another life.
pub(in crate::app) async fn cut_power(rig: Rig, pause: Duration) -> Rig {
    assert!(rig.store.flush(Duration::from_secs(10)));
    let (before, config) = (rig.simulation.clone(), rig.config.clone());
    drop(rig);
    let simulation = sim::Simulation {
        disk: before.disk.clone(),
        ..sim::Simulation::new(2)
    };
    simulation.clock.set_wall(before.clock.wall() + pause);
    let boot = before.clock.boot().expect("it is known");
    simulation.clock.set_boot(boot + 1);
    Rig::start_with(simulation, config).await
}

/// What players are given who start over in `rendition` at `from`, but for its name.
pub(super) fn start_over(rig: &Rig, rendition: &str, from: Wall) -> String {
    let channel = rig.live.channel("ch").expect("a channel");
    let archive = channel.rendition(rendition).expect("a list").archive();
    let excerpt = archive.expect("an archive").excerpt(Moment::At(from), None);
    let text = excerpt.expect("something").text;
    text.replace(&format!("ch_{rendition}/"), "")
}
