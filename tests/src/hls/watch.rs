//! One list over time.

use std::collections::{BTreeMap, VecDeque};

use super::{Breach, Entry, Range, Version};

/// A segment that left the list and must stay available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departed {
    /// As it stood in the list.
    pub uri: String,
    /// Until when, in milliseconds.
    pub until_ms: u64,
}

/// One list over time.
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<(Version, u64)>,
    text: String,
    longest_us: u64,
    departed: VecDeque<Departed>,
    /// What was ever said under an ID.
    ranges: BTreeMap<String, BTreeMap<String, String>>,
    /// Versions seen.
    pub versions: u64,
    /// R5 may be broken: by a box that has no room for as many segments.
    pub may_be_short: bool,
}

impl Watch {
    /// Takes `text` as the list at `now_ms`, and tells the entries that are new.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn see(&mut self, text: &str, now_ms: u64) -> Result<Vec<Entry>, Breach> {
        self.check_pace(now_ms)?;
        if text == self.text {
            return Ok(Vec::new());
        }
        let version = Version::read(text)?;
        let mut known = version.sequence;
        if let Some((last, _)) = &self.last {
            version.check_after(last, self.may_be_short)?;
            known = last.end();
            let left = usize::try_from(version.sequence - last.sequence).unwrap_or(usize::MAX);
            for entry in last.entries.iter().take(left).filter(|entry| !entry.is_gap) {
                self.departed.push_back(Departed {
                    uri: entry.uri.clone(),
                    until_ms: now_ms + (entry.duration_us + self.longest_us) / 1_000,
                });
            }
        }
        self.compare_ranges(&version)?;
        self.longest_us = self.longest_us.max(version.duration_us());
        let new = usize::try_from(known - version.sequence).unwrap_or(usize::MAX);
        let new = version.entries.get(new..).unwrap_or_default().to_vec();
        self.versions += 1;
        text.clone_into(&mut self.text);
        self.last = Some((version, now_ms));
        Ok(new)
    }

    /// The list may have been begun anew, by a box that may have forgotten the last seconds: the
    /// next version is held against none before it, but for its numbers.
    ///
    /// # Errors
    /// When numbers that players know come back.
    pub fn see_after_restart(&mut self, text: &str, now_ms: u64) -> Result<Vec<Entry>, Breach> {
        let Some((last, _)) = self.last.take() else {
            return self.see(text, now_ms);
        };
        let version = Version::read(text)?;
        if version.end() > last.sequence && version.sequence < last.end() {
            self.last = Some((last, now_ms));
            return self.see(text, now_ms);
        }
        if version.sequence < last.end() {
            return Err(format!(
                "R3: after {} comes {}",
                last.end(),
                version.sequence
            ));
        }
        if version.discontinuity_sequence < last.discontinuity_sequence {
            let was = last.discontinuity_sequence;
            return Err(format!("R4: DISCONTINUITY-SEQUENCE was {was}"));
        }
        self.departed.clear();
        self.text.clear();
        self.longest_us = 0;
        self.see(text, now_ms)
    }

    /// The same for a list that goes further back than a power cut reaches: what it took is a gap
    /// from now on, and may be told of in another way.
    ///
    /// # Errors
    /// The rule that is broken, but for that.
    pub fn see_after_loss(&mut self, text: &str, now_ms: u64) -> Result<Vec<Entry>, Breach> {
        let version = Version::read(text)?;
        let Some((last, _)) = &mut self.last else {
            return self.see(text, now_ms);
        };
        if version.sequence >= last.end() {
            return self.see_after_restart(text, now_ms);
        }
        let is_at = |number: u64| usize::try_from(number.checked_sub(version.sequence)?).ok();
        let mut lost_from = None;
        for (number, was) in (last.sequence..).zip(&mut last.entries) {
            let is = is_at(number).and_then(|place| version.entries.get(place));
            if let Some(gap) = is.filter(|is| is.is_gap) {
                lost_from = lost_from.or((!was.is_gap).then_some(number));
                was.clone_from(gap);
            }
        }
        if lost_from == Some(version.sequence) {
            lose_what_left(last, &version);
        }
        let is_lost = |range: &Range| lost_from.is_some_and(|from| range.before >= from);
        last.ranges.retain(|range| !is_lost(range));
        self.see(text, now_ms)
    }

    /// R11: what is once said of a date range is never said otherwise.
    fn compare_ranges(&mut self, version: &Version) -> Result<(), Breach> {
        for range in &version.ranges {
            let known = self.ranges.entry(range.id.clone()).or_default();
            for (name, value) in &range.attributes {
                let old = known.entry(name.clone()).or_insert_with(|| value.clone());
                if old != value {
                    return Err(format!("R11: {name} was {old}: {range:?}"));
                }
            }
        }
        Ok(())
    }

    /// Segments that may go now: until now they had to be there.
    pub fn due(&mut self, now_ms: u64) -> Option<Departed> {
        let is_due = |departed: &Departed| departed.until_ms <= now_ms;
        let front = self.departed.front().is_some_and(is_due);
        front.then(|| self.departed.pop_front()).flatten()
    }

    /// Date ranges that were ever told of.
    pub fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// The last version.
    pub fn last(&self) -> Option<&Version> {
        self.last.as_ref().map(|(version, _)| version)
    }

    fn check_pace(&self, now_ms: u64) -> Result<(), Breach> {
        let Some((last, at_ms)) = &self.last else {
            return Ok(());
        };
        let since_ms = now_ms - at_ms;
        if since_ms > last.target_s * 1_500 && !last.is_ended {
            return Err(format!("R8: nothing new for {since_ms} ms"));
        }
        Ok(())
    }
}

/// What a power cut took reaches back to the front of `version` at least: what left before that may
/// have become gaps too, the newest first, as many of them with a discontinuity as are counted.
fn lose_what_left(last: &mut Version, version: &Version) {
    let left = version.sequence.saturating_sub(last.sequence);
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    let left = left.min(last.entries.len());
    let breaks = last.entries[..left].iter().filter(|it| it.is_discontinuity);
    let known = last.discontinuity_sequence + breaks.count() as u64;
    let missing = version.discontinuity_sequence.saturating_sub(known);
    let missing = usize::try_from(missing).unwrap_or(usize::MAX);
    let whole = last.entries[..left].iter_mut().rev();
    for entry in whole.filter(|it| !it.is_discontinuity).take(missing) {
        entry.is_discontinuity = true;
    }
}
