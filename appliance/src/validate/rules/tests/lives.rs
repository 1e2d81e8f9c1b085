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
    checker.unchanged(at(9.0));
    assert_eq!(checker.take(), []);
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

/// What a life may consist of.
#[derive(Debug, Clone, Copy)]
enum Step {
    Segment { is_marked: bool, duration_ms: u64 },
    Nothing,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 1_000_u64..6_499).prop_map(|(is_marked, duration_ms)| {
            Step::Segment { is_marked, duration_ms }
        }),
        1 => Just(Step::Nothing),
    ]
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

proptest! {
    #[test]
    fn a_true_life_breaks_nothing(steps in prop::collection::vec(step(), 1..80)) {
        let mut server = TrueServer::default();
        let mut checker = Checker::new(None);
        let mut number = 0;
        for (seconds, step) in steps.into_iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let seconds = seconds as f64 * 4.0;
            match step {
                Step::Segment { is_marked, duration_ms } => {
                    server.add(is_marked, duration_ms);
                    number += 1;
                    checker.version(&version(number, seconds, &server.text()));
                }
                Step::Nothing => {}
            }
            let found = checker.take();
            let forbidden: Vec<_> = found
                .iter()
                .filter(|it| it.check.row().severity == Severity::Violation)
                .collect();
            prop_assert!(forbidden.is_empty(), "{forbidden:?}");
        }
    }

    #[test]
    fn no_pair_of_lists_makes_the_rules_panic(
        one in "(#EXT(INF|-X-(GAP|KEY|MEDIA-SEQUENCE|TARGETDURATION|DISCONTINUITY|\
            DISCONTINUITY-SEQUENCE|PROGRAM-DATE-TIME|DATERANGE|VERSION|ENDLIST)):?\
            (ID=\"a\",START-DATE=\"2026-01-01T00:00:00Z\"|2026-01-01T00:00:0[0-9]Z|[0-9.]{0,25})\n\
            |[a-c]\n){0,25}",
        other in "(#EXT(INF|-X-(GAP|KEY|MEDIA-SEQUENCE|TARGETDURATION|DISCONTINUITY|\
            DISCONTINUITY-SEQUENCE|PROGRAM-DATE-TIME|DATERANGE|VERSION|ENDLIST)):?\
            (ID=\"a\",START-DATE=\"2026-01-01T00:00:00Z\"|2026-01-01T00:00:0[0-9]Z|[0-9.]{0,25})\n\
            |[a-c]\n){0,25}",
    ) {
        let [one, other] = [one, other].map(|text| format!("#EXTM3U\n{text}"));
        findings(&[&one, &other, &one]);
    }
}
