//! A manager of a network: the tools of net-snmp, without any configuration of this machine, and an
//! appliance to ask.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    http,
    process::peer,
    wait::until,
};

/// What everybody knows of the user of these tests.
pub(crate) const USER: &str = "noc";
pub(crate) const AUTH: &str = "auth-phrase-of-tests";
pub(crate) const PRIVACY: &str = "privacy-phrase-of-tests";
pub(crate) const COMMUNITY: &str = "community-of-tests";

/// Where all objects of the enterprise of examples are.
pub(crate) const ENTERPRISE: &str = ".1.3.6.1.4.1.32473";

/// Instances asked for at a time: all of them must fit into a datagram, texts among them.
pub(crate) const GET_MAX: usize = 24;

/// An appliance that a user may ask, and a community from `allow`.
#[derive(Debug)]
pub(crate) struct Appliance {
    pub(crate) daemon: Daemon,
    port: u16,
    own: TempDir,
}

impl Appliance {
    /// Starts one with so many channels, which are silent, and an origin.
    pub(crate) fn start(channels: usize, allow: &str) -> Self {
        Self::start_with(channels, allow, "")
    }

    /// The same with `more` of a configuration.
    pub(crate) fn start_with(channels: usize, allow: &str, more: &str) -> Self {
        Self::start_told(channels, allow, ("", more))
    }

    /// The same with more lines of `[snmp]`, and of a configuration.
    pub(crate) fn start_told(channels: usize, allow: &str, (snmp, more): (&str, &str)) -> Self {
        let own = TempDir::new().expect("a temporary folder");
        let port = free_port();
        let secret = |name: &str, text: &str| -> PathBuf {
            let path = own.path().join(name);
            fs::write(&path, format!("{text}\n")).expect("the temporary folder can be written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
            path
        };
        let (auth, privacy) = (secret("auth", AUTH), secret("privacy", PRIVACY));
        let community = secret("community", COMMUNITY);
        let (auth, privacy, community) = (auth.display(), privacy.display(), community.display());
        let mut text = format!(
            "[snmp]\nlisten = \"127.0.0.1:{port}\"\nlocation = \"rack 7\"\n{snmp}\n\
             [[snmp.user]]\nname = \"{USER}\"\nauth_secret = \"{auth}\"\n\
             privacy_secret = \"{privacy}\"\n\
             [snmp.community]\nsecret = \"{community}\"\nallow = [\"{allow}\"]\n\
             [[origin]]\nname = \"mid\"\nurls = [\"http://127.0.0.1:9\", \"http://127.0.0.1:10\"]\n\
             [[route]]\npath = \"/vod/\"\norigin = [\"mid\"]\n"
        );
        let channel = |number: usize| {
            format!(
                "[[channel]]\nid = \"CH_{number:03}\"\n[[channel.rendition]]\nname = \"HD\"\n\
                 sources = [\"udp://239.255.86.1:{port}\"]\ninterface = \"lo\"\n"
            )
        };
        text.extend((0..channels).map(channel));
        let daemon = Daemon::start(&(text + more));
        Self { daemon, port, own }
    }

    /// One of the tools, to ask as the user does.
    pub(crate) fn as_user(&self, tool: &str) -> Command {
        let mut command = self.tool(tool);
        command.args(["-v3", "-l", "authPriv", "-u", USER]);
        command.args(["-a", "SHA-256", "-A", AUTH, "-x", "AES", "-X", PRIVACY]);
        command
    }

    /// One of the tools, to ask by the community.
    pub(crate) fn by_community(&self, tool: &str) -> Command {
        let mut command = self.tool(tool);
        command.args(["-v2c", "-c", COMMUNITY]);
        command
    }

    /// One of the tools, which knows no modules and tells names as numbers. It waits for 5 s, once.
    pub(crate) fn tool(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.env("SNMPCONFPATH", self.own.path());
        command.env("SNMP_PERSISTENT_DIR", self.own.path());
        command.args(["-m", "", "-On", "-Oa", "-r", "0", "-t", "5"]);
        command
    }

    /// The port where it is asked.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it is asked.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All instances below `name`, by a walk of the user: names and what is told, with its type.
    pub(crate) fn walk(&self, name: &str) -> Vec<(String, String)> {
        let text = peer(
            self.as_user("snmpbulkwalk")
                .args(["-Cr40", &self.address(), name]),
        );
        instances(&text)
    }

    /// The instance of that name, by a get of the user.
    pub(crate) fn get(&self, name: &str) -> String {
        let text = peer(self.as_user("snmpget").args([&self.address(), name]));
        let [(_, value)] = <[_; 1]>::try_from(instances(&text)).expect("one instance");
        value
    }

    /// A counter of the agent, as JSON has it.
    pub(crate) fn counted(&self, counter: &str) -> u64 {
        let status = http::get(&self.daemon.management("/api/v1/status"));
        let status = status.expect("the management listener answers").json();
        status["snmp"][counter].as_u64().expect("a counter")
    }

    /// Waits until a counter of the agent is above `count`.
    pub(crate) fn await_above(&self, counter: &str, count: u64) {
        until(
            format!("{counter} above {count}"),
            Duration::from_secs(30),
            || (self.counted(counter) > count).then_some(()),
        );
    }
}

/// Lines `NAME = TYPE: VALUE` but for the end of a walk. A text may go over several lines.
pub(crate) fn instances(text: &str) -> Vec<(String, String)> {
    let mut instances: Vec<(String, String)> = Vec::new();
    let lines = text
        .lines()
        .filter(|line| !line.contains(" = No more variables left"));
    for line in lines {
        match line
            .split_once(" = ")
            .filter(|(name, _)| name.starts_with(".1."))
        {
            Some((name, value)) => instances.push((name.to_owned(), value.to_owned())),
            None => {
                if let Some((_, value)) = instances.last_mut() {
                    *value += "\n";
                    *value += line;
                }
            }
        }
    }
    instances
}
