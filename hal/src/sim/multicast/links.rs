//! Interfaces that come, for whoever watches an [`Ether`].

use std::sync::Arc;

use super::Ether;
use crate::{Error, LinkChange};

/// The watch of one ether.
#[derive(Debug)]
pub(super) struct LinkWatch {
    ether: Arc<Ether>,
    /// Changes that were taken.
    taken: usize,
}

impl LinkWatch {
    pub(super) fn new(ether: Arc<Ether>) -> Self {
        Self {
            taken: ether.plugged().len(),
            ether,
        }
    }
}

impl crate::LinkWatch for LinkWatch {
    fn next(&mut self) -> Result<Option<LinkChange>, Error> {
        let plugged = self.ether.plugged();
        let Some(name) = plugged.get(self.taken) else {
            return Ok(None);
        };
        self.taken += 1;
        let interface = Some(name.clone());
        Ok(Some(LinkChange { interface }))
    }
}
