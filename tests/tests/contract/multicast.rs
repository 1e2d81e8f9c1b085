//! Claims on [`weir_hal::Multicast`], over loopback.
//!
//! "Nothing came" is told by a fence: a later datagram that must come, and did.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use weir_hal::{
    Clock, DatagramBatch, Destination, Error, InterfaceName, Membership, Multicast,
    MulticastReceiver, MulticastSender,
};
use weir_tests::holds_within;

use crate::side::Side;

/// The longest a datagram may take on loopback, on a machine that has other work too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Kernel buffer of a receiver that shall lose nothing; granted without privilege.
const AMPLE_BYTES: usize = 200 << 10;

/// A host on loopback that no datagram comes from.
const STRANGER_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const STRANGER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));

crate::claims! {
    a_datagram_comes_with_its_sender_and_time,
    a_datagram_comes_with_what_its_head_says,
    nothing_waiting_is_zero,
    two_groups_on_one_port_never_mix,
    two_memberships_of_one_group_both_receive,
    a_source_specific_membership_ignores_other_hosts,
    a_unicast_address_with_a_source_ignores_other_hosts,
    an_unspecified_address_hears_no_groups,
    a_dropped_receiver_has_left,
    order_is_kept_over_many_batches,
    the_longest_datagram_comes_whole,
    an_empty_datagram_counts,
    drops_for_want_of_buffer_are_counted,
    the_buffer_granted_is_no_smaller_than_asked,
    an_absent_interface_is_named,
    a_source_of_another_family_is_refused,
    a_unicast_address_is_held_once,
    ipv6_unicast_comes_with_its_sender;
    in_own_network:
    two_ipv6_groups_on_one_port_never_mix,
    an_ipv6_source_specific_membership_ignores_other_hosts,
    ipv6_groups_of_every_scope_come
}

fn loopback() -> Option<InterfaceName> {
    InterfaceName::new("lo")
}

/// A port that another run of these tests, at the same time, does not use.
fn port() -> u16 {
    10_000 + u16::try_from(process::id() % 20_000).unwrap()
}

/// A number that no other claim of this run uses.
fn fresh() -> u16 {
    static LATEST: AtomicU16 = AtomicU16::new(0);
    LATEST.fetch_add(1, Ordering::Relaxed)
}

fn group_v4() -> SocketAddr {
    let [high, low] = fresh().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(239, 255, high, low), port()))
}

fn group_v6() -> SocketAddr {
    SocketAddr::from((
        Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0x1234, fresh()),
        port(),
    ))
}

/// A unicast address of loopback with a port of its own.
fn unicast(host: &str) -> SocketAddr {
    SocketAddr::new(host.parse().unwrap(), port().wrapping_add(1 + fresh()))
}

fn membership(group: SocketAddr) -> Membership {
    Membership {
        group,
        source: None,
        interface: loopback(),
        receive_buffer_bytes: AMPLE_BYTES,
    }
}

fn send(side: &impl Side, group: SocketAddr, payload: &[u8]) {
    sender(side, group).send(payload).unwrap();
}

fn sender(side: &impl Side, group: SocketAddr) -> impl MulticastSender {
    let destination = Destination {
        group,
        interface: loopback(),
        hops: 1,
    };
    side.board().multicast.sender(&destination).unwrap()
}

fn refusal(side: &impl Side, membership: &Membership) -> Error {
    side.board()
        .multicast
        .join(membership)
        .map(drop)
        .unwrap_err()
}

type ReceiverOf<S> = <<S as Side>::Multicast as Multicast>::Receiver;

/// A receiver with its batch.
struct Ear<'a, R> {
    clock: &'a dyn Clock,
    receiver: R,
    batch: DatagramBatch,
}

fn listen<'a, S: Side>(side: &'a S, membership: &Membership) -> Ear<'a, ReceiverOf<S>> {
    Ear {
        clock: &*side.board().clock,
        receiver: side.board().multicast.join(membership).unwrap(),
        batch: DatagramBatch::new(),
    }
}

impl<R: MulticastReceiver> Ear<'_, R> {
    /// What waits now, at most a batch.
    fn take(&mut self) -> Vec<Vec<u8>> {
        let count = self.receiver.receive(&mut self.batch).unwrap();
        let payloads: Vec<_> = self.batch.iter().map(|got| got.payload.to_vec()).collect();
        assert_eq!(payloads.len(), count);
        payloads
    }

    /// All up to `fence`, without it.
    fn hear_until(&mut self, fence: &[u8]) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        let clock = self.clock;
        let has_come = holds_within(clock, PATIENCE, || {
            heard.extend(self.take());
            heard.last().is_some_and(|latest| latest == fence)
        });
        assert!(
            has_come,
            "heard only {} datagrams and no fence",
            heard.len()
        );
        heard.pop();
        heard
    }
}

fn a_datagram_comes_with_its_sender_and_time(side: &impl Side) {
    let group = group_v4();
    let mut ear = listen(side, &membership(group));
    let before = side.board().clock.wall();
    send(side, group, b"one");
    assert!(holds_within(ear.clock, PATIENCE, || !ear.take().is_empty()));
    let after = side.board().clock.wall();
    let datagram = ear.batch.iter().next().unwrap();
    assert_eq!(datagram.payload, b"one");
    assert_eq!(datagram.source.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_ne!(datagram.source.port(), 0);
    assert!((before..=after).contains(&datagram.received));
}

fn a_datagram_comes_with_what_its_head_says(side: &impl Side) {
    let group = group_v4();
    let mut ear = listen(side, &membership(group));
    for hops in [1, 17] {
        let destination = Destination {
            group,
            interface: loopback(),
            hops,
        };
        let sender = side.board().multicast.sender(&destination);
        sender.unwrap().send(b"one").unwrap();
        assert!(holds_within(ear.clock, PATIENCE, || !ear.take().is_empty()));
        let header = ear.batch.iter().next().unwrap().header;
        assert_eq!((header.ttl, header.dscp), (Some(hops), Some(0)));
    }
}

fn nothing_waiting_is_zero(side: &impl Side) {
    let group = group_v4();
    let mut ear = listen(side, &membership(group));
    assert_eq!(ear.take().len(), 0);
    send(side, group, b"one");
    assert_eq!(ear.hear_until(b"one").len(), 0);
    assert_eq!(ear.take().len(), 0);
}

fn two_groups_on_one_port_never_mix(side: &impl Side) {
    never_mix(side, [group_v4(), group_v4()]);
}

fn two_ipv6_groups_on_one_port_never_mix(side: &impl Side) {
    never_mix(side, [group_v6(), group_v6()]);
}

fn never_mix(side: &impl Side, groups: [SocketAddr; 2]) {
    let mut ears = groups.map(|group| listen(side, &membership(group)));
    for word in ["one", "two"] {
        for group in groups {
            send(side, group, format!("{word} to {group}").as_bytes());
        }
    }
    for (ear, group) in ears.iter_mut().zip(groups) {
        let heard = ear.hear_until(format!("two to {group}").as_bytes());
        assert_eq!(heard, [format!("one to {group}").into_bytes()]);
    }
}

fn two_memberships_of_one_group_both_receive(side: &impl Side) {
    let group = group_v4();
    let mut ears = [(); 2].map(|()| listen(side, &membership(group)));
    send(side, group, b"to both");
    for ear in &mut ears {
        assert_eq!(ear.hear_until(b"to both").len(), 0);
    }
}

fn a_source_specific_membership_ignores_other_hosts(side: &impl Side) {
    hears_its_source_alone(side, group_v4(), Ipv4Addr::LOCALHOST.into(), STRANGER_V4);
}

fn an_ipv6_source_specific_membership_ignores_other_hosts(side: &impl Side) {
    hears_its_source_alone(side, group_v6(), Ipv6Addr::LOCALHOST.into(), STRANGER_V6);
}

/// Two members of one group want different sources; `host` sends.
fn hears_its_source_alone(side: &impl Side, group: SocketAddr, host: IpAddr, stranger: IpAddr) {
    let of = |source| Membership {
        source: Some(source),
        ..membership(group)
    };
    let mut strangers = listen(side, &of(stranger));
    let mut hosts = listen(side, &of(host));
    send(side, group, b"one");
    send(side, group, b"two");
    assert_eq!(hosts.hear_until(b"two"), [b"one"]);
    assert_eq!(strangers.take().len(), 0);
}

fn a_unicast_address_with_a_source_ignores_other_hosts(side: &impl Side) {
    let (address, fence) = (unicast("127.0.0.1"), unicast("127.0.0.1"));
    let of = |group, source| Membership {
        source: Some(source),
        ..membership(group)
    };
    let mut strangers = listen(side, &of(address, STRANGER_V4));
    let mut hosts = listen(side, &of(fence, Ipv4Addr::LOCALHOST.into()));
    send(side, address, b"one");
    send(side, fence, b"two");
    assert_eq!(hosts.hear_until(b"two").len(), 0);
    assert_eq!(strangers.take().len(), 0);
}

fn an_unspecified_address_hears_no_groups(side: &impl Side) {
    let all = unicast("0.0.0.0");
    let mut ear = listen(side, &membership(all));
    let joined = group_v4();
    let _member = listen(side, &membership(joined));
    send(
        side,
        SocketAddr::new(joined.ip(), all.port()),
        b"to the group",
    );
    send(
        side,
        SocketAddr::from((Ipv4Addr::LOCALHOST, all.port())),
        b"to the host",
    );
    assert_eq!(ear.hear_until(b"to the host").len(), 0);
}

fn a_dropped_receiver_has_left(side: &impl Side) {
    let group = group_v4();
    drop(listen(side, &membership(group)));
    send(side, group, b"to nobody");
    let mut ear = listen(side, &membership(group));
    send(side, group, b"to one");
    assert_eq!(ear.hear_until(b"to one").len(), 0);
}

fn order_is_kept_over_many_batches(side: &impl Side) {
    let group = group_v4();
    let mut ear = listen(side, &membership(group));
    let mut sender = sender(side, group);
    for round in 0..5_u8 {
        let sent: Vec<_> = (0..100).map(|number| vec![round, number]).collect();
        for payload in &sent {
            sender.send(payload).unwrap();
        }
        sender.send(b"fence").unwrap();
        assert_eq!(ear.hear_until(b"fence"), sent);
    }
}

fn the_longest_datagram_comes_whole(side: &impl Side) {
    const BYTES_MAX: usize = 65_507;
    let group = group_v4();
    let mut ear = listen(side, &membership(group));
    let payload: Vec<u8> = (0..=250).cycle().take(BYTES_MAX + 1).collect();
    let mut sender = sender(side, group);
    assert!(matches!(sender.send(&payload), Err(Error::Socket { .. })));
    sender.send(&payload[..BYTES_MAX]).unwrap();
    sender.send(b"fence").unwrap();
    let heard = ear.hear_until(b"fence");
    assert!(
        heard == [&payload[..BYTES_MAX]],
        "{:?}",
        heard.first().map(Vec::len)
    );
}

fn an_empty_datagram_counts(side: &impl Side) {
    let group = group_v4();
    let mut ear = listen(side, &membership(group));
    send(side, group, b"");
    send(side, group, b"fence");
    assert_eq!(ear.hear_until(b"fence"), [b""]);
}

fn drops_for_want_of_buffer_are_counted(side: &impl Side) {
    let group = group_v4();
    let small = Membership {
        receive_buffer_bytes: 16 << 10,
        ..membership(group)
    };
    let mut ear = listen(side, &small);
    let mut sender = sender(side, group);
    let mut sent = 300;
    for _ in 0..sent {
        sender.send(&[0x47; 1316]).unwrap();
    }
    // The count comes with the next datagram that finds room.
    let mut received = 0;
    let is_accounted_for = holds_within(ear.clock, PATIENCE, || {
        received += ear.take().len() as u64;
        if received + ear.receiver.dropped_datagrams() == sent {
            return true;
        }
        sender.send(b"room?").unwrap();
        sent += 1;
        false
    });
    let dropped = ear.receiver.dropped_datagrams();
    assert!(
        is_accounted_for,
        "{received} received and {dropped} dropped of {sent}"
    );
    assert!(dropped > 200, "{dropped} dropped of {sent}");
}

fn the_buffer_granted_is_no_smaller_than_asked(side: &impl Side) {
    let ear = listen(side, &membership(group_v4()));
    let granted = ear.receiver.receive_buffer_bytes();
    assert!(granted >= AMPLE_BYTES, "{granted}");
}

fn an_absent_interface_is_named(side: &impl Side) {
    let absent = InterfaceName::new("weir-absent").unwrap();
    let joined = refusal(
        side,
        &Membership {
            interface: Some(absent.clone()),
            ..membership(group_v4())
        },
    );
    assert!(matches!(&joined, Error::NoInterface { name } if *name == absent));
    assert_eq!(
        joined.to_string(),
        "there is no network interface weir-absent"
    );
    let interface = Some(absent);
    let destination = Destination {
        group: group_v4(),
        interface,
        hops: 1,
    };
    let opened = side.board().multicast.sender(&destination).map(drop);
    assert!(matches!(opened, Err(Error::NoInterface { .. })));
}

fn a_source_of_another_family_is_refused(side: &impl Side) {
    let mixed = Membership {
        source: Some(STRANGER_V6),
        ..membership(group_v4())
    };
    assert_eq!(refusal(side, &mixed).kind(), ErrorKind::InvalidInput);
}

fn a_unicast_address_is_held_once(side: &impl Side) {
    let address = unicast("127.0.0.1");
    let _ear = listen(side, &membership(address));
    let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    for second in [address, all] {
        assert_eq!(
            refusal(side, &membership(second)).kind(),
            ErrorKind::AddrInUse
        );
    }
    let group = SocketAddr::new(group_v4().ip(), address.port());
    let _other = listen(side, &membership(group));
}

fn ipv6_unicast_comes_with_its_sender(side: &impl Side) {
    let address = unicast("::1");
    let mut ear = listen(side, &membership(address));
    send(side, address, b"one");
    assert_eq!(ear.hear_until(b"one").len(), 0);
    let source = ear.batch.iter().next().unwrap().source;
    assert_eq!(source.ip(), IpAddr::V6(Ipv6Addr::LOCALHOST));
    assert_ne!(source.port(), 0);
}

fn ipv6_groups_of_every_scope_come(side: &impl Side) {
    // Interface-local, link-local, site-local, organization-local and global (RFC 4291 §2.7).
    for head in [0xff11, 0xff12, 0xff15, 0xff18, 0xff1e] {
        let ip = Ipv6Addr::new(head, 0, 0, 0, 0, 0, 0, fresh());
        let group = SocketAddr::from((ip, port()));
        let mut ear = listen(side, &membership(group));
        send(side, group, b"one");
        assert_eq!(ear.hear_until(b"one").len(), 0, "{group}");
    }
}
