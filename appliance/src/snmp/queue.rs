//! Changes of alarms that wait for a manager: a bounded queue that gives up the least severe first.
//!
//! Refuses: to grow while nobody answers.

use std::collections::VecDeque;

use crate::alarm::Change;

/// Changes that wait: of a bad hour, and 100 KiB.
pub(super) const WAITING_MAX: usize = 256;

/// Changes that wait, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Change>);

impl Queue {
    /// Adds `change`. Tells how many are given up for it: of the least severe the oldest, which may
    /// be itself.
    pub(super) fn push(&mut self, change: Change) -> u64 {
        self.0.push_back(change);
        if self.0.len() <= WAITING_MAX {
            return 0;
        }
        let numbered = self.0.iter().enumerate();
        let least = numbered.min_by_key(|(position, change)| (change.severity, *position));
        let position = least.map(|(position, _)| position);
        position
            .and_then(|position| self.0.remove(position))
            .map_or(0, |_| 1)
    }

    /// The one that is next.
    pub(super) fn first(&self) -> Option<&Change> {
        self.0.front()
    }

    /// The next one is told, or not to be told any more.
    pub(super) fn remove_first(&mut self) {
        self.0.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alarm::Severity::{self, Critical, Major, Minor},
        snmp::tests::change,
    };

    fn of(sequence: u64, severity: Severity) -> Change {
        Change {
            severity,
            ..change(sequence)
        }
    }

    fn sequences(queue: &Queue) -> Vec<u64> {
        queue.0.iter().map(|change| change.sequence).collect()
    }

    #[test]
    fn a_full_queue_gives_up_the_oldest_of_the_least_severe() {
        let mut queue = Queue::default();
        let capacity = WAITING_MAX as u64;
        for sequence in 0..capacity {
            let severity = if [5, 9].contains(&sequence) {
                Minor
            } else {
                Critical
            };
            assert_eq!(queue.push(of(sequence, severity)), 0);
        }
        assert_eq!(queue.push(of(capacity, Major)), 1);
        assert_eq!(queue.push(of(capacity + 1, Critical)), 1);
        let told = sequences(&queue);
        assert_eq!(told.len(), WAITING_MAX);
        assert!(!told.contains(&5) && !told.contains(&9) && told.contains(&capacity));
        // Now the one that is major is the least, and then the oldest.
        assert_eq!(queue.push(of(capacity + 2, Critical)), 1);
        assert!(!sequences(&queue).contains(&capacity));
        assert_eq!(queue.push(of(capacity + 3, Critical)), 1);
        assert_eq!(queue.first().map(|change| change.sequence), Some(1));
        assert_eq!(queue.push(of(capacity + 4, Minor)), 1);
        assert!(!sequences(&queue).contains(&(capacity + 4)));
    }

    #[test]
    fn what_is_told_leaves_in_order() {
        let mut queue = Queue::default();
        for sequence in [1, 2] {
            queue.push(of(sequence, Minor));
        }
        queue.remove_first();
        assert_eq!(sequences(&queue), [2]);
        queue.remove_first();
        assert!(queue.first().is_none());
    }
}
