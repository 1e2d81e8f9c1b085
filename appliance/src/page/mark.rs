//! What counters stood at when a technician said "from here": the zero line of one page.
//!
//! Nothing is set to zero. What was counted then is kept beside, and pages whose URL names that
//! moment show the difference; all other pages and surfaces know nothing of it.
//!
//! # Limits
//! [`MARKS_MAX`] marks of about 20 KiB; the oldest goes, and its page says so and shows totals.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::health::table::Entity;

/// Marks that are kept.
const MARKS_MAX: usize = 64;

/// The marks of all pages.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    at_ms: u64,
    then: Arc<Entity>,
}

/// What a page counts from.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    /// From the beginning.
    Unset,
    /// From a mark that is no longer kept, so from the beginning.
    Gone,
    /// From there.
    Since {
        /// Milliseconds since 1970.
        at_ms: u64,
        /// What was counted then.
        then: Arc<Entity>,
    },
}

impl Marks {
    /// Keeps what `channel` has counted at `at_ms`.
    pub(crate) fn set(&self, at_ms: u64, channel: &Entity) {
        let mut kept = self.lock();
        if kept.iter().any(|it| it.is_of(&channel.key, at_ms)) {
            return;
        }
        if kept.len() == MARKS_MAX {
            kept.pop_front();
        }
        let then = Arc::new(channel.clone());
        kept.push_back(Kept { at_ms, then });
    }

    /// The mark that was set for the channel called `id` at `at_ms`.
    pub(crate) fn find(&self, id: &str, at_ms: u64) -> Mark {
        let kept = self.lock();
        let found = kept.iter().find(|it| it.is_of(id, at_ms));
        found.map_or(Mark::Gone, |found| Mark::Since {
            at_ms,
            then: Arc::clone(&found.then),
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_of(&self, id: &str, at_ms: u64) -> bool {
        self.at_ms == at_ms && self.then.key == id
    }
}

impl Mark {
    /// When it was set.
    pub(super) const fn at_ms(&self) -> Option<u64> {
        match self {
            Self::Unset | Self::Gone => None,
            Self::Since { at_ms, .. } => Some(*at_ms),
        }
    }

    /// What the channel had counted then.
    pub(super) fn then(&self) -> Option<&Entity> {
        match self {
            Self::Unset | Self::Gone => None,
            Self::Since { then, .. } => Some(then),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        health::{part, snapshot_tests::snapshot},
        live::State,
    };

    #[test]
    fn a_mark_is_of_its_channel_and_its_moment_and_the_oldest_goes() {
        let snapshot = snapshot(&[&[State::OnAir], &[State::OnAir]]);
        let channels = part(snapshot.told("edge-1"), "channels");
        let marks = Marks::default();
        marks.set(7, &channels[0]);
        marks.set(7, &channels[0]);
        assert_eq!(marks.lock().len(), 1);
        assert_eq!(marks.find("CH_0", 7).at_ms(), Some(7));
        for (id, at_ms) in [("CH_1", 7), ("CH_0", 8)] {
            assert!(matches!(marks.find(id, at_ms), Mark::Gone), "{id} {at_ms}");
        }
        for at_ms in 0..MARKS_MAX as u64 {
            marks.set(at_ms, &channels[1]);
        }
        assert_eq!(marks.lock().len(), MARKS_MAX);
        assert!(matches!(marks.find("CH_0", 7), Mark::Gone));
    }
}
