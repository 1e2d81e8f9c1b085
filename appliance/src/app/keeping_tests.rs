//! Claims about what stays fetchable, with holds that are counted.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Weak},
    time::Duration,
};

use proptest::prelude::*;
use weir_hal::{Monotonic, Wall};

use super::{
    keeping::{Keeping, Spare},
    past::Past,
};
use crate::segment::{self, Archive, Format, MediaPlaylist, Segment};

const START: u64 = 1_700_000_000;

/// Lists, and all that was ever held for them.
struct Rig {
    keeping: Keeping<Arc<u64>>,
    now: Monotonic,
    next: Segment,
    /// By the numbers of the segments.
    held: BTreeMap<u64, Weak<u64>>,
    early: u64,
}

impl Rig {
    fn new(window: usize, dvr: Option<Duration>) -> Self {
        let playlist = MediaPlaylist::live(window);
        let name = ("ch_r".to_owned(), Format::TransportStream);
        let mut keeping = Keeping::new(name, (playlist, None), [].into());
        keeping.set_dvr(dvr);
        Self {
            keeping,
            now: Monotonic::ZERO,
            next: Segment {
                sequence: 100,
                duration_90k: 0,
                target_duration_s: 6,
                bytes: 1,
                discontinuity: false,
                independent: true,
                gap: false,
                date_time: Wall::from_nanos(START * 1_000_000_000),
                begin: None,
            },
            held: BTreeMap::new(),
            early: 0,
        }
    }

    /// One of an archive of so many segments that was read back, with a list that begins anew.
    fn restored(count: usize, depth: Duration) -> Self {
        let mut rig = Self::new(3, None);
        let mut past = Past::new(depth, "ch_r", Format::TransportStream, 0);
        let mut pins = VecDeque::new();
        for _ in 0..count {
            let segment = rig.pass(SIX, false);
            past.push(segment, None);
            pins.push_back(rig.pin(&segment));
        }
        let name = ("ch_r".to_owned(), Format::TransportStream);
        rig.keeping = Keeping::new(name, (MediaPlaylist::live(3), Some(past)), pins);
        rig
    }

    /// Leaves out so many numbers, and as many segments of that length.
    fn skip(&mut self, count: u32, duration: Duration) {
        self.next.sequence += u64::from(count);
        self.next.date_time = self.next.date_time + duration * count;
    }

    /// The next segment, of that length.
    fn pass(&mut self, duration: Duration, gap: bool) -> Segment {
        let duration_90k = u64::try_from(duration.as_micros() * 9 / 100).expect("short");
        let segment = Segment {
            duration_90k,
            gap,
            ..self.next
        };
        self.next.date_time = segment.end();
        self.next.sequence += 1;
        segment
    }

    /// A hold on `segment`.
    fn pin(&mut self, segment: &Segment) -> Option<Arc<u64>> {
        let pin = (!segment.gap).then(|| Arc::new(segment.sequence))?;
        self.held.insert(segment.sequence, Arc::downgrade(&pin));
        Some(pin)
    }

    /// Lists a segment of that length when it has passed.
    fn list(&mut self, duration: Duration, gap: bool) {
        let segment = self.pass(duration, gap);
        self.now = self.now + segment.duration();
        self.early += self.keeping.release(self.now);
        let pin = self.pin(&segment);
        self.early += self.keeping.list(segment, (None, pin), self.now);
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
        self.early += self.keeping.release(self.now);
    }

    fn is_held(&self, sequence: u64) -> bool {
        self.held[&sequence].strong_count() > 0
    }

    /// Segments that are held, listed or not.
    fn count(&self) -> usize {
        let held = self.held.values().filter(|hold| hold.strong_count() > 0);
        held.count()
    }

    /// The live list, and what the archive says from its beginning on.
    fn texts(&self) -> [String; 2] {
        let playlist = self.keeping.playlist();
        let begin = playlist.segments().next().expect("a list").date_time;
        let archive = self.keeping.archive().expect("an archive");
        let excerpt = archive.excerpt(segment::Moment::At(begin), None);
        [
            playlist.render("ch_r/"),
            excerpt.expect("what is listed").text,
        ]
    }

    /// The segments of each list.
    fn lists(&self) -> [Vec<Segment>; 2] {
        let archive = self.keeping.archive();
        let archived = archive.map_or(Vec::new(), |it| it.segments().copied().collect());
        [
            self.keeping.playlist().segments().copied().collect(),
            archived,
        ]
    }
}

const SIX: Duration = Duration::from_secs(6);

#[test]
fn the_longest_archive_there_may_be_is_kept_as_long_as_promised() {
    let most = Archive::SEGMENTS_MAX;
    let mut rig = Rig::new(10, Some(SIX * u32::try_from(most).expect("few")));
    for _ in 0..3 * most {
        rig.list(SIX, false);
    }
    assert_eq!(rig.early, 0);
    assert_eq!(rig.keeping.archive().map(Archive::len), Some(most));
    // As many again as there are, and the one whose own duration is not over.
    assert_eq!(rig.count(), 2 * most + 1);
}

#[test]
fn what_leaves_the_live_list_alone_is_held_once() {
    let mut rig = Rig::new(3, Some(SIX * 20));
    for _ in 0..20 {
        rig.list(SIX, false);
    }
    assert_eq!(rig.count(), 20);
    assert!(rig.held.values().all(|hold| hold.strong_count() == 1));
}

#[test]
fn making_room_frees_a_segment_each_time_and_takes_it_off_its_lists_first() {
    let mut rig = Rig::new(5, Some(SIX * 10));
    for index in 0..15 {
        rig.list(SIX, index % 4 == 3);
    }
    let media = rig.count();
    assert!(media > 10);
    for left in (1..media).rev() {
        let given_up = rig.keeping.give_up().expect("there is one");
        let is_listed = |list: Vec<Segment>| list.iter().any(|it| it.sequence == *given_up);
        assert!(!rig.lists().into_iter().any(is_listed), "{given_up}");
        drop(given_up);
        assert_eq!(rig.count(), left);
    }
    assert_eq!(rig.keeping.give_up(), None, "the newest stays");
    let [listed, archived] = rig.lists();
    assert_eq!((listed.len(), archived.len()), (1, 1));
}

#[test]
fn what_the_store_has_no_room_for_leaves_the_archive_and_never_the_live_list() {
    let mut rig = Rig::new(5, Some(SIX * 10));
    for index in 0..15 {
        rig.list(SIX, index % 4 == 3);
    }
    let [listed, _] = rig.lists();
    let mut spares = Vec::new();
    while let Some(spare) = rig.keeping.spare() {
        let given_up = rig.keeping.give_up_spare().expect("there is one");
        let is_it = |segment: &Segment| segment.sequence == *given_up;
        assert!(!rig.lists().iter().flatten().any(is_it), "{given_up}");
        spares.push(spare);
    }
    assert!(spares.is_sorted(), "{spares:?}");
    assert_eq!(spares.first(), Some(&Spare::Unlisted));
    assert!(
        matches!(spares.last(), Some(Spare::Archived(_))),
        "{spares:?}"
    );
    assert_eq!(rig.keeping.give_up_spare(), None);
    assert_eq!(rig.lists(), [listed.clone(), listed]);
}

#[test]
fn an_archive_is_never_shorter_than_the_live_list() {
    // Eight seconds each, as with a key frame every four, for a target of six.
    let mut rig = Rig::new(10, Some(SIX * 10));
    rig.next.target_duration_s = 8;
    for _ in 0..30 {
        rig.list(Duration::from_secs(8), false);
        let [listed, archived] = rig.lists();
        assert!(archived.ends_with(&listed), "{archived:?}");
    }
}

#[test]
fn a_part_that_has_ended_is_final_until_its_front_leaves() {
    let mut rig = Rig::new(3, Some(SIX * 10));
    let at = |seconds| segment::Moment::At(Wall::from_nanos((START + seconds) * 1_000_000_000));
    let mut is_final = || {
        rig.list(SIX, false);
        let archive = rig.keeping.archive().expect("there is one");
        let part = archive.excerpt(at(6), Some(at(30)))?;
        Some(part.is_final && part.text.ends_with("#EXT-X-ENDLIST\n"))
    };
    let found: Vec<_> = (0..16).map(|_| is_final()).collect();
    let (yes, no) = (Some(true), Some(false));
    let ended = [&[None, no, no, no][..], &[yes; 7], &[no; 3], &[None; 2]].concat();
    assert_eq!(found, ended);
}

#[test]
fn what_another_depth_or_target_takes_off_the_lists_stays_as_long_as_the_longest_had_it() {
    for change in [
        (|keeping| keeping.set_dvr(None)) as fn(&mut Keeping<_>),
        |keeping| keeping.set_dvr(Some(SIX * 10)),
        |keeping| keeping.set_shape(10, 10),
    ] {
        let mut rig = Rig::new(10, Some(SIX * 100));
        for _ in 0..100 {
            rig.list(SIX, false);
        }
        change(&mut rig.keeping);
        rig.next.target_duration_s = rig.keeping.playlist().target_duration_s().unwrap_or(10);
        rig.list(SIX, false);
        rig.wait(SIX * 100 + Duration::from_secs(5));
        assert!(rig.is_held(100) && rig.is_held(189), "they were promised");
        rig.wait(Duration::from_secs(1));
        assert!(!rig.is_held(100) && !rig.is_held(189), "their time is over");
        assert_eq!(rig.early, 0);
    }
}

#[test]
fn more_than_can_be_held_goes_early_and_is_counted() {
    let most = Archive::SEGMENTS_MAX;
    let mut rig = Rig::new(10, Some(Duration::from_hours(24)));
    for _ in 0..most {
        rig.list(SIX, false);
    }
    // Each of them takes another's place, which was promised a day.
    for _ in 0..most + 2_000 {
        rig.list(Duration::from_millis(40), false);
    }
    assert_eq!(rig.count(), 2 * most + 1_024);
    assert_eq!(rig.early, 2_000 - 1_024);
    // Not those: the short ones were promised less.
    assert!((100..100 + most as u64).all(|number| rig.is_held(number)));
}

#[test]
fn numbers_left_out_behind_an_archive_that_was_read_back_have_nothing_go_early() {
    // The shorter one loses half at its front.
    for depth in [Duration::from_hours(24), SIX * 600] {
        let mut rig = Rig::restored(600, depth);
        rig.skip(2_000, Duration::from_millis(900));
        rig.list(SIX, false);
        assert_eq!((rig.early, rig.count()), (0, 601));
    }
}

#[test]
fn a_list_that_begins_behind_discontinuities_has_as_many_in_its_archive() {
    let mut rig = Rig::new(3, Some(SIX * 20));
    let [listed, archived] = begin_behind(&mut rig);
    assert_eq!(archived, listed);
}

#[test]
fn gaps_behind_an_archive_that_was_read_back_make_up_for_discontinuities() {
    let mut rig = Rig::restored(10, SIX * 100);
    rig.skip(8, SIX);
    let [listed, archived] = begin_behind(&mut rig);
    assert_eq!(archived, listed);
}

/// Lists the first segment of this life, behind five discontinuities; both lists.
fn begin_behind(rig: &mut Rig) -> [String; 2] {
    rig.keeping.begin_behind(5);
    rig.list(SIX, false);
    let texts = rig.texts();
    let [listed, _] = &texts;
    assert!(listed.contains("DISCONTINUITY-SEQUENCE:5\n"), "{listed}");
    texts
}

#[test]
fn an_archive_of_a_track_that_was_read_back_goes_on_behind_gaps_unless_it_reaches_too_far() {
    for (missing, kept) in [(8, true), (0, true), (-1, false)] {
        let mut rig = Rig::restored(10, SIX * 100);
        rig.next.sequence = rig.next.sequence.saturating_add_signed(missing);
        rig.next.date_time = rig.next.date_time + SIX * u32::try_from(missing).unwrap_or(0);
        let mut other = MediaPlaylist::live(3);
        other.begin_behind(5);
        other.push(rig.next);
        assert_eq!(rig.keeping.line_up(&other, rig.next.sequence), []);
        rig.list(SIX, false);
        let [_, archived] = rig.lists();
        assert_eq!(archived[0].sequence == 100, kept, "{missing}");
        let [listed, archived] = rig.texts();
        assert!(listed.contains("DISCONTINUITY-SEQUENCE:5\n"), "{listed}");
        // Where no number is missing, no gap can carry them.
        assert_eq!(archived == listed, missing != 0, "{archived}");
    }
}

/// What may become of lists.
#[derive(Debug, Clone)]
enum Step {
    List { millis: u64, gap: bool },
    Wait { seconds: u64 },
    Depth(Option<u64>),
    Raise,
    GiveUp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (100..8_000_u64, prop::bool::weighted(0.2))
            .prop_map(|(millis, gap)| Step::List { millis, gap }),
        2 => (0..60_u64).prop_map(|seconds| Step::Wait { seconds }),
        2 => prop::option::of(20..200_u64).prop_map(Step::Depth),
        1 => Just(Step::Raise),
        1 => Just(Step::GiveUp),
    ]
}

proptest! {
    #[test]
    fn whatever_becomes_of_the_lists_each_segment_is_held_as_long_as_was_promised(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut rig = Rig::new(4, Some(Duration::from_mins(1)));
        // Of each segment: its duration, that of the longest list that had it, when it left.
        let mut promised: BTreeMap<u64, (Duration, Duration, Option<Monotonic>)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::List { millis, gap } => rig.list(Duration::from_millis(millis), gap),
                Step::Wait { seconds } => rig.wait(Duration::from_secs(seconds)),
                Step::Depth(seconds) => rig.keeping.set_dvr(seconds.map(Duration::from_secs)),
                Step::Raise => {
                    rig.next.target_duration_s += 1;
                    rig.keeping.set_shape(4, rig.next.target_duration_s.into());
                }
                Step::GiveUp => {
                    if let Some(number) = rig.keeping.give_up() {
                        promised.remove(&*number);
                    }
                }
            }
            rig.wait(Duration::ZERO);
            let lists = rig.lists();
            let [listed, archived] = &lists;
            prop_assert!(rig.keeping.archive().is_none() || archived.ends_with(listed));
            for list in &lists {
                let length: Duration = list.iter().map(Segment::duration).sum();
                for segment in list.iter().filter(|segment| !segment.gap) {
                    let fresh = (segment.duration(), length, None);
                    let entry = promised.entry(segment.sequence).or_insert(fresh);
                    entry.1 = entry.1.max(length);
                }
            }
            for (number, (duration, longest, since)) in &mut promised {
                let is_listed = lists.iter().flatten().any(|it| it.sequence == *number);
                if is_listed {
                    prop_assert!(rig.is_held(*number), "{}", number);
                } else {
                    let until = *since.get_or_insert(rig.now) + *longest + *duration;
                    prop_assert_eq!(rig.is_held(*number), until > rig.now, "{}", number);
                }
            }
        }
        prop_assert_eq!(rig.early, 0);
    }
}
