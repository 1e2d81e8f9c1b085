//! Holds successive versions of a live Media Playlist against the rules, as a player meets them.
//!
//! Source: RFC 8216 §4.3, §6.2.1, §6.2.2 and draft-pantos-hls-rfc8216bis §6.2.1, by the numbers
//! that rules have here: R1 to R5 (durations and numbers), R6 (no type), R7 (what has left), R8
//! (pace), R10 (dates), R11 (date ranges and cues) and R13 (version), as far as lists tell of them.
//! What segments hold, and what renditions say of one another, is for who fetches them. Shares no
//! code with the product.

mod cue;
mod range;
mod value;
mod watch;

pub use cue::CueTag;
pub use range::Range;
pub use watch::{Departed, Watch};

use value::{date_ms, extinf_us, key_uri};

/// How far the date of a segment may stand from its neighbours: the correction of a clock, and the
/// milliseconds to which dates are rounded.
const DATE_TOLERANCE_MS: i64 = 22;

/// One segment of one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// As it stands in the list.
    pub uri: String,
    /// EXTINF in microseconds.
    pub duration_us: u64,
    /// EXT-X-DISCONTINUITY stands before it.
    pub is_discontinuity: bool,
    /// EXT-X-GAP stands before it.
    pub is_gap: bool,
    /// URI of the EXT-X-KEY that holds for it, of AES-128 and without IV; none in the clear.
    pub key: Option<String>,
    /// EXT-X-PROGRAM-DATE-TIME, in milliseconds since 1970, if it has one of its own.
    pub date_ms: Option<i64>,
    /// What it is to the break around it, where the list has tags for that.
    pub cue: Option<CueTag>,
}

/// One version of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Version {
    /// EXT-X-VERSION.
    pub version: u64,
    /// EXT-X-TARGETDURATION.
    pub target_s: u64,
    /// EXT-X-MEDIA-SEQUENCE.
    pub sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// It has EXT-X-ENDLIST.
    pub is_ended: bool,
    /// Its segments.
    pub entries: Vec<Entry>,
    /// Its date ranges, one for each line.
    pub ranges: Vec<Range>,
}

/// A rule that two versions, or one, break.
pub type Breach = String;

impl Version {
    /// Reads `text`.
    ///
    /// # Errors
    /// The line that is no part of a Media Playlist as the rules allow it.
    pub fn read(text: &str) -> Result<Self, Breach> {
        let mut version = Self::default();
        let mut next = Entry::none();
        let mut key = None;
        let body = text.strip_prefix("#EXTM3U\n").ok_or("no EXTM3U at first")?;
        for line in body.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            let number = || {
                value
                    .parse()
                    .ok()
                    .ok_or_else(|| format!("no number: {line}"))
            };
            match tag {
                "#EXT-X-VERSION" => version.version = number()?,
                "#EXT-X-TARGETDURATION" => version.target_s = number()?,
                "#EXT-X-MEDIA-SEQUENCE" => version.sequence = number()?,
                "#EXT-X-DISCONTINUITY-SEQUENCE" => version.discontinuity_sequence = number()?,
                "#EXT-X-ENDLIST" => version.is_ended = true,
                "#EXT-X-DISCONTINUITY" => next.is_discontinuity = true,
                "#EXT-X-GAP" => next.is_gap = true,
                "#EXT-X-PROGRAM-DATE-TIME" => {
                    next.date_ms = Some(date_ms(value).ok_or_else(|| format!("R10: {line}"))?);
                }
                "#EXT-X-DATERANGE" => {
                    let before = version.sequence + version.entries.len() as u64;
                    version.ranges.push(Range::read(value, before)?);
                }
                "#EXT-X-CUE-OUT" | "#EXT-X-CUE-OUT-CONT" | "#EXT-X-CUE-IN" => {
                    next.cue = Some(CueTag::read(tag, value, next.cue)?);
                }
                "#EXTINF" => next.duration_us = extinf_us(value).ok_or(line)?,
                "#EXT-X-KEY" => key = key_uri(value)?,
                "#EXT-X-PLAYLIST-TYPE" => return Err(format!("R6: {line}")),
                _ if line.starts_with('#') || line.is_empty() => {
                    return Err(format!("an unknown tag: {line}"));
                }
                _ => {
                    line.clone_into(&mut next.uri);
                    next.key.clone_from(&key);
                    version
                        .entries
                        .push(std::mem::replace(&mut next, Entry::none()));
                }
            }
        }
        version.check()?;
        Ok(version)
    }

    /// The Media Sequence Number after the last.
    pub fn end(&self) -> u64 {
        self.sequence + self.entries.len() as u64
    }

    /// Media of all entries, in microseconds.
    fn duration_us(&self) -> u64 {
        self.entries.iter().map(|entry| entry.duration_us).sum()
    }

    /// When each entry begins, in milliseconds since 1970, by the date before it.
    pub fn dates_ms(&self) -> Vec<i64> {
        let mut at_us = 0;
        let mut dates = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            at_us = entry.date_ms.map_or(at_us, |date_ms| date_ms * 1_000);
            dates.push(at_us / 1_000);
            at_us += entry.duration_us.cast_signed();
        }
        dates
    }

    /// What holds of every version.
    fn check(&self) -> Result<(), Breach> {
        if self.entries.is_empty() {
            return Err("R2: an empty list".to_owned());
        }
        if self.version != 8 {
            return Err(format!("R13: version {}", self.version));
        }
        let mut until_ms = None;
        for (entry, date_ms) in self.entries.iter().zip(self.dates_ms()) {
            let rounded_s = (entry.duration_us + 500_000) / 1_000_000;
            if entry.duration_us == 0 || rounded_s > self.target_s {
                return Err(format!("R1: {entry:?} of {} s", self.target_s));
            }
            if entry.date_ms.is_none() {
                return Err(format!("R10: {entry:?} has no date"));
            }
            let is_early = |until: &i64| date_ms + DATE_TOLERANCE_MS < *until;
            if let Some(until_ms) = until_ms.filter(is_early) {
                return Err(format!("R10: {entry:?} begins before {until_ms}"));
            }
            until_ms = Some(date_ms + (entry.duration_us / 1_000).cast_signed());
        }
        self.check_cues()
    }

    fn check_cues(&self) -> Result<(), Breach> {
        let cues = self.entries.iter().map(|entry| entry.cue);
        let mut pairs = cues.clone().zip(cues.skip(1));
        match pairs.find(|(cue, next)| !CueTag::may_follow(*next, *cue)) {
            Some((cue, next)) => Err(format!("R11: behind {cue:?} comes {next:?}")),
            None => Ok(()),
        }
    }

    /// What must hold of it as the version after `last`, which may get too short if that is said.
    fn check_after(&self, last: &Self, may_be_short: bool) -> Result<(), Breach> {
        if last.is_ended {
            return Err("R2: a list that had ended has changed".to_owned());
        }
        if self.target_s != last.target_s {
            return Err(format!("R1: TARGETDURATION was {}", last.target_s));
        }
        if self.sequence < last.sequence || self.end() < last.end() {
            return Err(format!("R3: {} to {}", last.end(), self.end()));
        }
        let left = usize::try_from(self.sequence - last.sequence).unwrap_or(usize::MAX);
        let Some((left, kept)) = last.entries.split_at_checked(left) else {
            return Err(format!("R3: more left than there was: {left}"));
        };
        let breaks = left.iter().filter(|entry| entry.is_discontinuity).count() as u64;
        if self.discontinuity_sequence != last.discontinuity_sequence + breaks {
            let was = last.discontinuity_sequence;
            return Err(format!(
                "R4: DISCONTINUITY-SEQUENCE was {was}, {breaks} left"
            ));
        }
        self.check_kept(kept)?;
        self.check_ranges(last)?;
        let rest_us: u64 = self.duration_us();
        let is_short = rest_us < 3 * 1_000_000 * self.target_s;
        if !left.is_empty() && is_short && !may_be_short {
            return Err(format!("R5: {rest_us} us are left"));
        }
        Ok(())
    }

    /// R11: a date range stays as long as it reaches into the window; one that lies behind it, and
    /// so has not come, may be taken back.
    fn check_ranges(&self, last: &Self) -> Result<(), Breach> {
        let dates = self.dates_ms();
        let begin_ms = dates.first().copied().unwrap_or_default();
        let last_ms = dates.last().copied().unwrap_or_default();
        let is_gone = |range: &&Range| self.ranges.iter().all(|it| it.id != range.id);
        let mut gone = last.ranges.iter().filter(is_gone);
        let reaches_in = |range: &&Range| {
            range.start_ms < last_ms && range.end_ms > begin_ms + DATE_TOLERANCE_MS
        };
        match gone.find(reaches_in) {
            Some(range) => Err(format!("R11: {range:?} is gone at {begin_ms}")),
            None => Ok(()),
        }
    }

    /// Nothing that stays has changed.
    fn check_kept(&self, kept: &[Entry]) -> Result<(), Breach> {
        let mut pairs = kept.iter().zip(&self.entries);
        match pairs.find(|(was, is)| was != is) {
            Some((was, is)) => Err(format!("R2: {was:?} became {is:?}")),
            None => Ok(()),
        }
    }
}

impl Entry {
    /// The same without its date, which boxes may see a little apart.
    #[must_use]
    pub fn undated(&self) -> Self {
        Self {
            date_ms: None,
            ..self.clone()
        }
    }

    fn none() -> Self {
        Self {
            uri: String::new(),
            duration_us: 0,
            is_discontinuity: false,
            is_gap: false,
            key: None,
            date_ms: None,
            cue: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:2\n\
        #EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n\
        #EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:00.000Z\n#EXTINF:2.000000,\na-7.ts\n\
        #EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:02.500Z\n\
        #EXTINF:2.000000,\na-8.ts\n\
        #EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:04.500Z\n\
        #EXTINF:2.000000,\n#EXT-X-GAP\na-9.ts\n\
        #EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:06.500Z\n\
        #EXTINF:2.000000,\na-10.ts\n";
    const NEXT: &str = "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:08.500Z\n\
        #EXTINF:2.400000,\na-11.ts\n";

    fn after(first: &str, second: &str) -> Result<(), Breach> {
        let mut watch = Watch::default();
        watch.see(first, 0)?;
        watch.see(second, 2_000).map(drop)
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(date_ms("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(date_ms("2026-01-31T20:15:00.123Z"), Some(1_769_890_500_123));
        assert_eq!(date_ms("2024-02-29T00:00:00.000Z"), Some(1_709_164_800_000));
    }

    #[test]
    fn a_list_that_grows_and_loses_its_first_is_sound() {
        assert_eq!(after(FIRST, &format!("{FIRST}{NEXT}")), Ok(()));
        let second = format!("{FIRST}{NEXT}")
            .replace("SEQUENCE:7", "SEQUENCE:8")
            .replace("#EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:00.000Z\n", "")
            .replace("#EXTINF:2.000000,\na-7.ts\n", "");
        assert_eq!(after(FIRST, &second), Ok(()));
    }

    #[test]
    fn each_breach_is_named_by_its_rule() {
        let grown = format!("{FIRST}{NEXT}");
        for (rule, from, to) in [
            ("R1", "TARGETDURATION:2", "TARGETDURATION:3"),
            ("R1", "2.400000", "2.500000"),
            ("R2", "a-8.ts", "b-8.ts"),
            ("R2", "#EXT-X-GAP\n", ""),
            (
                "R2",
                "#EXTINF:2.000000,\na-10",
                "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:2.000000,\na-10",
            ),
            ("R3", "MEDIA-SEQUENCE:7", "MEDIA-SEQUENCE:6"),
            ("R4", "DISCONTINUITY-SEQUENCE:1", "DISCONTINUITY-SEQUENCE:2"),
            (
                "R6",
                "#EXT-X-VERSION:8",
                "#EXT-X-VERSION:8\n#EXT-X-PLAYLIST-TYPE:EVENT",
            ),
            ("R2", "15:00.000Z", "15:00.001Z"),
            ("R10", "15:08.500Z", "15:08.477Z"),
            (
                "R10",
                "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:08.500Z\n",
                "",
            ),
            ("R13", "VERSION:8", "VERSION:6"),
        ] {
            let breach = after(FIRST, &grown.replace(from, to)).expect_err(from);
            assert!(breach.starts_with(rule), "{from} to {to}: {breach}");
        }
        let short = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:2\n\
            #EXT-X-MEDIA-SEQUENCE:9\n#EXT-X-DISCONTINUITY-SEQUENCE:2\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:04.500Z\n\
            #EXTINF:2.000000,\n#EXT-X-GAP\na-9.ts\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-01-31T20:15:06.500Z\n\
            #EXTINF:2.000000,\na-10.ts\n";
        let breach = after(FIRST, short).expect_err("four seconds");
        assert!(breach.starts_with("R5"), "{breach}");
    }

    #[test]
    fn a_date_range_stays_and_never_changes() {
        let line = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-31T20:15:01.000Z\",\
            DURATION=4.000,SCTE35-OUT=0xFC30\n#EXTINF:2.4";
        let first = FIRST.replacen("#EXTINF:2.0", line.replace("2.4", "2.0").as_str(), 1);
        let grown = format!("{first}{NEXT}");
        assert_eq!(after(&first, &grown), Ok(()));
        for (from, to) in [
            ("DURATION=4.000", "DURATION=4.001"),
            ("DURATION=4.000", "DURATION=-4.000"),
            ("OUT=0xFC30", "OUT=0xAC30"),
            ("ID=\"a\"", "ID=\"b\""),
            ("\",DURATION", "\",ID=\"a\",DURATION"),
        ] {
            let breach = after(&first, &grown.replace(from, to)).expect_err(from);
            assert!(breach.starts_with("R11"), "{from} to {to}: {breach}");
        }
        let left = grown.replace("SEQUENCE:7", "SEQUENCE:8");
        let (head, rest) = left.split_once("#EXT-X-PROGRAM").expect("a date");
        let (_, tail) = rest.split_once("#EXT-X-DISCONTINUITY\n").expect("one");
        let left = format!("{head}#EXT-X-DISCONTINUITY\n{tail}");
        let breach = after(&first, &left).expect_err("it reaches to 15:05");
        assert!(breach.starts_with("R11"), "{breach}");
    }

    #[test]
    fn a_list_that_stands_still_is_a_breach() {
        let mut watch = Watch::default();
        assert!(watch.see(FIRST, 0).is_ok() && watch.see(FIRST, 3_000).is_ok());
        let breach = watch.see(FIRST, 3_001).expect_err("3 s are one and a half");
        assert!(breach.starts_with("R8"), "{breach}");
    }

    #[test]
    fn a_break_has_a_tag_at_each_of_its_segments() {
        // Those of the second segment, the third and the last.
        let with = |tags: [&str; 3]| {
            let mut parts = FIRST.split("#EXTINF");
            let head = parts.next().expect("a header").to_owned();
            let tags = [""].into_iter().chain(tags);
            parts.zip(tags).fold(head, |text, (part, tag)| {
                let line_end = if tag.is_empty() { "" } else { "\n" };
                format!("{text}{tag}{line_end}#EXTINF{part}")
            })
        };
        let (out, on, end) = (
            "#EXT-X-CUE-OUT:4",
            "#EXT-X-CUE-OUT-CONT:2/4",
            "#EXT-X-CUE-IN",
        );
        let next = "#EXT-X-CUE-IN\n#EXT-X-CUE-OUT";
        let sound = [
            ["", "", ""],
            [out, on, end],
            [out, next, on],
            [on, end, ""],
            ["", on, on],
        ];
        for tags in sound {
            assert_eq!(after(&with(tags), &with(tags)), Ok(()), "{tags:?}");
        }
        for tags in [
            [out, "", end],
            ["", end, ""],
            [out, out, end],
            [next, on, end],
        ] {
            let breach = after(&with(tags), &with(tags)).expect_err(tags[0]);
            assert!(breach.starts_with("R11"), "{tags:?}: {breach}");
        }
        let breach = after(&with([out, on, end]), &with([out, on, on])).expect_err("it had ended");
        assert!(breach.starts_with("R2"), "{breach}");
    }
}
