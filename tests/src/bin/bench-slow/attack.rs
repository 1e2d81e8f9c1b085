//! The attackers.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{Outcome, Plan};

/// Connections that attackers open in a second.
const CONNECTIONS_A_SECOND: usize = 400;

/// What they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Heads that do not end.
    Heads,
    /// Bodies that do not come.
    Bodies,
    /// Answers that are not taken.
    Readers,
    /// Heads with thousands of ranges.
    Ranges,
}

/// Attackers at work. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Attack {
    pub(crate) const ALL: [Self; 4] = [Self::Heads, Self::Bodies, Self::Readers, Self::Ranges];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Heads => "slow heads",
            Self::Bodies => "slow bodies",
            Self::Readers => "slow readers",
            Self::Ranges => "range flood",
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Heads => &["-H", "-i", "5", "-x", "24"],
            Self::Bodies => &["-B", "-i", "5", "-s", "8192", "-x", "10", "-t", "POST"],
            Self::Readers => &[
                "-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3",
            ],
            Self::Ranges => &["-R", "-a", "5", "-b", "3000"],
        }
    }

    /// Lets attackers loose on the server at `url`, and waits until all have had time to connect.
    pub(crate) fn begin(self, url: &str, plan: &Plan) -> Outcome<Running> {
        let connecting = Duration::from_secs((plan.attackers / CONNECTIONS_A_SECOND) as u64 + 2);
        let length = (connecting + plan.span).as_secs() + 30;
        // Attackers have machines of their own: what they compute must not be what players notice.
        let child = Command::new("nice")
            .args(["-n", "19", "slowhttptest"])
            .args(self.arguments())
            .args(["-c", &plan.attackers.to_string()])
            .args(["-r", &CONNECTIONS_A_SECOND.to_string()])
            .args(["-l", &length.to_string()])
            // It looks at the server itself, and need not be patient.
            .args(["-p", "3", "-u", &format!("{url}/vod/long")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let running = Running(child);
        thread::sleep(connecting);
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already is as good.
        drop(self.0.kill());
        drop(self.0.wait());
        // Until the server has noticed.
        thread::sleep(Duration::from_secs(1));
    }
}
