//! What follows from how network interfaces were before: since when each is as it is, and counts
//! that the kernel does not keep.
//!
//! Source: RFC 2863 (`ifLastChange`, `ifInUcastPkts`).
//! Refuses: to take interfaces that cannot be read for gone: what they were last is what counts.

use std::time::Duration;

use weir_hal::{Nic, OperationalStatus};

/// The interfaces when they were read last; as many as are ever read (`NICS_MAX`).
#[derive(Debug, Default)]
pub(super) struct Interfaces(Vec<Interface>);

/// What is known of one.
#[derive(Debug)]
struct Interface {
    name: String,
    operational_status: OperationalStatus,
    rx_packets: u64,
    /// The uptime at which it came to be as it is.
    changed: Duration,
    /// Packets received that were not multicast.
    unicast: u64,
}

impl Interfaces {
    /// Takes what `nics` are like at `uptime`; none, if they cannot be read. Returns since when
    /// each is as it is, and how many packets each has received that were not multicast.
    pub(super) fn take(&mut self, nics: &[Nic], uptime: Duration) -> (Vec<Duration>, Vec<u64>) {
        let before = &self.0;
        // What it was like when it was read first it has been since before the start.
        let uptime = if before.is_empty() {
            Duration::ZERO
        } else {
            uptime
        };
        let before = |nic: &Nic| before.iter().find(|it| it.name == nic.name);
        let now = nics
            .iter()
            .map(|nic| Interface::of(nic, before(nic), uptime));
        let now: Vec<_> = now.collect();
        let told = now.iter().map(|it| (it.changed, it.unicast)).unzip();
        if !now.is_empty() {
            self.0 = now;
        }
        told
    }
}

impl Interface {
    /// What `nic` is like at `uptime`, and has been since `before`, if it was there.
    fn of(nic: &Nic, before: Option<&Self>, uptime: Duration) -> Self {
        let same = before.filter(|it| it.operational_status == nic.operational_status);
        // The kernel tells both numbers one after the other, and the second has gone on meanwhile:
        // the difference may be less than it was. A driver that is loaded anew counts anew.
        let rx_packets = nic.statistics.rx_packets;
        let unicast = rx_packets.saturating_sub(nic.statistics.rx_multicast);
        let counted = before.filter(|it| it.rx_packets <= rx_packets);
        Self {
            name: nic.name.clone(),
            operational_status: nic.operational_status,
            rx_packets,
            changed: same.map_or(uptime, |it| it.changed),
            unicast: counted.map_or(unicast, |it| it.unicast.max(unicast)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_from_the_start_came_before_it_and_what_comes_later_then() {
        let nic = |name: &str| Nic {
            name: name.to_owned(),
            ..Nic::default()
        };
        let mut interfaces = Interfaces::default();
        let at = Duration::from_millis;
        assert_eq!(interfaces.take(&[nic("lo")], at(10)).0, [at(0)]);
        let later = interfaces.take(&[nic("lo"), nic("eth0")], at(5_000)).0;
        assert_eq!(later, [at(0), at(5_000)]);
    }
}
