//! What the last 24 hours of each rendition were like, out of what the flight recorder takes in.
//!
//! It takes the same samples as the recorder does, and begins with what that has kept on disk, so
//! that a restart leaves no gap but its own. A minute is one number each of bitrate and errors;
//! the latest minute is kept by the second.
//!
//! # Limits
//! [`MINUTES_MAX`] minutes of 20 bytes and [`SECONDS_MAX`] seconds for each configured rendition:
//! 30 KiB, 6 MiB for the 192 renditions of 64 channels. A rendition that is configured no more is
//! forgotten with the next sample. [`TRACKS_MAX`] renditions; others are not followed.
//! Refuses: to guess. What no sample tells of is not known, which is not zero.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::recorder::{Block, Sample};

/// Minutes that are kept: a day.
pub(crate) const MINUTES_MAX: usize = 24 * 60;

/// Seconds that are kept.
pub(crate) const SECONDS_MAX: usize = 60;

/// Renditions that are followed.
const TRACKS_MAX: usize = 1_024;

/// Age of the last segment from which players stand still, whatever the Target Duration is.
const SEGMENT_AGE_MS_MAX: u64 = 30_000;

/// Id of a channel, and name of a rendition.
type Key = (String, String);

/// All renditions.
#[derive(Debug, Default)]
pub struct History(Mutex<Tracks>);

/// The renditions by channel and name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tracks(BTreeMap<Key, Track>);

/// One rendition.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Track {
    last: Option<(u64, u64)>,
    seconds: VecDeque<Second>,
    minutes: VecDeque<Minute>,
}

/// What one second was like.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) at_ms: u64,
    /// `None` if it is not known.
    pub(crate) bitrate_kbps: Option<u32>,
    /// Errors that came in it.
    pub(crate) errors: u32,
}

/// What one minute was like.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Minute {
    /// Minutes since 1970.
    pub(crate) number: u64,
    /// Seconds that are known of it.
    pub(crate) seconds: u8,
    /// Of these, seconds without anything received, or without a segment for long.
    pub(crate) seconds_off: u8,
    /// Sum of the bitrates of its seconds.
    kbps_sum: u32,
    /// Errors that came in it.
    pub(crate) errors: u32,
}

/// What a sample tells of one rendition.
#[derive(Debug, Default, Clone, Copy)]
struct Reading {
    bitrate_kbps: Option<u64>,
    continuity: Option<u64>,
    lost: Option<u64>,
    segment_age_ms: Option<u64>,
}

impl Minute {
    /// Average bitrate; `None` if no second is known.
    pub(crate) fn bitrate_kbps(&self) -> Option<u32> {
        self.kbps_sum.checked_div(u32::from(self.seconds))
    }
}

impl Reading {
    fn place(&mut self, word: &str) -> Option<&mut Option<u64>> {
        match word {
            "bitrate_kbps" => Some(&mut self.bitrate_kbps),
            "continuity_count_error" => Some(&mut self.continuity),
            "datagrams_lost" => Some(&mut self.lost),
            "segment_age_ms" => Some(&mut self.segment_age_ms),
            _ => None,
        }
    }
}

impl History {
    /// Takes in what the flight recorder is given.
    pub(crate) fn take(&self, sample: &Sample) {
        let mut readings: BTreeMap<Key, Reading> = BTreeMap::new();
        for (name, value) in &sample.values {
            let Some((key, word)) = rendition_of(name) else {
                continue;
            };
            if let Some(place) = readings.entry(key).or_default().place(word) {
                *place = *value;
            }
        }
        let mut tracks = self.lock();
        tracks.0.retain(|key, _| readings.contains_key(key));
        for (key, reading) in readings {
            tracks.look(key, sample.at_ms, reading);
        }
    }

    /// Puts what `blocks` tell, the oldest first, before what was seen since the start.
    pub(crate) fn restore(&self, blocks: impl Iterator<Item = Block>) {
        let mut past = Tracks::default();
        for block in blocks {
            past.take_in(&block);
        }
        let mut tracks = self.lock();
        for (key, past) in past.0 {
            if let Some(track) = tracks.0.get_mut(&key) {
                track.follow(past);
            }
        }
    }

    /// The renditions as they are.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tracks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tracks {
    /// One rendition.
    pub(crate) fn one(&self, id: &str, name: &str) -> Option<&Track> {
        self.0.get(&(id.to_owned(), name.to_owned()))
    }

    /// The renditions of the channel called `id`.
    pub(crate) fn of(&self, id: &str) -> impl Iterator<Item = &Track> + Clone {
        let begin = (id.to_owned(), String::new());
        let id = id.to_owned();
        let range = self.0.range(begin..);
        let range = range.take_while(move |((channel, _), _)| *channel == id);
        range.map(|(_, track)| track)
    }

    fn look(&mut self, key: Key, at_ms: u64, reading: Reading) {
        if self.0.len() < TRACKS_MAX || self.0.contains_key(&key) {
            self.0.entry(key).or_default().look(at_ms, reading);
        }
    }

    fn take_in(&mut self, block: &Block) {
        let names = block.names().filter_map(rendition_of);
        let keys: Vec<Key> = names
            .filter(|(_, word)| *word == "bitrate_kbps")
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            let values = |word: &str| block.values(&format!("channel/{}/{}/{word}", key.0, key.1));
            let series = [
                values("bitrate_kbps"),
                values("continuity_count_error"),
                values("datagrams_lost"),
                values("segment_age_ms"),
            ];
            for (index, at_ms) in block.times_ms().iter().enumerate() {
                let [bitrate_kbps, continuity, lost, segment_age_ms] =
                    series.map(|series| series.get(index).copied().flatten());
                let reading = Reading {
                    bitrate_kbps,
                    continuity,
                    lost,
                    segment_age_ms,
                };
                self.look(key.clone(), *at_ms, reading);
            }
        }
    }
}

impl Track {
    /// The latest minute by the second, the oldest first.
    pub(crate) fn seconds(&self) -> impl Iterator<Item = &Second> + Clone {
        self.seconds.iter()
    }

    /// The day by the minute, the oldest first; minutes that nobody saw are not there.
    pub(crate) fn minutes(&self) -> impl Iterator<Item = &Minute> + Clone {
        self.minutes.iter()
    }

    /// Errors of the last minute before `now_ms`; `None` if nothing is known of it.
    pub(crate) fn errors_last_minute(&self, now_ms: u64) -> Option<u64> {
        let from = now_ms.saturating_sub(60_000);
        let seconds = self.seconds.iter().filter(|second| second.at_ms > from);
        sum(seconds.map(|second| second.errors))
    }

    /// Errors of so many minutes before `now_ms`; `None` if nothing is known of them.
    pub(crate) fn errors_last(&self, minutes: u64, now_ms: u64) -> Option<u64> {
        let from = (now_ms / 60_000).saturating_sub(minutes);
        let minutes = self.minutes.iter().filter(|minute| minute.number > from);
        sum(minutes.map(|minute| minute.errors))
    }

    fn look(&mut self, at_ms: u64, reading: Reading) {
        // A clock that was set back says the same minutes again.
        let number = at_ms / 60_000;
        while self.minutes.back().is_some_and(|it| it.number > number) {
            self.minutes.pop_back();
        }
        if self.seconds.back().is_some_and(|it| it.at_ms > at_ms) {
            self.seconds.clear();
        }
        let errors = self.gained(reading);
        let bitrate_kbps = reading.bitrate_kbps.map(narrow);
        if self.seconds.len() == SECONDS_MAX {
            self.seconds.pop_front();
        }
        self.seconds.push_back(Second {
            at_ms,
            bitrate_kbps,
            errors,
        });
        if self.minutes.back().is_none_or(|it| it.number != number) {
            if self.minutes.len() == MINUTES_MAX {
                self.minutes.pop_front();
            }
            self.minutes.push_back(Minute {
                number,
                ..Minute::default()
            });
        }
        let (Some(minute), Some(kbps)) = (self.minutes.back_mut(), bitrate_kbps) else {
            return;
        };
        let is_late = reading
            .segment_age_ms
            .is_some_and(|it| it > SEGMENT_AGE_MS_MAX);
        minute.seconds = minute.seconds.saturating_add(1);
        minute.seconds_off += u8::from(kbps == 0 || is_late).min(u8::MAX - minute.seconds_off);
        minute.kbps_sum = minute.kbps_sum.saturating_add(kbps);
        minute.errors = minute.errors.saturating_add(errors);
    }

    /// Errors since the last reading. Counters that begin anew have gained nothing.
    fn gained(&mut self, reading: Reading) -> u32 {
        let (Some(continuity), Some(lost)) = (reading.continuity, reading.lost) else {
            return 0;
        };
        let before = self.last.replace((continuity, lost));
        let gained = before.map_or(0, |before| {
            continuity.saturating_sub(before.0) + lost.saturating_sub(before.1)
        });
        narrow(gained)
    }

    /// Puts the minutes of `past` before its own.
    fn follow(&mut self, mut past: Self) {
        let first = self.minutes.front().map_or(u64::MAX, |it| it.number);
        past.minutes.retain(|minute| minute.number < first);
        while self.minutes.len() < MINUTES_MAX {
            let Some(minute) = past.minutes.pop_back() else {
                return;
            };
            self.minutes.push_front(minute);
        }
    }
}

fn sum(errors: impl Iterator<Item = u32>) -> Option<u64> {
    errors.fold(None, |sum, errors| {
        Some(sum.unwrap_or(0) + u64::from(errors))
    })
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The rendition that a series is of, and the word behind it.
fn rendition_of(name: &str) -> Option<(Key, &str)> {
    let mut parts = name.strip_prefix("channel/")?.splitn(3, '/');
    let key = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some((key, parts.next()?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sample of one rendition at this second.
    pub(crate) fn sample(second: u64, kbps: Option<u64>, errors: u64) -> Sample {
        let of = |word: &str| format!("channel/CH_0/R0/{word}");
        Sample {
            at_ms: second * 1_000,
            values: vec![
                (of("bitrate_kbps"), kbps),
                (of("continuity_count_error"), Some(errors)),
                (of("datagrams_lost"), Some(0)),
                (of("segment_age_ms"), None),
                ("node/requests".to_owned(), Some(1)),
            ],
        }
    }

    fn track(history: &History) -> Track {
        let tracks = history.lock();
        tracks.of("CH_0").next().cloned().unwrap_or_default()
    }

    #[test]
    fn errors_are_told_of_the_minute_the_hour_and_the_day_and_nothing_of_what_nobody_saw() {
        let history = History::default();
        assert_eq!(track(&history).errors_last(60, 1), None);
        for second in 0..7_200 {
            // One error each ten minutes, and five before anybody looked.
            history.take(&sample(second, Some(2_000), 5 + second / 600));
        }
        let (track, now_ms) = (track(&history), 7_199_000);
        assert_eq!(track.errors_last_minute(now_ms), Some(0));
        assert_eq!(track.errors_last(60, now_ms), Some(6));
        assert_eq!(track.errors_last(1_440, now_ms), Some(11));
        assert_eq!(track.errors_last(60, now_ms * 3), None);
        assert_eq!(track.seconds().count(), SECONDS_MAX);
        assert_eq!(track.minutes().count(), 120);
        let minute = track.minutes().next().copied().unwrap_or_default();
        assert_eq!((minute.seconds, minute.bitrate_kbps()), (60, Some(2_000)));
    }

    #[test]
    fn what_was_recorded_before_a_restart_stands_before_what_was_seen_since() {
        let recorded: Vec<Block> = [0, 1]
            .map(|minute| {
                let mut block = Block::default();
                for second in minute * 60..(minute + 1) * 60 {
                    block.push(sample(second, Some(1_000), second / 10));
                }
                block
            })
            .into();
        let history = History::default();
        history.take(&sample(100, Some(3_000), 0));
        history.take(&sample(180, Some(0), 0));
        history.restore(recorded.into_iter());
        let minutes: Vec<Minute> = track(&history).minutes().copied().collect();
        let told = minutes
            .iter()
            .map(|it| (it.number, it.bitrate_kbps(), it.errors, it.seconds_off));
        let told: Vec<_> = told.collect();
        // What was seen of a minute is believed, though the recorder may know more of it.
        let expected = [
            (0, Some(1_000), 5, 0),
            (1, Some(3_000), 0, 0),
            (3, Some(0), 0, 1),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_day_is_kept_and_no_more_and_who_is_gone_is_forgotten() {
        let history = History::default();
        for minute in 0..2_000 {
            history.take(&sample(minute * 60, None, 0));
        }
        let kept = track(&history);
        assert_eq!(kept.minutes().count(), MINUTES_MAX);
        let first = kept
            .minutes()
            .next()
            .map(|it| (it.number, it.bitrate_kbps()));
        assert_eq!(first, Some((560, None)));
        history.take(&sample(60, None, 0));
        let kept = track(&history).minutes().count();
        assert_eq!(kept, 1, "the clock was set back");
        history.take(&Sample::default());
        assert!(history.lock().0.is_empty());
    }
}
