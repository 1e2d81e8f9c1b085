//! Looks at the directory of certificates, and takes what has changed.
//!
//! Looking is reading: a pair is a few KiB, and no time stamp can mislead. What has changed is
//! taken once it stands still from one look to the next, so that two files that are copied one
//! after the other are not judged between them.

use std::{error::Error, hash::RandomState, mem, pin::pin, sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::sleep};
use tracing::{info, warn};
use weir_hal::Wall;

use super::{CertificateError, Certificates, Reading, Tls, certificates::Files};

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Time between two complaints about an end.
const COMPLAINT_INTERVAL: Duration = Duration::from_hours(24);

/// What the watch knows of the directory.
#[derive(Debug)]
pub(super) struct Known {
    hasher: RandomState,
    /// The content that was judged last; `None` for one that cannot be read.
    judged: Option<u64>,
    /// What the last look found.
    seen: Option<u64>,
    complained: Wall,
}

impl Known {
    /// `files` have been judged, and what ends soon has been told.
    pub(super) fn of(files: &Files, now: Wall) -> Self {
        let hasher = RandomState::new();
        let digest = Some(files.digest(&hasher));
        Self {
            hasher,
            judged: digest,
            seen: digest,
            complained: now,
        }
    }
}

impl Tls {
    /// Keeps the certificates up to date until `shutdown` completes. To be called once.
    pub async fn watch(&self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut known = self.known.lock().await;
        loop {
            let is_told = tokio::select! {
                () = &mut shutdown => return,
                () = sleep(LOOK_INTERVAL) => false,
                () = self.changed.notified() => true,
            };
            let files = tokio::select! {
                () = &mut shutdown => return,
                files = self.files() => files,
            };
            let digest = files.as_ref().ok().map(|files| files.digest(&known.hasher));
            let is_still = digest == mem::replace(&mut known.seen, digest);
            if (is_still || is_told) && digest != known.judged {
                known.judged = digest;
                self.take(files);
            }
            self.complain(&mut known);
        }
    }

    async fn files(&self) -> Result<Files, CertificateError> {
        let (disk, directory) = (Arc::clone(&self.disk), self.directory.clone());
        let reading = spawn_blocking(move || Files::read(&*disk, &directory));
        reading.await.expect("reading files does not panic")
    }

    fn take(&self, files: Result<Files, CertificateError>) {
        let former = self.certificates();
        let reading = files.and_then(|files| Certificates::of(&files, &former).usable());
        match reading {
            Ok(reading) => {
                tell(&reading, self.clock.wall());
                let pairs = reading.certificates.pairs().len();
                info!(pairs, "certificates have changed: new connections get them");
                self.shown.0.store(Arc::new(reading.certificates));
            }
            Err(error) => warn!(
                error = &error as &dyn Error,
                "the certificates stay as they were"
            ),
        }
    }

    /// Warns once a day of what ends soon.
    fn complain(&self, known: &mut Known) {
        let now = self.clock.wall();
        if now.since(known.complained) >= COMPLAINT_INTERVAL {
            known.complained = now;
            warn_of_ends(&self.certificates(), now);
        }
    }
}

/// Names in the log what is broken, and what ends soon.
pub(super) fn tell(reading: &Reading, now: Wall) {
    for error in &reading.broken {
        warn!(error = error as &dyn Error, "a certificate is passed over");
    }
    warn_of_ends(&reading.certificates, now);
}

fn warn_of_ends(certificates: &Certificates, now: Wall) {
    for pair in certificates.pairs() {
        if let Some(sentence) = pair.end(now) {
            warn!("{sentence}");
        }
    }
}
