//! What a `[[channel.rendition]]` is offered as besides: its sound alone, its subtitles.

use std::fmt::{self, Display};

use super::{
    Config,
    channel::unique,
    mistake::{Ledger, quoted},
    section::{Found, Section},
};

/// Which teletext page is taken for subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeletextChoice {
    /// `auto`: the first page of subtitles that the PMT announces.
    First,
    /// `888`: the page of this number, in hexadecimal digits, in `0x100..0x900`.
    Page(u16),
    /// `deu`: the first page of subtitles that the PMT announces in this language (ISO 639-2).
    Language([u8; 3]),
}

impl Display for TeletextChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => formatter.write_str("auto"),
            Self::Page(number) => write!(formatter, "{number:03x}"),
            Self::Language(code) => write!(formatter, "{}", code.escape_ascii()),
        }
    }
}

/// Reads `audio_only` and `teletext` of the rendition called `name`. Their lists have names of
/// their own, which no rendition of the channel may have.
pub(super) fn read_tracks(
    section: &mut Section<'_>,
    name: &str,
    names: &mut Vec<Found<String>>,
    ledger: &mut Ledger,
) -> (bool, Vec<TeletextChoice>) {
    let is_audio_alone = section.flag("audio_only", ledger).unwrap_or_default();
    let teletext = section.texts("teletext", Config::TELETEXT_MAX, parse_teletext, ledger);
    if !name.is_empty() {
        let audio = is_audio_alone.then(|| Found {
            value: format!("{name}_audio"),
            place: section.place_of("audio_only"),
        });
        let pages = teletext.iter().map(|page| Found {
            value: format!("{name}_{}", page.value),
            place: page.place.clone(),
        });
        for track in audio.into_iter().chain(pages) {
            unique(Some(track), names, ledger);
        }
    }
    let teletext = teletext.into_iter().map(|page| page.value);
    (is_audio_alone, teletext.collect())
}

/// Reads which teletext page is taken for subtitles.
///
/// # Errors
/// A sentence that tells what can be written.
pub fn parse_teletext(text: &str) -> Result<TeletextChoice, String> {
    let choice = match *text.as_bytes() {
        _ if text == "auto" => Some(TeletextChoice::First),
        [b'1'..=b'8', b'0'..=b'9', b'0'..=b'9'] => {
            let number = u16::from_str_radix(text, 16).ok();
            number.map(TeletextChoice::Page)
        }
        [a @ b'a'..=b'z', b @ b'a'..=b'z', c @ b'a'..=b'z'] => {
            Some(TeletextChoice::Language([a, b, c]))
        }
        _ => None,
    };
    choice.ok_or_else(|| {
        let text = quoted(text);
        format!(
            "{text} is no teletext page: write its number from 100 to 899, its language as the \
             PMT has it, such as \"deu\", or \"auto\""
        )
    })
}
