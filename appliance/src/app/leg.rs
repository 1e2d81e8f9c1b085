//! One stream that a rendition can be made of: what comes by all its ways, read down to the events
//! of its program.
//!
//! Refuses: to choose among streams (`protection`), and to cut (`segment`).

use std::time::Duration;

use weir_hal::{DatagramBatch, InterfaceName, Monotonic, Multicast, Wall};

use crate::{
    app::{
        path::Path,
        plan::LegSource,
        protection::{Brought, Watch},
    },
    config::Failover,
    demux::{self, Demux, Event, PacketSync, Selection},
    live,
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
    watch: Watch,
}

impl<M: Multicast> Leg<M> {
    /// A stream whose `sources`, put together by `merge`, will be joined at the first turn, or that
    /// `client` asks for.
    pub(super) fn new(
        (sources, merge): (Vec<LegSource>, Merge),
        selection: Selection,
        (client, now): (&StreamClient, Monotonic),
    ) -> Self {
        let sources = sources.into_iter();
        let paths = sources.map(|source| Path::new(source, client, now));
        Self {
            paths: paths.collect(),
            merge,
            sync: PacketSync::new(),
            sync_counters: demux::Counters::default(),
            demux: Demux::new(selection),
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

    /// Takes all that has arrived and calls `each` with what it means and when the kernel received
    /// it. Never waits.
    pub(super) fn turn(
        &mut self,
        (multicast, batch): (&M, &mut DatagramBatch),
        rules: &Failover,
        now: Monotonic,
        mut each: impl FnMut(Event<'_>, Wall),
    ) {
        let Self {
            paths,
            merge,
            sync,
            sync_counters,
            demux,
            ..
        } = self;
        let mut take = |bytes: &[u8], received| {
            sync.push_datagram(bytes, sync_counters, |packet| {
                demux.push(packet, |event| each(event, received));
            });
        };
        for (index, path) in paths.iter_mut().enumerate() {
            path.turn((multicast, batch), now, |told, content, received| {
                let arrival = Arrival { now, received };
                merge.push((index, told), content, arrival, &mut take)
            });
            path.look(rules, now);
        }
        merge.settle(now, &mut take);
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
        let stream = live::Leg {
            is_active,
            demux: self.demultiplexed(),
            ..live::Leg::default()
        };
        self.paths.iter_mut().map(move |path| {
            let condition = if is_merged {
                condition.min(path.condition())
            } else {
                condition
            };
            let of_stream = live::Leg {
                condition,
                ..stream.clone()
            };
            path.report(&of_stream, interval)
        })
    }
}
