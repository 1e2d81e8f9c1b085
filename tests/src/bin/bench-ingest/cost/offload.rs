//! Whether the kernel should put datagrams of a group together before it hands them over
//! (`UDP_GRO`): what that takes and saves a bare loop, for channels of a constant rate that come in
//! turn, and for bursts.
//!
//! Over a cable of two virtual interfaces, which polls as network cards do; on loopback nothing is
//! ever put together. Datagrams are held for so long as a card holds its interrupt.

use std::{net::Ipv4Addr, process::Command, time::Duration};

use weir_tests::bench::{Outcome, machine};

use super::{MEMORY, USUAL_MEGABITS, bare::Way, make, millions, run_bare, sender::Feed};

/// The ends of the cable.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 91, 0, 1), Ipv4Addr::new(10, 91, 0, 2)];
/// Datagrams of a burst: 20 ms of a usual channel.
const BURST: usize = 20;
/// Lays the cable: both ends here, so that its end must take what comes from this machine.
const CABLE: &str = "ip link add weir0 type veth peer name weir1 \
    && ip address add 10.91.0.1/24 dev weir0 && ip address add 10.91.0.2/24 dev weir1 \
    && ip link set weir0 up && ip link set weir1 up && mount -t sysfs sysfs /sys \
    && echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter \
    && echo 0 > /proc/sys/net/ipv4/conf/weir1/rp_filter \
    && echo 1 > /proc/sys/net/ipv4/conf/weir1/accept_local \
    && ethtool -K weir1 gro on \
    && echo 50000 > /sys/class/net/weir1/gro_flush_timeout \
    && echo 100 > /sys/class/net/weir1/napi_defer_hard_irqs";

/// Measures both with and without, and prints it.
pub(crate) fn run(channels: usize, span: Duration) -> Outcome {
    machine::run(Command::new("sh").args(["-c", CABLE]))?;
    let memory = tempfile::tempdir_in(MEMORY)?;
    let (file, bits_per_second) = make(memory.path(), USUAL_MEGABITS, span)?;
    println!(
        "UDP_GRO, {channels} channels of {:.1} Mb/s, datagrams held for 50 us; load of the \
         machine: {}",
        millions(bits_per_second),
        machine::load()
    );
    for (name, burst) in [("in turn", 1), ("in bursts", BURST)] {
        for gro in [false, true] {
            let feed = Feed {
                file: &file,
                bits_per_second,
                span,
                spread: Duration::from_millis(200),
                channels,
                from: ENDS[0],
                burst,
            };
            let way = Way { by: ENDS[1], gro };
            let (sent, figures) = run_bare(&feed, memory.path(), way)?;
            let cost = (figures.cpu.user + figures.cpu.system) / millions(sent.bytes()) * 1e3;
            println!(
                "{name:>10}, {}: {cost:.2} CPU-seconds a GB, {:.2} datagrams a message, {:.3} \
                 calls a datagram, {} sent, {} received",
                if gro { "with" } else { "without" },
                millions(figures.datagrams) / millions(figures.messages),
                millions(figures.calls) / millions(figures.datagrams),
                sent.datagrams,
                figures.datagrams,
            );
        }
    }
    Ok(())
}
