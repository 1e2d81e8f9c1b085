//! Follows a whole service: its Multivariant Playlist, and each Media Playlist that names.
//!
//! One task a Media Playlist; what they find comes together here, where renditions are compared.

mod asking;
mod media;
mod needs;
mod web;

use std::{sync::Arc, time::Duration};

use hyper::{StatusCode, Uri};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_rustls::rustls::ClientConfig;
use weir_cache::rules::resolve;
use weir_hal::{Clock, Network};

use crate::validate::{
    finding::Finding,
    playlist::{self, MultivariantPlaylist, Playlist},
    report::{PlaylistReport, Report},
    rules::{RenditionSet, check_declared},
    version::Text,
};
use media::{Follower, Note};
use web::{Page, Web};

pub use web::{HOSTS_MAX, REDIRECTS_MAX, WebError};

/// Media Playlists of one service that are followed.
pub const PLAYLISTS_MAX: usize = 16;

/// Notes that wait to be read, some with a version; a follower waits when there are more.
const NOTES_MAX: usize = PLAYLISTS_MAX;

/// The playlist in the report that stands for the whole.
const WHOLE: usize = 0;

/// Why there is nothing to tell of a service.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The text is no URL that can be followed.
    #[error("{0:?} is no URL of a playlist: write http://host/path or the same with https")]
    Url(String),
    /// It does not come.
    #[error("cannot load {url}: check the address, and that the service is up")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: WebError,
    },
    /// Nothing came in all the time there was.
    #[error("cannot load {url}: nothing had come before the end; check that the service is up")]
    Early {
        /// What was asked for.
        url: String,
    },
    /// The answer is no success.
    #[error("the answer to who asks for {url} is {status}: check the address")]
    Status {
        /// What was asked for.
        url: String,
        /// What was answered.
        status: StatusCode,
    },
    /// What came is no playlist.
    #[error("what is at {url} is no HLS playlist: its first line is not #EXTM3U")]
    NoPlaylist {
        /// What was asked for.
        url: String,
    },
}

/// What to stand on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where connections come from.
    pub network: Arc<dyn Network>,
    /// How they are encrypted.
    pub tls: Arc<ClientConfig>,
}

/// Follows the service at `url` for `span`, until all has ended, or until `interrupted`. Calls
/// `progress` whenever there is something new.
///
/// # Errors
/// [`FollowError`] when there is no playlist to follow.
pub async fn follow(
    ground: Ground,
    (url, span): (&str, Duration),
    interrupted: impl Future<Output = ()>,
    mut progress: impl FnMut(&Report),
) -> Result<Report, FollowError> {
    let asked = asked_for(url)?;
    let begun = Instant::now();
    let mut over = std::pin::pin!(async {
        tokio::select! {
            () = sleep_until(begun + span) => {}
            () = interrupted => {}
        }
    });
    let report = Report::new(url, ground.clock.wall());
    let web = Arc::new(Web::new(ground.clock, ground.network, ground.tls));
    let page = tokio::select! {
        page = first_page(&web, url, &asked) => page?,
        () = &mut over => return Err(FollowError::Early { url: url.to_owned() }),
    };
    let mut service = Service::new(report);
    let mut following = Following::begin(&web, service.playlists(&asked, &page)?);
    let mut is_over = false;
    loop {
        tokio::select! {
            note = following.notes.recv() => match note {
                Some(note) => service.take(note),
                None => break,
            },
            () = &mut over, if !is_over => {
                is_over = true;
                following.stop.send_replace(true);
            }
        }
        service.report.seconds = begun.elapsed().as_secs_f64();
        progress(&service.report);
    }
    Ok(service.report)
}

/// The followers at work; they end when it is dropped.
struct Following {
    notes: mpsc::Receiver<Note>,
    stop: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Following {
    fn begin(web: &Arc<Web>, followed: Vec<media::Playlist>) -> Self {
        let (sender, notes) = mpsc::channel(NOTES_MAX);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for playlist in followed {
            let (sender, stopped) = (sender.clone(), stopped.clone());
            let task = Follower::new(Arc::clone(web), playlist, sender, stopped);
            tasks.spawn(task.run());
        }
        Self {
            notes,
            stop,
            _tasks: tasks,
        }
    }
}

fn asked_for(url: &str) -> Result<Uri, FollowError> {
    let asked = url.parse::<Uri>().ok();
    let asked = asked.filter(|asked| matches!(asked.scheme_str(), Some("http" | "https")));
    asked.ok_or_else(|| FollowError::Url(url.to_owned()))
}

async fn first_page(web: &Web, url: &str, asked: &Uri) -> Result<Page, FollowError> {
    let page = web.playlist(asked).await;
    let page = page.map_err(|source| FollowError::Unreachable {
        url: url.to_owned(),
        source,
    })?;
    if page.status != StatusCode::OK {
        return Err(FollowError::Status {
            url: url.to_owned(),
            status: page.status,
        });
    }
    Ok(page)
}

/// What is known of the service as a whole.
struct Service {
    report: Report,
    renditions: RenditionSet,
}

impl Service {
    fn new(report: Report) -> Self {
        Self {
            report,
            renditions: RenditionSet::default(),
        }
    }

    /// Which Media Playlists to follow, by what came first.
    fn playlists(&mut self, asked: &Uri, page: &Page) -> Result<Vec<media::Playlist>, FollowError> {
        match playlist::read(&page.body) {
            None => Err(FollowError::NoPlaylist {
                url: asked.to_string(),
            }),
            Some(Playlist::Media(_)) => {
                let followed = self.add(asked.clone(), None, false);
                Ok(vec![followed])
            }
            Some(Playlist::Multivariant(list)) => {
                let mut whole = PlaylistReport::new(&asked.to_string());
                whole.is_multivariant = true;
                whole.tally.loads = 1;
                whole.tally.versions = 1;
                self.report.playlists.push(whole);
                let name: Arc<str> = asked.to_string().into();
                let text = Text::new(&name, 1, page.loading.loaded_at, &page.body);
                check_declared(&list, &text, self.renditions.findings());
                let followed = self.named(&list, &page.url);
                self.take_common();
                Ok(followed)
            }
        }
    }

    /// The Media Playlists that a Multivariant Playlist names, each once.
    fn named(&mut self, list: &MultivariantPlaylist, base: &Uri) -> Vec<media::Playlist> {
        let variants = list.variants.iter().map(|variant| {
            let bandwidth_bps = variant.attributes.number("BANDWIDTH");
            (variant.uri.as_str(), bandwidth_bps, false)
        });
        let renditions = list.renditions.iter().filter_map(|rendition| {
            let uri = rendition.uri()?;
            Some((uri, None, rendition.is_subtitles()))
        });
        let mut urls: Vec<Uri> = Vec::new();
        let mut followed = Vec::new();
        for (uri, bandwidth_bps, is_subtitles) in variants.chain(renditions) {
            let Some(url) = resolve(base, uri).filter(|url| !urls.contains(url)) else {
                continue;
            };
            if followed.len() >= PLAYLISTS_MAX {
                self.report.playlists_left_out += 1;
                continue;
            }
            urls.push(url.clone());
            followed.push(self.add(url, bandwidth_bps, is_subtitles));
        }
        followed
    }

    fn add(&mut self, url: Uri, bandwidth_bps: Option<u64>, is_subtitles: bool) -> media::Playlist {
        let name: Arc<str> = url.to_string().into();
        self.report.playlists.push(PlaylistReport::new(&name));
        media::Playlist {
            index: self.renditions.add(is_subtitles),
            name,
            url,
            bandwidth_bps,
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Version(index, version) => self.renditions.version(index, &version),
            Note::Segment(index, sequence, facts) => {
                self.renditions.segment(index, sequence, &facts);
            }
            Note::Findings(index, findings, tally) => {
                let at = self.place(index);
                if let Some(playlist) = self.report.playlists.get_mut(at) {
                    playlist.tally = tally;
                }
                self.tell(at, findings);
            }
        }
        self.take_common();
    }

    /// Where the rendition of that number stands in the report.
    fn place(&self, index: usize) -> usize {
        let first = self.report.playlists.first();
        let is_shifted = first.is_some_and(|first| first.is_multivariant);
        index + usize::from(is_shifted)
    }

    /// Tells what was found by comparing renditions.
    fn take_common(&mut self) {
        let findings = self.renditions.findings().take();
        self.tell(WHOLE, findings);
    }

    fn tell(&mut self, at: usize, findings: Vec<Finding>) {
        for finding in findings {
            self.report.add(at, finding);
        }
    }
}
