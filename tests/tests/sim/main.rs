//! The data path of the appliance on a simulated machine, in compressed time.
//!
//! Goal: whatever the wire, the encoder and the power do, playlists only move forward and list
//! nothing that cannot be fetched. Method: an encoder sends onto a wire with faults, the clock is
//! moved by hand, and an independent reader checks every version of the playlist against the one
//! before. `SEED=7 cargo test -p weir-tests --test sim` repeats one run.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod apart;
mod bad_input;
mod checker;
mod day;
mod ladder;
mod media;
mod million;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use weir::{
    app::{Ingest, Vaults, orders, store_config},
    config::Config,
    live::{Live, Report},
    segment::Moment,
};
use weir_cache::{Class, Key, Store, Writer};
use weir_hal::{
    Destination, Multicast, MulticastSender, Wall,
    sim::{Generator, Simulation, WireFaults},
};
use weir_tests::stream::{Encoder, PACKET_BYTES};

use checker::Checker;
use million::{Run, Tally};

/// One hour of pictures at 25 a second.
const PICTURES: u64 = 3_600 * 25;

/// Turns of the receive thread between two pictures.
const TURNS_PER_PICTURE: u32 = 4;

const TURN: Duration = Duration::from_millis(10);

/// From power to the first line of the program, on a quick box.
const BOOT: Duration = Duration::from_secs(20);

const CONFIGURATION: &str = r#"
[segment]
target = "2s"
window = 6
[cache]
size = "64MiB"
memory = "16MiB"
[[channel]]
id = "ch"
  [[channel.rendition]]
  name = "r"
  sources = ["udp://239.255.0.1:5000"]
"#;

/// One life of the appliance, from start to power cut.
struct Life {
    ingest: Ingest<weir_hal::sim::Multicast>,
    live: Arc<Live>,
    store: Store,
}

impl Life {
    async fn begin(simulation: &Simulation, configuration: &str) -> Self {
        let board = simulation.board();
        let config = Config::parse(configuration)
            .expect("the configuration is right")
            .config;
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store = Store::open(disk, clock, &store_config(&config.cache))
            .expect("the store opens after any power cut");
        let live = Arc::new(Live::default());
        let orders = orders(&board, (&store, &Vaults::default()), &config, None).await;
        let mut ingest = Ingest::new(board, Arc::clone(&live));
        ingest.carry(orders);
        Self {
            ingest,
            live,
            store,
        }
    }

    fn playlist(&self) -> Option<String> {
        self.playlist_of("r")
    }

    fn playlist_of(&self, rendition: &str) -> Option<String> {
        let document = self.live.channel("ch")?.rendition(rendition)?.playlist()?;
        Some(String::from_utf8_lossy(&document.body).into_owned())
    }

    /// All that players may start over in.
    fn past(&self) -> Option<String> {
        let archive = self.live.channel("ch")?.rendition("r")?.archive()?;
        let all = archive.excerpt(Moment::At(Wall::from_nanos(0)), None)?;
        Some(all.text)
    }

    fn report(&self) -> Arc<Report> {
        let channel = self.live.channel("ch").expect("it is configured");
        channel.renditions[0].report()
    }
}

/// What happens to the encoder and the wire, by chance, once a second.
fn disturb(encoder: &mut Encoder, simulation: &Simulation, chance: &mut Generator) {
    match chance.below(600) {
        0 => encoder.pts_90k += 90_000 * (11 + chance.below(100_000)),
        1 => {
            encoder.pts_90k = encoder
                .pts_90k
                .saturating_sub(90_000 * (1 + chance.below(50_000)));
        }
        2 => encoder.pts_90k = (1 << 33) - 90_000 * 20,
        3 => simulation.ether.set_faults(WireFaults {
            is_silent: true,
            ..WireFaults::default()
        }),
        4..20 => simulation.ether.set_faults(WireFaults::default()),
        20..30 => simulation.ether.set_faults(WireFaults {
            loss_ppm: 20_000,
            duplicate_ppm: 10_000,
            reorder_ppm: 10_000,
            reorder_span: Duration::from_millis(30),
            bit_flip_ppm: 5_000,
            jitter: Duration::from_millis(20),
            ..WireFaults::default()
        }),
        _ => {}
    }
}

/// Begins an object that takes all memory but for 8 KiB: room to begin a segment, not to end it.
fn take_memory(store: &Store) -> Writer {
    // What is on its way to the disk would free memory later, at a moment of its own.
    assert!(store.flush(Duration::from_mins(1)), "the disk is flawless");
    let key = Key::new("/hog").expect("a plain name");
    let begun = store.begin(&key, Class::Low, Bytes::new());
    let mut writer = begun.expect("memory for an empty object");
    let counters = store.counters();
    let free = counters.memory_bytes_max - counters.memory_bytes;
    let bytes = usize::try_from(free)
        .expect("1 MiB")
        .saturating_sub(8 * 1024);
    let taken = writer.append(Bytes::from(vec![0; bytes]));
    taken.expect("nobody else takes memory meanwhile");
    writer
}

/// Two minutes with a store whose memory cannot hold a whole segment every other moment.
async fn short_of_memory(seed: u64) -> Checker {
    let simulation = Simulation::new(seed);
    let configuration = CONFIGURATION.replace("16MiB", "1MiB");
    let mut life = Life::begin(&simulation, &configuration).await;
    let mut checker = Checker::new(seed);
    let mut chance = Generator::new(seed);
    let mut encoder = Encoder::new(0, 1_000);
    let mut sender = sender(&simulation);
    let mut hog = None;
    for picture in 0..25 * 120 {
        // Every few seconds somebody else takes all memory for a while.
        if picture % 100 == 0 {
            drop(hog.take());
            hog = (chance.below(2) == 0).then(|| take_memory(&life.store));
        }
        send(&mut sender, &encoder.picture());
        for _ in 0..TURNS_PER_PICTURE {
            simulation.clock.advance(TURN);
            life.ingest.turn();
        }
        if let Some(text) = life.playlist() {
            checker.check(&text, &life.store).await;
        }
    }
    assert!(
        life.store.counters().refused_no_memory > 0,
        "memory was never short"
    );
    checker
}

/// Two minutes with a store that is too small, on disk and in memory, for what players may ask.
async fn short_of_everything(seed: u64) -> Checker {
    let simulation = Simulation::new(seed);
    let configuration = CONFIGURATION
        .replace("64MiB", "1MiB")
        .replace("16MiB", "1MiB");
    let mut life = Life::begin(&simulation, &configuration).await;
    let mut checker = Checker::new(seed);
    let mut encoder = Encoder::new(0, 4_000);
    let mut sender = sender(&simulation);
    for _ in 0..25 * 120 {
        send(&mut sender, &encoder.picture());
        for _ in 0..TURNS_PER_PICTURE {
            simulation.clock.advance(TURN);
            life.ingest.turn();
        }
        if let Some(text) = life.playlist() {
            checker.check(&text, &life.store).await;
        }
    }
    assert!(
        life.store.counters().refused_no_memory > 0,
        "it was large enough"
    );
    checker
}

fn send(sender: &mut weir_hal::sim::Sender, packets: &[u8]) {
    for datagram in packets.chunks(7 * PACKET_BYTES) {
        sender
            .send(datagram)
            .expect("a simulated wire takes the datagram");
    }
}

async fn hour(seed: u64) -> Checker {
    let mut simulation = Simulation::new(seed);
    let mut chance = Generator::new(seed);
    let mut life = Life::begin(&simulation, CONFIGURATION).await;
    let mut checker = Checker::new(seed);
    // Twenty seconds before the first wrap of PTS.
    let mut encoder = Encoder::new((1 << 33) - 90_000 * 20, 1_000);
    let mut sender = sender(&simulation);
    for picture in 0..PICTURES {
        send(&mut sender, &encoder.picture());
        for _ in 0..TURNS_PER_PICTURE {
            simulation.clock.advance(TURN);
            life.ingest.turn();
        }
        if let Some(text) = life.playlist() {
            checker.check(&text, &life.store).await;
        }
        if picture % 25 == 0 {
            disturb(&mut encoder, &simulation, &mut chance);
        }
        if chance.below(25 * 600) == 0 {
            let disk = simulation.disk.power_cut();
            simulation = Simulation {
                disk,
                ..simulation.clone()
            };
            simulation.clock.advance(BOOT);
            encoder.pts_90k += 90_000 * BOOT.as_secs();
            life = Life::begin(&simulation, CONFIGURATION).await;
            checker.restarted();
        }
    }
    checker
}

fn sender(simulation: &Simulation) -> weir_hal::sim::Sender {
    sender_to(simulation, 1)
}

fn sender_to(simulation: &Simulation, group: u8) -> weir_hal::sim::Sender {
    let group = SocketAddr::from(([239, 255, 0, group], 5_000));
    let destination = Destination {
        group,
        interface: None,
        hops: 1,
    };
    simulation
        .board()
        .multicast
        .sender(&destination)
        .expect("a simulated wire has room")
}

/// Hours in one run, each with a seed of its own.
const HOURS: u64 = 8;

/// Hours in one run of `tests/run --long`.
const HOURS_LONG: u64 = 200;

#[test]
fn want_of_memory_costs_segments_but_breaks_no_promise() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("the machine has room for a thread");
    for seed in 1..=4 {
        let checker = runtime.block_on(short_of_memory(seed));
        println!("seed {seed}: {checker}");
    }
}

#[test]
fn a_store_too_small_for_the_window_keeps_the_channel_on_air() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("the machine has room for a thread");
    let checker = runtime.block_on(short_of_everything(1));
    println!("{checker}");
    // Of sixty; a store that only fills up takes eight.
    assert!(checker.segments >= 25, "only {checker}");
}

#[test]
fn an_hour_of_loss_jumps_wraps_and_power_cuts_breaks_no_promise() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("the machine has room for a thread");
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) if std::env::var_os("WEIR_LONG").is_some() => (1..=HOURS_LONG).collect(),
        Err(_) => (1..=HOURS).collect(),
    };
    for seed in seeds {
        let checker = runtime.block_on(hour(seed));
        println!("seed {seed}: {checker}");
        assert!(checker.segments >= 1_200, "only {checker}");
    }
}

/// Versions of a run with one seed.
const VERSIONS: u64 = 2_500;

/// Runs of `tests/run`, and of `tests/run --long`: ten thousand versions, and a million.
const RUNS: u64 = 4;
const RUNS_LONG: u64 = 400;

#[test]
fn a_million_versions_of_a_playlist_break_no_rule() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("the machine has room for a thread");
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) if std::env::var_os("WEIR_LONG").is_some() => (1..=RUNS_LONG).collect(),
        Err(_) => (1..=RUNS).collect(),
    };
    let (first, last) = (seeds[0], seeds[seeds.len() - 1]);
    let mut all = Tally::default();
    for seed in seeds {
        let tally = runtime.block_on(async {
            let mut run = Run::begin(seed).await;
            run.go_on(VERSIONS).await;
            run.tally
        });
        assert!(
            tally.gaps > 0 && tally.restarts > 0 && tally.ranges > 0 && tally.past > 10,
            "seed {seed}: {tally:?}"
        );
        all = all.plus(tally);
    }
    println!("seeds {first} to {last}: no rule is broken in {all:?}");
}

#[test]
fn the_renditions_of_a_channel_say_the_same_of_what_their_stream_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("the machine has room for a thread");
    let runs = if std::env::var_os("WEIR_LONG").is_some() {
        RUNS_LONG
    } else {
        RUNS
    };
    for seed in 1..=runs {
        let tally = runtime.block_on(ladder::run(seed, VERSIONS));
        println!("seed {seed}: {tally:?}");
        assert!(tally.gaps > 0 && tally.restarts > 0 && tally.discontinuities > 0);
    }
}

#[test]
fn renditions_that_lost_different_things_agree_again() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("the machine has room for a thread");
    for seed in 1..=20 {
        runtime.block_on(apart::run(seed, 20));
    }
}

#[test]
fn over_a_day_durations_add_up_to_a_picture_and_dates_stay_within_20_ms() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("the machine has room for a thread");
    let day = runtime.block_on(day::day(Duration::from_hours(24)));
    println!("{day:?}");
    assert!(day.segments >= 24 * 3_600 / 6 - 30, "{day:?}");
    day::assert_true(&day);
}
