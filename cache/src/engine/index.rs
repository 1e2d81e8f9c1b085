//! Which records there are, in 16 bytes each.
//!
//! Open addressing, ordered by hash within each shard, so that a miss ends at the first larger
//! hash. A shard grows by an eighth when it is fifteen sixteenths full: between 17.1 and 19.2
//! bytes an object once there are many. Shards grow one at a time, so growing needs little room.
//!
//! ```text
//! bits  first word                     bits  second word; zero in an empty place
//!   48  hash, mixed with a key of        15  region
//!       this run                         16  page, from the start of the region
//!   16  when it was last used            16  pages, at least 1
//!                                         2  class
//!                                         1  body not known to be whole
//!                                         4  uses since it was written, up to 15
//!                                         2  whole object, head or part
//! ```
//!
//! Two keys with one hash take one place: the older is lost, as if evicted. A lookup that finds
//! another key's record is a miss, because the record tells its whole key.

use std::hash::{BuildHasher, RandomState};

use super::format::{Entry, Role, class_code, class_of};
use crate::Class;

const SHARD_BITS: u32 = 6;
const HASH_BITS: u32 = 48;
const HASH_IN_SHARD: u64 = (1 << (HASH_BITS - SHARD_BITS)) - 1;
/// Places a shard begins with.
const PLACES_MIN: usize = 16;
/// Places behind the last home, for what is pushed out of it.
const SPILL: usize = 16;
const USES_MAX: u8 = 15;

/// A hash of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hash48(u64);

/// A record that can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) region: u32,
    pub(super) page: u32,
    pub(super) pages: u32,
    pub(super) class: Class,
    pub(super) role: Role,
    pub(super) is_unverified: bool,
    /// How often it was used, up to 15.
    pub(super) uses: u8,
    /// When it was last used, in ticks of [`super::recency::Recency`].
    pub(super) tick: u16,
}

impl Item {
    pub(super) const fn new(region: u32, entry: &Entry, tick: u16) -> Self {
        Self {
            region,
            page: entry.page,
            pages: entry.pages,
            class: entry.class,
            role: entry.role,
            is_unverified: entry.is_unverified,
            uses: 0,
            tick,
        }
    }

    pub(super) const fn is_at(&self, region: u32, page: u32) -> bool {
        self.region == region && self.page == page
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    first: u64,
    second: u64,
}

const _: () = assert!(size_of::<Place>() == 16);

impl Place {
    fn of(hash: Hash48, item: &Item) -> Self {
        debug_assert!(item.region < 1 << 15 && item.page < 1 << 16 && item.pages > 0);
        let class = u64::from(class_code(item.class));
        Self {
            first: hash.0 << 16 | u64::from(item.tick),
            second: u64::from(item.region)
                | u64::from(item.page) << 15
                | u64::from(item.pages) << 31
                | class << 47
                | u64::from(item.is_unverified) << 49
                | u64::from(item.uses) << 50
                | u64::from(item.role.code()) << 54,
        }
    }

    const fn is_empty(self) -> bool {
        self.second == 0
    }

    const fn hash(self) -> Hash48 {
        Hash48(self.first >> 16)
    }

    fn item(self) -> Item {
        let field = |shift: u32, bits: u32| {
            let value = self.second >> shift & ((1 << bits) - 1);
            u32::try_from(value).expect("no field has more than 16 bits")
        };
        Item {
            region: field(0, 15),
            page: field(15, 16),
            pages: field(31, 16),
            class: class_of(field(47, 2).to_le_bytes()[0]).expect("two bits are a class"),
            role: Role::of_code(field(54, 2).to_le_bytes()[0]).expect("it was a role"),
            is_unverified: field(49, 1) == 1,
            uses: field(50, 4).to_le_bytes()[0],
            tick: (self.first & 0xffff) as u16,
        }
    }
}

/// All records of a store.
#[derive(Debug)]
pub(super) struct Index {
    shards: Vec<Shard>,
    mixer: RandomState,
    len: usize,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..1 << SHARD_BITS)
                .map(|_| Shard::new(PLACES_MIN))
                .collect(),
            mixer: RandomState::new(),
            len: 0,
        }
    }

    /// Makes room for `records` at once.
    pub(super) fn reserve(&mut self, records: usize) {
        let places = records / self.shards.len() * 9 / 8;
        for shard in &mut self.shards {
            if shard.homes < places && shard.len == 0 {
                *shard = Shard::new(places.max(PLACES_MIN));
            }
        }
    }

    /// The hash in this index of a key whose hash on disk is `hash`.
    pub(super) fn hash(&self, hash: u64) -> Hash48 {
        Hash48(self.mixer.hash_one(hash) >> (64 - HASH_BITS))
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory taken.
    pub(super) fn memory_bytes(&self) -> usize {
        let places: usize = self
            .shards
            .iter()
            .map(|shard| shard.places.capacity())
            .sum();
        places * size_of::<Place>()
    }

    pub(super) fn find(&self, hash: Hash48) -> Option<Item> {
        let shard = &self.shards[shard_of(hash)];
        shard.position(hash).ok().map(|at| shard.places[at].item())
    }

    /// Puts a record in the place of `hash`. Returns what was there.
    pub(super) fn insert(&mut self, hash: Hash48, item: &Item) -> Option<Item> {
        let shard = &mut self.shards[shard_of(hash)];
        let replaced = shard.insert(Place::of(hash, item));
        self.len += usize::from(replaced.is_none());
        replaced.map(Place::item)
    }

    /// Changes a record that is there.
    pub(super) fn update(&mut self, hash: Hash48, change: impl FnOnce(&mut Item)) {
        let shard = &mut self.shards[shard_of(hash)];
        if let Ok(at) = shard.position(hash) {
            let mut item = shard.places[at].item();
            change(&mut item);
            shard.places[at] = Place::of(hash, &item);
        }
    }

    /// Notes a use at `tick`. Returns the record as it was before.
    pub(super) fn touch(&mut self, hash: Hash48, tick: u16) -> Option<Item> {
        let before = self.find(hash)?;
        self.update(hash, |item| {
            item.tick = tick;
            item.uses = item.uses.saturating_add(1).min(USES_MAX);
        });
        Some(before)
    }

    /// Removes the record of `hash` if it is the one at this place.
    pub(super) fn remove(&mut self, hash: Hash48, region: u32, page: u32) -> Option<Item> {
        let shard = &mut self.shards[shard_of(hash)];
        let at = shard.position(hash).ok()?;
        let item = shard.places[at].item();
        if !item.is_at(region, page) {
            return None;
        }
        shard.remove(at);
        self.len -= 1;
        Some(item)
    }

    /// Removes all records of a region whose directory cannot be read. Looks at every record.
    pub(super) fn remove_region(&mut self, region: u32) -> Vec<Item> {
        let in_region = |(hash, item): &(Hash48, Item)| (item.region == region).then_some(*hash);
        let hashes: Vec<Hash48> = self.iter().filter_map(|found| in_region(&found)).collect();
        let mut removed = Vec::with_capacity(hashes.len());
        for hash in hashes {
            if let Some(item) = self.find(hash) {
                removed.extend(self.remove(hash, region, item.page));
            }
        }
        removed
    }

    /// All records, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Hash48, Item)> {
        let places = self.shards.iter().flat_map(|shard| &shard.places);
        let used = places.filter(|place| !place.is_empty());
        used.map(|place| (place.hash(), place.item()))
    }
}

fn shard_of(hash: Hash48) -> usize {
    usize::try_from(hash.0 >> (HASH_BITS - SHARD_BITS)).expect("six bits")
}

#[derive(Debug)]
struct Shard {
    /// Places a hash may call home; a few more follow.
    homes: usize,
    len: usize,
    places: Vec<Place>,
}

impl Shard {
    fn new(homes: usize) -> Self {
        Self {
            homes,
            len: 0,
            places: vec![Place::default(); homes + SPILL],
        }
    }

    fn home(&self, hash: Hash48) -> usize {
        let within = u128::from(hash.0 & HASH_IN_SHARD);
        let home = (within * self.homes as u128) >> (HASH_BITS - SHARD_BITS);
        usize::try_from(home).expect("below the number of homes")
    }

    /// Where a hash is, or where it would have to be.
    fn position(&self, hash: Hash48) -> Result<usize, usize> {
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

    fn insert(&mut self, place: Place) -> Option<Place> {
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
    fn remove(&mut self, mut at: usize) {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use weir_hal::sim::Generator;

    use super::*;

    fn item(number: u64) -> Item {
        let low = u32::try_from(number & 0x3fff).unwrap();
        Item {
            region: low,
            page: low,
            pages: low + 1,
            class: Class::High,
            role: Role::of_code((number % 3).to_le_bytes()[0]).unwrap(),
            is_unverified: number.is_multiple_of(2),
            uses: (number % 16).to_le_bytes()[0],
            tick: (number & 0xffff) as u16,
        }
    }

    #[test]
    fn an_index_is_a_map() {
        let (mut index, mut model) = (Index::new(), BTreeMap::new());
        let mut random = Generator::new(3);
        for _ in 0..100_000 {
            let number = random.below(3_000);
            // Few enough hashes that clusters form and shards fill.
            let hash = Hash48(number.wrapping_mul(0x9e37_79b9_7f4a) & ((1 << HASH_BITS) - 1));
            let item = item(random.draw());
            match random.below(3) {
                0 => {
                    let expected: Option<Item> = model.remove(&hash);
                    let at = expected.unwrap_or(item);
                    assert_eq!(index.remove(hash, at.region, at.page), expected);
                }
                1 => assert_eq!(index.insert(hash, &item), model.insert(hash, item)),
                _ => assert_eq!(index.find(hash), model.get(&hash).copied()),
            }
            assert_eq!(index.len(), model.len());
        }
        let found: BTreeMap<Hash48, Item> = index.iter().collect();
        assert!(found == model);
    }

    #[test]
    fn the_largest_fields_fit() {
        let largest = Item {
            region: 31_999,
            page: 32_767,
            pages: 32_768,
            class: Class::Live,
            role: Role::Part,
            is_unverified: true,
            uses: 15,
            tick: u16::MAX,
        };
        let hash = Hash48((1 << HASH_BITS) - 1);
        let mut index = Index::new();
        index.insert(hash, &largest);
        assert_eq!(index.find(hash), Some(largest));
    }

    #[test]
    fn a_hundred_thousand_objects_take_at_most_twenty_bytes_each() {
        let mut index = Index::new();
        for number in 0..200_000_u64 {
            let hash = index.hash(number);
            index.insert(hash, &item(number));
            if index.len() >= 100_000 {
                assert!(index.memory_bytes() <= 20 * index.len(), "{}", index.len());
            }
        }
    }

    #[test]
    fn a_region_can_be_forgotten_without_its_directory() {
        let mut index = Index::new();
        for number in 0..1_000 {
            let hash = index.hash(number);
            index.insert(
                hash,
                &Item {
                    region: (number % 4) as u32,
                    ..item(number)
                },
            );
        }
        assert_eq!(index.remove_region(2).len(), 250);
        assert!(index.iter().all(|(_, item)| item.region != 2));
        assert_eq!(index.len(), 750);
    }
}
