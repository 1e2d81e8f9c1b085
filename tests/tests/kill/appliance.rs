//! SIGKILLs of `weir run` itself, at random moments under load.
//!
//! One stream comes in by multicast and feeds three renditions; four viewers take every segment.
//! After each kill the appliance is started again on the same cache. Then all that it lists must be
//! there, and the same, byte by byte, as what any viewer was given under the same URL before; so
//! must be what it does not list any more but still has; no number goes back.

use std::{
    ops::AddAssign,
    sync::{Arc, PoisonError},
    time::Duration,
};

use serde_json::Value;
use weir_hal::{Clock, linux, sim::Generator};
use weir_tests::{
    daemon::{Daemon, free_port},
    process,
    wait::until,
};

use crate::{
    TURN, is_long,
    load::{Playlist, Viewed, Worker},
    seed,
};

const RENDITIONS: [&str; 3] = ["a", "b", "c"];
const VIEWERS: usize = 4;
/// A kill comes when up to so many segments have been listed since the start, and
const NEW_SEGMENTS_MAX: u64 = 2;
/// so much later at most: somewhere within a segment.
const MOMENT_MS_MAX: u64 = 1_000;
/// Kills between two searches of the file for damage.
const VERIFY_INTERVAL: u64 = 3;
/// Far longer than any step takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was found after kills.
#[derive(Debug, Default)]
struct Found {
    /// Listed segments that were there.
    listed: u64,
    /// Segments compared with what a viewer was given before.
    compared: u64,
    /// Playlists that went on where they were; the others began anew with higher numbers.
    continued: u64,
    /// Objects found whole on disk.
    verified: u64,
}

impl AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.listed += other.listed;
        self.compared += other.compared;
        self.continued += other.continued;
        self.verified += other.verified;
    }
}

/// An appliance with its stream and its viewers.
struct Site {
    daemon: Daemon,
    playlists: [Playlist; RENDITIONS.len()],
    viewed: Arc<Viewed>,
    _workers: Vec<Worker>,
}

impl Site {
    fn on_air() -> Self {
        let group = format!("239.255.86.1:{}", free_port());
        let mut workers = vec![Worker::sender(&group)];
        let daemon = Daemon::start(&configuration(&group));
        let playlists = RENDITIONS.map(|rendition| Playlist {
            base: daemon.data(""),
            channel: "ch",
            rendition,
        });
        let viewed = Arc::new(Viewed::default());
        for playlist in playlists.iter().cycle().take(VIEWERS) {
            workers.push(Worker::viewer(playlist.clone(), Arc::clone(&viewed)));
        }
        Self {
            daemon,
            playlists,
            viewed,
            _workers: workers,
        }
    }

    /// The highest number that any viewer was told of, for each playlist.
    fn newest(&self) -> [u64; RENDITIONS.len()] {
        let playlists = self.playlists.each_ref();
        playlists.map(|playlist| self.viewed.newest(playlist))
    }

    /// Kills it somewhere within a segment, starts it again, and compares all that it has.
    fn kill(&mut self, random: &mut Generator, is_to_verify: bool, when: &str) -> Found {
        let first = &self.playlists[0];
        let segments = random.below(NEW_SEGMENTS_MAX + 1);
        if segments > 0 {
            first.await_newer(self.viewed.newest(first) + segments - 1, PATIENCE);
        }
        let moment = Duration::from_millis(random.below(MOMENT_MS_MAX));
        let clock = linux::Clock::new();
        clock.sleep_until(clock.monotonic() + moment);
        self.daemon.kill();
        let newest = self.newest();
        let mut found = Found::default();
        if is_to_verify {
            found.verified = verify(&self.daemon, when);
        }
        self.daemon.restart();
        for (playlist, newest) in self.playlists.iter().zip(newest) {
            found += check(playlist, &self.viewed, newest, when);
        }
        found
    }
}

#[test]
fn an_appliance_killed_under_load_lists_nothing_that_is_gone_or_changed() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (seed, kills) = (seed(), if is_long() { 200 } else { 5 });
    let mut random = Generator::new(seed);
    let mut site = Site::on_air();
    let mut total = Found::default();
    for kill in 0..kills {
        let is_to_verify = kill % VERIFY_INTERVAL == 1;
        let when = format!("seed {seed}, kill {kill}");
        total += site.kill(&mut random, is_to_verify, &when);
    }
    for (playlist, newest) in site.playlists.iter().zip(site.newest()) {
        playlist.await_newer(newest, PATIENCE);
    }
    println!("{kills} kills of weir run, seed {seed}: {total:?}");
    assert!(total.listed > kills && total.compared > kills && total.verified > kills);
}

fn configuration(group: &str) -> String {
    let renditions = RENDITIONS.map(|name| {
        format!(
            "[[channel.rendition]]\nname = \"{name}\"\ninterface = \"lo\"\n\
             sources = [\"udp://{group}\"]\n"
        )
    });
    let renditions = renditions.concat();
    format!("[segment]\ntarget = \"1s\"\n[[channel]]\nid = \"ch\"\n{renditions}")
}

/// Waits until a playlist lists something again, and compares all that the appliance has of it.
fn check(playlist: &Playlist, viewed: &Viewed, newest: u64, when: &str) -> Found {
    let listed = until("a listed segment", PATIENCE, || {
        Some(playlist.listed()).filter(|listed| !listed.is_empty())
    });
    assert!(
        listed.is_sorted_by(|one, next| one < next),
        "{when}: {listed:?}"
    );
    assert!(
        listed.last() >= Some(&newest),
        "{when}: {newest} was listed before, now {listed:?}"
    );
    let mut found = Found {
        continued: u64::from(listed.first() <= Some(&newest)),
        ..Found::default()
    };
    let known = viewed.known(playlist);
    for sequence in &listed {
        let body = playlist.segment(*sequence);
        let body = body.unwrap_or_else(|| panic!("{when}: segment {sequence} is listed and gone"));
        found.listed += 1;
        let is_old = *sequence <= newest;
        found.compared += u64::from(viewed.take(playlist, *sequence, body) && is_old);
    }
    for sequence in known.into_iter().filter(|known| !listed.contains(known)) {
        if let Some(body) = playlist.segment(sequence) {
            found.compared += u64::from(viewed.take(playlist, sequence, body));
        }
    }
    found
}

/// Searches the cache of a dead appliance. Returns the objects that are whole.
fn verify(daemon: &Daemon, when: &str) -> u64 {
    let cache = daemon.cache();
    let path = cache.to_str().unwrap();
    let ended = process::weir(["cache", "verify", "--json", "--path", path], PATIENCE);
    assert!(ended.status.success(), "{when}: {}", ended.output);
    let report: Value = serde_json::from_str(&ended.output).unwrap();
    report["objects"].as_u64().unwrap()
}
