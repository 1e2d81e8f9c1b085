//! Objects in parts that somebody reads: put together once, and shared by all who read them.
//!
//! What is known of up to 1,024 parts takes 70 KiB and most of a millisecond to find out; ten
//! thousand readers of one film must not each pay for that.
//!
//! Refuses: to keep what nobody reads.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use super::{body::Body, index::Hash48};

/// By the hash of their key in the index. As many as there are such objects in use.
#[derive(Debug, Default)]
pub(super) struct Assembled(HashMap<Hash48, Weak<Body>>);

impl Assembled {
    pub(super) fn find(&self, hash: Hash48) -> Option<Arc<Body>> {
        self.0.get(&hash)?.upgrade()
    }

    pub(super) fn note(&mut self, hash: Hash48, body: &Arc<Body>) {
        self.0.retain(|_, body| body.strong_count() > 0);
        self.0.insert(hash, Arc::downgrade(body));
    }
}
