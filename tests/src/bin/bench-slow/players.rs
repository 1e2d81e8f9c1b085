//! Honest clients: each fetches a segment every half a second.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use weir_tests::{http, wait::timed};

use crate::{Outcome, SEGMENT_BYTES};

/// From one segment to the next.
const INTERVAL: Duration = Duration::from_millis(500);

/// Time between two looks at the server.
const LOOK: Duration = Duration::from_millis(200);

/// So many players for so long.
#[derive(Debug)]
pub(crate) struct Players {
    pub(crate) url: String,
    pub(crate) clients: usize,
    pub(crate) span: Duration,
}

/// How long each of them waited for each segment, in order.
#[derive(Debug)]
pub(crate) struct Waits(Vec<Duration>);

impl Waits {
    pub(crate) fn median(&self) -> Duration {
        self.part(50)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.part(99)
    }

    fn part(&self, percent: usize) -> Duration {
        let at = self.0.len() * percent / 100;
        self.0.get(at).copied().unwrap_or_default()
    }
}

impl Players {
    /// Plays, and looks now and then.
    pub(crate) fn play(&self, mut look: impl FnMut()) -> Outcome<Waits> {
        let waits = Mutex::new(Ok(Vec::new()));
        let begin = Instant::now();
        thread::scope(|scope| {
            for number in 0..self.clients {
                let waits = &waits;
                scope.spawn(move || {
                    let first = INTERVAL * u32::try_from(number).unwrap_or(0)
                        / u32::try_from(self.clients).unwrap_or(1);
                    let played = self.one(begin + first);
                    let mut waits = waits.lock().expect("no player panics");
                    match (&mut *waits, played) {
                        (Ok(all), Ok(mut mine)) => all.append(&mut mine),
                        (_, Err(error)) => *waits = Err(error),
                        (Err(_), Ok(_)) => {}
                    }
                });
            }
            while begin.elapsed() < self.span {
                look();
                thread::sleep(LOOK);
            }
        });
        let mut waits = waits.into_inner().expect("no player panics")?;
        waits.sort_unstable();
        Ok(Waits(waits))
    }

    fn one(&self, begin: Instant) -> Result<Vec<Duration>, String> {
        let mut waits = Vec::new();
        let mut next = begin;
        while begin.elapsed() < self.span {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let (response, wait) = timed(|| http::get(&self.url));
            let response = response.map_err(|error| format!("a player was not served: {error}"))?;
            if response.status != 200 || response.body.len() != SEGMENT_BYTES {
                return Err(format!("a player got {}", response.status));
            }
            waits.push(wait);
            next += INTERVAL;
        }
        Ok(waits)
    }
}
