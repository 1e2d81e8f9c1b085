//! What players tell of themselves with their requests.
//!
//! Source: CTA-5004 (Common Media Client Data), §3.1 (keys), §2.1, §2.2 (fields and query), and
//! RFC 8941 for the shape of values. Keys of the specification alone are read; what is malformed,
//! too long or of the wrong kind is passed over, and the rest still counts. Pure.
//!
//! Refuses: to believe anything of it. It is logged, and may lead to a prefetch.

use std::borrow::Cow;

use hyper::{HeaderMap, Uri};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::serve::percent::decode;

/// Bytes of CMCD that are looked at, in each field and in the query: what players send is under
/// 500.
const BYTES_MAX: usize = 2_048;

/// The fields that carry it.
const FIELDS: [&str; 4] = ["cmcd-object", "cmcd-request", "cmcd-session", "cmcd-status"];

/// The parameter that carries it.
const PARAMETER: &str = "CMCD";

/// Bytes of an identity (`cid`, `sid`), a token, and of what will be asked for next.
const IDENTITY_BYTES_MAX: usize = 64;
const TOKEN_BYTES_MAX: usize = 8;
const NEXT_BYTES_MAX: usize = 512;

/// What values a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its being there says it.
    Flag,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// A word.
    Token,
    /// A string of so many bytes.
    Text(usize),
}

/// The keys of CTA-5004, in the order in which they are told.
const KEYS: [(&str, Kind); 18] = [
    ("br", Kind::Integer),
    ("bl", Kind::Integer),
    ("bs", Kind::Flag),
    ("cid", Kind::Text(IDENTITY_BYTES_MAX)),
    ("d", Kind::Integer),
    ("dl", Kind::Integer),
    ("mtp", Kind::Integer),
    ("nor", Kind::Text(NEXT_BYTES_MAX)),
    ("nrr", Kind::Text(IDENTITY_BYTES_MAX)),
    ("ot", Kind::Token),
    ("pr", Kind::Decimal),
    ("rtp", Kind::Integer),
    ("sf", Kind::Token),
    ("sid", Kind::Text(IDENTITY_BYTES_MAX)),
    ("st", Kind::Token),
    ("su", Kind::Flag),
    ("tb", Kind::Integer),
    ("v", Kind::Integer),
];

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Flag(bool),
    Integer(u64),
    Decimal(f64),
    Text(String),
}

/// What a player told with one request. Serialized as a map of the keys it gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cmcd(Vec<(&'static str, Value)>);

impl Cmcd {
    /// Reads the query and the fields of a request. Where both give a key, the query counts
    /// (CTA-5004 §2: one of the two is used).
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut cmcd = Self::default();
        let parameters = uri.query().into_iter().flat_map(|query| query.split('&'));
        let parameters = parameters.filter_map(|parameter| parameter.split_once('='));
        let values = parameters.filter(|(name, _)| *name == PARAMETER);
        for (_, value) in values.take(1) {
            if let Some(text) = decode(value.get(..value.len().min(3 * BYTES_MAX)).unwrap_or("")) {
                cmcd.read(&text);
            }
        }
        for name in FIELDS {
            if let Some(text) = headers.get(name).and_then(|value| value.to_str().ok()) {
                cmcd.read(text);
            }
        }
        cmcd
    }

    /// Whether the player told nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What will be asked for next (`nor`): a URI reference, relative to this request.
    pub fn next_object(&self) -> Option<Cow<'_, str>> {
        self.text("nor").and_then(decode)
    }

    /// Which bytes of it (`nrr`), as in a Range field without its unit.
    pub fn next_range(&self) -> Option<&str> {
        self.text("nrr")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.iter().find_map(|(known, value)| match value {
            Value::Text(text) if *known == key => Some(text.as_str()),
            Value::Text(_) | Value::Flag(_) | Value::Integer(_) | Value::Decimal(_) => None,
        })
    }

    fn read(&mut self, text: &str) {
        if text.len() > BYTES_MAX {
            return;
        }
        for member in members(text) {
            let (key, value) = match member.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (member, None),
            };
            let Some((key, kind)) = KEYS.iter().find(|(known, _)| *known == key) else {
                continue;
            };
            let is_new = self.0.iter().all(|(known, _)| known != key);
            if let Some(value) = value_of(*kind, value).filter(|_| is_new) {
                self.0.push((key, value));
            }
        }
    }
}

impl Serialize for Cmcd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            match value {
                Value::Flag(flag) => map.serialize_entry(key, flag)?,
                Value::Integer(number) => map.serialize_entry(key, number)?,
                Value::Decimal(number) => map.serialize_entry(key, number)?,
                Value::Text(text) => map.serialize_entry(key, text)?,
            }
        }
        map.end()
    }
}

/// The members of a list, without spaces around them. A comma between quotes is none.
fn members(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let comma = text.bytes().position(|byte| {
            let is_end = byte == b',' && !is_quoted;
            is_quoted ^= byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && is_quoted && !is_escaped;
            is_end
        });
        let (member, tail) = match comma {
            Some(at) => (text.get(..at)?, text.get(at + 1..)),
            None => (text, None),
        };
        rest = tail;
        Some(member.trim_ascii())
    })
}

fn value_of(kind: Kind, text: Option<&str>) -> Option<Value> {
    match (kind, text) {
        (Kind::Flag, None | Some("?1" | "true")) => Some(Value::Flag(true)),
        (Kind::Flag, Some("?0" | "false")) => Some(Value::Flag(false)),
        (Kind::Integer, Some(text)) => text.parse().ok().map(Value::Integer),
        (Kind::Decimal, Some(text)) => {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            number.map(Value::Decimal)
        }
        (Kind::Token, Some(text)) => {
            let is_token = (1..=TOKEN_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_token.then(|| Value::Text(text.to_owned()))
        }
        (Kind::Text(bytes_max), Some(text)) => {
            let text = unquote(text)?;
            let is_fit = text.len() <= bytes_max && !text.contains(char::is_control);
            is_fit.then_some(Value::Text(text))
        }
        (Kind::Flag | Kind::Integer | Kind::Decimal | Kind::Token | Kind::Text(_), _) => None,
    }
}

/// What stands between quotes, without the escapes.
fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut unquoted = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\\' => unquoted.push(letters.next().filter(|letter| "\"\\".contains(*letter))?),
            _ => unquoted.push(letter),
        }
    }
    Some(unquoted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(uri: &str, fields: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().expect("a field value"));
        }
        let cmcd = Cmcd::of(&uri.parse().expect("a URI"), &headers);
        serde_json::to_string(&cmcd).expect("a map of plain values")
    }

    fn query(text: &str) -> String {
        told(&format!("/a?x=1&CMCD={text}"), &[])
    }

    /// Examples 1 and 3 of CTA-5004 §2.
    #[test]
    fn reads_the_examples_of_the_specification() {
        assert_eq!(
            query("sid%3D%226e2fb550-c457-11e9-bb97-0800200c9a66%22"),
            r#"{"sid":"6e2fb550-c457-11e9-bb97-0800200c9a66"}"#
        );
        let fields = [
            ("cmcd-request", "mtp=25400"),
            ("cmcd-object", "br=3200,d=4004,ot=v,tb=6000"),
            ("cmcd-status", "bs,rtp=15000"),
            ("cmcd-session", "sid=\"6e2fb550\""),
        ];
        assert_eq!(
            told("/a", &fields),
            "{\"br\":3200,\"d\":4004,\"ot\":\"v\",\"tb\":6000,\"mtp\":25400,\"sid\":\"6e2fb550\",\
             \"bs\":true,\"rtp\":15000}"
        );
    }

    #[test]
    fn tells_what_will_be_asked_for_next() {
        let uri =
            "/v/1.m4s?CMCD=bl%3D21300%2Cnor%3D%22..%252Fhd%252F2.m4s%2Cx%22%2Cnrr%3D%220-99%22";
        let cmcd = Cmcd::of(&uri.parse().expect("a URI"), &HeaderMap::new());
        assert_eq!(cmcd.next_object().as_deref(), Some("../hd/2.m4s,x"));
        assert_eq!(cmcd.next_range(), Some("0-99"));
        assert!(Cmcd::of(&Uri::from_static("/a"), &HeaderMap::new()).is_empty());
    }

    #[test]
    fn passes_over_what_is_malformed_and_keeps_the_rest() {
        for (text, expected) in [
            ("br=x,bl=1", r#"{"bl":1}"#),
            ("br=1,br=2", r#"{"br":1}"#),
            ("ot=a%20b,su", r#"{"su":true}"#),
            ("bs=?0,su=?1,st=v", r#"{"bs":false,"su":true,"st":"v"}"#),
            ("pr=1.25,pr2=3", r#"{"pr":1.25}"#),
            ("pr=inf,pr=nan", "{}"),
            ("sid=bare,cid=%22a%5C%22b%22", r#"{"cid":"a\"b"}"#),
            ("sid=%22a%0Ab%22", "{}"),
            ("com.example-key=1,d", "{}"),
            ("br=-1,bl=99999999999999999999", "{}"),
            ("br=1,%zz", "{}"),
            ("br=1,%ff", "{}"),
            (",,,", "{}"),
        ] {
            assert_eq!(query(text), expected, "{text}");
        }
        let long = format!("sid=%22{}%22,br=1", "a".repeat(IDENTITY_BYTES_MAX + 1));
        assert_eq!(query(&long), r#"{"br":1}"#);
        assert_eq!(query(&format!("br=1,{}", "a".repeat(BYTES_MAX))), "{}");
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(text in "\\PC{0,60}|[a-z,=\"\\\\%0-9]{0,60}") {
            let mut cmcd = Cmcd::default();
            cmcd.read(&text);
            decode(&text);
            prop_assert!(cmcd.0.len() <= KEYS.len());
        }

        #[test]
        fn reads_back_any_string(text in "[^\\p{C}]{0,20}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let mut cmcd = Cmcd::default();
            cmcd.read(&format!("br=1,cid={quoted},su"));
            let fits = text.len() <= IDENTITY_BYTES_MAX;
            prop_assert_eq!(cmcd.text("cid"), Some(text.as_str()).filter(|_| fits));
            prop_assert_eq!(cmcd.0.len(), 2 + usize::from(fits));
        }
    }
}
