//! UDP datagrams in frames.
//!
//! Source: IEEE 802.3 and 802.1Q (Ethernet, VLAN), RFC 2516 (`PPPoE`), `LINKTYPE_LINUX_SLL` and
//! `LINKTYPE_LINUX_SLL2` (Linux cooked), RFC 791, RFC 8200 §4 (IPv6 and its extension headers), RFC
//! 768.
//!
//! Refuses: checksums, which network cards fill in behind the capture.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Frame, bytes::Order};

/// Tags of VLANs one after the other, and extension headers of IPv6, at most.
const TAGS_MAX: usize = 4;
const EXTENSIONS_MAX: usize = 8;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86DD;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;

const PROTOCOL_UDP: u8 = 17;

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// What it holds.
    pub payload: &'a [u8],
}

/// Why a frame is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedOver {
    /// It is of another protocol, or malformed.
    Other,
    /// It is a part of a datagram.
    Fragment,
    /// Not all of it was captured.
    CutShort,
}

impl<'a> Frame<'a> {
    /// The UDP datagram in it.
    ///
    /// # Errors
    /// [`PassedOver`] when there is none that is whole.
    pub fn udp(&self) -> Result<Udp<'a>, PassedOver> {
        let frame = self.bytes;
        let network = match self.link {
            1 => tagged(frame, 12),
            113 => tagged(frame, 14),
            276 => Order::Big.u16(frame, 0).zip(frame.get(20..)),
            101 | 228 | 229 => ip(frame),
            _ => None,
        };
        let (kind, packet) = network.ok_or(PassedOver::Other)?;
        let unwrapped = match kind {
            ETHERTYPE_PPPOE_SESSION => session(packet).ok_or(PassedOver::Other)?,
            _ => (kind, packet),
        };
        match unwrapped {
            (ETHERTYPE_IPV4, packet) => ipv4(packet),
            (ETHERTYPE_IPV6, packet) => ipv6(packet),
            _ => Err(PassedOver::Other),
        }
    }
}

/// What stands behind the type at `at`, and behind the tags of VLANs there.
fn tagged(frame: &[u8], mut at: usize) -> Option<(u16, &[u8])> {
    for _ in 0..=TAGS_MAX {
        match Order::Big.u16(frame, at)? {
            0x8100 | 0x88A8 | 0x9100 => at += 4,
            kind => return Some((kind, frame.get(at + 2..)?)),
        }
    }
    None
}

/// What a session of PPP carries.
fn session(packet: &[u8]) -> Option<(u16, &[u8])> {
    let kind = match Order::Big.u16(packet, 6)? {
        0x0021 => ETHERTYPE_IPV4,
        0x0057 => ETHERTYPE_IPV6,
        _ => return None,
    };
    Some((kind, packet.get(8..)?))
}

fn ip(packet: &[u8]) -> Option<(u16, &[u8])> {
    match packet.first()? >> 4 {
        4 => Some((ETHERTYPE_IPV4, packet)),
        6 => Some((ETHERTYPE_IPV6, packet)),
        _ => None,
    }
}

fn ipv4(packet: &[u8]) -> Result<Udp<'_>, PassedOver> {
    let head = packet.first_chunk::<20>().ok_or(PassedOver::CutShort)?;
    let head_bytes = usize::from(head[0] & 0x0F) * 4;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if head[0] >> 4 != 4 || head_bytes < head.len() || head[9] != PROTOCOL_UDP {
        return Err(PassedOver::Other);
    }
    if u16::from_be_bytes([head[6], head[7]]) & 0x3FFF != 0 {
        return Err(PassedOver::Fragment);
    }
    // A card that cuts up what it sends lets the length be filled in behind the capture.
    let length = if length == 0 { packet.len() } else { length };
    if length < head_bytes {
        return Err(PassedOver::Other);
    }
    let body = packet.get(head_bytes..length).ok_or(PassedOver::CutShort)?;
    let address =
        |at: usize| Ipv4Addr::from_octets([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    udp(body, address(12), address(16))
}

fn ipv6(packet: &[u8]) -> Result<Udp<'_>, PassedOver> {
    let head = packet.first_chunk::<40>().ok_or(PassedOver::CutShort)?;
    if head[0] >> 4 != 6 {
        return Err(PassedOver::Other);
    }
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let end = if length == 0 {
        packet.len()
    } else {
        head.len() + length
    };
    let mut body = packet.get(head.len()..end).ok_or(PassedOver::CutShort)?;
    let mut next = head[6];
    for _ in 0..EXTENSIONS_MAX {
        let bytes = match next {
            // Hop-by-hop options, routing, destination options.
            0 | 43 | 60 => 8 + 8 * usize::from(*body.get(1).ok_or(PassedOver::Other)?),
            44 if Order::Big
                .u16(body, 2)
                .is_some_and(|place| place & 0xFFF9 == 0) =>
            {
                8
            }
            44 => return Err(PassedOver::Fragment),
            _ => break,
        };
        next = *body.first().ok_or(PassedOver::Other)?;
        body = body.get(bytes..).ok_or(PassedOver::Other)?;
    }
    if next != PROTOCOL_UDP {
        return Err(PassedOver::Other);
    }
    let address = |at: usize| {
        let sixteen = head.get(at..).and_then(<[u8]>::first_chunk::<16>);
        Ipv6Addr::from_octets(*sixteen.expect("the head has 40 bytes"))
    };
    udp(body, address(8), address(24))
}

fn udp<A: Into<std::net::IpAddr>>(
    body: &[u8],
    source: A,
    destination: A,
) -> Result<Udp<'_>, PassedOver> {
    let head = body.first_chunk::<8>().ok_or(PassedOver::Other)?;
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let length = if length == 0 { body.len() } else { length };
    if length < head.len() {
        return Err(PassedOver::Other);
    }
    let port = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    Ok(Udp {
        source: SocketAddr::new(source.into(), port(0)),
        destination: SocketAddr::new(destination.into(), port(2)),
        payload: body.get(head.len()..length).ok_or(PassedOver::CutShort)?,
    })
}
