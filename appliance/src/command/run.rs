//! `weir run`: the appliance.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tracing::{error, info};
use weir_hal::{Board, Disk, Multicast};

use super::{CommandError, Terminal, check::tell};
use crate::{
    app::{App, OldCache, RELOADS_MAX, Reload},
    config::{Config, LoadError, Parsed, load},
};

pub(super) const ABOUT: &str = "Run the appliance: receive, segment, serve";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir run
  weir run --config test.toml
  weir run --format

SIGTERM and Ctrl-C drain: answers under way complete, then weir exits with 0, within 5 s
of `http.drain_notice`.
SIGHUP reads the configuration again: channels that have not changed are not disturbed.";

/// Arguments of `weir run`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/weir/weir.toml")]
    pub config: PathBuf,
    /// Format whatever is at `cache.path` first. Destroys it; do so once, not at each start.
    #[arg(long)]
    pub format: bool,
}

/// Runs the appliance until a signal ends it.
///
/// # Errors
/// [`CommandError`] when the configuration has mistakes, or an address or path is not to be had.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let config = tell(load(&*board.disk, &arguments.config), terminal)?.config;
    on_runtime(run(config, arguments, board))
}

/// Runs `work` on the runtime that everything but the data path stands on, and does not wait for
/// what it leaves behind: a call to a disk that hangs would never return.
pub(super) fn on_runtime<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// The runtime of a command. What waits for sockets needs one thread, and files are read and
/// written beside it; a second would hold memory of its own for the same answers.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let builder = builder.worker_threads(1).thread_name("weir-wait");
    builder.enable_all().build().map_err(CommandError::Runtime)
}

async fn run<M: Multicast>(
    config: Config,
    arguments: &Arguments,
    board: &Board<M>,
) -> Result<(), CommandError> {
    let old = if arguments.format {
        OldCache::Format
    } else {
        OldCache::Keep
    };
    let app = App::build(config, board.clone(), old)?;
    let (reload, reloads) = mpsc::channel(RELOADS_MAX);
    let watching = tokio::spawn(reload_on_hang_up(
        Arc::clone(&board.disk),
        arguments.config.clone(),
        reload,
    ));
    let outcome = app.run(interrupted()?, reloads).await;
    watching.abort();
    Ok(outcome?)
}

/// Completes at SIGTERM or SIGINT.
pub(super) fn interrupted() -> Result<impl Future<Output = ()>, CommandError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::Runtime)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Reads the configuration again at each SIGHUP; one with mistakes changes nothing.
async fn reload_on_hang_up(disk: Arc<dyn Disk>, file: PathBuf, reload: mpsc::Sender<Reload>) {
    let mut hang_up = match signal(SignalKind::hangup()) {
        Ok(hang_up) => hang_up,
        Err(error) => return error!(%error, "SIGHUP cannot be heard: restart weir to reload"),
    };
    while hang_up.recv().await.is_some() {
        let (disk, path) = (Arc::clone(&disk), file.clone());
        let loaded = tokio::task::spawn_blocking(move || load(&*disk, &path)).await;
        let loaded = loaded.expect("reading a configuration does not panic");
        log(&loaded, &file);
        if reload.send(loaded.map(|it| it.config)).await.is_err() {
            return;
        }
    }
}

/// Tells all that is odd about what was `loaded` of `file`.
fn log(loaded: &Result<Parsed, LoadError>, file: &Path) {
    match loaded {
        Ok(parsed) => {
            for warning in &parsed.warnings {
                info!("{warning}");
            }
        }
        Err(LoadError::Refused { mistakes, .. }) => {
            for mistake in mistakes.iter() {
                error!("{mistake}");
            }
            error!("{} is not taken: weir goes on as before", file.display());
        }
        Err(LoadError::Read(error)) => {
            error!(%error, "{} is not taken: weir goes on as before", file.display());
        }
    }
}
