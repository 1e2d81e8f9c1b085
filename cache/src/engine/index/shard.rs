//! A shard of the index: places in the order of their hashes, each as near its home as it can be.
//!
//! ```text
//! bits  first word                     bits  second word; zero in an empty place
//!   48  hash, mixed with a key of        15  region
//!       this run                         16  page, from the start of the region
//!   16  when it was last used            16  pages, at least 1
//!                                         3  class
//!                                         1  body not known to be whole
//!                                         4  uses since it was written, up to 15
//!                                         2  whole object, head or part
//! ```

use super::{HASH_BITS, Hash48, Item, SHARD_BITS};
use crate::{Class, engine::format::Role};

const HASH_IN_SHARD: u64 = (1 << (HASH_BITS - SHARD_BITS)) - 1;
/// Places a shard begins with.
const PLACES_MIN: usize = 16;
/// Places behind the last home, for what is pushed out of it.
pub(super) const SPILL: usize = 16;

/// A record, or nothing, in 16 bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) first: u64,
    second: u64,
}

const _: () = assert!(size_of::<Place>() == 16);

impl Place {
    pub(super) fn of(hash: Hash48, item: &Item) -> Self {
        debug_assert!(item.region < 1 << 15 && item.page < 1 << 16 && item.pages > 0);
        let class = u64::from(item.class.code());
        Self {
            first: hash.0 << 16 | u64::from(item.tick),
            second: u64::from(item.region)
                | u64::from(item.page) << 15
                | u64::from(item.pages) << 31
                | class << 47
                | u64::from(item.is_unverified) << 50
                | u64::from(item.uses) << 51
                | u64::from(item.role.code()) << 55,
        }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.second == 0
    }

    pub(super) const fn hash(self) -> Hash48 {
        Hash48(self.first >> 16)
    }

    pub(super) fn item(self) -> Item {
        let field = |shift: u32, bits: u32| {
            let value = self.second >> shift & ((1 << bits) - 1);
            u32::try_from(value).expect("no field has more than 16 bits")
        };
        Item {
            region: field(0, 15),
            page: field(15, 16),
            pages: field(31, 16),
            class: Class::of_code(field(47, 3).to_le_bytes()[0]).expect("a class was put there"),
            role: Role::of_code(field(55, 2).to_le_bytes()[0]).expect("it was a role"),
            is_unverified: field(50, 1) == 1,
            uses: field(51, 4).to_le_bytes()[0],
            tick: (self.first & 0xffff) as u16,
        }
    }
}

/// Homes of a shard that begins with so many records.
pub(super) fn homes_for(records: usize) -> usize {
    (records * 9 / 8).max(PLACES_MIN)
}

/// A part of the hashes.
#[derive(Debug)]
pub(super) struct Shard {
    /// Places a hash may call home; a few more follow.
    pub(super) homes: usize,
    pub(super) len: usize,
    pub(super) places: Vec<Place>,
}

impl Shard {
    pub(super) fn empty() -> Self {
        Self::new(PLACES_MIN)
    }

    fn new(homes: usize) -> Self {
        Self {
            homes,
            len: 0,
            places: vec![Place::default(); homes + SPILL],
        }
    }

    /// Bytes of memory taken.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
    }

    pub(super) fn home(&self, hash: Hash48) -> usize {
        let within = u128::from(hash.0 & HASH_IN_SHARD);
        let home = (within * self.homes as u128) >> (HASH_BITS - SHARD_BITS);
        usize::try_from(home).expect("below the number of homes")
    }

    /// Where a hash is, or where it would have to be.
    pub(super) fn position(&self, hash: Hash48) -> Result<usize, usize> {
        let home = self.home(hash);
        for (at, place) in self.places.iter().enumerate().skip(home) {
            if place.is_empty() || place.hash() > hash {
                return Err(at);
            }
            if place.hash() == hash {
                return Ok(at);
            }
        }
        Err(self.places.len())
    }

    pub(super) fn insert(&mut self, place: Place) -> Option<Place> {
        match self.position(place.hash()) {
            Ok(at) => Some(std::mem::replace(&mut self.places[at], place)),
            Err(at) => {
                self.insert_new(at, place);
                None
            }
        }
    }

    /// Pushes what is behind `at` up to the next empty place one further.
    fn insert_new(&mut self, at: usize, place: Place) {
        let is_full = (self.len + 1) * 16 > self.homes * 15;
        let empty = (at..self.places.len()).find(|at| self.places[*at].is_empty());
        match empty {
            Some(empty) if !is_full => {
                self.places.copy_within(at..empty, at + 1);
                self.places[at] = place;
                self.len += 1;
            }
            _ => {
                self.grow();
                let at = self.position(place.hash()).unwrap_or_else(|at| at);
                self.insert_new(at, place);
            }
        }
    }

    fn grow(&mut self) {
        let mut larger = Self::new(self.homes + self.homes.div_ceil(8));
        for place in self.places.iter().filter(|place| !place.is_empty()) {
            larger.insert(*place);
        }
        *self = larger;
    }

    /// Empties a place and pulls what was pushed out of its home back.
    pub(super) fn remove(&mut self, mut at: usize) {
        while let Some(next) = self.places.get(at + 1).copied() {
            if next.is_empty() || self.home(next.hash()) > at {
                break;
            }
            self.places[at] = next;
            at += 1;
        }
        self.places[at] = Place::default();
        self.len -= 1;
    }
}
