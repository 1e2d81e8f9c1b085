//! Writes WebVTT.
//!
//! Source: RFC 8216 §3.5 (X-TIMESTAMP-MAP); W3C WebVTT §4 (syntax), §5.1 (the classes that are
//! colours). Every segment maps its own beginning to 00:00:00.000, so that a wrap or a jump of the
//! time stamps lies between segments and never within one.

use std::{fmt::Write, sync::Arc, time::Duration};

use crate::{
    demux::Pts,
    teletext::{Colour, Line},
};

/// Rows of a teletext page, header and row 24 included.
const ROWS: u32 = 25;

/// Text that begins above this row stands where it stood; other text stands where players put
/// subtitles, at the bottom.
const UPPER_ROWS: u8 = 12;

/// A text on the screen: settings and payload of its cues.
pub(super) type Text = Arc<str>;

/// The text of `lines`; `None` when there are none.
pub(super) fn text(lines: &[Line]) -> Option<Text> {
    let first = lines.first()?;
    let mut text = String::new();
    if first.row < UPPER_ROWS {
        let percent = u32::from(first.row) * 100 / ROWS;
        write!(text, " line:{percent}%").expect(TAKES_ALL);
    }
    for line in lines {
        text.push('\n');
        for span in &line.spans {
            match class(span.colour) {
                None => escape(&span.text, &mut text),
                Some(class) => {
                    write!(text, "<c.{class}>").expect(TAKES_ALL);
                    escape(&span.text, &mut text);
                    text.push_str("</c>");
                }
            }
        }
    }
    Some(text.into())
}

/// Why nothing goes wrong when text is written.
const TAKES_ALL: &str = "a string takes everything";

/// The class of a colour; white needs none.
const fn class(colour: Colour) -> Option<&'static str> {
    Some(match colour {
        Colour::White => return None,
        Colour::Black => "black",
        Colour::Red => "red",
        Colour::Green => "lime",
        Colour::Yellow => "yellow",
        Colour::Blue => "blue",
        Colour::Magenta => "magenta",
        Colour::Cyan => "cyan",
    })
}

fn escape(plain: &str, text: &mut String) {
    for letter in plain.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            letter => text.push(letter),
        }
    }
}

/// The beginning of a segment that begins at `begin`.
pub(super) fn header(begin: Pts) -> String {
    let ticks = begin.ticks();
    format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{ticks},LOCAL:00:00:00.000\n\n")
}

/// Appends a cue of `text` from `begin_90k` to `end_90k` after the beginning of the segment.
pub(super) fn write_cue(segment: &mut String, (begin_90k, end_90k): (u64, u64), text: &str) {
    let (begin, end) = (clock(begin_90k), clock(end_90k));
    write!(segment, "{begin} --> {end}{text}\n\n").expect(TAKES_ALL);
}

/// `hh:mm:ss.ttt`
fn clock(ticks: u64) -> String {
    let time = Duration::from_millis((ticks + 45) / 90);
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{millis:03}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::teletext::Span;

    fn line(row: u8, spans: &[(Colour, &str)]) -> Line {
        let span = |(colour, text): &(Colour, &str)| Span {
            colour: *colour,
            text: (*text).to_owned(),
        };
        Line {
            row,
            spans: spans.iter().map(span).collect(),
        }
    }

    #[test]
    fn colours_are_classes_and_letters_of_markup_are_escaped() {
        let lines = [
            line(
                20,
                &[(Colour::White, "1 < 2 & "), (Colour::Green, "3 --> 4")],
            ),
            line(22, &[(Colour::White, "second")]),
        ];
        let text = text(&lines).expect("there is text");
        let mut segment = header(Pts::from_ticks(8_589_934_591));
        write_cue(&mut segment, (45, 90 * 3_723_004), &text);
        assert_eq!(
            segment,
            "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:8589934591,LOCAL:00:00:00.000\n\n\
             00:00:00.001 --> 01:02:03.004\n\
             1 &lt; 2 &amp; <c.lime>3 --&gt; 4</c>\nsecond\n\n"
        );
    }

    #[test]
    fn text_at_the_top_stays_there() {
        let text = text(&[line(2, &[(Colour::White, "top")])]);
        assert_eq!(text.as_deref(), Some(" line:8%\ntop"));
        assert_eq!(super::text(&[]), None);
    }
}
