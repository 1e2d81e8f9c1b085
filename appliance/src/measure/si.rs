//! Checks how often the tables of DVB service information come.
//!
//! Source: TR 101 290 v1.4.1 table 5.0c, indicators 3.1, 3.2, 3.5 to 3.8; EN 300 468 §5.1.4 (25 ms
//! from the last byte of a section to the first of the next one of its sub-table); TR 101 211
//! §4.4 (longest intervals).
//!
//! A check is armed by the first packet on its PID: a stream without service information is not
//! at fault. Refuses: the longest intervals of EIT schedule, which depend on the kind of network
//! and on the day that is told of.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    demux::{Pid, Section},
    measure::{
        indicator::{Indicator, Indicators},
        recurrence::Recurrence,
    },
};

/// The first PID of service information (NIT), and the last that is watched (TDT, TOT).
const PIDS: RangeInclusive<u16> = 0x10..=0x14;

/// Sections and sub-tables whose times are kept: 40 KiB. Further ones are counted and not timed.
const ENTRIES_MAX: usize = 1_024;

/// What was not seen for longer is gone, and makes room where others come: the longest interval
/// of any table (TR 101 211 §4.4).
const AGE_MAX: Duration = Duration::from_mins(5);

/// The shortest time between two sections of one sub-table.
const GAP_MIN: Duration = Duration::from_millis(25);

const SECONDS_2: Duration = Duration::from_secs(2);
const SECONDS_10: Duration = Duration::from_secs(10);
const SECONDS_30: Duration = Duration::from_secs(30);

const STUFFING_TABLE: u8 = 0x72;

/// Stands for all sections of a sub-table in [`Key::section`].
const ANY_SECTION: u16 = 0x100;

/// When a section was on the wire: first and last byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

/// A table that must come back in time once its PID exists.
#[derive(Debug)]
struct Watched {
    pid: Pid,
    table_id: u8,
    section: Option<u8>,
    limit: Duration,
    indicator: Indicator,
    recurrence: Recurrence,
}

/// One sub-table, or one section of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    table_id: u8,
    extension: u16,
    transport_stream_id: u16,
    section: u16,
}

/// Follows the tables on PIDs 0x10 to 0x14.
#[derive(Debug)]
pub(crate) struct ServiceInformation {
    watched: [Watched; 5],
    /// The last byte of the last occurrence, ordered by key.
    last_seen: Vec<(Key, Duration)>,
    /// Sections not timed for want of room.
    pub(crate) sections_untimed: u64,
}

impl ServiceInformation {
    pub(crate) fn new() -> Self {
        let watched = |pid, table_id, section, limit, indicator| Watched {
            pid: Pid::from_bits(pid),
            table_id,
            section,
            limit,
            indicator,
            recurrence: Recurrence::new(),
        };
        Self {
            watched: [
                watched(0x10, 0x40, None, SECONDS_10, Indicator::NitActualError),
                watched(0x11, 0x42, None, SECONDS_2, Indicator::SdtActualError),
                watched(0x12, 0x4E, Some(0), SECONDS_2, Indicator::EitActualError),
                watched(0x12, 0x4E, Some(1), SECONDS_2, Indicator::EitActualError),
                watched(0x14, 0x70, None, SECONDS_30, Indicator::TdtError),
            ],
            last_seen: Vec::new(),
            sections_untimed: 0,
        }
    }

    /// True for the PIDs that are followed.
    pub(crate) fn is_for(pid: Pid) -> bool {
        PIDS.contains(&pid.value())
    }

    /// Begins to expect the tables of a PID that has been seen.
    pub(crate) fn arm(&mut self, pid: Pid, has_time: bool, indicators: &mut Indicators) {
        if has_time {
            indicators.arm(Indicator::SiRepetitionError);
        }
        if let Some(indicator) = of_pid(pid) {
            indicators.arm(indicator);
        }
        for watched in self.watched.iter_mut().filter(|watched| watched.pid == pid) {
            watched.recurrence.arm();
        }
    }

    /// Starts anew after a time in which nothing could be observed.
    pub(crate) fn restart(&mut self) {
        self.last_seen.clear();
        for watched in &mut self.watched {
            watched.recurrence.restart();
        }
    }

    /// Counts the tables that have been absent for too long by now.
    pub(crate) fn sweep(&mut self, at: Duration, indicators: &mut Indicators) {
        for watched in &mut self.watched {
            if watched.recurrence.is_overdue(at, watched.limit) {
                indicators.raise(watched.indicator);
            }
        }
    }

    /// Takes a section whose `CRC_32` is right, if it has one. Without a `span` only its place is
    /// checked.
    pub(crate) fn take(
        &mut self,
        pid: Pid,
        section: Section<'_>,
        span: Option<Span>,
        indicators: &mut Indicators,
    ) {
        let table_id = section.table_id();
        if table_id == STUFFING_TABLE {
            return;
        }
        if !is_permitted(pid, table_id) {
            raise(of_pid(pid), indicators);
        } else if let Some(span) = span {
            self.note_occurrence(section, span.end, indicators);
            self.check_intervals(section, span, indicators);
        }
    }

    fn check_intervals(&mut self, section: Section<'_>, span: Span, indicators: &mut Indicators) {
        let table_id = section.table_id();
        let key = key(section);
        let sub_table = Key {
            section: ANY_SECTION,
            ..key
        };
        let last_of_sub_table = self.replace(sub_table, span.end);
        if last_of_sub_table.is_some_and(|last| span.start.saturating_sub(last) < GAP_MIN) {
            indicators.raise(Indicator::SiRepetitionError);
            raise(of_dense(table_id), indicators);
        }
        let Some(limit) = interval_max(table_id) else {
            return;
        };
        let last = self.replace(key, span.end);
        if matches!((table_id, key.section), (0x4E | 0x4F, 0 | 1)) {
            self.check_pair(key, last, limit, indicators);
        }
        if last.is_some_and(|last| span.end.saturating_sub(last) > limit) {
            indicators.raise(Indicator::SiRepetitionError);
            raise(of_other(table_id), indicators);
        }
    }

    /// Checks at an occurrence of the present or the following event whether the other one of the
    /// pair has been absent for too long; each absence counts once.
    fn check_pair(
        &mut self,
        key: Key,
        last: Option<Duration>,
        limit: Duration,
        indicators: &mut Indicators,
    ) {
        indicators.arm(Indicator::EitPfError);
        let other = Key {
            section: 1 - key.section,
            ..key
        };
        let seen = |key| self.last_seen.binary_search_by_key(&key, |(key, _)| *key);
        let now = seen(key).map(|place| self.last_seen[place].1);
        match (now, seen(other).map(|place| self.last_seen[place].1)) {
            (Ok(now), Ok(seen)) => {
                let is_over = |at: Duration| at.saturating_sub(seen) > limit;
                let is_new = is_over(now) && !last.is_some_and(is_over);
                indicators.add(Indicator::EitPfError, u64::from(is_new));
            }
            // From now on it is waited for.
            (Ok(now), Err(_)) => drop(self.replace(other, now)),
            (Err(_), _) => {}
        }
    }

    fn note_occurrence(&mut self, section: Section<'_>, at: Duration, indicators: &mut Indicators) {
        for watched in &mut self.watched {
            let is_it = watched.table_id == section.table_id()
                && watched
                    .section
                    .is_none_or(|number| number == section.section_number());
            if is_it && watched.recurrence.occurred(at, watched.limit) {
                indicators.raise(watched.indicator);
            }
        }
    }

    /// Notes an occurrence; returns the time of the one before.
    fn replace(&mut self, key: Key, at: Duration) -> Option<Duration> {
        if let Ok(found) = self.find(key) {
            return Some(std::mem::replace(&mut self.last_seen[found].1, at));
        }
        if self.last_seen.len() >= ENTRIES_MAX {
            let is_recent = |(_, seen): &(Key, Duration)| at.saturating_sub(*seen) <= AGE_MAX;
            self.last_seen.retain(is_recent);
        }
        match self.find(key) {
            Err(place) if self.last_seen.len() < ENTRIES_MAX => {
                self.last_seen.insert(place, (key, at));
            }
            Ok(_) | Err(_) => self.sections_untimed += 1,
        }
        None
    }

    fn find(&self, key: Key) -> Result<usize, usize> {
        self.last_seen.binary_search_by_key(&key, |(key, _)| *key)
    }
}

fn key(section: Section<'_>) -> Key {
    let table_id = section.table_id();
    let is_long = section.has_long_header();
    let of_event_table = (0x4E..=0x6F).contains(&table_id);
    let stream = section.body().first_chunk().filter(|_| of_event_table);
    Key {
        table_id,
        extension: if is_long {
            section.table_id_extension()
        } else {
            0
        },
        transport_stream_id: stream.map_or(0, |&bytes| u16::from_be_bytes(bytes)),
        section: if is_long {
            u16::from(section.section_number())
        } else {
            0
        },
    }
}

/// The indicator for what must not be on a PID.
fn of_pid(pid: Pid) -> Option<Indicator> {
    Some(match pid.value() {
        0x10 => Indicator::NitActualError,
        0x11 => Indicator::SdtActualError,
        0x12 => Indicator::EitActualError,
        0x13 => Indicator::RstError,
        0x14 => Indicator::TdtError,
        _ => return None,
    })
}

const fn of_other(table_id: u8) -> Option<Indicator> {
    Some(match table_id {
        0x41 => Indicator::NitOtherError,
        0x46 => Indicator::SdtOtherError,
        0x4F => Indicator::EitOtherError,
        _ => return None,
    })
}

fn is_permitted(pid: Pid, table_id: u8) -> bool {
    match pid.value() {
        0x10 => matches!(table_id, 0x40 | 0x41),
        0x11 => matches!(table_id, 0x42 | 0x46 | 0x4A),
        0x12 => matches!(table_id, 0x4E..=0x6F),
        0x13 => table_id == 0x71,
        0x14 => matches!(table_id, 0x70 | 0x73),
        _ => true,
    }
}

/// The indicator that counts sections of this table that come too densely.
const fn of_dense(table_id: u8) -> Option<Indicator> {
    Some(match table_id {
        0x40 => Indicator::NitActualError,
        0x42 => Indicator::SdtActualError,
        0x4E => Indicator::EitActualError,
        0x70 => Indicator::TdtError,
        0x71 => Indicator::RstError,
        _ => return None,
    })
}

fn raise(indicator: Option<Indicator>, indicators: &mut Indicators) {
    if let Some(indicator) = indicator {
        indicators.raise(indicator);
    }
}

/// The longest interval between two occurrences of one section.
const fn interval_max(table_id: u8) -> Option<Duration> {
    Some(match table_id {
        0x40 | 0x41 | 0x46 | 0x4A | 0x4F => SECONDS_10,
        0x42 | 0x4E => SECONDS_2,
        0x70 | 0x73 => SECONDS_30,
        _ => return None,
    })
}
