//! The tags by which an origin groups what it sends.
//!
//! Source: the fields `Surrogate-Key` (tags between spaces) and `Cache-Tag` (tags between commas),
//! as content delivery networks have them. No standard defines either.

use hyper::HeaderMap;

const SURROGATE_KEY: &str = "surrogate-key";
const CACHE_TAG: &str = "cache-tag";

/// The tags of a response. What is not visible ASCII is none.
pub fn tags(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let words = |name, is_gap: fn(char) -> bool| {
        let values = headers.get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let words = texts.flat_map(move |text| text.split(is_gap).map(str::trim_ascii));
        words.filter(|word| !word.is_empty())
    };
    let surrogate_keys = words(SURROGATE_KEY, |letter| letter == ' ' || letter == '\t');
    surrogate_keys.chain(words(CACHE_TAG, |letter| letter == ','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tags_of_both_fields() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (SURROGATE_KEY, " a  b"),
            (SURROGATE_KEY, "c"),
            (CACHE_TAG, "d e, ,f,"),
        ] {
            headers.append(name, value.parse().expect("a field value"));
        }
        assert_eq!(
            tags(&headers).collect::<Vec<_>>(),
            ["a", "b", "c", "d e", "f"]
        );
        assert_eq!(tags(&HeaderMap::new()).next(), None);
    }
}
