//! What players call a language that a PMT names.
//!
//! Source: ISO 639-2 (codes of three letters, of which some languages have two); RFC 5646 §2.2.1
//! (the shortest code there is, in `LANGUAGE`).

/// A language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Language {
    /// Its tag (RFC 5646).
    pub(super) tag: String,
    /// What its speakers call it; its code when we do not know.
    pub(super) name: String,
}

/// Code of ISO 639-2/T, code of ISO 639-2/B, tag, name.
const KNOWN: [(&[u8; 3], &[u8; 3], &str, &str); 37] = [
    (b"ara", b"ara", "ar", "العربية"),
    (b"bel", b"bel", "be", "Беларуская"),
    (b"bos", b"bos", "bs", "Bosanski"),
    (b"bul", b"bul", "bg", "Български"),
    (b"cat", b"cat", "ca", "Català"),
    (b"ces", b"cze", "cs", "Čeština"),
    (b"cym", b"wel", "cy", "Cymraeg"),
    (b"dan", b"dan", "da", "Dansk"),
    (b"deu", b"ger", "de", "Deutsch"),
    (b"ell", b"gre", "el", "Ελληνικά"),
    (b"eng", b"eng", "en", "English"),
    (b"est", b"est", "et", "Eesti"),
    (b"eus", b"baq", "eu", "Euskara"),
    (b"fin", b"fin", "fi", "Suomi"),
    (b"fra", b"fre", "fr", "Français"),
    (b"gle", b"gle", "ga", "Gaeilge"),
    (b"glg", b"glg", "gl", "Galego"),
    (b"hrv", b"scr", "hr", "Hrvatski"),
    (b"hun", b"hun", "hu", "Magyar"),
    (b"isl", b"ice", "is", "Íslenska"),
    (b"ita", b"ita", "it", "Italiano"),
    (b"lav", b"lav", "lv", "Latviešu"),
    (b"lit", b"lit", "lt", "Lietuvių"),
    (b"mkd", b"mac", "mk", "Македонски"),
    (b"nld", b"dut", "nl", "Nederlands"),
    (b"nor", b"nor", "no", "Norsk"),
    (b"pol", b"pol", "pl", "Polski"),
    (b"por", b"por", "pt", "Português"),
    (b"ron", b"rum", "ro", "Română"),
    (b"rus", b"rus", "ru", "Русский"),
    (b"slk", b"slo", "sk", "Slovenčina"),
    (b"slv", b"slv", "sl", "Slovenščina"),
    (b"spa", b"spa", "es", "Español"),
    (b"srp", b"scc", "sr", "Srpski"),
    (b"swe", b"swe", "sv", "Svenska"),
    (b"tur", b"tur", "tr", "Türkçe"),
    (b"ukr", b"ukr", "uk", "Українська"),
];

impl Language {
    /// The language that `code` means; `None` when it means none, or is no code.
    pub(super) fn of(code: [u8; 3]) -> Option<Self> {
        let code = code.map(|letter| letter.to_ascii_lowercase());
        let known = KNOWN.iter().find(|(terminology, bibliography, ..)| {
            [**terminology, **bibliography].contains(&code)
        });
        if let Some((.., tag, name)) = known {
            return Some(Self {
                tag: (*tag).to_owned(),
                name: (*name).to_owned(),
            });
        }
        // Undetermined, several, no linguistic content, original audio (EN 300 468 annex F).
        let is_none = [b"und", b"mul", b"zxx", b"qaa"].contains(&&code);
        let is_code = code.iter().all(u8::is_ascii_lowercase) && !is_none;
        let text = is_code.then(|| code.escape_ascii().to_string())?;
        Some(Self {
            tag: text.clone(),
            name: text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(code: [u8; 3]) -> Option<String> {
        Language::of(code).map(|language| language.tag)
    }

    #[test]
    fn both_codes_of_a_language_are_its_shortest_tag() {
        for code in [b"deu", b"ger", b"GER"] {
            assert_eq!(tag(*code).as_deref(), Some("de"));
        }
        assert_eq!(Language::of(*b"ell").expect("known").name, "Ελληνικά");
    }

    #[test]
    fn what_is_not_known_stays_and_what_is_none_is_left_out() {
        assert_eq!(tag(*b"gsw").as_deref(), Some("gsw"));
        for code in [b"und", b"mul", b"\0\0\0", b"d\"x", b"   "] {
            assert_eq!(tag(*code), None);
        }
    }
}
