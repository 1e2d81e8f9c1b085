//! Bare packets of one stream that come by two paths, put together by what the datagrams are.
//!
//! Nothing numbers them, but the network gives both paths the same datagrams, so each is known by a
//! hash of its bytes. What a path brings waits in a queue of its own until the other has brought
//! the same, or has gone past it:
//!
//! ```text
//! path 0   c  d  f  g       both have c: it is next
//! path 1   c  e  f          d and e are on one path each, and before f, which both have
//! ```
//!
//! Between two datagrams that both have, that one of the others is next which would have come first
//! if both paths were equally long. Where that is a matter of jitter, it is the one that goes on by
//! its `continuity_counter` where the last one ended. So a datagram is as late as the later path,
//! and never later than [`Rules::wait`].
//!
//! A path is only believed once it has had three datagrams in common with the other; until then,
//! and when it has nothing in common any more, the one that was there first is followed alone.
//! Datagrams of stuffing are all alike, hold nothing, and are left out.
//!
//! Refuses: to put in order what one path brings out of order, more than two paths, and paths that
//! pack transport packets into datagrams differently.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use weir_hal::{Monotonic, Wall};

use super::{
    Counters, Flow, HEARD, Rules,
    continuity::Continuity,
    slots::{Arrival, Slot, Slots},
};
use crate::{config::Config, demux::PACKET_BYTES, receive};

/// Paths that can be put together.
const PATHS: usize = Config::MERGE_BY_CONTENT_MAX;

/// Datagrams that paths must have in common before both are believed.
const MATCHES_MIN: u32 = 3;

/// What came so much earlier is earlier, whatever the jitter of the paths.
const JITTER_NANOS: u64 = 10_000_000;

/// What waits of one path.
#[derive(Debug, Clone, Copy)]
struct Item {
    hash: u64,
    /// Where its bytes are; none for the second of two.
    slot: Option<Slot>,
    came: Monotonic,
    received: Wall,
    /// The other path has brought it too.
    is_common: bool,
    /// It was handed on as that of the other path.
    is_done: bool,
}

/// What was handed on without one path: it may still bring it.
#[derive(Debug, Clone, Copy)]
struct Owed {
    hash: u64,
    since: Monotonic,
}

#[derive(Debug)]
struct Path {
    queue: VecDeque<Item>,
    owed: VecDeque<Owed>,
    heard: Option<Monotonic>,
    /// To be told when it is heard next.
    lost: u64,
    unmatched: u64,
}

/// Both queues.
#[derive(Debug)]
pub(super) struct Contents {
    rules: Rules,
    hashes: RandomState,
    slots: Slots,
    paths: [Path; PATHS],
    /// Datagrams that wait on both.
    common: usize,
    /// Datagrams that both had, up to the number it takes, and when there was one last.
    matches: u32,
    matched: Monotonic,
    /// One that both had was handed on since: the paths are put together. Before, what one alone
    /// brings may be older than what was handed on without it.
    is_joined: bool,
    /// By how much later than by path 0 what both brought last came by path 1.
    skew_nanos: i64,
    /// The path that is followed if they have nothing in common.
    first: usize,
    /// When all paths were drained last. Until that was done again, none of them is late: what it
    /// has brought meanwhile may not be read yet.
    drained: Monotonic,
    flow: Flow,
    continuity: Continuity,
    counters: Counters,
}

impl Contents {
    pub(super) fn new(rules: Rules) -> Self {
        let path = || Path {
            queue: VecDeque::with_capacity(rules.slots),
            owed: VecDeque::with_capacity(2 * rules.slots),
            heard: None,
            lost: 0,
            unmatched: 0,
        };
        Self {
            rules,
            hashes: RandomState::new(),
            slots: Slots::new(rules.slots),
            paths: [path(), path()],
            common: 0,
            matches: 0,
            matched: Monotonic::ZERO,
            is_joined: false,
            skew_nanos: 0,
            first: 0,
            drained: Monotonic::ZERO,
            flow: Flow::default(),
            continuity: Continuity::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn push(
        &mut self,
        (path, told): (usize, &mut receive::Counters),
        bytes: &[u8],
        arrival: Arrival,
        each: &mut impl FnMut(&[u8], Wall),
    ) {
        if is_stuffing(bytes) {
            return;
        }
        self.flow.note(arrival.now);
        if !self.is_heard(self.first) {
            self.first = path;
        }
        self.paths[path].heard = Some(arrival.now);
        let hash = self.hashes.hash_one(bytes);
        if self.paths[path].is_late(hash) {
            self.note_match(arrival.now);
            self.drop_overtaken(path);
        } else {
            self.queue((path, hash), bytes, arrival, each);
        }
        self.hand_on_due(arrival.now, each);
        told.merge_lost += std::mem::take(&mut self.paths[path].lost);
        told.merge_unmatched += std::mem::take(&mut self.paths[path].unmatched);
    }

    /// Hands on what is next, and what has waited long enough, when all paths were drained.
    pub(super) fn settle(&mut self, now: Monotonic, each: &mut impl FnMut(&[u8], Wall)) {
        self.drained = now;
        self.hand_on_due(now, each);
    }

    fn hand_on_due(&mut self, now: Monotonic, each: &mut impl FnMut(&[u8], Wall)) {
        let patience = self.patience();
        for path in &mut self.paths {
            path.forget(self.drained, patience);
        }
        self.drop_strangers();
        while let Some(path) = self.next() {
            self.hand_on(path, now, each);
        }
    }

    /// How long something may be apart by both paths, and nothing in common.
    fn patience(&self) -> Duration {
        2 * self.rules.wait.max(HEARD)
    }

    fn is_heard(&self, path: usize) -> bool {
        let heard = self.paths[path].heard;
        heard.is_some_and(|heard| self.flow.since(heard, self.drained) < HEARD)
    }

    /// True if what `path` alone brings is of the stream.
    fn is_believed(&self, path: usize) -> bool {
        let silence = self.flow.since(self.matched, self.drained);
        let is_known = self.matches >= MATCHES_MIN && silence < self.patience();
        path == self.first || is_known
    }

    fn note_match(&mut self, now: Monotonic) {
        if self.flow.since(self.matched, self.drained) >= self.patience() {
            (self.matches, self.is_joined) = (0, false);
        }
        self.matches = (self.matches + 1).min(MATCHES_MIN);
        self.matched = now;
    }

    /// Has what `path` brings wait behind what it brought before.
    fn queue(
        &mut self,
        (path, hash): (usize, u64),
        bytes: &[u8],
        arrival: Arrival,
        each: &mut impl FnMut(&[u8], Wall),
    ) {
        let others = &mut self.paths[1 - path].queue;
        let is_it = |item: &&mut Item| item.hash == hash && !item.is_done && !item.is_common;
        let twin = others.iter_mut().find(is_it);
        let is_common = twin.is_some();
        if let Some(twin) = twin {
            twin.is_common = true;
            let before = nanos(twin.received);
            let later = nanos(arrival.received) - before;
            self.skew_nanos = if path == 1 { later } else { -later };
        }
        let mut slot = None;
        if is_common {
            self.common += 1;
            self.note_match(arrival.now);
        } else {
            slot = self.room(bytes, arrival, each);
            if slot.is_none() {
                self.counters.oversized += 1;
                while !self.paths[path].queue.is_empty() {
                    self.hand_on(path, arrival.now, each);
                }
                self.paths[1 - path].owe(hash, arrival.now);
                each(bytes, arrival.received);
                return;
            }
        }
        let own = &mut self.paths[path].queue;
        if own.len() == own.capacity() {
            self.counters.overflows += 1;
            self.hand_on(path, arrival.now, each);
        }
        self.paths[path].queue.push_back(Item {
            hash,
            slot,
            came: arrival.now,
            received: arrival.received,
            is_common,
            is_done: false,
        });
    }

    /// Room for `bytes`, if need be of what waits; `None` if there can be none.
    fn room(
        &mut self,
        bytes: &[u8],
        arrival: Arrival,
        each: &mut impl FnMut(&[u8], Wall),
    ) -> Option<Slot> {
        while self.slots.is_full() {
            let heads = self.paths.each_ref().map(|path| path.queue.front());
            let older = match heads {
                [Some(one), Some(other)] => usize::from(other.came < one.came),
                [head, _] => usize::from(head.is_none()),
            };
            self.counters.overflows += 1;
            if self.is_believed(older) {
                self.hand_on(older, arrival.now, each);
            } else {
                self.drop_first(older);
            }
        }
        self.slots.take(bytes, arrival)
    }

    /// Drops what `path` alone brought before something that was handed on without it.
    fn drop_overtaken(&mut self, path: usize) {
        let Self { paths, slots, .. } = self;
        let Path {
            queue, unmatched, ..
        } = &mut paths[path];
        queue.retain(|item| {
            let is_overtaken = !item.is_common && !item.is_done;
            if let Some(slot) = item.slot.filter(|_| is_overtaken) {
                slots.give_back(slot);
                *unmatched += 1;
            }
            !is_overtaken
        });
    }

    /// Drops what has waited long on a path that has nothing in common with the other, and what
    /// one that comes along brought before the first that both have.
    fn drop_strangers(&mut self) {
        for path in 0..PATHS {
            let comes_along = path != self.first && !self.is_joined && self.common > 0;
            let is_stranger = !self.is_believed(path);
            while let Some(head) = self.paths[path].queue.front()
                && !head.is_common
                && (comes_along
                    || is_stranger
                        && (head.is_done || self.drained.since(head.came) >= self.rules.wait))
            {
                self.drop_first(path);
            }
        }
    }

    /// Drops the first of `path`, which is of another stream.
    fn drop_first(&mut self, path: usize) {
        let head = self.paths[path].queue.pop_front();
        if let Some(slot) = head.and_then(|head| head.slot) {
            self.slots.give_back(slot);
            self.paths[path].unmatched += 1;
        }
    }

    /// The path whose first datagram is next; `None` if that is not known yet.
    fn next(&self) -> Option<usize> {
        let heads = self.paths.each_ref().map(|path| path.queue.front());
        if let Some(done) = heads.iter().position(|it| it.is_some_and(|it| it.is_done)) {
            return Some(done);
        }
        let is_waited_for = |path| self.is_heard(path) && self.is_believed(path);
        // One that nothing can come before, or that has waited long enough.
        let is_due = |path: usize| {
            let waited = heads[path].map(|head| self.drained.since(head.came));
            self.is_believed(path)
                && waited.is_some_and(|it| it >= self.rules.wait || !is_waited_for(1 - path))
        };
        match heads {
            [Some(one), Some(other)] => match (one.is_common, other.is_common) {
                (true, false) => Some(1),
                (false, true) => Some(0),
                (true, true) => Some(usize::from(other.came < one.came)),
                (false, false) if self.common > 0 => Some(self.nearer(one, other)),
                (false, false) => {
                    let older = usize::from(other.came < one.came);
                    let due = [older, 1 - older].into_iter().find(|path| is_due(*path))?;
                    let is_other_believed = self.is_believed(1 - due);
                    Some(if is_other_believed {
                        self.nearer(one, other)
                    } else {
                        due
                    })
                }
            },
            _ => (0..PATHS).find(|path| is_due(*path)),
        }
    }

    /// The path whose head is next, if neither is on both.
    fn nearer(&self, one: &Item, other: &Item) -> usize {
        let later = nanos(other.received) - self.skew_nanos - nanos(one.received);
        let goes_on = [one, other].map(|item| {
            let bytes = item.slot.map(|slot| self.slots.bytes(slot));
            bytes.is_some_and(|bytes| self.continuity.goes_on(bytes))
        });
        match goes_on {
            [true, false] if later.unsigned_abs() < JITTER_NANOS => 0,
            [false, true] if later.unsigned_abs() < JITTER_NANOS => 1,
            _ => usize::from(later < 0),
        }
    }

    /// Hands on the first datagram of `path`, unless that was done.
    fn hand_on(&mut self, path: usize, now: Monotonic, each: &mut impl FnMut(&[u8], Wall)) {
        let is_heard = self.is_heard(1 - path);
        let [first, second] = &mut self.paths;
        let (own, others) = if path == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let Some(head) = own.queue.pop_front().filter(|head| !head.is_done) else {
            return;
        };
        let mut slot = head.slot;
        if head.is_common {
            self.common -= 1;
            self.is_joined = true;
            let is_it = |item: &&mut Item| item.hash == head.hash && item.is_common;
            if let Some(twin) = others.queue.iter_mut().find(is_it) {
                slot = slot.or(twin.slot.take());
                (twin.is_common, twin.is_done) = (false, true);
            }
        } else {
            others.owe(head.hash, now);
            self.counters.filled += u64::from(is_heard && self.matches >= MATCHES_MIN);
        }
        if let Some(slot) = slot {
            let bytes = self.slots.bytes(slot);
            self.continuity.follow(bytes);
            each(bytes, self.slots.arrival(slot).received);
            self.slots.give_back(slot);
        }
    }
}

impl Path {
    /// Notes that something was handed on without it.
    fn owe(&mut self, hash: u64, now: Monotonic) {
        if self.owed.len() == self.owed.capacity() {
            self.owed.pop_front();
            self.lost += 1;
        }
        self.owed.push_back(Owed { hash, since: now });
    }

    /// True if it brings what was handed on without it.
    fn is_late(&mut self, hash: u64) -> bool {
        let place = self.owed.iter().position(|owed| owed.hash == hash);
        place.and_then(|place| self.owed.remove(place)).is_some()
    }

    /// Takes for lost what it has not brought for so long.
    fn forget(&mut self, now: Monotonic, patience: Duration) {
        while let Some(owed) = self.owed.front() {
            if now.since(owed.since) < patience {
                break;
            }
            self.owed.pop_front();
            self.lost += 1;
        }
    }
}

fn nanos(wall: Wall) -> i64 {
    wall.as_nanos().cast_signed()
}

/// True for transport packets without any content.
fn is_stuffing(bytes: &[u8]) -> bool {
    let is_null = |packet: &[u8]| {
        packet.len() == PACKET_BYTES
            && packet[0] == 0x47
            && packet[1] & 0x1F == 0x1F
            && packet[2] == 0xFF
    };
    !bytes.is_empty() && bytes.chunks(PACKET_BYTES).all(is_null)
}
