//! Tokens in URLs.

use std::{
    fmt::{self, Display},
    str::FromStr,
};

use hyper::{
    Uri,
    http::uri::{InvalidUri, PathAndQuery},
};

use super::keys::{Denied, Scope};
use crate::serve::route::canonical;

/// The name of a token, in the query or in the path.
pub(super) const NAME: &str = "weir_token";

/// Letters of the name of a key.
pub(super) const KEY_ID_BYTES_MAX: usize = 32;

/// Bytes of an HMAC-SHA256.
pub(super) const SIGNATURE_BYTES: usize = 32;

/// A token as it stands in a URL: well formed, and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub(super) key_id: String,
    /// Seconds since 1970.
    pub(super) end_s: u64,
    pub(super) scope: Scope,
    pub(super) is_bound: bool,
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

impl FromStr for Token {
    type Err = Denied;

    fn from_str(text: &str) -> Result<Self, Denied> {
        let mut parts = text.splitn(4, '.');
        let mut part = || parts.next().ok_or(Denied::Malformed);
        let (key_id, end, scope, signature) = (part()?, part()?, part()?, part()?);
        let (scope, is_bound) = match scope.strip_suffix('@') {
            Some(scope) => (scope, true),
            None => (scope, false),
        };
        let token = Self {
            key_id: Some(key_id)
                .filter(|id| is_key_id(id))
                .ok_or(Denied::Malformed)?
                .to_owned(),
            end_s: canonical(end).ok_or(Denied::Malformed)?,
            scope: match scope {
                "file" => Scope::File,
                folders => Scope::Folders(canonical(folders).ok_or(Denied::Malformed)?),
            },
            is_bound,
            signature: bytes(signature).ok_or(Denied::Malformed)?,
        };
        Ok(token)
    }
}

impl Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = if self.is_bound { "@" } else { "" };
        let Self {
            key_id,
            end_s,
            scope,
            ..
        } = self;
        write!(formatter, "{key_id}.{end_s}.{scope}{bound}.")?;
        self.signature
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Token {
    /// `url` with this token in it: in the query for one file, in the path for folders.
    pub fn apply(&self, url: &Uri) -> String {
        let (scheme, authority) = (url.scheme_str(), url.authority());
        let origin = scheme.zip(authority);
        let origin = origin.map_or_else(String::new, |(scheme, authority)| {
            format!("{scheme}://{authority}")
        });
        let path = url.path_and_query().map_or("/", PathAndQuery::as_str);
        match self.scope {
            Scope::Folders(_) => format!("{origin}/{NAME}={self}{path}"),
            Scope::File => {
                let joint = if path.contains('?') { '&' } else { '?' };
                format!("{origin}{path}{joint}{NAME}={self}")
            }
        }
    }
}

/// Takes the token out of a URI: what is left of it, and the text of the token.
///
/// The first token counts; all are taken out, with the path segment or parameter that held them.
///
/// # Errors
/// [`InvalidUri`] when what is left is no URI, as in `/weir_token=…` alone.
pub fn separate(uri: &Uri) -> Result<(Uri, Option<String>), InvalidUri> {
    let whole = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if !whole.contains(NAME) {
        return Ok((uri.clone(), None));
    }
    let mut token = None;
    let mut keep = |text: &str| {
        let found = text
            .strip_prefix(NAME)
            .and_then(|rest| rest.strip_prefix('='));
        if let Some(found) = found {
            token.get_or_insert_with(|| found.to_owned());
        }
        found.is_none()
    };
    let (mut path, query) = (uri.path(), uri.query());
    while let Some((first, _)) = path.get(1..).and_then(|rest| rest.split_once('/')) {
        if keep(first) {
            break;
        }
        path = path.get(1 + first.len()..).unwrap_or_default();
    }
    let parameters = query.into_iter().flat_map(|query| query.split('&'));
    let parameters: Vec<&str> = parameters.filter(|parameter| keep(parameter)).collect();
    let rest = match parameters.as_slice() {
        [] => path.to_owned(),
        parameters => format!("{path}?{}", parameters.join("&")),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse()?);
    let rest = Uri::from_parts(parts).unwrap_or_else(|_unreachable| uri.clone());
    Ok((rest, token))
}

/// Whether `text` can name a key: letters, digits, `-` and `_`.
pub(super) fn is_key_id(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=KEY_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter)
}

/// Bytes in lower-case hexadecimal digits.
pub(super) fn bytes<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let (pairs, rest) = text.as_bytes().as_chunks();
    if pairs.len() != BYTES || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// The value of a lower-case hexadecimal digit.
pub(super) const fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn separated(uri: &str) -> (String, Option<String>) {
        let uri: Uri = uri.parse().expect("a URI");
        let (rest, token) = separate(&uri).expect("a URI is left");
        (rest.to_string(), token)
    }

    #[test]
    fn takes_a_token_out_of_query_and_path() {
        for (uri, rest, token) in [
            ("/a?weir_token=t", "/a", Some("t")),
            ("/a?x=1&weir_token=t&y=2", "/a?x=1&y=2", Some("t")),
            ("/weir_token=t/a/b?x", "/a/b?x", Some("t")),
            ("/weir_token=t/weir_token=u/a?weir_token=v", "/a", Some("t")),
            ("http://h:80/weir_token=t/", "http://h:80/", Some("t")),
            ("/a/weir_token=t/b", "/a/weir_token=t/b", None),
            ("/a?weir_token", "/a?weir_token", None),
            ("/a?x=weir_token=t", "/a?x=weir_token=t", None),
            ("/weir_token", "/weir_token", None),
            ("/", "/", None),
        ] {
            let expected = (rest.to_owned(), token.map(str::to_owned));
            assert_eq!(separated(uri), expected, "{uri}");
        }
    }

    #[test]
    fn refuses_what_is_no_token() {
        let signature = "0".repeat(64);
        for text in [
            String::new(),
            "k1.1.2".to_owned(),
            format!("k1.1.2.{}", "0".repeat(63)),
            format!("k1.1.2.{}", "A".repeat(64)),
            format!("k1.1.2.{signature}0"),
            format!(".1.2.{signature}"),
            format!("k 1.1.2.{signature}"),
            format!("k1.01.2.{signature}"),
            format!("k1.+1.2.{signature}"),
            format!("k1.1.02.{signature}"),
            format!("k1.1.256.{signature}"),
            format!("k1.1.folder.{signature}"),
            format!("k1.1.2@@.{signature}"),
        ] {
            assert_eq!(text.parse::<Token>(), Err(Denied::Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_shows(
            key_id in "[A-Za-z0-9_-]{1,32}", end_s: u64, folders: Option<u8>, is_bound: bool,
            signature: [u8; SIGNATURE_BYTES],
        ) {
            let scope = folders.map_or(Scope::File, Scope::Folders);
            let token = Token { key_id, end_s, scope, is_bound, signature };
            prop_assert_eq!(token.to_string().parse(), Ok(token));
        }

        #[test]
        fn leaves_no_token_behind(
            path in "(/(weir_token=[a-z]{1,3}|[a-z]{1,3})){1,4}",
            query in "(weir_token=[a-z]{1,3}|[a-z]{1,3})(&(weir_token=[a-z]|x=1)){0,3}",
        ) {
            let uri: Uri = format!("{path}?{query}").parse().expect("a URI");
            if let Ok((rest, _)) = separate(&uri) {
                let query = rest.query().unwrap_or("");
                prop_assert!(!query.contains("weir_token="));
                let first = rest.path().split('/').nth(1).unwrap_or("");
                let is_file = !rest.path().get(1..).unwrap_or("").contains('/');
                prop_assert!(is_file || !first.starts_with("weir_token="));
            }
        }
    }
}
