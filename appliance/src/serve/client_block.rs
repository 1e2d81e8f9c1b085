//! Whom a limit counts as one: an address of IPv4, or a network of IPv6.
//!
//! Source: RFC 4291 §2.5.4 (a subscriber has at least a /64, and may change within it at will),
//! RFC 6177. IPv4 in IPv6 (§2.5.5.2) is taken for what it is.

use std::net::IpAddr;

/// Stands above an address of IPv4: as a prefix of IPv6 it would be multicast (`ff00::/8`), which
/// nobody connects from.
const IPV4_MARK: u64 = 0xFFFF_FFFF_0000_0000;

/// An address of IPv4, or the first 64 bits of one of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ClientBlock(u64);

impl From<IpAddr> for ClientBlock {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IPV4_MARK | u64::from(address.to_bits()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                a << 48 | b << 32 | c << 16 | d
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(address: &str) -> ClientBlock {
        let address: IpAddr = address.parse().unwrap();
        address.into()
    }

    #[test]
    fn an_address_of_ipv4_counts_alone_however_it_is_written() {
        assert_eq!(block("192.0.2.1"), block("::ffff:192.0.2.1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_ne!(block("192.0.2.1"), block("0:0:c000:201::"));
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_count_together() {
        assert_eq!(block("2001:db8:0:7::1"), block("2001:db8:0:7:ffff::9"));
        assert_ne!(block("2001:db8:0:7::1"), block("2001:db8:0:8::1"));
    }
}
