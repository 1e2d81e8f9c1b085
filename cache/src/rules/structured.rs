//! Structured fields: reading a dictionary, writing strings and tokens.
//!
//! Source: RFC 9651 §3.2, §4.1, §4.2.
//!
//! Refuses: a dictionary with a single mistake in it, as the RFC wants: all of it or nothing.

use std::fmt::{self, Write};

/// Members a dictionary may have; RFC 9651 §3.2 wants at least 1,024 to be read.
const MEMBERS_MAX: usize = 1024;

/// The value of a member. What nobody asks for is only known to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// An integer of at most 15 digits.
    Integer(i64),
    /// A boolean; a member without a value is true.
    Boolean(bool),
    /// A string, without its quotes.
    String(String),
    /// A token.
    Token(String),
    /// Something else: a decimal, bytes, a date, a display string or an inner list.
    Other,
}

/// Reads a dictionary. Of members of one name the last counts. Parameters are dropped.
pub(super) fn dictionary(text: &[u8]) -> Option<Vec<(String, Value)>> {
    let mut reader = Reader(text);
    let mut members: Vec<(String, Value)> = Vec::new();
    reader.skip(is_space);
    while !reader.0.is_empty() {
        let (key, value) = reader.member()?;
        members.retain(|(known, _)| *known != key);
        if members.len() == MEMBERS_MAX {
            return None;
        }
        members.push((key, value));
        reader.skip(is_blank);
        if reader.0.is_empty() {
            break;
        }
        reader.eat(b',').then_some(())?;
        reader.skip(is_blank);
        if reader.0.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// Writes a string. What cannot stand in one becomes `?`.
pub(super) fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(out, "\\{letter}")?,
            ' '..='~' => out.write_char(letter)?,
            _ => out.write_char('?')?,
        }
    }
    out.write_char('"')
}

/// Writes a token, or a string if it cannot be one.
pub(super) fn write_name(out: &mut impl Write, text: &str) -> fmt::Result {
    let mut bytes = text.bytes();
    let is_first_fit = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'*');
    if is_first_fit && bytes.all(is_token_byte) {
        out.write_str(text)
    } else {
        write_string(out, text)
    }
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn member(&mut self) -> Option<(String, Value)> {
        let key = self.key()?;
        let value = if !self.eat(b'=') {
            Value::Boolean(true)
        } else if self.eat(b'(') {
            self.inner_list()?
        } else {
            self.item()?
        };
        self.parameters()?;
        Some((key, value))
    }

    /// What follows the bracket of an inner list, up to its end.
    fn inner_list(&mut self) -> Option<Value> {
        loop {
            self.skip(is_space);
            if self.eat(b')') {
                return Some(Value::Other);
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.0.first()?, b' ' | b')') {
                return None;
            }
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.skip(is_space);
            self.key()?;
            if self.eat(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    fn item(&mut self) -> Option<Value> {
        match self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string().map(Value::String),
            b':' => self.bytes(),
            b'?' => self.boolean(),
            b'@' => {
                self.take(1);
                matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
            }
            b'%' => {
                self.take(1);
                self.display_string()
            }
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                let token = self.span(is_token_byte);
                Some(Value::Token(text(token)?))
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let is_negative = self.eat(b'-');
        let whole = self.span(|byte| byte.is_ascii_digit());
        if !(1..=15).contains(&whole.len()) {
            return None;
        }
        if self.eat(b'.') {
            let fraction = self.span(|byte| byte.is_ascii_digit());
            let is_fit = whole.len() <= 12 && (1..=3).contains(&fraction.len());
            return is_fit.then_some(Value::Other);
        }
        let number: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
        Some(Value::Integer(if is_negative { -number } else { number }))
    }

    fn string(&mut self) -> Option<String> {
        self.eat(b'"').then_some(())?;
        let mut string = String::new();
        loop {
            match self.next()? {
                b'"' => return Some(string),
                b'\\' => match self.next()? {
                    escaped @ (b'"' | b'\\') => string.push(char::from(escaped)),
                    _ => return None,
                },
                byte @ b' '..=b'~' => string.push(char::from(byte)),
                _ => return None,
            }
        }
    }

    /// A display string after its percent sign.
    fn display_string(&mut self) -> Option<Value> {
        self.eat(b'"').then_some(())?;
        let mut bytes = Vec::new();
        loop {
            match self.next()? {
                b'"' => return std::str::from_utf8(&bytes).is_ok().then_some(Value::Other),
                b'%' => {
                    let high = lower_hex(self.next()?)?;
                    bytes.push(high * 16 + lower_hex(self.next()?)?);
                }
                byte @ b' '..=b'~' => bytes.push(byte),
                _ => return None,
            }
        }
    }

    fn bytes(&mut self) -> Option<Value> {
        self.take(1);
        self.span(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.eat(b':').then_some(Value::Other)
    }

    fn boolean(&mut self) -> Option<Value> {
        self.take(1);
        match self.next()? {
            b'0' => Some(Value::Boolean(false)),
            b'1' => Some(Value::Boolean(true)),
            _ => None,
        }
    }

    fn key(&mut self) -> Option<String> {
        matches!(self.0.first()?, b'a'..=b'z' | b'*').then_some(())?;
        let is_fit = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'.' | b'*')
        };
        text(self.span(is_fit))
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let is_there = self.0.first() == Some(&wanted);
        if is_there {
            self.take(1);
        }
        is_there
    }

    fn skip(&mut self, is_fit: impl Fn(u8) -> bool) {
        self.span(is_fit);
    }

    fn span(&mut self, is_fit: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !is_fit(*byte));
        self.take(end.unwrap_or(self.0.len()))
    }

    /// Takes at most so many bytes.
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

const fn lower_hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

const fn is_space(byte: u8) -> bool {
    byte == b' '
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What may follow the first letter of a token: wider than in RFC 9110.
const fn is_token_byte(byte: u8) -> bool {
    super::fields::is_token_byte(byte) || matches!(byte, b':' | b'/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<Vec<(String, Value)>> {
        dictionary(text.as_bytes())
    }

    fn one(text: &str) -> Value {
        let mut members = read(text).unwrap();
        assert_eq!(members.len(), 1, "{text}");
        members.remove(0).1
    }

    #[test]
    fn reads_members_of_every_type() {
        assert_eq!(one("a"), Value::Boolean(true));
        assert_eq!(one("a=?0"), Value::Boolean(false));
        assert_eq!(one("a=-42"), Value::Integer(-42));
        assert_eq!(
            one("a=999999999999999"),
            Value::Integer(999_999_999_999_999)
        );
        assert_eq!(one(r#"a="b \"c\" \\""#), Value::String(r#"b "c" \"#.into()));
        assert_eq!(one("a=*x/y:z"), Value::Token("*x/y:z".into()));
        for other in [
            "1.5",
            ":aGk=:",
            "@1659578233",
            "%\"f%c3%bc\"",
            "(1 \"a\";x  b)",
            "()",
        ] {
            assert_eq!(one(&format!("a={other}")), Value::Other, "{other}");
        }
    }

    #[test]
    fn parameters_are_dropped() {
        assert_eq!(one("a=5;b;c=\"x\"; d=?0"), Value::Integer(5));
        assert_eq!(one("a;b"), Value::Boolean(true));
    }

    /// RFC 9651 §4.2.2: of members of one name the last counts.
    #[test]
    fn the_last_member_of_a_name_counts() {
        let wanted = vec![
            ("b".into(), Value::Integer(2)),
            ("a".into(), Value::Integer(3)),
        ];
        assert_eq!(read("a=1,b=2 ,\ta=3"), Some(wanted));
    }

    #[test]
    fn an_empty_field_is_an_empty_dictionary() {
        assert_eq!(read(""), Some(Vec::new()));
        assert_eq!(read("   "), Some(Vec::new()));
    }

    /// RFC 9651 §4.2: if parsing fails, the entire field value is ignored.
    #[test]
    fn one_mistake_spoils_all() {
        for text in [
            "a=1, &&&&&",
            "A=1",
            "a =1",
            "a= 1",
            "a=1,",
            "a=1 b=2",
            "a=\"b",
            "a=1.",
            "a=1.2345",
            "a=1000000000000000",
            "a=-",
            "a=?2",
            "a=:a",
            "a=(1",
            "a=(1\"b\")",
            "a=@1.5",
            "a=1;B",
            "a=%\"%C3\"",
            "a=%\"%ff\"",
            "a=\"\u{fc}\"",
            ",a",
            "a=",
            "a=\"\\x\"",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_are_tokens_if_they_can_be() {
        let name = |text| {
            let mut out = String::new();
            write_name(&mut out, text).unwrap();
            out
        };
        assert_eq!(name("edge-hn-01"), "edge-hn-01");
        assert_eq!(name("1st"), "\"1st\"");
        assert_eq!(name(""), "\"\"");
        assert_eq!(name("a \"b\" \\ \u{fc}"), r#""a \"b\" \\ ?""#);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = dictionary(&text);
        }

        #[test]
        fn no_letters_make_it_panic(text in "[a-c=;,()\"%@:?*0-9. \\\\-]{0,40}") {
            let _ = dictionary(text.as_bytes());
        }

        #[test]
        fn a_string_that_is_written_is_read(text in "[ -~]{0,30}") {
            let mut field = String::from("a=");
            write_string(&mut field, &text).unwrap();
            prop_assert_eq!(one(&field), Value::String(text));
        }
    }
}
