//! Where the parts of a bundle come from: the appliance, if it answers, and the box it stands on.
//!
//! Refuses: to fail. What is not to be had is told with its reason, for a bundle is made when
//! things are broken. And addresses of clients, which are nobody's business.

use std::path::Path;

use weir_hal::{Access, Disk, Error, Sensors};

use super::contents::Contents;
use crate::{causes::with_causes, command::management::Management};

/// What the appliance is asked for, and what it is called.
const VIEWS: [(&str, &str); 10] = [
    ("status.json", "/api/v1/status"),
    ("channels.json", "/api/v1/channels"),
    ("alarms.json", "/api/v1/alarms"),
    ("origins.json", "/api/v1/origins"),
    ("routes.json", "/api/v1/routes"),
    ("disks.json", "/api/v1/disks"),
    ("nics.json", "/api/v1/nics"),
    ("slots.json", "/api/v1/slots"),
    ("log.json", "/api/v1/log"),
    ("metrics.txt", "/metrics"),
];

/// What the kernel tells of the network and of the machine.
const SYSTEM: [(&str, &str); 19] = [
    ("network/interfaces.txt", "/proc/net/dev"),
    ("network/igmp.txt", "/proc/net/igmp"),
    ("network/igmp6.txt", "/proc/net/igmp6"),
    ("network/source-filters.txt", "/proc/net/mcfilter"),
    ("network/routes.txt", "/proc/net/route"),
    ("network/neighbours.txt", "/proc/net/arp"),
    ("network/protocols.txt", "/proc/net/snmp"),
    ("network/sockets.txt", "/proc/net/sockstat"),
    ("network/softirq.txt", "/proc/net/softnet_stat"),
    ("network/udp.txt", "/proc/net/udp"),
    ("system/version.txt", "/proc/version"),
    ("system/uptime.txt", "/proc/uptime"),
    ("system/load.txt", "/proc/loadavg"),
    ("system/memory.txt", "/proc/meminfo"),
    ("system/interrupts.txt", "/proc/interrupts"),
    ("system/mounts.txt", "/proc/self/mounts"),
    ("system/pressure-cpu.txt", "/proc/pressure/cpu"),
    ("system/pressure-io.txt", "/proc/pressure/io"),
    ("system/pressure-memory.txt", "/proc/pressure/memory"),
];

/// Bytes of a file of the kernel: all interrupts of many cores.
const SYSTEM_BYTES_MAX: usize = 256 << 10;

/// Bytes of what the kernel has said: its usual buffer.
const KERNEL_BYTES_MAX: usize = 512 << 10;

/// Asks the appliance for all that it tells.
pub(super) async fn of_appliance(contents: &mut Contents, management: &Management) {
    for (name, path) in VIEWS {
        let answer = management.get(path).await;
        let text = answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        contents.text(name, text.map_err(|error| with_causes(&error)));
    }
}

/// Reads what the box tells. Blocks.
pub(super) fn of_system(contents: &mut Contents, disk: &dyn Disk, sensors: &dyn Sensors) {
    let said = sensors.kernel_messages(KERNEL_BYTES_MAX);
    contents.text("kernel.txt", said.map_err(|error| with_causes(&error)));
    for (name, path) in SYSTEM {
        let text = text_of(disk, Path::new(path));
        contents.text(name, text.map_err(|error| with_causes(&error)));
    }
}

/// The start of a file whose size the kernel does not tell.
fn text_of(disk: &dyn Disk, path: &Path) -> Result<String, Error> {
    let mut bytes = vec![0; SYSTEM_BYTES_MAX];
    let count = disk.open(path, Access::Read)?.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
