//! The data path of the appliance on a simulated machine, in compressed time.
//!
//! Goal: whatever the wire, the encoder and the power do, playlists only move forward and list
//! nothing that cannot be fetched. Method: an encoder sends onto a wire with faults, the clock is
//! moved by hand, and an independent reader checks every version of the playlist against the one
//! before. `SEED=7 cargo test -p weir-tests --test sim` repeats one run.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod apart;
mod bad_input;
mod boxes;
mod breaks;
mod checker;
mod day;
mod hour;
mod ladder;
mod life;
mod media;
mod memory;
mod million;
mod on_air;
mod seam;

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use day::Reception;
use million::{Run, Tally};
use seam::{Stamps, Successor};

/// Hours in one run, each with a seed of its own.
const HOURS: u64 = 8;

/// Hours in one run of `tests/run --long`.
const HOURS_LONG: u64 = 200;

#[test]
fn want_of_memory_costs_segments_but_breaks_no_promise() {
    let runtime = runtime();
    for seed in 1..=4 {
        let checker = runtime.block_on(memory::short_of_memory(seed));
        println!("seed {seed}: {checker}");
    }
}

#[test]
fn a_store_too_small_for_the_window_keeps_the_channel_on_air() {
    let runtime = runtime();
    let checker = runtime.block_on(memory::short_of_everything(1));
    println!("{checker}");
    // Of sixty; a store that only fills up takes eight.
    assert!(checker.segments >= 25, "only {checker}");
}

#[test]
fn an_hour_of_loss_jumps_wraps_and_power_cuts_breaks_no_promise() {
    let runtime = runtime();
    for seed in seeds(HOURS, HOURS_LONG) {
        let checker = runtime.block_on(hour::hour(seed));
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
fn versions_of_a_playlist_break_no_rule() {
    let runtime = runtime();
    let seeds = seeds(RUNS, RUNS_LONG);
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
    let runtime = runtime();
    for seed in seeds(RUNS, RUNS_LONG) {
        let tally = runtime.block_on(ladder::run(seed, VERSIONS));
        println!("seed {seed}: {tally:?}");
        assert!(tally.gaps > 0 && tally.restarts > 0 && tally.discontinuities > 0);
        assert!(tally.ranges > 0 && tally.past > 10);
    }
}

#[test]
fn renditions_that_lost_different_things_agree_again() {
    let runtime = runtime();
    for seed in 1..=20 {
        runtime.block_on(apart::run(seed, 20));
    }
}

#[test]
fn a_rendition_that_was_lost_for_a_while_has_no_discontinuity_that_the_other_has_not() {
    let runtime = runtime();
    for seed in 1..=10 {
        runtime.block_on(apart::one_is_lost(seed, 10));
    }
}

#[test]
fn a_rendition_that_jumps_alone_and_comes_back_agrees_again() {
    let runtime = runtime();
    for seed in 1..=30 {
        runtime.block_on(apart::one_jumps(seed, 10));
    }
}

#[test]
fn boxes_that_look_at_different_moments_list_the_same_of_a_sender_that_begins_anew() {
    let runtime = runtime();
    for silence in 0..140 {
        runtime.block_on(seam::run(silence));
    }
}

#[test]
fn boxes_list_the_same_of_a_sender_that_takes_the_place_of_another_amid_its_pictures() {
    let runtime = runtime();
    let steps = 2 * u64::from(life::TURNS_PER_PICTURE);
    let mut apart = std::collections::BTreeSet::new();
    for silence in 0..=80 {
        let all = [Stamps::GoOn, Stamps::Again, Stamps::Else];
        for (stamps, before) in all.into_iter().zip([0, 3, 6]) {
            let successor = Successor {
                silence,
                pictures: (silence as u64 * 7 + before) % 10,
                stamps,
            };
            let differing = runtime.block_on(seam::replace(successor));
            if !differing.is_empty() {
                println!("{successor:?}: {differing:?}");
                apart.insert(silence as u64 + steps * successor.pictures);
            }
        }
    }
    // The half turn in which one box has given up waiting, and the other has not looked yet.
    assert!(apart.len() <= 1, "{apart:?}");
}

#[test]
fn a_box_that_was_killed_and_started_again_lists_what_the_other_lists() {
    let runtime = runtime();
    for killed in 0..12 {
        for away in [0, 1, 4, 9, 14, 22, 37] {
            let differing = runtime.block_on(seam::restart(killed, away));
            assert_eq!(differing, [0; 0], "killed {killed}, away {away}");
        }
    }
}

#[test]
fn boxes_judge_a_pause_otherwise_only_at_the_end_of_a_wait() {
    let runtime = runtime();
    let mut apart = Vec::new();
    for silence in 0..=150 {
        let differing = runtime.block_on(seam::pause(silence));
        if !differing.is_empty() {
            println!("{silence} steps: {differing:?}");
            apart.push(silence);
        }
    }
    // Half a turn each: at the end of the wait while nothing comes, at that while datagrams do, and
    // where the pause costs one of them a cell.
    assert!(apart.len() <= 3, "{apart:?}");
}

#[test]
fn a_box_that_comes_amid_a_break_agrees_with_another_before_long() {
    let runtime = runtime();
    for silence in 200..=280 {
        for stamps in [Stamps::GoOn, Stamps::Again, Stamps::Else] {
            let others = runtime.block_on(seam::join_in_break(silence, stamps));
            // Its first ones, while the other makes up for the break.
            let first = 0..others.len() as u64;
            assert!(
                others.iter().copied().eq(first),
                "{silence} {stamps:?}: {others:?}"
            );
            assert!(others.len() <= 3, "{silence} {stamps:?}: {others:?}");
        }
    }
}

const DAY: Duration = Duration::from_hours(24);

#[test]
fn boxes_list_the_same_of_renditions_of_which_one_comes_later() {
    let runtime = runtime();
    for seed in 1..=12 {
        for late in [0, 1] {
            runtime.block_on(boxes::run(seed, late, 1));
        }
    }
}

#[test]
fn over_a_day_durations_add_up_to_a_picture_and_dates_stay_within_20_ms() {
    // More than ISO/IEC 13818-1 §2.4.2.1 allows.
    let reception = Reception {
        drift_ppm: 40,
        pictures: 5,
        late_ms: (0, 0),
        seed: 1,
    };
    assert_true_of(DAY, reception);
}

#[test]
fn over_a_day_that_comes_with_jitter_from_a_crystal_that_is_off_both_stay_so() {
    for (drift_ppm, span) in [(30, DAY), (-30, DAY / 12)] {
        let reception = Reception {
            drift_ppm,
            pictures: 30,
            late_ms: (3, 100),
            seed: 2,
        };
        assert_true_of(span, reception);
    }
}

fn assert_true_of(span: Duration, reception: Reception) {
    let runtime = runtime();
    let day = runtime.block_on(day::day(span, reception));
    println!("{reception:?}: {day:?}");
    assert!(day.segments >= span.as_secs() / 6 - 30, "{day:?}");
    day::assert_true(&day);
}

/// The seeds of a run and of a long one, or the one that was asked for.
fn seeds(short: u64, long: u64) -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) if std::env::var_os("WEIR_LONG").is_some() => (1..=long).collect(),
        Err(_) => (1..=short).collect(),
    }
}

/// One thread: a run is the same for the same seed.
pub(crate) fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).build();
    runtime.expect("the machine has room for a thread")
}
