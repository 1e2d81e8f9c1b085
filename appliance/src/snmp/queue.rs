//! What waits for a manager: a bounded queue that gives up the least severe first.
//!
//! Refuses: to grow while nobody answers.

use std::collections::VecDeque;

use crate::snmp::notification::Notice;

/// Notices that wait: of a bad hour, and 100 KiB.
pub(super) const WAITING_MAX: usize = 256;

/// Notices that wait, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Notice>);

impl Queue {
    /// Adds `notice`. Tells how many are given up for it: of the least severe the oldest, which may
    /// be itself.
    pub(super) fn push(&mut self, notice: Notice) -> u64 {
        self.0.push_back(notice);
        if self.0.len() <= WAITING_MAX {
            return 0;
        }
        let numbered = self.0.iter().enumerate();
        let least = numbered.min_by_key(|(position, notice)| (notice.severity(), *position));
        let position = least.map(|(position, _)| position);
        position
            .and_then(|position| self.0.remove(position))
            .map_or(0, |_| 1)
    }

    /// The one that is next.
    pub(super) fn first(&self) -> Option<&Notice> {
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
        alarm::{
            Change,
            Severity::{self, Critical, Major, Minor},
        },
        snmp::tests::change,
    };

    fn of(sequence: u64, severity: Severity) -> Notice {
        Notice::Alarm(Change {
            severity,
            ..change(sequence)
        })
    }

    fn sequence(notice: &Notice) -> Option<u64> {
        match notice {
            Notice::Alarm(change) => Some(change.sequence),
            Notice::Started | Notice::Link(_) => None,
        }
    }

    fn sequences(queue: &Queue) -> Vec<u64> {
        queue.0.iter().filter_map(sequence).collect()
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
        assert_eq!(queue.first().and_then(sequence), Some(1));
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
