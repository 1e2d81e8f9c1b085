//! Waiting with a deadline.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(10);

/// Looks until `look` finds something; panics with `what` when `within` is over.
///
/// # Panics
/// When the deadline passes.
pub fn until<T>(what: impl Display, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_every(POLL, what, within, look)
}

/// The same with a pause of one's own between two looks, for those that cost others something.
///
/// # Panics
/// When the deadline passes.
pub fn until_every<T>(
    pause: Duration,
    what: impl Display,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            start.elapsed() < within,
            "waited {within:?} in vain for {what}"
        );
        std::thread::sleep(pause);
    }
}

/// Runs `act` and tells how long it took.
pub fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = act();
    (value, start.elapsed())
}
