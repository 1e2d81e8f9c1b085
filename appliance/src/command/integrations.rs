//! `weir integrations`: writes the files that bring appliances into other people's systems.
//!
//! Refuses: to know where those systems keep them.

use std::path::PathBuf;

use clap::Args;
use weir_hal::{Board, Multicast};

use super::{CommandError, Terminal};
use crate::{
    health::integrations,
    whole_file::{make_directory, replace},
};

pub(super) const ABOUT: &str = "Write rules, dashboards and examples for monitoring systems";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir integrations /etc/weir/integrations

Writes rules with tests for Prometheus, routes for Alertmanager, a dashboard for Grafana, and
examples for HAProxy and keepalived, over what stands there. Exits with 74 when they cannot be
written.";

/// Arguments of `weir integrations`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The directory; made if it is missing.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// Writes the files and names each.
///
/// # Errors
/// [`CommandError::Hal`] when one cannot be written.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    for file in integrations() {
        let path = arguments.directory.join(file.path);
        if let Some(directory) = path.parent() {
            make_directory(&*board.disk, directory)?;
        }
        replace(&*board.disk, &path, file.text.as_bytes())?;
        terminal.print(&path.display().to_string())?;
    }
    Ok(())
}
