//! The data path of one rendition: source → sync → demux → segment → publisher.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tracing::{info, warn};
use weir_hal::{DatagramBatch, Membership, Monotonic, Multicast};

use crate::{
    app::{
        lapse::{Input, Lapse, Wait},
        lists::Lists,
        plan::Plan,
        publisher::Moment,
    },
    causes::with_causes,
    demux::{self, Demux, Event, PacketSync, Selection},
    ladder::Line,
    live::{self, Report, State},
    receive::Source,
    segment::{Segment, Segmenter, StreamClock},
};

/// Pause between two attempts to join a group.
const JOIN_RETRY: Duration = Duration::from_secs(5);

/// Silence after which datagrams are said to have stopped: a slow radio channel sends less than
/// one a second.
const SILENCE: Duration = Duration::from_secs(3);

/// Silence after which no more is expected of an open segment: the bursts of a poor sender.
const ALIVE: Duration = Duration::from_millis(250);

/// One rendition at work.
#[derive(Debug)]
pub(super) struct Rendition<M: Multicast> {
    plan: Plan,
    source: Option<Source<M::Receiver>>,
    join_failure: Option<String>,
    join_at: Monotonic,
    sync: PacketSync,
    sync_counters: demux::Counters,
    demux: Demux,
    segmenter: Segmenter,
    lists: Lists,
    /// When a turn last found datagrams. The wall clock may step; silence must not.
    heard: Option<Monotonic>,
    lapse: Lapse,
    /// When a report last found that random access points had come.
    random_access: Option<Monotonic>,
    /// As of the last report.
    last_bytes: u64,
    last_demux: demux::Counters,
}

impl<M: Multicast> Rendition<M> {
    pub(super) fn new(plan: Plan, lists: Lists) -> Self {
        let selection = plan
            .rendition
            .program
            .map_or(Selection::First, Selection::Program);
        let playlist = lists.main().playlist();
        let mut segmenter = Segmenter::new(plan.rules, playlist.sequence_next());
        segmenter.resume(playlist);
        Self {
            plan,
            source: None,
            join_failure: None,
            join_at: Monotonic::ZERO,
            sync: PacketSync::new(),
            sync_counters: demux::Counters::default(),
            demux: Demux::new(selection),
            segmenter,
            lists,
            heard: None,
            lapse: Lapse::default(),
            random_access: None,
            last_bytes: 0,
            last_demux: demux::Counters::default(),
        }
    }

    /// Goes on by `plan`: as if nothing had happened if that is the same, otherwise received and
    /// cut anew, in the same list.
    pub(super) fn follow(mut self, plan: &Plan) -> Self {
        self.plan.class = plan.class;
        self.plan.markers = plan.markers;
        self.plan.dvr = plan.dvr;
        self.plan.rendition.is_audio_alone = plan.rendition.is_audio_alone;
        self.plan
            .rendition
            .teletext
            .clone_from(&plan.rendition.teletext);
        if self.plan == *plan {
            self.lists.follow(plan);
            return self;
        }
        Self::new(plan.clone(), self.lists.begin_anew(plan))
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn live(&self) -> &Arc<live::Rendition> {
        self.lists.main().live()
    }

    /// Its list and those out of it.
    pub(super) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// Takes the Target Duration of the other renditions of the channel for its own, as long as
    /// none is fixed.
    pub(super) fn agree(&mut self, target_duration_s: u32) {
        self.segmenter.agree(target_duration_s);
    }

    /// Goes on by the clocks of the channel; this rendition `leads` that of its time base or not.
    pub(super) fn agree_on_time(&mut self, channel: &[StreamClock], leads: bool) {
        self.segmenter.agree_on_time(channel, leads);
    }

    /// Discontinuities that its list had so far.
    pub(super) fn discontinuities(&self) -> u64 {
        self.lists.main().playlist().discontinuities()
    }

    /// Comes to have as many discontinuities as the `channel`.
    pub(super) fn agree_on_breaks(&mut self, channel: u64) {
        self.lists.begin_behind(channel);
        let had = self.discontinuities();
        self.segmenter.agree_on_breaks(channel, had);
    }

    /// The clock by which it dates; `None` before the first segment.
    pub(super) fn clock(&self) -> Option<StreamClock> {
        self.segmenter.clock()
    }

    /// The time base that it is on air in.
    pub(super) fn time_base(&self) -> Option<u64> {
        let clock = self.clock().filter(|_| self.segmenter.is_filling());
        clock.map(|clock| clock.time_base())
    }

    /// The next segment that was listed, with what the rendition says of itself.
    pub(super) fn take_told(&mut self) -> Option<(Segment, Line)> {
        self.lists.take_told()
    }

    /// Takes all that has arrived through the whole path. Never waits.
    pub(super) fn turn(&mut self, multicast: &M, batch: &mut DatagramBatch, moment: Moment) {
        self.lists.release(moment.now);
        if self.source.is_none() && moment.now >= self.join_at {
            self.join(multicast, moment.now);
        }
        self.drain(batch, moment.now);
        self.go_on_without_media(moment);
    }

    fn drain(&mut self, batch: &mut DatagramBatch, now: Monotonic) {
        let Self {
            source: Some(source),
            sync,
            sync_counters,
            demux,
            segmenter,
            lists,
            heard,
            ..
        } = self
        else {
            return;
        };
        let datagrams = source.counters().datagrams;
        source.drain(batch, |bytes, received| {
            let moment = Moment { now, received };
            sync.push_datagram(bytes, sync_counters, |packet| {
                demux.push(packet, |event| {
                    cut(event, segmenter, lists, moment);
                });
            });
        });
        if source.counters().datagrams > datagrams {
            *heard = Some(now);
        }
    }

    /// Has the list grow in time though no segment could end: players move on, and come back by
    /// themselves.
    fn go_on_without_media(&mut self, moment: Moment) {
        let Self {
            segmenter, lists, ..
        } = self;
        let main = lists.main();
        let seconds = main.playlist().target_duration_s();
        let (Some(updated), Some(seconds)) = (main.updated(), seconds) else {
            return;
        };
        let heard = self.heard.map(|heard| moment.now.since(heard));
        let is_alive = heard.is_some_and(|since| since < ALIVE);
        let wait = Wait {
            target_duration: Duration::from_secs(seconds.into()),
            gap: segmenter.gap(),
            input: if segmenter.is_filling() {
                Input::Segment { is_alive }
            } else {
                Input::Nothing
            },
        };
        if self.lapse.is_due(updated, &wait, moment.now) {
            segmenter.lapse(|output| lists.take(output, moment));
            give_up_lost(segmenter, lists, moment);
        }
    }

    fn join(&mut self, multicast: &M, now: Monotonic) {
        let Some((transport, membership)) = self.plan.membership() else {
            self.join_failure = Some(
                "no source is a group: add a udp:// or rtp:// source, http:// is not received yet"
                    .to_owned(),
            );
            self.join_at = now + JOIN_RETRY;
            return;
        };
        match Source::join(multicast, &membership, transport) {
            Ok(source) => {
                let granted = source.receive_buffer_bytes();
                info!(group = %membership.group, receive_buffer_bytes = granted, "joined");
                self.join_failure = None;
                self.source = Some(source);
            }
            Err(error) => {
                let reason = join_sentence(&error, &membership);
                if self.join_failure.as_ref() != Some(&reason) {
                    warn!(
                        channel = self.plan.channel,
                        rendition = self.plan.rendition.name,
                        "{reason}"
                    );
                }
                self.join_failure = Some(reason);
                self.join_at = now + JOIN_RETRY;
            }
        }
    }

    /// Publishes state and counters; called once a second.
    pub(super) fn report(&mut self, now: Monotonic, interval: Duration) {
        let report = self.observe(now, interval);
        let before = self.live().report();
        if before.state != report.state {
            let (channel, rendition) = (&self.plan.channel, &self.plan.rendition.name);
            match report.state {
                State::OnAir | State::Filling | State::NoRandomAccess | State::Waiting => {
                    info!(channel, rendition, "{}", report.state);
                }
                State::NotJoined { .. } => {}
                State::Silent
                | State::Stalled
                | State::NotTransportStream
                | State::NoTables
                | State::NoProgram { .. }
                | State::NoKey { .. }
                | State::Scrambled => warn!(channel, rendition, "{}", report.state),
            }
        }
        self.live().tell(report);
    }

    fn observe(&mut self, now: Monotonic, interval: Duration) -> Report {
        let receive = self
            .source
            .as_ref()
            .map(|source| *source.counters())
            .unwrap_or_default();
        let demux = self.demux.counters().plus(&self.sync_counters);
        let last = &self.last_demux;
        let scrambled = demux.access_units_scrambled - last.access_units_scrambled;
        let clear = demux.access_units - last.access_units;
        if demux.random_access_points > last.random_access_points {
            self.random_access = Some(now);
        }
        // Most of them: a few are damage.
        let state = self.state(now, scrambled > clear);
        let bytes = receive.bytes.saturating_sub(self.last_bytes);
        let interval_ms = u64::try_from(interval.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        self.last_bytes = receive.bytes;
        self.last_demux = demux;
        Report {
            state,
            source: self
                .plan
                .source()
                .or(self.plan.rendition.sources.first())
                .map(ToString::to_string)
                .unwrap_or_default(),
            interface: self
                .plan
                .rendition
                .interface
                .as_ref()
                .map(ToString::to_string),
            sender: self.source.as_ref().and_then(Source::sender),
            last_datagram: self.source.as_ref().and_then(Source::last_datagram),
            last_segment: self.lists.main().last_segment().map(|it| it.received),
            target_duration_s: self.target_duration_s(),
            bitrate_bps: bytes.saturating_mul(8_000) / interval_ms,
            receive,
            demux,
            segment: *self.segmenter.counters(),
            publish: self.lists.publish_counters(),
            tracks: self.lists.counters(),
        }
    }

    /// That of the list; before there is a segment, the one that is aimed at.
    fn target_duration_s(&self) -> Option<u32> {
        let listed = self.lists.main().playlist().target_duration_s();
        let aimed = u32::try_from(self.plan.rules.target.as_secs());
        listed.or(aimed.ok())
    }

    fn state(&self, now: Monotonic, is_scrambled: bool) -> State {
        if self.source.is_none() {
            let reason = self.join_failure.clone();
            return reason.map_or(State::Waiting, |reason| State::NotJoined { reason });
        }
        match self.heard {
            None => return State::Waiting,
            Some(heard) if now.since(heard) >= SILENCE => return State::Silent,
            Some(_) => {}
        }
        if self.demux.counters().packets == 0 {
            return State::NotTransportStream;
        }
        if self.demux.program().is_none() {
            return self.state_without_program(is_scrambled);
        }
        if is_scrambled {
            State::Scrambled
        } else if let Some(no_key) = self.lists.main().no_key() {
            let reason = no_key.to_string();
            State::NoKey { reason }
        } else if let Some(last) = self.lists.main().last_segment() {
            let patience = 2 * self.plan.rules.duration_max;
            let is_fresh = now.since(last.now) <= patience;
            let random_access = self
                .random_access
                .map(|random_access| now.since(random_access));
            if !is_fresh || self.lists.main().ends_with_gap() {
                State::Stalled
            } else if random_access.is_some_and(|since| since > patience) {
                State::NoRandomAccess
            } else {
                State::OnAir
            }
        } else if self.segmenter.is_filling() {
            State::Filling
        } else {
            State::NoRandomAccess
        }
    }

    fn state_without_program(&self, is_scrambled: bool) -> State {
        let available: Vec<u16> = self.demux.programs().map(|(number, _)| number).collect();
        match self.plan.rendition.program {
            Some(wanted) if !available.is_empty() && !available.contains(&wanted) => {
                State::NoProgram { wanted, available }
            }
            _ if is_scrambled => State::Scrambled,
            _ => State::NoTables,
        }
    }
}

/// One event through the segmenter to the store.
fn cut(event: Event<'_>, segmenter: &mut Segmenter, lists: &mut Lists, moment: Moment) {
    lists.observe(&event);
    segmenter.push(event, moment.received, |output| {
        lists.take(output, moment);
    });
    give_up_lost(segmenter, lists, moment);
}

/// Has the segmenter begin anew after a segment that could not be kept.
fn give_up_lost(segmenter: &mut Segmenter, lists: &mut Lists, moment: Moment) {
    if lists.take_loss(moment) {
        segmenter.abandon();
        // The lost segment may have ended since, and another begun: its number is due again.
        segmenter.resume(lists.main().playlist());
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
