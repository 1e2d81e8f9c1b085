//! `weir prewarm`: has a running appliance fetch what will be asked for.

use std::{
    io::{self, Read as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use hyper::Method;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::time::sleep;
use weir_hal::{Access, Board, Disk, Multicast};

use super::{
    CommandError, Terminal,
    management::Management,
    run::{interrupted, on_runtime},
};
use crate::fetch::prewarm::{Progress, Stage};

pub(super) const ABOUT: &str = "Have a running appliance fetch what will be asked for";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir prewarm tonight.txt --host tv.example
  weir prewarm tonight.txt --host tv.example --segments 20 --rate 10
  echo http://tv.example/vod/7/master.m3u8 | weir prewarm -

LIST has a URL, a path or a channel a line; what follows # is for people. Playlists are followed to
what they name. What is stored is named by the host that players ask, so a path needs --host.
Ctrl-C cancels. Exits with 0 when all of it is there, 69 when some is not.";

/// Where orders go, and are told of.
const PATH: &str = "/api/v1/prewarm";

/// Bytes a list may have: what the management listener takes.
const LIST_BYTES_MAX: usize = 1 << 20;

/// Time between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(250);

/// Arguments of `weir prewarm`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file that names what to fetch, or - for standard input.
    #[arg(value_name = "LIST")]
    pub list: PathBuf,
    /// The host that players ask, for paths.
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// So many segments of each playlist: the first ones, or the last ones of a live playlist.
    #[arg(long, value_name = "N")]
    pub segments: Option<usize>,
    /// Objects a second, at most what `prewarm.rate` allows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// The management listener of the appliance.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub management: String,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// Why not all is there.
#[derive(Debug, thiserror::Error)]
pub enum PrewarmError {
    /// The list names nothing.
    #[error("{} names nothing: write a URL, a path or a channel a line", _0.display())]
    Nothing(PathBuf),
    /// The list cannot be read.
    #[error("cannot read {}: write text of at most 1 MiB", _0.display())]
    Unreadable(PathBuf),
    /// Standard input cannot be read.
    #[error("cannot read the list from standard input")]
    Input(#[source] io::Error),
    /// Some of it is not there.
    #[error("{missing} of {found} objects are not in the cache")]
    Missing {
        /// How many.
        missing: u64,
        /// Of how many.
        found: u64,
    },
    /// It was cancelled.
    #[error("prewarming was cancelled: {left} objects or more were left")]
    Cancelled {
        /// Objects known to be left.
        left: u64,
    },
}

#[derive(Debug, Serialize)]
struct Order<'a> {
    urls: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
}

impl Order<'_> {
    fn to_json(&self) -> Bytes {
        let json = serde_json::to_vec(self);
        json.expect("texts and numbers can be written as JSON")
            .into()
    }
}

/// Has what the list names fetched, and waits until it is.
///
/// # Errors
/// [`CommandError::Prewarm`] when not all is there then, [`CommandError::Management`] when the
/// appliance does not answer or does not obey.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let items = items(&read(&*board.disk, arguments)?);
    if items.is_empty() {
        return Err(PrewarmError::Nothing(arguments.list.clone()).into());
    }
    let network = Arc::clone(&board.network);
    let management = Management::new(network, &arguments.management)?;
    let order = Order {
        urls: &items,
        host: arguments.host.as_deref(),
        segments: arguments.segments,
        rate: arguments.rate,
    };
    let progress = on_runtime(follow(&management, order.to_json(), terminal))?;
    tell(&progress, arguments.json, terminal)?;
    verdict(&progress).map_err(CommandError::from)
}

fn read(disk: &dyn Disk, arguments: &Arguments) -> Result<String, CommandError> {
    let path = &arguments.list;
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        let mut input = io::stdin().lock().take(LIST_BYTES_MAX as u64 + 1);
        let read = input.read_to_end(&mut bytes);
        read.map_err(PrewarmError::Input)?;
    } else {
        bytes = vec![0; LIST_BYTES_MAX + 1];
        let count = disk.open(path, Access::Read)?.read_at(&mut bytes, 0)?;
        bytes.truncate(count);
    }
    let text = String::from_utf8(bytes).ok();
    let text = text.filter(|text| text.len() <= LIST_BYTES_MAX);
    text.ok_or_else(|| PrewarmError::Unreadable(path.clone()).into())
}

/// The lines that name something.
fn items(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        // A fragment would name the same.
        line.split('#').next().unwrap_or("").trim()
    });
    let named = lines.filter(|line| !line.is_empty());
    named.map(ToOwned::to_owned).collect()
}

/// Gives the order, and waits for its end; an interrupt cancels it.
async fn follow(
    management: &Management,
    order: Bytes,
    terminal: Terminal,
) -> Result<Progress, CommandError> {
    let mut progress = ask(management, Method::POST, order).await?;
    let bar = terminal.count("prewarming", progress.objects_found);
    let mut interrupted = Box::pin(interrupted()?);
    while progress.state == Stage::Running {
        show(&bar, &progress);
        let method = tokio::select! {
            () = &mut interrupted => Method::DELETE,
            () = sleep(LOOK) => Method::GET,
        };
        progress = ask(management, method, Bytes::new()).await?;
    }
    bar.finish_and_clear();
    Ok(progress)
}

async fn ask(
    management: &Management,
    method: Method,
    body: Bytes,
) -> Result<Progress, CommandError> {
    let answer = management.ask(method, PATH, body).await?;
    let progress = serde_json::from_slice(&answer);
    progress.map_err(|_other| management.garbled().into())
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.objects_found);
    bar.set_position(progress.objects_done());
}

fn tell(progress: &Progress, is_json: bool, terminal: Terminal) -> Result<(), CommandError> {
    if is_json {
        return terminal.print_json(progress);
    }
    let header = [
        "FETCHED",
        "PRESENT",
        "FAILED",
        "REFUSED",
        "PLAYLISTS",
        "BYTES",
        "SECONDS",
    ];
    let mut table = terminal.table(&header);
    table.add_row([
        progress.objects_fetched.to_string(),
        progress.objects_present.to_string(),
        progress.objects_failed.to_string(),
        progress.objects_refused.to_string(),
        progress.lists_followed.to_string(),
        progress.bytes_fetched.to_string(),
        format!("{:.1}", progress.seconds),
    ]);
    let mut text = table.to_string();
    for miss in &progress.misses {
        text.extend(["\n", &miss.item, ": ", &miss.reason]);
    }
    terminal.print(&text)
}

fn verdict(progress: &Progress) -> Result<(), PrewarmError> {
    let found = progress.objects_found;
    let missing = progress.objects_failed + progress.objects_refused;
    if progress.state == Stage::Cancelled {
        let left = found.saturating_sub(progress.objects_done());
        return Err(PrewarmError::Cancelled { left });
    }
    if missing > 0 {
        return Err(PrewarmError::Missing { missing, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_something_a_line_and_words_for_people() {
        let text = "# tonight\nCH_001\n\n  /vod/7/master.m3u8  # the film\nhttp://tv/a#b\n";
        assert_eq!(items(text), ["CH_001", "/vod/7/master.m3u8", "http://tv/a"]);
    }

    #[test]
    fn what_is_missing_is_a_failure() {
        let mut progress = Progress {
            state: Stage::Done,
            objects_found: 3,
            objects_fetched: 2,
            objects_present: 1,
            ..Progress::default()
        };
        assert!(verdict(&progress).is_ok());
        progress.objects_failed = 1;
        let error = verdict(&progress).expect_err("one is missing");
        assert_eq!(error.to_string(), "1 of 3 objects are not in the cache");
    }
}
