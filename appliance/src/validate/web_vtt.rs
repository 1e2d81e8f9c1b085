//! What a file of WebVTT says of time: its header, and when each cue is shown.
//!
//! Source: W3C WebVTT §4.1 (file structure), §4.2 (timings); RFC 8216 §3.5 (X-TIMESTAMP-MAP). Pure.
//! Takes the file as it comes, and keeps one line and the times of [`CUES_MAX`] cues.
//!
//! Refuses: to read the text of cues.

/// Cues of which the times are kept: some twenty a second for 12 s.
pub const CUES_MAX: usize = 256;

/// Bytes of a line that are read; the rest of it tells no time.
const LINE_BYTES_MAX: usize = 1_024;

/// What some put before a text, to tell how it is encoded.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

const ARROW: &str = "-->";

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebVtt {
    /// Whether it begins as WebVTT does.
    pub is_sound: bool,
    /// X-TIMESTAMP-MAP, as it stands there.
    pub timestamp_map: Option<String>,
    /// When its cues are shown, as many as are kept.
    pub cues: Vec<CueSpan>,
    /// Further cues.
    pub cues_left_out: u64,
    /// The first line of cue timings that is none.
    pub malformed: Option<String>,
}

/// When a cue is shown, by the time of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CueSpan {
    /// From then on, in milliseconds.
    pub start_ms: i64,
    /// Until then; it is later.
    pub end_ms: i64,
}

/// How the time of a file lies to that of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampMap {
    /// A moment as a time stamp of 33 bits, in ticks of 90 kHz.
    pub media_90k: u64,
    /// The same moment by the time of the file, in milliseconds.
    pub local_ms: i64,
}

impl TimestampMap {
    /// Reads `MPEGTS:` with a number of 33 bits and `LOCAL:` with a time, in either order.
    pub fn read(text: &str) -> Option<Self> {
        let (mut media_90k, mut local_ms) = (None, None);
        for part in text.split(',') {
            let part = part.trim();
            if let Some(ticks) = part.strip_prefix("MPEGTS:") {
                media_90k = Some(ticks.parse::<u64>().ok().filter(|ticks| *ticks < 1 << 33)?);
            } else if let Some(local) = part.strip_prefix("LOCAL:") {
                local_ms = Some(time_ms(local)?);
            }
        }
        Some(Self {
            media_90k: media_90k?,
            local_ms: local_ms?,
        })
    }
}

impl CueSpan {
    /// Reads `start --> end`, behind which there may be settings.
    fn read(line: &str) -> Option<Self> {
        let (start, rest) = line.split_once(ARROW)?;
        let end = rest.split_whitespace().next()?;
        let span = Self {
            start_ms: time_ms(start.trim())?,
            end_ms: time_ms(end)?,
        };
        (span.start_ms < span.end_ms).then_some(span)
    }
}

/// Where in the file the next line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    FirstLine,
    Header,
    Body,
}

/// Reads a file as it comes.
#[derive(Debug, Default)]
pub struct Reader {
    part: Part,
    line: Vec<u8>,
    /// The last byte was a carriage return, which ended the line.
    is_return: bool,
    read: WebVtt,
}

impl Reader {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let was_return = std::mem::replace(&mut self.is_return, *byte == b'\r');
            match byte {
                b'\n' if was_return => {}
                b'\n' | b'\r' => self.end_line(),
                byte if self.line.len() < LINE_BYTES_MAX => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// Tells what was read.
    pub fn finish(mut self) -> WebVtt {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.read
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let bare = line.strip_prefix(BYTE_ORDER_MARK);
        let bare = bare.filter(|_| self.part == Part::FirstLine);
        let line = String::from_utf8_lossy(bare.unwrap_or(&line));
        let line = line.trim_end();
        match self.part {
            Part::FirstLine => {
                let rest = line.strip_prefix("WEBVTT");
                self.read.is_sound =
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
                self.part = Part::Header;
            }
            Part::Header if line.is_empty() => self.part = Part::Body,
            // A header ends with an empty line; where cues follow at once, it has ended too.
            Part::Header if line.contains(ARROW) => {
                self.part = Part::Body;
                self.take_cue(line);
            }
            Part::Header => {
                if let Some(map) = line.strip_prefix("X-TIMESTAMP-MAP=") {
                    self.read.timestamp_map = Some(map.to_owned());
                }
            }
            Part::Body if line.contains(ARROW) => self.take_cue(line),
            Part::Body => {}
        }
    }

    fn take_cue(&mut self, line: &str) {
        let read = &mut self.read;
        match CueSpan::read(line) {
            None => {
                read.malformed.get_or_insert_with(|| line.to_owned());
            }
            Some(span) if read.cues.len() < CUES_MAX => read.cues.push(span),
            Some(_) => read.cues_left_out += 1,
        }
    }
}

/// `[hh:]mm:ss.ttt` in milliseconds.
fn time_ms(text: &str) -> Option<i64> {
    let (clock, millis) = text.split_once('.')?;
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match *parts.as_slice() {
        [minutes, seconds] => (0, minutes, seconds),
        [hours, minutes, seconds] => (number(hours, 2..=9)?, minutes, seconds),
        _ => return None,
    };
    let sixties = |text| number(text, 2..=2).filter(|number| *number < 60);
    let seconds = (hours * 60 + sixties(minutes)?) * 60 + sixties(seconds)?;
    Some(seconds * 1_000 + number(millis, 3..=3)?)
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let is_number = digits.contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize) -> WebVtt {
        let mut reader = Reader::default();
        text.as_bytes()
            .chunks(piece)
            .for_each(|piece| reader.push(piece));
        reader.finish()
    }

    #[test]
    fn a_file_is_read_however_it_comes_and_whatever_ends_its_lines() {
        let text = "\u{FEFF}WEBVTT - a title\nX-TIMESTAMP-MAP=LOCAL:00:00:01.000,MPEGTS:900000\n\n\
            NOTE none\n\nname\n00:01.000 --> 01:00:02.500 line:10%\nyes\n\n00:03.000-->00:04.000";
        let due = WebVtt {
            is_sound: true,
            timestamp_map: Some("LOCAL:00:00:01.000,MPEGTS:900000".to_owned()),
            cues: [(1_000, 3_602_500), (3_000, 4_000)]
                .map(|(start_ms, end_ms)| CueSpan { start_ms, end_ms })
                .to_vec(),
            ..WebVtt::default()
        };
        for ending in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', ending);
            for piece in [1, 2, 7, 1_000] {
                assert_eq!(read(&text, piece), due, "{ending:?} {piece}");
            }
        }
    }

    #[test]
    fn a_map_is_a_time_stamp_and_a_time() {
        let map = TimestampMap {
            media_90k: 900_000,
            local_ms: 61_500,
        };
        for text in [
            "MPEGTS:900000,LOCAL:00:01:01.500",
            "LOCAL:01:01.500, MPEGTS:900000",
        ] {
            assert_eq!(TimestampMap::read(text), Some(map), "{text}");
        }
        for text in [
            "",
            "MPEGTS:1",
            "LOCAL:00:00.000",
            "MPEGTS:8589934592,LOCAL:00:00.000",
            "MPEGTS:-1,LOCAL:00:00.000",
            "MPEGTS:1,LOCAL:0",
            "MPEGTS:1,LOCAL:00:60.000",
        ] {
            assert_eq!(TimestampMap::read(text), None, "{text}");
        }
    }

    #[test]
    fn timings_that_are_none_are_told_and_the_others_are_read() {
        for wrong in [
            "00:02.000 --> 00:02.000",
            "00:02.000 --> 00:01.000",
            "00:02,000 --> 00:03,000",
            "2 --> 3",
            "00:02.000 -->",
            "00:61.000 --> 00:62.000",
        ] {
            let text = format!("WEBVTT\n\n{wrong}\nno\n\n00:05.000 --> 00:06.000\nyes\n");
            let read = read(&text, 100);
            assert_eq!(read.malformed.as_deref(), Some(wrong));
            assert_eq!(read.cues.len(), 1, "{wrong}");
        }
    }

    #[test]
    fn cues_are_bounded_and_those_beyond_are_counted() {
        let text = format!(
            "WEBVTT\n\n{}",
            "00:01.000 --> 00:02.000\nyes\n\n".repeat(300)
        );
        let read = read(&text, 100);
        assert_eq!((read.cues.len(), read.cues_left_out), (CUES_MAX, 44));
    }
}
