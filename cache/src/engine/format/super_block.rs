//! The super block, of which there are two: what is known of a store before its directory is read.
//!
//! ```text
//! offset  bytes  super block: 4 KiB; of the two, the one with the higher epoch counts
//!      0      8  magic "WEIRstor"
//!      8      4  version: 2
//!     12      4  bytes of a region
//!     16      4  regions a span
//!     20      4  regions
//!     24     16  secret of the hash of keys
//!     40      8  epoch: grows by one with each super block written
//!     48      8  boot: grows by one with each start
//!     56      1  state: 0 in use, 1 closed in order, 2 being formatted
//!     57      7  zero
//!     64   4000  bad regions, a bit each
//!   4064     28  zero
//!   4092      4  sum of the 4092 bytes before
//! ```

use super::{Geometry, PAGE, PAGE_BYTES, REGIONS_MAX, VERSION, u32_at, u64_at};
use crate::engine::hash::{SECRET_BYTES, Secret};

/// Starts a store may see: one a minute for 31 years. The number of a start is the upper part of
/// all sequences and births of its run.
const BOOTS_MAX: u64 = (1 << 24) - 4;
/// Below the number of a start in sequences and births.
pub(in crate::engine) const BOOT_SHIFT: u32 = 40;
/// Super blocks that a store may write. What is beyond is damage, and could not grow any more.
const EPOCHS_MAX: u64 = 1 << 63;

const SUPER_MAGIC: [u8; 8] = *b"WEIRstor";
const BAD_MAP_BYTES: usize = 4000;
const _: () = assert!(BAD_MAP_BYTES * 8 >= REGIONS_MAX as usize);

/// Whether a store was left in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum SuperState {
    InUse,
    Closed,
    Formatting,
}

/// What is known of a store before its directory is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Super {
    pub(in crate::engine) geometry: Geometry,
    pub(in crate::engine) secret: Secret,
    pub(in crate::engine) epoch: u64,
    pub(in crate::engine) boot: u64,
    pub(in crate::engine) state: SuperState,
    bad: Box<[u8; BAD_MAP_BYTES]>,
}

/// Why a page is no super block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum NoSuper {
    /// It was written by another version.
    Version(u32),
    /// It begins as one, but is damaged.
    Damaged,
    /// It is something else.
    Strange,
}

impl Super {
    /// Of a new store.
    pub(in crate::engine) fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            secret: Secret::draw(),
            epoch: 0,
            boot: 0,
            state: SuperState::Formatting,
            bad: Box::new([0; BAD_MAP_BYTES]),
        }
    }

    /// The one to be written after this.
    pub(in crate::engine) fn next(&self, state: SuperState) -> Self {
        Self {
            epoch: self.epoch + 1,
            state,
            ..self.clone()
        }
    }

    /// Where the super block of this epoch goes: the two take turns.
    pub(in crate::engine) const fn offset(&self) -> u64 {
        (self.epoch % 2) * PAGE_BYTES
    }

    pub(in crate::engine) fn is_bad(&self, region: u32) -> bool {
        let (byte, bit) = (region as usize / 8, region % 8);
        self.bad.get(byte).is_some_and(|byte| byte >> bit & 1 == 1)
    }

    pub(in crate::engine) fn set_bad(&mut self, region: u32) {
        if let Some(byte) = self.bad.get_mut(region as usize / 8) {
            *byte |= 1 << (region % 8);
        }
    }

    pub(in crate::engine) fn encode(&self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        let geometry = self.geometry;
        let region_bytes = u32::try_from(geometry.region_bytes).expect("at most 128 MiB");
        page[..8].copy_from_slice(&SUPER_MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        page[12..16].copy_from_slice(&region_bytes.to_le_bytes());
        page[16..20].copy_from_slice(&geometry.span_regions.to_le_bytes());
        page[20..24].copy_from_slice(&geometry.regions.to_le_bytes());
        page[24..24 + SECRET_BYTES].copy_from_slice(&self.secret.0);
        page[40..48].copy_from_slice(&self.epoch.to_le_bytes());
        page[48..56].copy_from_slice(&self.boot.to_le_bytes());
        page[56] = match self.state {
            SuperState::InUse => 0,
            SuperState::Closed => 1,
            SuperState::Formatting => 2,
        };
        page[64..64 + BAD_MAP_BYTES].copy_from_slice(&*self.bad);
        let sum = crc32c::crc32c(&page[..PAGE - 4]);
        page[PAGE - 4..].copy_from_slice(&sum.to_le_bytes());
        page
    }

    pub(in crate::engine) fn decode(page: &[u8; PAGE]) -> Result<Self, NoSuper> {
        if page[..8] != SUPER_MAGIC {
            return Err(NoSuper::Strange);
        }
        let (told, sum) = page.split_at(PAGE - 4);
        if crc32c::crc32c(told).to_le_bytes() != *sum {
            return Err(NoSuper::Damaged);
        }
        let version = u32_at(page, 8);
        if version != VERSION {
            return Err(NoSuper::Version(version));
        }
        let geometry = Geometry {
            region_bytes: u32_at(page, 12).into(),
            span_regions: u32_at(page, 16),
            regions: u32_at(page, 20),
        };
        let state = match page[56] {
            0 => SuperState::InUse,
            1 => SuperState::Closed,
            2 => SuperState::Formatting,
            _ => return Err(NoSuper::Damaged),
        };
        let (mut secret, mut bad) = ([0; SECRET_BYTES], Box::new([0; BAD_MAP_BYTES]));
        secret.copy_from_slice(&page[24..24 + SECRET_BYTES]);
        bad.copy_from_slice(&page[64..64 + BAD_MAP_BYTES]);
        let told = Self {
            geometry,
            secret: Secret(secret),
            epoch: u64_at(page, 40),
            boot: u64_at(page, 48),
            state,
            bad,
        };
        let is_sound = geometry.is_sound() && told.boot < BOOTS_MAX && told.epoch < EPOCHS_MAX;
        is_sound.then_some(told).ok_or(NoSuper::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_super_block_tells_why_it_is_none() {
        let mut told = Super::new(Geometry::plan(64 << 20, None).unwrap());
        told.set_bad(9);
        let page = told.encode();
        assert_eq!(Super::decode(&page), Ok(told.clone()));
        assert!(told.is_bad(9) && !told.is_bad(8) && !told.is_bad(10));
        assert_eq!(Super::decode(&[0; PAGE]), Err(NoSuper::Strange));
        for at in 8..PAGE {
            let mut page = page;
            page[at] ^= 1;
            assert_eq!(Super::decode(&page), Err(NoSuper::Damaged), "{at}");
        }
        let mut newer = page;
        newer[8] = 3;
        let sum = crc32c::crc32c(&newer[..PAGE - 4]);
        newer[PAGE - 4..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Super::decode(&newer), Err(NoSuper::Version(3)));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200), magic: bool) {
            let mut page = [0; PAGE];
            page[..bytes.len()].copy_from_slice(&bytes);
            if magic {
                page[..8].copy_from_slice(&SUPER_MAGIC);
            }
            prop_assert!(Super::decode(&page).is_err());
        }
    }
}
