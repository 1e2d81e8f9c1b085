//! Finds what a rendition had on air before a restart, so that players notice nothing.
//!
//! The last Media Playlist lies in the store under its own path, written after the segments it
//! lists. A power cut may have taken the last few seconds. So the list goes on only while it was
//! listed for less time than its last segment is long, so that none was listed since; otherwise,
//! and where the wall clock is behind, it begins anew, and Media Sequence Numbers leap over any
//! that players may have seen.
//!
//! A life that ends in order says so beside the list, with the number of its opening of the store:
//! the next life, and no later one, knows that none was listed since. One that ends otherwise while
//! the machine runs on, which the number of that run tells and no clock, leaves what it had
//! written, which is all but the last moment. In both cases
//! the list goes on for as long as players still know some of it, with a gap for each cell that has
//! passed.
//!
//! What players may start over in is put together from its blocks ([`crate::app::past`]), of what
//! the store still has: thousands of segments are looked up, [`LOOKUPS`] at a time, before anything
//! is on air, because a list that grew at its front later would break what players were told.
//!
//! Refuses: to know of a segment that was listed in the very moment in which a process was killed,
//! before it was written: it is a gap then, as it is for whoever asks for it. To know of a shorter
//! segment, behind a jump, that was listed and lost in less time than
//! the one before it lasts: power does not come back so soon.

use std::{
    collections::{BTreeMap, VecDeque},
    iter::repeat_with,
    time::Duration,
};

use tokio::task::{JoinError, JoinSet};
use tracing::info;
use weir_cache::{Key, Pin, Store};
use weir_hal::Wall;

use crate::{
    app::{
        note::Note,
        past::{Past, block_key},
        plan::Plan,
        publisher::key,
    },
    encryption::Vault,
    segment::{APART_MAX, Archive, Format, KeyTag, MediaPlaylist, RangeLine, Segment},
    serve::{playlist_path, segment_path_of},
};

/// Longest playlist read back: 1,050 segments of 712 bytes, with names of 64 letters, a
/// discontinuity, a cue tag and a key each, and 32 date ranges of 2.4 KiB. A longer one is none of
/// ours, and half of one would give numbers twice.
const PLAYLIST_BYTES_MAX: u64 = 1024 * 1024;

/// Shortest segment reckoned with when numbers leap, whatever is listed.
const SEGMENT_SHORTEST: Duration = Duration::from_millis(500);

/// Gaps that stand in at most for the time between two lives: a reboot, at a short target.
const GAPS_MAX: usize = 32;

/// Segments of an archive that are looked up at one time: what keeps the store's readers busy.
const LOOKUPS: usize = 64;

/// When a box looks for what was on air before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waking {
    /// Wall time.
    pub(super) now: Wall,
    /// The number of this run of its machine, if that can be told.
    pub(super) boot: Option<u64>,
}

/// The hold on each segment of a list, oldest first; none on a gap.
type Pins = VecDeque<Option<Pin>>;

/// What was on air before.
#[derive(Debug)]
pub(super) struct Restored {
    /// The list to go on from; empty when there is none, or when it is too old to be of use.
    pub(super) playlist: MediaPlaylist,
    /// What players may start over in; `None` when nothing is known of it.
    pub(super) past: Option<Past>,
    /// One for each segment of the longer of both, oldest first; none for a gap.
    pub(super) pins: Pins,
    /// Since when it has not grown.
    pub(super) age: Duration,
    /// When players saw it first.
    pub(super) listed: Option<Wall>,
    /// The run of the machine in which it was read back.
    pub(super) boot: Option<u64>,
}

impl Restored {
    /// An empty list of `window` segments.
    pub(super) fn nothing(window: usize, boot: Option<u64>) -> Self {
        Self {
            playlist: MediaPlaylist::live(window),
            past: None,
            pins: VecDeque::new(),
            age: Duration::ZERO,
            listed: None,
            boot,
        }
    }

    /// Both lists go on, the live one with the hold on each segment that is `listed`.
    fn going_on(
        (playlist, listed): (MediaPlaylist, Pins),
        past: Option<(Past, Pins)>,
        (age, listed_at): (Duration, Option<Wall>),
        boot: Option<u64>,
    ) -> Self {
        let (past, pins) = past.unzip();
        let mut pins = pins.unwrap_or_default();
        // Those listed are the newest of both.
        pins.truncate(pins.len().saturating_sub(listed.len()));
        pins.extend(listed);
        Self {
            playlist,
            past,
            pins,
            age,
            listed: listed_at,
            boot,
        }
    }

    /// An empty list whose numbers go on.
    fn beginning_anew(
        playlist: MediaPlaylist,
        past: Option<(Past, Pins)>,
        Waking { now, boot }: Waking,
    ) -> Self {
        let past = past.map(|(mut past, mut pins)| {
            // Players may have been told of those numbers: the list must not end before them.
            let discontinuities = playlist.discontinuity_sequence();
            let gaps = past.fill(playlist.sequence_next(), now, discontinuities);
            pins.extend(repeat_with(|| None).take(gaps));
            pins.drain(..pins.len() - past.archive().len());
            (past, pins)
        });
        let (past, pins) = past.unzip();
        Self {
            playlist,
            past,
            pins: pins.unwrap_or_default(),
            age: Duration::ZERO,
            listed: None,
            boot,
        }
    }
}

/// Reads back the last playlist of the rendition of `plan`, or of a track of it, that is called
/// `rendition`, and keeps the segments of `format` that it lists. A list begins anew whose keys
/// `vault` cannot give to players any more.
pub(super) async fn restore(
    (store, vault): (&Store, &Vault),
    plan: &Plan,
    (rendition, format): (&str, Format),
    waking: Waking,
) -> Restored {
    let Waking { now, boot } = waking;
    let channel = plan.channel.as_str();
    let nothing = || Restored::nothing(plan.window, boot);
    let path = key(&playlist_path(channel, rendition));
    let Some(stored) = read(store, &path).await else {
        return nothing();
    };
    let Some(mut playlist) = MediaPlaylist::resume(&stored.text, plan.window) else {
        return nothing();
    };
    let note = Note::of(&stored.numbers);
    if let Some(doubtful_until) = note.doubtful_until {
        playlist.doubt_until(doubtful_until);
    }
    if let Some(stream_end) = note.stream_end {
        playlist.ends_at(stream_end);
    }
    let since_end = playlist.end().map_or(Duration::MAX, |end| now.since(end));
    let listed_at = note.listed;
    let age = listed_at.map_or(since_end, |listed| age_of(listed, now));
    let end = End::of(&note, store.opening(), boot);
    let age_max = end.age_max(&playlist, plan);
    let seen_max = end.seen_max(&playlist, since_end.max(age), plan);
    if playlist.outgrow(plan.rules.target.as_secs()) {
        info!(
            channel,
            rendition, "the playlist begins anew: the target duration was raised"
        );
    }
    let path = |segment: &Segment| segment_path_of(channel, rendition, (segment.sequence, format));
    let paths = playlist.segments();
    let paths = paths.map(|segment| (!segment.gap).then(|| path(segment)));
    let listed = pin_listed(store, paths).await;
    while listed.as_ref().is_some_and(|it| it.len() < playlist.len()) && playlist.drop_first() {}
    let on_air = (&playlist, note.past_begin);
    let past = restore_past((store, vault), plan, (rendition, format), (on_air, now)).await;
    let has_keys = playlist
        .encrypted_segments()
        .all(|(segment, key)| has_key(vault, segment, key));
    match listed {
        Some(listed) if has_keys && age < age_max => {
            info!(
                channel,
                rendition,
                segments = listed.len(),
                "the playlist goes on"
            );
            Restored::going_on((playlist, listed), past, (age, listed_at), boot)
        }
        _ => {
            playlist.forget(seen_max);
            info!(
                channel,
                rendition, "the playlist begins anew, its numbers go on"
            );
            Restored::beginning_anew(playlist, past, waking)
        }
    }
}

/// How long ago something was `listed`.
fn age_of(listed: Wall, now: Wall) -> Duration {
    if listed.since(now) > SET_BACK_MAX {
        AGE_UNKNOWN
    } else {
        now.since(listed)
    }
}

/// How the life ended that a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// In order: nothing is unknown.
    InOrder,
    /// The process was killed: what it listed in that very moment is unknown.
    Killed,
    /// With the power: what was listed since the disk was written last is unknown.
    Unknown,
}

impl End {
    /// Of a list with this `note`, found at this `opening` of its store.
    fn of(note: &Note, opening: u64, boot: Option<u64>) -> Self {
        if note.ended_in.map(|ended_in| ended_in + 1) == Some(opening) {
            Self::InOrder
        } else if boot.is_some() && note.boot == boot {
            Self::Killed
        } else {
            Self::Unknown
        }
    }

    /// For how long the list may not have grown that is gone on with.
    fn age_max(self, playlist: &MediaPlaylist, plan: &Plan) -> Duration {
        match self {
            Self::InOrder | Self::Killed => {
                plan.rules.target * u32::try_from(plan.window.min(GAPS_MAX)).unwrap_or(0)
            }
            Self::Unknown => {
                let last = playlist.segments().last();
                last.map(Segment::duration).unwrap_or_default()
            }
        }
    }

    /// Segments that players may have seen behind the last of `playlist`, which has not grown for
    /// `age`.
    fn seen_max(self, playlist: &MediaPlaylist, age: Duration, plan: &Plan) -> u64 {
        match self {
            Self::InOrder => 0,
            Self::Killed => 1,
            Self::Unknown => seen_max(playlist, age, plan.rules.target),
        }
    }
}

/// Segments that players may have seen behind the last of `playlist`, which has not grown for
/// `age`: as many as there were if each was as short as the shortest listed, media before gaps. On
/// a grid of such a `cell` these are not many more than the cells that have passed, so that the
/// numbers of another box stay within reach.
fn seen_max(playlist: &MediaPlaylist, age: Duration, cell: Duration) -> u64 {
    let shortest = |gap: bool| {
        let alike = playlist.segments().filter(|segment| segment.gap == gap);
        alike.map(Segment::duration).min()
    };
    let shortest = shortest(false)
        .or_else(|| shortest(true))
        .unwrap_or_default();
    let seen_max = age.as_nanos() / shortest.max(SEGMENT_SHORTEST).as_nanos();
    let cells = age.as_nanos() / cell.max(SEGMENT_SHORTEST).as_nanos();
    let seen_max = seen_max.min(cells + u128::from(AHEAD_MAX));
    u64::try_from(seen_max).unwrap_or(u64::MAX).min(LEAP_MAX)
}

/// Puts together what players may start over in: what the blocks in the store tell of it, and
/// `playlist`, which was on air last beside an archive that began with that number. Segments whose
/// keys `vault` cannot give any more are gaps.
async fn restore_past(
    (store, vault): (&Store, &Vault),
    plan: &Plan,
    (rendition, format): (&str, Format),
    ((playlist, begin), now): ((&MediaPlaylist, Option<u64>), Wall),
) -> Option<(Past, Pins)> {
    let depth = plan.dvr?;
    let first = *playlist.segments().next()?;
    let since = earlier(now, depth);
    let stem = format!("{}_{rendition}", plan.channel);
    let mut blocks = read_blocks(store, &stem, (playlist, since)).await;
    // What the playlist tells is newer.
    blocks.segments.retain(|number, _| *number < first.sequence);
    let listed_from = playlist.discontinuity_sequence();
    blocks.discontinuities.insert(first.sequence, listed_from);
    let numbers_from = blocks.discontinuities.first_key_value();
    let numbers_from = numbers_from.map_or(listed_from, |(_, it)| *it);
    blocks.take(playlist);
    let path = |(segment, key): &(Segment, Option<KeyTag>)| {
        let path = || segment_path_of(&plan.channel, rendition, (segment.sequence, format));
        let is_recent = segment.end() > since || segment.sequence >= first.sequence;
        let is_wanted = !segment.gap && is_recent;
        (is_wanted && has_key(vault, segment, key.as_ref())).then(path)
    };
    let paths = blocks.segments.values().map(path);
    let found = pin_present(store, paths).await;
    let mut past = Past::new(depth, &stem, format, numbers_from);
    past.set_len_min(playlist.len());
    let mut pins = Pins::new();
    for ((segment, key), pin) in blocks.segments.into_values().zip(found) {
        let known = blocks.discontinuities.get(&segment.sequence);
        let known = known.copied().unwrap_or(0);
        let gaps = past.fill(segment.sequence, segment.date_time, known);
        pins.extend(repeat_with(|| None).take(gaps));
        let gap = pin.is_none();
        past.push(Segment { gap, ..segment }, key);
        pins.push_back(pin);
    }
    blocks.lines.sort_by_key(|line| line.sequence);
    past.follow(&blocks.lines);
    past.drop_before(since);
    let begin = blocks.begin.max(begin.unwrap_or(0));
    past.drop_until(begin.min(first.sequence));
    pins.drain(..pins.len() - past.archive().len());
    // A block may tell of segments behind those that were listed when power went: they are not
    // known, and it is to be stored again.
    let known_until = playlist.sequence_next();
    past.set_stored(blocks.pins, blocks.stored_until.min(known_until));
    info!(
        channel = plan.channel,
        rendition,
        segments = past.archive().len(),
        "players may start over in what was on air before"
    );
    Some((past, pins))
}

/// What blocks tell.
#[derive(Debug, Default)]
struct Blocks {
    /// By their numbers, each with its key.
    segments: BTreeMap<u64, (Segment, Option<KeyTag>)>,
    /// What is told of events.
    lines: Vec<RangeLine>,
    /// Discontinuities before the first segment of a block, by its number.
    discontinuities: BTreeMap<u64, u64>,
    /// The hold on each, and its number, oldest first.
    pins: VecDeque<(u64, Pin)>,
    /// The number with which the archive began, as the newest one tells.
    begin: u64,
    /// The number after the last segment.
    stored_until: u64,
}

impl Blocks {
    /// Takes the segments of `list`.
    fn take(&mut self, list: &MediaPlaylist) {
        let rows = list.encrypted_segments();
        let rows = rows.map(|(segment, key)| (segment.sequence, (*segment, key.cloned())));
        self.segments.extend(rows);
        self.lines.extend(list.range_lines());
    }
}

/// Whether players can have the key of `segment`, if it is encrypted.
fn has_key(vault: &Vault, segment: &Segment, key: Option<&KeyTag>) -> bool {
    let sealed = key.filter(|_| !segment.gap);
    sealed.is_none_or(|tag| vault.recall(tag, segment.sequence))
}

/// Reads the blocks of segments before the end of `playlist` and not all before `since`.
async fn read_blocks(
    store: &Store,
    stem: &str,
    (playlist, since): (&MediaPlaylist, Wall),
) -> Blocks {
    let mut blocks = Blocks::default();
    let last = playlist.sequence_next().saturating_sub(1);
    let oldest = last.saturating_sub(Archive::SEGMENTS_MAX as u64) / Archive::BLOCK_SEGMENTS;
    let newest = last / Archive::BLOCK_SEGMENTS;
    for number in (oldest..=newest).rev() {
        // None is stored of what is gaps alone.
        let stored = read(store, &block_key(stem, number)).await;
        let Some(Stored { text, pin, numbers }) = stored else {
            continue;
        };
        let block = MediaPlaylist::resume(&text, CAPACITY);
        let Some(block) = block.filter(|block| is_block(block, number, playlist)) else {
            continue;
        };
        let Some(first) = block.segments().next() else {
            continue;
        };
        let before = block.discontinuity_sequence();
        blocks.discontinuities.insert(first.sequence, before);
        blocks.take(&block);
        if blocks.pins.is_empty() {
            blocks.begin = numbers.first().copied().unwrap_or(0);
        }
        blocks.stored_until = blocks.stored_until.max(block.sequence_next());
        blocks.pins.push_front((number, pin));
        if first.date_time < since || first.sequence <= blocks.begin {
            break;
        }
    }
    blocks
}

/// Segments of a block, for the list that is read back.
const CAPACITY: usize = 64;

const _: () = assert!(CAPACITY as u64 == Archive::BLOCK_SEGMENTS);

/// Whether `list` is block `number` of the archive whose last segments `playlist` lists.
fn is_block(list: &MediaPlaylist, number: u64, playlist: &MediaPlaylist) -> bool {
    let is_of = |segment: &Segment| segment.sequence / Archive::BLOCK_SEGMENTS == number;
    list.target_duration_s() == playlist.target_duration_s() && list.segments().all(is_of)
}

/// Keeps those of these objects that are there and whole.
async fn pin_present(
    store: &Store,
    paths: impl Iterator<Item = Option<String>>,
) -> Vec<Option<Pin>> {
    let (mut pins, mut lookups) = (Vec::new(), JoinSet::new());
    for (place, path) in paths.enumerate() {
        pins.push(None);
        let Some(path) = path else { continue };
        if lookups.len() == LOOKUPS {
            take(&mut pins, lookups.join_next().await);
        }
        let store = store.clone();
        lookups.spawn(async move {
            let object = store.find(&key(&path)).await;
            (place, object.and_then(|object| object.pin()))
        });
    }
    while !lookups.is_empty() {
        take(&mut pins, lookups.join_next().await);
    }
    pins
}

/// What a lookup has found, and for which place.
type Found = Result<(usize, Option<Pin>), JoinError>;

fn take(pins: &mut [Option<Pin>], found: Option<Found>) {
    let found = found.map(|found| found.expect("a lookup does not panic"));
    if let Some((place, pin)) = found
        && let Some(slot) = pins.get_mut(place)
    {
        *slot = pin;
    }
}

fn earlier(wall: Wall, span: Duration) -> Wall {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Wall::from_nanos(wall.as_nanos().saturating_sub(nanos))
}

/// How far the wall clock may be behind the last list: the work of NTP.
const SET_BACK_MAX: Duration = Duration::from_secs(1);

/// How long a box may have been away whose wall clock is behind: that of a box without a clock of
/// its own comes out of a file that is written hourly.
const AGE_UNKNOWN: Duration = Duration::from_hours(1);

/// Numbers left out at most: an hour of the shortest segments. Whoever saw more has forgotten.
const LEAP_MAX: u64 = 7_200;

/// What leaps comes back to the numbers of another box.
const _: () = assert!(LEAP_MAX < APART_MAX);

/// By how many numbers breaks may have brought a list ahead of the cells of the grid, while nothing
/// of it was stored.
const AHEAD_MAX: u64 = 16;

/// Keeps these objects, of the segments of a list; a gap has none. Those before the first that is
/// there may have left the list behind its last version in the store, and are left out; `None` if
/// another one is missing, or all are.
async fn pin_listed(store: &Store, paths: impl Iterator<Item = Option<String>>) -> Option<Pins> {
    let mut pins = Pins::new();
    let (mut is_any_there, mut is_any_missing) = (false, false);
    for path in paths {
        let Some(path) = path else {
            pins.push_back(None);
            continue;
        };
        let object = store.find(&key(&path)).await;
        let pin = object.and_then(|object| object.pin());
        if pin.is_some() {
            is_any_there = true;
            pins.push_back(pin);
        } else if is_any_there {
            return None;
        } else {
            is_any_missing = true;
            pins.clear();
        }
    }
    (is_any_there || !is_any_missing).then_some(pins)
}

/// A list as it was stored.
pub(super) struct Stored {
    pub(super) text: String,
    pub(super) pin: Pin,
    /// What is noted with it, in numbers.
    numbers: Vec<u64>,
}

/// Reads a list, and keeps it.
pub(super) async fn read(store: &Store, key: &Key) -> Option<Stored> {
    let object = store.find(key).await?;
    let pin = object.pin()?;
    object
        .bytes()
        .filter(|bytes| *bytes <= PLAYLIST_BYTES_MAX)?;
    let mut reader = object.read_copy(0..PLAYLIST_BYTES_MAX);
    let mut bytes = Vec::new();
    // A list that cannot be read is as good as none: the store has counted and logged it.
    while let Some(chunk) = reader.next().await.ok()? {
        bytes.extend_from_slice(&chunk.bytes);
    }
    let (numbers, _) = object.metadata().as_chunks();
    let numbers = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes));
    Some(Stored {
        text: String::from_utf8(bytes).ok()?,
        pin,
        numbers: numbers.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of a splice among segments of 6 s.
    const SPLICED: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:8\n\
        #EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n\
        #EXT-X-PROGRAM-DATE-TIME:2026-11-20T12:00:00.000Z\n\
        #EXTINF:6.000000,\nHD_100.ts\n\
        #EXTINF:1.200000,\nHD_101.ts\n\
        #EXTINF:4.800000,\nHD_102.ts\n\
        #EXTINF:6.000000,\nHD_103.ts\n";

    #[test]
    fn a_short_segment_in_the_list_does_not_take_numbers_far_ahead_of_the_cells() {
        let list = MediaPlaylist::resume(SPLICED, 6).expect("a list");
        let cell = Duration::from_secs(6);
        let after = |age_s| seen_max(&list, Duration::from_secs(age_s), cell);
        assert_eq!(after(0), 0);
        assert_eq!(after(12), 10, "each may have been as short");
        assert_eq!(after(3_600), 600 + AHEAD_MAX);
        assert_eq!(after(u64::from(u32::MAX)), LEAP_MAX);
    }
}
