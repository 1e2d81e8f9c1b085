//! The alphabets of teletext.
//!
//! Source: EN 300 706 §15.2 (table 32: which alphabet is designated), §15.6.1 to §15.6.6 (G0 sets
//! and table 36: national subsets), §15.6.7 (G2 sets). Letters are the ones that are meant where
//! the tables draw another shape: Polish Ż, Romanian Ș and Ț, the Turkish lira.

/// Letters of a G0 or G2 set, from 0x20 on.
const SET_LETTERS: usize = 96;

/// The first code that is a letter.
const FIRST: u8 = 0x20;

/// Where the Latin G0 set has letters of each nation.
const NATIONAL: [u8; 13] = [
    0x23, 0x24, 0x40, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x7B, 0x7C, 0x7D, 0x7E,
];

/// The part of the world whose alphabets are meant: bits 14 to 11 of the designation in packets
/// X/28 and M/29, in `0..16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Region(u8);

/// A national subset of the Latin G0 set, in the order of [`NATIONAL`].
const CZECH: &str = "#ůčťžýířéáěúš";
const ENGLISH: &str = "£$@←½→↑#—¼‖¾÷";
const ESTONIAN: &str = "#õŠÄÖŽÜÕšäöžü";
const FRENCH: &str = "éïàëêùî#èâôûç";
const GERMAN: &str = "#$§ÄÖÜ^_°äöüß";
const ITALIAN: &str = "£$é°ç→↑#ùàòèì";
const LETTISH: &str = "#$ŠėęŽčūšąųžį";
const POLISH: &str = "#ńąŻŚŁćóężśłź";
const PORTUGUESE: &str = "ç$¡áéíóú¿üñèà";
const ROMANIAN: &str = "#¤ȚÂȘĂÎıțâșăî";
const SERBIAN: &str = "#ËČĆŽĐŠëčćžđš";
const SWEDISH: &str = "#¤ÉÄÖÅÜ_éäöåü";
const TURKISH: &str = "₺ğİŞÖÇÜĞışöçü";

/// From 0x40 on.
const CYRILLIC_1: &str = "ЧАБЦДЕФГХИЈКЛМНОПЌРСТУВЃЉЊЗЋЖЂШЏчабцдефгхијклмнопќрстувѓљњзћжђш■";
const CYRILLIC_2: &str = "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЪЗШЭЩЧЫюабцдефгхийклмнопярстужвьъзшэщч■";
const CYRILLIC_3: &str = "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬІЗШЄЩЧЇюабцдефгхийклмнопярстужвьізшєщч■";
const GREEK: &str = "ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡʹΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ■";

const LATIN_G2: &str = " ¡¢£$¥#§¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿ `´ˆ˜¯˘˙¨.˚¸_˝˛ˇ\
    —¹®©™♪₠‰α   ⅛⅜⅝⅞ΩÆÐªĦ ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ■";
const CYRILLIC_G2: &str = " ¡¢£ ¥#§ ‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿ `´ˆ˜¯˘˙¨.˚¸_˝˛ˇ\
    —¹®©™♪₠‰αŁłß⅛⅜⅝⅞DEFGIJKLNQRSUVWZdefgijklnqrsuvwz";
const GREEK_G2: &str = " ab£ehi§:‘“k←↑→↓°±²³xmnp÷’”t¼½¾x `´ˆ˜¯˘˙¨.˚¸_˝˛ˇ\
    ?¹®©™♪₠‰αΊΎΏ⅛⅜⅝⅞CDFGJLQRSUVWYZΆΉcdfgjlqrsuvwyzΈ■";

/// What a diacritical mark makes of letters: the mark that stands behind others, letters, and what
/// they composed, in the order of column 4 of the G2 set.
const MARKS: [(&str, &str, &str); 16] = [
    ("", "", ""),
    ("\u{300}", "AEIOUaeiouNn", "ÀÈÌÒÙàèìòùǸǹ"),
    (
        "\u{301}",
        "ACEILNORSUYZaceilnorsuyz",
        "ÁĆÉÍĹŃÓŔŚÚÝŹáćéíĺńóŕśúýź",
    ),
    (
        "\u{302}",
        "ACEGHIJOSUWYaceghijosuwy",
        "ÂĈÊĜĤÎĴÔŜÛŴŶâĉêĝĥîĵôŝûŵŷ",
    ),
    ("\u{303}", "AINOUainou", "ÃĨÑÕŨãĩñõũ"),
    ("\u{304}", "AEIOUaeiou", "ĀĒĪŌŪāēīōū"),
    ("\u{306}", "AEGIOUaegiou", "ĂĔĞĬŎŬăĕğĭŏŭ"),
    ("\u{307}", "CEGIZcegz", "ĊĖĠİŻċėġż"),
    ("\u{308}", "AEIOUYaeiouy", "ÄËÏÖÜŸäëïöüÿ"),
    ("\u{323}", "", ""),
    ("\u{30A}", "AUau", "ÅŮåů"),
    ("\u{327}", "CGKLNRSTcgklnrst", "ÇĢĶĻŅŖŞŢçģķļņŗşţ"),
    ("\u{332}", "", ""),
    ("\u{30B}", "OUou", "ŐŰőű"),
    ("\u{328}", "AEIUaeiu", "ĄĘĮŲąęįų"),
    ("\u{30C}", "CDELNRSTZcdelnrstz", "ČĎĚĽŇŘŠŤŽčďěľňřšťž"),
];

/// An alphabet: a G0 set with its national letters, and the G2 set that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// With the letters of one nation.
    Latin(&'static str),
    /// With its letters from 0x40 on, and what stands in place of the ampersand.
    Cyrillic(&'static str, char),
    /// Greek.
    Greek,
}

impl Region {
    /// Takes the low four bits.
    pub(super) const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x0F)
    }

    /// Where teletext of this language (ISO 639-2) is at home, for streams that do not say it. What
    /// is not known is Western Europe.
    pub fn of_language(language: [u8; 3]) -> Self {
        Self(match &language {
            b"pol" => 1,
            b"tur" => 2,
            b"hrv" | b"scr" | b"slv" | b"srp" | b"scc" | b"bos" | b"ron" | b"rum" => 3,
            b"rus" | b"bul" | b"ukr" | b"bel" | b"mkd" | b"mac" | b"est" | b"lav" | b"lit" => 4,
            b"ell" | b"gre" => 6,
            _ => 0,
        })
    }

    /// The alphabet that control bits C12 to C14 mean here, C12 the highest of the three.
    pub(super) const fn alphabet(self, national: u8) -> Alphabet {
        match (self.0, national & 0x07) {
            (1, 0) => Alphabet::Latin(POLISH),
            (2 | 6, 6) => Alphabet::Latin(TURKISH),
            (3, 5) => Alphabet::Latin(SERBIAN),
            (3, 7) => Alphabet::Latin(ROMANIAN),
            (4, 0) => Alphabet::Cyrillic(CYRILLIC_1, '&'),
            (4, 2) => Alphabet::Latin(ESTONIAN),
            (4, 3) => Alphabet::Latin(LETTISH),
            (4, 4) => Alphabet::Cyrillic(CYRILLIC_2, 'ы'),
            (4, 5) => Alphabet::Cyrillic(CYRILLIC_3, 'ї'),
            (6, 7) => Alphabet::Greek,
            // What a region does not define is read as in Western Europe.
            (_, 1) => Alphabet::Latin(GERMAN),
            (_, 2) => Alphabet::Latin(SWEDISH),
            (_, 3) => Alphabet::Latin(ITALIAN),
            (_, 4) => Alphabet::Latin(FRENCH),
            (_, 5) => Alphabet::Latin(PORTUGUESE),
            (_, 6) => Alphabet::Latin(CZECH),
            _ => Alphabet::Latin(ENGLISH),
        }
    }
}

impl Alphabet {
    /// The letter of the G0 set at `code`; a blank below 0x20.
    pub(super) fn letter(self, code: u8) -> char {
        let at = |letters: &str, first: u8| letters.chars().nth(usize::from(code - first));
        let found = match (self, code) {
            (_, 0..FIRST) => Some(' '),
            (_, 0x7F..) => Some('■'),
            (Self::Latin(letters), _) => {
                let place = NATIONAL.iter().position(|national| *national == code);
                place.and_then(|place| letters.chars().nth(place))
            }
            (Self::Cyrillic(_, ampersand), b'&') => Some(ampersand),
            (Self::Cyrillic(letters, _), 0x40..) => at(letters, 0x40),
            (Self::Greek, 0x40..) => at(GREEK, 0x40),
            (Self::Greek, b'<') => Some('«'),
            (Self::Greek, b'>') => Some('»'),
            (Self::Cyrillic(..) | Self::Greek, _) => None,
        };
        found.unwrap_or(char::from(code))
    }

    /// The letter of the G2 set at `code`; a blank below 0x20.
    pub(super) fn supplementary(self, code: u8) -> char {
        let letters = match self {
            Self::Latin(_) => LATIN_G2,
            Self::Cyrillic(..) => CYRILLIC_G2,
            Self::Greek => GREEK_G2,
        };
        let place = usize::from(code.saturating_sub(FIRST)).min(SET_LETTERS - 1);
        letters.chars().nth(place).unwrap_or(' ')
    }

    /// The letter of the G0 set without national letters at `code` under diacritical mark `mark`,
    /// in `0..16`; the mark that stands behind it where there is no letter of both.
    pub(super) fn composed(self, code: u8, mark: u8) -> (char, Option<char>) {
        let letter = match self {
            Self::Latin(_) => char::from(code.clamp(FIRST, 0x7E)),
            Self::Cyrillic(..) | Self::Greek => self.letter(code),
        };
        let Some((behind, letters, composed)) = MARKS.get(usize::from(mark)) else {
            return (letter, None);
        };
        let place = letters.chars().position(|it| it == letter);
        match place.and_then(|place| composed.chars().nth(place)) {
            Some(whole) => (whole, None),
            None => (letter, behind.chars().next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_has_all_its_letters() {
        for set in [LATIN_G2, GREEK_G2] {
            assert_eq!(set.chars().count(), SET_LETTERS, "{set}");
        }
        // Its last letters are missing in the standard too.
        assert_eq!(CYRILLIC_G2.chars().count(), SET_LETTERS, "{CYRILLIC_G2}");
        for set in [CYRILLIC_1, CYRILLIC_2, CYRILLIC_3, GREEK] {
            assert_eq!(set.chars().count(), 64, "{set}");
        }
        for set in [
            CZECH, ENGLISH, ESTONIAN, FRENCH, GERMAN, ITALIAN, LETTISH, POLISH, PORTUGUESE,
            ROMANIAN, SERBIAN, SWEDISH, TURKISH,
        ] {
            assert_eq!(set.chars().count(), NATIONAL.len(), "{set}");
        }
        for (_, letters, composed) in MARKS {
            assert_eq!(
                letters.chars().count(),
                composed.chars().count(),
                "{letters}"
            );
        }
    }

    fn read(region: u8, national: u8, codes: &[u8]) -> String {
        let alphabet = Region::from_bits(region).alphabet(national);
        codes.iter().map(|code| alphabet.letter(*code)).collect()
    }

    #[test]
    fn control_bits_choose_the_letters_of_a_nation() {
        assert_eq!(read(0, 0, b"#10 [a] {b}"), "£10 ←a→ ¼b¾");
        assert_eq!(read(0, 1, b"Stra~e \\l }ber"), "Straße Öl über");
        assert_eq!(read(0, 4, b"gar~on #t#"), "garçon été");
        assert_eq!(read(0, 5, b"ma|ana"), "mañana");
        assert_eq!(read(1, 0, b"Z|{]["), "ZśżŁŻ");
        assert_eq!(read(4, 4, b"PRIWET"), "ПРИВЕТ");
        assert_eq!(read(6, 7, b"Jaj"), "Κακ");
        assert_eq!(read(15, 7, b"A#"), "A£", "nobody defines it");
    }

    #[test]
    fn marks_make_letters_where_there_are_some_and_stand_behind_others() {
        let latin = Region::default().alphabet(0);
        assert_eq!(latin.composed(b'e', 2), ('é', None));
        assert_eq!(latin.composed(b'r', 15), ('ř', None));
        assert_eq!(latin.composed(b'q', 2), ('q', Some('\u{301}')));
        assert_eq!(latin.composed(b'@', 0), ('@', None));
        assert_eq!(latin.composed(0, 1), (' ', Some('\u{300}')));
        assert_eq!(latin.supplementary(0x7B), 'ß');
        assert_eq!(latin.supplementary(0x38), '÷');
        let greek = Region::from_bits(6).alphabet(7);
        assert_eq!(greek.supplementary(0x5A), 'Ύ');
    }

    #[test]
    fn no_code_is_without_a_letter() {
        let alphabets = (0..16).flat_map(|region| {
            (0..8).map(move |national| Region::from_bits(region).alphabet(national))
        });
        for (alphabet, code) in alphabets.flat_map(|it| (0..=255).map(move |code| (it, code))) {
            assert!(!alphabet.letter(code).is_control(), "{code}");
            assert!(!alphabet.supplementary(code).is_control(), "{code}");
            let mut composed = (0..=16).map(|mark| alphabet.composed(code, mark).0);
            assert!(!composed.any(char::is_control), "{code}");
        }
    }
}
