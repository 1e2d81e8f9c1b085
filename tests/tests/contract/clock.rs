//! Claims on [`weir_hal::Clock`].

use std::time::Duration;

use weir_hal::{Monotonic, Wall};

use crate::side::Side;

/// 2025-01-01T00:00:00Z, before any machine that runs this.
const PAST: Wall = Wall::from_nanos(1_735_689_600 * 1_000_000_000);

crate::claims! {
    monotonic_time_never_steps_back,
    sleeping_never_ends_early,
    a_deadline_in_the_past_is_met_at_once,
    wall_time_counts_from_1970,
    a_thread_cannot_stay_on_a_core_that_is_not_there,
}

fn monotonic_time_never_steps_back(side: &impl Side) {
    let clock = &side.board().clock;
    let readings: Vec<Monotonic> = (0..10_000).map(|_| clock.monotonic()).collect();
    assert!(readings.is_sorted());
}

fn sleeping_never_ends_early(side: &impl Side) {
    let clock = &side.board().clock;
    for micros in [1, 100, 2_000] {
        let deadline = clock.monotonic() + Duration::from_micros(micros);
        clock.sleep_until(deadline);
        assert!(clock.monotonic() >= deadline, "{micros} µs");
    }
}

fn a_deadline_in_the_past_is_met_at_once(side: &impl Side) {
    let clock = &side.board().clock;
    clock.sleep_until(clock.monotonic() + Duration::from_millis(1));
    let before = clock.monotonic();
    for _ in 0..100 {
        clock.sleep_until(Monotonic::ZERO);
    }
    assert!(clock.monotonic().since(before) < Duration::from_secs(1));
}

fn a_thread_cannot_stay_on_a_core_that_is_not_there(side: &impl Side) {
    assert!(!side.board().clock.stay_on_core(u16::MAX));
}

fn wall_time_counts_from_1970(side: &impl Side) {
    let clock = &side.board().clock;
    let wall = clock.wall();
    assert!(
        wall > PAST && wall < PAST + Duration::from_hours(24 * 365 * 100),
        "{wall:?}"
    );
}
