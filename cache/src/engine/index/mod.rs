//! Which records there are, in 16 bytes each.
//!
//! Open addressing, ordered by hash within each shard, so that a miss ends at the first larger
//! hash. A shard grows by an eighth when it is fifteen sixteenths full: between 17.1 and 19.2
//! bytes an object once there are many. Shards grow one at a time, so growing needs little room.
//! A start does not insert: it collects each shard, puts it in order at once and lays it out.
//!
//! Two keys with one hash take one place: the older is lost, as if evicted. A lookup that finds
//! another key's record is a miss, because the record tells its whole key.

mod load;
mod shard;

use std::hash::{BuildHasher, Hasher, RandomState};

pub(super) use self::load::Load;
use self::shard::{Place, Shard};
use super::format::{Entry, Role};
use crate::Class;

const SHARD_BITS: u32 = 6;
const HASH_BITS: u32 = 48;
/// Uses that are told apart.
pub(super) const USES_MAX: u8 = 15;

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
/// All records of a store.
#[derive(Debug)]
pub(super) struct Index {
    shards: Vec<Shard>,
    mixer: Mixer,
    len: usize,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..1 << SHARD_BITS).map(|_| Shard::empty()).collect(),
            mixer: Mixer::draw(),
            len: 0,
        }
    }

    /// The hash in this index of a key whose hash on disk is `hash`.
    pub(super) fn hash(&self, hash: u64) -> Hash48 {
        self.mixer.mix(hash)
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory taken.
    pub(super) fn memory_bytes(&self) -> usize {
        self.shards.iter().map(Shard::memory_bytes).sum()
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

    /// Changes every record.
    pub(super) fn update_all(&mut self, mut change: impl FnMut(&mut Item)) {
        let places = self.shards.iter_mut().flat_map(|shard| &mut shard.places);
        for place in places.filter(|place| !place.is_empty()) {
            let mut item = place.item();
            change(&mut item);
            *place = Place::of(place.hash(), &item);
        }
    }

    /// All records, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Hash48, Item)> {
        let places = self.shards.iter().flat_map(|shard| &shard.places);
        let used = places.filter(|place| !place.is_empty());
        used.map(|place| (place.hash(), place.item()))
    }
}
/// What the hashes of one run depend on. Those on disk are those of a keyed pseudorandom function,
/// so a multiplication by a secret is enough to make them differ from run to run.
#[derive(Debug, Clone, Copy)]
struct Mixer {
    mask: u64,
    factor: u64,
}

impl Mixer {
    fn draw() -> Self {
        let word = || RandomState::new().build_hasher().finish();
        Self {
            mask: word(),
            factor: word() | 1,
        }
    }

    fn mix(self, hash: u64) -> Hash48 {
        let wide = u128::from(hash ^ self.mask) * u128::from(self.factor);
        let folded = (wide >> 64 ^ wide) & u128::from(u64::MAX);
        let folded = u64::try_from(folded).expect("it was cut to 64 bits");
        Hash48(folded >> (64 - HASH_BITS))
    }
}
fn shard_of(hash: Hash48) -> usize {
    usize::try_from(hash.0 >> (HASH_BITS - SHARD_BITS)).expect("six bits")
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
        // As those on disk are, which are no plain numbers: a multiplication alone spreads these
        // unevenly now and then.
        let mut random = Generator::new(4);
        for number in 0..200_000_u64 {
            let hash = index.hash(random.draw());
            index.insert(hash, &item(number));
            if index.len() >= 100_000 {
                assert!(index.memory_bytes() <= 20 * index.len(), "{}", index.len());
            }
        }
    }

    #[test]
    fn an_index_that_was_loaded_is_one_that_was_filled() {
        for records in [0, 1, 100, 50_000] {
            let load = Load::new(records);
            let numbers = || 0..records as u64;
            load.add(
                numbers()
                    .filter(|number| number % 2 == 0)
                    .map(|it| (it, item(it))),
            );
            load.add(
                numbers()
                    .filter(|number| number % 2 == 1)
                    .map(|it| (it, item(it))),
            );
            let (mut index, rejected) = load.finish();
            assert!(rejected.is_empty());
            assert_eq!(index.len(), records);
            let is_right = |number| index.find(index.hash(number)) == Some(item(number));
            assert!(numbers().all(is_right));
            // It goes on as any other does.
            for number in numbers() {
                let (hash, at) = (index.hash(number), item(number));
                assert_eq!(index.remove(hash, at.region, at.page), Some(at));
                index.insert(index.hash(number + (1 << 40)), &at);
            }
            let is_right =
                |number: u64| index.find(index.hash(number + (1 << 40))) == Some(item(number));
            assert!(numbers().all(is_right));
            assert_eq!(index.len(), records);
        }
    }

    #[test]
    fn of_records_with_one_hash_all_but_one_are_given_back() {
        let load = Load::new(3);
        load.add([(7, item(1)), (7, item(2)), (8, item(3)), (7, item(4))].into_iter());
        let (index, mut rejected) = load.finish();
        rejected.push((index.hash(7), index.find(index.hash(7)).unwrap()));
        rejected.sort_by_key(|(_, item)| item.tick);
        let hash = index.hash(7);
        assert_eq!(rejected, [1, 2, 4].map(|number| (hash, item(number))));
        assert_eq!(index.len(), 2);
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
