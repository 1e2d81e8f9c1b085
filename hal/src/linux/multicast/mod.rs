//! Multicast over UDP sockets: one socket for each membership.
//!
//! Source: `ip(7)`, `ipv6(7)`, `udp(7)`, RFC 3678 (source filters). Each socket is bound to its
//! group, with `IP_MULTICAST_ALL` off, so two groups on one port never mix, nor one group on two
//! interfaces. Datagrams come by `recvmmsg(2)` straight into the batch, with the kernel's time of
//! reception and its count of drops.
//!
//! Loopback carries IPv4 groups when the interface is `lo`. It carries IPv6 groups only where it
//! has a route for them (`ip -6 route add local ff00::/8 dev lo table local`): the kernel makes
//! none for an interface without the `MULTICAST` flag, and sending fails with `ENETUNREACH`.
//!
//! Refuses: `SO_REUSEPORT`, which would split one group's datagrams among processes, and a
//! source of another address family than its group.
#![expect(
    unsafe_code,
    reason = "recvmmsg(2), control messages and two options have no safe form"
)]

mod links;
mod messages;
mod queriers;
mod receiver;
mod sender;

use std::{
    io,
    net::{SocketAddr, SocketAddrV6},
    os::fd::AsRawFd,
    ptr,
};

use nix::{errno::Errno, libc, net::if_::if_nametoindex};
use socket2::{Domain, Protocol, Socket, Type};

pub use receiver::Receiver;
pub use sender::Sender;

pub(super) use queriers::Queriers;

use crate::{Destination, Error, InterfaceName, Membership};

/// The UDP of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Multicast;

impl Multicast {
    /// The UDP of this machine.
    pub const fn new() -> Self {
        Self
    }
}

impl crate::Multicast for Multicast {
    type Receiver = Receiver;
    type Sender = Sender;

    fn join(&self, membership: &Membership) -> Result<Receiver, Error> {
        let failed = refusal("join", membership.group);
        let interface = interface_index(membership.interface.as_ref(), &failed)?;
        Receiver::open(membership, interface).map_err(failed)
    }

    fn sender(&self, destination: &Destination) -> Result<Sender, Error> {
        let failed = refusal("send to", destination.group);
        let interface = interface_index(destination.interface.as_ref(), &failed)?;
        Sender::open(destination, interface).map_err(failed)
    }

    fn links(&self) -> Result<Box<dyn crate::LinkWatch>, Error> {
        Ok(Box::new(links::LinkWatch::open()?))
    }
}

/// Puts the thing it was tried on beside the kernel's reason.
fn refusal(act: &'static str, address: SocketAddr) -> impl Fn(io::Error) -> Error {
    move |source| Error::Socket {
        act,
        address,
        source,
    }
}

/// Returns the kernel's number for an interface; 0, the kernel's word for "any", for no name.
fn interface_index(
    name: Option<&InterfaceName>,
    failed: impl Fn(io::Error) -> Error,
) -> Result<u32, Error> {
    let Some(name) = name else {
        return Ok(0);
    };
    if_nametoindex(name.as_str()).map_err(|error| {
        if error == Errno::ENODEV {
            Error::NoInterface { name: name.clone() }
        } else {
            failed(error.into())
        }
    })
}

/// Adds the interface to an IPv6 address: one of link-local scope means nothing without it.
fn scoped(address: SocketAddr, interface: u32) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() == 0 => {
            SocketAddrV6::new(*v6.ip(), v6.port(), v6.flowinfo(), interface).into()
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => address,
    }
}

fn udp_socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )
}

/// Sets an option that has no safe wrapper. `T` is the kernel's type for it.
fn set_option<T>(socket: &Socket, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: the descriptor is open, and `value` is readable over the size of its type.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            ptr::from_ref(value).cast(),
            kernel_size_of::<T>(),
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// The size of a type as the kernel takes it.
const fn kernel_size_of<T>() -> libc::socklen_t {
    let bytes = size_of::<T>();
    assert!(bytes <= 4_096, "no option or address is this long");
    #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
    let bytes = bytes as libc::socklen_t;
    bytes
}
