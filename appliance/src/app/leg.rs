//! One stream that a rendition can be made of: what comes by all its ways, read down to the events
//! of its program.
//!
//! Refuses: to choose among streams (`protection`), and to cut (`segment`).

use std::{sync::Arc, time::Duration};

use weir_hal::{DatagramBatch, InterfaceName, Monotonic, Multicast, Wall};

use crate::{
    app::{
        path::Path,
        plan::LegSource,
        protection::{Brought, Watch},
    },
    config::Failover,
    demux::{self, Demux, Event, PacketSync},
    live,
    measure::{self, Analyzer},
    receive::{
        self, StreamClient,
        merge::{self, Arrival, Merge},
    },
};

/// One stream at work.
#[derive(Debug)]
pub(super) struct Leg<M: Multicast> {
    /// The sources that carry it, mostly one.
    paths: Vec<Path<M>>,
    merge: Merge,
    sync: PacketSync,
    sync_counters: demux::Counters,
    demux: Demux,
    /// Unless nothing is to be measured.
    analyzer: Option<Box<Analyzer>>,
    watch: Watch,
}

/// How long packets may have waited to be read, by the clock that is set.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a turn may have gone on when they came.
const TURN_MAX: Duration = Duration::from_secs(1);

impl<M: Multicast> Leg<M> {
    /// A stream whose `sources`, put together by `merge`, will be joined at the first turn, or that
    /// `client` asks for; whether it is measured besides.
    pub(super) fn new(
        (sources, merge): (Vec<LegSource>, Merge),
        (demux, is_measured): (Demux, bool),
        (client, now): (&StreamClient, Monotonic),
    ) -> Self {
        let sources = sources.into_iter();
        let paths = sources.map(|source| Path::new(source, client, now));
        Self {
            paths: paths.collect(),
            merge,
            sync: PacketSync::new(),
            sync_counters: demux::Counters::default(),
            demux,
            analyzer: is_measured.then(Box::default),
            watch: Watch::new(now),
        }
    }

    /// The URLs of its sources.
    pub(super) fn url(&self) -> String {
        let urls: Vec<_> = self.paths.iter().map(Path::url).collect();
        urls.join(" + ")
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn demux(&self) -> &Demux {
        &self.demux
    }

    /// Why it is not joined, if it is not and that is known.
    pub(super) fn failure(&self) -> Option<&str> {
        self.paths.iter().find_map(Path::failure)
    }

    pub(super) fn is_joined(&self) -> bool {
        self.paths.iter().any(Path::is_joined)
    }

    /// Counters of reception since it was made. Lost is what came by none of its sources.
    pub(super) fn received(&self) -> receive::Counters {
        let all = self.paths.iter().map(Path::counters);
        let sum = all.fold(receive::Counters::default(), |sum, one| sum.plus(one));
        let rtp_lost = if self.paths.len() > 1 {
            sum.rtp_lost.min(self.merged().lost)
        } else {
            sum.rtp_lost
        };
        receive::Counters { rtp_lost, ..sum }
    }

    /// Has each of its sources count on from what it counted in a leg of `before`.
    pub(super) fn count_on(&mut self, before: &[Self]) {
        for path in &mut self.paths {
            let same = |it: &&Path<M>| it.url() == path.url();
            let former = before
                .iter()
                .find_map(|leg| Some((leg.paths.iter().find(same)?, leg.demultiplexed())));
            if let Some((former, demux)) = former {
                path.count_on(former, &demux);
            }
        }
    }

    /// Counters of its packets since it was made.
    pub(super) fn demultiplexed(&self) -> demux::Counters {
        self.demux.counters().plus(&self.sync_counters)
    }

    /// Counters of what its sources were put together by, since it was made.
    pub(super) fn merged(&self) -> &merge::Counters {
        self.merge.counters()
    }

    /// Has groups on `interface`, or on any, joined anew if they stay silent.
    pub(super) fn rejoin(&mut self, interface: Option<&InterfaceName>, now: Monotonic) {
        for path in &mut self.paths {
            path.rejoin(interface, now);
        }
    }

    /// What was measured so far, second by second; nothing, if nothing is.
    pub(super) fn measured(&self) -> measure::Counters {
        let analyzer = self.analyzer.as_deref();
        analyzer.map_or_else(Default::default, |it| *it.counters())
    }

    /// Takes all that has arrived and calls `each` with what it means and when the kernel received
    /// it. The turn began at `now` and `wall`, which are one moment. Never waits.
    pub(super) fn turn(
        &mut self,
        (multicast, batch): (&M, &mut DatagramBatch),
        rules: &Failover,
        (now, wall): (Monotonic, Wall),
        mut each: impl FnMut(Event<'_>, Wall),
    ) {
        let Self {
            paths,
            merge,
            sync,
            sync_counters,
            demux,
            analyzer,
            ..
        } = self;
        let mut take = |bytes: &[u8], received| {
            let at = time_of(received, (now, wall));
            sync.push_datagram(bytes, sync_counters, |packet| {
                if let Some(analyzer) = analyzer {
                    analyzer.push(packet, at);
                }
                demux.push(packet, |event| each(event, received));
            });
            if let Some(analyzer) = analyzer {
                analyzer.note_sync(sync_counters);
            }
        };
        for (index, path) in paths.iter_mut().enumerate() {
            path.turn((multicast, batch), now, |told, content, received| {
                let arrival = Arrival { now, received };
                merge.push((index, told), content, arrival, &mut take)
            });
            path.look(rules, now);
        }
        merge.settle(now, &mut take);
        if let Some(analyzer) = analyzer {
            analyzer.advance(now.since(Monotonic::ZERO));
        }
        self.watch.look(self.brought(), rules, now);
    }

    /// Calls `each` with all that is known of the program, for one who has not listened so far.
    pub(super) fn introduce(&self, each: impl FnMut(Event<'_>)) {
        self.demux.introduce(each);
    }

    fn brought(&self) -> Brought {
        let demux = self.demux.counters();
        let datagrams = self.paths.iter().map(|path| path.counters().datagrams);
        Brought {
            datagrams: datagrams.sum(),
            access_units: demux.access_units,
            errors: demux.continuity_count_error
                + demux.transport_error
                + self.sync_counters.ts_sync_loss,
        }
    }

    /// What each of its sources is like, `interval` after the last time; `is_active` when it is the
    /// stream in use.
    pub(super) fn report(
        &mut self,
        is_active: bool,
        interval: Duration,
    ) -> impl Iterator<Item = live::Leg> {
        let is_merged = self.paths.len() > 1;
        let condition = self.watch.condition();
        let analyzer = self.analyzer.as_deref();
        let media_rate_bps = analyzer.and_then(Analyzer::media_rate_bps);
        let stream = live::Leg {
            is_active,
            demux: self.demultiplexed(),
            figures: analyzer.map(|it| Arc::new(it.figures())),
            ..live::Leg::default()
        };
        self.paths.iter_mut().map(move |path| {
            let condition = if is_merged {
                condition.min(path.condition())
            } else {
                condition
            };
            path.set_media_rate(media_rate_bps);
            let of_stream = live::Leg {
                condition,
                ..stream.clone()
            };
            path.report(&of_stream, interval)
        })
    }
}

/// When packets came that the kernel received at `received`, on the clock that nobody sets.
fn time_of(received: Wall, (now, wall): (Monotonic, Wall)) -> Duration {
    let now = now.since(Monotonic::ZERO);
    let since = received.since(wall).min(TURN_MAX);
    let before = wall.since(received).min(WAIT_MAX);
    (now + since).saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_the_time_that_the_kernel_gave_them_though_its_clock_is_set() {
        let (now, wall) = (
            Monotonic::ZERO + Duration::from_mins(5),
            Wall::from_nanos(1_700_000_000_000_000_000),
        );
        let time_of = |received| time_of(received, (now, wall)).as_millis();
        let hour = Duration::from_hours(1);
        assert_eq!(time_of(wall), 300_000);
        assert_eq!(time_of(wall + Duration::from_millis(3)), 300_003);
        let earlier = Wall::from_nanos(wall.as_nanos() - 8_000_000);
        assert_eq!(time_of(earlier), 299_992);
        let before_it_was_set = Wall::from_nanos(wall.as_nanos() - 3_600_000_000_000);
        assert_eq!(time_of(before_it_was_set), 295_000);
        assert_eq!(time_of(wall + hour), 301_000);
    }
}
