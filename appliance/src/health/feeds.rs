//! What the feeds of one interface have in common: whether most of them fell silent at once, or
//! began to lose packets at once; pure.
//!
//! A common cause is one that takes most of what it had at one time. Feeds that ended one by one,
//! over days, have none, and neither has one that was silent before.
//!
//! One feed alone has nothing in common with others: where no more than one is left, its own alarm
//! tells of it.
//!
//! Refuses: to name the cause. What is known of interface and querier explains it in turn.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use weir_hal::Monotonic;

use crate::{
    alarm::{Amount, Kind, Measure, Reading, Resource, Rule},
    health::{RenditionSnapshot, reception::Reception},
};

/// What befell feeds within so long befell them at once.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Looks are a second apart: no feed is silent for less.
const DOWN_MIN: Duration = Duration::from_secs(1);

/// The feeds of each interface; of `node`, those that name none.
#[derive(Debug)]
pub(super) struct Feeds {
    /// After so long without a packet a feed is down by itself: no later than the first is, all
    /// are told of as one.
    down: Duration,
    feeds: BTreeMap<Resource, Vec<Feed>>,
}

#[derive(Debug, Clone, Copy)]
struct Feed {
    /// When it brought packets last.
    packets_at: Monotonic,
    /// Since when it loses packets, if it does.
    damaged_since: Option<Monotonic>,
}

impl Feeds {
    /// None yet, of which one is down by itself by that rule.
    pub(super) fn new(down: &Rule) -> Self {
        Self {
            down: Duration::from_millis(down.raise.thousandths()).max(DOWN_MIN),
            feeds: BTreeMap::new(),
        }
    }

    /// Takes in one feed.
    pub(super) fn add(&mut self, rendition: &RenditionSnapshot, reception: &Reception) {
        let interface = rendition.report.interface.as_deref();
        let resource = interface.map_or(Resource::Node, |name| Resource::Nic(name.into()));
        self.feeds.entry(resource).or_default().push(Feed {
            packets_at: reception.packets_at(),
            damaged_since: reception.damaged_since(),
        });
    }

    /// Two measures of each interface.
    pub(super) fn measures(self, now: Monotonic) -> impl Iterator<Item = Measure> {
        let down = self.down;
        self.feeds.into_iter().flat_map(move |(resource, feeds)| {
            let times = feeds.iter().map(|feed| feed.packets_at).collect();
            let lost = lost_at_once(times, down, now);
            let since = feeds.iter().filter_map(|feed| feed.damaged_since);
            let damaged = damaged_at_once(since.collect(), feeds.len());
            [
                share(Kind::FeedsLost, resource.clone(), lost),
                share(Kind::FeedsDamaged, resource, damaged),
            ]
        })
    }
}

/// So many feeds, of how many.
fn share(kind: Kind, resource: Resource, (part, whole): (u64, u64)) -> Measure {
    let detail: Arc<str> = format!("{part} of {whole}").into();
    let common = if part > 1 { part } else { 0 };
    let reading = Reading::Is {
        amount: Amount::percentage(common, whole),
        samples: whole,
    };
    Measure::new(kind, resource, reading).because(Some(detail))
}

/// How many feeds fell silent at once, of how many that were not silent before, once the first of
/// them is `down`.
fn lost_at_once(mut times: Vec<Monotonic>, down: Duration, now: Monotonic) -> (u64, u64) {
    times.sort_unstable();
    let for_at_least = |span| times.partition_point(|time| now.since(*time) >= span);
    // What has been silent for two thirds of that by then fell silent with it.
    let silent = for_at_least(down * 2 / 3);
    most_at_once(&times[..silent], for_at_least(down), times.len())
}

/// How many feeds began to lose packets at once, of how many that did not before.
fn damaged_at_once(mut since: Vec<Monotonic>, all: usize) -> (u64, u64) {
    since.sort_unstable();
    most_at_once(&since, since.len(), all)
}

/// How many of `times` are within one window that begins with one of the `firsts`, and of how many
/// in `all` but for those before; of several windows, that of the most.
fn most_at_once(times: &[Monotonic], firsts: usize, all: usize) -> (u64, u64) {
    let windows = (0..firsts).map(|first| {
        let is_within = |time: &Monotonic| time.since(times[first]) <= AT_ONCE;
        let within = times[first..].partition_point(is_within);
        (within, all - first)
    });
    // Of two that are as large the later: fewer were there.
    let (within, before) = windows
        .max_by_key(|(within, _)| *within)
        .unwrap_or((0, all));
    (within as u64, before as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[u64]) -> Vec<Monotonic> {
        let moment = |second: &u64| Monotonic::ZERO + Duration::from_secs(*second);
        seconds.iter().map(moment).collect()
    }

    #[test]
    fn what_fell_silent_at_once_is_counted_among_what_was_there_until_then() {
        for (times, now, due) in [
            (&[][..], 100, (0, 0)),
            (&[100, 99, 100], 100, (0, 3)),
            (&[98, 98, 100], 100, (0, 3)),
            (&[97, 98, 100], 100, (2, 3)),
            (&[90, 80, 100], 100, (2, 3)),
            // One by one.
            (&[10, 30, 50, 70], 100, (1, 1)),
            // Two were silent for long.
            (&[10, 30, 95, 96, 97], 100, (3, 3)),
            // It is the greatest loss that counts.
            (&[10, 11, 12, 50, 100], 100, (3, 5)),
        ] {
            let now = Monotonic::ZERO + Duration::from_secs(now);
            let down = Duration::from_secs(3);
            assert_eq!(lost_at_once(at(times), down, now), due, "{times:?}");
        }
    }

    #[test]
    fn one_feed_alone_has_nothing_in_common_with_others() {
        for (part, whole, percent) in [(0, 3, 0), (1, 2, 0), (1, 3, 0), (2, 2, 100), (2, 4, 50)] {
            let measure = share(Kind::FeedsDamaged, Resource::Node, (part, whole));
            let amount = Amount::whole(percent);
            let samples = whole;
            assert_eq!(
                measure.reading,
                Reading::Is { amount, samples },
                "{part} of {whole}"
            );
        }
    }

    #[test]
    fn feeds_are_lost_when_the_first_is_down_by_its_rule() {
        let now = Monotonic::ZERO + Duration::from_secs(100);
        let times = at(&[79, 86, 88, 100]);
        for (down_s, due) in [(0, (3, 4)), (1, (3, 4)), (20, (2, 4)), (22, (0, 4))] {
            let mut rule = Kind::IngestDown.definition().rule;
            rule.raise = Amount::whole(down_s);
            let down = Feeds::new(&rule).down;
            assert_eq!(lost_at_once(times.clone(), down, now), due, "{down_s}");
        }
    }

    #[test]
    fn what_begins_to_lose_packets_at_once_is_counted_among_what_did_not_before() {
        for (since, all, due) in [
            (&[][..], 3, (0, 3)),
            (&[50], 3, (1, 3)),
            (&[50, 60, 52], 3, (3, 3)),
            // One has lost packets for long.
            (&[10, 51, 52], 3, (2, 2)),
            // One by one.
            (&[10, 30, 50], 3, (1, 1)),
        ] {
            assert_eq!(damaged_at_once(at(since), all), due, "{since:?}");
        }
    }
}
