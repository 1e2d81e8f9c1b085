//! Splice messages: they are told once they can be placed on the timeline.

use bytes::Bytes;
use heapless::Deque;

use super::{Each, Segmenter};
use crate::{
    demux::{Pid, Splice, SpliceInfo, SpliceTime},
    segment::{CueKind, Output, cue::Notice},
};

/// Messages that wait for the first picture: as many events as are remembered.
const EARLY_MAX: usize = 16;

/// Messages that came while nothing was on air, the oldest first.
pub(super) type Early = Deque<(Pid, Bytes), EARLY_MAX>;

impl Segmenter {
    /// Tells of the events that `splice` announces, or keeps it until that can be.
    pub(super) fn on_splice(&mut self, splice: &Splice<'_>, each: Each<'_>) {
        if self.is_open() {
            self.announce(splice, each);
        } else {
            self.keep_early(splice);
        }
    }

    /// Tells of what was announced before the picture that came just now.
    pub(super) fn announce_early(&mut self, each: Each<'_>) {
        while self.is_open()
            && let Some((pid, section)) = self.early.pop_front()
        {
            if let Ok(info) = SpliceInfo::parse(&section) {
                self.announce(&Splice { pid, info }, each);
            }
        }
    }

    /// Drops what waits for a picture: the clock that it speaks of has ended.
    pub(super) fn forget_early(&mut self) {
        self.counters.splices_unplaced += self.early.len() as u64;
        self.early.clear();
    }

    /// What is to happen at once has no place before there is a picture; the oldest message makes
    /// room for the newest.
    fn keep_early(&mut self, splice: &Splice<'_>) {
        let mut has_time = false;
        Notice::all(&splice.info, |notice| {
            has_time |= notice.time != SpliceTime::Immediate || notice.kind == CueKind::Cancel;
        });
        let section = splice.info.bytes();
        let is_known = |(pid, known): &(Pid, Bytes)| *pid == splice.pid && *known == section;
        if self.early.iter().any(is_known) {
            self.counters.splice_repetitions += 1;
            return;
        }
        let is_crowded_out = self.early.is_full() && has_time;
        if is_crowded_out {
            self.early.pop_front();
        }
        self.counters.splices_unplaced += u64::from(is_crowded_out || !has_time);
        if has_time {
            let row = (splice.pid, Bytes::copy_from_slice(section));
            self.early.push_back(row).expect("the oldest has made room");
        }
    }

    /// Tells of the events that `splice` announces, and waits for those that are still to come.
    fn announce(&mut self, splice: &Splice<'_>, each: Each<'_>) {
        let Self {
            on_air: Some(air),
            time,
            counters,
            ..
        } = self
        else {
            return;
        };
        if air.heard.is_repetition(splice) {
            counters.splice_repetitions += 1;
            return;
        }
        let section = Bytes::copy_from_slice(splice.info.bytes());
        let mut is_placed = false;
        Notice::all(&splice.info, |notice| {
            match air.place(&notice, &section, time) {
                Some(placed) => {
                    is_placed = true;
                    counters.cues += 1;
                    counters.splices_late += u64::from(placed.is_late);
                    counters.splices_missed += u64::from(placed.is_crowded_out);
                    each(Output::Cue(placed.cue));
                }
                None => counters.splices_implausible += 1,
            }
        });
        if is_placed {
            time.keep();
            air.heard.remember(splice);
        }
    }
}
