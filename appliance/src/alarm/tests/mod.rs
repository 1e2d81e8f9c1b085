//! The engine as a whole, on a clock that the tests turn.

mod aftermath;
mod causes;
mod life;
mod operators;
mod outliving;

use std::time::Duration;

use weir_hal::{Monotonic, Wall};

use super::*;

/// 2023-11-14T22:13:20Z.
const START_S: u64 = 1_700_000_000;

/// An engine that looks once a second.
#[derive(Debug)]
struct Rig {
    engine: Engine,
    second: u64,
    changes: Vec<Change>,
}

impl Rig {
    /// One without a boot inhibit.
    fn new() -> Self {
        Self::of(Engine::new(settings(0)))
    }

    fn of(engine: Engine) -> Self {
        Self {
            engine,
            second: 0,
            changes: Vec::new(),
        }
    }

    /// Looks once a second for `seconds`, and sees `measures` each time.
    fn look(&mut self, seconds: u64, measures: &[Measure]) {
        for _ in 0..seconds {
            let now = moment(self.second);
            self.second += 1;
            self.changes.extend(self.engine.look(now, measures));
        }
    }

    /// What was told since this was asked last.
    fn told(&mut self) -> Vec<(Event, Kind)> {
        let changes = self.changes.drain(..);
        changes.map(|change| (change.event, change.kind)).collect()
    }

    /// The kinds that somebody should act on.
    fn roots(&self) -> Vec<Kind> {
        self.engine.report().roots().map(|it| it.kind).collect()
    }

    /// The only alarm there is.
    fn only(&self) -> Alarm {
        let mut alarms = self.engine.report().alarms;
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        alarms.remove(0)
    }
}

/// What an engine writes that ends.
fn written(engine: &Engine) -> Vec<u8> {
    Record::of(engine, engine.sequence()).to_bytes()
}

fn moment(second: u64) -> Moment {
    Moment {
        monotonic: Monotonic::ZERO + Duration::from_secs(second),
        wall: wall(second),
    }
}

fn wall(second: u64) -> Wall {
    Wall::from_nanos((START_S + second) * 1_000_000_000)
}

fn settings(boot_inhibit_s: u64) -> Settings {
    Settings {
        rules: Rules::default(),
        boot_inhibit: Duration::from_secs(boot_inhibit_s),
    }
}

fn rendition(number: usize) -> Resource {
    Resource::Rendition {
        channel: "CH".into(),
        rendition: format!("R{number}").into(),
    }
}

fn nic() -> Resource {
    Resource::Nic("eth1".into())
}

/// A reading of each, bad where that is said.
fn readings<const COUNT: usize>(all: [(Kind, Resource, bool); COUNT]) -> [Measure; COUNT] {
    all.map(|(kind, resource, is_bad)| {
        let measure = if is_bad { bad } else { good };
        measure(kind, resource).through(Some(nic()))
    })
}

/// What a kind is mostly measured of.
fn resource_of(kind: Kind) -> Resource {
    match kind {
        Kind::NicDown
        | Kind::NicErrors
        | Kind::QuerierLost
        | Kind::FeedsLost
        | Kind::FeedsDamaged => nic(),
        Kind::IngestDown
        | Kind::ReceiveBufferDrop
        | Kind::SyncLoss
        | Kind::TablesMissing
        | Kind::ContinuityBurst
        | Kind::ContinuityError
        | Kind::ClockMissing
        | Kind::BitrateVariance
        | Kind::SegmentStale => rendition(0),
        Kind::SourceDown => Resource::Source {
            channel: "CH".into(),
            rendition: "R0".into(),
            number: 1,
        },
        Kind::LadderDrifting | Kind::LadderFinding => Resource::Channel("CH".into()),
        Kind::OriginDown => Resource::Origin("midcache".into()),
        Kind::DiskError => Resource::Store,
        Kind::DiskFull | Kind::DiskFilling => Resource::Disk,
        Kind::SlotRollback | Kind::SlotUncommitted | Kind::SlotOutdated => {
            Resource::Slot("b".into())
        }
        Kind::ServerErrors
        | Kind::AnswersSlow
        | Kind::HitRatioCritical
        | Kind::HitRatioLow
        | Kind::UplinkDown
        | Kind::CertificateExpiry
        | Kind::ClockUnsynchronised
        | Kind::ConfigRejected
        | Kind::AuthenticationFailures
        | Kind::AlarmsOverflow => Resource::Node,
    }
}

/// A reading just beyond the raise threshold of `kind`.
fn bad(kind: Kind, resource: Resource) -> Measure {
    let rule = kind.definition().rule;
    let thousandths = rule.raise.thousandths();
    let amount = match rule.side {
        Side::Above => Amount::from_thousandths(thousandths + 1),
        Side::Below => Amount::from_thousandths(thousandths - 1),
    };
    Measure::new(kind, resource, Reading::of(amount))
}

/// A reading at the clear threshold of `kind`.
fn good(kind: Kind, resource: Resource) -> Measure {
    Measure::new(kind, resource, Reading::of(kind.definition().rule.clear))
}

fn order(verb: Verb, period_s: Option<u64>) -> Order {
    Order {
        verb,
        author: "ann".to_owned(),
        note: "cable ordered".to_owned(),
        period: period_s.map(Duration::from_secs),
    }
}
