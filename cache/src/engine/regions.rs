//! What each region is used for, and who still reads in it.

use std::sync::Arc;

use super::format::{Slot, SlotState, Stream};
use crate::Class;

/// Keeps a region from being written over. Clones are as good.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    /// Counted, never looked at.
    _region: Arc<()>,
}

/// What a region is used for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Nothing: it can be opened.
    Free,
    /// Records are being added.
    Open,
    /// It is full, or as good as full.
    Sealed,
    /// Nothing, once the last reader has gone.
    Condemned,
    /// The device failed in it: what it still holds is read, but it is never written again.
    Bad,
}

/// One region.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) usage: Use,
    pub(super) stream: Stream,
    /// The class by which it is chosen for reuse.
    pub(super) rank: Class,
    pub(super) generation: u64,
    /// Pages of records that can be found.
    pub(super) live_pages: u32,
    /// Of these, pages of records that were used since they were written.
    pub(super) used_pages: u32,
    lease: Arc<()>,
}

/// All regions of a store.
#[derive(Debug)]
pub(super) struct Regions(Vec<Region>);

impl Regions {
    pub(super) fn new(regions: u32) -> Self {
        let unused = |_| Region {
            usage: Use::Free,
            stream: Stream::Class(Class::Low),
            rank: Class::Low,
            generation: 0,
            live_pages: 0,
            used_pages: 0,
            lease: Arc::default(),
        };
        Self((0..regions).map(unused).collect())
    }

    pub(super) fn region(&self, region: u32) -> &Region {
        &self.0[region as usize]
    }

    pub(super) fn region_mut(&mut self, region: u32) -> &mut Region {
        &mut self.0[region as usize]
    }

    /// Takes over what a slot tells.
    pub(super) fn adopt(&mut self, slot: &Slot) {
        let region = self.region_mut(slot.region);
        region.stream = slot.stream;
        region.rank = slot.rank;
        region.generation = slot.generation;
        region.usage = match slot.state {
            SlotState::Free => Use::Free,
            SlotState::Open => Use::Open,
            SlotState::Sealed => Use::Sealed,
        };
    }

    pub(super) fn lease(&self, region: u32) -> Lease {
        Lease {
            _region: Arc::clone(&self.region(region).lease),
        }
    }

    /// How many leases of a region are held.
    pub(super) fn leases(&self, region: u32) -> usize {
        Arc::strong_count(&self.region(region).lease) - 1
    }

    /// Lets go of a region: it is free as soon as nobody reads in it.
    pub(super) fn release(&mut self, region: u32) {
        self.region_mut(region).usage = Use::Condemned;
        self.settle();
    }

    /// The first free region.
    pub(super) fn first_free(&mut self) -> Option<u32> {
        self.settle();
        self.numbered()
            .find_map(|(number, region)| (region.usage == Use::Free).then_some(number))
    }

    /// How many regions are free.
    pub(super) fn free(&mut self) -> usize {
        self.settle();
        self.count(Use::Free)
    }

    pub(super) fn count(&self, usage: Use) -> usize {
        self.0.iter().filter(|region| region.usage == usage).count()
    }

    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, &Region)> {
        (0..).zip(&self.0)
    }

    /// Frees what nobody reads any more.
    fn settle(&mut self) {
        for region in &mut self.0 {
            if region.usage == Use::Condemned && Arc::strong_count(&region.lease) == 1 {
                region.usage = Use::Free;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_free_when_its_last_reader_has_gone() {
        let mut regions = Regions::new(1);
        let lease = regions.lease(0);
        let clone = lease.clone();
        regions.release(0);
        drop(lease);
        assert_eq!((regions.first_free(), regions.leases(0)), (None, 1));
        drop(clone);
        assert_eq!((regions.first_free(), regions.free()), (Some(0), 1));
    }
}
