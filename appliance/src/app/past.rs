//! What players of one rendition may start over in: its archive, and its text in the store for the
//! next life of the box.
//!
//! The text lies in blocks of 64 numbers, each an object of up to 8 KiB. The newest is written anew
//! each time half a window of segments has come, for the stored playlist tells of a whole one; so
//! an archive costs a write of 8 KiB in half a minute of 6 s segments, and what a power cut takes
//! of the last writes is still in one of the two. Blocks of nothing but gaps are not written: what
//! is missing between two segments shows as gaps anyway. With each block stands the number with
//! which the archive began: what was on air before `dvr` was switched on, or made deeper, is in the
//! store and was never promised, and a list must not grow at its front.
//!
//! After a restart the archive is put together from those blocks and the last playlist
//! ([`crate::app::restore`]). A segment that is not in the store, or not whole, is a gap from then
//! on, which is the one change that a list of the archive may show beyond those that RFC 8216
//! §6.2.1 allows: media that was lost with the power cannot be listed, and to list nothing before
//! it either would lose hours for a second. Numbers that players may have been told and that nobody
//! knows any more are gaps, and so is the time for which the box was down.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use weir_cache::{Class, Error, Key, Pin, Store};
use weir_hal::Wall;

use crate::{
    app::publisher::key,
    segment::{Archive, Format, KeyTag, RangeLine, Segment},
};

/// The archive of one rendition, and where it is stored.
#[derive(Debug)]
pub(super) struct Past {
    archive: Archive,
    /// The first part of its paths: channel and rendition.
    stem: String,
    /// The blocks that are stored, oldest first.
    blocks: VecDeque<(u64, Pin)>,
    /// The number after the last one that is stored.
    stored_until: u64,
}

/// The name of a block in the store. No URI has spaces in it, so nobody can ask for it.
pub(super) fn block_key(stem: &str, number: u64) -> Key {
    key(&format!("/live/ {stem} archive {number}"))
}

impl Past {
    /// An empty one of `depth`, of the rendition whose paths begin with `stem`; the next segment
    /// has so many discontinuities before it.
    pub(super) fn new(depth: Duration, stem: &str, format: Format, discontinuities: u64) -> Self {
        let archive = Archive::new(depth, &format!("{stem}/"), discontinuities);
        Self {
            archive: archive.of_format(format),
            stem: stem.to_owned(),
            blocks: VecDeque::new(),
            stored_until: 0,
        }
    }

    /// Empties it, for a list whose first segment has that Discontinuity Sequence Number.
    pub(super) fn begin_anew(&mut self, discontinuity_sequence: u64) {
        self.archive.begin_anew(discontinuity_sequence);
        self.blocks.clear();
        self.stored_until = 0;
    }

    /// Knows that these blocks, oldest first, are stored, up to the number before `stored_until`.
    pub(super) fn set_stored(&mut self, blocks: VecDeque<(u64, Pin)>, stored_until: u64) {
        self.blocks = blocks;
        self.stored_until = stored_until;
    }

    pub(super) fn archive(&self) -> &Archive {
        &self.archive
    }

    pub(super) fn set_depth(&mut self, depth: Duration) {
        self.archive.set_depth(depth);
    }

    /// Has its newest `len` segments stay, however long they are: those of the live list.
    pub(super) fn set_len_min(&mut self, len: usize) {
        self.archive.set_len_min(len);
    }

    /// Appends gaps for the numbers before `sequence`, as [`Archive::gaps_until`] makes them. Tells
    /// how many.
    pub(super) fn fill(&mut self, sequence: u64, date_time: Wall, discontinuities: u64) -> usize {
        let gaps = self
            .archive
            .gaps_until(sequence, date_time, discontinuities);
        gaps.map(|gap| self.push(gap, None)).count()
    }

    /// Appends `segment` with its key, if it is encrypted.
    pub(super) fn push(&mut self, segment: Segment, key: Option<KeyTag>) {
        self.archive.push(segment, key);
    }

    /// Takes over what the live list tells of events, before the next segment is pushed. Returns
    /// how many had to go for others.
    pub(super) fn follow(&mut self, lines: &[RangeLine]) -> u64 {
        self.archive.follow(lines)
    }

    /// Takes out the oldest segment, unless it is the only one. Tells whether one was taken.
    pub(super) fn drop_first(&mut self) -> bool {
        self.archive.drop_first()
    }

    /// Takes out what comes before segment `number`, but for the last one.
    pub(super) fn drop_until(&mut self, number: u64) {
        while self.archive.sequences().start < number && self.archive.drop_first() {}
    }

    /// Takes out what ended before `since`, but for the segments that stay.
    pub(super) fn drop_before(&mut self, since: Wall) {
        self.archive.drop_before(since);
    }

    /// Stores what has come since the last time, once that is half of the segments that are
    /// `listed` or a block is full.
    ///
    /// # Errors
    /// When the store refuses it; it is tried again with the next segment.
    pub(super) fn keep(&mut self, store: &Store, class: Class, listed: usize) -> Result<(), Error> {
        let sequences = self.archive.sequences();
        let is_over = |number: u64| (number + 1) * Archive::BLOCK_SEGMENTS <= sequences.start;
        while self
            .blocks
            .front()
            .is_some_and(|(number, _)| is_over(*number))
        {
            self.blocks.pop_front();
        }
        let enough = (listed as u64 / 2).clamp(1, Archive::BLOCK_SEGMENTS / 2);
        let is_full = sequences.end.is_multiple_of(Archive::BLOCK_SEGMENTS);
        if sequences.is_empty() || !is_full && sequences.end < self.stored_until + enough {
            return Ok(());
        }
        let first = self.stored_until.max(sequences.start) / Archive::BLOCK_SEGMENTS;
        let last = (sequences.end - 1) / Archive::BLOCK_SEGMENTS;
        let begin = Bytes::copy_from_slice(&sequences.start.to_be_bytes());
        for number in first..=last {
            let Some(text) = self.archive.block(number) else {
                continue;
            };
            let key = block_key(&self.stem, number);
            let mut writer = store.begin(&key, class, begin.clone())?;
            writer.append(text.into())?;
            let pin = writer.commit()?;
            if self.blocks.back().is_some_and(|(last, _)| *last == number) {
                self.blocks.pop_back();
            }
            self.blocks.push_back((number, pin));
        }
        self.stored_until = sequences.end;
        Ok(())
    }
}
