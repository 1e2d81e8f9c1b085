//! The fill of a file system, read so that a disk that hangs holds nobody up.
//!
//! Refuses: to begin a reading while another one hangs. One thread is lost to a dead disk, not one
//! a second.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use weir_hal::{Disk, DiskUsage};

/// Longest wait for the disk; the kernel mostly knows without asking it.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Reads one file system.
#[derive(Debug)]
pub(super) struct DiskGauge {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// The reading that has begun and is not over.
    reading: Option<JoinHandle<Option<DiskUsage>>>,
}

impl DiskGauge {
    /// The file system of `disk` that holds `path`.
    pub(super) const fn new(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        let reading = None;
        Self {
            disk,
            path,
            reading,
        }
    }

    /// Its fill; `None` if the disk does not tell, or not within half a second.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// A reading that was given up is taken by the next call.
    pub(super) async fn usage(&mut self) -> Option<DiskUsage> {
        let (disk, path) = (&self.disk, &self.path);
        let reading = self.reading.get_or_insert_with(|| {
            let (disk, path) = (Arc::clone(disk), path.clone());
            spawn_blocking(move || disk.usage(&path).ok())
        });
        let read = timeout(WAIT_MAX, reading).await.ok()?;
        self.reading = None;
        read.expect("a disk that is read does not panic")
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim::Simulation;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_is_unknown_and_known_again_when_it_answers() {
        let machine = Simulation::new(1);
        let disk = Arc::clone(&machine.board().disk);
        disk.create_directory("/cache".as_ref())
            .expect("a flawless disk");
        let mut gauge = DiskGauge::new(disk, "/cache".into());
        let known = gauge.usage().await;
        assert!(known.is_some());
        machine.disk.hang();
        assert_eq!(gauge.usage().await, None);
        assert_eq!(gauge.usage().await, None, "nobody begins a second reading");
        machine.disk.resume();
        assert_eq!(gauge.usage().await, known);
        assert!(gauge.reading.is_none());
    }

    #[tokio::test]
    async fn what_is_not_there_is_unknown() {
        let disk = Simulation::new(1).board().disk;
        assert_eq!(DiskGauge::new(disk, "/nowhere".into()).usage().await, None);
    }
}
