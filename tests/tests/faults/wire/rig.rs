//! An appliance in a network of its own, with encoders whose streams are harmed at will, and a
//! manager who is notified.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::SockRef;
use tempfile::TempDir;
use weir_tests::{
    daemon::Daemon,
    http,
    mib::objects,
    process::{Process, peer},
    wait::until,
};

use crate::{
    feed::{Feed, Harm, PICTURES_PER_SECOND},
    truth::{Notice, Objects, Surfaces, of_json, of_metrics, of_notification, of_table},
};

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Where the agent and the manager listen: nobody else is in this network.
const AGENT: &str = "127.0.0.1:1161";
const MANAGER: &str = "127.0.0.1:1162";

/// What the manager asks by.
const COMMUNITY: &str = "community-of-tests";

/// The port of all groups.
const PORT: u16 = 5_000;

/// The interface that a cable is in, with the other end of it, and its address.
pub(crate) const NIC: (&str, &str) = ("feed0", "feed1");
const NIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const FAR_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// Lays a cable, and shows the interfaces of this network where the kernel shows them.
pub(crate) fn lay_cable() {
    peer(Command::new("mount").args(["-t", "sysfs", "sysfs", "/sys"]));
    for words in [
        "link add feed0 type veth peer name feed1",
        "addr add 10.77.0.1/24 dev feed0",
        "link set feed1 up",
        "link set feed0 up",
    ] {
        ip(words);
    }
}

/// Gives the other end of the cable an address, from which streams come through it.
pub(crate) fn address_far_end() {
    ip("addr add 10.77.0.2/24 dev feed1");
    // Both ends lie here.
    let path = format!("/proc/sys/net/ipv4/conf/{}/accept_local", NIC.0);
    fs::write(path, "1").expect("the network is ours");
}

/// Has less go through the cable from its other end on than is sent there; what does not go at once
/// has to wait, and what may not wait is lost.
pub(crate) fn narrow_cable() {
    tc("qdisc add dev feed1 root tbf rate 3mbit burst 4kb limit 40kb");
}

/// Has all of it go through again.
pub(crate) fn widen_cable() {
    tc("qdisc del dev feed1 root");
}

fn tc(words: &str) {
    peer(Command::new("tc").args(words.split(' ')));
}

/// Sets something about interfaces.
pub(crate) fn ip(words: &str) {
    peer(Command::new("ip").args(words.split(' ')));
}

/// Encoders that send in real time until this is dropped.
#[derive(Debug)]
pub(crate) struct Encoders {
    feeds: Arc<Mutex<Vec<Feed>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Encoders {
    /// The sources of these renditions, each on a group of its own.
    pub(crate) fn start(names: &'static [Source]) -> Self {
        let sockets = names
            .iter()
            .zip(1..)
            .map(|(source, group)| source.socket(group));
        let sockets: Vec<UdpSocket> = sockets.collect();
        let feeds = names
            .iter()
            .map(|source| Feed::new(source.rendition, source.is_rtp));
        let feeds = Arc::new(Mutex::new(feeds.collect::<Vec<_>>()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (sent, over) = (Arc::clone(&feeds), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                send(&sent, &sockets);
                thread::sleep(Duration::from_millis(1_000 / PICTURES_PER_SECOND));
            }
        });
        Self {
            feeds,
            is_over,
            thread: Some(thread),
        }
    }

    /// Has a source do harm.
    pub(crate) fn harm(&self, rendition: &str, harm: Harm) {
        let mut feeds = self.feeds.lock().expect("nobody panics");
        let feed = feeds.iter_mut().find(|feed| feed.name == rendition);
        feed.expect("there is such a source").harm(harm);
    }

    /// All are well again.
    pub(crate) fn mend(&self) {
        let mut feeds = self.feeds.lock().expect("nobody panics");
        feeds.iter_mut().for_each(Feed::mend);
    }
}

impl Drop for Encoders {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn send(feeds: &Mutex<Vec<Feed>>, sockets: &[UdpSocket]) {
    let mut feeds = feeds.lock().expect("nobody panics");
    let pictures: Vec<_> = feeds.iter_mut().map(Feed::picture).collect();
    let datagrams_max = pictures.iter().map(Vec::len).max().unwrap_or(0);
    // All send at the same time.
    for position in 0..datagrams_max {
        for (picture, socket) in pictures.iter().zip(sockets) {
            // An interface that is down takes nothing.
            drop(picture.get(position).map(|datagram| socket.send(datagram)));
        }
    }
}

/// A source of a channel of one rendition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// The rendition as alarms name it.
    pub(crate) rendition: &'static str,
    pub(crate) is_rtp: bool,
    /// Whether it comes over the cable.
    pub(crate) is_cabled: bool,
    /// Whether it is sent at the other end of that.
    pub(crate) is_far: bool,
}

impl Source {
    fn group(group: u8) -> SocketAddr {
        SocketAddr::from(([239, 255, 77, group], PORT))
    }

    fn socket(&self, group: u8) -> UdpSocket {
        let by = match (self.is_cabled, self.is_far) {
            (true, true) => FAR_ADDRESS,
            (true, false) => NIC_ADDRESS,
            (false, _) => Ipv4Addr::LOCALHOST,
        };
        let socket = UdpSocket::bind((by, 0)).expect("there are ports");
        let options = SockRef::from(&socket);
        options
            .set_multicast_if_v4(&by)
            .expect("it is an interface");
        options
            .set_multicast_loop_v4(!self.is_far)
            .expect("loopback");
        socket.connect(Self::group(group)).expect("a group");
        socket
    }

    /// Its part of a configuration.
    pub(crate) fn channel(&self, group: u8) -> String {
        let id = self.rendition.split('/').nth(1).expect("a channel");
        let scheme = if self.is_rtp { "rtp" } else { "udp" };
        let interface = if self.is_cabled { NIC.0 } else { "lo" };
        format!(
            "[[channel]]\nid = \"{id}\"\n[[channel.rendition]]\nname = \"sd\"\n\
             sources = [\"{scheme}://{}\"]\ninterface = \"{interface}\"\n",
            Self::group(group)
        )
    }
}

/// An appliance, and the manager who is told of its alarms.
#[derive(Debug)]
pub(crate) struct Appliance {
    pub(crate) daemon: Daemon,
    manager: Process,
    objects: Objects,
    own: TempDir,
}

impl Appliance {
    /// Starts both, with keys of `[http]` and a part of a configuration; the cache is in `folder`.
    pub(crate) fn start(folder: TempDir, http: &str, more: &str) -> Self {
        let own = TempDir::new().expect("a temporary folder");
        let secret = own.path().join("community");
        fs::write(&secret, COMMUNITY).expect("the temporary folder can be written");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&secret, private).expect("it is ours");
        let manager = manager(&own);
        let text = format!(
            "[snmp]\nlisten = \"{AGENT}\"\n[snmp.community]\nsecret = \"{}\"\n\
             allow = [\"127.0.0.0/8\"]\n[[snmp.manager]]\naddress = \"{MANAGER}\"\n{more}",
            secret.display()
        );
        Self {
            daemon: Daemon::start_sized(folder, "64MiB", http, &text),
            manager,
            objects: objects(),
            own,
        }
    }

    /// Waits until all channels are on air, and nothing is wrong.
    pub(crate) fn await_calm(&self) -> Surfaces {
        until_told("channels on air and no alarm", || {
            let health = self.daemon.health();
            let channels = health["channels"].as_array().expect("a list");
            let mut channels = channels.iter();
            let bad = channels.find(|channel| channel["status"] != "ok");
            let surfaces = self.surfaces().ok_or("no two looks at one snapshot")?;
            match (bad, surfaces.table.is_empty()) {
                (None, true) => Ok(surfaces),
                (bad, _) => Err(format!("{:?} and {bad:?}", surfaces.table)),
            }
        })
    }

    /// What all surfaces tell of one snapshot; `None` if they could not be asked within one, or a
    /// notification is still on its way.
    pub(crate) fn surfaces(&self) -> Option<Surfaces> {
        let sequence = || {
            let status = http::get(&self.daemon.management("/api/v1/status"));
            status.expect("an answer").json()["snapshot_sequence"].clone()
        };
        let before = sequence();
        let get = |path| http::get(&self.daemon.management(path)).expect("an answer");
        let surfaces = Surfaces {
            json: of_json(&self.alarms()),
            metrics: of_metrics(&get("/metrics").text()),
            table: of_table(&self.objects, &self.walk()),
            notices: self.notices(),
        };
        (sequence() == before).then_some(surfaces)
    }

    /// `/api/v1/alarms`.
    pub(crate) fn alarms(&self) -> serde_json::Value {
        let answer = http::get(&self.daemon.management("/api/v1/alarms"));
        answer.expect("an answer").json()
    }

    /// All notifications so far.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let told = self.manager.output();
        let all = told.lines().filter_map(|line| {
            let bindings = line.split('\t').filter_map(instance).collect();
            of_notification(&self.objects, &bindings)
        });
        all.collect()
    }

    fn walk(&self) -> Objects {
        let mut command = Command::new("snmpbulkwalk");
        command.env("SNMPCONFPATH", self.own.path());
        command.env("SNMP_PERSISTENT_DIR", self.own.path());
        command.args([
            "-v2c", "-c", COMMUNITY, "-m", "", "-On", "-Oa", "-r", "0", "-t", "5",
        ]);
        command.args(["-Cr40", AGENT, &self.objects["weirAlarmTable"]]);
        peer(&mut command).lines().filter_map(instance).collect()
    }
}

/// Looks until `look` finds something; panics with what it last told in place of that.
pub(crate) fn until_told<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    let start = Instant::now();
    until(what, 2 * PATIENCE, || {
        assert!(start.elapsed() < PATIENCE, "{what}: {last}");
        look().map_err(|told| last = told).ok()
    })
}

/// A manager that writes down what it is notified of.
fn manager(own: &TempDir) -> Process {
    let file = own.path().join("snmptrapd.conf");
    let text = format!("authCommunity log {COMMUNITY}\n");
    fs::write(&file, text).expect("the temporary folder can be written");
    let mut command = Command::new("snmptrapd");
    command.env("SNMP_PERSISTENT_DIR", own.path());
    command.env("SNMPCONFPATH", own.path());
    command.args(["-f", "-Lo", "-n", "-m", "", "-On", "-Oa", "-C", "-c"]);
    command.arg(&file).arg(format!("udp:{MANAGER}"));
    let process = Process::start(command);
    process.line_with("NET-SNMP version", PATIENCE);
    process
}

/// `NAME = TYPE: VALUE`, without the type and the quotes.
fn instance(text: &str) -> Option<(String, String)> {
    let (name, value) = text.trim().split_once(" = ")?;
    let value = value.split_once(": ").map_or(value, |(_, value)| value);
    Some((name.to_owned(), value.trim_matches('"').to_owned()))
}
