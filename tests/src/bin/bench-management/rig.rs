//! An appliance with channels that are on air and managers that may ask, and who sends to it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::SockRef;
use tempfile::TempDir;
use weir_tests::{
    bench::Outcome,
    daemon::{Daemon, free_port},
    process::peer,
    stream::{Encoder, PACKET_BYTES},
    wait::until,
};

use crate::Plan;

const USER: &str = "noc";
const AUTH: &str = "auth-phrase-of-the-bench";
const PRIVACY: &str = "privacy-phrase-of-the-bench";

/// Below which everything is.
const ALL: &str = ".1.3.6.1";

/// What a manager asks for every second: up time, version, and which channels are on air.
const OBJECTS: [&str; 3] = [
    ".1.3.6.1.2.1.1.3.0",
    ".1.3.6.1.2.1.1.1.0",
    ".1.3.6.1.4.1.32473.1.1.1.5.0",
];

/// How an appliance answers managers, and how these ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answers {
    /// `snmp.largest_answer`
    pub(crate) largest: &'static str,
    /// Instances that a walk asks for at a time: as many as fit.
    repetitions: &'static str,
}

/// As it is unless it is told otherwise.
pub(crate) const USUAL: Answers = Answers {
    largest: "8KiB",
    repetitions: "-Cr250",
};

/// In a frame of Ethernet each.
pub(crate) const FRAMES: Answers = Answers {
    largest: "1472B",
    repetitions: "-Cr60",
};

/// In the largest datagrams there are.
pub(crate) const DATAGRAMS: Answers = Answers {
    largest: "65507B",
    repetitions: "-Cr2000",
};

/// Groups that have the same first bytes.
const GROUPS_PER_BLOCK: usize = 250;
const PORT: u16 = 5_000;

/// Bytes of a picture, and time between two.
const PICTURE_BYTES: usize = 400;
const PICTURE: Duration = Duration::from_millis(40);

/// Longest wait for all channels to be on air.
const PATIENCE: Duration = Duration::from_mins(2);

fn group(number: usize) -> Ipv4Addr {
    let [block, last] = [number / GROUPS_PER_BLOCK, number % GROUPS_PER_BLOCK + 1];
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    Ipv4Addr::new(239, 255, byte(block), byte(last))
}

/// A thread that sends all renditions.
#[derive(Debug)]
pub(crate) struct Senders {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Senders {
    pub(crate) fn start(renditions: usize) -> Outcome<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut encoders = vec![Encoder::new(900_000, PICTURE_BYTES); renditions];
            let mut next = Instant::now();
            while !ended.load(Ordering::SeqCst) {
                for (number, encoder) in encoders.iter_mut().enumerate() {
                    send(&socket, number, &encoder.picture());
                }
                next += PICTURE;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        Ok(Self {
            is_over,
            thread: Some(thread),
        })
    }
}

fn send(socket: &UdpSocket, number: usize, picture: &[u8]) {
    for datagram in picture.chunks(7 * PACKET_BYTES) {
        // What the kernel has no room for is missed by nobody here.
        drop(socket.send_to(datagram, (group(number), PORT)));
    }
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// The appliance.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) daemon: Daemon,
    pub(crate) agent_check: SocketAddr,
    snmp: SocketAddr,
    answers: Answers,
    own: TempDir,
}

impl Rig {
    /// Starts one, and waits until every channel is on air.
    pub(crate) fn start(plan: Plan, answers: Answers) -> Outcome<Self> {
        let own = tempfile::tempdir()?;
        let [snmp, agent_check] =
            [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let auth = secret(own.path(), "auth", AUTH)?;
        let privacy = secret(own.path(), "privacy", PRIVACY)?;
        let text = format!(
            "scrub = \"0B\"\n[snmp]\nlisten = \"{snmp}\"\nlargest_answer = \"{}\"\n\
             [[snmp.user]]\nname = \"{USER}\"\n\
             auth_secret = \"{auth}\"\nprivacy_secret = \"{privacy}\"\n{}",
            answers.largest,
            channels(plan)
        );
        let daemon = Daemon::start_managed(&format!("agent_check = \"{agent_check}\""), &text);
        let all = plan.channels as u64;
        until("all channels on air", PATIENCE, || {
            (daemon.health()["channels_active"].as_u64() == Some(all)).then_some(())
        });
        Ok(Self {
            daemon,
            agent_check,
            snmp,
            answers,
            own,
        })
    }

    pub(crate) fn process(&self) -> u32 {
        self.daemon.process().id()
    }

    /// Walks all objects; tells how many there are.
    pub(crate) fn walk(&self) -> usize {
        let mut command = self.manager("snmpbulkwalk");
        let told = peer(command.args([self.answers.repetitions, &self.snmp.to_string(), ALL]));
        told.lines().filter(|line| line.starts_with(".1.")).count()
    }

    /// Gets what a manager looks at all the time.
    pub(crate) fn get(&self) -> Outcome {
        let mut command = self.manager("snmpget");
        let told = peer(command.arg(self.snmp.to_string()).args(OBJECTS));
        if told.contains("No Such") {
            return Err(format!("a manager is not told: {told}").into());
        }
        Ok(())
    }

    fn manager(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.env("SNMPCONFPATH", self.own.path());
        command.env("SNMP_PERSISTENT_DIR", self.own.path());
        command.args(["-m", "", "-On", "-Oa", "-r", "1", "-t", "5"]);
        command.args(["-v3", "-l", "authPriv", "-u", USER]);
        command.args(["-a", "SHA-256", "-A", AUTH, "-x", "AES", "-X", PRIVACY]);
        command
    }
}

/// The path of a file with a secret.
fn secret(own: &Path, name: &str, text: &str) -> Outcome<String> {
    let path = own.join(name);
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(path.display().to_string())
}

fn channels(plan: Plan) -> String {
    let rendition = |number: usize| {
        format!(
            "[[channel.rendition]]\nname = \"R{number}\"\ninterface = \"lo\"\n\
             sources = [\"udp://{}:{PORT}\"]\n",
            group(number)
        )
    };
    let channel = |number: usize| {
        let first = number * plan.renditions;
        let renditions: String = (first..first + plan.renditions).map(rendition).collect();
        format!("[[channel]]\nid = \"CH_{number:03}\"\n{renditions}")
    };
    (0..plan.channels).map(channel).collect()
}
