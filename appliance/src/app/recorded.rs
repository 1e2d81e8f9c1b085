//! What the flight recorder has kept of the last day, for pages that show it: read once, beside
//! all else.
//!
//! Refuses: to hold up the start. A disk that is slow or broken leaves a gap in what is shown.

use std::{io::ErrorKind, path::PathBuf, sync::Arc};

use tokio::task::spawn_blocking;
use tracing::warn;
use weir_hal::Disk;

use crate::{
    causes::with_causes,
    page::History,
    recorder::{self, Frames},
};

/// Bytes that are read back, the newest: a day of some ten channels, hours of more.
const BYTES_MAX: usize = 16 << 20;

/// Where it is, and who is told of it.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) directory: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) history: Arc<History>,
}

impl Recorded {
    /// Puts what was recorded before what has been seen since the start.
    pub(super) async fn recall(self) {
        let reading = spawn_blocking(move || self.read());
        reading.await.expect("reading does not panic");
    }

    fn read(&self) {
        match recorder::read(&*self.disk, &self.directory, BYTES_MAX) {
            Ok(kept) => self.history.restore(Frames::of(&kept.bytes).blocks()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let (path, error) = (self.directory.display(), with_causes(&error));
                warn!(%path, error, "the status page begins without what was recorded");
            }
        }
    }
}
