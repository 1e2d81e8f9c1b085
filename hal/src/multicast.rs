//! Datagrams in and out: multicast groups, any-source and source-specific, and plain unicast.
//!
//! Source: RFC 1112 and RFC 3376 (IPv4 membership), RFC 3810 (IPv6), RFC 4607 (source-specific).

use std::{
    fmt::{self, Debug, Display},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use crate::{Error, LinkWatch, Wall};

/// Bytes one datagram can hold at most: the IPv4 total length of 65,535, rounded up to pages.
pub const DATAGRAM_BYTES_MAX: usize = 65_536;

/// Datagrams taken by one call: 6.7 ms of a 100 Mb/s group of 1316-byte datagrams.
const BATCH_DATAGRAMS: usize = 64;

/// Bytes from one slot of a batch to the next. Were it a power of two, the usual datagrams of a
/// batch would share a sixteenth of the processor's cache, and drive each other out: this way each
/// begins in the cache line behind the one before, as if they stood side by side.
const SLOT_BYTES: usize = DATAGRAM_BYTES_MAX + 1344;

/// The name of a network interface, such as `eth1`: 1 to 15 bytes, no slash, no white space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// Bytes a name may have: `IFNAMSIZ` without its closing zero.
    pub const BYTES_MAX: usize = 15;

    /// Checks a name. Returns `None` if the kernel could never know an interface by it.
    pub fn new(name: &str) -> Option<Self> {
        let is_fit = (1..=Self::BYTES_MAX).contains(&name.len())
            && name != "."
            && name != ".."
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':');
        is_fit.then(|| Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for InterfaceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What to receive, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The group and port; a unicast or unspecified address is bound without a join.
    pub group: SocketAddr,
    /// Only datagrams from this host (RFC 4607); of the group's address family.
    pub source: Option<IpAddr>,
    /// The interface to join on; the routing table chooses when absent.
    pub interface: Option<InterfaceName>,
    /// Kernel buffer wanted for the socket.
    pub receive_buffer_bytes: usize,
}

/// Where to send, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The group (or host) and port.
    pub group: SocketAddr,
    /// The interface to send from; the routing table chooses when absent.
    pub interface: Option<InterfaceName>,
    /// Hops a multicast datagram may take; 1 keeps it on the link.
    pub hops: u8,
}

/// What the head of an IP packet says of its way; `None` where the kernel does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkHeader {
    /// Routers that it could still pass: Time to Live (IPv4), Hop Limit (IPv6).
    pub ttl: Option<u8>,
    /// The class of service that it is forwarded by (RFC 2474).
    pub dscp: Option<u8>,
}

impl NetworkHeader {
    /// Reads the code point out of a type of service or traffic class, whose last two bits are of
    /// congestion (RFC 3168).
    pub(crate) const fn dscp_of(traffic_class: u8) -> u8 {
        traffic_class >> 2
    }
}

/// What the kernel knows of one received datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatagramMeta {
    /// Bytes of payload.
    pub bytes: usize,
    /// When the kernel received it.
    pub received: Wall,
    /// Who sent it.
    pub source: SocketAddr,
    /// What its head says.
    pub header: NetworkHeader,
}

/// One received datagram, borrowed from its batch.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// The payload.
    pub payload: &'a [u8],
    /// When the kernel received it.
    pub received: Wall,
    /// Who sent it.
    pub source: SocketAddr,
    /// What its head says.
    pub header: NetworkHeader,
}

/// Fixed room for the datagrams of one receive call, meant to be reused for ever.
///
/// # Limits
/// 64 datagrams of at most 64 KiB. The 4 MiB are reserved, but only touched pages are resident:
/// 256 KiB when datagrams are 1316 bytes.
pub struct DatagramBatch {
    storage: Box<[u8]>,
    metas: [DatagramMeta; BATCH_DATAGRAMS],
    len: usize,
}

impl DatagramBatch {
    /// Datagrams one batch can hold.
    pub const CAPACITY: usize = BATCH_DATAGRAMS;

    /// Reserves an empty batch.
    pub fn new() -> Self {
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let blank = DatagramMeta {
            bytes: 0,
            received: Wall::from_nanos(0),
            source: nobody,
            header: NetworkHeader::default(),
        };
        Self {
            storage: vec![0; BATCH_DATAGRAMS * SLOT_BYTES].into_boxed_slice(),
            metas: [blank; BATCH_DATAGRAMS],
            len: 0,
        }
    }

    /// The datagrams of the last receive call, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.storage
            .chunks_exact(SLOT_BYTES)
            .zip(&self.metas)
            .take(self.len)
            .map(|(slot, meta)| Datagram {
                payload: &slot[..meta.bytes],
                received: meta.received,
                source: meta.source,
                header: meta.header,
            })
    }

    /// Forgets all datagrams.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Copies one datagram in. Returns false, and takes nothing, when the batch is full.
    ///
    /// # Panics
    /// If the payload is longer than [`DATAGRAM_BYTES_MAX`].
    pub fn push(&mut self, datagram: Datagram<'_>) -> bool {
        let Datagram {
            payload,
            received,
            source,
            header,
        } = datagram;
        if self.len == BATCH_DATAGRAMS {
            return false;
        }
        assert!(payload.len() <= DATAGRAM_BYTES_MAX, "no datagram is longer");
        let start = self.len * SLOT_BYTES;
        self.storage[start..start + payload.len()].copy_from_slice(payload);
        self.metas[self.len] = DatagramMeta {
            bytes: payload.len(),
            received,
            source,
            header,
        };
        self.len += 1;
        true
    }

    /// The slots of [`DATAGRAM_BYTES_MAX`] bytes for a receiver to fill, first to last.
    pub(crate) fn slots_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let slots = self.storage.chunks_exact_mut(SLOT_BYTES);
        slots.map(|slot| &mut slot[..DATAGRAM_BYTES_MAX])
    }

    /// Declares the slots filled, one meta for each.
    pub(crate) fn fill(&mut self, metas: impl Iterator<Item = DatagramMeta>) -> usize {
        self.len = 0;
        for (slot, meta) in self.metas.iter_mut().zip(metas) {
            *slot = meta;
            self.len += 1;
        }
        self.len
    }

    /// Forgets the datagrams of other hosts than `source`. The rest keep their order; returns
    /// how many they are. Nothing is copied when all are kept.
    pub(crate) fn retain_source(&mut self, source: IpAddr) -> usize {
        let mut kept = 0;
        for index in 0..self.len {
            let meta = self.metas[index];
            if meta.source.ip() != source {
                continue;
            }
            if kept < index {
                let start = index * SLOT_BYTES;
                self.storage
                    .copy_within(start..start + meta.bytes, kept * SLOT_BYTES);
                self.metas[kept] = meta;
            }
            kept += 1;
        }
        self.len = kept;
        kept
    }
}

impl Default for DatagramBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl Debug for DatagramBatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DatagramBatch")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// The means to join groups and to send to them.
pub trait Multicast: Debug + Send + Sync + 'static {
    /// The receiving end of one membership.
    type Receiver: MulticastReceiver + 'static;
    /// The sending end of one destination.
    type Sender: MulticastSender + 'static;

    /// Joins a group. Two memberships never see each other's datagrams, even on one port.
    ///
    /// # Errors
    /// [`Error::NoInterface`], or [`Error::Socket`] when the kernel refuses.
    fn join(&self, membership: &Membership) -> Result<Self::Receiver, Error>;

    /// Opens a socket that sends to `destination`.
    ///
    /// # Errors
    /// [`Error::NoInterface`], or [`Error::Socket`] when the kernel refuses.
    fn sender(&self, destination: &Destination) -> Result<Self::Sender, Error>;

    /// Watches the interfaces that groups are joined on, from now on.
    ///
    /// # Errors
    /// [`Error::Sensor`] when the kernel tells nobody.
    fn links(&self) -> Result<Box<dyn LinkWatch>, Error>;
}

/// The receiving end of one membership; dropping it leaves the group.
pub trait MulticastReceiver: Debug + Send {
    /// Takes what has arrived, at most a batch, without waiting. Returns how many.
    ///
    /// Zero means that nothing is waiting. The former content of `batch` is gone.
    ///
    /// # Errors
    /// [`Error::Socket`] on a failure that another call may not meet again (an ICMP error, a link
    /// that went down): count it and go on.
    fn receive(&mut self, batch: &mut DatagramBatch) -> Result<usize, Error>;

    /// Datagrams the kernel has dropped on this socket since it was opened, for want of buffer.
    ///
    /// Known up to the last datagram received (`SO_RXQ_OVFL`).
    fn dropped_datagrams(&self) -> u64;

    /// The kernel buffer that was granted, in the kernel's own accounting (bookkeeping included).
    fn receive_buffer_bytes(&self) -> usize;
}

/// The sending end of one destination.
pub trait MulticastSender: Debug + Send {
    /// Sends one datagram.
    ///
    /// # Errors
    /// [`Error::Socket`] when the kernel refuses it: too long, no route, link down.
    fn send(&mut self, datagram: &[u8]) -> Result<(), Error>;
}
