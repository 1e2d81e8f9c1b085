//! Network interfaces from `/sys/class/net`.
//!
//! Source: Documentation/ABI/testing/sysfs-class-net and sysfs-class-net-statistics of the kernel.
//! `speed` is in megabits a second, and -1 or an error where there is none.
//!
//! Refuses: an interface that goes away while it is read; it is passed over. A number that is
//! missing reads as zero only where the kernel has had it in all versions that are supported.

use std::{io, path::Path};

use super::sysfs::{paths, text};
use crate::{
    Error,
    nic::{Duplex, NICS_MAX, Nic, NicStatistics, OperationalStatus, Querier},
};

const FOLDER: &str = "/sys/class/net";

/// `IFF_UP` and `IFF_PROMISC` of `netdevice(7)`.
const UP: u32 = 0x1;
const PROMISCUOUS: u32 = 0x100;

/// The interfaces of this network namespace, in the order of their names.
pub(super) fn nics() -> Result<Vec<Nic>, Error> {
    read_all(Path::new(FOLDER)).map_err(|source| Error::Sensor {
        what: "network interfaces from /sys/class/net",
        source,
    })
}

fn read_all(folder: &Path) -> io::Result<Vec<Nic>> {
    let mut paths = paths(folder)?;
    paths.sort_unstable();
    paths.truncate(NICS_MAX);
    Ok(paths.iter().filter_map(|path| read(path)).collect())
}

fn read(path: &Path) -> Option<Nic> {
    let word = |file: &str| text(&path.join(file));
    let number = |file: &str| word(file)?.parse::<u64>().ok();
    let flags = word("flags");
    let flag = |bit| flags.as_deref().and_then(|flags| has_flag(flags, bit));
    let counted = |file: &str| number(&format!("statistics/{file}"));
    Some(Nic {
        name: path.file_name()?.to_str()?.to_owned(),
        // Files such as `bonding_masters` lie beside the interfaces, and have no state.
        operational_status: operational_status(&word("operstate")?),
        is_enabled: flag(UP),
        is_promiscuous: flag(PROMISCUOUS),
        is_physical: word("device/uevent").is_some(),
        mtu_bytes: number("mtu"),
        link_address: word("address").as_deref().and_then(link_address),
        speed_bps: number("speed").map(|megabits| megabits.saturating_mul(1_000_000)),
        duplex: word("duplex").as_deref().and_then(duplex),
        // Told by `queriers`.
        querier: Querier::Unknown,
        statistics: NicStatistics {
            rx_bytes: counted("rx_bytes")?,
            rx_packets: counted("rx_packets")?,
            rx_multicast: counted("multicast")?,
            rx_errors: counted("rx_errors")?,
            rx_dropped: counted("rx_dropped")?,
            rx_crc_errors: counted("rx_crc_errors")?,
            rx_missed_errors: counted("rx_missed_errors")?,
            tx_bytes: counted("tx_bytes")?,
            tx_packets: counted("tx_packets")?,
            tx_errors: counted("tx_errors")?,
            tx_dropped: counted("tx_dropped")?,
            carrier_changes: number("carrier_changes").unwrap_or(0),
        },
    })
}

fn operational_status(word: &str) -> OperationalStatus {
    use OperationalStatus::{Dormant, Down, LowerLayerDown, NotPresent, Testing, Unknown, Up};
    let known = [Up, Down, Testing, Dormant, NotPresent, LowerLayerDown];
    let status = known.into_iter().find(|status| status.as_str() == word);
    status.unwrap_or(Unknown)
}

/// Whether `bit` is among the flags, which are hexadecimal.
fn has_flag(flags: &str, bit: u32) -> Option<bool> {
    let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
    Some(flags & bit != 0)
}

/// Six octets; what has only zeroes, as a loopback, has none.
fn link_address(text: &str) -> Option<[u8; 6]> {
    let mut octets = text.split(':');
    let mut address = [0; 6];
    for octet in &mut address {
        *octet = u8::from_str_radix(octets.next()?, 16).ok()?;
    }
    (octets.next().is_none() && address != [0; 6]).then_some(address)
}

fn duplex(word: &str) -> Option<Duplex> {
    let known = [Duplex::Full, Duplex::Half];
    known.into_iter().find(|duplex| duplex.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_kernel_are_understood_and_others_unknown() {
        for (word, status) in [
            ("up", OperationalStatus::Up),
            ("lowerlayerdown", OperationalStatus::LowerLayerDown),
            ("on fire", OperationalStatus::Unknown),
        ] {
            assert_eq!(operational_status(word), status);
        }
        assert_eq!(duplex("half"), Some(Duplex::Half));
        assert_eq!(duplex("unknown"), None);
    }

    #[test]
    fn flags_and_addresses_are_understood_and_anything_else_is_unknown() {
        for (flags, is_up) in [
            ("0x1003", Some(true)),
            ("0x1002", Some(false)),
            ("4099", None),
            ("0xup", None),
        ] {
            assert_eq!(has_flag(flags, UP), is_up, "{flags}");
        }
        assert_eq!(has_flag("0x1103", PROMISCUOUS), Some(true));
        assert_eq!(has_flag("0x1003", PROMISCUOUS), Some(false));
        let address = [0x02, 0xFC, 0, 0, 0, 1];
        assert_eq!(link_address("02:fc:00:00:00:01"), Some(address));
        for none in [
            "",
            "00:00:00:00:00:00",
            "02:fc:00:00:00",
            "02:fc:00:00:00:01:02",
        ] {
            assert_eq!(link_address(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_interface_is_passed_over() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(read_all(here).expect("a folder"), []);
        assert!(read_all(Path::new("/nowhere")).is_err());
    }
}
