//! The words of the pages, a catalogue for each language.
//!
//! A catalogue is a constant with a field for each text, so that one which lacks a text does not
//! compile, and neither does one that lacks a kind of alarm. What else comes from the rest of the
//! appliance (reasons, what an alarm has read, names of counters) is English in every language, and
//! is marked so.
//!
//! Source: RFC 9110 §12.5.4 (Accept-Language), RFC 4647 §3.4 (lookup), BCP 47.

mod en;
mod vi;
mod vi_alarms;

use hyper::{
    header::ACCEPT_LANGUAGE,
    http::{Uri, request::Parts},
};

use crate::alarm::Kind;

/// All languages there are; the first is for everybody else.
pub(super) const LANGUAGES: [&Language; 2] = [&en::ENGLISH, &vi::VIETNAMESE];

/// The parameter of a URL that names a language.
pub(super) const PARAMETER: &str = "lang";

macro_rules! catalogue {
    ( $( $text:ident, )+ ) => {
        /// One catalogue. `{}` stands for what is put in.
        #[derive(Debug)]
        pub(crate) struct Language {
            $( pub(super) $text: &'static str, )+
        }

        #[cfg(test)]
        impl Language {
            /// All texts with their names.
            fn texts(&self) -> Vec<(&'static str, &'static str)> {
                vec![ $( (stringify!($text), self.$text), )+ ]
            }
        }
    };
}

catalogue! {
    tag, name, title, languages,
    failed, degraded, ok, unknown, unknown_short, never, no_fresher,
    site, version, slot, slot_trial, slot_empty, clock, clock_free, uptime, cpu, memory,
    state_ok, since, on_air_of,
    alarms, no_alarms, more, affected, flapping, over, acknowledged, closed, shelved, by, to_do,
    critical, major, minor, warning, cleared,
    channels, no_channels, channel, state, bitrate, errors, minute, hour, day, segment_age,
    last_packet, source, sources, last_day, recorded_for, errors_help, errors_of,
    out_bitrate, in_bitrate,
    nics, no_nics, speed, full_duplex, half_duplex, received, packets, damaged, dropped,
    link_changes, since_link_up,
    storage, no_storage, fill, free, of_total, hit_ratio, requests, objects, written,
    device_errors, in_memory_alone,
    origins, usable, first_byte, failures, no_requests,
    waiting, not_joined, silent, not_transport_stream, no_tables, no_program, scrambled, no_key,
    no_random_access, stills, stalled, filling, no_clock, on_air,
    back, play, mark, mark_help, marked, mark_gone, unmark, renditions, aligned, drifting,
    alignment_unknown, alignment, target_duration, interface, sender, active, standby, good,
    damaged_media, unusable, per_source, stages, counter, total,
    since_mark, segments, no_segments, duration, name_of, gap, chart_hour, chart_day,
    peak, lowest, tracks, legend_unknown, all_zero,
    machine_readable,
    log_in, log_out, logged_in, user_name, password, login_wrong, login_wait, login_nobody,
    login_unable,
}

/// What people are told of a kind of alarm in a language other than English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AlarmWords {
    /// What is wrong, without what was read.
    pub(super) title: &'static str,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

impl Language {
    /// Its words for alarms of `kind`; `None` in English, in which an alarm itself has them.
    pub(super) fn alarm(&self, kind: Kind) -> Option<AlarmWords> {
        (self.tag == vi::VIETNAMESE.tag).then(|| vi_alarms::words(kind))
    }

    /// The language that a request asks for: by its URL, or by its field.
    pub(crate) fn of(request: &Parts) -> &'static Self {
        let named = parameter(&request.uri, PARAMETER).and_then(Self::tagged);
        let fields = request.headers.get_all(ACCEPT_LANGUAGE).iter();
        let accepted = || {
            let lists = fields.filter_map(|field| field.to_str().ok());
            preferred(lists)
        };
        named.or_else(accepted).unwrap_or(LANGUAGES[0])
    }

    /// Its tag, as URLs name it.
    pub(crate) const fn tag(&self) -> &'static str {
        self.tag
    }

    /// The language of that tag, or of the part of it that is known.
    fn tagged(tag: &str) -> Option<&'static Self> {
        let primary = tag.split('-').next()?.trim_ascii();
        let mut languages = LANGUAGES.into_iter();
        languages.find(|language| language.tag.eq_ignore_ascii_case(primary))
    }

    /// `text` with `value` where it has braces.
    pub(super) fn with(text: &str, value: &str) -> String {
        text.replacen("{}", value, 1)
    }
}

/// The known language of greatest weight; the first of equals.
fn preferred<'a>(lists: impl Iterator<Item = &'a str>) -> Option<&'static Language> {
    let mut best: Option<(&'static Language, u16)> = None;
    for member in lists.flat_map(|list| list.split(',')).take(32) {
        let (tag, weight) = member.split_once(';').unwrap_or((member, ""));
        let weight = weight.trim_ascii().strip_prefix("q=").unwrap_or("1");
        let weight = weight.parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1,000"
        )]
        let weight = (weight * 1e3) as u16;
        let is_better = best.is_none_or(|(_, most)| weight > most);
        if let Some(language) = Language::tagged(tag).filter(|_| weight > 0 && is_better) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

/// The value of a parameter of a URL, as it stands there.
pub(crate) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn tag(path: &str, field: &str) -> &'static str {
        let request = Request::builder()
            .uri(path)
            .header(ACCEPT_LANGUAGE, field)
            .body(())
            .expect("a request");
        Language::of(&request.into_parts().0).tag
    }

    #[test]
    fn every_catalogue_has_every_text_and_puts_in_what_the_first_one_does() {
        let [english, others @ ..] = LANGUAGES;
        for language in others {
            let pairs = english.texts().into_iter().zip(language.texts());
            let mut alike = 0;
            for ((name, one), (_, other)) in pairs {
                assert!(!other.is_empty(), "{} {name}", language.tag);
                let holes = |text: &str| text.matches("{}").count();
                assert_eq!(holes(one), holes(other), "{} {name}", language.tag);
                alike += usize::from(one == other);
            }
            assert!(alike < 12, "{} is English: {alike}", language.tag);
        }
    }

    #[test]
    fn every_kind_of_alarm_has_words_in_every_language_but_english() {
        let [english, others @ ..] = LANGUAGES;
        for kind in Kind::ALL {
            assert_eq!(english.alarm(kind), None);
            for language in others {
                let words = language.alarm(kind).expect("not English");
                let definition = kind.definition();
                assert_ne!(words.title, definition.help, "{kind:?}");
                assert_ne!(words.remedy, definition.remedy, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_url_goes_before_the_field_and_what_is_unknown_is_english() {
        for (path, field, language) in [
            ("/", "", "en"),
            ("/", "vi", "vi"),
            ("/", "vi-VN,vi;q=0.9,en;q=0.8", "vi"),
            ("/", "de, en;q=0.5, vi;q=0.4", "en"),
            ("/", "en;q=0.4, vi;q=0.5", "vi"),
            ("/", "en;q=0, vi;q=0", "en"),
            ("/", "xx;q=;;,,,", "en"),
            ("/?lang=vi", "en", "vi"),
            ("/?a=b&lang=en", "vi", "en"),
            ("/?lang=%3Cx%3E", "vi", "vi"),
        ] {
            assert_eq!(tag(path, field), language, "{path} {field}");
        }
    }
}
