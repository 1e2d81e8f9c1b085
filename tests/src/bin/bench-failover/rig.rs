//! Two origins and a daemon before them.

use std::{
    fmt::{self, Display},
    process::Command,
    time::Duration,
};

use weir_tests::{
    bench::{Outcome, machine},
    daemon::{Daemon, free_port},
    process::Process,
};

use crate::origin::READY;

/// The address of the nearer origin: the network has it only as long as that one can be reached.
const NEAR: &str = "10.77.0.1";
const FAR: &str = "127.0.0.1";

/// How an origin goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// The process ends: connections are reset, and new ones refused.
    Killed,
    /// The process stands still: connections are made, and nothing is answered.
    Stopped,
    /// Packets to it are dropped without a word.
    CutOff,
}

impl Death {
    pub(crate) const ALL: [Self; 3] = [Self::Killed, Self::Stopped, Self::CutOff];
}

impl Display for Death {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::CutOff => "cut off",
        })
    }
}

/// A daemon before one or two origins.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) daemon: Daemon,
    near: Process,
    near_address: String,
    _far: Option<Process>,
}

impl Rig {
    pub(crate) fn start(has_another: bool) -> Outcome<Self> {
        // Whatever is left of an earlier one; to add it twice is no harm.
        drop(ip(&["addr", "add", &format!("{NEAR}/32"), "dev", "lo"]));
        drop(ip(&["route", "add", "10.77.0.0/24", "dev", "lo"]));
        let near_address = format!("{NEAR}:{}", free_port());
        let near = origin(&near_address)?;
        let far_address = format!("{FAR}:{}", free_port());
        let far = has_another.then(|| origin(&far_address)).transpose()?;
        let table = |name: &str, address: &str| {
            format!("[[origin]]\nname = \"{name}\"\nurls = [\"http://{address}\"]\n")
        };
        let route = "[[route]]\npath = \"/\"\norigin =";
        let text = if has_another {
            let (near, far) = (table("near", &near_address), table("far", &far_address));
            format!("{near}{far}{route} [\"near\", \"far\"]\n")
        } else {
            format!("{}{route} [\"near\"]\n", table("near", &near_address))
        };
        Ok(Self {
            daemon: Daemon::start(&text),
            near,
            near_address,
            _far: far,
        })
    }

    /// The nearer origin goes.
    pub(crate) fn die(&self, death: Death) -> Outcome {
        match death {
            Death::Killed => self.near.signal("KILL"),
            Death::Stopped => self.near.signal("STOP"),
            Death::CutOff => ip(&["addr", "del", &format!("{NEAR}/32"), "dev", "lo"])?,
        }
        Ok(())
    }

    /// The nearer origin is killed and comes again.
    pub(crate) fn revive(&mut self) -> Outcome {
        self.near.kill();
        self.near = origin(&self.near_address)?;
        Ok(())
    }
}

fn origin(address: &str) -> Outcome<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["origin", address]);
    let origin = Process::start(command);
    origin.line_with(READY, Duration::from_secs(10));
    Ok(origin)
}

fn ip(arguments: &[&str]) -> Outcome {
    machine::run(Command::new("ip").args(arguments))
}
