//! Who asks for memberships: queries of IGMP and MLD, seen on raw sockets.
//!
//! Source: RFC 3376 §4.1 (Membership Query, type 0x11), RFC 3810 §5.1 (type 130), `raw(7)` and
//! `capabilities(7)` (`CAP_NET_RAW`). The kernel tells of no querier elsewhere: `/proc/net/igmp`
//! has timers of those of version 2 alone.
//!
//! Refuses: to ask itself, and to judge how long is too long.

use std::{
    collections::BTreeMap,
    io::{self, IoSliceMut},
    net::IpAddr,
    os::fd::AsRawFd,
    sync::{Mutex, PoisonError},
};

use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    net::if_::if_nametoindex,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
};
use socket2::{Domain, Protocol, Socket, Type};

use super::set_option;
use crate::{
    Clock as _, Monotonic,
    linux::Clock,
    nic::{Nic, OperationalStatus, Querier},
};

/// Messages of one look at one socket; those beyond wait for the next, or are dropped.
const MESSAGES_MAX: usize = 256;

/// Bytes of a message that are read: the longest head of IPv4, and the type.
const MESSAGE_BYTES: usize = 64;

/// Interfaces whose querier is remembered.
const INTERFACES_MAX: usize = 256;

const IGMP_QUERY: u8 = 0x11;
const MLD_QUERY: u8 = 130;

/// `ICMP6_FILTER` of `netinet/icmp6.h`, and its `struct icmp6_filter`: a bit for each type, which
/// is set where that is barred.
const ICMP6_FILTER: i32 = 1;
type Icmp6Filter = [u32; 8];

/// The queriers of this network namespace.
#[derive(Debug, Default)]
pub(in crate::linux) struct Queriers(Mutex<Watch>);

#[derive(Debug, Default)]
enum Watch {
    #[default]
    Unopened,
    /// This process may not look.
    Refused,
    Open(Box<Ears>),
}

#[derive(Debug)]
struct Ears {
    igmp: Socket,
    /// `None` on a machine without IPv6.
    mld: Option<Socket>,
    since: Monotonic,
    /// By interface: who was heard last, and when.
    heard: BTreeMap<u32, (IpAddr, Monotonic)>,
}

impl Queriers {
    /// Listens from the first call on; sets the querier of each of `nics` that is up. Never waits.
    pub(in crate::linux) fn tell(&self, nics: &mut [Nic]) {
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*watch, Watch::Unopened) {
            let opened = Ears::open();
            *watch = opened.map_or(Watch::Refused, |ears| Watch::Open(Box::new(ears)));
        }
        let Watch::Open(ears) = &mut *watch else {
            return;
        };
        let now = Clock::new().monotonic();
        ears.listen(now);
        let is_up = |nic: &&mut Nic| nic.operational_status == OperationalStatus::Up;
        for nic in nics.iter_mut().filter(is_up) {
            let index = if_nametoindex(nic.name.as_str()).unwrap_or(0);
            nic.querier = match ears.heard.get(&index) {
                Some((address, at)) => Querier::Heard {
                    address: *address,
                    ago: now.since(*at),
                },
                None => Querier::Unheard {
                    watched: now.since(ears.since),
                },
            };
        }
    }
}

impl Ears {
    fn open() -> io::Result<Self> {
        let igmp = Protocol::from(libc::IPPROTO_IGMP);
        let igmp = Socket::new(Domain::IPV4, Type::RAW, Some(igmp))?;
        setsockopt(&igmp, sockopt::Ipv4PacketInfo, &true)?;
        Ok(Self {
            igmp,
            mld: open_mld().ok(),
            since: Clock::new().monotonic(),
            heard: BTreeMap::new(),
        })
    }

    fn listen(&mut self, now: Monotonic) {
        let Self {
            igmp, mld, heard, ..
        } = self;
        let mut note = |index: u32, address: IpAddr| {
            if heard.len() < INTERFACES_MAX || heard.contains_key(&index) {
                heard.insert(index, (address, now));
            }
        };
        let igmp = Some((&*igmp, is_igmp_query as fn(&[u8]) -> bool));
        let mld = mld
            .as_ref()
            .map(|mld| (mld, is_mld_query as fn(&[u8]) -> bool));
        for (socket, is_query) in igmp.into_iter().chain(mld) {
            for _ in 0..MESSAGES_MAX {
                match receive(socket, is_query) {
                    Ok(Some((index, address))) => note(index, address),
                    Ok(None) | Err(Errno::EINTR) => {}
                    // Nothing is waiting, or nothing can be read now.
                    Err(_) => break,
                }
            }
        }
    }
}

fn open_mld() -> io::Result<Socket> {
    let mld = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    setsockopt(&mld, sockopt::Ipv6RecvPacketInfo, &true)?;
    set_option(&mld, libc::IPPROTO_ICMPV6, ICMP6_FILTER, &mld_alone())?;
    Ok(mld)
}

/// Takes a message: the interface it came by and who sent it, if it is a query.
fn receive(socket: &Socket, is_query: fn(&[u8]) -> bool) -> nix::Result<Option<(u32, IpAddr)>> {
    let mut bytes = [0; MESSAGE_BYTES];
    let mut control = cmsg_space!(libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let index = message.cmsgs()?.find_map(|note| {
        if let ControlMessageOwned::Ipv4PacketInfo(info) = note {
            return u32::try_from(info.ipi_ifindex).ok();
        }
        if let ControlMessageOwned::Ipv6PacketInfo(info) = note {
            return Some(info.ipi6_ifindex);
        }
        None
    });
    let sender = message.address.and_then(|address| {
        let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    });
    let length = message.bytes;
    let is_query = bytes.get(..length).is_some_and(is_query);
    Ok(index.zip(sender).filter(|_| is_query))
}

/// IGMP comes behind the head of IPv4.
fn is_igmp_query(packet: &[u8]) -> bool {
    let head_bytes = packet.first().map(|first| usize::from(first & 0x0F) * 4);
    head_bytes.and_then(|at| packet.get(at)) == Some(&IGMP_QUERY)
}

fn is_mld_query(message: &[u8]) -> bool {
    message.first() == Some(&MLD_QUERY)
}

/// Bars all types but that of a query.
fn mld_alone() -> Icmp6Filter {
    let mut filter = [u32::MAX; 8];
    filter[usize::from(MLD_QUERY >> 5)] &= !(1 << (MLD_QUERY & 31));
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_known_behind_heads_with_and_without_options() {
        let plain = [&[0x45; 20][..], &[IGMP_QUERY, 0]].concat();
        let with_router_alert = [&[0x46; 24][..], &[IGMP_QUERY]].concat();
        let report = [&[0x46; 24][..], &[0x22]].concat();
        assert!(is_igmp_query(&plain));
        assert!(is_igmp_query(&with_router_alert));
        assert!(!is_igmp_query(&report));
        assert!(!is_igmp_query(&plain[..20]));
        assert!(!is_igmp_query(&[]));
    }

    #[test]
    fn queries_alone_pass_the_filter() {
        let passes = |kind: u8| mld_alone()[usize::from(kind / 32)] & (1 << (kind % 32)) == 0;
        let passing: Vec<u8> = (0..=u8::MAX).filter(|kind| passes(*kind)).collect();
        assert_eq!(passing, [MLD_QUERY]);
    }
}
