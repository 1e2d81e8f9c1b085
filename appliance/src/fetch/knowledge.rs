//! How long a response may be kept where its origin is silent.
//!
//! Source: draft-pantos-hls-rfc8216bis appendix B.1 (caching of playlists and segments, and of
//! their absence), RFC 9111 §4.2.2 (what a cache may assume), RFC 5861 (stale responses).
//!
//! | what | while found | while missing |
//! |---|---|---|
//! | blocking reload of a playlist | 6 Target Durations | 4 |
//! | playlist or manifest that grows | half a Target Duration | 1 |
//! | Multivariant Playlist | a minute, or the time to live if that is less | 1 |
//! | ended playlist, static manifest | the time to live | 1 |
//! | segment, part, initialization section | the time to live, at least 6 Target Durations | 1 |
//! | key, license | never kept | never kept |
//! | anything else | as RFC 9111 has it | as RFC 9111 has it |
//!
//! All of it is a default: freshness that a response states itself goes before (the rules see to
//! that). Pure.

use std::time::Duration;

use weir_cache::rules::Policy;

use crate::fetch::{Class, Form, Outline};

/// The Target Duration of a list that has not been read yet: what most packagers write.
const PERIOD_ASSUMED: Duration = Duration::from_secs(6);

/// How long a Multivariant Playlist is kept: renditions come and go rarely, and nobody misses one
/// for a minute.
const MULTIVARIANT_MAX: Duration = Duration::from_mins(1);

/// How long media, and lists that have ended, may be used while no origin answers: a day, in which
/// somebody mends it.
const STALE_MEDIA: Duration = Duration::from_hours(24);

/// The same for lists that grow: a player that gets an old one asks again, one that gets an error
/// may give up.
const STALE_LIVE: Duration = Duration::from_mins(15);

/// What is assumed of the responses of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowledge {
    /// How long media and lists that do not change are fresh.
    pub ttl: Duration,
}

impl Knowledge {
    /// What the rules add for a resource of `class`. `is_blocking` says whether the request waits
    /// for a Media Sequence Number; `outline` is that of the list, if it is one and was read.
    pub fn policy(&self, class: Class, is_blocking: bool, outline: Option<Outline>) -> Policy {
        let period = outline
            .and_then(|outline| outline.period)
            .unwrap_or(PERIOD_ASSUMED);
        match class {
            Class::Playlist | Class::Manifest if is_blocking => Policy {
                ttl_missing: Some(4 * period),
                ..kept(6 * period, STALE_LIVE)
            },
            Class::Playlist | Class::Manifest => {
                let form = outline.map_or(Form::Live, |outline| outline.form);
                Policy {
                    ttl_missing: Some(period),
                    ..self.list(form, period)
                }
            }
            Class::Segment | Class::Init | Class::Part => Policy {
                ttl_missing: Some(period),
                // The bytes at a URL of media do not change: nobody waits to hear that.
                stale_while_revalidate: self.ttl,
                ..kept(self.ttl.max(6 * period), STALE_MEDIA)
            },
            Class::Key | Class::License => Policy {
                is_never_stored: true,
                ..Policy::default()
            },
            Class::Other => Policy::default(),
        }
    }

    fn list(&self, form: Form, period: Duration) -> Policy {
        match form {
            Form::Live => kept(period / 2, STALE_LIVE),
            Form::Multivariant => kept(self.ttl.min(MULTIVARIANT_MAX), STALE_MEDIA),
            Form::Ended => kept(self.ttl, STALE_MEDIA),
        }
    }
}

fn kept(ttl: Duration, stale_if_error: Duration) -> Policy {
    Policy {
        ttl_default: Some(ttl),
        stale_if_error,
        ..Policy::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWLEDGE: Knowledge = Knowledge {
        ttl: Duration::from_mins(30),
    };

    fn of_four_seconds(form: Form) -> Outline {
        Outline {
            form,
            period: Some(Duration::from_secs(4)),
        }
    }

    fn seconds(class: Class, is_blocking: bool, outline: Option<Outline>) -> [Option<u64>; 2] {
        let policy = KNOWLEDGE.policy(class, is_blocking, outline);
        [policy.ttl_default, policy.ttl_missing].map(|ttl| ttl.map(|ttl| ttl.as_secs()))
    }

    #[test]
    fn keeps_lists_and_media_as_appendix_b_has_it() {
        let live = Some(of_four_seconds(Form::Live));
        for (class, is_blocking, outline, found, missing) in [
            (Class::Playlist, true, live, 24, 16),
            (Class::Playlist, false, live, 2, 4),
            (Class::Manifest, false, live, 2, 4),
            (Class::Playlist, false, None, 3, 6),
            (
                Class::Playlist,
                false,
                Some(of_four_seconds(Form::Multivariant)),
                60,
                4,
            ),
            (
                Class::Playlist,
                false,
                Some(of_four_seconds(Form::Ended)),
                1_800,
                4,
            ),
            (Class::Segment, false, None, 1_800, 6),
            (Class::Init, false, None, 1_800, 6),
            (Class::Part, false, None, 1_800, 6),
        ] {
            assert_eq!(
                seconds(class, is_blocking, outline),
                [Some(found), Some(missing)],
                "{class:?} {outline:?}"
            );
        }
    }

    #[test]
    fn keeps_segments_for_six_target_durations_however_short_the_time_to_live() {
        let short = Knowledge {
            ttl: Duration::ZERO,
        };
        let policy = short.policy(Class::Segment, false, None);
        assert_eq!(policy.ttl_default, Some(6 * PERIOD_ASSUMED));
    }

    #[test]
    fn never_keeps_keys_and_licenses() {
        for class in [Class::Key, Class::License] {
            assert!(KNOWLEDGE.policy(class, false, None).is_never_stored);
            assert_eq!(seconds(class, false, None), [None, None]);
        }
    }

    #[test]
    fn says_nothing_of_what_it_does_not_know() {
        assert_eq!(
            KNOWLEDGE.policy(Class::Other, true, None),
            Policy::default()
        );
    }

    proptest! {
        #[test]
        fn a_list_that_grows_is_never_kept_for_its_whole_period(period_ms in 2_u64..3_600_000) {
            let period = Some(Duration::from_millis(period_ms));
            let outline = Outline { form: Form::Live, period };
            let policy = KNOWLEDGE.policy(Class::Playlist, false, Some(outline));
            let ttl = policy.ttl_default.expect("a playlist has a lifetime");
            prop_assert!(ttl < Duration::from_millis(period_ms));
            prop_assert_eq!(policy.stale_while_revalidate, Duration::ZERO);
        }
    }
}
