//! Writes datagrams as a capture that every tool reads.
//!
//! Source: draft-ietf-opsawg-pcapng §4.1 to §4.3; RFC 791, RFC 8200, RFC 768 for the headers, which
//! are made anew: the kernel hands over what stood behind them. RFC 1071 for their checksums.

use std::net::{IpAddr, SocketAddr};

use super::Udp;

/// `LINKTYPE_RAW`: packets begin with IP.
const LINK: u16 = 101;

/// Hops that are written, for those that were left are not known.
const HOPS: u8 = 1;

const PROTOCOL_UDP: u8 = 17;

/// Bytes of a block of a packet beside the packet.
const PACKET_BLOCK_BYTES: usize = 32;

/// One capture, written front to back.
#[derive(Debug, Default)]
pub struct Writer {
    /// The block that was made last.
    block: Vec<u8>,
}

impl Writer {
    /// What a file begins with: a section, and one interface whose times are nanoseconds.
    pub fn begin(&mut self) -> &[u8] {
        let section = [
            0x0A0D_0D0A_u32.to_le_bytes(),
            28_u32.to_le_bytes(),
            0x1A2B_3C4D_u32.to_le_bytes(),
            [1, 0, 0, 0],
            [0xFF; 4],
            [0xFF; 4],
            28_u32.to_le_bytes(),
        ];
        let [low, high] = LINK.to_le_bytes();
        let interface = [
            1_u32.to_le_bytes(),
            32_u32.to_le_bytes(),
            [low, high, 0, 0],
            0_u32.to_le_bytes(),
            // if_tsresol: 10^-9, and the end of the options.
            [9, 0, 1, 0],
            [9, 0, 0, 0],
            [0; 4],
            32_u32.to_le_bytes(),
        ];
        self.block.clear();
        self.block.extend(section.as_flattened());
        self.block.extend(interface.as_flattened());
        &self.block
    }

    /// The block of one datagram; `None` for one whose addresses are of two families, or that is
    /// longer than one can be.
    pub fn datagram(&mut self, udp: &Udp<'_>, at_ns: u64) -> Option<&[u8]> {
        let header = ip_header(udp)?;
        let packet_bytes = header.len() + 8 + udp.payload.len();
        let padding = packet_bytes.next_multiple_of(4) - packet_bytes;
        let block_bytes = u32::try_from(PACKET_BLOCK_BYTES + packet_bytes + padding).ok()?;
        let packet_bytes = u32::try_from(packet_bytes).ok()?;
        let block = &mut self.block;
        block.clear();
        for number in [
            6,
            block_bytes,
            0,
            u32::try_from(at_ns >> 32).ok()?,
            u32::try_from(at_ns & u64::from(u32::MAX)).ok()?,
            packet_bytes,
            packet_bytes,
        ] {
            block.extend(number.to_le_bytes());
        }
        block.extend(&header);
        block.extend(udp_header(udp)?);
        block.extend(udp.payload);
        block.resize(block.len() + padding, 0);
        block.extend(block_bytes.to_le_bytes());
        Some(block)
    }
}

fn ip_header(udp: &Udp<'_>) -> Option<heapless::Vec<u8, 40>> {
    let length = u16::try_from(udp.payload.len() + 8).ok()?;
    let mut header = heapless::Vec::new();
    match (udp.source.ip(), udp.destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [high, low] = length.checked_add(20)?.to_be_bytes();
            let head = [0x45, 0, high, low, 0, 0, 0x40, 0, HOPS, PROTOCOL_UDP, 0, 0];
            header.extend_from_slice(&head).ok()?;
            header.extend_from_slice(&source.octets()).ok()?;
            header.extend_from_slice(&destination.octets()).ok()?;
            let sum = checksum(sum_of(&header)).to_be_bytes();
            header.get_mut(10..12)?.copy_from_slice(&sum);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [high, low] = length.to_be_bytes();
            let head = [0x60, 0, 0, 0, high, low, PROTOCOL_UDP, HOPS];
            header.extend_from_slice(&head).ok()?;
            header.extend_from_slice(&source.octets()).ok()?;
            header.extend_from_slice(&destination.octets()).ok()?;
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    }
    Some(header)
}

fn udp_header(udp: &Udp<'_>) -> Option<[u8; 8]> {
    let length = u16::try_from(udp.payload.len() + 8).ok()?;
    let mut header = [0; 8];
    header[..2].copy_from_slice(&udp.source.port().to_be_bytes());
    header[2..4].copy_from_slice(&udp.destination.port().to_be_bytes());
    header[4..6].copy_from_slice(&length.to_be_bytes());
    let addresses = address_sum(udp.source) + address_sum(udp.destination);
    let pseudo = addresses + u64::from(PROTOCOL_UDP) + u64::from(length);
    let sum = match checksum(pseudo + sum_of(&header) + sum_of(udp.payload)) {
        0 => 0xFFFF,
        sum => sum,
    };
    header[6..].copy_from_slice(&sum.to_be_bytes());
    Some(header)
}

fn address_sum(address: SocketAddr) -> u64 {
    match address.ip() {
        IpAddr::V4(ip) => sum_of(&ip.octets()),
        IpAddr::V6(ip) => sum_of(&ip.octets()),
    }
}

/// The words of `bytes`, added up.
fn sum_of(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let words = pairs
        .iter()
        .map(|pair| u64::from(u16::from_be_bytes(*pair)));
    let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    words.sum::<u64>() + last
}

fn checksum(mut sum: u64) -> u16 {
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !u16::try_from(sum).expect("folded above")
}
