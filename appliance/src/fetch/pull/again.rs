//! A hit that is given again within its second.

use std::{sync::Arc, time::Duration};

use weir_cache::{Key, rules::Stored};

use super::{Core, question::Question, shelf::Place};
use crate::serve::{Again, Body, Client, Whole, at_hand};

/// What is left of a lifetime that outlasts the second in which an answer may be given again.
const TTL_MIN: Duration = Duration::from_secs(1);

/// A fresh response, and what must not have changed for it to be given again.
#[derive(Debug)]
pub(super) struct HitAgain {
    core: Arc<Core>,
    question: Arc<Question>,
    key: Key,
    head: Arc<Stored>,
    whole: Whole,
}

impl HitAgain {
    /// The answer to `question` that was found at `place`, fresh for another `ttl`; `None` if it
    /// takes more than a look to give it again.
    pub(super) fn of(
        core: &Arc<Core>,
        question: &Arc<Question>,
        place: &Place,
        ttl: Duration,
    ) -> Option<Self> {
        let found = place.found.as_ref()?;
        let is_simple = ttl >= TTL_MIN && found.sliced.is_none() && found.head.part().is_none();
        is_simple.then(|| Self {
            core: Arc::clone(core),
            question: Arc::clone(question),
            key: place.key.clone(),
            head: Arc::clone(&found.head),
            whole: Whole::default(),
        })
    }

    /// Whether a reload has left the route as it was.
    fn is_on_route(&self) -> bool {
        let routes = self.core.routes.load();
        let route = routes.find(self.question.uri.path());
        route.is_some_and(|route| Arc::ptr_eq(route, &self.question.route))
    }
}

impl Again for HitAgain {
    fn again(&self, _client: &Client) -> Option<Body> {
        if !self.is_on_route() || self.core.is_banned(&self.question, &self.head) {
            return None;
        }
        let body = self.whole.again(self.core.shelf.store(), || {
            let place = at_hand(self.core.shelf.find(&self.question))?.ok()?;
            let found = place.found.filter(|_| place.key == self.key)?;
            Arc::ptr_eq(&found.head, &self.head).then_some(found.object)
        })?;
        self.question.counters().hits.add(1);
        Some(body)
    }
}
