//! Changes of links and addresses by rtnetlink.
//!
//! Source: `rtnetlink(7)`, `netlink(7)`. Of each message two numbers at fixed places are read: the
//! interface, and whether it can carry anything. So no crate that knows all of netlink is asked.
//!
//! Refuses: to tell of a link that went away; nobody can be asked for groups there.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc,
    net::if_::if_indextoname,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
    },
};

use crate::{Error, InterfaceName, LinkChange};

/// Bytes of one datagram of netlink: the kernel's own limit for those that it sends unasked.
const MESSAGE_BYTES_MAX: usize = 32 << 10;

/// Interfaces whose state is remembered; those beyond seem new at every message.
const INTERFACES_MAX: usize = 256;

/// Changes that wait to be taken: a datagram has several messages, mostly one.
const CHANGES_MAX: usize = 64;

/// Bytes of `struct nlmsghdr`, and to which messages are aligned.
const HEADER_BYTES: usize = 16;
const ALIGNMENT: usize = 4;

/// The watch of this network namespace.
#[derive(Debug)]
pub(super) struct LinkWatch {
    socket: OwnedFd,
    buffer: Box<[u8]>,
    links: Links,
    waiting: Vec<LinkChange>,
}

impl LinkWatch {
    pub(super) fn open() -> Result<Self, Error> {
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        let address = NetlinkAddr::new(0, u32::try_from(groups).expect("flags are positive"));
        let opened = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkRoute,
        );
        let bound = opened.and_then(|socket| {
            bind(socket.as_raw_fd(), &address)?;
            Ok(socket)
        });
        Ok(Self {
            socket: bound.map_err(refusal)?,
            buffer: vec![0; MESSAGE_BYTES_MAX].into_boxed_slice(),
            links: Links::default(),
            waiting: Vec::new(),
        })
    }
}

impl crate::LinkWatch for LinkWatch {
    fn next(&mut self) -> Result<Option<LinkChange>, Error> {
        while self.waiting.is_empty() {
            let bytes = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Ok(bytes) => bytes,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                // The kernel had more to tell than there was room for.
                Err(Errno::ENOBUFS) => return Ok(Some(LinkChange { interface: None })),
                Err(error) => return Err(refusal(error)),
            };
            let datagram = self.buffer.get(..bytes).unwrap_or_default();
            for index in self.links.follow(datagram).take(CHANGES_MAX) {
                // An interface that is gone by now will be told of when it is back.
                self.waiting.extend(name(index).map(|name| LinkChange {
                    interface: Some(name),
                }));
            }
        }
        Ok(self.waiting.pop())
    }
}

fn refusal(error: Errno) -> Error {
    Error::Sensor {
        what: "changes of links by rtnetlink",
        source: io::Error::from(error),
    }
}

fn name(index: u32) -> Option<InterfaceName> {
    InterfaceName::new(if_indextoname(index).ok()?.to_str().ok()?)
}

/// Which interfaces can carry something, by their numbers.
#[derive(Debug, Default)]
struct Links(BTreeMap<u32, bool>);

impl Links {
    /// Reads a datagram of messages; returns the interfaces on which something came (back).
    fn follow<'a>(&'a mut self, datagram: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        messages(datagram).filter_map(|(kind, body)| match kind {
            libc::RTM_NEWLINK => {
                let index = number(body, 4)?;
                let flags = number(body, 8)?;
                let carries = flags & u32::try_from(libc::IFF_RUNNING).ok()? != 0;
                let before = self.remember(index, carries);
                (carries && before != Some(true)).then_some(index)
            }
            libc::RTM_DELLINK => {
                self.0.remove(&number(body, 4)?);
                None
            }
            libc::RTM_NEWADDR => number(body, 4),
            _ => None,
        })
    }

    fn remember(&mut self, index: u32, carries: bool) -> Option<bool> {
        let is_room = self.0.len() < INTERFACES_MAX || self.0.contains_key(&index);
        is_room.then(|| self.0.insert(index, carries)).flatten()
    }
}

/// The messages of a datagram: their kinds and bodies. What is cut short ends them.
fn messages(mut datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let bytes = usize::try_from(number(datagram, 0)?).ok()?;
        let kind = datagram.get(4..6)?.try_into().ok()?;
        let body = datagram.get(HEADER_BYTES..bytes)?;
        let next = bytes.next_multiple_of(ALIGNMENT);
        datagram = datagram.get(next..).unwrap_or_default();
        Some((u16::from_ne_bytes(kind), body))
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_ne_bytes(four))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: u32 = 0x40;

    fn message(kind: u16, index: u32, flags: u32) -> Vec<u8> {
        let mut body = [[0; 4], index.to_ne_bytes(), flags.to_ne_bytes(), [0xFF; 4]].concat();
        // An attribute of three bytes, behind which the next message is aligned.
        body.extend([7, 0, 3, 0, 1, 2, 3]);
        let bytes = u32::try_from(HEADER_BYTES + body.len()).expect("small");
        let mut message = bytes.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(body);
        message.resize(message.len().next_multiple_of(ALIGNMENT), 0);
        message
    }

    fn follow(links: &mut Links, datagram: &[u8]) -> Vec<u32> {
        links.follow(datagram).collect()
    }

    #[test]
    fn a_link_is_told_of_when_it_comes_back_and_an_address_whenever_it_is_new() {
        let mut links = Links::default();
        let (new, gone) = (libc::RTM_NEWLINK, libc::RTM_DELLINK);
        for (kind, flags, due) in [
            (new, RUNNING, vec![3]),
            (new, RUNNING, vec![]),
            (new, 0, vec![]),
            (new, RUNNING | 1, vec![3]),
            (gone, RUNNING, vec![]),
            (new, RUNNING, vec![3]),
            (libc::RTM_NEWADDR, 0, vec![3]),
            (libc::RTM_NEWROUTE, 0, vec![]),
        ] {
            assert_eq!(follow(&mut links, &message(kind, 3, flags)), due, "{kind}");
        }
    }

    #[test]
    fn each_message_of_a_datagram_counts_up_to_one_that_is_cut_short() {
        let two = [
            message(libc::RTM_NEWLINK, 3, RUNNING),
            message(libc::RTM_NEWADDR, 4, 0),
        ]
        .concat();
        assert_eq!(follow(&mut Links::default(), &two), [3, 4]);
        for end in 0..two.len() {
            let found = follow(&mut Links::default(), &two[..end]);
            assert!(found.len() < 2 || end >= two.len() - 1, "{end}: {found:?}");
        }
        let endless = [0; 64];
        assert_eq!(follow(&mut Links::default(), &endless), []);
    }

    #[test]
    fn memory_for_interfaces_is_bounded() {
        let mut links = Links::default();
        for index in 0..1_000 {
            follow(&mut links, &message(libc::RTM_NEWLINK, index, RUNNING));
        }
        assert_eq!(links.0.len(), INTERFACES_MAX);
    }
}
