//! What the feeds of one interface have in common: whether most of them fell silent at once; pure.
//!
//! A common cause is one that takes most of what it had at one time. Feeds that ended one by one,
//! over days, have none, and neither has one that was silent before.
//!
//! Refuses: to name the cause. What is known of interface and querier explains it in turn.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use weir_hal::Monotonic;

use crate::{
    alarm::{Amount, Kind, Measure, Reading, Resource},
    health::RenditionSnapshot,
};

/// After so long without a packet a feed is down by itself, unless the configuration has another
/// threshold: no later than the first is, all are told of as one.
const DOWN: Duration =
    Duration::from_millis(Kind::IngestDown.definition().rule.raise.thousandths());

/// What has been silent for so long by then fell silent with it.
const SILENT: Duration = Duration::from_secs(2);

/// What fell silent within so long fell silent at once.
const AT_ONCE: Duration = Duration::from_secs(10);

/// When the feeds of each interface brought packets last; of `node`, those that name none.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    packets_at: BTreeMap<Resource, Vec<Monotonic>>,
}

impl Feeds {
    /// Takes in one feed.
    pub(super) fn add(&mut self, rendition: &RenditionSnapshot, packets_at: Monotonic) {
        let interface = rendition.report.interface.as_deref();
        let resource = interface.map_or(Resource::Node, |name| Resource::Nic(name.into()));
        self.packets_at
            .entry(resource)
            .or_default()
            .push(packets_at);
    }

    /// One measure of each interface.
    pub(super) fn measures(self, now: Monotonic) -> impl Iterator<Item = Measure> {
        self.packets_at.into_iter().map(move |(resource, times)| {
            let (lost, before) = lost_at_once(times, now);
            let detail: Arc<str> = format!("{lost} of {before}").into();
            let reading = Reading::Is {
                amount: Amount::percentage(lost, before),
                samples: before,
            };
            Measure::new(Kind::FeedsLost, resource, reading).because(Some(detail))
        })
    }
}

/// How many feeds fell silent at once, of how many that were not silent before, once the first of
/// them is down; of several such times, that of the most.
fn lost_at_once(mut times: Vec<Monotonic>, now: Monotonic) -> (u64, u64) {
    times.sort_unstable();
    let all = times.len();
    let for_at_least = |span| times.partition_point(|time| now.since(*time) >= span);
    let (down, silent) = (for_at_least(DOWN), for_at_least(SILENT));
    let windows = (0..down).map(|first| {
        let is_within = |time: &Monotonic| time.since(times[first]) <= AT_ONCE;
        let lost = times[first..silent].partition_point(is_within);
        (lost, all - first)
    });
    // Of two that are as large the later: fewer were there to be lost.
    let (lost, before) = windows.max_by_key(|(lost, _)| *lost).unwrap_or((0, all));
    (lost as u64, before as u64)
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
            assert_eq!(lost_at_once(at(times), now), due, "{times:?}");
        }
    }
}
