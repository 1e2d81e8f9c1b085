//! Every cell of `/api/v1` that is no detail of a channel is an object, and has its value,
//! whichever manager asks; every check that was raised has a row; and there is no other object.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};
use socket2::SockRef;
use weir_tests::{
    daemon::free_port,
    http,
    mib::objects,
    npm::NET_SNMP,
    process::peer,
    pypi::PYSNMP,
    stream::{Encoder, PACKET_BYTES},
    wait::until,
};

use crate::{
    manager::{Appliance, ENTERPRISE, GET_MAX, instances},
    walker::Walker,
};

/// Far longer than it takes until a walk begins and ends within one second.
const PATIENCE: Duration = Duration::from_mins(2);

/// Bytes of a picture, and time between two.
const PICTURE_BYTES: usize = 4_000;
const PICTURE: Duration = Duration::from_millis(40);

/// The parts of `/api/v1` that have a path of their own.
const PARTS: [&str; 8] = [
    "channels",
    "origins",
    "routes",
    "disks",
    "nics",
    "thermometers",
    "slots",
    "suppressed_alarms",
];

/// What `/api/v1` has no cells of: alarms have a document of their own.
const ELSEWHERE: [&str; 2] = ["weirAlarm", "weirChange"];

/// Of which cells some are told in JSON alone.
const DETAILED: [&str; 4] = ["weirChannel", "weirRendition", "weirSource", "weirPid"];

/// Checks of a source, of which those have a row that were raised.
const CHECKS: &str = "tr_101_290";
const CHECK_SECONDS: &str = "tr_101_290_seconds";

/// What a walk has told, of which cells take away what is theirs.
struct Walked {
    objects: BTreeMap<String, String>,
    instances: BTreeMap<String, String>,
}

impl Walked {
    fn of(instances: Vec<(String, String)>) -> Self {
        Self {
            objects: objects(),
            instances: instances.into_iter().collect(),
        }
    }

    fn number(&self, descriptor: &str) -> &str {
        let number = self.objects.get(descriptor);
        number.unwrap_or_else(|| panic!("{descriptor} is no object"))
    }

    /// Whether the module has an object of that name; it has one of all that is no detail.
    fn has(&self, descriptor: &str) -> bool {
        let has = self.objects.contains_key(descriptor);
        let mut detailed = DETAILED.iter();
        let may_lack = detailed.any(|prefix| descriptor.starts_with(prefix));
        assert!(has || may_lack, "{descriptor} is no object");
        has
    }

    /// Takes the checks away that `source` has raised.
    fn take_checks(&mut self, source: &Value, index: &str) {
        for (check, count) in source[CHECKS].as_object().expect("an object") {
            if count.as_u64().is_some_and(|count| count > 0) {
                let seconds = &source[CHECK_SECONDS][check];
                let raised = json!({ "check": check, "count": count, "seconds": seconds });
                self.take_part(&raised, "check", index);
            }
        }
    }

    /// Takes the cells of a JSON object, whose names stand behind `prefix`, away.
    fn take_object(&mut self, object: &Value, prefix: &str, index: &str) {
        for (name, value) in object.as_object().expect("an object") {
            let descriptor = format!("{prefix}{}", pascal(name));
            match value {
                Value::Object(_) if name == CHECKS => self.take_checks(object, index),
                Value::Object(_) if name == CHECK_SECONDS => {}
                Value::Object(_) => self.take_object(value, &descriptor, index),
                Value::Array(parts) => {
                    let kind = name.strip_suffix('s').expect("a plural");
                    let has = self.has(&format!("weir{}Key", pascal(kind)));
                    for part in parts.iter().filter(|_| has) {
                        self.take_part(part, kind, index);
                    }
                }
                Value::Bool(_) | Value::Number(_) | Value::String(_) if self.has(&descriptor) => {
                    self.take(value, &descriptor, index);
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }

    /// Takes one part of that kind away, which is found by its name.
    fn take_part(&mut self, part: &Value, kind: &str, above: &str) {
        let prefix = format!("weir{}", pascal(kind));
        let key = format!("STRING: \"{}\"", part[kind].as_str().expect("a name"));
        let column = format!("{}{above}.", self.number(&format!("{prefix}Key")));
        let mut named = self.instances.iter();
        let found = named.find(|(name, value)| name.starts_with(&column) && **value == key);
        let (name, _) = found.unwrap_or_else(|| panic!("no {kind} is called {key}"));
        let index = name
            .strip_prefix(column.as_str())
            .expect("an index")
            .to_owned();
        let index = format!("{above}.{index}");
        self.instances
            .remove(&format!("{}{index}", self.number(&format!("{prefix}Key"))));
        let mut part = part.clone();
        part.as_object_mut().expect("an object").remove(kind);
        self.take_object(&part, &prefix, &index);
    }

    fn take(&mut self, value: &Value, descriptor: &str, index: &str) {
        let name = format!("{}{index}", self.number(descriptor));
        let told = self.instances.remove(&name);
        let told = told.unwrap_or_else(|| panic!("{descriptor}{index} is not there"));
        let is_same = match told.split_once(": ") {
            None => told == "\"\"" && *value == "",
            Some(("Counter64", number)) => number.parse().ok() == value.as_u64(),
            Some(("Gauge32", thousandths)) => {
                let told: f64 = thousandths.parse().expect("a number");
                (value.as_f64().expect("a number") * 1e3 - told).abs() <= 0.5
            }
            Some(("STRING", text)) => format!("\"{}\"", value.as_str().expect("a text")) == text,
            Some(_) => false,
        };
        assert!(is_same, "{descriptor}{index} is {told}, not {value}");
    }

    /// The descriptors of the instances that are left.
    fn left(&self) -> Vec<&str> {
        let descriptor = |name: &String| {
            let mut objects = self.objects.iter();
            let behind = |number: &String| name.starts_with(&format!("{number}."));
            let mut found: Vec<_> = objects
                .by_ref()
                .filter(|(_, number)| behind(number))
                .collect();
            found.sort_by_key(|(_, number)| number.len());
            found
                .last()
                .map_or("", |(descriptor, _)| descriptor.as_str())
        };
        self.instances.keys().map(descriptor).collect()
    }
}

/// `bytes_sent` as `BytesSent`.
pub(crate) fn pascal(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// Walks by `walk` until that and `/api/v1` are of one snapshot, and holds them together.
fn assert_agreement(appliance: &Appliance, mut walk: impl FnMut() -> Vec<(String, String)>) {
    let get = |view: &str| {
        let url = appliance.daemon.management(&format!("/api/v1/{view}"));
        http::get(&url).expect("an answer").json()
    };
    // All is of one snapshot when that has one number before and behind.
    until("two surfaces of one snapshot", PATIENCE, || {
        let status = get("status");
        let parts = PARTS.map(|part| (part, get(part)));
        let walked = Walked::of(walk());
        if get("status")["snapshot_sequence"] != status["snapshot_sequence"] {
            return None;
        }
        assert_same(walked, status, parts);
        Some(())
    });
}

fn assert_same(mut walked: Walked, mut status: Value, mut parts: [(&str, Value); PARTS.len()]) {
    let all = walked.instances.len();
    assert!(all > 350, "{all}");
    let node = status.as_object_mut().expect("an object");
    let name = node.remove("node").expect("the name of the node");
    walked.take(&name, "weirNodeKey", ".0");
    walked.take_object(&status, "weirNode", ".0");
    for (_, told) in &mut parts {
        told.as_object_mut().expect("an object").remove("time");
        walked.take_object(told, "weir", "");
    }
    let left = walked.left();
    let is_elsewhere = |it: &&str| ELSEWHERE.iter().any(|prefix| it.starts_with(prefix));
    let surplus: Vec<_> = left.iter().filter(|it| !is_elsewhere(it)).collect();
    assert!(surplus.is_empty(), "{surplus:?}");
}

#[test]
fn net_snmp_finds_every_cell_of_the_api_with_its_value_and_no_other_object() {
    let appliance = Appliance::start(3, "127.0.0.0/8");
    assert_agreement(&appliance, || appliance.walk(ENTERPRISE));
}

/// Sends a stream to `group` until it is dropped, and leaves out a packet of each picture.
struct DamagedSender {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DamagedSender {
    fn start(group: SocketAddrV4) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let set = SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST);
        set.expect("the loopback");
        let is_over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut encoder = Encoder::new(900_000, PICTURE_BYTES);
            while !ended.load(Ordering::SeqCst) {
                let packets = encoder.picture();
                let (rest, _lost) = packets.split_at(packets.len() - PACKET_BYTES);
                for datagram in rest.chunks(7 * PACKET_BYTES) {
                    // What the kernel has no room for is missed by nobody here.
                    drop(socket.send_to(datagram, group));
                }
                thread::sleep(PICTURE);
            }
        });
        let thread = Some(thread);
        Self { is_over, thread }
    }
}

impl Drop for DamagedSender {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[test]
fn net_snmp_finds_a_row_of_each_check_that_a_source_has_raised_and_of_no_other() {
    let group = SocketAddrV4::new(Ipv4Addr::new(239, 255, 86, 7), free_port());
    let channel = format!(
        "[[channel]]\nid = \"tv\"\n[[channel.rendition]]\nname = \"HD\"\n\
         sources = [\"udp://{group}\"]\ninterface = \"lo\"\n"
    );
    let appliance = Appliance::start_with(1, "127.0.0.0/8", &channel);
    let _sender = DamagedSender::start(group);
    let names = objects();
    let checks = format!("{}.", names["weirCheckKey"]);
    let raised = || {
        let walked = appliance.walk(ENTERPRISE).into_iter();
        let keys = walked.filter(|(name, _)| name.starts_with(&checks));
        keys.map(|(_, key)| key).collect::<Vec<_>>()
    };
    until("a check of the source that was raised", PATIENCE, || {
        let is_raised = raised().contains(&"STRING: \"Continuity_count_error\"".to_owned());
        is_raised.then_some(())
    });
    assert!(!raised().contains(&"STRING: \"Transport_error\"".to_owned()));
    assert_agreement(&appliance, || appliance.walk(ENTERPRISE));
}

#[test]
fn net_snmp_finds_the_same_step_by_step() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let address = appliance.address();
    let step = || peer(appliance.as_user("snmpwalk").args([&address, ENTERPRISE]));
    assert_agreement(&appliance, || instances(&step()));
}

#[test]
fn net_snmp_finds_the_same_by_gets() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let get = |names: &[String]| {
        let mut command = appliance.as_user("snmpget");
        instances(&peer(command.arg(appliance.address()).args(names)))
    };
    assert_agreement(&appliance, || {
        // What is not known yet has no name either, so the names are those of this moment.
        let walked = appliance.walk(ENTERPRISE).into_iter();
        let names: Vec<String> = walked.map(|(name, _)| name).collect();
        names.chunks(GET_MAX).flat_map(get).collect()
    });
}

#[test]
fn pysnmp_finds_the_same() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let mut walker = Walker::start(PYSNMP.python(), "walk.py", &appliance);
    assert_agreement(&appliance, || walker.walk());
}

#[test]
fn net_snmp_of_npm_finds_the_same() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let mut walker = Walker::start(NET_SNMP.node(), "walk.js", &appliance);
    assert_agreement(&appliance, || walker.walk());
}
