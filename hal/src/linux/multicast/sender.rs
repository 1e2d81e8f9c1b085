//! The sending socket of a destination.
//!
//! Source: `ip(7)` (`IP_MULTICAST_IF`, `IP_MULTICAST_TTL`, `IP_MULTICAST_LOOP`), `ipv6(7)`.
//! Multicast is looped back, so that receivers on this machine have it too.
//!
//! Refuses: to wait longer than [`SEND_WAIT_MAX`] for a link at a standstill.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use nix::{ifaddrs::getifaddrs, libc};
use socket2::{SockAddr, Socket};

use super::{refusal, scoped, set_option, udp_socket};
use crate::{Destination, Error, InterfaceName, MulticastSender};

/// The longest a datagram may wait for room in the send buffer: a link at a standstill must not
/// stop the sender's clock. Then the datagram is lost, with kind `WouldBlock`.
const SEND_WAIT_MAX: Duration = Duration::from_millis(100);

/// The sending socket of one destination.
#[derive(Debug)]
pub struct Sender {
    socket: Socket,
    group: SocketAddr,
    address: SockAddr,
}

impl Sender {
    pub(super) fn open(destination: &Destination, interface: u32) -> io::Result<Self> {
        let group = scoped(destination.group, interface);
        let socket = udp_socket(group)?;
        socket.set_write_timeout(Some(SEND_WAIT_MAX))?;
        let name = destination.interface.as_ref();
        match group.ip() {
            IpAddr::V4(ip) if ip.is_multicast() => {
                socket.set_multicast_loop_v4(true)?;
                socket.set_multicast_ttl_v4(destination.hops.into())?;
                if let Some(name) = name {
                    send_from(&socket, interface, name)?;
                }
            }
            IpAddr::V6(ip) if ip.is_multicast() => {
                socket.set_multicast_loop_v6(true)?;
                socket.set_multicast_hops_v6(destination.hops.into())?;
                socket.set_multicast_if_v6(interface)?;
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {
                if let Some(name) = name {
                    socket.bind_device(Some(name.as_str().as_bytes()))?;
                }
            }
        }
        Ok(Self {
            socket,
            group,
            address: group.into(),
        })
    }
}

impl MulticastSender for Sender {
    fn send(&mut self, datagram: &[u8]) -> Result<(), Error> {
        // A datagram goes whole or not at all, so the count of bytes says nothing.
        let sent = self.socket.send_to(datagram, &self.address);
        sent.map(drop).map_err(refusal("send to", self.group))
    }
}

/// Sends IPv4 groups through an interface, from its own address: the kernel alone would choose
/// that of another interface for loopback, and a source-specific receiver would not know it.
fn send_from(socket: &Socket, interface: u32, name: &InterfaceName) -> io::Result<()> {
    let own = getifaddrs()?
        .filter(|entry| entry.interface_name == name.as_str())
        .find_map(|entry| Some(entry.address?.as_sockaddr_in()?.ip()))
        .unwrap_or(Ipv4Addr::UNSPECIFIED);
    let request = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: 0 },
        imr_address: libc::in_addr {
            s_addr: u32::from(own).to_be(),
        },
        imr_ifindex: i32::try_from(interface).expect("the kernel numbers interfaces by i32"),
    };
    set_option(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}
