//! One source of a rendition: joined, joined anew when it must be, and read down to the events of
//! its program.
//!
//! A group that falls silent may have been forgotten by a switch or a router, or its interface may
//! be another by now: membership is taken anew, which nobody misses anything by.
//!
//! Refuses: to choose among sources (`protection`), and to cut (`segment`).

use std::{net::SocketAddr, time::Duration};

use tracing::{info, warn};
use weir_hal::{DatagramBatch, Membership, Monotonic, Multicast, Wall};

use crate::{
    app::protection::{Brought, Watch},
    causes::with_causes,
    config::Failover,
    demux::{self, Demux, Event, PacketSync, Selection},
    live,
    receive::{self, Source},
};

/// Pause between two attempts to join a group.
const JOIN_RETRY: Duration = Duration::from_secs(5);

/// Silence after which a group is joined anew, and then again and again.
const RENEWAL: Duration = Duration::from_secs(10);

/// One source at work.
#[derive(Debug)]
pub(super) struct Leg<M: Multicast> {
    /// The names of the channel and the rendition that it is for.
    of: (String, String),
    /// As it is configured.
    url: String,
    source: Source<M::Receiver>,
    failure: Option<String>,
    /// When to join next, if nothing is heard until then.
    join_at: Monotonic,
    sync: PacketSync,
    sync_counters: demux::Counters,
    demux: Demux,
    watch: Watch,
    /// Bytes as of the last report.
    last_bytes: u64,
}

impl<M: Multicast> Leg<M> {
    /// A source of a rendition of a channel, of these names, that will be joined at its first turn.
    pub(super) fn new(
        of: (String, String),
        url: String,
        source: Source<M::Receiver>,
        selection: Selection,
        now: Monotonic,
    ) -> Self {
        Self {
            of,
            url,
            source,
            failure: None,
            join_at: now,
            sync: PacketSync::new(),
            sync_counters: demux::Counters::default(),
            demux: Demux::new(selection),
            watch: Watch::new(now),
            last_bytes: 0,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn demux(&self) -> &Demux {
        &self.demux
    }

    /// Why it is not joined, if it is not and that is known.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub(super) fn is_joined(&self) -> bool {
        self.source.is_joined()
    }

    /// Counters of reception since it was made.
    pub(super) fn received(&self) -> &receive::Counters {
        self.source.counters()
    }

    /// Counters of its packets since it was made.
    pub(super) fn demultiplexed(&self) -> demux::Counters {
        self.demux.counters().plus(&self.sync_counters)
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
        if now >= self.join_at {
            self.join(multicast, now);
        }
        let Self {
            source,
            sync,
            sync_counters,
            demux,
            ..
        } = self;
        source.drain(batch, |bytes, received| {
            sync.push_datagram(bytes, sync_counters, |packet| {
                demux.push(packet, |event| each(event, received));
            });
        });
        let heard = self.watch.heard();
        self.watch.look(self.brought(), rules, now);
        if self.watch.heard() != heard {
            self.join_at = now + RENEWAL;
        }
    }

    /// Calls `each` with all that is known of the program, for one who has not listened so far.
    pub(super) fn introduce(&self, each: impl FnMut(Event<'_>)) {
        self.demux.introduce(each);
    }

    fn brought(&self) -> Brought {
        let demux = self.demux.counters();
        Brought {
            datagrams: self.source.counters().datagrams,
            access_units: demux.access_units,
            errors: demux.continuity_count_error
                + demux.transport_error
                + self.sync_counters.ts_sync_loss,
        }
    }

    fn join(&mut self, multicast: &M, now: Monotonic) {
        let is_new = !self.source.is_joined();
        match self.source.join(multicast) {
            Ok(()) => {
                let group = self.source.membership().group;
                if is_new {
                    let granted = self.source.receive_buffer_bytes();
                    info!(%group, receive_buffer_bytes = granted, "joined");
                }
                self.failure = None;
                self.join_at = now + RENEWAL;
            }
            Err(error) => {
                let reason = join_sentence(&error, self.source.membership());
                if self.failure.as_ref() != Some(&reason) {
                    let (channel, rendition) = &self.of;
                    warn!(channel, rendition, source = self.url, "{reason}");
                }
                self.failure = Some(reason);
                self.join_at = now + JOIN_RETRY;
            }
        }
    }

    /// What it is like, `interval` after the last time; `is_active` when it is the one in use.
    pub(super) fn report(&mut self, is_active: bool, interval: Duration) -> live::Leg {
        let receive = *self.source.counters();
        let bytes = receive.bytes - self.last_bytes;
        self.last_bytes = receive.bytes;
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        live::Leg {
            url: self.url.clone(),
            is_active,
            condition: self.watch.condition(),
            failure: self.failure.clone(),
            sender: self.source.sender(),
            last_datagram: self.source.last_datagram(),
            bitrate_bps: bytes.saturating_mul(8_000) / interval_ms.max(1),
            receive,
            demux: self.demultiplexed(),
        }
    }
}

fn join_sentence(error: &weir_hal::Error, membership: &Membership) -> String {
    let group: SocketAddr = membership.group;
    match (error, &membership.interface) {
        (weir_hal::Error::NoInterface { name }, _) => format!(
            "cannot join {group}: there is no interface {name}; plug it in or change `interface`"
        ),
        (other, Some(interface)) => {
            format!("cannot join {group} on {interface}: {}", with_causes(other))
        }
        (other, None) => format!(
            "cannot join {group}: {}; set `interface` if the routing table has no route for it",
            with_causes(other)
        ),
    }
}
