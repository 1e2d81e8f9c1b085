//! Alarms, from snapshots to every surface.

mod incidents;
mod logins;
mod orders;

use std::{sync::Arc, time::Duration};

use weir_hal::{Disk, Wall, sim::Simulation};

use crate::{
    alarm::{self, Event, Kind, Report, Rules},
    fetch::{
        pull::{PullCounters, RouteReport},
        tiers::{EndpointReport, OriginReport, TierCounters},
    },
    health::{
        AlarmSettings, Alarms, Snapshot, alarms::Ending, json::timestamp, snapshot::tests::snapshot,
    },
    live::{self, State},
};

/// A box and its alarms, a second at a time: one channel of three renditions, one origin.
#[derive(Debug)]
struct Rig {
    alarms: Alarms,
    snapshot: Snapshot,
    second: u64,
    report: Report,
}

const RENDITIONS: usize = 3;
const BITRATE_BPS: u64 = 5_000_000;

impl Rig {
    /// One that has run well for so long.
    fn after(warm_s: u64) -> Self {
        Self::on(&Simulation::new(1), warm_s)
    }

    fn on(machine: &Simulation, warm_s: u64) -> Self {
        let mut snapshot = snapshot(&[&[const { State::OnAir }; RENDITIONS]]);
        snapshot.disk_usage_percent = Some(60.0);
        snapshot.origins = vec![origin("closed")];
        snapshot.routes = vec![RouteReport {
            path: "/vod/".to_owned(),
            counters: PullCounters::default(),
        }];
        let mut rig = Self {
            alarms: alarms(&machine.board().disk),
            snapshot,
            second: 0,
            report: Report::default(),
        };
        rig.run(warm_s, |_| {});
        rig
    }

    /// So many seconds in which all is well but what `spoil` spoils.
    fn run(&mut self, seconds: u64, mut spoil: impl FnMut(&mut Snapshot)) {
        for _ in 0..seconds {
            self.second += 1;
            let second = self.second;
            self.snapshot.uptime = Duration::from_secs(second);
            self.snapshot.taken = wall(second);
            for number in 0..RENDITIONS {
                well(self.rendition(number), second);
            }
            let http = &mut self.snapshot.http;
            http.responses_2xx += 50;
            let route = &mut self.snapshot.routes[0].counters;
            route.hits += 48;
            route.misses += 2;
            spoil(&mut self.snapshot);
            self.report = self.alarms.look(&self.snapshot);
        }
    }

    fn rendition(&mut self, number: usize) -> &mut live::Report {
        report_of(&mut self.snapshot, number)
    }

    /// The kinds that somebody should act on.
    fn roots(&self) -> Vec<Kind> {
        self.report.roots().map(|alarm| alarm.kind).collect()
    }

    /// All that was ever told.
    fn history(&self) -> Vec<(Event, Kind)> {
        let changes = self.report.history.iter();
        changes.map(|it| (it.event, it.kind)).collect()
    }
}

fn alarms(disk: &Arc<dyn Disk>) -> Alarms {
    let settings = AlarmSettings {
        engine: alarm::Settings {
            rules: Rules::default(),
            boot_inhibit: Duration::from_mins(1),
        },
        allowed: vec!["10.0.0.0/8".parse().expect("a block of addresses")],
        state: "/var/weir/cache.alarms".into(),
    };
    Alarms::open(settings, Arc::clone(disk))
}

fn wall(second: u64) -> Wall {
    Wall::from_nanos((1_700_000_000 + second) * 1_000_000_000)
}

fn report_of(snapshot: &mut Snapshot, number: usize) -> &mut live::Report {
    Arc::make_mut(&mut snapshot.channels[0].renditions[number].report)
}

/// A rendition that is received, and has a segment each six seconds; its bitrate trembles.
fn well(report: &mut live::Report, second: u64) {
    report.state = State::OnAir;
    report.demux.packets += 3_324;
    report.demux.pat_sections += 10;
    report.demux.pmt_sections += 10;
    report.bitrate_bps = BITRATE_BPS + second * 7_919 % 11 * 40_000;
    report.target_duration_s = Some(6);
    if second.is_multiple_of(6) {
        report.last_segment = Some(wall(second));
    }
}

/// A rendition to which nothing comes, after [`well`] had its turn.
fn starve(report: &mut live::Report, since: &live::Report) {
    *report = live::Report {
        state: State::Silent,
        bitrate_bps: 0,
        ..since.clone()
    };
}

fn origin(state: &'static str) -> OriginReport {
    let endpoint = EndpointReport {
        url: "http://midcache".to_owned(),
        state,
        round_trip: None,
        first_byte: [None; 3],
        connections: 0,
        trouble: None,
        counters: crate::fetch::exchange::Counters::default(),
    };
    OriginReport {
        name: "midcache".to_owned(),
        counters: TierCounters::default(),
        endpoints: vec![endpoint],
    }
}

#[test]
fn times_of_the_rig_are_those_of_its_walls() {
    assert_eq!(timestamp(wall(0)), "2023-11-14T22:13:20.000Z");
}
