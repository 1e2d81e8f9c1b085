use std::{net::Ipv4Addr, time::Duration};

use super::*;
use crate::{Clock as _, Multicast as _, Wall, sim::Clock};

const SEED: u64 = 20;
const GROUP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(239, 1, 1, 1)), 5000);
const DATAGRAMS: u32 = 10_000;

struct Rig {
    clock: Arc<Clock>,
    ether: Arc<Ether>,
    sender: Sender,
    receiver: Receiver,
}

fn membership(group: SocketAddr) -> Membership {
    Membership {
        group,
        source: None,
        interface: None,
        receive_buffer_bytes: 64 << 20,
    }
}

fn destination(group: SocketAddr) -> Destination {
    Destination {
        group,
        interface: None,
        hops: 1,
    }
}

impl Rig {
    fn new(faults: WireFaults) -> Self {
        let clock = Arc::new(Clock::jumping());
        let ether = Arc::new(Ether::new(Arc::clone(&clock), SEED));
        ether.set_faults(faults);
        let host = Multicast::new(Arc::clone(&ether));
        let receiver = host.join(&membership(GROUP)).unwrap();
        let sender = host.sender(&destination(GROUP)).unwrap();
        Self {
            clock,
            ether,
            sender,
            receiver,
        }
    }

    /// Sends numbered datagrams, one a millisecond.
    fn send(&mut self, count: u32) {
        for number in 0..count {
            self.sender.send(&number.to_be_bytes()).unwrap();
            self.clock.advance(Duration::from_millis(1));
        }
    }

    fn received(&mut self) -> Vec<(u32, Wall)> {
        let mut batch = DatagramBatch::new();
        let mut all = Vec::new();
        while self.receiver.receive(&mut batch).unwrap() > 0 {
            all.extend(batch.iter().map(|datagram| {
                let number = datagram.payload.try_into().unwrap();
                (u32::from_be_bytes(number), datagram.received)
            }));
        }
        all
    }

    fn numbers(&mut self) -> Vec<u32> {
        self.received()
            .into_iter()
            .map(|(number, _)| number)
            .collect()
    }
}

#[test]
fn a_flawless_wire_carries_all_in_order() {
    let mut rig = Rig::new(WireFaults::default());
    rig.send(DATAGRAMS);
    assert_eq!(rig.numbers(), (0..DATAGRAMS).collect::<Vec<_>>());
}

#[test]
fn loss_keeps_its_share_and_is_counted() {
    let mut rig = Rig::new(WireFaults {
        loss_ppm: 100_000,
        ..WireFaults::default()
    });
    rig.send(DATAGRAMS);
    let received = rig.numbers().len() as u64;
    assert!(
        (8_850..9_150).contains(&received),
        "{received} with seed {SEED}"
    );
    assert_eq!(
        rig.ether.counters().lost_datagrams,
        u64::from(DATAGRAMS) - received
    );
}

#[test]
fn the_same_seed_loses_the_same() {
    let faults = WireFaults {
        loss_ppm: 100_000,
        duplicate_ppm: 1_000,
        ..WireFaults::default()
    };
    let [first, second] = [Rig::new(faults), Rig::new(faults)].map(|mut rig| {
        rig.send(1_000);
        rig.numbers()
    });
    assert_eq!(first, second);
    assert_ne!(first.len(), 1_000);
}

#[test]
fn a_burst_loses_neighbours() {
    let faults = WireFaults {
        burst_ppm: 1_000,
        burst_datagrams: 50,
        ..WireFaults::default()
    };
    let mut rig = Rig::new(faults);
    rig.send(DATAGRAMS);
    let gaps: Vec<u32> = rig
        .numbers()
        .windows(2)
        .map(|pair| pair[1] - pair[0] - 1)
        .filter(|gap| *gap > 0)
        .collect();
    assert!(!gaps.is_empty(), "seed {SEED}");
    assert!(
        gaps.iter().all(|gap| *gap >= 50),
        "{gaps:?} with seed {SEED}"
    );
}

#[test]
fn duplicates_follow_their_originals() {
    let mut rig = Rig::new(WireFaults {
        duplicate_ppm: 1_000_000,
        ..WireFaults::default()
    });
    rig.send(3);
    assert_eq!(rig.numbers(), [0, 0, 1, 1, 2, 2]);
}

#[test]
fn a_reordered_datagram_is_overtaken_and_not_lost() {
    let span = Duration::from_micros(2_500);
    let faults = WireFaults {
        reorder_ppm: 10_000,
        reorder_span: span,
        ..WireFaults::default()
    };
    let mut rig = Rig::new(faults);
    rig.send(DATAGRAMS);
    rig.clock.advance(span);
    let mut numbers = rig.numbers();
    assert!(!numbers.is_sorted(), "seed {SEED}");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..DATAGRAMS).collect::<Vec<_>>());
}

#[test]
fn jitter_delays_within_its_bound_and_keeps_order() {
    let faults = WireFaults {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        ..WireFaults::default()
    };
    let mut rig = Rig::new(faults);
    let start = rig.clock.wall();
    rig.send(1_000);
    rig.clock.advance(Duration::from_millis(25));
    let received = rig.received();
    assert!(received.iter().map(|(number, _)| *number).eq(0..1_000));
    for (number, wall) in received {
        let sent = start + Duration::from_millis(number.into());
        let late = wall.since(sent);
        let bounds = Duration::from_millis(20)..=Duration::from_millis(25);
        assert!(
            bounds.contains(&late),
            "{number} after {late:?} with seed {SEED}"
        );
    }
}

#[test]
fn nothing_arrives_before_its_time() {
    let mut rig = Rig::new(WireFaults {
        delay: Duration::from_millis(20),
        ..WireFaults::default()
    });
    rig.sender.send(&7_u32.to_be_bytes()).unwrap();
    rig.clock.advance(Duration::from_nanos(19_999_999));
    assert_eq!(rig.numbers(), []);
    rig.clock.advance(Duration::from_nanos(1));
    assert_eq!(rig.numbers(), [7]);
}

#[test]
fn a_bit_flip_inverts_one_bit() {
    let mut rig = Rig::new(WireFaults {
        bit_flip_ppm: 1_000_000,
        ..WireFaults::default()
    });
    rig.send(100);
    let numbers = rig.numbers();
    assert_eq!(numbers.len(), 100);
    for (sent, received) in (0_u32..).zip(numbers) {
        assert_eq!(
            (sent ^ received).count_ones(),
            1,
            "{sent} became {received}"
        );
    }
}

#[test]
fn an_empty_datagram_has_no_bit_to_flip() {
    let mut rig = Rig::new(WireFaults {
        bit_flip_ppm: 1_000_000,
        ..WireFaults::default()
    });
    rig.sender.send(&[]).unwrap();
    let mut batch = DatagramBatch::new();
    assert_eq!(rig.receiver.receive(&mut batch).unwrap(), 1);
}

#[test]
fn silence_ends_when_the_fault_is_taken_away() {
    let mut rig = Rig::new(WireFaults {
        is_silent: true,
        ..WireFaults::default()
    });
    rig.send(10);
    rig.ether.set_faults(WireFaults::default());
    rig.send(2);
    assert_eq!(rig.numbers(), [0, 1]);
}

#[test]
fn a_wrong_group_leaks_only_when_asked() {
    let mut rig = Rig::new(WireFaults::default());
    let other = SocketAddr::from(([239, 1, 1, 2], GROUP.port()));
    let host = Multicast::new(Arc::clone(&rig.ether));
    let mut stranger = host.sender(&destination(other)).unwrap();
    stranger.send(&1_u32.to_be_bytes()).unwrap();
    rig.ether.set_faults(WireFaults {
        wrong_group_ppm: 1_000_000,
        ..WireFaults::default()
    });
    stranger.send(&2_u32.to_be_bytes()).unwrap();
    assert_eq!(rig.numbers(), [2]);
}

#[test]
fn a_source_specific_membership_hears_its_host_alone() {
    let rig = Rig::new(WireFaults::default());
    let wanted = Ipv4Addr::new(10, 0, 0, 7);
    let host = Multicast::new(Arc::clone(&rig.ether));
    let source = Some(IpAddr::V4(wanted));
    let mut receiver = host
        .join(&Membership {
            source,
            ..membership(GROUP)
        })
        .unwrap();
    for address in [Ipv4Addr::new(10, 0, 0, 8), wanted] {
        let sender = Multicast::host(Arc::clone(&rig.ether), address, Ipv6Addr::LOCALHOST);
        sender
            .sender(&destination(GROUP))
            .unwrap()
            .send(b"x")
            .unwrap();
    }
    let mut batch = DatagramBatch::new();
    assert_eq!(receiver.receive(&mut batch).unwrap(), 1);
    assert_eq!(batch.iter().next().unwrap().source.ip(), IpAddr::V4(wanted));
}

#[test]
fn an_unplugged_interface_is_silent_and_cannot_be_joined() {
    let mut rig = Rig::new(WireFaults::default());
    let name = InterfaceName::new("eth1").unwrap();
    let host = Multicast::new(Arc::clone(&rig.ether));
    let on_eth1 = Membership {
        interface: Some(name.clone()),
        ..membership(GROUP)
    };
    assert!(matches!(
        host.join(&on_eth1),
        Err(Error::NoInterface { .. })
    ));
    rig.ether.plug(name.clone());
    let mut receiver = host.join(&on_eth1).unwrap();
    rig.send(1);
    rig.ether.unplug(&name);
    rig.send(1);
    let mut batch = DatagramBatch::new();
    assert_eq!(receiver.receive(&mut batch).unwrap(), 1);
}
