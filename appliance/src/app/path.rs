//! One way by which a stream comes: a group that is joined, and joined anew when it must be.
//!
//! A group that falls silent may have been forgotten by a switch or a router, or its interface may
//! be another by now: membership is taken anew, which nobody misses anything by.
//!
//! Refuses: to know what comes by other ways (`leg`).

use std::{net::SocketAddr, time::Duration};

use tracing::{info, warn};
use weir_hal::{DatagramBatch, Membership, Monotonic, Multicast, Wall};

use crate::{
    app::{
        plan::LegSource,
        protection::{Brought, Watch},
    },
    causes::with_causes,
    config::Failover,
    live,
    measure::BitrateAverage,
    receive::{self, Protected, Source, merge::Content},
};

/// Pause between two attempts to join a group.
const JOIN_RETRY: Duration = Duration::from_secs(5);

/// Silence after which a group is joined anew, and then again and again.
const RENEWAL: Duration = Duration::from_secs(10);

/// One source at work.
#[derive(Debug)]
pub(super) struct Path<M: Multicast> {
    /// The names of the channel and the rendition that it is for.
    of: (String, String),
    /// As it is configured.
    url: String,
    received: Protected<M::Receiver>,
    failure: Option<String>,
    /// When to join next, if nothing is heard until then.
    join_at: Monotonic,
    watch: Watch,
    /// As of the last report.
    last: receive::Counters,
    bitrate: BitrateAverage,
}

impl<M: Multicast> Path<M> {
    /// A source that will be joined at its first turn.
    pub(super) fn new(source: LegSource, now: Monotonic) -> Self {
        let LegSource {
            of,
            url,
            transport,
            membership,
            has_fec,
        } = source;
        let received = if has_fec {
            Protected::with_fec(membership)
        } else {
            Protected::bare(membership, transport)
        };
        Self {
            of,
            url,
            received,
            failure: None,
            join_at: now,
            watch: Watch::new(now),
            last: receive::Counters::default(),
            bitrate: BitrateAverage::default(),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn source(&self) -> &Source<M::Receiver> {
        self.received.source()
    }

    /// Why it is not joined, if it is not and that is known.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub(super) fn is_joined(&self) -> bool {
        self.source().is_joined()
    }

    /// Tells the bitrate that the stream has by its own clock.
    pub(super) fn set_media_rate(&mut self, bps: Option<u64>) {
        self.received.set_media_rate(bps);
    }

    /// Counters since it was made.
    pub(super) fn counters(&self) -> &receive::Counters {
        self.source().counters()
    }

    /// Takes all that has arrived and calls `each` with it and when the kernel received it, which
    /// tells whether it is of the stream. Never waits.
    pub(super) fn turn(
        &mut self,
        (multicast, batch): (&M, &mut DatagramBatch),
        now: Monotonic,
        each: impl FnMut(&mut receive::Counters, Content<'_>, Wall) -> bool,
    ) {
        if now >= self.join_at {
            self.join(multicast, now);
        }
        self.received.drain(batch, each);
    }

    /// Looks at what it has brought by `now`.
    pub(super) fn look(&mut self, rules: &Failover, now: Monotonic) {
        let heard = self.watch.heard();
        let counters = self.source().counters();
        let useless = counters.rtp_malformed + counters.rtp_foreign + counters.merge_unmatched;
        let brought = Brought {
            datagrams: counters.datagrams,
            access_units: counters.datagrams.saturating_sub(useless),
            errors: counters.rtp_lost + counters.merge_lost,
        };
        self.watch.look(brought, rules, now);
        if self.watch.heard() != heard && self.failure.is_none() {
            self.join_at = now + RENEWAL;
        }
    }

    fn join(&mut self, multicast: &M, now: Monotonic) {
        let is_new = !self.is_joined();
        match self.received.join(multicast) {
            Ok(()) => {
                let group = self.source().membership().group;
                if is_new {
                    let granted = self.source().receive_buffer_bytes();
                    info!(%group, receive_buffer_bytes = granted, "joined");
                }
                self.failure = None;
                self.join_at = now + RENEWAL;
            }
            Err(error) => {
                let reason = join_sentence(&error, self.source().membership());
                if self.failure.as_ref() != Some(&reason) {
                    let (channel, rendition) = &self.of;
                    warn!(channel, rendition, source = self.url, "{reason}");
                }
                self.failure = Some(reason);
                self.join_at = now + JOIN_RETRY;
            }
        }
    }

    /// What it is like, `interval` after the last time: the only way of its stream, or one of
    /// several.
    pub(super) fn report(&mut self, of_stream: &live::Leg, interval: Duration) -> live::Leg {
        let receive = *self.source().counters();
        let last = std::mem::replace(&mut self.last, receive);
        if receive.rtp_foreign > last.rtp_foreign && last.rtp_foreign == 0 {
            let (channel, rendition) = &self.of;
            warn!(
                channel,
                rendition,
                source = self.url,
                sender = ?self.source().sender(),
                "another RTP stream comes by this group too, and is left out: find its sender, or \
                 write source@ before the group",
            );
        }
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let bytes = receive.bytes - last.bytes;
        let bitrate_bps = bytes.saturating_mul(8_000) / interval_ms.max(1);
        self.bitrate.push(bitrate_bps);
        live::Leg {
            url: self.url.clone(),
            failure: self.failure.clone(),
            sender: self.source().sender(),
            last_datagram: self.source().last_datagram(),
            bitrate_bps,
            bitrate_average: self.bitrate,
            arrivals: *self.source().arrivals(),
            receive,
            ..of_stream.clone()
        }
    }

    /// How well it is received, by what other ways bring.
    pub(super) fn condition(&self) -> live::Condition {
        self.watch.condition()
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
