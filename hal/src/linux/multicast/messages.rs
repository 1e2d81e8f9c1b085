//! `recvmmsg(2)`: a batch of datagrams by one system call, with what the kernel knows of each.
//!
//! Source: `recvmmsg(2)`, `cmsg(3)`, `socket(7)` (`SO_TIMESTAMPNS`, `SO_RXQ_OVFL`),
//! `ip(7)` (`IP_RECVTTL`, `IP_RECVTOS`), `ipv6(7)` and RFC 3542 §6 (`IPV6_RECVHOPLIMIT`,
//! `IPV6_RECVTCLASS`).
//!
//! Refuses: to allocate or to wait. The arrays live as long as the socket; the pointers to them
//! are written anew for each call and live no longer than it.

use std::{
    array,
    fmt::{self, Debug},
    io, mem,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::AsRawFd,
    ptr,
};

use nix::{errno::Errno, libc};
use socket2::Socket;

use super::kernel_size_of;
use crate::{Clock, DatagramBatch, DatagramMeta, NetworkHeader, Wall, linux::clock};

/// Room for the control messages of one datagram: a timestamp, a drop count, and two
/// fields of its head.
const CONTROL_BYTES: usize = {
    // SAFETY: these only compute.
    let bytes = unsafe {
        libc::CMSG_SPACE(kernel_size_of::<libc::timespec>())
            + libc::CMSG_SPACE(kernel_size_of::<u32>())
            + 2 * libc::CMSG_SPACE(kernel_size_of::<libc::c_int>())
    };
    bytes as usize
};

/// What the kernel writes beside the payloads, and the count of drops it has told.
#[derive(Debug)]
pub(super) struct Messages {
    envelopes: Box<[Envelope; DatagramBatch::CAPACITY]>,
    drops: DropCounter,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self {
            envelopes: Box::new(array::from_fn(|_| Envelope::blank())),
            drops: DropCounter::default(),
        }
    }

    /// Datagrams dropped for want of buffer, up to the last one received.
    pub(super) fn dropped(&self) -> u64 {
        self.drops.total
    }

    /// Takes a batch by one system call, whoever sent the datagrams. Zero when none wait.
    pub(super) fn receive(
        &mut self,
        socket: &Socket,
        batch: &mut DatagramBatch,
    ) -> io::Result<usize> {
        let mut vectors = [const {
            libc::iovec {
                iov_base: ptr::null_mut(),
                iov_len: 0,
            }
        }; DatagramBatch::CAPACITY];
        // SAFETY: null pointers and zero lengths are valid in each field of `mmsghdr`.
        let mut headers: [libc::mmsghdr; DatagramBatch::CAPACITY] = unsafe { mem::zeroed() };
        let places = batch
            .slots_mut()
            .zip(&mut vectors)
            .zip(self.envelopes.iter_mut());
        for (((slot, vector), envelope), header) in places.zip(&mut headers) {
            vector.iov_base = slot.as_mut_ptr().cast();
            vector.iov_len = slot.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            envelope.lay_into(&mut header.msg_hdr);
        }
        // SAFETY: vectors, slots and envelopes outlive the call; nothing else refers to them.
        let count = match unsafe { receive_messages(socket, &mut headers) } {
            Err(Errno::EAGAIN) => 0,
            other => other?,
        };
        let drops = &mut self.drops;
        let filled = headers.iter().take(count).zip(self.envelopes.iter());
        Ok(batch.fill(filled.map(|(header, envelope)| {
            // SAFETY: the kernel has filled this header, and its envelope still stands.
            let notes = unsafe { ControlNotes::read(&header.msg_hdr) };
            if let Some(count) = notes.dropped {
                drops.advance_to(count);
            }
            DatagramMeta {
                bytes: header.msg_len as usize,
                received: notes.received.unwrap_or_else(|| clock::Clock::new().wall()),
                source: envelope.sender(),
                header: notes.header,
            }
        })))
    }
}

/// Calls the kernel, again when a signal interrupts it.
///
/// # Safety
/// What each header points at must be writable, and be referred to by nothing else meanwhile.
unsafe fn receive_messages(socket: &Socket, headers: &mut [libc::mmsghdr]) -> nix::Result<usize> {
    let room = u32::try_from(headers.len()).expect("a batch is small");
    loop {
        // SAFETY: `headers` is `room` headers long; the caller vouches for what they point at.
        let result = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                room,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        match Errno::result(result) {
            Err(Errno::EINTR) => {}
            other => return Ok(usize::try_from(other?).expect("a count is not negative")),
        }
    }
}

/// Where the kernel writes what it knows of one datagram. Aligned for `cmsghdr`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Envelope {
    control: [u8; CONTROL_BYTES],
    sender: libc::sockaddr_storage,
}

impl Debug for Envelope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Envelope")
    }
}

impl Envelope {
    fn blank() -> Self {
        // SAFETY: all zeros are a valid `Envelope`: bytes, and an address without a family.
        unsafe { mem::zeroed() }
    }

    /// Points a header at this envelope. Done for each call: the kernel shortens the lengths.
    fn lay_into(&mut self, header: &mut libc::msghdr) {
        header.msg_name = ptr::from_mut(&mut self.sender).cast();
        header.msg_namelen = kernel_size_of::<libc::sockaddr_storage>();
        header.msg_control = self.control.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_BYTES as _;
    }

    fn sender(&self) -> SocketAddr {
        let storage = ptr::from_ref(&self.sender);
        if i32::from(self.sender.ss_family) == libc::AF_INET6 {
            // SAFETY: by its family this is a `sockaddr_in6`, which `sockaddr_storage` can hold.
            let v6 = unsafe { &*storage.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            return SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into();
        }
        // SAFETY: the kernel writes no other family for a socket that is not IPv6, and a blank
        // storage reads as 0.0.0.0:0.
        let v4 = unsafe { &*storage.cast::<libc::sockaddr_in>() };
        let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
        SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into()
    }
}

/// What the control messages of one datagram say.
#[derive(Debug, Default, PartialEq, Eq)]
struct ControlNotes {
    received: Option<Wall>,
    dropped: Option<u32>,
    header: NetworkHeader,
}

impl ControlNotes {
    /// Reads the control messages that the kernel has written behind `header`.
    ///
    /// # Safety
    /// `header` must be as the kernel left it, and its control buffer must still stand.
    unsafe fn read(header: &libc::msghdr) -> Self {
        let mut notes = Self::default();
        // SAFETY: the kernel has set pointer and length to the messages it wrote.
        let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
        // SAFETY: `CMSG_FIRSTHDR` and `CMSG_NXTHDR` return null or a whole, aligned message.
        while let Some(head) = unsafe { message.as_ref() } {
            // SAFETY: the data of each kind is of the type that the kernel documents for it;
            // `read_unaligned` asks for no alignment.
            unsafe {
                let data = libc::CMSG_DATA(message);
                match (head.cmsg_level, head.cmsg_type) {
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                        let time = data.cast::<libc::timespec>().read_unaligned();
                        let nanos = clock::nanos(time.tv_sec, time.tv_nsec);
                        notes.received = Some(Wall::from_nanos(nanos));
                    }
                    (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                        notes.dropped = Some(data.cast::<u32>().read_unaligned());
                    }
                    (libc::IPPROTO_IP, libc::IP_TTL)
                    | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                        let ttl = data.cast::<libc::c_int>().read_unaligned();
                        notes.header.ttl = u8::try_from(ttl).ok();
                    }
                    (libc::IPPROTO_IP, libc::IP_TOS) => {
                        let service = data.read_unaligned();
                        notes.header.dscp = Some(NetworkHeader::dscp_of(service));
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                        let class = data.cast::<libc::c_int>().read_unaligned();
                        let class = u8::try_from(class).ok();
                        notes.header.dscp = class.map(NetworkHeader::dscp_of);
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(header, message);
            }
        }
        notes
    }
}

/// The kernel's 32-bit count of drops, extended to 64 bits.
#[derive(Debug, Default)]
struct DropCounter {
    latest: u32,
    total: u64,
}

impl DropCounter {
    fn advance_to(&mut self, count: u32) {
        let step = count.wrapping_sub(self.latest);
        // More than half the range is a step back: two processors raced to note the count.
        if step < 1 << 31 {
            self.latest = count;
            self.total += u64::from(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_counted_across_the_32_bit_wrap() {
        let mut drops = DropCounter::default();
        for count in [2_000_000_000, 4_000_000_000, 5] {
            drops.advance_to(count);
        }
        assert_eq!(drops.total, (1 << 32) + 5);
    }

    #[test]
    fn a_count_that_steps_back_drops_nothing() {
        let mut drops = DropCounter::default();
        for count in [10, 9, 12] {
            drops.advance_to(count);
        }
        assert_eq!(drops.total, 12);
    }
}
