//! What counters have gained over a span of time; pure.

use std::{collections::VecDeque, time::Duration};

use weir_hal::Monotonic;

/// Readings that are kept: one a second of five minutes. If more come, the span is shorter.
const READINGS_MAX: usize = 301;

/// Readings of so many counters.
#[derive(Debug, Clone)]
pub(super) struct Window<const COUNTERS: usize> {
    span: Duration,
    readings: VecDeque<(Monotonic, [u64; COUNTERS])>,
}

impl<const COUNTERS: usize> Window<COUNTERS> {
    /// One of `span`, of up to five minutes.
    pub(super) const fn new(span: Duration) -> Self {
        Self {
            span,
            readings: VecDeque::new(),
        }
    }

    /// Takes in what is counted now, and tells what each counter has gained within the span, or
    /// since one fell: then it begins anew, as after a reload.
    pub(super) fn gained(&mut self, now: Monotonic, counts: [u64; COUNTERS]) -> [u64; COUNTERS] {
        let mut last = self.readings.back().into_iter().flat_map(|(_, last)| last);
        if counts
            .iter()
            .any(|count| last.next().is_some_and(|last| count < last))
        {
            self.readings.clear();
        }
        while let Some((at, _)) = self.readings.front() {
            let is_old = now.since(*at) > self.span || self.readings.len() >= READINGS_MAX;
            if !is_old {
                break;
            }
            self.readings.pop_front();
        }
        self.readings.push_back((now, counts));
        let first = self.readings.front().map_or(counts, |(_, first)| *first);
        let mut gained = counts;
        for (gained, first) in gained.iter_mut().zip(first) {
            *gained = gained.saturating_sub(first);
        }
        gained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn counters_that_begin_anew_have_gained_nothing() {
        let mut window = Window::<2>::new(Duration::from_mins(1));
        window.gained(at(0), [1_000, 5]);
        assert_eq!(window.gained(at(1), [900, 300]), [0, 0]);
        assert_eq!(window.gained(at(2), [910, 301]), [10, 1]);
    }

    #[test]
    fn what_was_gained_before_the_span_counts_no_more() {
        let mut window = Window::<2>::new(Duration::from_mins(1));
        assert_eq!(window.gained(at(0), [5, 100]), [0, 0]);
        assert_eq!(window.gained(at(1), [7, 200]), [2, 100]);
        for second in 2..=60 {
            assert_eq!(window.gained(at(second), [7, 200]), [2, 100], "{second}");
        }
        assert_eq!(window.gained(at(61), [7, 210]), [0, 10]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_a_counter_that_begins_anew_gains_nothing() {
        let mut window = Window::<2>::new(Duration::from_mins(5));
        for second in 0..1_000 {
            window.gained(at(second / 10), [second, second]);
        }
        assert_eq!(window.readings.len(), READINGS_MAX);
        assert_eq!(window.gained(at(100), [0, 0]), [0, 0]);
    }
}
