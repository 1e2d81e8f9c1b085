//! A block of addresses, as in `10.0.0.0/8`.
//!
//! Source: RFC 4632 §3.1, RFC 4291 §2.3.

use std::{
    fmt::{self, Display},
    net::IpAddr,
    str::FromStr,
};

use super::mistake::quoted;

/// All addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressPrefix {
    address: IpAddr,
    bits: u8,
}

impl AddressPrefix {
    /// The addresses that begin with the first `bits` of `address`; `None` if it has fewer.
    pub const fn new(address: IpAddr, bits: u8) -> Option<Self> {
        if bits <= width(address) {
            Some(Self { address, bits })
        } else {
            None
        }
    }

    /// Whether `address` is one of them. An IPv4 address in an IPv6 one is taken for what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_same_kind = self.address.is_ipv4() == address.is_ipv4();
        let differing = number(self.address) ^ number(address);
        let insignificant = u32::from(width(self.address) - self.bits);
        is_same_kind && differing.checked_shr(insignificant).unwrap_or(0) == 0
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Display for AddressPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.bits)
    }
}

impl FromStr for AddressPrefix {
    type Err = String;

    /// Reads `10.0.0.0/8`, or one address.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').unzip();
        let address = address.unwrap_or(text).parse().ok();
        let prefix = address.and_then(|address: IpAddr| {
            let all = width(address);
            let bits = bits.map_or(Some(all), |bits: &str| bits.parse().ok())?;
            Self::new(address, bits)
        });
        prefix.ok_or_else(|| {
            let text = quoted(text);
            format!("{text} is no block of addresses: write one, as in \"10.0.0.0/8\"")
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(prefix: &str, address: &str) -> bool {
        let prefix: AddressPrefix = prefix.parse().expect("a prefix");
        prefix.contains(address.parse().expect("an address"))
    }

    #[test]
    fn holds_what_begins_with_its_bits() {
        for (prefix, address) in [
            ("127.0.0.0/8", "127.9.9.9"),
            ("127.0.0.0/8", "::ffff:127.0.0.1"),
            ("0.0.0.0/0", "203.0.113.9"),
            ("10.1.2.3", "10.1.2.3"),
            ("::/0", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::"),
            ("::1", "::1"),
        ] {
            assert!(contains(prefix, address), "{prefix} {address}");
        }
        for (prefix, address) in [
            ("127.0.0.0/8", "128.0.0.1"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "1.2.3.4"),
            ("10.1.2.3", "10.1.2.2"),
            ("2001:db8::/33", "2001:db8:8000::"),
        ] {
            assert!(!contains(prefix, address), "{prefix} {address}");
        }
    }

    #[test]
    fn refuses_what_is_no_block() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "a",
            "10.0.0.0/",
            "10.0.0.0/-1",
        ] {
            assert!(text.parse::<AddressPrefix>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_shows(number: u128, bits in 0_u8..=128, is_ipv4: bool) {
            let low = u32::try_from(number & 0xFFFF_FFFF).expect("32 bits");
            let (address, bits) = if is_ipv4 {
                (IpAddr::V4(low.into()), bits % 33)
            } else {
                (IpAddr::V6(number.into()), bits)
            };
            let prefix = AddressPrefix::new(address, bits).expect("few bits");
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
            prop_assert!(address.is_ipv6() || prefix.contains(address));
        }
    }
}
