//! Honest clients: each fetches a segment every half a second.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use weir_tests::{http, wait::timed};

use crate::SEGMENT_BYTES;

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

/// How long each of them waited for each segment.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// In order, once all have played.
    whole: Vec<Duration>,
    /// Segments that did not come whole.
    pub(crate) failed: usize,
}

impl Waits {
    pub(crate) fn median(&self) -> Duration {
        self.part(50)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.part(99)
    }

    fn part(&self, percent: usize) -> Duration {
        let at = self.whole.len() * percent / 100;
        self.whole.get(at).copied().unwrap_or_default()
    }
}

impl Players {
    /// Plays, and looks now and then.
    pub(crate) fn play(&self, mut look: impl FnMut()) -> Waits {
        let waits = Mutex::new(Waits::default());
        let begin = Instant::now();
        thread::scope(|scope| {
            for number in 0..self.clients {
                let waits = &waits;
                let first = INTERVAL.mul_f64(part(number, self.clients));
                scope.spawn(move || self.one(begin + first, waits));
            }
            while begin.elapsed() < self.span {
                look();
                thread::sleep(LOOK);
            }
        });
        let mut waits = waits.into_inner().expect("no player panics");
        waits.whole.sort_unstable();
        waits
    }

    fn one(&self, begin: Instant, waits: &Mutex<Waits>) {
        let mut next = begin;
        while begin.elapsed() < self.span {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let (response, wait) = timed(|| http::get(&self.url));
            let is_whole = response.is_ok_and(|response| {
                response.status == 200 && response.body.len() == SEGMENT_BYTES
            });
            let mut waits = waits.lock().expect("no player panics");
            if is_whole {
                waits.whole.push(wait);
            } else {
                waits.failed += 1;
            }
            next += INTERVAL;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few players")]
fn part(number: usize, all: usize) -> f64 {
    number as f64 / all.max(1) as f64
}
