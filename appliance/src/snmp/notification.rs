//! What managers are notified of: changes of alarms, and what the standard has every agent tell.
//!
//! Source: RFC 3416 §4.2.6; RFC 2578 §8.5 (the last but one sub-identifier is 0); RFC 3418
//! (`coldStart`); RFC 2863 §3.1.15 (`linkDown`, `linkUp`).

use weir_hal::{Nic, OperationalStatus};

use crate::{
    alarm::{Change, Event, Severity},
    snmp::{Oid, Value, change, enterprise, index::indexes, standard},
};

/// `snmpTraps`.
const TRAPS: [u32; 9] = [1, 3, 6, 1, 6, 3, 1, 1, 5];
const COLD_START: u32 = 1;
const LINK_DOWN: u32 = 3;
const LINK_UP: u32 = 4;

/// One thing that managers are to be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Notice {
    /// The agent has started.
    Started,
    /// An interface came up or went down.
    Link(Link),
    /// An alarm has changed.
    Alarm(Change),
}

/// An interface as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    index: u32,
    nic: Nic,
}

impl Notice {
    /// How bad it is, for who must give some up: alarms tell of a link too.
    pub(super) const fn severity(&self) -> Severity {
        match self {
            Self::Started | Self::Link(_) => Severity::Warning,
            Self::Alarm(change) => change.severity,
        }
    }

    /// Its name, and the objects that it carries.
    pub(super) fn told(&self) -> (Oid, Vec<(Oid, Value)>) {
        let trap = |number| Oid::new(&TRAPS).child(number);
        match self {
            Self::Started => (trap(COLD_START), Vec::new()),
            Self::Link(link) => {
                let is_down = link.nic.operational_status == OperationalStatus::Down;
                let number = if is_down { LINK_DOWN } else { LINK_UP };
                let carried = standard::link_columns(link.index, &link.nic);
                (trap(number), carried)
            }
            Self::Alarm(changed) => (
                Notification::of(changed.event).oid(),
                enterprise::columns(&change::entity(changed)),
            ),
        }
    }
}

/// The interfaces that have come up or gone down since they were `before`. Down is what the
/// standard calls so, and no other state: what is not known is neither.
pub(super) fn links(before: &[Nic], now: &[Nic]) -> Vec<Link> {
    let names: Vec<&str> = now.iter().map(|nic| nic.name.as_str()).collect();
    let is_down = |nic: &Nic| nic.operational_status == OperationalStatus::Down;
    let link = |(nic, index): (&Nic, u32)| {
        let earlier = before.iter().find(|earlier| earlier.name == nic.name)?;
        (is_down(earlier) != is_down(nic)).then(|| Link {
            index,
            nic: nic.clone(),
        })
    };
    now.iter().zip(indexes(&names)).filter_map(link).collect()
}

/// A kind of notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notification {
    /// An alarm was raised.
    Raised,
    /// It is still there, and something about it is another, or an operator spoke of it.
    Changed,
    /// It was cleared.
    Cleared,
}

impl Notification {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Raised, Self::Changed, Self::Cleared];

    /// The one that tells of `event`.
    pub(crate) const fn of(event: Event) -> Self {
        match event {
            Event::Raised => Self::Raised,
            Event::Cleared => Self::Cleared,
            Event::Changed
            | Event::Acknowledged
            | Event::Closed
            | Event::Shelved
            | Event::Unshelved => Self::Changed,
        }
    }

    /// Its number, for good.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Raised => 1,
            Self::Changed => 2,
            Self::Cleared => 3,
        }
    }

    /// Its descriptor.
    pub(crate) const fn descriptor(self) -> &'static str {
        match self {
            Self::Raised => "weirAlarmRaised",
            Self::Changed => "weirAlarmChanged",
            Self::Cleared => "weirAlarmCleared",
        }
    }

    /// One sentence for a person.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Raised => {
                "An alarm was raised. The objects are those of the row that its change has in \
                 weirChangeTable. Whoever misses a number of weirChangeKey has missed a change."
            }
            Self::Changed => {
                "An alarm has another severity or cause, comes and goes, or an operator has \
                 spoken of it: weirChangeEvent tells."
            }
            Self::Cleared => "An alarm was cleared.",
        }
    }

    /// Its name.
    pub(crate) fn oid(self) -> Oid {
        enterprise::notification(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nic(name: &str, operational_status: OperationalStatus) -> Nic {
        Nic {
            name: name.to_owned(),
            operational_status,
            ..Nic::default()
        }
    }

    #[test]
    fn a_link_is_told_of_when_it_goes_down_and_when_it_is_so_no_more() {
        use OperationalStatus::{Down, Unknown, Up};
        for (before, now, number) in [
            (Up, Down, Some(LINK_DOWN)),
            (Down, Up, Some(LINK_UP)),
            (Unknown, Up, None),
            (Down, Down, None),
        ] {
            let links = links(
                &[nic("eth0", before)],
                &[nic("eth0", now), nic("eth1", Down)],
            );
            let told = links.into_iter().map(|link| Notice::Link(link).told());
            let told: Vec<_> = told.map(|(name, _)| name.arcs().last().copied()).collect();
            assert_eq!(told, number.map(Some).into_iter().collect::<Vec<_>>());
        }
    }
}
