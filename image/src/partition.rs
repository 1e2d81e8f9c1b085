//! Partitions by the names that the partition table gives them.
//!
//! Source: `/sys/class/block/*/uevent`, where the kernel tells `PARTNAME` and `DEVNAME`.
//!
//! Refuses: to wait. Who needs a disk that is not there yet looks again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

const BLOCKS: &str = "/sys/class/block";

/// Devices looked at.
const DEVICES_MAX: usize = 1024;

/// The device of the partition called `name`, if it is there.
///
/// # Errors
/// That of listing the devices.
#[expect(
    clippy::disallowed_methods,
    reason = "boots the box; there is no appliance and no hal::Disk yet"
)]
pub fn find(name: &str) -> io::Result<Option<PathBuf>> {
    for device in fs::read_dir(BLOCKS)?.take(DEVICES_MAX) {
        let about = fs::read_to_string(device?.path().join("uevent")).unwrap_or_default();
        if let Some(device) = device_called(&about, name) {
            return Ok(Some(device));
        }
    }
    Ok(None)
}

fn device_called(about: &str, name: &str) -> Option<PathBuf> {
    let value = |key: &str| about.lines().find_map(|line| line.strip_prefix(key));
    (value("PARTNAME=")? == name).then_some(())?;
    Some(Path::new("/dev").join(value("DEVNAME=")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_known_by_its_name() {
        let about = "MAJOR=254\nDEVNAME=vda2\nDEVTYPE=partition\nPARTN=2\nPARTNAME=root-a\n";
        assert_eq!(device_called(about, "root-a"), Some("/dev/vda2".into()));
        assert_eq!(device_called(about, "root-b"), None);
        assert_eq!(device_called("DEVNAME=vda\n", "root-a"), None);
    }
}
