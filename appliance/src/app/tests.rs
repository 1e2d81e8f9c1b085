//! Claims about what players see when the appliance is disturbed, on a simulated machine.

use std::ops::Range;

use bytes::Bytes;
use weir_cache::{Class, Key, Writer};
use weir_hal::{Destination, MulticastSender, Wall, sim};

use super::{publisher::key, *};
use crate::{
    config::Priority,
    demux::PACKET_BYTES,
    segment::{MediaPlaylist, Moment, Segment},
    serve::segment_path,
};

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
        self.play_part(0..count);
    }

    /// Sends these half seconds of the clip.
    fn play_part(&mut self, half_seconds: Range<usize>) {
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
        let place = |half_seconds: usize| datagrams.len() * half_seconds / 8;
        let (first, end) = (place(half_seconds.start), place(half_seconds.end));
        for datagram in datagrams.take(end).skip(first) {
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
async fn a_list_of_a_source_that_is_lost_goes_on_after_a_restart() {
    let mut rig = Rig::start(sim::Simulation::new(1)).await;
    rig.play();
    let gaps = |rig: &Rig| {
        rig.playlist()
            .map_or(0, |text| text.matches("#EXT-X-GAP").count())
    };
    while gaps(&rig) == 0 {
        rig.simulation.clock.advance(Duration::from_millis(10));
        rig.ingest.turn();
    }
    let before = rig.playlist();
    assert!(rig.store.flush(Duration::from_secs(10)));
    let simulation = rig.simulation.clone();
    drop(rig);
    simulation.clock.advance(Duration::from_millis(900));
    let mut rig = Rig::start(simulation).await;
    assert_eq!(rig.playlist(), before);
    for _ in 0..20 {
        rig.simulation.clock.advance(Duration::from_millis(10));
        rig.ingest.turn();
    }
    assert_eq!(gaps(&rig), 2, "the next comes in its time");
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

/// The configuration of a box that keeps the last ten minutes.
fn config_with_past() -> Config {
    let mut config = config("target = \"1s\"\nwindow = 3");
    config.channels[0].dvr = Some(Duration::from_mins(10));
    config
}

/// All that players may start over in.
fn past(rig: &Rig) -> Vec<Segment> {
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
async fn restart(rig: Rig, pause: Duration) -> Rig {
    assert!(rig.store.flush(Duration::from_secs(10)));
    let (simulation, config) = (rig.simulation.clone(), rig.config.clone());
    drop(rig);
    simulation.clock.advance(pause);
    Rig::start_with(simulation, config).await
}

#[tokio::test]
async fn what_players_may_start_over_in_outlives_a_restart_and_then_another() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    for _ in 0..20 {
        rig.play();
        assert!(rig.store.flush(Duration::from_secs(10)), "memory is short");
    }
    let first = past(&rig);
    assert!(first.len() > 64, "more than a block: {}", first.len());
    let mut rig = restart(rig, Duration::ZERO).await;
    let found = past(&rig);
    assert!(found.starts_with(&first), "{first:?} then {found:?}");
    rig.play();
    rig.play();
    let second = past(&rig);
    assert!(second.starts_with(&first) && second.len() > first.len() + 4);
    let rig = restart(rig, Duration::from_secs(20)).await;
    let third = past(&rig);
    assert!(third.starts_with(&second), "{second:?} then {third:?}");
    let numbers = rig.live.channels()[0].renditions[0].report();
    assert_eq!(numbers.publish.archives_refused, 0);
}

#[tokio::test]
async fn the_time_for_which_a_box_was_down_is_gaps() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    rig.play();
    rig.play();
    let before = past(&rig);
    let mut rig = restart(rig, Duration::from_secs(30)).await;
    rig.play();
    rig.play();
    let after = past(&rig);
    assert!(after.starts_with(&before), "{before:?} then {after:?}");
    let down: Vec<_> = after[before.len()..]
        .iter()
        .take_while(|segment| segment.gap)
        .collect();
    let seconds: f64 = down.iter().map(|gap| gap.duration().as_secs_f64()).sum();
    assert!((29.0..34.0).contains(&seconds), "{seconds} of {down:?}");
    let back = after[before.len() + down.len()];
    assert!(back.discontinuity && !back.gap, "{back:?}");
    let late = back.date_time.since(down[down.len() - 1].end());
    assert!(late < Duration::from_millis(20), "{late:?}");
    let listed = rig.sequences();
    assert_eq!(listed.last(), after.last().map(|last| &last.sequence));
}

#[tokio::test]
async fn what_the_store_has_lost_is_a_gap_and_all_else_is_there() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    for _ in 0..5 {
        rig.play();
    }
    let before = past(&rig);
    assert!(rig.store.flush(Duration::from_secs(10)));
    let (simulation, config) = (rig.simulation.clone(), rig.config.clone());
    drop(rig);
    let board = simulation.board();
    let store = Store::open(board.disk, board.clock, &store_config(&config.cache));
    let store = store.expect("the disk is flawless");
    assert!(store.evict(&key(&segment_path("ch", "r", before[4].sequence))));
    assert!(store.flush(Duration::from_secs(10)));
    drop(store);
    let rig = Rig::start_with(simulation, config).await;
    let mut due = before;
    due[4].gap = true;
    let found = past(&rig);
    assert!(found.starts_with(&due), "{due:?} then {found:?}");
}

#[tokio::test]
async fn what_is_older_than_an_archive_is_deep_does_not_come_back() {
    let mut rig = Rig::start_with(sim::Simulation::new(1), config_with_past()).await;
    rig.play();
    rig.play();
    let before = past(&rig);
    let mut rig = restart(rig, Duration::from_hours(1)).await;
    rig.play();
    rig.play();
    let after = past(&rig);
    assert!(after[0].sequence > before[before.len() - 1].sequence);
    let length: Duration = after.iter().map(Segment::duration).sum();
    assert!(length < Duration::from_secs(602), "{length:?}");
}

#[tokio::test]
async fn a_reload_that_changes_dvr_disturbs_nothing_and_keeps_what_was_promised() {
    let with = |seconds: Option<u64>| {
        let mut config = config("target = \"1s\"\nwindow = 3");
        config.channels[0].dvr = seconds.map(Duration::from_secs);
        config
    };
    let mut rig = Rig::start_with(sim::Simulation::new(1), with(None)).await;
    let has_past = |rig: &Rig| rig.live.channels()[0].renditions[0].archive().is_some();
    rig.play();
    let mut oldest = 0;
    for seconds in [Some(600), Some(8), None] {
        // The clip loops by a jump; what comes of it is listed before the reload.
        rig.play_part(0..3);
        let before = rig.sequences();
        if has_past(&rig) {
            oldest = past(&rig)[0].sequence;
        }
        rig.reload(with(seconds)).await;
        assert_eq!(rig.sequences(), before);
        assert_eq!(has_past(&rig), seconds.is_some(), "at once");
        rig.play_part(3..8);
        let list = MediaPlaylist::resume(&rig.playlist().expect("a list"), 100).expect("ours");
        let new: Vec<_> = list
            .segments()
            .filter(|segment| Some(&segment.sequence) > before.last())
            .collect();
        let is_sound = |segment: &&Segment| !segment.discontinuity && !segment.gap;
        assert!(!new.is_empty() && new.iter().all(is_sound), "{new:?}");
    }
    let oldest = key(&segment_path("ch", "r", oldest));
    assert!(!rig.store.evict(&oldest), "no list has it, and it is held");
    rig.simulation.clock.advance(Duration::from_secs(20));
    rig.ingest.turn();
    assert!(rig.store.flush(Duration::from_secs(10)));
    assert!(rig.store.evict(&oldest), "its time is over");
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
