//! `weir demo`: the appliance at work within two minutes of cloning it.

use std::{sync::Arc, time::Duration};

use clap::Args;
use indicatif::ProgressBar;
use weir_hal::{Board, Multicast};

use super::{
    CommandError, Terminal,
    run::{interrupted, on_runtime},
};
use crate::{
    demo::{Demo, is_on_air},
    live::Live,
};

pub(super) const ABOUT: &str = "Show the appliance at work: needs no configuration and no network";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir demo

A built-in test channel goes out as multicast on the loopback interface, comes back in and is
served on 127.0.0.1. Open the player's address in a browser. Ctrl-C ends it.";

/// How often progress is looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Arguments of `weir demo`: none.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Runs the demo until a signal ends it.
///
/// # Errors
/// [`CommandError::Demo`] when the loopback interface or a temporary directory is not to be had.
pub fn execute<M: Multicast>(board: &Board<M>, terminal: Terminal) -> Result<(), CommandError> {
    on_runtime(run(board, terminal))
}

async fn run<M: Multicast>(board: &Board<M>, terminal: Terminal) -> Result<(), CommandError> {
    let shutdown = interrupted()?;
    let demo = Demo::build(board, &std::env::temp_dir())?;
    terminal.print(&demo.addresses().to_string())?;
    let progress = tokio::spawn(show(
        Arc::clone(demo.live()),
        terminal.spinner("waiting for the first segment"),
        terminal,
    ));
    let outcome = Box::pin(demo.run(shutdown)).await;
    progress.abort();
    Ok(outcome?)
}

async fn show(live: Arc<Live>, spinner: ProgressBar, terminal: Terminal) {
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    while !is_on_air(&live) {
        ticks.tick().await;
        spinner.tick();
    }
    spinner.finish_and_clear();
    // Whoever closed standard output does not want to know.
    drop(terminal.print("on air; Ctrl-C ends it"));
}
