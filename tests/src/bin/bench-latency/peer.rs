//! ffmpeg, which makes HLS of a channel in a folder, and its viewer, who reads it from there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::Receiver,
    time::Instant,
};

use weir_tests::{bench::Outcome, process::Process};

use crate::{
    clip::{Clip, first_pts_90k},
    figures::Figures,
    pace::Notice,
    viewer::{Look, newest, watch},
};

/// ffmpeg at work on one channel.
#[derive(Debug)]
pub(crate) struct Ffmpeg {
    _process: Process,
    folder: PathBuf,
    notices: Receiver<Notice>,
}

impl Ffmpeg {
    /// Receives `group` and writes to `folder`: segments of a second, time stamps as they come, and
    /// each version of the list at once.
    pub(crate) fn start(group: &str, folder: &Path, notices: Receiver<Notice>) -> Outcome<Self> {
        fs::create_dir(folder)?;
        let line = format!(
            "-hide_banner -nostdin -loglevel error -i udp://{group}?localaddr=127.0.0.1 -c copy \
             -copyts -muxdelay 0 -muxpreload 0 -f hls -hls_time 1 -hls_list_size 10 \
             -hls_flags delete_segments+temp_file media.m3u8"
        );
        let mut command = Command::new("ffmpeg");
        command.current_dir(folder).args(line.split_whitespace());
        Ok(Self {
            _process: Process::start(command),
            folder: folder.to_owned(),
            notices,
        })
    }

    /// Watches to the end of the clip.
    pub(crate) fn watch(self, clip: &Clip, counted: Instant) -> Result<Figures, String> {
        let Self {
            _process,
            folder,
            notices,
        } = self;
        let mut seen = String::new();
        watch(clip, counted, &notices, || {
            let list = fs::read_to_string(folder.join("media.m3u8")).unwrap_or_default();
            if list.is_empty() {
                return Ok(Look::Absent);
            }
            let newest = newest(&list);
            if newest == seen {
                return Ok(Look::Old);
            }
            let segment = fs::read(folder.join(&newest)).unwrap_or_default();
            let had = Instant::now();
            seen = newest;
            Ok(first_pts_90k(&segment).map_or(Look::Old, |begins| Look::New(begins, had)))
        })
    }
}
