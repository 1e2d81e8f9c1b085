//! Claims about what players see when the appliance is disturbed, on a simulated machine.

use bytes::Bytes;
use weir_cache::{Class, Key, Writer};
use weir_hal::{Destination, MulticastSender, sim};

use super::*;
use crate::{config::Priority, demux::PACKET_BYTES};

/// Four seconds of pictures with a key frame each second, which loop by a jump of their PTS.
const CLIP: &[u8] = include_bytes!("../demo/clip/144p.ts");

pub(super) const GROUP: &str = "239.255.0.1:5000";

/// One appliance and the encoder that feeds it.
pub(super) struct Rig {
    pub(super) simulation: sim::Simulation,
    pub(super) store: Store,
    vaults: Vaults,
    pub(super) live: Arc<Live>,
    ingest: Ingest<sim::Multicast>,
    config: Config,
}

fn config(segment: &str) -> Config {
    let text = format!(
        "[cache]\nsize = \"256MiB\"\nmemory = \"1MiB\"\n[segment]\n{segment}\n\
         [[channel]]\nid = \"ch\"\n[[channel.rendition]]\nname = \"r\"\n\
         sources = [\"udp://{GROUP}\"]\n"
    );
    Config::parse(&text).expect("it is sound").config
}

impl Rig {
    async fn start(simulation: sim::Simulation) -> Self {
        Self::start_with(simulation, config("target = \"1s\"")).await
    }

    pub(super) async fn start_with(simulation: sim::Simulation, config: Config) -> Self {
        let board = simulation.board();
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store =
            Store::open(disk, clock, &store_config(&config.cache)).expect("the disk is flawless");
        let live = Arc::new(Live::default());
        let vaults = Vaults::open(&config, &board).expect("there are no keys to read");
        let begin = orders(&board, (&store, &vaults), &config, None).await;
        let mut ingest = Ingest::new(board, Arc::clone(&live));
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
    pub(super) fn play(&mut self) {
        self.play_half_seconds(8);
    }

    /// Sends the beginning of the clip, in the simulation's own time.
    pub(super) fn play_half_seconds(&mut self, count: usize) {
        let destination = Destination {
            group: GROUP.parse().expect("an address"),
            interface: None,
            hops: 1,
        };
        let board = self.simulation.board();
        let sender = board.multicast.sender(&destination);
        let mut sender = sender.expect("the wire has room");
        let datagrams = CLIP.chunks(7 * PACKET_BYTES);
        let pause = Duration::from_secs(4) / u32::try_from(datagrams.len()).expect("few");
        self.ingest.turn();
        let count = datagrams.len() * count / 8;
        for datagram in datagrams.take(count) {
            sender.send(datagram).expect("the wire has room");
            self.simulation.clock.advance(pause);
            self.ingest.turn();
        }
    }

    pub(super) async fn reload(&mut self, next: Config) {
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
    fn hog(&self) -> Vec<Writer> {
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

    pub(super) fn playlist(&self) -> Option<String> {
        let document = self.live.channel("ch")?.rendition("r")?.playlist()?;
        Some(String::from_utf8_lossy(&document.body).into_owned())
    }

    /// The Media Sequence Number of each listed segment.
    fn sequences(&self) -> Vec<u64> {
        let text = self.playlist().unwrap_or_default();
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("ch_r/segment-"));
        let numbers = names.filter_map(|name| name.strip_suffix(".ts")?.parse().ok());
        numbers.collect()
    }
}

#[tokio::test]
async fn what_memory_refuses_is_listed_as_a_gap_and_costs_neither_a_number_nor_the_process() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    let before = rig.sequences();
    let hog = rig.hog();
    rig.play();
    let meanwhile = rig.sequences();
    let text = rig.playlist().expect("a list");
    let new = meanwhile
        .iter()
        .filter(|number| Some(*number) > before.last());
    let new = new.count();
    assert!(new > 0, "time goes on: {before:?} then {meanwhile:?}");
    assert_eq!(
        text.matches("#EXT-X-GAP").count(),
        new,
        "nothing new fitted into the memory"
    );
    assert!(
        before.ends_with(&meanwhile[..meanwhile.len() - new]),
        "only the oldest are given up: {meanwhile:?}"
    );
    drop(hog);
    rig.play();
    rig.play();
    let after = rig.sequences();
    assert!(after.last() > before.last(), "{before:?} then {after:?}");
    assert!(
        after.is_sorted_by(|one, next| one + 1 == *next),
        "{after:?}"
    );
    let report = rig.live.channels()[0].renditions[0].report();
    assert!(report.publish.segments_refused > 0, "{:?}", report.publish);
}

#[tokio::test]
async fn a_rendition_that_is_cut_anew_after_a_reload_stays_on_air_and_keeps_its_numbers() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    let before = rig.playlist();
    let last = rig.sequences().last().copied().expect("segments");
    rig.reload(config("target = \"1s\"\nwindow = 4")).await;
    assert_eq!(rig.playlist(), before, "nothing is taken off air");
    rig.play();
    rig.play();
    let after = rig.sequences();
    assert_eq!(after.len(), 4, "the new window holds");
    assert!(
        after[0] > last - 4 && after[3] > last,
        "{last} then {after:?}"
    );
    assert!(
        after.is_sorted_by(|one, next| one + 1 == *next),
        "{after:?}"
    );
}

#[tokio::test]
async fn a_list_is_on_air_again_before_the_first_datagram_after_a_restart() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play_half_seconds(3);
    let before = rig.playlist();
    assert!(rig.store.flush(Duration::from_secs(10)));
    let simulation = rig.simulation.clone();
    drop(rig);
    let rig = Rig::start(simulation).await;
    assert!(before.is_some());
    assert_eq!(rig.playlist(), before);
}

#[tokio::test]
async fn a_list_behind_which_a_segment_may_be_lost_begins_anew_with_higher_numbers() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    rig.play();
    let last = rig.sequences().last().copied().expect("segments");
    assert!(rig.store.flush(Duration::from_secs(10)));
    let simulation = rig.simulation.clone();
    drop(rig);
    simulation.clock.advance(Duration::from_secs(3));
    let mut rig = Rig::start(simulation).await;
    assert_eq!(rig.playlist(), None);
    rig.play();
    rig.play();
    let first = rig.sequences().first().copied().expect("segments");
    assert!(
        first > last + 3,
        "three more may have been listed: {last} then {first}"
    );
}

#[tokio::test]
async fn a_report_names_the_source_that_is_received_and_not_the_first_in_the_list() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    let text = format!(
        "[[channel]]\nid = \"ch\"\n[[channel.rendition]]\nname = \"r\"\n\
         sources = [\"http://encoder/ch.ts\", \"udp://{GROUP}\"]\n"
    );
    rig.reload(Config::parse(&text).expect("it is sound").config)
        .await;
    rig.play();
    let report = rig.live.channels()[0].renditions[0].report();
    assert_eq!(report.source, format!("udp://{GROUP}"));
}

#[test]
fn segments_are_of_the_live_class_of_their_channel_s_priority() {
    let mut config = config("target = \"1s\"");
    let mut class = |priority| {
        config.channels[0].priority = priority;
        Plan::all(&config)[0].class
    };
    assert_eq!(class(Priority::High), Class::LiveHigh);
    assert_eq!(class(Priority::Medium), Class::Live);
    assert_eq!(class(Priority::Low), Class::LiveLow);
}
