//! What is measured of one rendition: how it is received, and what comes of it; pure.

use std::{sync::Arc, time::Duration};

use weir_hal::{Monotonic, Wall};

use crate::{
    alarm::{Amount, Kind, Measure, Reading, Resource},
    health::{RenditionSnapshot, measures::if_enough},
    live::{Report, State},
    measure::BitrateAverage,
};

/// Where there is no Target Duration yet, it is that of most channels.
const TARGET_DURATION: Duration = Duration::from_secs(8);

/// Seconds of which the worst counts, so that one in which nothing comes is no end of a burst.
const RECENT: usize = 3;

/// A stream that has lost nothing for so long is whole again.
const DAMAGED: Duration = Duration::from_secs(5);

/// What was last seen of a rendition.
#[derive(Debug, Clone)]
pub(super) struct Reception {
    looked: Monotonic,
    packets: u64,
    packets_at: Monotonic,
    /// Whether packets came between the last look and that before.
    was_received: bool,
    /// What is judged with the next look.
    damage: Damage,
    /// Errors of a thousand packets, of the last seconds.
    shares: [Amount; RECENT],
    /// When it was damaged on its way: for the first time since it was whole, and last.
    damaged: Option<(Monotonic, Monotonic)>,
    segment: Option<Wall>,
    segment_at: Monotonic,
    is_filling: bool,
    dropped: u64,
    sync_losses: u64,
    continuity_errors: u64,
    clocks_missing: u64,
    pat_sections: u64,
    pmt_sections: u64,
    bitrate: BitrateAverage,
}

/// What was lost between two looks. It is judged a look later: until then it is known whether
/// packets come again, and whether others that came the same way have lost some too.
#[derive(Debug, Clone, Copy, Default)]
struct Damage {
    sync_losses: u64,
    errors: u64,
    /// Packets that came meanwhile.
    packets: u64,
    time: Duration,
}

impl Damage {
    /// Errors of a thousand packets.
    fn share(self) -> Amount {
        let thousandths = u128::from(self.errors) * 1_000_000 / u128::from(self.packets.max(1));
        Amount::from_thousandths(u64::try_from(thousandths).unwrap_or(u64::MAX))
    }
}

impl Reception {
    /// That of a rendition that is seen for the first time: nothing is late yet.
    pub(super) fn new(rendition: &RenditionSnapshot, now: Monotonic) -> Self {
        let report = &*rendition.report;
        Self {
            looked: now,
            packets: report.demux.packets,
            packets_at: now,
            was_received: false,
            damage: Damage::default(),
            shares: [Amount::ZERO; RECENT],
            damaged: None,
            segment: report.last_segment,
            segment_at: now,
            is_filling: report.state == State::Filling,
            dropped: report.receive.kernel_dropped_datagrams,
            sync_losses: report.demux.ts_sync_loss,
            continuity_errors: report.demux.continuity_count_error,
            clocks_missing: report.demux.pcr_missing,
            pat_sections: report.demux.pat_sections,
            pmt_sections: report.demux.pmt_sections,
            bitrate: BitrateAverage::default(),
        }
    }

    /// What is measured of `rendition` now.
    pub(super) fn measures(
        &mut self,
        resource: &Resource,
        rendition: &RenditionSnapshot,
        now: Monotonic,
    ) -> [Measure; 9] {
        let report = &*rendition.report;
        let is_received = report.demux.packets != self.packets;
        let seconds = now.since(self.looked).max(Duration::from_secs(1));
        self.looked = now;
        let dropped = gained(&mut self.dropped, report.receive.kernel_dropped_datagrams);
        let damage = self.damage(report, (is_received, dropped > 0), (now, seconds));
        let clocks_missing = gained(&mut self.clocks_missing, report.demux.pcr_missing);
        let readings = [
            (Kind::IngestDown, age(self.packets_age(report, now))),
            (Kind::ReceiveBufferDrop, rate(dropped, seconds)),
            (Kind::SyncLoss, rate(damage.sync_losses, damage.time)),
            (Kind::ContinuityBurst, self.burst(damage)),
            (Kind::ContinuityError, rate(damage.errors, damage.time)),
            (Kind::ClockMissing, rate(clocks_missing, seconds)),
            (Kind::BitrateVariance, self.variance(report)),
            (Kind::SegmentStale, age(self.overdue(report, now))),
            (
                Kind::TablesMissing,
                Reading::of(Amount::claim(self.is_without_tables(report, is_received))),
            ),
        ];
        let detail = why(report);
        let nic = report.interface.as_deref();
        let nic = nic.map(|name| Resource::Nic(name.into()));
        readings.map(|(kind, reading)| {
            let is_explained = matches!(kind, Kind::IngestDown | Kind::SegmentStale);
            Measure::new(kind, resource.clone(), reading)
                .because(detail.clone().filter(|_| is_explained))
                .through(nic.clone())
        })
    }

    /// What was lost until the last look; what has been lost since is judged with the next. What
    /// no packet has come behind is not over yet.
    fn damage(
        &mut self,
        report: &Report,
        (is_received, is_dropped): (bool, bool),
        (now, time): (Monotonic, Duration),
    ) -> Damage {
        let demux = &report.demux;
        let lost = Damage {
            sync_losses: gained(&mut self.sync_losses, demux.ts_sync_loss),
            errors: gained(&mut self.continuity_errors, demux.continuity_count_error),
            packets: demux.packets.saturating_sub(self.packets),
            time,
        };
        // What this box dropped, or begins after a pause, was not damaged on its way.
        let was_received = std::mem::replace(&mut self.was_received, is_received);
        if lost.errors > 0 && was_received && !is_dropped {
            let is_new = |(_, last): &(Monotonic, Monotonic)| now.since(*last) > DAMAGED;
            let since = self.damaged.filter(|it| !is_new(it)).map_or(now, |it| it.0);
            self.damaged = Some((since, now));
        }
        let before = std::mem::replace(&mut self.damage, lost);
        if is_received {
            return before;
        }
        self.damage.sync_losses += before.sync_losses;
        Damage {
            sync_losses: 0,
            ..before
        }
    }

    /// Errors of a second, or of a thousand packets in the worst of the last seconds if that is
    /// more: of a stream that is slow, or of which little is left, few are many.
    fn burst(&mut self, damage: Damage) -> Reading {
        self.shares.rotate_right(1);
        self.shares[0] = self.damage.share();
        let worst = self.shares.into_iter().max().unwrap_or_default();
        Reading::of(per_second(damage.errors, damage.time).max(worst))
    }

    /// Since when packets are lost on the way; `None` if none was lately.
    pub(super) fn damaged_since(&self) -> Option<Monotonic> {
        let (since, last) = self.damaged?;
        (self.looked.since(last) <= DAMAGED).then_some(since)
    }

    /// Whether one of the tables did not come with what was received. Once they are known the
    /// program goes on without them, and whoever joins has to wait for them.
    fn is_without_tables(&mut self, report: &Report, is_received: bool) -> bool {
        let sections = [
            gained(&mut self.pat_sections, report.demux.pat_sections),
            gained(&mut self.pmt_sections, report.demux.pmt_sections),
        ];
        match report.state {
            State::NoTables => true,
            State::Waiting
            | State::NotJoined { .. }
            | State::Silent
            | State::NotTransportStream
            | State::NoProgram { .. } => false,
            State::Scrambled
            | State::NoKey { .. }
            | State::NoRandomAccess
            | State::Stills
            | State::Stalled
            | State::Filling
            | State::NoClock
            | State::OnAir => is_received && sections.contains(&0),
        }
    }

    /// When packets came last, as far as was looked.
    pub(super) const fn packets_at(&self) -> Monotonic {
        self.packets_at
    }

    /// Since when no packet has come.
    fn packets_age(&mut self, report: &Report, now: Monotonic) -> Duration {
        // It is less where a source was joined anew.
        if report.demux.packets != self.packets {
            self.packets = report.demux.packets;
            self.packets_at = now;
        }
        now.since(self.packets_at)
    }

    /// How much longer than its Target Duration no segment has come; of the first, which waits for
    /// a line of the grid to begin at, than twice that. A segment in which no player can begin is
    /// none.
    fn overdue(&mut self, report: &Report, now: Monotonic) -> Duration {
        let is_filling = report.state == State::Filling;
        let is_begun = is_filling && !self.is_filling;
        self.is_filling = is_filling;
        let is_new = report.last_segment != self.segment;
        let is_of_use = !matches!(report.state, State::NoRandomAccess | State::Stills);
        if is_new && is_of_use || is_begun {
            self.segment = report.last_segment;
            self.segment_at = now;
        }
        let target = report.target_duration_s.map(u64::from);
        let target = target.map_or(TARGET_DURATION, Duration::from_secs);
        let patience = if is_filling { target * 2 } else { target };
        now.since(self.segment_at).saturating_sub(patience)
    }

    /// How far the bitrate is off its average. What is not received has none.
    fn variance(&mut self, report: &Report) -> Reading {
        if report.bitrate_bps == 0 {
            return Reading::Unknown;
        }
        self.bitrate.push(report.bitrate_bps);
        let (off, average) = self.bitrate.off(report.bitrate_bps);
        let reading = Reading::Is {
            amount: Amount::percentage(off, average),
            samples: self.bitrate.seconds(),
        };
        if_enough(Kind::BitrateVariance, reading)
    }
}

/// What a state says beyond that it is so, where it is a reason; of key frames, since when none
/// has come: segments come all the same, and players that are there go on.
fn why(report: &Report) -> Option<Arc<str>> {
    let state = &report.state;
    if *state == State::NoRandomAccess
        && let Some(last) = report.last_random_access
    {
        return Some(format!("since {} {state}", crate::ladder::timestamp(last)).into());
    }
    match state {
        State::OnAir | State::Filling => None,
        State::Waiting
        | State::NotJoined { .. }
        | State::Silent
        | State::NotTransportStream
        | State::NoTables
        | State::NoProgram { .. }
        | State::Scrambled
        | State::NoKey { .. }
        | State::NoRandomAccess
        | State::Stills
        | State::NoClock
        | State::Stalled => Some(state.to_string().into()),
    }
}

/// What a counter has gained; nothing, if it began anew.
fn gained(last: &mut u64, now: u64) -> u64 {
    now.saturating_sub(std::mem::replace(last, now))
}

fn age(age: Duration) -> Reading {
    let milliseconds = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    Reading::of(Amount::from_thousandths(milliseconds))
}

fn rate(count: u64, time: Duration) -> Reading {
    Reading::of(per_second(count, time))
}

/// So many in a second. What is counted less than once a second counts as much.
fn per_second(count: u64, time: Duration) -> Amount {
    let thousandths = u128::from(count) * 1_000_000 / time.as_millis().max(1);
    Amount::from_thousandths(u64::try_from(thousandths).unwrap_or(u64::MAX))
}
