//! Follows the Multivariant Playlist: what it offers may change while a service lives.
//!
//! Players load it once; so it is asked for seldom, and only whether it is another.

use std::{sync::Arc, time::Duration};

use hyper::{StatusCode, Uri, header::HeaderValue};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use super::{
    media::{Note, refusal},
    web::{Page, Web},
};

/// Between two loads.
const RELOAD: Duration = Duration::from_secs(10);

/// What a Multivariant Playlist says of a Media Playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Declared {
    /// BANDWIDTH of its variant.
    pub(super) bandwidth_bps: Option<u64>,
    /// It is not named any more: nobody new is led to it.
    pub(super) is_withdrawn: bool,
}

/// A Multivariant Playlist being followed.
#[derive(Debug)]
pub(super) struct Offer {
    web: Arc<Web>,
    url: Uri,
    etag: Option<HeaderValue>,
    body: Vec<u8>,
    notes: mpsc::Sender<Note>,
    stop: watch::Receiver<bool>,
}

impl Offer {
    /// The one at `url`, of which `first` came.
    pub(super) fn new(
        web: Arc<Web>,
        (url, first): (Uri, Page),
        notes: mpsc::Sender<Note>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            web,
            url,
            etag: first.etag,
            body: first.body,
            notes,
            stop,
        }
    }

    /// Loads it again and again until it is told to stop.
    pub(super) async fn run(mut self) {
        let mut stop = self.stop.clone();
        loop {
            let over = async { drop(stop.wait_for(|is_over| *is_over).await) };
            let note = tokio::select! {
                () = over => return,
                note = self.next() => note,
            };
            // Nobody listens any more once all is over.
            drop(self.notes.send(note).await);
        }
    }

    async fn next(&mut self) -> Note {
        sleep(RELOAD).await;
        self.load().await
    }

    async fn load(&mut self) -> Note {
        let loaded = self.web.playlist_unless(&self.url, self.etag.clone());
        match loaded.await {
            Ok(page) if page.status == StatusCode::NOT_MODIFIED => Note::Offer(None),
            Ok(page) if page.status == StatusCode::OK => {
                self.etag.clone_from(&page.etag);
                if page.body == self.body {
                    return Note::Offer(None);
                }
                self.body.clone_from(&page.body);
                Note::Offer(Some(Box::new(page)))
            }
            refused => {
                let (check, why) = refusal(refused.map(|page| page.status));
                Note::NoOffer(check, why)
            }
        }
    }
}
