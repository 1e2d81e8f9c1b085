//! One way by which a stream comes: a group that is joined, and joined anew when it must be, or an
//! answer over HTTP, which looks after itself.
//!
//! A group that falls silent may have been forgotten by a switch or a router, or its interface may
//! be another by now: membership is taken anew, which nobody misses anything by. So it is when a
//! link or an address is new, for the kernel asks for no group again when a cable comes back.
//!
//! What waits in the kernel is no silence: after a pause of this box it is taken first, and with it
//! the count of what the kernel had no room for, which goes with the socket.
//!
//! Refuses: to know what comes by other ways (`leg`).

use std::{net::SocketAddr, time::Duration};

use tracing::{info, warn};
use weir_hal::{DatagramBatch, InterfaceName, Membership, Monotonic, Multicast, Wall};

use crate::{
    app::{
        plan::{Address, LegSource},
        protection::{Brought, Watch},
    },
    causes::with_causes,
    config::Failover,
    demux, live,
    measure::BitrateAverage,
    receive::{
        self, HttpSource, Protected, Reception, StreamClient, StreamRequest, merge::Content,
    },
};

/// Pause between two attempts to join a group.
const JOIN_RETRY: Duration = Duration::from_secs(5);

/// Time that a group has to go on by itself after its link has come back, or its address is new.
const SETTLING: Duration = Duration::from_millis(300);

/// Silence after which a group is joined anew, and then again and again.
const RENEWAL: Duration = Duration::from_secs(10);

/// One source at work.
#[derive(Debug)]
pub(super) struct Path<M: Multicast> {
    /// The names of the channel and the rendition that it is for.
    of: (String, String),
    /// As it is configured.
    url: String,
    received: Reception<M::Receiver>,
    failure: Option<String>,
    /// When to join next, if nothing is heard until then.
    join_at: Monotonic,
    watch: Watch,
    /// As of the last report.
    last: receive::Counters,
    /// What was counted of it, and of the stream that it carried, before it was received anew.
    former: (receive::Counters, demux::Counters),
    bitrate: BitrateAverage,
}

impl<M: Multicast> Path<M> {
    /// A source that will be joined at its first turn, or that `client` asks for from now on.
    pub(super) fn new(source: LegSource, client: &StreamClient, now: Monotonic) -> Self {
        let LegSource { of, url, address } = source;
        let received = match address {
            Address::Group {
                membership,
                has_fec: true,
                ..
            } => Reception::Datagrams(Box::new(Protected::with_fec(membership))),
            Address::Group {
                membership,
                transport,
                ..
            } => Reception::Datagrams(Box::new(Protected::bare(membership, transport))),
            Address::Http {
                url: asked,
                bitrate_bps_max,
            } => {
                let request = StreamRequest {
                    of: Some(of.clone()),
                    url: asked,
                    shown: url.clone(),
                    bitrate_bps_max,
                };
                Reception::Http(Box::new(HttpSource::new(request, client, now)))
            }
        };
        Self {
            of,
            url,
            received,
            failure: None,
            join_at: now,
            watch: Watch::new(now),
            last: receive::Counters::default(),
            former: (receive::Counters::default(), demux::Counters::default()),
            bitrate: BitrateAverage::default(),
        }
    }

    /// Reports on from what `former`, the same source, has counted, and what `demux` has of the
    /// stream that it carried.
    pub(super) fn count_on(&mut self, former: &Self, demux: &demux::Counters) {
        let (received, stream) = &former.former;
        self.former = (received.plus(former.counters()), stream.plus(demux));
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Why it is not joined, if it is not and that is known.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref().or(self.received.failure())
    }

    pub(super) fn is_joined(&self) -> bool {
        self.received.is_joined()
    }

    /// Tells the bitrate that the stream has by its own clock.
    pub(super) fn set_media_rate(&mut self, bps: Option<u64>) {
        self.received.set_media_rate(bps);
    }

    /// Counters since it was made.
    pub(super) fn counters(&self) -> &receive::Counters {
        self.received.counters()
    }

    /// Takes all that has arrived and calls `each` with it and when the kernel received it, which
    /// tells whether it is of the stream. Never waits.
    pub(super) fn turn(
        &mut self,
        (multicast, batch): (&M, &mut DatagramBatch),
        now: Monotonic,
        each: impl FnMut(&mut receive::Counters, Content<'_>, Wall) -> bool,
    ) {
        if !self.is_joined() && now >= self.join_at {
            self.join(multicast, now);
        }
        let before = self.received.counters().datagrams;
        self.received.drain(batch, now, each);
        let is_heard = self.received.counters().datagrams != before;
        if now >= self.join_at && !(is_heard && self.failure.is_none()) {
            self.join(multicast, now);
        }
    }

    /// Has its group joined anew soon, unless something comes before; `interface` is the one that
    /// is new, if that is known.
    pub(super) fn rejoin(&mut self, interface: Option<&InterfaceName>, now: Monotonic) {
        let Reception::Datagrams(received) = &self.received else {
            return;
        };
        let own = received.source().membership().interface.as_ref();
        // Where the routing table chooses, any may be meant.
        if own.is_none() || interface.is_none() || own == interface {
            self.join_at = self.join_at.min(now + SETTLING);
        }
    }

    /// Looks at what it has brought by `now`.
    pub(super) fn look(&mut self, rules: &Failover, now: Monotonic) {
        let heard = self.watch.heard();
        let counters = self.received.counters();
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
        let Reception::Datagrams(received) = &mut self.received else {
            return;
        };
        let is_new = !received.source().is_joined();
        match received.join(multicast) {
            Ok(()) => {
                let source = received.source();
                let group = source.membership().group;
                if is_new {
                    let granted = source.receive_buffer_bytes();
                    info!(%group, receive_buffer_bytes = granted, "joined");
                }
                self.failure = None;
                self.join_at = now + RENEWAL;
            }
            Err(error) => {
                let reason = join_sentence(&error, received.source().membership());
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
        let receive = *self.received.counters();
        let last = std::mem::replace(&mut self.last, receive);
        if receive.rtp_foreign > last.rtp_foreign && last.rtp_foreign == 0 {
            let (channel, rendition) = &self.of;
            warn!(
                channel,
                rendition,
                source = self.url,
                sender = ?self.received.sender(),
                "another RTP stream comes by this group too, and is left out: find its sender, or \
                 write source@ before the group",
            );
        }
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let bytes = receive.bytes - last.bytes;
        let bitrate_bps = bytes.saturating_mul(8_000) / interval_ms.max(1);
        self.bitrate.push(bitrate_bps);
        let (received, stream) = &self.former;
        live::Leg {
            url: self.url.clone(),
            failure: self.failure().map(str::to_owned),
            sender: self.received.sender(),
            header: self.received.header(),
            last_datagram: self.received.last_datagram(),
            bitrate_bps,
            bitrate_average: self.bitrate,
            arrivals: self.received.arrivals(),
            receive: receive.plus(received),
            demux: of_stream.demux.plus(stream),
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
