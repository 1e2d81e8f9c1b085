//! Others who take channels in.

use std::{path::Path, process::Command, thread, time::Duration};

use weir_tests::{bench::Outcome, process::Process};

use super::{Cpu, RECEIVE_BUFFER_BYTES, Row, pinned, sender::Feed};
use crate::channels::group;

/// Channels of ffmpeg, which needs a fifth of a core for one of 50 Mb/s.
const FFMPEG_CHANNELS: usize = 2;
/// Channels of multicat.
const MULTICAT_CHANNELS: usize = 10;
/// All have joined after this.
const START: Duration = Duration::from_secs(2);

/// One ffmpeg for each channel, that cuts as Weir does.
pub(super) fn ffmpeg(feed: &Feed<'_>, directory: &Path) -> Outcome<Row> {
    let directory = tempfile::tempdir_in(directory)?;
    let start = |number: usize| {
        let url = format!(
            "udp://{}?localaddr=127.0.0.1&buffer_size={RECEIVE_BUFFER_BYTES}&fifo_size=100000\
             &overrun_nonfatal=1",
            group(number)
        );
        let mut command = pinned("ffmpeg");
        command
            .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
            .args(["-i", &url, "-map", "0", "-c", "copy", "-f", "hls"])
            .args(["-hls_time", "1", "-hls_list_size", "3"])
            .args(["-hls_flags", "delete_segments"])
            .arg(directory.path().join(format!("{number}.m3u8")));
        command
    };
    row("ffmpeg", feed, FFMPEG_CHANNELS, start)
}

/// One multicat for each channel, which records it.
pub(super) fn multicat(feed: &Feed<'_>, directory: &Path) -> Outcome<Row> {
    let directory = tempfile::tempdir_in(directory)?;
    let start = |number: usize| {
        let source = format!("@{}/ifaddr=127.0.0.1", group(number));
        let mut command = pinned("multicat");
        command.args(["-u", "-U", &source]);
        command.arg(directory.path().join(format!("{number}.ts")));
        command
    };
    row("multicat", feed, MULTICAT_CHANNELS, start)
}

fn row(
    name: &'static str,
    feed: &Feed<'_>,
    channels: usize,
    start: impl Fn(usize) -> Command,
) -> Outcome<Row> {
    let channels = channels.min(feed.channels);
    let processes = (0..channels).map(|number| Process::start(start(number)));
    let mut processes: Vec<Process> = processes.collect();
    thread::sleep(START);
    let before = Cpu::of_all(&processes)?;
    let sent = Feed { channels, ..*feed }.send()?;
    let cpu = Cpu::of_all(&processes)?.since(before);
    for process in &mut processes {
        if !process.is_running() {
            return Err(format!("{name} has ended: {}", process.output()).into());
        }
    }
    Ok(Row {
        name,
        channels,
        sent,
        received: None,
        cpu,
    })
}
