//! Many groups on one cable, which is pulled.

use std::{process::Command, time::Duration};

use serde_json::Value;
use weir_hal::{Destination, InterfaceName, Multicast as _, MulticastSender as _, linux};
use weir_tests::{daemon::Daemon, http, in_own_network, process::peer, wait::until};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Three times what `net.ipv4.igmp_max_memberships` allows one socket unless it is told otherwise.
const GROUPS: usize = 64;
const MEMBERSHIPS_MAX: &str = "20";

const PLUG: &str = "ip link add box type veth peer name far \
    && for key in accept_local rp_filter; do for name in all box; do \
        [ $key = accept_local ] && value=1 || value=0; \
        echo $value > /proc/sys/net/ipv4/conf/$name/$key; done; done \
    && ip address add 192.0.2.1/24 dev box && ip address add 192.0.2.2/24 dev far \
    && ip link set box up && ip link set far up \
    && mount -t sysfs sysfs /sys";

fn shell(script: &str) {
    peer(Command::new("sh").args(["-c", script]));
}

fn group(number: usize) -> String {
    format!("239.255.90.{}:5000", number + 1)
}

/// Sends a datagram to each group from the far end of the cable.
fn send_to_all() {
    for number in 0..GROUPS {
        let destination = Destination {
            group: group(number).parse().expect("an address"),
            interface: InterfaceName::new("far"),
            hops: 1,
        };
        let sender = linux::Multicast::new().sender(&destination);
        let sent = sender.expect("there is a cable").send(&[0x47; 188]);
        sent.expect("the cable takes it");
    }
}

fn renditions(daemon: &Daemon) -> Vec<Value> {
    let told = daemon.health();
    let channels = told["channels"].as_array().expect("a list of channels");
    channels
        .iter()
        .map(|it| it["renditions"][0].clone())
        .collect()
}

/// Sends a general query of IGMP (version 3) from the far end, as a router does.
const QUERY: &str = r#"python3 -c "
import socket
to, own = '224.0.0.1', socket.inet_aton('192.0.2.2')
query = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
query.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
body = bytes([0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0])
total = sum(int.from_bytes(body[at:at + 2], 'big') for at in range(0, 12, 2))
checksum = (0xFFFF - total % 0xFFFF).to_bytes(2, 'big')
query.sendto(body[:2] + checksum + body[4:], (to, 0))
""#;

fn box_nic(daemon: &Daemon) -> Option<Value> {
    let told = http::get(&daemon.management("/api/v1/nics")).ok()?.json();
    let nics = told["nics"].as_array()?.clone();
    nics.into_iter().find(|nic| nic["nic"] == "box")
}

/// Groups of ours that the kernel has joined.
fn joined() -> usize {
    let table = std::fs::read_to_string("/proc/net/igmp").expect("the kernel has a table");
    // As the kernel writes 239.255.90.x: a number of the machine's byte order.
    table.matches("5AFFEF ").count()
}

#[test]
fn more_groups_are_received_than_one_socket_may_join_and_come_back_with_their_cable() {
    in_own_network(
        concat!(
            module_path!(),
            "::more_groups_are_received_than_one_socket_may_join_and_come_back_with_their_cable"
        ),
        receive_many,
    );
}

fn receive_many() {
    shell(PLUG);
    let limit = std::fs::read_to_string("/proc/sys/net/ipv4/igmp_max_memberships");
    assert_eq!(limit.expect("a limit").trim(), MEMBERSHIPS_MAX);
    let channel = |number| {
        format!(
            "[[channel]]\nid = \"ch{number}\"\n[[channel.rendition]]\nname = \"r\"\n\
             interface = \"box\"\nsources = [\"udp://{}\"]\n",
            group(number)
        )
    };
    let daemon = Daemon::start(&(0..GROUPS).map(channel).collect::<String>());
    until("all groups joined", PATIENCE, || {
        (joined() == GROUPS).then_some(())
    });
    let datagrams_of_all = |least: u64| {
        until(format!("{least} datagrams of each group"), PATIENCE, || {
            send_to_all();
            let told = renditions(&daemon);
            let have = told.iter().filter(|rendition| {
                let datagrams = rendition.pointer("/counters/receive/datagrams");
                datagrams.and_then(Value::as_u64) >= Some(least)
            });
            (have.count() == GROUPS).then_some(told)
        })
    };
    let told = datagrams_of_all(1);
    assert!(
        told.iter()
            .all(|rendition| rendition["state"] != "not_joined")
    );

    until("word that nobody asked yet", PATIENCE, || {
        let nic = box_nic(&daemon)?;
        (nic["querier"] == "awaited").then_some(())
    });
    until("the querier", PATIENCE, || {
        shell(QUERY);
        let nic = box_nic(&daemon)?;
        let is_known = nic["querier"] == "present" && nic["querier_address"] == "192.0.2.2";
        is_known.then_some(())
    });

    shell("ip link set far down && ip link set far up");
    until("word of the cable", PATIENCE, || {
        let log = http::get(&daemon.management("/api/v1/log")).ok()?;
        let text = String::from_utf8_lossy(&log.body).into_owned();
        (text.contains("link or address is new") && text.contains("box")).then_some(())
    });
    datagrams_of_all(2);
    assert_eq!(joined(), GROUPS);
}
