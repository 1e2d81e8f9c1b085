//! Text in DVB service information, made fit for a terminal.
//!
//! Source: EN 300 468 Annex A. ISO/IEC 6937, 8859-1, 8859-5, UTF-8 and UCS-2 are read; of other
//! tables only the ASCII half. The bytes come from whoever feeds the stream: control characters
//! and those that turn the direction of writing never come out.

use std::iter::once;

/// Reads a text field: an optional selection of the character table, then the characters.
pub(crate) fn dvb_text(bytes: &[u8]) -> String {
    let text: String = match bytes {
        [0x15, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        [0x11 | 0x14, text @ ..] => ucs_2(text),
        [0x10, 0, table, text @ ..] => single_bytes(text, table_of(*table)),
        [0x01, text @ ..] => single_bytes(text, iso_8859_5),
        [0x05 | 0x0B, text @ ..] => single_bytes(text, iso_8859_1),
        [0x10, _, _, text @ ..] | [0x1F, _, text @ ..] | [0x00..0x20, text @ ..] => {
            single_bytes(text, unknown)
        }
        text => iso_6937(text),
    };
    let shown: String = text
        .chars()
        .map(line_break)
        .filter(|&c| is_shown(c))
        .collect();
    shown.trim().to_owned()
}

/// DVB's own line break stands for a space here.
const fn line_break(character: char) -> char {
    match character {
        '\u{8A}' | '\u{E08A}' | '\n' => ' ',
        other => other,
    }
}

/// False for what a terminal would obey instead of showing.
pub(crate) fn is_shown(character: char) -> bool {
    let is_format = matches!(
        character,
        '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E000}'..='\u{F8FF}'
    );
    !character.is_control() && !is_format
}

fn ucs_2(bytes: &[u8]) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| u16::from_be_bytes(pair));
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn single_bytes(bytes: &[u8], upper: fn(u8) -> char) -> String {
    bytes.iter().map(|&byte| character(byte, upper)).collect()
}

fn character(byte: u8, upper: fn(u8) -> char) -> char {
    if byte < 0xA0 {
        char::from(byte)
    } else {
        upper(byte)
    }
}

fn table_of(number: u8) -> fn(u8) -> char {
    match number {
        1 | 9 | 15 => iso_8859_1,
        5 => iso_8859_5,
        _ => unknown,
    }
}

fn unknown(_: u8) -> char {
    char::REPLACEMENT_CHARACTER
}

fn iso_8859_1(byte: u8) -> char {
    char::from(byte)
}

fn iso_8859_5(byte: u8) -> char {
    match byte {
        0xA0 | 0xAD => char::from(byte),
        0xF0 => '№',
        0xFD => '§',
        _ => char::from_u32(u32::from(byte) + 0x360).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// ISO/IEC 6937 writes a diacritical mark before its letter; Unicode after it.
fn iso_6937(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut mark = None;
    for &byte in bytes {
        if let Some(combining) = diacritical_mark(byte) {
            mark = Some(combining);
            continue;
        }
        text.extend(once(character(byte, iso_6937_upper)).chain(mark.take()));
    }
    text
}

const fn diacritical_mark(byte: u8) -> Option<char> {
    Some(match byte {
        0xC1 => '\u{300}',
        0xC2 => '\u{301}',
        0xC3 => '\u{302}',
        0xC4 => '\u{303}',
        0xC5 => '\u{304}',
        0xC6 => '\u{306}',
        0xC7 => '\u{307}',
        0xC8 => '\u{308}',
        0xCA => '\u{30A}',
        0xCB => '\u{327}',
        0xCD => '\u{30B}',
        0xCE => '\u{328}',
        0xCF => '\u{30C}',
        _ => return None,
    })
}

fn iso_6937_upper(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA0..=0xA3 | 0xA5 | 0xA7 | 0xAB | 0xB0..=0xB3 | 0xB5..=0xB7 | 0xBB..=0xBF => {
            char::from(byte)
        }
        0xE1 => 'Æ',
        0xE8 => 'Ł',
        0xE9 => 'Ø',
        0xEA => 'Œ',
        0xF1 => 'æ',
        0xF2 => 'đ',
        0xF5 => 'ı',
        0xF8 => 'ł',
        0xF9 => 'ø',
        0xFA => 'œ',
        0xFB => 'ß',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::dvb_text;

    #[test]
    fn reads_the_character_tables_in_use() {
        assert_eq!(dvb_text(b"News HD"), "News HD");
        assert_eq!(dvb_text(b"T\xC2el\xC2e"), "Te\u{301}le\u{301}");
        assert_eq!(
            dvb_text("\u{15}VTV1 Th\u{1EDD}i s\u{1EF1}".as_bytes()),
            "VTV1 Thời sự"
        );
        assert_eq!(dvb_text(b"\x01\xC0\xD5\xE2\xE0"), "Рет\u{440}");
        assert_eq!(dvb_text(b"\x10\x00\x01caf\xE9"), "café");
        assert_eq!(dvb_text(b"\x11\x00A\x04\x10"), "AА");
        assert_eq!(dvb_text(b""), "");
    }

    #[test]
    fn terminal_control_never_comes_out() {
        assert_eq!(
            dvb_text(b"\x86Hot\x87 \x1b[31mNews\x07\x8Anow"),
            "Hot [31mNews now"
        );
        assert_eq!(
            dvb_text("\u{15}a\u{202E}b\u{9B}c\u{2066}d".as_bytes()),
            "abcd"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_printable_text(bytes: Vec<u8>) {
            prop_assert!(!dvb_text(&bytes).chars().any(char::is_control));
        }
    }
}
