//! Faults on a simulated board, in compressed time.
//!
//! Goal: each fault is told as one alarm, of the right kind, resource and severity, with one time,
//! by all surfaces at once, and by none when it is over. Method: the appliance is built of its own
//! parts on a simulated machine; what is injected is data (`table`); each second all surfaces are
//! read as they are handed out and held against each other.

mod inject;
mod players;
mod service;
mod table;
mod ways;
mod world;

use tokio::runtime::{Builder, Runtime};
use weir::alarm::Kind;
use weir_hal::sim::{Call, Simulation};

use self::{
    inject::{Inject, certify},
    players::Asked,
    service::SERVICE,
    table::{APART, Fault, MACHINE, STREAMS},
    ways::{CHANCES, COMMON},
    world::World,
};
use crate::truth::{Surfaces, Told};

/// Until all rules have what they need, but for those of the cache.
const WARM_S: u64 = 90;

/// Until a cache is warm.
const CACHE_WARM_S: u64 = 15 * 60;

/// How long a cause explains what comes later, and two seconds.
const AFTERMATH_S: u64 = 62;

/// Until every alarm is over: the longest window and clear hold together.
const OVER_S: u64 = 600;

/// What chance goes by.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// A day.
const DAY_MINUTES: u64 = 24 * 60;

/// One thread, whose time is turned by hand.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true);
    builder.build().expect("the machine has room for a thread")
}

impl World {
    /// Lets seconds go by until `look` finds what it looks for on all surfaces, which agree.
    async fn until<T>(
        &mut self,
        seconds: u64,
        look: impl Fn(&Surfaces) -> Option<T>,
    ) -> Result<(u64, T), String> {
        let mut last = Surfaces::default();
        for second in 1..=seconds {
            self.second().await;
            last = self.surfaces().await;
            last.agree()?;
            if let Some(found) = look(&last) {
                return Ok((second, found));
            }
        }
        Err(format!("after {seconds} s still {:?}", last.table))
    }

    async fn calm(&mut self, seconds: u64) -> Result<u64, String> {
        let (second, ()) = self
            .until(seconds, |it| it.table.is_empty().then_some(()))
            .await?;
        Ok(second)
    }

    /// Injects a fault, and holds what is told of it against what must be. Tells figures: seconds
    /// until it was told, from its end until it was over, and alarms that were raised on the way.
    async fn suffer(&mut self, fault: &Fault) -> Result<String, String> {
        let before = self.notified();
        fault.inject.begin(self);
        let is_it =
            |told: &Told| told.kind == fault.kind.as_str() && told.resource == fault.resource;
        let is_on_the_way = |told: &Told| {
            let through = fault.through.map(Kind::as_str);
            through == Some(told.kind.as_str()) && told.resource == fault.resource
        };
        let only = |surfaces: &Surfaces| match surfaces.table.as_slice() {
            [told] if is_it(told) => Some(told.clone()),
            _ => None,
        };
        let (told_s, first) = self.until(fault.within_s, only).await?;
        for _ in 0..Fault::STAY_S {
            let (_, told) = self.until(1, only).await?;
            if told.since_ms != first.since_ms {
                return Err(format!("it began anew: {told:?}"));
            }
        }
        let told = self.until(1, only).await?.1;
        let is_worse = fault.is_or_worse && told.severity == "critical";
        if told.severity != fault.severity && !is_worse {
            return Err(format!("its severity is {}", told.severity));
        }
        let json = self.alarms_json().await;
        let affected = json["active"][0]["affected"].as_u64().unwrap_or_default();
        if affected < fault.affected_min {
            return Err(format!("it hides {affected} alarms"));
        }
        fault.inject.end(self);
        let over = |surfaces: &Surfaces| match surfaces.table.as_slice() {
            [] => Some(Ok(())),
            [told] if is_it(told) || is_on_the_way(told) => None,
            others => Some(Err(format!("when it was over, there was {others:?}"))),
        };
        let (over_s, outcome) = self.until(OVER_S, over).await?;
        outcome?;
        // What was an effect may last longer, and is none by itself for that.
        for _ in 0..AFTERMATH_S {
            let (_, table) = self.until(1, |it| Some(it.table.clone())).await?;
            if table.iter().any(|told| !is_on_the_way(told)) {
                return Err(format!("after its end there is {table:?}"));
            }
        }
        let notices = &self.surfaces().await.notices[before..];
        let events = |event: &str| notices.iter().filter(|it| it.event == event).count();
        let raised = events("raised");
        let raised_max = 1 + usize::from(fault.through.is_some());
        if raised > raised_max {
            return Err(format!("{raised} alarms were raised: {notices:?}"));
        }
        Ok(format!(
            "told after {told_s} s, over after {over_s} s, alarms {raised}"
        ))
    }

    /// Injects one fault after the other, and tells of all that were not told as they must be.
    async fn suffer_all(&mut self, faults: &[Fault], rest_s: u64) {
        let mut wrong = Vec::new();
        for fault in faults {
            match self.suffer(fault).await {
                Ok(figures) => println!("{}: {figures}", fault.name),
                Err(why) => {
                    let active = self.alarms_json().await["active"].to_string();
                    wrong.push(format!("{}: {why}; {active}", fault.name));
                    fault.inject.end(self);
                    self.seconds(AFTERMATH_S).await;
                    self.calm(OVER_S).await.expect("the box is well again");
                    self.seconds(AFTERMATH_S).await;
                }
            }
            self.seconds(rest_s).await;
        }
        self.seconds(OVER_S).await;
        let notices = self.surfaces().await.notices;
        let events = |event: &str| notices.iter().filter(|it| it.event == event).count();
        assert_eq!(
            events("raised"),
            events("cleared"),
            "all that was raised was cleared"
        );
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// A world that has run well for so long.
async fn warm(seconds: u64, asked: Asked) -> World {
    warm_by(1, seconds, asked).await
}

/// The same, where chance has it so.
async fn warm_by(seed: u64, seconds: u64, asked: Asked) -> World {
    let simulation = Simulation::new(seed);
    let mut world = World::begin_with(&simulation, "").await;
    world.players.asked = asked;
    for _ in 0..seconds {
        world.second().await;
        let surfaces = world.surfaces().await;
        assert_eq!(surfaces.table, [], "before anything was injected");
        assert_eq!(surfaces.agree(), Ok(()));
    }
    world
}

#[test]
fn what_goes_wrong_with_streams_is_one_alarm_on_every_surface() {
    runtime().block_on(async {
        let mut world = warm(WARM_S, Asked::NOTHING).await;
        world.suffer_all(STREAMS, 0).await;
    });
}

#[test]
fn what_goes_wrong_with_the_machine_is_one_alarm_on_every_surface() {
    runtime().block_on(async {
        let simulation = Simulation::new(1);
        certify(&simulation, 90);
        let mut world = World::begin_with(&simulation, "").await;
        world.seconds(WARM_S).await;
        world.suffer_all(MACHINE, 0).await;
    });
}

#[test]
fn what_streams_have_in_common_is_one_alarm_on_every_surface() {
    runtime().block_on(async {
        let mut world = warm(WARM_S, Asked::NOTHING).await;
        world.suffer_all(COMMON, 0).await;
    });
}

#[test]
fn what_is_lost_by_chance_is_one_alarm_on_every_surface_whatever_is_lost() {
    for seed in SEEDS {
        runtime().block_on(async {
            // Nor does it matter what is under way when it begins.
            let mut world = warm_by(seed, WARM_S + seed, Asked::NOTHING).await;
            world.suffer_all(CHANCES, 0).await;
        });
    }
}

#[test]
fn what_goes_wrong_with_origins_is_one_alarm_on_every_surface() {
    runtime().block_on(async {
        let mut world = warm(CACHE_WARM_S, Asked::WELL).await;
        world.suffer_all(SERVICE, 240).await;
    });
}

#[test]
fn renditions_that_are_cut_apart_are_one_alarm_on_every_surface() {
    runtime().block_on(async {
        let mut world = warm(WARM_S, Asked::NOTHING).await;
        APART.inject.begin(&mut world);
        let any = |surfaces: &Surfaces| Some(surfaces.table.clone()).filter(|it| !it.is_empty());
        let (_, told) = world.until(APART.within_s, any).await.expect(APART.name);
        let [told] = told.as_slice() else {
            panic!("one alarm, not {told:?}");
        };
        assert_eq!(told.kind, APART.kind.as_str());
        assert_eq!(
            (&*told.resource, &*told.severity),
            (APART.resource, APART.severity)
        );
    });
}

/// Failures of the device of the cache: latched, and over with the next start on a good one.
const DEVICE: [(&str, Call); 2] = [
    ("nothing can be written", Call::Write),
    ("nothing can be synced", Call::Sync),
];

#[test]
fn a_device_that_fails_is_one_alarm_until_it_is_replaced_and_acknowledged() {
    for (name, call) in DEVICE {
        runtime().block_on(async {
            let mut world = warm(WARM_S, Asked::NOTHING).await;
            Inject::Disk(call).begin(&mut world);
            let only = |surfaces: &Surfaces| match surfaces.table.as_slice() {
                [told] if told.kind == "disk-io" => Some(told.clone()),
                _ => None,
            };
            let (_, told) = world.until(600, only).await.expect(name);
            assert_eq!(
                (&*told.resource, &*told.severity),
                ("store", "critical"),
                "{name}"
            );
            let mut world = world.restart().await;
            let (_, still) = world.until(5, only).await.expect(name);
            assert_eq!(still.since_ms, told.since_ms, "{name}");
            world.acknowledge().await;
            world.calm(2).await.expect(name);
        });
    }
}

#[test]
fn more_alarms_than_are_listed_are_an_alarm_on_every_surface() {
    let channel = |number: usize| {
        let rendition = |name| {
            format!(
                "[[channel.rendition]]\nname = \"{name}\"\nsources = [\"udp://239.255.9.9:9\"]\n"
            )
        };
        let renditions = ["a", "b", "c"].map(rendition).concat();
        format!("[[channel]]\nid = \"C{number}\"\n{renditions}")
    };
    let warning = |kind: Kind| format!("[alarm.{}]\nseverity = \"warning\"\n", kind.as_str());
    let mut more = [Kind::IngestDown, Kind::SegmentStale].map(warning).concat();
    // Nothing is taken for what they have in common.
    more += "[alarm.feeds-lost]\nraise = \"100%\"\n";
    more.extend((0..200).map(channel));
    runtime().block_on(async {
        let mut world = World::begin_with(&Simulation::new(1), &more).await;
        world.seconds(8).await;
        let mut surfaces = world.surfaces().await;
        let lists = [
            &mut surfaces.json,
            &mut surfaces.metrics,
            &mut surfaces.table,
        ];
        for list in lists {
            let all = list.len();
            list.retain(|told| told.kind == "alarms-overflow");
            assert_eq!(list.len(), 1, "of {all}");
            assert_eq!((&*list[0].resource, &*list[0].severity), ("node", "major"));
        }
        assert_eq!(surfaces.agree(), Ok(()));
    });
}

#[test]
fn a_quiet_day_is_told_as_one_by_every_surface() {
    runtime().block_on(async {
        let mut world = World::begin_with(&Simulation::new(1), "").await.slim();
        world.players.asked = Asked {
            known: 1,
            ..Asked::NOTHING
        };
        for _ in 0..DAY_MINUTES {
            world.seconds(60).await;
            let surfaces = world.surfaces().await;
            assert_eq!(surfaces.agree(), Ok(()));
            assert_eq!(surfaces.table, [], "in second {}", world.second);
        }
        assert_eq!(world.notified(), 0);
        // It was one on which something could be told.
        Inject::Fill(960).begin(&mut world);
        world.second().await;
        assert_eq!(world.notified(), 1);
    });
}

#[test]
fn every_kind_of_alarm_has_a_fault() {
    let faults = [STREAMS, MACHINE, SERVICE, COMMON, CHANCES].concat();
    let mut kinds: Vec<Kind> = faults.iter().map(|fault| fault.kind).collect();
    // Those of a test of their own.
    kinds.extend([APART.kind, Kind::DiskError, Kind::AlarmsOverflow]);
    for kind in Kind::ALL {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
    let count = faults.len() + DEVICE.len() + 2;
    println!("{count} faults");
}
