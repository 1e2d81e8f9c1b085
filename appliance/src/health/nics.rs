//! What is measured of network interfaces; pure.
//!
//! An interface is missed when a rendition is received on it, or when it was up since the process
//! began: nobody plugs a cable into every port. Of another one that is down nobody knows whether
//! it was up before. One that is gone, as a USB adapter may be, is down if a rendition is received
//! on it, and said to be none; others come and go with what they are made for. A loopback tells
//! nobody whether it is up, and is.
//!
//! Source: RFC 2863 §3.1.14 (ifOperStatus).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use weir_hal::{Monotonic, Nic, OperationalStatus};

use crate::{
    alarm::{Amount, Kind, Measure, Reading, Resource},
    health::{
        Snapshot,
        measures::{claim, if_enough},
        querier,
        window::Window,
    },
};

/// What damage is looked at over.
const ERRORS_SPAN: Duration = Duration::from_mins(1);

/// What was seen of interfaces.
#[derive(Debug)]
pub(super) struct NicMeter {
    seen: BTreeMap<String, Seen>,
}

/// What was seen of one.
#[derive(Debug)]
struct Seen {
    was_up: bool,
    /// Packets received, and those with damage.
    packets: Window<2>,
}

impl NicMeter {
    pub(super) const fn new() -> Self {
        let seen = BTreeMap::new();
        Self { seen }
    }

    /// Three measures of each interface of `snapshot`, and one of each that a rendition needs and
    /// that is gone. If the kernel tells of none at all, nobody knows.
    pub(super) fn measures(&mut self, snapshot: &Snapshot) -> Vec<Measure> {
        let now = Monotonic::ZERO + snapshot.uptime;
        let renditions = snapshot.channels.iter().flat_map(|it| &it.renditions);
        let needed = renditions.filter_map(|it| it.report.interface.as_deref());
        let needed: BTreeSet<&str> = needed.collect();
        if snapshot.nics.is_empty() {
            let known = self.seen.keys().map(String::as_str).chain(needed);
            return known.flat_map(unknown).collect();
        }
        self.seen
            .retain(|name, _| snapshot.nics.iter().any(|nic| nic.name == *name));
        let mut measures = Vec::new();
        for nic in &snapshot.nics {
            let is_needed = needed.contains(nic.name.as_str());
            measures.extend(self.of(nic, is_needed, now));
        }
        let is_gone = |name: &&str| !self.seen.contains_key(*name);
        let gone = needed.into_iter().filter(is_gone);
        let gone = gone.map(|name| claim(Kind::NicDown, resource(name), true));
        let why: Arc<str> = "there is none of that name".into();
        measures.extend(gone.map(|measure| measure.because(Some(Arc::clone(&why)))));
        measures
    }

    fn of(&mut self, nic: &Nic, is_needed: bool, now: Monotonic) -> [Measure; 3] {
        let seen = self.seen.entry(nic.name.clone()).or_insert_with(|| Seen {
            was_up: false,
            packets: Window::new(ERRORS_SPAN),
        });
        seen.was_up |= nic.operational_status == OperationalStatus::Up;
        let statistics = &nic.statistics;
        let counts = [statistics.rx_packets, statistics.rx_errors];
        let [packets, errors] = seen.packets.gained(now, counts);
        let damage = Reading::Is {
            amount: Amount::whole(per_million(errors, packets)),
            samples: packets.saturating_add(errors),
        };
        // Later, few packets are all that there are.
        let damage = if now.since(Monotonic::ZERO) < ERRORS_SPAN {
            if_enough(Kind::NicErrors, damage)
        } else {
            damage
        };
        let is_missed = is_needed || seen.was_up;
        let down = if is_missed || carries(nic) {
            claim(Kind::NicDown, resource(&nic.name), !carries(nic))
        } else {
            Measure::new(Kind::NicDown, resource(&nic.name), Reading::Unknown)
        };
        let errors = Measure::new(Kind::NicErrors, resource(&nic.name), damage);
        let querier = Measure::new(
            Kind::QuerierLost,
            resource(&nic.name),
            querier::lost(nic.querier),
        );
        [down, errors, querier]
    }
}

fn carries(nic: &Nic) -> bool {
    match nic.operational_status {
        OperationalStatus::Up | OperationalStatus::Unknown => true,
        OperationalStatus::Down
        | OperationalStatus::Testing
        | OperationalStatus::Dormant
        | OperationalStatus::NotPresent
        | OperationalStatus::LowerLayerDown => false,
    }
}

/// Those with damage among a million; all, if nothing else came.
fn per_million(errors: u64, packets: u64) -> u64 {
    let share = u128::from(errors) * 1_000_000;
    let share = share.checked_div(packets.into());
    share.map_or(0, |share| u64::try_from(share).unwrap_or(u64::MAX))
}

fn unknown(name: &str) -> [Measure; 3] {
    let of = |kind| Measure::new(kind, resource(name), Reading::Unknown);
    [Kind::NicDown, Kind::NicErrors, Kind::QuerierLost].map(of)
}

fn resource(name: &str) -> Resource {
    Resource::Nic(name.into())
}
