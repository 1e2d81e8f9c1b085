//! The latest events as they are sent, and where a reader is among them; pure.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::Serialize;

/// Events that are kept, of about 300 bytes: a quarter of an hour of a quiet box.
pub(super) const EVENTS_MAX: usize = 1_024;

/// Bytes that are sent at once; one event may be more.
const CHUNK_BYTES: usize = 32 << 10;

/// What a reader is told that has missed some.
const MISSED: &[u8] = b"event: missed\ndata: {}\n\n";

/// The events.
#[derive(Debug)]
pub(super) struct Ring {
    /// Tells the events of this process from those of others.
    epoch: u64,
    events: VecDeque<Bytes>,
    /// The number of the next event; the first has 1.
    next: u64,
}

/// Where a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    next: u64,
    has_missed: bool,
}

/// A reader that events have overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overtaken;

impl Ring {
    pub(super) const fn new(epoch: u64) -> Self {
        Self {
            epoch,
            events: VecDeque::new(),
            next: 1,
        }
    }

    /// Adds an event of this `kind`; the oldest goes for it.
    ///
    /// # Panics
    /// Never: `data` can be written as JSON.
    pub(super) fn push(&mut self, kind: &str, data: &impl Serialize) {
        // JSON in one line: a line break would end it.
        let data = serde_json::to_string(data).expect("every key here is text");
        let (epoch, number) = (self.epoch, self.next);
        let event = format!("id: {epoch}-{number}\nevent: {kind}\ndata: {data}\n\n");
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Bytes::from(event));
        self.next += 1;
    }

    /// Where a reader begins that had this event last; at the latest one, if it had none.
    pub(super) fn position(&self, last_id: Option<&str>) -> Position {
        let Some(last_id) = last_id else {
            let next = self.next.saturating_sub(1).max(self.first());
            let has_missed = false;
            return Position { next, has_missed };
        };
        let number = last_id.split_once('-').and_then(|(epoch, number)| {
            let is_of_here = epoch.parse() == Ok(self.epoch);
            let number: u64 = number.parse().ok()?;
            (is_of_here && number < self.next).then_some(number)
        });
        let next = number.map(|number| number + 1);
        let next = next.filter(|next| *next >= self.first());
        Position {
            next: next.unwrap_or(self.first()),
            has_missed: next.is_none(),
        }
    }

    /// What a reader is to be sent, whose place moves on behind that; nothing if nothing is new.
    ///
    /// # Errors
    /// [`Overtaken`] when what comes next is no longer kept.
    pub(super) fn read(&self, position: &mut Position) -> Result<Bytes, Overtaken> {
        let first = self.first();
        let skipped = position.next.checked_sub(first).ok_or(Overtaken)?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let mut chunk = Vec::new();
        if std::mem::take(&mut position.has_missed) {
            chunk.extend_from_slice(MISSED);
        }
        for event in self.events.iter().skip(skipped) {
            if !chunk.is_empty() && chunk.len() + event.len() > CHUNK_BYTES {
                break;
            }
            chunk.extend_from_slice(event);
            position.next += 1;
        }
        Ok(Bytes::from(chunk))
    }

    /// The number of the oldest event that is kept.
    fn first(&self) -> u64 {
        self.next - self.events.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(events: u64) -> Ring {
        let mut ring = Ring::new(9);
        for number in 1..=events {
            ring.push("snapshot", &number);
        }
        ring
    }

    fn read(ring: &Ring, position: &mut Position) -> String {
        let bytes = ring.read(position).expect("nobody was overtaken");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[test]
    fn an_event_has_its_number_its_kind_and_one_line_of_data() {
        let mut ring = ring(0);
        ring.push("alarm", &"two\nlines");
        let told = read(&ring, &mut ring.position(None));
        assert_eq!(told, "id: 9-1\nevent: alarm\ndata: \"two\\nlines\"\n\n");
    }

    #[test]
    fn a_new_reader_begins_with_the_latest_and_goes_on() {
        let mut ring = ring(3);
        let mut position = ring.position(None);
        assert!(read(&ring, &mut position).starts_with("id: 9-3\n"));
        assert_eq!(read(&ring, &mut position), "");
        ring.push("snapshot", &4);
        assert!(read(&ring, &mut position).starts_with("id: 9-4\n"));
        assert_eq!(read(&Ring::new(9), &mut Ring::new(9).position(None)), "");
    }

    #[test]
    fn a_reader_goes_on_behind_the_event_that_it_had_last() {
        let ring = ring(5);
        let told = read(&ring, &mut ring.position(Some("9-3")));
        assert!(
            told.starts_with("id: 9-4\n") && told.contains("id: 9-5\n"),
            "{told}"
        );
        assert_eq!(read(&ring, &mut ring.position(Some("9-5"))), "");
        assert!(read(&ring, &mut ring.position(Some("9-0"))).starts_with("id: 9-1\n"));
    }

    #[test]
    fn a_reader_whose_last_event_is_not_known_is_told_so_and_given_all() {
        let ring = ring(EVENTS_MAX as u64 + 10);
        for last_id in ["8-3", "9-9", "9-2000", "", "x", "9-", "9--1"] {
            let told = read(&ring, &mut ring.position(Some(last_id)));
            let begin = "event: missed\ndata: {}\n\nid: 9-11\n";
            assert!(told.starts_with(begin), "{last_id}: {told:.60}");
        }
        let told = read(&ring, &mut ring.position(Some("9-10")));
        assert!(told.starts_with("id: 9-11\n"), "{told:.60}");
    }

    #[test]
    fn what_is_kept_is_bounded_and_a_reader_that_is_overtaken_is_cut() {
        let mut ring = ring(1);
        let mut slow = ring.position(Some("9-0"));
        for number in 0..EVENTS_MAX as u64 {
            assert!(ring.read(&mut slow.clone()).is_ok(), "{number}");
            ring.push("snapshot", &number);
        }
        assert_eq!(ring.events.len(), EVENTS_MAX);
        assert_eq!(ring.read(&mut slow), Err(Overtaken));
    }

    #[test]
    fn much_is_sent_in_parts_and_nothing_twice() {
        let mut ring = ring(0);
        let data = "x".repeat(10_000);
        for _ in 0..10 {
            ring.push("alarm", &data);
        }
        let mut position = ring.position(Some("9-0"));
        let parts: Vec<String> = (0..5).map(|_| read(&ring, &mut position)).collect();
        assert!(parts.iter().all(|part| part.len() <= CHUNK_BYTES));
        let ids = parts.concat().matches("id: 9-").count();
        assert_eq!((ids, parts[4].as_str()), (10, ""));
    }
}
