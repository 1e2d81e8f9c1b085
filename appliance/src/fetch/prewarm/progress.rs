//! How far a job has come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Misses that are told of one by one.
const MISSES_MAX: usize = 32;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// There was none yet.
    #[default]
    Idle,
    /// It fetches.
    Running,
    /// All was fetched that could be.
    Done,
    /// It was given up half-way.
    Cancelled,
}

/// Something that is not in the store though it was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// What was named.
    pub item: String,
    /// Why it is not there.
    pub reason: String,
}

/// How far a job has come: the body of answers to the management API.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Where it is.
    pub state: Stage,
    /// Things that the order names.
    pub items: usize,
    /// Objects found so far: those things, and what their playlists name.
    pub objects_found: u64,
    /// Of these, fetched.
    pub objects_fetched: u64,
    /// There already.
    pub objects_present: u64,
    /// Not given by any origin, or not to be kept.
    pub objects_failed: u64,
    /// Left: on no route, on another authority, or too many.
    pub objects_refused: u64,
    /// Playlists followed to what they name.
    pub lists_followed: u64,
    /// Bytes fetched.
    pub bytes_fetched: u64,
    /// Seconds since it began, or that it took.
    pub seconds: f64,
    /// What is missing, and why: the first 32.
    pub misses: Vec<Miss>,
}

impl Progress {
    /// Objects that are done with, whatever became of them.
    pub const fn objects_done(&self) -> u64 {
        self.objects_fetched + self.objects_present + self.objects_failed + self.objects_refused
    }

    pub(super) fn note_miss(&mut self, item: String, reason: String) {
        if self.misses.len() < MISSES_MAX {
            self.misses.push(Miss { item, reason });
        }
    }

    pub(super) fn note_time(&mut self, taken: Duration) {
        self.seconds = (taken.as_secs_f64() * 10.0).round() / 10.0;
    }
}
