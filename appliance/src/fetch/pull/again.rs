//! A hit that is given again within its second.

use std::{sync::Arc, time::Duration};

use weir_cache::{Key, rules::Stored};

use super::{Core, question::Question, shelf::Found};
use crate::serve::{Again, Body, at_hand};

/// What is left of a lifetime that outlasts the second in which an answer may be given again.
const TTL_MIN: Duration = Duration::from_secs(1);

/// A fresh response, and what must not have changed for it to be given again.
#[derive(Debug)]
pub(super) struct HitAgain {
    core: Arc<Core>,
    question: Arc<Question>,
    key: Key,
    head: Arc<Stored>,
}

impl HitAgain {
    /// The answer to `question` that was `found` at `key`, fresh for another `ttl`; `None` if it
    /// takes more than a look to give it again.
    pub(super) fn of(
        core: &Arc<Core>,
        question: &Arc<Question>,
        key: &Key,
        found: &Found,
        ttl: Duration,
    ) -> Option<Self> {
        let is_simple = ttl >= TTL_MIN && found.sliced.is_none() && found.head.part().is_none();
        is_simple.then(|| Self {
            core: Arc::clone(core),
            question: Arc::clone(question),
            key: key.clone(),
            head: Arc::clone(&found.head),
        })
    }
}

impl Again for HitAgain {
    fn again(&self) -> Option<Body> {
        let found = at_hand(self.core.shelf.look_now(&self.key))??;
        let is_same = Arc::ptr_eq(&found.head, &self.head) && found.sliced.is_none();
        if !is_same || self.core.is_banned(&self.question, &found) {
            return None;
        }
        let bytes = found.object.bytes()?;
        self.core.counters.hits.add(1);
        Some(Body::stored(&found.object, 0..bytes, Some(bytes)))
    }
}
