//! Whole lives: what comes when, what stays available, and one that breaks nothing.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

#[test]
fn r7_what_left_stays_for_its_duration_and_that_of_the_list() {
    let mut checker = Checker::new(None);
    checker.version(&version(1, 0.0, &list(0, &["", "", ""])));
    checker.unchanged(at(5.0));
    checker.version(&version(2, 6.0, &list(1, &["", "", ""])));
    checker.take();
    // It was last listed at 5 s: 6 s of its own and 18 s of the list make 29 s.
    let second = 1_000_000_000;
    assert_eq!(checker.removed_watched(), 1);
    let removed = checker.removed(7 * second).expect("one left");
    assert_eq!((removed.sequence, removed.until_nanos), (0, 29 * second));
    checker.removed_gone(&removed, at(28.9), 404);
    let found = checker.take();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].check, Check::RemovedTooEarly);
    assert_eq!(found[0].evidence[0].text, "s0.ts");
    assert_eq!(checker.removed(7 * second), None);
}

#[test]
fn r7_after_that_it_may_go() {
    let mut checker = Checker::new(None);
    checker.version(&version(1, 0.0, &list(0, &["", "", ""])));
    checker.version(&version(2, 6.0, &list(1, &["", "", ""])));
    checker.take();
    let removed = checker.removed(1).expect("one left");
    checker.removed_gone(&removed, at(24.0), 404);
    assert_eq!(checker.take(), []);
    assert_eq!(checker.removed(25_000_000_000), None);
}

#[test]
fn r8_a_new_segment_comes_within_one_and_a_half_target_durations() {
    let mut checker = Checker::new(None);
    checker.version(&version(1, 0.0, &list(0, &["", "", ""])));
    checker.take();
    for seconds in [9.0, 9.001, 9.049] {
        checker.unchanged(at(seconds));
        assert_eq!(checker.take(), [], "{seconds}");
    }
    checker.unchanged(at(9.1));
    checker.unchanged(at(12.1));
    let found = checker.take();
    assert_eq!(found.len(), 1, "a version is told of once: {found:?}");
    assert_eq!(found[0].check, Check::PublishedLate);
    assert_eq!(found[0].evidence[1].loaded_at, at(9.1).loaded_at);
}

#[test]
fn r8_a_version_without_a_new_segment_does_not_count() {
    let mut checker = Checker::new(None);
    let text = list(0, &["", "", ""]);
    checker.version(&version(1, 0.0, &text));
    checker.version(&version(2, 6.0, &(text.clone() + "#EXT-X-VENDOR\n")));
    checker.take();
    checker.version(&version(3, 12.0, &text));
    let found = checker.take();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].check, Check::PublishedLate);
}

#[test]
fn r8_what_lay_in_a_cache_proves_nothing() {
    let mut checker = Checker::new(None);
    checker.version(&version(1, 0.0, &list(0, &["", "", ""])));
    checker.take();
    let mut old = at(12.0);
    old.age = Duration::from_secs(4);
    checker.unchanged(old);
    assert_eq!(checker.take(), []);
}

#[test]
fn r8_a_list_that_has_ended_may_stand() {
    let mut checker = Checker::new(None);
    let ended = list(0, &["", "", ""]) + "#EXT-X-ENDLIST\n";
    checker.version(&version(1, 0.0, &ended));
    checker.take();
    checker.unchanged(at(600.0));
    assert_eq!(checker.take(), []);
}

/// What a life consists of: a segment, and how often the list is loaded before the next.
#[derive(Debug, Clone, Copy)]
struct Step {
    is_marked: bool,
    duration_ms: u64,
    reloads: u64,
}

/// From one load to the next. The third that finds nothing new comes just in time: one and a half
/// Target Durations after the version.
const RELOAD_S: f64 = 3.0;

fn step() -> impl Strategy<Value = Step> {
    (any::<bool>(), 1_000_u64..6_499, 0_u64..=3).prop_map(|(is_marked, duration_ms, reloads)| {
        Step {
            is_marked,
            duration_ms,
            reloads,
        }
    })
}

/// Writes what a true server would, with a window of as little as is allowed.
#[derive(Debug, Default)]
struct TrueServer {
    segments: Vec<(u64, bool, u64)>,
    gone: u64,
    gone_marks: u64,
    clock_ms: u64,
}

impl TrueServer {
    fn add(&mut self, is_marked: bool, duration_ms: u64) {
        self.segments.push((self.clock_ms, is_marked, duration_ms));
        self.clock_ms += duration_ms;
        while self.segments[1..].iter().map(|it| it.2).sum::<u64>() >= 18_000 {
            self.gone += 1;
            self.gone_marks += u64::from(self.segments.remove(0).1);
        }
    }

    fn text(&self) -> String {
        let (gone, marks) = (self.gone, self.gone_marks);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:{gone}\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:{marks}\n"
        );
        for (number, (clock_ms, is_marked, duration_ms)) in (gone..).zip(&self.segments) {
            if *is_marked {
                text.push_str(MARK);
            }
            let (minutes, seconds, ms) =
                (clock_ms / 60_000, clock_ms / 1_000 % 60, clock_ms % 1_000);
            let written = write!(
                text,
                "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:{minutes:02}:{seconds:02}.{ms:03}Z\n\
                 #EXTINF:{}.{:03},\n{}\n",
                duration_ms / 1_000,
                duration_ms % 1_000,
                uri(number)
            );
            written.expect("a String takes all");
        }
        text
    }
}

/// Lists of the tags that rules compare, with numbers as large as they may be.
fn any_list() -> impl Strategy<Value = String> {
    let tags = "(#EXT(INF|-X-(GAP|KEY|MEDIA-SEQUENCE|TARGETDURATION|DISCONTINUITY|\
        DISCONTINUITY-SEQUENCE|PROGRAM-DATE-TIME|DATERANGE|VERSION|ENDLIST)):?\
        (ID=\"a\",START-DATE=\"2026-01-01T00:00:00Z\"|2026-01-01T00:00:0[0-9]Z|[0-9.]{0,25}\
        |18446744073710|18446744073709551615)\n\
        |[a-c]\n){0,25}";
    tags.prop_map(|tags: String| format!("#EXTM3U\n{tags}"))
}

proptest! {
    #[test]
    fn a_true_life_breaks_nothing(steps in prop::collection::vec(step(), 1..80)) {
        let mut server = TrueServer::default();
        let mut checker = Checker::new(None);
        let mut seconds = 0.0;
        for (number, step) in (1..).zip(steps) {
            server.add(step.is_marked, step.duration_ms);
            checker.version(&version(number, seconds, &server.text()));
            for _ in 0..step.reloads {
                seconds += RELOAD_S;
                checker.unchanged(at(seconds));
            }
            seconds += 0.5;
            let found = checker.take();
            let forbidden: Vec<_> = found
                .iter()
                .filter(|it| it.check.row().severity == Severity::Violation)
                .collect();
            prop_assert!(forbidden.is_empty(), "{forbidden:?}");
        }
    }

    #[test]
    fn no_pair_of_lists_makes_the_rules_panic(one in any_list(), other in any_list()) {
        let mut encoder = stream::Encoder::default();
        let facts = [0, 1].map(|number| encoder.segment(number * 4 * 3_600, 4));
        let mut checker = Checker::new(Some(1));
        let mut set = RenditionSet::default();
        let renditions = [set.add(false), set.add(false)];
        for (number, text) in (1..).zip([&one, &other, &one]) {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let Some(version) = any_version(number, number as f64, text) else { continue };
            checker.version(&version);
            for (rendition, sequence) in renditions.into_iter().zip(0..) {
                set.version(rendition, &version);
                let sequence = version.list.first_sequence().saturating_add(sequence);
                for facts in &facts {
                    set.segment(rendition, sequence, facts);
                    let Some(listed) = version.listed(sequence) else { continue };
                    let inspected = Inspected {
                        delivery: Delivery::default(),
                        facts: facts.clone(),
                    };
                    checker.segment(&listed, &inspected);
                }
            }
        }
    }
}

#[test]
fn r1_a_target_duration_without_measure_is_no_ground_to_fall() {
    let mut checker = Checker::new(None);
    let text = list(0, &[""]).replace("DURATION:6", "DURATION:18446744073710");
    let version = version(1, 0.0, &text);
    checker.version(&version);
    checker.take();
    let inspected = Inspected {
        delivery: Delivery {
            content_type: Some("video/mp2t".to_owned()),
            took: Duration::ZERO,
        },
        facts: stream::Encoder::default().segment(90_000, 150),
    };
    checker.segment(&version.listed(0).expect("it is listed"), &inspected);
    assert_eq!(checker.take(), [], "no media last longer than that");
}

/// Bytes of what the rules remember, as they would print it.
fn remembered(checker: &Checker) -> usize {
    format!("{checker:?}").len()
}

#[test]
fn r11_what_is_remembered_of_date_ranges_has_a_bound() {
    let mut checker = Checker::new(None);
    let long = "x".repeat(10_000);
    for number in 0..50_u64 {
        let start = "START-DATE=\"2026-01-01T00:00:00Z\"";
        let range = format!(
            "{DATE}#EXT-X-DATERANGE:ID=\"{number}{long}\",{start},X-A=\"{long}\"\n\
             #EXT-X-DATERANGE:ID=\"a\",{start},X-{number}=\"{long}\"\n\
             #EXT-X-DATERANGE:ID=\"b\",{start},{long}{number}=1\n"
        );
        checker.version(&version(number + 1, 0.0, &list(0, &[&range, "", ""])));
        checker.take();
    }
    checker.version(&version(51, 0.0, &list(0, &[DATE, "", ""])));
    checker.take();
    assert!(remembered(&checker) < 400_000, "{}", remembered(&checker));
}

#[test]
fn r11_a_date_range_is_compared_however_many_stand_beside_it() {
    let ranges = |changed: &str| {
        let mut tags = DATE.to_owned();
        for number in 0..1_000 {
            let value = if number == 999 { changed } else { "1" };
            let written = writeln!(
                tags,
                "#EXT-X-DATERANGE:ID=\"{number:04}\",START-DATE=\"2026-01-01T00:00:00Z\",\
                 X-A={value}"
            );
            written.expect("a String takes all");
        }
        list(0, &[&tags, "", ""])
    };
    // Some that are listed no more have filled the table.
    let before = ranges("1").replace("ID=\"", "ID=\"z");
    let found = violations(&[&before, &ranges("1"), &ranges("2")]);
    assert!(found.contains(&Check::DateRangeChanged), "{found:?}");
}

#[test]
fn r7_what_is_remembered_of_removed_segments_has_a_bound() {
    let mut checker = Checker::new(None);
    let long = "x".repeat(1_000_000);
    for sequence in 0..30_u64 {
        let text = list(sequence, &["", "", "", ""]).replace(".ts", &long);
        checker.version(&version(sequence + 1, 0.0, &text));
        checker.take();
    }
    checker.version(&version(31, 0.0, &list(30, &["", "", "", ""])));
    checker.take();
    assert!(remembered(&checker) < 400_000, "{}", remembered(&checker));
}
