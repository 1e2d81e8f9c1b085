//! RTP packets of one stream, put in order by their sequence numbers.
//!
//! ```text
//!          history         next        window
//! ... | handed on, given up | hole, waits, hole, waits ... |
//! ```
//!
//! Each number has a place in a ring, with the paths that brought it. A hole is given up once every
//! path that is heard has gone past it by more than packets are out of order, or what is behind it
//! has waited long enough.
//!
//! What is of another stream (SSRC, payload type) or far from the window is a stray. It is followed
//! only when the present stream has stopped: two senders on one group must not tear each other up.

use std::time::Duration;

use weir_hal::{Monotonic, Wall};

use super::{
    Counters, Flow, HEARD, PATHS_MAX, Rules,
    slots::{Arrival, Slot, Slots},
};
use crate::receive::{self, RtpHeader};

/// Fewest numbers with a place, half of them history: a second of a 10 Mb/s group each.
const PLACES_MIN: usize = 2_048;

/// Time without anything new after which strays may be followed: longer than senders pause that
/// send in bursts.
const STOPPED: Duration = Duration::from_millis(200);

/// Strays of another stream that it takes by then: a slow stream has pauses too.
const STRAYS_MIN: u32 = 4;

/// Time without anything new after which the stream is over, whatever comes.
const OVER: Duration = Duration::from_secs(1);

/// The first number of a stream is so much and its sequence number: there is room below.
const NUMBER_FIRST: u64 = 1 << 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stream {
    ssrc: u32,
    payload_type: u8,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    slot: Option<Slot>,
    /// A bit for each path that brought it.
    seen: u8,
}

/// What came by one path.
#[derive(Debug, Clone, Copy)]
struct Path {
    /// Behind its highest number.
    end: u64,
    /// Up to here it is known what it lost.
    settled: u64,
    heard: Monotonic,
}

/// The reorder buffer of one stream.
#[derive(Debug)]
pub(super) struct Sequence {
    rules: Rules,
    stream: Option<Stream>,
    first: u64,
    /// The number that is to be handed on next.
    next: u64,
    /// Behind the highest number that came.
    end: u64,
    /// None before the first packet: bare packets need none.
    places: Box<[Place]>,
    waiting: usize,
    slots: Slots,
    paths: [Option<Path>; PATHS_MAX],
    /// When something new came.
    progressed: Monotonic,
    /// When all paths were drained last. Until that was done again, none of them is late: what it
    /// has brought meanwhile may not be read yet.
    drained: Monotonic,
    flow: Flow,
    strays: u32,
    counters: Counters,
}

impl Sequence {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            stream: None,
            first: 0,
            next: 0,
            end: 0,
            places: Box::default(),
            waiting: 0,
            slots: Slots::new(rules.slots),
            paths: [None; PATHS_MAX],
            progressed: Monotonic::ZERO,
            drained: Monotonic::ZERO,
            flow: Flow::default(),
            strays: 0,
            counters: Counters::default(),
        }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a packet; false if it is of another stream.
    pub(super) fn push(
        &mut self,
        (path, told): (usize, &mut receive::Counters),
        packet: &RtpHeader<'_>,
        arrival: Arrival,
        each: &mut impl FnMut(&[u8], Wall),
    ) -> bool {
        let is_over = self.is_over();
        let number = self.number_of(packet);
        let number = number.filter(|number| *number >= self.next || !is_over);
        let number = number.or_else(|| self.follow_stray(packet, told, each));
        let Some(number) = number else { return false };
        self.flow.note(arrival.now);
        let is_in_order = self.notice((path, told), number, arrival.now);
        let place = self.place(number);
        let (bit, seen) = (1 << path, place.seen);
        place.seen |= bit;
        let is_waiting = place.slot.is_some();
        if seen == 0 {
            (self.progressed, self.strays) = (arrival.now, 0);
        }
        if seen & bit != 0 || seen == 0 && (self.first..self.next).contains(&number) {
            told.rtp_late += 1;
        } else if number >= self.next && !is_waiting {
            let is_behind_others = number < self.end;
            self.counters.filled += u64::from(is_in_order && is_behind_others);
            self.end = self.end.max(number + 1);
            self.take(number, packet.payload, arrival, each);
        }
        self.give_up_passed(each);
        self.judge(path, told);
        true
    }

    /// Hands on what has waited long enough, and what came before it, when all paths were drained.
    pub(super) fn settle(&mut self, now: Monotonic, each: &mut impl FnMut(&[u8], Wall)) {
        self.drained = now;
        if self.waiting == 0 {
            return;
        }
        let is_due = |number: &u64| {
            let slot = self.places[self.index(*number)].slot;
            slot.is_some_and(|slot| now.since(self.slots.arrival(slot).now) >= self.rules.wait)
        };
        if let Some(number) = (self.next..self.end).rev().find(is_due) {
            self.hand_on_to(number + 1, each);
        }
    }

    /// True when nothing new has come for so long that whatever comes is another stream.
    fn is_over(&self) -> bool {
        self.stream.is_none() || self.drained.since(self.progressed) >= OVER
    }

    /// The number of a packet of this stream within the window or the history.
    fn number_of(&self, packet: &RtpHeader<'_>) -> Option<u64> {
        let number = self.nearest(packet)?;
        let half = self.places.len() as u64 / 2;
        (self.next..self.next + 2 * half)
            .contains(&(number + half))
            .then_some(number)
    }

    /// The number nearest to the next one that a packet of this stream can have.
    fn nearest(&self, packet: &RtpHeader<'_>) -> Option<u64> {
        if self.stream != Some(stream_of(packet)) {
            return None;
        }
        let next = self.next & 0xFFFF;
        let ahead = u64::from(packet.sequence).wrapping_sub(next) & 0xFFFF;
        Some(if ahead < 0x8000 {
            self.next + ahead
        } else {
            self.next + ahead - 0x1_0000
        })
    }

    /// Follows a stray if the stream has stopped; `Some` with its number then.
    fn follow_stray(
        &mut self,
        packet: &RtpHeader<'_>,
        told: &mut receive::Counters,
        each: &mut impl FnMut(&[u8], Wall),
    ) -> Option<u64> {
        let nearest = self.nearest(packet);
        let silence = self.drained.since(self.progressed);
        let has_stopped = silence >= STOPPED && (nearest.is_some() || self.strays >= STRAYS_MIN);
        if !self.is_over() && !has_stopped {
            self.strays = self.strays.saturating_add(1);
            let counter = match nearest {
                Some(_) => &mut told.rtp_late,
                None => &mut told.rtp_foreign,
            };
            *counter += 1;
            return None;
        }
        self.hand_on_to(self.end, each);
        let places = (2 * self.rules.slots).next_power_of_two().max(PLACES_MIN);
        if self.places.is_empty() {
            self.places = vec![Place::default(); places].into_boxed_slice();
        }
        self.places.fill(Place::default());
        if let Some(number) = nearest.filter(|number| *number > self.end) {
            self.counters.lost += number - self.end;
            (self.next, self.end) = (number, number);
            return Some(number);
        }
        told.rtp_restarts += u64::from(self.stream.is_some());
        self.stream = Some(stream_of(packet));
        self.first = NUMBER_FIRST + u64::from(packet.sequence);
        (self.next, self.end) = (self.first, self.first);
        self.paths = [None; PATHS_MAX];
        Some(self.first)
    }

    /// Notices that `path` has brought `number`; true if that is behind all that it had brought.
    fn notice(
        &mut self,
        (path, told): (usize, &mut receive::Counters),
        number: u64,
        now: Monotonic,
    ) -> bool {
        let bit = 1 << path;
        let is_new = self.place(number).seen & bit == 0;
        let half = self.places.len() as u64 / 2;
        let known = self.paths[path].get_or_insert(Path {
            end: number,
            settled: number,
            heard: now,
        });
        known.heard = now;
        if number >= known.end + half {
            // A pause that the ring is too short for.
            told.rtp_lost += number - known.end;
            (known.settled, known.end) = (number, number);
        }
        if number >= known.end {
            known.end = number + 1;
            return true;
        }
        told.rtp_reordered += u64::from(is_new && number >= known.settled);
        false
    }

    /// Counts what `path` has gone past without bringing it.
    fn judge(&mut self, path: usize, told: &mut receive::Counters) {
        let Some(known) = &mut self.paths[path] else {
            return;
        };
        let (mask, bit) = (self.places.len() as u64 - 1, 1 << path);
        let half = self.places.len() as u64 / 2;
        while known.settled + u64::from(self.rules.depth) < known.end {
            let index = usize::try_from(known.settled & mask).expect("below the places");
            let is_known = known.settled + half >= self.next;
            told.rtp_lost += u64::from(is_known && self.places[index].seen & bit == 0);
            known.settled += 1;
        }
    }

    /// Hands `payload` on, if it is next, or has it wait.
    fn take(
        &mut self,
        number: u64,
        payload: &[u8],
        arrival: Arrival,
        each: &mut impl FnMut(&[u8], Wall),
    ) {
        while number > self.next {
            if let Some(slot) = self.slots.take(payload, arrival) {
                self.place(number).slot = Some(slot);
                self.waiting += 1;
                return;
            }
            if self.slots.is_full() {
                self.counters.overflows += 1;
                self.hand_on_to(self.next + 1, each);
            } else {
                self.counters.oversized += 1;
                self.hand_on_to(number, each);
            }
        }
        each(payload, arrival.received);
        self.advance();
        self.hand_on_ready(each);
    }

    /// Gives up holes that every path which is heard has gone past.
    fn give_up_passed(&mut self, each: &mut impl FnMut(&[u8], Wall)) {
        if self.waiting == 0 {
            return;
        }
        let heard = self.paths.iter().flatten();
        let heard = heard.filter(|path| self.flow.since(path.heard, self.drained) < HEARD);
        let Some(passed) = heard.map(|path| path.end).min() else {
            return;
        };
        // Up to this one, a path may still bring what is before its last.
        let kept = passed.saturating_sub(u64::from(self.rules.depth) + 1);
        while self.waiting > 0 && self.next < kept {
            self.hand_on_to(self.next + 1, each);
            self.hand_on_ready(each);
        }
    }

    /// Hands on all that waits before `number`, and gives up what is missing there.
    fn hand_on_to(&mut self, number: u64, each: &mut impl FnMut(&[u8], Wall)) {
        while self.next < number {
            if !self.hand_on_next(each) {
                self.counters.lost += 1;
                self.advance();
            }
        }
        self.hand_on_ready(each);
    }

    fn hand_on_ready(&mut self, each: &mut impl FnMut(&[u8], Wall)) {
        while self.waiting > 0 && self.hand_on_next(each) {}
    }

    /// Hands on what is next; false if that is a hole.
    fn hand_on_next(&mut self, each: &mut impl FnMut(&[u8], Wall)) -> bool {
        let Some(slot) = self.place(self.next).slot.take() else {
            return false;
        };
        each(self.slots.bytes(slot), self.slots.arrival(slot).received);
        self.slots.give_back(slot);
        self.waiting -= 1;
        self.advance();
        true
    }

    /// Goes on by one number: the last of the window takes the place of the oldest.
    fn advance(&mut self) {
        self.next += 1;
        let half = self.places.len() as u64 / 2;
        *self.place(self.next + half - 1) = Place::default();
    }

    fn place(&mut self, number: u64) -> &mut Place {
        let index = self.index(number);
        &mut self.places[index]
    }

    fn index(&self, number: u64) -> usize {
        let mask = self.places.len() as u64 - 1;
        usize::try_from(number & mask).expect("below the places")
    }
}

fn stream_of(packet: &RtpHeader<'_>) -> Stream {
    Stream {
        ssrc: packet.ssrc,
        payload_type: packet.payload_type,
    }
}
