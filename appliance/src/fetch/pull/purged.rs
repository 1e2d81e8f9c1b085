//! What purging knows of the pull path: the names of responses, and which of them are banned.

use std::sync::Arc;

use hyper::Uri;
use weir_cache::rules::{CacheKey, Stored};

use super::{Core, Pull, question::Question};
use crate::fetch::purge::{Bans, Name, Names, Subject, tags};

impl Pull {
    /// What must not be served any more though it is stored.
    pub fn bans(&self) -> &Arc<Bans> {
        &self.core.bans
    }
}

impl Names for Pull {
    fn name(&self, uri: &Uri) -> Option<Name> {
        let routes = self.core.routes.load();
        let route = routes.find(uri.path())?;
        let key = CacheKey::new(uri, &route.key_rules)?;
        Some(Name {
            text: key.as_str().to_owned(),
            stored: key.store_key(),
        })
    }
}

impl Core {
    /// Whether the answer to `question` with this head has been purged since it was asked for.
    pub(super) fn is_banned(&self, question: &Question, head: &Stored) -> bool {
        let subject = Subject {
            key: question.key.as_str(),
            requested_at: head.requested_at(),
            tags: tags(head.headers()),
        };
        self.bans.is_banned(subject, question.asked_at)
    }
}
