//! Whether anybody asks for memberships on an interface.
//!
//! Source: RFC 3376 §8.2, §8.4 (Query Interval, Group Membership Interval). A switch that snoops
//! forgets members that nobody asks for: channels then stop, all at once, minutes after they began.

use std::time::Duration;

use weir_hal::Querier;

use crate::alarm::{Amount, Reading};

/// Two intervals between queries of 125 s and the 10 s in which they are answered: after so long a
/// switch forgets its members. It is told of by then, within five minutes.
const MEMBERSHIP: Duration = Duration::from_secs(260);

/// A stable word for machines: `lost` and `none` from when members would be forgotten,
/// `awaited` until it is known, `unknown` without `CAP_NET_RAW`.
pub(crate) fn word(querier: Querier) -> &'static str {
    match querier {
        Querier::Unknown => "unknown",
        Querier::Unheard { watched } if watched < MEMBERSHIP => "awaited",
        Querier::Unheard { .. } => "none",
        Querier::Heard { ago, .. } if ago < MEMBERSHIP => "present",
        Querier::Heard { .. } => "lost",
    }
}

/// Whether one that asked is gone. Where none was heard since the start nobody knows whether there
/// ever was one: no such network raises anything, and no restart ends an alarm.
pub(super) fn lost(querier: Querier) -> Reading {
    match querier {
        Querier::Unknown | Querier::Unheard { .. } => Reading::Unknown,
        Querier::Heard { ago, .. } => Reading::of(Amount::claim(ago >= MEMBERSHIP)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn a_querier_is_lost_or_none_when_members_would_be_forgotten() {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let heard = |seconds| Querier::Heard {
            address,
            ago: Duration::from_secs(seconds),
        };
        let unheard = |seconds| Querier::Unheard {
            watched: Duration::from_secs(seconds),
        };
        for (querier, due) in [
            (Querier::Unknown, "unknown"),
            (unheard(0), "awaited"),
            (unheard(259), "awaited"),
            (unheard(260), "none"),
            (heard(0), "present"),
            (heard(259), "present"),
            (heard(260), "lost"),
        ] {
            assert_eq!(word(querier), due, "{querier:?}");
        }
    }
}
