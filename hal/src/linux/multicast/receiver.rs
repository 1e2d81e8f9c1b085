//! The receiving socket of a membership: options, bind, join, and the filter for its source.
//!
//! Source: `ip(7)` and `ipv6(7)` (joins), RFC 3678 §5.1 (`MCAST_JOIN_SOURCE_GROUP`), `socket(7)`
//! (`SO_RCVBUFFORCE`).
//!
//! Refuses: to receive before the join is complete. The buffer is sized and the foreign groups
//! are barred before the socket is bound.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ptr,
};

use nix::{
    libc,
    sys::socket::{setsockopt, sockopt},
};
use socket2::{InterfaceIndexOrAddress, SockAddr, Socket};

use super::{messages::Messages, refusal, scoped, set_option, udp_socket};
use crate::{DatagramBatch, Error, Membership, MulticastReceiver};

/// Batches of nothing but foreign senders' datagrams that one call throws away before it gives
/// up until the next call. Met only on unicast addresses: the kernel filters groups by itself.
const FOREIGN_BATCHES_MAX: usize = 16;

/// The receiving socket of one membership.
#[derive(Debug)]
pub struct Receiver {
    socket: Socket,
    group: SocketAddr,
    source: Option<IpAddr>,
    receive_buffer_bytes: usize,
    messages: Messages,
}

impl Receiver {
    pub(super) fn open(membership: &Membership, interface: u32) -> io::Result<Self> {
        let group = scoped(membership.group, interface);
        if membership
            .source
            .is_some_and(|source| source.is_ipv4() != group.is_ipv4())
        {
            let text = "the source is of another address family than the group";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let socket = udp_socket(group)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        tell_headers(&socket, group)?;
        enlarge_receive_buffer(&socket, membership.receive_buffer_bytes)?;
        only_what_is_joined(&socket, group)?;
        socket.bind(&group.into())?;
        join(&socket, group, membership.source, interface)?;
        Ok(Self {
            receive_buffer_bytes: socket.recv_buffer_size()?,
            socket,
            group,
            source: membership.source,
            messages: Messages::new(),
        })
    }
}

impl MulticastReceiver for Receiver {
    fn receive(&mut self, batch: &mut DatagramBatch) -> Result<usize, Error> {
        batch.clear();
        for _ in 0..FOREIGN_BATCHES_MAX {
            let count = self
                .messages
                .receive(&self.socket, batch)
                .map_err(refusal("receive from", self.group))?;
            let kept = self
                .source
                .map_or(count, |source| batch.retain_source(source));
            if count == 0 || kept > 0 {
                return Ok(kept);
            }
        }
        Ok(0)
    }

    fn dropped_datagrams(&self) -> u64 {
        self.messages.dropped()
    }

    fn receive_buffer_bytes(&self) -> usize {
        self.receive_buffer_bytes
    }
}

/// Has the kernel tell what the head of each datagram says.
fn tell_headers(socket: &Socket, group: SocketAddr) -> io::Result<()> {
    let (level, options) = match group {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, [libc::IP_RECVTTL, libc::IP_RECVTOS]),
        SocketAddr::V6(_) => (
            libc::IPPROTO_IPV6,
            [libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVTCLASS],
        ),
    };
    let on: libc::c_int = 1;
    let mut options = options.into_iter();
    options.try_for_each(|option| set_option(socket, level, option, &on))
}

/// Asks for the buffer beyond `net.core.rmem_max`, and settles for the limit without the right.
fn enlarge_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    // The kernel doubles what is asked for, in a signed 32-bit number.
    let bytes = bytes.min(i32::MAX as usize / 2);
    setsockopt(socket, sockopt::RcvBufForce, &bytes)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &bytes))?;
    Ok(())
}

/// Bars the datagrams of groups that other sockets of this machine have joined.
fn only_what_is_joined(socket: &Socket, group: SocketAddr) -> io::Result<()> {
    // Several programs may watch one group: each gets a copy. On a unicast address the latest
    // would take all, so there a second socket is refused.
    socket.set_reuse_address(group.ip().is_multicast())?;
    match group {
        SocketAddr::V4(_) => socket.set_multicast_all_v4(false),
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_multicast_all_v6(false)
        }
    }
}

fn join(
    socket: &Socket,
    group: SocketAddr,
    source: Option<IpAddr>,
    interface: u32,
) -> io::Result<()> {
    match (group.ip(), source) {
        (ip, _) if !ip.is_multicast() => Ok(()),
        (_, Some(source)) => join_source(socket, group, source, interface),
        (IpAddr::V4(ip), None) => {
            socket.join_multicast_v4_n(&ip, &InterfaceIndexOrAddress::Index(interface))
        }
        (IpAddr::V6(ip), None) => socket.join_multicast_v6(&ip, interface),
    }
}

/// Joins one source of a group (RFC 3678 §5.1), in the form that serves both families.
fn join_source(
    socket: &Socket,
    group: SocketAddr,
    source: IpAddr,
    interface: u32,
) -> io::Result<()> {
    let level = if group.is_ipv4() {
        libc::IPPROTO_IP
    } else {
        libc::IPPROTO_IPV6
    };
    let request = libc::group_source_req {
        gsr_interface: interface,
        gsr_group: storage(group),
        gsr_source: storage(SocketAddr::new(source, 0)),
    };
    set_option(socket, level, libc::MCAST_JOIN_SOURCE_GROUP, &request)
}

fn storage(address: SocketAddr) -> libc::sockaddr_storage {
    let address = SockAddr::from(address);
    // SAFETY: `SockAddrStorage` is a transparent wrapper of `sockaddr_storage`.
    unsafe { ptr::read(address.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use super::*;
    use crate::{InterfaceName, Multicast as _, linux};

    /// Whether the kernel has joined a group for one source on loopback, as its table words them.
    fn is_joined(table: &str, group: &str, source: &str) -> bool {
        #[expect(
            clippy::disallowed_methods,
            reason = "hal::linux is where the ban on files ends"
        )]
        let text = fs::read_to_string(table).unwrap();
        text.lines().any(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            words == ["1", "lo", group, source, "1", "0"]
        })
    }

    fn join(group: &str, source: &str) -> Receiver {
        let membership = Membership {
            group: group.parse().unwrap(),
            source: Some(source.parse().unwrap()),
            interface: InterfaceName::new("lo"),
            receive_buffer_bytes: 1 << 16,
        };
        linux::Multicast::new().join(&membership).unwrap()
    }

    /// Two bytes that another run of these tests, at the same time, has not in its groups.
    fn own_bytes() -> u16 {
        u16::try_from(process::id() % 0x1_0000).unwrap()
    }

    #[test]
    fn the_kernel_knows_the_source_and_forgets_it_with_the_receiver() {
        let [high, low] = own_bytes().to_be_bytes();
        let group = format!("0xe8fe{high:02x}{low:02x}");
        let is_joined = || is_joined("/proc/net/mcfilter", &group, "0x7f000002");
        let receiver = join(&format!("232.254.{high}.{low}:5000"), "127.0.0.2");
        assert!(is_joined());
        drop(receiver);
        assert!(!is_joined());
    }

    #[test]
    fn the_kernel_knows_the_ipv6_source_and_forgets_it_with_the_receiver() {
        let own = own_bytes();
        let group = format!("ff35000000000000000000008000{own:04x}");
        let source = "fd000000000000000000000000000002";
        let is_joined = || is_joined("/proc/net/mcfilter6", &group, source);
        let receiver = join(&format!("[ff35::8000:{own:x}]:5000"), "fd00::2");
        assert!(is_joined());
        drop(receiver);
        assert!(!is_joined());
    }

    /// Expedited Forwarding (RFC 3246), and a mark of congestion that is none of it.
    const SERVICE: libc::c_int = 46 << 2 | 1;

    #[test]
    fn the_head_of_a_datagram_is_told_in_both_families() {
        for (address, level, options) in [
            (
                "127.0.0.1:0",
                libc::IPPROTO_IP,
                [libc::IP_TTL, libc::IP_TOS],
            ),
            (
                "[::1]:0",
                libc::IPPROTO_IPV6,
                [libc::IPV6_UNICAST_HOPS, libc::IPV6_TCLASS],
            ),
        ] {
            let group: SocketAddr = address.parse().unwrap();
            let membership = Membership {
                group,
                source: None,
                interface: None,
                receive_buffer_bytes: 1 << 16,
            };
            let mut receiver = Receiver::open(&membership, 0).unwrap();
            let sender = udp_socket(group).unwrap();
            let ttl: libc::c_int = 7;
            for (option, value) in options.into_iter().zip([ttl, SERVICE]) {
                set_option(&sender, level, option, &value).unwrap();
            }
            let to = receiver.socket.local_addr().unwrap();
            sender.send_to(b"one", &to).unwrap();
            let mut batch = DatagramBatch::new();
            assert_eq!(receiver.receive(&mut batch).unwrap(), 1, "{address}");
            let header = batch.iter().next().unwrap().header;
            assert_eq!((header.ttl, header.dscp), (Some(7), Some(46)), "{address}");
        }
    }
}
