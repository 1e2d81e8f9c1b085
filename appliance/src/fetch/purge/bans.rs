//! What must not be served any more though it is stored, told by when it was asked for.
//!
//! A ban says: nothing that fits and was requested up to this moment is current. Banning touches no
//! object. Each one is tested when it is found, against the bans since its birth; an object younger
//! than the newest ban, which is nearly every one, is cleared by one comparison.
//!
//! URLs and tags are banned in a table of moments by hash, which cannot overflow: two that share a
//! place share their bans, so that one of [`PLACES`] objects in the way is fetched once too often.
//! Prefixes and patterns stand in a list of [`LISTED_MAX`]. When it is full the oldest gives its
//! place up and becomes the *floor*: everything requested before it is banned. So no ban is ever
//! forgotten, and the price of too many is a fetch of what is old.
//!
//! Refuses: I/O, and to tell time. Moments are of the wall clock. If that steps back, what is
//! banned already stays banned until it has caught up; an object from the future fits whatever the
//! moment.

use std::{
    fmt::{self, Display},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use weir_hal::Wall;

use super::pattern::Pattern;
use crate::{counter::Shared, hash::fnv1a};

/// Places of the table for URLs and tags: half a MiB. A thousand purges put 1.5 % of all older
/// objects in the way.
const PLACES: usize = 1 << u16::BITS;

/// Prefixes and patterns that are told apart: an object older than all of them is compared with
/// each, which takes about 5 µs.
pub const LISTED_MAX: usize = 256;

/// Bytes of a URL, tag, prefix or pattern: as long as a cache key.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// What is banned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One URL with its query, from `//authority/` on, or from `/` on for every authority.
    Url(String),
    /// Whatever has this tag (`Surrogate-Key`, `Cache-Tag`), in letters of either case.
    Tag(String),
    /// Whatever begins like this, from `//authority/` on, or from `/` on for every authority.
    Prefix(String),
    /// The same, where each `*` stands for any text.
    Pattern(Pattern),
}

impl Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(text) => write!(formatter, "url {text}"),
            Self::Tag(text) => write!(formatter, "tag {text}"),
            Self::Prefix(text) => write!(formatter, "prefix {text}"),
            Self::Pattern(pattern) => write!(formatter, "pattern {pattern}"),
        }
    }
}

/// A stored response, as far as bans look at it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a, T> {
    /// Its cache key: a URI.
    pub key: &'a str,
    /// When it was asked for.
    pub requested_at: Wall,
    /// Its tags.
    pub tags: T,
}

/// One ban as it is kept: the table has forgotten the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ban {
    pub(super) scope: Scope,
    /// Nothing requested up to this moment is current.
    pub(super) until: Wall,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    Place(u16),
    Prefix(Arc<str>),
    Pattern(Arc<Pattern>),
}

impl Ban {
    pub(super) fn new(target: &Target, until: Wall) -> Self {
        let scope = match target {
            Target::Url(name) => Scope::Place(place(Kind::Url, name)),
            Target::Tag(tag) => Scope::Place(place(Kind::Tag, tag)),
            Target::Prefix(prefix) => Scope::Prefix(prefix.as_str().into()),
            Target::Pattern(pattern) => Scope::Pattern(Arc::new(pattern.clone())),
        };
        Self { scope, until }
    }
}

/// All bans of a cache. Tested by many threads, extended by few.
#[derive(Debug)]
pub struct Bans {
    /// The newest moment of all: what is younger is clear.
    newest: AtomicU64,
    /// Everything up to this moment is banned.
    floor: AtomicU64,
    places: Box<[AtomicU64]>,
    /// Oldest first.
    listed: ArcSwap<Vec<Ban>>,
    /// Held by who extends the list.
    extending: Mutex<()>,
    struck: Shared,
}

impl Default for Bans {
    fn default() -> Self {
        Self {
            newest: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            listed: ArcSwap::default(),
            extending: Mutex::new(()),
            struck: Shared::default(),
        }
    }
}

impl Bans {
    /// Whether the stored response `subject` must not be served any more, fresh or stale. It is
    /// to be fetched as if it were not there.
    pub fn is_banned<'a>(
        &self,
        subject: Subject<'a, impl IntoIterator<Item = &'a str>>,
        now: Wall,
    ) -> bool {
        let is_banned = self.is_struck(subject, now);
        if is_banned {
            self.struck.add(1);
        }
        is_banned
    }

    /// Objects that were found banned.
    pub(super) fn struck(&self) -> u64 {
        self.struck.read()
    }

    fn is_struck<'a>(
        &self,
        subject: Subject<'a, impl IntoIterator<Item = &'a str>>,
        now: Wall,
    ) -> bool {
        let newest = self.newest.load(Ordering::Acquire);
        let requested_at = subject.requested_at;
        let is_future = requested_at > now;
        if newest == 0 || (requested_at.as_nanos() > newest && !is_future) {
            return false;
        }
        // An object from the future is older than any ban, as far as anybody can tell.
        let born = if is_future {
            0
        } else {
            requested_at.as_nanos()
        };
        let is_struck = |until: u64| until != 0 && born <= until;
        let (name, path) = names(subject.key);
        is_struck(self.floor.load(Ordering::Relaxed))
            || is_struck(self.moment(place(Kind::Url, name)))
            || is_struck(self.moment(place(Kind::Url, path)))
            || self.is_listed(name, path, born)
            || subject
                .tags
                .into_iter()
                .any(|tag| is_struck(self.moment(place(Kind::Tag, tag))))
    }

    /// Takes bans in. Returns how many had to become the floor.
    pub(super) fn add(&self, bans: &[Ban]) -> u64 {
        let _extending = self
            .extending
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut listed: Option<Vec<Ban>> = None;
        let mut newest = 0;
        for ban in bans {
            let until = ban.until.as_nanos();
            newest = newest.max(until);
            match &ban.scope {
                Scope::All => drop(self.floor.fetch_max(until, Ordering::Relaxed)),
                Scope::Place(place) => self.raise(*place, until),
                Scope::Prefix(_) | Scope::Pattern(_) => {
                    let listed = listed.get_or_insert_with(|| self.listed.load().to_vec());
                    listed.retain(|earlier| !is_covered(earlier, ban));
                    listed.push(ban.clone());
                }
            }
        }
        let folded = listed.map_or(0, |listed| self.publish(listed));
        // Last: who sees the newest moment sees the bans behind it.
        self.newest.fetch_max(newest, Ordering::Release);
        folded
    }

    /// All bans there are, the fewest that say the same.
    pub(super) fn snapshot(&self) -> Vec<Ban> {
        let ban = |scope, nanos: u64| Ban {
            scope,
            until: Wall::from_nanos(nanos),
        };
        let floor = self.floor.load(Ordering::Relaxed);
        let places = (0..=u16::MAX).map(|place| (Scope::Place(place), self.moment(place)));
        let mut bans: Vec<Ban> = [(Scope::All, floor)]
            .into_iter()
            .chain(places)
            .filter(|(_, nanos)| *nanos > 0)
            .map(|(scope, nanos)| ban(scope, nanos))
            .collect();
        bans.extend(self.listed.load().iter().cloned());
        bans
    }

    fn publish(&self, mut listed: Vec<Ban>) -> u64 {
        listed.sort_by_key(|ban| ban.until);
        let excess = listed.len().saturating_sub(LISTED_MAX);
        let last_folded = listed.drain(..excess).next_back();
        if let Some(ban) = last_folded {
            self.floor
                .fetch_max(ban.until.as_nanos(), Ordering::Relaxed);
        }
        self.listed.store(Arc::new(listed));
        excess as u64
    }

    fn is_listed(&self, name: &str, path: &str, born: u64) -> bool {
        let listed = self.listed.load();
        let later = listed.iter().rev();
        later
            .take_while(|ban| born <= ban.until.as_nanos())
            .any(|ban| match &ban.scope {
                Scope::Prefix(prefix) => subject_of(prefix, name, path).starts_with(&**prefix),
                Scope::Pattern(pattern) => {
                    pattern.is_match(subject_of(pattern.as_str(), name, path))
                }
                Scope::All | Scope::Place(_) => false,
            })
    }

    fn moment(&self, place: u16) -> u64 {
        let cell = self.places.get(usize::from(place));
        cell.map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    fn raise(&self, place: u16, until: u64) {
        if let Some(cell) = self.places.get(usize::from(place)) {
            cell.fetch_max(until, Ordering::Relaxed);
        }
    }
}

/// The name that bans of one authority look at, from `//` on, and the one that bans of all look
/// at, from `/` on.
pub(super) fn names(key: &str) -> (&str, &str) {
    let name = key.find("//").and_then(|at| key.get(at..)).unwrap_or(key);
    let path_at = name.get(2..).and_then(|rest| rest.find('/'));
    let path = path_at.and_then(|at| name.get(at + 2..)).unwrap_or(name);
    (name, path)
}

/// Which of the two names a scope speaks of.
fn subject_of<'a>(scope: &str, name: &'a str, path: &'a str) -> &'a str {
    if scope.starts_with("//") { name } else { path }
}

/// Whether `later` bans all that `earlier` does.
fn is_covered(earlier: &Ban, later: &Ban) -> bool {
    earlier.until <= later.until
        && match (&earlier.scope, &later.scope) {
            (Scope::Prefix(longer), Scope::Prefix(prefix)) => {
                longer.starts_with(&**prefix)
                    && longer.starts_with("//") == prefix.starts_with("//")
            }
            (earlier, later) => earlier == later,
        }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Url,
    Tag,
}

/// A hash folded to 16 bits. Kept on disk: it must stay what it is.
fn place(kind: Kind, text: &str) -> u16 {
    let salt = match kind {
        Kind::Url => b'u',
        Kind::Tag => b't',
    };
    let letters = text.bytes().map(|byte| match kind {
        Kind::Url => byte,
        Kind::Tag => byte.to_ascii_lowercase(),
    });
    let hash = fnv1a(std::iter::once(salt).chain(letters));
    let folded = hash ^ (hash >> 32);
    let [low, high, ..] = (folded ^ (folded >> 16)).to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LATER: Wall = Wall::from_nanos(1_000_000);

    fn at(nanos: u64) -> Wall {
        Wall::from_nanos(nanos)
    }

    fn url(name: &str) -> Target {
        Target::Url(name.to_owned())
    }

    fn prefix(text: &str) -> Target {
        Target::Prefix(text.to_owned())
    }

    fn pattern(text: &str) -> Target {
        Target::Pattern(Pattern::new(text).expect("a pattern"))
    }

    fn banned(targets: &[Target], until: u64) -> Bans {
        let bans = Bans::default();
        let list: Vec<Ban> = targets
            .iter()
            .map(|target| Ban::new(target, at(until)))
            .collect();
        bans.add(&list);
        bans
    }

    fn is_banned(bans: &Bans, key: &str, requested_at: u64, tags: &[&str]) -> bool {
        let subject = Subject {
            key,
            requested_at: at(requested_at),
            tags: tags.iter().copied(),
        };
        bans.is_banned(subject, LATER)
    }

    #[test]
    fn bans_what_was_requested_up_to_the_moment_and_nothing_later() {
        let bans = banned(&[url("//h/a?x=1")], 100);
        assert!(is_banned(&bans, "http://h/a?x=1", 99, &[]));
        assert!(is_banned(&bans, "https://h/a?x=1", 100, &[]));
        assert!(!is_banned(&bans, "http://h/a?x=1", 101, &[]));
        assert!(!is_banned(&bans, "http://h/a?x=2", 99, &[]));
        assert!(!is_banned(&bans, "http://i/a?x=1", 99, &[]));
    }

    #[test]
    fn a_path_is_banned_for_every_authority() {
        let bans = banned(&[url("/a")], 100);
        assert!(is_banned(&bans, "http://h/a", 1, &[]));
        assert!(is_banned(&bans, "http://i:8080/a", 1, &[]));
        assert!(!is_banned(&bans, "http://h/a/", 1, &[]));
    }

    #[test]
    fn bans_by_tag_in_letters_of_either_case() {
        let bans = banned(&[Target::Tag("Series-7".to_owned())], 100);
        assert!(is_banned(&bans, "http://h/a", 1, &["news", "series-7"]));
        assert!(!is_banned(&bans, "http://h/a", 1, &["news"]));
        assert!(!is_banned(&bans, "http://h/Series-7", 1, &[]));
    }

    #[test]
    fn bans_by_prefix_and_pattern() {
        let bans = banned(&[prefix("//h/vod/"), pattern("/live/*/seg-*.ts")], 100);
        assert!(is_banned(&bans, "http://h/vod/a", 1, &[]));
        assert!(!is_banned(&bans, "http://i/vod/a", 1, &[]));
        assert!(is_banned(&bans, "http://i/live/x/seg-1.ts", 1, &[]));
        assert!(!is_banned(&bans, "http://i/live/x/seg-1.mp4", 1, &[]));
    }

    #[test]
    fn an_object_from_the_future_fits_whatever_the_moment() {
        let bans = banned(&[url("/a")], 100);
        let future = LATER.as_nanos() + 1;
        assert!(is_banned(&bans, "http://h/a", future, &[]));
        assert!(!is_banned(&bans, "http://h/b", future, &[]));
    }

    #[test]
    fn a_full_list_turns_its_oldest_ban_into_the_floor() {
        let bans = Bans::default();
        for number in 0..LISTED_MAX as u64 {
            let ban = Ban::new(&prefix(&format!("/p{number}/")), at(100 + number));
            assert_eq!(bans.add(&[ban]), 0);
        }
        assert!(!is_banned(&bans, "http://h/other", 1, &[]));
        let ban = Ban::new(&prefix("/one/more/"), at(1_000));
        assert_eq!(bans.add(&[ban]), 1);
        assert!(is_banned(&bans, "http://h/other", 100, &[]));
        assert!(!is_banned(&bans, "http://h/other", 101, &[]));
        assert!(is_banned(&bans, "http://h/p0/a", 100, &[]));
        assert!(is_banned(&bans, "http://h/p1/a", 101, &[]));
    }

    #[test]
    fn a_wider_ban_takes_the_place_of_those_it_covers() {
        let bans = banned(&[prefix("/a/b/"), prefix("/a/c/"), prefix("//h/a/")], 100);
        bans.add(&[Ban::new(&prefix("/a/"), at(200))]);
        let scopes: Vec<Scope> = bans.snapshot().into_iter().map(|ban| ban.scope).collect();
        let expected = ["//h/a/", "/a/"].map(|text| Scope::Prefix(text.into()));
        assert_eq!(scopes, expected);
    }

    fn any_target() -> impl Strategy<Value = Target> {
        prop_oneof![
            "(//h)?/[ab]{1,2}".prop_map(Target::Url),
            "[ab]{1,2}".prop_map(Target::Tag),
            "(//h)?/[ab]{0,2}".prop_map(Target::Prefix),
            "(//h)?/[ab*]{1,4}"
                .prop_filter_map("a pattern", |text| Pattern::new(&text).map(Target::Pattern)),
        ]
    }

    proptest! {
        #[test]
        fn a_snapshot_bans_what_its_bans_did(
            bans in prop::collection::vec((any_target(), 1_u64..50), 0..40),
            path in "/[ab]{1,3}", tag in "[ab]{1,2}", requested_at in 0_u64..60,
        ) {
            let one = Bans::default();
            for (target, until) in &bans {
                one.add(&[Ban::new(target, at(*until))]);
            }
            let other = Bans::default();
            other.add(&one.snapshot());
            let key = format!("http://h{path}");
            let expected = is_banned(&one, &key, requested_at, &[&tag]);
            prop_assert_eq!(is_banned(&other, &key, requested_at, &[&tag]), expected);
            let is_hit = bans.iter().any(|(target, until)| requested_at <= *until && match target {
                Target::Url(name) => [&path, &format!("//h{path}")].contains(&name),
                Target::Tag(name) => *name == tag,
                Target::Prefix(text) => {
                    path.starts_with(text) || format!("//h{path}").starts_with(text)
                }
                Target::Pattern(_) => false,
            });
            prop_assert!(expected || !is_hit, "a ban was forgotten");
        }
    }
}
