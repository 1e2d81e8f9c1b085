//! The data path of one rendition: source → sync → demux → segment → publisher.

use std::{sync::Arc, time::Duration};

use tracing::{info, warn};
use weir_hal::{DatagramBatch, InterfaceName, Monotonic, Multicast, Wall};

use crate::{
    app::{
        lapse::{Input, Lapse, Wait},
        leg::Leg,
        lists::Lists,
        master::{KeepError, KeptMaster},
        plan::Plan,
        protection::Protection,
        publisher::Moment,
        used::Used,
    },
    demux::{self, Demux, Event, Selection},
    ladder::Line,
    live::{self, Report, State},
    receive::StreamClient,
    segment::{self, Clocks, MasterPlaylist, Segment, Segmenter, StreamClock},
};

/// Silence after which datagrams are said to have stopped: a slow radio channel sends less than
/// one a second.
const SILENCE: Duration = Duration::from_secs(3);

/// So long after a picture that stood for long the next one may do so too.
const STILL_MAX: Duration = Duration::from_mins(1);

/// So long after a second without PCR the next one may be one too.
const CLOCK_MISSING_MAX: Duration = Duration::from_secs(3);

/// Silence after which no more is expected of an open segment: the bursts of a poor sender.
const ALIVE: Duration = Duration::from_millis(250);

/// One rendition at work.
#[derive(Debug)]
pub(super) struct Rendition<M: Multicast> {
    plan: Plan,
    /// The streams it can be made of, in order of preference.
    legs: Vec<Leg<M>>,
    protection: Protection,
    source_switches: u64,
    /// What is to be added to the counters of the stream in use for those of the rendition.
    carried: Used,
    segmenter: Segmenter,
    lists: Lists,
    lapse: Lapse,
    /// When a report last found that random access points had come.
    random_access: Option<Monotonic>,
    last_random_access: Option<Wall>,
    /// When nothing came last that a segment could be made of.
    absent: Option<Monotonic>,
    /// The same of pictures that stood for long.
    still: Option<Monotonic>,
    /// When a report last found that no PCR had come for a second.
    clock_missing: Option<Monotonic>,
    /// As of the last report.
    last_bytes: u64,
    last_demux: demux::Counters,
}

impl<M: Multicast> Rendition<M> {
    /// Begins at `now`; `client` asks for its sources over HTTP.
    pub(super) fn new(
        (plan, lists): (Plan, Lists),
        (client, now): (&StreamClient, Monotonic),
    ) -> Self {
        let selection = plan
            .rendition
            .program
            .map_or(Selection::First, Selection::Program);
        let playlist = lists.main().playlist();
        let mut segmenter = Segmenter::new(plan.rules, playlist.sequence_next());
        segmenter.resume(playlist);
        segmenter.join_at_line();
        let legs = plan.legs().map(|leg| {
            let demux = Demux::new(selection).expecting(plan.rendition.transport_stream_id);
            Leg::new(leg, (demux, plan.is_measured), (client, now))
        });
        Self {
            legs: legs.collect(),
            plan,
            protection: Protection::new(now),
            source_switches: 0,
            carried: Used::default(),
            segmenter,
            lists,
            lapse: Lapse::default(),
            random_access: None,
            last_random_access: None,
            absent: None,
            still: None,
            clock_missing: None,
            last_bytes: 0,
            last_demux: demux::Counters::default(),
        }
    }

    /// Goes on by `plan`: as if nothing had happened if that is the same, otherwise received and
    /// cut anew, in the same list.
    pub(super) fn follow(mut self, plan: &Plan, (client, now): (&StreamClient, Monotonic)) -> Self {
        self.plan.class = plan.class;
        self.plan.markers = plan.markers;
        self.plan.dvr = plan.dvr;
        self.plan.failover = plan.failover;
        self.plan.rendition.is_audio_alone = plan.rendition.is_audio_alone;
        self.plan
            .rendition
            .teletext
            .clone_from(&plan.rendition.teletext);
        if self.plan == *plan {
            self.lists.follow(plan);
            return self;
        }
        let used = self.used(self.protection.active());
        let lists = self.lists.begin_anew(plan);
        let mut next = Self::new((plan.clone(), lists), (client, now));
        next.count_on(&used, self.source_switches, self.segmenter.counters());
        for leg in &mut next.legs {
            leg.count_on(&self.legs);
        }
        next
    }

    /// Counts on from what was counted under these names: what goes on never counts less.
    fn count_on(&mut self, used: &Used, source_switches: u64, cut: &segment::Counters) {
        self.carried = *used;
        self.last_bytes = used.receive.bytes;
        self.last_demux = used.demux;
        self.source_switches = source_switches;
        self.segmenter.count_on(cut);
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

    /// Its list and those out of it, to be changed.
    pub(super) fn lists_mut(&mut self) -> &mut Lists {
        &mut self.lists
    }

    /// Takes the Target Duration of the other renditions of the channel for its own, as long as
    /// none is fixed.
    pub(super) fn agree(&mut self, target_duration_s: u32) {
        self.segmenter.agree(target_duration_s);
    }

    /// Goes on by the clocks of the channel; this rendition `leads` that of its time base or not.
    pub(super) fn agree_on_time(&mut self, channel: &Clocks, leads: bool) {
        self.segmenter.agree_on_time(channel, leads);
    }

    /// Keeps to the cells of the channel while media is lost, if it has other renditions.
    pub(super) fn agree_on_cells(&mut self, has_others: bool) {
        self.segmenter.agree_on_cells(has_others);
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
        let (segment, mut line) = self.lists.take_told()?;
        let group = self.segmenter.overlong_group();
        line.overlong_group = group.map(|group| (group, self.plan.rules.target));
        Some((segment, line))
    }

    /// Goes on from the bandwidths that an earlier life `offered`.
    pub(super) fn resume_bandwidth(&mut self, offered: &MasterPlaylist) {
        self.lists.resume_bandwidth(offered);
    }

    /// Stores the Master Playlist of its channel.
    ///
    /// # Errors
    /// [`KeepError`] when the store refuses.
    pub(super) fn keep_master(&mut self, list: MasterPlaylist) -> Result<KeptMaster, KeepError> {
        self.lists.keep_master(list)
    }

    /// Has groups on `interface`, or on any, joined anew if they stay silent.
    pub(super) fn rejoin(&mut self, interface: Option<&InterfaceName>, now: Monotonic) {
        for leg in &mut self.legs {
            leg.rejoin(interface, now);
        }
    }

    /// When media last came from any of its sources: from another one it will go on.
    pub(super) fn media(&self) -> Option<Monotonic> {
        self.legs.iter().filter_map(|leg| leg.watch().media()).max()
    }

    /// Takes all that has arrived through the whole path, in the turn that began at `moment.now`,
    /// when UTC was `wall`. Never waits.
    pub(super) fn turn(&mut self, sockets: (&M, &mut DatagramBatch), moment: Moment, wall: Wall) {
        self.lists.release(moment.now);
        self.drain(sockets, (moment.now, wall));
        self.protect(moment);
        self.go_on_without_media(moment);
    }

    fn drain(&mut self, (multicast, batch): (&M, &mut DatagramBatch), turn: (Monotonic, Wall)) {
        let (now, _) = turn;
        let Self {
            plan,
            legs,
            protection,
            segmenter,
            lists,
            ..
        } = self;
        for (index, leg) in legs.iter_mut().enumerate() {
            let is_active = index == protection.active();
            leg.turn(
                (multicast, batch),
                &plan.failover,
                turn,
                |event, received| {
                    if is_active {
                        cut(event, segmenter, lists, Moment { now, received });
                    }
                },
            );
        }
    }

    /// Goes over to another source if that is better: what is open ends with what it has.
    fn protect(&mut self, moment: Moment) {
        let before = self.protection.active();
        let watches = self.legs.iter().map(Leg::watch);
        let next = self
            .protection
            .choose(watches, &self.plan.failover, moment.now);
        let Some(next) = next else { return };
        warn!(
            channel = self.plan.channel,
            rendition = self.plan.rendition.name,
            "{} is {}: going over to {}, which is {}",
            self.legs[before].url(),
            self.legs[before].watch().condition().as_str(),
            self.legs[next].url(),
            self.legs[next].watch().condition().as_str(),
        );
        self.source_switches += 1;
        let used = self.used(before);
        let leg = &self.legs[next];
        self.carried = used.minus(&Used::of(leg));
        let Self {
            segmenter, lists, ..
        } = self;
        segmenter.finish(|output| lists.take(output, moment));
        give_up_lost(segmenter, lists, moment);
        leg.introduce(|event| cut(event, segmenter, lists, moment));
    }

    /// The counters of the sources while they were in use; of all, the one at `active` is now.
    fn used(&self, active: usize) -> Used {
        let leg = self.legs.get(active);
        leg.map_or(self.carried, |leg| self.carried.plus(&Used::of(leg)))
    }

    /// Has the list grow in time though no segment could end: players move on, and come back by
    /// themselves.
    fn go_on_without_media(&mut self, moment: Moment) {
        let next = |lists: &Lists| lists.main().playlist().sequence_next();
        while self.is_growth_due(moment.now) {
            let Self {
                segmenter, lists, ..
            } = self;
            let before = next(lists);
            segmenter.lapse(|output| lists.take(output, moment));
            give_up_lost(segmenter, lists, moment);
            if next(lists) == before {
                return;
            }
        }
    }

    /// True when the list must grow, which it is then taken to do.
    fn is_growth_due(&mut self, now: Monotonic) -> bool {
        let main = self.lists.main();
        let seconds = main.playlist().target_duration_s();
        let (Some(updated), Some(seconds)) = (main.updated(), seconds) else {
            return false;
        };
        let active = self.legs.get(self.protection.active());
        let heard = active.and_then(|leg| leg.watch().heard());
        let is_alive = heard.is_some_and(|heard| now.since(heard) < ALIVE);
        let wait = Wait {
            target_duration: Duration::from_secs(seconds.into()),
            gap: self.segmenter.gap(),
            input: if self.segmenter.is_filling() {
                Input::Segment { is_alive }
            } else {
                Input::Nothing
            },
            age: main.age(),
        };
        self.lapse.is_due(updated, &wait, now)
    }

    /// Publishes state and counters, and the core of its thread, if it stays on one; called once a
    /// second.
    pub(super) fn report(&mut self, at: (Monotonic, Wall), interval: Duration, core: Option<u16>) {
        let report = self.observe(at, interval, core);
        let before = self.live().report();
        if before.state != report.state {
            let (channel, rendition) = (&self.plan.channel, &self.plan.rendition.name);
            match report.state {
                State::OnAir | State::Filling | State::NoRandomAccess | State::Waiting => {
                    info!(channel, rendition, "{}", report.state);
                }
                State::NotJoined { .. } => {}
                State::Silent
                | State::Stills
                | State::Stalled
                | State::NoClock
                | State::NotTransportStream
                | State::NoTables
                | State::NoProgram { .. }
                | State::NoKey { .. }
                | State::Scrambled => warn!(channel, rendition, "{}", report.state),
            }
        }
        self.live().tell(report);
    }

    fn observe(
        &mut self,
        (now, at): (Monotonic, Wall),
        interval: Duration,
        core: Option<u16>,
    ) -> Report {
        let active = self.protection.active();
        let Used {
            receive,
            demux,
            merge,
            measure,
        } = self.used(active);
        if demux.random_access_points > self.last_demux.random_access_points {
            self.last_random_access = Some(at);
        }
        let is_scrambled = self.note(&demux, now);
        let state = self.state(now, is_scrambled);
        if state.is_absent() {
            self.absent = Some(now);
        }
        let bytes = receive.bytes.saturating_sub(self.last_bytes);
        let interval_ms = u64::try_from(interval.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        self.last_bytes = receive.bytes;
        let source = self.legs.get(active).map(Leg::url);
        let legs = self.legs.iter_mut().enumerate();
        let legs = legs.flat_map(|(index, leg)| leg.report(index == active, interval));
        let legs: Vec<live::Leg> = legs.collect();
        let used = || legs.iter().filter(|leg| leg.is_active);
        Report {
            at,
            state,
            source: source
                .or_else(|| self.plan.rendition.sources.first().map(ToString::to_string))
                .unwrap_or_default(),
            interface: self
                .plan
                .rendition
                .interface
                .as_ref()
                .map(ToString::to_string),
            core,
            sender: used().find_map(|leg| leg.sender),
            last_datagram: used().filter_map(|leg| leg.last_datagram).max(),
            last_segment: self.lists.main().last_segment().map(|it| it.received),
            last_random_access: self.last_random_access,
            target_duration_s: self.target_duration_s(),
            bitrate_bps: bytes.saturating_mul(8_000) / interval_ms,
            legs,
            source_switches: self.source_switches,
            receive,
            demux,
            merge,
            measure,
            segment: *self.segmenter.counters(),
            publish: self.lists.publish_counters(),
            tracks: self.lists.counters(),
        }
    }

    /// Notes when that happened which `demux` counts more of than at the last report. True if the
    /// pictures are scrambled: most of them, for a few are damage.
    fn note(&mut self, demux: &demux::Counters, now: Monotonic) -> bool {
        let last = std::mem::replace(&mut self.last_demux, *demux);
        let noted = [
            (
                demux.random_access_points > last.random_access_points,
                &mut self.random_access,
            ),
            (demux.stills > last.stills, &mut self.still),
            (
                demux.pcr_missing > last.pcr_missing,
                &mut self.clock_missing,
            ),
        ];
        for (happened, at) in noted {
            if happened {
                *at = Some(now);
            }
        }
        let clear = demux.access_units - last.access_units;
        demux.access_units_scrambled - last.access_units_scrambled > clear
    }

    /// That of the list; before there is a segment, the one that is aimed at.
    fn target_duration_s(&self) -> Option<u32> {
        let listed = self.lists.main().playlist().target_duration_s();
        let rules = &self.plan.rules;
        let aimed = u32::try_from((rules.target + rules.slack).as_secs());
        listed.or(aimed.ok())
    }

    fn state(&self, now: Monotonic, is_scrambled: bool) -> State {
        let Some(leg) = self.legs.get(self.protection.active()) else {
            return State::Waiting;
        };
        if !leg.is_joined() {
            let reason = leg.failure().map(str::to_owned);
            return reason.map_or(State::Waiting, |reason| State::NotJoined { reason });
        }
        match leg.watch().heard() {
            None => return State::Waiting,
            Some(heard) if now.since(heard) >= SILENCE => return State::Silent,
            Some(_) => {}
        }
        if leg.demux().counters().packets == 0 {
            return state_without_packets(leg);
        }
        if leg.demux().program().is_none() {
            return self.state_without_program(leg.demux(), is_scrambled);
        }
        if is_scrambled {
            State::Scrambled
        } else if let Some(no_key) = self.lists.main().no_key() {
            let reason = no_key.to_string();
            State::NoKey { reason }
        } else {
            self.state_on_the_way(now)
        }
    }

    /// That of a program in the clear.
    fn state_on_the_way(&self, now: Monotonic) -> State {
        let patience = 2 * self.plan.rules.duration_max;
        let is_due = |last: Option<Monotonic>| last.is_some_and(|last| now.since(last) > patience);
        let lacks_random_access = is_due(self.random_access);
        let lacks_clock = self
            .clock_missing
            .is_some_and(|it| now.since(it) < CLOCK_MISSING_MAX);
        let main = self.lists.main();
        let last = main.last_segment().map(|last| last.now);
        let is_begun = self.segmenter.is_filling() || self.segmenter.is_joining();
        if last.is_some() && (is_due(last) || main.ends_with_gap()) {
            self.unless_back(now, State::Stalled)
        } else if lacks_random_access {
            self.unless_still(now, State::NoRandomAccess)
        } else if last.is_none() && is_begun {
            self.unless_still(now, State::Filling)
        } else if last.is_none() {
            self.unless_back(now, State::NoRandomAccess)
        } else if lacks_clock {
            State::NoClock
        } else {
            State::OnAir
        }
    }

    /// `state`, unless the stream is back for less than its Target Duration: its segment is due
    /// then, and until then nothing is missing.
    fn unless_back(&self, now: Monotonic, state: State) -> State {
        let target = self.target_duration_s().map(u64::from);
        let target = target.map_or(Duration::ZERO, Duration::from_secs);
        let is_back = self
            .absent
            .is_some_and(|absent| now.since(absent) <= target);
        self.unless_still(now, if is_back { State::Filling } else { state })
    }

    /// `state`, unless pictures stand for so long that this is why nothing comes out.
    fn unless_still(&self, now: Monotonic, state: State) -> State {
        let is_still = self.still.is_some_and(|still| now.since(still) < STILL_MAX);
        if is_still { State::Stills } else { state }
    }

    fn state_without_program(&self, demux: &Demux, is_scrambled: bool) -> State {
        let available: Vec<u16> = demux.programs().map(|(number, _)| number).collect();
        match self.plan.rendition.program {
            Some(wanted) if !available.is_empty() && !available.contains(&wanted) => {
                State::NoProgram { wanted, available }
            }
            _ if is_scrambled => State::Scrambled,
            _ if demux.has_tables() => State::NoRandomAccess,
            _ => State::NoTables,
        }
    }
}

/// What is to be said while datagrams have come by `leg`, and no packets out of them.
fn state_without_packets<M: Multicast>(leg: &Leg<M>) -> State {
    if leg.received().bytes >= demux::ACQUIRING_BYTES {
        State::NotTransportStream
    } else {
        State::Waiting
    }
}

/// One event through the segmenter to the store.
fn cut(event: Event<'_>, segmenter: &mut Segmenter, lists: &mut Lists, moment: Moment) {
    // Most are packets that tell nothing: not to ask of them is cheaper.
    if event.tells_of_stream() {
        lists.observe(&event);
    }
    let mut has_output = false;
    segmenter.push(event, moment.received, |output| {
        has_output = true;
        lists.take(output, moment);
    });
    if has_output {
        give_up_lost(segmenter, lists, moment);
    }
}

/// Has the segmenter begin anew after a segment that could not be kept.
fn give_up_lost(segmenter: &mut Segmenter, lists: &mut Lists, moment: Moment) {
    if lists.take_loss(moment) {
        segmenter.abandon();
        // The lost segment may have ended since, and another begun: its number is due again.
        segmenter.resume(lists.main().playlist());
    }
}
